//! Numbers read by a pattern.

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, Decimal128Array};

use super::pattern::{Node, Pattern};
use crate::error::{Error, ErrorKind, Result};

/// How many decimals a pattern has.
pub(in super::super) fn decimals(pattern: &str) -> i8 {
    Pattern::parse(pattern).ok().and_then(|pattern| i8::try_from(pattern.after).ok()).unwrap_or(0).min(20)
}

/// The number in a text: unscaled digits, and how many of them are decimals.
pub(in super::super) fn to_number(text: &str, pattern: &str) -> Result<(i128, i8)> {
    let pattern = Pattern::parse(pattern)?;
    if let Some(word) = pattern.scientific.then_some("EEEE").or(pattern.roman.then_some("RN")) {
        return Err(Error::new(ErrorKind::FeatureNotSupported, format!("\"{word}\" not supported for input")));
    }
    let (mut digits, mut scale, mut places) = (0_i128, 0_i8, 0_usize);
    let (mut negative, mut in_decimals) = (text.contains('<'), false);
    let mut rest = text;
    for node in &pattern.nodes {
        let sign = rest.trim_start().chars().next().filter(|char| matches!(char, '-' | '+' | '<'));
        if let (Some(sign), false) = (sign, in_decimals && places > 0) {
            negative |= sign != '+';
            rest = &rest.trim_start()[1..];
        }
        match node {
            Node::Nine | Node::Zero => {
                rest = rest.trim_start();
                if pattern.point && rest.starts_with('.') && !in_decimals {
                    continue;
                }
                if let Some(digit) = rest.chars().next().and_then(|char| char.to_digit(10)) {
                    digits = digits
                        .checked_mul(10)
                        .and_then(|all| all.checked_add(digit.into()))
                        .ok_or_else(|| Error::new(ErrorKind::NumericOutOfRange, "value overflows numeric format"))?;
                    places += 1;
                    scale += i8::from(in_decimals);
                    rest = &rest[1..];
                }
            }
            Node::Point => {
                in_decimals = true;
                rest = rest.strip_prefix('.').unwrap_or(rest);
            }
            Node::Comma => rest = rest.strip_prefix(',').unwrap_or(rest),
            Node::Currency | Node::Text(_) => {
                let mut chars = rest.chars();
                if chars.next().is_some_and(|char| !char.is_ascii_digit()) {
                    rest = chars.as_str();
                }
            }
            _ => {}
        }
    }
    negative |= rest.trim_start().starts_with('-');
    if places == 0 {
        return Err(Error::new(ErrorKind::InvalidTextRepresentation, "invalid input syntax for type numeric: \" \""));
    }
    Ok((if negative { -digits } else { digits }, scale))
}

/// Numbers of one scale, that of the one with most decimals.
pub(in super::super) fn column(values: &[Option<(i128, i8)>]) -> Result<ArrayRef> {
    let scale = values.iter().flatten().map(|(_, scale)| *scale).max().unwrap_or(0);
    let scaled = |(digits, own): (i128, i8)| digits * 10_i128.pow(u32::from((scale - own).unsigned_abs()));
    let digits: Decimal128Array = values.iter().map(|value| value.map(scaled)).collect();
    let column = digits.with_precision_and_scale(38, scale);
    column
        .map(|column| Arc::new(column) as ArrayRef)
        .map_err(|error| Error::new(ErrorKind::NumericOutOfRange, "value overflows numeric format").with_source(error))
}
