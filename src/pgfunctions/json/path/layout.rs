//! Where PostgreSQL would store the parts of a jsonb: `.keyvalue()` tells objects apart by it.
//!
//! A container is a head of four bytes, four more for each key and value, the keys, and then the values; numbers and
//! containers begin at multiples of four.

use super::super::value::Value;

const WORD: u64 = 4;

fn length(text: &str) -> u64 {
    text.len() as u64
}

/// The places of a value and of all within it, told one by one; returns where it ends.
pub(super) fn walk<'a>(value: &'a Value, at: u64, tell: &mut impl FnMut(&'a Value, u64)) -> u64 {
    let aligned = at.next_multiple_of(WORD);
    match value {
        Value::Null | Value::Bool(_) => at,
        Value::String(text) => at + length(text),
        Value::Number(digits) => aligned + number_size(digits),
        Value::Array(items) => {
            tell(value, aligned);
            let first = aligned + WORD + WORD * items.len() as u64;
            items.iter().fold(first, |at, item| walk(item, at, tell))
        }
        Value::Object(members) => {
            tell(value, aligned);
            let keys = aligned + WORD + 2 * WORD * members.len() as u64;
            let values = keys + members.iter().map(|(key, _)| length(key)).sum::<u64>();
            members.iter().fold(values, |at, (_, value)| walk(value, at, tell))
        }
    }
}

/// Where a container within another one is; that one begins at `at`.
pub(super) fn offset(whole: &Value, at: u64, part: &Value) -> u64 {
    let mut found = 0;
    walk(whole, at, &mut |value, place| {
        if std::ptr::eq(value, part) {
            found = place;
        }
    });
    found
}

/// The bytes of a `numeric`: its head, and two for each four digits from the first to the last that are not zero.
fn number_size(digits: &str) -> u64 {
    let (whole, fraction) =
        digits.trim_start_matches('-').split_once('.').unwrap_or((digits.trim_start_matches('-'), ""));
    let decimals = fraction.len();
    let padded = format!("{}{whole}{fraction}{}", pad(whole.len()), pad(fraction.len()));
    let places: Vec<bool> = padded.as_bytes().chunks(4).map(|place| place.iter().any(|digit| *digit != b'0')).collect();
    let whole_places = whole.len().div_ceil(4) as i64;
    let (first, last) = (places.iter().position(|set| *set), places.iter().rposition(|set| *set));
    let (weight, count) = match (first, last) {
        (Some(first), Some(last)) => (whole_places - 1 - first as i64, (last - first + 1) as u64),
        _ => (0, 0),
    };
    let is_short = decimals <= 63 && (-64..=63).contains(&weight);
    WORD + if is_short { 2 } else { 4 } + 2 * count
}

/// Zeros that fill up a place.
fn pad(digits: usize) -> &'static str {
    "000".get(..(4 - digits % 4) % 4).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_those_of_postgres() {
        let whole = Value::parse("{\"a\": 1, \"bc\": [true, {\"x\": \"y\"}], \"d\": {\"e\": 10000.5}}").unwrap();
        let mut places = Vec::new();
        walk(&whole, 0, &mut |value, at| places.push((value.to_text(), at)));
        let at = |text: &str| places.iter().find(|(known, _)| known == text).map(|(_, at)| *at);
        assert_eq!(at("{\"e\": 10000.5}"), Some(40));
        assert_eq!(at("{\"x\": \"y\"}"), Some(80));
    }

    #[test]
    fn sizes_of_numbers() {
        for (digits, size) in
            [("0", 6), ("0.00", 6), ("1", 8), ("10000", 8), ("10001", 10), ("-0.00001", 8), ("1.5", 10)]
        {
            assert_eq!(number_size(digits), size, "{digits}");
        }
    }
}
