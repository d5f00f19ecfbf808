//! Strings of bits as the numbers that they are cast to.
//!
//! Source: PostgreSQL 15, `varbit.c`: `bit_in`, `bitfromint4`, `bittoint4` and their kin.

use crate::error::{Error, ErrorKind, Result};
use crate::pgfunctions::row::{Function, Output, Returns, Value, strict};

/// Most bits that a number has.
const MOST: usize = 64;

pub const FUNCTIONS: &[Function] =
    &[strict("lakewire_bits", "text int int|int int int", Returns::BigInt, |_, args| {
        let [value, bits, width] = args else { return Ok(Output::Null) };
        let (bits, width) = (usize::try_from(bits.int()).unwrap_or(0), width.int());
        let (limit, of) = if width == 32 { (32, "integer") } else { (MOST, "bigint") };
        if bits > limit {
            return Err(Error::new(ErrorKind::NumericOutOfRange, format!("{of} out of range")));
        }
        let unsigned = match value {
            Value::Text(text) => of_text(text, bits)?,
            number => number.int().cast_unsigned() & mask(bits),
        };
        Ok(Output::Int(match width {
            32 => i64::from(u32::try_from(unsigned).unwrap_or(u32::MAX).cast_signed()),
            _ => unsigned.cast_signed(),
        }))
    })];

fn mask(bits: usize) -> u64 {
    u64::MAX.checked_shr(u32::try_from(MOST - bits).unwrap_or(0)).unwrap_or(0)
}

/// The first bits of `x1f`, `b0101` or `0101`; zeros where there are none.
fn of_text(text: &str, bits: usize) -> Result<u64> {
    let (digits, radix, kind) = match text.as_bytes().first() {
        Some(b'x' | b'X') => (&text[1..], 16, "hexadecimal"),
        Some(b'b' | b'B') => (&text[1..], 2, "binary"),
        _ => (text, 2, "binary"),
    };
    let each = if radix == 16 { 4 } else { 1 };
    let (mut value, mut count) = (0u64, 0);
    for digit in digits.chars() {
        let Some(of_digit) = digit.to_digit(radix) else {
            let message = format!("\"{digit}\" is not a valid {kind} digit");
            return Err(Error::new(ErrorKind::InvalidTextRepresentation, message));
        };
        for place in (0..each).rev() {
            if count < bits {
                value = value << 1 | u64::from(of_digit >> place & 1);
                count += 1;
            }
        }
    }
    Ok(value.checked_shl(u32::try_from(bits - count).unwrap_or(0)).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_read_from_the_left() {
        let read = |text, bits| of_text(text, bits).unwrap();
        assert_eq!((read("xff", 8), read("xff", 4), read("xff", 16)), (255, 15, 65_280));
        assert_eq!((read("101", 3), read("b101", 8), read("", 8)), (5, 160, 0));
        assert_eq!(read("xffffffffffffffff", 64), u64::MAX);
        assert_eq!(of_text("xg", 8).unwrap_err().message(), "\"g\" is not a valid hexadecimal digit");
        assert_eq!((mask(8), mask(64), mask(0)), (255, u64::MAX, 0));
    }
}
