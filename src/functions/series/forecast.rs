//! Forecasting one series: prepare, choose by back-test, forecast, put intervals around.

use super::backtest::{Folds, Tested};
use super::history::History;
use super::intervals::bounds;
use super::methods::{Warm, forecast_open};
use super::prepare::{Prepared, Seasons, prepare};
use super::types::{Forecast, ForecastOptions, ForecastPoint, Method, MethodScore, Point, Step};
use crate::functions::{FunctionError, Stop};

const HORIZON_MAX: usize = 3_660;
const SEASON_MAX: usize = 10_000;
const FOLDS_MAX: usize = 20;
const DAYS_PER_WEEK: usize = 7;

/// Forecasts the periods after the last value.
///
/// With enough history each method is tried from up to `folds` earlier origins, and the one with the least mean
/// absolute error is fitted to all of it. With too little, or a constant history, it is seasonal-naive, and `reason`
/// says why. Errors: no value, infinite values, two values for one period, arguments out of range.
pub fn forecast(points: &[Point], options: &ForecastOptions, stop: Stop<'_>) -> Result<Forecast, FunctionError> {
    check_options(options)?;
    let history = History::new(points)?;
    let season = options.season.unwrap_or(if options.step == Step::Day { DAYS_PER_WEEK } else { 1 });
    let floor = options.non_negative.unwrap_or(history.min() >= 0.0).then_some(0.0);
    if history.is_constant() {
        return Ok(constant(&history, options, floor));
    }
    let Some(folds) = Folds::new(&history, options.horizon, options.folds, options.step, season) else {
        let reason = format!("{} periods of history are too few for a back-test", history.values.len());
        let prepared = prepare(&history, Seasons { step: options.step, season, yearly: false });
        return Ok(untested(&history, &prepared, options, floor, reason));
    };
    let prepared = prepare(&history, folds.seasons);
    let mut reasons = Vec::new();
    if folds.ahead < options.horizon {
        reasons
            .push(format!("the history is long enough to test {} periods ahead, not {}", folds.ahead, options.horizon));
    }
    let mut tested = Vec::with_capacity(Method::ALL.len());
    for method in Method::ALL {
        if options.method.is_none_or(|wanted| wanted == method || method == Method::SeasonalNaive) {
            tested.push(folds.test(method, floor, &options.levels, stop)?);
        }
    }
    let (chosen, values) = choose(&mut tested, &prepared, options, folds.len());
    if let Some(wanted) = options.method.filter(|wanted| *wanted != chosen.0) {
        reasons.push(format!("the history is too short for {}", wanted.name()));
    }
    let (method, at) = chosen;
    let points = points_ahead(&prepared, &values, options, floor, |ahead| {
        // What lies further ahead than the back-test could look has the errors of its end.
        tested.get(at).map(|tested| tested.errors.pool(ahead.min(folds.ahead - 1), None)).unwrap_or_default()
    });
    Ok(Forecast {
        method,
        reason: (!reasons.is_empty()).then(|| reasons.join("; ")),
        trained_through: history.last(),
        observations: history.observed,
        points,
        backtest: tested.into_iter().map(|tested| tested.score).collect::<Vec<MethodScore>>(),
    })
}

fn check_options(options: &ForecastOptions) -> Result<(), FunctionError> {
    let checks = [
        ((1..=HORIZON_MAX).contains(&options.horizon), "horizon", "from 1 to 3660"),
        (options.levels.iter().all(|level| *level > 0.0 && *level < 100.0), "level", "above 0 and below 100 per cent"),
        (options.season.is_none_or(|season| (1..=SEASON_MAX).contains(&season)), "season", "from 1 to 10000"),
        ((2..=FOLDS_MAX).contains(&options.folds), "folds", "from 2 to 20"),
    ];
    match checks.into_iter().find(|(good, ..)| !good) {
        Some((_, argument, must)) => Err(FunctionError::Argument { argument, must }),
        None => Ok(()),
    }
}

/// Marks the method to use, the one asked for or else the best that came through all folds, and forecasts with it.
/// Seasonal-naive always can.
fn choose(
    tested: &mut [Tested],
    prepared: &Prepared,
    options: &ForecastOptions,
    folds: usize,
) -> ((Method, usize), Vec<f64>) {
    let mut order: Vec<usize> = (0..tested.len()).collect();
    let key = |at: usize| {
        let score = &tested[at].score;
        let wanted = options.method.is_none_or(|wanted| wanted == score.method);
        (!wanted || score.folds < folds || score.mae.is_nan(), score.mae)
    };
    order.sort_by(|one, other| {
        let (one, other) = (key(*one), key(*other));
        one.0.cmp(&other.0).then(one.1.total_cmp(&other.1))
    });
    for at in order {
        let method = tested[at].score.method;
        let mut warm = tested[at].warm.clone();
        if let Some(values) = forecast_open(prepared, method, options.horizon, &mut warm) {
            tested[at].score.chosen = true;
            return ((method, at), values);
        }
    }
    ((Method::SeasonalNaive, 0), Vec::new())
}

/// The points of the horizon, from forecasts of the open periods; `errors` gives ascending errors per period ahead.
fn points_ahead(
    prepared: &Prepared,
    open: &[f64],
    options: &ForecastOptions,
    floor: Option<f64>,
    errors: impl Fn(usize) -> Vec<f64>,
) -> Vec<ForecastPoint> {
    let values = prepared.spread(open, options.horizon);
    let rows = prepared.ahead(options.horizon).zip(values).zip(prepared.next_period()..).enumerate();
    rows.map(|(ahead, ((place, value), period))| {
        let value = floor.map_or(value, |floor| value.max(floor));
        let pool = if place.is_some() { errors(ahead) } else { Vec::new() };
        let interval = |level: &f64| bounds(value, *level, &pool, floor);
        ForecastPoint { period, value, intervals: options.levels.iter().map(interval).collect() }
    })
    .collect()
}

/// Seasonal-naive for a history too short to test anything: its errors are those it would have made within the history.
fn untested(
    history: &History,
    prepared: &Prepared,
    options: &ForecastOptions,
    floor: Option<f64>,
    reason: String,
) -> Forecast {
    let open =
        forecast_open(prepared, Method::SeasonalNaive, options.horizon, &mut Warm::default()).unwrap_or_default();
    let lag = if prepared.y.len() > prepared.season { prepared.season } else { 1 };
    let later = prepared.y.get(lag..).unwrap_or_default();
    let mut errors: Vec<f64> = later.iter().zip(&prepared.y).map(|(later, earlier)| later - earlier).collect();
    errors.sort_unstable_by(f64::total_cmp);
    #[expect(clippy::cast_precision_loss, reason = "a horizon")]
    let points = points_ahead(prepared, &open, options, floor, |ahead| {
        // Errors of independent seasons add up.
        let growth = ((ahead / lag + 1) as f64).sqrt();
        errors.iter().map(|error| error * growth).collect()
    });
    Forecast {
        method: Method::SeasonalNaive,
        reason: Some(reason),
        trained_through: history.last(),
        observations: history.observed,
        points,
        backtest: Vec::new(),
    }
}

/// The one value there ever was, without any uncertainty that the history could tell.
fn constant(history: &History, options: &ForecastOptions, floor: Option<f64>) -> Forecast {
    let value = history.values.first().map_or(0.0, |value| floor.map_or(*value, |floor| value.max(floor)));
    let reason = if history.observed == 1 {
        "there is a single value".to_owned()
    } else if value == 0.0 {
        "all values are zero".to_owned()
    } else {
        "all values are the same".to_owned()
    };
    let interval = vec![(value, value); options.levels.len()];
    let periods = (history.last().saturating_add(1)..).take(options.horizon);
    Forecast {
        method: Method::SeasonalNaive,
        reason: Some(reason),
        trained_through: history.last(),
        observations: history.observed,
        points: periods.map(|period| ForecastPoint { period, value, intervals: interval.clone() }).collect(),
        backtest: Vec::new(),
    }
}
