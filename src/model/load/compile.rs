//! The second pass: models and tests compiled, with all names known.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use sha2::{Digest, Sha256};

use super::Draft;
use crate::model::data_tests::{self, Target};
use crate::model::diagnostic::{Diagnostic, Diagnostics, Place};
use crate::model::files::TextFile;
use crate::model::jinja::{Known, NodeInfo, Rendered, Renderer, Unknown};
use crate::model::schema_file::{ModelDoc, SourceDoc};
use crate::model::statement::{self, Analysis, Reference};
use crate::model::{Materialization, Model, Project, source_map};
use crate::names::{TableName, nearest};
use crate::quality::{Test, TestSeverity};

/// Schemas of the server itself: read freely, and part of no graph.
const SYSTEM: &[&str] = &["information_schema", "lakewire", "pg_catalog"];

/// Compiles a model; `None` if its text is no model, which is reported.
pub fn model(
    draft: &Draft,
    doc: Option<&ModelDoc>,
    renderer: &Renderer,
    disabled: &BTreeSet<String>,
    problems: &mut Diagnostics,
) -> Option<Model> {
    let compiled = compile(&draft.file, &draft.node(), renderer, disabled, problems)?;
    let materialized = draft.settings.materialized(problems);
    let mut model = Model {
        name: draft.relation.clone(),
        path: draft.file.path.clone(),
        raw_sql: draft.file.text.clone(),
        compiled_sql: compiled.sql,
        materialized,
        tags: draft.settings.texts("tags"),
        depends_on: compiled.depends_on,
        description: doc.and_then(|doc| doc.description.clone()),
        columns: doc.map(|doc| doc.columns.clone()).unwrap_or_default(),
        partition_by: draft.settings.texts("partition_by"),
        volatile: compiled.volatile,
        fingerprint: String::new(),
    };
    model.fingerprint = fingerprint(&model);
    Some(model)
}

/// Everything of a model that its relation shows: a change of any of it makes the model run again.
fn fingerprint(model: &Model) -> String {
    let materialized = match model.materialized {
        Materialization::Table => "table",
        Materialization::View => "view",
    };
    let columns: Vec<_> =
        model.columns.iter().map(|column| (&column.name, &column.description, &column.data_type)).collect();
    let config = serde_json::json!({
        "materialized": materialized,
        "partition_by": model.partition_by,
        "description": model.description,
        "columns": columns,
    });
    let mut hash = Sha256::new();
    hash.update(model.compiled_sql.as_bytes());
    hash.update([0]);
    hash.update(config.to_string().as_bytes());
    hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

struct Compiled {
    sql: String,
    depends_on: Vec<TableName>,
    volatile: bool,
}

/// Renders, parses, qualifies names, finds what is read.
fn compile(
    file: &TextFile,
    node: &NodeInfo,
    renderer: &Renderer,
    disabled: &BTreeSet<String>,
    problems: &mut Diagnostics,
) -> Option<Compiled> {
    let rendered = match renderer.render(node, file) {
        Ok(rendered) => rendered,
        Err(problem) => {
            problems.push(*problem);
            return None;
        }
    };
    report_unknown(file, &rendered, renderer, disabled, problems);
    let text = rendered.text.trim_end();
    let analysis = match statement::analyse(text) {
        Ok(analysis) => analysis,
        Err(bad) => {
            let (line, column) = bad.at.unwrap_or((0, 0));
            let (place, exact) = source_map::locate(&file.shown, &file.text, text, line, column);
            let mut diagnostic = Diagnostic::error(place, bad.message);
            diagnostic.hint = bad.hint;
            if let (false, Some(compiled)) = (exact, text.lines().nth(line.wrapping_sub(1))) {
                diagnostic.message += &format!(" (line {line} of the compiled SQL: {})", compiled.trim());
            }
            problems.push(diagnostic);
            return None;
        }
    };
    let sql = statement::without_semicolon(text);
    let locate =
        |reference: &Reference| source_map::locate(&file.shown, &file.text, text, reference.line, reference.column).0;
    let names = Names { known: renderer.known()?, this: &node.relation, unknown: &rendered.unknown };
    let (sql, depends_on, reads_system) = names.resolve(sql, &analysis, &rendered, locate, problems);
    Some(Compiled { sql, depends_on, volatile: reads_system || !analysis.volatile.is_empty() })
}

/// Reports what `ref` and `source` could not find, at the place of each call.
fn report_unknown(
    file: &TextFile,
    rendered: &Rendered,
    renderer: &Renderer,
    disabled: &BTreeSet<String>,
    problems: &mut Diagnostics,
) {
    for unknown in &rendered.unknown {
        let name = match unknown {
            Unknown::Ref(name) => name,
            Unknown::Source(_, table) => table,
        };
        let place = place_of_name(&file.shown, &file.text, name);
        problems.push(match unknown {
            Unknown::Ref(name) if disabled.contains(name) => {
                Diagnostic::error(place, format!("model \"{name}\" is disabled"))
                    .with_hint("it has enabled: false in its configuration")
            }
            _ => unknown.to_diagnostic(place, renderer.known()),
        });
    }
}

/// Where a name stands in a text: in quotes as in `ref('name')`, else as a word, else at the beginning.
pub fn place_of_name(file: &Path, text: &str, name: &str) -> Place {
    let quoted = [format!("'{name}'"), format!("\"{name}\"")];
    let at = quoted.iter().find_map(|quoted| text.find(quoted).map(|at| at + 1)).or_else(|| {
        let is_word = |c: char| c.is_alphanumeric() || c == '_';
        text.match_indices(name)
            .map(|(at, _)| at)
            .find(|at| !text[..*at].ends_with(is_word) && !text[at + name.len()..].starts_with(is_word))
    });
    at.map_or_else(|| Place::start_of(file), |at| Place::at_offset(file, text, at))
}

/// What a statement's names can mean.
struct Names<'a> {
    known: &'a Known,
    this: &'a TableName,
    /// Reported already where they were called.
    unknown: &'a [Unknown],
}

impl Names<'_> {
    fn all(&self) -> impl Iterator<Item = &TableName> {
        self.known.models.values().chain(self.known.sources.values())
    }

    /// Qualifies the names of a statement, and gives what it reads and whether that includes a system table.
    fn resolve(
        &self,
        sql: &str,
        analysis: &Analysis,
        rendered: &Rendered,
        locate: impl Fn(&Reference) -> Place,
        problems: &mut Diagnostics,
    ) -> (String, Vec<TableName>, bool) {
        let mut depends_on: BTreeSet<TableName> = rendered.refs.iter().cloned().collect();
        let mut schemas = Vec::new();
        let mut reads_system = false;
        for reference in &analysis.references {
            match &reference.schema {
                Some(schema) if SYSTEM.contains(&schema.as_str()) => reads_system = true,
                Some(schema) => match self.qualified(schema, &reference.name, locate(reference)) {
                    Ok(table) => {
                        depends_on.insert(table);
                    }
                    Err(problem) => problems.push(*problem),
                },
                None if self.is_reported(&reference.name) => {}
                None => match self.unqualified(&reference.name, locate(reference)) {
                    Ok(table) => {
                        schemas.push((reference.line, reference.column, table.schema.clone()));
                        depends_on.insert(table);
                    }
                    Err(problem) => problems.push(*problem),
                },
            }
        }
        (statement::qualify(sql, &schemas), depends_on.into_iter().collect(), reads_system)
    }

    fn is_reported(&self, name: &str) -> bool {
        self.unknown.iter().any(|unknown| matches!(unknown, Unknown::Ref(reported) if reported == name))
    }

    /// A model or source, or a table of the lake in a schema that is not the project's.
    fn qualified(&self, schema: &str, name: &str, place: Place) -> Result<TableName, Box<Diagnostic>> {
        let table = TableName::new(schema, name);
        let reported = self
            .unknown
            .iter()
            .any(|unknown| matches!(unknown, Unknown::Source(source, table) if source == schema && table == name));
        let ours = self.all().any(|known| known.schema == schema);
        if self.all().any(|known| *known == table) || reported || !ours {
            return Ok(table);
        }
        let names: Vec<String> = self.all().map(ToString::to_string).collect();
        let near = nearest(&table.to_string(), names.iter().map(String::as_str)).map(str::to_owned);
        // The right name in the wrong schema is nearer than any slip of the pen.
        let near = self.all().find(|known| known.name == name).map(ToString::to_string).or(near);
        Err(Box::new(
            Diagnostic::error(place, format!("\"{table}\" is neither a model nor a source"))
                .with_hint("declare it under sources: in a .yml file if it comes from elsewhere")
                .with_nearest(near),
        ))
    }

    /// The one model, else the one source, of that name.
    fn unqualified(&self, name: &str, place: Place) -> Result<TableName, Box<Diagnostic>> {
        let matching = |all: &mut dyn Iterator<Item = &TableName>| -> Vec<TableName> {
            all.filter(|known| known.name == name && *known != self.this).cloned().collect()
        };
        let mut found = matching(&mut self.known.models.values());
        if found.is_empty() {
            found = matching(&mut self.known.sources.values());
        }
        match found.as_slice() {
            [one] => Ok(one.clone()),
            [] if self.this.name == name => Ok(self.this.clone()),
            [] => Err(Box::new(
                Diagnostic::error(place, format!("unknown relation \"{name}\""))
                    .with_hint("no model and no source has this name")
                    .with_nearest(nearest(name, self.all().map(|known| known.name.as_str()))),
            )),
            many => {
                let names: Vec<String> = many.iter().map(ToString::to_string).collect();
                Err(Box::new(
                    Diagnostic::error(place, format!("\"{name}\" is ambiguous"))
                        .with_hint(format!("write one of {}", names.join(", "))),
                ))
            }
        }
    }
}

/// Compiles the tests of schema files into the project.
pub fn generic_tests(
    project: &mut Project,
    docs: &BTreeMap<String, ModelDoc>,
    sources: &[SourceDoc],
    drafts: &BTreeMap<String, Draft>,
    renderer: &Renderer,
    problems: &mut Diagnostics,
) {
    let mut declared = Vec::new();
    for doc in docs.values() {
        if let Some(draft) = drafts.get(&doc.name) {
            declared.push((&doc.tests, &draft.relation, doc.name.clone(), false));
        }
    }
    for source in sources {
        let label = format!("{}_{}", source.spec.source, source.table);
        declared.push((&source.tests, &source.spec.name, label, true));
    }
    for (tests, relation, label, is_source) in declared {
        for raw in tests {
            let target = Target { relation, label: &label, is_source };
            let place = raw.node.place(&raw.file);
            if let Some(test) = data_tests::compile(raw, &target, renderer, problems) {
                add(project, test, place, problems);
            }
        }
    }
}

/// Compiles the queries of the test folders.
pub fn singular_tests(project: &mut Project, files: &[TextFile], renderer: &Renderer, problems: &mut Diagnostics) {
    let order = project.dag().order().unwrap_or_default();
    for file in files {
        let name = file.stem();
        let node = NodeInfo { name: name.clone(), relation: TableName::new("", &name), path: file.path.clone() };
        let Some(compiled) = compile(file, &node, renderer, &BTreeSet::new(), problems) else { continue };
        let settings = match renderer.render(&node, file) {
            Ok(rendered) => rendered.settings,
            Err(_) => continue,
        };
        if !settings.enabled() {
            continue;
        }
        let place = Place::start_of(&file.shown);
        let target = order.iter().rev().find(|name| compiled.depends_on.contains(name));
        let Some(target) = target.or(compiled.depends_on.last()).cloned() else {
            problems.push(
                Diagnostic::error(place, format!("test \"{name}\" reads no model and no source"))
                    .with_hint("a test is a query for the rows of a model that break it"),
            );
            continue;
        };
        let severity = match settings.get("severity") {
            Some(value) => data_tests::severity(value, &place, problems),
            None => TestSeverity::Error,
        };
        let test = Test {
            name,
            target,
            depends_on: compiled.depends_on,
            kind: "singular".to_owned(),
            severity,
            tags: settings.texts("tags"),
            sql: compiled.sql,
        };
        add(project, test, place, problems);
    }
}

fn add(project: &mut Project, test: Test, place: Place, problems: &mut Diagnostics) {
    if project.tests.iter().any(|other| other.name == test.name) {
        problems.push(
            Diagnostic::error(place, format!("there are two tests named \"{}\"", test.name))
                .with_hint("give one of them a name: of its own"),
        );
        return;
    }
    project.tests.push(test);
}
