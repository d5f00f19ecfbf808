//! From a history to what the methods work on: the open periods only, without gaps.

use super::calendar::Calendar;
use super::history::History;
use super::robust::median_of;
use super::types::Step;

/// Open periods of a history, and how to get back to the calendar.
#[derive(Debug, Clone)]
pub(super) struct Prepared {
    /// No gaps, never empty.
    pub y: Vec<f64>,
    /// Whether the value stands for a gap, or for a zero on a day that would be open.
    pub filled: Vec<bool>,
    /// Values to a season in `y`; 1 is none.
    pub season: usize,
    /// Values to a year, if it is to be taken for a second season.
    pub year: Option<usize>,
    pub calendar: Calendar,
    /// Closed weekdays are not in `y`.
    skips_weekdays: bool,
    /// Last period of the history.
    last: i64,
}

/// How a series is to be taken.
#[derive(Debug, Clone, Copy)]
pub(super) struct Seasons {
    pub step: Step,
    /// Periods to a season; 1 is none.
    pub season: usize,
    /// A year of days is a season too.
    pub yearly: bool,
}

const DAYS_PER_YEAR: usize = 365;

/// Takes out what is closed and fills gaps: on a daily series that is mostly zeros with zero, otherwise from the same
/// place in other seasons.
pub(super) fn prepare(history: &History, seasons: Seasons) -> Prepared {
    let Seasons { step, season, yearly } = seasons;
    let calendar = match step {
        Step::Day => Calendar::learn(history),
        Step::Other => Calendar::default(),
    };
    let skips_weekdays = calendar.open_weekdays() < 7 && (season == 1 || season.is_multiple_of(7));
    let open_season = if skips_weekdays { (season / 7 * calendar.open_weekdays()).max(1) } else { season };
    let open_year = if skips_weekdays { DAYS_PER_YEAR * calendar.open_weekdays() / 7 } else { DAYS_PER_YEAR };
    let gaps_are_zero = step == Step::Day && !calendar.regular;
    let mut y = Vec::with_capacity(history.values.len());
    let mut filled = Vec::with_capacity(history.values.len());
    for (period, value) in history.periods().zip(&history.values) {
        let closed = calendar.is_closed_weekday(period);
        if closed && skips_weekdays {
            continue;
        }
        let gap = value.is_nan() || (calendar.regular && *value == 0.0 && !closed);
        filled.push(gap);
        y.push(match gap {
            true if gaps_are_zero || closed => 0.0,
            true => f64::NAN,
            false => *value,
        });
    }
    fill(&mut y, open_season);
    Prepared {
        y,
        filled,
        season: open_season,
        year: yearly.then_some(open_year),
        calendar,
        skips_weekdays,
        last: history.last(),
    }
}

impl Prepared {
    /// The first period after the history.
    pub fn next_period(&self) -> i64 {
        self.last.saturating_add(1)
    }

    /// For each period of the history this was made from: whether it has a place in `y`.
    pub fn open_periods(&self, history: &History) -> impl Iterator<Item = bool> {
        history.periods().map(|period| !(self.skips_weekdays && self.calendar.is_closed_weekday(period)))
    }

    /// The `horizon` periods after the history: `None` where nothing will happen, otherwise the place among the open
    /// ones.
    pub fn ahead(&self, horizon: usize) -> impl Iterator<Item = Option<usize>> + '_ {
        let mut open = 0;
        (self.next_period()..).take(horizon).map(move |period| {
            if self.skips_weekdays && self.calendar.is_closed_weekday(period) {
                return None;
            }
            open += 1;
            (!self.calendar.is_closed(period)).then_some(open - 1)
        })
    }

    /// Spreads the forecasts of the open periods over the calendar, 0 where nothing will happen.
    pub fn spread(&self, forecasts: &[f64], horizon: usize) -> Vec<f64> {
        self.ahead(horizon).map(|place| place.and_then(|at| forecasts.get(at).copied()).unwrap_or(0.0)).collect()
    }
}

/// Fills NaN with the mean of the nearest values in the same place of earlier and later seasons, or the median of all.
fn fill(y: &mut [f64], season: usize) {
    if !y.iter().any(|value| value.is_nan()) {
        return;
    }
    let known = y.to_vec();
    let mut values: Vec<f64> = known.iter().copied().filter(|value| !value.is_nan()).collect();
    let median = median_of(&mut values).unwrap_or(0.0);
    for (at, slot) in y.iter_mut().enumerate().filter(|(_, slot)| slot.is_nan()) {
        let later = known.get(at..).unwrap_or_default().iter().step_by(season).find(|value| !value.is_nan());
        let earlier = known.get(..=at).unwrap_or_default().iter().rev().step_by(season).find(|value| !value.is_nan());
        *slot = match (earlier, later) {
            (Some(one), Some(other)) => f64::midpoint(*one, *other),
            (Some(one), None) | (None, Some(one)) => *one,
            (None, None) => median,
        };
    }
}
