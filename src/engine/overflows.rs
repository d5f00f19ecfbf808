//! What PostgreSQL says of a number that its type does not hold, where a kernel says it in its own words.

pub(super) fn overflow(message: &str) -> String {
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
