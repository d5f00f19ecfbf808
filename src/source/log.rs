//! `lakewire.ingests` and `lakewire.rejects`: what was ingested, and what was not.

use std::str::FromStr;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use datafusion::arrow::array::{
    Array, ArrayRef, AsArray, Int64Array, RecordBatch, StringArray, TimestampMicrosecondArray,
};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{DataType, Field, Int64Type, Schema, SchemaRef, TimeUnit, TimestampMicrosecondType};
use datafusion::datasource::provider_as_source;
use datafusion::execution::SessionState;
use datafusion::logical_expr::LogicalPlanBuilder;
use datafusion::physical_plan::collect;

use super::Reject;
use crate::catalog::Scope;
use crate::error::{Error, ErrorKind, Result};
use crate::names::{RunId, TableName};

/// One file of one source, as `lakewire.ingests` has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IngestEntry {
    pub source: String,
    /// Relative to the data directory.
    pub file: String,
    /// Empty for a refused file that was not read to its end.
    pub sha256: String,
    pub size: i64,
    pub modified_at: DateTime<Utc>,
    pub rows: i64,
    pub rejects: i64,
    pub ingested_at: DateTime<Utc>,
    pub run_id: String,
    /// Version of the Delta `txn` action that the rows came with; `None` for a refused file.
    pub sequence: Option<i64>,
    pub state: IngestState,
    /// Why the file was refused.
    pub message: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IngestState {
    Ingested,
    /// Nothing of the file landed.
    Refused,
}

impl IngestState {
    fn as_str(self) -> &'static str {
        match self {
            Self::Ingested => "ingested",
            Self::Refused => "refused",
        }
    }
}

impl FromStr for IngestState {
    type Err = Error;
    fn from_str(text: &str) -> Result<Self> {
        match text {
            "ingested" => Ok(Self::Ingested),
            "refused" => Ok(Self::Refused),
            _ => {
                Err(Error::new(ErrorKind::DataCorrupted, format!("lakewire.ingests has the unknown state \"{text}\"")))
            }
        }
    }
}

/// Name of the table of ingested files.
pub fn ingests_table() -> TableName {
    TableName::new("lakewire", "ingests")
}

/// Name of the table of rejected rows.
pub fn rejects_table() -> TableName {
    TableName::new("lakewire", "rejects")
}

fn instant() -> DataType {
    DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()))
}

pub fn ingests_schema() -> SchemaRef {
    let field = |name: &str, data_type: DataType| Field::new(name, data_type, true);
    Arc::new(Schema::new(vec![
        field("source", DataType::Utf8),
        field("file", DataType::Utf8),
        field("sha256", DataType::Utf8),
        field("size", DataType::Int64),
        field("modified_at", instant()),
        field("rows", DataType::Int64),
        field("rejects", DataType::Int64),
        field("ingested_at", instant()),
        field("run_id", DataType::Utf8),
        field("sequence", DataType::Int64),
        field("state", DataType::Utf8),
        field("message", DataType::Utf8),
    ]))
}

pub fn rejects_schema() -> SchemaRef {
    let field = |name: &str, data_type: DataType| Field::new(name, data_type, true);
    Arc::new(Schema::new(vec![
        field("source", DataType::Utf8),
        field("file", DataType::Utf8),
        field("row_number", DataType::Int64),
        field("raw", DataType::Utf8),
        field("reason", DataType::Utf8),
        field("ingested_at", instant()),
        field("run_id", DataType::Utf8),
    ]))
}

fn instants(values: impl Iterator<Item = DateTime<Utc>>) -> ArrayRef {
    let values = TimestampMicrosecondArray::from_iter_values(values.map(|at| at.timestamp_micros()));
    Arc::new(values.with_timezone("UTC"))
}

fn batch(schema: SchemaRef, columns: Vec<ArrayRef>) -> Result<RecordBatch> {
    RecordBatch::try_new(schema, columns)
        .map_err(|error| Error::internal("rows do not fit their own schema").with_source(error))
}

pub(super) fn ingests_batch(entries: &[IngestEntry]) -> Result<RecordBatch> {
    let text = |get: fn(&IngestEntry) -> &str| -> ArrayRef {
        Arc::new(StringArray::from_iter_values(entries.iter().map(get)))
    };
    let number =
        |get: fn(&IngestEntry) -> i64| -> ArrayRef { Arc::new(Int64Array::from_iter_values(entries.iter().map(get))) };
    let columns = vec![
        text(|entry| &entry.source),
        text(|entry| &entry.file),
        text(|entry| &entry.sha256),
        number(|entry| entry.size),
        instants(entries.iter().map(|entry| entry.modified_at)),
        number(|entry| entry.rows),
        number(|entry| entry.rejects),
        instants(entries.iter().map(|entry| entry.ingested_at)),
        text(|entry| &entry.run_id),
        Arc::new(entries.iter().map(|entry| entry.sequence).collect::<Int64Array>()),
        text(|entry| entry.state.as_str()),
        Arc::new(entries.iter().map(|entry| entry.message.as_deref()).collect::<StringArray>()),
    ];
    batch(ingests_schema(), columns)
}

/// Rejects of one file.
pub(super) fn rejects_batch(
    source: &TableName,
    file: &str,
    rejects: &[Reject],
    ingested_at: DateTime<Utc>,
    run_id: RunId,
) -> Result<RecordBatch> {
    let (count, source, run_id) = (rejects.len(), source.to_string(), run_id.to_string());
    let repeated =
        |text: &str| -> ArrayRef { Arc::new(StringArray::from_iter_values(std::iter::repeat_n(text, count))) };
    let text =
        |get: fn(&Reject) -> &str| -> ArrayRef { Arc::new(StringArray::from_iter_values(rejects.iter().map(get))) };
    let columns = vec![
        repeated(&source),
        repeated(file),
        Arc::new(Int64Array::from_iter_values(rejects.iter().map(|reject| reject.row_number))),
        text(|reject| &reject.raw),
        text(|reject| &reject.reason),
        instants(std::iter::repeat_n(ingested_at, count)),
        repeated(&run_id),
    ];
    batch(rejects_schema(), columns)
}

/// The whole log as the scope shows it.
pub(super) async fn read(scope: &Scope, state: &SessionState) -> Result<Vec<IngestEntry>> {
    let Some(object) = scope.object(&ingests_table()) else { return Ok(Vec::new()) };
    let provider = scope.snapshot(&object).await?.provider()?;
    let batches = async {
        let plan = LogicalPlanBuilder::scan("ingests", provider_as_source(provider), None)?.build()?;
        collect(state.create_physical_plan(&plan).await?, state.task_ctx()).await
    };
    let batches = batches.await.map_err(|error| {
        Error::new(ErrorKind::DataCorrupted, format!("cannot read lakewire.ingests: {error}")).with_source(error)
    })?;
    let mut entries = Vec::new();
    for batch in &batches {
        entries_of(batch, &mut entries)?;
    }
    Ok(entries)
}

fn entries_of(batch: &RecordBatch, entries: &mut Vec<IngestEntry>) -> Result<()> {
    let schema = ingests_schema();
    let mut columns = Vec::with_capacity(schema.fields().len());
    for field in schema.fields() {
        let column = batch.column_by_name(field.name()).and_then(|column| cast(column, field.data_type()).ok());
        columns.push(column.ok_or_else(|| {
            Error::new(
                ErrorKind::DataCorrupted,
                format!("lakewire.ingests has no column \"{}\" of its type", field.name()),
            )
        })?);
    }
    let [source, file, sha256, size, modified_at, rows, rejects, ingested_at, run_id, sequence, state, message] =
        columns.as_slice()
    else {
        return Err(Error::internal("the schema of lakewire.ingests and its reader differ"));
    };
    let text = |column: &ArrayRef, row: usize| column.as_string::<i32>().value(row).to_owned();
    let number = |column: &ArrayRef, row: usize| column.as_primitive::<Int64Type>().value(row);
    let instant = |column: &ArrayRef, row: usize| {
        DateTime::from_timestamp_micros(column.as_primitive::<TimestampMicrosecondType>().value(row))
            .unwrap_or_default()
    };
    for row in 0..batch.num_rows() {
        entries.push(IngestEntry {
            source: text(source, row),
            file: text(file, row),
            sha256: text(sha256, row),
            size: number(size, row),
            modified_at: instant(modified_at, row),
            rows: number(rows, row),
            rejects: number(rejects, row),
            ingested_at: instant(ingested_at, row),
            run_id: text(run_id, row),
            sequence: sequence.is_valid(row).then(|| number(sequence, row)),
            state: text(state, row).parse()?,
            message: message.is_valid(row).then(|| text(message, row)),
        });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_survive_their_table() {
        let entries = vec![
            IngestEntry {
                source: "bronze.x".into(),
                file: "a.csv".into(),
                sha256: "ab".into(),
                size: 7,
                modified_at: DateTime::from_timestamp_micros(1_000_001).unwrap(),
                rows: 5,
                rejects: 1,
                ingested_at: DateTime::UNIX_EPOCH,
                run_id: "r".into(),
                sequence: Some(3),
                state: IngestState::Ingested,
                message: None,
            },
            IngestEntry {
                source: "bronze.x".into(),
                file: "b.csv".into(),
                sha256: String::new(),
                size: 0,
                modified_at: DateTime::UNIX_EPOCH,
                rows: 0,
                rejects: 0,
                ingested_at: DateTime::UNIX_EPOCH,
                run_id: "r".into(),
                sequence: None,
                state: IngestState::Refused,
                message: Some("why".into()),
            },
        ];
        let mut read = Vec::new();
        entries_of(&ingests_batch(&entries).unwrap(), &mut read).unwrap();
        assert_eq!(read, entries);
    }
}
