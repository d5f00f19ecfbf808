//! Dates, times and intervals as PostgreSQL prints and sends them (`DateStyle = ISO`, `IntervalStyle = postgres`).

use bytes::{BufMut, BytesMut};
use chrono::{DateTime, Offset, TimeZone};
use datafusion::arrow::array::timezone::Tz;
use datafusion::arrow::datatypes::TimeUnit;

use super::number::{put_i64, put_pair, put_u64};

/// Days from PostgreSQL's epoch, 2000-01-01, back to Arrow's, 1970-01-01.
pub(super) const EPOCH_DAYS: i32 = 10_957;
pub(super) const MICROS_PER_DAY: i64 = 86_400_000_000;
const MICROS_PER_SECOND: i64 = 1_000_000;

/// An instant as day since 1970 and microsecond of that day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct DayTime {
    pub days: i64,
    pub micros: i64,
}

impl DayTime {
    /// Splits a count of `unit`; nanoseconds are cut to microseconds, towards the past.
    #[inline]
    pub(super) fn new(value: i64, unit: TimeUnit) -> Self {
        let (per_day, up, down) = match unit {
            TimeUnit::Second => (86_400, 1_000_000, 1),
            TimeUnit::Millisecond => (86_400_000, 1_000, 1),
            TimeUnit::Microsecond => (MICROS_PER_DAY, 1, 1),
            TimeUnit::Nanosecond => (MICROS_PER_DAY * 1_000, 1, 1_000),
        };
        Self { days: value.div_euclid(per_day), micros: value.rem_euclid(per_day) * up / down }
    }
    /// Microseconds since PostgreSQL's epoch; what does not fit becomes `infinity` or `-infinity`.
    #[inline]
    pub(super) fn postgres_micros(self) -> i64 {
        (self.days - i64::from(EPOCH_DAYS)).saturating_mul(MICROS_PER_DAY).saturating_add(self.micros)
    }
    fn shifted(self, seconds: i32) -> Self {
        let micros = self.micros + i64::from(seconds) * MICROS_PER_SECOND;
        Self { days: self.days + micros.div_euclid(MICROS_PER_DAY), micros: micros.rem_euclid(MICROS_PER_DAY) }
    }
    /// Offset of `zone` at this instant, in seconds east.
    fn offset(self, zone: Tz) -> i32 {
        let seconds = self.days.saturating_mul(86_400).saturating_add(self.micros / MICROS_PER_SECOND);
        DateTime::from_timestamp(seconds, 0)
            .map_or(0, |utc| zone.offset_from_utc_datetime(&utc.naive_utc()).fix().local_minus_utc())
    }
}

/// Year, month, day of a day since 1970 (proleptic Gregorian, year 0 = 1 BC).
#[inline]
fn civil(days: i64) -> (i64, u32, u32) {
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = (day_of_year - (153 * month_from_march + 2) / 5 + 1) as u32;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 } as u32;
    (year_of_era + era * 400 + i64::from(month <= 2), month, day)
}

/// Writes `yyyy-mm-dd`, and says whether ` BC` must follow.
#[inline]
fn put_day(out: &mut BytesMut, days: i64) -> bool {
    let (year, month, day) = civil(days);
    let bc = year <= 0;
    let shown = if bc { 1 - year } else { year }.unsigned_abs();
    if shown < 10_000 {
        put_pair(out, (shown / 100) as u32);
        put_pair(out, (shown % 100) as u32);
    } else {
        put_u64(out, shown);
    }
    out.put_u8(b'-');
    put_pair(out, month);
    out.put_u8(b'-');
    put_pair(out, day);
    bc
}

pub(super) fn put_date(out: &mut BytesMut, days: i32) {
    match days {
        i32::MAX => out.put_slice(b"infinity"),
        i32::MIN => out.put_slice(b"-infinity"),
        _ => {
            if put_day(out, i64::from(days)) {
                out.put_slice(b" BC");
            }
        }
    }
}

/// Writes `hh:mm:ss[.ffffff]`, trailing zeros cut.
#[inline]
pub(super) fn put_time(out: &mut BytesMut, micros: i64) {
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
pub(super) enum Layout {
    Sql,
    Json,
}

/// Writes a timestamp; `zone` is `None` for one without time zone, `Some(None)` for UTC.
#[inline]
pub(super) fn put_timestamp(out: &mut BytesMut, at: DayTime, zone: Option<Option<Tz>>, layout: Layout) {
    match at.postgres_micros() {
        i64::MAX => return out.put_slice(b"infinity"),
        i64::MIN => return out.put_slice(b"-infinity"),
        _ => {}
    }
    let offset = zone.map(|zone| zone.map_or(0, |zone| at.offset(zone)));
    let local = offset.map_or(at, |offset| at.shifted(offset));
    let bc = put_day(out, local.days);
    out.put_u8(if layout == Layout::Sql { b' ' } else { b'T' });
    put_time(out, local.micros);
    if let Some(offset) = offset {
        put_offset(out, offset, layout);
    }
    if bc {
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

/// An interval as PostgreSQL holds it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Interval {
    pub months: i32,
    pub days: i32,
    pub micros: i64,
}

pub(super) fn put_interval(out: &mut BytesMut, interval: Interval) {
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
    let micros = micros.unsigned_abs();
    let seconds = micros / 1_000_000;
    let hours = seconds / 3_600;
    if hours < 100 {
        put_pair(out, hours as u32)
    } else {
        put_u64(out, hours)
    }
    out.put_u8(b':');
    put_pair(out, (seconds / 60 % 60) as u32);
    out.put_u8(b':');
    put_pair(out, (seconds % 60) as u32);
    put_fraction(out, (micros % 1_000_000) as u32);
}

/// As `interval_send` lays it out.
pub(super) fn put_interval_binary(out: &mut BytesMut, interval: Interval) {
    out.put_i64(interval.micros);
    out.put_i32(interval.days);
    out.put_i32(interval.months);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(put: impl FnOnce(&mut BytesMut)) -> String {
        let mut out = BytesMut::new();
        put(&mut out);
        String::from_utf8(out.to_vec()).unwrap()
    }

    fn at(text: &str) -> DayTime {
        let micros = chrono::NaiveDateTime::parse_from_str(text, "%Y-%m-%d %H:%M:%S%.f").unwrap().and_utc();
        DayTime::new(micros.timestamp_micros(), TimeUnit::Microsecond)
    }

    #[test]
    fn civil_agrees_with_chrono_on_every_hundredth_day() {
        for days in (-800_000..3_000_000).step_by(97) {
            let date = chrono::NaiveDate::from_epoch_days(days).unwrap();
            use chrono::Datelike;
            assert_eq!(civil(i64::from(days)), (i64::from(date.year()), date.month(), date.day()));
        }
    }

    #[test]
    fn timestamps_as_postgres_15_prints_them() {
        let plain = |value| text(|out| put_timestamp(out, value, None, Layout::Sql));
        assert_eq!(plain(at("2010-12-01 08:26:00")), "2010-12-01 08:26:00");
        assert_eq!(plain(at("2010-12-01 08:26:00.120")), "2010-12-01 08:26:00.12");
        assert_eq!(plain(at("-0043-03-15 12:00:00")), "0044-03-15 12:00:00 BC");
        assert_eq!(plain(DayTime::new(i64::MAX, TimeUnit::Second)), "infinity");
        assert_eq!(plain(DayTime::new(-1, TimeUnit::Nanosecond)), "1969-12-31 23:59:59.999999");
        assert_eq!(plain(DayTime::new(1_500, TimeUnit::Millisecond)), "1970-01-01 00:00:01.5");
    }

    #[test]
    fn zones_shift_and_show_their_offset() {
        let zoned = |value, zone: &str, layout| {
            text(|out| put_timestamp(out, value, Some(Some(zone.parse().unwrap())), layout))
        };
        let noon = at("2010-12-01 08:26:00");
        assert_eq!(text(|out| put_timestamp(out, noon, Some(None), Layout::Sql)), "2010-12-01 08:26:00+00");
        assert_eq!(zoned(noon, "Asia/Kolkata", Layout::Sql), "2010-12-01 13:56:00+05:30");
        assert_eq!(zoned(noon, "America/New_York", Layout::Sql), "2010-12-01 03:26:00-05");
        assert_eq!(zoned(noon, "America/New_York", Layout::Json), "2010-12-01T03:26:00-05:00");
        let old = at("1800-01-01 00:00:00");
        assert_eq!(zoned(old, "America/New_York", Layout::Sql), "1799-12-31 19:03:58-04:56:02");
    }

    #[test]
    fn dates_beyond_four_digits_and_before_christ() {
        assert_eq!(text(|out| put_date(out, 2_932_897)), "10000-01-01");
        assert_eq!(text(|out| put_date(out, -719_163)), "0001-12-31 BC");
        assert_eq!(text(|out| put_date(out, i32::MIN)), "-infinity");
    }

    #[test]
    fn intervals_as_postgres_15_prints_them() {
        let hms = |h: i64, m: i64, s: f64| (h * 3600 + m * 60) * 1_000_000 + (s * 1e6) as i64;
        for (months, days, micros, expected) in [
            (14, -3, hms(4, 5, 6.789), "1 year 2 mons -3 days +04:05:06.789"),
            (0, 0, 0, "00:00:00"),
            (-1, 0, 0, "-1 mons"),
            (0, 0, -hms(4, 5, 6.5), "-04:05:06.5"),
            (1, -1, 0, "1 mon -1 days"),
            (-12, 2, 0, "-1 years +2 days"),
            (0, -1, hms(0, 0, 1.0), "-1 days +00:00:01"),
            (0, 1, hms(25, 0, 0.0), "1 day 25:00:00"),
            (0, 0, hms(1000, 0, 0.0), "1000:00:00"),
        ] {
            assert_eq!(text(|out| put_interval(out, Interval { months, days, micros })), expected);
        }
    }
}
