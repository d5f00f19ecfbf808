//! A snapshot as a scan: a plain Parquet scan of ours for tables without deletion vectors, column mapping or files
//! elsewhere, delta-rs's scan for the others.
//!
//! Invariant: a scan reads the files of its snapshot and no others; pruning only ever leaves out files whose bounds
//! exclude the filters, and every filter is applied again above the scan.

use std::collections::BTreeSet;
use std::sync::Arc;

use async_trait::async_trait;
use datafusion::arrow::array::{Array, BooleanArray};
use datafusion::arrow::datatypes::{DataType, Field, Fields, Schema, SchemaRef};
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::{ColumnStatistics, DFSchema, ScalarValue, Statistics};
use datafusion::config::TableParquetOptions;
use datafusion::datasource::TableType;
use datafusion::datasource::listing::PartitionedFile;
use datafusion::datasource::physical_plan::{FileGroup, FileScanConfigBuilder, ParquetSource};
use datafusion::datasource::source::DataSourceExec;
use datafusion::datasource::table_schema::TableSchema;
use datafusion::error::Result;
use datafusion::execution::object_store::ObjectStoreUrl;
use datafusion::logical_expr::utils::conjunction;
use datafusion::logical_expr::{Expr, TableProviderFilterPushDown};
use datafusion::parquet::arrow::RowNumber;
use datafusion::physical_optimizer::pruning::PruningPredicateBuilder;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::empty::EmptyExec;
use deltalake::delta_datafusion::DeltaScanNext;
use object_store::ObjectStore;

use super::files::Files;
use super::reader::ReaderFactory;
use super::usage::{Reading, Usage};

/// The lake's root store and the URL that DataFusion knows it by.
#[derive(Debug, Clone)]
pub(super) struct NamedStore {
    pub(super) store: Arc<dyn ObjectStore>,
    pub(super) url: ObjectStoreUrl,
}

impl NamedStore {
    /// Registers the store where the session knows none by this URL.
    fn make_known(&self, state: &dyn Session) {
        if state.runtime_env().object_store(&self.url).is_err() {
            state.runtime_env().register_object_store(self.url.as_ref(), Arc::clone(&self.store));
        }
    }
}

/// delta-rs's scan, for tables that only it can read. Read-only: delta-rs's own INSERT would commit outside any release.
#[derive(Debug)]
pub(super) struct DeltaRsScan {
    inner: DeltaScanNext,
    store: NamedStore,
}

impl DeltaRsScan {
    pub(super) fn new(inner: DeltaScanNext, store: NamedStore) -> Self {
        Self { inner, store }
    }
}

#[async_trait]
impl TableProvider for DeltaRsScan {
    fn schema(&self) -> SchemaRef {
        self.inner.schema()
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    fn supports_filters_pushdown(&self, filters: &[&Expr]) -> Result<Vec<TableProviderFilterPushDown>> {
        let mut taken = self.inner.supports_filters_pushdown(filters)?;
        for (filter, taken) in filters.iter().zip(&mut taken) {
            // NaN is in no bound, and greater than all that are
            if mentions_floats(filter, &self.inner.schema()) {
                *taken = TableProviderFilterPushDown::Unsupported;
            }
        }
        Ok(taken)
    }

    async fn scan(
        &self,
        state: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        self.store.make_known(state);
        self.inner.scan(state, projection, filters, limit).await
    }
}

/// Lowers to DataFusion's own Parquet source. Everything that does not depend on the statement is made once.
#[derive(Debug)]
pub(super) struct ParquetScan {
    /// The table's columns in its own order.
    schema: SchemaRef,
    df_schema: DFSchema,
    /// The same columns in the order of the scan: file columns, then partition columns.
    scan_schema: TableSchema,
    /// Position in the scan of each column of `schema`.
    positions: Vec<usize>,
    files: Arc<Files>,
    store: NamedStore,
    /// Whether rows come with their place.
    placed: bool,
    /// The only files to read, by their position in the list.
    only: Option<Arc<BTreeSet<usize>>>,
    usage: Arc<Usage>,
}

/// The file that a row lies in, by its position in the snapshot's list. No client can write the name.
pub const FILE_COLUMN: &str = "\u{1}file";
/// The row's position in its file.
pub const ROW_COLUMN: &str = "\u{1}row";

impl ParquetScan {
    pub(super) fn try_new(
        schema: SchemaRef,
        scan_schema: TableSchema,
        files: Files,
        store: NamedStore,
        usage: Arc<Usage>,
    ) -> Result<Self> {
        let position = |field: &Arc<_>| Ok(scan_schema.table_schema().index_of(Field::name(field))?);
        let positions = schema.fields().iter().map(position).collect::<Result<_>>()?;
        let df_schema = DFSchema::try_from(Arc::clone(&schema))?;
        let files = Arc::new(files);
        Ok(Self { schema, df_schema, scan_schema, positions, files, store, placed: false, only: None, usage })
    }

    /// The same scan with two more columns, [`FILE_COLUMN`] and [`ROW_COLUMN`]; of these files only, if given.
    pub(super) fn placed(&self, only: Option<BTreeSet<usize>>) -> Result<Self> {
        let file = Arc::new(Field::new(FILE_COLUMN, DataType::Int32, false));
        let row = Arc::new(Field::new(ROW_COLUMN, DataType::Int64, false).with_extension_type(RowNumber));
        let with = |fields: &Fields, more: &[&Arc<Field>]| -> Fields {
            fields.iter().chain(more.iter().copied()).cloned().collect()
        };
        let scan_schema = TableSchema::builder(Arc::clone(self.scan_schema.file_schema()))
            .with_table_partition_cols(with(self.scan_schema.table_partition_cols(), &[&file]))
            .with_virtual_columns(vec![Arc::clone(&row)])
            .build();
        let schema = Arc::new(Schema::new(with(self.schema.fields(), &[&file, &row])));
        let position = |field: &Arc<Field>| Ok(scan_schema.table_schema().index_of(field.name())?);
        Ok(Self {
            positions: schema.fields().iter().map(position).collect::<Result<_>>()?,
            df_schema: DFSchema::try_from(Arc::clone(&schema))?,
            schema,
            scan_schema,
            files: Arc::clone(&self.files),
            store: self.store.clone(),
            placed: true,
            only: only.map(Arc::new),
            usage: Arc::clone(&self.usage),
        })
    }

    pub(super) fn files(&self) -> &Files {
        &self.files
    }

    /// The files to read of those that `kept` marks.
    fn chosen(&self, kept: Option<&BooleanArray>) -> Vec<PartitionedFile> {
        let wanted = |index: &usize| {
            kept.is_none_or(|kept| kept.is_valid(*index) && kept.value(*index))
                && self.only.as_ref().is_none_or(|only| only.contains(index))
        };
        let numbered = self.files.files().iter().enumerate().filter(|(index, _)| wanted(index));
        numbered.map(|(index, file)| if self.placed { placed_file(index, file) } else { file.clone() }).collect()
    }

    /// Marks the files that may hold rows for the filters; `None` when all may. A filter that cannot be judged by
    /// bounds keeps every file.
    fn prune(&self, state: &dyn Session, filters: &[Expr]) -> Option<BooleanArray> {
        // of a single file the Parquet reader judges the row groups anyway
        if self.files.files().len() < 2 {
            return None;
        }
        let predicate = state.create_physical_expr(conjunction(filters.to_vec())?, &self.df_schema).ok()?;
        let predicate =
            PruningPredicateBuilder::new().with_file_schema(Arc::clone(&self.schema)).try_build(predicate).ok()?;
        if predicate.always_true() {
            return None;
        }
        let kept = predicate.prune(self.files.as_ref()).ok()?;
        kept.contains(&false).then(|| BooleanArray::from(kept))
    }

    /// Without filters, the first files that together hold `limit` rows are enough.
    fn enough_for(&self, limit: usize) -> Option<BooleanArray> {
        let mut rows = 0u64;
        let mut enough = false;
        let mut kept = Vec::with_capacity(self.files.files().len());
        for index in 0..self.files.files().len() {
            kept.push(!enough);
            rows = rows.saturating_add(self.files.rows_of(index)?);
            enough = rows >= limit as u64;
        }
        kept.contains(&false).then(|| BooleanArray::from(kept))
    }

    fn parquet_source(&self, state: &dyn Session) -> ParquetSource {
        let mut options =
            TableParquetOptions { global: state.config_options().execution.parquet.clone(), ..Default::default() };
        // Spark's INT96 timestamps are microseconds since long before nanoseconds could tell
        options.global.coerce_int96 = Some("us".to_owned());
        let footers = state.runtime_env().cache_manager.get_file_metadata_cache();
        let hint = options.global.metadata_size_hint;
        let source = ParquetSource::new(self.scan_schema.clone())
            .with_table_parquet_options(options)
            .with_parquet_file_reader_factory(Arc::new(ReaderFactory::new(
                Arc::clone(&self.store.store),
                footers,
                Reading::of(&self.usage),
            )));
        match hint {
            Some(hint) => source.with_metadata_size_hint(hint),
            None => source,
        }
    }
}

#[async_trait]
impl TableProvider for ParquetScan {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    fn supports_filters_pushdown(&self, filters: &[&Expr]) -> Result<Vec<TableProviderFilterPushDown>> {
        Ok(vec![TableProviderFilterPushDown::Inexact; filters.len()])
    }

    async fn scan(
        &self,
        state: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let kept = match (filters, limit) {
            ([], Some(limit)) => self.enough_for(limit),
            ([], None) => None,
            (filters, _) => self.prune(state, filters),
        };
        let files = self.chosen(kept.as_ref());
        let projection: Vec<usize> = match projection {
            Some(columns) => columns.iter().map(|column| self.positions[*column]).collect(),
            None => self.positions.clone(),
        };
        if files.is_empty() {
            return Ok(Arc::new(EmptyExec::new(Arc::new(self.scan_schema.table_schema().project(&projection)?))));
        }
        let mut statistics = match &kept {
            Some(kept) => self.files.summarize(Some(kept))?,
            None => self.files.statistics().clone(),
        };
        if self.placed {
            statistics = unplaced(statistics);
        }
        if self.only.is_some() {
            statistics = statistics.to_inexact();
        }
        // the plan looks its store up by URL before the reader takes over
        self.store.make_known(state);
        let config = FileScanConfigBuilder::new(self.store.url.clone(), Arc::new(self.parquet_source(state)))
            .with_file_groups(balanced_groups(files, state.config().target_partitions()))
            .with_statistics(statistics)
            .with_projection_indices(Some(projection))?
            .with_limit(limit)
            .build();
        Ok(DataSourceExec::from_data_source(config))
    }
}

/// The file with its position as one more partition value.
fn placed_file(index: usize, file: &PartitionedFile) -> PartitionedFile {
    let mut file = file.clone();
    file.partition_values.push(ScalarValue::Int32(i32::try_from(index).ok()));
    file.statistics = file.statistics.map(|known| Arc::new(unplaced(known.as_ref().clone())));
    file
}

/// Of the columns that tell a row's place nothing is known.
fn unplaced(mut statistics: Statistics) -> Statistics {
    statistics.column_statistics.extend([ColumnStatistics::new_unknown(), ColumnStatistics::new_unknown()]);
    statistics
}

/// The least that is worth a reader of its own, in bytes. What is smaller comes in the order it was written in.
const LEAST_SHARE: u64 = 1 << 20;

/// Neighbouring files together, in at most `groups` groups of about the same size.
fn balanced_groups(files: Vec<PartitionedFile>, groups: usize) -> Vec<FileGroup> {
    let total: u64 = files.iter().map(|file| file.object_meta.size.max(1)).sum();
    let share = total.div_ceil(groups.max(1) as u64).max(LEAST_SHARE);
    let mut balanced: Vec<Vec<PartitionedFile>> = Vec::with_capacity(groups);
    let (mut seen, mut group) = (0, None);
    for file in files {
        let slot = seen / share;
        seen += file.object_meta.size.max(1);
        match balanced.last_mut() {
            Some(last) if group == Some(slot) => last.push(file),
            _ => balanced.push(vec![file]),
        }
        group = Some(slot);
    }
    balanced.into_iter().map(FileGroup::new).collect()
}

/// Whether the filter reads a column of floating point numbers.
fn mentions_floats(filter: &Expr, schema: &Schema) -> bool {
    filter
        .column_refs()
        .iter()
        .any(|column| schema.field_with_name(&column.name).is_ok_and(|field| field.data_type().is_floating()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sizes(groups: Vec<FileGroup>) -> Vec<Vec<u64>> {
        groups.iter().map(|group| group.iter().map(|file| file.object_meta.size).collect()).collect()
    }

    #[test]
    fn groups_hold_neighbours_and_are_even() {
        const M: u64 = LEAST_SHARE;
        let files = |sizes: &[u64]| sizes.iter().map(|size| PartitionedFile::new("f", *size)).collect::<Vec<_>>();
        assert_eq!(sizes(balanced_groups(files(&[M, M, M, M]), 2)), [[M, M], [M, M]]);
        assert_eq!(sizes(balanced_groups(files(&[10 * M, M, M]), 2)), vec![vec![10 * M], vec![M, M]]);
        assert_eq!(sizes(balanced_groups(files(&[0, 9, 0]), 8)), [[0, 9, 0]]);
        assert!(balanced_groups(files(&[5 * M; 100]), 4).len() <= 4);
    }
}
