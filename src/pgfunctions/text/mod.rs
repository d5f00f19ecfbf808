//! Strings, of bits too, and regular expressions, and numbers where DataFusion's functions are others.

mod bits;
mod degrees;
mod format;
mod hash;
mod numbers;
mod regexps;
mod strings;

use super::row::Function;

/// All of them.
pub use strings::{RECORD_OUT, TO_HEX_OF_BIGINT};

pub const FUNCTIONS: &[&[Function]] =
    &[bits::FUNCTIONS, format::FUNCTIONS, hash::FUNCTIONS, numbers::FUNCTIONS, regexps::FUNCTIONS, strings::FUNCTIONS];
