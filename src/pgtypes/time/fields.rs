//! Single fields of dates and times: clocks, offsets, numbers with a fraction.

use super::decode::Fault;
use super::{MICROS_PER_DAY, MICROS_PER_HOUR, MICROS_PER_MINUTE, MICROS_PER_SECOND};

/// Hours of an offset from UTC.
const OFFSET_HOURS_MAX: i32 = 15;

/// The integer at the front and what follows it.
pub(super) fn integer(text: &str) -> Result<(i32, &str), Fault> {
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    let signs = text.len() - unsigned.len();
    let digits = unsigned.len() - unsigned.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    if digits == 0 {
        return Err(Fault::Syntax);
    }
    let (number, rest) = text.split_at(signs + digits);
    // what does not fit is too large, not malformed
    number.parse().map(|value| (value, rest)).map_err(|_| Fault::OutOfRange)
}

/// `.5` → 0.5.
pub(super) fn fraction(text: &str) -> Result<f64, Fault> {
    match text.strip_prefix('.') {
        Some("") => Ok(0.0),
        Some(digits) if digits.bytes().all(|byte| byte.is_ascii_digit()) => text.parse().map_err(|_| Fault::Syntax),
        _ => Err(Fault::Syntax),
    }
}

/// `.5` → 500000 microseconds, rounded.
pub(super) fn micros(text: &str) -> Result<i64, Fault> {
    Ok((fraction(text)? * 1e6).round_ties_even() as i64)
}

/// Hours, minutes and microseconds of `hh:mm[:ss[.f]]`; of `mm:ss[.f]` where `minutes_first`.
pub(super) struct Clock {
    pub hours: i64,
    pub minutes: i64,
    pub micros: i64,
}

impl Clock {
    pub(super) fn parse(text: &str, minutes_first: bool) -> Result<Self, Fault> {
        let (hours, rest) = integer(text)?;
        let (minutes, rest) = integer(rest.strip_prefix(':').ok_or(Fault::Syntax)?)?;
        let (hours, minutes) = (i64::from(hours), i64::from(minutes));
        let seconds = |seconds: i64, fraction: &str| -> Result<i64, Fault> {
            let micros = if fraction.is_empty() { 0 } else { micros(fraction)? };
            if (0..=60).contains(&seconds) { Ok(seconds * MICROS_PER_SECOND + micros) } else { Err(Fault::OutOfRange) }
        };
        let clock = match rest.strip_prefix(':') {
            Some(after) => {
                let (whole, fraction) = integer(after)?;
                Self { hours, minutes, micros: seconds(whole.into(), fraction)? }
            }
            None if rest.starts_with('.') || (rest.is_empty() && minutes_first) => {
                Self { hours: 0, minutes: hours, micros: seconds(minutes, rest)? }
            }
            None if rest.is_empty() => Self { hours, minutes, micros: 0 },
            None => return Err(Fault::Syntax),
        };
        if clock.hours < 0 || !(0..=59).contains(&clock.minutes) {
            return Err(Fault::OutOfRange);
        }
        Ok(clock)
    }

    pub(super) fn total(&self) -> Option<i64> {
        let minutes = self.hours.checked_mul(60)?.checked_add(self.minutes)?;
        minutes.checked_mul(MICROS_PER_MINUTE)?.checked_add(self.micros)
    }

    /// Microseconds of a day, which ends at 24:00.
    pub(super) fn of_day(&self) -> Result<i64, Fault> {
        self.total().filter(|micros| *micros <= MICROS_PER_DAY && self.hours <= 24).ok_or(Fault::OutOfRange)
    }
}

/// `hhmmss` or `hhmm` as microseconds of a day.
pub(super) fn run_together(digits: &str, micros: i64) -> Result<i64, Fault> {
    let pair = |at: usize| digits.get(at..at + 2).and_then(|pair| pair.parse::<i64>().ok());
    let (hours, minutes, seconds) = match (digits.len(), pair(0), pair(2), pair(4)) {
        (6, Some(hours), Some(minutes), Some(seconds)) => (hours, minutes, seconds),
        (4, Some(hours), Some(minutes), None) => (hours, minutes, 0),
        _ => return Err(Fault::Syntax),
    };
    let total = hours * MICROS_PER_HOUR + minutes * MICROS_PER_MINUTE + seconds * MICROS_PER_SECOND + micros;
    if minutes > 59 || seconds > 60 || total > MICROS_PER_DAY { Err(Fault::OutOfRange) } else { Ok(total) }
}

/// Seconds east of `+hh[:mm[:ss]]` or `+hhmm`.
pub(super) fn offset(text: &str) -> Result<i32, Fault> {
    let unsigned = text.strip_prefix(['+', '-']).ok_or(Fault::Syntax)?;
    let (mut hours, rest) = integer(unsigned)?;
    let (mut minutes, mut seconds) = (0, 0);
    let mut rest = rest;
    if let Some(after) = rest.strip_prefix(':') {
        (minutes, rest) = integer(after)?;
        if let Some(after) = rest.strip_prefix(':') {
            (seconds, rest) = integer(after)?;
        }
    } else if unsigned.len() > 2 {
        (hours, minutes) = (hours / 100, hours % 100);
    }
    if !rest.is_empty() {
        return Err(Fault::Syntax);
    }
    if !(0..=OFFSET_HOURS_MAX).contains(&hours) || !(0..60).contains(&minutes) || !(0..60).contains(&seconds) {
        return Err(Fault::Displacement);
    }
    let east = hours * 3_600 + minutes * 60 + seconds;
    Ok(if text.starts_with('-') { -east } else { east })
}
