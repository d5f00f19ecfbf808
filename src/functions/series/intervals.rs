//! Intervals from the errors of the back-test.
//!
//! Split conformal: the bounds are quantiles of the signed errors that the method made at about the same distance from
//! its origin (V. Vovk, A. Gammerman, G. Shafer, "Algorithmic Learning in a Random World", 2005). Errors in units of
//! how much the series moved before the origin were tried on real sales: wider intervals, no better coverage.

use super::robust::conformal_quantile;

/// Errors at distances within this share of the distance are pooled…
const POOL_SHARE: f64 = 0.25;
/// …or within this many periods, if that is more.
const POOL_PERIODS_MIN: usize = 7;

/// One period of one fold.
#[derive(Debug, Clone, Copy)]
struct Row {
    forecast: f64,
    /// NaN is a gap.
    actual: f64,
    /// Not known beforehand to be closed.
    open: bool,
}

/// The forecasts of one fold and what came.
#[derive(Debug, Clone, Default)]
pub(super) struct FoldErrors {
    rows: Vec<Row>,
}

/// The errors of all folds of a method.
#[derive(Debug, Clone, Default)]
pub(super) struct Errors {
    pub folds: Vec<FoldErrors>,
}

impl FoldErrors {
    /// The next period ahead.
    pub fn push(&mut self, forecast: f64, actual: f64, open: bool) {
        self.rows.push(Row { forecast, actual, open });
    }

    /// Errors around `ahead` periods from the origin.
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
        rows.iter().filter(|row| row.open && !row.actual.is_nan()).map(|row| row.actual - row.forecast)
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

    /// Per level, the share of the known periods inside the interval made from the errors of the other folds. A closed
    /// period's interval is its forecast.
    #[expect(clippy::cast_precision_loss, reason = "counts of periods")]
    pub fn coverage(&self, levels: &[f64], floor: Option<f64>) -> Vec<Option<f64>> {
        if self.folds.len() < 2 {
            return vec![None; levels.len()];
        }
        let mut inside = vec![0_usize; levels.len()];
        let mut known = 0_usize;
        for (at, fold) in self.folds.iter().enumerate() {
            for (ahead, row) in fold.rows.iter().enumerate().filter(|(_, row)| !row.actual.is_nan()) {
                let pool = if row.open { self.pool(ahead, Some(at)) } else { Vec::new() };
                known += 1;
                for (inside, level) in inside.iter_mut().zip(levels) {
                    let (lower, upper) = bounds(row.forecast, *level, &pool, floor);
                    *inside += usize::from((lower..=upper).contains(&row.actual));
                }
            }
        }
        inside.into_iter().map(|inside| (known > 0).then(|| inside as f64 / known as f64)).collect()
    }
}

/// The interval of `level` per cent around a forecast, from ascending errors; without any it is the forecast. It holds
/// the forecast.
pub(super) fn bounds(forecast: f64, level: f64, errors: &[f64], floor: Option<f64>) -> (f64, f64) {
    let tail = (1.0 - level / 100.0) / 2.0;
    let at = |share: f64| forecast + conformal_quantile(errors, share).unwrap_or(0.0);
    let (lower, upper) = (at(tail).min(forecast), at(1.0 - tail).max(forecast));
    match floor {
        Some(floor) => (lower.max(floor), upper.max(floor)),
        None => (lower, upper),
    }
}
