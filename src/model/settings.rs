//! Configuration of a model: `dbt_project.yml` by folder < `schema.yml` < `config()` in the model.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::Value as Json;

use super::Materialization;
use super::diagnostic::{Diagnostic, Diagnostics, Place};
use super::yaml::Entry;
use crate::names::nearest;

/// Keys that do something here.
const KNOWN: &[&str] = &["alias", "enabled", "materialized", "meta", "partition_by", "schema", "tags"];

/// Keys of dbt that are read and have no effect here.
const IGNORED: &[&str] = &[
    "access",
    "column_types",
    "contract",
    "database",
    "docs",
    "event_time",
    "full_refresh",
    "grants",
    "group",
    "indexes",
    "incremental_strategy",
    "on_configuration_change",
    "on_schema_change",
    "packages",
    "persist_docs",
    "post-hook",
    "post_hook",
    "pre-hook",
    "pre_hook",
    "query_tag",
    "quoting",
    "sql_header",
    "unique_key",
    "unlogged",
];

/// Values by key, each with the place that set it.
#[derive(Debug, Clone, Default)]
pub struct Settings(BTreeMap<String, (Json, Place)>);

pub fn is_known(key: &str) -> bool {
    KNOWN.contains(&key) || IGNORED.contains(&key)
}

impl Settings {
    /// Sets a key: tags add up, `meta` is merged, everything else is replaced.
    pub fn set(&mut self, key: &str, value: Json, place: Place) {
        let value = match (key, self.0.remove(key)) {
            ("tags", Some((old, _))) => {
                let mut tags = texts(&old);
                tags.extend(texts(&value));
                Json::from(tags)
            }
            ("meta", Some((Json::Object(mut old), _))) => {
                if let Json::Object(new) = value {
                    old.extend(new);
                }
                Json::Object(old)
            }
            _ => value,
        };
        self.0.insert(key.to_owned(), (value, place));
    }

    /// Sets each entry of a YAML `config:` mapping.
    pub fn set_all(&mut self, entries: &[Entry], file: &Path) {
        for entry in entries {
            self.set(entry.key.trim_start_matches('+'), entry.value.to_json(), entry.place(file));
        }
    }

    /// `other` wins.
    pub fn merge(&mut self, other: &Settings) {
        for (key, (value, place)) in &other.0 {
            self.set(key, value.clone(), place.clone());
        }
    }

    pub fn get(&self, key: &str) -> Option<&Json> {
        self.0.get(key).map(|(value, _)| value).filter(|value| !value.is_null())
    }

    pub fn text(&self, key: &str) -> Option<String> {
        match self.get(key)? {
            Json::String(text) => Some(text.clone()),
            other => Some(other.to_string()),
        }
    }

    pub fn texts(&self, key: &str) -> Vec<String> {
        self.get(key).map(texts).unwrap_or_default()
    }

    pub fn enabled(&self) -> bool {
        self.get("enabled").and_then(Json::as_bool).unwrap_or(true)
    }

    /// The materialization; one that is unknown or not to be had is reported.
    pub fn materialized(&self, problems: &mut Diagnostics) -> Materialization {
        let Some((value, place)) = self.0.get("materialized") else { return Materialization::View };
        let name = value.as_str().unwrap_or_default();
        match name {
            "table" => Materialization::Table,
            "view" => Materialization::View,
            "incremental" => {
                problems.push(Diagnostic::warning(
                    place.clone(),
                    "incremental models are built whole, as if by --full-refresh",
                ));
                Materialization::Table
            }
            "ephemeral" => {
                problems.push(
                    Diagnostic::error(place.clone(), "ephemeral models are not supported")
                        .with_hint("use materialized: view, which stores nothing either"),
                );
                Materialization::View
            }
            _ => {
                let shown = value.as_str().map_or_else(|| value.to_string(), |name| format!("\"{name}\""));
                problems.push(
                    Diagnostic::error(place.clone(), format!("unknown materialization {shown}"))
                        .with_hint("known: table, view")
                        .with_nearest(nearest(name, ["table", "view"])),
                );
                Materialization::View
            }
        }
    }

    /// Reports keys that nothing reads.
    pub fn check_keys(&self, problems: &mut Diagnostics) {
        for (key, (_, place)) in &self.0 {
            if IGNORED.contains(&key.as_str()) {
                problems.push(Diagnostic::warning(place.clone(), format!("config \"{key}\" has no effect here")));
            } else if !KNOWN.contains(&key.as_str()) {
                problems.push(
                    Diagnostic::error(place.clone(), format!("unknown config \"{key}\""))
                        .with_hint(format!("known: {}", KNOWN.join(", ")))
                        .with_nearest(nearest(key, KNOWN.iter().copied())),
                );
            }
        }
    }
}

fn texts(value: &Json) -> Vec<String> {
    match value {
        Json::Array(items) => items.iter().flat_map(texts).collect(),
        Json::String(text) => vec![text.clone()],
        Json::Null => Vec::new(),
        other => vec![other.to_string()],
    }
}
