//! Fitting BG/NBD by maximum likelihood, with an honest account of what the data could tell.
//!
//! Customers with the same history are counted once. The search is Newton's in the logarithms of the parameters with
//! exact first and second derivatives, from several fixed starts on a thinned set of histories, then from the best on
//! all.

use super::FREQUENCY_MAX;
use super::bg_nbd::{BgNbd, Customer};
use super::likelihood::Histories;
use super::newton::{Minimum, minimize, standard_errors};
use crate::functions::{FunctionError, Stop, check_stop};

/// Fewer customers than this are not fitted.
const CUSTOMERS_MIN: usize = 10;
/// Fewer customers with repeat purchases than this are not fitted.
const REPEAT_CUSTOMERS_MIN: usize = 3;
/// Starts for (r, α as a share of the longest age, a, b): the one of `lifetimes`, quick leavers, and two that hardly
/// ever leave.
const STARTS: [[f64; 4]; 4] =
    [[0.1, 0.1, 0.1, 0.1], [0.25, 0.1, 0.8, 2.4], [0.8, 0.2, 0.01, 5.0], [2.0, 1.0, 0.05, 1.0]];
/// Box for the logarithm of each parameter (time in units of the longest age).
const LOG_BOX: (f64, f64) = (-16.0, 16.0);
/// The search ends when no derivative of the mean log-likelihood by a log-parameter is above this.
const GRADIENT_MAX: f64 = 1e-9;
/// A parameter whose standard error is above this share of it is called weakly identified.
const RELATIVE_ERROR_MAX: f64 = 1.0;

/// A fitted model.
#[derive(Debug, Clone, PartialEq)]
pub struct BgNbdFit {
    pub model: BgNbd,
    /// Standard errors of r, alpha, a, b from the observed information (of the penalized likelihood); `None` where the
    /// data cannot tell.
    pub standard_errors: [Option<f64>; 4],
    /// Log-likelihood of all customers, without the penalty, time in the caller's periods.
    pub log_likelihood: f64,
    /// Every parameter is told by the data: the information is regular, no standard error is above its parameter.
    pub identified: bool,
    /// Why not, as a sentence for the reader of the fit.
    pub reason: Option<String>,
    /// The gradient vanished at the end of the search.
    pub converged: bool,
    pub iterations: u32,
    pub customers: usize,
    /// Customers with repeat purchases.
    pub repeat_customers: usize,
}

/// Fits the model to customers of any order, at least 10, at least 3 of them with repeat purchases.
///
/// `penalty` (zero or above, default 0) times the sum of the squared parameters is taken from the mean log-likelihood,
/// with alpha as a share of the longest age: the same as `penalizer_coef` of the Python package `lifetimes`.
pub fn fit_bg_nbd(customers: &[Customer], penalty: f64, stop: Stop<'_>) -> Result<BgNbdFit, FunctionError> {
    if !penalty.is_finite() || penalty < 0.0 {
        return Err(FunctionError::Argument { argument: "penalty", must: "a finite number, zero or above" });
    }
    check_customers(customers)?;
    let all = Histories::new(customers);
    let screen = all.thinned();
    let mut best: Option<Minimum<4>> = None;
    for start in STARTS {
        let found = search(&screen, start.map(f64::ln), 1e-6, penalty, stop)?;
        if found.local.value.is_finite() && best.is_none_or(|best| found.local.value < best.local.value) {
            best = Some(found);
        }
    }
    let Some(best) = best else {
        return Err(FunctionError::NoFit { model: "BG/NBD", why: "the likelihood is not finite from any start" });
    };
    let found = search(&all, best.at, GRADIENT_MAX, penalty, stop)?;
    Ok(report(&all, &found, penalty))
}

fn search(
    histories: &Histories,
    start: [f64; 4],
    tolerance: f64,
    penalty: f64,
    stop: Stop<'_>,
) -> Result<Minimum<4>, FunctionError> {
    minimize(start, LOG_BOX, tolerance, |at| {
        check_stop(stop)?;
        Ok(histories.negative_mean(at, penalty))
    })
}

fn check_customers(customers: &[Customer]) -> Result<(), FunctionError> {
    for (position, customer) in customers.iter().enumerate() {
        let Customer { frequency, recency, age } = *customer;
        for (what, value) in [("recency", recency), ("age", age)] {
            if !value.is_finite() {
                return Err(FunctionError::NotFinite { what, position });
            }
            if value < 0.0 {
                return Err(FunctionError::Negative { what, position });
            }
        }
        if recency > age {
            return Err(FunctionError::RecencyAboveAge { position, recency, age });
        }
        if frequency > FREQUENCY_MAX {
            return Err(FunctionError::FrequencyLimit { position, frequency, limit: FREQUENCY_MAX });
        }
    }
    let needs = [
        ("customers", customers.len(), CUSTOMERS_MIN),
        ("customers with repeat purchases", customers.iter().filter(|c| c.frequency > 0).count(), REPEAT_CUSTOMERS_MIN),
    ];
    for (what, found, needed) in needs {
        if found < needed {
            return Err(FunctionError::TooFew { what, found, needed });
        }
    }
    if customers.iter().all(|c| c.age == 0.0) {
        return Err(FunctionError::NoFit { model: "BG/NBD", why: "every customer has an age of zero" });
    }
    Ok(())
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "counts of customers")]
fn report(all: &Histories, found: &Minimum<4>, penalty: f64) -> BgNbdFit {
    let theta = found.at.map(f64::exp);
    let unpenalized = all.negative_mean(&found.at, 0.0).value;
    let relative = relative_errors(found, all.customers);
    let scales = [1.0, all.unit, 1.0, 1.0];
    let reason = reason(found, &relative, penalty);
    BgNbdFit {
        model: BgNbd { r: theta[0], alpha: theta[1] * all.unit, a: theta[2], b: theta[3] },
        standard_errors: std::array::from_fn(|i| relative[i].map(|e| e * theta[i] * scales[i])),
        log_likelihood: -unpenalized * all.customers - all.repeats() * all.unit.ln(),
        identified: reason.is_none(),
        reason,
        converged: found.converged,
        iterations: found.iterations,
        customers: all.customers as usize,
        repeat_customers: all.repeat_customers() as usize,
    }
}

/// Standard errors of the log-parameters, which are relative errors of the parameters.
///
/// Where the four together are singular, those of r and alpha given the drop-out still hold.
fn relative_errors(found: &Minimum<4>, customers: f64) -> [Option<f64>; 4] {
    let information = found.local.hessian.map(|row| row.map(|h| h * customers));
    let inside = found.at.iter().all(|x| *x > LOG_BOX.0 && *x < LOG_BOX.1);
    if inside && let Some(errors) = standard_errors(&information) {
        return errors.map(Some);
    }
    let [[rr, ra, ..], [_, aa, ..], ..] = information;
    match standard_errors(&[[rr, ra], [ra, aa]]) {
        Some([r, alpha]) => [Some(r), Some(alpha), None, None],
        None => [None; 4],
    }
}

fn reason(found: &Minimum<4>, relative: &[Option<f64>; 4], penalty: f64) -> Option<String> {
    const NAMES: [&str; 4] = ["r", "alpha", "a", "b"];
    let edge: Vec<&str> =
        (0..4).filter(|i| found.at[*i] <= LOG_BOX.0 || found.at[*i] >= LOG_BOX.1).map(|i| NAMES[i]).collect();
    let and_penalty = if penalty > 0.0 { "" } else { "; a penalty would settle it, by assumption instead of data" };
    if !edge.is_empty() {
        return Some(format!("the likelihood rises towards the limit of {}{and_penalty}", edge.join(" and ")));
    }
    if relative[2].is_none() {
        return Some(format!("the information matrix is singular: a and b cannot be told apart{and_penalty}"));
    }
    let weak: Vec<String> = (0..4)
        .filter_map(|i| {
            relative[i].filter(|e| *e > RELATIVE_ERROR_MAX).map(|e| format!("{} ({:.0} %)", NAMES[i], e * 100.0))
        })
        .collect();
    if !weak.is_empty() {
        return Some(format!("weakly identified, by standard errors relative to the parameter: {}", weak.join(", ")));
    }
    (!found.converged).then(|| "the search ended before the gradient vanished".to_owned())
}
