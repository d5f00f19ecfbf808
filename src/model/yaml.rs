//! YAML as a tree in which every value knows its line and column.
//!
//! Typed deserialization stops at the first problem; a project wants all of them, each with its place. So files are
//! read into this tree, and readers walk it and report.

use std::fmt;
use std::path::Path;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_saphyr::Spanned;

use super::diagnostic::{Diagnostic, Diagnostics, Place};
use crate::names::nearest;

/// A value and where it stands.
#[derive(Debug, Clone)]
pub struct Node {
    pub value: Yaml,
    pub line: usize,
    pub column: usize,
}

#[derive(Debug, Clone)]
pub enum Yaml {
    Null,
    Bool(bool),
    Int(i64),
    Float(f64),
    Text(String),
    Seq(Vec<Node>),
    Map(Vec<Entry>),
}

/// A key with its value.
#[derive(Debug, Clone)]
pub struct Entry {
    pub key: String,
    pub line: usize,
    pub column: usize,
    pub value: Node,
}

/// Parses a file's text; a syntax error becomes a diagnostic.
pub fn parse(file: &Path, text: &str, problems: &mut Diagnostics) -> Option<Node> {
    if text.lines().all(|line| line.trim().is_empty() || line.trim_start().starts_with('#')) {
        return None;
    }
    // YAML 1.2: a column named `y` or `no` is a text.
    let options = serde_saphyr::options! { strict_booleans: true };
    match serde_saphyr::from_str_with_options::<Node>(text, options) {
        Ok(node) => Some(node),
        Err(error) => {
            let (line, column) = match error.location() {
                Some(location) => (location.line() as usize, location.column() as usize),
                None => (1, 1),
            };
            let place = Place { file: file.to_owned(), line: line.max(1), column: column.max(1) };
            problems.push(Diagnostic::error(place, format!("bad YAML: {}", first_sentence(&error.to_string()))));
            None
        }
    }
}

/// The parser's message without its own position and excerpt.
fn first_sentence(message: &str) -> String {
    let line = message.lines().next().unwrap_or_default();
    let line = line.strip_prefix("error: ").unwrap_or(line);
    let line = match line.strip_prefix("line ").and_then(|rest| rest.split_once(": ")) {
        Some((_, rest)) => rest,
        None => line,
    };
    line.split(" at line ").next().unwrap_or(line).trim_end_matches('.').to_owned()
}

impl Node {
    pub fn place(&self, file: &Path) -> Place {
        Place { file: file.to_owned(), line: self.line, column: self.column }
    }

    /// The entries of a mapping; anything else is reported (null is an empty mapping).
    pub fn map<'a>(&'a self, file: &Path, what: &str, problems: &mut Diagnostics) -> &'a [Entry] {
        match &self.value {
            Yaml::Map(entries) => entries,
            Yaml::Null => &[],
            _ => {
                problems.push(Diagnostic::error(self.place(file), format!("{what} must be a mapping")));
                &[]
            }
        }
    }

    /// The items of a list; anything else is reported (null is an empty list).
    pub fn seq<'a>(&'a self, file: &Path, what: &str, problems: &mut Diagnostics) -> &'a [Node] {
        match &self.value {
            Yaml::Seq(items) => items,
            Yaml::Null => &[],
            _ => {
                problems.push(Diagnostic::error(self.place(file), format!("{what} must be a list")));
                &[]
            }
        }
    }

    /// A scalar as text; anything else is reported.
    pub fn text(&self, file: &Path, what: &str, problems: &mut Diagnostics) -> Option<String> {
        let text = self.scalar();
        if text.is_none() && !matches!(self.value, Yaml::Null) {
            problems.push(Diagnostic::error(self.place(file), format!("{what} must be a text")));
        }
        text
    }

    /// One text or a list of texts.
    pub fn texts(&self, file: &Path, what: &str, problems: &mut Diagnostics) -> Vec<String> {
        match &self.value {
            Yaml::Seq(items) => items.iter().filter_map(|item| item.text(file, what, problems)).collect(),
            _ => self.text(file, what, problems).into_iter().collect(),
        }
    }

    pub fn boolean(&self, file: &Path, what: &str, problems: &mut Diagnostics) -> Option<bool> {
        match &self.value {
            Yaml::Bool(value) => Some(*value),
            _ => {
                problems.push(Diagnostic::error(self.place(file), format!("{what} must be true or false")));
                None
            }
        }
    }

    /// A scalar that is not null, as it would be written.
    pub fn scalar(&self) -> Option<String> {
        match &self.value {
            Yaml::Text(text) => Some(text.clone()),
            Yaml::Int(value) => Some(value.to_string()),
            Yaml::Float(value) => Some(value.to_string()),
            Yaml::Bool(value) => Some(value.to_string()),
            Yaml::Null | Yaml::Seq(_) | Yaml::Map(_) => None,
        }
    }

    pub fn get(&self, key: &str) -> Option<&Node> {
        match &self.value {
            Yaml::Map(entries) => entries.iter().find(|entry| entry.key == key).map(|entry| &entry.value),
            _ => None,
        }
    }

    pub fn to_json(&self) -> serde_json::Value {
        use serde_json::Value as Json;
        match &self.value {
            Yaml::Null => Json::Null,
            Yaml::Bool(value) => Json::Bool(*value),
            Yaml::Int(value) => Json::from(*value),
            Yaml::Float(value) => Json::from(*value),
            Yaml::Text(text) => Json::String(text.clone()),
            Yaml::Seq(items) => Json::Array(items.iter().map(Node::to_json).collect()),
            Yaml::Map(entries) => {
                Json::Object(entries.iter().map(|entry| (entry.key.clone(), entry.value.to_json())).collect())
            }
        }
    }
}

impl Entry {
    pub fn place(&self, file: &Path) -> Place {
        Place { file: file.to_owned(), line: self.line, column: self.column }
    }

    /// Reports a key that nothing reads, with the nearest of those that are read.
    pub fn unknown(&self, file: &Path, what: &str, known: &[&str], problems: &mut Diagnostics) {
        let mut diagnostic = Diagnostic::error(self.place(file), format!("unknown key \"{}\" in {what}", self.key));
        diagnostic.hint = Some(match nearest(&self.key, known.iter().copied()) {
            Some(near) => format!("did you mean \"{near}\"?"),
            None => format!("known keys: {}", known.join(", ")),
        });
        problems.push(diagnostic);
    }
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let spanned = Spanned::<Yaml>::deserialize(deserializer)?;
        let at = spanned.referenced;
        Ok(Self { value: spanned.value, line: at.line() as usize, column: at.column() as usize })
    }
}

impl<'de> Deserialize<'de> for Yaml {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(YamlVisitor)
    }
}

struct YamlVisitor;

impl<'de> Visitor<'de> for YamlVisitor {
    type Value = Yaml;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a YAML value")
    }
    fn visit_unit<E>(self) -> Result<Yaml, E> {
        Ok(Yaml::Null)
    }
    fn visit_none<E>(self) -> Result<Yaml, E> {
        Ok(Yaml::Null)
    }
    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Yaml, D::Error> {
        Yaml::deserialize(deserializer)
    }
    fn visit_bool<E>(self, value: bool) -> Result<Yaml, E> {
        Ok(Yaml::Bool(value))
    }
    fn visit_i64<E>(self, value: i64) -> Result<Yaml, E> {
        Ok(Yaml::Int(value))
    }
    fn visit_u64<E>(self, value: u64) -> Result<Yaml, E> {
        Ok(i64::try_from(value).map_or(Yaml::Float(value as f64), Yaml::Int))
    }
    fn visit_f64<E>(self, value: f64) -> Result<Yaml, E> {
        Ok(Yaml::Float(value))
    }
    fn visit_str<E>(self, value: &str) -> Result<Yaml, E> {
        Ok(Yaml::Text(value.to_owned()))
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Yaml, A::Error> {
        let mut nodes = Vec::new();
        while let Some(node) = items.next_element()? {
            nodes.push(node);
        }
        Ok(Yaml::Seq(nodes))
    }
    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Yaml, A::Error> {
        let mut entries = Vec::new();
        while let Some(key) = map.next_key::<Spanned<String>>()? {
            let (line, column) = (key.referenced.line() as usize, key.referenced.column() as usize);
            entries.push(Entry { key: key.value, line, column, value: map.next_value()? });
        }
        Ok(Yaml::Map(entries))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> Node {
        let mut problems = Diagnostics::default();
        let node = parse(Path::new("x.yml"), text, &mut problems);
        assert!(problems.is_empty(), "{problems:?}");
        node.unwrap()
    }

    #[test]
    fn every_value_knows_its_place() {
        let node = parsed("models:\n  - name: a\n    on: [1, ~, 2.5, yes, 'x']\n");
        let models = node.get("models").unwrap();
        let Yaml::Seq(items) = &models.value else { panic!("a list") };
        let Yaml::Map(entries) = &items[0].value else { panic!("a mapping") };
        assert_eq!((entries[0].key.as_str(), entries[0].line, entries[0].column), ("name", 2, 5));
        assert_eq!((entries[0].value.line, entries[0].value.column), (2, 11));
        assert_eq!(entries[1].value.to_json().to_string(), r#"[1,null,2.5,"yes","x"]"#);
    }

    #[test]
    fn a_syntax_error_has_its_line() {
        for (text, line) in [("a: 1\nb: [1, 2\nc: 3\n", 3), ("a: 1\na: 2\n", 2)] {
            let mut problems = Diagnostics::default();
            assert!(parse(Path::new("x.yml"), text, &mut problems).is_none());
            let problem = problems.iter().next().unwrap();
            assert!(problem.message.starts_with("bad YAML: "), "{}", problem.message);
            assert_eq!(problem.place.as_ref().unwrap().line, line, "{}", problem.message);
        }
    }

    #[test]
    fn an_empty_file_is_nothing() {
        let mut problems = Diagnostics::default();
        assert!(parse(Path::new("x.yml"), "# nothing\n\n", &mut problems).is_none());
        assert!(problems.is_empty());
    }
}
