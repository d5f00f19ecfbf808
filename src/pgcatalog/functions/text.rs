//! Quoting and sizes as text.

use datafusion::scalar::ScalarValue;

use super::{Definition, lenient, number_of, strict, text_of, utf8};
use crate::engine::SessionInfo;
use crate::error::{Error, ErrorKind, Result};
use crate::names::quote_ident;

pub const FUNCTIONS: &[Definition] = &[
    strict("quote_literal", 1..=1, "text", quote_literal),
    lenient("quote_nullable", 1..=1, "text", quote_nullable),
    strict("pg_size_pretty", 1..=1, "text", size_pretty),
    lenient("format", 1..=9, "text", format),
];

fn quote_literal(_: &SessionInfo, args: &[ScalarValue]) -> Result<ScalarValue> {
    Ok(utf8(quoted(&args.first().map(text_of).unwrap_or_default())))
}

fn quoted(text: &str) -> String {
    let escape = if text.contains('\\') { "E" } else { "" };
    format!("{escape}'{}'", text.replace('\'', "''").replace('\\', "\\\\"))
}

fn quote_nullable(session: &SessionInfo, args: &[ScalarValue]) -> Result<ScalarValue> {
    if args.iter().any(ScalarValue::is_null) { Ok(utf8("NULL")) } else { quote_literal(session, args) }
}

/// `%s`, `%I`, `%L` and `%%`; with `n$` the n-th argument.
fn format(_: &SessionInfo, args: &[ScalarValue]) -> Result<ScalarValue> {
    let Some((template, values)) = args.split_first() else { return Ok(ScalarValue::Utf8(None)) };
    if template.is_null() {
        return Ok(ScalarValue::Utf8(None));
    }
    let (template, mut shown, mut next) = (text_of(template), String::new(), 0);
    let mut rest = template.as_str();
    while let Some((before, after)) = rest.split_once('%') {
        shown.push_str(before);
        let digits = after.len() - after.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        let (number, after) = match after.get(digits..).and_then(|tail| tail.strip_prefix('$')) {
            Some(tail) => (after.get(..digits).and_then(|digits| digits.parse::<usize>().ok()), tail),
            None => (None, after),
        };
        let index = number.map_or(next, |number| number.saturating_sub(1));
        let value = values.get(index).filter(|value| !value.is_null()).map(text_of);
        let mut tail = after.chars();
        match tail.next() {
            Some('%') => shown.push('%'),
            Some('I') => shown.push_str(&quote_ident(&value.unwrap_or_default())),
            Some('L') => shown.push_str(&value.map_or_else(|| "NULL".to_owned(), |text| quoted(&text))),
            Some('s') => shown.push_str(&value.unwrap_or_default()),
            other => {
                let given = other.map(String::from).unwrap_or_default();
                return Err(Error::new(
                    ErrorKind::InvalidParameter,
                    format!("unrecognized format() type specifier \"{given}\""),
                ));
            }
        }
        if !after.starts_with('%') {
            next = index + 1;
        }
        rest = tail.as_str();
    }
    shown.push_str(rest);
    Ok(utf8(shown))
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
