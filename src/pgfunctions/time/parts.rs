//! Parts of a time: `extract` (exact) and `date_part` (floating).

use std::cell::RefCell;

use datafusion::arrow::array::{Array, ArrayRef};

use super::call::{Context, Date, Float, Intervals, Read, Returns, Row, Text, Time, Timestamp, Ty, each, row};
use super::casts::convert;
use crate::error::{Error, ErrorKind, Result};
use crate::pgtypes::time::calendar::{civil, day_of_year, iso_week, weekday};
use crate::pgtypes::time::{INFINITY, Interval, MICROS_PER_DAY, MICROS_PER_HOUR, MINUS_INFINITY, is_finite, split};

const EXTRACT: &str = "extract";
const DATE_PART: &str = "date_part";

const fn part(takes: &'static [Ty], eval: super::call::Eval) -> Row {
    Row { name: EXTRACT, takes, returns: Returns::Numeric { told_by: 0, decimals }, eval }
}

#[rustfmt::skip]
pub const ROWS: &[Row] = &[
    part(&[Ty::Text, Ty::Timestamptz], |c, args| exact(c, args, Ty::Timestamptz)),
    part(&[Ty::Text, Ty::Timestamp], |c, args| exact(c, args, Ty::Timestamp)),
    part(&[Ty::Text, Ty::Date], |c, args| exact(c, args, Ty::Date)),
    part(&[Ty::Text, Ty::Time], |c, args| exact(c, args, Ty::Time)),
    part(&[Ty::Text, Ty::Interval], |c, args| exact(c, args, Ty::Interval)),
    row(DATE_PART, &[Ty::Text, Ty::Timestamptz], Ty::Float, |c, args| floating(c, args, Ty::Timestamptz)),
    row(DATE_PART, &[Ty::Text, Ty::Timestamp], Ty::Float, |c, args| floating(c, args, Ty::Timestamp)),
    // of a date as of its midnight
    row(DATE_PART, &[Ty::Text, Ty::Date], Ty::Float, |c, args| {
        floating(c, &[args[0].clone(), convert(&args[1], Ty::Timestamp, c)?], Ty::Timestamp)
    }),
    row(DATE_PART, &[Ty::Text, Ty::Time], Ty::Float, |c, args| floating(c, args, Ty::Time)),
    row(DATE_PART, &[Ty::Text, Ty::Interval], Ty::Float, |c, args| floating(c, args, Ty::Interval)),
];

/// A part that has a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    Microseconds,
    Milliseconds,
    Second,
    Minute,
    Hour,
    Day,
    Week,
    Month,
    Quarter,
    Year,
    Decade,
    Century,
    Millennium,
    IsoYear,
    Dow,
    IsoDow,
    Doy,
    Julian,
    Epoch,
    Timezone,
    TimezoneHour,
    TimezoneMinute,
}

#[rustfmt::skip]
const NAMES: &[(&[&str], Part)] = &[
    (&["microsecon", "us", "usec", "usecs", "usecond", "useconds"], Part::Microseconds),
    (&["millisecon", "ms", "msec", "msecs", "msecond", "mseconds"], Part::Milliseconds),
    (&["second", "seconds", "sec", "secs", "s"], Part::Second),
    (&["minute", "minutes", "min", "mins", "m"], Part::Minute),
    (&["hour", "hours", "hr", "hrs", "h"], Part::Hour),
    (&["day", "days", "d"], Part::Day),
    (&["week", "weeks", "w"], Part::Week),
    (&["month", "months", "mon", "mons"], Part::Month),
    (&["quarter", "qtr"], Part::Quarter),
    (&["year", "years", "yr", "yrs", "y"], Part::Year),
    (&["decade", "decades", "dec", "decs"], Part::Decade),
    (&["century", "centuries", "c", "cent"], Part::Century),
    (&["millennium", "millennia", "mil", "mils"], Part::Millennium),
    (&["isoyear"], Part::IsoYear), (&["dow"], Part::Dow), (&["isodow"], Part::IsoDow), (&["doy"], Part::Doy),
    (&["julian", "jd", "j"], Part::Julian), (&["epoch"], Part::Epoch),
    (&["timezone"], Part::Timezone), (&["timezone_h"], Part::TimezoneHour), (&["timezone_m"], Part::TimezoneMinute),
];

impl Part {
    /// By its name in any case; the first ten letters count.
    pub(super) fn named(name: &str) -> Option<Self> {
        let name = name.trim().to_ascii_lowercase();
        let name = name.get(..10).unwrap_or(&name);
        NAMES.iter().find(|(names, _)| names.contains(&name)).map(|(_, part)| *part)
    }
}

/// Names of parts, each read once for a run of equal ones.
#[derive(Default)]
pub(super) struct Parts(RefCell<Option<(String, Option<Part>)>>);

impl Parts {
    pub(super) fn named(&self, name: &str) -> Option<Part> {
        let mut last = self.0.borrow_mut();
        match last.as_ref() {
            Some((known, part)) if known == name => *part,
            _ => {
                let part = Part::named(name);
                *last = Some((name.to_owned(), part));
                part
            }
        }
    }
}

/// Decimals of a part, as `extract` gives them.
fn decimals(name: &str, from: Ty) -> i8 {
    match Part::named(name) {
        Some(Part::Second) => 6,
        Some(Part::Milliseconds) => 3,
        Some(Part::Epoch) if from != Ty::Date => 6,
        Some(Part::Julian) if from != Ty::Date => 20,
        _ => 0,
    }
}

pub(super) fn type_words(ty: Ty) -> &'static str {
    match ty {
        Ty::Date => "date",
        Ty::Time => "time without time zone",
        Ty::Timestamp => "timestamp without time zone",
        Ty::Timestamptz => "timestamp with time zone",
        _ => "interval",
    }
}

/// The name is no part, or none that the type has.
pub(super) fn wrong(name: &str, ty: Ty) -> Error {
    let name = name.to_lowercase();
    match Part::named(&name) {
        None => Error::new(
            ErrorKind::InvalidParameter,
            format!("unit \"{name}\" not recognized for type {}", type_words(ty)),
        ),
        Some(_) => Error::new(
            ErrorKind::FeatureNotSupported,
            format!("unit \"{name}\" not supported for type {}", type_words(ty)),
        ),
    }
}

/// A part as a whole number and how many of its digits are decimals; for infinite times those that grow for ever.
enum Found {
    Exact(i128, i8),
    Endless(bool),
    Nothing,
}

fn find(context: &Context, name: &str, part: Part, array: &ArrayRef, row: usize, ty: Ty) -> Result<Found> {
    let found = match ty {
        Ty::Interval => of_interval(part, Intervals::get(array, row)),
        Ty::Time => of_time(part, Time::get(array, row)),
        Ty::Date => {
            let date = Date::get(array, row);
            match super::casts::midnight(date) {
                Ok(midnight) if !is_finite(midnight) => return endless(part, midnight == INFINITY, name, ty),
                _ => of_day(part, date.into()),
            }
        }
        _ => {
            let at = Timestamp::get(array, row);
            if at == INFINITY || at == MINUS_INFINITY {
                return endless(part, at == INFINITY, name, ty);
            }
            if ty == Ty::Timestamp { of_timestamp(part, at) } else { of_instant(part, at, context) }
        }
    };
    found.map(|(value, decimals)| Found::Exact(value, decimals)).ok_or_else(|| wrong(name, ty))
}

fn endless(part: Part, future: bool, name: &str, ty: Ty) -> Result<Found> {
    use Part::{Century, Decade, Epoch, IsoYear, Julian, Millennium, Year};
    if matches!(part, Year | Decade | Century | Millennium | Julian | IsoYear | Epoch) {
        return Ok(Found::Endless(future));
    }
    let known = if ty == Ty::Date { of_day(part, 0) } else { of_instant(part, 0, &Context::default()) };
    known.map(|_| Found::Nothing).ok_or_else(|| wrong(name, ty))
}

fn whole(value: impl Into<i128>) -> Option<(i128, i8)> {
    Some((value.into(), 0))
}

fn of_day(part: Part, days: i64) -> Option<(i128, i8)> {
    let (year, month, day) = civil(days);
    // there is no year 0
    let shown = if year > 0 { year } else { year - 1 };
    match part {
        Part::Day => whole(day),
        Part::Month => whole(month),
        Part::Quarter => whole((month - 1) / 3 + 1),
        Part::Week => whole(iso_week(days).1),
        Part::Year => whole(shown),
        Part::Decade => whole(year.div_euclid(10)),
        Part::Century => whole(if year > 0 { (year + 99) / 100 } else { -((100 - year) / 100) }),
        Part::Millennium => whole(if year > 0 { (year + 999) / 1_000 } else { -((1_000 - year) / 1_000) }),
        Part::IsoYear => {
            let (year, _) = iso_week(days);
            whole(if year > 0 { year } else { year - 1 })
        }
        Part::Dow => whole(weekday(days)),
        Part::IsoDow => whole((weekday(days) + 6) % 7 + 1),
        Part::Doy => whole(day_of_year(days)),
        Part::Julian => whole(days + 2_440_588),
        Part::Epoch => whole(days * 86_400),
        _ => None,
    }
}

/// Parts below a day.
fn of_clock(part: Part, micros: i64) -> Option<(i128, i8)> {
    let seconds = i128::from(micros % 60_000_000);
    match part {
        Part::Microseconds => Some((seconds, 0)),
        Part::Milliseconds => Some((seconds, 3)),
        Part::Second => Some((seconds, 6)),
        Part::Minute => whole(micros / 60_000_000 % 60),
        Part::Hour => whole(micros / MICROS_PER_HOUR),
        _ => None,
    }
}

fn of_time(part: Part, micros: i64) -> Option<(i128, i8)> {
    match part {
        Part::Epoch => Some((micros.into(), 6)),
        part => of_clock(part, micros),
    }
}

fn of_timestamp(part: Part, at: i64) -> Option<(i128, i8)> {
    let (days, micros) = split(at);
    match part {
        Part::Epoch => Some((at.into(), 6)),
        Part::Julian => {
            let scale = 10_i128.pow(20);
            let day = i128::from(MICROS_PER_DAY);
            let fraction = (i128::from(micros) * scale + day / 2) / day;
            Some((i128::from(days + 2_440_588) * scale + fraction, 20))
        }
        part => of_clock(part, micros).or_else(|| of_day(part, days)),
    }
}

fn of_instant(part: Part, at: i64, context: &Context) -> Option<(i128, i8)> {
    let offset = context.style.zone.offset_at(at);
    match part {
        Part::Epoch => Some((at.into(), 6)),
        Part::Timezone => whole(offset),
        Part::TimezoneHour => whole(offset / 3_600),
        Part::TimezoneMinute => whole(offset / 60 % 60),
        part => of_timestamp(part, context.style.zone.local(at)),
    }
}

fn of_interval(part: Part, interval: Interval) -> Option<(i128, i8)> {
    let (years, months) = (interval.months / 12, interval.months % 12);
    match part {
        Part::Day => whole(interval.days),
        Part::Month => whole(months),
        Part::Quarter => whole(months / 3 + 1),
        Part::Year => whole(years),
        Part::Decade => whole(years / 10),
        Part::Century => whole(years / 100),
        Part::Millennium => whole(years / 1_000),
        Part::Epoch => {
            // a year has 365¼ days here, a month 30
            let days = i128::from(years) * 1_461 * i128::from(MICROS_PER_DAY) / 4
                + (i128::from(months) * 30 + i128::from(interval.days)) * i128::from(MICROS_PER_DAY);
            Some((days + i128::from(interval.micros), 6))
        }
        part => of_clock(part, interval.micros),
    }
}

fn floating(context: &Context, args: &[ArrayRef], ty: Ty) -> Result<ArrayRef> {
    let parts = Parts::default();
    each::<Float>(args, |args, row| {
        let name = Text::get(&args[0], row);
        let part = parts.named(name).ok_or_else(|| wrong(name, ty))?;
        Ok(match find(context, name, part, &args[1], row, ty)? {
            Found::Exact(value, decimals) => Some(value as f64 / 10_f64.powi(decimals.into())),
            Found::Endless(future) => Some(if future { f64::INFINITY } else { f64::NEG_INFINITY }),
            Found::Nothing => None,
        })
    })
}

fn exact(context: &Context, args: &[ArrayRef], ty: Ty) -> Result<ArrayRef> {
    let name = if args[0].is_empty() || args[0].is_null(0) { "" } else { Text::get(&args[0], 0) };
    let scale = decimals(name, ty);
    let part = Part::named(name);
    let rows = args[1].len();
    let mut values = Vec::with_capacity(rows);
    for row in 0..rows {
        if args.iter().any(|column| column.is_null(row)) {
            values.push(None);
            continue;
        }
        let part = part.ok_or_else(|| wrong(name, ty))?;
        values.push(match find(context, name, part, &args[1], row, ty)? {
            Found::Exact(value, _) => Some(value),
            Found::Nothing => None,
            Found::Endless(_) => {
                return Err(Error::new(ErrorKind::FeatureNotSupported, "numeric infinity is not supported")
                    .with_hint("Use date_part, which gives double precision."));
            }
        });
    }
    let decimals = datafusion::arrow::array::Decimal128Array::from(values).with_precision_and_scale(38, scale);
    decimals
        .map(|array| std::sync::Arc::new(array) as ArrayRef)
        .map_err(|error| Error::internal("a part of a time is too long").with_source(error))
}
