//! `sql/` → a project: models, sources, tests, configuration; every problem at once.
//!
//! Loading goes in two passes, as dbt's does. The first renders each model only to learn its configuration, and so the
//! name of the relation it makes; the second renders it with all names known, parses the SQL and finds what it reads.
//!
//! Invariant: loading touches no table; a project that loads without diagnostics of severity error can be run.
//! Invariant: a problem never hides another: whatever can still be read is read.

mod data_tests;
mod diagnostic;
mod files;
mod jinja;
mod load;
mod project_file;
mod schema_file;
pub mod selector;
mod settings;
mod source_map;
mod statement;
mod yaml;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

pub use diagnostic::{Diagnostic, DiagnosticSeverity, Diagnostics, Place, to_error};
pub use load::load;

use crate::dag::Dag;
use crate::names::{ModelName, TableName};
use crate::quality::Test;

/// Answers the value of an environment variable.
pub type EnvironmentLookup = Arc<dyn Fn(&str) -> Option<String> + Send + Sync>;

/// What a project takes from outside its folder.
#[derive(Clone)]
pub struct ProjectEnv {
    /// `target.name`: the environment (`dev`, `prod` …).
    pub target: String,
    /// Override `vars:` of `dbt_project.yml`.
    pub vars: BTreeMap<String, serde_json::Value>,
    /// Looks up an environment variable, for `env_var()`.
    pub env_var: EnvironmentLookup,
}

impl Default for ProjectEnv {
    fn default() -> Self {
        Self { target: "dev".to_owned(), vars: BTreeMap::new(), env_var: Arc::new(|_| None) }
    }
}

/// A dbt project, compiled.
#[derive(Debug, Clone, Default)]
pub struct Project {
    pub name: String,
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
    /// Jinja rendered; names qualified; one query without a semicolon.
    pub compiled_sql: String,
    pub materialized: Materialization,
    pub tags: Vec<String>,
    /// Models and sources it reads, found in `ref`/`source` and in the parsed statement, and other relations of the
    /// lake that are neither (in a schema without models). Sorted.
    pub depends_on: Vec<TableName>,
    pub description: Option<String>,
    pub columns: Vec<ColumnSpec>,
    pub partition_by: Vec<String>,
    /// Calls a volatile function (`now()`, `random()` …) or reads a system table: never skipped.
    pub volatile: bool,
    /// SHA-256 (hex) of compiled SQL and configuration.
    pub fingerprint: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Materialization {
    Table,
    View,
}

impl Materialization {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Table => "table",
            Self::View => "view",
        }
    }
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
    /// The source's own name, by which selectors know it: `bronze` in `source:bronze.online_retail`.
    pub source: String,
    pub description: Option<String>,
    pub columns: Vec<ColumnSpec>,
    /// `meta.lakewire` of the table in `sources.yml`: format, path, mode, encoding …; read by `source`. Null if the
    /// table has none: nothing here feeds it.
    pub options: serde_json::Value,
    pub tags: Vec<String>,
    pub declared_at: Place,
}

impl Project {
    /// Models and sources with what they read; an edge runs from a model to its inputs.
    pub fn dag(&self) -> Dag<TableName> {
        let mut dag = Dag::new();
        for source in self.sources.keys() {
            dag.insert(source.clone());
        }
        for model in self.models.values() {
            dag.insert(model.name.clone());
            for input in &model.depends_on {
                dag.depend(model.name.clone(), input.clone());
            }
        }
        dag
    }

    /// The tests to run once `name` is built.
    pub fn tests_of<'a>(&'a self, name: &'a TableName) -> impl Iterator<Item = &'a Test> {
        self.tests.iter().filter(move |test| test.target == *name)
    }
}
