//! Quoting and sizes as text.

use datafusion::scalar::ScalarValue;

use super::{Definition, number_of, strict, text, text_of, utf8};
use crate::engine::SessionInfo;
use crate::error::Result;

pub const FUNCTIONS: &[Definition] = &[
    strict("quote_literal", 1..=1, text, quote_literal),
    Definition { name: "quote_nullable", arguments: 1..=1, returns: text, strict: false, eval: quote_nullable },
    strict("pg_size_pretty", 1..=1, text, size_pretty),
];

fn quote_literal(_: &SessionInfo, args: &[ScalarValue]) -> Result<ScalarValue> {
    let text = args.first().map(text_of).unwrap_or_default();
    let escape = if text.contains('\\') { "E" } else { "" };
    Ok(utf8(format!("{escape}'{}'", text.replace('\'', "''").replace('\\', "\\\\"))))
}

fn quote_nullable(session: &SessionInfo, args: &[ScalarValue]) -> Result<ScalarValue> {
    if args.iter().any(ScalarValue::is_null) { Ok(utf8("NULL")) } else { quote_literal(session, args) }
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
