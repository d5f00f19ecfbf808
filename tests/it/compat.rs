//! The differential suite: the same statements to a PostgreSQL and to Lakewire, over the same tables, in both protocols.
//!
//! The statements are the files of `tests/compat`, one topic each; a file is one session. `differences.txt` there lists the
//! statements known to be answered otherwise, each under its reason. The test fails where a statement that is not listed
//! differs, and where one that is listed has become equal. With `LAKEWIRE_COMPAT=write` it brings both `differences.txt`
//! and `docs/COMPATIBILITY.md` up to date instead; reasons of new differences are then to be written by hand.

mod answer;
mod ledger;
pub mod reference;
mod replay;

use std::collections::HashMap;
use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use answer::{Peer, differences};
use ledger::{Finding, Ledger};
pub use reference::Reference;

use crate::support::{self, Server};

/// One statement of a topic.
#[derive(Debug, Clone)]
pub struct Case {
    pub topic: String,
    /// As the file has it.
    pub sql: String,
    /// Which of the topic's statements with this text it is, from 1.
    pub nth: usize,
}

impl Case {
    /// On one line, as the list of differences names it.
    pub fn key(&self) -> String {
        let sql = self.sql.split_whitespace().collect::<Vec<_>>().join(" ");
        match self.nth {
            1 => format!("{}: {sql}", self.topic),
            nth => format!("{}: {sql} [{nth}]", self.topic),
        }
    }
}

#[tokio::test]
async fn statements_are_answered_as_by_postgres() {
    let Some(reference) = Reference::start() else {
        support::skipped("no PostgreSQL 15 is installed to compare with");
        return;
    };
    let server = LakeOfTables::start();
    reference.load(&tables()).await;
    let findings = compare(reference.address, address(&server.server.url)).await;
    let ledger = Ledger::read(&folder().join("differences.txt"));
    if std::env::var("LAKEWIRE_COMPAT").as_deref() == Ok("write") {
        let updated = ledger.updated(&findings);
        updated.write(&folder().join("differences.txt"));
        let path = support::root().join("docs/COMPATIBILITY.md");
        fs::write(path, updated.document(&findings)).expect("docs can be written");
        if let Ok(path) = std::env::var("LAKEWIRE_COMPAT_DETAILS") {
            fs::write(path, ledger::details(&findings)).expect("the details can be written");
        }
        return;
    }
    let wrong = ledger.contradictions(&findings);
    assert!(wrong.is_empty(), "{} contradict tests/compat/differences.txt:\n{}", wrong.len(), wrong.join("\n"));
    let document = fs::read_to_string(support::root().join("docs/COMPATIBILITY.md")).unwrap_or_default();
    let current = document == ledger.document(&findings);
    assert!(current, "docs/COMPATIBILITY.md is out of date: run this test with LAKEWIRE_COMPAT=write");
}

/// Every statement to both servers, over the simple protocol with text and the extended one with binary results.
async fn compare(reference: SocketAddr, lakewire: SocketAddr) -> Vec<Finding> {
    let mut findings = Vec::new();
    for cases in topics() {
        let (mut theirs, mut ours) = (Peer::connect(reference).await, Peer::connect(lakewire).await);
        let (mut theirs_extended, mut ours_extended) = (Peer::connect(reference).await, Peer::connect(lakewire).await);
        for case in cases {
            let (wanted, got) = (theirs.simple(&case.sql).await, ours.simple(&case.sql).await);
            let mut found = differences("simple", &wanted, &got);
            let (wanted, got) = (theirs_extended.extended(&case.sql).await, ours_extended.extended(&case.sql).await);
            found.extend(differences("extended", &wanted, &got));
            findings.push(Finding { case, differences: found });
        }
    }
    findings
}

/// The statements of each topic, in the order of the files.
fn topics() -> Vec<Vec<Case>> {
    let mut files: Vec<PathBuf> = fs::read_dir(folder())
        .expect("tests/compat is there")
        .map(|entry| entry.expect("a folder entry").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "sql"))
        .collect();
    files.sort();
    let of_file = |path: &PathBuf| {
        let topic = path.file_stem().expect("a file name").to_string_lossy().into_owned();
        let text = fs::read_to_string(path).expect("a file in UTF-8");
        let mut seen: HashMap<String, usize> = HashMap::new();
        let case = |sql: String| {
            let nth = seen.entry(sql.clone()).or_default();
            *nth += 1;
            Case { topic: topic.clone(), nth: *nth, sql }
        };
        statements(&text).into_iter().map(case).collect()
    };
    files.iter().map(of_file).collect()
}

/// A statement ends with a semicolon at the end of a line; lines that begin with `--` are comments.
fn statements(text: &str) -> Vec<String> {
    let mut all = Vec::new();
    let mut current = String::new();
    for line in text.lines().filter(|line| !line.starts_with("--") && !line.trim().is_empty()) {
        if !current.is_empty() {
            current.push('\n');
        }
        current.push_str(line.trim_end());
        if let Some(statement) = current.strip_suffix(';') {
            all.push(statement.to_owned());
            current.clear();
        }
    }
    assert!(current.is_empty(), "a statement without its semicolon: {current}");
    all
}

fn folder() -> PathBuf {
    support::root().join("tests/compat")
}

/// Schema, name and query of each table: a model for Lakewire, CREATE TABLE AS for PostgreSQL.
fn tables() -> Vec<(String, String, String)> {
    let mut tables = Vec::new();
    for schema in fs::read_dir(folder().join("tables")).expect("tests/compat/tables is there") {
        let schema = schema.expect("a folder entry").path();
        for table in fs::read_dir(&schema).expect("a schema's folder") {
            let table = table.expect("a folder entry").path();
            let name = |path: &Path| path.file_stem().expect("a name").to_string_lossy().into_owned();
            tables.push((name(&schema), name(&table), fs::read_to_string(&table).expect("a query")));
        }
    }
    tables.sort();
    tables
}

fn address(url: &str) -> SocketAddr {
    let at = url.split_once('@').expect("a URL with a user").1;
    at.split('/').next().expect("a host").parse().expect("an address")
}

/// A server over a lake with the suite's tables, built by its own runner.
struct LakeOfTables {
    server: Server,
    _folder: tempfile::TempDir,
}

impl LakeOfTables {
    fn start() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let project = folder.path().join("sql");
        let write = |path: PathBuf, text: &str| {
            fs::create_dir_all(path.parent().expect("a folder")).expect("a folder is made");
            fs::write(path, text).expect("a file is written");
        };
        let settings = "name: compat\nversion: '1.0'\nprofile: lakewire\nmodel-paths: [public]\nmacro-paths: [macros]\n\
                        models:\n  compat:\n    +materialized: table\n";
        write(project.join("dbt_project.yml"), settings);
        let schemas = include_str!("../../sql/macros/generate_schema_name.sql");
        write(project.join("macros/generate_schema_name.sql"), schemas);
        for (schema, name, query) in tables() {
            write(project.join(schema).join(format!("{name}.sql")), &query);
        }
        let lake = folder.path().join("lake");
        fs::create_dir(&lake).expect("an empty lake");
        let project_dir = format!("project.dir={}", project.display());
        support::lakewire_ok(&["run", "--lake", lake.to_str().expect("UTF-8"), "--set", &project_dir]);
        let server = Server::serve(&lake, &["--set", &project_dir, "--set", "server.user=ana"]);
        Self { server, _folder: folder }
    }
}
