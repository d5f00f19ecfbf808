//! The observations as one value per period.

use super::types::Point;
use crate::functions::FunctionError;

/// A series spans no more periods than this.
const PERIODS_MAX: u64 = 1_000_000;

/// Periods lie within this of 0, so that none can overflow: 30 thousand years in microseconds.
const PERIOD_MAX: u64 = 1_000_000_000_000_000_000;

/// Values from the first to the last period that has one; NaN is a gap. Never empty, and begins and ends with a value.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct History {
    pub first: i64,
    pub values: Vec<f64>,
    /// Periods with a value.
    pub observed: usize,
}

impl History {
    /// Puts the points in order of time. Errors: an infinite value, two points for one period, no value at all, too
    /// long a span.
    pub fn new(points: &[Point]) -> Result<Self, FunctionError> {
        let mut sorted = Vec::with_capacity(points.len());
        for (position, point) in points.iter().enumerate() {
            if point.period.unsigned_abs() > PERIOD_MAX {
                return Err(FunctionError::TimeRange { position });
            }
            if point.value.is_some_and(|value| !value.is_finite()) {
                return Err(FunctionError::NotFinite { what: "value", position });
            }
            sorted.push((point.period, point.value));
        }
        sorted.sort_unstable_by_key(|(period, _)| *period);
        if let Some(same) = sorted.windows(2).find(|pair| matches!(pair, [one, other] if one.0 == other.0)) {
            return Err(FunctionError::DuplicateTime { period: same.first().map_or(0, |point| point.0) });
        }
        let observed: Vec<(i64, f64)> =
            sorted.into_iter().filter_map(|(period, value)| Some((period, value?))).collect();
        let (Some((first, _)), Some((last, _))) = (observed.first(), observed.last()) else {
            return Err(FunctionError::TooFew { what: "values", found: 0, needed: 1 });
        };
        let periods = last.abs_diff(*first).saturating_add(1);
        let length = usize::try_from(periods).ok().filter(|_| periods <= PERIODS_MAX);
        let Some(length) = length else {
            return Err(FunctionError::SpanLimit { periods, limit: PERIODS_MAX });
        };
        let mut values = vec![f64::NAN; length];
        for (period, value) in &observed {
            let slot = usize::try_from(period.abs_diff(*first)).ok().and_then(|at| values.get_mut(at));
            if let Some(slot) = slot {
                *slot = *value;
            }
        }
        Ok(Self { first: *first, values, observed: observed.len() })
    }

    /// The periods of the values.
    pub fn periods(&self) -> impl Iterator<Item = i64> + '_ {
        (self.first..).take(self.values.len())
    }

    /// The last period.
    pub fn last(&self) -> i64 {
        self.first.saturating_add_unsigned(self.values.len().saturating_sub(1) as u64)
    }

    /// The first `length` periods, without the gaps at their end; `None` if nothing is observed there.
    pub fn head(&self, length: usize) -> Option<Self> {
        let values = self.values.get(..length)?;
        let end = values.iter().rposition(|value| !value.is_nan())? + 1;
        let values = values.get(..end)?.to_vec();
        let observed = values.iter().filter(|value| !value.is_nan()).count();
        Some(Self { first: self.first, values, observed })
    }

    /// All observed values are the same.
    pub fn is_constant(&self) -> bool {
        let mut observed = self.values.iter().filter(|value| !value.is_nan());
        let first = observed.next();
        observed.all(|value| Some(value) == first)
    }

    /// The least observed value.
    pub fn min(&self) -> f64 {
        self.values.iter().copied().fold(f64::INFINITY, f64::min)
    }

    /// Mean absolute difference of values `lag` periods apart; `None` if there is no such pair, or no difference.
    pub fn seasonal_difference(&self, lag: usize) -> Option<f64> {
        let later = self.values.get(lag..)?;
        let differences = later.iter().zip(&self.values).map(|(later, earlier)| (later - earlier).abs());
        let (mut sum, mut count) = (0.0, 0.0);
        for difference in differences.filter(|difference| !difference.is_nan()) {
            sum += difference;
            count += 1.0;
        }
        (sum > 0.0).then(|| sum / count)
    }
}
