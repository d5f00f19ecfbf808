//! Jinja as dbt knows it: `ref`, `source`, `config`, `var`, `env_var`, `this`, `target`, macros.
//!
//! Macros of all files form one template, which every model imports before it is included: so a model's lines and
//! columns stay its own.

mod globals;
mod json;
mod methods;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use minijinja::{Environment, UndefinedBehavior};
use parking_lot::Mutex;
use regex::Regex;
use serde_json::Value as Json;

use super::ProjectEnv;
use super::diagnostic::{Diagnostic, Diagnostics, Place};
use super::files::TextFile;
use super::settings::Settings;
use crate::names::{TableName, nearest};

const MACROS: &str = "<macros>";
const WRAPPER: &str = "<wrapper>";

/// What `ref` and `source` can name.
#[derive(Debug, Clone, Default)]
pub struct Known {
    /// Model name → the relation it makes.
    pub models: BTreeMap<String, TableName>,
    /// (source, table) → the relation.
    pub sources: BTreeMap<(String, String), TableName>,
}

/// What a template asked for while it was rendered.
#[derive(Debug, Default)]
struct Record {
    refs: Vec<TableName>,
    unknown: Vec<Unknown>,
    settings: Settings,
}

/// A `ref` or `source` that names nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unknown {
    Ref(String),
    Source(String, String),
}

impl Unknown {
    /// The problem, with the nearest name that is known.
    pub fn to_diagnostic(&self, place: Place, known: Option<&Known>) -> Diagnostic {
        let no_known = Known::default();
        let known = known.unwrap_or(&no_known);
        match self {
            Self::Ref(name) => Diagnostic::error(place, format!("unknown model \"{name}\""))
                .with_nearest(nearest(name, known.models.keys().map(String::as_str))),
            Self::Source(source, table) => {
                let wanted = format!("{source}.{table}");
                let names: Vec<String> =
                    known.sources.keys().map(|(source, table)| format!("{source}.{table}")).collect();
                Diagnostic::error(place, format!("unknown source \"{wanted}\""))
                    .with_hint("declare it under sources: in a .yml file of the project")
                    .with_nearest(nearest(&wanted, names.iter().map(String::as_str)))
            }
        }
    }
}

/// A template, rendered.
#[derive(Debug)]
pub struct Rendered {
    pub text: String,
    /// In the order of the calls.
    pub refs: Vec<TableName>,
    pub unknown: Vec<Unknown>,
    /// What `config()` said.
    pub settings: Settings,
}

/// Renders the templates of one project.
pub struct Renderer {
    base: Environment<'static>,
    macros: Vec<String>,
    /// First line in the macro template → the file that begins there.
    macro_files: Vec<(usize, PathBuf)>,
    env: ProjectEnv,
    vars: Arc<BTreeMap<String, Json>>,
    project: String,
    /// Empty in the first pass: then every name is taken, and stands for itself.
    known: Option<Arc<Known>>,
}

/// The node a template stands for.
#[derive(Debug, Clone)]
pub struct NodeInfo {
    pub name: String,
    /// The relation it makes, as far as it is known.
    pub relation: TableName,
    /// Relative to the project.
    pub path: PathBuf,
}

impl Renderer {
    /// Reads the macros. `vars` are the project's; those of `env` win.
    pub fn new(
        project: &str,
        env: &ProjectEnv,
        vars: &BTreeMap<String, Json>,
        macro_files: &[TextFile],
        problems: &mut Diagnostics,
    ) -> Self {
        let mut base = Environment::new();
        base.set_debug(true);
        base.set_undefined_behavior(UndefinedBehavior::SemiStrict);
        base.set_unknown_method_callback(methods::call);
        base.set_auto_escape_callback(|_| minijinja::AutoEscape::None);
        let mut renderer = Self {
            base,
            macros: Vec::new(),
            macro_files: Vec::new(),
            env: env.clone(),
            vars: Arc::new(vars.clone().into_iter().chain(env.vars.clone()).collect()),
            project: project.to_owned(),
            known: None,
        };
        renderer.add_macros(macro_files, problems);
        renderer
    }

    /// From now on names are looked up.
    pub fn set_known(&mut self, known: Known) {
        self.known = Some(Arc::new(known));
    }

    /// What names are looked up in; `None` in the first pass.
    pub fn known(&self) -> Option<&Known> {
        self.known.as_deref()
    }

    pub fn has_macro(&self, name: &str) -> bool {
        self.macros.iter().any(|have| have == name)
    }

    fn add_macros(&mut self, files: &[TextFile], problems: &mut Diagnostics) {
        let mut text = String::new();
        let mut lines = 1;
        for file in files {
            let source = tests_as_macros(&file.text);
            // Alone first: a broken file is reported and does not take the others with it.
            let mut probe = self.base.clone();
            if let Err(error) = probe.add_template_owned(file.shown.to_string_lossy().into_owned(), source.clone()) {
                problems.push(self.problem(&error, file));
                continue;
            }
            self.macros.extend(macro_names(&source));
            self.macro_files.push((lines, file.shown.clone()));
            lines += source.matches('\n').count() + 1;
            text.push_str(&source);
            text.push('\n');
        }
        self.macros.sort();
        self.macros.dedup();
        if let Err(error) = self.base.add_template_owned(MACROS, text) {
            let place = self.place(&error, None);
            problems.push(Diagnostic::error(place, message(&error)));
        }
    }

    /// Renders a template on behalf of a node.
    pub fn render(&self, node: &NodeInfo, file: &TextFile) -> Result<Rendered, Box<Diagnostic>> {
        let record = Arc::new(Mutex::new(Record::default()));
        let mut env = self.base.clone();
        globals::install(&mut env, self, node, file, &record);
        let name = file.shown.to_string_lossy().into_owned();
        let fail = |error: &minijinja::Error| Box::new(self.problem(error, file));
        env.add_template_owned(name.clone(), file.text.clone()).map_err(|error| fail(&error))?;
        let import = match self.macros.as_slice() {
            [] => String::new(),
            macros => format!("{{%- from '{MACROS}' import {} -%}}", macros.join(", ")),
        };
        let wrapper = format!("{import}{{%- include __file -%}}");
        let text = env
            .template_from_named_str(WRAPPER, &wrapper)
            .and_then(|template| template.render(minijinja::context! { __file => name }))
            .map_err(|error| fail(&error))?;
        drop(env);
        let record = std::mem::take(&mut *record.lock());
        Ok(Rendered { text, refs: record.refs, unknown: record.unknown, settings: record.settings })
    }

    /// Renders an expression or a piece of text that stands in a YAML file.
    pub fn render_text(&self, text: &str, place: &Place, node: &NodeInfo) -> Result<Rendered, Box<Diagnostic>> {
        let file = TextFile { shown: place.file.clone(), path: node.path.clone(), text: text.to_owned() };
        self.render(node, &file).map_err(|mut diagnostic| {
            diagnostic.place = Some(place.clone());
            diagnostic
        })
    }

    fn problem(&self, error: &minijinja::Error, file: &TextFile) -> Diagnostic {
        let root = root_cause(error);
        let place = self.place(root, Some(file));
        Diagnostic::error(place, message(root))
    }

    fn place(&self, error: &minijinja::Error, file: Option<&TextFile>) -> Place {
        let line = error.line().unwrap_or(1);
        let column = match (error.template_source(), error.range()) {
            (Some(source), Some(range)) => Place::at_offset(Path::new(""), source, range.start).column,
            _ => 1,
        };
        match (error.name(), file) {
            (Some(MACROS), _) | (None, None) => {
                let begins = self.macro_files.iter().rev().find(|(first, _)| *first <= line);
                let (first, file) = begins.cloned().unwrap_or((1, PathBuf::from("macros")));
                Place { file, line: line - first + 1, column }
            }
            (_, Some(file)) => Place { file: file.shown.clone(), line, column },
            (Some(name), None) => Place { file: name.into(), line, column },
        }
    }
}

/// The error that an include or an import only passed on.
fn root_cause(error: &minijinja::Error) -> &minijinja::Error {
    let mut cause = error;
    while let Some(next) = std::error::Error::source(cause).and_then(|source| source.downcast_ref()) {
        cause = next;
    }
    cause
}

fn message(error: &minijinja::Error) -> String {
    match (error.kind(), error.detail()) {
        (minijinja::ErrorKind::InvalidOperation, Some(detail)) => detail.to_owned(),
        (kind, Some(detail)) => format!("jinja: {kind}: {detail}"),
        (kind, None) => format!("jinja: {kind}"),
    }
}

/// `{% test name(…) %}` is a macro named `test_name`: so dbt has it too.
fn tests_as_macros(text: &str) -> String {
    let begin = Regex::new(r"\{%([-+]?)(\s*)test\s+(\w+)");
    let end = Regex::new(r"\{%([-+]?)(\s*)endtest\b");
    match (begin, end) {
        (Ok(begin), Ok(end)) => {
            let text = begin.replace_all(text, "{%${1}${2}macro test_${3}");
            end.replace_all(&text, "{%${1}${2}endmacro").into_owned()
        }
        _ => text.to_owned(),
    }
}

fn macro_names(text: &str) -> Vec<String> {
    Regex::new(r"\{%[-+]?\s*macro\s+(\w+)")
        .map(|pattern| pattern.captures_iter(text).map(|found| found[1].to_owned()).collect())
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(path: &str, text: &str) -> TextFile {
        TextFile { shown: Path::new("sql").join(path), path: path.into(), text: text.into() }
    }

    fn render(macros: &[TextFile], text: &str) -> Result<Rendered, String> {
        let mut problems = Diagnostics::default();
        let mut env = ProjectEnv::default();
        env.vars.insert("given".into(), Json::from(7));
        env.env_var = Arc::new(|name| (name == "HOME").then(|| "/home".to_owned()));
        let mut renderer = Renderer::new("shop", &env, &BTreeMap::new(), macros, &mut problems);
        assert!(problems.is_empty(), "{problems:?}");
        let mut known = Known::default();
        known.models.insert("sales".into(), TableName::new("Gold Mine", "sales"));
        known.sources.insert(("bronze".into(), "lines".into()), TableName::new("bronze", "lines"));
        renderer.set_known(known);
        let node = NodeInfo { name: "m".into(), relation: TableName::new("gold", "m"), path: "gold/m.sql".into() };
        renderer.render(&node, &file("gold/m.sql", text)).map_err(|problem| problem.to_string())
    }

    #[test]
    fn names_render_qualified_and_quoted() {
        let rendered = render(
            &[],
            "{{ config(materialized='table', tags=['a']) }}select * from {{ ref('sales') }}, {{ ref('shop', 'sales') }}, \
             {{ source('bronze', 'lines') }}, {{ this }}, {{ this.schema }}",
        )
        .unwrap();
        assert_eq!(rendered.text, "select * from \"Gold Mine\".sales, \"Gold Mine\".sales, bronze.lines, gold.m, gold");
        assert_eq!(rendered.refs.len(), 3);
        assert_eq!(rendered.settings.texts("tags"), ["a"]);
    }

    #[test]
    fn variables_come_from_outside_or_have_a_default() {
        let text = "{{ var('given') }} {{ var('other', 'x') }} {{ env_var('HOME') }} {{ env_var('NO', 'd') }} \
                    {{ target.name }} {{ is_incremental() }} {% if execute %}run{% endif %}{{ log('x', info=true) }}";
        assert_eq!(render(&[], "{{ 'a-b'.replace('-', '/').split('/')[1].upper() }}").unwrap().text, "B");
        assert_eq!(render(&[], text).unwrap().text, "7 x /home d dev False run");
        for (text, message) in [
            ("\n  {{ var('no') }}", "error: sql/gold/m.sql:2:6: required var \"no\" is not set"),
            ("{{ env_var('NO') }}", "error: sql/gold/m.sql:1:4: environment variable NO is not set"),
            ("{{ exceptions.raise_compiler_error('bad luck') }}", "error: sql/gold/m.sql:1:14: bad luck"),
            ("x\n{{ run_query('select 1') }}", "error: sql/gold/m.sql:2:4: run_query is not available"),
            ("{{ adapter.get_relation('a') }}", "error: sql/gold/m.sql:1:11: adapter is not available"),
            ("a\n{% if %}", "error: sql/gold/m.sql:2:7: jinja: syntax error"),
            ("{{ nothing_here }}", "error: sql/gold/m.sql:1:4: jinja: undefined value"),
        ] {
            let shown = render(&[], text).unwrap_err();
            assert!(shown.starts_with(message), "{shown}");
        }
    }

    #[test]
    fn macros_see_each_other_and_the_model() {
        let macros = [
            file("macros/a.sql", "{% macro outer(x) -%} {{ inner(x) }} in {{ this }} {%- endmacro %}\n"),
            file(
                "macros/b.sql",
                "\n{% macro inner(x) -%} <{{ x }}> {%- endmacro %}\n{% test even(model) %}t{{ model }}{% endtest %}",
            ),
            file("macros/c.sql", "{% macro broken() %}\n\n{{ 1 + none }}{% endmacro %}"),
        ];
        assert_eq!(render(&macros, "{{ outer(1) }} {{ test_even('m') }}").unwrap().text, "<1> in gold.m tm");
        let shown = render(&macros, "{{ broken() }}").unwrap_err();
        assert!(shown.starts_with("error: sql/macros/c.sql:3:4: "), "{shown}");
    }

    #[test]
    fn an_unknown_name_does_not_stop_the_rest() {
        let rendered = render(&[], "{{ ref('a') }} {{ source('b', 'c') }} {{ ref('sales') }}").unwrap();
        assert_eq!(rendered.unknown, [Unknown::Ref("a".into()), Unknown::Source("b".into(), "c".into())]);
        assert_eq!(rendered.refs.len(), 1);
    }
}
