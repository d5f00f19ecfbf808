//! Classical decomposition: seasonal terms or factors beside a centred moving average.

use super::robust::median_of;

/// How a season acts on the level.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shape {
    Additive,
    Multiplicative,
}

impl Shape {
    /// The value without its season.
    pub fn take_out(self, value: f64, term: f64) -> f64 {
        match self {
            Self::Additive => value - term,
            Self::Multiplicative => value / term,
        }
    }

    /// The value with its season.
    pub fn put_back(self, base: f64, term: f64) -> f64 {
        match self {
            Self::Additive => base + term,
            Self::Multiplicative => base * term,
        }
    }

    /// Multiplicative needs every value above zero.
    pub fn fits(self, y: &[f64]) -> bool {
        self == Self::Additive || y.iter().all(|value| *value > 0.0)
    }
}

/// One term (mean 0) or factor (mean 1) per place in the season, beginning with that of the first value: the median
/// distance from a centred moving average over one season. `None` with less than two seasons, or factors that are not
/// above zero.
pub(super) fn indices(y: &[f64], period: usize, shape: Shape) -> Option<Vec<f64>> {
    if period < 2 || y.len() < 2 * period || !shape.fits(y) {
        return None;
    }
    let trend = moving_average(y, period);
    let offset = period / 2;
    let mut places: Vec<Vec<f64>> = vec![Vec::with_capacity(y.len() / period + 1); period];
    for (at, trend) in trend.iter().enumerate() {
        if let (Some(value), Some(place)) = (y.get(at + offset), places.get_mut((at + offset) % period)) {
            place.push(shape.take_out(*value, *trend));
        }
    }
    let mut terms = places.iter_mut().map(|place| median_of(place)).collect::<Option<Vec<f64>>>()?;
    #[expect(clippy::cast_precision_loss, reason = "length of a season")]
    let mean = terms.iter().sum::<f64>() / period as f64;
    terms.iter_mut().for_each(|term| *term = shape.take_out(*term, mean));
    let good = |term: &f64| term.is_finite() && (shape == Shape::Additive || *term > 0.0);
    terms.iter().all(good).then_some(terms)
}

/// Centred moving average over one season, the ends of an even one counting half; the first stands at `period / 2`.
fn moving_average(y: &[f64], period: usize) -> Vec<f64> {
    #[expect(clippy::cast_precision_loss, reason = "length of a season")]
    let length = period as f64;
    let width = if period.is_multiple_of(2) { period + 1 } else { period };
    y.windows(width)
        .map(|window| {
            let sum: f64 = window.iter().sum();
            let ends = match window {
                [first, .., last] if period.is_multiple_of(2) => f64::midpoint(*first, *last),
                _ => 0.0,
            };
            (sum - ends) / length
        })
        .collect()
}
