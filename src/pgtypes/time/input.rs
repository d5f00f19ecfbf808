//! Dates, times and timestamps from text, in all spellings that PostgreSQL takes.

use super::decode::{Decoded, Fault, decode};
use super::{
    DATE_INFINITY, DATE_MINUS_INFINITY, INFINITY, MINUS_INFINITY, Zone, date_of, out_of_range, split, timestamp_of,
};
use crate::error::{Error, ErrorKind, Result};
use crate::pgtypes::style::{DateOrder, Style};

/// What input depends on besides the text.
#[derive(Debug, Clone, Copy, Default)]
pub struct Input {
    pub zone: Zone,
    pub order: DateOrder,
    /// What `now` and `today` are, in microseconds since 1970.
    pub now: i64,
}

impl Input {
    pub fn new(style: &Style, now: i64) -> Self {
        Self { zone: style.zone, order: style.order, now }
    }
    fn today(&self) -> i64 {
        split(self.zone.local(self.now)).0
    }
}

/// Whether the text may mean another moment each time it is read: `now`, `today` …
pub fn is_relative(text: &str) -> bool {
    let text = text.to_ascii_lowercase();
    ["now", "today", "tomorrow", "yesterday"].iter().any(|word| text.contains(word))
}

pub(super) fn failed(fault: Fault, type_name: &str, text: &str) -> Error {
    let value = |what: &str| format!("{what} out of range: \"{text}\"");
    match fault {
        Fault::Syntax => {
            Error::new(ErrorKind::InvalidDatetime, format!("invalid input syntax for type {type_name}: \"{text}\""))
        }
        Fault::OutOfRange if type_name == "interval" => {
            Error::new(ErrorKind::IntervalFieldOverflow, value("interval field value"))
        }
        Fault::OutOfRange => Error::new(ErrorKind::DatetimeOutOfRange, value("date/time field value")),
        Fault::MonthOrDay => Error::new(ErrorKind::DatetimeOutOfRange, value("date/time field value"))
            .with_hint("Perhaps you need a different \"datestyle\" setting."),
        Fault::Displacement => Error::new(ErrorKind::InvalidTimeZoneDisplacement, value("time zone displacement")),
        Fault::UnknownZone(zone) => {
            Error::new(ErrorKind::InvalidParameter, format!("time zone \"{zone}\" not recognized"))
        }
    }
}

/// Days since 1970. A time after the date is read and dropped.
pub fn parse_date(text: &str, input: &Input) -> Result<i32> {
    let decoded = decode(text, input.order, false).map_err(|fault| failed(fault, "date", text))?;
    let days = match decoded {
        Decoded::Infinity => return Ok(DATE_INFINITY),
        Decoded::MinusInfinity => return Ok(DATE_MINUS_INFINITY),
        Decoded::Epoch => 0,
        Decoded::Now => input.today(),
        Decoded::Today(days, _) => input.today() + days,
        Decoded::At { days, .. } => days.ok_or_else(|| failed(Fault::Syntax, "date", text))?,
    };
    date_of(days).ok_or_else(|| too_far("date", text))
}

fn too_far(what: &str, text: &str) -> Error {
    Error::new(ErrorKind::DatetimeOutOfRange, format!("{what} out of range: \"{text}\""))
}

/// Microseconds since midnight; a zone means nothing to a time without one.
pub fn parse_time(text: &str, input: &Input) -> Result<i64> {
    let bad = || failed(Fault::Syntax, "time", text);
    match decode(text, input.order, true).map_err(|fault| failed(fault, "time", text))? {
        Decoded::Now => Ok(split(input.zone.local(input.now)).1),
        // the zone of a name depends on the day
        Decoded::At { days: None, zone: Some(Zone::Named(_)), .. } => Err(bad()),
        Decoded::At { has_time: true, micros, .. } => Ok(micros),
        _ => Err(bad()),
    }
}

/// Microseconds since 1970, local; a zone in the text is ignored, as PostgreSQL does.
pub fn parse_timestamp(text: &str, input: &Input) -> Result<i64> {
    let (local, _) = match moment(text, input, "timestamp")? {
        Moment::Fixed(value) => return Ok(value),
        Moment::Now => (input.zone.local(input.now), None),
        Moment::Local(local, zone) => (local, zone),
    };
    Ok(local)
}

/// Microseconds since 1970, UTC; without a zone in the text it is local to the session's.
pub fn parse_timestamptz(text: &str, input: &Input) -> Result<i64> {
    match moment(text, input, "timestamp with time zone")? {
        Moment::Fixed(value) => Ok(value),
        Moment::Now => Ok(input.now),
        Moment::Local(local, zone) => {
            let instant = zone.unwrap_or(input.zone).instant(local);
            super::in_range(instant).ok_or_else(|| too_far("timestamp", text))
        }
    }
}

enum Moment {
    /// `infinity`, `epoch`: the same everywhere.
    Fixed(i64),
    Now,
    Local(i64, Option<Zone>),
}

fn moment(text: &str, input: &Input, type_name: &str) -> Result<Moment> {
    let (days, micros, zone) = match decode(text, input.order, false).map_err(|fault| failed(fault, type_name, text))? {
        Decoded::Infinity => return Ok(Moment::Fixed(INFINITY)),
        Decoded::MinusInfinity => return Ok(Moment::Fixed(MINUS_INFINITY)),
        Decoded::Epoch => return Ok(Moment::Fixed(0)),
        Decoded::Now => return Ok(Moment::Now),
        Decoded::Today(days, micros) => (input.today() + days, micros, None),
        Decoded::At { days: Some(days), micros, zone, .. } => (days, micros, zone),
        Decoded::At { days: None, .. } => return Err(failed(Fault::Syntax, type_name, text)),
    };
    let local = timestamp_of(days, micros).ok_or_else(|| too_far("timestamp", text))?;
    Ok(Moment::Local(local, zone))
}

/// A date that a calculation gave.
pub fn checked_date(days: i64) -> Result<i32> {
    date_of(days).ok_or_else(|| out_of_range("date"))
}

/// A timestamp that a calculation gave.
pub fn checked_timestamp(micros: Option<i64>) -> Result<i64> {
    micros.and_then(super::in_range).ok_or_else(|| out_of_range("timestamp"))
}

#[cfg(test)]
mod tests;
