//! Rows of a transaction that are not in a file yet: single-row inserts wait here, to be written as one file.
//!
//! Invariant: whoever reads the table through the overlay reads these too, and no publish leaves them behind.

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, RecordBatch};
use datafusion::arrow::compute::concat_batches;
use datafusion::arrow::datatypes::SchemaRef;
use futures::StreamExt;

use super::Overlay;
use crate::error::{Error, Result};
use crate::names::TableName;
use crate::table::{WriteMode, WriteSpec};

/// Small batches that are kept apart before they are joined.
const BATCHES_MAX: usize = 64;
/// Rows and bytes that may wait; with more they are written.
const ROWS_MAX: usize = 64 * 1024;
const BYTES_MAX: usize = 16 << 20;

/// The waiting rows of one table.
#[derive(Debug, Clone)]
pub struct Buffered {
    schema: SchemaRef,
    batches: Vec<Arc<RecordBatch>>,
    rows: usize,
    bytes: usize,
}

impl Buffered {
    fn new(schema: SchemaRef) -> Self {
        Self { schema, batches: Vec::new(), rows: 0, bytes: 0 }
    }

    pub fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    pub fn batches(&self) -> Vec<RecordBatch> {
        self.batches.iter().map(|batch| batch.as_ref().clone()).collect()
    }

    fn push(&mut self, batch: RecordBatch) -> Result<()> {
        self.rows += batch.num_rows();
        let size = |column: &ArrayRef| column.to_data().get_slice_memory_size().unwrap_or(0);
        self.bytes += batch.columns().iter().map(size).sum::<usize>();
        self.batches.push(Arc::new(batch));
        let small = self.batches.iter().rev().take_while(|batch| batch.num_rows() < BATCHES_MAX).count();
        if small >= BATCHES_MAX {
            let tail = self.batches.split_off(self.batches.len() - small);
            self.batches.push(Arc::new(joined(&self.schema, &tail)?));
        }
        Ok(())
    }

    fn is_full(&self) -> bool {
        self.rows >= ROWS_MAX || self.bytes >= BYTES_MAX
    }
}

fn joined(schema: &SchemaRef, batches: &[Arc<RecordBatch>]) -> Result<RecordBatch> {
    concat_batches(schema, batches.iter().map(AsRef::as_ref))
        .map_err(|error| Error::internal("waiting rows cannot be joined").with_source(error))
}

impl Overlay {
    /// Keeps rows of a table for later; they meet what the table asks of them. Many of them are written at once.
    pub async fn buffer(&self, name: &TableName, batch: RecordBatch) -> Result<()> {
        if let Some(temporary) = self.temporary_of(name) {
            return Box::pin(temporary.buffer(name, batch)).await;
        }
        let full = {
            let mut all = self.buffered.lock();
            let buffered = all.entry(name.clone()).or_insert_with(|| Buffered::new(batch.schema()));
            buffered.push(batch)?;
            buffered.is_full()
        };
        self.note_rows();
        if full { self.flush(name).await } else { Ok(()) }
    }

    /// The rows of a table that wait, if any do.
    pub fn buffered(&self, name: &TableName) -> Option<Buffered> {
        if let Some(temporary) = self.temporary_of(name) {
            return temporary.buffered(name);
        }
        self.buffered.lock().get(name).cloned()
    }

    /// Writes the waiting rows of one table. Where that fails the transaction does: they stay where they are.
    pub async fn flush(&self, name: &TableName) -> Result<()> {
        let Some(waiting) = self.buffered(name) else { return Ok(()) };
        // one batch goes to one writer, and so to one file
        let batch = joined(&waiting.schema, &waiting.batches)?;
        let rows = futures::stream::once(futures::future::ready(Ok(batch))).boxed();
        let spec = WriteSpec { checked: true, ..WriteSpec::new(WriteMode::Append) };
        self.write_batches(name, &spec, None, waiting.schema().clone(), rows).await?;
        self.forget_buffered(name);
        Ok(())
    }

    /// Writes all that waits.
    pub async fn flush_all(&self) -> Result<()> {
        if let Some(temporary) = self.beside() {
            Box::pin(temporary.flush_all()).await?;
        }
        let names: Vec<TableName> = self.buffered.lock().keys().cloned().collect();
        for name in names {
            self.flush(&name).await?;
        }
        Ok(())
    }

    /// The waiting rows are in a file now, or go with the table's others.
    pub(super) fn forget_buffered(&self, name: &TableName) {
        if self.buffered.lock().remove(name).is_some() {
            self.note_rows();
        }
    }
}
