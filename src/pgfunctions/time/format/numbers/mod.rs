//! Numbers written and read by a pattern: `9,990.00`, `FM000`, `S99`, `RN`.

mod pattern;
mod read;
mod write;

pub(super) use read::{column, decimals, to_number};
pub(super) use write::to_char;

/// A number to be written.
#[derive(Debug, Clone, Copy)]
pub(super) enum Number {
    Whole(i64),
    /// Unscaled digits, and how many of them are decimals.
    Decimal(i128, i8),
    Real(f32),
    Float(f64),
}

#[cfg(test)]
mod tests;
