//! Dates and times within a path: `.datetime()`, their text and comparison.
//!
//! Invariant: a moment is one that PostgreSQL's type can hold, which chrono's dates cannot all.

use std::cmp::Ordering;
use std::fmt;
use std::sync::LazyLock;
use std::time::{SystemTime, UNIX_EPOCH};

use super::Zone;
use super::template::{Fields, Template};
use crate::error::{Error, ErrorKind, Result};

/// Hours that the offset of a zone may have.
const OFFSET_HOURS_MAX: i32 = 15;
const SECOND: i64 = 1_000_000;
const DAY: i64 = 86_400 * SECOND;
/// Microseconds from 1970 to 2000.
const UNIX_TO_OWN: i64 = 10_957 * DAY;
/// The first day, the last one of a date and the last one of a timestamp.
const FIRST: i64 = day_number(-4_713, 11, 24);
const LAST: i64 = day_number(5_874_897, 12, 31);
const LAST_TIMED: i64 = day_number(294_276, 12, 31);

/// Templates that are tried in turn where none is given.
static TEMPLATES: LazyLock<Vec<Template>> = LazyLock::new(|| {
    let known = [
        "yyyy-mm-dd",
        "HH24:MI:SS.USTZH:TZM",
        "HH24:MI:SS.USTZH",
        "HH24:MI:SSTZH:TZM",
        "HH24:MI:SSTZH",
        "HH24:MI:SS.US",
        "HH24:MI:SS",
        "yyyy-mm-dd HH24:MI:SS.USTZH:TZM",
        "yyyy-mm-dd HH24:MI:SS.USTZH",
        "yyyy-mm-dd HH24:MI:SSTZH:TZM",
        "yyyy-mm-dd HH24:MI:SSTZH",
        "yyyy-mm-dd\"T\"HH24:MI:SS.USTZH:TZM",
        "yyyy-mm-dd\"T\"HH24:MI:SS.USTZH",
        "yyyy-mm-dd\"T\"HH24:MI:SSTZH:TZM",
        "yyyy-mm-dd\"T\"HH24:MI:SSTZH",
        "yyyy-mm-dd HH24:MI:SS.US",
        "yyyy-mm-dd HH24:MI:SS",
        "yyyy-mm-dd\"T\"HH24:MI:SS.US",
        "yyyy-mm-dd\"T\"HH24:MI:SS",
    ];
    known.iter().filter_map(|text| Template::parse(text).ok()).collect()
});

/// A date in days and a timestamp in microseconds since 2000-01-01, a time in microseconds since midnight; all local, with
/// the offset in seconds east of Greenwich where there is a zone.
#[derive(Debug, Clone, Copy)]
pub(super) enum Moment {
    Date(i64),
    Time(i64),
    TimeTz(i64, i32),
    Timestamp(i64),
    TimestampTz(i64, i32),
}

impl Moment {
    /// By the first of the usual formats that fits.
    pub fn parse(text: &str) -> Option<Self> {
        TEMPLATES.iter().find_map(|template| Self::by(template, text).ok())
    }

    /// As the template says.
    ///
    /// # Errors
    /// `22007`, `22008`, `22009` where the text is not so.
    pub fn by(template: &Template, text: &str) -> Result<Self> {
        let fields = template.read(text)?;
        let hour = fields.hour()?;
        let date = date(&fields, text)?;
        let time = time(hour, &fields).ok_or_else(|| overflow(text))?;
        let offset = offset(&fields, text)?;
        let wrong = |message: &str| Err(Error::new(ErrorKind::InvalidDatetime, message));
        let too_far = |message: String| Err(Error::new(ErrorKind::DatetimeOutOfRange, message));
        let is_known = |last: i64| (FIRST..=last).contains(&date);
        let timestamp = |east: i64| {
            let exact = date.checked_mul(DAY)?.checked_add(time)?;
            let utc = exact.checked_sub(east * SECOND)?.div_euclid(DAY);
            (FIRST..=LAST_TIMED).contains(&utc).then(|| rounded(exact, &fields))
        };
        match (template.is_dated(), template.is_timed(), template.is_zoned()) {
            (true, true, true) => match timestamp(offset.into()) {
                Some(local) => Ok(Self::TimestampTz(local, offset)),
                None => too_far("timestamptz out of range".to_owned()),
            },
            (true, true, false) => match timestamp(0) {
                Some(local) => Ok(Self::Timestamp(local)),
                None => too_far("timestamp out of range".to_owned()),
            },
            (true, false, false) if is_known(LAST) => Ok(Self::Date(date)),
            (true, false, false) => too_far(format!("date out of range: \"{text}\"")),
            (false, true, true) => Ok(Self::TimeTz(rounded(time, &fields), offset)),
            (false, true, false) => Ok(Self::Time(rounded(time, &fields))),
            (true, false, true) => wrong("datetime format is zoned but not timed"),
            (false, false, _) => wrong("datetime format is not dated and not timed"),
        }
    }

    pub fn type_name(self) -> &'static str {
        match self {
            Self::Date(_) => "date",
            Self::Time(_) => "time without time zone",
            Self::TimeTz(..) => "time with time zone",
            Self::Timestamp(_) => "timestamp without time zone",
            Self::TimestampTz(..) => "timestamp with time zone",
        }
    }

    fn short_name(self) -> &'static str {
        match self {
            Self::Date(_) => "date",
            Self::Time(_) => "time",
            Self::TimeTz(..) => "timetz",
            Self::Timestamp(_) => "timestamp",
            Self::TimestampTz(..) => "timestamptz",
        }
    }

    /// `None` for those that cannot be compared.
    ///
    /// # Errors
    /// `0A000` where only one has a zone and the session's may not be used.
    pub fn compare(self, other: Self, zone: Option<&Zone<'_>>) -> Result<Option<Ordering>> {
        let order = match (self, other) {
            (Self::Time(left), Self::Time(right)) => left.cmp(&right),
            (Self::TimeTz(left, left_offset), Self::TimeTz(right, right_offset)) => {
                let key = |time, offset| (instant(time, offset), -offset);
                key(left, left_offset).cmp(&key(right, right_offset))
            }
            (Self::Time(time), Self::TimeTz(..)) => {
                let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_micros();
                let offset = self.zone(other, zone)?(i64::try_from(now).unwrap_or_default());
                return Self::TimeTz(time, offset).compare(other, zone);
            }
            (Self::TimestampTz(left, left_offset), Self::TimestampTz(right, right_offset)) => {
                instant(left, left_offset).cmp(&instant(right, right_offset))
            }
            (Self::Date(_) | Self::Timestamp(_), Self::TimestampTz(right, offset)) => {
                let zone = self.zone(other, zone)?;
                let Some(local) = self.local() else { return Ok(None) };
                instant(local, zone(local.saturating_add(UNIX_TO_OWN))).cmp(&instant(right, offset))
            }
            (Self::TimeTz(..), Self::Time(_)) | (Self::TimestampTz(..), Self::Date(_) | Self::Timestamp(_)) => {
                return Ok(other.compare(self, zone)?.map(Ordering::reverse));
            }
            (Self::Date(left), Self::Date(right)) => left.cmp(&right),
            _ => match (self.local(), other.local()) {
                (Some(left), Some(right)) => left.cmp(&right),
                _ => return Ok(None),
            },
        };
        Ok(Some(order))
    }

    /// A date, at midnight, or a timestamp. Dates that are too late for one are later than all.
    fn local(self) -> Option<i64> {
        match self {
            Self::Date(date) => Some(date.saturating_mul(DAY)),
            Self::Timestamp(timestamp) => Some(timestamp),
            _ => None,
        }
    }

    /// The zone that is needed to make this one as the other is.
    fn zone<'z>(self, other: Self, zone: Option<&'z Zone<'z>>) -> Result<&'z Zone<'z>> {
        zone.ok_or_else(|| {
            let (from, to) = (self.short_name(), other.short_name());
            let message = format!("cannot convert value from {from} to {to} without time zone usage");
            Error::new(ErrorKind::FeatureNotSupported, message).with_hint("Use *_tz() function for time zone support.")
        })
    }
}

/// In microseconds.
fn instant(local: i64, offset: i32) -> i64 {
    local.saturating_sub(i64::from(offset) * SECOND)
}

impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Date(date) => show(Some(date), None, None, f),
            Self::Time(time) => show(None, Some(time), None, f),
            Self::TimeTz(time, offset) => show(None, Some(time), Some(offset), f),
            Self::Timestamp(local) => show(Some(local.div_euclid(DAY)), Some(local.rem_euclid(DAY)), None, f),
            Self::TimestampTz(local, offset) => {
                show(Some(local.div_euclid(DAY)), Some(local.rem_euclid(DAY)), Some(offset), f)
            }
        }
    }
}

fn show(date: Option<i64>, time: Option<i64>, offset: Option<i32>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let date = date.map(civil);
    if let Some((year, month, day)) = date {
        let year = if year > 0 { year } else { 1 - year };
        write!(f, "{year:04}-{month:02}-{day:02}")?;
    }
    if let Some(time) = time {
        let letter = if date.is_some() { "T" } else { "" };
        let (seconds, micros) = (time / SECOND, time % SECOND);
        write!(f, "{letter}{:02}:{:02}:{:02}", seconds / 3_600, seconds / 60 % 60, seconds % 60)?;
        if micros > 0 {
            write!(f, ".{}", format!("{micros:06}").trim_end_matches('0'))?;
        }
    }
    if let Some(offset) = offset {
        let (sign, size) = (if offset < 0 { '-' } else { '+' }, offset.abs());
        write!(f, "{sign}{:02}:{:02}", size / 3_600, size / 60 % 60)?;
    }
    if date.is_some_and(|(year, ..)| year <= 0) { f.write_str(" BC") } else { Ok(()) }
}

fn overflow(text: &str) -> Error {
    Error::new(ErrorKind::DatetimeOutOfRange, format!("date/time field value out of range: \"{text}\""))
}

/// In days. Months and days that are zero count as not given; a year that is zero lets days run into the next month.
fn date(fields: &Fields, text: &str) -> Result<i64> {
    let year = i64::from(if fields.year < 0 { fields.year + 1 } else { fields.year });
    let or_one = |value: i32| i64::from(if value == 0 { 1 } else { value });
    let (month, day) = (or_one(fields.month), or_one(fields.day));
    let date = day_number(year, month, day);
    let runs_over = fields.year != 0 && civil(date) != (year, month, day);
    if !(1..=12).contains(&month) || !(1..=31).contains(&day) || runs_over {
        return Err(overflow(text));
    }
    Ok(date)
}

/// Since midnight.
fn time(hour: i32, fields: &Fields) -> Option<i64> {
    let micros = fields.micros();
    let fits = (0..24).contains(&hour)
        && (0..60).contains(&fields.minute)
        && (0..60).contains(&fields.second)
        && (0..SECOND).contains(&micros);
    let seconds = i64::from(hour) * 3_600 + i64::from(fields.minute) * 60 + i64::from(fields.second);
    fits.then_some(seconds * SECOND + micros)
}

/// To the digits of its fraction that the template has; halves go away from zero.
fn rounded(micros: i64, fields: &Fields) -> i64 {
    let unit = fields.precision.map_or(1, |digits| 10i64.pow(6u32.saturating_sub(digits)));
    let size = micros.abs().saturating_add(unit / 2) / unit * unit;
    size * micros.signum()
}

/// In seconds east of Greenwich.
fn offset(fields: &Fields, text: &str) -> Result<i32> {
    if !(0..=OFFSET_HOURS_MAX).contains(&fields.offset_hours) || !(0..60).contains(&fields.offset_minutes) {
        let message = format!("time zone displacement out of range: \"{text}\"");
        return Err(Error::new(ErrorKind::InvalidTimeZoneDisplacement, message));
    }
    Ok(fields.offset_sign * (fields.offset_hours * 3_600 + fields.offset_minutes * 60))
}

/// Days since 2000-01-01. A year is counted from its March, so that the leap day is its last.
const fn day_number(year: i64, month: i64, day: i64) -> i64 {
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let (era, year_of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + (153 * month + 2) / 5 + day - 1;
    era * 146_097 + day_of_era - 730_425
}

/// Year, month and day of such a number.
fn civil(number: i64) -> (i64, i64, i64) {
    let days = number + 730_425;
    let (era, day_of_era) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * from_march + 2) / 5 + 1;
    let month = if from_march < 10 { from_march + 3 } else { from_march - 9 };
    (era * 400 + year_of_era + i64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats_are_those_of_postgres() {
        for (text, expected) in [
            ("2017-03-10", Some("date 2017-03-10")),
            ("12:34:56", Some("time without time zone 12:34:56")),
            ("12:34:56.7", Some("time without time zone 12:34:56.7")),
            ("12:34:56 +3", Some("time with time zone 12:34:56+03:00")),
            ("12:34:56-05:20", Some("time with time zone 12:34:56-05:20")),
            ("2017-03-10 12:34:56", Some("timestamp without time zone 2017-03-10T12:34:56")),
            ("2017-03-10T12:34:56.789+05:20", Some("timestamp with time zone 2017-03-10T12:34:56.789+05:20")),
            ("1000000-01-01", Some("date 1000000-01-01")),
            ("5874897-12-31", Some("date 5874897-12-31")),
            ("5874898-01-01", None),
            ("294276-12-31 23:59:59", Some("timestamp without time zone 294276-12-31T23:59:59")),
            ("294277-01-01 00:00:00", None),
            ("2000-02-29", Some("date 2000-02-29")),
            ("-44-3-15", Some("date 0044-03-15 BC")),
            ("2017-00-00", Some("date 2017-01-01")),
            ("0-02-31", Some("date 0001-03-02 BC")),
            ("2017-02-29", None),
            ("24:00:00", None),
            ("12:34", None),
            ("12:34:56+16", None),
            ("2017-03-10 ", Some("date 2017-03-10")),
            ("2017-03-10t12:34:56", None),
        ] {
            let found = Moment::parse(text).map(|moment| format!("{} {moment}", moment.type_name()));
            assert_eq!(found.as_deref(), expected, "{text}");
        }
    }

    #[test]
    fn zones_are_needed_to_compare_some() {
        let moment = |text| Moment::parse(text).unwrap();
        let (date, zoned) = (moment("2017-03-10"), moment("2017-03-10 01:00:00+01"));
        assert_eq!(
            date.compare(zoned, None).unwrap_err().message(),
            "cannot convert value from date to timestamptz without time zone usage"
        );
        assert_eq!(date.compare(zoned, Some(&|_| 0)).unwrap(), Some(Ordering::Equal));
        assert_eq!(zoned.compare(date, Some(&|_| 3_600)).unwrap(), Some(Ordering::Greater));
        assert_eq!(moment("12:00:00").compare(date, None).unwrap(), None);
        assert_eq!(moment("12:00:00+01").compare(moment("11:00:00+00"), None).unwrap(), Some(Ordering::Less));
        assert_eq!(date.compare(moment("2017-03-10 00:00:01"), None).unwrap(), Some(Ordering::Less));
    }
}
