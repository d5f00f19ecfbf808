//! Opens Parquet files for scans: footers come from the process-wide cache, and a file that is gone is named.
//!
//! Invariant: no bounds of floating point columns are told. Parquet leaves NaN out of them, which for PostgreSQL is greater
//! than every other number: rows would be lost by `x > 5`, `x <> 5` and `ORDER BY x DESC LIMIT 1`.

use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use datafusion::datasource::listing::PartitionedFile;
use datafusion::datasource::physical_plan::ParquetFileReaderFactory;
use datafusion::datasource::physical_plan::parquet::CachedParquetFileReaderFactory;
use datafusion::execution::cache::cache_manager::FileMetadataCache;
use datafusion::parquet::arrow::arrow_reader::ArrowReaderOptions;
use datafusion::parquet::arrow::async_reader::AsyncFileReader;
use datafusion::parquet::basic::Type;
use datafusion::parquet::errors::{ParquetError, Result};
use datafusion::parquet::file::metadata::ParquetMetaData;
use datafusion::parquet::file::page_index::column_index::ColumnIndexMetaData;
use datafusion::parquet::schema::types::ColumnDescPtr;
use datafusion::physical_plan::metrics::ExecutionPlanMetricsSet;
use futures::FutureExt;
use futures::future::BoxFuture;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt};

use super::errors;
use super::usage::Reading;

/// Reads through the store of the snapshot, not through what the session has registered for its URL: an overlay or a
/// fault store stays in force whichever session runs the plan.
#[derive(Debug)]
pub(super) struct ReaderFactory {
    store: Arc<dyn ObjectStore>,
    cached: CachedParquetFileReaderFactory,
    reading: Reading,
}

impl ReaderFactory {
    pub(super) fn new(store: Arc<dyn ObjectStore>, footers: Arc<FileMetadataCache>, reading: Reading) -> Self {
        Self { cached: CachedParquetFileReaderFactory::new(Arc::clone(&store), footers), store, reading }
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
        self.reading.begin(metrics);
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
                footer => without_float_bounds(footer?),
            }
        }
        .boxed()
    }
}

/// The footer without bounds of floating point columns, in row groups and pages.
fn without_float_bounds(footer: Arc<ParquetMetaData>) -> Result<Arc<ParquetMetaData>> {
    let is_float = |column: &ColumnDescPtr| matches!(column.physical_type(), Type::FLOAT | Type::DOUBLE);
    let columns = footer.file_metadata().schema_descr().columns();
    let floats: Vec<usize> = (0..columns.len()).filter(|at| is_float(&columns[*at])).collect();
    if floats.is_empty() {
        return Ok(footer);
    }
    let groups = footer.row_groups().iter().map(|group| {
        let columns = group.columns().iter().enumerate().map(|(at, column)| match floats.contains(&at) {
            true => {
                let builder = column.clone().into_builder().clear_statistics();
                builder.set_column_index_offset(None).set_column_index_length(None).build()
            }
            false => Ok(column.clone()),
        });
        group.clone().into_builder().set_column_metadata(columns.collect::<Result<_>>()?).build()
    });
    let groups = groups.collect::<Result<Vec<_>>>()?;
    let mut pages = footer.column_index().cloned();
    for group in pages.iter_mut().flatten() {
        for at in floats.iter().filter(|at| **at < group.len()).copied().collect::<Vec<_>>() {
            group[at] = ColumnIndexMetaData::NONE;
        }
    }
    let known = ParquetMetaData::clone(&footer).into_builder();
    Ok(Arc::new(known.set_row_groups(groups).set_column_index(pages).build()))
}
