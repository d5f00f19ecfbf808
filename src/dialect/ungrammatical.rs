//! Expressions that PostgreSQL's grammar does not have, or gives no meaning, and the parser takes.
//!
//! Invariant: what is complained of is looked at as it was written, before any rule.

use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{
    Array, BinaryOperator, CastKind, Distinct, Expr, Function, FunctionArguments, Ident, ObjectName, ObjectNamePart,
    Select, SelectItem, Spanned, VisitMut, VisitorMut,
};
use datafusion::sql::sqlparser::tokenizer::Location;

use super::position::Spot;
use super::{Statement, folded};
use crate::error::{Error, ErrorKind};

/// An error, and where to look for what it is about.
#[derive(Debug)]
pub struct Complaint {
    error: Error,
    spot: Spot,
}

impl Complaint {
    fn new(error: Error, spot: Spot) -> Box<Self> {
        Box::new(Self { error, spot })
    }

    /// `syntax error at or near "…"`, what is found there.
    fn syntax(near: &str, spot: Spot) -> Box<Self> {
        Self::new(Error::new(ErrorKind::SyntaxError, format!("syntax error at or near \"{near}\"")), spot)
    }

    /// An error about what begins in parentheses with the name.
    pub fn in_parentheses(error: Error, name: &Ident) -> Box<Self> {
        Self::new(error, Spot::Before(name.span.start, "(".to_owned()))
    }

    /// The error at its place in the statement.
    pub fn placed(self, statement: &Statement) -> Error {
        match self.spot.position(statement) {
            Some(position) => self.error.at(position),
            None => self.error,
        }
    }
}

/// Words that begin or join clauses: no column is called so but in quotes.
const CLAUSES: &[&str] = &[
    "from",
    "where",
    "group",
    "order",
    "having",
    "limit",
    "offset",
    "fetch",
    "union",
    "intersect",
    "except",
    "select",
    "on",
    "using",
    "into",
    "when",
    "then",
    "else",
    "end",
    "and",
    "or",
    "as",
    "returning",
    "desc",
    "asc",
    "window",
    "with",
];

/// Whether a word without quotes is one of a clause.
pub fn is_of_clause(word: &str) -> bool {
    CLAUSES.iter().any(|clause| word.eq_ignore_ascii_case(clause))
}

/// What a walk through a statement has to know of what is around an expression.
#[derive(Debug, Default)]
pub struct Around {
    /// How many arrays, or casts of arrays, the expression is in: elements may be in bare brackets there, and none at all.
    arrays: usize,
}

impl Around {
    /// Looks at an expression before those in it.
    pub fn enter(&mut self, expr: &Expr) -> Option<Box<Complaint>> {
        let complaint = match expr {
            Expr::Array(array) if self.arrays == 0 => of_array(array),
            expr => of_expr(expr),
        };
        self.arrays += usize::from(gives_arrays_a_type(expr));
        complaint
    }

    pub fn leave(&mut self, expr: &Expr) {
        self.arrays -= usize::from(gives_arrays_a_type(expr));
    }
}

fn gives_arrays_a_type(expr: &Expr) -> bool {
    match expr {
        Expr::Array(_) => true,
        Expr::Cast { expr, .. } => matches!(unnested(expr), Expr::Array(_)),
        _ => false,
    }
}

fn unnested(expr: &Expr) -> &Expr {
    match expr {
        Expr::Nested(inner) => unnested(inner),
        other => other,
    }
}

fn of_array(array: &Array) -> Option<Box<Complaint>> {
    let first = array.elem.first();
    match (array.named, first) {
        (false, first) => {
            let spot = first.map_or(Spot::Nowhere, |first| Spot::Before(first.span().start, "[".to_owned()));
            Some(Complaint::syntax("[", spot))
        }
        (true, None) => {
            let error = Error::new(ErrorKind::IndeterminateDatatype, "cannot determine type of empty array")
                .with_hint("Explicitly cast to the desired type, for example ARRAY[]::integer[].");
            Some(Complaint::new(error, Spot::After(Location { line: 1, column: 1 }, "array".to_owned())))
        }
        (true, Some(_)) => None,
    }
}

fn of_expr(expr: &Expr) -> Option<Box<Complaint>> {
    match expr {
        Expr::Identifier(name @ Ident { quote_style: None, value, .. }) if is_of_clause(value) => {
            Some(Complaint::syntax(value, Spot::At(name.span.start)))
        }
        Expr::BinaryOp { left, op, right } if is_comparison(op) => {
            let spot = || Spot::After(left.span().end, op.to_string());
            match left.as_ref() {
                Expr::BinaryOp { op: before, .. } if is_comparison(before) => {
                    Some(Complaint::syntax(&op.to_string(), spot()))
                }
                _ => unequal(left, right).then(|| Complaint::new(unequal_rows(), spot())),
            }
        }
        Expr::InList { expr, list, .. } if list.iter().any(|item| unequal(expr, item)) => {
            Some(Complaint::new(unequal_rows(), Spot::After(expr.span().end, "in".to_owned())))
        }
        Expr::CompoundIdentifier(path) if path.len() > 4 => {
            let name = path.iter().map(folded).collect::<Vec<_>>().join(".");
            let message = format!("improper qualified name (too many dotted names): {name}");
            Some(Complaint::new(Error::new(ErrorKind::SyntaxError, message), Spot::At(path.first()?.span.start)))
        }
        Expr::Function(Function { name, args: FunctionArguments::List(list), .. }) if list.args.is_empty() => {
            let [part] = name.0.as_slice() else { return None };
            let name = part.as_ident().filter(|name| name.quote_style.is_none())?;
            let is_choice = ["coalesce", "greatest", "least"].iter().any(|word| name.value.eq_ignore_ascii_case(word));
            is_choice.then(|| Complaint::syntax(")", Spot::After(name.span.end, ")".to_owned())))
        }
        Expr::CompoundFieldAccess { root, .. } if is_call(root) => {
            Some(Complaint::syntax("[", Spot::After(root.span().end, "[".to_owned())))
        }
        Expr::Collate { expr, collation } => {
            let name = folded(collation.0.last()?.as_ident()?);
            let message = format!("collation \"{name}\" for encoding \"UTF8\" does not exist");
            let spot = || Spot::After(expr.span().end, "collate".to_owned());
            (!is_collation(&name)).then(|| Complaint::new(Error::new(ErrorKind::UndefinedObject, message), spot()))
        }
        _ => None,
    }
}

fn is_comparison(op: &BinaryOperator) -> bool {
    use BinaryOperator as B;
    matches!(op, B::Eq | B::NotEq | B::Lt | B::LtEq | B::Gt | B::GtEq)
}

/// What the grammar has as a call, and so without subscripts outside parentheses.
fn is_call(expr: &Expr) -> bool {
    matches!(expr, Expr::Function(_) | Expr::Array(_) | Expr::Cast { kind: CastKind::Cast, .. })
}

fn unequal(left: &Expr, right: &Expr) -> bool {
    width(left).zip(width(right)).is_some_and(|(left, right)| left != right)
}

/// How many columns a row has, of `(a, b)` and `ROW(a, b)`.
fn width(row: &Expr) -> Option<usize> {
    match row {
        Expr::Tuple(columns) => Some(columns.len()),
        Expr::Function(Function { name, args: FunctionArguments::List(list), .. }) => {
            let [part] = name.0.as_slice() else { return None };
            part.as_ident().is_some_and(|name| name.value.eq_ignore_ascii_case("row")).then_some(list.args.len())
        }
        _ => None,
    }
}

fn unequal_rows() -> Error {
    Error::new(ErrorKind::SyntaxError, "unequal number of entries in row expressions")
}

/// The collations of every PostgreSQL, and those of locales, of which there may be any.
fn is_collation(name: &str) -> bool {
    ["C", "POSIX", "default", "ucs_basic"].contains(&name) || is_locale(name)
}

/// Whether it is the name of a language's collation: `en_US.utf8`, `de-x-icu`.
pub fn is_locale(name: &str) -> bool {
    let language = name.split(['_', '-']).next().unwrap_or_default();
    (2..=3).contains(&language.len()) && language.len() < name.len()
}

/// `EXPLAIN t`, of which the parser makes a description of the table.
pub fn explained(table: &ObjectName) -> Option<Box<Complaint>> {
    let name = table.0.first()?.as_ident()?;
    Some(Complaint::syntax(&name.value, Spot::At(name.span.start)))
}

/// `SELECT DISTINCT a … ORDER BY lower(a)`: what is told apart by `a` alone has no order by anything else.
pub fn distinct_order(select: &Select, order: &Expr) -> Option<Box<Complaint>> {
    let by = unnested(order);
    let is_plain = matches!(by, Expr::Identifier(_) | Expr::CompoundIdentifier(_) | Expr::Value(_));
    if select.distinct != Some(Distinct::Distinct) || is_plain {
        return None;
    }
    let is_it = |item: &SelectItem| match item {
        SelectItem::UnnamedExpr(expr) | SelectItem::ExprWithAlias { expr, .. } => plainly(expr) == plainly(by),
        _ => false,
    };
    let message = "for SELECT DISTINCT, ORDER BY expressions must appear in select list";
    let error = || Error::new(ErrorKind::InvalidColumnReference, message);
    (!select.projection.iter().any(is_it)).then(|| Complaint::new(error(), Spot::At(order.span().start)))
}

/// The expression with nothing said that may be left out: `t.a` is `a`, and `("a")`.
fn plainly(expr: &Expr) -> Expr {
    struct Plain;
    impl VisitorMut for Plain {
        type Break = ();
        fn post_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
            let plain = match &mut *expr {
                Expr::Nested(inner) => Some(std::mem::replace(inner.as_mut(), Expr::Tuple(Vec::new()))),
                Expr::Identifier(name) => Some(Expr::Identifier(Ident::new(folded(name)))),
                Expr::CompoundIdentifier(path) => path.last().map(|name| Expr::Identifier(Ident::new(folded(name)))),
                Expr::Function(call) => {
                    for part in &mut call.name.0 {
                        if let Some(name) = part.as_ident().map(folded) {
                            *part = ObjectNamePart::Identifier(Ident::new(name));
                        }
                    }
                    None
                }
                Expr::Cast { kind, .. } => {
                    *kind = CastKind::Cast;
                    None
                }
                _ => None,
            };
            if let Some(plain) = plain {
                *expr = plain;
            }
            ControlFlow::Continue(())
        }
    }
    let mut plain = expr.clone();
    let _ = plain.visit(&mut Plain);
    plain
}

#[cfg(test)]
mod tests {
    use crate::dialect::parse;

    fn check(sql: &str, sqlstate: &str, message: &str, place: &str) {
        let error = parse(sql).expect_err(sql);
        assert_eq!((error.kind().sqlstate(), error.message()), (sqlstate, message), "{sql}");
        assert_eq!(error.position().map(|position| &sql[position - 1..]), Some(place), "{sql}");
    }

    #[test]
    fn what_the_grammar_does_not_have() {
        let near = |word: &str| format!("syntax error at or near \"{word}\"");
        check("select 3 > 2 > 1", "42601", &near(">"), "> 1");
        check("select a <> b = c from t", "42601", &near("="), "= c from t");
        check("select name || from t", "42601", &near("from"), "from t");
        check("select array_agg(a[1])[2] from t", "42601", &near("["), "[2] from t");
        check("select array[1, 2][1]", "42601", &near("["), "[1]");
        check("select a, [b] from t", "42601", &near("["), "[b] from t");
        check("select coalesce()", "42601", &near(")"), ")");
        let dotted = "improper qualified name (too many dotted names): a.b.c.d.e";
        check("select a.b.c.d.e from t", "42601", dotted, "a.b.c.d.e from t");
        check("select (1, 2) = (1, 2, 3)", "42601", "unequal number of entries in row expressions", "= (1, 2, 3)");
        for sql in [
            "select (3 > 2) > true, a = b and c = d, a < b is true from t",
            "select \"from\", (array_agg(a))[1], a[1], array[[1], [2]] from t",
            "select array[]::int[], cast(array[] as text[]), (array[])::int[] from (select 1) x, (values (1)) y",
            "select (1, 2) = (3, 4), (a, b) in ((1, 2), (3, 4)) from t",
        ] {
            assert!(parse(sql).is_ok(), "{sql}: {:?}", parse(sql));
        }
    }

    #[test]
    fn what_has_no_meaning() {
        check("select array[]", "42P18", "cannot determine type of empty array", "array[]");
        check(
            "select a collate \"nope\"",
            "42704",
            "collation \"nope\" for encoding \"UTF8\" does not exist",
            "collate \"nope\"",
        );
        let order = "for SELECT DISTINCT, ORDER BY expressions must appear in select list";
        check("select distinct a from t order by lower(a)", "42P10", order, "lower(a)");
        for sql in [
            "select a collate \"C\", b collate \"en_US\", c collate \"de-x-icu\" from t",
            "select distinct lower(t.a), b from t order by LOWER(a), b, 1",
            "select distinct a::date as d from t order by cast(a as date)",
            "select distinct a from t order by (a), t.a",
        ] {
            assert!(parse(sql).is_ok(), "{sql}: {:?}", parse(sql));
        }
    }
}
