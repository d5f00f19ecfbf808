//! Rules on a statement's tree that have to know its tables: what PostgreSQL's names mean there is put into words that
//! DataFusion plans.
//!
//! Invariant: the rules are carried out in the order of [`expand`], each on what those before it have left.

pub(super) mod call_clauses;
pub(super) mod calls;
pub(super) mod common_columns;
mod grouped_keys;
pub(super) mod having_names;
mod known_relations;
pub(super) mod out_parameters;
mod outer_columns;
mod outer_names;
mod partial_aliases;
mod repeated_columns;
pub(super) mod system_columns;
pub(super) mod value_rows;
pub(super) mod values_parameters;
pub(super) mod whole_rows;

use std::collections::HashMap;
use std::sync::Arc;

use datafusion::common::TableReference;
use datafusion::logical_expr::TableSource;
use datafusion::sql::sqlparser::ast::Statement;

use crate::error::Result;

/// The statement with every name that stands for columns written out. `key_of`: the primary key of a table; `columns`: those
/// of a query.
///
/// # Errors
/// PostgreSQL's, for aliases that are too many and common columns that there are not.
pub(super) fn expand(
    statement: &mut Statement,
    tables: &HashMap<TableReference, Arc<dyn TableSource>>,
    key_of: grouped_keys::KeyOf,
    columns: common_columns::Columns,
) -> Result<()> {
    partial_aliases::complete(statement, tables)?;
    system_columns::expand(statement, tables);
    whole_rows::expand(statement, tables);
    outer_names::tell_apart(statement, tables);
    grouped_keys::expand(statement, tables, key_of);
    common_columns::expand(statement, columns)?;
    outer_columns::name(statement, tables);
    repeated_columns::expand(statement, tables);
    Ok(())
}
