//! Intervals from text: with units, as SQL's standard writes them, and as ISO 8601 does.

use super::decode::Fault;
use super::fields::{Clock, fraction, integer};
use super::input::failed;
use super::tokens::{Field, Kind, fields};
use super::words::{Unit, unit};
use super::{Interval, MICROS_PER_DAY, MICROS_PER_HOUR, MICROS_PER_MINUTE, MICROS_PER_SECOND};
use crate::error::Result;
use crate::pgtypes::style::{IntervalStyle, Style};

/// Which fields an interval is declared with: the last is what a number without a unit means, and what is below it
/// is cut off.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum IntervalFields {
    Year,
    /// Or year to month.
    Month,
    Day,
    /// Or day to hour; and so on.
    Hour,
    Minute,
    Second,
    /// Where two numbers with a colon are minutes and seconds.
    MinuteToSecond,
}

impl IntervalFields {
    fn last(self) -> Unit {
        match self {
            Self::Year => Unit::Year,
            Self::Month => Unit::Month,
            Self::Day => Unit::Day,
            Self::Hour => Unit::Hour,
            Self::Minute => Unit::Minute,
            Self::Second | Self::MinuteToSecond => Unit::Second,
        }
    }

    /// The interval without what is below the last field.
    pub fn cut(self, interval: Interval) -> Interval {
        let Interval { months, days, micros } = interval;
        let down_to = |unit: i64| Interval { months, days, micros: micros / unit * unit };
        match self {
            Self::Year => Interval { months: months / 12 * 12, days: 0, micros: 0 },
            Self::Month => Interval { months, days: 0, micros: 0 },
            Self::Day => Interval { months, days, micros: 0 },
            Self::Hour => down_to(MICROS_PER_HOUR),
            Self::Minute => down_to(MICROS_PER_MINUTE),
            Self::Second | Self::MinuteToSecond => interval,
        }
    }
}

/// An interval from text; what it means may depend on `IntervalStyle`.
pub fn parse_interval(text: &str, declared: Option<IntervalFields>, style: &Style) -> Result<Interval> {
    let parsed = match fields(text).and_then(|fields| decode(&fields, declared, style)) {
        Err(Fault::Syntax) => iso(text),
        other => other,
    };
    let interval = parsed.map_err(|fault| failed(fault, "interval", text))?;
    Ok(declared.map_or(interval, |fields| fields.cut(interval)))
}

/// What the fields add up to, and which units were given.
#[derive(Default)]
struct Sum {
    interval: Interval,
    seen: u32,
}

impl Sum {
    fn mark(&mut self, seen: u32) -> Result<(), Fault> {
        if self.seen & seen != 0 {
            return Err(Fault::Syntax);
        }
        self.seen |= seen;
        Ok(())
    }

    fn add_micros(&mut self, micros: i64) -> Result<(), Fault> {
        self.interval.micros = self.interval.micros.checked_add(micros).ok_or(Fault::OutOfRange)?;
        Ok(())
    }
    fn add_days(&mut self, days: i64) -> Result<(), Fault> {
        let days = i32::try_from(days).ok().and_then(|days| self.interval.days.checked_add(days));
        self.interval.days = days.ok_or(Fault::OutOfRange)?;
        Ok(())
    }
    fn add_months(&mut self, months: i64) -> Result<(), Fault> {
        let months = i32::try_from(months).ok().and_then(|months| self.interval.months.checked_add(months));
        self.interval.months = months.ok_or(Fault::OutOfRange)?;
        Ok(())
    }
    /// A part of something that has this many microseconds.
    fn add_part(&mut self, part: f64, micros: i64) -> Result<(), Fault> {
        self.add_micros((part * micros as f64).round_ties_even() as i64)
    }
    /// A part of something that has this many days.
    fn add_day_part(&mut self, part: f64, days: i64) -> Result<(), Fault> {
        let days = part * days as f64;
        self.add_days(days.trunc() as i64)?;
        self.add_part(days - days.trunc(), MICROS_PER_DAY)
    }

    fn add(&mut self, whole: i64, part: f64, unit: Unit) -> Result<(), Fault> {
        let times = |factor: i64| whole.checked_mul(factor).ok_or(Fault::OutOfRange);
        let micros = match unit {
            Unit::Microsecond => 1,
            Unit::Millisecond => 1_000,
            Unit::Second => MICROS_PER_SECOND,
            Unit::Minute => MICROS_PER_MINUTE,
            Unit::Hour => MICROS_PER_HOUR,
            Unit::Day => {
                self.add_days(whole)?;
                return self.add_part(part, MICROS_PER_DAY);
            }
            Unit::Week => {
                self.add_days(times(7)?)?;
                return self.add_day_part(part, 7);
            }
            Unit::Month => {
                self.add_months(whole)?;
                return self.add_day_part(part, 30);
            }
            Unit::Year | Unit::Decade | Unit::Century | Unit::Millennium => {
                let years = match unit {
                    Unit::Year => 1,
                    Unit::Decade => 10,
                    Unit::Century => 100,
                    _ => 1_000,
                };
                self.add_months(times(years * 12)?)?;
                return self.add_months((part * (years * 12) as f64).round_ties_even() as i64);
            }
        };
        self.add_micros(times(micros)?)?;
        self.add_part(part, micros)
    }
}

/// A bit a unit; a clock is all that are shorter than a day.
fn bit(unit: Unit) -> u32 {
    1 << unit as u32
}

fn clock_bits() -> u32 {
    bit(Unit::Hour) | bit(Unit::Minute) | bit(Unit::Second)
}

/// Backwards, as units come after their numbers.
fn decode(fields: &[Field], declared: Option<IntervalFields>, style: &Style) -> Result<Interval, Fault> {
    let is_signed = |field: &Field| field.text.starts_with(['-', '+']);
    let all_negative = style.intervals == IntervalStyle::SqlStandard
        && fields.first().is_some_and(|field| field.text.starts_with('-'))
        && !fields.iter().skip(1).any(is_signed);
    let minutes_first = declared == Some(IntervalFields::MinuteToSecond);
    let mut sum = Sum::default();
    let mut next: Option<Unit> = None;
    let mut ago = false;
    for field in fields.iter().rev() {
        let text = field.text.as_str();
        match field.kind {
            Kind::Word | Kind::Special if text == "ago" => (ago, next) = (true, None),
            Kind::Word | Kind::Special => next = Some(unit(text).ok_or(Fault::Syntax)?),
            Kind::Time => {
                sum.mark(clock_bits())?;
                let micros = Clock::parse(text, minutes_first)?.total().ok_or(Fault::OutOfRange)?;
                sum.add_micros(if all_negative { -micros } else { micros })?;
                next = Some(Unit::Day);
            }
            Kind::Signed if text.contains(':') => {
                sum.mark(clock_bits())?;
                let micros = Clock::parse(&text[1..], minutes_first)?.total().ok_or(Fault::OutOfRange)?;
                sum.add_micros(if text.starts_with('-') { -micros } else { micros })?;
                next = Some(Unit::Day);
            }
            Kind::Signed | Kind::Number | Kind::Date => {
                let unit = next.unwrap_or_else(|| declared.map_or(Unit::Second, IntervalFields::last));
                next = number(&mut sum, text, unit, all_negative)?;
            }
        }
    }
    if sum.seen == 0 {
        return Err(Fault::Syntax);
    }
    if ago {
        let Interval { months, days, micros } = sum.interval;
        let negated = || Some((months.checked_neg()?, days.checked_neg()?, micros.checked_neg()?));
        let (months, days, micros) = negated().ok_or(Fault::OutOfRange)?;
        return Ok(Interval { months, days, micros });
    }
    Ok(sum.interval)
}

/// A number of the unit, or `years-months`; the unit of the number before it, where that need not say it.
fn number(sum: &mut Sum, text: &str, unit: Unit, all_negative: bool) -> Result<Option<Unit>, Fault> {
    let (whole, part, rest) = decimal(text)?;
    let negative = text.starts_with('-');
    if let Some(months) = rest.strip_prefix('-') {
        let (months, rest) = integer(months)?;
        if !rest.is_empty() || part != 0.0 {
            return Err(Fault::Syntax);
        }
        if !(0..12).contains(&months) {
            return Err(Fault::OutOfRange);
        }
        let months = i64::from(if negative { -months } else { months });
        sum.mark(bit(Unit::Month))?;
        sum.add_months(whole * 12 + months)?;
        return Ok(None);
    }
    if !rest.is_empty() {
        return Err(Fault::Syntax);
    }
    let seen = match unit {
        Unit::Second if part != 0.0 => bit(Unit::Second) | bit(Unit::Millisecond) | bit(Unit::Microsecond),
        unit => bit(unit),
    };
    sum.mark(seen)?;
    let (whole, part) = if all_negative && !negative { (-whole, -part) } else { (whole, part) };
    sum.add(whole, part, unit)?;
    Ok(if unit == Unit::Hour { Some(Unit::Day) } else { Some(unit) })
}

/// Whole number and fraction at the front, both with the sign, and what follows.
fn decimal(text: &str) -> Result<(i64, f64, &str), Fault> {
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    let sign = if text.starts_with('-') { -1 } else { 1 };
    let end = unsigned.find(|c: char| !c.is_ascii_digit()).unwrap_or(unsigned.len());
    let (digits, rest) = unsigned.split_at(end);
    let end = match rest.strip_prefix('.') {
        Some(after) => 1 + after.find(|c: char| !c.is_ascii_digit()).unwrap_or(after.len()),
        None => 0,
    };
    let (decimals, rest) = rest.split_at(end);
    if digits.is_empty() && decimals.len() < 2 {
        return Err(Fault::Syntax);
    }
    let whole = if digits.is_empty() { 0 } else { digits.parse::<i64>().map_err(|_| Fault::OutOfRange)? };
    let part = if decimals.is_empty() { 0.0 } else { fraction(decimals)? };
    Ok((sign * whole, sign as f64 * part, rest))
}

/// `P1Y2M3DT4H5M6S`, `P0001-02-03T04:05:06`.
fn iso(text: &str) -> Result<Interval, Fault> {
    let mut rest = text.strip_prefix('P').filter(|rest| !rest.is_empty()).ok_or(Fault::Syntax)?;
    let mut sum = Sum::default();
    let mut in_time = false;
    let mut position = 0;
    while !rest.is_empty() {
        if let Some(after) = rest.strip_prefix('T') {
            (rest, in_time, position) = (after, true, 0);
            continue;
        }
        let (whole, part, after) = decimal(rest)?;
        let designator = after.chars().next();
        let separator = if in_time { ':' } else { '-' };
        let unit = match (in_time, designator) {
            (false, Some('Y')) => Unit::Year,
            (false, Some('M')) => Unit::Month,
            (false, Some('W')) => Unit::Week,
            (false, Some('D')) => Unit::Day,
            (true, Some('H')) => Unit::Hour,
            (true, Some('M')) => Unit::Minute,
            (true, Some('S')) => Unit::Second,
            (_, next) if next.is_none() || next == Some(separator) || next == Some('T') => {
                let units = if in_time {
                    [Unit::Hour, Unit::Minute, Unit::Second]
                } else {
                    [Unit::Year, Unit::Month, Unit::Day]
                };
                let unit = units.get(position).ok_or(Fault::Syntax)?;
                position += 1;
                sum.add(whole, part, *unit)?;
                rest = after.strip_prefix(separator).unwrap_or(after);
                continue;
            }
            _ => return Err(Fault::Syntax),
        };
        sum.add(whole, part, unit)?;
        rest = &after[1..];
    }
    Ok(sum.interval)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn interval(text: &str) -> Interval {
        parse_interval(text, None, &Style::default()).unwrap()
    }

    #[test]
    fn spellings_of_postgres() {
        let hours = MICROS_PER_HOUR;
        let of = |months, days, micros| Interval { months, days, micros };
        for (text, expected) in [
            ("1 day", of(0, 1, 0)),
            ("1 year 2 months 3 days 04:05:06", of(14, 3, 4 * hours + 306_000_000)),
            ("1-2 3 4:05", of(14, 3, 4 * hours + 300_000_000)),
            ("@ 1 minute", of(0, 0, 60_000_000)),
            ("1 day ago", of(0, -1, 0)),
            ("-1 day +02:03", of(0, -1, 2 * hours + 180_000_000)),
            ("1.5 hours", of(0, 0, hours * 3 / 2)),
            ("0.5 month", of(0, 15, 0)),
            ("1.5 months 2.5 days", of(1, 17, 12 * hours)),
            ("1.5 years", of(18, 0, 0)),
            ("P1Y2M3DT4H5M6S", of(14, 3, 4 * hours + 306_000_000)),
            ("P0001-02-03T04:05:06", of(14, 3, 4 * hours + 306_000_000)),
            ("PT1H", of(0, 0, hours)),
            ("P1W", of(0, 7, 0)),
            ("1 microsecond 1 millisecond", of(0, 0, 1_001)),
            ("3 4:05", of(0, 3, 4 * hours + 300_000_000)),
            ("10", of(0, 0, 10_000_000)),
            ("2 decades 1 century 1 millennium", of(1_120 * 12, 0, 0)),
        ] {
            assert_eq!(interval(text), expected, "{text}");
        }
        let year = parse_interval("5", Some(IntervalFields::Year), &Style::default()).unwrap();
        assert_eq!(year, of(60, 0, 0));
        let cut = parse_interval("1 day 02:03:04", Some(IntervalFields::Hour), &Style::default()).unwrap();
        assert_eq!(cut, of(0, 1, 2 * hours));
        for text in ["nonsense", "", "1 day 2 days", "P", "1:2:3:4", "1 day x"] {
            assert!(parse_interval(text, None, &Style::default()).is_err(), "{text}");
        }
    }

    #[test]
    fn a_leading_minus_of_the_standard_is_for_all() {
        let style = Style { intervals: IntervalStyle::SqlStandard, ..Style::default() };
        let expected = Interval { months: 0, days: -1, micros: -2 * MICROS_PER_HOUR };
        assert_eq!(parse_interval("-1 2:00:00", None, &style).unwrap(), expected);
    }
}
