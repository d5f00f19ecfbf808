//! Integers and decimals as PostgreSQL prints them, and `numeric` as it sends them. Nothing here allocates.

use std::fmt::{self, Write};

use bytes::{BufMut, BytesMut};
use datafusion::arrow::datatypes::i256;

/// Text on the stack. `N` must hold what is written; what does not fit is an error of `write!`.
pub(super) struct StackText<const N: usize> {
    bytes: [u8; N],
    len: usize,
}

impl<const N: usize> StackText<N> {
    pub(super) fn new() -> Self {
        Self { bytes: [0; N], len: 0 }
    }
    pub(super) fn as_bytes(&self) -> &[u8] {
        &self.bytes[..self.len]
    }
}

impl<const N: usize> Write for StackText<N> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let end = self.len + text.len();
        self.bytes.get_mut(self.len..end).ok_or(fmt::Error)?.copy_from_slice(text.as_bytes());
        self.len = end;
        Ok(())
    }
}

const PAIRS: &[u8; 200] = b"00010203040506070809101112131415161718192021222324252627282930313233343536373839\
4041424344454647484950515253545556575859606162636465666768697071727374757677787980818283848586878889\
90919293949596979899";

/// Writes the digits of `value` so that they end where `buffer` ends, and gives where they start. `N` ≥ 20.
#[inline]
fn digits_u64<const N: usize>(mut value: u64, buffer: &mut [u8; N]) -> usize {
    let mut at = buffer.len();
    while value >= 100 {
        let pair = (value % 100) as usize * 2;
        value /= 100;
        at -= 2;
        buffer[at..at + 2].copy_from_slice(&PAIRS[pair..pair + 2]);
    }
    if value >= 10 {
        let pair = value as usize * 2;
        at -= 2;
        buffer[at..at + 2].copy_from_slice(&PAIRS[pair..pair + 2]);
    } else {
        at -= 1;
        buffer[at] = b'0' + value as u8;
    }
    at
}

#[inline]
pub(super) fn put_u64(out: &mut BytesMut, value: u64) {
    let mut buffer = [0; 20];
    let at = digits_u64(value, &mut buffer);
    out.put_slice(&buffer[at..]);
}

#[inline]
pub(super) fn put_i64(out: &mut BytesMut, value: i64) {
    let mut buffer = [0; 20];
    let at = digits_i64(value, &mut buffer);
    out.put_slice(&buffer[at..]);
}

/// Like [`digits_u64`], with the sign. The magnitude of an `i64` has at most 19 digits, so the sign fits.
#[inline]
pub(super) fn digits_i64<const N: usize>(value: i64, buffer: &mut [u8; N]) -> usize {
    let at = digits_u64(value.unsigned_abs(), buffer);
    if value >= 0 {
        return at;
    }
    buffer[at - 1] = b'-';
    at - 1
}

/// Two digits, zero-padded; for dates and times.
#[inline]
pub(super) fn put_pair(out: &mut BytesMut, value: u32) {
    let pair = value as usize % 100 * 2;
    out.put_slice(&PAIRS[pair..pair + 2]);
}

/// The decimal digits of `value`, most significant first, in `buffer`; gives where they start.
fn digits_u128(value: u128, buffer: &mut [u8; 40]) -> usize {
    const CHUNK: u128 = 10_000_000_000_000_000_000;
    let mut at = buffer.len();
    let mut rest = value;
    loop {
        let (high, low) = (rest / CHUNK, (rest % CHUNK) as u64);
        let mut chunk = [b'0'; 20];
        let start = digits_u64(low, &mut chunk);
        // an inner chunk keeps its leading zeros: 19 digits
        let start = if high > 0 { 1 } else { start };
        at -= chunk.len() - start;
        buffer[at..at + chunk.len() - start].copy_from_slice(&chunk[start..]);
        if high == 0 {
            return at;
        }
        rest = high;
    }
}

/// `numeric` text: `value × 10^−scale` with exactly `scale` digits after the point.
#[inline]
pub(super) fn put_decimal128(out: &mut BytesMut, value: i128, scale: i8) {
    if value < 0 {
        out.put_u8(b'-');
    }
    let magnitude = value.unsigned_abs();
    if let Ok(small) = u64::try_from(magnitude) {
        let mut buffer = [0; 20];
        let at = digits_u64(small, &mut buffer);
        put_scaled(out, &buffer[at..], scale);
    } else {
        let mut buffer = [0; 40];
        let at = digits_u128(magnitude, &mut buffer);
        put_scaled(out, &buffer[at..], scale);
    }
}

pub(super) fn put_decimal256(out: &mut BytesMut, value: i256, scale: i8) {
    with_digits256(value, |negative, digits| {
        if negative {
            out.put_u8(b'-');
        }
        put_scaled(out, digits, scale);
    });
}

fn with_digits256(value: i256, then: impl FnOnce(bool, &[u8])) {
    // 77 digits and a sign at most: the text always fits
    let mut text = StackText::<80>::new();
    let _ = write!(text, "{value}");
    match text.as_bytes() {
        [b'-', digits @ ..] => then(true, digits),
        digits => then(false, digits),
    }
}

#[inline]
fn put_scaled(out: &mut BytesMut, digits: &[u8], scale: i8) {
    if scale <= 0 {
        out.put_slice(digits);
        if digits != b"0" {
            out.put_bytes(b'0', usize::from(scale.unsigned_abs()));
        }
        return;
    }
    let scale = usize::from(scale.unsigned_abs());
    if digits.len() > scale {
        let (whole, fraction) = digits.split_at(digits.len() - scale);
        out.put_slice(whole);
        out.put_u8(b'.');
        out.put_slice(fraction);
    } else {
        out.put_slice(b"0.");
        out.put_bytes(b'0', scale - digits.len());
        out.put_slice(digits);
    }
}

/// `numeric` as `numeric_send` lays it out: base-10000 digits, weight, sign, display scale.
pub(super) fn put_numeric_binary(out: &mut BytesMut, negative: bool, digits: &[u8], scale: i8) {
    let display_scale = u16::from(scale.max(0).unsigned_abs());
    // digits before the point, counting the zeros of a negative scale
    let whole = digits.len() as i32 - i32::from(scale);
    // pad on the left so that the point falls between groups of four
    let groups_before = (whole + 3).div_euclid(4);
    let lead = (groups_before * 4 - whole) as usize;
    let group = |index: usize| -> i16 {
        (0..4).fold(0, |sum, place| {
            let digit = (index * 4 + place).checked_sub(lead).and_then(|at| digits.get(at));
            sum * 10 + digit.map_or(0, |digit| i16::from(digit - b'0'))
        })
    };
    let count = (lead + digits.len()).div_ceil(4);
    let first = (0..count).find(|&index| group(index) != 0);
    let Some(first) = first else {
        out.put_slice(&[0; 6]);
        return out.put_u16(display_scale);
    };
    let last = (first..count).rev().find(|&index| group(index) != 0).unwrap_or(first);
    out.put_u16((last - first + 1) as u16);
    out.put_i16((groups_before - 1 - first as i32) as i16);
    out.put_u16(if negative { 0x4000 } else { 0 });
    out.put_u16(display_scale);
    for index in first..=last {
        out.put_i16(group(index));
    }
}

pub(super) fn put_decimal128_binary(out: &mut BytesMut, value: i128, scale: i8) {
    let mut buffer = [0; 40];
    let at = digits_u128(value.unsigned_abs(), &mut buffer);
    put_numeric_binary(out, value < 0, &buffer[at..], scale);
}

pub(super) fn put_decimal256_binary(out: &mut BytesMut, value: i256, scale: i8) {
    with_digits256(value, |negative, digits| put_numeric_binary(out, negative, digits, scale));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pgtypes::put_text as text;

    #[test]
    fn integers() {
        for value in [0, 7, 10, 99, 100, 12345, -1, -100, i64::MAX, i64::MIN] {
            assert_eq!(text(|out| put_i64(out, value)), value.to_string());
        }
        assert_eq!(text(|out| put_u64(out, u64::MAX)), u64::MAX.to_string());
    }

    #[test]
    fn decimals_keep_their_scale() {
        for (value, scale, expected) in [
            (0, 3, "0.000"),
            (5, 3, "0.005"),
            (-12_345, 3, "-12.345"),
            (12_345, 0, "12345"),
            (12, -2, "1200"),
            (0, -2, "0"),
            (i128::MAX, 0, "170141183460469231731687303715884105727"),
            (i128::MIN, 10, "-17014118346046923173168730371.5884105728"),
            (100_000_000_000_000_000_000_000_000_001, 2, "1000000000000000000000000000.01"),
        ] {
            assert_eq!(text(|out| put_decimal128(out, value, scale)), expected);
            assert_eq!(text(|out| put_decimal256(out, i256::from_i128(value), scale)), expected);
        }
    }

    #[test]
    fn numeric_binary_as_postgres_sends_it() {
        // encode(numeric_send(v), 'hex') of PostgreSQL 15
        for (value, scale, expected) in [
            (0, 3, "0000000000000003"),
            (12_345, 3, "000200000000000300 0c0d7a"),
            (-12_345, 3, "0002000040000003000c0d7a"),
            (5, 3, "0001ffff000000030032"),
            (1_200, 0, "000100000000000004b0"),
            (10_000, 0, "00010001000000000001"),
            (100_000_000, 0, "00010002000000000001"),
            (1, 8, "0001fffe000000080001"),
            (123_456_789, 4, "00030001000000040001 09291a85"),
        ] {
            let mut out = BytesMut::new();
            put_decimal128_binary(&mut out, value, scale);
            let hex: String = out.iter().map(|byte| format!("{byte:02x}")).collect();
            assert_eq!(hex, expected.replace(' ', ""), "{value} scale {scale}");
        }
        let mut out = BytesMut::new();
        put_decimal128_binary(&mut out, 12, -2);
        assert_eq!(&out[..], [0, 1, 0, 0, 0, 0, 0, 0, 0x04, 0xb0]);
    }
}
