//! Strings of bits on the way to numbers: `('x' || md5(a))::bit(64)::bigint`, `(flags::bit(8) & B'00010000') = B'00010000'`.
//!
//! There is no type of bits. What becomes a number, or is compared, is a number from the beginning; all else is refused as any
//! type that there is not.

use datafusion::sql::sqlparser::ast::{BinaryOperator, DataType, Expr, UnaryOperator, Value, ValueWithSpan};

use super::{Rule, call};

/// `(value, bits, width)` → the number of `width` bits that a value's first bits are, those of a text, or its last, those of a number.
const BITS: &str = "lakewire_bits";

pub struct Rewriter;

impl Rule for Rewriter {
    fn pre_visit_expr(&mut self, expr: &mut Expr) {
        match expr {
            Expr::Cast { expr: value, data_type, .. } => {
                if let (Some(width), Some((value, bits))) = (width(data_type), cast_bits(value)) {
                    *expr = super::cast(number(value, bits, width), data_type.clone());
                }
            }
            Expr::BinaryOp { left, op: BinaryOperator::Eq | BinaryOperator::NotEq, right } => {
                if let (Some((l, bits)), Some((r, same))) = (as_number(left), as_number(right))
                    && bits == same
                {
                    (**left, **right) = (l, r);
                }
            }
            _ => {}
        }
    }
}

fn width(data_type: &DataType) -> Option<u64> {
    match data_type {
        DataType::Int(_) | DataType::Integer(_) | DataType::Int4(_) => Some(32),
        DataType::BigInt(_) | DataType::Int8(_) => Some(64),
        _ => None,
    }
}

/// What is cast to bits, and to how many.
fn cast_bits(expr: &Expr) -> Option<(Expr, u64)> {
    match expr {
        Expr::Nested(inner) => cast_bits(inner),
        Expr::Cast { expr, data_type: DataType::Bit(bits), .. } => Some((expr.as_ref().clone(), bits.unwrap_or(1))),
        _ => None,
    }
}

fn number(value: Expr, bits: u64, width: u64) -> Expr {
    call(BITS, vec![value, literal(bits), literal(width)])
}

fn literal(number: u64) -> Expr {
    Expr::Value(Value::Number(number.to_string(), false).with_empty_span())
}

/// Bits as a number, and how many there are.
fn as_number(expr: &Expr) -> Option<(Expr, u64)> {
    match expr {
        Expr::Nested(inner) => as_number(inner).map(|(inner, bits)| (Expr::Nested(Box::new(inner)), bits)),
        Expr::Cast { .. } => {
            cast_bits(expr).filter(|(_, bits)| *bits < 64).map(|(value, bits)| (number(value, bits, 64), bits))
        }
        Expr::Value(ValueWithSpan { value, .. }) => {
            let (digits, radix, each) = match value {
                Value::SingleQuotedByteStringLiteral(digits) => (digits, 2, 1),
                Value::HexStringLiteral(digits) => (digits, 16, 4),
                _ => return None,
            };
            let bits = u64::try_from(digits.len()).ok()? * each;
            Some((literal(u64::from_str_radix(digits, radix).ok().filter(|_| bits < 64)?), bits))
        }
        Expr::UnaryOp { op: UnaryOperator::BitwiseNot, expr } => {
            let (value, bits) = as_number(expr)?;
            let all = Box::new(literal((1 << bits) - 1));
            let turned = Expr::BinaryOp { left: all, op: BinaryOperator::Minus, right: Box::new(value) };
            Some((Expr::Nested(Box::new(turned)), bits))
        }
        Expr::BinaryOp { left, op, right } => {
            use BinaryOperator as B;
            let ((left, bits), (right, same)) = (as_number(left)?, as_number(right)?);
            let is_of_bits = matches!(op, B::BitwiseAnd | B::BitwiseOr | B::PGBitwiseXor);
            (is_of_bits && bits == same).then(|| {
                let joined = Expr::BinaryOp { left: Box::new(left), op: op.clone(), right: Box::new(right) };
                (Expr::Nested(Box::new(joined)), bits)
            })
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use crate::dialect::parse_single;

    #[test]
    fn bits_that_become_numbers_are_numbers() {
        let shown = |sql| parse_single(sql).unwrap().ast.to_string();
        assert_eq!(
            shown("select a::bit(8)::int as n from t"),
            "SELECT CAST(lakewire_bits(a, 8, 32) AS INT) AS n FROM t"
        );
        assert_eq!(
            shown("select a as n from t where (a::bit(8) & B'00010000') = B'00010000'"),
            "SELECT a AS n FROM t WHERE ((lakewire_bits(a, 8, 64) & 16)) = 16"
        );
    }
}
