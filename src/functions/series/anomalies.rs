//! Values that do not fit the rest of their series.
//!
//! Sources: B. Iglewicz, D. Hoaglin, "How to Detect and Handle Outliers" (1993) for the score and its threshold of 3.5;
//! R. Cleveland, W. Cleveland, J. McRae, I. Terpenning, "STL: A Seasonal-Trend Decomposition Procedure Based on Loess"
//! (1990), in its robust form, for what is expected.

use stlrs::StlParams;

use super::history::History;
use super::prepare::{Prepared, Seasons, prepare};
use super::robust::{FROM_MAD, FROM_MEAN_AD, median_of};
use super::types::{Anomalies, AnomalyMethod, AnomalyOptions, AnomalyPoint, Point, Step};
use crate::functions::{FunctionError, Stop, check_stop};

const SEASON_MAX: usize = 10_000;
const DAYS_PER_WEEK: usize = 7;
/// Fewer values than this are not judged.
const VALUES_MIN: usize = 5;
/// The season of a time is that of about this many seasons around it, the trend of about so many. With shorter windows
/// they follow the noise, and what is left looks smaller than it is.
const SEASON_WINDOW: usize = 35;
const TREND_SEASONS: usize = 5;
/// The seasonal method wants this many seasons.
const SEASONS_MIN: usize = 3;

/// Scores every point, in order of time. Errors: infinite values, two values for one period, no value, arguments out of
/// range.
pub fn anomalies(points: &[Point], options: &AnomalyOptions, stop: Stop<'_>) -> Result<Anomalies, FunctionError> {
    let season = options.season.unwrap_or(if options.step == Step::Day { DAYS_PER_WEEK } else { 1 });
    if !(1..=SEASON_MAX).contains(&season) {
        return Err(FunctionError::Argument { argument: "season", must: "from 1 to 10000" });
    }
    if !options.threshold.is_finite() || options.threshold <= 0.0 {
        return Err(FunctionError::Argument { argument: "threshold", must: "a finite number above 0" });
    }
    let history = History::new(points)?;
    check_stop(stop)?;
    let (expected, reason) = match options.method {
        AnomalyMethod::RobustZ => (Expected::level(&history), None),
        AnomalyMethod::Seasonal => match Expected::seasonal(&history, options.step, season) {
            Some(expected) => (expected, None),
            None => {
                let reason = format!("fewer than {SEASONS_MIN} seasons of {season}: compared with the median of all");
                (Expected::level(&history), Some(reason))
            }
        },
    };
    let reason = match (expected.spread, history.observed < VALUES_MIN) {
        (_, true) => Some(format!("fewer than {VALUES_MIN} values: nothing is called an anomaly")),
        (None, _) => Some("the values do not vary: nothing is called an anomaly".to_owned()),
        _ => reason,
    };
    let spread = expected.spread.filter(|_| history.observed >= VALUES_MIN);
    let mut sorted = points.to_vec();
    sorted.sort_unstable_by_key(|point| point.period);
    let points = sorted.into_iter().map(|point| judge(point, &expected, history.first, spread, options.threshold));
    Ok(Anomalies { points: points.collect(), reason })
}

fn judge(point: Point, expected: &Expected, first: i64, spread: Option<f64>, threshold: f64) -> AnomalyPoint {
    // Nulls before the first and after the last value are expected to be as those.
    let at = usize::try_from(point.period.saturating_sub(first)).unwrap_or(0);
    let level = expected.values.get(at).or(expected.values.last()).copied().unwrap_or(0.0);
    let score = point.value.map(|value| spread.map_or(0.0, |spread| (value - level) / spread));
    let reach = spread.map_or(f64::INFINITY, |spread| threshold * spread);
    AnomalyPoint {
        period: point.period,
        value: point.value,
        expected: level,
        lower: level - reach,
        upper: level + reach,
        score,
        is_anomaly: score.is_some_and(|score| score.abs() > threshold),
    }
}

/// What each period of a history is expected to be.
struct Expected {
    values: Vec<f64>,
    /// Robust standard deviation of the values around it; `None` if they do not vary.
    spread: Option<f64>,
}

impl Expected {
    /// The median of all.
    fn level(history: &History) -> Self {
        let mut observed: Vec<f64> = history.values.iter().copied().filter(|value| !value.is_nan()).collect();
        let median = median_of(&mut observed).unwrap_or(0.0);
        observed.iter_mut().for_each(|value| *value -= median);
        Self { values: vec![median; history.values.len()], spread: spread(observed, &history.values) }
    }

    /// Trend and season by robust STL, without a season the trend alone; 0 on days that are closed. `None` if the
    /// history is too short.
    fn seasonal(history: &History, step: Step, season: usize) -> Option<Self> {
        let prepared = prepare(history, Seasons { step, season, yearly: false });
        let fitted = decompose(&prepared)?;
        let kept = prepared.filled.iter().zip(prepared.y.iter().zip(&fitted)).filter(|(filled, _)| !**filled);
        let residuals: Vec<f64> = kept.map(|(_, (value, fitted))| value - fitted).collect();
        let mut open = fitted.into_iter();
        let values = history.periods().zip(prepared.open_periods(history)).map(|(period, is_open)| {
            let fitted = if is_open { open.next() } else { Some(0.0) };
            fitted.map(|fitted| if prepared.calendar.is_closed(period) { 0.0 } else { fitted })
        });
        Some(Self { values: values.collect::<Option<Vec<f64>>>()?, spread: spread(residuals, &history.values) })
    }
}

/// Trend plus season of the open periods.
fn decompose(prepared: &Prepared) -> Option<Vec<f64>> {
    // STL needs a season: with none, one of 7 is fitted and left out, so that the trend is still a smooth one.
    let season = if prepared.season > 1 { prepared.season } else { DAYS_PER_WEEK };
    if prepared.y.len() < SEASONS_MIN * season {
        return None;
    }
    let parts = StlParams::new()
        .robust(true)
        .seasonal_degree(0)
        .seasonal_length(SEASON_WINDOW)
        .trend_length((TREND_SEASONS * season) | 1)
        .fit(&prepared.y, season)
        .ok()?;
    let with_season = |(trend, term): (&f64, &f64)| if prepared.season > 1 { trend + term } else { *trend };
    Some(parts.trend().iter().zip(parts.seasonal()).map(with_season).collect())
}

/// Robust standard deviation of what is left of `values`: from the median of the distances, or, if most of them are 0,
/// from their mean. What is below a billionth of the largest value is rounding.
#[expect(clippy::cast_precision_loss, reason = "length of a series")]
fn spread(mut residuals: Vec<f64>, values: &[f64]) -> Option<f64> {
    let rounding =
        1e-9 * values.iter().filter(|value| !value.is_nan()).fold(0.0_f64, |max, value| max.max(value.abs()));
    residuals.iter_mut().for_each(|residual| *residual = residual.abs());
    let mean = residuals.iter().sum::<f64>() / residuals.len().max(1) as f64;
    let size = median_of(&mut residuals)?;
    match (size > rounding, mean > rounding) {
        (true, _) => Some(size * FROM_MAD),
        (false, true) => Some(mean * FROM_MEAN_AD),
        (false, false) => None,
    }
}
