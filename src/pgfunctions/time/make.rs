//! Times made of numbers, and made simpler: `make_date` and its kin, `age`, `justify_…`, `to_timestamp(seconds)`.

use datafusion::arrow::array::ArrayRef;

use super::call::{
    Context, Date, Float, Integer, Intervals, Read, Row, Text, Time, Timestamp, Timestamptz, Ty, each, map1, map2,
    map3, row,
};
use super::casts::{local, midnight};
use crate::error::{Error, ErrorKind, Result};
use crate::pgtypes::time::calendar::{day_number, days_in_month};
use crate::pgtypes::time::{
    INFINITY, Interval, MICROS_PER_DAY, MICROS_PER_HOUR, MICROS_PER_MINUTE, MINUS_INFINITY, Zone, checked_timestamp,
    date_of, in_range, out_of_range, split, timestamp_of,
};

use Ty::{Float as F, Integer as I, Text as X};

#[rustfmt::skip]
pub const ROWS: &[Row] = &[
    row("make_date", &[I, I, I], Ty::Date, |_, args| map3::<Integer, Integer, Integer, Date>(args, make_date)),
    row("make_time", &[I, I, F], Ty::Time, |_, args| map3::<Integer, Integer, Float, Time>(args, make_time)),
    row("make_timestamp", &[I, I, I, I, I, F], Ty::Timestamp, |_, args| {
        each::<Timestamp>(args, |args, row| moment(args, row).map(Some))
    }),
    row("make_timestamptz", &[I, I, I, I, I, F], Ty::Timestamptz, |c, args| {
        each::<Timestamptz>(args, |args, row| in_zone(moment(args, row)?, c.style.zone).map(Some))
    }),
    row("make_timestamptz", &[I, I, I, I, I, F, X], Ty::Timestamptz, |_, args| {
        each::<Timestamptz>(args, |args, row| {
            in_zone(moment(args, row)?, super::zones::written(Text::get(&args[6], row))?).map(Some)
        })
    }),
    row("make_interval", &[], Ty::Interval, make_interval),
    row("make_interval", &[I], Ty::Interval, make_interval),
    row("make_interval", &[I, I], Ty::Interval, make_interval),
    row("make_interval", &[I, I, I], Ty::Interval, make_interval),
    row("make_interval", &[I, I, I, I], Ty::Interval, make_interval),
    row("make_interval", &[I, I, I, I, I], Ty::Interval, make_interval),
    row("make_interval", &[I, I, I, I, I, I], Ty::Interval, make_interval),
    row("make_interval", &[I, I, I, I, I, I, F], Ty::Interval, make_interval),
    row("to_timestamp", &[F], Ty::Timestamptz, |_, args| map1::<Float, Timestamptz>(args, of_epoch)),

    row("age", &[Ty::Timestamptz, Ty::Timestamptz], Ty::Interval, |c, args| {
        map2::<Timestamptz, Timestamptz, Intervals>(args, |to, from| {
            Interval::age(local(from, c.style.zone), local(to, c.style.zone))
        })
    }),
    row("age", &[Ty::Timestamp, Ty::Timestamp], Ty::Interval, |_, args| {
        map2::<Timestamp, Timestamp, Intervals>(args, |to, from| Interval::age(from, to))
    }),
    row("age", &[Ty::Timestamptz], Ty::Interval, |c, args| {
        map1::<Timestamptz, Intervals>(args, |from| Interval::age(local(from, c.style.zone), today(c)?))
    }),
    row("age", &[Ty::Timestamp], Ty::Interval, |c, args| {
        map1::<Timestamp, Intervals>(args, |from| Interval::age(from, today(c)?))
    }),
    // of an `xid`: transactions are not numbered here, so none grows old
    row("age", &[I], I, |_, args| map1::<Integer, Integer>(args, |_| Ok(0))),
    row("justify_hours", &[Ty::Interval], Ty::Interval, |_, args| map1::<Intervals, Intervals>(args, Interval::justify_hours)),
    row("justify_days", &[Ty::Interval], Ty::Interval, |_, args| map1::<Intervals, Intervals>(args, Interval::justify_days)),
    row("justify_interval", &[Ty::Interval], Ty::Interval, |_, args| map1::<Intervals, Intervals>(args, Interval::justify)),
];

/// The midnight before now.
fn today(context: &Context) -> Result<i64> {
    let (days, _) = split(context.style.zone.local(context.now));
    midnight(i32::try_from(days).map_err(|_| out_of_range("date"))?)
}

fn make_date(year: i32, month: i32, day: i32) -> Result<i32> {
    let bad = || {
        let message = format!("date field value out of range: {year}-{month:02}-{day:02}");
        Error::new(ErrorKind::DatetimeOutOfRange, message)
    };
    // years before Christ are negative, and there is none that is 0
    let proleptic = if year < 0 { i64::from(year) + 1 } else { i64::from(year) };
    let (Ok(month), Ok(day)) = (u32::try_from(month), u32::try_from(day)) else { return Err(bad()) };
    if year == 0 || !(1..=12).contains(&month) || day == 0 || day > days_in_month(proleptic, month) {
        return Err(bad());
    }
    date_of(day_number(proleptic, month, day)).ok_or_else(|| {
        Error::new(ErrorKind::DatetimeOutOfRange, format!("date out of range: {year}-{month:02}-{day:02}"))
    })
}

fn make_time(hours: i32, minutes: i32, seconds: f64) -> Result<i64> {
    let micros = (seconds * 1e6).round();
    if (0..=24).contains(&hours) && (0..60).contains(&minutes) && (0.0..=60e6).contains(&micros) {
        let total = i64::from(hours) * MICROS_PER_HOUR + i64::from(minutes) * MICROS_PER_MINUTE + micros as i64;
        if total <= MICROS_PER_DAY {
            return Ok(total);
        }
    }
    let seconds = match seconds {
        _ if seconds.is_infinite() => if seconds > 0.0 { "Infinity" } else { "-Infinity" }.to_owned(),
        _ if seconds.abs() >= 1e6 => with_exponent(seconds),
        _ => format!("{seconds:0>2}"),
    };
    let message = format!("time field value out of range: {hours}:{minutes:02}:{seconds}");
    Err(Error::new(ErrorKind::DatetimeOutOfRange, message))
}

/// A great number as messages show it: `1e+06`.
fn with_exponent(number: f64) -> String {
    let shown = format!("{number:e}");
    let (digits, exponent) = shown.split_once('e').unwrap_or((&shown, "0"));
    format!("{digits}e+{exponent:0>2}")
}

/// The local time of six arguments.
fn moment(args: &[ArrayRef], row: usize) -> Result<i64> {
    let at = |nth: usize| Integer::get(&args[nth], row);
    let day = make_date(at(0), at(1), at(2))?;
    let time = make_time(at(3), at(4), Float::get(&args[5], row))?;
    timestamp_of(day.into(), time).ok_or_else(|| out_of_range("timestamp"))
}

fn in_zone(local: i64, zone: Zone) -> Result<i64> {
    checked_timestamp(Some(zone.instant(local)))
}

/// Years, months, weeks, days, hours, minutes, seconds; what is not given is 0.
fn make_interval(_: &Context, args: &[ArrayRef]) -> Result<ArrayRef> {
    each::<Intervals>(args, |args, row| {
        let at = |nth: usize| args.get(nth).map_or(0, |column| Integer::get(column, row));
        let seconds = args.get(6).map_or(0.0, |column| Float::get(column, row));
        let fields = || {
            Some(Interval {
                months: at(0).checked_mul(12)?.checked_add(at(1))?,
                days: at(2).checked_mul(7)?.checked_add(at(3))?,
                micros: (i64::from(at(4)) * 60 + i64::from(at(5)))
                    .checked_mul(MICROS_PER_MINUTE)?
                    .checked_add(finite_micros(seconds)?)?,
            })
        };
        fields().map(Some).ok_or_else(|| out_of_range("interval"))
    })
}

fn finite_micros(seconds: f64) -> Option<i64> {
    let micros = (seconds * 1e6).round_ties_even();
    (micros.abs() < 9.2e18).then_some(micros as i64)
}

/// Seconds since 1970.
fn of_epoch(seconds: f64) -> Result<i64> {
    if seconds.is_infinite() {
        return Ok(if seconds > 0.0 { INFINITY } else { MINUS_INFINITY });
    }
    if seconds.is_nan() {
        return Err(Error::new(ErrorKind::DatetimeOutOfRange, "timestamp cannot be NaN"));
    }
    finite_micros(seconds).and_then(in_range).ok_or_else(|| {
        let message = format!("timestamp out of range: \"{}\"", with_exponent(seconds));
        Error::new(ErrorKind::DatetimeOutOfRange, message)
    })
}
