//! Operators on dates, times and intervals, as functions that a plan's operators are replaced by.

use datafusion::arrow::array::ArrayRef;

use super::call::{
    Bigint, Boolean, Context, Date, Float, Integer, Intervals, Read, Row, Time, Timestamp, Timestamptz, Ty, Write,
    map1, map2, row,
};
use super::casts::midnight;
use crate::error::{Error, ErrorKind, Result};
use crate::pgtypes::time::{
    Interval, MICROS_PER_DAY, checked_date, checked_timestamp, is_finite, is_finite_date, out_of_range,
};

use Ty::{Date as D, Float as F, Integer as I, Interval as V, Time as T, Timestamp as TS, Timestamptz as TZ};

/// Names that operators go by.
pub const PLUS: &str = "time_plus";
pub const MINUS: &str = "time_minus";
pub const TIMES: &str = "time_times";
pub const DIVIDED: &str = "time_divided";
pub const NEGATED: &str = "time_negated";

#[rustfmt::skip]
pub const ROWS: &[Row] = &[
    row(PLUS, &[D, I], D, |_, args| map2::<Date, Integer, Date>(args, plus_days)),
    row(PLUS, &[I, D], D, |_, args| map2::<Integer, Date, Date>(args, |days, date| plus_days(date, days))),
    row(PLUS, &[D, T], TS, |_, args| map2::<Date, Time, Timestamp>(args, at_time)),
    row(PLUS, &[T, D], TS, |_, args| map2::<Time, Date, Timestamp>(args, |time, date| at_time(date, time))),
    row(PLUS, &[D, V], TS, |_, args| map2::<Date, Intervals, Timestamp>(args, |date, by| by.after(midnight(date)?))),
    row(PLUS, &[V, D], TS, |_, args| map2::<Intervals, Date, Timestamp>(args, |by, date| by.after(midnight(date)?))),
    row(PLUS, &[TS, V], TS, |_, args| map2::<Timestamp, Intervals, Timestamp>(args, |at, by| by.after(at))),
    row(PLUS, &[V, TS], TS, |_, args| map2::<Intervals, Timestamp, Timestamp>(args, |by, at| by.after(at))),
    row(PLUS, &[TZ, V], TZ, |c, args| map2::<Timestamptz, Intervals, Timestamptz>(args, |at, by| by.after_in(at, c.style.zone))),
    row(PLUS, &[V, TZ], TZ, |c, args| map2::<Intervals, Timestamptz, Timestamptz>(args, |by, at| by.after_in(at, c.style.zone))),
    row(PLUS, &[T, V], T, |_, args| map2::<Time, Intervals, Time>(args, |time, by| Ok(around(time, by.micros)))),
    row(PLUS, &[V, T], T, |_, args| map2::<Intervals, Time, Time>(args, |by, time| Ok(around(time, by.micros)))),
    row(PLUS, &[V, V], V, |_, args| map2::<Intervals, Intervals, Intervals>(args, Interval::plus)),

    row(MINUS, &[D, I], D, |_, args| map2::<Date, Integer, Date>(args, |date, days| {
        if is_finite_date(date) { checked_date(i64::from(date) - i64::from(days)) } else { Ok(date) }
    })),
    row(MINUS, &[D, D], I, |_, args| map2::<Date, Date, Integer>(args, days_between)),
    row(MINUS, &[D, V], TS, |_, args| map2::<Date, Intervals, Timestamp>(args, |date, by| by.negated()?.after(midnight(date)?))),
    row(MINUS, &[TS, TS], V, |_, args| map2::<Timestamp, Timestamp, Intervals>(args, |to, from| Interval::between(from, to))),
    row(MINUS, &[TZ, TZ], V, |_, args| map2::<Timestamptz, Timestamptz, Intervals>(args, |to, from| Interval::between(from, to))),
    row(MINUS, &[TS, V], TS, |_, args| map2::<Timestamp, Intervals, Timestamp>(args, |at, by| by.negated()?.after(at))),
    row(MINUS, &[TZ, V], TZ, |c, args| map2::<Timestamptz, Intervals, Timestamptz>(args, |at, by| by.negated()?.after_in(at, c.style.zone))),
    row(MINUS, &[T, T], V, |_, args| map2::<Time, Time, Intervals>(args, |to, from| Ok(Interval::of_micros(to - from)))),
    row(MINUS, &[T, V], T, |_, args| map2::<Time, Intervals, Time>(args, |time, by| Ok(around(time, -by.micros)))),
    row(MINUS, &[V, V], V, |_, args| map2::<Intervals, Intervals, Intervals>(args, Interval::minus)),

    row(TIMES, &[V, F], V, |_, args| map2::<Intervals, Float, Intervals>(args, Interval::times)),
    row(TIMES, &[F, V], V, |_, args| map2::<Float, Intervals, Intervals>(args, |by, interval| interval.times(by))),
    row(DIVIDED, &[V, F], V, |_, args| map2::<Intervals, Float, Intervals>(args, Interval::divided_by)),
    row(NEGATED, &[V], V, |_, args| map1::<Intervals, Intervals>(args, Interval::negated)),

    row("overlaps", &[TZ, TZ, TZ, TZ], Ty::Boolean, |_, args| overlaps::<Timestamptz>(args)),
    row("overlaps", &[TS, TS, TS, TS], Ty::Boolean, |_, args| overlaps::<Timestamp>(args)),
    row("overlaps", &[T, T, T, T], Ty::Boolean, |_, args| overlaps::<Time>(args)),
    row("overlaps", &[TZ, V, TZ, V], Ty::Boolean, |c, args| overlaps_of_instants(c, args, [true, true])),
    row("overlaps", &[TZ, V, TZ, TZ], Ty::Boolean, |c, args| overlaps_of_instants(c, args, [true, false])),
    row("overlaps", &[TZ, TZ, TZ, V], Ty::Boolean, |c, args| overlaps_of_instants(c, args, [false, true])),
    row("overlaps", &[T, V, T, V], Ty::Boolean, |_, args| overlaps_of_times(args, [true, true])),
    row("overlaps", &[T, V, T, T], Ty::Boolean, |_, args| overlaps_of_times(args, [true, false])),
    row("overlaps", &[T, T, T, V], Ty::Boolean, |_, args| overlaps_of_times(args, [false, true])),

    row("isfinite", &[D], Ty::Boolean, |_, args| map1::<Date, Boolean>(args, |date| Ok(is_finite_date(date)))),
    row("isfinite", &[TZ], Ty::Boolean, |_, args| map1::<Timestamptz, Boolean>(args, |at| Ok(is_finite(at)))),
    row("isfinite", &[TS], Ty::Boolean, |_, args| map1::<Timestamp, Boolean>(args, |at| Ok(is_finite(at)))),
    row("isfinite", &[V], Ty::Boolean, |_, args| map1::<Intervals, Boolean>(args, |_| Ok(true))),
    row(SPAN, &[V], Ty::Bigint, |_, args| map1::<Intervals, Bigint>(args, |interval| {
        // Arrow's intervals reach further only where months are in the hundreds of millions
        i64::try_from(interval.span()).map_err(|_| out_of_range("interval"))
    })),
];

/// What intervals are compared by: microseconds, at 30 days a month.
pub const SPAN: &str = "interval_span";

fn plus_days(date: i32, days: i32) -> Result<i32> {
    if is_finite_date(date) { checked_date(i64::from(date) + i64::from(days)) } else { Ok(date) }
}

fn days_between(to: i32, from: i32) -> Result<i32> {
    if !is_finite_date(to) || !is_finite_date(from) {
        return Err(Error::new(ErrorKind::DatetimeOutOfRange, "cannot subtract infinite dates"));
    }
    Ok(to - from)
}

fn at_time(date: i32, time: i64) -> Result<i64> {
    let midnight = midnight(date)?;
    if is_finite(midnight) { checked_timestamp(midnight.checked_add(time)) } else { Ok(midnight) }
}

/// A time of day, moved; midnight is no border.
fn around(time: i64, micros: i64) -> i64 {
    (time + micros % MICROS_PER_DAY).rem_euclid(MICROS_PER_DAY)
}

/// Whether two periods, each given by its ends in either order, have a moment in common; the later end is not in it. Of an
/// end that is not known it may not matter where it is.
///
/// Source: PostgreSQL 15, `overlaps_timestamp`.
fn common(a: [Option<i64>; 2], b: [Option<i64>; 2]) -> Option<bool> {
    let in_order = |ends: [Option<i64>; 2]| match ends {
        [Some(from), Some(to)] => Some((from.min(to), Some(from.max(to)))),
        [Some(known), None] | [None, Some(known)] => Some((known, None)),
        [None, None] => None,
    };
    let ((a, a_end), (b, b_end)) = (in_order(a)?, in_order(b)?);
    let within = |later: i64, end: Option<i64>, others: Option<i64>| match end? {
        end if later < end => Some(true),
        _ => others.map(|_| false),
    };
    match a.cmp(&b) {
        // a period without length is a moment
        std::cmp::Ordering::Equal => a_end.and(b_end).map(|_| true),
        std::cmp::Ordering::Less => within(b, a_end, b_end),
        std::cmp::Ordering::Greater => within(a, b_end, a_end),
    }
}

fn overlaps<R: for<'a> Read<Item<'a> = i64>>(args: &[ArrayRef]) -> Result<ArrayRef> {
    overlaps_from::<R>(args, [false; 2], |from, _| Ok(from))
}

fn overlaps_of_instants(context: &Context, args: &[ArrayRef], by_length: [bool; 2]) -> Result<ArrayRef> {
    overlaps_from::<Timestamptz>(args, by_length, |from, by| by.after_in(from, context.style.zone))
}

fn overlaps_of_times(args: &[ArrayRef], by_length: [bool; 2]) -> Result<ArrayRef> {
    overlaps_from::<Time>(args, by_length, |from, by| Ok(around(from, by.micros)))
}

/// [`overlaps`] of periods of which some are given by their length.
fn overlaps_from<R: for<'a> Read<Item<'a> = i64>>(
    args: &[ArrayRef],
    by_length: [bool; 2],
    after: impl Fn(i64, Interval) -> Result<i64>,
) -> Result<ArrayRef> {
    let known = |nth: usize, row: usize| args[nth].is_valid(row);
    let period = |nth: usize, row: usize, by_length: bool| -> Result<[Option<i64>; 2]> {
        let from = known(nth, row).then(|| R::get(&args[nth], row));
        let to = match (from, by_length) {
            _ if !known(nth + 1, row) => None,
            (_, false) => Some(R::get(&args[nth + 1], row)),
            (None, true) => None,
            (Some(from), true) => Some(after(from, Intervals::get(&args[nth + 1], row))?),
        };
        Ok([from, to])
    };
    let rows = args.first().map_or(1, |first| first.len());
    let value = |row| Ok(common(period(0, row, by_length[0])?, period(2, row, by_length[1])?));
    Boolean::build((0..rows).map(value), rows)
}
