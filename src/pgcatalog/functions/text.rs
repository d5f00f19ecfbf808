//! Sizes as text.

use datafusion::scalar::ScalarValue;

use super::{Definition, number_of, strict, text_of, utf8};
use crate::engine::SessionInfo;
use crate::error::{Error, ErrorKind, Result};

pub const FUNCTIONS: &[Definition] =
    &[strict("pg_size_pretty", 1..=1, "text", size_pretty), strict("pg_size_bytes", 1..=1, "int8", size_bytes)];

/// `1.5 GB` → 1610612736.
fn size_bytes(_: &SessionInfo, args: &[ScalarValue]) -> Result<ScalarValue> {
    let text = args.first().map(text_of).unwrap_or_default();
    let given = text.trim();
    let end = given.find(|letter: char| !letter.is_ascii_digit() && !".+-".contains(letter)).unwrap_or(given.len());
    let (number, unit) = given.split_at(end);
    let invalid = || Error::new(ErrorKind::InvalidParameter, format!("invalid size: \"{text}\""));
    let number: f64 = number.parse().map_err(|_| invalid())?;
    let unit = unit.trim();
    let units = ["bytes", "kb", "mb", "gb", "tb", "pb"];
    let power = match unit.to_ascii_lowercase().as_str() {
        "" | "b" => Some(0),
        lower => units.iter().position(|known| *known == lower),
    };
    let power = power.and_then(|power| i32::try_from(power).ok()).ok_or_else(|| {
        invalid()
            .with_detail(format!("Invalid size unit: \"{unit}\"."))
            .with_hint("Valid units are \"bytes\", \"B\", \"kB\", \"MB\", \"GB\", \"TB\", and \"PB\".")
    })?;
    Ok(ScalarValue::Int64(Some((number * 1024_f64.powi(power)).round() as i64)))
}

fn size_pretty(_: &SessionInfo, args: &[ScalarValue]) -> Result<ScalarValue> {
    Ok(utf8(pretty(args.first().and_then(number_of).unwrap_or(0))))
}

/// As PostgreSQL: whole units, the next one from 10,240 of the smaller on, rounded half up.
fn pretty(bytes: i64) -> String {
    let mut size = bytes;
    let mut unit = "bytes";
    for next in ["kB", "MB", "GB", "TB", "PB"] {
        if size.unsigned_abs() < 10 * 1024 {
            break;
        }
        size = (size / 512 + size.signum()) / 2;
        unit = next;
    }
    format!("{size} {unit}")
}

#[cfg(test)]
mod tests {
    use super::pretty;

    #[test]
    fn sizes_are_those_of_postgres() {
        for (bytes, shown) in [(0, "0 bytes"), (10_239, "10239 bytes"), (10_240, "10 kB"), (1_500_000, "1465 kB")] {
            assert_eq!(pretty(bytes), shown);
        }
    }
}
