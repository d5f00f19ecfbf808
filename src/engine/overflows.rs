//! What PostgreSQL says of a number that its type does not hold, where a kernel says it in its own words.

use crate::error::{Error, ErrorKind};
use crate::pgtypes;

/// The numbers of numerics that no precision was asked for.
const PRECISION_MAX: u8 = 38;

/// `22003`.
pub(super) fn overflow(message: &str) -> Error {
    match field(message) {
        Some((precision, scale)) if precision < PRECISION_MAX => pgtypes::field_overflow(precision, scale),
        _ => Error::new(ErrorKind::NumericOutOfRange, told(message)),
    }
}

/// Precision and scale of the numeric that a number was to become.
fn field(message: &str) -> Option<(u8, i8)> {
    let message = message.to_lowercase();
    if let Some((_, wanted)) = message.split_once("cannot cast to decimal") {
        let (_, wanted) = wanted.split_once('(')?;
        let (precision, scale) = wanted.split_once(')')?.0.split_once(", ")?;
        return Some((precision.parse().ok()?, scale.parse().ok()?));
    }
    let (_, wanted) = message.split_once(" of precision ")?;
    let (precision, most) = wanted.split_once(". max is ").or_else(|| wanted.split_once(". min is "))?;
    let decimals = most.split_once('.').map_or(0, |(_, decimals)| decimals.trim_end().len());
    Some((precision.parse().ok()?, i8::try_from(decimals).ok()?))
}

fn told(message: &str) -> String {
    let message = message.to_lowercase();
    let is_beyond_bigint = |word: &str| {
        word.parse::<i64>().is_err() && word.trim_start_matches('-').bytes().all(|byte| byte.is_ascii_digit())
    };
    if message.split_whitespace().any(|word| word.len() > 18 && is_beyond_bigint(word)) {
        "value overflows numeric format".to_owned()
    } else if let Some(operands) = message.strip_prefix("overflow happened on: ") {
        // what two numbers of a type give is one of the next wider
        match operands.split_whitespace().filter_map(|word| word.parse::<i64>().ok()).map(i64::unsigned_abs).max() {
            Some(..=0x8000) => "smallint out of range",
            Some(..=0x8000_0000) => "integer out of range",
            _ => "bigint out of range",
        }
        .to_owned()
    } else if message.contains("decimal") || message.contains("i128") {
        "numeric field overflow".to_owned()
    } else if message.contains("i32") || message.contains("int32") {
        "integer out of range".to_owned()
    } else if message.contains("i16") || message.contains("int16") {
        "smallint out of range".to_owned()
    } else {
        "bigint out of range".to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_numeric_that_is_too_small_is_told() {
        let check = |message: &str, field: Option<(u8, i8)>| {
            let error = overflow(message);
            let wanted = field.map(|(precision, scale)| pgtypes::field_overflow(precision, scale));
            assert_eq!(error.detail(), wanted.as_ref().and_then(Error::detail), "{message}");
        };
        check("1234.50 is too large to store in a Decimal128 of precision 5. Max is 999.99", Some((5, 2)));
        check("-12345 is too small to store in a Decimal128 of precision 4. Min is -9999", Some((4, 0)));
        check("Cannot cast to Decimal128(5, 2). Overflowing on 12345", Some((5, 2)));
        check("Cannot cast to Decimal128(38, 17). Overflowing on 12345", None);
    }
}
