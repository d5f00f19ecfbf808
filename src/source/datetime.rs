//! Dates and timestamps from text, by a strftime format compiled once, or as ISO 8601.
//!
//! Invariant: parsing allocates nothing and accepts no date that the calendar does not have.

use crate::error::{Error, ErrorKind, Result};

const MICROS_PER_DAY: i64 = 86_400_000_000;

/// How dates or timestamps are written in a file.
#[derive(Debug, Clone)]
pub(super) struct DateTimeFormat {
    /// Empty: ISO 8601.
    items: Vec<Item>,
    pattern: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Item {
    Literal(u8),
    /// Any amount of white space, none included.
    Space,
    Year4,
    /// `69` is 1969, `68` is 2068, as POSIX has it.
    Year2,
    Month,
    /// `Jan`, `January`, in any case.
    MonthName,
    Day,
    Hour24,
    Hour12,
    Minute,
    Second,
    /// Digits after the point, to microseconds; the point itself is part of it and the whole may be absent.
    PointFraction,
    Fraction,
    AmPm,
    /// `Z`, `+01`, `+0100`, `+01:00`.
    Offset,
}

/// What a text said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Parsed {
    /// Days since 1970-01-01.
    pub days: i32,
    /// Within the day.
    pub micros: i64,
    /// Seconds east of UTC.
    pub offset: Option<i32>,
}

impl Parsed {
    /// Microseconds since 1970-01-01 00:00 as the clock on the wall shows them.
    pub(super) fn local_micros(self) -> i64 {
        i64::from(self.days) * MICROS_PER_DAY + self.micros
    }
    /// Microseconds since the epoch; a text without an offset is UTC.
    pub(super) fn utc_micros(self) -> i64 {
        self.local_micros() - i64::from(self.offset.unwrap_or(0)) * 1_000_000
    }
}

impl DateTimeFormat {
    /// `2010-12-01`, `2010-12-01 08:26[:00[.123456]][+01:00]`, with a space or a `T`.
    pub(super) fn iso() -> Self {
        Self { items: Vec::new(), pattern: "ISO 8601".to_owned() }
    }

    /// # Errors
    /// A directive that does not exist or is not supported.
    pub(super) fn compile(pattern: &str) -> Result<Self> {
        let mut items = Vec::new();
        let mut chars = pattern.chars();
        while let Some(c) = chars.next() {
            if c != '%' {
                push_literal(&mut items, c);
                continue;
            }
            let mut directive = chars.next();
            // Padding flags say how to write a number; we read all paddings.
            if matches!(directive, Some('-' | '_' | '0')) {
                directive = chars.next();
            }
            match directive {
                Some('Y') => items.push(Item::Year4),
                Some('y') => items.push(Item::Year2),
                Some('m') => items.push(Item::Month),
                Some('b' | 'B' | 'h') => items.push(Item::MonthName),
                Some('d' | 'e') => items.push(Item::Day),
                Some('H' | 'k') => items.push(Item::Hour24),
                Some('I' | 'l') => items.push(Item::Hour12),
                Some('M') => items.push(Item::Minute),
                Some('S') => items.push(Item::Second),
                Some('f') => items.push(Item::Fraction),
                Some('p' | 'P') => items.push(Item::AmPm),
                Some('z') => items.push(Item::Offset),
                Some('%') => items.push(Item::Literal(b'%')),
                Some('F') => {
                    items.extend([Item::Year4, Item::Literal(b'-'), Item::Month, Item::Literal(b'-'), Item::Day])
                }
                Some('T') => {
                    items.extend([Item::Hour24, Item::Literal(b':'), Item::Minute, Item::Literal(b':'), Item::Second]);
                }
                Some('R') => items.extend([Item::Hour24, Item::Literal(b':'), Item::Minute]),
                Some('D') => {
                    items.extend([Item::Month, Item::Literal(b'/'), Item::Day, Item::Literal(b'/'), Item::Year2]);
                }
                Some('.') if chars.next() == Some('f') => items.push(Item::PointFraction),
                other => {
                    let directive = other.map(String::from).unwrap_or_default();
                    return Err(Error::new(
                        ErrorKind::Project,
                        format!("date format \"{pattern}\" has the unsupported directive \"%{directive}\""),
                    )
                    .with_hint("supported are %Y %y %m %b %B %d %H %I %M %S %f %.f %p %z %F %T %R %D"));
                }
            }
        }
        Ok(Self { items, pattern: pattern.to_owned() })
    }

    pub(super) fn pattern(&self) -> &str {
        &self.pattern
    }

    /// `None` where the text is not of this format or the calendar has no such date.
    pub(super) fn parse(&self, text: &[u8]) -> Option<Parsed> {
        if self.items.is_empty() { parse_iso(text) } else { parse_items(&self.items, text) }
    }
}

fn push_literal(items: &mut Vec<Item>, c: char) {
    if c.is_whitespace() {
        items.push(Item::Space);
    } else {
        let mut buffer = [0; 4];
        items.extend(c.encode_utf8(&mut buffer).bytes().map(Item::Literal));
    }
}

/// Reads digits from the front of a text.
struct Cursor<'a> {
    rest: &'a [u8],
}

impl Cursor<'_> {
    fn peek(&self) -> Option<u8> {
        self.rest.first().copied()
    }

    fn literal(&mut self, expected: u8) -> Option<()> {
        let (first, rest) = self.rest.split_first()?;
        (*first == expected).then(|| self.rest = rest)
    }

    /// One to `width` digits.
    fn number(&mut self, width: usize) -> Option<u32> {
        let mut value = 0u32;
        let mut read = 0;
        while read < width
            && let Some(digit @ b'0'..=b'9') = self.rest.get(read)
        {
            value = value * 10 + u32::from(digit - b'0');
            read += 1;
        }
        self.rest = self.rest.get(read..)?;
        (read > 0).then_some(value)
    }

    /// Exactly `width` digits.
    fn exact(&mut self, width: usize) -> Option<u32> {
        let before = self.rest.len();
        let value = self.number(width)?;
        (before - self.rest.len() == width).then_some(value)
    }

    /// Digits of a fraction of a second, in microseconds; digits beyond the sixth must be zeros, so nothing is lost.
    fn fraction(&mut self) -> Option<i64> {
        let (mut micros, mut read) = (0i64, 0);
        while let Some(digit @ b'0'..=b'9') = self.rest.get(read) {
            match read {
                0..=5 => micros = micros * 10 + i64::from(digit - b'0'),
                _ if *digit == b'0' => {}
                _ => return None,
            }
            read += 1;
        }
        self.rest = self.rest.get(read..)?;
        (read > 0).then(|| micros * 10i64.pow(6u32.saturating_sub(read as u32)))
    }

    fn offset(&mut self) -> Option<i32> {
        match self.peek()? {
            b'Z' | b'z' => {
                self.literal(self.peek()?)?;
                Some(0)
            }
            sign @ (b'+' | b'-') => {
                self.literal(sign)?;
                let hours = self.exact(2)?;
                if self.peek() == Some(b':') {
                    self.literal(b':')?;
                }
                let minutes = if self.peek().is_some_and(|b| b.is_ascii_digit()) { self.exact(2)? } else { 0 };
                if hours > 15 || minutes > 59 {
                    return None;
                }
                let seconds = i32::try_from(hours * 3600 + minutes * 60).ok()?;
                Some(if sign == b'-' { -seconds } else { seconds })
            }
            _ => None,
        }
    }

    fn space(&mut self) {
        self.rest = self.rest.trim_ascii_start();
    }

    fn month_name(&mut self) -> Option<u32> {
        const NAMES: [&str; 12] = [
            "january",
            "february",
            "march",
            "april",
            "may",
            "june",
            "july",
            "august",
            "september",
            "october",
            "november",
            "december",
        ];
        let letters = self.rest.iter().take_while(|b| b.is_ascii_alphabetic()).count();
        let (word, rest) = self.rest.split_at(letters);
        let month = NAMES.iter().position(|name| {
            word.eq_ignore_ascii_case(name.as_bytes())
                || word.eq_ignore_ascii_case(name.as_bytes().get(..3).unwrap_or_default())
        })?;
        self.rest = rest;
        u32::try_from(month + 1).ok()
    }
}

#[derive(Default)]
struct Fields {
    year: Option<i32>,
    month: Option<u32>,
    day: Option<u32>,
    hour: u32,
    minute: u32,
    second: u32,
    micros: i64,
    twelve: bool,
    pm: Option<bool>,
    offset: Option<i32>,
}

impl Fields {
    fn finish(mut self) -> Option<Parsed> {
        if self.twelve {
            if !(1..=12).contains(&self.hour) {
                return None;
            }
            self.hour = self.hour % 12 + if self.pm? { 12 } else { 0 };
        }
        if self.hour > 23 || self.minute > 59 || self.second > 59 {
            return None;
        }
        let days = days_from_civil(self.year?, self.month?, self.day?)?;
        let seconds = i64::from(self.hour * 3600 + self.minute * 60 + self.second);
        Some(Parsed { days, micros: seconds * 1_000_000 + self.micros, offset: self.offset })
    }
}

fn parse_items(items: &[Item], text: &[u8]) -> Option<Parsed> {
    let mut at = Cursor { rest: text.trim_ascii() };
    let mut fields = Fields::default();
    for item in items {
        match *item {
            Item::Literal(byte) => at.literal(byte)?,
            Item::Space => at.space(),
            Item::Year4 => fields.year = Some(i32::try_from(at.exact(4)?).ok()?),
            Item::Year2 => {
                let year = i32::try_from(at.exact(2)?).ok()?;
                fields.year = Some(if year < 69 { 2000 + year } else { 1900 + year });
            }
            Item::Month => fields.month = Some(at.number(2)?),
            Item::MonthName => fields.month = Some(at.month_name()?),
            Item::Day => fields.day = Some(at.number(2)?),
            Item::Hour24 => fields.hour = at.number(2)?,
            Item::Hour12 => {
                fields.hour = at.number(2)?;
                fields.twelve = true;
            }
            Item::Minute => fields.minute = at.number(2)?,
            Item::Second => fields.second = at.number(2)?,
            Item::Fraction => fields.micros = at.fraction()?,
            Item::PointFraction => {
                if at.peek() == Some(b'.') {
                    at.literal(b'.')?;
                    fields.micros = at.fraction()?;
                }
            }
            Item::AmPm => {
                fields.pm = Some(at.peek()?.eq_ignore_ascii_case(&b'p'));
                at.literal(at.peek().filter(|b| matches!(b, b'a' | b'A' | b'p' | b'P'))?)?;
                at.literal(at.peek().filter(|b| matches!(b, b'm' | b'M'))?)?;
            }
            Item::Offset => fields.offset = Some(at.offset()?),
        }
    }
    if at.rest.is_empty() { fields.finish() } else { None }
}

fn parse_iso(text: &[u8]) -> Option<Parsed> {
    let mut at = Cursor { rest: text.trim_ascii() };
    let mut fields = Fields { year: Some(i32::try_from(at.exact(4)?).ok()?), ..Fields::default() };
    at.literal(b'-')?;
    fields.month = Some(at.exact(2)?);
    at.literal(b'-')?;
    fields.day = Some(at.exact(2)?);
    if at.rest.is_empty() {
        return fields.finish();
    }
    at.literal(if at.peek() == Some(b'T') { b'T' } else { b' ' })?;
    fields.hour = at.exact(2)?;
    at.literal(b':')?;
    fields.minute = at.exact(2)?;
    if at.peek() == Some(b':') {
        at.literal(b':')?;
        fields.second = at.exact(2)?;
        if at.peek() == Some(b'.') {
            at.literal(b'.')?;
            fields.micros = at.fraction()?;
        }
    }
    if at.peek() == Some(b' ') {
        at.space();
    }
    if !at.rest.is_empty() {
        fields.offset = Some(at.offset()?);
    }
    if at.rest.is_empty() { fields.finish() } else { None }
}

/// Days since 1970-01-01 in the proleptic Gregorian calendar; `None` for a date that does not exist.
pub(super) fn days_from_civil(year: i32, month: u32, day: u32) -> Option<i32> {
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let last = match month {
        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
        4 | 6 | 9 | 11 => 30,
        2 if leap => 29,
        2 => 28,
        _ => return None,
    };
    if day == 0 || day > last {
        return None;
    }
    // Years that begin in March put the leap day last, so the days before a month follow one formula.
    let (month, day) = (month as i32, day as i32);
    let shifted_year = if month <= 2 { year - 1 } else { year };
    let era = shifted_year.div_euclid(400);
    let year_of_era = shifted_year.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    Some(era * 146_097 + day_of_era - 719_468)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn micros(pattern: &str, text: &str) -> Option<i64> {
        DateTimeFormat::compile(pattern).unwrap().parse(text.as_bytes()).map(Parsed::utc_micros)
    }
    fn expected(text: &str) -> Option<i64> {
        Some(chrono::DateTime::parse_from_rfc3339(text).unwrap().timestamp_micros())
    }

    #[test]
    fn the_retail_files_format() {
        let format = "%m/%d/%Y %H:%M";
        assert_eq!(micros(format, "12/1/2010 8:26"), expected("2010-12-01T08:26:00Z"));
        assert_eq!(micros(format, " 1/10/2011 18:05 "), expected("2011-01-10T18:05:00Z"));
        for wrong in [
            "13/1/2010 8:26",
            "2/30/2011 8:26",
            "12/1/10 8:26",
            "12/1/2010",
            "12/1/2010 8:26:00",
            "12/1/2010 24:00",
            "",
        ] {
            assert_eq!(micros(format, wrong), None, "{wrong}");
        }
    }

    #[test]
    fn other_formats() {
        assert_eq!(micros("%d %b %Y %I:%M %p", "3 Mar 2024 12:05 AM"), expected("2024-03-03T00:05:00Z"));
        assert_eq!(micros("%d-%B-%y %T%.f", "29-february-24 23:59:59.5"), expected("2024-02-29T23:59:59.5Z"));
        assert_eq!(micros("%FT%T%z", "2024-02-29T10:00:00+0130"), expected("2024-02-29T08:30:00Z"));
        assert!(DateTimeFormat::compile("%Q").is_err());
        assert!(DateTimeFormat::compile("%").is_err());
    }

    #[test]
    fn iso() {
        let iso = DateTimeFormat::iso();
        let parse = |text: &str| iso.parse(text.as_bytes()).map(Parsed::utc_micros);
        assert_eq!(parse("2011-01-18"), expected("2011-01-18T00:00:00Z"));
        assert_eq!(parse("2011-01-18 10:01:02.000003"), expected("2011-01-18T10:01:02.000003Z"));
        assert_eq!(parse("2011-01-18T10:01-05:00"), expected("2011-01-18T15:01:00Z"));
        for wrong in ["2011-1-18", "2011-02-29", "2011-01-18T10", "2011-01-18 10:01:02.1234567", "2011-01-18x"] {
            assert_eq!(parse(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn every_day_of_four_centuries_agrees_with_chrono() {
        let mut day = chrono::NaiveDate::from_ymd_opt(1799, 12, 31).unwrap();
        let epoch = chrono::NaiveDate::default();
        for _ in 0..146_200 {
            use chrono::Datelike;
            let ours = days_from_civil(day.year(), day.month(), day.day()).unwrap();
            assert_eq!(i64::from(ours), (day - epoch).num_days(), "{day}");
            day = day.succ_opt().unwrap();
        }
    }
}
