//! Dates and times from text: ISO 8601 and what drivers send besides.

use chrono::{NaiveDate, NaiveDateTime, Offset, TimeDelta, TimeZone};
use datafusion::arrow::array::timezone::Tz;

use super::datetime::MICROS_PER_DAY;
use crate::error::{Error, ErrorKind, Result};

/// Why a text is no date or time.
enum Fault {
    Syntax,
    OutOfRange,
    Zone(String),
}

fn failed(fault: Fault, type_name: &str, text: &str) -> Error {
    match fault {
        Fault::Syntax => {
            Error::new(ErrorKind::InvalidDatetime, format!("invalid input syntax for type {type_name}: \"{text}\""))
        }
        Fault::OutOfRange => {
            Error::new(ErrorKind::DatetimeOutOfRange, format!("date/time field value out of range: \"{text}\""))
        }
        Fault::Zone(zone) => Error::new(ErrorKind::InvalidParameter, format!("time zone \"{zone}\" not recognized")),
    }
}

/// Days since 1970. A time after the date is read and dropped, as PostgreSQL does.
pub(super) fn parse_date(text: &str) -> Result<i32> {
    match infinite(text) {
        Some(true) => Ok(i32::MAX),
        Some(false) => Ok(i32::MIN),
        None => date_time(text).map(|parsed| parsed.days).map_err(|fault| failed(fault, "date", text)),
    }
}

/// Microseconds since midnight.
pub(super) fn parse_time(text: &str) -> Result<i64> {
    let mut rest = text.trim();
    let micros = clock(&mut rest).and_then(|micros| {
        // a zone means nothing to a time without one
        zone(rest)?;
        Ok(micros)
    });
    micros.map_err(|fault| failed(fault, "time", text))
}

/// Microseconds since 1970, local; a zone in the text is ignored, as PostgreSQL does.
pub(super) fn parse_timestamp(text: &str) -> Result<i64> {
    if let Some(future) = infinite(text) {
        return Ok(if future { i64::MAX } else { i64::MIN });
    }
    let parsed = date_time(text).map_err(|fault| failed(fault, "timestamp", text))?;
    Ok(i64::from(parsed.days) * MICROS_PER_DAY + parsed.micros)
}

/// Microseconds since 1970, UTC; without a zone in the text it is local to `session_zone` (`None` = UTC).
pub(super) fn parse_timestamptz(text: &str, session_zone: Option<Tz>) -> Result<i64> {
    if let Some(future) = infinite(text) {
        return Ok(if future { i64::MAX } else { i64::MIN });
    }
    let parsed = date_time(text).map_err(|fault| failed(fault, "timestamp with time zone", text))?;
    let local = i64::from(parsed.days) * MICROS_PER_DAY + parsed.micros;
    let offset = match (parsed.zone, session_zone) {
        (Zone::Offset(seconds), _) => seconds,
        (Zone::Named(zone), _) | (Zone::Absent, Some(zone)) => offset_of_local(local, zone),
        (Zone::Absent, None) => 0,
    };
    Ok(local - i64::from(offset) * 1_000_000)
}

/// Seconds east of UTC of a local time; in a gap the time before it counts, in an overlap the later (standard) one.
fn offset_of_local(local: i64, zone: Tz) -> i32 {
    let Some(at) = chrono::DateTime::from_timestamp_micros(local) else { return 0 };
    let fixed = |at: NaiveDateTime| zone.offset_from_local_datetime(&at).latest();
    let offset = fixed(at.naive_utc()).or_else(|| fixed(at.naive_utc() - TimeDelta::hours(1)));
    offset.map_or(0, |offset| offset.fix().local_minus_utc())
}

fn infinite(text: &str) -> Option<bool> {
    let text = text.trim();
    if text.eq_ignore_ascii_case("infinity") {
        Some(true)
    } else if text.eq_ignore_ascii_case("-infinity") {
        Some(false)
    } else {
        None
    }
}

struct Parsed {
    days: i32,
    micros: i64,
    zone: Zone,
}

enum Zone {
    Absent,
    Offset(i32),
    Named(Tz),
}

fn date_time(text: &str) -> Result<Parsed, Fault> {
    let trimmed = text.trim();
    let (mut rest, bc) = match trimmed.strip_suffix(" BC").or_else(|| trimmed.strip_suffix(" bc")) {
        Some(rest) => (rest, true),
        None => (trimmed, false),
    };
    let (year, month, day) = day(&mut rest)?;
    let year = if bc { 1 - year } else { year };
    let date = NaiveDate::from_ymd_opt(year, month, day).ok_or(Fault::OutOfRange)?;
    let days = date.to_epoch_days();
    rest = rest.strip_prefix(['T', 't']).unwrap_or(rest).trim_start();
    if rest.is_empty() {
        return Ok(Parsed { days, micros: 0, zone: Zone::Absent });
    }
    let micros = clock(&mut rest)?;
    Ok(Parsed { days, micros, zone: zone(rest)? })
}

/// `yyyy-mm-dd`, `yyyymmdd`, or `m/d/yyyy` (`DateStyle` MDY).
fn day(rest: &mut &str) -> Result<(i32, u32, u32), Fault> {
    let (first, length) = number(rest)?;
    if length == 8 {
        return Ok(((first / 10_000) as i32, first / 100 % 100, first % 100));
    }
    let separator = if rest.starts_with('/') { '/' } else { '-' };
    *rest = rest.strip_prefix(separator).ok_or(Fault::Syntax)?;
    let (second, _) = number(rest)?;
    *rest = rest.strip_prefix(separator).ok_or(Fault::Syntax)?;
    let (third, third_length) = number(rest)?;
    match (length, third_length) {
        (4.., _) => Ok((first as i32, second, third)),
        (_, 4..) => Ok((third as i32, first, second)),
        _ => Err(Fault::Syntax),
    }
}

/// `hh:mm[:ss[.ffffff]]` as microseconds; digits past the sixth are rounded.
fn clock(rest: &mut &str) -> Result<i64, Fault> {
    let (hours, _) = number(rest)?;
    *rest = rest.strip_prefix(':').ok_or(Fault::Syntax)?;
    let (minutes, _) = number(rest)?;
    let (mut seconds, mut micros) = (0, 0);
    if let Some(after) = rest.strip_prefix(':') {
        *rest = after;
        seconds = number(rest)?.0;
        if let Some(after) = rest.strip_prefix('.') {
            let digits = after.len() - after.trim_start_matches(|char: char| char.is_ascii_digit()).len();
            let fraction: f64 =
                if digits == 0 { 0.0 } else { format!("0.{}", &after[..digits]).parse().unwrap_or(0.0) };
            micros = (fraction * 1e6).round() as i64;
            *rest = &after[digits..];
        }
    }
    let whole = i64::from(hours) * 3_600 + i64::from(minutes) * 60 + i64::from(seconds);
    if minutes > 59 || seconds > 60 || whole > 86_400 || (whole == 86_400 && micros > 0) {
        return Err(Fault::OutOfRange);
    }
    Ok(whole * 1_000_000 + micros)
}

/// What follows a clock: nothing, `Z`, `±hh[[:]mm[[:]ss]]`, or a zone's name.
fn zone(rest: &str) -> Result<Zone, Fault> {
    let rest = rest.trim();
    if rest.is_empty() {
        return Ok(Zone::Absent);
    }
    let Some(sign) = rest.strip_prefix(['+', '-']) else {
        if ["z", "utc", "gmt", "zulu"].iter().any(|utc| rest.eq_ignore_ascii_case(utc)) {
            return Ok(Zone::Offset(0));
        }
        if !rest.starts_with(|char: char| char.is_ascii_alphabetic()) {
            return Err(Fault::Syntax);
        }
        return rest.parse().map(Zone::Named).map_err(|_| Fault::Zone(rest.to_ascii_lowercase()));
    };
    let digits: Vec<u32> = sign.chars().filter(|char| *char != ':').map_while(|char| char.to_digit(10)).collect();
    if digits.len() + sign.matches(':').count() != sign.len() || !matches!(digits.len(), 1 | 2 | 4 | 6) {
        return Err(Fault::Syntax);
    }
    let pair = |at: usize| match digits.get(at..at + 2) {
        Some([tens, ones]) => tens * 10 + ones,
        _ => 0,
    };
    let hours = if digits.len() == 1 { digits[0] } else { pair(0) };
    if hours > 15 || pair(2) > 59 || pair(4) > 59 {
        return Err(Fault::OutOfRange);
    }
    let seconds = (hours * 3_600 + pair(2) * 60 + pair(4)) as i32;
    Ok(Zone::Offset(if rest.starts_with('-') { -seconds } else { seconds }))
}

/// Takes decimal digits from the front: their value and how many there were.
fn number(rest: &mut &str) -> Result<(u32, usize), Fault> {
    let length = rest.len() - rest.trim_start_matches(|char: char| char.is_ascii_digit()).len();
    let value = rest[..length].parse().map_err(|_| Fault::Syntax)?;
    *rest = &rest[length..];
    Ok((value, length))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn micros(text: &str) -> i64 {
        text.parse::<chrono::DateTime<chrono::Utc>>().unwrap().timestamp_micros()
    }

    #[test]
    fn dates() {
        for (text, expected) in [
            ("2010-12-01", 14_944),
            ("20101201", 14_944),
            ("12/1/2010", 14_944),
            (" 2010-12-01 08:26:00 ", 14_944),
            ("0001-12-31 BC", -719_163),
            ("infinity", i32::MAX),
        ] {
            assert_eq!(parse_date(text).unwrap(), expected, "{text}");
        }
    }

    #[test]
    fn errors_in_the_words_of_postgres_15() {
        for (error, kind, message) in [
            (parse_date("x").unwrap_err(), ErrorKind::InvalidDatetime, "invalid input syntax for type date: \"x\""),
            (
                parse_date("2010-02-30").unwrap_err(),
                ErrorKind::DatetimeOutOfRange,
                "date/time field value out of range: \"2010-02-30\"",
            ),
            (
                parse_timestamp("2010-12-01 25:00").unwrap_err(),
                ErrorKind::DatetimeOutOfRange,
                "date/time field value out of range: \"2010-12-01 25:00\"",
            ),
            (
                parse_timestamptz("2010-12-01 08:26 Mars/X", None).unwrap_err(),
                ErrorKind::InvalidParameter,
                "time zone \"mars/x\" not recognized",
            ),
            (
                parse_timestamp("2010-12-01 08:26:00 +").unwrap_err(),
                ErrorKind::InvalidDatetime,
                "invalid input syntax for type timestamp: \"2010-12-01 08:26:00 +\"",
            ),
        ] {
            assert_eq!((error.kind(), error.message()), (kind, message));
        }
    }

    #[test]
    fn timestamps() {
        let noon = micros("2010-12-01T08:26:00Z");
        assert_eq!(parse_timestamp("2010-12-01 08:26:00").unwrap(), noon);
        assert_eq!(parse_timestamp("2010-12-01T08:26:00+05").unwrap(), noon);
        assert_eq!(parse_timestamp("2010-12-01 08:26:00.1234567").unwrap(), noon + 123_457);
        assert_eq!(parse_timestamptz("2010-12-01 08:26:00", None).unwrap(), noon);
        assert_eq!(parse_timestamptz("2010-12-01 13:56:00+05:30", None).unwrap(), noon);
        assert_eq!(parse_timestamptz("2010-12-01 03:26-0500", None).unwrap(), noon);
        assert_eq!(parse_timestamptz("2010-12-01 03:26 America/New_York", None).unwrap(), noon);
        let zone = Some("America/New_York".parse().unwrap());
        assert_eq!(parse_timestamptz("2010-12-01 03:26", zone).unwrap(), noon);
        // the hour that does not exist, and the one that exists twice
        assert_eq!(parse_timestamptz("2010-03-14 02:30", zone).unwrap(), micros("2010-03-14T07:30:00Z"));
        assert_eq!(parse_timestamptz("2010-11-07 01:30", zone).unwrap(), micros("2010-11-07T06:30:00Z"));
        assert_eq!(parse_time("08:26:00.5").unwrap(), 30_360_500_000);
    }
}
