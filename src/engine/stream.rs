//! Result rows, with cancel, deadline and memory inside.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::datatypes::SchemaRef;
use futures::Stream;
use futures::stream::BoxStream;

use crate::error::Result;

/// Rows of one statement. Dropping it stops the work.
pub struct BatchStream {
    schema: SchemaRef,
    inner: BoxStream<'static, Result<RecordBatch>>,
}

impl BatchStream {
    pub fn new(schema: SchemaRef, inner: BoxStream<'static, Result<RecordBatch>>) -> Self {
        Self { schema, inner }
    }
    pub fn schema(&self) -> &SchemaRef {
        &self.schema
    }
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
