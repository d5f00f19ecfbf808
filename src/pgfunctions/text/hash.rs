//! `hashtext` and `hashtextextended`, which people turn names into keys of advisory locks with: the numbers are PostgreSQL's.
//!
//! Bob Jenkins' lookup3 (public domain, 2006) over bytes as words of 32 bits, with PostgreSQL's own start value.

use crate::pgfunctions::row::{Function, Output, Returns, Value, strict};

pub const FUNCTIONS: &[Function] = &[
    strict("hashtext", "text", Returns::Int, |_, args| {
        let (_, hash) = jenkins(text(args).as_bytes(), 0);
        Ok(Output::Int(hash.cast_signed().into()))
    }),
    strict("hashtextextended", "text int", Returns::BigInt, |_, args| {
        let seed = args.get(1).map_or(0, Value::int).cast_unsigned();
        let (high, low) = jenkins(text(args).as_bytes(), seed);
        Ok(Output::Int((u64::from(high) << 32 | u64::from(low)).cast_signed()))
    }),
];

fn text<'a>(args: &[Value<'a>]) -> &'a str {
    args.first().map_or("", Value::text)
}

/// The last two words of the state.
fn jenkins(bytes: &[u8], seed: u64) -> (u32, u32) {
    let start = 0x9e37_79b9_u32.wrapping_add(bytes.len() as u32).wrapping_add(3_923_095);
    let mut state = [start; 3];
    if seed != 0 {
        state[0] = state[0].wrapping_add((seed >> 32) as u32);
        state[1] = state[1].wrapping_add(seed as u32);
        mix(&mut state);
    }
    let mut blocks = bytes.chunks_exact(12);
    for block in blocks.by_ref() {
        add(&mut state, block, 0);
        mix(&mut state);
    }
    // the lowest byte of the last word is the length's
    let rest = blocks.remainder();
    add(&mut state, &rest[..rest.len().min(8)], 0);
    add(&mut state, rest.get(8..).unwrap_or_default(), 9);
    last(&mut state);
    (state[1], state[2])
}

/// Adds bytes to the state from a place on, the lowest of each word first.
fn add(state: &mut [u32; 3], bytes: &[u8], from: usize) {
    for (place, byte) in (from..).zip(bytes) {
        if let Some(word) = state.get_mut(place / 4) {
            *word = word.wrapping_add(u32::from(*byte) << (8 * (place % 4)));
        }
    }
}

fn mix([a, b, c]: &mut [u32; 3]) {
    let step = |x: &mut u32, y: &mut u32, z: &mut u32, bits| {
        *x = x.wrapping_sub(*z) ^ z.rotate_left(bits);
        *z = z.wrapping_add(*y);
    };
    step(a, b, c, 4);
    step(b, c, a, 6);
    step(c, a, b, 8);
    step(a, b, c, 16);
    step(b, c, a, 19);
    step(c, a, b, 4);
}

fn last([a, b, c]: &mut [u32; 3]) {
    let step = |x: &mut u32, y: &u32, bits| *x = (*x ^ *y).wrapping_sub(y.rotate_left(bits));
    step(c, b, 14);
    step(a, c, 11);
    step(b, a, 25);
    step(c, b, 16);
    step(a, c, 4);
    step(b, a, 14);
    step(c, b, 24);
}

#[cfg(test)]
mod tests {
    use super::jenkins;

    /// As PostgreSQL 15 says.
    #[test]
    fn hashes_are_those_of_postgres() {
        for (text, seed, hash) in [
            ("", 0_i64, -6_939_563_903_564_495_251_i64),
            ("", 42, 6_158_832_220_375_811_857),
            ("lock", 0, 865_887_028_116_294_291),
            ("eightch8", 0, 3_647_600_230_703_890_296),
            ("elevenchars", 42, 9_183_370_537_854_823_651),
            ("twelve chars", -1, -6_030_073_586_304_497_060),
            ("and a text of some thirty bytes", -1, 2_937_822_605_196_802_055),
        ] {
            let (high, low) = jenkins(text.as_bytes(), seed.cast_unsigned());
            assert_eq!((u64::from(high) << 32 | u64::from(low)).cast_signed(), hash, "{text}");
        }
        assert_eq!(jenkins(b"lock", 0).1.cast_signed(), 377_326_227);
    }
}
