//! Median and its spread.

/// A spread of the normal distribution is this times its median absolute deviation…
pub(super) const FROM_MAD: f64 = 1.482_602_218_505_602;
/// …and this times its mean absolute deviation.
pub(super) const FROM_MEAN_AD: f64 = 1.253_314_137_315_500_1;

/// The median; the values are put in another order. `None` without values.
pub(super) fn median_of(values: &mut [f64]) -> Option<f64> {
    let middle = values.len() / 2;
    if values.is_empty() {
        return None;
    }
    let even = values.len().is_multiple_of(2);
    let (below, upper, _) = values.select_nth_unstable_by(middle, f64::total_cmp);
    let upper = *upper;
    let lower = if even { below.iter().copied().max_by(f64::total_cmp).unwrap_or(upper) } else { upper };
    Some(f64::midpoint(lower, upper))
}

/// Value at the share `share` (0 to 1) of ascending values, the nearest rank that holds for `n + 1` values: with few of
/// them, the ends.
pub(super) fn conformal_quantile(ascending: &[f64], share: f64) -> Option<f64> {
    #[expect(clippy::cast_precision_loss, reason = "counts of errors")]
    let ranks = ascending.len() as f64 + 1.0;
    // Outwards from the middle on both sides.
    let rank = if share < 0.5 { (ranks * share).floor() } else { (ranks * share).ceil() };
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "from 0 to ranks")]
    let index = (rank.max(1.0) as usize - 1).min(ascending.len().checked_sub(1)?);
    ascending.get(index).copied()
}
