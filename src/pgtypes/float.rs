//! Floats as PostgreSQL prints them: the shortest text that reads back as the value, or rounded. Nothing here allocates.

use std::fmt::Write;

use bytes::{BufMut, BytesMut};

use super::number::{StackText, put_u64};
use super::style::FloatDigits;

/// The digits that a `double precision` and a `real` keep whatever they are.
const SURE_DIGITS: (u8, u8) = (15, 6);

/// `double precision` text.
#[inline]
pub(super) fn put_f64(out: &mut BytesMut, value: f64, digits: FloatDigits) {
    if let FloatDigits::Fewer(fewer) = digits {
        return put_rounded(out, value, SURE_DIGITS.0.saturating_sub(fewer));
    }
    // Up to three decimals and fifteen digits, the common case: a decimal of at most fifteen digits that reads back as
    // `value` is the only one, hence the shortest.
    let magnitude = value.abs();
    if magnitude < 1e12 {
        let thousandths = (magnitude * 1000.0).round();
        if thousandths / 1000.0 == magnitude {
            if value.is_sign_negative() {
                out.put_u8(b'-');
            }
            put_thousandths(out, thousandths as u64);
            return;
        }
    }
    let mut text = StackText::<32>::new();
    let _ = write!(text, "{value:e}");
    if magnitude >= WHOLE.0 {
        let halves = [magnitude.next_up() - magnitude, magnitude - magnitude.next_down()].map(|gap| gap / 2.0);
        lengthen(&mut text, value, halves);
    }
    put_float(out, value, text.as_bytes(), SURE_DIGITS.0.into());
}

/// From here on a `double precision` and a `real` are whole, and some decimals lie halfway between two of them.
const WHOLE: (f64, f32) = (9_007_199_254_740_992.0, 16_777_216.0);

/// Writes one digit more where the shortest text lies halfway to the next value: PostgreSQL does not rely on how readers round
/// there.
fn lengthen(text: &mut StackText<32>, value: f64, halves: [f64; 2]) {
    let is_halfway = |text: &StackText<32>| {
        let (Some(read), magnitude) = (whole(text.as_bytes()), value.abs() as u128) else { return false };
        let [up, down] = halves.map(|half| half as u128);
        read == magnitude.saturating_add(up) || read.saturating_add(down) == magnitude
    };
    while is_halfway(text) {
        let digits =
            text.as_bytes().iter().take_while(|byte| **byte != b'e').filter(|byte| byte.is_ascii_digit()).count();
        let mut longer = StackText::new();
        let _ = write!(longer, "{value:.digits$e}");
        *text = longer;
    }
}

/// The whole number that `d.ddde±x` is, without its sign; `None` where it is none, or beyond 128 bits.
fn whole(scientific: &[u8]) -> Option<u128> {
    let text = std::str::from_utf8(scientific).ok()?.trim_start_matches('-');
    let (digits, exponent) = text.split_once('e')?;
    let (first, rest) = digits.split_once('.').unwrap_or((digits, ""));
    let zeros = exponent.parse::<u32>().ok()?.checked_sub(u32::try_from(rest.len()).ok()?)?;
    let number = first.parse::<u128>().ok()?.checked_mul(10u128.checked_pow(u32::try_from(rest.len()).ok()?)?)?;
    let number = number.checked_add(if rest.is_empty() { 0 } else { rest.parse().ok()? })?;
    number.checked_mul(10u128.checked_pow(zeros)?)
}

/// `real` text.
pub(super) fn put_f32(out: &mut BytesMut, value: f32, digits: FloatDigits) {
    if let FloatDigits::Fewer(fewer) = digits {
        return put_rounded(out, value.into(), SURE_DIGITS.1.saturating_sub(fewer));
    }
    let mut text = StackText::<32>::new();
    let _ = write!(text, "{value:e}");
    let magnitude = value.abs();
    if magnitude >= WHOLE.1 {
        let halves = [magnitude.next_up() - magnitude, magnitude - magnitude.next_down()];
        lengthen(&mut text, value.into(), halves.map(|gap| f64::from(gap) / 2.0));
    }
    put_float(out, f64::from(value), text.as_bytes(), SURE_DIGITS.1.into());
}

/// C's `%.*g`: rounded to so many digits, without zeros at the end.
fn put_rounded(out: &mut BytesMut, value: f64, digits: u8) {
    let digits = digits.max(1);
    let mut text = StackText::<32>::new();
    let _ = write!(text, "{value:.*e}", usize::from(digits) - 1);
    put_float(out, value, text.as_bytes(), digits.into());
}

fn put_thousandths(out: &mut BytesMut, thousandths: u64) {
    put_u64(out, thousandths / 1000);
    let fraction = thousandths % 1000;
    if fraction == 0 {
        return;
    }
    let digit = |value: u64| b'0' + (value % 10) as u8;
    let digits = [b'.', digit(fraction / 100), digit(fraction / 10), digit(fraction)];
    let used = if digits[3] != b'0' {
        4
    } else if digits[2] != b'0' {
        3
    } else {
        2
    };
    out.put_slice(&digits[..used]);
}

/// Lays `d.ddde±x` out as PostgreSQL does: plain between 10⁻⁴ and 10^`plain_below`, else with an exponent of at
/// least two digits.
fn put_float(out: &mut BytesMut, value: f64, scientific: &[u8], plain_below: i32) {
    if value.is_nan() {
        return out.put_slice(b"NaN");
    }
    if value.is_infinite() {
        return out.put_slice(if value > 0.0 { b"Infinity" } else { b"-Infinity" });
    }
    if value.is_sign_negative() {
        out.put_u8(b'-');
    }
    let mut digits = [0u8; 20];
    let mut count = 0;
    let mut exponent = 0i32;
    let mut bytes = scientific.iter().copied().skip_while(|byte| *byte == b'-');
    for byte in bytes.by_ref() {
        match byte {
            b'e' => break,
            b'.' => {}
            digit => {
                digits[count] = digit;
                count += 1;
            }
        }
    }
    let mut negative_exponent = false;
    for byte in bytes {
        match byte {
            b'-' => negative_exponent = true,
            digit => exponent = exponent * 10 + i32::from(digit - b'0'),
        }
    }
    if negative_exponent {
        exponent = -exponent;
    }
    let used = digits[..count].iter().rposition(|digit| *digit != b'0').map_or(1, |last| last + 1);
    put_digits(out, &digits[..used], exponent, plain_below);
}

fn put_digits(out: &mut BytesMut, digits: &[u8], exponent: i32, plain_below: i32) {
    if exponent < -4 || exponent >= plain_below {
        out.put_slice(&digits[..1]);
        if digits.len() > 1 {
            out.put_u8(b'.');
            out.put_slice(&digits[1..]);
        }
        out.put_slice(if exponent < 0 { b"e-" } else { b"e+" });
        let magnitude = u64::from(exponent.unsigned_abs());
        if magnitude < 10 {
            out.put_u8(b'0');
        }
        put_u64(out, magnitude);
    } else if exponent < 0 {
        out.put_slice(b"0.");
        out.put_bytes(b'0', exponent.unsigned_abs() as usize - 1);
        out.put_slice(digits);
    } else {
        let whole = exponent.unsigned_abs() as usize + 1;
        if digits.len() <= whole {
            out.put_slice(digits);
            out.put_bytes(b'0', whole - digits.len());
        } else {
            out.put_slice(&digits[..whole]);
            out.put_u8(b'.');
            out.put_slice(&digits[whole..]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pgtypes::put_text as text;

    #[test]
    fn doubles_as_postgres_15_prints_them() {
        for (value, expected) in [
            (1e20, "1e+20"),
            (1e15, "1e+15"),
            (1e14, "100000000000000"),
            (123_456_789_012_345.0, "123456789012345"),
            (1_234_567_890_123_456.0, "1.234567890123456e+15"),
            (0.0001, "0.0001"),
            (0.00001, "1e-05"),
            (1e-7, "1e-07"),
            (1.5e300, "1.5e+300"),
            // 2.357812623264577e+16 lies halfway to the next
            (23_578_126_232_645_768.0, "2.3578126232645768e+16"),
            (9_007_199_254_740_992.0, "9.007199254740992e+15"),
            (f64::NAN, "NaN"),
            (f64::NEG_INFINITY, "-Infinity"),
            (f64::INFINITY, "Infinity"),
            (-0.0, "-0"),
            (0.0, "0"),
            (0.1, "0.1"),
            (0.1 + 0.2, "0.30000000000000004"),
            (5e-324, "5e-324"),
            (f64::MAX, "1.7976931348623157e+308"),
            (2.25, "2.25"),
            (-17.985, "-17.985"),
            (1_152_921_504_606_846_976.0, "1.152921504606847e+18"),
            (9.5367431640625e-07, "9.5367431640625e-07"),
            (1.0 / 3.0, "0.3333333333333333"),
            (12.3456, "12.3456"),
        ] {
            assert_eq!(text(|out| put_f64(out, value, FloatDigits::Shortest)), expected);
        }
    }

    #[test]
    fn reals_as_postgres_15_prints_them() {
        for (value, expected) in [
            (1e6, "1e+06"),
            (100_000.0, "100000"),
            (999_999.0, "999999"),
            (1e-4, "0.0001"),
            (1e-5, "1e-05"),
            (f32::MAX, "3.4028235e+38"),
            (0.1, "0.1"),
            (16_777_216.0, "1.6777216e+07"),
            (-1.5, "-1.5"),
            (f32::NAN, "NaN"),
        ] {
            assert_eq!(text(|out| put_f32(out, value, FloatDigits::Shortest)), expected);
        }
    }

    #[test]
    fn fewer_digits_are_those_of_printf() {
        for (value, fewer, expected) in [
            (0.1 + 0.2, 0, "0.3"),
            (1.0 / 3.0, 3, "0.333333333333"),
            (1.0 / 3.0, 15, "0.3"),
            (1e20, 0, "1e+20"),
            (123_456_789.0, 10, "1.2346e+08"),
            (999_999.9, 9, "1e+06"),
            (100.0, 0, "100"),
            (0.0, 0, "0"),
            (f64::NAN, 0, "NaN"),
        ] {
            assert_eq!(text(|out| put_f64(out, value, FloatDigits::Fewer(fewer))), expected);
        }
        assert_eq!(text(|out| put_f32(out, 1.0 / 3.0, FloatDigits::Fewer(0))), "0.333333");
    }
}
