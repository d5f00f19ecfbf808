//! Schema files: what `*.yml` beside the models says of models and sources.

use std::path::Path;

use super::diagnostic::{Diagnostic, Diagnostics, Place};
use super::files::TextFile;
use super::settings::Settings;
use super::yaml::{self, Entry, Node};
use super::{ColumnSpec, SourceSpec};
use crate::names::TableName;

/// Top-level keys of dbt; those that are not read here are left alone.
const TOP: &[&str] = &[
    "analyses",
    "anchors",
    "data_tests",
    "exposures",
    "functions",
    "groups",
    "macros",
    "metrics",
    "models",
    "saved_queries",
    "seeds",
    "semantic_models",
    "snapshots",
    "sources",
    "tests",
    "unit_tests",
    "version",
];
const MODEL: &[&str] = &[
    "access",
    "columns",
    "config",
    "constraints",
    "data_tests",
    "deprecation_date",
    "description",
    "docs",
    "group",
    "latest_version",
    "meta",
    "name",
    "tags",
    "tests",
    "time_spine",
    "versions",
];
const COLUMN: &[&str] = &[
    "config",
    "constraints",
    "data_tests",
    "data_type",
    "description",
    "granularity",
    "meta",
    "name",
    "policy_tags",
    "quote",
    "tags",
    "tests",
];
const SOURCE: &[&str] = &[
    "config",
    "database",
    "description",
    "freshness",
    "loaded_at_field",
    "loader",
    "meta",
    "name",
    "overrides",
    "quoting",
    "schema",
    "tables",
    "tags",
    "tests",
    "data_tests",
];
const TABLE: &[&str] = &[
    "columns",
    "config",
    "data_tests",
    "description",
    "external",
    "freshness",
    "identifier",
    "loaded_at_field",
    "loader",
    "meta",
    "name",
    "quoting",
    "tags",
    "tests",
];

/// A test as it is written, before it is understood.
#[derive(Debug, Clone)]
pub struct RawTest {
    pub node: Node,
    pub file: std::path::PathBuf,
    /// The column it stands under, as SQL text.
    pub column: Option<String>,
}

/// What a schema file says of a model.
#[derive(Debug, Clone)]
pub struct ModelDoc {
    pub name: String,
    pub place: Place,
    pub description: Option<String>,
    pub columns: Vec<ColumnSpec>,
    pub settings: Settings,
    pub tests: Vec<RawTest>,
}

/// A source table with its tests.
#[derive(Debug, Clone)]
pub struct SourceDoc {
    /// The table's name within its source (its identifier may differ).
    pub table: String,
    pub spec: SourceSpec,
    pub tests: Vec<RawTest>,
}

/// Reads one schema file.
pub fn read(file: &TextFile, models: &mut Vec<ModelDoc>, sources: &mut Vec<SourceDoc>, problems: &mut Diagnostics) {
    let Some(node) = yaml::parse(&file.shown, &file.text, problems) else { return };
    let mut reader = Reader { file: &file.shown, problems };
    for entry in node.map(&file.shown, "a schema file", reader.problems) {
        match entry.key.as_str() {
            "version" => reader.version(&entry.value),
            "models" => {
                for model in entry.value.seq(&file.shown, "models", reader.problems) {
                    models.extend(reader.model(model));
                }
            }
            "sources" => {
                for source in entry.value.seq(&file.shown, "sources", reader.problems) {
                    reader.source(source, sources);
                }
            }
            key if TOP.contains(&key) => {}
            _ => entry.unknown(&file.shown, "a schema file", TOP, reader.problems),
        }
    }
}

struct Reader<'a> {
    file: &'a Path,
    problems: &'a mut Diagnostics,
}

impl Reader<'_> {
    fn version(&mut self, node: &Node) {
        if node.scalar().as_deref() != Some("2") {
            self.problems.push(Diagnostic::error(node.place(self.file), "version of a schema file must be 2"));
        }
    }

    fn text(&mut self, entry: &Entry) -> Option<String> {
        entry.value.text(self.file, &entry.key, self.problems)
    }

    /// The name of an item, without which it is of no use.
    fn name(&mut self, node: &Node, what: &str) -> Option<String> {
        let name = node.get("name").and_then(Node::scalar).filter(|name| !name.is_empty());
        if name.is_none() {
            self.problems.push(Diagnostic::error(node.place(self.file), format!("{what} has no name")));
        }
        name
    }

    fn tests(&mut self, entry: &Entry, column: Option<&str>) -> Vec<RawTest> {
        entry
            .value
            .seq(self.file, &entry.key, self.problems)
            .iter()
            .map(|node| RawTest { node: node.clone(), file: self.file.to_owned(), column: column.map(str::to_owned) })
            .collect()
    }

    fn model(&mut self, node: &Node) -> Option<ModelDoc> {
        let file = self.file;
        let entries = node.map(file, "a model", self.problems);
        let name = self.name(node, "a model")?;
        let place = node.get("name").map_or_else(|| node.place(file), |name| name.place(file));
        let mut doc = ModelDoc {
            name,
            place,
            description: None,
            columns: Vec::new(),
            settings: Settings::default(),
            tests: Vec::new(),
        };
        for entry in entries {
            match entry.key.as_str() {
                "description" => doc.description = self.text(entry),
                "columns" => doc.columns = self.columns(entry, &doc.name, &mut doc.tests),
                "config" => doc.settings.set_all(entry.value.map(file, "config", self.problems), file),
                "tags" | "meta" => doc.settings.set(&entry.key, entry.value.to_json(), entry.place(file)),
                "tests" | "data_tests" => doc.tests.extend(self.tests(entry, None)),
                key if MODEL.contains(&key) => {}
                _ => entry.unknown(file, "a model", MODEL, self.problems),
            }
        }
        Some(doc)
    }

    fn columns(&mut self, entry: &Entry, of: &str, tests: &mut Vec<RawTest>) -> Vec<ColumnSpec> {
        let mut columns: Vec<ColumnSpec> = Vec::new();
        for node in entry.value.seq(self.file, "columns", self.problems) {
            let entries = node.map(self.file, "a column", self.problems);
            let Some(name) = self.name(node, "a column") else { continue };
            if columns.iter().any(|column| column.name == name) {
                let message = format!("column \"{name}\" of \"{of}\" is documented twice");
                self.problems.push(Diagnostic::error(node.place(self.file), message));
                continue;
            }
            let quote = node.get("quote").and_then(Node::scalar).as_deref() == Some("true");
            let sql = if quote { format!("\"{}\"", name.replace('"', "\"\"")) } else { name.clone() };
            let mut column = ColumnSpec { name, ..ColumnSpec::default() };
            for entry in entries {
                match entry.key.as_str() {
                    "description" => column.description = self.text(entry),
                    "data_type" => column.data_type = self.text(entry),
                    "tests" | "data_tests" => tests.extend(self.tests(entry, Some(&sql))),
                    key if COLUMN.contains(&key) => {}
                    _ => entry.unknown(self.file, "a column", COLUMN, self.problems),
                }
            }
            column.header = meta(node, "header").and_then(Node::scalar);
            columns.push(column);
        }
        columns
    }

    fn source(&mut self, node: &Node, sources: &mut Vec<SourceDoc>) {
        let file = self.file;
        let entries = node.map(file, "a source", self.problems);
        let Some(name) = self.name(node, "a source") else { return };
        for entry in entries.iter().filter(|entry| !SOURCE.contains(&entry.key.as_str())) {
            entry.unknown(file, "a source", SOURCE, self.problems);
        }
        let schema = node.get("schema").and_then(Node::scalar).unwrap_or_else(|| name.clone());
        let tags = self.tags(node);
        let Some(tables) = node.get("tables") else { return };
        for table in tables.seq(file, "tables", self.problems) {
            sources.extend(self.table(table, &name, &schema, &tags));
        }
    }

    fn tags(&mut self, node: &Node) -> Vec<String> {
        let lists = [node.get("tags"), node.get("config").and_then(|config| config.get("tags"))];
        lists.into_iter().flatten().flat_map(|tags| tags.texts(self.file, "tags", self.problems)).collect()
    }

    fn table(&mut self, node: &Node, source: &str, schema: &str, tags: &[String]) -> Option<SourceDoc> {
        let file = self.file;
        let entries = node.map(file, "a source table", self.problems);
        let table = self.name(node, "a source table")?;
        let identifier = node.get("identifier").and_then(Node::scalar).unwrap_or_else(|| table.clone());
        let mut tests = Vec::new();
        let mut spec = SourceSpec {
            name: TableName::new(schema, identifier),
            source: source.to_owned(),
            description: None,
            columns: Vec::new(),
            options: meta(node, "lakewire").map_or(serde_json::Value::Null, Node::to_json),
            tags: tags.iter().cloned().chain(self.tags(node)).collect(),
            declared_at: node.get("name").map_or_else(|| node.place(file), |name| name.place(file)),
        };
        for entry in entries {
            match entry.key.as_str() {
                "description" => spec.description = self.text(entry),
                "columns" => spec.columns = self.columns(entry, &table, &mut tests),
                "tests" | "data_tests" => tests.extend(self.tests(entry, None)),
                key if TABLE.contains(&key) => {}
                _ => entry.unknown(file, "a source table", TABLE, self.problems),
            }
        }
        Some(SourceDoc { table, spec, tests })
    }
}

/// `meta.key`, or `config.meta.key`, which newer dbt prefers.
fn meta<'a>(node: &'a Node, key: &str) -> Option<&'a Node> {
    let nested = node.get("config").and_then(|config| config.get("meta"));
    node.get("meta").or(nested).and_then(|meta| meta.get(key))
}
