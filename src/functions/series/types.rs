//! What goes in and what comes out.

/// One observation.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Point {
    /// See [`Step`] for the unit.
    pub period: i64,
    /// `None` (a null) is a gap, as is a period without a point.
    pub value: Option<f64>,
}

/// What one period is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Step {
    /// Days since 1970-01-01. Days on which nothing ever happens (a weekday, a yearly holiday) are learnt and forecast
    /// as 0.
    #[default]
    Day,
    /// Any other equal step, counted from anywhere; no calendar is learnt.
    Other,
}

/// A way to forecast.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Method {
    /// The value of one season ago.
    SeasonalNaive,
    /// Exponential smoothing in state space form, chosen by AICc: Hyndman, Koehler, Snyder, Grose (2002).
    Ets,
    /// Seasons taken out by LOESS, the rest forecast by exponential smoothing: Bandara, Hyndman, Bergmeir (2021).
    Mstl,
    /// Seasonal factors and the Theta method for the trend: Assimakopoulos, Nikolopoulos (2000).
    Theta,
}

impl Method {
    /// In the order in which ties are broken: the simplest first.
    pub const ALL: [Self; 4] = [Self::SeasonalNaive, Self::Theta, Self::Ets, Self::Mstl];

    /// As users write it.
    pub fn name(self) -> &'static str {
        match self {
            Self::SeasonalNaive => "seasonal_naive",
            Self::Ets => "ets",
            Self::Mstl => "mstl",
            Self::Theta => "theta",
        }
    }

    /// The method users mean by a name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|method| method.name() == name)
    }
}

/// How to forecast a series.
#[derive(Debug, Clone, PartialEq)]
pub struct ForecastOptions {
    /// Periods ahead, 1 to 3660.
    pub horizon: usize,
    /// Levels of the intervals in per cent, each above 0 and below 100.
    pub levels: Vec<f64>,
    pub step: Step,
    /// Periods to a season; 1 is none. Default: 7 for days, none otherwise.
    pub season: Option<usize>,
    /// Use this method; default: choose by back-test.
    pub method: Option<Method>,
    /// Values and interval bounds are not below 0. Default: if the history is not.
    pub non_negative: Option<bool>,
    /// Most origins of the back-test, 1 to 20.
    pub folds: usize,
}

impl Default for ForecastOptions {
    fn default() -> Self {
        Self {
            horizon: 90,
            levels: vec![80.0, 95.0],
            step: Step::Day,
            season: None,
            method: None,
            non_negative: None,
            folds: 5,
        }
    }
}

/// One period ahead.
#[derive(Debug, Clone, PartialEq)]
pub struct ForecastPoint {
    pub period: i64,
    pub value: f64,
    /// Lower and upper bound, one pair per level asked for, in that order.
    pub intervals: Vec<(f64, f64)>,
}

/// A forecast and what it rests on.
#[derive(Debug, Clone, PartialEq)]
pub struct Forecast {
    pub method: Method,
    /// Why a simpler method than asked for, or no back-test: `None` if all went as documented.
    pub reason: Option<String>,
    /// Last period of the history.
    pub trained_through: i64,
    /// Periods with a value in the history.
    pub observations: usize,
    /// `horizon` points, the first right after `trained_through`.
    pub points: Vec<ForecastPoint>,
    /// One row per method that was tried, in the order of [`Method::ALL`]; empty without a back-test.
    pub backtest: Vec<MethodScore>,
}

/// How a method did in the back-test.
#[derive(Debug, Clone, PartialEq)]
pub struct MethodScore {
    pub method: Method,
    /// The method used for the forecast.
    pub chosen: bool,
    /// Origins the method was tried from.
    pub folds: usize,
    /// Periods compared over all folds: those with a value, closed days included.
    pub compared: usize,
    /// Mean absolute error.
    pub mae: f64,
    /// Symmetric mean absolute percentage error, 0 to 200: `|error|` over the mean of `|actual|` and `|forecast|`; 0
    /// where both are 0.
    pub smape: f64,
    /// MAE over the mean absolute difference of values one season apart in the training data (Hyndman, Koehler 2006):
    /// below 1 is better than seasonal-naive one step ahead. `None` if that is 0.
    pub mase: Option<f64>,
    /// Per level, the share of the compared periods inside the interval, 0 to 1, the intervals of each fold being made
    /// from the errors of the others; `None` with a single fold.
    pub coverage: Vec<Option<f64>>,
    /// Why the method was given up: the figures are then those of the folds before.
    pub error: Option<String>,
}

/// How to tell an anomaly.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum AnomalyMethod {
    /// Distance from the median in robust standard deviations: Iglewicz, Hoaglin (1993).
    RobustZ,
    /// The same for what is left after trend and season are taken out.
    #[default]
    Seasonal,
}

/// How to look for anomalies.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct AnomalyOptions {
    pub method: AnomalyMethod,
    /// A score above this, in either direction, is an anomaly.
    pub threshold: f64,
    pub step: Step,
    /// Periods to a season; 1 is none. Default: 7 for days, none otherwise.
    pub season: Option<usize>,
}

impl Default for AnomalyOptions {
    fn default() -> Self {
        Self { method: AnomalyMethod::Seasonal, threshold: 3.5, step: Step::Day, season: None }
    }
}

/// What is to be said about one observation.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct AnomalyPoint {
    pub period: i64,
    /// `None` for a gap; then there is no score, and it is no anomaly.
    pub value: Option<f64>,
    pub expected: f64,
    /// Bounds of what is no anomaly; infinite if nothing can be judged.
    pub lower: f64,
    pub upper: f64,
    /// Robust standard deviations above (or, negative, below) the expected value.
    pub score: Option<f64>,
    pub is_anomaly: bool,
}

/// All observations in order of time.
#[derive(Debug, Clone, PartialEq)]
pub struct Anomalies {
    pub points: Vec<AnomalyPoint>,
    /// Why a simpler method than asked for, `None` if all went as documented.
    pub reason: Option<String>,
}
