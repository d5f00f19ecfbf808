//! Sizes as text.

use datafusion::scalar::ScalarValue;

use super::{Definition, number_of, strict, utf8};
use crate::engine::SessionInfo;
use crate::error::Result;

pub const FUNCTIONS: &[Definition] = &[strict("pg_size_pretty", 1..=1, "text", size_pretty)];

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
