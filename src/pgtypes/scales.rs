//! Numerics as text, each with decimals of its own: what a client is shown where one type holds numbers of several scales.

use std::sync::Arc;

use bytes::{BufMut, BytesMut};
use datafusion::arrow::array::{Array, ArrayRef, AsArray, Int8Array, StringBuilder};
use datafusion::arrow::datatypes::{DataType, Decimal128Type, Decimal256Type, i256};

use super::number::{put_decimal256, put_numeric_binary};
use super::numeric::{QUOTIENT, Shown, divide, rescaled};
use super::{DEVIATION, FREE, FUNCTION, ROOT};
use crate::error::{Error, Result};

/// The types whose values each have a scale of their own, in the order of their numbers: −1, −2 …
const OF_VALUES: [DataType; 5] = [QUOTIENT, ROOT, DEVIATION, FUNCTION, FREE];

/// How numbers of the type are shown, as a number: how many decimals they have; less than nothing where each has its own.
/// `None` for a type of other things.
pub fn shown_scale(data_type: &DataType) -> Option<i8> {
    if let Some(place) = OF_VALUES.iter().position(|of_values| of_values == data_type) {
        return i8::try_from(place).ok().map(|place| -1 - place);
    }
    match data_type {
        DataType::Decimal128(_, scale) | DataType::Decimal256(_, scale) => Some((*scale).max(0)),
        integer if integer.is_integer() => Some(0),
        _ => None,
    }
}

/// The text of each number, shown as [`shown_scale`] says beside it; with all decimals of its type where that is not told,
/// or where fewer would say less than it is.
///
/// # Errors
/// An internal one, for what is no numeric.
pub fn scaled_texts(numbers: &ArrayRef, scales: &Int8Array) -> Result<ArrayRef> {
    let (number, of): (Box<dyn Fn(usize) -> i256>, i8) = match numbers.data_type() {
        DataType::Decimal128(_, scale) => {
            let values = numbers.as_primitive::<Decimal128Type>();
            (Box::new(|row| i256::from_i128(values.value(row))), *scale)
        }
        DataType::Decimal256(_, scale) => {
            let values = numbers.as_primitive::<Decimal256Type>();
            (Box::new(|row| values.value(row)), *scale)
        }
        other => return Err(Error::internal(format!("no numeric, but {other}"))),
    };
    let mut texts = StringBuilder::with_capacity(numbers.len(), numbers.len() * 12);
    let mut text = BytesMut::new();
    for row in 0..numbers.len() {
        if numbers.is_null(row) {
            texts.append_null();
            continue;
        }
        let all = number(row);
        let scale = if scales.is_null(row) { of } else { scales.value(row) };
        let (value, scale) = shown(all, of, scale).unwrap_or((all, of));
        text.clear();
        put_decimal256(&mut text, value, scale);
        texts.append_value(String::from_utf8_lossy(&text));
    }
    Ok(Arc::new(texts.finish()))
}

/// A number of a scale as one that is shown so; `None` where that is not the same number.
fn shown(value: i256, of: i8, scale: i8) -> Option<(i256, i8)> {
    if scale >= 0 {
        let shown = rescaled(value, of, scale)?;
        return (scale >= of || rescaled(shown, scale, of)? == value).then_some((shown, scale));
    }
    let of_values = usize::try_from(-1 - i16::from(scale)).ok().and_then(|place| OF_VALUES.get(place))?;
    let DataType::Decimal128(_, own) = of_values else { return None };
    let number = divide(value, i256::from_i128(1), i32::from(*own) - i32::from(of))?.to_i128()?;
    let (number, scale) = Shown::of(of_values).digits(number, *own);
    Some((i256::from_i128(number), scale))
}

/// Appends what `numeric_send` makes of a numeric's text.
pub(super) fn put_text_binary(out: &mut BytesMut, text: &str) {
    let (negative, magnitude) = text.strip_prefix('-').map_or((false, text), |magnitude| (true, magnitude));
    let (whole, fraction) = magnitude.split_once('.').unwrap_or((magnitude, ""));
    let mut digits = BytesMut::with_capacity(magnitude.len());
    digits.put_slice(whole.as_bytes());
    digits.put_slice(fraction.as_bytes());
    put_numeric_binary(out, negative, &digits, i8::try_from(fraction.len()).unwrap_or(i8::MAX));
}

#[cfg(test)]
mod tests {
    use datafusion::arrow::array::Decimal128Array;

    use super::*;

    fn texts(numbers: Vec<i128>, of: DataType, scales: Vec<Option<i8>>) -> Vec<String> {
        let numbers = Decimal128Array::from(numbers).with_data_type(of);
        let texts = scaled_texts(&(Arc::new(numbers) as ArrayRef), &Int8Array::from(scales)).unwrap();
        texts.as_string::<i32>().iter().map(|text| text.unwrap().to_owned()).collect()
    }

    #[test]
    fn each_number_has_its_decimals() {
        let shown = texts(vec![0, 250, -1050, 5], DataType::Decimal128(12, 2), vec![Some(0), Some(1), Some(2), None]);
        assert_eq!(shown, ["0", "2.5", "-10.50", "0.05"]);
        assert_eq!(texts(vec![105, 1], DataType::Decimal128(12, 1), vec![Some(3), Some(0)]), ["10.500", "0.1"]);
    }

    #[test]
    fn a_quotient_beside_others_is_shown_as_one() {
        let quotient = shown_scale(&QUOTIENT);
        assert_eq!(quotient, Some(-1));
        let shown = texts(vec![25 * 10i128.pow(19), 0], QUOTIENT, vec![quotient, Some(0)]);
        assert_eq!(shown, ["2.5000000000000000", "0"]);
    }

    #[test]
    fn text_is_sent_as_numbers_are() {
        use super::super::number::put_decimal128_binary;
        for (text, value, scale) in [("0", 0, 0), ("-10.50", -1050, 2), ("12345.6789", 123_456_789, 4), ("0.00", 0, 2)]
        {
            let (mut of_text, mut of_number) = (BytesMut::new(), BytesMut::new());
            put_text_binary(&mut of_text, text);
            put_decimal128_binary(&mut of_number, value, scale);
            assert_eq!(of_text, of_number, "{text}");
        }
    }
}
