//! Result rows, with cancel, deadline and memory inside.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use datafusion::arrow::array::{RecordBatch, RecordBatchOptions};
use datafusion::arrow::compute::{CastOptions, cast_with_options};
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::execution::SendableRecordBatchStream;
use futures::stream::BoxStream;
use futures::{Stream, StreamExt};
use tokio::runtime::Handle;
use tokio::time::Instant;
use tokio_util::sync::DropGuard;
use tokio_util::task::AbortOnDropHandle;

use super::errors;
use crate::error::{Error, ErrorKind, Result};

/// Batches computed ahead of the consumer. Small: a consumer that stops reading stops the work.
const BATCHES_AHEAD: usize = 2;

/// Rows of one statement. Dropping it stops the work.
pub struct BatchStream {
    schema: SchemaRef,
    inner: BoxStream<'static, Result<RecordBatch>>,
}

impl BatchStream {
    pub fn new(schema: SchemaRef, inner: BoxStream<'static, Result<RecordBatch>>) -> Self {
        Self { schema, inner }
    }

    /// Rows that are already there.
    pub fn of(schema: SchemaRef, batches: Vec<RecordBatch>) -> Self {
        Self::new(schema, futures::stream::iter(batches.into_iter().map(Ok)).boxed())
    }

    pub fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    /// The same stream, ending with an error once the guard's time is over.
    pub fn guarded(self, guard: Guard) -> Self {
        let inner = futures::stream::unfold(Some((self.inner, guard)), |state| async move {
            let (mut inner, guard) = state?;
            match guard.run(async { Ok(inner.next().await) }).await {
                Ok(Some(Ok(batch))) => Some((Ok(batch), Some((inner, guard)))),
                Ok(Some(Err(error))) | Err(error) => Some((Err(error), None)),
                Ok(None) => None,
            }
        });
        Self::new(self.schema, inner.boxed())
    }

    /// Computes on a task of the workers, so that dropping (or cancelling) returns at once even while an operator is busy;
    /// `stop` tells such an operator. Columns are renamed to those of `schema`.
    pub(super) fn spawned(
        schema: SchemaRef,
        mut rows: SendableRecordBatchStream,
        guard: Guard,
        workers: &Handle,
        stop: DropGuard,
    ) -> Self {
        let (sender, receiver) = tokio::sync::mpsc::channel(BATCHES_AHEAD);
        let task = workers.spawn(async move {
            while let Some(batch) = rows.next().await {
                let failed = batch.is_err();
                if sender.send(batch).await.is_err() || failed {
                    break;
                }
            }
        });
        let running = (schema.clone(), AbortOnDropHandle::new(task), stop);
        let inner = futures::stream::unfold((receiver, Some(running)), |(mut receiver, running)| async move {
            let (schema, task, stop) = running?;
            match receiver.recv().await {
                Some(Ok(batch)) => match relabel(batch, &schema) {
                    Ok(batch) => Some((Ok(batch), (receiver, Some((schema, task, stop))))),
                    Err(error) => Some((Err(error), (receiver, None))),
                },
                Some(Err(error)) => Some((Err(errors::from_datafusion(error)), (receiver, None))),
                None => match task.await {
                    Ok(()) => None,
                    Err(error) => Some((
                        Err(Error::internal("a query's task ended unexpectedly").with_source(error)),
                        (receiver, None),
                    )),
                },
            }
        });
        Self::new(schema, inner.boxed()).guarded(guard)
    }
}

fn relabel(batch: RecordBatch, schema: &SchemaRef) -> Result<RecordBatch> {
    if batch.schema_ref() == schema {
        return Ok(batch);
    }
    let failed = |error| Error::internal("a batch does not fit the plan's schema").with_source(error);
    let columns = batch.columns().iter().zip(schema.fields()).map(|(column, field)| {
        match (column.data_type(), field.data_type()) {
            // DataFusion's rewrite of distinct aggregates sums sums, which widens them; of a parameter's value more is known than
            // when the plan was made
            (now, told)
                if now != told && (now.is_string() && told.is_string() || now.is_decimal() && told.is_decimal()) =>
            {
                let strict = CastOptions { safe: false, ..CastOptions::default() };
                cast_with_options(column, told, &strict)
            }
            _ => Ok(column.clone()),
        }
    });
    let columns = columns.collect::<Result<Vec<_>, _>>().map_err(failed)?;
    let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
    RecordBatch::try_new_with_options(schema.clone(), columns, &options).map_err(failed)
}

impl Stream for BatchStream {
    type Item = Result<RecordBatch>;
    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.inner.as_mut().poll_next(cx)
    }
}

/// Stops one statement from another task: planning, executing or streaming. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct CancelHandle(Arc<tokio_util::sync::CancellationToken>);

impl CancelHandle {
    pub fn cancel(&self) {
        self.0.cancel();
    }
    pub fn is_canceled(&self) -> bool {
        self.0.is_cancelled()
    }
    /// Resolves once cancelled.
    pub async fn canceled(&self) {
        self.0.cancelled().await;
    }
}

/// How long a statement may go on: until it is cancelled, or its deadline.
#[derive(Debug, Clone, Default)]
pub struct Guard {
    pub cancel: CancelHandle,
    deadline: Option<Instant>,
}

impl Guard {
    /// Ends when cancelled, only.
    pub fn new(cancel: CancelHandle) -> Self {
        Self { cancel, deadline: None }
    }

    /// A new one; its clock starts now. Zero means no limit.
    pub fn with_timeout(timeout: Duration) -> Self {
        let unlimited = Self { cancel: CancelHandle::default(), deadline: None };
        unlimited.with_clock(timeout)
    }

    /// The same with a clock that starts now.
    pub fn with_clock(&self, timeout: Duration) -> Self {
        let deadline = (!timeout.is_zero()).then(|| Instant::now() + timeout);
        Self { cancel: self.cancel.clone(), deadline }
    }

    /// The work's outcome, or `57014` when time is over first.
    pub async fn run<T>(&self, work: impl Future<Output = Result<T>>) -> Result<T> {
        tokio::select! {
            biased;
            () = self.cancel.canceled() => Err(Error::new(ErrorKind::QueryCanceled, "canceling statement due to user request")),
            () = over(self.deadline) => Err(Error::new(ErrorKind::QueryCanceled, "canceling statement due to statement timeout")),
            done = work => done,
        }
    }
}

async fn over(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => tokio::time::sleep_until(deadline).await,
        None => std::future::pending().await,
    }
}
