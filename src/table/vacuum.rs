//! Which files of a table's folder its log needs, which it does not, and getting rid of those.
//!
//! Invariant: a file is needed that some version from a given one on names; so what lies between two versions that are
//! pinned is kept, too.

use std::collections::HashSet;

use chrono::{DateTime, TimeDelta, Utc};
use deltalake::kernel::EagerSnapshot;
use futures::{StreamExt, TryStreamExt};
use object_store::path::Path;
use object_store::{ObjectMeta, ObjectStoreExt};
use serde_json::Value;

use super::{Tables, errors, log};
use crate::error::Result;

/// Files deleted, and commits read, at once.
const CONCURRENCY: usize = 16;
/// How long other engines may count on a log's old versions, where the table does not say.
const LOG_RETENTION: TimeDelta = TimeDelta::days(30);

/// Files that a log does not need.
#[derive(Debug, Clone, Default)]
pub struct Unneeded {
    files: Vec<Path>,
    /// Their size.
    pub bytes: u64,
}

impl Unneeded {
    pub fn count(&self) -> usize {
        self.files.len()
    }
}

impl Tables {
    /// Files in the table's folder that no version from `version` on names and that were last changed before `before`.
    pub async fn unneeded(&self, location: &str, version: u64, before: DateTime<Utc>) -> Result<Unneeded> {
        let needed = self.needed(location, version).await?;
        let folder = self.lake.path(location);
        let mut found = Unneeded::default();
        let mut files = self.lake.root().list(Some(&folder));
        while let Some(file) = files.try_next().await.map_err(|error| errors::from_store(error, location))? {
            if is_data(&folder, &file.location)
                && file.last_modified < before
                && !needed.names.contains(file.location.filename().unwrap_or_default())
                && !(needed.vectors && file.location.extension() == Some("bin"))
            {
                found.bytes += file.size;
                found.files.push(file.location);
            }
        }
        Ok(found)
    }

    /// Everything in a folder whose table is no more.
    pub async fn folder(&self, location: &str) -> Result<Unneeded> {
        let files: Vec<ObjectMeta> = self
            .lake
            .root()
            .list(Some(&self.lake.path(location)))
            .try_collect()
            .await
            .map_err(|error| errors::from_store(error, location))?;
        let bytes = files.iter().map(|file| file.size).sum();
        Ok(Unneeded { files: files.into_iter().map(|file| file.location).collect(), bytes })
    }

    /// Deletes the files; those that are gone already do not matter.
    pub async fn delete(&self, unneeded: Unneeded) -> Result<()> {
        let delete = |path: Path| async move {
            match self.lake.root().delete(&path).await {
                Err(object_store::Error::NotFound { .. }) => Ok(()),
                deleted => deleted,
            }
        };
        let deletes: Vec<_> = unneeded.files.into_iter().map(delete).collect();
        futures::stream::iter(deletes).buffer_unordered(CONCURRENCY).try_collect::<Vec<()>>().await?;
        Ok(())
    }

    /// Takes away the folders that are left empty on a local disk, the table's own too.
    pub async fn remove_folder(&self, location: &str) {
        if self.lake.url().scheme() == "file"
            && let Ok(Ok(folder)) = log::table_url(&self.lake, location).map(|url| url.to_file_path())
        {
            // what is not empty stays
            let _ = tokio::task::spawn_blocking(move || remove_empty(&folder)).await;
        }
    }

    /// Deletes what the log does not need to give `version` and those after it, where it is older than the table's
    /// own retention of its log. Answers how many files that was.
    pub async fn clean_log(&self, location: &str, version: u64, now: DateTime<Utc>) -> Result<usize> {
        let folder = self.lake.path(location).join("_delta_log");
        let listed = self.lake.root().list(Some(&folder)).try_collect().await;
        let files: Vec<ObjectMeta> = listed.map_err(|error| errors::from_store(error, location))?;
        let checkpoints = files.iter().filter_map(|file| {
            let name = file.location.filename()?;
            let version = log::leading_version(name)?;
            name.contains(".checkpoint").then_some(version)
        });
        let Some(first) = checkpoints.filter(|checkpoint| *checkpoint <= version).max() else { return Ok(0) };
        let retention = match self.snapshot(location, None).await {
            Ok(snapshot) => log_retention(&snapshot),
            Err(error) => return Err(error),
        };
        let old = |file: &ObjectMeta| {
            let name = file.location.filename().unwrap_or_default();
            let before = log::leading_version(name).is_some_and(|version| version < first);
            // sidecars lie in a folder of their own, and belong to newer checkpoints as well
            let here = file.location.prefix_match(&folder).is_some_and(|parts| parts.count() == 1);
            before && here && file.last_modified < now - retention
        };
        let mut old: Vec<_> = files.into_iter().filter(old).map(|file| file.location).collect();
        // the oldest first: what a crash leaves is a log without holes
        old.sort();
        for path in &old {
            self.lake.root().delete(path).await.map_err(|error| errors::from_store(error, location))?;
        }
        Ok(old.len())
    }

    /// Deletes the log before a version that has a checkpoint, whatever its age.
    pub async fn clear_log(&self, location: &str, version: u64) -> Result<()> {
        let folder = self.lake.path(location).join("_delta_log");
        let listed = self.lake.root().list(Some(&folder)).try_collect().await;
        let files: Vec<ObjectMeta> = listed.map_err(|error| errors::from_store(error, location))?;
        let mut old: Vec<_> = files
            .into_iter()
            .map(|file| file.location)
            .filter(|path| log::leading_version(path.filename().unwrap_or_default()).is_some_and(|of| of < version))
            .collect();
        old.sort();
        for path in &old {
            self.lake.root().delete(path).await.map_err(|error| errors::from_store(error, location))?;
        }
        Ok(())
    }

    async fn needed(&self, location: &str, version: u64) -> Result<Needed> {
        let store = log::log_store(&self.lake, location)?;
        let at = EagerSnapshot::try_new(store.as_ref(), Some(version)).await;
        let at = at.map_err(|error| errors::from_delta(error, location))?;
        let mut needed = Needed::default();
        for file in at.log_data().iter() {
            needed.vectors |= file.deletion_vector_descriptor().is_some();
            needed.add(&file.path());
        }
        let later = log::commits_after(&self.lake, location, version).await?;
        let read = |file: ObjectMeta| async move { self.lake.root().get(&file.location).await?.bytes().await };
        let reads: Vec<_> = later.into_iter().map(read).collect();
        let mut commits = futures::stream::iter(reads).buffered(CONCURRENCY);
        while let Some(bytes) = commits.try_next().await.map_err(|error| errors::from_store(error, location))? {
            for line in bytes.split(|byte| *byte == b'\n') {
                let Ok(action) = serde_json::from_slice::<Value>(line) else { continue };
                for kind in ["add", "cdc"] {
                    if let Some(path) = action[kind]["path"].as_str() {
                        needed.vectors |= !action[kind]["deletionVector"].is_null();
                        needed.add(path);
                    }
                }
            }
        }
        Ok(needed)
    }
}

/// What versions name. Files are told by their own names, without folders: those of a log are unique, however its paths
/// are encoded, and two of one name are both kept.
#[derive(Default)]
struct Needed {
    names: HashSet<String>,
    /// Some have deletion vectors, whose files are not told apart.
    vectors: bool,
}

impl Needed {
    fn add(&mut self, path: &str) {
        let name = path.rsplit('/').next().unwrap_or(path);
        if let Ok(decoded) = Path::from_url_path(name) {
            self.names.insert(decoded.to_string());
        }
        self.names.insert(name.to_owned());
    }
}

fn remove_empty(folder: &std::path::Path) -> std::io::Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            remove_empty(&entry.path())?;
        }
    }
    std::fs::remove_dir(folder)
}

/// Whether a path in a table's folder is that of data: not of its log, nor hidden as Delta hides (`_…` and `.…`, but for
/// partitions and changes).
fn is_data(folder: &Path, file: &Path) -> bool {
    let Some(parts) = file.prefix_match(folder) else { return false };
    let hidden =
        |part: &str| part.starts_with('.') || (part.starts_with('_') && !part.contains('=') && part != "_change_data");
    !parts.into_iter().any(|part| hidden(part.as_ref()))
}

/// `delta.logRetentionDuration`, such as `interval 30 days`.
fn log_retention(snapshot: &super::Snapshot) -> TimeDelta {
    let property = snapshot.properties().find(|(key, _)| *key == "delta.logRetentionDuration");
    let text = property.map(|(_, value)| value.trim_start_matches("interval").trim().to_ascii_lowercase());
    let parsed = text.and_then(|text| {
        let (number, unit) = text.split_once(' ')?;
        let number: i64 = number.parse().ok()?;
        match unit.trim_end_matches('s') {
            "week" => TimeDelta::try_weeks(number),
            "day" => TimeDelta::try_days(number),
            "hour" => TimeDelta::try_hours(number),
            "minute" => TimeDelta::try_minutes(number),
            "second" => TimeDelta::try_seconds(number),
            _ => None,
        }
    });
    parsed.unwrap_or(LOG_RETENTION)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn logs_and_hidden_files_are_no_data_and_partitions_are() {
        let folder = Path::from("lake/gold/t");
        let data = |file: &str| is_data(&folder, &folder.parts().chain(Path::from(file).parts()).collect());
        assert!(data("part-0.parquet") && data("_day=1/part-0.parquet") && data("_change_data/cdc-0.parquet"));
        assert!(!data("_delta_log/00000000000000000000.json") && !data(".tmp/x") && !data("_spark/x"));
        assert!(!is_data(&folder, &Path::from("lake/gold/t2/part-0.parquet")));
    }
}
