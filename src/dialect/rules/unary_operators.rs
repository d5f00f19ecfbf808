//! `|/ x`, `||/ x`, `@ x`, `~ x`: operators that DataFusion has as functions, or not at all.
//!
//! Blocked by: DataFusion plans no other unary operators than `-`, `+` and NOT. Remove when it does.

use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{
    BinaryOperator, CastKind, DataType, ExactNumberInfo, Expr, Statement, UnaryOperator, Value, VisitMut, VisitorMut,
};

use super::{Facts, call};

pub fn apply(statement: &mut Statement, _facts: Facts) {
    let _ = statement.visit(&mut Rewriter);
}

struct Rewriter;

impl VisitorMut for Rewriter {
    type Break = ();

    fn post_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
        let Expr::UnaryOp { op, expr: operand } = expr else { return ControlFlow::Continue(()) };
        let operand = operand.as_ref().clone();
        *expr = match op {
            UnaryOperator::PGAbs => call("abs", vec![operand]),
            UnaryOperator::PGSquareRoot => call("sqrt", vec![cast(operand, DataType::Double(ExactNumberInfo::None))]),
            UnaryOperator::PGCubeRoot => call("cbrt", vec![cast(operand, DataType::Double(ExactNumberInfo::None))]),
            // the complement of two: all bits of x turned over are −1 − x
            UnaryOperator::BitwiseNot => {
                let one = Expr::Value(Value::Number("1".to_owned(), false).with_empty_span());
                let one = Expr::UnaryOp { op: UnaryOperator::Minus, expr: Box::new(one) };
                // the narrowest: the result has the operand's type
                let one = cast(one, DataType::SmallInt(None));
                let turned = Expr::BinaryOp { left: one.into(), op: BinaryOperator::Minus, right: operand.into() };
                Expr::Nested(Box::new(turned))
            }
            _ => return ControlFlow::Continue(()),
        };
        ControlFlow::Continue(())
    }
}

fn cast(expr: Expr, data_type: DataType) -> Expr {
    Expr::Cast {
        kind: CastKind::DoubleColon,
        expr: Box::new(Expr::Nested(Box::new(expr))),
        data_type,
        array: false,
        format: None,
    }
}
