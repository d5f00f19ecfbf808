//! What tools ask that cannot be installed here: `tests/clients/replay/<tool>.sql`, sent to a PostgreSQL and to Lakewire.
//!
//! A file is one session. A comment before a statement says what is compared of its answer: nothing is said where all of it is;
//! `-- columns only` leaves out the rows, which are the server's own; `-- answered only` leaves out the types, too.
//! `-- differs in types: why` names a difference that is known; it must be there.

use std::fs;

use super::answer::{Peer, differences};
use super::reference::Reference;
use super::{LakeOfTables, address, statements, tables};
use crate::support;

/// What of an answer must be equal.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Compared {
    All,
    Columns,
    Nothing,
}

/// A statement of a tool.
struct Case {
    compared: Compared,
    /// In what the answers are known to differ.
    known: Vec<String>,
    sql: String,
}

#[tokio::test]
async fn statements_of_tools_are_answered_as_by_postgres() {
    let Some(reference) = Reference::start() else {
        support::skipped("no PostgreSQL 15 is installed to compare with");
        return;
    };
    let lake = LakeOfTables::start();
    reference.load(&tables()).await;
    let lakewire = address(&lake.server.url);
    let mut wrong = Vec::new();
    for (tool, cases) in files() {
        let (mut theirs, mut ours) = (Peer::connect(reference.address).await, Peer::connect(lakewire).await);
        for Case { compared, mut known, sql } in cases {
            let (wanted, got) = (theirs.simple(&sql).await, ours.simple(&sql).await);
            let counts = |what: &str| match compared {
                Compared::All => true,
                Compared::Columns => !matches!(what, "rows" | "tag" | "notices"),
                Compared::Nothing => matches!(what, "refused" | "accepted" | "SQLSTATE"),
            };
            let all = differences("simple", &wanted, &got);
            let told: Vec<String> = known.clone();
            known.retain(|what| !all.iter().any(|found| found.what == what));
            let found =
                all.into_iter().filter(|found| counts(found.what) && !told.iter().any(|what| what == found.what));
            wrong.extend(found.map(|found| format!("{tool}: {sql}\n  {found}")));
            wrong.extend(known.iter().map(|what| format!("{tool}: {sql}\n  no longer differs in {what}")));
        }
    }
    assert!(wrong.is_empty(), "{} differ:\n{}", wrong.len(), wrong.join("\n"));
}

/// The statements of each tool.
fn files() -> Vec<(String, Vec<Case>)> {
    let folder = support::root().join("tests/clients/replay");
    let mut files: Vec<_> =
        fs::read_dir(folder).expect("the folder is there").map(|e| e.expect("an entry").path()).collect();
    files.sort();
    let of_file = |path: &std::path::PathBuf| {
        let text = fs::read_to_string(path).expect("a file in UTF-8");
        let tool = path.file_stem().expect("a name").to_string_lossy().into_owned();
        (tool, marked(&text))
    };
    files.iter().map(of_file).collect()
}

fn marked(text: &str) -> Vec<Case> {
    let mut cases = Vec::new();
    let (mut compared, mut known, mut lines) = (Compared::All, Vec::new(), String::new());
    for line in text.lines() {
        match line {
            "-- columns only" => compared = Compared::Columns,
            "-- answered only" => compared = Compared::Nothing,
            line => {
                if let Some((what, _why)) = line.strip_prefix("-- differs in ").and_then(|told| told.split_once(": ")) {
                    known.push(what.to_owned());
                    continue;
                }
                lines.push_str(line);
                lines.push('\n');
                if line.ends_with(';') {
                    let known = std::mem::take(&mut known);
                    cases.extend(statements(&lines).into_iter().map(|sql| Case {
                        compared,
                        known: known.clone(),
                        sql,
                    }));
                    (compared, lines) = (Compared::All, String::new());
                }
            }
        }
    }
    cases
}
