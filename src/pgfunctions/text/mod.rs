//! Strings and regular expressions, and numbers where DataFusion's functions are others.

mod format;
mod numbers;
mod regexps;
mod strings;

use super::row::Function;

/// All of them.
pub use strings::RECORD_OUT;

pub const FUNCTIONS: &[&[Function]] = &[format::FUNCTIONS, numbers::FUNCTIONS, regexps::FUNCTIONS, strings::FUNCTIONS];
