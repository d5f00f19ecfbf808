//! `x BETWEEN SYMMETRIC a AND b` → `(x BETWEEN a AND b OR x BETWEEN b AND a)`; `dialect::syntax` has marked it. And
//! `x BETWEEN $1 AND $1 + y` → `(x >= $1 AND x <= $1 + y)`: what the first says of the parameter's type, the second has to know.
//!
//! Blocked by: sqlparser does not parse the word. Remove when it does, and DataFusion plans it.

use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{BinaryOperator, Expr, UnaryOperator, Value, ValueWithSpan, Visit, Visitor};

use super::Rule;

pub struct Rewriter;

impl Rule for Rewriter {
    fn post_visit_expr(&mut self, expr: &mut Expr) {
        if let Expr::Between { expr: value, negated, low, high } = expr
            && unmark(low)
        {
            let between = |low: &Expr, high: &Expr| Expr::Between {
                expr: value.clone(),
                negated: *negated,
                low: Box::new(low.clone()),
                high: Box::new(high.clone()),
            };
            let op = if *negated { BinaryOperator::And } else { BinaryOperator::Or };
            let both = Expr::BinaryOp { left: between(low, high).into(), op, right: between(high, low).into() };
            *expr = Expr::Nested(Box::new(both));
        }
        if let Expr::Between { expr: value, negated: false, low, high } = expr
            && has_parameter(high)
        {
            let compared =
                |op, bound: &Expr| Expr::BinaryOp { left: value.clone(), op, right: Box::new(bound.clone()) };
            let (from, to) = (compared(BinaryOperator::GtEq, low), compared(BinaryOperator::LtEq, high));
            let both = Expr::BinaryOp { left: from.into(), op: BinaryOperator::And, right: to.into() };
            *expr = Expr::Nested(Box::new(both));
        }
    }
}

fn has_parameter(expr: &Expr) -> bool {
    struct Finder;
    impl Visitor for Finder {
        type Break = ();
        fn pre_visit_value(&mut self, value: &ValueWithSpan) -> ControlFlow<()> {
            if matches!(value.value, Value::Placeholder(_)) {
                ControlFlow::Break(())
            } else {
                ControlFlow::Continue(())
            }
        }
    }
    !matches!(expr, Expr::Value(_)) && expr.visit(&mut Finder).is_break()
}

/// Takes the mark off the beginning of an expression; whether there was one.
fn unmark(expr: &mut Expr) -> bool {
    match expr {
        Expr::UnaryOp { op: UnaryOperator::PGPrefixFactorial, expr: inner } => {
            *expr = inner.as_ref().clone();
            true
        }
        Expr::BinaryOp { left, .. } => unmark(left),
        Expr::Cast { expr: inner, .. } | Expr::Collate { expr: inner, .. } => unmark(inner),
        Expr::AtTimeZone { timestamp, .. } => unmark(timestamp),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use crate::dialect::parse_single;

    #[test]
    fn bounds_are_taken_both_ways() {
        let check = |sql: &str, expected: &str| assert_eq!(parse_single(sql).unwrap().ast.to_string(), expected);
        check(
            "SELECT a FROM t WHERE a BETWEEN SYMMETRIC b + d AND 3 AND c",
            "SELECT a FROM t WHERE (a BETWEEN b + d AND 3 OR a BETWEEN 3 AND b + d) AND c",
        );
        check(
            "SELECT a FROM t WHERE a NOT BETWEEN SYMMETRIC b::date AND c",
            "SELECT a FROM t WHERE (a NOT BETWEEN b::DATE AND c AND a NOT BETWEEN c AND b::DATE)",
        );
        check("SELECT a FROM t WHERE a BETWEEN ASYMMETRIC b AND c", "SELECT a FROM t WHERE a BETWEEN b AND c");
    }
}
