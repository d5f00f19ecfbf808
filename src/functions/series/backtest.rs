//! Rolling-origin back-test: each method forecasts from several earlier days of the same history, knowing nothing after
//! them.

use super::history::History;
use super::intervals::{Errors, FoldErrors};
use super::methods::{Warm, forecast_open};
use super::prepare::{Prepared, Seasons, prepare};
use super::types::{Method, MethodScore, Step};
use crate::functions::{FunctionError, Stop, check_stop};

/// A fold is not trained on less than this many seasons…
const TRAIN_SEASONS_MIN: usize = 4;
/// …nor on fewer periods than this.
const TRAIN_PERIODS_MIN: usize = 20;
/// Days of history from which the year is a season, in the shortest fold.
const YEARLY_PERIODS_MIN: usize = 2 * 366 + 14;

/// The folds of a history, the shortest first.
pub(super) struct Folds {
    folds: Vec<Fold>,
    /// Periods each fold looks ahead: the horizon, or less if the history is too short for it.
    pub ahead: usize,
    /// How the folds were taken; the whole history is to be taken alike.
    pub seasons: Seasons,
}

struct Fold {
    prepared: Prepared,
    train: History,
    /// What came after, from the period after the training data; NaN is a gap.
    actual: Vec<f64>,
}

/// A method's score, and the errors its intervals are made of.
pub(super) struct Tested {
    pub score: MethodScore,
    pub errors: Errors,
    pub warm: Warm,
}

impl Folds {
    /// Up to `folds` origins a third of the horizon apart, the last one a horizon before the end. `None` if the history
    /// is too short for two.
    pub fn new(history: &History, horizon: usize, folds: usize, step: Step, season: usize) -> Option<Self> {
        let length = history.values.len();
        let train_min = (TRAIN_SEASONS_MIN * season).max(TRAIN_PERIODS_MIN);
        // At least half of the history is left to train on.
        let ahead = horizon.min((length / 3).max(1));
        let stride = (ahead / 3).max(1);
        let origins: Vec<usize> = (0..folds)
            .map_while(|back| length.checked_sub(ahead + back * stride))
            .take_while(|origin| *origin >= train_min && *origin >= ahead)
            .collect();
        // Every fold sees the year alike, so that their errors are those of one method.
        let long = origins.last().is_some_and(|shortest| *shortest >= YEARLY_PERIODS_MIN);
        let seasons = Seasons { step, season, yearly: step == Step::Day && long };
        let folds: Vec<Fold> = origins
            .into_iter()
            .rev()
            .filter_map(|origin| {
                let train = history.head(origin)?;
                // Gaps right before the origin are ahead of the training data.
                let begin = train.values.len();
                let actual = history.values.get(begin..origin + ahead)?.to_vec();
                (!train.is_constant()).then(|| Fold { prepared: prepare(&train, seasons), train, actual })
            })
            .collect();
        (folds.len() >= 2).then_some(Self { folds, ahead, seasons })
    }

    /// Number of folds.
    pub fn len(&self) -> usize {
        self.folds.len()
    }

    /// Tries a method from every origin.
    pub fn test(
        &self,
        method: Method,
        floor: Option<f64>,
        levels: &[f64],
        stop: Stop<'_>,
    ) -> Result<Tested, FunctionError> {
        let mut warm = Warm::default();
        let mut errors = Errors::default();
        let mut sums = Sums::default();
        let mut gave_up = None;
        for fold in &self.folds {
            check_stop(stop)?;
            let horizon = fold.actual.len();
            let Some(open) = forecast_open(&fold.prepared, method, horizon, &mut warm) else {
                gave_up =
                    Some(format!("the history is too short for this method with a season of {}", self.seasons.season));
                break;
            };
            let forecasts = fold.prepared.spread(&open, horizon);
            let scale = fold.train.seasonal_difference(self.seasons.season);
            let mut fold_errors = FoldErrors::default();
            for ((forecast, actual), place) in forecasts.iter().zip(&fold.actual).zip(fold.prepared.ahead(horizon)) {
                let forecast = floor.map_or(*forecast, |floor| forecast.max(floor));
                fold_errors.push(forecast, *actual, place.is_some());
                if !actual.is_nan() {
                    sums.add(forecast, *actual, scale);
                }
            }
            errors.folds.push(fold_errors);
        }
        let coverage = errors.coverage(levels, floor);
        let score = MethodScore {
            method,
            chosen: false,
            folds: errors.folds.len(),
            compared: sums.compared,
            mae: sums.mean(sums.absolute),
            smape: sums.mean(sums.symmetric),
            mase: (sums.scaled_count > 0.0).then(|| sums.scaled / sums.scaled_count),
            coverage,
            error: gave_up,
        };
        Ok(Tested { score, errors, warm })
    }
}

#[derive(Default)]
struct Sums {
    compared: usize,
    absolute: f64,
    symmetric: f64,
    scaled: f64,
    scaled_count: f64,
}

impl Sums {
    fn add(&mut self, forecast: f64, actual: f64, scale: Option<f64>) {
        let error = (forecast - actual).abs();
        let size = f64::midpoint(forecast.abs(), actual.abs());
        self.compared += 1;
        self.absolute += error;
        self.symmetric += if size > 0.0 { 100.0 * error / size } else { 0.0 };
        if let Some(scale) = scale {
            self.scaled += error / scale;
            self.scaled_count += 1.0;
        }
    }

    #[expect(clippy::cast_precision_loss, reason = "a count of periods")]
    fn mean(&self, sum: f64) -> f64 {
        if self.compared == 0 { f64::NAN } else { sum / self.compared as f64 }
    }
}
