//! Exponential smoothing with additive errors: level, damped trend, season.
//!
//! Source: R. Hyndman, A. Koehler, R. Snyder, S. Grose, "A State Space Framework for Automatic Forecasting Using
//! Exponential Smoothing Methods", International Journal of Forecasting 18 (2002). Our own code because `augurs-ets`
//! 0.10 has no seasonal models. The first states are those of a classical decomposition; only the two to four rates are
//! searched.

use super::seasonal::{self, Shape};

/// No rate is nearer to 0 or 1 than this.
const RATE_MARGIN: f64 = 1e-4;
const PHI: (f64, f64) = (0.8, 0.98);
/// The search halves its step until it is below this.
const STEP_MIN: f64 = 2e-3;
const STEP_START: f64 = 0.16;

/// Which components a model has.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Form {
    pub trend: bool,
    pub season: Option<Shape>,
}

/// Smoothing rates: level, trend, season, damping. Those of absent components are not looked at.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Rates {
    pub alpha: f64,
    beta: f64,
    gamma: f64,
    phi: f64,
}

const RATES_START: Rates = Rates { alpha: 0.2, beta: 0.02, gamma: 0.1, phi: 0.95 };

/// A fitted model at the end of its series.
#[derive(Debug, Clone)]
pub(super) struct Smoothing {
    pub form: Form,
    pub rates: Rates,
    /// Corrected information criterion of Akaike; lower is better.
    pub aicc: f64,
    state: State,
}

#[derive(Debug, Clone, Default)]
struct State {
    level: f64,
    slope: f64,
    /// One factor or term per place in the season; `at` is the place of the next value.
    season: Vec<f64>,
    at: usize,
}

/// The best of `forms` by AICc; each search starts from the rates that `warm` has for it, if any. `None` if the series
/// is too short for all.
pub(super) fn fit(y: &[f64], period: usize, forms: &[Form], warm: Option<&Smoothing>) -> Option<Smoothing> {
    let mut best: Option<Smoothing> = None;
    for form in forms {
        let start = warm.filter(|warm| warm.form == *form).map_or(RATES_START, |warm| warm.rates);
        if let Some(fitted) = fit_form(y, period, *form, start)
            && best.as_ref().is_none_or(|best| fitted.aicc < best.aicc)
        {
            best = Some(fitted);
        }
    }
    best
}

fn fit_form(y: &[f64], period: usize, form: Form, start: Rates) -> Option<Smoothing> {
    let period = if form.season.is_some() { period } else { 1 };
    let initial = initial_state(y, period, form)?;
    let parameters =
        3 + 2 * usize::from(form.trend) + usize::from(form.trend) + if form.season.is_some() { period } else { 0 };
    if y.len() < parameters + 3 {
        return None;
    }
    let mut state = State::default();
    let mut cost = |rates: &Rates| {
        state.clone_from(&initial);
        run(y, form, rates, &mut state)
    };
    let (rates, squares) = search(form, start, &mut cost);
    let squares_end = {
        state.clone_from(&initial);
        run(y, form, &rates, &mut state)
    };
    if !squares.is_finite() || !squares_end.is_finite() {
        return None;
    }
    #[expect(clippy::cast_precision_loss, reason = "lengths of series")]
    let (n, k) = (y.len() as f64, parameters as f64);
    // A perfect fit must not have a criterion of minus infinity.
    let scale = y.iter().map(|v| v * v).sum::<f64>().max(f64::MIN_POSITIVE);
    let aicc = n * (squares.max(1e-24 * scale) / n).ln() + 2.0 * k * n / (n - k - 1.0).max(1.0);
    Some(Smoothing { form, rates, aicc, state })
}

impl Smoothing {
    /// The next `horizon` values.
    pub fn forecast(&self, horizon: usize) -> Vec<f64> {
        let State { level, slope, season, at } = &self.state;
        let (mut damped, mut power) = (0.0, 1.0);
        (0..horizon)
            .map(|ahead| {
                power *= self.rates.phi;
                damped += power;
                let base = if self.form.trend { level + slope * damped } else { *level };
                let term = season.get((at + ahead) % season.len().max(1)).copied();
                match (self.form.season, term) {
                    (Some(shape), Some(term)) => shape.put_back(base, term),
                    _ => base,
                }
            })
            .collect()
    }
}

/// Level and slope of the first values without their season, and the season.
fn initial_state(y: &[f64], period: usize, form: Form) -> Option<State> {
    let season = match form.season {
        Some(shape) => seasonal::indices(y, period, shape)?,
        None => Vec::new(),
    };
    let span = (2 * period).max(10).min(y.len());
    let flat: Vec<f64> = y
        .iter()
        .take(span)
        .enumerate()
        .map(|(at, value)| match (form.season, season.get(at % period)) {
            (Some(shape), Some(term)) => shape.take_out(*value, *term),
            _ => *value,
        })
        .collect();
    #[expect(clippy::cast_precision_loss, reason = "lengths of series")]
    let level = flat.iter().sum::<f64>() / flat.len().max(1) as f64;
    Some(State { level, slope: 0.0, season, at: 0 })
}

/// Runs over the series and returns the sum of squared errors of the forecasts one step ahead.
fn run(y: &[f64], form: Form, rates: &Rates, state: &mut State) -> f64 {
    let mut squares = 0.0;
    let (beta, phi) = if form.trend { (rates.beta, rates.phi) } else { (0.0, 0.0) };
    for value in y {
        let before = state.level + phi * state.slope;
        let (error, correction) = match (form.season, state.season.get_mut(state.at)) {
            (Some(Shape::Additive), Some(term)) => {
                let error = value - (before + *term);
                *term += rates.gamma * error;
                (error, error)
            }
            (Some(Shape::Multiplicative), Some(factor)) => {
                let error = value - before * *factor;
                let correction = error / *factor;
                if before.abs() > f64::MIN_POSITIVE {
                    *factor = (*factor + rates.gamma * error / before).max(1e-6);
                }
                (error, correction)
            }
            _ => (value - before, value - before),
        };
        state.level = before + rates.alpha * correction;
        state.slope = phi * state.slope + beta * correction;
        squares += error * error;
        state.at += 1;
        if state.at >= state.season.len() {
            state.at = 0;
        }
    }
    squares
}

/// Pattern search (Hooke, Jeeves 1961) over the rates in use, within what is admissible: one rate after the other goes
/// up or down by a step that is halved when no move helps.
fn search(form: Form, start: Rates, cost: &mut impl FnMut(&Rates) -> f64) -> (Rates, f64) {
    let mut at = start;
    let mut least = cost(&at);
    let mut step = STEP_START;
    while step >= STEP_MIN {
        let mut moved = false;
        for which in 0..4 {
            let used = [true, form.trend, form.season.is_some(), form.trend];
            if !used[which] {
                continue;
            }
            for direction in [1.0, -1.0] {
                let next = at.moved(which, direction * step);
                if next == at {
                    continue;
                }
                let there = cost(&next);
                if there < least {
                    (at, least, moved) = (next, there, true);
                    break;
                }
            }
        }
        if !moved {
            step /= 2.0;
        }
    }
    (at, least)
}

impl Rates {
    /// One rate changed, all of them kept in their usual region: β ≤ α, γ ≤ 1 − α.
    fn moved(self, which: usize, by: f64) -> Self {
        let mut next = self;
        match which {
            0 => next.alpha += by,
            1 => next.beta += by / 4.0,
            2 => next.gamma += by,
            _ => next.phi += by / 2.0,
        }
        next.alpha = next.alpha.clamp(RATE_MARGIN, 1.0 - RATE_MARGIN);
        next.beta = next.beta.clamp(RATE_MARGIN, next.alpha);
        next.gamma = next.gamma.clamp(RATE_MARGIN, (1.0 - next.alpha).max(RATE_MARGIN));
        next.phi = next.phi.clamp(PHI.0, PHI.1);
        next
    }
}
