//! `round`, `trunc`, `floor` and their kin: how many decimals what they give has.

use datafusion::arrow::datatypes::DataType;
use datafusion::common::DFSchema;
use datafusion::common::tree_node::Transformed;
use datafusion::error::Result;
use datafusion::logical_expr::expr::{Cast, ScalarFunction};
use datafusion::logical_expr::{Expr, ExprSchemable};
use datafusion::prelude::lit;
use datafusion::scalar::ScalarValue;

use super::functions::narrowed;
use super::{Typing, casts};
use crate::engine::math;

/// How many decimals: the type of `round(x, 2)` depends on it, and a cast that coercion puts around it would hide it.
fn constant(decimals: &Expr) -> Option<(i32, Expr)> {
    let number = match decimals {
        Expr::Literal(ScalarValue::Int64(Some(number)), _) => *number,
        Expr::Negative(negated) => match negated.as_ref() {
            Expr::Literal(ScalarValue::Int64(Some(number)), _) => -*number,
            _ => return None,
        },
        _ => return None,
    };
    i32::try_from(number).ok().map(|number| (number, lit(number)))
}

/// Digits that a numeric of 128 bits holds.
const MAX_DIGITS: i32 = 38;

/// `round` and `trunc`: of integers they are floats, or numerics where decimals are asked for; floats are rounded to even.
pub(super) fn rounded(typing: &Typing, call: ScalarFunction, schema: &DFSchema) -> Result<Transformed<Expr>> {
    let ScalarFunction { func, mut args } = call;
    let decimals = args.get(1).and_then(constant);
    let Some(number) = args.first_mut() else { return narrowed(typing, ScalarFunction::new_udf(func, args), schema) };
    let mut data_type = number.get_type(schema)?;
    if data_type.is_integer() {
        data_type = match decimals {
            // with as many decimals as are asked for
            Some((kept, _)) => DataType::Decimal128(38, i8::try_from(kept.clamp(0, 18)).unwrap_or_default()),
            None => DataType::Float64,
        };
        *number = Expr::Cast(Cast::new(Box::new(number.clone()), data_type.clone()));
    } else if data_type == DataType::Float32 {
        data_type = DataType::Float64;
        *number = Expr::Cast(Cast::new(Box::new(number.clone()), DataType::Float64));
    }
    if let (DataType::Float64, "round", [number]) = (&data_type, func.name(), args.as_slice()) {
        return Ok(Transformed::yes(math::round_to_even(number.clone())));
    }
    let truncates = func.name() == "trunc";
    if let (Some((_, constant)), Some(second)) = (&decimals, args.get_mut(1)) {
        *second = constant.clone();
    }
    let call = narrowed(typing, ScalarFunction::new_udf(func, args), schema)?;
    match (data_type, decimals) {
        (DataType::Decimal128(digits, scale), Some((kept, _))) if truncates && kept < i32::from(scale) => {
            let kept = i8::try_from(kept.max(0)).unwrap_or(scale);
            let digits = digits.saturating_sub((scale - kept).unsigned_abs());
            Ok(casts::as_decimal(Box::new(call.data), digits.max(1), kept))
        }
        // with as many decimals as are asked for, where there are not so many
        (DataType::Decimal128(digits, scale), Some((kept, _)))
            if kept > i32::from(scale) && kept - i32::from(scale) + i32::from(digits) <= MAX_DIGITS =>
        {
            let kept = i8::try_from(kept).unwrap_or(scale);
            Ok(casts::as_decimal(Box::new(call.data), digits + (kept - scale).unsigned_abs(), kept))
        }
        _ => Ok(Transformed::yes(call.data)),
    }
}

/// Functions that give whole numbers: of a numeric a numeric without decimals, of an integer a float.
pub(super) fn whole(call: &ScalarFunction, schema: &DFSchema) -> Result<Option<Expr>> {
    let (function, [number]) = (call.func.name(), call.args.as_slice()) else { return Ok(None) };
    if !["floor", "ceil", "trunc", "signum"].contains(&function) {
        return Ok(None);
    }
    let as_numeric = |call, digits| casts::as_decimal(Box::new(Expr::ScalarFunction(call)), digits, 0).data;
    Ok(match number.get_type(schema)? {
        DataType::Decimal128(..) if function == "signum" => Some(as_numeric(call.clone(), 1)),
        DataType::Decimal128(digits, scale) if scale > 0 => {
            // 9.99 has as many digits as 10.00 less one
            let wide = casts::as_decimal(Box::new(number.clone()), digits.saturating_add(1).min(38), scale).data;
            let call = ScalarFunction::new_udf(call.func.clone(), vec![wide]);
            Some(as_numeric(call, digits.saturating_sub(scale.unsigned_abs()).saturating_add(1)))
        }
        given if given.is_integer() && matches!(function, "floor" | "ceil") => {
            let number = Expr::Cast(Cast::new(Box::new(number.clone()), DataType::Float64));
            Some(Expr::ScalarFunction(ScalarFunction::new_udf(call.func.clone(), vec![number])))
        }
        _ => None,
    })
}
