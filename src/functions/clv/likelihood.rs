//! The likelihood of BG/NBD over all customers, with its exact first and second derivatives.
//!
//! Invariant: the sums run over sorted histories: the order of the customers does not matter, not even to the last bit.

use super::bg_nbd::Customer;
use super::newton::Local;

/// The starts are compared on no more histories than this.
const SCREEN_MAX: usize = 20_000;
/// One distinct history and how many customers share it; time in units of the longest age.
struct History {
    frequency: u32,
    recency: f64,
    age: f64,
    customers: f64,
}

/// All distinct histories, by frequency, then recency, then age.
pub(super) struct Histories {
    rows: Vec<History>,
    pub customers: f64,
    /// The longest age, in the caller's periods.
    pub unit: f64,
}

#[expect(clippy::cast_precision_loss, reason = "counts of customers")]
impl Histories {
    /// Sorts and counts the customers.
    pub fn new(customers: &[Customer]) -> Self {
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
    pub fn thinned(&self) -> Self {
        let every = self.rows.len().div_ceil(SCREEN_MAX).max(1);
        let rows: Vec<History> = self.rows.iter().step_by(every).map(|row| History { ..*row }).collect();
        let customers = rows.iter().map(|row| row.customers).sum();
        Self { rows, customers, unit: self.unit }
    }

    /// Customers with repeat purchases.
    pub fn repeat_customers(&self) -> f64 {
        self.rows.iter().filter(|row| row.frequency > 0).map(|row| row.customers).sum()
    }

    /// Repeat purchases of all customers.
    pub fn repeats(&self) -> f64 {
        self.rows.iter().map(|row| f64::from(row.frequency) * row.customers).sum()
    }

    /// The negative mean log-likelihood plus the penalty, with its derivatives by the logarithms of the parameters.
    pub fn negative_mean(&self, at: &[f64; 4], penalty: f64) -> Local<4> {
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
}

/// For j from 0 below the current frequency, the sums over j of what the gamma ratios and their derivatives are made
/// of.
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
