//! What can be wrong with the numbers given to an analytics function.
//!
//! Invariant: every sentence says what was found and what is needed; the caller adds the name of its column or
//! argument.

/// Asked now and then by whatever can run long; `true` means give up with [`FunctionError::Cancelled`].
pub type Stop<'a> = &'a (dyn Fn() -> bool + Sync);

/// Gives up if the caller wants that.
pub fn check_stop(stop: Stop<'_>) -> Result<(), FunctionError> {
    if stop() { Err(FunctionError::Cancelled) } else { Ok(()) }
}

/// Why an analytics function gives no answer. Positions count the input from zero.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum FunctionError {
    /// Not enough of something to estimate from.
    #[error("{found} {what} given, at least {needed} are needed")]
    TooFew { what: &'static str, found: usize, needed: usize },
    /// A NaN or an infinity where a number is needed.
    #[error("{what} number {} is not finite", position + 1)]
    NotFinite { what: &'static str, position: usize },
    /// A negative number where only zero and above make sense.
    #[error("{what} number {} is negative", position + 1)]
    Negative { what: &'static str, position: usize },
    /// A customer seen last after the end of the observation.
    #[error("customer number {} was last seen after the end of the observation: recency {recency}, age {age}", position + 1)]
    RecencyAboveAge { position: usize, recency: f64, age: f64 },
    /// More repeat purchases than a customer can have.
    #[error("customer number {} has {frequency} repeat purchases, the limit is {limit}", position + 1)]
    FrequencyLimit { position: usize, frequency: u32, limit: u32 },
    /// Two values for one period.
    #[error("there are two values for the same time: aggregate them first")]
    DuplicateTime { period: i64 },
    /// A time that no calendar has.
    #[error("time number {} is out of range", position + 1)]
    TimeRange { position: usize },
    /// First and last period too far apart for the step.
    #[error("the series spans {periods} periods, the limit is {limit}: is the step right?")]
    SpanLimit { periods: u64, limit: u64 },
    /// An argument outside its range.
    #[error("{argument} must be {must}")]
    Argument { argument: &'static str, must: &'static str },
    /// No maximum of the likelihood was found from any start.
    #[error("the {model} model cannot be fitted to these customers: {why}")]
    NoFit { model: &'static str, why: &'static str },
    /// The work would not end within the limits.
    #[error("{what} would exceed the limit of {limit}: {hint}")]
    WorkLimit { what: &'static str, limit: usize, hint: &'static str },
    /// [`Stop`] said so.
    #[error("cancelled")]
    Cancelled,
}
