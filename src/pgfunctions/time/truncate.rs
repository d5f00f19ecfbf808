//! `date_trunc` and `date_bin`.

use datafusion::arrow::array::ArrayRef;

use super::call::{Context, Intervals, Row, Text, Timestamp, Timestamptz, Ty, map2, map3, row};
use super::parts::{Part, Parts, type_words, wrong};
use crate::error::{Error, ErrorKind, Result};
use crate::pgtypes::time::calendar::{civil, day_number, iso_week, iso_year_begin};
use crate::pgtypes::time::{
    Interval, MICROS_PER_DAY, MICROS_PER_HOUR, MICROS_PER_MINUTE, MICROS_PER_SECOND, Zone, checked_timestamp,
    is_finite, split, timestamp_of,
};

#[rustfmt::skip]
pub const ROWS: &[Row] = &[
    row("date_trunc", &[Ty::Text, Ty::Timestamptz], Ty::Timestamptz, |c, args| {
        let parts = Parts::default();
        map2::<Text, Timestamptz, Timestamptz>(args, |name, at| in_zone(&parts, name, at, c.style.zone))
    }),
    row("date_trunc", &[Ty::Text, Ty::Timestamp], Ty::Timestamp, |_, args| {
        let parts = Parts::default();
        map2::<Text, Timestamp, Timestamp>(args, |name, at| local(&parts, name, at, Ty::Timestamp))
    }),
    row("date_trunc", &[Ty::Text, Ty::Interval], Ty::Interval, |_, args| {
        map2::<Text, Intervals, Intervals>(args, interval)
    }),
    row("date_trunc", &[Ty::Text, Ty::Timestamptz, Ty::Text], Ty::Timestamptz, named_zone),
    row("date_bin", &[Ty::Interval, Ty::Timestamptz, Ty::Timestamptz], Ty::Timestamptz, |_, args| {
        map3::<Intervals, Timestamptz, Timestamptz, Timestamptz>(args, bin)
    }),
    row("date_bin", &[Ty::Interval, Ty::Timestamp, Ty::Timestamp], Ty::Timestamp, |_, args| {
        map3::<Intervals, Timestamp, Timestamp, Timestamp>(args, bin)
    }),
];

fn named_zone(_: &Context, args: &[ArrayRef]) -> Result<ArrayRef> {
    let parts = Parts::default();
    map3::<Text, Timestamptz, Text, Timestamptz>(args, |name, at, zone| {
        in_zone(&parts, name, at, super::zones::zone(zone)?)
    })
}

/// The length of a part that is the same at all times.
fn length(part: Part) -> Option<i64> {
    Some(match part {
        Part::Microseconds => 1,
        Part::Milliseconds => 1_000,
        Part::Second => MICROS_PER_SECOND,
        Part::Minute => MICROS_PER_MINUTE,
        Part::Hour => MICROS_PER_HOUR,
        _ => return None,
    })
}

/// First day of the part that the day is in.
fn first_day(part: Part, days: i64) -> Option<i64> {
    let (year, month, _) = civil(days);
    let begin = |years: i64, first: i64| {
        // centuries begin with a year 1, decades with a year 0; before Christ as after
        let year = (year - first).div_euclid(years) * years + first;
        day_number(year, 1, 1)
    };
    Some(match part {
        Part::Day => days,
        Part::Week => {
            let (year, week) = iso_week(days);
            iso_year_begin(year) + (week - 1) * 7
        }
        Part::Month => day_number(year, month, 1),
        Part::Quarter => day_number(year, (month - 1) / 3 * 3 + 1, 1),
        Part::Year => begin(1, 0),
        Part::Decade => begin(10, 0),
        Part::Century => begin(100, 1),
        Part::Millennium => begin(1_000, 1),
        _ => return None,
    })
}

fn unknown(name: &str, ty: Ty) -> Error {
    Error::new(
        ErrorKind::InvalidParameter,
        format!("unit \"{}\" not recognized for type {}", name.to_lowercase(), type_words(ty)),
    )
}

fn local(parts: &Parts, name: &str, at: i64, ty: Ty) -> Result<i64> {
    if !is_finite(at) {
        return Ok(at);
    }
    let part = parts.named(name).ok_or_else(|| unknown(name, ty))?;
    let (days, micros) = split(at);
    let truncated = match length(part) {
        Some(length) => Some(at - micros % length),
        None => timestamp_of(first_day(part, days).ok_or_else(|| unknown(name, ty))?, 0),
    };
    checked_timestamp(truncated)
}

fn in_zone(parts: &Parts, name: &str, at: i64, zone: Zone) -> Result<i64> {
    if !is_finite(at) {
        return Ok(at);
    }
    let shown = zone.local(at);
    let truncated = local(parts, name, shown, Ty::Timestamptz)?;
    // within an hour the offset stays, also in one that comes twice
    let short = parts.named(name).is_some_and(|part| length(part).is_some());
    if short { Ok(at - (shown - truncated)) } else { checked_timestamp(Some(zone.instant(truncated))) }
}

fn interval(name: &str, interval: Interval) -> Result<Interval> {
    let part = Part::named(name).ok_or_else(|| unknown(name, Ty::Interval))?;
    if let Some(length) = length(part) {
        return Ok(Interval { micros: interval.micros / length * length, ..interval });
    }
    let months = |count: i32| Ok(Interval { months: interval.months / count * count, ..Interval::default() });
    match part {
        Part::Day => Ok(Interval { micros: 0, ..interval }),
        Part::Month => months(1),
        Part::Quarter => months(3),
        Part::Year => months(12),
        Part::Decade => months(120),
        Part::Century => months(1_200),
        Part::Millennium => months(12_000),
        Part::Week => Err(wrong(name, Ty::Interval).with_detail("Months usually have fractional weeks.")),
        _ => Err(unknown(name, Ty::Interval)),
    }
}

fn bin(stride: Interval, at: i64, origin: i64) -> Result<i64> {
    let refused = |kind, message: &str| Err(Error::new(kind, message));
    if !is_finite(at) {
        return Ok(at);
    }
    if !is_finite(origin) {
        return refused(ErrorKind::DatetimeOutOfRange, "origin out of range");
    }
    if stride.months != 0 {
        return refused(
            ErrorKind::FeatureNotSupported,
            "timestamps cannot be binned into intervals containing months or years",
        );
    }
    let micros = i64::from(stride.days).checked_mul(MICROS_PER_DAY).and_then(|days| days.checked_add(stride.micros));
    match micros {
        None => refused(ErrorKind::DatetimeOutOfRange, "interval out of range"),
        Some(..=0) => refused(ErrorKind::DatetimeOutOfRange, "stride must be greater than zero"),
        Some(micros) => {
            let distance = at.checked_sub(origin);
            checked_timestamp(distance.map(|distance| origin + distance.div_euclid(micros) * micros))
        }
    }
}
