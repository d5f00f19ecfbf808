//! Delta tables: snapshots, scans, commits. The only user of `deltalake`.
//!
//! Invariant: a [`Snapshot`] never changes; the cache holds only snapshots read from the lake's own store, never
//! ones read through an overlay.

use std::collections::BTreeMap;
use std::sync::Arc;

use datafusion::arrow::datatypes::SchemaRef;
use datafusion::catalog::TableProvider;
use datafusion::execution::SessionState;
use datafusion::logical_expr::LogicalPlan;

use crate::error::Result;
use crate::store::LakeStore;

/// Opens and writes the Delta tables of one lake. Locations are relative to the lake (`gold/daily_sales`).
#[derive(Debug)]
pub struct Tables {
    lake: LakeStore,
}

/// One version of one table: schema, files, statistics.
#[derive(Debug)]
pub struct Snapshot {}

/// What to do with the rows a table has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WriteMode {
    Append,
    Overwrite,
}

/// One write, everything but the rows.
#[derive(Debug, Clone)]
pub struct WriteSpec {
    pub mode: WriteMode,
    /// Table comment and column comments, written into Delta's metadata when they differ.
    pub comment: Option<String>,
    pub column_comments: BTreeMap<String, String>,
    pub partition_by: Vec<String>,
    /// Goes into the commit's `commitInfo` (run id, model, SQL hash, input versions …).
    pub provenance: BTreeMap<String, serde_json::Value>,
    /// `(application id, version)` of Delta's `txn` action: a source's cursor.
    pub txn: Option<(String, i64)>,
}

/// The outcome of a write.
#[derive(Debug, Clone)]
pub struct Written {
    pub version: u64,
    pub rows: u64,
    pub bytes: u64,
}

impl Tables {
    pub fn new(lake: LakeStore) -> Arc<Self> {
        Arc::new(Self { lake })
    }
    /// Newest version in the table's log; `None` where there is no log.
    pub async fn head(&self, _location: &str) -> Result<Option<u64>> {
        unimplemented!()
    }
    /// The table as of `version` (or its head), remembered by (location, version).
    pub async fn snapshot(&self, _location: &str, _version: Option<u64>) -> Result<Arc<Snapshot>> {
        unimplemented!()
    }
    /// The table's newest version as seen through `lake` (an overlay); never remembered.
    pub async fn snapshot_in(&self, _lake: &LakeStore, _location: &str) -> Result<Arc<Snapshot>> {
        unimplemented!()
    }
    /// Runs `input` in `session` and commits its rows through `lake` (normally an overlay) on top of the version that `lake` shows;
    /// makes the table if there is none. One commit, no retries, no checkpoint, no log clean-up.
    pub async fn write(
        &self,
        _lake: &LakeStore,
        _location: &str,
        _spec: &WriteSpec,
        _input: LogicalPlan,
        _session: &SessionState,
    ) -> Result<Written> {
        unimplemented!()
    }
}

impl Snapshot {
    pub fn version(&self) -> u64 {
        unimplemented!()
    }
    pub fn schema(&self) -> SchemaRef {
        unimplemented!()
    }
    /// Exact when every file has a row count.
    pub fn rows(&self) -> Option<u64> {
        unimplemented!()
    }
    pub fn bytes(&self) -> u64 {
        unimplemented!()
    }
    pub fn comment(&self) -> Option<&str> {
        unimplemented!()
    }
    pub fn column_comment(&self, _column: &str) -> Option<&str> {
        unimplemented!()
    }
    pub fn partition_columns(&self) -> &[String] {
        unimplemented!()
    }
    /// Version of the last `txn` action of this application.
    pub async fn txn_version(&self, _app_id: &str) -> Result<Option<i64>> {
        unimplemented!()
    }
    /// A scan of this version. Cheap; may be called per statement.
    pub fn provider(&self) -> Result<Arc<dyn TableProvider>> {
        unimplemented!()
    }
}
