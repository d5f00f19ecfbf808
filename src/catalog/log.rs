//! The catalog table's own log: `_lakewire/catalog/_delta_log/<R>.json` is release R.
//!
//! Every commit replaces the table's one file, and names it in its `commitInfo`; so a release is read from one commit
//! and one Parquet file, whatever came before it.
//!
//! Invariant: versions are written with put-if-absent only.

use bytes::Bytes;
use chrono::{DateTime, Utc};
use futures::TryStreamExt;
use object_store::path::Path;
use object_store::{ObjectStoreExt, PutMode, PutOptions, PutPayload};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use uuid::Uuid;

use super::{Release, ReleaseInfo, rows};
use crate::error::{Error, ErrorKind, Result};
use crate::names::ReleaseId;
use crate::store::LakeStore;

const FORMAT: u32 = 1;

/// What the catalog's `commitInfo` says under `lakewire`.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Entry {
    pub intent: Uuid,
    pub operation: String,
    /// The Parquet file that holds the rows, relative to the catalog table; `None` in release 0.
    pub rows: Option<RowsFile>,
    /// The publish was given up because another engine wrote first; the rows are those of the release before.
    #[serde(default)]
    pub aborted: bool,
    pub committed_at: DateTime<Utc>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct RowsFile {
    pub path: String,
    pub size: usize,
    pub rows: usize,
}

/// The catalog table and what stands beside it.
#[derive(Debug, Clone)]
pub(super) struct CatalogLog {
    lake: LakeStore,
}

/// What a put-if-absent found.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Put {
    Created,
    /// The very same bytes were there: an earlier try, or a helper.
    Same,
    Different(Bytes),
}

impl CatalogLog {
    pub fn new(lake: LakeStore) -> Self {
        Self { lake }
    }

    /// Makes the lake if there is none; refuses one that needs a newer version of Lakewire.
    pub async fn open(&self) -> Result<()> {
        let path = self.lake.path("_lakewire/format.json");
        let ours = json!({"reader": FORMAT, "writer": FORMAT}).to_string();
        let Put::Different(found) = self.put(&path, ours.into()).await? else { return self.init().await };
        let format: Value = serde_json::from_slice(&found).map_err(rows::corrupt)?;
        let needs = |role: &str| format[role].as_u64().unwrap_or(u64::MAX);
        if needs("reader") > FORMAT.into() || needs("writer") > FORMAT.into() {
            return Err(Error::new(
                ErrorKind::FeatureNotSupported,
                format!(
                    "the lake has format {}, this version of lakewire knows up to {FORMAT}",
                    needs("reader").max(needs("writer"))
                ),
            )
            .with_hint("upgrade lakewire"));
        }
        self.init().await
    }

    /// Release 0: the empty table.
    async fn init(&self) -> Result<()> {
        let path = self.commit_path(ReleaseId(0));
        // the first may have expired
        let checkpoint = self.lake.path("_lakewire/catalog/_delta_log/_last_checkpoint");
        if self.exists(&path).await? || self.exists(&checkpoint).await? || self.any().await?.is_some() {
            return Ok(());
        }
        let committed_at = now();
        let entry =
            Entry { intent: Uuid::now_v7(), operation: "create lake".into(), rows: None, aborted: false, committed_at };
        let lines = [
            commit_info(&entry),
            json!({"protocol": {"minReaderVersion": 1, "minWriterVersion": 2}}),
            rows::metadata(Uuid::new_v4(), committed_at.timestamp_millis()),
        ];
        self.put(&path, to_text(&lines).into()).await?;
        Ok(())
    }

    /// The newest release, from a hint where there is a release of that number.
    pub async fn find_newest(&self, hint: ReleaseId) -> Result<ReleaseId> {
        for known in [hint, ReleaseId(0)] {
            if self.exists(&self.commit_path(known)).await? {
                return self.newest(known).await;
            }
        }
        // the oldest have expired, and the hint is lost
        self.any().await?.ok_or_else(|| rows::corrupt("it has no releases"))
    }

    /// The newest release by listing all.
    async fn any(&self) -> Result<Option<ReleaseId>> {
        let log = self.lake.path("_lakewire/catalog/_delta_log");
        let known = self.lake.root().list(Some(&log)).try_filter_map(|file| {
            let name = file.location.filename().unwrap_or_default();
            let id = name.strip_suffix(".json").and_then(|digits| digits.parse().ok());
            std::future::ready(Ok(id))
        });
        let newest = known.try_fold(None, |newest, id| std::future::ready(Ok(newest.max(Some(id))))).await?;
        Ok(newest.map(ReleaseId))
    }

    /// The newest release at or after `known`, which must exist.
    pub async fn newest(&self, known: ReleaseId) -> Result<ReleaseId> {
        // Gallop: as fast with 100,000 releases as with one.
        let (mut low, mut step) = (known.0, 1);
        while self.exists(&self.commit_path(ReleaseId(low + step))).await? {
            low += step;
            step *= 2;
        }
        let mut high = low + step;
        while high - low > 1 {
            let middle = low + (high - low) / 2;
            match self.exists(&self.commit_path(ReleaseId(middle))).await? {
                true => low = middle,
                false => high = middle,
            }
        }
        Ok(ReleaseId(low))
    }

    /// The entry of release `id`; `None` where it is not committed.
    pub async fn entry(&self, id: ReleaseId) -> Result<Option<Entry>> {
        let Some(bytes) = self.get(&self.commit_path(id)).await? else { return Ok(None) };
        let first = bytes.split(|byte| *byte == b'\n').next().unwrap_or_default();
        let action: Value = serde_json::from_slice(first).map_err(rows::corrupt)?;
        let entry = serde_json::from_value(action["commitInfo"]["lakewire"].clone()).map_err(rows::corrupt)?;
        Ok(Some(entry))
    }

    /// The release whole: one commit and one Parquet file.
    pub async fn load(&self, id: ReleaseId) -> Result<(Entry, Release)> {
        let entry = self.entry(id).await?.ok_or_else(|| {
            Error::new(ErrorKind::UndefinedObject, format!("release {id} does not exist"))
                .with_hint("select release from lakewire.releases lists those that do")
        })?;
        let info = entry.info(id);
        let mut release = match &entry.rows {
            None => Release::empty(info),
            Some(file) => {
                let path = self.rows_path(&file.path);
                let bytes = self
                    .get(&path)
                    .await?
                    .ok_or_else(|| rows::corrupt(format!("file {path} of release {id} is missing")))?;
                rows::decode(info, bytes)?
            }
        };
        release.intent = entry.intent;
        Ok((entry, release))
    }

    /// Writes the rows of a release to come; nobody sees them before the commit that names them.
    pub async fn write_rows(&self, release: &Release, intent: Uuid) -> Result<RowsFile> {
        let (bytes, rows) = rows::encode(release)?;
        let file = RowsFile { path: format!("{:020}-{intent}.parquet", release.id().0), size: bytes.len(), rows };
        self.lake.root().put(&self.rows_path(&file.path), bytes.into()).await?;
        Ok(file)
    }

    pub async fn delete_rows(&self, file: &RowsFile) -> Result<()> {
        Ok(self.lake.root().delete(&self.rows_path(&file.path)).await?)
    }

    pub fn commit_path(&self, id: ReleaseId) -> Path {
        self.lake.path(&format!("_lakewire/catalog/_delta_log/{:020}.json", id.0))
    }

    /// A commit of a table.
    pub fn table_path(&self, location: &str, version: u64) -> Path {
        self.lake.path(&format!("{location}/_delta_log/{version:020}.json"))
    }

    pub fn intent_path(&self, release: ReleaseId) -> Path {
        self.lake.path(&format!("_lakewire/intents/{:020}.json", release.0))
    }

    fn rows_path(&self, file: &str) -> Path {
        self.lake.path(&format!("_lakewire/catalog/{file}"))
    }

    /// Puts the bytes if nothing is there.
    pub async fn put(&self, path: &Path, bytes: Bytes) -> Result<Put> {
        let payload = PutPayload::from_bytes(bytes.clone());
        match self.lake.root().put_opts(path, payload, PutOptions::from(PutMode::Create)).await {
            Ok(_) => Ok(Put::Created),
            // S3 answers a retried request so as well: the bytes decide
            Err(object_store::Error::AlreadyExists { .. } | object_store::Error::Precondition { .. }) => {
                match self.get(path).await? {
                    Some(found) if found == bytes => Ok(Put::Same),
                    Some(found) => Ok(Put::Different(found)),
                    // an intent, finished and swept by its owner in this moment
                    None => Ok(Put::Different(Bytes::new())),
                }
            }
            Err(error) => Err(error.into()),
        }
    }

    pub async fn get(&self, path: &Path) -> Result<Option<Bytes>> {
        match self.lake.root().get(path).await {
            Ok(found) => Ok(Some(found.bytes().await?)),
            Err(object_store::Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    pub async fn exists(&self, path: &Path) -> Result<bool> {
        match self.lake.root().head(path).await {
            Ok(_) => Ok(true),
            Err(object_store::Error::NotFound { .. }) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }
}

impl Entry {
    pub fn info(&self, id: ReleaseId) -> ReleaseInfo {
        ReleaseInfo { id, committed_at: self.committed_at, operation: self.operation.clone() }
    }

    /// The catalog commit that replaces the rows of the release before by this entry's.
    pub fn commit(&self, before: Option<&RowsFile>) -> String {
        let at = self.committed_at.timestamp_millis();
        let mut lines = vec![commit_info(self)];
        if before != self.rows.as_ref() {
            lines.extend(before.map(|old| {
                json!({"remove": {"path": old.path, "deletionTimestamp": at, "dataChange": true,
                    "extendedFileMetadata": true, "partitionValues": {}, "size": old.size}})
            }));
            lines.extend(self.rows.as_ref().map(|new| {
                json!({"add": {"path": new.path, "partitionValues": {}, "size": new.size, "modificationTime": at,
                    "dataChange": true, "stats": json!({"numRecords": new.rows}).to_string()}})
            }));
        }
        to_text(&lines)
    }
}

fn commit_info(entry: &Entry) -> Value {
    json!({"commitInfo": {
        "timestamp": entry.committed_at.timestamp_millis(),
        "operation": "RELEASE",
        "operationParameters": {"operation": entry.operation},
        "engineInfo": concat!("lakewire/", env!("CARGO_PKG_VERSION")),
        "lakewire": entry,
    }})
}

fn to_text(lines: &[Value]) -> String {
    lines.iter().map(Value::to_string).collect::<Vec<_>>().join("\n") + "\n"
}

/// The clock, in the microseconds that timestamps of the lake have.
pub(super) fn now() -> DateTime<Utc> {
    DateTime::from_timestamp_micros(Utc::now().timestamp_micros()).unwrap_or_default()
}
