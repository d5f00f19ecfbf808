//! Times read by a pattern.

use super::pattern::{Key, Node, Pattern};
use super::write::{DAYS, MONTHS, ROMAN};
use crate::error::{Error, ErrorKind, Result};
use crate::pgtypes::time::calendar::{civil, day_number, days_in_month, iso_year_begin};
use crate::pgtypes::time::{
    MICROS_PER_HOUR, MICROS_PER_MINUTE, MICROS_PER_SECOND, Zone, checked_date, checked_timestamp, timestamp_of,
};

/// What was read; 0 is not told from nothing, as in PostgreSQL.
#[derive(Default)]
struct Found {
    year: Option<i64>,
    /// Digits of the year that were asked for.
    year_digits: usize,
    /// Whether the fields up to now are those of the ISO year, or of the Gregorian one.
    convention: Option<bool>,
    bc: bool,
    century: i64,
    month: i64,
    day: i64,
    day_of_year: i64,
    weekday: i64,
    week: i64,
    week_of_month: i64,
    julian: i64,
    hour: i64,
    twelve_hours: bool,
    pm: bool,
    minute: i64,
    second: i64,
    second_of_day: Option<i64>,
    micros: i64,
    offset: Option<(i64, i64, i64)>,
}

struct Reader<'a> {
    text: &'a str,
    rest: &'a str,
    /// Spaces that were read beyond those of the pattern.
    extra: i32,
}

pub(super) fn date(text: &str, pattern: &Pattern) -> Result<i32> {
    let (days, ..) = moment(text, pattern)?;
    checked_date(days)
}

pub(super) fn instant(text: &str, pattern: &Pattern, zone: Zone) -> Result<i64> {
    let (days, micros, offset) = moment(text, pattern)?;
    let zone = offset.map_or(zone, Zone::Fixed);
    checked_timestamp(timestamp_of(days, micros).map(|local| zone.instant(local)))
}

fn wrong(message: String) -> Error {
    Error::new(ErrorKind::InvalidDatetime, message)
}

fn out_of_range(text: &str) -> Error {
    Error::new(ErrorKind::DatetimeOutOfRange, format!("date/time field value out of range: \"{text}\""))
}

/// Day, microsecond of it, and seconds east where the text says them.
fn moment(text: &str, pattern: &Pattern) -> Result<(i64, i64, Option<i32>)> {
    let mut reader = Reader { text, rest: text, extra: 0 };
    let mut found = Found::default();
    for (nth, node) in pattern.nodes.iter().enumerate() {
        if reader.rest.is_empty() {
            break;
        }
        let is_field = matches!(node, Node::Field { .. });
        if !pattern.exactly && (is_field || nth == 0) && !matches!(node, Node::Text(_)) {
            reader.skip_spaces();
        }
        match node {
            Node::Separator(_) if pattern.exactly => reader.skip(),
            Node::Separator(_) => {
                reader.extra -= 1;
                if reader.rest.starts_with(is_separator) {
                    reader.skip();
                    reader.extra += 1;
                }
            }
            Node::Text(_) if !pattern.exactly && reader.extra > 0 => reader.extra -= 1,
            Node::Text(_) => reader.skip(),
            Node::Field { key, word, fill, ordinal, .. } => {
                let free = *fill || ordinal.is_some() || ends_before_digits(pattern, nth);
                found.read(*key, word, free, &mut reader)?;
                if ordinal.is_some() {
                    reader.skip();
                    reader.skip();
                }
                if !pattern.exactly {
                    reader.extra = 0;
                    reader.skip_spaces();
                }
            }
        }
    }
    found.moment(text)
}

fn is_separator(char: char) -> bool {
    char.is_ascii_whitespace() || char.is_ascii_punctuation()
}

/// Whether what follows a field cannot be a digit, so that the field may be of any length.
fn ends_before_digits(pattern: &Pattern, nth: usize) -> bool {
    match pattern.nodes.get(nth + 1) {
        None => true,
        Some(Node::Field { key, .. }) => !key.is_digits(),
        Some(Node::Text(char) | Node::Separator(char)) => !char.is_ascii_digit(),
    }
}

impl<'a> Reader<'a> {
    fn skip(&mut self) {
        let mut chars = self.rest.chars();
        chars.next();
        self.rest = chars.as_str();
    }

    fn skip_spaces(&mut self) {
        while self.rest.starts_with(|char: char| char.is_ascii_whitespace()) {
            self.skip();
            self.extra += 1;
        }
    }

    /// Whether a minus was read for a separator that the pattern has not.
    fn skipped_minus(&self) -> bool {
        let read = self.text.strip_suffix(self.rest).unwrap_or_default();
        self.extra > 0 && read.ends_with('-')
    }

    /// An integer of `length` digits, or of any length if `free`; and how many there were.
    fn integer(&mut self, length: usize, word: &str, free: bool) -> Result<(i64, usize)> {
        self.rest = self.rest.trim_start();
        let signs = usize::from(self.rest.starts_with(['-', '+']));
        let digits = self.rest[signs..].bytes().take_while(u8::is_ascii_digit).count();
        let head: String = self.rest.chars().take(length).collect();
        let fixed = "If your source string is not fixed-width, try using the \"FM\" modifier.";
        let taken = if free || length == 0 {
            signs + digits
        } else {
            if head.chars().count() < length {
                return Err(wrong(format!("source string too short for \"{word}\" formatting field"))
                    .with_detail(format!(
                        "Field requires {length} characters, but only {} remain.",
                        head.chars().count()
                    ))
                    .with_hint(fixed));
            }
            let parsed = (signs + digits).min(length);
            if digits > 0 && parsed < length {
                return Err(wrong(format!("invalid value \"{head}\" for \"{word}\""))
                    .with_detail(format!("Field requires {length} characters, but only {parsed} could be parsed."))
                    .with_hint(fixed));
            }
            parsed
        };
        if digits == 0 {
            return Err(
                wrong(format!("invalid value \"{head}\" for \"{word}\"")).with_detail("Value must be an integer.")
            );
        }
        let number = self.rest[..taken].parse::<i32>().map_err(|_| {
            let message = format!("value for \"{word}\" in source string is out of range");
            Error::new(ErrorKind::DatetimeOutOfRange, message)
                .with_detail("Value must be in the range -2147483648 to 2147483647.")
        })?;
        self.rest = &self.rest[taken..];
        Ok((number.into(), taken))
    }

    /// One of the names, in any case.
    fn name(&mut self, names: impl Iterator<Item = &'a str> + Clone, word: &str) -> Result<usize> {
        let found = names
            .clone()
            .enumerate()
            .find(|(_, name)| self.rest.get(..name.len()).is_some_and(|head| head.eq_ignore_ascii_case(name)));
        match found {
            Some((nth, name)) => {
                self.rest = &self.rest[name.len()..];
                Ok(nth)
            }
            None => {
                let given: String = self.rest.chars().take_while(|char| !char.is_ascii_whitespace()).collect();
                Err(wrong(format!("invalid value \"{given}\" for \"{word}\""))
                    .with_detail("The given value did not match any of the allowed values for this field."))
            }
        }
    }
}

impl Found {
    fn read(&mut self, key: Key, word: &str, free: bool, from: &mut Reader<'_>) -> Result<()> {
        self.agree_with(key)?;
        let mut number = |digits: usize| from.integer(digits, word, free).map(|(number, _)| number);
        match key {
            Key::Hour12 => {
                settle(&mut self.hour, number(2)?, word)?;
                self.twelve_hours = true;
            }
            Key::Hour24 => settle(&mut self.hour, number(2)?, word)?,
            Key::Minute => settle(&mut self.minute, number(2)?, word)?,
            Key::Second => settle(&mut self.second, number(2)?, word)?,
            Key::SecondOfDay => self.second_of_day = Some(number(5)?),
            Key::Month => settle(&mut self.month, number(2)?, word)?,
            Key::DayOfMonth => settle(&mut self.day, number(2)?, word)?,
            Key::DayOfYear | Key::IsoDayOfYear => settle(&mut self.day_of_year, number(3)?, word)?,
            Key::DayOfWeek => settle(&mut self.weekday, number(1)?, word)?,
            // Sunday is the last day there, and the first here
            Key::IsoDayOfWeek => settle(&mut self.weekday, number(1)? % 7 + 1, word)?,
            Key::Week | Key::IsoWeek => settle(&mut self.week, number(2)?, word)?,
            Key::WeekOfMonth => settle(&mut self.week_of_month, number(1)?, word)?,
            Key::Century => settle(&mut self.century, number(2)?, word)?,
            Key::Julian => settle(&mut self.julian, number(0)?, word)?,
            // a quarter says nothing about the month
            Key::Quarter => _ = number(1)?,
            Key::Year(digits) | Key::IsoYear(digits) => {
                let (year, taken) = from.integer(digits, word, free)?;
                settle(self.year.get_or_insert_default(), year, word)?;
                (self.year, self.year_digits) = (Some(full(year, digits, taken)), digits);
            }
            Key::YearWithComma => self.read_long_year(word, from)?,
            Key::Milliseconds => self.micros += fraction(from.integer(3, word, free)?, 6),
            Key::Microseconds => self.micros += fraction(from.integer(6, word, free)?, 6),
            // what is beyond the digits asked for is read, and rounded
            Key::Fraction(digits) => {
                let read = fraction(from.integer(digits as usize, word, free)?, 6);
                let unit = 10_i64.pow(6_u32.saturating_sub(digits));
                self.micros += (read + unit / 2) / unit * unit;
            }
            Key::MonthName
            | Key::ShortMonthName
            | Key::DayName
            | Key::ShortDayName
            | Key::Roman
            | Key::Half
            | Key::Era => self.read_name(key, word, from)?,
            Key::OffsetHour => {
                let sign = if from.rest.starts_with('-') || from.skipped_minus() { -1 } else { 1 };
                from.rest = from.rest.strip_prefix(['-', '+']).unwrap_or(from.rest).trim_start();
                let (hours, _) = from.integer(2, word, free)?;
                self.offset = Some((sign, hours, 0));
            }
            Key::OffsetMinute => {
                let (minutes, _) = from.integer(2, word, free)?;
                let (sign, hours, _) = self.offset.unwrap_or((1, 0, 0));
                self.offset = Some((sign, hours, minutes));
            }
            Key::ZoneName | Key::Offset => {
                let message = format!("formatting field \"{}\" is only supported in to_char", word.to_uppercase());
                return Err(Error::new(ErrorKind::FeatureNotSupported, message));
            }
            Key::Exactly => {}
        }
        Ok(())
    }

    /// Fields of the ISO year, and of the Gregorian one, do not stand together.
    fn agree_with(&mut self, key: Key) -> Result<()> {
        let iso = match key {
            Key::IsoDayOfYear | Key::IsoDayOfWeek | Key::IsoWeek | Key::IsoYear(_) => true,
            Key::DayOfYear | Key::DayOfMonth | Key::DayOfWeek | Key::Month | Key::MonthName | Key::ShortMonthName => {
                false
            }
            Key::Roman | Key::Week | Key::WeekOfMonth | Key::YearWithComma | Key::Year(_) => false,
            _ => return Ok(()),
        };
        if self.convention.is_some_and(|known| known != iso) {
            return Err(wrong("invalid combination of date conventions".to_owned())
                .with_hint("Do not mix Gregorian and ISO week date conventions in a formatting template."));
        }
        self.convention = Some(iso);
        Ok(())
    }

    /// `2,024`
    fn read_long_year(&mut self, word: &str, from: &mut Reader<'_>) -> Result<()> {
        let (thousands, _) = from.integer(0, word, true)?;
        from.rest = from.rest.strip_prefix(',').ok_or_else(|| wrong(format!("invalid input string for \"{word}\"")))?;
        let (rest, _) = from.integer(3, word, false)?;
        self.year_digits = 4;
        settle(self.year.get_or_insert_default(), thousands * 1_000 + rest, word)
    }

    fn read_name(&mut self, key: Key, word: &str, from: &mut Reader<'_>) -> Result<()> {
        let dotted = word.contains('.');
        match key {
            Key::MonthName => settle(&mut self.month, from.name(MONTHS.into_iter(), word)? as i64 + 1, word)?,
            Key::ShortMonthName => {
                let month = from.name(MONTHS.into_iter().map(|name| &name[..3]), word)?;
                settle(&mut self.month, month as i64 + 1, word)?;
            }
            Key::DayName => settle(&mut self.weekday, from.name(DAYS.into_iter(), word)? as i64 + 1, word)?,
            Key::ShortDayName => {
                let day = from.name(DAYS.into_iter().map(|name| &name[..3]), word)?;
                settle(&mut self.weekday, day as i64 + 1, word)?;
            }
            Key::Roman => {
                // the longest fits best
                let mut order: Vec<usize> = (0..12).collect();
                order.sort_by_key(|month| std::cmp::Reverse(ROMAN[*month].len()));
                let nth = from.name(order.iter().map(|month| ROMAN[*month]), word)?;
                settle(&mut self.month, order[nth] as i64 + 1, word)?;
            }
            Key::Half => {
                let names = if dotted { ["a.m.", "p.m."] } else { ["am", "pm"] };
                (self.pm, self.twelve_hours) = (from.name(names.into_iter(), word)? == 1, true);
            }
            _ => {
                let names = if dotted { ["a.d.", "b.c."] } else { ["ad", "bc"] };
                self.bc = from.name(names.into_iter(), word)? == 1;
            }
        }
        Ok(())
    }

    fn micros_of_day(&self, text: &str) -> Result<i64> {
        let (mut hour, mut minute, mut second) = (self.hour, self.minute, self.second);
        if let Some(seconds) = self.second_of_day {
            (hour, minute, second) = (seconds / 3_600, seconds / 60 % 60, seconds % 60);
        }
        if self.twelve_hours {
            if !(1..=12).contains(&hour) {
                return Err(wrong(format!("hour \"{hour}\" is invalid for the 12-hour clock"))
                    .with_hint("Use the 24-hour clock, or give an hour between 1 and 12."));
            }
            hour = hour % 12 + if self.pm { 12 } else { 0 };
        }
        if !(0..24).contains(&hour) || !(0..60).contains(&minute) || !(0..60).contains(&second) {
            return Err(out_of_range(text));
        }
        Ok(hour * MICROS_PER_HOUR + minute * MICROS_PER_MINUTE + second * MICROS_PER_SECOND + self.micros)
    }

    /// The year, 0 being 1 BC.
    fn full_year(&self) -> Option<i64> {
        let century = if self.bc { -self.century } else { self.century };
        match self.year {
            Some(year) if self.century != 0 && self.year_digits <= 2 => Some(match (year % 100, century) {
                (0, century) => century * 100 + i64::from(century < 0),
                (year, 0..) => (century - 1) * 100 + year,
                (year, _) => (century + 1) * 100 - year + 1,
            }),
            Some(year) => {
                let year = if self.bc { -year } else { year };
                Some(if year < 0 { year + 1 } else { year })
            }
            None if century > 0 => Some((century - 1) * 100 + 1),
            None if century < 0 => Some(century * 100 + 1),
            None => None,
        }
    }

    fn moment(&self, text: &str) -> Result<(i64, i64, Option<i32>)> {
        let micros = self.micros_of_day(text)?;
        let days = self.day_number(text)?;
        let offset = self.offset.map(|(sign, hours, minutes)| (sign * (hours * 3_600 + minutes * 60)) as i32);
        Ok((days, micros, offset))
    }

    fn day_number(&self, text: &str) -> Result<i64> {
        let year = self.full_year();
        let known_year = year.unwrap_or(0);
        let (mut month, mut day, mut day_of_year) = (self.month, self.day, self.day_of_year);
        if self.julian != 0 {
            return Ok(self.julian - 2_440_588);
        }
        if self.week != 0 {
            if self.convention == Some(true) {
                // Monday where no day is said; names of days begin with Sunday
                let weekday = if self.weekday > 1 { self.weekday - 1 } else { 7 * self.weekday };
                return Ok(iso_year_begin(known_year) + (self.week - 1) * 7 + (weekday - 1).max(0));
            }
            day_of_year = (self.week - 1) * 7 + 1;
        }
        if self.week_of_month != 0 {
            day = (self.week_of_month - 1) * 7 + 1;
        }
        if day_of_year != 0 && (month <= 1 || day <= 1) {
            if year.is_none() && !self.bc {
                return Err(wrong("cannot calculate day of year without year information".to_owned()));
            }
            if self.convention == Some(true) {
                return Ok(iso_year_begin(known_year) + day_of_year - 1);
            }
            let (_, of_month, of_day) = civil(day_number(known_year, 1, 1) + day_of_year - 1);
            (month, day) = (of_month.into(), of_day.into());
            if day_of_year > 366 {
                return Err(out_of_range(text));
            }
        }
        let month = if month == 0 && self.month == 0 { 1 } else { month };
        let day = if day == 0 { 1 } else { day };
        let fits = (1..=12).contains(&month) && day >= 1 && day <= days_in_month(known_year, month as u32).into();
        if fits { Ok(day_number(known_year, month as u32, day as u32)) } else { Err(out_of_range(text)) }
    }
}

/// A field that may have been told before.
///
/// # Errors
/// `22007` where it was, and otherwise.
fn settle(field: &mut i64, value: i64, word: &str) -> Result<()> {
    if *field != 0 && *field != value {
        return Err(wrong(format!("conflicting values for \"{word}\" field in formatting string"))
            .with_detail("This value contradicts a previous setting for the same field type."));
    }
    *field = value;
    Ok(())
}

/// A year of few digits is the one nearest to 2020.
fn full(year: i64, digits: usize, taken: usize) -> i64 {
    match (digits < 4 && taken < 4, year) {
        (true, 0..=69) => year + 2_000,
        (true, 70..=99) => year + 1_900,
        (true, 100..=519) => year + 2_000,
        (true, 520..=999) => year + 1_000,
        _ => year,
    }
}

/// `5` of `MS` is half a second.
fn fraction((number, digits): (i64, usize), all: u32) -> i64 {
    let missing = all.saturating_sub(u32::try_from(digits).unwrap_or(all));
    number * 10_i64.pow(missing)
}
