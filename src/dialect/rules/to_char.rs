//! `to_char(date, 'YYYY-MM')`: PostgreSQL's patterns as the ones DataFusion's function knows (`%Y-%m`).

use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{
    Expr, Function, FunctionArg, FunctionArgExpr, FunctionArguments, Statement, Value, VisitMut, VisitorMut,
};

use super::Facts;

pub fn apply(statement: &mut Statement, _facts: Facts) {
    let _ = statement.visit(&mut Rewriter);
}

struct Rewriter;

impl VisitorMut for Rewriter {
    type Break = ();

    fn pre_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
        if let Expr::Function(Function { name, args: FunctionArguments::List(list), .. }) = expr
            && name.0.last().and_then(|part| part.as_ident()).is_some_and(|i| i.value.eq_ignore_ascii_case("to_char"))
            && let [_, FunctionArg::Unnamed(FunctionArgExpr::Expr(Expr::Value(pattern)))] = list.args.as_mut_slice()
            && let Value::SingleQuotedString(text) = &mut pattern.value
            && !text.contains('%')
        {
            *text = translated(text);
        }
        ControlFlow::Continue(())
    }
}

/// PostgreSQL's and chrono's, longest first.
const PATTERNS: &[(&str, &str)] = &[
    ("FMMonth", "%B"),
    ("FMDay", "%A"),
    ("Month", "%B"),
    ("HH24", "%H"),
    ("HH12", "%I"),
    ("YYYY", "%Y"),
    ("IYYY", "%G"),
    ("FMDD", "%-d"),
    ("FMMM", "%-m"),
    ("DDD", "%j"),
    ("Day", "%A"),
    ("Mon", "%b"),
    ("Dy", "%a"),
    ("HH", "%I"),
    ("YY", "%y"),
    ("MM", "%m"),
    ("DD", "%d"),
    ("MI", "%M"),
    ("SS", "%S"),
    ("MS", "%3f"),
    ("US", "%6f"),
    ("IW", "%V"),
    ("ID", "%u"),
    ("AM", "%p"),
    ("PM", "%p"),
    ("TZ", "%Z"),
];

fn translated(pattern: &str) -> String {
    let (mut out, mut rest) = (String::new(), pattern);
    while let Some(first) = rest.chars().next() {
        // "…" is taken as it is.
        if let Some((quoted, after)) = rest.strip_prefix('"').and_then(|tail| tail.split_once('"')) {
            out.push_str(quoted);
            rest = after;
            continue;
        }
        let found = PATTERNS.iter().find_map(|(ours, theirs)| {
            let head = rest.get(..ours.len())?;
            // Names come in the case they are written in; numbers in any.
            let named = ours.chars().any(|c| c.is_ascii_lowercase());
            let same = if named { head == *ours } else { head.eq_ignore_ascii_case(ours) };
            same.then_some((*theirs, ours.len()))
        });
        match found {
            Some((theirs, length)) => {
                out.push_str(theirs);
                rest = rest.get(length..).unwrap_or_default();
            }
            None => {
                out.push(first);
                rest = rest.get(first.len_utf8()..).unwrap_or_default();
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::translated;

    #[test]
    fn patterns_of_postgres() {
        assert_eq!(translated("YYYY-MM-DD HH24:MI:SS"), "%Y-%m-%d %H:%M:%S");
        assert_eq!(translated("Mon YY"), "%b %y");
        assert_eq!(translated("\"Week\" IW"), "Week %V");
    }
}
