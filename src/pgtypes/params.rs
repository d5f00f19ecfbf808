//! Parameters of Bind as values, in text and in binary.

use bytes::Buf;
use datafusion::arrow::datatypes::{DataType, i256};
use datafusion::scalar::ScalarValue;
use pgwire::api::Type;

use super::Format;
use super::array_text::{MAX_DIMENSIONS, too_deep};
use super::input;
use super::style::Style;
use super::time::{INFINITY, Interval, MICROS_PER_DAY, MINUS_INFINITY, POSTGRES_EPOCH_DAYS};
use super::types::{arrow_type, element_of};
use crate::error::{Error, ErrorKind, Result};

/// The value of a parameter (`None` = null) of type `pg_type`. Malformed text is `22P02` or the code of its kind,
/// malformed binary `22P03`; `number` is the parameter's, from 1.
pub fn decode_parameter(
    pg_type: &Type,
    format: Format,
    bytes: Option<&[u8]>,
    number: usize,
    style: &Style,
) -> Result<ScalarValue> {
    // what a driver keeps a place for
    if *pg_type == Type::VOID && bytes.is_none() {
        return Ok(ScalarValue::Null);
    }
    let data_type = arrow_type(pg_type).ok_or_else(|| {
        Error::new(
            ErrorKind::FeatureNotSupported,
            format!("parameter ${number} has type {}, which is not supported", pg_type.name()),
        )
        .with_hint("Send it as text and cast it in the statement.")
    })?;
    match (bytes, format) {
        (None, _) => ScalarValue::try_from(&data_type)
            .map_err(|error| Error::internal(format!("no null of type {data_type}")).with_source(error)),
        (Some(bytes), Format::Text) => input::parse(pg_type, utf8(bytes)?, style),
        (Some(bytes), Format::Binary) => receive(pg_type, bytes, number),
    }
}

pub(crate) fn utf8(bytes: &[u8]) -> Result<&str> {
    let text = std::str::from_utf8(bytes).map_err(|error| {
        let at = error.valid_up_to();
        let end = bytes.len().min(at + error.error_len().unwrap_or(bytes.len() - at));
        let bad = bytes[at..end].iter().map(|byte| format!("{byte:#04x}")).collect::<Vec<_>>().join(" ");
        Error::new(ErrorKind::CharacterNotInRepertoire, format!("invalid byte sequence for encoding \"UTF8\": {bad}"))
    })?;
    if text.contains('\0') {
        return Err(Error::new(
            ErrorKind::CharacterNotInRepertoire,
            "invalid byte sequence for encoding \"UTF8\": 0x00",
        ));
    }
    Ok(text)
}

fn malformed(number: usize) -> Error {
    Error::new(
        ErrorKind::InvalidBinaryRepresentation,
        format!("incorrect binary data format in bind parameter {number}"),
    )
}

fn receive(pg_type: &Type, bytes: &[u8], number: usize) -> Result<ScalarValue> {
    fn fixed<const N: usize>(bytes: &[u8], number: usize) -> Result<[u8; N]> {
        bytes.try_into().map_err(|_| malformed(number))
    }
    Ok(match *pg_type {
        Type::BOOL => ScalarValue::Boolean(Some(fixed::<1>(bytes, number)? != [0])),
        Type::INT2 => ScalarValue::Int16(Some(i16::from_be_bytes(fixed(bytes, number)?))),
        Type::INT4 => ScalarValue::Int32(Some(i32::from_be_bytes(fixed(bytes, number)?))),
        Type::INT8 => ScalarValue::Int64(Some(i64::from_be_bytes(fixed(bytes, number)?))),
        Type::OID | Type::REGCLASS | Type::REGTYPE | Type::REGPROC => {
            ScalarValue::Int64(Some(u32::from_be_bytes(fixed(bytes, number)?).into()))
        }
        Type::FLOAT4 => ScalarValue::Float32(Some(f32::from_be_bytes(fixed(bytes, number)?))),
        Type::FLOAT8 => ScalarValue::Float64(Some(f64::from_be_bytes(fixed(bytes, number)?))),
        Type::NUMERIC => receive_numeric(bytes, number)?,
        Type::BYTEA => ScalarValue::BinaryView(Some(bytes.to_vec())),
        Type::UUID => ScalarValue::Utf8(Some(uuid::Uuid::from_bytes(fixed(bytes, number)?).to_string())),
        Type::DATE => ScalarValue::Date32(Some(match i32::from_be_bytes(fixed(bytes, number)?) {
            infinite @ (i32::MAX | i32::MIN) => infinite,
            days => days.checked_add(POSTGRES_EPOCH_DAYS).ok_or_else(|| malformed(number))?,
        })),
        Type::TIME => ScalarValue::Time64Microsecond(Some(i64::from_be_bytes(fixed(bytes, number)?))),
        Type::TIMESTAMP => ScalarValue::TimestampMicrosecond(Some(receive_micros(fixed(bytes, number)?)), None),
        Type::TIMESTAMPTZ => {
            ScalarValue::TimestampMicrosecond(Some(receive_micros(fixed(bytes, number)?)), Some("UTC".into()))
        }
        Type::INTERVAL => receive_interval(fixed(bytes, number)?)?,
        Type::JSONB => match bytes {
            [1, text @ ..] => input::parse(&Type::JSON, utf8(text)?, &Style::default())?,
            _ => return Err(malformed(number)),
        },
        _ if element_of(pg_type).is_some() => receive_array(pg_type, bytes, number)?,
        // the text types send text
        _ => input::parse(pg_type, utf8(bytes)?, &Style::default())?,
    })
}

fn receive_micros(bytes: [u8; 8]) -> i64 {
    const EPOCH_MICROS: i64 = POSTGRES_EPOCH_DAYS as i64 * MICROS_PER_DAY;
    match i64::from_be_bytes(bytes) {
        infinite @ (INFINITY | MINUS_INFINITY) => infinite,
        micros => micros.saturating_add(EPOCH_MICROS),
    }
}

fn receive_interval(bytes: [u8; 16]) -> Result<ScalarValue> {
    let mut bytes = &bytes[..];
    let (micros, days, months) = (bytes.get_i64(), bytes.get_i32(), bytes.get_i32());
    Ok(ScalarValue::IntervalMonthDayNano(Some(Interval { months, days, micros }.to_arrow()?)))
}

fn receive_numeric(mut bytes: &[u8], number: usize) -> Result<ScalarValue> {
    const TEN: i256 = i256::from_i128(10);
    const GROUP: i256 = i256::from_i128(10_000);
    if bytes.len() < 8 {
        return Err(malformed(number));
    }
    let (count, weight, sign, scale) = (bytes.get_u16(), bytes.get_i16(), bytes.get_u16(), bytes.get_u16());
    if bytes.len() != usize::from(count) * 2 {
        return Err(malformed(number));
    }
    let negative = match sign {
        0 => false,
        0x4000 => true,
        0xc000 | 0xd000 | 0xf000 => return Err(input::not_finite()),
        _ => return Err(malformed(number)),
    };
    let mut value = i256::ZERO;
    for _ in 0..count {
        let group = bytes.get_u16();
        if group > 9_999 {
            return Err(malformed(number));
        }
        value = value
            .checked_mul(GROUP)
            .and_then(|value| value.checked_add(i256::from_i128(group.into())))
            .ok_or_else(input::numeric_overflow)?;
    }
    // the last group stands for 10000^(weight − count + 1); bring the whole to 10^−scale
    let exponent = (i32::from(weight) - i32::from(count) + 1) * 4 + i32::from(scale);
    for _ in 0..exponent.unsigned_abs() {
        if value == i256::ZERO {
            break;
        }
        let next = if exponent > 0 { value.checked_mul(TEN) } else { value.checked_div(TEN) };
        value = next.ok_or_else(input::numeric_overflow)?;
    }
    input::decimal(if negative { value.wrapping_neg() } else { value }, i32::from(scale))
}

fn receive_array(pg_type: &Type, mut bytes: &[u8], number: usize) -> Result<ScalarValue> {
    let element = element_of(pg_type).ok_or_else(|| malformed(number))?;
    if bytes.len() < 12 {
        return Err(malformed(number));
    }
    let (dimensions, _has_null, sent) = (bytes.get_i32(), bytes.get_i32(), bytes.get_u32());
    if sent != element.oid() {
        return Err(Error::new(ErrorKind::DatatypeMismatch, "binary data has array element type that is not expected")
            .with_detail(format!("Parameter ${number} is {}, its elements have type OID {sent}.", pg_type.name())));
    }
    let dimensions = usize::try_from(dimensions).map_err(|_| malformed(number))?;
    if dimensions > MAX_DIMENSIONS {
        return Err(too_deep(dimensions));
    }
    let mut lengths = Vec::new();
    for _ in 0..dimensions {
        if bytes.len() < 8 {
            return Err(malformed(number));
        }
        let (length, _lower_bound) = (bytes.get_i32(), bytes.get_i32());
        lengths.push(usize::try_from(length).map_err(|_| malformed(number))?);
    }
    if lengths.contains(&0) {
        // an empty array has no dimensions
        lengths.clear();
    }
    let mut values = Vec::new();
    if !lengths.is_empty() {
        let count = lengths.iter().try_fold(1usize, |count, length| count.checked_mul(*length));
        for _ in 0..count.ok_or_else(|| malformed(number))? {
            values.push(receive_element(&element, &mut bytes, number)?);
        }
    }
    if !bytes.is_empty() {
        return Err(malformed(number));
    }
    array_of(&element, &lengths, &values)
}

fn receive_element(element: &Type, bytes: &mut &[u8], number: usize) -> Result<ScalarValue> {
    if bytes.len() < 4 {
        return Err(malformed(number));
    }
    let value = match usize::try_from(bytes.get_i32()) {
        Err(_) => None,
        Ok(length) => {
            let (value, rest) = bytes.split_at_checked(length).ok_or_else(|| malformed(number))?;
            *bytes = rest;
            Some(value)
        }
    };
    decode_parameter(element, Format::Binary, value, number, &Style::default())
}

/// An array of values, which are brought to one type: decimals may come with scales of their own. One of several dimensions,
/// whose lengths are given, is a list of lists; its values come row by row.
pub(super) fn array_of(element: &Type, lengths: &[usize], values: &[ScalarValue]) -> Result<ScalarValue> {
    let declared = arrow_type(element).ok_or_else(|| Error::internal("an element type that is not supported"))?;
    let scale = values.iter().filter_map(|value| match value.data_type() {
        DataType::Decimal128(_, scale) if !value.is_null() => Some(scale),
        _ => None,
    });
    let mut data_type = match (&declared, scale.max()) {
        (DataType::Decimal128(precision, _), Some(scale)) => DataType::Decimal128(*precision, scale),
        _ => declared,
    };
    let cast =
        |value: &ScalarValue| value.cast_to(&data_type).map_err(|error| input::numeric_overflow().with_source(error));
    let mut values = values.iter().map(cast).collect::<Result<Vec<_>>>()?;
    let listed = |values: &[ScalarValue], of: &DataType| ScalarValue::List(ScalarValue::new_list(values, of, true));
    for length in lengths.iter().skip(1).rev() {
        values = values.chunks((*length).max(1)).map(|row| listed(row, &data_type)).collect();
        data_type = DataType::new_list(data_type, true);
    }
    Ok(listed(&values, &data_type))
}

#[cfg(test)]
mod tests {
    use bytes::BytesMut;

    use super::*;
    use crate::pgtypes::number::put_decimal128_binary;

    fn binary(pg_type: &Type, bytes: &[u8]) -> Result<ScalarValue> {
        decode_parameter(pg_type, Format::Binary, Some(bytes), 1, &Style::default())
    }

    #[test]
    fn fixed_sizes_are_checked() {
        assert_eq!(binary(&Type::INT4, &[0, 0, 1, 0]).unwrap(), ScalarValue::Int32(Some(256)));
        let error = binary(&Type::INT4, &[1]).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidBinaryRepresentation);
        assert_eq!(error.message(), "incorrect binary data format in bind parameter 1");
    }

    #[test]
    fn numeric_reads_what_it_writes() {
        for (value, scale) in [(0, 3), (12_345, 3), (-5, 3), (1, 8), (100_000_000, 0), (i128::MAX / 10, 5)] {
            let mut bytes = BytesMut::new();
            put_decimal128_binary(&mut bytes, value, scale);
            assert_eq!(binary(&Type::NUMERIC, &bytes).unwrap(), ScalarValue::Decimal128(Some(value), 38, scale));
        }
        assert!(binary(&Type::NUMERIC, &[0, 1, 0, 0]).is_err());
        let nan = [0, 0, 0, 0, 0xc0, 0, 0, 0];
        assert_eq!(binary(&Type::NUMERIC, &nan).unwrap_err().kind(), ErrorKind::FeatureNotSupported);
    }

    #[test]
    fn null_has_the_type() {
        let null = decode_parameter(&Type::DATE, Format::Binary, None, 1, &Style::default()).unwrap();
        assert_eq!(null, ScalarValue::Date32(None));
    }

    #[test]
    fn arrays_with_nulls() {
        let mut bytes = Vec::new();
        for word in [1, 1, Type::INT4.oid() as i32, 2, 1, 4, 7, -1] {
            bytes.extend_from_slice(&i32::to_be_bytes(word));
        }
        let expected = array_of(&Type::INT4, &[], &[ScalarValue::Int32(Some(7)), ScalarValue::Int32(None)]).unwrap();
        assert_eq!(binary(&Type::INT4_ARRAY, &bytes).unwrap(), expected);
        assert!(binary(&Type::INT4_ARRAY, &bytes[..21]).is_err());
    }

    #[test]
    fn arrays_of_several_dimensions() {
        let mut bytes = Vec::new();
        for word in [2, 0, Type::INT4.oid() as i32, 2, 1, 1, 1, 4, 7, 4, 8] {
            bytes.extend_from_slice(&i32::to_be_bytes(word));
        }
        let numbers = [ScalarValue::Int32(Some(7)), ScalarValue::Int32(Some(8))];
        let read = binary(&Type::INT4_ARRAY, &bytes).unwrap();
        assert_eq!(read, array_of(&Type::INT4, &[2, 1], &numbers).unwrap());
        assert_eq!(crate::pgtypes::dimensions(&read.data_type()), 2);
        // more than there are bytes for
        bytes[12..16].copy_from_slice(&i32::to_be_bytes(i32::MAX));
        assert!(binary(&Type::INT4_ARRAY, &bytes).is_err());
    }

    #[test]
    fn bytes_that_are_no_text() {
        let error = decode_parameter(&Type::TEXT, Format::Text, Some(b"a\xff"), 1, &Style::default()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::CharacterNotInRepertoire);
        assert_eq!(error.message(), "invalid byte sequence for encoding \"UTF8\": 0xff");
    }
}
