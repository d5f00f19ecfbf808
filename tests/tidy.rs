//! The edges of the house, kept by reading it: what may name what, and what every file owes its reader.
//!
//! Invariant: nothing here links the crate. The order of the modules is that of the table in `src/ARCHITECTURE.md`.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use regex::Regex;

/// Foreign crates (and `std::env`) and the only modules that may name them. `a/b` is one file or folder of `a`.
const HOMES: &[(&str, &[&str])] = &[
    ("clap", &["cli"]),
    // its rewrite rules work on statements, its tables and functions on the catalog
    ("datafusion_pg_catalog", &["pgcatalog", "dialect/rules"]),
    ("deltalake", &["table"]),
    ("encoding_rs", &["source", "pgtypes"]),
    ("indicatif", &["cli"]),
    ("mimalloc", &["main"]),
    ("minijinja", &["model"]),
    ("object_store", &["store", "table", "catalog", "engine/runtime", "error"]),
    ("pgwire", &["pgserver", "pgtypes"]),
    ("serde_saphyr", &["model"]),
    ("statrs", &["functions"]),
    ("std::env", &["config"]),
    ("stlrs", &["functions"]),
    ("tokio_rustls", &["pgserver"]),
    ("toml", &["config"]),
    // `validate` asks it whether a log level is one
    ("tracing_subscriber", &["telemetry", "config/validate"]),
];

/// Arrows that point down, by the names they may use, each with its reason.
const DOWNWARD: &[(&str, &str, &[&str])] = &[
    // the functions of `pg_catalog` describe the session that calls them, which is the engine's
    (
        "pgcatalog",
        "engine",
        &[
            "ActivityState",
            "LockKey",
            "Role",
            "SERVER_VERSION",
            "SessionEntry",
            "SessionInfo",
            "Signature",
            "SystemTable",
        ],
    ),
];

/// Files that may be longer than [`LINES_MAX`]; none yet.
const LONG_FILES: &[&str] = &[];
const LINES_MAX: usize = 500;
const FUNCTION_LINES_MAX: usize = 70;

/// Dependencies that no file names; `Cargo.toml` says why they are there.
const UNNAMED_DEPENDENCIES: &[&str] = &["getrandom", "md-5"];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// A Rust file: its path from the project's root, and its lines without comments and tests.
struct Source {
    path: String,
    text: String,
    /// (line number, code)
    code: Vec<(usize, String)>,
}

impl Source {
    /// The module of the list it belongs to: `engine` for `src/engine/session.rs`.
    fn module(&self) -> &str {
        let inner = self.inner();
        inner.split_once('/').map_or(inner, |(module, _)| module)
    }

    /// The path within `src`, without its end.
    fn inner(&self) -> &str {
        self.path.trim_start_matches("src/").trim_end_matches(".rs")
    }
}

/// Files below a folder with the ending, sorted, from the project's root.
fn files(folder: &str, ending: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut folders = vec![PathBuf::from(folder)];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(root().join(&folder)).unwrap_or_else(|error| panic!("{}: {error}", folder.display()))
        {
            let entry = entry.expect("a readable folder");
            let path = folder.join(entry.file_name());
            if entry.path().is_dir() {
                folders.push(path);
            } else if path.to_str().is_some_and(|path| path.ends_with(ending)) {
                found.push(path.to_str().expect("a path in UTF-8").to_owned());
            }
        }
    }
    found.sort();
    found
}

fn rust_files(folder: &str) -> Vec<Source> {
    let source = |path: String| {
        let text = read(&path);
        let code = if path.ends_with("/tests.rs") { Vec::new() } else { code_of(&text) };
        Source { path, text, code }
    };
    files(folder, ".rs").into_iter().map(source).collect()
}

/// Lines without comments, and without items under `#[cfg(test)]`: rustfmt closes those at the indentation they begin.
fn code_of(text: &str) -> Vec<(usize, String)> {
    let mut code = Vec::new();
    let mut lines = (1..).zip(text.lines());
    while let Some((number, line)) = lines.next() {
        if line.trim() == "#[cfg(test)]" {
            let end = format!("{}}}", &line[..line.len() - line.trim_start().len()]);
            let first = lines.next().map_or("", |(_, line)| line);
            if !first.ends_with(';') {
                lines.by_ref().take_while(|(_, line)| *line != end).for_each(drop);
            }
            continue;
        }
        let comment = line.match_indices("//").find(|(at, _)| line[..*at].matches('"').count() % 2 == 0);
        let line = comment.map_or(line, |(at, _)| &line[..at]);
        if !line.trim().is_empty() {
            code.push((number, line.to_owned()));
        }
    }
    code
}

/// Fails with one line per violation.
#[track_caller]
fn check(rule: &str, violations: impl IntoIterator<Item = String>) {
    let text = violations.into_iter().fold(String::new(), |mut text, line| {
        let _ = writeln!(text, "  {line}");
        text
    });
    assert!(text.is_empty(), "{rule}:\n{text}");
}

/// Everywhere in the code of `src` where the pattern is found: file, line, and what it captured or else matched.
fn occurrences(pattern: &str) -> Vec<(Source, usize, String)> {
    let pattern = Regex::new(pattern).expect("a pattern");
    let mut found = Vec::new();
    for source in rust_files("src") {
        let code: Vec<&str> = source.code.iter().map(|(_, line)| line.as_str()).collect();
        let code = code.join("\n");
        for captures in pattern.captures_iter(&code) {
            let whole = captures.get_match();
            let (line, _) = source.code[code[..whole.start()].matches('\n').count()];
            let text = captures.get(1).unwrap_or(whole).as_str().to_owned();
            found.push((Source { path: source.path.clone(), text: String::new(), code: Vec::new() }, line, text));
        }
    }
    found
}

/// The modules in the order of the house, from the table in `ARCHITECTURE.md`.
fn house() -> Vec<String> {
    let text = read("src/ARCHITECTURE.md");
    let table = text.split("## The house").nth(1).and_then(|rest| rest.split("\n## ").next()).expect("the house");
    let name = Regex::new("`([a-z]+)`").expect("a pattern");
    let first_cells = table.lines().filter(|line| line.starts_with("| `")).filter_map(|line| line.split('|').nth(1));
    first_cells.flat_map(|cell| name.captures_iter(cell).map(|found| found[1].to_owned()).collect::<Vec<_>>()).collect()
}

#[test]
fn the_architecture_lists_every_module() {
    let house = house();
    let declared = Regex::new(r"(?m)^(?:pub )?mod (\w+);").expect("a pattern");
    let lib = read("src/lib.rs");
    let declared: BTreeSet<&str> =
        declared.captures_iter(&lib).filter_map(|found| Some(found.get(1)?.as_str())).collect();
    let listed: BTreeSet<&str> = house.iter().map(String::as_str).collect();
    check(
        "the modules of src/lib.rs are those of the table in src/ARCHITECTURE.md",
        declared.symmetric_difference(&listed).map(|module| format!("{module} is in one of them only")),
    );
}

#[test]
fn arrows_between_modules_point_up_only() {
    let house = house();
    let floor = |module: &str| house.iter().position(|name| name == module);
    let mut unused: BTreeSet<_> =
        DOWNWARD.iter().flat_map(|(from, to, names)| names.iter().map(move |name| (*from, *to, *name))).collect();
    let mut violations = Vec::new();
    // `crate::a::b`, `crate::a::{…}`, `crate::{a, b}`, and `super` where it leads out of the crate's root modules
    for (source, line, path) in occurrences(r"\bcrate::(\{[^}]*\}|\w+(?:::(?:\{[^}]*\}|\w+))?)") {
        let Some(from) = floor(source.module()) else { continue };
        for path in spread(&path) {
            let (to, name) = path.split_once("::").unwrap_or((&path, ""));
            if floor(to).is_some_and(|to| to <= from) {
                continue;
            }
            let names: Vec<&str> = spread_names(name);
            for name in names {
                let key = DOWNWARD.iter().find_map(|(a, b, allowed)| {
                    let name = allowed.iter().find(|allowed| **allowed == name)?;
                    (*a == source.module() && *b == to).then_some((*a, *b, *name))
                });
                match key {
                    Some(key) => _ = unused.remove(&key),
                    None => violations.push(format!(
                        "{}:{line}: {} is above {to} in the house and may not name {path}",
                        source.path,
                        source.module()
                    )),
                }
            }
        }
    }
    violations.extend(
        unused
            .into_iter()
            .map(|(from, to, name)| format!("tests/tidy.rs: {from} → {to}::{name} is not needed any more")),
    );
    check("arrows point only up the list of src/ARCHITECTURE.md", violations);
}

/// `{a, b::c}` as `a` and `b::c`; anything else as it is.
fn spread(path: &str) -> Vec<String> {
    match path.strip_prefix('{') {
        Some(list) => list.trim_end_matches('}').split(',').map(|part| part.trim().to_owned()).collect(),
        None => vec![path.to_owned()],
    }
}

fn spread_names(names: &str) -> Vec<&str> {
    names.trim_matches(['{', '}']).split(',').map(str::trim).filter(|name| *name != "self").collect()
}

#[test]
fn foreign_crates_have_one_home() {
    let mut violations = Vec::new();
    for (name, homes) in HOMES {
        let at_home = |inner: &str| homes.iter().any(|home| inner == *home || inner.starts_with(&format!("{home}/")));
        for (source, line, _) in occurrences(&format!(r"\b{name}(::|;)")) {
            if !at_home(source.inner()) {
                violations.push(format!("{}:{line}: {name} belongs to {}", source.path, homes.join(", ")));
            }
        }
    }
    check("a foreign crate is named in its home only", violations);
}

#[test]
fn only_the_engine_builds_sessions() {
    let outside = occurrences(r"\b(SessionContext|SessionStateBuilder)\b").into_iter();
    check(
        "DataFusion's sessions are built in engine",
        outside
            .filter(|(source, ..)| source.module() != "engine")
            .map(|(source, line, name)| format!("{}:{line}: {name}", source.path)),
    );
}

#[test]
fn library_code_neither_panics_nor_prints() {
    let pattern =
        r"\.unwrap\(\)|\.unwrap_err\(\)|\.expect(?:_err)?\(|\b(?:panic|todo|unimplemented|unreachable|dbg)!|\bunsafe\b";
    let panics = occurrences(pattern).into_iter().map(|(source, line, what)| format!("{}:{line}: {what}", source.path));
    let prints = occurrences(r"\be?print(?:ln)?!").into_iter().filter(|(source, ..)| source.module() != "cli");
    let prints = prints.map(|(source, line, what)| format!("{}:{line}: {what} outside cli", source.path));
    check("library code gives errors to its caller", panics.chain(prints));
}

#[test]
fn every_file_says_what_it_is_for() {
    let folders = ["src", "tests", "benches"];
    let silent = folders
        .into_iter()
        .flat_map(rust_files)
        .filter(|source| !source.text.starts_with("//! ") && !source.text.starts_with("#![doc = include_str!"));
    check("a file opens with `//!`", silent.map(|source| format!("{}:1", source.path)));
}

#[test]
fn files_and_functions_stay_short() {
    let start = Regex::new(r"^( *)(?:pub(?:\([a-z]+\))? )?(?:async |const )*fn (\w+)").expect("a pattern");
    let mut violations = Vec::new();
    for source in rust_files("src") {
        let lines: Vec<&str> = source.text.lines().collect();
        if lines.len() > LINES_MAX && !LONG_FILES.contains(&source.path.as_str()) {
            violations.push(format!("{}: {} lines, {LINES_MAX} may be", source.path, lines.len()));
        }
        for (at, line) in lines.iter().enumerate() {
            let Some(found) = start.captures(line).filter(|_| line.ends_with('{') || !line.ends_with([';', '}']))
            else {
                continue;
            };
            let end = format!("{}}}", &found[1]);
            let length = lines[at..].iter().position(|line| *line == end).unwrap_or(0) + 1;
            if length > FUNCTION_LINES_MAX {
                let place = format!("{}:{}: {}", source.path, at + 1, &found[2]);
                violations.push(format!("{place} has {length} lines, {FUNCTION_LINES_MAX} may be"));
            }
        }
    }
    check("what is long is cut where it can be named", violations);
}

#[test]
fn errors_are_worded_alike() {
    // the first literal after the kind; a capital is for SQL's words and names
    let literal = r#"ErrorKind::\w+,\s*(?:format!\()?"((?:[^"\\]|\\.)*)""#;
    let badly = |text: &str| {
        let mut letters = text.chars();
        let capital = letters.next().is_some_and(char::is_uppercase) && letters.next().is_some_and(char::is_lowercase);
        capital || text.ends_with('.')
    };
    let found = occurrences(literal).into_iter().filter(|(.., text)| badly(text));
    check(
        "an error begins in lower case and ends without a full stop",
        found.map(|(source, line, text)| format!("{}:{line}: {text}", source.path)),
    );
}

#[test]
fn every_dependency_is_used() {
    let manifest: toml::Table = read("Cargo.toml").parse().expect("Cargo.toml is TOML");
    let sources = ["src", "tests", "benches"].into_iter().flat_map(rust_files).map(|source| source.text);
    let text: String = sources.collect();
    let mut violations = Vec::new();
    for section in ["dependencies", "dev-dependencies"] {
        for name in manifest[section].as_table().expect("a table").keys() {
            let used =
                Regex::new(&format!(r"\b{}(::|;|!)", name.replace('-', "_"))).expect("a pattern").is_match(&text);
            if used == UNNAMED_DEPENDENCIES.contains(&name.as_str()) {
                violations.push(format!("Cargo.toml: {name} in {section}"));
            }
        }
    }
    check("a dependency is used", violations);
}

#[test]
fn every_crash_point_has_its_test() {
    let tests = read("tests/it/crash.rs");
    check(
        "a crash point is named in tests/it/crash.rs",
        occurrences(r#"crash_point\("([^"]+)"\)"#)
            .into_iter()
            .filter(|(.., point)| !tests.contains(&format!("\"{point}\"")))
            .map(|(source, line, point)| format!("{}:{line}: {point}", source.path)),
    );
}

#[test]
fn every_test_file_is_a_module_that_runs() {
    let mut violations = Vec::new();
    for path in files("tests/it", ".rs").into_iter().filter(|path| path != "tests/it/main.rs") {
        let path = Path::new(&path);
        let name = path.file_stem().and_then(|name| name.to_str()).expect("a name");
        let folder = path.parent().expect("a folder");
        let parent = if folder.ends_with("it") { folder.join("main.rs") } else { folder.with_extension("rs") };
        let declared = Regex::new(&format!(r"(?m)^(?:pub )?mod {name};")).expect("a pattern");
        if !declared.is_match(&read(parent.to_str().expect("a path in UTF-8"))) {
            violations.push(format!("{}: not declared in {}", path.display(), parent.display()));
        }
    }
    check("a file of tests is part of its binary", violations);
}

#[test]
fn every_model_is_described_and_every_description_has_its_model() {
    let mut violations = Vec::new();
    for layer in ["silver", "gold", "analytics"] {
        let path = format!("sql/{layer}/schema.yml");
        let schema: serde_json::Value =
            serde_saphyr::from_str(&read(&path)).unwrap_or_else(|error| panic!("{path}: {error}"));
        let models = schema["models"].as_array().expect("a list of models");
        let described: BTreeSet<&str> = models
            .iter()
            .filter(|model| model["description"].as_str().is_some_and(|text| !text.trim().is_empty()))
            .filter_map(|model| model["name"].as_str())
            .collect();
        let written = files(&format!("sql/{layer}"), ".sql");
        let written: BTreeSet<&str> =
            written.iter().filter_map(|path| Path::new(path).file_stem().and_then(|name| name.to_str())).collect();
        violations.extend(described.symmetric_difference(&written).map(|model| format!("{path}: {model}")));
    }
    check("a model has a description in its schema.yml, and the other way round", violations);
}

/// Settings of `default.toml`: dotted key and value as written; an empty section as `section.*`.
fn settings() -> BTreeMap<String, String> {
    let defaults: toml::Table = read("config/default.toml").parse().expect("default.toml is TOML");
    let mut settings = BTreeMap::new();
    for (section, keys) in &defaults {
        let keys = keys.as_table().expect("settings are in sections");
        if keys.is_empty() {
            settings.insert(format!("{section}.*"), String::new());
        }
        for (key, value) in keys {
            let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            settings.insert(format!("{section}.{key}"), text);
        }
    }
    settings
}

#[test]
fn the_readme_tells_every_setting_and_its_default() {
    let readme = read("README.md");
    let table = readme.split("## Configuration").nth(1).and_then(|rest| rest.split("\n## ").next()).expect("a chapter");
    let quoted = Regex::new("`([^`]+)`").expect("a pattern");
    let mut told = BTreeMap::new();
    for row in table.lines().filter(|line| line.starts_with("| `")) {
        let cells: Vec<&str> = row.split('|').map(str::trim).collect();
        let names = quoted.captures_iter(cells[1]).map(|name| name[1].to_owned());
        let values = cells[2].split(", ").map(|value| value.trim_matches('`').to_owned());
        told.extend(names.zip(values));
    }
    let settings = settings();
    let mut violations = Vec::new();
    for (name, value) in settings.iter().filter(|(name, _)| !name.starts_with("test.")) {
        match told.get(name) {
            None => violations.push(format!("README.md: {name} is not in the table of settings")),
            // words stand for what "", 0 and "0s" mean
            Some(said) if said != value && !matches!(value.as_str(), "" | "0" | "0s") => {
                violations.push(format!("README.md: {name} is {value} by default, not {said}"));
            }
            Some(_) => {}
        }
    }
    violations.extend(
        told.keys().filter(|name| !settings.contains_key(*name)).map(|name| format!("README.md: there is no {name}")),
    );
    check("the README's table of settings is that of config/default.toml", violations);
}

#[test]
fn every_setting_is_used() {
    let sources = rust_files("src");
    // `config` only reads and checks: to be used, a setting must be taken out of it
    let users = sources.iter().filter(|source| source.module() != "config");
    let code: Vec<&String> = users.flat_map(|source| source.code.iter().map(|(_, line)| line)).collect();
    let is_used = |name: &String| {
        let (section, key) = name.split_once('.').expect("a section and a key");
        let field = Regex::new(&format!(r"\.{}\b", if key == "*" { section } else { key })).expect("a pattern");
        code.iter().any(|line| field.is_match(line))
    };
    let unused = settings().into_keys().filter(|name| !is_used(name));
    check("a setting does something", unused.map(|name| format!("config/default.toml: nothing reads {name}")));
}

#[test]
fn every_setting_is_explained_where_its_default_is() {
    let text = read("config/default.toml");
    let mut violations = Vec::new();
    let mut explained = false;
    for (number, line) in (1..).zip(text.lines()) {
        explained = match line.trim() {
            "" => false,
            line if line.starts_with('#') => true,
            // a comment above a group speaks for all of it
            line if line.starts_with('[') => explained,
            _ => {
                if !explained {
                    violations.push(format!("config/default.toml:{number}: {line}"));
                }
                explained
            }
        };
    }
    check("a setting has a comment above it", violations);
}

#[test]
fn links_within_the_project_lead_somewhere() {
    let link = Regex::new(r"\]\(([^)#:\s]+)(?:#[^)]*)?\)").expect("a pattern");
    let mut pages: Vec<String> = files("docs", ".md");
    pages.extend(["README.md", "CHANGELOG.md", "src/ARCHITECTURE.md"].map(str::to_owned));
    let mut violations = Vec::new();
    for page in pages {
        let folder = root().join(&page).parent().expect("a folder").to_owned();
        for (number, line) in (1..).zip(read(&page).lines()) {
            let broken = link.captures_iter(line).filter(|found| !folder.join(&found[1]).exists());
            violations.extend(broken.map(|found| format!("{page}:{number}: {}", &found[1])));
        }
    }
    check("a relative link leads to a file", violations);
}
