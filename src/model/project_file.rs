//! `dbt_project.yml`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde_json::Value as Json;

use super::diagnostic::{Diagnostic, Diagnostics, Place};
use super::settings::{self, Settings};
use super::yaml::{self, Node, Yaml};

const KNOWN: &[&str] = &[
    "analysis-paths",
    "asset-paths",
    "clean-targets",
    "config-version",
    "data_tests",
    "dispatch",
    "docs-paths",
    "exposures",
    "flags",
    "function-paths",
    "log-path",
    "macro-paths",
    "metrics",
    "model-paths",
    "models",
    "name",
    "on-run-end",
    "on-run-start",
    "packages-install-path",
    "profile",
    "query-comment",
    "quoting",
    "require-dbt-version",
    "restrict-access",
    "saved-queries",
    "seed-paths",
    "seeds",
    "semantic-models",
    "snapshot-paths",
    "snapshots",
    "sources",
    "target-path",
    "test-paths",
    "tests",
    "unit_tests",
    "vars",
    "version",
];

#[derive(Debug, Default)]
pub struct ProjectFile {
    pub name: String,
    pub model_paths: Vec<PathBuf>,
    pub macro_paths: Vec<PathBuf>,
    pub test_paths: Vec<PathBuf>,
    /// Of the project; those under the project's own name win over those for all.
    pub vars: BTreeMap<String, Json>,
    /// `models:` as it stands, for [`ProjectFile::settings`].
    models: Option<Node>,
    file: PathBuf,
}

/// Reads `dbt_project.yml`. `file` is its path as shown in diagnostics.
pub fn read(file: &Path, text: &str, problems: &mut Diagnostics) -> ProjectFile {
    let mut project = ProjectFile {
        name: String::new(),
        model_paths: vec!["models".into()],
        macro_paths: vec!["macros".into()],
        test_paths: vec!["tests".into()],
        file: file.to_owned(),
        ..ProjectFile::default()
    };
    let Some(node) = yaml::parse(file, text, problems) else { return project };
    for entry in node.map(file, "dbt_project.yml", problems) {
        let value = &entry.value;
        let paths = |problems: &mut Diagnostics| {
            value.texts(file, &entry.key, problems).into_iter().map(PathBuf::from).collect()
        };
        match entry.key.as_str() {
            "name" => project.name = value.text(file, "name", problems).unwrap_or_default(),
            "model-paths" => project.model_paths = paths(problems),
            "macro-paths" => project.macro_paths = paths(problems),
            "test-paths" => project.test_paths = paths(problems),
            "models" => project.models = Some(value.clone()),
            key if KNOWN.contains(&key) => {}
            _ => entry.unknown(file, "dbt_project.yml", KNOWN, problems),
        }
    }
    if project.name.is_empty() {
        problems.push(
            Diagnostic::error(Place::start_of(file), "the project has no name")
                .with_hint("add a line \"name: retail\""),
        );
    }
    if let Some(vars) = node.get("vars") {
        project.read_vars(vars, problems);
    }
    project
}

impl ProjectFile {
    fn read_vars(&mut self, vars: &Node, problems: &mut Diagnostics) {
        let file = self.file.clone();
        let mut own = Vec::new();
        for entry in vars.map(&file, "vars", problems) {
            match &entry.value.value {
                Yaml::Map(entries) if entry.key == self.name => own.extend(entries),
                _ => {
                    self.vars.insert(entry.key.clone(), entry.value.to_json());
                }
            }
        }
        self.vars.extend(own.into_iter().map(|entry| (entry.key.clone(), entry.value.to_json())));
    }

    /// What `models:` says of a model by its folders and name (`[gold, daily_sales]`), the nearer winning.
    pub fn settings(&self, fqn: &[&str]) -> Settings {
        let mut settings = Settings::default();
        let mut level = self.models.as_ref();
        let mut names = std::iter::once(self.name.as_str()).chain(fqn.iter().copied());
        while let Some(node) = level {
            if let Yaml::Map(entries) = &node.value {
                let own = entries.iter().filter(|entry| is_setting(&entry.key, &entry.value));
                for entry in own {
                    let key = entry.key.trim_start_matches('+');
                    settings.set(key, entry.value.to_json(), entry.place(&self.file));
                }
            }
            level = names.next().and_then(|name| node.get(name));
        }
        settings
    }

    /// Reports keys of `models:` that are neither a setting nor the name of this project.
    pub fn check_models(&self, problems: &mut Diagnostics) {
        let Some(Yaml::Map(entries)) = self.models.as_ref().map(|node| &node.value) else { return };
        for entry in entries.iter().filter(|entry| !is_setting(&entry.key, &entry.value) && entry.key != self.name) {
            entry.unknown(&self.file, "models", &[&self.name], problems);
        }
    }
}

/// `+key`, or a known key whose value cannot be a folder.
fn is_setting(key: &str, value: &Node) -> bool {
    key.starts_with('+') || (settings::is_known(key) && !matches!(value.value, Yaml::Map(_)))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "\
name: shop
model-pathz: [a]
vars:
  days: 7
  shop:
    days: 9
models:
  +materialized: view
  +tags: all
  shop:
    gold:
      +materialized: table
      +tags: [g]
      daily:
        +schema: mart
  shopp:
    +enabled: false
";

    #[test]
    fn settings_come_from_the_folders_and_the_nearer_wins() {
        let mut problems = Diagnostics::default();
        let project = read(Path::new("dbt_project.yml"), TEXT, &mut problems);
        project.check_models(&mut problems);
        assert_eq!(project.vars["days"], 9);
        let daily = project.settings(&["gold", "daily"]);
        assert_eq!(daily.text("materialized").as_deref(), Some("table"));
        assert_eq!(daily.texts("tags"), ["all", "g"]);
        assert_eq!(daily.text("schema").as_deref(), Some("mart"));
        assert_eq!(project.settings(&["silver", "x"]).text("materialized").as_deref(), Some("view"));
        let shown: Vec<String> = problems.into_sorted().iter().map(ToString::to_string).collect();
        assert_eq!(
            shown,
            [
                "error: dbt_project.yml:2:1: unknown key \"model-pathz\" in dbt_project.yml\n  hint: did you mean \"model-paths\"?",
                "error: dbt_project.yml:16:3: unknown key \"shopp\" in models\n  hint: did you mean \"shop\"?",
            ]
        );
    }
}
