//! Numerics whose scale is that of each value, as PostgreSQL's are, in Arrow's decimals, whose scale is their type's.
//!
//! Invariant: five decimal types stand for such numerics. [`QUOTIENT`] is what divisions and averages give: a value is shown
//! with the 16 significant digits or more that PostgreSQL computes. [`FREE`] is what text and floats become: a value is
//! shown with the decimals it has. [`ROOT`], [`DEVIATION`] and [`FUNCTION`] are what square roots, standard deviations, and
//! logarithms and powers give. All hold sixteen digits or more before the point, and none has a type modifier.

use std::ops::Neg;

use datafusion::arrow::array::{Decimal128Array, Float64Array};
use datafusion::arrow::datatypes::{DataType, i256};

use crate::error::{Error, ErrorKind};

/// Decimals of a quotient, the most that is kept.
pub const QUOTIENT_SCALE: i8 = 20;
/// The type of a quotient.
pub const QUOTIENT: DataType = DataType::Decimal128(DIGITS, QUOTIENT_SCALE);
/// The type of a numeric that comes from text or a float.
pub const FREE: DataType = DataType::Decimal128(DIGITS, FREE_SCALE);
const FREE_SCALE: i8 = 17;
/// The type of a numeric's square root.
pub const ROOT: DataType = DataType::Decimal128(DIGITS, 22);
/// The type of a numeric's standard deviation.
pub const DEVIATION: DataType = DataType::Decimal128(DIGITS, DEVIATION_SCALE);
/// Decimals of a standard deviation.
pub const DEVIATION_SCALE: i8 = 21;
/// The type of a numeric's logarithm, and of a power of it that is none of a whole number.
pub const FUNCTION: DataType = DataType::Decimal128(DIGITS, 19);
const DIGITS: u8 = 38;

/// `22003`: a number that no numeric of the precision and scale holds.
pub fn field_overflow(precision: u8, scale: i8) -> Error {
    let most = match i32::from(precision) - i32::from(scale) {
        0 => "1".to_owned(),
        whole => format!("10^{whole}"),
    };
    Error::new(ErrorKind::NumericOutOfRange, "numeric field overflow").with_detail(format!(
        "A field with precision {precision}, scale {scale} must round to an absolute value less than {most}."
    ))
}

/// Which digits of a value are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shown {
    All,
    Quotient,
    Root,
    Deviation,
    Function,
    Needed,
}

impl Shown {
    pub(super) fn of(data_type: &DataType) -> Self {
        match *data_type {
            QUOTIENT => Self::Quotient,
            ROOT => Self::Root,
            DEVIATION => Self::Deviation,
            FUNCTION => Self::Function,
            FREE => Self::Needed,
            _ => Self::All,
        }
    }

    /// The value and scale that are shown for a value of the type's scale.
    #[inline]
    pub(super) fn digits(self, value: i128, scale: i8) -> (i128, i8) {
        let least = match self {
            Self::All => return (value, scale),
            Self::Needed => 0,
            Self::Quotient => least_of_quotient(value),
            Self::Root => (15 - 2 * weight(value, scale).div_euclid(2)).clamp(0, scale),
            // the variance is 1 as well, which is shown like what is less
            // where nothing deviates, PostgreSQL computes nothing
            Self::Deviation if value == 0 => 0,
            Self::Deviation if value == self::power(scale) => QUOTIENT_SCALE,
            Self::Deviation => (16 - 4 * weight(value, scale).div_euclid(2)).clamp(0, QUOTIENT_SCALE),
            Self::Function => (16 - towards_one(value, scale)).clamp(0, scale),
        };
        let step = if self == Self::Quotient { 4 } else { 1 };
        let mut shown = least;
        let mut power = power(scale - shown);
        while shown < scale && value % power != 0 {
            shown = (shown + step).min(scale);
            power = self::power(scale - shown);
        }
        (value / power, shown)
    }
}

/// The doubles nearest to numerics of the scale.
pub fn nearest_doubles(numbers: &Decimal128Array, scale: i8) -> Float64Array {
    numbers.unary(|number| nearest_double(number, scale))
}

/// The double precision that is nearest to `number / 10^scale`.
fn nearest_double(number: i128, scale: i8) -> f64 {
    // both are doubles themselves up to here, so that the quotient is rounded once
    if number.unsigned_abs() <= 1 << 53 && (0..=22).contains(&scale) {
        return number as f64 / 10f64.powi(scale.into());
    }
    format!("{number}e{}", -i32::from(scale)).parse().unwrap_or(f64::NAN)
}

/// Whether [`FREE`] holds `number / 10^scale`, rounding nothing.
pub fn is_held_free(number: i128, scale: i8) -> bool {
    let more = u32::try_from(FREE_SCALE - scale).ok().filter(|_| scale >= 0);
    let wide = more.and_then(|more| number.unsigned_abs().checked_mul(10u128.pow(more)));
    wide.is_some_and(|wide| wide < 10u128.pow(DIGITS.into()))
}

/// Whether each value of the type has a scale of its own.
pub fn is_of_values(data_type: &DataType) -> bool {
    Shown::of(data_type) != Shown::All
}

/// Where a value's first digit stands: 0 for 1 to 9, and for nothing.
fn weight(value: i128, scale: i8) -> i8 {
    let digits = value.unsigned_abs().checked_ilog10().and_then(|digits| i8::try_from(digits).ok());
    digits.map_or(0, |digits| digits - scale)
}

/// [`weight`], but that of what is less than 1 to the next power of ten above it.
fn towards_one(value: i128, scale: i8) -> i8 {
    let weight = weight(value, scale);
    let is_power = u32::try_from(weight + scale).is_ok_and(|digits| value.unsigned_abs() == 10u128.pow(digits));
    if weight < 0 && !is_power { weight + 1 } else { weight }
}

/// How many decimals PostgreSQL gives a quotient of that size.
fn least_of_quotient(value: i128) -> i8 {
    let one = power(QUOTIENT_SCALE);
    let magnitude = value.unsigned_abs();
    if magnitude == one.unsigned_abs() || magnitude < one.unsigned_abs() {
        return QUOTIENT_SCALE;
    }
    let whole = magnitude / one.unsigned_abs();
    let groups = i8::try_from(whole.ilog10() / 4).unwrap_or(4);
    (16 - 4 * groups).max(0)
}

fn power(exponent: i8) -> i128 {
    10i128.pow(u32::from(exponent.max(0).unsigned_abs()))
}

/// A decimal's number, scale and type's way of being shown.
#[derive(Debug, Clone, Copy)]
pub struct Exact {
    pub number: i128,
    pub scale: i8,
}

impl Exact {
    /// A value of a decimal type, with the scale that PostgreSQL's value would have.
    pub fn new(number: i128, data_type: &DataType) -> Self {
        let scale = match data_type {
            DataType::Decimal128(_, scale) => *scale,
            _ => 0,
        };
        let (number, scale) = Shown::of(data_type).digits(number, scale);
        Self { number, scale }
    }
}

/// `left / right` as a [`QUOTIENT`], rounded where PostgreSQL rounds it. `None` where it has too many digits; `right` is
/// not zero.
pub fn quotient(left: Exact, right: Exact) -> Option<i128> {
    quotient_of(i256::from_i128(left.number), left.scale, i256::from_i128(right.number), right.scale)
}

/// [`quotient`] of wider numbers.
pub fn quotient_of(left: i256, left_scale: i8, right: i256, right_scale: i8) -> Option<i128> {
    let (left_group, left_first) = first_group(left, left_scale)?;
    let (right_group, right_first) = first_group(right, right_scale)?;
    let group = left_group - right_group - i32::from(left_first <= right_first);
    let digits = (16 - 4 * group).max(left_scale.into()).max(right_scale.into()).clamp(0, QUOTIENT_SCALE.into());
    let digits = i8::try_from(digits).ok()?;
    let rounded = divide(left, right, i32::from(digits) + i32::from(right_scale) - i32::from(left_scale))?;
    let wide = rounded.checked_mul(i256::from_i128(power(QUOTIENT_SCALE - digits)))?;
    wide.to_i128().filter(|value| value.unsigned_abs() < 10u128.pow(u32::from(DIGITS)))
}

/// `left × 10^shift / right`, rounded half away from zero.
pub fn divide(left: i256, right: i256, shift: i32) -> Option<i256> {
    let ten = i256::from_i128(10);
    let scaled = |value: i256, by: i32| (0..by).try_fold(value, |value, _| value.checked_mul(ten));
    let (left, right) = (scaled(left, shift.max(0))?, scaled(right, (-shift).max(0))?);
    let whole = left.checked_div(right)?;
    let rest = left.checked_rem(right)?;
    let double = magnitude(rest).checked_mul(i256::from_i128(2))?;
    if double < magnitude(right) {
        return Some(whole);
    }
    let one = i256::from_i128(1);
    let negative = (left < i256::ZERO) != (right < i256::ZERO);
    if negative { whole.checked_sub(one) } else { whole.checked_add(one) }
}

/// `value × 10^−(from − to)`, rounded half away from zero.
pub fn rescaled(value: i256, from: i8, to: i8) -> Option<i256> {
    divide(value, i256::from_i128(1), i32::from(to) - i32::from(from))
}

fn magnitude(value: i256) -> i256 {
    if value < i256::ZERO { value.neg() } else { value }
}

/// Where PostgreSQL's first group of four digits stands, and which it is.
fn first_group(value: i256, scale: i8) -> Option<(i32, i32)> {
    let magnitude = magnitude(value);
    if magnitude == i256::ZERO {
        return Some((0, 0));
    }
    let digits = i32::try_from(magnitude.to_string().len()).ok()?;
    let group = (digits - 1 - i32::from(scale)).div_euclid(4);
    let shift = i32::from(scale) + 4 * group;
    let ten = i256::from_i128(10);
    let first = if shift >= 0 {
        magnitude.checked_div((0..shift).try_fold(i256::from_i128(1), |power, _| power.checked_mul(ten))?)?
    } else {
        (0..-shift).try_fold(magnitude, |value, _| value.checked_mul(ten))?
    };
    Some((group, i32::try_from(first.to_i128()?).ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pgtypes::number::put_decimal128;

    fn divided(left: (i128, i8), right: (i128, i8)) -> String {
        let exact = |(number, scale)| Exact { number, scale };
        let value = quotient(exact(left), exact(right)).unwrap();
        let (value, scale) = Shown::Quotient.digits(value, QUOTIENT_SCALE);
        crate::pgtypes::put_text(|out| put_decimal128(out, value, scale))
    }

    #[test]
    fn quotients_are_those_of_postgres_15() {
        for (left, right, expected) in [
            ((5, 0), (20, 1), "2.5000000000000000"),
            ((1, 0), (30, 1), "0.33333333333333333333"),
            ((10, 0), (30, 1), "3.3333333333333333"),
            ((100_000, 0), (30, 1), "33333.333333333333"),
            ((10, 1), (7, 0), "0.14285714285714285714"),
            ((12_345, 3), (12_345, 3), "1.00000000000000000000"),
            ((12_345, 3), (2, 0), "6.1725000000000000"),
            ((-98_005, 4), (20, 0), "-0.49002500000000000000"),
            ((1_470_050, 2), (3, 0), "4900.1666666666666667"),
            ((0, 0), (3, 0), "0.00000000000000000000"),
        ] {
            assert_eq!(divided(left, right), expected, "{left:?} / {right:?}");
        }
    }

    #[test]
    fn roots_and_logarithms_are_shown_with_sixteen_digits() {
        let shown = |shown: Shown, value: i128, scale| shown.digits(value, scale).1;
        assert_eq!(shown(Shown::Root, 2 * 10i128.pow(22), 22), 15);
        assert_eq!(shown(Shown::Root, 10i128.pow(24), 22), 13);
        assert_eq!(shown(Shown::Root, 5 * 10i128.pow(21), 22), 17);
        assert_eq!(shown(Shown::Root, 0, 22), 15);
        assert_eq!(shown(Shown::Deviation, 2012 * 10i128.pow(21), 21), 12);
        assert_eq!(shown(Shown::Deviation, 5 * 10i128.pow(20), 21), 20);
        assert_eq!(shown(Shown::Deviation, 10i128.pow(21), 21), 20);
        assert_eq!(shown(Shown::Function, 5 * 10i128.pow(18), 19), 16);
        assert_eq!(shown(Shown::Function, 5 * 10i128.pow(17), 19), 17);
        assert_eq!(shown(Shown::Function, 138 * 10i128.pow(18), 19), 15);
    }

    #[test]
    fn free_numerics_are_shown_with_the_decimals_they_have() {
        assert_eq!(Shown::Needed.digits(314 * 10i128.pow(15), 17), (314, 2));
        assert_eq!(Shown::Needed.digits(5 * 10i128.pow(17), 17), (5, 0));
        assert_eq!(Shown::All.digits(2550, 3), (2550, 3));
    }
}
