//! Numbers: whole division, scales, buckets.

use super::degrees;
use crate::error::{Error, ErrorKind, Result};
use crate::pgfunctions::row::{Env, Function, Output, Returns, Value, strict};

/// As PostgreSQL writes it.
const RADIANS_PER_DEGREE: f64 = 0.017_453_292_519_943_295;

pub const FUNCTIONS: &[Function] = &[
    strict("div", "numeric numeric", Returns::Numeric(0), div),
    strict("scale", "numeric", Returns::Int, |_, args| Ok(Output::Int(numeric(args, 0).1.into()))),
    strict("min_scale", "numeric", Returns::Int, |_, args| Ok(Output::Int(trimmed(numeric(args, 0)).1.into()))),
    strict("width_bucket", "float float float int|float text[]", Returns::Int, width_bucket),
    strict("degrees", "float", Returns::Float, |_, args| Ok(Output::Float(float(args, 0) / RADIANS_PER_DEGREE))),
    strict("radians", "float", Returns::Float, |_, args| Ok(Output::Float(float(args, 0) * RADIANS_PER_DEGREE))),
    strict("sind", "float", Returns::Float, |_, args| angle(args, degrees::sine)),
    strict("cosd", "float", Returns::Float, |_, args| angle(args, degrees::cosine)),
    strict("tand", "float", Returns::Float, |_, args| angle(args, degrees::tangent)),
    strict("cotd", "float", Returns::Float, |_, args| angle(args, degrees::cotangent)),
    strict("asind", "float", Returns::Float, |_, args| inverse(args, degrees::arc_sine)),
    strict("acosd", "float", Returns::Float, |_, args| inverse(args, degrees::arc_cosine)),
    strict("atand", "float", Returns::Float, |_, args| Ok(Output::Float(degrees::arc_tangent(float(args, 0))))),
    strict("atan2d", "float float", Returns::Float, |_, args| {
        Ok(Output::Float(degrees::arc_tangent_of(float(args, 0), float(args, 1))))
    }),
];

fn numeric(args: &[Value<'_>], nth: usize) -> (i128, i8) {
    args.get(nth).map_or((0, 0), Value::numeric)
}

fn float(args: &[Value<'_>], nth: usize) -> f64 {
    args.get(nth).map_or(0.0, Value::float)
}

fn overflow() -> Error {
    Error::new(ErrorKind::NumericOutOfRange, "value overflows numeric format")
}

fn trimmed((mut digits, mut scale): (i128, i8)) -> (i128, i8) {
    while scale > 0 && digits % 10 == 0 {
        (digits, scale) = (digits / 10, scale - 1);
    }
    (digits, scale)
}

fn div(_: &Env, args: &[Value<'_>]) -> Result<Output> {
    let ((left, left_scale), (right, right_scale)) = (numeric(args, 0), numeric(args, 1));
    if right == 0 {
        return Err(Error::new(ErrorKind::DivisionByZero, "division by zero"));
    }
    let scaled = |digits: i128, by: i8| {
        let by = u32::try_from(by.max(0)).ok()?;
        digits.checked_mul(10_i128.checked_pow(by)?)
    };
    let (left, right) = (scaled(left, right_scale - left_scale), scaled(right, left_scale - right_scale));
    let (left, right) = left.zip(right).ok_or_else(overflow)?;
    Ok(Output::Numeric(left / right))
}

fn width_bucket(_: &Env, args: &[Value<'_>]) -> Result<Output> {
    let operand = float(args, 0);
    let wrong = |message: &str| Error::new(ErrorKind::InvalidArgumentForWidthBucket, message);
    if let Some(Value::Texts(bounds)) = args.get(1) {
        let mut bucket = 0;
        for bound in bounds.iter() {
            let bound = bound
                .ok_or_else(|| Error::new(ErrorKind::NullNotAllowed, "thresholds array must not contain NULLs"))?;
            let bound: f64 = bound.parse().map_err(|_| wrong("thresholds must be numbers"))?;
            bucket += i64::from(operand >= bound);
        }
        return Ok(Output::Int(bucket));
    }
    let (low, high, count) = (float(args, 1), float(args, 2), args.get(3).map_or(0, Value::int));
    if count <= 0 {
        return Err(wrong("count must be greater than zero"));
    }
    if low.is_infinite() || high.is_infinite() {
        return Err(wrong("lower and upper bounds must be finite"));
    }
    if low == high {
        return Err(wrong("lower bound cannot equal upper bound"));
    }
    if operand.is_nan() || low.is_nan() || high.is_nan() {
        return Err(wrong("operand, lower bound, and upper bound cannot be NaN"));
    }
    let (before, after) = if low < high { (operand < low, operand >= high) } else { (operand > low, operand <= high) };
    Ok(Output::Int(match (before, after) {
        (true, _) => 0,
        (_, true) => count + 1,
        _ => ((operand - low) / (high - low) * count as f64) as i64 + 1,
    }))
}

fn angle(args: &[Value<'_>], compute: fn(f64) -> f64) -> Result<Output> {
    let angle = float(args, 0);
    if angle.is_infinite() {
        return Err(Error::new(ErrorKind::NumericOutOfRange, "input is out of range"));
    }
    Ok(Output::Float(compute(angle)))
}

fn inverse(args: &[Value<'_>], compute: fn(f64) -> f64) -> Result<Output> {
    let value = float(args, 0);
    if value.abs() > 1.0 {
        return Err(Error::new(ErrorKind::NumericOutOfRange, "input is out of range"));
    }
    Ok(Output::Float(compute(value)))
}
