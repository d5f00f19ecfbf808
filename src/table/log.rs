//! The `_delta_log` folder itself: newest version, history, and the store delta-rs reads and writes it through.
//!
//! Invariant: nothing but `checkpoint` replays the log; `head` costs one listing, from the last checkpoint on.

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use deltalake::DeltaTable;
use deltalake::checkpoints::create_checkpoint;
use deltalake::logstore::{LogStoreRef, StorageConfig, default_logstore};
use futures::{StreamExt, TryStreamExt};
use object_store::path::Path;
use object_store::prefix::PrefixStore;
use object_store::{ObjectMeta, ObjectStore, ObjectStoreExt};
use url::Url;

use super::errors;
use crate::error::{Error, ErrorKind, Result};
use crate::store::LakeStore;

/// Key in a commit's `commitInfo` under which our provenance lies.
pub(super) const PROVENANCE: &str = "lakewire";

/// Commits read at once by `history`.
const HISTORY_READS: usize = 16;

/// One commit of a table, as its log tells it.
#[derive(Debug, Clone)]
pub struct Commit {
    pub version: u64,
    /// When the writer says it was committed, else when the log file was last changed.
    pub timestamp: Option<DateTime<Utc>>,
    /// `WRITE`, `MERGE`, `DELETE` … as the writing engine names it.
    pub operation: Option<String>,
    /// The writing engine.
    pub engine: Option<String>,
    /// What we recorded: run id, model, SQL hash, input versions; empty for other writers' commits.
    pub provenance: BTreeMap<String, serde_json::Value>,
}

/// The table's place as a URL, with a slash at the end.
pub(super) fn table_url(lake: &LakeStore, location: &str) -> Result<Url> {
    let mut url = lake.url().clone();
    url.path_segments_mut()
        .map_err(|()| Error::new(ErrorKind::Config, format!("lake \"{}\" cannot hold tables", lake.url())))?
        .pop_if_empty()
        .extend(location.split('/').filter(|part| !part.is_empty()))
        .push("");
    Ok(url)
}

/// Makes a table's folder on a local disk: the kernel refuses to look at a log whose folder is not there, even when the
/// log lies in an overlay.
pub(super) async fn make_folder(lake: &LakeStore, location: &str) -> Result<()> {
    match table_url(lake, location)?.to_file_path() {
        Ok(folder) if lake.url().scheme() == "file" => Ok(tokio::fs::create_dir_all(folder).await?),
        _ => Ok(()),
    }
}

/// The store through which delta-rs sees one table. The lake's own store does all the work, so that overlays hold.
pub(super) fn log_store(lake: &LakeStore, location: &str) -> Result<LogStoreRef> {
    let table = PrefixStore::new(Arc::clone(lake.root()), lake.path(location));
    Ok(default_logstore(
        Arc::new(table),
        Arc::clone(lake.root()),
        &table_url(lake, location)?,
        &StorageConfig::default(),
    ))
}

/// Newest version in the log, of which one may be known; `None` where there is no log.
pub(super) async fn head(lake: &LakeStore, location: &str, known: Option<u64>) -> Result<Option<u64>> {
    let hint = match known {
        Some(known) => Some(known),
        None => last_checkpoint(lake, location).await,
    };
    // the hint only saves listing: where it leads nowhere, all of the log is listed
    if let Some(hint) = hint {
        let newest = newest_version(lake, location, Some(hint)).await?;
        if newest.is_some() {
            return Ok(newest);
        }
    }
    newest_version(lake, location, None).await
}

async fn newest_version(lake: &LakeStore, location: &str, from: Option<u64>) -> Result<Option<u64>> {
    let log = lake.path(location).join("_delta_log");
    let files = match from {
        Some(version) => lake.root().list_with_offset(Some(&log), &log.clone().join(format!("{version:020}"))),
        None => lake.root().list(Some(&log)),
    };
    let newest = files
        .try_fold(None, |newest: Option<u64>, file| {
            futures::future::ready(Ok(newest.max(version_in(&log, &file.location))))
        })
        .await;
    match newest {
        Err(object_store::Error::NotFound { .. }) => Ok(None),
        newest => newest.map_err(|error| errors::from_store(error, location)),
    }
}

/// The version that `_last_checkpoint` names. Any trouble with the hint means that there is none.
pub(super) async fn last_checkpoint(lake: &LakeStore, location: &str) -> Option<u64> {
    let path = lake.path(location).join("_delta_log").join("_last_checkpoint");
    let bytes = lake.root().get(&path).await.ok()?.bytes().await.ok()?;
    serde_json::from_slice::<serde_json::Value>(&bytes).ok()?.get("version")?.as_u64()
}

/// The version of a file that lies directly in the log's folder; its subfolders hold other things.
fn version_in(log: &Path, file: &Path) -> Option<u64> {
    let mut parts = file.prefix_match(log)?;
    let name = parts.next()?;
    parts.next().is_none().then(|| version_of(name.as_ref())).flatten()
}

/// The version a log file stands for: commits and checkpoints, not checksums or compacted logs.
fn version_of(name: &str) -> Option<u64> {
    let (digits, rest) = name.split_at_checked(20)?;
    let counts = rest == ".json" || (rest.starts_with(".checkpoint.") && !rest.ends_with(".tmp"));
    (counts && digits.bytes().all(|byte| byte.is_ascii_digit())).then(|| digits.parse().ok()).flatten()
}

/// The leading number of a log file's name.
pub(super) fn leading_version(name: &str) -> Option<u64> {
    name.get(..20).filter(|digits| digits.bytes().all(|byte| byte.is_ascii_digit()))?.parse().ok()
}

/// The commit files of the versions after one.
pub(super) async fn commits_after(lake: &LakeStore, location: &str, version: u64) -> Result<Vec<ObjectMeta>> {
    let commits = commit_files(lake, location).await?;
    Ok(commits.into_iter().filter(|(of, _)| *of > version).map(|(_, file)| file).collect())
}

/// The oldest version that can be read: the first commit where it is the table's first, else the first checkpoint.
pub(super) async fn oldest(lake: &LakeStore, location: &str) -> Result<u64> {
    let log = lake.path(location).join("_delta_log");
    let files: Vec<ObjectMeta> =
        lake.root().list(Some(&log)).try_collect().await.map_err(|error| errors::from_store(error, location))?;
    let readable = files.iter().filter_map(|file| {
        let name = file.location.filename()?;
        let version = version_in(&log, &file.location)?;
        (version == 0 || name.contains(".checkpoint.")).then_some(version)
    });
    readable.min().ok_or_else(|| errors::not_a_table(location))
}

/// The newest `limit` commits that the log still holds, newest first.
pub(super) async fn history(lake: &LakeStore, location: &str, limit: usize) -> Result<Vec<Commit>> {
    let mut commits = commit_files(lake, location).await?;
    commits.reverse();
    commits.truncate(limit);
    let read = |(version, file)| read_commit(lake, location, version, file);
    futures::stream::iter(commits).map(read).buffered(HISTORY_READS).try_collect().await
}

/// The newest version committed at or before a moment; `None` when the log's first commit is later. Reads a few commits.
pub(super) async fn version_at(lake: &LakeStore, location: &str, at: DateTime<Utc>) -> Result<Option<u64>> {
    let commits = commit_files(lake, location).await?;
    // commits carry rising times: halve the range until the last one that is not later is found
    let (mut low, mut high) = (0, commits.len());
    while low < high {
        let middle = low + (high - low) / 2;
        let (version, file) = commits[middle].clone();
        let commit = read_commit(lake, location, version, file).await?;
        if commit.timestamp.is_some_and(|time| time <= at) { low = middle + 1 } else { high = middle }
    }
    Ok(low.checked_sub(1).map(|last| commits[last].0))
}

/// Writes a checkpoint at the log's head.
pub(super) async fn checkpoint(lake: &LakeStore, location: &str) -> Result<()> {
    let failed = |error| errors::from_delta(error, location);
    let mut table = DeltaTable::new(log_store(lake, location)?);
    table.load().await.map_err(failed)?;
    create_checkpoint(&table, None).await.map_err(failed)
}

/// All commit files of the log, oldest first.
async fn commit_files(lake: &LakeStore, location: &str) -> Result<Vec<(u64, ObjectMeta)>> {
    let log = lake.path(location).join("_delta_log");
    let mut commits: Vec<(u64, ObjectMeta)> = lake
        .root()
        .list(Some(&log))
        .try_filter_map(|file| {
            let name = file.location.filename().unwrap_or_default();
            let commit = name.ends_with(".json") && !name.contains(".checkpoint.");
            let version = version_in(&log, &file.location).filter(|_| commit);
            futures::future::ready(Ok(version.map(|version| (version, file))))
        })
        .try_collect()
        .await
        .map_err(|error| errors::from_store(error, location))?;
    if commits.is_empty() {
        return Err(errors::not_a_table(location));
    }
    commits.sort_unstable_by_key(|(version, _)| *version);
    Ok(commits)
}

async fn read_commit(lake: &LakeStore, location: &str, version: u64, file: ObjectMeta) -> Result<Commit> {
    let failed = |error| errors::from_store(error, location);
    let bytes = lake.root().get(&file.location).await.map_err(failed)?.bytes().await.map_err(failed)?;
    Ok(commit(version, file.last_modified, &bytes))
}

/// Reads the `commitInfo` of one commit file; a file without one is a commit of which nothing is known.
fn commit(version: u64, changed: DateTime<Utc>, bytes: &[u8]) -> Commit {
    let info = bytes
        .split(|byte| *byte == b'\n')
        .filter_map(|line| serde_json::from_slice::<serde_json::Value>(line).ok())
        .find_map(|mut action| action.get_mut("commitInfo").map(serde_json::Value::take))
        .unwrap_or_default();
    let text = |key: &str| info.get(key).and_then(|value| value.as_str()).map(str::to_owned);
    let at = info.get("inCommitTimestamp").or_else(|| info.get("timestamp")).and_then(serde_json::Value::as_i64);
    Commit {
        version,
        timestamp: at.and_then(DateTime::from_timestamp_millis).or(Some(changed)),
        operation: text("operation"),
        engine: text("engineInfo").or_else(|| text("clientVersion")),
        provenance: match info.get(PROVENANCE) {
            Some(serde_json::Value::Object(entries)) => entries.clone().into_iter().collect(),
            _ => BTreeMap::new(),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn log_file_names_tell_versions() {
        assert_eq!(version_of("00000000000000000012.json"), Some(12));
        assert_eq!(version_of("00000000000000000010.checkpoint.parquet"), Some(10));
        assert_eq!(version_of("00000000000000000010.checkpoint.0000000001.0000000003.parquet"), Some(10));
        assert_eq!(version_of("00000000000000000010.crc"), None);
        assert_eq!(version_of("00000000000000000010.00000000000000000020.compacted.json"), None);
        assert_eq!(version_of("_last_checkpoint"), None);
        assert_eq!(version_of("0000000000000000001x.json"), None);
    }

    #[test]
    fn files_in_subfolders_of_the_log_do_not_count() {
        let log = Path::from("lake/t/_delta_log");
        assert_eq!(version_in(&log, &log.clone().join("00000000000000000004.json")), Some(4));
        assert_eq!(version_in(&log, &log.clone().join(".tmp").join("00000000000000000005.json")), None);
    }

    #[test]
    fn a_commit_without_info_is_still_a_commit() {
        let commit = commit(3, DateTime::UNIX_EPOCH, b"{\"add\":{}}\nnot json");
        assert_eq!((commit.version, commit.timestamp, commit.operation), (3, Some(DateTime::UNIX_EPOCH), None));
    }
}
