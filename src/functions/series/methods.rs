//! The ways to forecast, all on a series without gaps.

use stlrs::MstlParams;

use super::prepare::Prepared;
use super::seasonal::{self, Shape};
use super::smoothing::{self, Form, Smoothing};
use super::types::Method;

/// What a method learnt from a shorter history of the same series, to begin its search with.
#[derive(Debug, Clone, Default)]
pub(super) struct Warm {
    ets: Option<Smoothing>,
    mstl: Option<Smoothing>,
    theta: Option<Smoothing>,
}

/// The next `horizon` values of the open periods. `None` if the series is too short for the method.
pub(super) fn forecast_open(prepared: &Prepared, method: Method, horizon: usize, warm: &mut Warm) -> Option<Vec<f64>> {
    let (y, season) = (prepared.y.as_slice(), prepared.season);
    let forecasts = match method {
        Method::SeasonalNaive => seasonal_naive(y, season, horizon),
        Method::Ets => ets(y, season, horizon, &mut warm.ets),
        Method::Mstl => mstl(prepared, horizon, &mut warm.mstl),
        Method::Theta => theta(y, season, horizon, &mut warm.theta),
    }?;
    forecasts.iter().all(|value| value.is_finite()).then_some(forecasts)
}

/// The last season again and again; of a series shorter than that, its last value.
fn seasonal_naive(y: &[f64], season: usize, horizon: usize) -> Option<Vec<f64>> {
    let season = if y.len() < season { 1 } else { season };
    let last = y.get(y.len().checked_sub(season)?..)?;
    Some(last.iter().copied().cycle().take(horizon).collect())
}

/// Level, or level and damped trend, with the season added or multiplied: the best by AICc.
fn ets(y: &[f64], season: usize, horizon: usize, warm: &mut Option<Smoothing>) -> Option<Vec<f64>> {
    let mut shapes = vec![None];
    if season > 1 {
        shapes = [Shape::Additive, Shape::Multiplicative].into_iter().filter(|shape| shape.fits(y)).map(Some).collect();
    }
    let both = |season| [false, true].map(|trend| Form { trend, season });
    // A series that chose its form keeps it as it grows.
    let forms: Vec<Form> = match warm {
        Some(chosen) if shapes.contains(&chosen.form.season) => vec![chosen.form],
        _ => shapes.into_iter().flat_map(both).collect(),
    };
    let fitted = smoothing::fit(y, season, &forms, warm.as_ref())?;
    let forecasts = fitted.forecast(horizon);
    *warm = Some(fitted);
    Some(forecasts)
}

/// Seasons (with a long history also the year) by LOESS, each repeated as it was last; what is left by exponential
/// smoothing.
fn mstl(prepared: &Prepared, horizon: usize, warm: &mut Option<Smoothing>) -> Option<Vec<f64>> {
    let (y, season) = (prepared.y.as_slice(), prepared.season);
    if season < 2 || y.len() < 3 * season {
        return None;
    }
    let year = prepared.year.filter(|year| *year > season && y.len() > 2 * year);
    let seasons: Vec<usize> = std::iter::once(season).chain(year).collect();
    let parts = MstlParams::new().fit(y, &seasons).ok()?;
    let rest: Vec<f64> = parts.trend().iter().zip(parts.remainder()).map(|(trend, rest)| trend + rest).collect();
    let forms = [false, true].map(|trend| Form { trend, season: None });
    let fitted = smoothing::fit(&rest, 1, &forms, warm.as_ref())?;
    let mut forecasts = fitted.forecast(horizon);
    for (part, season) in parts.seasonal().iter().zip(seasons) {
        let last = part.get(part.len().checked_sub(season)?..)?;
        for (forecast, term) in forecasts.iter_mut().zip(last.iter().cycle()) {
            *forecast += term;
        }
    }
    *warm = Some(fitted);
    Some(forecasts)
}

/// Simple exponential smoothing of the series without its season, plus half the slope of its straight line: the Theta
/// method as R. Hyndman and B. Billah, "Unmasking the Theta method" (2003), write it.
fn theta(y: &[f64], season: usize, horizon: usize, warm: &mut Option<Smoothing>) -> Option<Vec<f64>> {
    let shape = if Shape::Multiplicative.fits(y) { Shape::Multiplicative } else { Shape::Additive };
    let terms = if season > 1 { Some(seasonal::indices(y, season, shape)?) } else { None };
    let term = |at: usize| terms.as_ref().and_then(|terms| terms.get(at % season)).copied();
    let flat: Vec<f64> =
        y.iter().enumerate().map(|(at, value)| term(at).map_or(*value, |term| shape.take_out(*value, term))).collect();
    let fitted = smoothing::fit(&flat, 1, &[Form { trend: false, season: None }], warm.as_ref())?;
    let (drift, alpha) = (slope(&flat) / 2.0, fitted.rates.alpha);
    #[expect(clippy::cast_precision_loss, reason = "length of a series")]
    let lag = (1.0 - (1.0 - alpha).powf(flat.len() as f64)) / alpha;
    let forecasts = fitted.forecast(horizon);
    *warm = Some(fitted);
    #[expect(clippy::cast_precision_loss, reason = "a horizon")]
    Some(
        forecasts
            .into_iter()
            .enumerate()
            .map(|(ahead, level)| {
                let base = level + drift * (ahead as f64 + lag);
                term(y.len() + ahead).map_or(base, |term| shape.put_back(base, term))
            })
            .collect(),
    )
}

/// Slope of the straight line with the least squared distance.
#[expect(clippy::cast_precision_loss, reason = "lengths of series")]
fn slope(y: &[f64]) -> f64 {
    let n = y.len() as f64;
    let middle = (n - 1.0) / 2.0;
    let (mut products, mut squares) = (0.0, 0.0);
    for (at, value) in y.iter().enumerate() {
        let distance = at as f64 - middle;
        products += distance * value;
        squares += distance * distance;
    }
    if squares > 0.0 { products / squares } else { 0.0 }
}
