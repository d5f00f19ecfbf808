//! Customer lifetime value: how often a customer will buy (BG/NBD) times what an order is worth (Gamma-Gamma).
//!
//! Sources: P. Fader, B. Hardie, K. Lee, "Counting Your Customers the Easy Way: An Alternative to the Pareto/NBD
//! Model", Marketing Science 24 (2005); P. Fader, B. Hardie, "The Gamma-Gamma Model of Monetary Value" (2013).
//!
//! Time is counted in periods of the caller's choice, the same for recency, age and horizons. The discounting of
//! [`discounted_purchases`] takes a period for a day.
//!
//! Invariant: a model is fitted by maximum likelihood or not at all; what the data cannot tell is said in `reason`.

mod bg_nbd;
mod bg_nbd_fit;
mod gamma_gamma;
mod holdout;
mod likelihood;
mod newton;
#[cfg(test)]
mod tests;
mod value;

pub use bg_nbd::{BgNbd, Customer};
pub use bg_nbd_fit::{BgNbdFit, fit_bg_nbd};
pub use gamma_gamma::{GammaGamma, GammaGammaFit, Spend, fit_gamma_gamma};
pub use holdout::{Holdout, HoldoutCustomer, check_holdout};
pub use value::{DAYS_PER_YEAR, deciles, discounted_purchases};

/// No customer has more repeat purchases than this.
pub const FREQUENCY_MAX: u32 = 1_000_000;
