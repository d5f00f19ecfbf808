//! Intervals: arithmetic, comparison, justification.

use datafusion::arrow::datatypes::IntervalMonthDayNano;

use super::calendar::{civil, days_in_month, plus_months};
use super::input::checked_timestamp;
use super::{MICROS_PER_DAY, Zone, is_finite, out_of_range, split};
use crate::error::{Error, ErrorKind, Result};

const DAYS_PER_MONTH: i32 = 30;

/// An interval as PostgreSQL holds it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Interval {
    pub months: i32,
    pub days: i32,
    pub micros: i64,
}

fn too_large() -> Error {
    out_of_range("interval")
}

/// The integer nearest to a float; of two the even one, as C's `rint`.
fn nearest(value: f64) -> Option<i64> {
    let value = value.round_ties_even();
    (-9.3e18..9.223_372_036_854_776e18).contains(&value).then_some(value as i64)
}

impl Interval {
    /// Nanoseconds are cut to microseconds.
    pub fn of_arrow(value: IntervalMonthDayNano) -> Self {
        Self { months: value.months, days: value.days, micros: value.nanoseconds / 1_000 }
    }

    /// # Errors
    /// `22008` where the time is more than 292 years: Arrow counts nanoseconds.
    pub fn to_arrow(self) -> Result<IntervalMonthDayNano> {
        let nanoseconds = self.micros.checked_mul(1_000).ok_or_else(too_large)?;
        Ok(IntervalMonthDayNano { months: self.months, days: self.days, nanoseconds })
    }

    pub fn of_micros(micros: i64) -> Self {
        Self { micros, ..Self::default() }
    }

    /// Microseconds at 30 days a month and 24 hours a day: what intervals are compared by.
    pub fn span(self) -> i128 {
        let days = i128::from(self.months) * i128::from(DAYS_PER_MONTH) + i128::from(self.days);
        days * i128::from(MICROS_PER_DAY) + i128::from(self.micros)
    }

    pub fn negated(self) -> Result<Self> {
        Self::default().minus(self)
    }

    pub fn plus(self, other: Self) -> Result<Self> {
        let sum = || {
            Some(Self {
                months: self.months.checked_add(other.months)?,
                days: self.days.checked_add(other.days)?,
                micros: self.micros.checked_add(other.micros)?,
            })
        };
        sum().ok_or_else(too_large)
    }

    pub fn minus(self, other: Self) -> Result<Self> {
        let difference = || {
            Some(Self {
                months: self.months.checked_sub(other.months)?,
                days: self.days.checked_sub(other.days)?,
                micros: self.micros.checked_sub(other.micros)?,
            })
        };
        difference().ok_or_else(too_large)
    }

    /// Parts of months become days, parts of days time.
    pub fn times(self, factor: f64) -> Result<Self> {
        self.scaled(|value| value * factor)
    }

    pub fn divided_by(self, divisor: f64) -> Result<Self> {
        if divisor == 0.0 {
            return Err(Error::new(ErrorKind::DivisionByZero, "division by zero"));
        }
        self.scaled(|value| value / divisor)
    }

    fn scaled(self, scale: impl Fn(f64) -> f64) -> Result<Self> {
        // floats near the sixth decimal are what was meant
        let rounded = |value: f64| (value * 1e6).round_ties_even() / 1e6;
        let narrow = |value: f64| -> Result<i32> {
            if value.is_nan() || value.abs() > f64::from(i32::MAX) { Err(too_large()) } else { Ok(value as i32) }
        };
        let (months, days) = (scale(self.months.into()), scale(self.days.into()));
        let (whole_months, whole_days) = (narrow(months)?, narrow(days)?);
        let month_days = rounded((months - f64::from(whole_months)) * f64::from(DAYS_PER_MONTH));
        let mut seconds = rounded((days - f64::from(whole_days) + month_days - month_days.trunc()) * 86_400.0);
        let mut carried = whole_days;
        if seconds.abs() >= 86_400.0 {
            let extra = (seconds / 86_400.0).trunc();
            carried = carried.checked_add(extra as i32).ok_or_else(too_large)?;
            seconds -= extra * 86_400.0;
        }
        let days = carried.checked_add(month_days.trunc() as i32).ok_or_else(too_large)?;
        let micros = nearest(scale(self.micros as f64) + seconds * 1e6).ok_or_else(too_large)?;
        Ok(Self { months: whole_months, days, micros })
    }

    /// 24 hours become a day.
    pub fn justify_hours(self) -> Result<Self> {
        let days = self.micros / MICROS_PER_DAY;
        let mut result = Self {
            days: i32::try_from(days).ok().and_then(|days| self.days.checked_add(days)).ok_or_else(too_large)?,
            micros: self.micros % MICROS_PER_DAY,
            ..self
        };
        if result.days > 0 && result.micros < 0 {
            result.micros += MICROS_PER_DAY;
            result.days -= 1;
        } else if result.days < 0 && result.micros > 0 {
            result.micros -= MICROS_PER_DAY;
            result.days += 1;
        }
        Ok(result)
    }

    /// 30 days become a month.
    pub fn justify_days(self) -> Result<Self> {
        let months = self.months.checked_add(self.days / DAYS_PER_MONTH).ok_or_else(too_large)?;
        let mut result = Self { months, days: self.days % DAYS_PER_MONTH, ..self };
        if result.months > 0 && result.days < 0 {
            result.days += DAYS_PER_MONTH;
            result.months -= 1;
        } else if result.months < 0 && result.days > 0 {
            result.days -= DAYS_PER_MONTH;
            result.months += 1;
        }
        Ok(result)
    }

    /// Both, and all parts with one sign.
    pub fn justify(self) -> Result<Self> {
        let days = i64::from(self.days) + self.micros / MICROS_PER_DAY;
        let mut micros = self.micros % MICROS_PER_DAY;
        let months = i64::from(self.months) + days / i64::from(DAYS_PER_MONTH);
        let mut days = days % i64::from(DAYS_PER_MONTH);
        let mut months = months;
        if months > 0 && (days < 0 || (days == 0 && micros < 0)) {
            days += i64::from(DAYS_PER_MONTH);
            months -= 1;
        } else if months < 0 && (days > 0 || (days == 0 && micros > 0)) {
            days -= i64::from(DAYS_PER_MONTH);
            months += 1;
        }
        if days > 0 && micros < 0 {
            micros += MICROS_PER_DAY;
            days -= 1;
        } else if days < 0 && micros > 0 {
            micros -= MICROS_PER_DAY;
            days += 1;
        }
        let months = i32::try_from(months).map_err(|_| too_large())?;
        Ok(Self { months, days: i32::try_from(days).map_err(|_| too_large())?, micros })
    }

    /// A timestamp without time zone, moved by this: months first, then days, then time.
    pub fn after(self, timestamp: i64) -> Result<i64> {
        if !is_finite(timestamp) {
            return Ok(timestamp);
        }
        let (days, micros) = split(timestamp);
        let days = plus_months(days, self.months) + i64::from(self.days);
        checked_timestamp(super::timestamp_of(days, micros).and_then(|moved| moved.checked_add(self.micros)))
    }

    /// An instant, moved by this on the zone's clocks: a day is as long as it is there.
    pub fn after_in(self, instant: i64, zone: Zone) -> Result<i64> {
        if !is_finite(instant) {
            return Ok(instant);
        }
        let mut moved = instant;
        if self.months != 0 || self.days != 0 {
            let calendar = Self { micros: 0, ..self };
            moved = zone.instant(calendar.after(zone.local(instant))?);
        }
        checked_timestamp(moved.checked_add(self.micros))
    }

    /// From one timestamp to another, in days and time.
    pub fn between(from: i64, to: i64) -> Result<Self> {
        if !is_finite(from) || !is_finite(to) {
            return Err(Error::new(ErrorKind::DatetimeOutOfRange, "cannot subtract infinite timestamps"));
        }
        Self::of_micros(to.checked_sub(from).ok_or_else(too_large)?).justify_hours()
    }

    /// From one local time to another, in years, months, days and time, as people count.
    pub fn age(from: i64, to: i64) -> Result<Self> {
        if !is_finite(from) || !is_finite(to) {
            return Err(out_of_range("timestamp"));
        }
        let backwards = to < from;
        let (early, late) = if backwards { (to, from) } else { (from, to) };
        let ((early_day, early_micros), (late_day, late_micros)) = (split(early), split(late));
        let ((early_year, early_month, early_date), (late_year, late_month, late_date)) =
            (civil(early_day), civil(late_day));
        let mut micros = late_micros - early_micros;
        let mut days = i64::from(late_date) - i64::from(early_date);
        let mut months = (late_year - early_year) * 12 + i64::from(late_month) - i64::from(early_month);
        if micros < 0 {
            micros += MICROS_PER_DAY;
            days -= 1;
        }
        if days < 0 {
            days += i64::from(days_in_month(early_year, early_month));
            months -= 1;
        }
        let sign = if backwards { -1 } else { 1 };
        let narrow = |value: i64| i32::try_from(sign * value).map_err(|_| too_large());
        Ok(Self { months: narrow(months)?, days: narrow(days)?, micros: sign * micros })
    }
}
