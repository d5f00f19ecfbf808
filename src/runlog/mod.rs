//! Runs, steps, tests: plain Delta tables under `_lakewire/`, read by SQL as `lakewire.*`.
//!
//! They are appended to outside any release, after a run and whatever its outcome: one commit per table and run.
//! (`lakewire.ingests` and `lakewire.rejects` are not here: they are published together with the rows they tell of.)
//!
//! Invariant: a reader in this process sees every run that has ended: it writes down what is still in memory first.
//! Invariant: what could not be written is kept, up to a limit, and written with the next.

mod read;
mod report;
mod rows;
mod schema;
mod upkeep;

use std::sync::{Arc, Weak};
use std::time::Duration;

use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::compute::concat_batches;
use parking_lot::Mutex;

pub use report::{RunReport, StepReport, StepStatus, TestReport, TestStatus};
pub(crate) use rows::{numbers, optional, text};
pub(crate) use schema::{LINEAGE, LogTable, MODELS};

use crate::catalog::Catalog;
use crate::error::{Error, Result};
use crate::table::{WriteMode, WriteSpec};

/// Rows kept in memory while the log cannot be written; beyond it the oldest are dropped, with a warning.
const MAX_PENDING_ROWS: usize = 100_000;
/// How long a run that did nothing may stay in memory only.
const FLUSH_DELAY: Duration = Duration::from_secs(1);

/// Writes the run log of one process.
pub struct RunLog {
    this: Weak<Self>,
    catalog: Arc<Catalog>,
    pending: Mutex<Vec<(LogTable, RecordBatch)>>,
    /// One writer at a time, so that a reader waits for rows that are on their way.
    writing: tokio::sync::Mutex<()>,
    /// A flush is due.
    scheduled: Mutex<bool>,
}

impl RunLog {
    pub fn new(catalog: Arc<Catalog>) -> Arc<Self> {
        Arc::new_cyclic(|this| Self {
            this: this.clone(),
            catalog,
            pending: Mutex::default(),
            writing: tokio::sync::Mutex::default(),
            scheduled: Mutex::new(false),
        })
    }

    /// Takes a run that has ended; written by the next flush.
    pub fn record(&self, report: &RunReport) {
        let mut new = vec![(LogTable::Runs, rows::runs(report))];
        if !report.nothing_changed() {
            new.push((LogTable::RunSteps, rows::run_steps(report)));
        }
        if !report.tests.is_empty() {
            new.push((LogTable::TestResults, rows::test_results(report)));
        }
        for (table, batch) in new {
            match batch {
                Ok(batch) if batch.num_rows() > 0 => self.pending.lock().push((table, batch)),
                Ok(_) => {}
                Err(error) => tracing::error!(error = error.chain(), "cannot put a run into the run log"),
            }
        }
        self.bound();
    }

    /// Writes all that was recorded, one commit per table.
    ///
    /// # Errors
    /// When a table cannot be written; its rows are kept for the next time.
    pub async fn flush(&self) -> Result<()> {
        let _turn = self.writing.lock().await;
        let taken = std::mem::take(&mut *self.pending.lock());
        let writes = LogTable::ALL.map(|table| self.append(table, &taken));
        let mut failure = None;
        for (table, written) in LogTable::ALL.into_iter().zip(futures::future::join_all(writes).await) {
            if let Err(error) = written {
                let lost = taken.iter().filter(|(of, _)| *of == table).cloned();
                self.pending.lock().splice(..0, lost);
                failure = Some(error.context(format!("run log {}", table.name())));
            }
        }
        failure.map_or(Ok(()), Err)
    }

    /// Has the rest written a little later, together with what comes until then.
    pub fn flush_soon(&self) {
        if std::mem::replace(&mut *self.scheduled.lock(), true) {
            return;
        }
        let this = self.this.clone();
        tokio::spawn(async move {
            tokio::time::sleep(FLUSH_DELAY).await;
            let Some(log) = this.upgrade() else { return };
            *log.scheduled.lock() = false;
            if let Err(error) = log.flush().await {
                tracing::warn!(error = error.chain(), "cannot write the run log; will try again");
            }
        });
    }

    /// Rows of a table that are not written yet.
    fn pending(&self, table: LogTable) -> Vec<RecordBatch> {
        self.pending.lock().iter().filter(|(of, _)| *of == table).map(|(_, batch)| batch.clone()).collect()
    }

    async fn append(&self, table: LogTable, taken: &[(LogTable, RecordBatch)]) -> Result<()> {
        let batches: Vec<&RecordBatch> = taken.iter().filter(|(of, _)| *of == table).map(|(_, batch)| batch).collect();
        if batches.is_empty() {
            return Ok(());
        }
        let all = concat_batches(&table.schema(), batches)
            .map_err(|error| Error::internal("rows of the run log").with_source(error))?;
        let spec = WriteSpec { comment: Some(table.comment().to_owned()), ..WriteSpec::new(WriteMode::Append) };
        self.catalog.tables().append_direct(table.location(), &spec, all).await?;
        Ok(())
    }

    fn bound(&self) {
        let mut pending = self.pending.lock();
        let mut rows: usize = pending.iter().map(|(_, batch)| batch.num_rows()).sum();
        let mut dropped = 0;
        while rows > MAX_PENDING_ROWS && pending.len() > 1 {
            let (_, batch) = pending.remove(0);
            rows -= batch.num_rows();
            dropped += batch.num_rows();
        }
        if dropped > 0 {
            tracing::warn!(dropped, "the run log could not be written for long; its oldest rows are lost");
        }
    }
}
