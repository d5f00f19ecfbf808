//! One row of the catalog.

use std::collections::BTreeMap;
use std::sync::Arc;

use datafusion::arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::names::TableName;
use crate::table::Snapshot;

/// A table or view of the lake as of one release.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Object {
    /// Permanent: survives renames.
    pub id: Uuid,
    /// Permanent: what `pg_class.oid` shows. From 16384 up, never reused.
    pub oid: u32,
    pub name: TableName,
    pub kind: ObjectKind,
    pub columns: Vec<Column>,
    pub comment: Option<String>,
    pub provenance: Option<Provenance>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum ObjectKind {
    Table {
        /// Relative to the lake.
        location: String,
        /// Pinned Delta version; `None` follows the head of a table that others write.
        version: Option<u64>,
        /// As of the pin, or of the last look at the head.
        rows: Option<u64>,
        bytes: Option<u64>,
    },
    View {
        /// A query in our dialect, names qualified.
        definition: String,
    },
    /// A table that could not be opened: listed, and touching it gives this error.
    Broken { location: String, sqlstate: String, message: String },
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Column {
    pub name: String,
    pub data_type: DataType,
    pub nullable: bool,
    pub comment: Option<String>,
}

/// Where an object came from: the model run that made it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Provenance {
    pub run_id: String,
    /// SHA-256 of compiled SQL and configuration.
    pub fingerprint: String,
    /// SHA-256 of the compiled SQL alone.
    #[serde(default)]
    pub sql_hash: String,
    /// Version of each input (`<object id>@<Delta version>`; for a view a hash of what it reads), by name.
    pub inputs: BTreeMap<String, String>,
}

impl Column {
    /// The columns of a table as the catalog keeps them.
    pub fn of(snapshot: &Snapshot) -> Vec<Self> {
        let column = |field: &Arc<Field>| Self {
            name: field.name().clone(),
            data_type: field.data_type().clone(),
            nullable: field.is_nullable(),
            comment: snapshot.column_comment(field.name()).map(str::to_owned),
        };
        snapshot.schema().fields().iter().map(column).collect()
    }
}

impl Object {
    pub fn arrow_schema(&self) -> SchemaRef {
        let fields = self.columns.iter().map(|c| Field::new(&c.name, c.data_type.clone(), c.nullable));
        Arc::new(Schema::new(fields.collect::<Vec<_>>()))
    }

    /// Where a table's folder lies, relative to the lake.
    pub fn location(&self) -> Option<&str> {
        match &self.kind {
            ObjectKind::Table { location, .. } | ObjectKind::Broken { location, .. } => Some(location),
            ObjectKind::View { .. } => None,
        }
    }

    /// The pinned Delta version of a table.
    pub fn version(&self) -> Option<u64> {
        match &self.kind {
            ObjectKind::Table { version, .. } => *version,
            _ => None,
        }
    }
}
