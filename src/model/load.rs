//! Loads a project: reads the files, learns the names, compiles the models and tests, checks the whole.

mod compile;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use super::diagnostic::{Diagnostic, Diagnostics, Place};
use super::files::{self, TextFile};
use super::jinja::{Known, NodeInfo, Renderer};
use super::project_file::{self, ProjectFile};
use super::schema_file::{self, ModelDoc, SourceDoc};
use super::settings::Settings;
use super::{Project, ProjectEnv};
use crate::dag::Dag;
use crate::names::{TableName, nearest};

/// A model that is known by name and configuration, not yet compiled.
struct Draft {
    file: TextFile,
    /// What `ref` calls it.
    name: String,
    relation: TableName,
    settings: Settings,
    /// Its template could not be rendered; it is kept so that references to it are not reported as well.
    broken: bool,
}

impl Draft {
    fn node(&self) -> NodeInfo {
        NodeInfo { name: self.name.clone(), relation: self.relation.clone(), path: self.file.path.clone() }
    }
}

/// The files of a project, read.
struct Files {
    /// Each with the path below its model folder, without the extension: `[gold, daily_sales]`.
    models: Vec<(TextFile, Vec<String>)>,
    schemas: Vec<TextFile>,
    macros: Vec<TextFile>,
    tests: Vec<TextFile>,
}

/// Reads and compiles the project at `root`. What can be read is in the project even when there are problems; run it only
/// if none of them is of severity error.
pub fn load(root: &Path, env: &ProjectEnv) -> (Project, Vec<Diagnostic>) {
    let mut problems = Diagnostics::default();
    let mut project = Project { root: root.to_owned(), ..Project::default() };
    if let Some(settings) = read_project_file(root, &mut problems) {
        project.name = settings.name.clone();
        load_into(&mut project, &settings, env, &mut problems);
    }
    (project, problems.into_sorted())
}

fn read_project_file(root: &Path, problems: &mut Diagnostics) -> Option<ProjectFile> {
    let path = Path::new("dbt_project.yml");
    if !root.join(path).is_file() {
        let message = format!("no project in \"{}\": dbt_project.yml is not there", root.display());
        problems.push(Diagnostic::error(Place::start_of(root.join(path)), message));
        return None;
    }
    let file = files::read(root, path, problems)?;
    Some(project_file::read(&file.shown, &file.text, problems))
}

fn load_into(project: &mut Project, settings: &ProjectFile, env: &ProjectEnv, problems: &mut Diagnostics) {
    settings.check_models(problems);
    let files = read_files(&project.root, settings, problems);
    let mut renderer = Renderer::new(&settings.name, env, &settings.vars, &files.macros, problems);
    let (mut docs, mut sources) = (Vec::new(), Vec::new());
    for file in &files.schemas {
        schema_file::read(file, &mut docs, &mut sources, problems);
    }
    let docs = unique_docs(docs, problems);
    let sources = unique_sources(sources, problems);
    let (drafts, disabled) = draft_models(files.models, settings, &docs, &renderer, problems);
    check_docs(&docs, &drafts, &disabled, problems);
    renderer.set_known(known_names(&drafts, &sources, problems));

    for draft in drafts.values().filter(|draft| !draft.broken) {
        let doc = docs.get(&draft.name);
        project.models.extend(compile::model(draft, doc, &renderer, &disabled, problems).map(|m| (m.name.clone(), m)));
    }
    compile::generic_tests(project, &docs, &sources, &drafts, &renderer, problems);
    for source in sources {
        project.sources.insert(source.spec.name.clone(), source.spec);
    }
    compile::singular_tests(project, &files.tests, &renderer, problems);
    check_cycles(project, problems);
}

fn read_files(root: &Path, settings: &ProjectFile, problems: &mut Diagnostics) -> Files {
    let mut files = Files { models: Vec::new(), schemas: Vec::new(), macros: Vec::new(), tests: Vec::new() };
    for folder in &settings.model_paths {
        for file in files::read_all(root, folder, &["sql"], problems) {
            let below = file.path.strip_prefix(folder).unwrap_or(&file.path).with_extension("");
            let names = below.components().map(|part| part.as_os_str().to_string_lossy().into_owned()).collect();
            files.models.push((file, names));
        }
        files.schemas.extend(files::read_all(root, folder, &["yml", "yaml"], problems));
    }
    for folder in &settings.macro_paths {
        files.macros.extend(files::read_all(root, folder, &["sql"], problems));
    }
    for folder in &settings.test_paths {
        let generic = folder.join("generic");
        let (macros, tests): (Vec<_>, Vec<_>) = files::read_all(root, folder, &["sql"], problems)
            .into_iter()
            .partition(|file| file.path.starts_with(&generic));
        files.macros.extend(macros);
        files.tests.extend(tests);
    }
    files
}

fn unique_docs(docs: Vec<ModelDoc>, problems: &mut Diagnostics) -> BTreeMap<String, ModelDoc> {
    let mut unique: BTreeMap<String, ModelDoc> = BTreeMap::new();
    for doc in docs {
        match unique.get(&doc.name) {
            Some(first) => {
                let message = format!("model \"{}\" is documented twice, first at {}", doc.name, first.place);
                problems.push(Diagnostic::error(doc.place, message));
            }
            None => {
                unique.insert(doc.name.clone(), doc);
            }
        }
    }
    unique
}

fn unique_sources(sources: Vec<SourceDoc>, problems: &mut Diagnostics) -> Vec<SourceDoc> {
    let mut unique: Vec<SourceDoc> = Vec::new();
    for source in sources {
        let same = |other: &&SourceDoc| {
            other.spec.name == source.spec.name
                || (&other.spec.source, &other.table) == (&source.spec.source, &source.table)
        };
        match unique.iter().find(same) {
            Some(first) => {
                let message =
                    format!("source \"{}\" is declared twice, first at {}", source.spec.name, first.spec.declared_at);
                problems.push(Diagnostic::error(source.spec.declared_at, message));
            }
            None => unique.push(source),
        }
    }
    unique
}

/// The first pass: configuration and names. Gives the models by name, and the names of those switched off.
fn draft_models(
    models: Vec<(TextFile, Vec<String>)>,
    settings: &ProjectFile,
    docs: &BTreeMap<String, ModelDoc>,
    renderer: &Renderer,
    problems: &mut Diagnostics,
) -> (BTreeMap<String, Draft>, BTreeSet<String>) {
    let mut drafts: BTreeMap<String, Draft> = BTreeMap::new();
    let mut disabled = BTreeSet::new();
    for (file, fqn) in models {
        let fqn: Vec<&str> = fqn.iter().map(String::as_str).collect();
        let draft = draft(file, settings.settings(&fqn), docs, renderer, problems);
        if !draft.settings.enabled() {
            disabled.insert(draft.name);
            continue;
        }
        let same = drafts.values().find(|other| other.name == draft.name || other.relation == draft.relation);
        if let Some(other) = same {
            let message = format!("model \"{}\" is already defined by {}", draft.relation, other.file.shown.display());
            problems.push(
                Diagnostic::error(Place::start_of(&draft.file.shown), message)
                    .with_hint("names are unique in the project: rename one of the two files"),
            );
            continue;
        }
        drafts.insert(draft.name.clone(), draft);
    }
    disabled.retain(|name| !drafts.contains_key(name));
    (drafts, disabled)
}

fn draft(
    file: TextFile,
    mut settings: Settings,
    docs: &BTreeMap<String, ModelDoc>,
    renderer: &Renderer,
    problems: &mut Diagnostics,
) -> Draft {
    let name = file.stem();
    if let Some(doc) = docs.get(&name) {
        settings.merge(&doc.settings);
    }
    let node = NodeInfo { name: name.clone(), relation: TableName::new("", name.clone()), path: file.path.clone() };
    let broken = match renderer.render(&node, &file) {
        Ok(rendered) => {
            settings.merge(&rendered.settings);
            false
        }
        Err(problem) => {
            problems.push(*problem);
            true
        }
    };
    settings.check_keys(problems);
    let alias = settings.text("alias").unwrap_or_else(|| name.clone());
    let schema = schema_of(settings.text("schema"), &node, renderer, &file, problems);
    Draft { name, relation: TableName::new(schema, alias), settings, broken, file }
}

/// The schema of a model: what the project's `generate_schema_name` says if it has one; else as configured; else the
/// folder.
fn schema_of(
    configured: Option<String>,
    node: &NodeInfo,
    renderer: &Renderer,
    file: &TextFile,
    problems: &mut Diagnostics,
) -> String {
    if renderer.has_macro("generate_schema_name") {
        let custom =
            configured.as_deref().map_or("none".to_owned(), |schema| serde_json::Value::from(schema).to_string());
        let place = Place::start_of(&file.shown);
        match renderer.render_text(&format!("{{{{ generate_schema_name({custom}, node) }}}}"), &place, node) {
            Ok(rendered) if !rendered.text.trim().is_empty() => return rendered.text.trim().to_owned(),
            Ok(_) => problems.push(Diagnostic::error(place, "macro generate_schema_name gives no name for this model")),
            Err(problem) => problems.push(*problem),
        }
    }
    let folder = node.path.parent().and_then(|folder| folder.components().next());
    let folder = folder.map(|part| part.as_os_str().to_string_lossy().into_owned());
    configured.or(folder).unwrap_or_else(|| "public".to_owned())
}

fn check_docs(
    docs: &BTreeMap<String, ModelDoc>,
    drafts: &BTreeMap<String, Draft>,
    disabled: &BTreeSet<String>,
    problems: &mut Diagnostics,
) {
    for doc in docs.values().filter(|doc| !drafts.contains_key(&doc.name) && !disabled.contains(&doc.name)) {
        let message = format!("model \"{0}\" is documented, but there is no {0}.sql", doc.name);
        problems.push(
            Diagnostic::error(doc.place.clone(), message)
                .with_nearest(nearest(&doc.name, drafts.keys().map(String::as_str))),
        );
    }
}

fn known_names(drafts: &BTreeMap<String, Draft>, sources: &[SourceDoc], problems: &mut Diagnostics) -> Known {
    let mut known = Known::default();
    for source in sources {
        if let Some(draft) = drafts.values().find(|draft| draft.relation == source.spec.name) {
            let message = format!("\"{}\" is a source and a model ({})", source.spec.name, draft.file.shown.display());
            problems.push(Diagnostic::error(source.spec.declared_at.clone(), message));
        }
        known.sources.insert((source.spec.source.clone(), source.table.clone()), source.spec.name.clone());
    }
    known.models = drafts.values().map(|draft| (draft.name.clone(), draft.relation.clone())).collect();
    known
}

/// Reports every cycle: one is found, taken apart, and the rest looked at again.
fn check_cycles(project: &Project, problems: &mut Diagnostics) {
    let mut broken: BTreeSet<(TableName, TableName)> = BTreeSet::new();
    loop {
        let mut dag: Dag<TableName> = Dag::new();
        for model in project.models.values() {
            for input in &model.depends_on {
                if !broken.contains(&(model.name.clone(), input.clone())) {
                    dag.depend(model.name.clone(), input.clone());
                }
            }
        }
        let Err(cycle) = dag.order() else { return };
        let [first, second, ..] = cycle.path.as_slice() else { return };
        let path = project.models.get(first).map_or_else(PathBuf::new, |model| project.root.join(&model.path));
        let place = project.models.get(first).map_or_else(
            || Place::start_of(path.clone()),
            |model| compile::place_of_name(&path, &model.raw_sql, &second.name),
        );
        let message = format!("models depend on each other: {cycle}");
        problems.push(Diagnostic::error(place, message).with_hint("take one of these references out"));
        broken.insert((first.clone(), second.clone()));
    }
}

#[cfg(test)]
mod tests;
