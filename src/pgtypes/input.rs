//! Text of a parameter as a value: PostgreSQL's input functions, with its words for what is wrong.

use datafusion::arrow::datatypes::i256;
use datafusion::scalar::ScalarValue;
use pgwire::api::Type;

use super::array_text::ArrayText;
use super::json_tree::Json;
use super::params::array_of;
use super::style::Style;
use super::time::{self, Input};
use super::types::element_of;
use crate::error::{Error, ErrorKind, Result};

/// Digits that `Decimal128` and `Decimal256` hold.
const DIGITS_128: u32 = 38;
const DIGITS_256: i32 = 76;

/// What a parameter's `now` means.
fn moment(style: &Style) -> Input {
    Input::new(style, chrono::Utc::now().timestamp_micros())
}

/// The place of a row as it is written: `(page,row)`.
fn tid_of(text: &str) -> Option<String> {
    let (page, row) = text.trim().strip_prefix('(')?.strip_suffix(')')?.split_once(',')?;
    let (page, row): (u32, u16) = (page.trim().parse().ok()?, row.trim().parse().ok()?);
    Some(format!("({page},{row})"))
}

/// The value that a text is, by the type's input function.
///
/// # Errors
/// PostgreSQL's, of that function.
pub fn read_text(pg_type: &Type, text: &str, style: &Style) -> Result<ScalarValue> {
    parse(pg_type, text, style)
}

pub(super) fn parse(pg_type: &Type, text: &str, style: &Style) -> Result<ScalarValue> {
    Ok(match *pg_type {
        Type::BOOL => ScalarValue::Boolean(Some(parse_bool(text)?)),
        Type::INT2 => ScalarValue::Int16(Some(parse_integer(text, "smallint")?)),
        Type::INT4 => ScalarValue::Int32(Some(parse_integer(text, "integer")?)),
        Type::INT8 => ScalarValue::Int64(Some(parse_integer(text, "bigint")?)),
        Type::OID | Type::REGCLASS | Type::REGTYPE | Type::REGPROC => {
            ScalarValue::Int64(Some(parse_integer::<u32>(text, "oid")?.into()))
        }
        Type::FLOAT4 => ScalarValue::Float32(Some(parse_float(text, "real", f32::is_infinite)?)),
        Type::FLOAT8 => ScalarValue::Float64(Some(parse_float(text, "double precision", f64::is_infinite)?)),
        Type::NUMERIC => parse_numeric(text)?,
        Type::BYTEA => ScalarValue::BinaryView(Some(parse_bytea(text)?)),
        Type::UUID => {
            let uuid = uuid_of(text).ok_or_else(|| malformed("uuid", text))?;
            ScalarValue::Utf8(Some(uuid.to_string()))
        }
        Type::TID => ScalarValue::Utf8(Some(tid_of(text).ok_or_else(|| malformed("tid", text))?)),
        Type::JSON | Type::JSONB => {
            Json::parse(text)?;
            ScalarValue::Utf8(Some(text.to_owned()))
        }
        Type::DATE => ScalarValue::Date32(Some(time::parse_date(text, &moment(style))?)),
        Type::TIME => ScalarValue::Time64Microsecond(Some(time::parse_time(text, &moment(style))?)),
        Type::TIMESTAMP => ScalarValue::TimestampMicrosecond(Some(time::parse_timestamp(text, &moment(style))?), None),
        Type::TIMESTAMPTZ => {
            ScalarValue::TimestampMicrosecond(Some(time::parse_timestamptz(text, &moment(style))?), Some("UTC".into()))
        }
        Type::INTERVAL => ScalarValue::IntervalMonthDayNano(Some(time::parse_interval(text, None, style)?.to_arrow()?)),
        _ => match element_of(pg_type) {
            Some(element) => parse_array(&element, text, style)?,
            None => ScalarValue::Utf8(Some(text.to_owned())),
        },
    })
}

fn malformed(type_name: &str, text: &str) -> Error {
    Error::new(ErrorKind::InvalidTextRepresentation, format!("invalid input syntax for type {type_name}: \"{text}\""))
}

pub(super) fn not_finite() -> Error {
    Error::new(ErrorKind::FeatureNotSupported, "numeric NaN and infinity are not supported")
        .with_hint("Use double precision for values that may be NaN or infinite.")
}

pub(super) fn numeric_overflow() -> Error {
    Error::new(ErrorKind::NumericOutOfRange, "value overflows numeric format")
        .with_detail(format!("A numeric holds up to {DIGITS_256} digits."))
}

fn parse_bool(text: &str) -> Result<bool> {
    let word = text.trim().to_ascii_lowercase();
    let is = |whole: &str, shortest: usize| word.len() >= shortest && whole.starts_with(&word);
    if is("true", 1) || is("yes", 1) || is("on", 2) || word == "1" {
        Ok(true)
    } else if is("false", 1) || is("no", 1) || is("off", 2) || word == "0" {
        Ok(false)
    } else {
        Err(malformed("boolean", text))
    }
}

fn parse_integer<T: std::str::FromStr>(text: &str, type_name: &str) -> Result<T> {
    let trimmed = text.trim();
    trimmed.parse().map_err(|_| {
        let digits = trimmed.strip_prefix(['-', '+']).unwrap_or(trimmed);
        if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return malformed(type_name, text);
        }
        Error::new(ErrorKind::NumericOutOfRange, format!("value \"{text}\" is out of range for type {type_name}"))
    })
}

fn parse_float<T>(text: &str, type_name: &str, infinite: fn(T) -> bool) -> Result<T>
where
    T: std::str::FromStr + Copy + Default + PartialEq,
{
    let trimmed = text.trim();
    let value: T = trimmed.parse().map_err(|_| malformed(type_name, text))?;
    let mantissa = trimmed.split(['e', 'E']).next().unwrap_or_default();
    let vanishes = value == T::default() && mantissa.bytes().any(|byte| matches!(byte, b'1'..=b'9'));
    if vanishes || infinite(value) && trimmed.bytes().any(|byte| byte.is_ascii_digit()) {
        return Err(Error::new(
            ErrorKind::NumericOutOfRange,
            format!("\"{text}\" is out of range for type {type_name}"),
        ));
    }
    Ok(value)
}

fn parse_numeric(text: &str) -> Result<ScalarValue> {
    let bad = || malformed("numeric", text);
    let trimmed = text.trim();
    let unsigned = trimmed.strip_prefix(['-', '+']).unwrap_or(trimmed);
    if ["nan", "inf", "infinity"].iter().any(|word| unsigned.eq_ignore_ascii_case(word)) {
        return Err(not_finite());
    }
    let (mantissa, exponent) = match unsigned.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, exponent.parse::<i32>().map_err(|_| bad())?),
        None => (unsigned, 0),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    if whole.len() + fraction.len() == 0 {
        return Err(bad());
    }
    let mut value = i256::ZERO;
    for byte in whole.bytes().chain(fraction.bytes()) {
        if !byte.is_ascii_digit() {
            return Err(bad());
        }
        value = times_ten(value)
            .and_then(|value| value.checked_add(i256::from_i128((byte - b'0').into())))
            .ok_or_else(numeric_overflow)?;
    }
    let mut scale = i32::try_from(fraction.len()).map_err(|_| numeric_overflow())?.saturating_sub(exponent);
    while scale < 0 && value != i256::ZERO {
        value = times_ten(value).ok_or_else(numeric_overflow)?;
        scale += 1;
    }
    decimal(if trimmed.starts_with('-') { value.wrapping_neg() } else { value }, scale.max(0))
}

fn times_ten(value: i256) -> Option<i256> {
    value.checked_mul(i256::from_i128(10))
}

/// The narrowest decimal that holds `value × 10^−scale`.
pub(super) fn decimal(value: i256, scale: i32) -> Result<ScalarValue> {
    if scale > DIGITS_256 {
        return Err(numeric_overflow());
    }
    let narrow = value.to_i128().filter(|value| value.unsigned_abs() < 10u128.pow(DIGITS_128));
    match narrow {
        Some(value) if scale <= DIGITS_128 as i32 => Ok(ScalarValue::Decimal128(Some(value), 38, scale as i8)),
        _ => Ok(ScalarValue::Decimal256(Some(value), 76, scale as i8)),
    }
}

fn parse_bytea(text: &str) -> Result<Vec<u8>> {
    if let Some(hex) = text.strip_prefix("\\x") {
        return parse_hex(hex);
    }
    let bad = || malformed("bytea", text);
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, tail)) = rest.split_first() {
        (out, rest) = match (byte, tail) {
            (b'\\', [b'\\', tail @ ..]) => (pushed(out, b'\\'), tail),
            (b'\\', [a @ b'0'..=b'3', b @ b'0'..=b'7', c @ b'0'..=b'7', tail @ ..]) => {
                (pushed(out, (a - b'0') << 6 | (b - b'0') << 3 | (c - b'0')), tail)
            }
            (b'\\', _) => return Err(bad()),
            (byte, tail) => (pushed(out, byte), tail),
        };
    }
    Ok(out)
}

fn pushed(mut bytes: Vec<u8>, byte: u8) -> Vec<u8> {
    bytes.push(byte);
    bytes
}

fn parse_hex(hex: &str) -> Result<Vec<u8>> {
    let mut out = Vec::with_capacity(hex.len() / 2);
    let mut high = None;
    for char in hex.chars().filter(|char| !char.is_ascii_whitespace()) {
        let digit = char
            .to_digit(16)
            .ok_or_else(|| Error::new(ErrorKind::InvalidParameter, format!("invalid hexadecimal digit: \"{char}\"")))?
            as u8;
        match high.take() {
            None => high = Some(digit),
            Some(high) => out.push(high << 4 | digit),
        }
    }
    match high {
        None => Ok(out),
        Some(_) => Err(Error::new(ErrorKind::InvalidParameter, "invalid hexadecimal data: odd number of digits")),
    }
}

fn parse_array(element: &Type, text: &str, style: &Style) -> Result<ScalarValue> {
    let array = ArrayText::read(text)?;
    let value = |text: &Option<String>| {
        super::decode_parameter(element, super::Format::Text, text.as_deref().map(str::as_bytes), 1, style)
    };
    let values = array.elements.iter().map(value).collect::<Result<Vec<_>>>()?;
    array_of(element, &array.dimensions, &values)
}

/// A UUID, perhaps in braces: a hyphen may follow every four digits.
fn uuid_of(text: &str) -> Option<uuid::Uuid> {
    let inner = match text.strip_prefix('{') {
        Some(rest) => rest.strip_suffix('}')?,
        None => text,
    };
    let mut digits = String::with_capacity(32);
    let mut after_digit = false;
    for character in inner.chars() {
        match character {
            '-' if after_digit && digits.len().is_multiple_of(4) && digits.len() < 32 => after_digit = false,
            digit if digit.is_ascii_hexdigit() => {
                digits.push(digit);
                after_digit = true;
            }
            _ => return None,
        }
    }
    uuid::Uuid::try_parse(&digits).ok().filter(|_| digits.len() == 32)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ok(pg_type: &Type, text: &str) -> ScalarValue {
        parse(pg_type, text, &Style::default()).unwrap()
    }

    #[test]
    fn errors_in_the_words_of_postgres_15() {
        use ErrorKind::*;
        for (pg_type, text, kind, message) in [
            (Type::INT4, "abc", InvalidTextRepresentation, "invalid input syntax for type integer: \"abc\""),
            (Type::INT4, "", InvalidTextRepresentation, "invalid input syntax for type integer: \"\""),
            (Type::INT4, "99999999999", NumericOutOfRange, "value \"99999999999\" is out of range for type integer"),
            (Type::INT2, "70000", NumericOutOfRange, "value \"70000\" is out of range for type smallint"),
            (Type::FLOAT8, "abc", InvalidTextRepresentation, "invalid input syntax for type double precision: \"abc\""),
            (Type::FLOAT8, "1e400", NumericOutOfRange, "\"1e400\" is out of range for type double precision"),
            (Type::NUMERIC, "0x1", InvalidTextRepresentation, "invalid input syntax for type numeric: \"0x1\""),
            (Type::NUMERIC, "1e1000000", NumericOutOfRange, "value overflows numeric format"),
            (Type::BOOL, "o", InvalidTextRepresentation, "invalid input syntax for type boolean: \"o\""),
            (Type::UUID, "x", InvalidTextRepresentation, "invalid input syntax for type uuid: \"x\""),
            (Type::BYTEA, "\\xz", InvalidParameter, "invalid hexadecimal digit: \"z\""),
            (Type::INT4_ARRAY, "{1,2", InvalidTextRepresentation, "malformed array literal: \"{1,2\""),
            (Type::INT4_ARRAY, "{1,,2}", InvalidTextRepresentation, "malformed array literal: \"{1,,2}\""),
            (Type::JSON, "zz", InvalidTextRepresentation, "invalid input syntax for type json"),
            (Type::INTERVAL, "x", InvalidDatetime, "invalid input syntax for type interval: \"x\""),
        ] {
            let error = parse(&pg_type, text, &Style::default()).unwrap_err();
            assert_eq!((error.kind(), error.message()), (kind, message));
        }
    }

    #[test]
    fn numerics_keep_the_digits_they_came_with() {
        for (text, value, scale) in
            [(" 1.5e3 ", 1500, 0), (".5", 5, 1), ("1.", 1, 0), ("-1e-3", -1, 3), ("2.550", 2550, 3), ("0", 0, 0)]
        {
            assert_eq!(ok(&Type::NUMERIC, text), ScalarValue::Decimal128(Some(value), 38, scale));
        }
        assert!(matches!(ok(&Type::NUMERIC, &"9".repeat(50)), ScalarValue::Decimal256(Some(_), 76, 0)));
    }

    #[test]
    fn scalars() {
        assert_eq!(ok(&Type::INT4, " +5 "), ScalarValue::Int32(Some(5)));
        assert_eq!(ok(&Type::BOOL, " on "), ScalarValue::Boolean(Some(true)));
        assert_eq!(ok(&Type::BOOL, "of"), ScalarValue::Boolean(Some(false)));
        assert_eq!(ok(&Type::FLOAT8, "-Infinity"), ScalarValue::Float64(Some(f64::NEG_INFINITY)));
        assert_eq!(ok(&Type::BYTEA, "\\001\\\\a"), ScalarValue::BinaryView(Some(vec![1, b'\\', b'a'])));
        assert_eq!(ok(&Type::BYTEA, "\\x01Ff"), ScalarValue::BinaryView(Some(vec![1, 255])));
    }

    #[test]
    fn arrays() {
        let text = |values: &[Option<&str>]| {
            let values: Vec<_> = values.iter().map(|value| ScalarValue::Utf8(value.map(str::to_owned))).collect();
            array_of(&Type::TEXT, &[], &values).unwrap()
        };
        assert_eq!(
            ok(&Type::TEXT_ARRAY, r#"{"a b",c\"d,"NULL", null}"#),
            text(&[Some("a b"), Some("c\"d"), Some("NULL"), None])
        );
        assert_eq!(ok(&Type::TEXT_ARRAY, "{}"), text(&[]));
    }
}
