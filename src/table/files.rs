//! The data files of one snapshot, and what the log knows of their contents, kept by column.
//!
//! Invariant: a bound is called exact only where the log's statistics are: text is cut short there, timestamps are cut
//! to milliseconds, decimals may have gone through a float. Such bounds still hold every value of the file.

use std::collections::HashSet;
use std::sync::Arc;

use datafusion::arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, RecordBatch, StructArray, UInt64Array, make_array,
};
use datafusion::arrow::compute;
use datafusion::arrow::datatypes::{
    DataType, Decimal128Type, Field, Int64Type, TimeUnit, TimestampMicrosecondType, UInt64Type,
};
use datafusion::common::stats::Precision;
use datafusion::common::{Column, ColumnStatistics, ScalarValue, Statistics};
use datafusion::datasource::listing::PartitionedFile;
use datafusion::datasource::table_schema::TableSchema;
use datafusion::error::Result;
use datafusion::functions_aggregate::min_max::{MaxAccumulator, MinAccumulator};
use datafusion::logical_expr::Accumulator;
use datafusion::physical_optimizer::pruning::PruningStatistics;
use object_store::ObjectMeta;
use object_store::path::Path;
use url::Url;

/// Up to this many (files × columns) every file carries statistics of its own into plans; they take some 250 bytes each.
const FILE_STATISTICS_MAX: usize = 65_536;

/// Decimals beyond this many unscaled units may have lost digits in a writer that went through a float.
const DECIMAL_EXACT_MAX: i128 = 1_000_000_000_000_000;

/// What a row of delta-rs's table of files looks like: the columns used here.
mod log_column {
    pub(super) const PATH: &str = "path";
    pub(super) const SIZE: &str = "size_bytes";
    pub(super) const MODIFIED: &str = "modification_time";
    pub(super) const ROWS: &str = "num_records";
    pub(super) const NULLS: &str = "null_count";
    pub(super) const MIN: &str = "min";
    pub(super) const MAX: &str = "max";
    pub(super) const PARTITION: &str = "partition";
    pub(super) const DELETION_VECTOR: &str = "deletion_vector";
}

/// Sizes of all files together.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Totals {
    pub(super) files: usize,
    /// `None` when a file has no row count.
    pub(super) rows: Option<u64>,
    pub(super) bytes: u64,
    /// Some file has a deletion vector.
    pub(super) deletions: bool,
}

/// Counts rows (less the deleted ones), bytes and files.
pub(super) fn totals(batches: &[RecordBatch]) -> Totals {
    let mut totals = Totals { rows: Some(0), ..Totals::default() };
    for batch in batches {
        totals.files += batch.num_rows();
        if let Some(sizes) = int64(batch, log_column::SIZE) {
            totals.bytes += sizes.iter().flatten().map(|size| u64::try_from(size).unwrap_or(0)).sum::<u64>();
        }
        let deleted = batch
            .column_by_name(log_column::DELETION_VECTOR)
            .and_then(|column| column.as_struct_opt())
            .filter(|vectors| vectors.null_count() < vectors.len());
        totals.deletions |= deleted.is_some();
        let cardinality = deleted.and_then(|vectors| vectors.column_by_name("cardinality"));
        let rows = int64(batch, log_column::ROWS);
        for row in 0..batch.num_rows() {
            let counted = rows.filter(|rows| rows.is_valid(row)).and_then(|rows| u64::try_from(rows.value(row)).ok());
            let gone = cardinality
                .filter(|counts| deleted.is_some_and(|vectors| vectors.is_valid(row)) && counts.is_valid(row))
                .and_then(|counts| counts.as_primitive_opt::<Int64Type>())
                .and_then(|counts| u64::try_from(counts.value(row)).ok());
            totals.rows = totals.rows.zip(counted).map(|(sum, rows)| sum + rows.saturating_sub(gone.unwrap_or(0)));
        }
    }
    totals
}

fn int64<'a>(batch: &'a RecordBatch, name: &str) -> Option<&'a datafusion::arrow::array::Int64Array> {
    batch.column_by_name(name).and_then(|column| column.as_primitive_opt::<Int64Type>())
}

/// What is known of one column in each file.
#[derive(Debug)]
struct Bounds {
    min: Option<ArrayRef>,
    max: Option<ArrayRef>,
    nulls: Option<UInt64Array>,
    exact: bool,
}

/// The files of a snapshot, oldest first, in a form that plans can be made from at once.
#[derive(Debug)]
pub(super) struct Files {
    files: Vec<PartitionedFile>,
    rows: UInt64Array,
    /// In the order of the scan's table schema: file columns, then partition columns.
    columns: Vec<Bounds>,
    schema: TableSchema,
    statistics: Statistics,
}

impl Files {
    /// Builds the list from delta-rs's table of files. `None` when a file lies where the lake's store does not reach.
    pub(super) fn build(batches: &[RecordBatch], table: &Url, schema: &TableSchema) -> Result<Option<Self>> {
        let Some(first) = batches.first() else { return Ok(Some(Self::empty(schema))) };
        let log = compute::concat_batches(first.schema_ref(), batches)?;
        let log = oldest_first(&log)?;
        let Some(metas) = object_metas(&log, table)? else { return Ok(None) };
        let rows = match log.column_by_name(log_column::ROWS) {
            Some(rows) => compute::cast(rows, &DataType::UInt64)?.as_primitive::<UInt64Type>().clone(),
            None => UInt64Array::new_null(log.num_rows()),
        };
        let partition_columns = schema.table_partition_cols();
        let file_columns = schema.file_schema().fields();
        let mut columns = Vec::with_capacity(file_columns.len() + partition_columns.len());
        for field in file_columns {
            columns.push(file_bounds(&log, field)?);
        }
        let mut values = Vec::with_capacity(partition_columns.len());
        for field in partition_columns {
            let Some(column) = nested(&log, log_column::PARTITION, field.name()) else { return Ok(None) };
            let column = compute::cast(&column, field.data_type())?;
            columns.push(partition_bounds(&column, &rows));
            values.push(column);
        }
        let files = metas.into_iter().enumerate().map(|(row, meta)| {
            let values: Result<_> = values.iter().map(|column| ScalarValue::try_from_array(column, row)).collect();
            Ok(PartitionedFile::from(meta).with_partition_values(values?))
        });
        let files = files.collect::<Result<Vec<_>>>()?;
        let mut list = Self { files, rows, columns, schema: schema.clone(), statistics: Statistics::default() };
        list.attach_statistics()?;
        Ok(Some(list))
    }

    fn empty(schema: &TableSchema) -> Self {
        let statistics = Statistics::new_unknown(schema.table_schema()).with_num_rows(Precision::Exact(0));
        let rows = UInt64Array::from(Vec::<u64>::new());
        Self { files: Vec::new(), rows, columns: Vec::new(), schema: schema.clone(), statistics }
    }

    fn attach_statistics(&mut self) -> Result<()> {
        self.statistics = self.summarize(None)?;
        if self.files.len().saturating_mul(self.columns.len()) > FILE_STATISTICS_MAX {
            return Ok(());
        }
        for index in 0..self.files.len() {
            self.files[index].statistics = Some(Arc::new(self.file_statistics(index)?));
        }
        Ok(())
    }

    fn file_statistics(&self, index: usize) -> Result<Statistics> {
        let mut statistics = Statistics::new_unknown(self.schema.table_schema());
        if self.rows.is_valid(index) {
            statistics.num_rows = Precision::Exact(count(self.rows.value(index)));
        }
        statistics.total_byte_size = Precision::Inexact(count(self.files[index].object_meta.size));
        for (known, column) in self.columns.iter().zip(&mut statistics.column_statistics) {
            let bound = |values: &Option<ArrayRef>| -> Result<Precision<ScalarValue>> {
                let Some(values) = values.as_ref().filter(|values| values.is_valid(index)) else {
                    return Ok(Precision::Absent);
                };
                Ok(precise(known.exact, ScalarValue::try_from_array(values, index)?))
            };
            column.min_value = bound(&known.min)?;
            column.max_value = bound(&known.max)?;
            if let Some(nulls) = known.nulls.as_ref().filter(|nulls| nulls.is_valid(index)) {
                column.null_count = Precision::Exact(count(nulls.value(index)));
            }
        }
        Ok(statistics)
    }

    /// The files, oldest first.
    pub(super) fn files(&self) -> &[PartitionedFile] {
        &self.files
    }

    /// Rows of one file, where the log tells.
    pub(super) fn rows_of(&self, index: usize) -> Option<u64> {
        self.rows.is_valid(index).then(|| self.rows.value(index))
    }

    /// Statistics of all files together.
    pub(super) fn statistics(&self) -> &Statistics {
        &self.statistics
    }

    /// Statistics of the files that `kept` marks, or of all.
    pub(super) fn summarize(&self, kept: Option<&BooleanArray>) -> Result<Statistics> {
        let pick = |values: &dyn Array| -> Result<ArrayRef> {
            Ok(match kept {
                Some(kept) => compute::filter(values, kept)?,
                None => make_array(values.to_data()),
            })
        };
        let rows = pick(&self.rows)?;
        let rows = rows.as_primitive::<UInt64Type>();
        let mut statistics = Statistics::new_unknown(self.schema.table_schema());
        statistics.num_rows = exact_sum(rows);
        let marked = |index: usize| kept.is_none_or(|kept| kept.value(index));
        let bytes =
            self.files.iter().enumerate().filter(|(index, _)| marked(*index)).map(|(_, f)| f.object_meta.size).sum();
        statistics.total_byte_size = Precision::Inexact(count(bytes));
        for (known, column) in self.columns.iter().zip(&mut statistics.column_statistics) {
            let nulls = known.nulls.as_ref().map(|nulls| pick(nulls)).transpose()?;
            let nulls = nulls.as_ref().map(|nulls| nulls.as_primitive::<UInt64Type>());
            let extreme = |values: &Option<ArrayRef>, largest: bool| -> Result<Precision<ScalarValue>> {
                let Some(values) = values else { return Ok(Precision::Absent) };
                let values = pick(values)?;
                Ok(extreme_of(&values, nulls, rows, largest)?
                    .map_or(Precision::Absent, |value| precise(known.exact, value)))
            };
            *column = ColumnStatistics {
                null_count: nulls.map_or(Precision::Absent, exact_sum),
                min_value: extreme(&known.min, false)?,
                max_value: extreme(&known.max, true)?,
                ..ColumnStatistics::new_unknown()
            };
        }
        Ok(statistics)
    }

    fn bounds(&self, column: &Column) -> Option<&Bounds> {
        let index = self.schema.table_schema().index_of(&column.name).ok()?;
        self.columns.get(index)
    }
}

impl PruningStatistics for Files {
    fn min_values(&self, column: &Column) -> Option<ArrayRef> {
        self.bounds(column)?.min.clone()
    }
    fn max_values(&self, column: &Column) -> Option<ArrayRef> {
        self.bounds(column)?.max.clone()
    }
    fn num_containers(&self) -> usize {
        self.files.len()
    }
    fn null_counts(&self, column: &Column) -> Option<ArrayRef> {
        self.bounds(column)?.nulls.clone().map(|nulls| Arc::new(nulls) as ArrayRef)
    }
    fn row_counts(&self) -> Option<ArrayRef> {
        Some(Arc::new(self.rows.clone()))
    }
    fn contained(&self, _column: &Column, _values: &HashSet<ScalarValue>) -> Option<BooleanArray> {
        None
    }
}

fn count(value: u64) -> usize {
    usize::try_from(value).unwrap_or(usize::MAX)
}

fn precise(exact: bool, value: ScalarValue) -> Precision<ScalarValue> {
    if exact { Precision::Exact(value) } else { Precision::Inexact(value) }
}

fn exact_sum(values: &UInt64Array) -> Precision<usize> {
    if values.null_count() > 0 { Precision::Absent } else { Precision::Exact(count(values.values().iter().sum())) }
}

/// The least or largest bound, if every file that can hold a value has one.
fn extreme_of(
    values: &ArrayRef,
    nulls: Option<&UInt64Array>,
    rows: &UInt64Array,
    largest: bool,
) -> Result<Option<ScalarValue>> {
    let no_values = |file: usize| {
        nulls.is_some_and(|nulls| nulls.is_valid(file) && rows.is_valid(file) && nulls.value(file) == rows.value(file))
    };
    if (0..values.len()).any(|file| values.is_null(file) && !no_values(file)) {
        return Ok(None);
    }
    let mut extreme: Box<dyn Accumulator> = if largest {
        Box::new(MaxAccumulator::try_new(values.data_type())?)
    } else {
        Box::new(MinAccumulator::try_new(values.data_type())?)
    };
    extreme.update_batch(std::slice::from_ref(values))?;
    Ok(Some(extreme.evaluate()?).filter(|value| !value.is_null()))
}

/// Rows of the log's table of files by age, then path: what was written first is read first.
fn oldest_first(log: &RecordBatch) -> Result<RecordBatch> {
    let keys: Vec<_> = [log_column::MODIFIED, log_column::PATH]
        .iter()
        .filter_map(|name| log.column_by_name(name))
        .map(|column| compute::SortColumn { values: Arc::clone(column), options: None })
        .collect();
    let order = compute::lexsort_to_indices(&keys, None)?;
    Ok(compute::take_record_batch(log, &order)?)
}

/// Where the files lie in the lake's store. `None` when one is on another store (a shallow clone's).
fn object_metas(log: &RecordBatch, table: &Url) -> Result<Option<Vec<ObjectMeta>>> {
    let (Some(paths), Some(sizes)) = (log.column_by_name(log_column::PATH), int64(log, log_column::SIZE)) else {
        return Ok(None);
    };
    let paths = compute::cast(paths, &DataType::Utf8)?;
    let modified = int64(log, log_column::MODIFIED);
    let metas = paths.as_string::<i32>().iter().enumerate().map(|(row, path)| {
        Some(ObjectMeta {
            location: place(table, path?)?,
            last_modified: modified
                .and_then(|modified| chrono::DateTime::from_timestamp_millis(modified.value(row)))
                .unwrap_or_default(),
            size: u64::try_from(sizes.value(row)).ok()?,
            e_tag: None,
            version: None,
        })
    });
    Ok(metas.collect())
}

/// Where a file lies that the log calls so; `None` where the lake's store does not reach.
pub(super) fn place(table: &Url, path: &str) -> Option<Path> {
    // relative paths and absolute ones are both URLs, percent-encoded
    let url = table.join(path).ok()?;
    let same_store = url.scheme() == table.scheme() && url.authority() == table.authority();
    same_store.then(|| Path::from_url_path(url.path()).ok()).flatten()
}

fn nested(log: &RecordBatch, group: &str, name: &str) -> Option<ArrayRef> {
    let group: &StructArray = log.column_by_name(group)?.as_struct_opt()?;
    let column = group.column_by_name(name)?;
    // a null struct hides its children
    match group.nulls() {
        Some(nulls) if nulls.null_count() > 0 => {
            compute::nullif(column, &compute::not(&BooleanArray::from(nulls.inner().clone())).ok()?).ok()
        }
        _ => Some(Arc::clone(column)),
    }
}

/// Bounds of a column that the files hold, from the log's statistics.
fn file_bounds(log: &RecordBatch, field: &Field) -> Result<Bounds> {
    let nulls = match nested(log, log_column::NULLS, field.name()) {
        Some(nulls) if !nulls.data_type().is_nested() => {
            Some(compute::cast(&nulls, &DataType::UInt64)?.as_primitive::<UInt64Type>().clone())
        }
        _ => None,
    };
    // NaN is in no bound, and greater than all that are
    let ordered = !field.data_type().is_nested()
        && !field.data_type().is_floating()
        && !matches!(
            field.data_type(),
            DataType::Binary | DataType::BinaryView | DataType::Boolean | DataType::Interval(_)
        );
    let side = |group: &str| -> Result<Option<ArrayRef>> {
        let Some(values) = nested(log, group, field.name()).filter(|_| ordered) else { return Ok(None) };
        let values = if group == log_column::MAX { widen_timestamps(&values) } else { values };
        Ok(Some(compute::cast(&drop_doubtful_decimals(&values), field.data_type())?))
    };
    let exact =
        field.data_type().is_integer() || matches!(field.data_type(), DataType::Date32 | DataType::Decimal128(_, _));
    Ok(Bounds { min: side(log_column::MIN)?, max: side(log_column::MAX)?, nulls, exact })
}

/// Statistics cut timestamps to milliseconds: the true maximum may lie up to 999 µs later.
fn widen_timestamps(values: &ArrayRef) -> ArrayRef {
    let DataType::Timestamp(TimeUnit::Microsecond, zone) = values.data_type() else { return Arc::clone(values) };
    let later = values
        .as_primitive::<TimestampMicrosecondType>()
        .unary::<_, TimestampMicrosecondType>(|at| at.saturating_add(999));
    Arc::new(later.with_timezone_opt(zone.clone()))
}

/// Bounds too large to have come through a float unchanged are forgotten.
fn drop_doubtful_decimals(values: &ArrayRef) -> ArrayRef {
    let DataType::Decimal128(_, _) = values.data_type() else { return Arc::clone(values) };
    let decimals = values.as_primitive::<Decimal128Type>();
    let sure = decimals.iter().map(|value| value.filter(|value| value.abs() < DECIMAL_EXACT_MAX));
    let kept = datafusion::arrow::array::PrimitiveArray::<Decimal128Type>::from_iter(sure);
    Arc::new(kept.with_data_type(values.data_type().clone()))
}

/// A partition column has one value in each file.
fn partition_bounds(values: &ArrayRef, rows: &UInt64Array) -> Bounds {
    let nulls = rows.iter().enumerate().map(|(file, rows)| if values.is_null(file) { rows } else { Some(0) });
    Bounds { min: Some(Arc::clone(values)), max: Some(Arc::clone(values)), nulls: Some(nulls.collect()), exact: true }
}
