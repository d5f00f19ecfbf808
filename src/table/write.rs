//! Writing a table: rows in, one commit out.
//!
//! The Parquet files are written by delta-rs's writer and the commit is delta-rs's, but not its `WriteBuilder`: that one
//! needs a query planner of its own in the session, leaves stores in the session's shared registry, encodes with one
//! thread, and cannot change a table's comments in the commit that writes the rows.
//!
//! Invariant: one write is one commit, tried once, on top of the version that the store given shows.
//! Invariant: nothing is visible before the commit; files of a write that failed are never named by a log.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::datatypes::{Schema, SchemaRef};
use datafusion::execution::SessionState;
use datafusion::logical_expr::LogicalPlan;
use datafusion::physical_plan::{ExecutionPlanProperties, execute_stream_partitioned};
use deltalake::kernel::transaction::{CommitBuilder, CommitProperties, TableReference};
use deltalake::kernel::{Action, Add, EagerSnapshot, Transaction};
use deltalake::protocol::{DeltaOperation, SaveMode};
use futures::StreamExt;
use futures::stream::BoxStream;
use serde_json::json;
use tokio::sync::OwnedMutexGuard;

use super::definition::Definition;
use super::matched::Replaced;
use super::target::Target;
use super::writer::{self, Files};
use super::{Snapshot, Tables, errors, log};
use crate::error::{Error, ErrorKind, Result};
use crate::store::LakeStore;

/// How often a direct append is tried before another writer is said to hold the table.
const DIRECT_ATTEMPTS: u32 = 20;

/// What to do with the rows a table has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WriteMode {
    /// Keep them. Columns of the input that the table lacks are added to it; those that the input lacks are null.
    Append,
    /// Remove them. The table's columns, partitioning and comments become those of this write.
    Overwrite,
    /// Remove them, and keep the table's definition: the rows of an UPDATE, a DELETE, a TRUNCATE.
    Replace,
    /// Keep those that lie in other files than the ones [`WriteSpec::replaced`] names: an UPDATE, a DELETE, a MERGE.
    Change,
}

/// One write, everything but the rows.
#[derive(Debug, Clone)]
pub struct WriteSpec {
    pub mode: WriteMode,
    /// Table comment and column comments, written into Delta's metadata when they differ. An append changes only those
    /// that are given.
    pub comment: Option<String>,
    pub column_comments: BTreeMap<String, String>,
    /// An append to an existing table keeps the table's own.
    pub partition_by: Vec<String>,
    /// All that a new or an overwritten table is to be, its columns' types too; it goes before the comments and
    /// partition columns above.
    pub definition: Option<Definition>,
    /// The rows are known to satisfy the table's check constraints, and its generated columns are computed. Without it,
    /// tables that ask for that are not written.
    pub checked: bool,
    /// Goes into the commit's `commitInfo` (run id, model, SQL hash, input versions …), under the key `lakewire`.
    pub provenance: BTreeMap<String, serde_json::Value>,
    /// `(application id, version)` of Delta's `txn` action: a source's cursor.
    pub txn: Option<(String, i64)>,
    /// The files that a [`WriteMode::Change`] removes, named by the time its last row has come.
    pub replaced: Arc<Replaced>,
}

impl WriteSpec {
    /// A write of this mode without comments, partitions, provenance or cursor.
    pub fn new(mode: WriteMode) -> Self {
        Self {
            mode,
            comment: None,
            column_comments: BTreeMap::new(),
            partition_by: Vec::new(),
            definition: None,
            checked: false,
            provenance: BTreeMap::new(),
            txn: None,
            replaced: Arc::default(),
        }
    }
}

/// The outcome of a write.
#[derive(Debug, Clone)]
pub struct Written {
    pub version: u64,
    /// Rows written by this write.
    pub rows: u64,
    /// Size of the data files written by this write.
    pub bytes: u64,
}

impl Tables {
    /// Runs `input` in `session` and commits its rows through `lake` (normally an overlay) on top of the version that
    /// `lake` shows; makes the table if there is none. `known` is a snapshot that `lake` shows, its newest at best: it
    /// need not be read again. One commit, no retries, no checkpoint, no log clean-up.
    ///
    /// Errors: `SerializationFailure` when another writer was first, `FeatureNotSupported` for a column type or a table
    /// that cannot be written, `NotNullViolation`; and whatever running `input` gives.
    pub async fn write(
        &self,
        lake: &LakeStore,
        location: &str,
        spec: &WriteSpec,
        input: LogicalPlan,
        session: &SessionState,
        known: Option<&Snapshot>,
    ) -> Result<Written> {
        let plan = session.create_physical_plan(&input).await.map_err(errors::from_plan)?;
        let target = Target::open(lake, location, spec, &plan.schema(), known).await?;
        // rows that come sorted stay sorted, which only one writer can do
        let writers = if plan.output_ordering().is_some() { 1 } else { session.config().target_partitions() };
        let streams = execute_stream_partitioned(plan, session.task_ctx()).map_err(errors::from_plan)?;
        let streams = streams.into_iter().map(|stream| stream.map(|batch| batch.map_err(errors::from_plan)).boxed());
        let files = writer::write_streams(&target, streams.collect(), writers).await?;
        commit(&target, spec, &files).await
    }

    /// Like [`Tables::write`], of batches that are already there or come in; all have the columns `schema` says.
    pub async fn write_batches(
        &self,
        lake: &LakeStore,
        location: &str,
        spec: &WriteSpec,
        schema: SchemaRef,
        batches: BoxStream<'static, Result<RecordBatch>>,
        known: Option<&Snapshot>,
    ) -> Result<Written> {
        let target = Target::open(lake, location, spec, &schema, known).await?;
        let writers = std::thread::available_parallelism().map_or(1, usize::from);
        let files = writer::write_streams(&target, vec![batches], writers).await?;
        commit(&target, spec, &files).await
    }

    /// Appends rows to a table of our own outside any release (the run log), making it if there is none. Where another
    /// writer is first, the commit is made again on top of its version, a bounded number of times.
    ///
    /// Errors: `LockNotAvailable` when others were first each time.
    pub async fn append_direct(&self, location: &str, spec: &WriteSpec, batch: RecordBatch) -> Result<Written> {
        let _turn = self.turn(location).await;
        let schema: &Schema = batch.schema_ref();
        let mut target = Target::open(&self.lake, location, spec, schema, None).await?;
        let rows = futures::stream::once(futures::future::ready(Ok(batch.clone()))).boxed();
        let files = writer::write_streams(&target, vec![rows], 1).await?;
        for attempt in 1..=DIRECT_ATTEMPTS {
            match commit(&target, spec, &files).await {
                Err(error) if error.kind() == ErrorKind::SerializationFailure && attempt < DIRECT_ATTEMPTS => {
                    tokio::time::sleep(Duration::from_millis(u64::from(5 * attempt))).await;
                    target = Target::open(&self.lake, location, spec, schema, None).await?;
                }
                Err(error) if error.kind() == ErrorKind::SerializationFailure => break,
                Err(error) => return Err(error),
                Ok(written) => {
                    if self.checkpoint_is_due(written.version) {
                        // the rows are in; a log without this checkpoint is only slower to read
                        if let Err(error) = self.checkpoint(location).await {
                            tracing::warn!(table = location, error = error.chain(), "checkpoint failed");
                        }
                    }
                    return Ok(written);
                }
            }
        }
        Err(Error::new(ErrorKind::LockNotAvailable, format!("table \"{location}\" is being written by others"))
            .with_hint("try again when they are done"))
    }

    /// Writers of one process take turns at a table: a lost race costs far more than a short wait.
    pub async fn turn(&self, location: &str) -> OwnedMutexGuard<()> {
        let turn = {
            let mut turns = self.turns.lock();
            turns.retain(|_, turn| Arc::strong_count(turn) > 1);
            Arc::clone(turns.entry(location.to_owned()).or_default())
        };
        turn.lock_owned().await
    }
}

/// Puts the commit that names the files.
async fn commit(target: &Target, spec: &WriteSpec, files: &Files) -> Result<Written> {
    let now = chrono::Utc::now().timestamp_millis();
    let removes = target.removes(&spec.replaced)?;
    let metrics = json!({
        "num_added_files": files.adds.len(),
        "num_removed_files": removes.len(),
        "num_added_rows": files.rows,
    });
    let mut info = HashMap::from([("operationMetrics".to_owned(), metrics)]);
    if !spec.provenance.is_empty() {
        info.insert(log::PROVENANCE.to_owned(), json!(spec.provenance));
    }
    let transactions =
        spec.txn.iter().map(|(app, version)| Transaction::new_with_last_update(app, *version, Some(now))).collect();
    let operation = DeltaOperation::Write {
        mode: match spec.mode {
            WriteMode::Append => SaveMode::Append,
            WriteMode::Overwrite | WriteMode::Replace | WriteMode::Change => SaveMode::Overwrite,
        },
        partition_by: (!target.partition_by().is_empty()).then(|| target.partition_by().to_vec()),
        predicate: None,
    };
    let mut actions = target.definition_actions();
    actions.extend(removes.into_iter().map(Action::Remove));
    actions.extend(files.adds.iter().cloned().map(Action::Add));
    let version =
        put(target, CommitProperties::default().with_application_transactions(transactions), info, actions, operation)
            .await?;
    let bytes = files.adds.iter().map(|add: &Add| u64::try_from(add.size).unwrap_or(0)).sum();
    Ok(Written { version, rows: files.rows, bytes })
}

/// Puts one commit on top of the version that the target was opened at; answers its number.
pub(super) async fn put(
    target: &Target,
    properties: CommitProperties,
    mut info: HashMap<String, serde_json::Value>,
    actions: Vec<Action>,
    operation: DeltaOperation,
) -> Result<u64> {
    let failed = |error| errors::from_delta(error, target.location());
    info.insert("clientVersion".to_owned(), json!(concat!("lakewire.", env!("CARGO_PKG_VERSION"))));
    let properties = properties
        .with_metadata(info)
        .with_max_retries(0)
        .with_create_checkpoint(false)
        .with_cleanup_expired_logs(Some(false));
    let base = target.base().map(|base: &EagerSnapshot| base as &dyn TableReference);
    // only as far as the commit itself: the hooks after it would read the table anew for nothing
    let committed = CommitBuilder::from(properties)
        .with_actions(actions)
        .build(base, target.log_store(), operation)
        .into_prepared_commit_future()
        .await
        .map_err(failed)?
        .await
        .map_err(failed)?;
    Ok(committed.version)
}
