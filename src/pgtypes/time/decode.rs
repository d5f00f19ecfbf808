//! Fields as a date, a time and a zone: what each means follows from what came before, as in PostgreSQL.

use super::calendar::{day_number, days_in_month};
use super::fields::{Clock, integer, micros, offset, run_together};
use super::tokens::{Field, Kind, fields};
use super::words::{DateWord, date_word};
use super::{MICROS_PER_HOUR, Zone};
use crate::pgtypes::style::DateOrder;

/// Why a text is no date or time.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Fault {
    Syntax,
    OutOfRange,
    /// A month or a day that there is not: the order may be another.
    MonthOrDay,
    /// An offset from UTC that is too large.
    Displacement,
    UnknownZone(String),
}

/// What a text says.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Decoded {
    /// Day, microseconds of it, and the zone.
    At {
        days: Option<i64>,
        micros: i64,
        zone: Option<Zone>,
        has_time: bool,
    },
    Now,
    /// Days from today, and a time of that day.
    Today(i64, i64),
    Epoch,
    Infinity,
    MinusInfinity,
}

// what has been said so far
const YEAR: u32 = 1;
const MONTH: u32 = 2;
const DAY: u32 = 4;
const DATE: u32 = YEAR | MONTH | DAY;
const TIME: u32 = 8;
const ZONE: u32 = 16;
const HALF: u32 = 32;
const ERA: u32 = 64;
const WEEKDAY: u32 = 128;
const WORD: u32 = 256;

#[derive(Default)]
struct Decoder {
    order: DateOrder,
    seen: u32,
    year: i32,
    two_digits: bool,
    month: i32,
    day: i32,
    text_month: bool,
    day_of_year: Option<i32>,
    julian: Option<i64>,
    micros: i64,
    zone: Option<Zone>,
    half: Option<DateWord>,
    bc: bool,
    /// What the field before says about the next.
    expected: Option<DateWord>,
    special: Option<Decoded>,
    /// There may be no date.
    time_only: bool,
}

/// The text as a date, a time of a day, or both. `time_only`: a bare number is a time.
pub(super) fn decode(text: &str, order: DateOrder, time_only: bool) -> Result<Decoded, Fault> {
    let mut decoder = Decoder { order, time_only, ..Decoder::default() };
    if time_only {
        // the date may be there all the same
        let found = fields(text)?;
        let dated =
            found.iter().any(|field| field.kind == Kind::Date && field.text.starts_with(|c: char| c.is_ascii_digit()));
        for field in &found {
            if field.kind == Kind::Number && !dated && decoder.seen & TIME == 0 {
                let seen = decoder.run_together_number(&field.text, true)?;
                decoder.add(seen)?;
            } else {
                decoder.field(field)?;
            }
        }
    } else {
        for field in fields(text)? {
            decoder.field(&field)?;
        }
    }
    decoder.finish()
}

impl Decoder {
    fn add(&mut self, seen: u32) -> Result<(), Fault> {
        if self.seen & seen != 0 {
            return Err(Fault::Syntax);
        }
        self.seen |= seen;
        Ok(())
    }

    fn field(&mut self, field: &Field) -> Result<(), Fault> {
        let text = field.text.as_str();
        let seen = match field.kind {
            Kind::Date if self.seen & (MONTH | DAY) == MONTH | DAY || self.expected.is_some() => {
                self.late_date(text)?
            }
            Kind::Date => return self.date(text),
            Kind::Time => {
                if self.expected.take().is_some_and(|word| word != DateWord::Time) {
                    return Err(Fault::Syntax);
                }
                self.micros = Clock::parse(text, false)?.of_day()?;
                TIME
            }
            Kind::Signed => {
                self.zone = Some(Zone::Fixed(offset(text)?));
                ZONE
            }
            Kind::Number => match self.expected.take() {
                Some(DateWord::Julian) => self.julian_day(text)?,
                Some(_) => self.run_together_number(text, true)?,
                None => self.number_field(text)?,
            },
            Kind::Word | Kind::Special => self.word(text)?,
        };
        self.add(seen)
    }

    /// With the date already there: a zone's name, or `hhmmss-zz`.
    fn late_date(&mut self, text: &str) -> Result<u32, Fault> {
        let expected = self.expected.take();
        if !text.starts_with(|c: char| c.is_ascii_digit()) && expected.is_none() {
            return self.named_zone(text);
        }
        let at = text.find('-').ok_or(Fault::Syntax)?;
        if self.seen & TIME != 0 || expected.is_some_and(|word| word != DateWord::Time) {
            return Err(Fault::Syntax);
        }
        self.zone = Some(Zone::Fixed(offset(&text[at..])?));
        Ok(self.run_together_number(&text[..at], true)? | ZONE)
    }

    fn named_zone(&mut self, text: &str) -> Result<u32, Fault> {
        self.zone = Some(Zone::named(text).ok_or_else(|| Fault::UnknownZone(text.to_owned()))?);
        Ok(ZONE)
    }

    fn julian_day(&mut self, text: &str) -> Result<u32, Fault> {
        let (day, rest) = integer(text)?;
        self.julian = Some(i64::from(day) - 2_440_588);
        if rest.is_empty() {
            return Ok(DATE);
        }
        let fraction = super::fields::fraction(rest)?;
        self.micros = (fraction * super::MICROS_PER_DAY as f64).round_ties_even() as i64;
        Ok(DATE | TIME)
    }

    fn number_field(&mut self, text: &str) -> Result<u32, Fault> {
        let whole = text.find('.').unwrap_or(text.len());
        let fractional = whole < text.len();
        if fractional && self.seen & DATE == 0 {
            self.date(text)?;
            return Ok(0);
        }
        let together =
            (fractional && whole > 2) || (text.len() >= 6 && (self.seen & DATE == 0 || self.seen & TIME == 0));
        if together { self.run_together_number(text, false) } else { self.number(text) }
    }

    /// `20011225`, `040506.789`.
    fn run_together_number(&mut self, text: &str, dated: bool) -> Result<u32, Fault> {
        if let Some(at) = text.find('.') {
            self.micros = run_together(&text[..at], micros(&text[at..])?)?;
            return Ok(TIME);
        }
        if !dated && self.seen & DATE != DATE && text.len() >= 6 {
            let (year, day) = text.split_at(text.len() - 4);
            let part = |text: Option<&str>| text.and_then(|text| text.parse().ok()).ok_or(Fault::Syntax);
            self.two_digits = year.len() == 2;
            self.year = part(Some(year))?;
            (self.month, self.day) = (part(day.get(..2))?, part(day.get(2..))?);
            return Ok(DATE);
        }
        if self.seen & TIME != 0 {
            return Err(Fault::Syntax);
        }
        self.micros = run_together(text, 0)?;
        Ok(TIME)
    }

    /// One number of a date, by what is still missing.
    fn number(&mut self, text: &str) -> Result<u32, Fault> {
        let (value, rest) = integer(text)?;
        if !rest.is_empty() {
            return if text.len() - rest.len() > 2 { self.run_together_number(text, true) } else { Err(Fault::Syntax) };
        }
        if text.len() == 3 && self.seen & DATE == YEAR && (1..=366).contains(&value) {
            self.day_of_year = Some(value);
            return Ok(MONTH | DAY);
        }
        let year_first = text.len() >= 3 || self.order == DateOrder::Ymd;
        let what = match self.seen & DATE {
            0 if year_first => YEAR,
            0 if self.order == DateOrder::Dmy => DAY,
            0 | YEAR | DAY => MONTH,
            MONTH if self.text_month && year_first => YEAR,
            MONTH => DAY,
            _ if self.seen & DATE == YEAR | MONTH => {
                if self.text_month && text.len() >= 3 && self.two_digits {
                    // what was taken for the year was the day
                    (self.day, self.year, self.two_digits) = (self.year, value, false);
                    return Ok(DAY);
                }
                DAY
            }
            _ if self.seen & DATE == MONTH | DAY => YEAR,
            DATE => return self.run_together_number(text, true),
            _ => return Err(Fault::Syntax),
        };
        match what {
            YEAR => (self.year, self.two_digits) = (value, text.len() <= 2),
            MONTH => self.month = value,
            _ => self.day = value,
        }
        Ok(what)
    }

    /// `2024-02-29`, `8-Jan-1999`, `1999.008`: the month's name first, then numbers from the left.
    fn date(&mut self, text: &str) -> Result<(), Fault> {
        let mut parts = Vec::new();
        let mut rest = text;
        loop {
            rest = rest.trim_start_matches(|c: char| !c.is_ascii_alphanumeric());
            let Some(first) = rest.chars().next() else { break };
            let same = |c: char| if first.is_ascii_digit() { c.is_ascii_digit() } else { c.is_ascii_alphabetic() };
            let end = rest.find(|c| !same(c)).unwrap_or(rest.len());
            parts.push(&rest[..end]);
            rest = &rest[end..];
        }
        if text.ends_with(|c: char| !c.is_ascii_alphanumeric()) {
            return Err(Fault::Syntax);
        }
        for part in parts.iter().filter(|part| part.starts_with(|c: char| c.is_ascii_alphabetic())) {
            match date_word(part) {
                Some(DateWord::Month(month)) => {
                    (self.month, self.text_month) = (month as i32, true);
                    self.add(MONTH)?;
                }
                Some(DateWord::Ignored) => {}
                _ => return Err(Fault::Syntax),
            }
        }
        for part in parts.iter().filter(|part| part.starts_with(|c: char| c.is_ascii_digit())) {
            let seen = self.number(part)?;
            self.add(seen)?;
        }
        if self.seen & DATE == DATE { Ok(()) } else { Err(Fault::Syntax) }
    }

    fn word(&mut self, text: &str) -> Result<u32, Fault> {
        if let Some(zone) = Zone::abbreviated(text) {
            self.zone = Some(zone);
            return Ok(ZONE);
        }
        Ok(match date_word(text) {
            Some(DateWord::Ignored) => 0,
            Some(DateWord::Month(month)) => {
                // a number taken for the month was the day
                let mut seen = MONTH;
                if self.seen & MONTH != 0 && !self.text_month && self.seen & DAY == 0 && (1..=31).contains(&self.month)
                {
                    self.day = self.month;
                    seen = DAY;
                }
                (self.month, self.text_month) = (month as i32, true);
                seen
            }
            Some(DateWord::Weekday) => WEEKDAY,
            Some(half @ (DateWord::Am | DateWord::Pm)) => {
                self.half = Some(half);
                HALF
            }
            Some(era @ (DateWord::Ad | DateWord::Bc)) => {
                self.bc = era == DateWord::Bc;
                ERA
            }
            Some(DateWord::AllBalls) => {
                (self.micros, self.zone) = (0, Some(Zone::Utc));
                TIME | ZONE
            }
            Some(DateWord::Time) => {
                if !self.time_only && self.seen & DATE != DATE {
                    return Err(Fault::Syntax);
                }
                self.expected = Some(DateWord::Time);
                0
            }
            Some(DateWord::Julian) => {
                self.expected = Some(DateWord::Julian);
                0
            }
            Some(DateWord::Now) => self.special(Decoded::Now, DATE | TIME | ZONE),
            Some(DateWord::Today(days)) => self.special(Decoded::Today(days, 0), DATE),
            Some(DateWord::Epoch) => self.special(Decoded::Epoch, WORD),
            Some(DateWord::Infinity) => self.special(Decoded::Infinity, WORD),
            Some(DateWord::MinusInfinity) => self.special(Decoded::MinusInfinity, WORD),
            None => {
                self.zone = Some(Zone::named(text).ok_or(Fault::Syntax)?);
                ZONE
            }
        })
    }

    fn special(&mut self, special: Decoded, seen: u32) -> u32 {
        self.special = Some(special);
        seen
    }

    fn finish(self) -> Result<Decoded, Fault> {
        if self.expected.is_some() || self.seen == 0 {
            return Err(Fault::Syntax);
        }
        match self.special {
            Some(Decoded::Today(days, _)) => return Ok(Decoded::Today(days, self.micros_of_day()?)),
            // nothing else may be said
            Some(special) if self.seen & (DATE | TIME) == 0 || special == Decoded::Now => return Ok(special),
            Some(_) => return Err(Fault::Syntax),
            None => {}
        }
        let days = self.days()?;
        let has_time = self.seen & TIME != 0;
        Ok(Decoded::At { days, micros: self.micros_of_day()?, zone: self.zone, has_time })
    }

    fn micros_of_day(&self) -> Result<i64, Fault> {
        let hour = self.micros / MICROS_PER_HOUR;
        Ok(match self.half {
            Some(_) if hour > 12 => return Err(Fault::OutOfRange),
            Some(DateWord::Am) if hour == 12 => self.micros - 12 * MICROS_PER_HOUR,
            Some(DateWord::Pm) if hour != 12 => self.micros + 12 * MICROS_PER_HOUR,
            _ => self.micros,
        })
    }

    /// The day, if one is named whole.
    fn days(&self) -> Result<Option<i64>, Fault> {
        if let Some(julian) = self.julian {
            return Ok(Some(julian));
        }
        let year = match self.year {
            _ if self.seen & YEAR == 0 => 0,
            year if year <= 0 && (self.bc || !self.two_digits) => return Err(Fault::OutOfRange),
            year if self.bc => 1 - year,
            year if self.two_digits && year < 70 => year + 2_000,
            year if self.two_digits && year < 100 => year + 1_900,
            year => year,
        };
        let year = i64::from(year);
        if let Some(day) = self.day_of_year {
            return Ok(Some(day_number(year, 1, 1) + i64::from(day) - 1));
        }
        let in_range = |bit: u32, value: i32, max: i32| self.seen & bit == 0 || (1..=max).contains(&value);
        if !in_range(MONTH, self.month, 12) || !in_range(DAY, self.day, 31) {
            return Err(Fault::MonthOrDay);
        }
        if self.seen & DATE != DATE {
            return if self.seen & DATE == 0 { Ok(None) } else { Err(Fault::Syntax) };
        }
        let (month, day) = (self.month as u32, self.day as u32);
        if day > days_in_month(year, month) { Err(Fault::OutOfRange) } else { Ok(Some(day_number(year, month, day))) }
    }
}
