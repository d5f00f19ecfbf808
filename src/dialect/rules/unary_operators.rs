//! `|/ x`, `||/ x`, `@ x`, `~ x`: operators that DataFusion has as functions, or not at all.
//!
//! Blocked by: DataFusion plans no other unary operators than `-`, `+` and NOT. Remove when it does.

use datafusion::sql::sqlparser::ast::{
    BinaryOperator, CastKind, DataType, ExactNumberInfo, Expr, UnaryOperator, Value,
};

use super::{Rule, call};

pub struct Rewriter;

impl Rule for Rewriter {
    fn post_visit_expr(&mut self, expr: &mut Expr) {
        let Expr::UnaryOp { op, expr: operand } = expr else { return };
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
            _ => return,
        };
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
