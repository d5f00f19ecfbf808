//! Fitting BG/NBD by maximum likelihood, with an honest account of what the data could tell.
//!
//! Customers with the same history are counted once. The search is Newton's in the logarithms of the parameters with exact first
//! and second derivatives, from several fixed starts on a thinned set of histories, then from the best on all.
//!
//! Invariant: the sums run over sorted histories in one order: the order of the customers does not matter, not even to the
//! last bit.

use super::FREQUENCY_MAX;
use super::bg_nbd::{BgNbd, Customer};
use super::newton::{Local, Minimum, minimize, standard_errors};
use crate::functions::{FunctionError, Stop, check_stop};

/// Fewer customers than this are not fitted.
const CUSTOMERS_MIN: usize = 10;
/// Fewer customers with repeat purchases than this are not fitted.
const REPEAT_CUSTOMERS_MIN: usize = 3;
/// The starts are compared on no more histories than this.
const SCREEN_MAX: usize = 20_000;
/// Starts for (r, α as a share of the longest age, a, b): the one of `lifetimes`, quick leavers, and two that hardly ever leave.
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
    /// Standard errors of r, alpha, a, b from the observed information; `None` where the data cannot tell.
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
/// `penalty` (zero or above, default 0) times the sum of the squared parameters is taken from the mean log-likelihood, with
/// alpha as a share of the longest age: the same as `penalizer_coef` of the Python package `lifetimes`.
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
    Ok(all.report(&found, penalty))
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

/// One distinct history and how many customers share it; time in units of the longest age.
struct History {
    frequency: u32,
    recency: f64,
    age: f64,
    customers: f64,
}

/// All distinct histories, by frequency, then recency, then age.
struct Histories {
    rows: Vec<History>,
    customers: f64,
    /// The longest age, in the caller's periods.
    unit: f64,
}

#[expect(clippy::cast_precision_loss, reason = "counts of customers")]
impl Histories {
    fn new(customers: &[Customer]) -> Self {
        let unit = customers.iter().fold(0.0_f64, |max, c| max.max(c.age));
        let mut sorted = customers.to_vec();
        sorted.sort_unstable_by(|x, y| {
            let by_time = || x.recency.total_cmp(&y.recency).then(x.age.total_cmp(&y.age));
            x.frequency.cmp(&y.frequency).then_with(by_time)
        });
        let rows = sorted
            .chunk_by(|x, y| x == y)
            .filter_map(|same| {
                let Customer { frequency, recency, age } = *same.first()?;
                // What happened at time zero only is not looked at without repeat purchases.
                Some(History { frequency, recency: recency / unit, age: age / unit, customers: same.len() as f64 })
            })
            .collect();
        Self { rows, customers: customers.len() as f64, unit }
    }

    /// Every k-th history, for comparing starts.
    fn thinned(&self) -> Self {
        let every = self.rows.len().div_ceil(SCREEN_MAX).max(1);
        let rows: Vec<History> = self.rows.iter().step_by(every).map(|row| History { ..*row }).collect();
        let customers = rows.iter().map(|row| row.customers).sum();
        Self { rows, customers, unit: self.unit }
    }

    /// The negative mean log-likelihood plus the penalty, with its derivatives by the logarithms of the parameters.
    fn negative_mean(&self, at: &[f64; 4], penalty: f64) -> Local<4> {
        let theta = at.map(f64::exp);
        let mut sums = Sums::default();
        let mut rising = Rising::new(theta);
        for row in &self.rows {
            rising.advance_to(row.frequency);
            sums.add(row, &theta, &rising);
        }
        let penalties = theta.map(|t| penalty * t * t);
        let value = -sums.value / self.customers + penalties.iter().sum::<f64>();
        let by_log = sums.by_log_parameters(&theta);
        let mut local = Local {
            value,
            gradient: by_log.gradient.map(|g| -g / self.customers),
            hessian: by_log.hessian.map(|row| row.map(|h| -h / self.customers)),
        };
        for (i, p) in penalties.into_iter().enumerate() {
            local.gradient[i] += 2.0 * p;
            local.hessian[i][i] += 4.0 * p;
        }
        local
    }

    fn report(&self, found: &Minimum<4>, penalty: f64) -> BgNbdFit {
        let theta = found.at.map(f64::exp);
        let repeats: f64 = self.rows.iter().map(|row| f64::from(row.frequency) * row.customers).sum();
        let unpenalized = self.negative_mean(&found.at, 0.0).value;
        let relative = relative_errors(found, self.customers);
        let scales = [1.0, self.unit, 1.0, 1.0];
        let reason = reason(found, &relative, penalty);
        let repeat_customers: f64 = self.rows.iter().filter(|row| row.frequency > 0).map(|row| row.customers).sum();
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "counts of customers")]
        BgNbdFit {
            model: BgNbd { r: theta[0], alpha: theta[1] * self.unit, a: theta[2], b: theta[3] },
            standard_errors: std::array::from_fn(|i| relative[i].map(|e| e * theta[i] * scales[i])),
            log_likelihood: -unpenalized * self.customers - repeats * self.unit.ln(),
            identified: reason.is_none(),
            reason,
            converged: found.converged,
            iterations: found.iterations,
            customers: self.customers as usize,
            repeat_customers: repeat_customers as usize,
        }
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
    let and_penalty = if penalty > 0.0 { "" } else { "; a penalty makes them finite, by assumption" };
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

/// For j from 0 below the current frequency, the sums over j of what the gamma ratios and their derivatives are made of.
struct Rising {
    theta: [f64; 4],
    frequency: u32,
    /// ln((r + j) · (b + j) / (a + b + j))
    log: f64,
    /// 1 / (r + j), and its square
    by_r: (f64, f64),
    /// 1 / (b + j), and its square
    by_b: (f64, f64),
    /// 1 / (a + b + j), and its square
    by_ab: (f64, f64),
}

impl Rising {
    fn new(theta: [f64; 4]) -> Self {
        Self { theta, frequency: 0, log: 0.0, by_r: (0.0, 0.0), by_b: (0.0, 0.0), by_ab: (0.0, 0.0) }
    }

    /// `frequency` never goes down: the histories are sorted by it.
    fn advance_to(&mut self, frequency: u32) {
        let [r, _, a, b] = self.theta;
        for j in (self.frequency..frequency).map(f64::from) {
            self.log += (r + j).ln() - (a / (b + j)).ln_1p();
            for (sum, inverse) in
                [(&mut self.by_r, 1.0 / (r + j)), (&mut self.by_b, 1.0 / (b + j)), (&mut self.by_ab, 1.0 / (a + b + j))]
            {
                sum.0 += inverse;
                sum.1 += inverse * inverse;
            }
        }
        self.frequency = frequency;
    }
}

/// Log-likelihood and its derivatives by r, alpha, a, b. Hessian: lower triangle only.
#[derive(Default)]
struct Sums {
    value: f64,
    gradient: [f64; 4],
    hessian: [[f64; 4]; 4],
}

impl Sums {
    /// Adds one history, equation (6): log of (gamma ratios × (alive to the end + gone after the last purchase)).
    fn add(&mut self, row: &History, theta: &[f64; 4], rising: &Rising) {
        let [r, alpha, a, b] = *theta;
        let n = row.customers;
        let x = f64::from(row.frequency);
        let (to_end, to_last) = (alpha + row.age, alpha + row.recency);
        let (log_end, log_last) = (to_end.ln(), to_last.ln());
        let shape = r + x;
        let alive = -shape * log_end;
        // Without repeat purchases nobody has left: the second term is absent.
        let (mixture, gone_share, after) = if row.frequency == 0 {
            (alive, 0.0, 1.0)
        } else {
            let after = b + x - 1.0;
            let gone = (a / after).ln() - shape * log_last;
            let (larger, smaller) = if alive > gone { (alive, gone) } else { (gone, alive) };
            let ratio = (smaller - larger).exp();
            let share = if alive > gone { ratio / (1.0 + ratio) } else { 1.0 / (1.0 + ratio) };
            (larger + ratio.ln_1p(), share, after)
        };
        let w = gone_share;
        self.value += n * (rising.log + r * alpha.ln() + mixture);

        // The gradients of the two terms differ by `d`; their share moves with it.
        let d = [log_end - log_last, shape / to_end - shape / to_last, 1.0 / a, -1.0 / after];
        self.gradient[0] += n * (rising.by_r.0 + alpha.ln() - log_end + w * d[0]);
        self.gradient[1] += n * (r / alpha - shape / to_end + w * d[1]);
        self.gradient[2] += n * (w * d[2] - rising.by_ab.0);
        self.gradient[3] += n * (rising.by_b.0 - rising.by_ab.0 + w * d[3]);

        let v = w * (1.0 - w);
        for i in 0..4 {
            for j in 0..=i {
                self.hessian[i][j] += n * v * d[i] * d[j];
            }
        }
        let h = &mut self.hessian;
        h[0][0] -= n * rising.by_r.1;
        h[1][0] += n * (1.0 / alpha - (1.0 - w) / to_end - w / to_last);
        h[1][1] += n * (shape * ((1.0 - w) / (to_end * to_end) + w / (to_last * to_last)) - r / (alpha * alpha));
        h[2][2] += n * (rising.by_ab.1 - w / (a * a));
        h[3][2] += n * rising.by_ab.1;
        h[3][3] += n * (rising.by_ab.1 - rising.by_b.1 + w / (after * after));
    }

    /// The same by the logarithms of the parameters, with the full Hessian.
    fn by_log_parameters(&self, theta: &[f64; 4]) -> Local<4> {
        let gradient: [f64; 4] = std::array::from_fn(|i| self.gradient[i] * theta[i]);
        let hessian = std::array::from_fn(|i| {
            std::array::from_fn(|j| {
                let second = self.hessian[i.max(j)][i.min(j)] * theta[i] * theta[j];
                if i == j { second + gradient[i] } else { second }
            })
        });
        Local { value: self.value, gradient, hessian }
    }
}
