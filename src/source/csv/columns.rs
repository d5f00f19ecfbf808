//! Fields into Arrow columns, each by its declared type, nothing rounded and nothing guessed.

use std::borrow::Cow;
use std::sync::Arc;

use datafusion::arrow::array::{
    ArrayRef, BooleanBuilder, Date32Builder, Decimal128Builder, Float32Builder, Float64Builder, Int16Builder,
    Int32Builder, Int64Builder, StringBuilder, TimestampMicrosecondBuilder,
};

use super::super::datetime::{DateTimeFormat, Parsed};
use super::super::spec::{CsvColumn, TextEncoding};
use super::super::types::ColumnType;

/// Builds one column.
#[derive(Debug)]
pub(super) struct ColumnBuilder {
    column: CsvColumn,
    encoding: TextEncoding,
    values: Values,
    /// The value parsed for the row at hand, kept until the whole row is known to be good.
    pending: Pending,
}

#[derive(Debug)]
enum Values {
    Text(StringBuilder),
    Boolean(BooleanBuilder),
    Int16(Int16Builder),
    Int32(Int32Builder),
    Int64(Int64Builder),
    Float32(Float32Builder),
    Float64(Float64Builder),
    Decimal(Decimal128Builder),
    Date(Date32Builder),
    Timestamp(TimestampMicrosecondBuilder),
}

#[derive(Debug, Clone, Copy)]
enum Pending {
    Null,
    /// The field's text is appended as it is.
    Text,
    Boolean(bool),
    Int64(i64),
    Int128(i128),
    Float64(f64),
    Float32(f32),
}

impl ColumnBuilder {
    pub(super) fn new(column: &CsvColumn, encoding: TextEncoding, rows: usize) -> Self {
        let values = match column.ty {
            ColumnType::Text | ColumnType::Varchar(_) => Values::Text(StringBuilder::with_capacity(rows, rows * 16)),
            ColumnType::Boolean => Values::Boolean(BooleanBuilder::with_capacity(rows)),
            ColumnType::SmallInt => Values::Int16(Int16Builder::with_capacity(rows)),
            ColumnType::Integer => Values::Int32(Int32Builder::with_capacity(rows)),
            ColumnType::BigInt => Values::Int64(Int64Builder::with_capacity(rows)),
            ColumnType::Real => Values::Float32(Float32Builder::with_capacity(rows)),
            ColumnType::Double => Values::Float64(Float64Builder::with_capacity(rows)),
            ColumnType::Numeric { .. } => {
                Values::Decimal(Decimal128Builder::with_capacity(rows).with_data_type(column.ty.arrow()))
            }
            ColumnType::Date => Values::Date(Date32Builder::with_capacity(rows)),
            ColumnType::Timestamp | ColumnType::TimestampTz => {
                Values::Timestamp(TimestampMicrosecondBuilder::with_capacity(rows).with_data_type(column.ty.arrow()))
            }
        };
        Self { column: column.clone(), encoding, values, pending: Pending::Null }
    }

    /// Parses the field of the row at hand; [`Self::commit`] makes it part of the column.
    ///
    /// # Errors
    /// Why the row must be rejected.
    pub(super) fn parse(&mut self, field: &[u8]) -> Result<(), String> {
        let parsed = match self.column.ty {
            ColumnType::Text => self.text_is_valid(field).then_some(Pending::Text),
            ColumnType::Varchar(length) => {
                if !self.text_is_valid(field) {
                    None
                } else if decode(field, self.encoding).chars().count() <= length {
                    Some(Pending::Text)
                } else {
                    return Err(format!("column {}: longer than {length} characters", self.column.name));
                }
            }
            ColumnType::Boolean => boolean(field).map(Pending::Boolean),
            ColumnType::SmallInt => integer(field).filter(|n| i16::try_from(*n).is_ok()).map(Pending::Int64),
            ColumnType::Integer => integer(field).filter(|n| i32::try_from(*n).is_ok()).map(Pending::Int64),
            ColumnType::BigInt => integer(field).map(Pending::Int64),
            ColumnType::Real => ascii(field).and_then(|text| text.parse().ok()).map(Pending::Float32),
            ColumnType::Double => ascii(field).and_then(|text| text.parse().ok()).map(Pending::Float64),
            ColumnType::Numeric { precision, scale } => numeric(field, precision, scale).map(Pending::Int128),
            ColumnType::Date => datetime(&self.column.formats, field)
                .filter(|at| at.micros == 0)
                .map(|at| Pending::Int64(at.days.into())),
            ColumnType::Timestamp => datetime(&self.column.formats, field).map(|at| Pending::Int64(at.local_micros())),
            ColumnType::TimestampTz => datetime(&self.column.formats, field).map(|at| Pending::Int64(at.utc_micros())),
        };
        self.pending = parsed.ok_or_else(|| self.reason(field))?;
        Ok(())
    }

    pub(super) fn set_null(&mut self) {
        self.pending = Pending::Null;
    }

    /// Appends what was parsed. `field` is the same as for [`Self::parse`].
    pub(super) fn commit(&mut self, field: &[u8]) {
        match (&mut self.values, self.pending) {
            (Values::Text(values), Pending::Text) => match decode(field, self.encoding) {
                Cow::Borrowed(text) => values.append_value(text),
                Cow::Owned(text) => values.append_value(text),
            },
            (Values::Text(values), _) => values.append_null(),
            (Values::Boolean(values), Pending::Boolean(value)) => values.append_value(value),
            (Values::Boolean(values), _) => values.append_null(),
            // Parsing has checked that the number fits.
            (Values::Int16(values), Pending::Int64(value)) => values.append_option(i16::try_from(value).ok()),
            (Values::Int16(values), _) => values.append_null(),
            (Values::Int32(values), Pending::Int64(value)) => values.append_option(i32::try_from(value).ok()),
            (Values::Int32(values), _) => values.append_null(),
            (Values::Int64(values), Pending::Int64(value)) => values.append_value(value),
            (Values::Int64(values), _) => values.append_null(),
            (Values::Float32(values), Pending::Float32(value)) => values.append_value(value),
            (Values::Float32(values), _) => values.append_null(),
            (Values::Float64(values), Pending::Float64(value)) => values.append_value(value),
            (Values::Float64(values), _) => values.append_null(),
            (Values::Decimal(values), Pending::Int128(value)) => values.append_value(value),
            (Values::Decimal(values), _) => values.append_null(),
            (Values::Date(values), Pending::Int64(value)) => values.append_option(i32::try_from(value).ok()),
            (Values::Date(values), _) => values.append_null(),
            (Values::Timestamp(values), Pending::Int64(value)) => values.append_value(value),
            (Values::Timestamp(values), _) => values.append_null(),
        }
    }

    pub(super) fn finish(&mut self) -> ArrayRef {
        match &mut self.values {
            Values::Text(values) => Arc::new(values.finish()),
            Values::Boolean(values) => Arc::new(values.finish()),
            Values::Int16(values) => Arc::new(values.finish()),
            Values::Int32(values) => Arc::new(values.finish()),
            Values::Int64(values) => Arc::new(values.finish()),
            Values::Float32(values) => Arc::new(values.finish()),
            Values::Float64(values) => Arc::new(values.finish()),
            Values::Decimal(values) => Arc::new(values.finish()),
            Values::Date(values) => Arc::new(values.finish()),
            Values::Timestamp(values) => Arc::new(values.finish()),
        }
    }

    fn text_is_valid(&self, field: &[u8]) -> bool {
        match self.encoding {
            TextEncoding::Auto | TextEncoding::Latin1 => true,
            TextEncoding::Utf8 | TextEncoding::Other(_) => std::str::from_utf8(field).is_ok(),
        }
    }

    fn reason(&self, field: &[u8]) -> String {
        const SHOWN_CHARS: usize = 60;
        let name = &self.column.name;
        let text: String = decode_lossy(field, self.encoding).chars().take(SHOWN_CHARS).collect();
        match self.column.ty {
            ColumnType::Text | ColumnType::Varchar(_) => match self.encoding {
                TextEncoding::Other(encoding) => format!("column {name}: not valid {}", encoding.name()),
                _ => format!("column {name}: not valid UTF-8"),
            },
            ColumnType::Numeric { precision, scale } => {
                format!("column {name}: \"{text}\" is not a numeric({precision},{scale})")
            }
            ColumnType::Date | ColumnType::Timestamp | ColumnType::TimestampTz => {
                let formats: Vec<_> = self.column.formats.iter().map(DateTimeFormat::pattern).collect();
                let kind = if self.column.ty == ColumnType::Date { "date" } else { "timestamp" };
                format!("column {name}: \"{text}\" is not a {kind} written as {}", formats.join(" or "))
            }
            ColumnType::Boolean => format!("column {name}: \"{text}\" is not a boolean"),
            ColumnType::SmallInt => format!("column {name}: \"{text}\" is not a smallint"),
            ColumnType::Integer => format!("column {name}: \"{text}\" is not an integer"),
            ColumnType::BigInt => format!("column {name}: \"{text}\" is not a bigint"),
            ColumnType::Real | ColumnType::Double => format!("column {name}: \"{text}\" is not a number"),
        }
    }
}

fn decode(field: &[u8], encoding: TextEncoding) -> Cow<'_, str> {
    match (std::str::from_utf8(field), encoding) {
        // Pure ASCII is the same in all encodings that are not transcoded.
        (Ok(text), TextEncoding::Latin1) if field.is_ascii() => Cow::Borrowed(text),
        (_, TextEncoding::Latin1) | (Err(_), TextEncoding::Auto) => {
            Cow::Owned(field.iter().copied().map(char::from).collect())
        }
        (Ok(text), _) => Cow::Borrowed(text),
        (Err(_), _) => String::from_utf8_lossy(field),
    }
}

/// For messages and rejects: what cannot be decoded shows as `�`.
pub(super) fn decode_lossy(text: &[u8], encoding: TextEncoding) -> Cow<'_, str> {
    decode(text, encoding)
}

fn ascii(field: &[u8]) -> Option<&str> {
    std::str::from_utf8(field.trim_ascii()).ok()
}

fn datetime(formats: &[DateTimeFormat], field: &[u8]) -> Option<Parsed> {
    formats.iter().find_map(|format| format.parse(field))
}

fn boolean(field: &[u8]) -> Option<bool> {
    match field.trim_ascii().to_ascii_lowercase().as_slice() {
        b"t" | b"true" | b"yes" | b"y" | b"on" | b"1" => Some(true),
        b"f" | b"false" | b"no" | b"n" | b"off" | b"0" => Some(false),
        _ => None,
    }
}

/// Splits off a sign; `true` is negative.
fn sign(field: &[u8]) -> (bool, &[u8]) {
    match field.trim_ascii() {
        [b'-', digits @ ..] => (true, digits),
        [b'+', digits @ ..] => (false, digits),
        digits => (false, digits),
    }
}

fn integer(field: &[u8]) -> Option<i64> {
    let (negative, digits) = sign(field);
    if digits.is_empty() {
        return None;
    }
    // Downwards, since the least number has no positive counterpart.
    let magnitude = digits.iter().try_fold(0i64, |number, byte| {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 { None } else { number.checked_mul(10)?.checked_sub(i64::from(digit)) }
    })?;
    if negative { Some(magnitude) } else { magnitude.checked_neg() }
}

/// The unscaled value; `None` where digits would be lost.
fn numeric(field: &[u8], precision: u8, scale: i8) -> Option<i128> {
    let (negative, text) = sign(field);
    let (mantissa, exponent) = match text.iter().position(|byte| matches!(byte, b'e' | b'E')) {
        Some(at) => (text.get(..at)?, integer(text.get(at + 1..)?)?),
        None => (text, 0),
    };
    let (mut value, mut digits, mut fraction, mut point) = (0i128, 0u32, 0i64, false);
    for byte in mantissa {
        match byte {
            b'0'..=b'9' => {
                value = value.checked_mul(10)?.checked_add(i128::from(byte - b'0'))?;
                digits += 1;
                fraction += i64::from(point);
            }
            b'.' if !point => point = true,
            _ => return None,
        }
    }
    if digits == 0 {
        return None;
    }
    // value × 10^(exponent − fraction) as a multiple of 10^−scale
    let mut shift = exponent.checked_sub(fraction)?.checked_add(i64::from(scale))?;
    if value == 0 {
        return Some(0);
    }
    while shift < 0 {
        if value % 10 != 0 {
            return None;
        }
        value /= 10;
        shift += 1;
    }
    while shift > 0 {
        value = value.checked_mul(10)?;
        shift -= 1;
    }
    let limit = 10i128.checked_pow(u32::from(precision))?;
    (value < limit).then_some(if negative { -value } else { value })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers_are_strict() {
        for (text, expected) in [
            ("6", Some(6)),
            ("-80995", Some(-80_995)),
            ("+7 ", Some(7)),
            ("9223372036854775807", Some(i64::MAX)),
            ("-9223372036854775808", Some(i64::MIN)),
            ("9223372036854775808", None),
            ("17850.0", None),
            ("1 2", None),
            ("", None),
            ("-", None),
            ("0x1f", None),
        ] {
            assert_eq!(integer(text.as_bytes()), expected, "{text}");
        }
    }

    #[test]
    fn numerics_lose_no_digit() {
        for (text, expected) in [
            ("2.55", Some(2_550)),
            ("-11062.06", Some(-11_062_060)),
            ("0.001", Some(1)),
            ("0.0010", Some(1)),
            ("0.0001", None),
            (".5", Some(500)),
            ("5.", Some(5_000)),
            ("1e-3", Some(1)),
            ("1E2", Some(100_000)),
            ("999999999.999", Some(999_999_999_999)),
            ("1000000000", None),
            ("1e400", None),
            ("0e999999999999", Some(0)),
            ("1.2.3", None),
            (".", None),
            ("NaN", None),
        ] {
            assert_eq!(numeric(text.as_bytes(), 12, 3), expected, "{text}");
        }
    }

    #[test]
    fn text_by_encoding() {
        assert_eq!(decode(b"CHILD\xA3", TextEncoding::Latin1), "CHILD£");
        assert_eq!(decode(b"\xC2\xA3", TextEncoding::Latin1), "Â£");
        assert_eq!(decode(b"\xC2\xA3", TextEncoding::Auto), "£");
        assert_eq!(decode(b"\xA3", TextEncoding::Auto), "£");
    }
}
