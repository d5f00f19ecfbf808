//! `AT TIME ZONE`, which is `timezone(zone, time)`, and casts between the kinds of timestamps.

use super::call::{Intervals, Row, Text, Timestamp, Timestamptz, Ty, map2, row};
use super::casts::{instant, local};
use crate::error::{Error, ErrorKind, Result};
use crate::pgtypes::time::{Interval, Zone};

#[rustfmt::skip]
pub const ROWS: &[Row] = &[
    row("timezone", &[Ty::Text, Ty::Timestamptz], Ty::Timestamp, |_, args| {
        map2::<Text, Timestamptz, Timestamp>(args, |name, at| Ok(local(at, zone(name)?)))
    }),
    row("timezone", &[Ty::Text, Ty::Timestamp], Ty::Timestamptz, |_, args| {
        map2::<Text, Timestamp, Timestamptz>(args, |name, at| Ok(instant(at, zone(name)?)))
    }),
    row("timezone", &[Ty::Interval, Ty::Timestamptz], Ty::Timestamp, |_, args| {
        map2::<Intervals, Timestamptz, Timestamp>(args, |by, at| Ok(local(at, fixed(by)?)))
    }),
    row("timezone", &[Ty::Interval, Ty::Timestamp], Ty::Timestamptz, |_, args| {
        map2::<Intervals, Timestamp, Timestamptz>(args, |by, at| Ok(instant(at, fixed(by)?)))
    }),
];

/// A zone by its abbreviation, name or offset.
pub(super) fn zone(name: &str) -> Result<Zone> {
    Zone::of_text(name)
        .ok_or_else(|| Error::new(ErrorKind::InvalidParameter, format!("time zone \"{name}\" not recognized")))
}

/// A zone as one writes it behind a time: an offset counts east, `+02`, not west as in the name of a zone.
pub(super) fn written(text: &str) -> Result<Zone> {
    let invalid = |message: String| Error::new(ErrorKind::InvalidParameter, message);
    if text.starts_with(|first: char| first.is_ascii_digit()) {
        let message = format!("invalid input syntax for type numeric time zone: \"{text}\"");
        return Err(invalid(message).with_hint("Numeric time zones must have \"-\" or \"+\" as first character."));
    }
    let (sign, digits) = match (text.strip_prefix('+'), text.strip_prefix('-')) {
        (Some(digits), _) => (1, digits),
        (_, Some(digits)) => (-1, digits),
        _ => return zone(text),
    };
    let unknown = || invalid(format!("time zone \"{text}\" not recognized"));
    // `2`, `02`, `0230`, `2:30`, `02:30:15`
    let parts: Vec<&str> = match digits.len() {
        3.. if !digits.contains(':') => vec![&digits[..digits.len() - 2], &digits[digits.len() - 2..]],
        _ => digits.trim_end_matches(':').split(':').collect(),
    };
    let parts = parts.into_iter().map(str::parse::<i32>).collect::<Result<Vec<_>, _>>().map_err(|_| unknown())?;
    match parts.as_slice() {
        [hours, rest @ ..] if rest.len() <= 2 => {
            let (minutes, seconds) = (rest.first().copied().unwrap_or(0), rest.get(1).copied().unwrap_or(0));
            if *hours > 15 || minutes > 59 || seconds > 59 {
                return Err(invalid(format!("numeric time zone \"{text}\" out of range")));
            }
            Ok(Zone::Fixed(sign * (hours * 3_600 + minutes * 60 + seconds)))
        }
        _ => Err(unknown()),
    }
}

fn fixed(offset: Interval) -> Result<Zone> {
    if offset.months != 0 || offset.days != 0 {
        return Err(Error::new(
            ErrorKind::InvalidParameter,
            format!("interval time zone \"{}\" must not include months or days", offset),
        ));
    }
    i32::try_from(offset.micros / 1_000_000)
        .map(Zone::Fixed)
        .map_err(|_| crate::pgtypes::time::out_of_range("time zone"))
}
