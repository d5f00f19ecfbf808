//! Layers of settings, each over the one before; every value remembers where it came from.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};

use toml::de::{DeTable, DeValue};

use super::types::Setting;
use super::{Entry, Problem, SECTIONS, environment};

const DEFAULTS: &str = include_str!("../../config/default.toml");
const DEFAULT_ENV: &str = "development";
/// Sections that `config show` leaves out unless they are set.
const HIDDEN: [&str; 1] = ["test"];

/// What the command line says about the configuration.
#[derive(Debug, Clone, Default)]
pub struct Invocation {
    /// `--config`
    pub file: Option<PathBuf>,
    /// `--env`
    pub env: Option<String>,
    /// Settings by flag: (the flag as typed, `section.key`, value), later ones win.
    pub flags: Vec<(String, String, String)>,
}

/// Where a value came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    Default,
    File { path: PathBuf, line: usize },
    Environment(String),
    Flag(String),
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::File { path, line } => write!(f, "{}:{line}", path.display()),
            Self::Environment(name) => write!(f, "environment variable {name}"),
            Self::Flag(flag) => write!(f, "flag {flag}"),
        }
    }
}

/// A value as a layer gives it.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Raw {
    String(String),
    Integer(i64),
    Float(f64),
    Boolean(bool),
    /// Text of an environment variable or a flag: the setting's type decides what it means.
    Untyped(String),
}

impl Raw {
    fn from_toml(value: &DeValue<'_>) -> Result<Self, &'static str> {
        match value {
            DeValue::String(text) => Ok(Self::String(text.to_string())),
            DeValue::Integer(number) => i64::from_str_radix(number.as_str(), number.radix())
                .map(Self::Integer)
                .map_err(|_| "a number that fits 64 bits"),
            DeValue::Float(number) => number.as_str().parse().map(Self::Float).map_err(|_| "a number"),
            DeValue::Boolean(value) => Ok(Self::Boolean(*value)),
            DeValue::Datetime(_) | DeValue::Array(_) | DeValue::Table(_) => Err("a text, a number or a boolean"),
        }
    }

    pub(super) fn to_text(&self) -> String {
        match self {
            Self::String(text) | Self::Untyped(text) => text.clone(),
            Self::Integer(number) => number.to_string(),
            Self::Float(number) => number.to_string(),
            Self::Boolean(value) => value.to_string(),
        }
    }

    /// Untyped text that is a JSON scalar counts as one, as in `--set vars.days=7`.
    pub(super) fn to_json(&self) -> serde_json::Value {
        match self {
            Self::String(text) => text.as_str().into(),
            Self::Integer(number) => (*number).into(),
            Self::Float(number) => (*number).into(),
            Self::Boolean(value) => (*value).into(),
            Self::Untyped(text) => match serde_json::from_str(text) {
                Ok(value @ (serde_json::Value::Number(_) | serde_json::Value::Bool(_))) => value,
                _ => text.as_str().into(),
            },
        }
    }

    fn to_toml(&self) -> String {
        match self {
            Self::Untyped(text) if text.parse::<f64>().is_ok() || text.parse::<bool>().is_ok() => text.clone(),
            Self::String(text) | Self::Untyped(text) => toml::Value::String(text.clone()).to_string(),
            Self::Float(number) => toml::Value::Float(*number).to_string(),
            other => other.to_text(),
        }
    }
}

/// The effective value of every key, with its origin.
#[derive(Debug, Default)]
pub(super) struct Layers {
    /// By section, then key.
    values: BTreeMap<String, BTreeMap<String, (Raw, Origin)>>,
}

impl Layers {
    pub(super) fn gather(invocation: &Invocation, problems: &mut Vec<Problem>) -> Self {
        let mut layers = Self::default();
        layers.add_toml(DEFAULTS, None, problems);
        let named = invocation.env.clone().or_else(|| environment::variable(environment::ENV_NAME));
        let env_file = Path::new("config").join(format!("{}.toml", named.as_deref().unwrap_or(DEFAULT_ENV)));
        if named.is_some() || env_file.exists() {
            layers.add_file(&env_file, problems);
        }
        if let Some(file) = &invocation.file {
            layers.add_file(file, problems);
        }
        layers.add_environment(&environment::variables(), problems);
        for (flag, key, value) in &invocation.flags {
            layers.add_flag(flag, key, value, problems);
        }
        layers
    }

    pub(super) fn defaults_with(settings: &[(&str, &str)], problems: &mut Vec<Problem>) -> Self {
        let mut layers = Self::default();
        layers.add_toml(DEFAULTS, None, problems);
        for (key, value) in settings {
            layers.add_flag("--set", key, value, problems);
        }
        layers
    }

    fn add_file(&mut self, path: &Path, problems: &mut Vec<Problem>) {
        match std::fs::read_to_string(path) {
            Ok(text) => self.add_toml(&text, Some(path), problems),
            Err(error) => problems.push(Problem {
                message: format!("cannot read configuration file {}: {error}", path.display()),
                hint: available_environments(path),
            }),
        }
    }

    /// `path` is `None` for the defaults.
    pub(super) fn add_toml(&mut self, text: &str, path: Option<&Path>, problems: &mut Vec<Problem>) {
        let origin = |offset: usize| match path {
            Some(path) => Origin::File { path: path.to_owned(), line: line_of(text, offset) },
            None => Origin::Default,
        };
        let (document, errors) = DeTable::parse_recoverable(text);
        for error in errors {
            let at = error.span().map_or(0, |span| span.start);
            problems.push(Problem::new(&origin(at), error.message()));
        }
        for (section, table) in document.get_ref() {
            let at = section.span().start;
            let DeValue::Table(table) = table.get_ref() else {
                let message = format!("\"{}\" stands outside a section", section.get_ref());
                problems.push(Problem::new(&origin(at), message).with_hint(section_of_key(section.get_ref())));
                continue;
            };
            if table.is_empty() {
                check_section(section.get_ref(), &origin(at), problems);
            }
            for (key, value) in table {
                let origin = origin(key.span().start);
                match Raw::from_toml(value.get_ref()) {
                    Ok(raw) => self.put(section.get_ref(), key.get_ref(), raw, origin, problems),
                    Err(expected) => {
                        let message = format!("{}.{} must be {expected}", section.get_ref(), key.get_ref());
                        problems.push(Problem::new(&origin, message));
                    }
                }
            }
        }
    }

    pub(super) fn add_environment(&mut self, variables: &[(String, String)], problems: &mut Vec<Problem>) {
        for (name, value) in variables {
            let origin = Origin::Environment(name.clone());
            let raw = Raw::Untyped(value.clone());
            if let Some(path) = name.strip_prefix(environment::PREFIX) {
                match path.to_lowercase().split_once("__") {
                    Some((section, key)) => self.put(section, key, raw, origin, problems),
                    None => problems.push(Problem::new(&origin, "is not LAKEWIRE__SECTION__KEY")),
                }
            } else if environment::STORAGE_PREFIXES.iter().any(|prefix| name.starts_with(prefix)) {
                let key = name.to_lowercase();
                let storage = self.values.entry("storage".to_owned()).or_default();
                storage.entry(key).or_insert((raw, origin));
            }
        }
    }

    fn add_flag(&mut self, flag: &str, key: &str, value: &str, problems: &mut Vec<Problem>) {
        let origin = Origin::Flag(flag.to_owned());
        match key.split_once('.') {
            Some((section, key)) => self.put(section, key, Raw::Untyped(value.to_owned()), origin, problems),
            None => problems
                .push(Problem::new(&origin, format!("\"{key}\" is not section.key")).with_hint(
                    section_of_key(key).or_else(|| Some("write --set server.listen=127.0.0.1:6000".into())),
                )),
        }
    }

    fn put(&mut self, section: &str, key: &str, raw: Raw, origin: Origin, problems: &mut Vec<Problem>) {
        if !check_section(section, &origin, problems) {
            return;
        }
        if let Some((_, Some(keys))) = SECTIONS.iter().find(|(name, _)| *name == section)
            && !keys.contains(&key)
        {
            let hint = nearest(key, keys.iter().copied())
                .map(|near| format!("did you mean {section}.{near}?"))
                .or_else(|| section_of_key(key))
                .or_else(|| Some(format!("[{section}] has {}", keys.join(", "))));
            problems.push(Problem::new(&origin, format!("unknown key {section}.{key}")).with_hint(hint));
            return;
        }
        self.values.entry(section.to_owned()).or_default().insert(key.to_owned(), (raw, origin));
    }

    /// The setting as its type, or a problem.
    pub(super) fn read<T: Setting>(&self, section: &str, key: &str, problems: &mut Vec<Problem>) -> Option<T> {
        let Some((raw, origin)) = self.values.get(section).and_then(|keys| keys.get(key)) else {
            problems.push(Problem { message: format!("{section}.{key} has no default"), hint: None });
            return None;
        };
        T::read(raw)
            .map_err(|expected| {
                let found = shown(section, key, raw);
                problems.push(Problem::new(origin, format!("{section}.{key} must be {expected}, not {found}")));
            })
            .ok()
    }

    /// The value, if it lies in the range; else a problem.
    pub(super) fn within<T: PartialOrd + fmt::Debug>(
        &self,
        section: &str,
        key: &str,
        value: Option<T>,
        range: RangeInclusive<T>,
        problems: &mut Vec<Problem>,
    ) -> Option<T> {
        let value = value?;
        if range.contains(&value) {
            return Some(value);
        }
        let (low, high) = range.into_inner();
        let message = format!("{section}.{key} must lie between {low:?} and {high:?}, not {value:?}");
        problems.push(Problem::new(&self.origin(section, key), message));
        None
    }

    pub(super) fn origin(&self, section: &str, key: &str) -> Origin {
        self.values.get(section).and_then(|keys| keys.get(key)).map_or(Origin::Default, |(_, origin)| origin.clone())
    }

    /// A free map, whole.
    pub(super) fn map<T>(&self, section: &str, convert: impl Fn(&Raw) -> T) -> BTreeMap<String, T> {
        let keys = self.values.get(section).into_iter().flatten();
        keys.map(|(key, (raw, _))| (key.clone(), convert(raw))).collect()
    }

    pub(super) fn entries(&self) -> Vec<Entry> {
        let mut entries = Vec::new();
        for (section, keys) in SECTIONS {
            let Some(values) = self.values.get(*section) else { continue };
            let keys: Vec<&str> = match keys {
                Some(keys) => keys.to_vec(),
                None => values.keys().map(String::as_str).collect(),
            };
            for key in keys {
                let Some((raw, origin)) = values.get(key) else { continue };
                if HIDDEN.contains(section) && *origin == Origin::Default {
                    continue;
                }
                entries.push(Entry {
                    key: format!("{section}.{key}"),
                    value: shown(section, key, raw),
                    origin: origin.clone(),
                });
            }
        }
        entries
    }
}

/// As TOML, or masked: passwords, and those options of the object store that are credentials.
fn shown(section: &str, key: &str, raw: &Raw) -> String {
    let secret = ["password", "secret", "token", "credential", "access_key", "account_key", "sas"];
    let is_secret = section == "users" || section != "vars" && secret.iter().any(|word| key.contains(word));
    let masked = is_secret && !raw.to_text().is_empty();
    if masked { "\"***\"".to_owned() } else { raw.to_toml() }
}

fn check_section(section: &str, origin: &Origin, problems: &mut Vec<Problem>) -> bool {
    let known = SECTIONS.iter().any(|(name, _)| *name == section);
    if !known {
        let names = SECTIONS.iter().map(|(name, _)| *name).filter(|name| !HIDDEN.contains(name));
        let hint = nearest(section, names.clone())
            .map(|near| format!("did you mean {near}?"))
            .or_else(|| Some(format!("the sections are {}", names.collect::<Vec<_>>().join(", "))));
        problems.push(Problem::new(origin, format!("unknown section \"{section}\"")).with_hint(hint));
    }
    known
}

/// For a key given without, or with the wrong, section.
fn section_of_key(key: &str) -> Option<String> {
    let (section, _) = SECTIONS.iter().find(|(_, keys)| keys.is_some_and(|keys| keys.contains(&key)))?;
    Some(format!("did you mean {section}.{key}?"))
}

fn nearest<'a>(name: &str, candidates: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    candidates
        .map(|candidate| (strsim::jaro_winkler(name, candidate), candidate))
        .filter(|(similarity, _)| *similarity > 0.8)
        .max_by(|(a, _), (b, _)| a.total_cmp(b))
        .map(|(_, candidate)| candidate)
}

/// Counted from 1.
fn line_of(text: &str, offset: usize) -> usize {
    text.as_bytes().iter().take(offset).filter(|byte| **byte == b'\n').count() + 1
}

fn available_environments(path: &Path) -> Option<String> {
    let files = std::fs::read_dir(path.parent()?).ok()?;
    let mut names: Vec<_> = files
        .filter_map(|file| Some(file.ok()?.file_name().to_str()?.strip_suffix(".toml")?.to_owned()))
        .filter(|name| name != "default")
        .collect();
    names.sort();
    (!names.is_empty()).then(|| format!("there is {}", names.join(", ")))
}
