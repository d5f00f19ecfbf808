//! Intervals from the errors of the back-test.
//!
//! Split conformal: the bounds are quantiles of the signed errors that the method made at about the same distance from its origin,
//! in units of how much the series moved before it (V. Vovk, A. Gammerman, G. Shafer, "Algorithmic Learning in a Random World", 2005).

use super::prepare::Prepared;
use super::robust::conformal_quantile;

/// Errors of distances within this share of the distance are pooled…
const POOL_SHARE: f64 = 0.25;
/// …or within this many periods, if that is more.
const POOL_PERIODS_MIN: usize = 7;
/// The unit of errors is taken from this many of the latest seasons.
const SCALE_SEASONS: usize = 8;

/// The errors of one fold.
#[derive(Debug, Clone)]
pub(super) struct FoldErrors {
    unit: f64,
    /// Per period ahead: forecast, actual, and whether it was open; NaN where nothing is known.
    rows: Vec<(f64, f64, bool)>,
}

/// The errors of all folds of a method.
#[derive(Debug, Clone, Default)]
pub(super) struct Errors {
    pub folds: Vec<FoldErrors>,
}

/// The unit of errors: mean absolute difference of values one season apart in the latest seasons, and the mean of all if there is none.
#[expect(clippy::cast_precision_loss, reason = "lengths of series")]
pub(super) fn unit(prepared: &Prepared) -> f64 {
    let (y, season) = (prepared.y.as_slice(), prepared.season);
    let mean_difference = |from: usize| {
        let later = y.get(from..)?;
        let earlier = y.get(from.checked_sub(season)?..)?;
        let sum: f64 = later.iter().zip(earlier).map(|(one, other)| (one - other).abs()).sum();
        (sum > 0.0).then(|| sum / later.len() as f64)
    };
    let recent = y.len().saturating_sub(SCALE_SEASONS * season).max(season);
    mean_difference(recent).or_else(|| mean_difference(season)).unwrap_or(1.0)
}

impl FoldErrors {
    pub fn new(prepared: &Prepared) -> Self {
        Self { unit: unit(prepared), rows: Vec::new() }
    }

    /// The next period ahead.
    pub fn push(&mut self, forecast: f64, actual: f64, open: bool) {
        self.rows.push((forecast, actual, open));
    }

    /// Errors in units around `ahead` periods from the origin.
    fn around(&self, ahead: usize) -> impl Iterator<Item = f64> + '_ {
        #[expect(
            clippy::cast_precision_loss,
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a horizon"
        )]
        let reach = ((ahead as f64 * POOL_SHARE) as usize).max(POOL_PERIODS_MIN);
        let end = (ahead + reach + 1).min(self.rows.len());
        let begin = ahead.saturating_sub(reach).min(end.saturating_sub(2 * POOL_PERIODS_MIN + 1));
        let rows = self.rows.get(begin..end).unwrap_or_default();
        rows.iter()
            .filter(|(_, actual, open)| *open && !actual.is_nan())
            .map(|(forecast, actual, _)| (actual - forecast) / self.unit)
    }
}

impl Errors {
    /// Ascending errors of all folds but `without`, around `ahead` periods from the origin.
    pub fn pool(&self, ahead: usize, without: Option<usize>) -> Vec<f64> {
        let folds = self.folds.iter().enumerate().filter(|(at, _)| Some(*at) != without);
        let mut pool: Vec<f64> = folds.flat_map(|(_, fold)| fold.around(ahead)).collect();
        pool.sort_unstable_by(f64::total_cmp);
        pool
    }

    /// Share of the known periods inside the interval made from the errors of the other folds. A closed period's interval is its forecast.
    #[expect(clippy::cast_precision_loss, reason = "counts of periods")]
    pub fn coverage(&self, level: f64, floor: Option<f64>) -> Option<f64> {
        if self.folds.len() < 2 {
            return None;
        }
        let (mut inside, mut known) = (0_usize, 0_usize);
        for (at, fold) in self.folds.iter().enumerate() {
            for (ahead, (forecast, actual, open)) in fold.rows.iter().enumerate().filter(|(_, row)| !row.1.is_nan()) {
                let (lower, upper) = if *open {
                    bounds(*forecast, fold.unit, level, &self.pool(ahead, Some(at)), floor)
                } else {
                    (*forecast, *forecast)
                };
                known += 1;
                inside += usize::from((lower..=upper).contains(actual));
            }
        }
        (known > 0).then(|| inside as f64 / known as f64)
    }
}

/// The interval of `level` per cent around a forecast, from ascending errors in units. It holds the forecast.
pub(super) fn bounds(forecast: f64, unit: f64, level: f64, errors: &[f64], floor: Option<f64>) -> (f64, f64) {
    let tail = (1.0 - level / 100.0) / 2.0;
    let at = |share: f64| forecast + unit * conformal_quantile(errors, share).unwrap_or(0.0);
    let (lower, upper) = (at(tail).min(forecast), at(1.0 - tail).max(forecast));
    match floor {
        Some(floor) => (lower.max(floor), upper.max(floor)),
        None => (lower, upper),
    }
}
