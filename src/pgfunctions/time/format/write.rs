//! Times written by a pattern.

use super::pattern::{Case, Key, Node, Pattern};
use crate::error::{Error, ErrorKind, Result};
use crate::pgtypes::time::calendar::{civil, day_of_year, iso_week, iso_year_begin, weekday};
use crate::pgtypes::time::{Interval, MICROS_PER_HOUR, MICROS_PER_SECOND, Zone, split};

pub(super) const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];
pub(super) const DAYS: [&str; 7] = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];
pub(super) const ROMAN: [&str; 12] = ["I", "II", "III", "IV", "V", "VI", "VII", "VIII", "IX", "X", "XI", "XII"];
/// The longest name of a month or a day.
const NAME_WIDTH: usize = 9;

/// A time taken apart for a pattern.
pub(super) struct Shown {
    year: i64,
    month: i64,
    day: i64,
    hour: i64,
    minute: i64,
    second: i64,
    micros: i64,
    /// The day in the calendar; `None` for an interval.
    days: Option<i64>,
    zone: Option<(Zone, i64)>,
}

impl Shown {
    pub(super) fn of_timestamp(at: i64, zone: Option<Zone>) -> Self {
        let (days, micros) = split(zone.map_or(at, |zone| zone.local(at)));
        let (year, month, day) = civil(days);
        Self { days: Some(days), zone: zone.map(|zone| (zone, at)), ..Self::of(year, month.into(), day.into(), micros) }
    }

    pub(super) fn of_interval(interval: Interval) -> Self {
        let Interval { months, days, micros } = interval;
        Self::of((months / 12).into(), (months % 12).into(), days.into(), micros)
    }

    fn of(year: i64, month: i64, day: i64, micros: i64) -> Self {
        Self {
            year,
            month,
            day,
            hour: micros / MICROS_PER_HOUR,
            minute: micros / 60_000_000 % 60,
            second: micros / MICROS_PER_SECOND % 60,
            micros: micros % MICROS_PER_SECOND,
            days: None,
            zone: None,
        }
    }

    /// The day in the calendar, which an interval has not.
    fn calendar_day(&self) -> Result<i64> {
        self.days.ok_or_else(|| {
            Error::new(ErrorKind::InvalidDatetime, "invalid format specification for an interval value")
                .with_hint("Intervals are not tied to specific calendar dates.")
        })
    }

    /// Years before Christ count from 1.
    fn shown_year(&self, year: i64) -> i64 {
        if self.days.is_some() && year <= 0 { 1 - year } else { year }
    }

    fn offset(&self) -> Result<i32> {
        self.calendar_day()?;
        Ok(self.zone.map_or(0, |(zone, at)| zone.offset_at(at)))
    }

    fn day_of_year(&self) -> i64 {
        self.days.map_or((self.year * 12 + self.month) * 30 + self.day, day_of_year)
    }
}

/// A number of at least `width` digits, a minus apart.
fn padded(number: i64, width: usize) -> String {
    let sign = if number < 0 { "-" } else { "" };
    format!("{sign}{:0width$}", number.unsigned_abs())
}

pub(super) fn write(pattern: &Pattern, shown: &Shown) -> Result<String> {
    let mut out = String::new();
    for node in &pattern.nodes {
        match node {
            Node::Text(char) | Node::Separator(char) => out.push(*char),
            Node::Field { key, word, case, fill, translated, ordinal } => {
                let plain = *fill || *translated;
                let width = |digits: usize| if *fill { 0 } else { digits };
                let text = match named(*key, word, *case, plain, shown)? {
                    Some(text) => text,
                    None => numbered(*key, *fill, &width, shown)?,
                };
                out.push_str(&text);
                if let Some(case) = ordinal.filter(|_| takes_ordinal(*key)) {
                    out.push_str(ordinal_suffix(&text, case == Case::Upper));
                }
            }
        }
    }
    Ok(out)
}

fn takes_ordinal(key: Key) -> bool {
    key.is_digits() && !matches!(key, Key::OffsetHour | Key::OffsetMinute)
}

/// `st`, `nd`, `rd` or `th`.
pub(super) fn ordinal_suffix(number: &str, upper: bool) -> &'static str {
    let digits = number.as_bytes();
    let teen = digits.len() > 1 && digits[digits.len() - 2] == b'1';
    let suffixes = match digits.last() {
        Some(b'1') if !teen => ["ST", "st"],
        Some(b'2') if !teen => ["ND", "nd"],
        Some(b'3') if !teen => ["RD", "rd"],
        _ => ["TH", "th"],
    };
    suffixes[usize::from(!upper)]
}

fn in_case(text: &str, case: Case) -> String {
    match case {
        Case::Upper => text.to_uppercase(),
        Case::Lower => text.to_lowercase(),
        Case::Title => text.to_owned(),
    }
}

/// Fields that are words.
fn named(key: Key, word: &str, case: Case, plain: bool, shown: &Shown) -> Result<Option<String>> {
    let name = |name: &str, short: bool| {
        let name = if short { name.get(..3).unwrap_or(name) } else { name };
        let name = in_case(name, case);
        if plain || short { name } else { format!("{name:<NAME_WIDTH$}") }
    };
    let dotted = |letters: &str| {
        let text = if word.contains('.') {
            letters.chars().map(|letter| format!("{letter}.")).collect()
        } else {
            letters.to_owned()
        };
        in_case(&text, case)
    };
    Ok(Some(match key {
        Key::Era => {
            shown.calendar_day()?;
            dotted(if shown.year <= 0 { "BC" } else { "AD" })
        }
        Key::Half => dotted(if shown.hour % 24 >= 12 { "PM" } else { "AM" }),
        Key::MonthName | Key::ShortMonthName => {
            shown.calendar_day()?;
            let month = usize::try_from(shown.month - 1).ok().and_then(|month| MONTHS.get(month));
            month.map_or_else(String::new, |month| name(month, key == Key::ShortMonthName))
        }
        Key::DayName | Key::ShortDayName => {
            name(DAYS[weekday(shown.calendar_day()?) as usize], key == Key::ShortDayName)
        }
        Key::Roman => {
            let index = if shown.month > 0 { shown.month - 1 } else { (shown.month + 12) % 12 };
            let roman = usize::try_from(index).ok().and_then(|month| ROMAN.get(month)).copied().unwrap_or_default();
            let roman = if shown.month == 0 && shown.year == 0 { "" } else { roman };
            let roman = in_case(roman, case);
            if plain || roman.is_empty() { roman } else { format!("{roman:<4}") }
        }
        Key::ZoneName => {
            shown.calendar_day()?;
            let zone = shown.zone.map(|(zone, at)| zone.abbreviation_at(at)).unwrap_or_default();
            if case == Case::Lower { zone.to_lowercase() } else { zone }
        }
        _ => return Ok(None),
    }))
}

/// Fields that are numbers.
fn numbered(key: Key, fill: bool, width: &dyn Fn(usize) -> usize, shown: &Shown) -> Result<String> {
    let signed = |number: i64, digits: usize| padded(number, width(digits));
    Ok(match key {
        Key::Hour12 => {
            let hour = shown.hour % 12;
            signed(if hour == 0 { 12 } else { hour }, 2)
        }
        Key::Hour24 => signed(shown.hour, 2),
        Key::Minute => signed(shown.minute, 2),
        Key::Second => signed(shown.second, 2),
        Key::Milliseconds => padded(shown.micros / 1_000, 3),
        Key::Microseconds => padded(shown.micros, 6),
        Key::Fraction(digits) => padded(shown.micros / 10_i64.pow(6 - digits), digits as usize),
        Key::SecondOfDay => (shown.hour * 3_600 + shown.minute * 60 + shown.second).to_string(),
        Key::Offset => {
            let east = shown.offset()?;
            let hours = signed_hours(east, width(2));
            let minutes = east.abs() / 60 % 60;
            if minutes == 0 { hours } else { format!("{hours}:{minutes:02}") }
        }
        Key::OffsetHour => signed_hours(shown.offset()?, 2),
        Key::OffsetMinute => format!("{:02}", shown.offset()?.abs() / 60 % 60),
        Key::Month => signed(shown.month, 2),
        // here alone a minus takes the place of a digit
        Key::DayOfMonth => format!("{:0width$}", shown.day, width = width(2)),
        Key::DayOfYear => signed(shown.day_of_year(), 3),
        Key::IsoDayOfYear => {
            let days = shown.calendar_day()?;
            signed(days - iso_year_begin(iso_week(days).0) + 1, 3)
        }
        Key::DayOfWeek => (weekday(shown.calendar_day()?) + 1).to_string(),
        Key::IsoDayOfWeek => ((weekday(shown.calendar_day()?) + 6) % 7 + 1).to_string(),
        Key::Week => signed((shown.day_of_year() - 1) / 7 + 1, 2),
        Key::IsoWeek => signed(iso_week(shown.calendar_day()?).1, 2),
        Key::WeekOfMonth => ((shown.day - 1) / 7 + 1).to_string(),
        Key::Quarter if shown.month == 0 => String::new(),
        Key::Quarter => ((shown.month - 1) / 3 + 1).to_string(),
        Key::Century => {
            let century = match (shown.days, shown.year) {
                (None, year) => year / 100,
                (_, year) if year > 0 => (year - 1) / 100 + 1,
                (_, year) => year / 100 - 1,
            };
            signed(century, 2)
        }
        Key::Julian => (shown.calendar_day()? + 2_440_588).to_string(),
        Key::Year(digits) => year(shown.shown_year(shown.year), digits, fill),
        Key::IsoYear(digits) => year(shown.shown_year(iso_week(shown.calendar_day()?).0), digits, fill),
        Key::YearWithComma => {
            let year = shown.shown_year(shown.year);
            format!("{},{:03}", year / 1_000, year % 1_000)
        }
        _ => String::new(),
    })
}

fn signed_hours(east: i32, width: usize) -> String {
    format!("{}{:0width$}", if east < 0 { '-' } else { '+' }, east.abs() / 3_600)
}

/// The last digits of a year.
fn year(year: i64, digits: usize, fill: bool) -> String {
    let shown = if digits < 4 { year % 10_i64.pow(digits as u32) } else { year };
    padded(shown, if fill { 0 } else { digits })
}
