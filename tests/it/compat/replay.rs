//! What tools ask that cannot be installed here: `tests/clients/replay/<tool>.sql`, sent to a PostgreSQL and to Lakewire.
//!
//! A file is one session. A comment before a statement says what is compared of its answer: nothing is said where all of it is;
//! `-- columns only` leaves out the rows, which are the server's own; `-- answered only` leaves out the types, too.

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

#[tokio::test]
async fn statements_of_tools_are_answered_as_by_postgres() {
    let Some(reference) = Reference::start() else {
        eprintln!("SKIPPED: no PostgreSQL 15 is installed to compare with");
        return;
    };
    let lake = LakeOfTables::start();
    reference.load(&tables()).await;
    let lakewire = address(&lake.server.url);
    let mut wrong = Vec::new();
    for (tool, cases) in files() {
        let (mut theirs, mut ours) = (Peer::connect(reference.address).await, Peer::connect(lakewire).await);
        for (compared, sql) in cases {
            let (wanted, got) = (theirs.simple(&sql).await, ours.simple(&sql).await);
            let counts = |what: &str| match compared {
                Compared::All => true,
                Compared::Columns => !matches!(what, "rows" | "tag" | "notices"),
                Compared::Nothing => matches!(what, "refused" | "accepted" | "SQLSTATE"),
            };
            let found = differences("simple", &wanted, &got).into_iter().filter(|found| counts(found.what));
            wrong.extend(found.map(|found| format!("{tool}: {sql}\n  {found}")));
        }
    }
    assert!(wrong.is_empty(), "{} differ:\n{}", wrong.len(), wrong.join("\n"));
}

/// The statements of each tool.
fn files() -> Vec<(String, Vec<(Compared, String)>)> {
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

fn marked(text: &str) -> Vec<(Compared, String)> {
    let mut cases = Vec::new();
    let (mut compared, mut lines) = (Compared::All, String::new());
    for line in text.lines() {
        match line {
            "-- columns only" => compared = Compared::Columns,
            "-- answered only" => compared = Compared::Nothing,
            line => {
                lines.push_str(line);
                lines.push('\n');
                if line.ends_with(';') {
                    cases.extend(statements(&lines).into_iter().map(|sql| (compared, sql)));
                    (compared, lines) = (Compared::All, String::new());
                }
            }
        }
    }
    cases
}
