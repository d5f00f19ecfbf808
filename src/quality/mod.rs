//! A test is a query for the rows that break it.
//!
//! Invariant: nulls mean what they mean to dbt: only `not_null` minds them; two of them are equal to
//! `unique_combination_of_columns`, as they are to GROUP BY.

mod rule;

use crate::names::TableName;

pub use rule::{Rule, test_name};

/// A compiled data test.
#[derive(Debug, Clone)]
pub struct Test {
    /// `not_null_daily_sales_invoice_day`, as dbt names them.
    pub name: String,
    /// The model or source it guards; for a singular test the last relation it depends on.
    pub target: TableName,
    /// All relations it reads.
    pub depends_on: Vec<TableName>,
    /// `not_null`, `unique`, …, or `singular`.
    pub kind: String,
    pub severity: TestSeverity,
    pub tags: Vec<String>,
    /// Rows of this query are failures.
    pub sql: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TestSeverity {
    Warn,
    Error,
}
