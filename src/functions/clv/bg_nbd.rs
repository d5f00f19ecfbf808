//! The BG/NBD model of purchases: what is known of a customer, and what the fitted model says about them.
//!
//! While alive a customer buys at random with a rate λ ~ Gamma(r, α); after each purchase they leave for good with a
//! probability p ~ Beta(a, b). Equation numbers are those of Fader, Hardie, Lee (2005).

use crate::functions::FunctionError;

/// No more terms than this are summed for one expectation.
const TERMS_MAX: usize = 10_000_000;
/// A term this much smaller than the sum so far, beyond the largest, ends it.
const TERM_RELATIVE_MIN: f64 = 1e-17;
/// Weights are scaled down by this when they reach its inverse: only their ratios matter.
const RESCALE: f64 = 1e-200;

/// A customer's history: all that the model needs to know of it.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Customer {
    /// Repeat purchases: periods with a purchase after the first one. Zero for who bought once.
    pub frequency: u32,
    /// Periods from the first purchase to the last; 0 without repeat purchases.
    pub recency: f64,
    /// Periods from the first purchase to the end of the observation.
    pub age: f64,
}

/// Parameters of the model, all above zero.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct BgNbd {
    /// Shape of the purchase rates.
    pub r: f64,
    /// Rate parameter of the purchase rates, in periods: the mean rate is `r / alpha`.
    pub alpha: f64,
    /// First shape of the drop-out probabilities: their mean is `a / (a + b)`.
    pub a: f64,
    /// Second shape of the drop-out probabilities.
    pub b: f64,
}

impl BgNbd {
    /// Probability that the customer has not left by the end of the observation, from 0 to 1.
    ///
    /// It is 1 without repeat purchases: in this model one leaves only right after a repeat purchase.
    pub fn p_alive(&self, customer: &Customer) -> f64 {
        if customer.frequency == 0 {
            return 1.0;
        }
        let x = f64::from(customer.frequency);
        let log_odds_gone = (self.a / (self.b + x - 1.0)).ln()
            + (self.r + x) * ((self.alpha + customer.age) / (self.alpha + customer.recency)).ln();
        1.0 / (1.0 + log_odds_gone.exp())
    }

    /// Purchases expected of the customer in the `periods` after the observation, equation (10).
    ///
    /// The paper's Gauss hypergeometric function is summed as what it stands for, so that nothing cancels: the number
    /// of purchases if nobody left is negative binomial, and the next one after `j` of them still happens with a
    /// probability `s(j)`; the expectation is the sum of `P(N > j) · s(j)`. All terms are positive, also where `a` = 1.
    pub fn expected_purchases(&self, customer: &Customer, periods: f64) -> Result<f64, FunctionError> {
        let [expected] = self.expected_purchases_until(customer, [periods])?;
        Ok(expected)
    }

    /// The same for several horizons at once, which share most of the work.
    pub fn expected_purchases_until<const N: usize>(
        &self,
        customer: &Customer,
        periods: [f64; N],
    ) -> Result<[f64; N], FunctionError> {
        if periods.iter().any(|periods| !periods.is_finite() || *periods < 0.0) {
            return Err(FunctionError::Argument {
                argument: "horizon",
                must: "a finite number of periods, zero or above",
            });
        }
        let x = f64::from(customer.frequency);
        let odds = periods.map(|periods| periods / (self.alpha + customer.age));
        let if_alive = expected_until_gone(self.r + x, odds, self.a, self.b + x)?;
        let p_alive = self.p_alive(customer);
        Ok(if_alive.map(|expected| p_alive * expected))
    }

    /// Purchases after the first expected of a new customer in their first `periods`, equation (9).
    pub fn expected_purchases_of_new(&self, periods: f64) -> Result<f64, FunctionError> {
        self.expected_purchases(&Customer::default(), periods)
    }

    /// Contribution of one customer to the log-likelihood, equation (6).
    ///
    /// Written with sums of logarithms for the gamma ratios: [`super::fit_bg_nbd`] uses the same formula on tables.
    pub fn log_likelihood_of(&self, customer: &Customer) -> f64 {
        let x = f64::from(customer.frequency);
        let ratios: f64 =
            (0..customer.frequency).map(f64::from).map(|j| (self.r + j).ln() - (self.a / (self.b + j)).ln_1p()).sum();
        let alive = -(self.r + x) * (self.alpha + customer.age).ln();
        let gone = if customer.frequency == 0 {
            f64::NEG_INFINITY
        } else {
            (self.a / (self.b + x - 1.0)).ln() - (self.r + x) * (self.alpha + customer.recency).ln()
        };
        let larger = alive.max(gone);
        let smaller = alive.min(gone);
        ratios + self.r * self.alpha.ln() + larger + (smaller - larger).exp().ln_1p()
    }
}

/// The sum for one horizon: `z` is the horizon's share of it and all time before, the weight of n chances to buy is known up to
/// a factor, `total` is the sum of the weights.
#[derive(Debug, Clone, Copy)]
struct Sum {
    z: f64,
    weight: f64,
    total: f64,
    purchases: f64,
}

/// Expected number of purchases of someone alive, per horizon: N ~ negative binomial (`shape`, `odds`) chances to buy, after each
/// of which they leave with p ~ Beta(`a`, `b`).
fn expected_until_gone<const N: usize>(shape: f64, odds: [f64; N], a: f64, b: f64) -> Result<[f64; N], FunctionError> {
    let mode = odds.iter().fold(0.0_f64, |max, odds| max.max((shape - 1.0) * odds));
    let mut sums = odds.map(|odds| Sum { z: odds / (1.0 + odds), weight: 1.0, total: 1.0, purchases: 0.0 });
    // The purchases expected from n chances, and the chance that the next one still counts.
    let (mut purchases, mut still) = (0.0_f64, 1.0_f64);
    for n in 0..TERMS_MAX {
        #[expect(clippy::cast_precision_loss, reason = "below TERMS_MAX")]
        let n = n as f64;
        let growth = (shape + n) / (n + 1.0);
        purchases += still;
        still *= (b + n) / (a + b + n);
        let mut ended = n >= mode;
        for sum in &mut sums {
            sum.weight *= growth * sum.z;
            sum.total += sum.weight;
            let term = sum.weight * purchases;
            sum.purchases += term;
            ended &= term <= TERM_RELATIVE_MIN * sum.purchases;
            if sum.weight > 1.0 / RESCALE {
                sum.weight *= RESCALE;
                sum.total *= RESCALE;
                sum.purchases *= RESCALE;
            }
        }
        if ended {
            return Ok(sums.map(|sum| sum.purchases / sum.total));
        }
    }
    Err(FunctionError::WorkLimit {
        what: "the terms of one expectation",
        limit: TERMS_MAX,
        hint: "shorten the horizon",
    })
}
