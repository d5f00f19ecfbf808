//! Rows → Parquet files → `add` actions.
//!
//! The rows of all input streams pass one short queue. One writer takes from it; a further one starts each time the
//! queue is found full, so that a small result is one file and a large one is encoded by all cores.

use std::collections::HashMap;
use std::num::NonZeroU64;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use chrono::NaiveDate;
use datafusion::arrow::array::{Array, ArrayRef, AsArray, RecordBatch, new_null_array};
use datafusion::arrow::compute::{max, min};
use datafusion::arrow::datatypes::{DataType, Date32Type, SchemaRef};
use datafusion::parquet::basic::Compression;
use datafusion::parquet::file::properties::{EnabledStatistics, WriterProperties};
use deltalake::datafile::writer::{DeltaWriter, WriterConfig};
use deltalake::kernel::Add;
use deltalake::operations::get_num_idx_cols_and_stats_columns;
use futures::StreamExt;
use futures::stream::BoxStream;
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::{Mutex, Semaphore, mpsc};
use tokio::task::JoinSet;

use super::target::Target;
use super::{errors, schema};
use crate::error::{Error, ErrorKind, Result};

/// Rows per Parquet row group: scans are split and pruned by row group, so a table of half a million rows must have some.
const ROW_GROUP_ROWS: usize = 128 * 1024;
/// A file is closed when it reaches this size.
const FILE_BYTES_MAX: u64 = 256 << 20;
/// Rows between two looks at a file's size.
const CHECK_ROWS: usize = 8192;
/// Batches that wait between the plan and the writers.
const QUEUE_BATCHES: usize = 8;

/// Files that a write has made, not yet named by any log.
#[derive(Debug, Default)]
pub(super) struct Files {
    pub(super) adds: Vec<Add>,
    pub(super) rows: u64,
}

/// Writes all rows of the streams, by at most `writers_max` writers at once.
///
/// Dropping the future stops the work. Files that were complete by then stay behind, unnamed.
pub(super) async fn write_streams(
    target: &Target,
    streams: Vec<BoxStream<'static, Result<RecordBatch>>>,
    writers_max: usize,
) -> Result<Files> {
    let (sender, receiver) = mpsc::channel(QUEUE_BATCHES);
    let shared = Arc::new(Shared {
        queue: Mutex::new(receiver),
        backlog: Semaphore::new(0),
        failed: AtomicBool::new(false),
        rows: AtomicU64::new(0),
    });
    let config = writer_config(target);
    // each writer would make files of its own for every partition value
    let writers_max = if target.partition_by().is_empty() { writers_max.max(1) } else { 1 };
    let mut writers = JoinSet::new();
    for index in 0..writers_max {
        let writer = DeltaWriter::new(target.log_store().object_store(None), config.clone());
        let (shared, location) = (Arc::clone(&shared), target.location().to_owned());
        writers.spawn(async move {
            // the first starts at once; a further one only if the queue is found full before all rows have come
            if index > 0 {
                match shared.backlog.acquire().await {
                    Ok(permit) => permit.forget(),
                    Err(_) => return Ok(Vec::new()),
                }
            }
            drain(&shared, writer, &location).await
        });
    }
    let mut sources = JoinSet::new();
    for stream in streams {
        sources.spawn(feed(Arc::clone(&shared), stream, sender.clone(), Arc::clone(target.schema())));
    }
    drop(sender);

    let mut failure = None;
    let mut files = Files::default();
    while !sources.is_empty() || !writers.is_empty() {
        let outcome = tokio::select! {
            Some(fed) = sources.join_next() => fed.map(|fed| fed.map(|()| Vec::new())),
            Some(drained) = writers.join_next() => drained,
        };
        match outcome.unwrap_or_else(|panic| if panic.is_cancelled() { Ok(Vec::new()) } else { Err(panicked(panic)) }) {
            Ok(adds) => files.adds.extend(adds),
            Err(error) => {
                // the writers notice, and give their open files up
                shared.failed.store(true, Ordering::Release);
                sources.abort_all();
                failure.get_or_insert(error);
            }
        }
        if sources.is_empty() {
            shared.backlog.close();
        }
    }
    files.rows = shared.rows.load(Ordering::Relaxed);
    failure.map_or(Ok(files), Err)
}

struct Shared {
    queue: Mutex<mpsc::Receiver<RecordBatch>>,
    /// One permit for each further writer that has cause to start; closed when all rows have come.
    backlog: Semaphore,
    failed: AtomicBool,
    rows: AtomicU64,
}

/// Brings the batches of one stream into the table's columns and puts them into the queue.
async fn feed(
    shared: Arc<Shared>,
    mut stream: BoxStream<'static, Result<RecordBatch>>,
    queue: mpsc::Sender<RecordBatch>,
    schema: SchemaRef,
) -> Result<()> {
    while let Some(batch) = stream.next().await {
        let batch = conform(&batch?, &schema)?;
        if batch.num_rows() == 0 {
            continue;
        }
        let batch = match queue.try_send(batch) {
            Ok(()) => continue,
            Err(TrySendError::Full(batch) | TrySendError::Closed(batch)) => batch,
        };
        shared.backlog.add_permits(1);
        if queue.send(batch).await.is_err() {
            // the writers are gone; theirs is the error to tell
            return Ok(());
        }
    }
    Ok(())
}

/// One writer: writes until the queue ends, and closes its files.
async fn drain(shared: &Shared, mut writer: DeltaWriter, location: &str) -> Result<Vec<Add>> {
    let failed = |error| errors::from_delta(error, location);
    loop {
        let next = shared.queue.lock().await.recv().await;
        if shared.failed.load(Ordering::Acquire) {
            writer.abort().await.map_err(failed)?;
            return Ok(Vec::new());
        }
        let Some(batch) = next else { return writer.close().await.map_err(failed) };
        shared.rows.fetch_add(batch.num_rows() as u64, Ordering::Relaxed);
        if let Err(error) = writer.write(&batch).await {
            shared.queue.lock().await.close();
            let _ = writer.abort().await;
            return Err(failed(error));
        }
    }
}

fn panicked(error: tokio::task::JoinError) -> Error {
    Error::internal("a task that wrote rows panicked").with_source(error)
}

/// How our Parquet files are written.
pub(super) fn properties() -> WriterProperties {
    WriterProperties::builder()
        // twice the size of zstd, and markedly faster to scan
        .set_compression(Compression::SNAPPY)
        .set_max_row_group_row_count(Some(ROW_GROUP_ROWS))
        .set_statistics_enabled(EnabledStatistics::Page)
        .set_created_by(concat!("lakewire ", env!("CARGO_PKG_VERSION")).to_owned())
        .build()
}

fn writer_config(target: &Target) -> WriterConfig {
    let table = target.base().map(|base| base.table_properties());
    let (indexed_columns, statistics_columns) = get_num_idx_cols_and_stats_columns(table, HashMap::new());
    WriterConfig::new(
        Arc::clone(target.schema()),
        target.partition_by().to_vec(),
        Some(properties()),
        NonZeroU64::new(FILE_BYTES_MAX),
        Some(CHECK_ROWS),
        indexed_columns,
        statistics_columns,
    )
}

/// The batch with exactly the table's columns: cast where types differ, null where it has none.
fn conform(batch: &RecordBatch, schema: &SchemaRef) -> Result<RecordBatch> {
    let columns = schema.fields().iter().map(|field| {
        let column: ArrayRef = match batch.column_by_name(field.name()) {
            Some(column) if column.data_type() == field.data_type() => Arc::clone(column),
            Some(column) => schema::stored(column, field.data_type()).map_err(|error| {
                let kind = match column.data_type() {
                    DataType::Time64(_) => ErrorKind::DatetimeOutOfRange,
                    _ => ErrorKind::DatatypeMismatch,
                };
                let told = error.to_string();
                // after the kind of Arrow's error
                let reason = told.split_once(": ").map_or(told.as_str(), |(_, reason)| reason);
                Error::new(kind, format!("a value of column \"{}\" cannot be stored: {reason}", field.name()))
            })?,
            None => new_null_array(field.data_type(), batch.num_rows()),
        };
        if !field.is_nullable() && column.null_count() > 0 {
            let message = format!("null value in column \"{}\" violates not-null constraint", field.name());
            return Err(Error::new(ErrorKind::NotNullViolation, message));
        }
        check_dates(field.name(), &column)?;
        Ok(column)
    });
    RecordBatch::try_new(Arc::clone(schema), columns.collect::<Result<_>>()?)
        .map_err(|error| Error::internal("rows do not fit the table's columns").with_source(error))
}

/// Dates that the statistics of a Delta table can say; infinity is none.
fn check_dates(name: &str, column: &ArrayRef) -> Result<()> {
    if let Some(lists) = column.as_list_opt::<i32>() {
        return check_dates(name, lists.values());
    }
    let Some(days) = column.as_primitive_opt::<Date32Type>() else { return Ok(()) };
    let said = |days: i32| NaiveDate::from_epoch_days(days).is_some();
    match [min(days), max(days)].into_iter().flatten().all(said) {
        true => Ok(()),
        false => {
            let message = format!("a date of column \"{name}\" cannot be stored: it is out of range for a Delta table");
            Err(Error::new(ErrorKind::DatetimeOutOfRange, message))
        }
    }
}
