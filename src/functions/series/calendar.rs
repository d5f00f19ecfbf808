//! Days on which nothing ever happens, learnt from the zeros and gaps of a daily history: the weekday a shop is closed,
//! the holidays at the end of the year.
//!
//! Invariant: a history that is mostly zeros has no closed days: its zeros are values.

use std::collections::BTreeMap;

use chrono::{Datelike, NaiveDate};

use super::history::History;

/// Day 0 counted from the year 1, as chrono counts.
const EPOCH_FROM_CE: i64 = 719_163;
/// A weekday is closed if at least this share of its latest [`WEEKDAY_LOOK_BACK`] dates was zero or absent…
const CLOSED_SHARE_MIN: f64 = 0.95;
const WEEKDAY_LOOK_BACK: usize = 26;
/// …of at least this many…
const WEEKDAY_SEEN_MIN: usize = 4;
/// …and at least this share of the other days was open.
const OPEN_SHARE_MIN: f64 = 0.8;
/// A run of this many days without sales, of which this many would be open, is taken for a holiday even if seen only
/// once.
const RUN_DAYS: std::ops::RangeInclusive<usize> = 5..=21;
const RUN_OPEN_DAYS_MIN: usize = 3;

/// When nothing happens.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Calendar {
    /// From Monday.
    weekdays: [bool; 7],
    /// (month, day), ascending.
    yearly: Vec<(u32, u32)>,
    /// Zeros and gaps on other days are exceptions, to be looked over: not so in a history that is mostly zeros.
    pub regular: bool,
}

impl Calendar {
    /// Learns from the whole of a daily history.
    pub fn learn(history: &History) -> Self {
        let mut calendar = Self { weekdays: closed_weekdays(history), yearly: Vec::new(), regular: false };
        let open = || history.periods().zip(&history.values).filter(|(period, _)| !calendar.is_closed_weekday(*period));
        let (days, busy) =
            open().fold((0_u32, 0_u32), |(days, busy), (_, value)| (days + 1, busy + u32::from(!is_idle(*value))));
        calendar.regular = f64::from(busy) >= OPEN_SHARE_MIN * f64::from(days);
        if !calendar.regular {
            return Self::default();
        }
        calendar.yearly = calendar.yearly_holidays(history);
        calendar
    }

    /// Nothing is expected to happen in the period.
    pub fn is_closed(&self, period: i64) -> bool {
        self.is_closed_weekday(period)
            || (!self.yearly.is_empty()
                && month_day(period).is_some_and(|date| self.yearly.binary_search(&date).is_ok()))
    }

    /// It is a weekday on which nothing ever happens.
    pub fn is_closed_weekday(&self, period: i64) -> bool {
        self.weekdays.get(weekday(period)).copied().unwrap_or(false)
    }

    /// Days of a week that are open.
    pub fn open_weekdays(&self) -> usize {
        self.weekdays.iter().filter(|closed| !**closed).count()
    }

    /// Dates of long runs without sales, and dates that were without sales in every one of at least two years.
    fn yearly_holidays(&self, history: &History) -> Vec<(u32, u32)> {
        // Per date: how often it was closed on a day that would be open, how often not, and whether within a long run.
        let mut dates: BTreeMap<(u32, u32), (u32, u32, bool)> = BTreeMap::new();
        let days: Vec<(i64, bool)> =
            history.periods().zip(&history.values).map(|(day, v)| (day, is_idle(*v))).collect();
        for run in days.chunk_by(|one, other| one.1 == other.1) {
            let open = run.iter().filter(|(day, _)| !self.is_closed_weekday(*day)).count();
            let long = RUN_DAYS.contains(&run.len()) && open >= RUN_OPEN_DAYS_MIN;
            for (day, idle) in run.iter().filter(|(day, _)| long || !self.is_closed_weekday(*day)) {
                let Some(date) = month_day(*day) else { continue };
                let entry = dates.entry(date).or_default();
                entry.0 += u32::from(*idle);
                entry.1 += u32::from(!*idle);
                entry.2 |= *idle && long;
            }
        }
        let recurs = |(idle, busy, long): &(u32, u32, bool)| *busy == 0 && *idle > 0 && (*long || *idle >= 2);
        dates.iter().filter(|(_, seen)| recurs(seen)).map(|(date, _)| *date).collect()
    }
}

/// Nothing happened, as far as is known.
fn is_idle(value: f64) -> bool {
    value.is_nan() || value == 0.0
}

fn closed_weekdays(history: &History) -> [bool; 7] {
    let mut seen = [0_usize; 7];
    let mut idle = [0_usize; 7];
    let latest_first = (0..).map(|back| history.last() - back).zip(history.values.iter().rev());
    for (period, value) in latest_first {
        let day = weekday(period);
        if let (Some(seen), Some(idle)) = (seen.get_mut(day), idle.get_mut(day))
            && *seen < WEEKDAY_LOOK_BACK
        {
            *seen += 1;
            *idle += usize::from(is_idle(*value));
        }
    }
    #[expect(clippy::cast_precision_loss, reason = "at most WEEKDAY_LOOK_BACK")]
    std::array::from_fn(|day| seen[day] >= WEEKDAY_SEEN_MIN && idle[day] as f64 >= CLOSED_SHARE_MIN * seen[day] as f64)
}

/// 0 is Monday; 1970-01-01 was a Thursday.
fn weekday(period: i64) -> usize {
    usize::try_from((period.rem_euclid(7) + 3) % 7).unwrap_or(0)
}

fn month_day(period: i64) -> Option<(u32, u32)> {
    let days = i32::try_from(period.checked_add(EPOCH_FROM_CE)?).ok()?;
    NaiveDate::from_num_days_from_ce_opt(days).map(|date| (date.month(), date.day()))
}
