//! The plain quoted literals of a statement, to be told apart and written anew.
//!
//! Invariant: all but the literals that are replaced stays as it was, comments too.

use std::ops::{ControlFlow, Range};

use datafusion::sql::sqlparser::ast::{Expr, Value, ValueWithSpan, VisitMut, VisitorMut};

use super::Statement;
use super::position::Positions;

/// A literal, `'…'`, where the statement has it.
#[derive(Debug)]
pub struct Quoted {
    /// Its bytes in the statement's text, the quotes too.
    at: Range<usize>,
    pub value: String,
}

/// Gives every literal that passes the value that `name` makes of its own and of its number; the literals in that order. The
/// bounds of a window's frame, which are taken as they are written, do not.
pub fn named(
    statement: &mut Statement,
    passes: impl Fn(&str) -> bool,
    name: impl Fn(&str, usize) -> String,
) -> Vec<Quoted> {
    struct Each<P, N> {
        positions: Positions,
        text: String,
        passes: P,
        name: N,
        found: Vec<Quoted>,
        in_bound: bool,
    }
    impl<P: Fn(&str) -> bool, N: Fn(&str, usize) -> String> VisitorMut for Each<P, N> {
        type Break = ();
        fn pre_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
            // the dialect leaves intervals as such there only
            self.in_bound |= matches!(expr, Expr::Interval(_));
            ControlFlow::Continue(())
        }
        fn post_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
            self.in_bound &= !matches!(expr, Expr::Interval(_));
            ControlFlow::Continue(())
        }
        fn pre_visit_value(&mut self, value: &mut ValueWithSpan) -> ControlFlow<()> {
            let Value::SingleQuotedString(text) = &mut value.value else { return ControlFlow::Continue(()) };
            let byte = |location| self.positions.byte_at(&self.text, location);
            let at = byte(value.span.start)..byte(value.span.end);
            // what a rule made stands nowhere, and some stand in other forms: `E'…'`, or in two parts
            let is_plain =
                value.span.start.line > 0 && self.text.get(at.clone()).is_some_and(|written| written == quoted(text));
            if is_plain && !self.in_bound && (self.passes)(text) {
                let value = std::mem::take(text);
                *text = (self.name)(&value, self.found.len());
                self.found.push(Quoted { at, value });
            }
            ControlFlow::Continue(())
        }
    }
    let text = statement.text.clone();
    let mut each = Each { positions: Positions::new(&text), text, passes, name, found: Vec::new(), in_bound: false };
    let _ = statement.ast.visit(&mut each);
    each.found
}

/// The query string with other values for literals of its one statement.
pub fn replaced(sql: &str, statement: &Statement, mut values: Vec<(&Quoted, String)>) -> String {
    let start = sql.char_indices().nth(statement.offset).map_or(sql.len(), |(byte, _)| byte);
    values.sort_by_key(|(literal, _)| std::cmp::Reverse(literal.at.start));
    let mut out = sql.to_owned();
    for (literal, value) in values {
        let at = start + literal.at.start..start + literal.at.end;
        if out.get(at.clone()).is_some() {
            out.replace_range(at, &quoted(&value));
        }
    }
    out
}

fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dialect::parse_single;

    #[test]
    fn literals_are_told_apart_and_replaced_in_place() {
        let sql = "-- a view\nSELECT 'a',\n  'é1' /* 'x' */, E'b', date 'a' FROM t; ";
        let mut statement = parse_single(sql).unwrap();
        let literals = named(&mut statement, |text| text != "b", |text, number| format!("{text}{number}"));
        let values: Vec<&str> = literals.iter().map(|literal| literal.value.as_str()).collect();
        assert_eq!(values, ["a", "é1", "a"]);
        assert!(statement.ast.to_string().contains("'a2'"), "{}", statement.ast);
        let last = vec![(&literals[0], "o'c".to_owned()), (&literals[2], "z".to_owned())];
        assert_eq!(
            replaced(sql, &statement, last),
            "-- a view\nSELECT 'o''c',\n  'é1' /* 'x' */, E'b', date 'z' FROM t; "
        );
    }
}
