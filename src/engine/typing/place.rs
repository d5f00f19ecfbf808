//! Where in a statement an error is: told by what stands there, because plans have no positions.

use std::fmt;

use datafusion::error::DataFusionError;

use crate::error::Error;

/// What an error is about, to be looked for in the statement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// A quoted literal, by its value.
    Literal(String),
    /// An operator, as written.
    Operator(String),
    /// A column, a table or a function, by its parts.
    Name(Vec<String>),
}

/// An error and its place.
#[derive(Debug)]
pub struct Placed {
    pub error: Error,
    pub place: Place,
}

impl fmt::Display for Placed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.error)
    }
}

impl std::error::Error for Placed {}

/// The error as DataFusion carries it.
pub(in crate::engine) fn at(error: Error, place: Place) -> DataFusionError {
    DataFusionError::External(Box::new(Placed { error, place }))
}

/// An error whose place nothing tells.
pub(super) fn nowhere(error: Error) -> DataFusionError {
    DataFusionError::External(Box::new(error))
}
