//! Delta tables: snapshots, scans, commits. The only user of `deltalake`.
//!
//! Invariant: a [`Snapshot`] never changes; the cache holds only snapshots read from the lake's own store, never
//! ones read through an overlay.

mod cache;
mod definition;
mod errors;
mod files;
mod log;
mod matched;
mod optimize;
mod reader;
mod redefine;
mod restore;
pub mod rules;
mod scan;
mod schema;
mod snapshot;
mod target;
mod usage;
mod vacuum;
mod write;
mod writer;

use std::collections::HashMap;
use std::sync::Arc;

use chrono::{DateTime, Utc};

pub use cache::CacheLimits;
pub use definition::{Actions, ColumnDefinition, Constraint, ConstraintKind, Definition};
pub use errors::find_in as error_in;
pub use log::Commit;
pub use matched::{Replaced, RowSet};
pub use optimize::{OptimizeSpec, Optimized};
pub use rules::Rules;
pub use scan::{FILE_COLUMN, ROW_COLUMN};
pub use snapshot::{ScanPath, Snapshot};
pub use usage::{Count, Usage};
pub use vacuum::Unneeded;
pub use write::{WriteMode, WriteSpec, Written};

use crate::error::{ErrorKind, Result};
use crate::store::LakeStore;
use cache::SnapshotCache;
use usage::Usages;

/// Opens and writes the Delta tables of one lake. Locations are relative to the lake (`gold/daily_sales`).
#[derive(Debug)]
pub struct Tables {
    lake: LakeStore,
    snapshots: SnapshotCache,
    /// Whose turn it is to write, by location.
    turns: parking_lot::Mutex<HashMap<String, Arc<tokio::sync::Mutex<()>>>>,
    checkpoint_interval: u64,
    usages: Usages,
}

/// How the tables of a lake are kept.
#[derive(Debug, Clone, Copy)]
pub struct TableSettings {
    pub cache: CacheLimits,
    /// Commits of ours to a table between two checkpoints of its log; 0: none are written.
    pub checkpoint_interval: u64,
}

impl Default for TableSettings {
    fn default() -> Self {
        Self { cache: CacheLimits::default(), checkpoint_interval: 50 }
    }
}

impl Tables {
    /// The tables of a lake, kept by default.
    pub fn new(lake: LakeStore) -> Arc<Self> {
        Self::with(lake, TableSettings::default())
    }

    pub fn with(lake: LakeStore, settings: TableSettings) -> Arc<Self> {
        let TableSettings { cache, checkpoint_interval } = settings;
        Arc::new(Self {
            lake,
            snapshots: SnapshotCache::new(cache),
            turns: Default::default(),
            checkpoint_interval,
            usages: Usages::default(),
        })
    }

    /// What was done to the table since the process began.
    pub fn usage(&self, location: &str) -> Arc<Usage> {
        self.usages.of(location)
    }

    /// The same of all tables that were opened.
    pub fn usages(&self) -> Vec<Arc<Usage>> {
        self.usages.all()
    }

    /// Newest version in the table's log; `None` where there is no log. One listing, nothing is replayed.
    pub async fn head(&self, location: &str) -> Result<Option<u64>> {
        log::head(&self.lake, location, None).await
    }

    /// Newest version as seen through `lake` (an overlay).
    pub async fn head_in(&self, lake: &LakeStore, location: &str) -> Result<Option<u64>> {
        log::head(lake, location, None).await
    }

    /// The table as of `version` (or its head), remembered by (location, version).
    ///
    /// Errors: `UndefinedTable` where there is no log, `UndefinedObject` for a version that the log does not hold,
    /// `FeatureNotSupported` for a table feature that cannot be read, `DataCorrupted` for a broken log.
    pub async fn snapshot(&self, location: &str, version: Option<u64>) -> Result<Arc<Snapshot>> {
        let known = match version {
            Some(version) => version,
            None => self.head(location).await?.ok_or_else(|| errors::not_a_table(location))?,
        };
        let earlier = self.snapshots.earlier(location, known);
        let load =
            Snapshot::load(&self.lake, location, Some(known), ScanPath::Auto, earlier.as_deref(), self.usage(location));
        match self.snapshots.get_or_load(location, known, load).await {
            // where the log has newer versions only, there is a table all the same
            Err(error) if error.kind() == ErrorKind::UndefinedTable && self.head(location).await?.is_some() => {
                Err(errors::no_version(location, known).with_source(error))
            }
            Err(error) if error.kind() == ErrorKind::UndefinedObject => {
                Err(errors::no_version(location, known).with_source(error))
            }
            snapshot => snapshot,
        }
    }

    /// To be called when the lake at this place was replaced by another.
    pub fn forget_snapshots(&self) {
        self.snapshots.clear();
    }

    /// The lake's table as of a version, where it is remembered.
    pub fn remembered(&self, location: &str, version: u64) -> Option<Arc<Snapshot>> {
        self.snapshots.get(location, version)
    }

    /// The table's newest version as seen through `lake` (an overlay), read on from one that it shows too, if any is
    /// known; never remembered.
    pub async fn snapshot_in(
        &self,
        lake: &LakeStore,
        location: &str,
        known: Option<&Snapshot>,
    ) -> Result<Arc<Snapshot>> {
        Snapshot::load(lake, location, None, ScanPath::Auto, known, self.usage(location)).await.map(Arc::new)
    }

    /// The table with a provider of one's choice; never remembered. For comparing the two.
    pub async fn snapshot_by(&self, location: &str, version: Option<u64>, path: ScanPath) -> Result<Arc<Snapshot>> {
        Snapshot::load(&self.lake, location, version, path, None, self.usage(location)).await.map(Arc::new)
    }

    /// The newest `limit` commits that the table's log still holds, newest first.
    pub async fn history(&self, location: &str, limit: usize) -> Result<Vec<Commit>> {
        log::history(&self.lake, location, limit).await
    }

    /// The newest version committed at or before a moment; `None` when the first commit that the log holds is later.
    pub async fn version_at(&self, location: &str, at: DateTime<Utc>) -> Result<Option<u64>> {
        log::version_at(&self.lake, location, at).await
    }

    /// The oldest version that the log can give.
    pub async fn oldest_version(&self, location: &str) -> Result<u64> {
        log::oldest(&self.lake, location).await
    }

    /// Whether a checkpoint is to follow the commit of this version.
    pub fn checkpoint_is_due(&self, version: u64) -> bool {
        self.checkpoint_interval > 0 && (version + 1).is_multiple_of(self.checkpoint_interval)
    }

    /// The version of the last checkpoint, as its hint says. Any trouble with the hint means that there is none.
    pub async fn last_checkpoint(&self, location: &str) -> Option<u64> {
        log::last_checkpoint(&self.lake, location).await
    }

    /// Writes a checkpoint of the table's newest version, so that its log reads fast. Changes nothing that readers see;
    /// overlays keep reading the log as it was at their pin.
    pub async fn checkpoint(&self, location: &str) -> Result<()> {
        log::checkpoint(&self.lake, location).await
    }
}
