//! The intent of a release: everything that is needed to finish a publish, by anyone.
//!
//! Invariant: every step puts the same bytes whoever takes it (owner, helper, the next start), so a crash before the
//! intent is there is a discard and after it a roll-forward.
//! Invariant: whether a release is given up is known when the commits of all its tables have been tried, not before: so
//! everyone decides alike, and there is nothing to take back that only one of them knows.

use futures::{StreamExt, TryStreamExt, stream};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::checkpoint::CATALOG;
use super::log::{CatalogLog, Entry, Put};
use super::rows;
use crate::error::{Error, Result};
use crate::names::ReleaseId;
use crate::store::fault::crash_point;

/// Tables whose commits are put at once.
const CONCURRENCY: usize = 16;

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Intent {
    pub id: Uuid,
    pub release: ReleaseId,
    pub tables: Vec<TableCommit>,
    /// The catalog's commit as version `release`.
    pub commit: String,
    /// The same if another engine wrote first.
    pub abort: String,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct TableCommit {
    pub location: String,
    pub version: u64,
    pub commit: String,
    /// What takes the commit back.
    pub undo: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Finished {
    Published,
    /// Another engine was first at a table; nothing of the intent is left.
    Aborted,
}

impl Intent {
    pub fn decode(bytes: &[u8]) -> Result<Self> {
        serde_json::from_slice(bytes).map_err(rows::corrupt)
    }

    pub fn encode(&self) -> Result<Vec<u8>> {
        serde_json::to_vec(self).map_err(|error| Error::internal("an intent cannot be written").with_source(error))
    }

    /// What it commits: logs, and their versions.
    pub fn commits(&self) -> impl Iterator<Item = (String, u64)> {
        let tables = self.tables.iter().map(|table| (table.location.clone(), table.version));
        tables.chain([(CATALOG.to_owned(), self.release.0)])
    }

    /// Puts the commits of its tables and then the release, or takes them back. Idempotent.
    pub async fn finish(&self, log: &CatalogLog) -> Result<Finished> {
        if let Some(entry) = log.entry(self.release).await? {
            return Ok(self.outcome(&entry));
        }
        let puts: Vec<_> = self.tables.iter().map(|table| table.put(log)).collect();
        let puts: Vec<bool> = stream::iter(puts).buffered(CONCURRENCY).try_collect().await?;
        crash_point("publish.tables_put");
        if puts.iter().all(|ours| *ours) {
            return self.commit_catalog(log, &self.commit).await;
        }
        for (table, _) in self.tables.iter().zip(puts).filter(|(_, ours)| *ours) {
            table.put_undo(log).await?;
        }
        self.commit_catalog(log, &self.abort).await
    }

    async fn commit_catalog(&self, log: &CatalogLog, commit: &str) -> Result<Finished> {
        log.put(&log.commit_path(self.release), commit.to_owned().into()).await?;
        crash_point("publish.catalog_put");
        let entry = log.entry(self.release).await?;
        let entry = entry.ok_or_else(|| rows::corrupt("a release vanished as it was put"))?;
        Ok(self.outcome(&entry))
    }

    fn outcome(&self, entry: &Entry) -> Finished {
        match (entry.intent == self.id, entry.aborted) {
            (true, false) => Finished::Published,
            // a stale intent's release went to another: nothing of this one was or will be put
            _ => Finished::Aborted,
        }
    }
}

impl TableCommit {
    fn path(&self, log: &CatalogLog, version: u64) -> object_store::path::Path {
        log.table_path(&self.location, version)
    }

    /// Whether the commit stands in its place now; another engine's may.
    async fn put(&self, log: &CatalogLog) -> Result<bool> {
        let put = log.put(&self.path(log, self.version), self.commit.clone().into()).await?;
        crash_point("publish.table_put");
        Ok(!matches!(put, Put::Different(_)))
    }

    /// Takes the commit back by a further one, at the first free version after it.
    async fn put_undo(&self, log: &CatalogLog) -> Result<()> {
        let mut version = self.version + 1;
        while let Put::Different(_) = log.put(&self.path(log, version), self.undo.clone().into()).await? {
            version += 1;
        }
        Ok(())
    }
}
