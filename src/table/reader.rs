//! Opens Parquet files for scans: footers come from the process-wide cache, and a file that is gone is named.

use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use datafusion::datasource::listing::PartitionedFile;
use datafusion::datasource::physical_plan::ParquetFileReaderFactory;
use datafusion::datasource::physical_plan::parquet::CachedParquetFileReaderFactory;
use datafusion::execution::cache::cache_manager::FileMetadataCache;
use datafusion::parquet::arrow::arrow_reader::ArrowReaderOptions;
use datafusion::parquet::arrow::async_reader::AsyncFileReader;
use datafusion::parquet::errors::{ParquetError, Result};
use datafusion::parquet::file::metadata::ParquetMetaData;
use datafusion::physical_plan::metrics::ExecutionPlanMetricsSet;
use futures::FutureExt;
use futures::future::BoxFuture;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt};

use super::errors;

/// Reads through the store of the snapshot, not through what the session has registered for its URL: an overlay or a
/// fault store stays in force whichever session runs the plan.
#[derive(Debug)]
pub(super) struct ReaderFactory {
    store: Arc<dyn ObjectStore>,
    cached: CachedParquetFileReaderFactory,
}

impl ReaderFactory {
    pub(super) fn new(store: Arc<dyn ObjectStore>, footers: Arc<FileMetadataCache>) -> Self {
        Self { cached: CachedParquetFileReaderFactory::new(Arc::clone(&store), footers), store }
    }
}

impl ParquetFileReaderFactory for ReaderFactory {
    fn create_reader(
        &self,
        partition_index: usize,
        file: PartitionedFile,
        metadata_size_hint: Option<usize>,
        metrics: &ExecutionPlanMetricsSet,
    ) -> datafusion::error::Result<Box<dyn AsyncFileReader + Send>> {
        let path = file.object_meta.location.clone();
        let inner = self.cached.create_reader(partition_index, file, metadata_size_hint, metrics)?;
        Ok(Box::new(Reader { inner, store: Arc::clone(&self.store), path }))
    }
}

struct Reader {
    inner: Box<dyn AsyncFileReader + Send>,
    store: Arc<dyn ObjectStore>,
    path: Path,
}

impl AsyncFileReader for Reader {
    fn get_bytes(&mut self, range: Range<u64>) -> BoxFuture<'_, Result<Bytes>> {
        self.inner.get_bytes(range)
    }

    fn get_byte_ranges(&mut self, ranges: Vec<Range<u64>>) -> BoxFuture<'_, Result<Vec<Bytes>>> {
        self.inner.get_byte_ranges(ranges)
    }

    fn get_metadata<'a>(
        &'a mut self,
        options: Option<&'a ArrowReaderOptions>,
    ) -> BoxFuture<'a, Result<Arc<ParquetMetaData>>> {
        async move {
            match self.inner.get_metadata(options).await {
                // the cached reader turns the store's error into text; ask the store what it was
                Err(error) => match self.store.head(&self.path).await {
                    Err(cause) => Err(ParquetError::External(Box::new(errors::data_file(&cause)))),
                    Ok(_) => Err(ParquetError::External(Box::new(errors::footer(&self.path, &error)))),
                },
                footer => footer,
            }
        }
        .boxed()
    }
}
