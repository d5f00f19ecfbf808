//! How values of settings are read: as SHOW prints them.

use crate::pgtypes::time::Zone;

/// `on` or `off`.
pub(super) fn boolean(value: &str) -> Option<&'static str> {
    match value.trim().to_lowercase().as_str() {
        "on" | "true" | "t" | "yes" | "y" | "1" => Some("on"),
        "off" | "false" | "f" | "no" | "n" | "0" => Some("off"),
        _ => None,
    }
}

/// `5s`, `2min`, `250` → milliseconds.
pub(super) fn milliseconds(value: &str) -> Option<i64> {
    let value = value.trim();
    let end = value.find(|c: char| !c.is_ascii_digit() && c != '-' && c != '.').unwrap_or(value.len());
    let (number, unit) = value.split_at(end);
    let factor = match unit.trim() {
        "" | "ms" => 1.0,
        "us" => 0.001,
        "s" => 1_000.0,
        "min" => 60_000.0,
        "h" => 3_600_000.0,
        "d" => 86_400_000.0,
        _ => return None,
    };
    let number: f64 = number.parse().ok()?;
    Some((number * factor).round() as i64)
}

/// A zone by its name, or by a number of hours.
pub(super) fn time_zone(value: &str, current: &str) -> Option<String> {
    match value.trim().to_lowercase().as_str() {
        "default" | "local" => Some(current.to_owned()),
        _ => Zone::shown(value),
    }
}

/// Both halves: what is not said stays.
pub(super) fn date_style(value: &str, current: &str) -> Result<String, String> {
    let (mut format, mut order) = current.split_once(", ").unwrap_or(("ISO", "MDY"));
    let (mut has_format, mut has_order) = (false, false);
    for word in
        value.split(',').map(|word| word.trim().trim_matches('"').to_uppercase()).filter(|word| !word.is_empty())
    {
        let (is_format, meaning) = match word.as_str() {
            "ISO" => (true, "ISO"),
            "SQL" => (true, "SQL"),
            "GERMAN" => (true, "German"),
            "YMD" => (false, "YMD"),
            "MDY" => (false, "MDY"),
            "DMY" => (false, "DMY"),
            "DEFAULT" => {
                (format, order) = ("ISO", "MDY");
                continue;
            }
            word if word.starts_with("POSTGRES") => (true, "Postgres"),
            word if word.starts_with("EURO") => (false, "DMY"),
            word if word.starts_with("US") || word.starts_with("NONEURO") => (false, "MDY"),
            _ => return Err(format!("Unrecognized key word: \"{}\".", word.to_lowercase())),
        };
        let (said, slot) = if is_format { (&mut has_format, &mut format) } else { (&mut has_order, &mut order) };
        if *said && *slot != meaning {
            return Err("Conflicting \"datestyle\" specifications.".to_owned());
        }
        (*said, *slot) = (true, meaning);
    }
    if format == "German" && has_format && !has_order {
        order = "DMY";
    }
    Ok(format!("{format}, {order}"))
}
