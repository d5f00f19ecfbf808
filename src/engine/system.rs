//! The tables of schema `lakewire`: what the server knows about itself, as rows.

use std::sync::Arc;

use async_trait::async_trait;
use datafusion::arrow::array::{
    ArrayRef, BooleanArray, Int64Array, RecordBatch, StringArray, TimestampMicrosecondArray,
};
use datafusion::arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit};
use datafusion::catalog::{MemTable, Session, TableProvider};
use datafusion::error::Result as DataFusionResult;
use datafusion::logical_expr::{Expr, TableType};
use datafusion::physical_plan::ExecutionPlan;

use super::{errors, history};
use crate::catalog::{Catalog, ObjectKind, Scope};
use crate::config::Entry;
use crate::error::Result;

/// The schema these tables are in.
pub const SCHEMA: &str = "lakewire";
/// Releases that `lakewire.releases` goes back.
const RELEASES_MAX: usize = 10_000;

/// Gives tables of schema `lakewire`. Tables of the lake itself, by the same names, come before them.
#[async_trait]
pub trait SystemTables: Send + Sync + std::fmt::Debug {
    /// Each table's name, columns and comment. Cheap, and always the same.
    fn tables(&self) -> Vec<SystemTable>;
    /// All rows of one of them, as of the scope.
    async fn rows(&self, table: &str, catalog: &Arc<Catalog>, scope: &Scope) -> Result<Vec<RecordBatch>>;
}

#[derive(Debug, Clone)]
pub struct SystemTable {
    pub name: &'static str,
    pub schema: SchemaRef,
    pub comment: &'static str,
}

/// A system table within a plan; its rows are made when it is scanned.
#[derive(Debug)]
pub(super) struct SystemTableProvider {
    pub source: Arc<dyn SystemTables>,
    pub table: SystemTable,
    pub catalog: Arc<Catalog>,
    pub scope: Scope,
}

#[async_trait]
impl TableProvider for SystemTableProvider {
    fn schema(&self) -> SchemaRef {
        self.table.schema.clone()
    }
    fn table_type(&self) -> TableType {
        TableType::View
    }
    async fn scan(
        &self,
        state: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        limit: Option<usize>,
    ) -> DataFusionResult<Arc<dyn ExecutionPlan>> {
        let rows = self.source.rows(self.table.name, &self.catalog, &self.scope).await;
        let rows = rows.map_err(|error| datafusion::error::DataFusionError::External(Box::new(error)))?;
        MemTable::try_new(self.schema(), vec![rows])?.scan(state, projection, filters, limit).await
    }
}

/// The system tables that need the catalog only.
#[derive(Debug)]
pub(super) struct CatalogTables {
    /// The process's configuration, secrets masked.
    pub settings: Vec<Entry>,
}

pub(super) fn timestamp() -> DataType {
    DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()))
}

pub(super) fn columns(columns: &[(&str, DataType, bool)]) -> SchemaRef {
    let fields = columns.iter().map(|(name, data_type, nullable)| Field::new(*name, data_type.clone(), *nullable));
    Arc::new(Schema::new(fields.collect::<Vec<_>>()))
}

fn releases_schema() -> SchemaRef {
    columns(&[
        ("release", DataType::Int64, false),
        ("committed_at", timestamp(), false),
        ("operation", DataType::Utf8, false),
    ])
}

fn tables_schema() -> SchemaRef {
    columns(&[
        ("schema", DataType::Utf8, false),
        ("name", DataType::Utf8, false),
        ("kind", DataType::Utf8, false),
        ("location", DataType::Utf8, true),
        ("version", DataType::Int64, true),
        ("follows_head", DataType::Boolean, false),
        ("rows", DataType::Int64, true),
        ("bytes", DataType::Int64, true),
        ("comment", DataType::Utf8, true),
        ("run_id", DataType::Utf8, true),
        ("error", DataType::Utf8, true),
    ])
}

#[async_trait]
impl SystemTables for CatalogTables {
    fn tables(&self) -> Vec<SystemTable> {
        vec![
            SystemTable {
                name: "releases",
                schema: releases_schema(),
                comment: "every release of the lake, newest first",
            },
            SystemTable {
                name: "tables",
                schema: tables_schema(),
                comment: "every table and view with the version it is read at",
            },
            SystemTable {
                name: "table_history",
                schema: history::schema(),
                comment: "the commits of every table, newest first",
            },
            SystemTable {
                name: "settings",
                schema: settings_schema(),
                comment: "the server's configuration, and where each value comes from",
            },
        ]
    }

    async fn rows(&self, table: &str, catalog: &Arc<Catalog>, scope: &Scope) -> Result<Vec<RecordBatch>> {
        let batch = match table {
            "releases" => releases(catalog).await?,
            "table_history" => history::all(scope).await?,
            "settings" => settings(&self.settings)?,
            _ => tables(scope)?,
        };
        Ok(vec![batch])
    }
}

fn settings_schema() -> SchemaRef {
    columns(&[("name", DataType::Utf8, false), ("value", DataType::Utf8, false), ("origin", DataType::Utf8, false)])
}

fn settings(entries: &[Entry]) -> Result<RecordBatch> {
    let columns: Vec<ArrayRef> = vec![
        Arc::new(StringArray::from_iter_values(entries.iter().map(|entry| &entry.key))),
        Arc::new(StringArray::from_iter_values(entries.iter().map(|entry| &entry.value))),
        Arc::new(StringArray::from_iter_values(entries.iter().map(|entry| entry.origin.to_string()))),
    ];
    batch(settings_schema(), columns)
}

async fn releases(catalog: &Arc<Catalog>) -> Result<RecordBatch> {
    let releases = catalog.releases(RELEASES_MAX).await?;
    let columns: Vec<ArrayRef> = vec![
        Arc::new(Int64Array::from_iter_values(releases.iter().map(|r| signed(r.id.0)))),
        Arc::new(
            TimestampMicrosecondArray::from_iter_values(releases.iter().map(|r| r.committed_at.timestamp_micros()))
                .with_timezone("UTC"),
        ),
        Arc::new(StringArray::from_iter_values(releases.iter().map(|r| r.operation.as_str()))),
    ];
    batch(releases_schema(), columns)
}

fn tables(scope: &Scope) -> Result<RecordBatch> {
    let objects = scope.objects();
    let text = |of: &dyn Fn(&crate::catalog::Object) -> Option<String>| -> ArrayRef {
        Arc::new(objects.iter().map(|object| of(object)).collect::<StringArray>())
    };
    let number = |of: &dyn Fn(&ObjectKind) -> Option<u64>| -> ArrayRef {
        Arc::new(objects.iter().map(|object| of(&object.kind).map(signed)).collect::<Int64Array>())
    };
    let columns: Vec<ArrayRef> = vec![
        text(&|o| Some(o.name.schema.clone())),
        text(&|o| Some(o.name.name.clone())),
        text(&|o| {
            Some(match o.kind {
                ObjectKind::Table { .. } => "table".to_owned(),
                ObjectKind::View { .. } => "view".to_owned(),
                ObjectKind::Sequence(_) => "sequence".to_owned(),
                ObjectKind::Broken { .. } => "broken".to_owned(),
            })
        }),
        text(&|o| match &o.kind {
            ObjectKind::Table { location, .. } | ObjectKind::Broken { location, .. } => Some(location.clone()),
            ObjectKind::View { .. } | ObjectKind::Sequence(_) => None,
        }),
        number(&|kind| match kind {
            ObjectKind::Table { version, .. } => *version,
            _ => None,
        }),
        Arc::new(BooleanArray::from_iter(
            objects.iter().map(|o| Some(matches!(o.kind, ObjectKind::Table { version: None, .. }))),
        )),
        number(&|kind| match kind {
            ObjectKind::Table { rows, .. } => *rows,
            _ => None,
        }),
        number(&|kind| match kind {
            ObjectKind::Table { bytes, .. } => *bytes,
            _ => None,
        }),
        text(&|o| o.comment.clone()),
        text(&|o| o.provenance.as_ref().map(|p| p.run_id.clone())),
        text(&|o| match &o.kind {
            ObjectKind::Broken { message, .. } => Some(message.clone()),
            _ => None,
        }),
    ];
    batch(tables_schema(), columns)
}

pub(super) fn batch(schema: SchemaRef, columns: Vec<ArrayRef>) -> Result<RecordBatch> {
    RecordBatch::try_new(schema, columns).map_err(|error| errors::from_datafusion(error.into()))
}

/// Counts of rows, bytes and versions stay far below where this saturates.
pub(super) fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
