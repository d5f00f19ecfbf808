//! The step of a series: timestamps to whole periods, and back.

use std::sync::Arc;

use chrono::{Datelike, NaiveDate};
use datafusion::arrow::array::{Array, ArrayRef, AsArray, Date32Array, TimestampMicrosecondArray};
use datafusion::arrow::datatypes::{DataType, Date32Type, TimeUnit, TimestampMicrosecondType};

use crate::functions::series::Step;

const MICROSECONDS_PER_HOUR: i64 = 3_600_000_000;
/// Weeks begin on Mondays, and 1969-12-29, three days before the epoch, was one.
const MONDAY: i64 = 3;
/// 1970-01-01 in chrono's count.
const EPOCH_FROM_CE: i64 = 719_163;

/// One period of a series.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Every {
    Hour,
    Day,
    Week,
    Month,
    Quarter,
    Year,
}

impl Every {
    pub const NAMES: &'static [&'static str] = &["hour", "day", "week", "month", "quarter", "year"];

    /// The step users mean; a day where the word is none of [`Every::NAMES`].
    pub fn parse(name: &str) -> Self {
        match name {
            "hour" => Self::Hour,
            "week" => Self::Week,
            "month" => Self::Month,
            "quarter" => Self::Quarter,
            "year" => Self::Year,
            _ => Self::Day,
        }
    }

    /// Type of the first instant of a period.
    pub fn data_type(self) -> DataType {
        match self {
            Self::Hour => DataType::Timestamp(TimeUnit::Microsecond, None),
            _ => DataType::Date32,
        }
    }

    pub fn step(self) -> Step {
        if self == Self::Day { Step::Day } else { Step::Other }
    }

    /// Periods to the season that is usual for the step.
    pub fn season(self) -> usize {
        match self {
            Self::Hour => 24,
            Self::Day => 7,
            Self::Week => 52,
            Self::Month => 12,
            Self::Quarter => 4,
            Self::Year => 1,
        }
    }

    /// The period each time lies in; times are of [`Every::data_type`].
    pub fn periods(self, times: &dyn Array) -> Vec<Option<i64>> {
        match self {
            Self::Hour => {
                let times = times.as_primitive_opt::<TimestampMicrosecondType>();
                times.into_iter().flatten().map(|time| Some(time?.div_euclid(MICROSECONDS_PER_HOUR))).collect()
            }
            _ => {
                let days = times.as_primitive_opt::<Date32Type>();
                days.into_iter().flatten().map(|day| self.period_of_day(i64::from(day?))).collect()
            }
        }
    }

    fn period_of_day(self, day: i64) -> Option<i64> {
        let months_each = match self {
            Self::Week => return Some((day + MONDAY).div_euclid(7)),
            Self::Month => 1,
            Self::Quarter => 3,
            Self::Year => 12,
            Self::Hour | Self::Day => return Some(day),
        };
        let date = NaiveDate::from_num_days_from_ce_opt(i32::try_from(day + EPOCH_FROM_CE).ok()?)?;
        Some((i64::from(date.year()) * 12 + i64::from(date.month0())).div_euclid(months_each))
    }

    /// The first instant of each period; null where no calendar reaches.
    pub fn times(self, periods: impl Iterator<Item = i64>) -> ArrayRef {
        match self {
            Self::Hour => {
                let times = periods.map(|period| period.checked_mul(MICROSECONDS_PER_HOUR));
                Arc::new(times.collect::<TimestampMicrosecondArray>())
            }
            _ => Arc::new(periods.map(|period| self.first_day(period)).collect::<Date32Array>()),
        }
    }

    fn first_day(self, period: i64) -> Option<i32> {
        let months_each = match self {
            Self::Week => return i32::try_from(period.checked_mul(7)? - MONDAY).ok(),
            Self::Month => 1,
            Self::Quarter => 3,
            Self::Year => 12,
            Self::Hour | Self::Day => return i32::try_from(period).ok(),
        };
        let month = period.checked_mul(months_each)?;
        let year = i32::try_from(month.div_euclid(12)).ok()?;
        let date = NaiveDate::from_ymd_opt(year, u32::try_from(month.rem_euclid(12)).ok()? + 1, 1)?;
        i32::try_from(i64::from(date.num_days_from_ce()) - EPOCH_FROM_CE).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn periods_begin_where_they_should() {
        let day = |text: &str| text.parse::<NaiveDate>().unwrap().num_days_from_ce() - 719_163;
        for (every, within, first) in [
            (Every::Day, "2011-12-09", "2011-12-09"),
            (Every::Week, "2011-12-09", "2011-12-05"),
            (Every::Week, "1969-12-28", "1969-12-22"),
            (Every::Month, "2011-12-09", "2011-12-01"),
            (Every::Quarter, "2011-12-09", "2011-10-01"),
            (Every::Year, "1960-12-09", "1960-01-01"),
        ] {
            let periods = every.periods(&Date32Array::from(vec![day(within)]));
            let times = every.times(periods.into_iter().flatten());
            assert_eq!(times.as_primitive::<Date32Type>().value(0), day(first), "{every:?} {within}");
        }
        for name in Every::NAMES {
            assert_eq!(format!("{:?}", Every::parse(name)).to_lowercase(), *name);
        }
    }
}
