//! Arithmetic on numbers as `numeric` does it: exact, with the decimals that PostgreSQL gives.
//!
//! Invariant: numbers come and go as plain decimal text, without exponent.

use std::cmp::Ordering;
use std::str::FromStr;

use bigdecimal::num_bigint::{BigInt, Sign};
use bigdecimal::{BigDecimal, RoundingMode, Zero};

use super::super::value::Value;
use super::tree::Arithmetic;
use crate::error::{Error, ErrorKind, Result};

/// Digits before the point that a `numeric` may have, and after it.
const DIGITS_MAX: usize = 131_072;
const DECIMALS_MAX: i64 = 16_383;
/// Digits that count which a quotient has at least, and decimals it has at most.
const QUOTIENT_DIGITS: i64 = 16;
const QUOTIENT_DECIMALS_MAX: i64 = 1_000;
/// Digits of one place of a `numeric`.
const PLACE: usize = 4;

pub(super) fn negated(digits: &str) -> String {
    match digits.strip_prefix('-') {
        Some(positive) => positive.to_owned(),
        None if is_zero(digits) => digits.to_owned(),
        None => format!("-{digits}"),
    }
}

pub(super) fn absolute(digits: &str) -> String {
    digits.trim_start_matches('-').to_owned()
}

pub(super) fn floor(digits: &str) -> Result<String> {
    Ok(read(digits)?.with_scale_round(0, RoundingMode::Floor).to_plain_string())
}

pub(super) fn ceiling(digits: &str) -> Result<String> {
    Ok(read(digits)?.with_scale_round(0, RoundingMode::Ceiling).to_plain_string())
}

/// Without its decimals; `None` where it is out of range.
pub(super) fn index(digits: &str) -> Option<i32> {
    digits.split('.').next()?.parse().ok()
}

/// # Errors
/// `22012`, `22003`.
pub(super) fn arithmetic(operator: Arithmetic, left: &str, right: &str) -> Result<String> {
    let (a, b) = (read(left)?, read(right)?);
    let decimals = a.fractional_digit_count().max(b.fractional_digit_count());
    let result = match operator {
        Arithmetic::Divide | Arithmetic::Modulo if b.is_zero() => {
            return Err(Error::new(ErrorKind::DivisionByZero, "division by zero"));
        }
        // zeros would lose their decimals
        Arithmetic::Add => (a + b).with_scale(decimals),
        Arithmetic::Subtract => (a - b).with_scale(decimals),
        Arithmetic::Multiply => {
            let decimals = a.fractional_digit_count() + b.fractional_digit_count();
            (a * b).with_scale(decimals)
        }
        Arithmetic::Divide => divided(&a, &b, quotient_decimals(left, right).max(decimals)),
        Arithmetic::Modulo => (a % b).with_scale(decimals),
    };
    let result = if result.fractional_digit_count() > DECIMALS_MAX {
        result.with_scale_round(DECIMALS_MAX, RoundingMode::HalfUp)
    } else {
        result
    };
    let text = result.to_plain_string();
    let whole = text.trim_start_matches('-').split('.').next().unwrap_or_default();
    if whole.len() > DIGITS_MAX {
        return Err(Error::new(ErrorKind::NumericOutOfRange, "value overflows numeric format"));
    }
    Ok(text)
}

fn read(digits: &str) -> Result<BigDecimal> {
    BigDecimal::from_str(digits).map_err(|error| Error::internal(format!("{digits:?} is no number: {error}")))
}

fn is_zero(digits: &str) -> bool {
    digits.bytes().all(|byte| matches!(byte, b'0' | b'.' | b'-'))
}

/// Rounded half away from zero.
fn divided(left: &BigDecimal, right: &BigDecimal, decimals: i64) -> BigDecimal {
    let ((mut over, over_scale), (mut under, under_scale)) =
        (left.as_bigint_and_exponent(), right.as_bigint_and_exponent());
    let shift = decimals + under_scale - over_scale;
    let power = BigInt::from(10).pow(u32::try_from(shift.unsigned_abs()).unwrap_or(u32::MAX));
    if shift >= 0 {
        over *= power
    } else {
        under *= power
    }
    let is_negative = (over.sign() == Sign::Minus) != (under.sign() == Sign::Minus);
    let (over, under) = (over.magnitude(), under.magnitude());
    let rounded = (over * 2u32 + under) / (under * 2u32);
    BigDecimal::new(BigInt::from_biguint(if is_negative { Sign::Minus } else { Sign::Plus }, rounded), decimals)
}

/// Decimals that give a quotient its digits, as far as the operands' first places tell.
fn quotient_decimals(left: &str, right: &str) -> i64 {
    let ((left_weight, left_first), (right_weight, right_first)) = (leading(left), leading(right));
    let weight = left_weight - right_weight - i64::from(left_first <= right_first);
    (QUOTIENT_DIGITS - weight * PLACE as i64).clamp(0, QUOTIENT_DECIMALS_MAX)
}

/// The first place that is not zero: how many places it is before the one next to the point, and what it holds.
fn leading(digits: &str) -> (i64, u32) {
    let (whole, fraction) =
        digits.trim_start_matches('-').split_once('.').unwrap_or((digits.trim_start_matches('-'), ""));
    let whole = whole.trim_start_matches('0');
    let value = |place: &str| place.parse::<u32>().unwrap_or_default();
    if !whole.is_empty() {
        let length = (whole.len() - 1) % PLACE + 1;
        return (((whole.len() - length) / PLACE) as i64, value(whole.get(..length).unwrap_or_default()));
    }
    let zeros = fraction.len() - fraction.trim_start_matches('0').len();
    if zeros == fraction.len() {
        return (0, 0);
    }
    let from = zeros / PLACE * PLACE;
    let place: String = fraction.chars().chain(std::iter::repeat('0')).skip(from).take(PLACE).collect();
    (-1 - (from / PLACE) as i64, value(&place))
}

/// Whether a number is within what a double precision can hold.
pub(super) fn is_double(digits: &str) -> bool {
    double(digits).is_some()
}

/// A text as a number that went through a double precision; `None` where it is none.
pub(super) fn of_double(text: &str) -> Option<String> {
    let text = text.trim_matches(|letter| matches!(letter, ' ' | '\t'..='\r'));
    // of a double's digits, 15 are sure
    let scientific = format!("{:.14e}", double(text)?);
    let (mantissa, exponent) = scientific.split_once('e')?;
    let mantissa = mantissa.trim_end_matches('0').trim_end_matches('.');
    match Value::parse(&format!("{mantissa}e{exponent}")).ok()? {
        Value::Number(digits) => Some(digits),
        _ => None,
    }
}

fn double(text: &str) -> Option<f64> {
    let value = text.parse::<f64>().ok().filter(|value| value.is_finite())?;
    let mantissa = text.split(['e', 'E']).next()?;
    let underflows = value.total_cmp(&0.0) == Ordering::Equal || value == 0.0;
    let is_nothing = mantissa.bytes().all(|byte| !matches!(byte, b'1'..=b'9'));
    (!underflows || is_nothing).then_some(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_have_the_decimals_of_numeric() {
        for (left, operator, right, expected) in [
            ("1.50", Arithmetic::Add, "2", "3.50"),
            ("0.10", Arithmetic::Subtract, "0.1", "0.00"),
            ("1.50", Arithmetic::Multiply, "2.0", "3.000"),
            ("10", Arithmetic::Divide, "3", "3.3333333333333333"),
            ("1", Arithmetic::Divide, "3", "0.33333333333333333333"),
            ("-2", Arithmetic::Divide, "3", "-0.66666666666666666667"),
            ("100000000", Arithmetic::Divide, "7", "14285714.285714285714"),
            ("0.0001", Arithmetic::Divide, "7", "0.000014285714285714285714"),
            ("7", Arithmetic::Subtract, "0.00", "7.00"),
            ("0.0", Arithmetic::Multiply, "1.00", "0.000"),
            ("7.50", Arithmetic::Modulo, "-2", "1.50"),
            ("-7", Arithmetic::Modulo, "2.00", "-1.00"),
            ("123456789012345678901234567890", Arithmetic::Add, "1", "123456789012345678901234567891"),
        ] {
            assert_eq!(arithmetic(operator, left, right).unwrap(), expected, "{left} {} {right}", operator.text());
        }
        assert_eq!(arithmetic(Arithmetic::Modulo, "1", "0.0").unwrap_err().kind(), ErrorKind::DivisionByZero);
        let huge = format!("1{}", "0".repeat(100_000));
        assert_eq!(arithmetic(Arithmetic::Multiply, &huge, &huge).unwrap_err().kind(), ErrorKind::NumericOutOfRange);
    }

    #[test]
    fn roundings() {
        assert_eq!((negated("0.0"), negated("-1.5"), negated("2")), ("0.0".into(), "1.5".into(), "-2".into()));
        assert_eq!((floor("-1.5").unwrap(), ceiling("-0.5").unwrap()), ("-2".into(), "0".into()));
        assert_eq!((floor("1.9").unwrap(), ceiling("1.1").unwrap()), ("1".into(), "2".into()));
        assert_eq!((index("-1.9"), index("2147483648"), index("0.9")), (Some(-1), None, Some(0)));
    }

    #[test]
    fn doubles() {
        for (text, expected) in [
            (" 1.23 ", Some("1.23")),
            ("1e20", Some("100000000000000000000")),
            ("-0", Some("0")),
            ("0.1234567890123456789", Some("0.123456789012346")),
            ("inf", None),
            ("1e400", None),
            ("1e-400", None),
            ("0e-400", Some("0")),
            ("", None),
            ("1x", None),
        ] {
            assert_eq!(of_double(text).as_deref(), expected, "{text}");
        }
        assert!(!is_double(&format!("1{}", "0".repeat(400))) && is_double("12.5"));
    }
}
