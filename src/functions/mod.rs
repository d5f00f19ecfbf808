//! Analytics functions: lifetime value, forecasts, anomalies, association rules.
//!
//! `clv`, `series` and `rules` are the numerical core: slices and small structs in, structs out. They name no table, no batch
//! and no wire type, so that each can be checked against a paper or another implementation by itself. `table` makes SQL
//! functions of them.
//!
//! Invariant: same input, same bytes out: no clock, no random numbers, no hash order, sums in a fixed order.

pub mod clv;
pub mod error;
pub mod rules;
pub mod series;
mod table;

pub use error::{FunctionError, Stop, check_stop};
pub use table::{extension_planner, listed, relation_planner};
