//! One row of the catalog.

use std::collections::BTreeMap;
use std::sync::Arc;

use datafusion::arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::rights::Rights;
use super::sequence::{Position, Sequence};
use crate::names::TableName;
use crate::pgtypes::{PG_TYPE_KEY, TYPE_MODIFIER_KEY};
use crate::table::{ColumnDefinition, Constraint, Snapshot};

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
    /// Checks and keys of a table.
    #[serde(default)]
    pub constraints: Vec<Constraint>,
    /// Of a materialized view: the query that fills it.
    #[serde(default)]
    pub query: Option<String>,
    /// Of a materialized view: whether it has never been filled, or was emptied. Reading it is an error.
    #[serde(default)]
    pub unpopulated: bool,
    /// Who may do what with it; none where that was never said.
    #[serde(default)]
    pub rights: Option<Rights>,
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
    Sequence(Sequence),
    /// A table that could not be opened: listed, and touching it gives this error.
    Broken {
        location: String,
        sqlstate: String,
        message: String,
    },
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Column {
    pub name: String,
    pub data_type: DataType,
    pub nullable: bool,
    pub comment: Option<String>,
    /// PostgreSQL's name of the type (`varchar`, `uuid`, `jsonb`) where the stored type does not tell.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pg_type: Option<String>,
    /// `atttypmod`, where the stored type does not tell.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub modifier: Option<i32>,
    /// SQL of the value that a row gets where none is given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default: Option<String>,
    /// SQL of the value that every row has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub generated: Option<String>,
    /// `always` or `by default`: who may give the column its values.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub identity: Option<String>,
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

/// The sequence of a default that takes its values: that of `nextval('gold.t_id_seq'::regclass)`.
pub fn sequence_of(default: &str) -> Option<&str> {
    default.strip_prefix("nextval('")?.strip_suffix("'::regclass)")
}

impl Column {
    /// A column of which no more is known.
    pub fn new(name: impl Into<String>, data_type: DataType, nullable: bool) -> Self {
        Self {
            name: name.into(),
            data_type,
            nullable,
            comment: None,
            pg_type: None,
            modifier: None,
            default: None,
            generated: None,
            identity: None,
        }
    }

    /// A column of a query's result: announced as the query announces it.
    pub fn of_result(field: &Field) -> Self {
        let metadata = field.metadata();
        Self {
            pg_type: metadata.get(PG_TYPE_KEY).cloned(),
            modifier: metadata.get(TYPE_MODIFIER_KEY).and_then(|text| text.parse().ok()),
            ..Self::new(field.name(), field.data_type().clone(), field.is_nullable())
        }
    }

    /// The sequence that the default takes values of, as SQL names it.
    pub fn sequence(&self) -> Option<&str> {
        self.default.as_deref().and_then(sequence_of)
    }

    /// The columns of a table as the catalog keeps them.
    pub fn of(snapshot: &Snapshot) -> Vec<Self> {
        let column = |field: &Arc<Field>| {
            let ColumnDefinition { comment, pg_type, modifier, default, generated, identity } =
                snapshot.definition().column(field.name());
            let plain = Self::new(field.name(), field.data_type().clone(), field.is_nullable());
            Self { comment, pg_type, modifier, default, generated, identity, ..plain }
        };
        snapshot.schema().fields().iter().map(column).collect()
    }

    /// The column as results have it: announced as what it was declared as.
    pub fn field(&self) -> Field {
        let modifier = self.modifier.map(|modifier| (TYPE_MODIFIER_KEY.to_owned(), modifier.to_string()));
        let pg_type = self.pg_type.clone().map(|name| (PG_TYPE_KEY.to_owned(), name));
        Field::new(&self.name, self.data_type.clone(), self.nullable)
            .with_metadata(pg_type.into_iter().chain(modifier).collect())
    }
}

impl Object {
    /// The query of a view, materialized or not.
    pub fn defining_query(&self) -> Option<&str> {
        match &self.kind {
            ObjectKind::View { definition } => Some(definition),
            _ => self.query.as_deref(),
        }
    }

    /// What PostgreSQL calls an object of this kind.
    pub fn noun(&self) -> &'static str {
        match &self.kind {
            ObjectKind::View { .. } => "view",
            ObjectKind::Sequence(_) => "sequence",
            _ if self.query.is_some() => "materialized view",
            _ => "table",
        }
    }

    pub fn arrow_schema(&self) -> SchemaRef {
        let fields = self.columns.iter().map(Column::field);
        Arc::new(Schema::new(fields.collect::<Vec<_>>()))
    }

    /// Where a table's folder lies, relative to the lake.
    pub fn location(&self) -> Option<&str> {
        match &self.kind {
            ObjectKind::Table { location, .. } | ObjectKind::Broken { location, .. } => Some(location),
            ObjectKind::View { .. } | ObjectKind::Sequence(_) => None,
        }
    }

    /// A new sequence.
    pub(super) fn declaring(name: TableName, sequence: Sequence) -> Self {
        Self {
            id: Uuid::now_v7(),
            oid: 0,
            name,
            kind: ObjectKind::Sequence(sequence),
            columns: Position::columns(),
            comment: None,
            provenance: None,
            constraints: Vec::new(),
            query: None,
            unpopulated: false,
            rights: None,
        }
    }

    /// What a sequence is declared as.
    pub fn sequence(&self) -> Option<&Sequence> {
        match &self.kind {
            ObjectKind::Sequence(sequence) => Some(sequence),
            _ => None,
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
