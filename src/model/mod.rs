//! `sql/` → a project: models, sources, tests, configuration; every problem at once.
//!
//! Invariant: loading touches no table; a project that loads without diagnostics of severity error can be run.

use std::collections::BTreeMap;
use std::path::PathBuf;

use crate::names::{ModelName, TableName};
use crate::quality::Test;

/// A dbt project, compiled.
#[derive(Debug, Clone, Default)]
pub struct Project {
    pub root: PathBuf,
    pub models: BTreeMap<ModelName, Model>,
    pub sources: BTreeMap<TableName, SourceSpec>,
    pub tests: Vec<Test>,
}

#[derive(Debug, Clone)]
pub struct Model {
    pub name: ModelName,
    /// Relative to the project.
    pub path: PathBuf,
    pub raw_sql: String,
    /// Jinja rendered; names qualified.
    pub compiled_sql: String,
    pub materialized: Materialization,
    pub tags: Vec<String>,
    /// Models and sources it reads, found in `ref`/`source` and in the parsed statement.
    pub depends_on: Vec<TableName>,
    pub description: Option<String>,
    pub columns: Vec<ColumnSpec>,
    pub partition_by: Vec<String>,
    /// Calls a volatile function (`now()`, `random()` …): never skipped.
    pub volatile: bool,
    /// SHA-256 (hex) of compiled SQL and configuration.
    pub fingerprint: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Materialization {
    Table,
    View,
}

#[derive(Debug, Clone, Default)]
pub struct ColumnSpec {
    pub name: String,
    pub description: Option<String>,
    /// As in the YAML: a PostgreSQL type name.
    pub data_type: Option<String>,
    /// The header in the file, where it differs from `name`.
    pub header: Option<String>,
}

/// A bronze table and what feeds it.
#[derive(Debug, Clone)]
pub struct SourceSpec {
    pub name: TableName,
    pub description: Option<String>,
    pub columns: Vec<ColumnSpec>,
    /// `meta.lakewire` of the table in `sources.yml`: format, path, mode, encoding …; read by `source`.
    pub options: serde_json::Value,
    pub declared_at: Place,
}

/// A file and line of the project.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    pub file: PathBuf,
    pub line: usize,
    pub column: usize,
}

/// A problem of the project.
#[derive(Debug, Clone)]
pub struct Diagnostic {
    pub severity: DiagnosticSeverity,
    pub place: Option<Place>,
    pub message: String,
    pub hint: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DiagnosticSeverity {
    Error,
    Warning,
}
