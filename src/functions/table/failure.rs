//! What the numerical core refuses, as errors with SQLSTATEs.

use datafusion::scalar::ScalarValue;

use crate::error::{Error, ErrorKind};
use crate::functions::FunctionError;

/// The error, naming the function and the group it happened in.
pub fn of(function: &str, error: &FunctionError, group: &[ScalarValue]) -> Error {
    let (kind, hint) = match error {
        FunctionError::Cancelled => (ErrorKind::QueryCanceled, None),
        FunctionError::NotFinite { .. } => {
            (ErrorKind::NumericOutOfRange, Some("leave NaN and infinity out of the relation"))
        }
        FunctionError::DuplicateTime { .. } => (
            ErrorKind::CardinalityViolation,
            Some("group the relation by time, or name what tells the series apart in group_by"),
        ),
        FunctionError::SpanLimit { .. } => (ErrorKind::ProgramLimitExceeded, Some("choose a longer step with every")),
        FunctionError::FrequencyLimit { .. } | FunctionError::WorkLimit { .. } => {
            (ErrorKind::ProgramLimitExceeded, None)
        }
        _ => (ErrorKind::InvalidParameter, None),
    };
    let place = match group {
        [] => String::new(),
        key => format!(" (in the group {})", key.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")),
    };
    let error = Error::new(kind, format!("{function}: {error}{place}"));
    match hint {
        Some(hint) => error.with_hint(hint),
        None => error,
    }
}
