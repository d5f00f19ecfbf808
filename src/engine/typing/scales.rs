//! Numerics of several scales in one list: `VALUES (1.5), (2)`, `ARRAY[1.5, 2]`.
//!
//! Where each has just the decimals it needs, their type is [`FREE`], which shows as many: 1.5 and 2, not 2.0. Where one has
//! more (1.50), or is computed, all have the decimals of the one that has most.

use datafusion::arrow::datatypes::DataType;
use datafusion::common::DFSchema;
use datafusion::logical_expr::{Expr, ExprSchemable};
use datafusion::scalar::ScalarValue;

use crate::pgtypes::{FREE, TYPE_MODIFIER_KEY, is_held_free};

/// Whether the values are such constants.
pub(super) fn are_free<'a>(values: impl Iterator<Item = &'a Expr>) -> bool {
    let mut scales = values.filter_map(|value| match constant(value) {
        Constant::Null => None,
        Constant::Needs(scale) => Some(Some(scale)),
        Constant::Other => Some(None),
    });
    let Some(Some(first)) = scales.next() else { return false };
    let (mut several, mut all) = (false, true);
    scales.for_each(|scale| match scale {
        Some(scale) => several |= scale != first,
        None => all = false,
    });
    several && all
}

/// Whether a row says itself of which type the numbers are: they have not as many digits before the point as
/// what the rows are cast from.
pub fn is_declared<'a>(rows: impl Iterator<Item = &'a Expr>, common: &DataType, schema: &DFSchema) -> bool {
    let whole = |data_type: &DataType| match data_type {
        DataType::Decimal128(digits, scale) => i16::from(*digits) - i16::from(*scale),
        // as many as DataFusion brings them to decimals with
        DataType::Int8 => 3,
        DataType::Int16 => 5,
        DataType::Int32 => 10,
        DataType::Int64 => 20,
        _ => 0,
    };
    let given = rows.map(|value| match value {
        Expr::Cast(cast) if cast.field.data_type() == common => cast.expr.get_type(schema),
        value => value.get_type(schema),
    });
    *common != FREE && given.filter_map(Result::ok).map(|given| whole(&given)).max() != Some(whole(common))
}

enum Constant {
    Null,
    /// A number, and how many decimals it needs, which is as many as it has.
    Needs(i8),
    Other,
}

fn constant(value: &Expr) -> Constant {
    let number = |number: i128, scale: i8| {
        if is_held_free(number, scale) && (scale == 0 || number % 10 != 0) {
            Constant::Needs(scale)
        } else {
            Constant::Other
        }
    };
    match value {
        Expr::Literal(value, _) if value.is_null() => Constant::Null,
        Expr::Literal(ScalarValue::Decimal128(Some(value), _, scale), _) => number(*value, *scale),
        Expr::Literal(ScalarValue::Int64(Some(value)), _) => number((*value).into(), 0),
        Expr::Literal(ScalarValue::Int32(Some(value)), _) => number((*value).into(), 0),
        Expr::Negative(value) => constant(value),
        Expr::Cast(cast) if cast.field.data_type().is_integer() => match constant(&cast.expr) {
            Constant::Needs(1..) => Constant::Other,
            whole => whole,
        },
        Expr::Cast(cast) if is_widened(cast.field.data_type(), cast.field.metadata().get(TYPE_MODIFIER_KEY)) => {
            match (constant(&cast.expr), cast.field.data_type()) {
                (Constant::Needs(needed), DataType::Decimal128(_, scale)) if needed <= *scale => {
                    Constant::Needs(needed)
                }
                (Constant::Null, _) => Constant::Null,
                _ => Constant::Other,
            }
        }
        _ => Constant::Other,
    }
}

/// Whether the cast is one that was added, to have numbers of one type.
fn is_widened(wanted: &DataType, modifier: Option<&String>) -> bool {
    wanted.is_decimal() && *wanted != FREE && modifier.is_none_or(|modifier| modifier == "-1")
}
