//! Dates, times, timestamps and intervals as PostgreSQL has them: calendar, zones, input, output, arithmetic. Pure.
//!
//! A date is days since 1970, a timestamp microseconds since 1970, a time microseconds since midnight, an
//! [`Interval`] months, days and microseconds, as in Arrow.
//!
//! Invariant: the largest and the smallest value of a date or a timestamp are `infinity` and `-infinity`.
//! Invariant: what is outside PostgreSQL's range, or Arrow's, is an error (`22008`), never another value.

mod abbreviations;
pub mod calendar;
mod decode;
mod fields;
mod input;
mod interval;
mod interval_input;
mod output;
mod tokens;
mod words;
mod zone;

pub use input::{
    Input, checked_date, checked_timestamp, is_relative, parse_date, parse_time, parse_timestamp, parse_timestamptz,
};
pub use interval::Interval;
pub use interval_input::{IntervalFields, parse_interval};
pub(super) use output::{Layout, put_date, put_interval, put_interval_binary, put_time, put_timestamp};
pub use zone::Zone;

use datafusion::arrow::datatypes::TimeUnit;

use crate::error::{Error, ErrorKind};

/// Days from Arrow's epoch, 1970-01-01, to PostgreSQL's, 2000-01-01.
pub const POSTGRES_EPOCH_DAYS: i32 = 10_957;
pub const MICROS_PER_SECOND: i64 = 1_000_000;
pub const MICROS_PER_MINUTE: i64 = 60 * MICROS_PER_SECOND;
pub const MICROS_PER_HOUR: i64 = 60 * MICROS_PER_MINUTE;
pub const MICROS_PER_DAY: i64 = 24 * MICROS_PER_HOUR;
pub const DATE_INFINITY: i32 = i32::MAX;
pub const DATE_MINUS_INFINITY: i32 = i32::MIN;
pub const INFINITY: i64 = i64::MAX;
pub const MINUS_INFINITY: i64 = i64::MIN;

/// 24 November 4714 BC, the first day there is.
const FIRST_DAY: i64 = -2_440_588;
/// The day after the last.
const END_DAY: i64 = 2_147_483_494 - 2_440_588;

/// Whether the timestamp is neither `infinity` nor `-infinity`.
pub fn is_finite(timestamp: i64) -> bool {
    timestamp != INFINITY && timestamp != MINUS_INFINITY
}

/// Whether the date is neither `infinity` nor `-infinity`.
pub fn is_finite_date(date: i32) -> bool {
    date != DATE_INFINITY && date != DATE_MINUS_INFINITY
}

/// A count of Arrow's units as microseconds: nanoseconds are cut towards the past, what does not fit is infinite.
#[inline]
pub(super) fn micros(value: i64, unit: TimeUnit) -> i64 {
    match unit {
        TimeUnit::Second => value.saturating_mul(MICROS_PER_SECOND),
        TimeUnit::Millisecond => value.saturating_mul(1_000),
        TimeUnit::Microsecond => value,
        TimeUnit::Nanosecond => value.div_euclid(1_000),
    }
}

/// Day and microsecond of the day of a finite timestamp.
pub fn split(timestamp: i64) -> (i64, i64) {
    (timestamp.div_euclid(MICROS_PER_DAY), timestamp.rem_euclid(MICROS_PER_DAY))
}

/// A day as a date; `None` outside PostgreSQL's range.
pub fn date_of(days: i64) -> Option<i32> {
    if (FIRST_DAY..END_DAY).contains(&days) { i32::try_from(days).ok() } else { None }
}

/// A day and a time of it as a timestamp; `None` outside the range.
pub fn timestamp_of(days: i64, micros: i64) -> Option<i64> {
    in_range(days.checked_mul(MICROS_PER_DAY)?.checked_add(micros)?)
}

/// The timestamp, if it is a finite one that PostgreSQL has too.
pub fn in_range(timestamp: i64) -> Option<i64> {
    (FIRST_DAY * MICROS_PER_DAY..INFINITY).contains(&timestamp).then_some(timestamp)
}

/// `22008`.
pub fn out_of_range(what: &str) -> Error {
    Error::new(ErrorKind::DatetimeOutOfRange, format!("{what} out of range"))
}
