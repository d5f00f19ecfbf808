//! What a customer's future purchases are worth today, and tenths of customers.

use super::bg_nbd::{BgNbd, Customer};
use crate::functions::FunctionError;

/// Days to a year, for discounting.
pub const DAYS_PER_YEAR: f64 = 365.0;
/// Purchases are discounted by months of equal length.
const MONTHS_PER_YEAR: usize = 12;
/// 100 years.
const DAYS_MAX: f64 = 36_500.0;

/// Purchases expected in the `days` to come, each worth what it is worth today at `annual_rate` (0.1 is 10 % a year).
///
/// The time is cut into months of 365 / 12 days, the last one perhaps shorter; the purchases of a month count as made
/// in its middle. Times the expected order value this is the customer lifetime value. Periods of the model are days.
#[expect(clippy::cast_precision_loss, reason = "months of a year")]
pub fn discounted_purchases(
    model: &BgNbd,
    customer: &Customer,
    days: f64,
    annual_rate: f64,
) -> Result<f64, FunctionError> {
    if !(0.0..=DAYS_MAX).contains(&days) {
        return Err(FunctionError::Argument { argument: "days", must: "from 0 to 36500" });
    }
    if !annual_rate.is_finite() || annual_rate <= -1.0 {
        return Err(FunctionError::Argument { argument: "annual discount rate", must: "a finite number above -1" });
    }
    let step = DAYS_PER_YEAR / MONTHS_PER_YEAR as f64;
    let (mut begin, mut before, mut sum) = (0.0, 0.0, 0.0);
    while begin < days {
        // The months after the last one are empty.
        let ends: [f64; MONTHS_PER_YEAR] = std::array::from_fn(|month| (begin + (month + 1) as f64 * step).min(days));
        for (end, until) in ends.into_iter().zip(model.expected_purchases_until(customer, ends)?) {
            let years = f64::midpoint(begin, end) / DAYS_PER_YEAR;
            sum += (until - before) * (1.0 + annual_rate).powf(-years);
            (begin, before) = (end, until);
        }
        // What is left of a whole year is rounding.
        if days - begin < 1e-6 {
            break;
        }
    }
    Ok(sum)
}

/// Tenths of the values in input order: 1 holds the highest values. Equal values go by their order in the input, and
/// the tenths differ in size by at most one, the first being the larger (as `ntile(10) over (order by value desc)`).
///
/// NaN counts as the lowest of all.
pub fn deciles(values: &[f64]) -> Vec<u8> {
    let key = |i: usize| values.get(i).copied().filter(|v| !v.is_nan()).unwrap_or(f64::NEG_INFINITY);
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_by(|x, y| key(*y).total_cmp(&key(*x)));
    let (size, larger) = (values.len() / 10, values.len() % 10);
    let sizes = (0..10_u8).map(|tile| (tile + 1, size + usize::from(usize::from(tile) < larger)));
    let tiles = sizes.flat_map(|(tile, size)| std::iter::repeat_n(tile, size));
    let mut deciles = vec![0; values.len()];
    for (position, tile) in order.into_iter().zip(tiles) {
        if let Some(decile) = deciles.get_mut(position) {
            *decile = tile;
        }
    }
    deciles
}
