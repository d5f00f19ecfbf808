//! PostgreSQL's functions and operators on values, where DataFusion has none or others.
//!
//! [`time`]: dates, times, timestamps, intervals.
//!
//! Invariant: what a function depends on besides its arguments is the session's [`Style`] and the clock.

pub mod time;

use std::any::Any;

use datafusion::arrow::datatypes::{DataType, Field, FieldRef};
use datafusion::common::config::{ConfigEntry, ConfigExtension, ConfigOptions, ExtensionOptions};
use datafusion::error::{DataFusionError, Result as DataFusionResult};
use datafusion::logical_expr::ScalarUDF;

use crate::error::{Error, ErrorKind};
use crate::pgcatalog::format_type;
use crate::pgtypes::{self, Style};

/// All of them, in place of DataFusion's of the same names.
pub fn all() -> Vec<ScalarUDF> {
    time::functions()
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
    let types: Vec<String> = fields.iter().map(|field| type_name(field)).collect();
    Error::new(ErrorKind::UndefinedFunction, format!("function {name}({}) does not exist", types.join(", ")))
        .with_hint("No function matches the given name and argument types. You might need to add explicit type casts.")
}

/// The name of a type in messages. A string constant has no type yet.
pub fn type_name(field: &Field) -> String {
    match field.data_type() {
        DataType::Utf8 | DataType::Null if field.metadata().is_empty() => "unknown".to_owned(),
        _ => format_type(pgtypes::column_type(field).oid(), -1),
    }
}
