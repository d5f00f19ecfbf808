//! Functions, operators and casts of dates, times, timestamps and intervals.
//!
//! [`call`] is how a function is a row of a table; [`operators`], [`parts`], [`truncate`], [`make`], [`zones`],
//! [`format`] and [`clock`] are the tables. [`casts`] converts columns; [`cast`] makes expressions of casts, and [`planner`] puts the
//! operators in place of DataFusion's while a statement is planned.
//!
//! Invariant: a timestamp with time zone is held in UTC; the session's zone is asked where local time matters.

mod aggregates;
mod call;
mod cast;
mod casts;
mod clock;
mod format;
mod make;
mod operators;
mod parts;
mod planner;
mod series;
mod truncate;
mod zones;

use datafusion::logical_expr::ScalarUDF;

pub use aggregates::with_intervals;
pub use cast::with_modifier;
pub use cast::{rewrite_casts, span_of, value_of_clock};
pub use planner::TimePlanner;
pub use series::{TimeSeries, series_function};

const TABLES: &[&[call::Row]] = &[operators::ROWS, parts::ROWS, truncate::ROWS, make::ROWS, zones::ROWS, format::ROWS];

/// All functions.
pub fn functions() -> Vec<ScalarUDF> {
    let mut all = call::functions(TABLES);
    all.extend(clock::functions());
    all
}
