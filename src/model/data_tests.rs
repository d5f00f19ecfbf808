//! Tests written in schema files, and singular tests, as [`Test`]s.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::Value as Json;

use super::diagnostic::{Diagnostic, Diagnostics, Place};
use super::jinja::{NodeInfo, Renderer};
use super::schema_file::RawTest;
use super::yaml::{Entry, Node, Yaml};
use crate::names::{TableName, nearest};
use crate::quality::{Rule, Test, TestSeverity, test_name};

/// The generic tests with their arguments; `column_name` is given by the column a test stands under.
const GENERIC: &[(&str, &[&str])] = &[
    ("accepted_values", &["column_name", "quote", "values"]),
    ("expression_is_true", &["column_name", "expression"]),
    ("not_null", &["column_name"]),
    ("relationships", &["column_name", "field", "to"]),
    ("unique", &["column_name"]),
    ("unique_combination_of_columns", &["column_name", "combination_of_columns", "quote_columns"]),
];

/// Configuration of a test, which stands beside its arguments or under `config:`.
const CONFIG: &[&str] = &["enabled", "limit", "meta", "severity", "tags", "where"];

/// Configuration of dbt's that has no effect here.
const IGNORED: &[&str] = &[
    "alias",
    "database",
    "error_if",
    "fail_calc",
    "group",
    "schema",
    "store_failures",
    "store_failures_as",
    "warn_if",
];

/// The relation that tests are written for.
pub struct Target<'a> {
    pub relation: &'a TableName,
    /// As test names have it: the model, or source and table.
    pub label: &'a str,
    pub is_source: bool,
}

/// A test, taken apart.
struct Declaration<'a> {
    kind: String,
    name: Option<String>,
    place: Place,
    arguments: BTreeMap<String, &'a Node>,
    config: BTreeMap<String, (Json, Place)>,
}

/// Compiles a test of a schema file; `None` if it is switched off or wrong, which is reported.
pub fn compile(raw: &RawTest, target: &Target<'_>, renderer: &Renderer, problems: &mut Diagnostics) -> Option<Test> {
    let declaration = declaration(raw, problems)?;
    let compiler = Compiler { raw, target, renderer, declaration: &declaration };
    compiler.test(problems)
}

/// Splits `not_null`, `{not_null: {…}}` or `{test_name: not_null, …}`.
fn declaration<'a>(raw: &'a RawTest, problems: &mut Diagnostics) -> Option<Declaration<'a>> {
    let file = raw.file.as_path();
    let mut problem = |message: &str| problems.push(Diagnostic::error(raw.node.place(file), message));
    let (kind, place, entries): (String, Place, &[Entry]) = match &raw.node.value {
        Yaml::Text(kind) => (kind.clone(), raw.node.place(file), &[]),
        Yaml::Map(entries) => match (entries.as_slice(), raw.node.get("test_name").and_then(Node::scalar)) {
            (entries, Some(kind)) => (kind, raw.node.place(file), entries),
            ([entry], None) => match &entry.value.value {
                Yaml::Map(inner) => (entry.key.clone(), entry.place(file), inner),
                Yaml::Null => (entry.key.clone(), entry.place(file), &[]),
                _ => {
                    problem(&format!("arguments of test \"{}\" must be a mapping", entry.key));
                    return None;
                }
            },
            _ => {
                problem("a test is a name, or one name with its arguments below it");
                return None;
            }
        },
        _ => {
            problem("a test is a name, or one name with its arguments below it");
            return None;
        }
    };
    // `dbt_utils.expression_is_true` and the like: the package is no part of the name here.
    let kind = kind.rsplit('.').next().unwrap_or_default().to_owned();
    let mut declared = Declaration { kind, name: None, place, arguments: BTreeMap::new(), config: BTreeMap::new() };
    for entry in entries {
        declared.add(entry, file, problems);
    }
    Some(declared)
}

impl<'a> Declaration<'a> {
    fn add(&mut self, entry: &'a Entry, file: &Path, problems: &mut Diagnostics) {
        let mut configure = |entry: &Entry, problems: &mut Diagnostics| {
            let key = entry.key.as_str();
            if CONFIG.contains(&key) {
                self.config.insert(key.to_owned(), (entry.value.to_json(), entry.place(file)));
            } else if IGNORED.contains(&key) {
                let message = format!("config \"{key}\" of a test has no effect here");
                problems.push(Diagnostic::warning(entry.place(file), message));
            } else {
                entry.unknown(file, "the config of a test", CONFIG, problems);
            }
        };
        match entry.key.as_str() {
            "config" => {
                for entry in entry.value.map(file, "config", problems) {
                    configure(entry, problems);
                }
            }
            "arguments" => {
                for entry in entry.value.map(file, "arguments", problems) {
                    self.arguments.insert(entry.key.clone(), &entry.value);
                }
            }
            "name" => self.name = entry.value.text(file, "name", problems),
            "description" | "test_name" => {}
            key if CONFIG.contains(&key) || IGNORED.contains(&key) => configure(entry, problems),
            _ => {
                self.arguments.insert(entry.key.clone(), &entry.value);
            }
        }
    }
}

struct Compiler<'a> {
    raw: &'a RawTest,
    target: &'a Target<'a>,
    renderer: &'a Renderer,
    declaration: &'a Declaration<'a>,
}

impl Compiler<'_> {
    fn test(&self, problems: &mut Diagnostics) -> Option<Test> {
        let options = Options::read(&self.declaration.config, problems);
        if !options.enabled {
            return None;
        }
        let relation = match &options.filter {
            Some(filter) => {
                format!("(select * from {} where {filter}) as dbt_subquery", self.target.relation.quoted())
            }
            None => self.target.relation.quoted(),
        };
        let kind = self.declaration.kind.as_str();
        let mut depends_on = vec![self.target.relation.clone()];
        let mut sql = match GENERIC.iter().find(|(name, _)| *name == kind) {
            Some((_, known)) => {
                if !self.arguments_are_known(known, problems) {
                    return None;
                }
                self.rule(&mut depends_on, problems)?.sql(&relation)
            }
            None => self.custom(&relation, &mut depends_on, problems)?,
        };
        if let Some(limit) = options.limit {
            sql = format!("select * from (\n{sql}\n) as failures limit {limit}");
        }
        depends_on.sort();
        depends_on.dedup();
        Some(Test {
            name: self.declaration.name.clone().unwrap_or_else(|| self.default_name()),
            target: self.target.relation.clone(),
            depends_on,
            kind: kind.to_owned(),
            severity: options.severity,
            tags: options.tags,
            sql,
        })
    }

    fn problem(&self, message: impl Into<String>) -> Diagnostic {
        Diagnostic::error(self.declaration.place.clone(), message)
    }

    fn arguments_are_known(&self, known: &[&str], problems: &mut Diagnostics) -> bool {
        let mut all_known = true;
        for (name, node) in &self.declaration.arguments {
            if !known.contains(&name.as_str()) {
                all_known = false;
                let message = format!("test \"{}\" has no argument \"{name}\"", self.declaration.kind);
                let near = nearest(name, known.iter().chain(CONFIG).copied());
                problems.push(
                    Diagnostic::error(node.place(&self.raw.file), message)
                        .with_hint(format!("arguments: {}", known.join(", ")))
                        .with_nearest(near),
                );
            }
        }
        all_known
    }

    fn rule(&self, depends_on: &mut Vec<TableName>, problems: &mut Diagnostics) -> Option<Rule> {
        Some(match self.declaration.kind.as_str() {
            "not_null" => Rule::NotNull { column: self.column(problems)? },
            "unique" => Rule::Unique { column: self.column(problems)? },
            "accepted_values" => {
                let column = self.column(problems);
                let values = self.list("values", problems)?;
                let quote = match self.declaration.arguments.get("quote") {
                    Some(node) => node.boolean(&self.raw.file, "quote", problems)?,
                    None => true,
                };
                Rule::AcceptedValues { column: column?, values, quote }
            }
            "relationships" => {
                let column = self.column(problems);
                let to = self.relation("to", depends_on, problems);
                let field = self.text("field", problems)?;
                Rule::Relationships { column: column?, to: to?, field }
            }
            "expression_is_true" => Rule::ExpressionIsTrue {
                expression: self.text("expression", problems)?,
                column: match self.declaration.arguments.contains_key("column_name") || self.raw.column.is_some() {
                    true => Some(self.column(problems)?),
                    false => None,
                },
            },
            _ => {
                let columns = self.list("combination_of_columns", problems)?;
                let quote = self.declaration.arguments.get("quote_columns").and_then(|node| node.scalar());
                let quoted = |name: String| format!("\"{}\"", name.replace('"', "\"\""));
                let columns = match quote.as_deref() {
                    Some("true") => columns.into_iter().map(quoted).collect(),
                    _ => columns,
                };
                Rule::UniqueCombination { columns }
            }
        })
    }

    /// A test that a macro defines: `{% test name(model, column_name, …) %}`.
    fn custom(&self, relation: &str, depends_on: &mut Vec<TableName>, problems: &mut Diagnostics) -> Option<String> {
        let kind = &self.declaration.kind;
        if !self.renderer.has_macro(&format!("test_{kind}")) {
            let known: Vec<&str> = GENERIC.iter().map(|(name, _)| *name).collect();
            problems.push(
                self.problem(format!("unknown test \"{kind}\""))
                    .with_hint(format!("known: {}", known.join(", ")))
                    .with_nearest(nearest(kind, known.iter().copied())),
            );
            return None;
        }
        let mut arguments = vec![format!("model={}", Json::from(relation))];
        if let Some(column) = &self.raw.column {
            arguments.push(format!("column_name={}", Json::from(column.as_str())));
        }
        for (name, node) in &self.declaration.arguments {
            let value = match node.scalar().filter(|text| is_call(text)) {
                Some(call) => call,
                None => jinja_literal(&node.to_json()),
            };
            arguments.push(format!("{name}={value}"));
        }
        let text = format!("{{{{ test_{kind}({}) }}}}", arguments.join(", "));
        self.render(&text, depends_on, problems)
    }

    fn render(&self, text: &str, depends_on: &mut Vec<TableName>, problems: &mut Diagnostics) -> Option<String> {
        let node = NodeInfo {
            name: self.declaration.kind.clone(),
            relation: self.target.relation.clone(),
            path: self.raw.file.clone(),
        };
        match self.renderer.render_text(text, &self.declaration.place, &node) {
            Ok(rendered) => {
                for unknown in &rendered.unknown {
                    problems.push(unknown.to_diagnostic(self.declaration.place.clone(), self.renderer.known()));
                }
                depends_on.extend(rendered.refs);
                rendered.unknown.is_empty().then_some(rendered.text)
            }
            Err(problem) => {
                problems.push(*problem);
                None
            }
        }
    }

    fn column(&self, problems: &mut Diagnostics) -> Option<String> {
        match (&self.raw.column, self.declaration.arguments.get("column_name")) {
            (_, Some(node)) => node.text(&self.raw.file, "column_name", problems),
            (Some(column), None) => Some(column.clone()),
            (None, None) => {
                problems.push(
                    self.problem(format!("test \"{}\" has no column", self.declaration.kind))
                        .with_hint("write it below a column, or give it column_name"),
                );
                None
            }
        }
    }

    fn required(&self, name: &str, problems: &mut Diagnostics) -> Option<&Node> {
        let node = self.declaration.arguments.get(name).copied();
        if node.is_none() {
            problems.push(self.problem(format!("test \"{}\" needs the argument \"{name}\"", self.declaration.kind)));
        }
        node
    }

    fn text(&self, name: &str, problems: &mut Diagnostics) -> Option<String> {
        self.required(name, problems)?.text(&self.raw.file, name, problems)
    }

    fn list(&self, name: &str, problems: &mut Diagnostics) -> Option<Vec<String>> {
        let node = self.required(name, problems)?;
        match &node.value {
            Yaml::Seq(items) if !items.is_empty() => {
                Some(node.texts(&self.raw.file, name, problems)).filter(|values| values.len() == items.len())
            }
            _ => {
                let message = format!("{name} of test \"{}\" must be a list", self.declaration.kind);
                problems.push(Diagnostic::error(node.place(&self.raw.file), message));
                None
            }
        }
    }

    /// `ref('x')`, `source('a', 'b')`, or SQL as it stands.
    fn relation(&self, name: &str, depends_on: &mut Vec<TableName>, problems: &mut Diagnostics) -> Option<String> {
        let text = self.text(name, problems)?;
        match is_call(&text) {
            true => self.render(&format!("{{{{ {text} }}}}"), depends_on, problems),
            false => {
                depends_on.extend(text.parse::<TableName>().ok());
                Some(text)
            }
        }
    }

    fn default_name(&self) -> String {
        let prefix = if self.target.is_source { "source_" } else { "" };
        let mut arguments: Vec<(String, Vec<String>)> = self
            .declaration
            .arguments
            .iter()
            .map(|(name, node)| (name.clone(), python_parts(&node.to_json())))
            .collect();
        if let (Some(column), false) = (&self.raw.column, self.declaration.arguments.contains_key("column_name")) {
            arguments.push(("column_name".to_owned(), vec![column.clone()]));
        }
        test_name(&format!("{prefix}{}", self.declaration.kind), self.target.label, &arguments)
    }
}

/// What the configuration of a test comes to.
pub struct Options {
    pub enabled: bool,
    pub severity: TestSeverity,
    pub tags: Vec<String>,
    filter: Option<String>,
    limit: Option<u64>,
}

impl Options {
    fn read(config: &BTreeMap<String, (Json, Place)>, problems: &mut Diagnostics) -> Self {
        let value = |key: &str| config.get(key).map(|(value, _)| value);
        let severity = match config.get("severity") {
            Some((value, place)) => severity(value, place, problems),
            None => TestSeverity::Error,
        };
        let tags = match value("tags") {
            Some(Json::Array(tags)) => tags.iter().filter_map(Json::as_str).map(str::to_owned).collect(),
            Some(Json::String(tag)) => vec![tag.clone()],
            _ => Vec::new(),
        };
        Self {
            enabled: value("enabled").and_then(Json::as_bool).unwrap_or(true),
            severity,
            tags,
            filter: value("where").and_then(Json::as_str).map(str::to_owned),
            limit: value("limit").and_then(Json::as_u64),
        }
    }
}

/// `warn` or `error`, in any case.
pub fn severity(value: &Json, place: &Place, problems: &mut Diagnostics) -> TestSeverity {
    match value.as_str().map(str::to_lowercase).as_deref() {
        Some("warn") => TestSeverity::Warn,
        Some("error") => TestSeverity::Error,
        _ => {
            let message = format!("severity of a test must be warn or error, not {value}");
            problems.push(Diagnostic::error(place.clone(), message));
            TestSeverity::Error
        }
    }
}

fn is_call(text: &str) -> bool {
    let text = text.trim();
    (text.starts_with("ref(") || text.starts_with("source(")) && text.ends_with(')')
}

fn jinja_literal(value: &Json) -> String {
    match value {
        Json::Null => "none".to_owned(),
        Json::Array(items) => format!("[{}]", items.iter().map(jinja_literal).collect::<Vec<_>>().join(", ")),
        Json::Object(entries) => {
            let entries: Vec<String> = entries
                .iter()
                .map(|(key, value)| format!("{}: {}", Json::from(key.as_str()), jinja_literal(value)))
                .collect();
            format!("{{{}}}", entries.join(", "))
        }
        other => other.to_string(),
    }
}

/// A value as dbt puts it into a test's name.
fn python_parts(value: &Json) -> Vec<String> {
    let plain = |value: &Json| match value {
        Json::String(text) => text.clone(),
        Json::Bool(true) => "True".to_owned(),
        Json::Bool(false) => "False".to_owned(),
        Json::Null => "None".to_owned(),
        other => other.to_string(),
    };
    match value {
        Json::Array(items) => items.iter().map(plain).collect(),
        Json::Object(entries) => entries.values().map(plain).collect(),
        other => vec![plain(other)],
    }
}
