//! Dates, times and intervals as PostgreSQL prints and sends them.

use std::fmt::Write as _;

use bytes::{BufMut, BytesMut};

use super::calendar::{civil, weekday};
use super::{DATE_INFINITY, DATE_MINUS_INFINITY, INFINITY, Interval, MICROS_PER_SECOND, MINUS_INFINITY, Zone, split};
use crate::pgtypes::number::{put_i64, put_pair, put_u64};
use crate::pgtypes::style::{DateFormat, DateOrder, IntervalStyle, Style};

/// Writes the day, and says whether ` BC` must follow.
#[inline]
fn put_day(out: &mut BytesMut, days: i64, dates: DateFormat, order: DateOrder) -> bool {
    let (year, month, day) = civil(days);
    let bc = year <= 0;
    let shown = if bc { 1 - year } else { year }.unsigned_abs();
    let separator = match dates {
        DateFormat::Iso => {
            put_year(out, shown);
            out.put_u8(b'-');
            put_pair(out, month);
            out.put_u8(b'-');
            put_pair(out, day);
            return bc;
        }
        DateFormat::Sql => b'/',
        DateFormat::Postgres => b'-',
        DateFormat::German => b'.',
    };
    let day_first = dates == DateFormat::German || order == DateOrder::Dmy;
    let (first, second) = if day_first { (day, month) } else { (month, day) };
    put_pair(out, first);
    out.put_u8(separator);
    put_pair(out, second);
    out.put_u8(separator);
    put_year(out, shown);
    bc
}

fn put_year(out: &mut BytesMut, year: u64) {
    if year < 10_000 {
        put_pair(out, (year / 100) as u32);
        put_pair(out, (year % 100) as u32);
    } else {
        put_u64(out, year);
    }
}

pub(in crate::pgtypes) fn put_date(out: &mut BytesMut, days: i32, style: &Style) {
    match days {
        DATE_INFINITY => out.put_slice(b"infinity"),
        DATE_MINUS_INFINITY => out.put_slice(b"-infinity"),
        _ => {
            if put_day(out, i64::from(days), style.dates, style.order) {
                out.put_slice(b" BC");
            }
        }
    }
}

/// Writes `hh:mm:ss[.ffffff]`, trailing zeros cut.
#[inline]
pub(in crate::pgtypes) fn put_time(out: &mut BytesMut, micros: i64) {
    let seconds = (micros / MICROS_PER_SECOND) as u32;
    put_pair(out, seconds / 3_600);
    out.put_u8(b':');
    put_pair(out, seconds / 60 % 60);
    out.put_u8(b':');
    put_pair(out, seconds % 60);
    put_fraction(out, (micros % MICROS_PER_SECOND) as u32);
}

fn put_fraction(out: &mut BytesMut, micros: u32) {
    if micros == 0 {
        return;
    }
    let mut digits = [b'0'; 7];
    digits[0] = b'.';
    let mut rest = micros;
    for place in digits[1..].iter_mut().rev() {
        *place += (rest % 10) as u8;
        rest /= 10;
    }
    let used = digits.iter().rposition(|digit| *digit != b'0').map_or(0, |last| last + 1);
    out.put_slice(&digits[..used]);
}

/// How a timestamp is laid out: SQL text or ISO 8601 as in JSON.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::pgtypes) enum Layout {
    Sql,
    Json,
}

/// Writes a timestamp; `zone` is `None` for one without time zone.
#[inline]
pub(in crate::pgtypes) fn put_timestamp(
    out: &mut BytesMut,
    timestamp: i64,
    zone: Option<Zone>,
    layout: Layout,
    style: &Style,
) {
    match timestamp {
        INFINITY => return out.put_slice(b"infinity"),
        MINUS_INFINITY => return out.put_slice(b"-infinity"),
        _ => {}
    }
    let (days, micros) = split(zone.map_or(timestamp, |zone| zone.local(timestamp)));
    if layout == Layout::Sql && style.dates == DateFormat::Postgres {
        return put_as_unix(out, days, micros, zone.map(|zone| (zone, timestamp)), style.order);
    }
    let dates = if layout == Layout::Sql { style.dates } else { DateFormat::Iso };
    let bc = put_day(out, days, dates, style.order);
    out.put_u8(if layout == Layout::Sql { b' ' } else { b'T' });
    put_time(out, micros);
    match zone {
        None => {}
        Some(zone) if dates == DateFormat::Iso => put_offset(out, zone.offset_at(timestamp), layout),
        Some(zone) => {
            out.put_u8(b' ');
            out.put_slice(zone.abbreviation_at(timestamp).as_bytes());
        }
    }
    if bc {
        out.put_slice(b" BC");
    }
}

/// `Thu Feb 29 13:14:15 2024 CET`.
fn put_as_unix(out: &mut BytesMut, days: i64, micros: i64, zone: Option<(Zone, i64)>, order: DateOrder) {
    const DAYS: [&str; 7] = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"];
    const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let (year, month, day) = civil(days);
    let month = MONTHS[month as usize - 1];
    out.put_slice(DAYS[weekday(days) as usize].as_bytes());
    let _ = match order {
        DateOrder::Dmy => write!(out, " {day:02} {month} "),
        _ => write!(out, " {month} {day:02} "),
    };
    put_time(out, micros);
    out.put_u8(b' ');
    put_year(out, if year <= 0 { 1 - year } else { year }.unsigned_abs());
    if let Some((zone, instant)) = zone {
        out.put_u8(b' ');
        out.put_slice(zone.abbreviation_at(instant).as_bytes());
    }
    if year <= 0 {
        out.put_slice(b" BC");
    }
}

fn put_offset(out: &mut BytesMut, offset: i32, layout: Layout) {
    out.put_u8(if offset < 0 { b'-' } else { b'+' });
    let seconds = offset.unsigned_abs();
    put_pair(out, seconds / 3_600);
    if layout == Layout::Json || !seconds.is_multiple_of(3_600) {
        out.put_u8(b':');
        put_pair(out, seconds / 60 % 60);
    }
    if !seconds.is_multiple_of(60) {
        out.put_u8(b':');
        put_pair(out, seconds % 60);
    }
}

pub(in crate::pgtypes) fn put_interval(out: &mut BytesMut, interval: Interval, style: &Style) {
    match style.intervals {
        IntervalStyle::Postgres => put_postgres(out, interval),
        IntervalStyle::PostgresVerbose => put_verbose(out, interval),
        IntervalStyle::SqlStandard => put_sql_standard(out, interval),
        IntervalStyle::Iso8601 => put_iso(out, interval),
    }
}

/// `[hours, minutes, seconds]` with two digits each, and a fraction; of an amount that is not negative.
fn put_clock(out: &mut BytesMut, micros: u64, hour_digits: usize) {
    let seconds = micros / 1_000_000;
    let _ = write!(out, "{:0hour_digits$}:{:02}:{:02}", seconds / 3_600, seconds / 60 % 60, seconds % 60);
    put_fraction(out, (micros % 1_000_000) as u32);
}

fn put_postgres(out: &mut BytesMut, interval: Interval) {
    let Interval { months, days, micros } = interval;
    let mut written = false;
    // a field after a negative one carries its sign
    let mut signed = false;
    for (value, unit) in [(months / 12, " year"), (months % 12, " mon"), (days, " day")] {
        if value == 0 {
            continue;
        }
        if written {
            out.put_u8(b' ');
        }
        if signed && value > 0 {
            out.put_u8(b'+');
        }
        put_i64(out, i64::from(value));
        out.put_slice(unit.as_bytes());
        if value != 1 {
            out.put_u8(b's');
        }
        signed = value < 0;
        written = true;
    }
    if micros == 0 && written {
        return;
    }
    if written {
        out.put_u8(b' ');
    }
    if micros < 0 {
        out.put_u8(b'-');
    } else if signed {
        out.put_u8(b'+');
    }
    put_clock(out, micros.unsigned_abs(), 2);
}

/// Hours, minutes and microseconds below a minute, each with the sign of the whole.
fn clock_parts(micros: i64) -> (i64, i64, i64) {
    let minutes = micros / 60_000_000;
    (minutes / 60, minutes % 60, micros % 60_000_000)
}

fn put_seconds(out: &mut BytesMut, micros: i64) {
    put_u64(out, micros.unsigned_abs() / 1_000_000);
    put_fraction(out, (micros.unsigned_abs() % 1_000_000) as u32);
}

fn put_verbose(out: &mut BytesMut, interval: Interval) {
    let (hours, minutes, seconds) = clock_parts(interval.micros);
    out.put_u8(b'@');
    let (mut empty, mut ago) = (true, false);
    let parts = [
        (i64::from(interval.months / 12), "year"),
        (i64::from(interval.months % 12), "mon"),
        (i64::from(interval.days), "day"),
        (hours, "hour"),
        (minutes, "min"),
    ];
    for (value, unit) in parts.into_iter().filter(|(value, _)| *value != 0) {
        if empty {
            ago = value < 0;
        }
        empty = false;
        let shown = if ago { -value } else { value };
        let _ = write!(out, " {shown} {unit}{}", if shown == 1 { "" } else { "s" });
    }
    if seconds != 0 {
        if empty {
            ago = seconds < 0;
        }
        empty = false;
        out.put_slice(if (seconds < 0) != ago { b" -" } else { b" " });
        put_seconds(out, seconds);
        out.put_slice(if seconds.abs() == MICROS_PER_SECOND { b" sec" } else { b" secs" });
    }
    if empty {
        out.put_slice(b" 0");
    }
    if ago {
        out.put_slice(b" ago");
    }
}

fn put_sql_standard(out: &mut BytesMut, interval: Interval) {
    let Interval { months, days, micros } = interval;
    let negative = months < 0 || days < 0 || micros < 0;
    let positive = months > 0 || days > 0 || micros > 0;
    if !negative && !positive {
        return out.put_u8(b'0');
    }
    let sign = |negative: bool| if negative { '-' } else { '+' };
    let (years, months_left) = (months.unsigned_abs() / 12, months.unsigned_abs() % 12);
    let mixed = (negative && positive) || (months != 0 && (days != 0 || micros != 0));
    if mixed {
        let day_sign = sign(days < 0);
        let _ = write!(out, "{}{years}-{months_left} {day_sign}{} ", sign(months < 0), days.unsigned_abs());
        out.put_u8(sign(micros < 0) as u8);
        return put_clock(out, micros.unsigned_abs(), 1);
    }
    if negative {
        out.put_u8(b'-');
    }
    if months != 0 {
        let _ = write!(out, "{years}-{months_left}");
        return;
    }
    if days != 0 {
        let _ = write!(out, "{} ", days.unsigned_abs());
    }
    put_clock(out, micros.unsigned_abs(), 1);
}

fn put_iso(out: &mut BytesMut, interval: Interval) {
    let (hours, minutes, seconds) = clock_parts(interval.micros);
    out.put_u8(b'P');
    let put = |out: &mut BytesMut, value: i64, unit: char| {
        if value != 0 {
            let _ = write!(out, "{value}{unit}");
        }
    };
    put(out, i64::from(interval.months / 12), 'Y');
    put(out, i64::from(interval.months % 12), 'M');
    put(out, i64::from(interval.days), 'D');
    if interval.micros != 0 || interval == Interval::default() {
        out.put_u8(b'T');
    }
    put(out, hours, 'H');
    put(out, minutes, 'M');
    if seconds != 0 || interval == Interval::default() {
        if seconds < 0 {
            out.put_u8(b'-');
        }
        put_seconds(out, seconds);
        out.put_u8(b'S');
    }
}

impl std::fmt::Display for Interval {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut out = BytesMut::new();
        put_postgres(&mut out, *self);
        f.write_str(&String::from_utf8_lossy(&out))
    }
}

/// As `interval_send` lays it out.
pub(in crate::pgtypes) fn put_interval_binary(out: &mut BytesMut, interval: Interval) {
    out.put_i64(interval.micros);
    out.put_i32(interval.days);
    out.put_i32(interval.months);
}

#[cfg(test)]
mod tests;
