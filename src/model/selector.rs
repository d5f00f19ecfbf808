//! Which models a run is about: dbt's selectors.
//!
//! A selector is a union of terms apart by spaces; a term is an intersection of parts apart by commas; a part names
//! nodes, with `+` (or `2+`) before it for what they read and after it for what reads them, `@` for all that it takes to
//! build what reads them. Nodes are named by model (`daily_sales`, `gold.daily_sales`), by schema or folder (`gold`,
//! `gold.*`, `gold/daily_sales.sql`), or by method (`tag:nightly`, `path:gold`, `source:bronze.online_retail`, `file:…`,
//! `fqn:…`, `config.materialized:view`). `*` and `?` match within names.

use std::collections::BTreeSet;
use std::path::Path;

use super::{Model, Project, SourceSpec};
use crate::dag::Dag;
use crate::error::{Error, ErrorKind, Result};
use crate::names::{ModelName, TableName, nearest};
use crate::quality::Test;

const METHODS: &[&str] = &["config.materialized", "file", "fqn", "path", "source", "tag"];

/// The models that `include` selects (all, if it is empty) without those that `exclude` selects.
///
/// Errors: a part that names nothing is `22023`, with the nearest name as hint.
pub fn select(project: &Project, include: &[String], exclude: &[String]) -> Result<BTreeSet<ModelName>> {
    let nodes = Nodes::of(project);
    let mut selected = nodes.union(include)?.unwrap_or_else(|| project.models.keys().cloned().collect());
    let excluded = nodes.union(exclude)?.unwrap_or_default();
    selected.retain(|name| project.models.contains_key(name) && !excluded.contains(name));
    Ok(selected)
}

/// The tests that `include` selects, in the project's order: those it names, and those of the models and sources it names.
pub fn select_tests<'a>(project: &'a Project, include: &[String], exclude: &[String]) -> Result<Vec<&'a Test>> {
    let nodes = Nodes::of(project);
    let split = |list: &[String]| -> (Vec<String>, Vec<String>) {
        let terms = list.iter().flat_map(|text| text.split_whitespace()).map(str::to_owned);
        terms.partition(|term| project.tests.iter().any(|test| matches(term, &test.name)))
    };
    let (names, others) = split(include);
    let (excluded_names, excluded) = split(exclude);
    let targets = nodes.union(&others)?;
    let excluded = nodes.union(&excluded)?.unwrap_or_default();
    let named = |list: &[String], test: &Test| list.iter().any(|name| matches(name, &test.name));
    let selected = |test: &&Test| {
        let wanted = match &targets {
            Some(targets) => targets.contains(&test.target) || named(&names, test),
            None => names.is_empty() || named(&names, test),
        };
        wanted && !excluded.contains(&test.target) && !named(&excluded_names, test)
    };
    Ok(project.tests.iter().filter(selected).collect())
}

struct Nodes<'a> {
    project: &'a Project,
    dag: Dag<TableName>,
}

/// A part, taken apart: `2+tag:x+1` reaches two edges up and one down.
struct Part<'a> {
    text: &'a str,
    method: Option<&'a str>,
    value: &'a str,
    /// `None`: do not go there; `Some(None)`: as far as it goes.
    up: Option<Option<usize>>,
    down: Option<Option<usize>>,
    /// `@`: also what else the nodes below need.
    at: bool,
}

impl<'a> Part<'a> {
    fn parse(text: &'a str) -> Self {
        let depth = |digits: &str| digits.parse().ok();
        let at = text.starts_with('@');
        let mut value = text.strip_prefix('@').unwrap_or(text);
        let (mut up, mut down) = (None, None);
        if let Some((digits, rest)) = value.split_once('+')
            && digits.bytes().all(|byte| byte.is_ascii_digit())
        {
            (up, value) = (Some(depth(digits)), rest);
        }
        if let Some((rest, digits)) = value.rsplit_once('+')
            && digits.bytes().all(|byte| byte.is_ascii_digit())
        {
            (down, value) = (Some(depth(digits)), rest);
        }
        let (method, value) = match value.split_once(':') {
            Some((method, value)) => (Some(method), value),
            None => (None, value),
        };
        Self { text, method, value, up, down, at }
    }
}

impl<'a> Nodes<'a> {
    fn of(project: &'a Project) -> Self {
        Self { project, dag: project.dag() }
    }

    /// `None` if there is no term at all.
    fn union(&self, selectors: &[String]) -> Result<Option<BTreeSet<TableName>>> {
        let mut all: Option<BTreeSet<TableName>> = None;
        for term in selectors.iter().flat_map(|selector| selector.split_whitespace()) {
            all.get_or_insert_default().extend(self.intersection(term)?);
        }
        Ok(all)
    }

    fn intersection(&self, term: &str) -> Result<BTreeSet<TableName>> {
        let mut common: Option<BTreeSet<TableName>> = None;
        for part in term.split(',').filter(|part| !part.is_empty()) {
            let found = self.part(&Part::parse(part))?;
            common = Some(match common {
                Some(common) => common.intersection(&found).cloned().collect(),
                None => found,
            });
        }
        Ok(common.unwrap_or_default())
    }

    fn part(&self, part: &Part<'_>) -> Result<BTreeSet<TableName>> {
        let named = self.named(part)?;
        let mut selected = named.clone();
        for node in &named {
            if let Some(depth) = part.up {
                selected.extend(self.dag.ancestors(node, depth));
            }
            if let Some(depth) = part.down {
                selected.extend(self.dag.descendants(node, depth));
            }
            if part.at {
                let below = self.dag.descendants(node, None);
                selected.extend(below.iter().flat_map(|node| self.dag.ancestors(node, None)));
                selected.extend(below);
            }
        }
        Ok(selected)
    }

    fn named(&self, part: &Part<'_>) -> Result<BTreeSet<TableName>> {
        let value = part.value;
        let model: &dyn Fn(&Model) -> bool = match part.method {
            None => &|model| is_model(model, value),
            Some("fqn") => &|model| matches(value, &model.name.to_string()) || matches(value, &model.name.name),
            Some("tag") => &|model| model.tags.iter().any(|tag| matches(value, tag)),
            Some("path") => &|model| is_below(&self.project.root, &model.path, value),
            Some("file") => &|model| {
                let file =
                    |name: Option<&std::ffi::OsStr>| name.is_some_and(|name| matches(value, &name.to_string_lossy()));
                file(model.path.file_name()) || file(model.path.file_stem())
            },
            Some("config.materialized") => &|model| model.materialized.as_str() == value,
            Some("source") => &|_| false,
            Some(method) => {
                return Err(Error::new(
                    ErrorKind::InvalidParameter,
                    format!("unknown method \"{method}:\" in selector \"{}\"", part.text),
                )
                .with_hint(match nearest(method, METHODS.iter().copied()) {
                    Some(near) => format!("did you mean \"{near}:\"?"),
                    None => format!("known methods: {}", METHODS.join(", ")),
                }));
            }
        };
        let source: &dyn Fn(&SourceSpec) -> bool = match part.method {
            None => &|source| is_relation(&source.name, value),
            Some("source") => &|source| is_source(source, value),
            Some("tag") => &|source| source.tags.iter().any(|tag| matches(value, tag)),
            _ => &|_| false,
        };
        let models = self.project.models.values().filter(|candidate| model(candidate)).map(|model| &model.name);
        let sources = self.project.sources.values().filter(|candidate| source(candidate)).map(|source| &source.name);
        let found: BTreeSet<TableName> = models.chain(sources).cloned().collect();
        if found.is_empty() { Err(self.nothing(part)) } else { Ok(found) }
    }

    /// The error for a part that names nothing.
    fn nothing(&self, part: &Part<'_>) -> Error {
        let mut candidates: BTreeSet<String> = BTreeSet::new();
        match part.method {
            Some("tag") => candidates.extend(self.project.models.values().flat_map(|model| model.tags.iter().cloned())),
            Some("source") => candidates.extend(self.project.sources.keys().map(ToString::to_string)),
            _ => {
                for name in self.dag.nodes() {
                    candidates.extend([name.to_string(), name.name.clone(), name.schema.clone()]);
                }
            }
        }
        let error = Error::new(ErrorKind::InvalidParameter, format!("selector \"{}\" names no model", part.text));
        match nearest(part.value, candidates.iter().map(String::as_str)) {
            Some(near) => error.with_hint(format!("did you mean \"{near}\"?")),
            None => {
                let models: Vec<String> = self.project.models.keys().map(ToString::to_string).collect();
                error.with_hint(format!("the models are {}", models.join(", ")))
            }
        }
    }
}

fn is_model(model: &Model, value: &str) -> bool {
    is_relation(&model.name, value) || is_below(Path::new(""), &model.path, value)
}

/// `name`, `schema.name`, `schema`, `schema.*`.
fn is_relation(name: &TableName, value: &str) -> bool {
    matches(value, &name.name) || matches(value, &name.to_string()) || matches(value, &name.schema)
}

/// `source`, `source.table`, `source.*`.
fn is_source(source: &SourceSpec, value: &str) -> bool {
    matches(value, &source.source)
        || matches(value, &format!("{}.{}", source.source, source.name.name))
        || matches(value, &source.name.to_string())
}

/// A file, or a folder that holds it; relative to the project, or with the project's own folder.
fn is_below(root: &Path, path: &Path, value: &str) -> bool {
    let value = Path::new(value.trim_end_matches('/'));
    let value = value.strip_prefix(".").unwrap_or(value);
    let inside = root.file_name().and_then(|folder| value.strip_prefix(folder).ok());
    let inside = value.strip_prefix(root).ok().filter(|_| root.is_absolute()).or(inside);
    [Some(value), inside]
        .into_iter()
        .flatten()
        .any(|value| path.starts_with(value) || matches(&value.to_string_lossy(), &path.to_string_lossy()))
}

/// Shell-like matching of a whole name: `*` any characters, `?` one.
fn matches(pattern: &str, name: &str) -> bool {
    if !pattern.contains(['*', '?']) {
        return pattern.eq_ignore_ascii_case(name);
    }
    glob::Pattern::new(&pattern.replace('[', "[[]")).is_ok_and(|pattern| pattern.matches(name))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Materialization, Place};
    use crate::quality::TestSeverity;

    /// bronze.lines → silver.clean → gold.daily, gold.top → analytics.rfm; bronze.people → silver.people
    fn shop() -> Project {
        let mut project = Project { root: "/x/sql".into(), ..Project::default() };
        for (name, reads, tags) in [
            ("silver.clean", &["bronze.lines"][..], &[][..]),
            ("silver.people_enriched", &["bronze.people", "silver.clean"], &["pii"]),
            ("gold.daily", &["silver.clean"], &["nightly"]),
            ("gold.top", &["silver.clean"], &["nightly", "pii"]),
            ("analytics.rfm", &["gold.top"], &[]),
        ] {
            let name: TableName = name.parse().unwrap();
            let model = Model {
                path: format!("{}/{}.sql", name.schema, name.name).into(),
                name: name.clone(),
                raw_sql: String::new(),
                compiled_sql: String::new(),
                materialized: Materialization::Table,
                tags: tags.iter().map(|tag| (*tag).to_owned()).collect(),
                depends_on: reads.iter().map(|read| read.parse().unwrap()).collect(),
                description: None,
                columns: Vec::new(),
                partition_by: Vec::new(),
                volatile: false,
                fingerprint: String::new(),
            };
            project.models.insert(name, model);
        }
        for name in ["bronze.lines", "bronze.people"] {
            let name: TableName = name.parse().unwrap();
            let spec = SourceSpec {
                name: name.clone(),
                source: "till".into(),
                description: None,
                columns: Vec::new(),
                options: serde_json::Value::Null,
                tags: Vec::new(),
                declared_at: Place::start_of("s.yml"),
            };
            project.sources.insert(name, spec);
        }
        for (name, target) in [("not_null_daily_x", "gold.daily"), ("source_unique_till_lines_id", "bronze.lines")] {
            project.tests.push(Test {
                name: name.into(),
                target: target.parse().unwrap(),
                depends_on: Vec::new(),
                kind: "not_null".into(),
                severity: TestSeverity::Error,
                tags: Vec::new(),
                sql: String::new(),
            });
        }
        project
    }

    fn texts(list: &[&str]) -> Vec<String> {
        list.iter().map(|text| (*text).to_owned()).collect()
    }

    fn check(include: &[&str], exclude: &[&str], expected: &str) {
        let selected = select(&shop(), &texts(include), &texts(exclude)).unwrap();
        let names: Vec<&str> = selected.iter().map(|name| name.name.as_str()).collect();
        assert_eq!(names.join(" "), expected, "{include:?} without {exclude:?}");
    }

    #[test]
    fn names_folders_and_tags_select() {
        check(&[], &[], "rfm daily top clean people_enriched");
        check(&["daily"], &[], "daily");
        check(&["gold.daily"], &[], "daily");
        for all_gold in ["gold", "gold.*", "path:gold", "path:sql/gold", "gold/", "GOLD", "path:/x/sql/gold"] {
            check(&[all_gold], &[], "daily top");
        }
        check(&["gold/top.sql"], &[], "top");
        check(&["file:top.sql"], &[], "top");
        check(&["tag:pii"], &[], "top people_enriched");
        check(&["*_enriched"], &[], "people_enriched");
        check(&["config.materialized:table"], &["gold"], "rfm clean people_enriched");
    }

    #[test]
    fn plus_and_at_follow_the_graph() {
        check(&["+rfm"], &[], "rfm top clean");
        check(&["1+rfm"], &[], "rfm top");
        check(&["clean+1"], &[], "daily top clean people_enriched");
        check(&["+top+"], &[], "rfm top clean");
        check(&["source:till.people+"], &[], "people_enriched");
        check(&["bronze.lines+"], &["tag:nightly+"], "clean people_enriched");
        check(&["@gold.top"], &[], "rfm top clean");
    }

    #[test]
    fn commas_intersect_and_spaces_unite() {
        check(&["gold,tag:pii"], &[], "top");
        check(&["daily rfm"], &[], "rfm daily");
        check(&["daily", "rfm"], &[], "rfm daily");
        check(&["tag:pii,+rfm people_enriched"], &[], "top people_enriched");
    }

    #[test]
    fn what_names_nothing_is_an_error_with_a_hint() {
        for (selector, message, hint) in [
            ("gold.daly", "selector \"gold.daly\" names no model", "did you mean \"gold.daily\"?"),
            ("+dally", "selector \"+dally\" names no model", "did you mean \"daily\"?"),
            ("tag:nightli", "selector \"tag:nightli\" names no model", "did you mean \"nightly\"?"),
            ("tagg:x", "unknown method \"tagg:\" in selector \"tagg:x\"", "did you mean \"tag:\"?"),
        ] {
            let error = select(&shop(), &texts(&[selector]), &[]).unwrap_err();
            assert_eq!((error.message(), error.hint().unwrap()), (message, hint));
        }
        assert!(select(&shop(), &[], &texts(&["nothing_like_it"])).is_err());
    }

    #[test]
    fn tests_are_selected_by_name_or_by_what_they_guard() {
        let project = shop();
        let names = |include: &[&str], exclude: &[&str]| -> Vec<String> {
            let tests = select_tests(&project, &texts(include), &texts(exclude)).unwrap();
            tests.iter().map(|test| test.name.clone()).collect()
        };
        assert_eq!(names(&[], &[]).len(), 2);
        assert_eq!(names(&["gold"], &[]), ["not_null_daily_x"]);
        assert_eq!(names(&["source:till"], &[]), ["source_unique_till_lines_id"]);
        assert_eq!(names(&["not_null_*"], &[]), ["not_null_daily_x"]);
        assert_eq!(names(&[], &["daily"]), ["source_unique_till_lines_id"]);
    }
}
