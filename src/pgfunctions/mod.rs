//! PostgreSQL's functions and operators on values, where DataFusion has none or others.
//!
//! [`time`]: dates, times, timestamps, intervals. [`json`]: json and jsonb. `text`: strings and regular
//! expressions. `bytes`, `of_bytes`: bytea. [`arrays`]. [`aggregates`]: what is made of an array of a group's values. [`sets`]: functions that return rows, in FROM and in a SELECT list. [`operators`]: which
//! function an operator is. Most functions are rows of a table, see [`row`]; a new one is a new row.
//!
//! Invariant: what a function depends on besides its arguments is the session's [`Style`] and the clock.

mod aggregates;
mod array_order;
mod array_shapes;
mod arrays;
mod bytes;
mod columns;
mod composite;
mod gathered;
mod guarded;
mod json;
mod keys;
mod letter_case;
pub mod numeric_series;
mod of_bytes;
mod operators;
mod regex;
mod row;
mod sets;
mod substr;
mod text;
pub mod time;
mod unknown;
mod uuid;

use std::any::Any;
use std::collections::HashMap;
use std::sync::{Arc, LazyLock};

use datafusion::arrow::datatypes::{DataType, Field, FieldRef};
use datafusion::common::config::{ConfigEntry, ConfigExtension, ConfigOptions, ExtensionOptions};
use datafusion::error::{DataFusionError, Result as DataFusionResult};
use datafusion::logical_expr::expr::ScalarFunction;
use datafusion::logical_expr::planner::{ExprPlanner, RelationPlanner};
use datafusion::logical_expr::{AggregateUDF, Expr, ScalarUDF};

use crate::error::{Error, ErrorKind};
use crate::pgcatalog::format_type;
use crate::pgtypes::{self, Style};

/// The tables of functions.
fn tables() -> impl Iterator<Item = &'static [row::Function]> {
    [json::FUNCTIONS, text::FUNCTIONS, arrays::FUNCTIONS].into_iter().flatten().copied().chain([bytes::FUNCTIONS])
}

/// All of them, in place of DataFusion's of the same names.
pub fn all() -> Vec<ScalarUDF> {
    tables()
        .flat_map(row::scalar_udfs)
        .chain(arrays::functions())
        .chain(aggregates::finishers())
        .chain(time::functions())
        .chain(guarded::functions())
        .chain(of_bytes::functions())
        .chain(letter_case::functions())
        .chain([
            array_order::function(),
            array_order::sort_key(),
            uuid::gen_random_uuid(),
            substr::function(),
            gathered::function(),
            composite::function(),
        ])
        .collect()
}

/// Names of aggregates that are planned as functions of an array; they never run themselves.
pub fn aggregates() -> Vec<AggregateUDF> {
    aggregates::names()
}

/// What decides which function an operator or an aggregate is, before DataFusion's own.
pub fn expr_planners() -> Vec<Arc<dyn ExprPlanner>> {
    vec![Arc::new(operators::Operators), Arc::new(aggregates::Gathering)]
}

/// What plans functions in FROM that return rows.
pub fn relation_planner() -> Arc<dyn RelationPlanner> {
    Arc::new(sets::Sets)
}

pub use array_order::ARRAY_ORDER;
pub use array_shapes::{Shape, shape_at};
pub use arrays::elements;
pub use composite::COMPOSITE;
pub use json::{JSON_OUT, JsonType, check_path, rewrite_casts as rewrite_json_casts};
pub use keys::{both_by_keys, by_keys, in_subquery_by_keys, sort_by_keys};
pub use operators::{matching_part, settled_jsonb, settled_reading};
pub use sets::{ONE_ROW, laterals_unfolded};
pub use text::{RECORD_OUT, TO_HEX_OF_BIGINT};
pub use unknown::{is_stand_in, stand_in};

/// A call of a function of ours.
pub fn call(name: &str, args: Vec<Expr>) -> DataFusionResult<Expr> {
    static ALL: LazyLock<HashMap<String, Arc<ScalarUDF>>> =
        LazyLock::new(|| all().into_iter().map(|udf| (udf.name().to_owned(), Arc::new(udf))).collect());
    match ALL.get(name) {
        Some(function) => Ok(Expr::ScalarFunction(ScalarFunction::new_udf(function.clone(), args))),
        None => Err(DataFusionError::Internal(format!("no function {name}"))),
    }
}

/// How values are read and written in the session that a plan belongs to, carried in DataFusion's configuration.
#[derive(Debug, Clone)]
pub struct SessionStyle(pub Style);

impl ConfigExtension for SessionStyle {
    const PREFIX: &'static str = "lakewire_style";
}

impl ExtensionOptions for SessionStyle {
    fn as_any(&self) -> &dyn Any {
        self
    }
    fn as_any_mut(&mut self) -> &mut dyn Any {
        self
    }
    fn cloned(&self) -> Box<dyn ExtensionOptions> {
        Box::new(self.clone())
    }
    fn set(&mut self, key: &str, _value: &str) -> DataFusionResult<()> {
        Err(DataFusionError::Configuration(format!("\"{key}\" cannot be set")))
    }
    fn entries(&self) -> Vec<ConfigEntry> {
        Vec::new()
    }
}

/// The style of the session; the default where there is none.
pub fn session_style(options: &ConfigOptions) -> Style {
    options.extensions.get::<SessionStyle>().map(|style| style.0).unwrap_or_default()
}

/// An error of ours on DataFusion's way.
pub fn external(error: Error) -> DataFusionError {
    DataFusionError::External(Box::new(error))
}

/// PostgreSQL's words for a function that takes no such arguments.
pub fn undefined(name: &str, fields: &[FieldRef]) -> Error {
    undefined_call(name, &fields.iter().map(|field| type_name(field)).collect::<Vec<_>>())
}

/// The same, of types by name.
pub fn undefined_call(name: &str, types: &[String]) -> Error {
    Error::new(ErrorKind::UndefinedFunction, format!("function {name}({}) does not exist", types.join(", ")))
        .with_hint("No function matches the given name and argument types. You might need to add explicit type casts.")
}

/// A call that several functions may be meant by.
pub fn ambiguous_call(name: &str, types: &[String]) -> Error {
    Error::new(ErrorKind::AmbiguousFunction, format!("function {name}({}) is not unique", types.join(", ")))
        .with_hint("Could not choose a best candidate function. You might need to add explicit type casts.")
}

/// The name of a type in messages. A string constant has no type yet.
pub fn type_name(field: &Field) -> String {
    match field.data_type() {
        DataType::Utf8 | DataType::Null if field.metadata().is_empty() => "unknown".to_owned(),
        _ => format_type(pgtypes::column_type(field).oid(), -1),
    }
}

#[cfg(test)]
mod tests {
    use super::columns::Returns;
    use super::tables;
    use crate::dialect::SET_FUNCTIONS;

    #[test]
    fn functions_that_return_rows_are_known_to_the_dialect() {
        let mut sets: Vec<&str> = tables()
            .flatten()
            .filter(|row| matches!(row.returns, Returns::Set(_) | Returns::Table(_)))
            .map(|row| row.name)
            .collect();
        sets.sort_unstable();
        // the catalogs' own
        let theirs = ["_pg_expandarray", "aclexplode", "pg_listening_channels"];
        let known: Vec<&str> = SET_FUNCTIONS.iter().copied().filter(|name| !theirs.contains(name)).collect();
        assert_eq!(sets, known);
    }
}
