//! A check of the purchase model on customers' own later purchases.

use super::bg_nbd::Customer;
use super::bg_nbd_fit::{BgNbdFit, fit_bg_nbd};
use crate::functions::{FunctionError, Stop};

/// A customer first seen in the calibration time.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct HoldoutCustomer {
    /// As seen at the end of the calibration.
    pub calibration: Customer,
    /// Periods with a purchase after it, until the end of the hold-out.
    pub purchases: u32,
}

/// How well a model fitted to the calibration foresaw the hold-out.
#[derive(Debug, Clone, PartialEq)]
pub struct Holdout {
    /// The model of the calibration alone.
    pub fit: BgNbdFit,
    /// Purchases in the hold-out that were expected, over all customers.
    pub expected: f64,
    /// Purchases that were made.
    pub actual: f64,
    /// Mean absolute error per customer.
    pub mae: f64,
    /// Root of the mean squared error per customer.
    pub rmse: f64,
    /// Mean absolute error per customer of the simplest rule: everybody goes on at the rate of the calibration, `(x +
    /// 1) / (T + 1)` per period.
    pub mae_same_rate: f64,
    /// Pearson's correlation of expected and actual purchases; `None` if one of them is the same for all.
    pub correlation: Option<f64>,
}

/// Fits to the calibration, predicts the `periods` of the hold-out, compares.
#[expect(clippy::cast_precision_loss, reason = "counts of customers")]
pub fn check_holdout(
    customers: &[HoldoutCustomer],
    periods: f64,
    penalty: f64,
    stop: Stop<'_>,
) -> Result<Holdout, FunctionError> {
    let calibration: Vec<Customer> = customers.iter().map(|c| c.calibration).collect();
    let fit = fit_bg_nbd(&calibration, penalty, stop)?;
    let n = customers.len() as f64;
    let (mut expected, mut actual, mut absolute, mut squared, mut same_rate) = (0.0, 0.0, 0.0, 0.0, 0.0);
    let (mut expected_squares, mut actual_squares, mut products) = (0.0, 0.0, 0.0);
    for customer in customers {
        let foreseen = fit.model.expected_purchases(&customer.calibration, periods)?;
        let made = f64::from(customer.purchases);
        let Customer { frequency, age, .. } = customer.calibration;
        expected += foreseen;
        actual += made;
        absolute += (foreseen - made).abs();
        squared += (foreseen - made).powi(2);
        same_rate += (f64::from(frequency + 1) / (age + 1.0) * periods - made).abs();
        expected_squares += foreseen * foreseen;
        actual_squares += made * made;
        products += foreseen * made;
    }
    let spread = (expected_squares - expected * expected / n) * (actual_squares - actual * actual / n);
    let together = products - expected * actual / n;
    Ok(Holdout {
        fit,
        expected,
        actual,
        mae: absolute / n,
        rmse: (squared / n).sqrt(),
        mae_same_rate: same_rate / n,
        correlation: (spread > 1e-12 * expected_squares * actual_squares).then(|| together / spread.sqrt()),
    })
}
