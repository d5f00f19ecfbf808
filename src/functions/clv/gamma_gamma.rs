//! The Gamma-Gamma model of what an order is worth, Fader & Hardie (2013).
//!
//! A customer's orders scatter around a mean of their own, order value ~ Gamma(p, ν) with ν ~ Gamma(q, v) over
//! customers. It assumes that what customers spend does not depend on how often they buy.

use statrs::function::gamma::{digamma, ln_gamma};

use super::FREQUENCY_MAX;
use super::newton::{Local, Minimum, minimize, standard_errors};
use crate::functions::{FunctionError, Stop, check_stop};

/// Fewer customers with repeat purchases of a positive value than this are not fitted.
const CUSTOMERS_MIN: usize = 3;
/// Starts for (p, q, v in units of the mean value).
const STARTS: [[f64; 3]; 4] = [[1.0, 1.0, 1.0], [2.0, 4.0, 1.5], [6.0, 3.0, 0.4], [50.0, 5.0, 0.1]];
/// Box for the logarithm of each parameter.
const LOG_BOX: (f64, f64) = (-16.0, 16.0);
const GRADIENT_MAX: f64 = 1e-8;
/// A parameter whose standard error is above this share of it is called weakly identified.
const RELATIVE_ERROR_MAX: f64 = 1.0;

/// What is known of a customer's spending.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Spend {
    /// Repeat purchases, as in [`super::Customer`].
    pub frequency: u32,
    /// Mean value of the repeat purchases, any one currency. Not looked at without repeat purchases.
    pub mean_value: f64,
}

/// Parameters of the model, all above zero.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct GammaGamma {
    /// Shape of a customer's order values.
    pub p: f64,
    /// Shape of the customers' rates.
    pub q: f64,
    /// Scale of the customers' rates, in the currency.
    pub v: f64,
}

/// A fitted model.
#[derive(Debug, Clone, PartialEq)]
pub struct GammaGammaFit {
    pub model: GammaGamma,
    /// Standard errors of p, q, v from the observed information; `None` if it is singular.
    pub standard_errors: Option<[f64; 3]>,
    pub log_likelihood: f64,
    /// Expected order value of a customer of whom nothing is known: `p v / (q - 1)`. If q ≤ 1, where the model has no
    /// finite mean, the mean over the fitted customers.
    pub population_value: f64,
    /// Pearson's correlation of frequency and mean value over the fitted customers, which the model assumes to be 0.
    pub correlation: Option<f64>,
    pub identified: bool,
    /// Why not identified, or why the population's value is not the model's.
    pub reason: Option<String>,
    pub converged: bool,
    pub iterations: u32,
    /// Customers fitted: those with repeat purchases and a positive mean value.
    pub customers: usize,
}

impl GammaGammaFit {
    /// Expected mean order value of a customer: their own mean and the population's, weighted by what is known of them,
    /// equation (5). The population's value for those the model does not use: no repeat purchases, or a mean value that
    /// is not positive.
    pub fn expected_value(&self, spend: &Spend) -> f64 {
        if !is_used(spend) {
            return self.population_value;
        }
        let GammaGamma { p, q, v } = self.model;
        let px = p * f64::from(spend.frequency);
        // With q ≤ 1 and one purchase the posterior may have no mean either.
        if px + q <= 1.0 {
            return self.population_value;
        }
        p * (v + spend.mean_value * f64::from(spend.frequency)) / (px + q - 1.0)
    }
}

fn is_used(spend: &Spend) -> bool {
    spend.frequency > 0 && spend.mean_value > 0.0
}

/// Fits the model to the customers with repeat purchases and a positive mean value; at least 3, not all of the same
/// value.
pub fn fit_gamma_gamma(customers: &[Spend], stop: Stop<'_>) -> Result<GammaGammaFit, FunctionError> {
    for (position, spend) in customers.iter().enumerate() {
        if spend.frequency > 0 && !spend.mean_value.is_finite() {
            return Err(FunctionError::NotFinite { what: "mean order value", position });
        }
        if spend.frequency > FREQUENCY_MAX {
            return Err(FunctionError::FrequencyLimit { position, frequency: spend.frequency, limit: FREQUENCY_MAX });
        }
    }
    let used = Used::new(customers);
    if used.rows.len() < CUSTOMERS_MIN {
        let what = "customers with repeat purchases of a positive value";
        return Err(FunctionError::TooFew { what, found: used.rows.len(), needed: CUSTOMERS_MIN });
    }
    let mut best: Option<Minimum<3>> = None;
    for start in STARTS {
        // Far from the best start a rough end is enough.
        let tolerance = if best.is_none() { GRADIENT_MAX } else { 1e-5 };
        let found = minimize(start.map(f64::ln), LOG_BOX, tolerance, |at| {
            check_stop(stop)?;
            Ok::<_, FunctionError>(used.negative_mean(at))
        })?;
        if found.local.value.is_finite() && best.is_none_or(|best| found.local.value < best.local.value - 1e-9) {
            best = Some(found);
        }
    }
    best.map(|found| used.report(&found))
        .ok_or(FunctionError::NoFit { model: "Gamma-Gamma", why: "the likelihood is not finite from any start" })
}

/// The customers of the fit, by frequency, then value; values in units of their mean.
struct Used {
    rows: Vec<(u32, f64)>,
    unit: f64,
}

#[expect(clippy::cast_precision_loss, reason = "counts of customers")]
impl Used {
    fn new(customers: &[Spend]) -> Self {
        let mut rows: Vec<(u32, f64)> =
            customers.iter().filter(|spend| is_used(spend)).map(|spend| (spend.frequency, spend.mean_value)).collect();
        rows.sort_unstable_by(|x, y| x.0.cmp(&y.0).then(x.1.total_cmp(&y.1)));
        let unit = (rows.iter().map(|(_, m)| m / rows.len() as f64).sum::<f64>()).max(f64::MIN_POSITIVE);
        rows.iter_mut().for_each(|(_, m)| *m /= unit);
        Self { rows, unit }
    }

    /// The negative mean log-likelihood, equation (1a), with its derivatives by the logarithms of p, q, v.
    fn negative_mean(&self, at: &[f64; 3]) -> Local<3> {
        let [p, q, v] = at.map(f64::exp);
        let (ln_v, ln_gamma_q, psi_q, psi1_q) = (v.ln(), ln_gamma(q), digamma(q), trigamma(q));
        let mut value = 0.0;
        let mut g = [0.0; 3];
        let mut h = [[0.0; 3]; 3];
        for same in self.rows.chunk_by(|one, other| one.0 == other.0) {
            let (n, x) = (same.len() as f64, same.first().map_or(0.0, |row| f64::from(row.0)));
            let px = p * x;
            let shape = px + q;
            let (psi, psi1) = (digamma(shape), trigamma(shape));
            let (mut ln_m, mut ln_rest, mut inverse, mut inverse_square) = (0.0, 0.0, 0.0, 0.0);
            for (_, m) in same {
                let rest = x * m + v;
                ln_m += m.ln();
                ln_rest += rest.ln();
                inverse += 1.0 / rest;
                inverse_square += 1.0 / (rest * rest);
            }
            value += n * (ln_gamma(shape) - ln_gamma(px) - ln_gamma_q + q * ln_v + px * x.ln()) + (px - 1.0) * ln_m
                - shape * ln_rest;
            g[0] += x * (n * (psi - digamma(px) + x.ln()) + ln_m - ln_rest);
            g[1] += n * (psi - psi_q + ln_v) - ln_rest;
            g[2] += n * q / v - shape * inverse;
            h[0][0] += n * x * x * (psi1 - trigamma(px));
            h[0][1] += n * x * psi1;
            h[1][1] += n * (psi1 - psi1_q);
            h[0][2] -= x * inverse;
            h[1][2] += n / v - inverse;
            h[2][2] += shape * inverse_square - n * q / (v * v);
        }
        let (theta, n) = ([p, q, v], self.rows.len() as f64);
        let gradient: [f64; 3] = std::array::from_fn(|i| -g[i] * theta[i] / n);
        let hessian = std::array::from_fn(|i| {
            std::array::from_fn(|j| {
                let second = -h[i.min(j)][i.max(j)] * theta[i] * theta[j] / n;
                if i == j { second + gradient[i] } else { second }
            })
        });
        Local { value: -value / n, gradient, hessian }
    }

    fn report(&self, found: &Minimum<3>) -> GammaGammaFit {
        let n = self.rows.len() as f64;
        let [p, q, v] = found.at.map(f64::exp);
        let model = GammaGamma { p, q, v: v * self.unit };
        let inside = found.at.iter().all(|x| *x > LOG_BOX.0 && *x < LOG_BOX.1);
        let relative = standard_errors(&found.local.hessian.map(|row| row.map(|h| h * n))).filter(|_| inside);
        let (population_value, infinite) =
            if q > 1.0 { (model.p * model.v / (q - 1.0), false) } else { (self.unit, true) };
        let mut reasons = Vec::new();
        match relative {
            None => reasons.push("p, q and v cannot be told apart: the information matrix is singular".to_owned()),
            Some(errors) if errors.iter().any(|e| *e > RELATIVE_ERROR_MAX) => {
                reasons.push("weakly identified: a standard error is above its parameter".to_owned());
            }
            Some(_) if !found.converged => reasons.push("the search ended before the gradient vanished".to_owned()),
            Some(_) => {}
        }
        let identified = reasons.is_empty();
        if infinite {
            reasons.push(
                "q is not above 1, the model has no mean: the population's value is the mean of the customers"
                    .to_owned(),
            );
        }
        GammaGammaFit {
            model,
            standard_errors: relative.map(|[ep, eq, ev]| [ep * model.p, eq * model.q, ev * model.v]),
            log_likelihood: -found.local.value * n - n * self.unit.ln(),
            population_value,
            correlation: self.correlation(),
            identified,
            reason: (!reasons.is_empty()).then(|| reasons.join("; ")),
            converged: found.converged,
            iterations: found.iterations,
            customers: self.rows.len(),
        }
    }

    fn correlation(&self) -> Option<f64> {
        let n = self.rows.len() as f64;
        let mean_x = self.rows.iter().map(|(x, _)| f64::from(*x)).sum::<f64>() / n;
        let (mut xx, mut mm, mut xm) = (0.0, 0.0, 0.0);
        for (x, m) in &self.rows {
            // The mean of the values is 1 in their own unit.
            let (dx, dm) = (f64::from(*x) - mean_x, m - 1.0);
            xx += dx * dx;
            mm += dm * dm;
            xm += dx * dm;
        }
        (xx > 0.0 && mm > 1e-12 * n).then(|| xm / (xx * mm).sqrt())
    }
}

/// Second derivative of the logarithm of the gamma function, for x > 0: upwards by its recurrence, then its asymptotic
/// series (Abramowitz & Stegun 6.4.6, 6.4.12).
fn trigamma(mut x: f64) -> f64 {
    let mut sum = 0.0;
    while x < 12.0 {
        sum += 1.0 / (x * x);
        x += 1.0;
    }
    let inverse = 1.0 / x;
    let square = inverse * inverse;
    let series =
        1.0 / 6.0 - square * (1.0 / 30.0 - square * (1.0 / 42.0 - square * (1.0 / 30.0 - square * (5.0 / 66.0))));
    sum + inverse + square / 2.0 + inverse * square * series
}
