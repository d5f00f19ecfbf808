//! Files that are there, and which of them are new.
//!
//! Invariant: which files are new depends on the files and on the ingest log alone, never on a clock.

use std::path::{Component, Path, PathBuf};
use std::time::SystemTime;

use chrono::{DateTime, Utc};
use glob::{MatchOptions, Pattern, glob_with};

use super::log::{IngestEntry, IngestState};
use super::spec::Mode;
use crate::error::{Error, ErrorKind, Result};

/// A file under the data directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct FoundFile {
    pub path: PathBuf,
    /// Relative to the data directory, with `/`.
    pub name: String,
    pub size: u64,
    pub modified_at: DateTime<Utc>,
}

/// What a poll of one source found.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Poll {
    /// To be ingested, by name.
    pub new: Vec<FoundFile>,
    /// Were ingested under this name with other content; never ingested again.
    pub changed: Vec<String>,
}

/// Files that match the pattern, by name. Hidden files are left out.
pub(super) fn find(data_dir: &Path, pattern: &str) -> Result<Vec<FoundFile>> {
    if !data_dir.is_dir() {
        return Err(Error::new(
            ErrorKind::UndefinedFile,
            format!("data directory {} does not exist", data_dir.display()),
        )
        .with_hint("set ingest.data_dir to the folder that holds the source files (demo: --data DIR)"));
    }
    if Path::new(pattern).components().any(|part| !matches!(part, Component::Normal(_) | Component::CurDir)) {
        return Err(Error::new(ErrorKind::Project, format!("path \"{pattern}\" leads out of the data directory"))
            .with_hint("a source's path is relative to ingest.data_dir and has no \"..\""));
    }
    let full = format!("{}/{pattern}", Pattern::escape(&data_dir.to_string_lossy()));
    let options =
        MatchOptions { require_literal_separator: true, require_literal_leading_dot: true, ..Default::default() };
    let paths = glob_with(&full, options).map_err(|error| {
        Error::new(ErrorKind::Project, format!("path \"{pattern}\" is not a glob: {}", error.msg)).with_source(error)
    })?;
    let mut found = Vec::new();
    for path in paths {
        let path = path.map_err(|error| Error::from(std::io::Error::from(error)))?;
        let metadata = std::fs::metadata(&path)?;
        if !metadata.is_file() {
            continue;
        }
        let relative = path.strip_prefix(data_dir).unwrap_or(&path);
        let name = relative.to_str().ok_or_else(|| {
            Error::new(ErrorKind::CharacterNotInRepertoire, format!("the name of file {} is not UTF-8", path.display()))
        })?;
        let modified_at = to_micros(metadata.modified().unwrap_or(SystemTime::UNIX_EPOCH));
        found.push(FoundFile { name: name.replace('\\', "/"), size: metadata.len(), modified_at, path });
    }
    found.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(found)
}

/// As exact as the log keeps it, or no file would ever equal its own entry.
fn to_micros(at: SystemTime) -> DateTime<Utc> {
    let at = DateTime::<Utc>::from(at);
    DateTime::from_timestamp_micros(at.timestamp_micros()).unwrap_or(at)
}

/// Compares the files with what the log says of this source. `hash` reads a file's content; it is asked only where size
/// and time of modification do not tell.
pub(super) fn poll(
    mode: Mode,
    found: Vec<FoundFile>,
    log: &[IngestEntry],
    hash: impl Fn(&Path) -> Result<String>,
) -> Result<Poll> {
    match mode {
        Mode::Append => poll_append(found, log, hash),
        Mode::Replace => poll_replace(found, log, hash),
    }
}

fn poll_append(found: Vec<FoundFile>, log: &[IngestEntry], hash: impl Fn(&Path) -> Result<String>) -> Result<Poll> {
    let mut poll = Poll::default();
    for file in found {
        let ingested: Vec<_> = entries(log).filter(|entry| entry.file == file.name).collect();
        if ingested.is_empty() {
            poll.new.push(file);
        } else if !ingested.iter().any(|entry| looks_same(&file, entry)) {
            let sha256 = hash(&file.path)?;
            if ingested.iter().all(|entry| entry.sha256 != sha256) {
                poll.changed.push(file.name);
            }
        }
    }
    Ok(poll)
}

/// All files are new as soon as one differs, is gone or has come.
fn poll_replace(found: Vec<FoundFile>, log: &[IngestEntry], hash: impl Fn(&Path) -> Result<String>) -> Result<Poll> {
    let newest = entries(log).filter_map(|entry| entry.sequence).max();
    let current: Vec<_> = entries(log).filter(|entry| entry.sequence == newest).collect();
    let mut same = current.len() == found.len();
    for file in &found {
        let entry = current.iter().find(|entry| entry.file == file.name);
        same = same
            && match entry {
                Some(entry) => looks_same(file, entry) || hash(&file.path)? == entry.sha256,
                None => false,
            };
    }
    Ok(Poll { new: if same { Vec::new() } else { found }, changed: Vec::new() })
}

fn entries(log: &[IngestEntry]) -> impl Iterator<Item = &IngestEntry> {
    log.iter().filter(|entry| entry.state == IngestState::Ingested)
}

fn looks_same(file: &FoundFile, entry: &IngestEntry) -> bool {
    entry.size.unsigned_abs() == file.size && entry.modified_at == file.modified_at
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(name: &str, size: u64, modified: i64) -> FoundFile {
        let modified_at = DateTime::from_timestamp(modified, 0).unwrap();
        FoundFile { path: name.into(), name: name.into(), size, modified_at }
    }

    fn entry(name: &str, size: i64, modified: i64, sha256: &str, sequence: i64) -> IngestEntry {
        IngestEntry {
            source: "bronze.x".into(),
            file: name.into(),
            sha256: sha256.into(),
            size,
            modified_at: DateTime::from_timestamp(modified, 0).unwrap(),
            rows: 1,
            rejects: 0,
            ingested_at: DateTime::UNIX_EPOCH,
            run_id: String::new(),
            sequence: Some(sequence),
            state: IngestState::Ingested,
            message: None,
        }
    }

    fn names(files: &[FoundFile]) -> Vec<&str> {
        files.iter().map(|file| file.name.as_str()).collect()
    }

    #[test]
    fn an_appended_file_is_new_once() {
        let log = [entry("a", 1, 1, "A", 1), entry("b", 1, 1, "B", 2)];
        let found = vec![file("a", 1, 1), file("b", 1, 9), file("c", 5, 5)];
        let poll_with = |hash: &'static str| poll(Mode::Append, found.clone(), &log, |_| Ok(hash.into())).unwrap();
        assert_eq!(names(&poll_with("B").new), ["c"]);
        assert_eq!(poll_with("B").changed, [""; 0]);
        assert_eq!(poll_with("other").changed, ["b"]);
    }

    #[test]
    fn a_refused_file_is_tried_again() {
        let mut refused = entry("a", 1, 1, "", 1);
        (refused.state, refused.sequence) = (IngestState::Refused, None);
        let poll = poll(Mode::Append, vec![file("a", 1, 1)], &[refused], |_| unreachable!()).unwrap();
        assert_eq!(names(&poll.new), ["a"]);
    }

    #[test]
    fn a_replaced_set_is_new_when_it_differs_from_the_last_one() {
        let log = [entry("a", 1, 1, "A", 1), entry("a", 2, 2, "A2", 2), entry("b", 1, 1, "B", 2)];
        let new = |found: Vec<FoundFile>, hash: &str| {
            let poll = poll(Mode::Replace, found, &log, |_| Ok(hash.into())).unwrap();
            names(&poll.new).join(" ")
        };
        assert_eq!(new(vec![file("a", 2, 2), file("b", 1, 1)], ""), "");
        assert_eq!(new(vec![file("a", 2, 3), file("b", 1, 1)], "A2"), "");
        assert_eq!(new(vec![file("a", 2, 3), file("b", 1, 1)], "A"), "a b");
        assert_eq!(new(vec![file("a", 2, 2)], ""), "a");
        assert_eq!(new(vec![file("a", 2, 2), file("c", 1, 1)], ""), "a c");
    }

    #[test]
    fn finds_files_by_glob_and_stays_in_the_data_directory() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir(dir.path().join("sub")).unwrap();
        for name in ["b.csv", "a.csv.gz", ".hidden.csv", "a.txt", "sub/c.csv"] {
            std::fs::write(dir.path().join(name), "x").unwrap();
        }
        assert_eq!(names(&find(dir.path(), "*.csv*").unwrap()), ["a.csv.gz", "b.csv"]);
        assert_eq!(names(&find(dir.path(), "**/*.csv").unwrap()), ["b.csv", "sub/c.csv"]);
        assert_eq!(find(dir.path(), "../*").unwrap_err().kind(), ErrorKind::Project);
        assert_eq!(find(&dir.path().join("no"), "*").unwrap_err().kind(), ErrorKind::UndefinedFile);
    }
}
