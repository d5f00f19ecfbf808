//! A release as the rows of one Parquet file, and back.
//!
//! Invariant: what is written here is plain columns and JSON, so that any Delta reader can find the pins.

use std::borrow::Cow;
use std::sync::Arc;

use bytes::Bytes;
use datafusion::arrow::array::{Array, ArrayRef, AsArray, Int64Builder, RecordBatch, StringBuilder};
use datafusion::arrow::datatypes::{DataType, Field, Int64Type, Schema, SchemaRef};
use datafusion::parquet::arrow::ArrowWriter;
use datafusion::parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use datafusion::parquet::basic::{Compression, ZstdLevel};
use datafusion::parquet::file::properties::WriterProperties;
use serde::de::DeserializeOwned;
use serde_json::json;

use super::release::Tombstone;
use super::{Column, Object, ObjectKind, Release, ReleaseInfo};
use crate::error::{Error, ErrorKind, Result};
use crate::names::{ReleaseId, TableName};

const TEXT: DataType = DataType::Utf8;
const LONG: DataType = DataType::Int64;

/// Columns of the catalog table, in order.
const COLUMNS: [(&str, DataType); 18] = [
    ("kind", TEXT),      // schema | table | view | sequence | broken | dropped | member | setting
    ("object_id", TEXT), // uuid, permanent
    ("oid", LONG),       // pg_class.oid or pg_namespace.oid
    ("schema", TEXT),    // of a member and a setting: the role
    ("name", TEXT),
    ("location", TEXT), // relative to the lake
    ("version", LONG),  // pinned Delta version; null = head
    ("rows", LONG),
    ("bytes", LONG),
    ("definition", TEXT), // of a view, materialized or not
    ("columns", TEXT),    // JSON
    ("comment", TEXT),
    ("provenance", TEXT), // JSON
    ("sqlstate", TEXT),   // of a broken table, and of a materialized view that is not populated
    ("message", TEXT),
    ("dropped_in", LONG),  // release
    ("constraints", TEXT), // JSON: checks and keys
    ("rights", TEXT),      // JSON: privileges by user, "" = everybody; null = never granted or revoked
];

/// What reading a materialized view gives that is not populated.
const UNPOPULATED: &str = "55000";

pub(super) fn schema() -> SchemaRef {
    Arc::new(Schema::new(COLUMNS.iter().map(|(name, kind)| Field::new(*name, kind.clone(), true)).collect::<Vec<_>>()))
}

/// One row, column by column; what a kind has not is null.
#[derive(Default)]
struct Row<'a> {
    kind: &'a str,
    object_id: Option<String>,
    oid: u32,
    schema: &'a str,
    name: Option<&'a str>,
    location: Option<&'a str>,
    version: Option<u64>,
    rows: Option<u64>,
    bytes: Option<u64>,
    definition: Option<Cow<'a, str>>,
    columns: Option<String>,
    comment: Option<&'a str>,
    provenance: Option<String>,
    sqlstate: Option<&'a str>,
    message: Option<&'a str>,
    dropped_in: Option<u64>,
    constraints: Option<String>,
    rights: Option<String>,
}

/// The release as one Parquet file, and its number of rows.
pub(super) fn encode(release: &Release) -> Result<(Bytes, usize)> {
    let mut rows: Vec<Row<'_>> = Vec::new();
    for (name, oid) in &release.schemas {
        let comment = release.schema_comments.get(name).map(String::as_str);
        let json = |error| Error::internal("catalog row cannot be written").with_source(error);
        let rights = release.schema_rights.get(name).map(serde_json::to_string).transpose().map_err(json)?;
        rows.push(Row { kind: "schema", oid: *oid, schema: name, comment, rights, ..Row::default() });
    }
    for (role, members) in release.memberships.granted() {
        let member = |member| Row { kind: "member", schema: role, name: Some(member), ..Row::default() };
        rows.extend(members.iter().map(|name| member(name)));
    }
    for ((role, name), value) in &release.role_settings {
        let definition = Some(Cow::Borrowed(value.as_str()));
        rows.push(Row { kind: "setting", schema: role, name: Some(name), definition, ..Row::default() });
    }
    for object in release.objects.values() {
        rows.push(object_row(object)?);
    }
    for dropped in &release.tombstones {
        rows.push(Row {
            kind: "dropped",
            oid: dropped.oid,
            schema: &dropped.name.schema,
            name: Some(&dropped.name.name),
            location: Some(&dropped.location),
            dropped_in: Some(dropped.dropped_in.0),
            ..Row::default()
        });
    }
    let batch = to_batch(&rows)?;
    let properties = WriterProperties::builder().set_compression(Compression::ZSTD(ZstdLevel::default())).build();
    let mut writer = ArrowWriter::try_new(Vec::new(), batch.schema(), Some(properties)).map_err(unwritable)?;
    writer.write(&batch).map_err(unwritable)?;
    Ok((writer.into_inner().map_err(unwritable)?.into(), rows.len()))
}

fn object_row(object: &Object) -> Result<Row<'_>> {
    let json = |error: serde_json::Error| Error::internal("catalog row cannot be written").with_source(error);
    let mut row = Row {
        object_id: Some(object.id.to_string()),
        oid: object.oid,
        schema: &object.name.schema,
        name: Some(&object.name.name),
        columns: Some(serde_json::to_string(&object.columns).map_err(json)?),
        comment: object.comment.as_deref(),
        provenance: object.provenance.as_ref().map(serde_json::to_string).transpose().map_err(json)?,
        constraints: match object.constraints.is_empty() {
            true => None,
            false => Some(serde_json::to_string(&object.constraints).map_err(json)?),
        },
        definition: object.query.as_deref().map(Cow::Borrowed),
        rights: object.rights.as_ref().map(serde_json::to_string).transpose().map_err(json)?,
        ..Row::default()
    };
    match &object.kind {
        ObjectKind::Table { location, version, rows, bytes } => {
            row.kind = "table";
            (row.location, row.version, row.rows, row.bytes) = (Some(location.as_str()), *version, *rows, *bytes);
            row.sqlstate = object.unpopulated.then_some(UNPOPULATED);
        }
        ObjectKind::View { definition } => {
            row.kind = "view";
            row.definition = Some(Cow::Borrowed(definition));
        }
        ObjectKind::Sequence(sequence) => {
            row.kind = "sequence";
            row.definition = Some(Cow::Owned(serde_json::to_string(sequence).map_err(json)?));
        }
        ObjectKind::Broken { location, sqlstate, message } => {
            row.kind = "broken";
            (row.location, row.sqlstate, row.message) =
                (Some(location.as_str()), Some(sqlstate.as_str()), Some(message.as_str()));
        }
    }
    Ok(row)
}

fn to_batch(rows: &[Row<'_>]) -> Result<RecordBatch> {
    fn text<'a>(rows: &'a [Row<'a>], get: impl Fn(&'a Row<'a>) -> Option<&'a str>) -> ArrayRef {
        let mut builder = StringBuilder::new();
        rows.iter().for_each(|row| builder.append_option(get(row)));
        Arc::new(builder.finish())
    }
    fn long(rows: &[Row<'_>], get: impl Fn(&Row<'_>) -> Option<u64>) -> ArrayRef {
        let mut builder = Int64Builder::new();
        rows.iter().for_each(|row| builder.append_option(get(row).and_then(|value| i64::try_from(value).ok())));
        Arc::new(builder.finish())
    }
    let columns = vec![
        text(rows, |r| Some(r.kind)),
        text(rows, |r| r.object_id.as_deref()),
        long(rows, |r| Some(r.oid.into())),
        text(rows, |r| Some(r.schema)),
        text(rows, |r| r.name),
        text(rows, |r| r.location),
        long(rows, |r| r.version),
        long(rows, |r| r.rows),
        long(rows, |r| r.bytes),
        text(rows, |r| r.definition.as_deref()),
        text(rows, |r| r.columns.as_deref()),
        text(rows, |r| r.comment),
        text(rows, |r| r.provenance.as_deref()),
        text(rows, |r| r.sqlstate),
        text(rows, |r| r.message),
        long(rows, |r| r.dropped_in),
        text(rows, |r| r.constraints.as_deref()),
        text(rows, |r| r.rights.as_deref()),
    ];
    RecordBatch::try_new(schema(), columns).map_err(unwritable)
}

/// Reads what [`encode`] wrote.
pub(super) fn decode(info: ReleaseInfo, parquet: Bytes) -> Result<Release> {
    let mut release = Release::empty(info);
    release.schemas.clear();
    let reader =
        ParquetRecordBatchReaderBuilder::try_new(parquet).and_then(|builder| builder.build()).map_err(corrupt)?;
    for batch in reader {
        let batch = Reader(batch.map_err(corrupt)?);
        for row in 0..batch.0.num_rows() {
            batch.row(row, &mut release)?;
        }
    }
    Ok(release)
}

/// Typed access to one batch.
struct Reader(RecordBatch);

impl Reader {
    fn text(&self, column: &str, row: usize) -> Option<String> {
        let array = self.0.column_by_name(column)?.as_string_opt::<i32>()?;
        array.is_valid(row).then(|| array.value(row).to_owned())
    }
    fn long(&self, column: &str, row: usize) -> Option<u64> {
        let array = self.0.column_by_name(column)?.as_primitive_opt::<Int64Type>()?;
        array.is_valid(row).then(|| array.value(row)).and_then(|value| u64::try_from(value).ok())
    }
    fn need(&self, column: &str, row: usize) -> Result<String> {
        self.text(column, row).ok_or_else(|| corrupt(format!("column \"{column}\" of row {row} is null")))
    }
    fn json<T: DeserializeOwned>(&self, column: &str, row: usize) -> Result<Option<T>> {
        self.text(column, row).map(|text| serde_json::from_str(&text)).transpose().map_err(corrupt)
    }

    fn row(&self, row: usize, release: &mut Release) -> Result<()> {
        let kind = self.need("kind", row)?;
        let oid =
            self.long("oid", row).and_then(|oid| u32::try_from(oid).ok()).ok_or_else(|| corrupt("oid is null"))?;
        let schema = self.need("schema", row)?;
        if kind == "schema" {
            release.schema_comments.extend(self.text("comment", row).map(|comment| (schema.clone(), comment)));
            release.schema_rights.extend(self.json("rights", row)?.map(|rights| (schema.clone(), rights)));
            release.schemas.insert(schema, oid);
            return Ok(());
        }
        if kind == "member" {
            release.memberships.set(&schema, &self.need("name", row)?, true);
            return Ok(());
        }
        if kind == "setting" {
            let value = self.need("definition", row)?;
            release.role_settings.insert((schema, self.need("name", row)?), value);
            return Ok(());
        }
        let name = TableName::new(schema, self.need("name", row)?);
        if kind == "dropped" {
            let dropped_in = ReleaseId(self.long("dropped_in", row).unwrap_or_default());
            release.tombstones.push(Tombstone { oid, name, location: self.need("location", row)?, dropped_in });
            return Ok(());
        }
        let object = Object {
            id: self.need("object_id", row)?.parse().map_err(corrupt)?,
            oid,
            kind: self.kind(&kind, row)?,
            columns: self.json::<Vec<Column>>("columns", row)?.unwrap_or_default(),
            comment: self.text("comment", row),
            provenance: self.json("provenance", row)?,
            constraints: self.json("constraints", row)?.unwrap_or_default(),
            query: if kind == "table" { self.text("definition", row) } else { None },
            unpopulated: kind == "table" && self.text("sqlstate", row).as_deref() == Some(UNPOPULATED),
            rights: self.json("rights", row)?,
            name: name.clone(),
        };
        release.objects.insert(name, Arc::new(object));
        Ok(())
    }

    fn kind(&self, kind: &str, row: usize) -> Result<ObjectKind> {
        Ok(match kind {
            "table" => ObjectKind::Table {
                location: self.need("location", row)?,
                version: self.long("version", row),
                rows: self.long("rows", row),
                bytes: self.long("bytes", row),
            },
            "view" => ObjectKind::View { definition: self.need("definition", row)? },
            "sequence" => {
                let declared = self.json("definition", row)?;
                ObjectKind::Sequence(declared.ok_or_else(|| corrupt("a sequence without what it is declared as"))?)
            }
            "broken" => ObjectKind::Broken {
                location: self.need("location", row)?,
                sqlstate: self.need("sqlstate", row)?,
                message: self.need("message", row)?,
            },
            other => return Err(corrupt(format!("kind \"{other}\" is not known"))),
        })
    }
}

/// Delta's `metaData` action of the catalog table.
pub(super) fn metadata(id: uuid::Uuid, created_at_ms: i64) -> serde_json::Value {
    let field = |(name, kind): &(&str, DataType)| {
        let kind = if *kind == LONG { "long" } else { "string" };
        json!({"name": name, "type": kind, "nullable": true, "metadata": {}})
    };
    let schema = json!({"type": "struct", "fields": COLUMNS.iter().map(field).collect::<Vec<_>>()});
    json!({"metaData": {
        "id": id, "name": "catalog", "description": "objects of the lake; version R of this table is release R",
        "format": {"provider": "parquet", "options": {}}, "schemaString": schema.to_string(),
        "partitionColumns": [], "configuration": {}, "createdTime": created_at_ms,
    }})
}

fn unwritable(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Error {
    Error::internal("the catalog cannot be written").with_source(error)
}

pub(super) fn corrupt(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Error {
    let error = error.into();
    Error::new(ErrorKind::DataCorrupted, format!("the catalog of the lake cannot be read: {error}")).with_source(error)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::{Privilege, Rights};
    use crate::table::{Constraint, ConstraintKind};

    #[test]
    fn a_release_survives_its_rows() {
        let info = ReleaseInfo { id: ReleaseId(7), committed_at: chrono::Utc::now(), operation: "test".into() };
        let mut release = Release::empty(info.clone());
        let name = TableName::new("gold", "daily_sales");
        let decimal = Column {
            comment: Some("money".into()),
            default: Some("1.5".into()),
            ..Column::new("net", DataType::Decimal128(18, 3), true)
        };
        let kind = ConstraintKind::Unique { columns: vec!["net".into()], nulls_not_distinct: true };
        let unique = Constraint::new("t_net_key", kind);
        let kinds = [
            ObjectKind::Table { location: "gold/daily_sales".into(), version: Some(3), rows: Some(305), bytes: None },
            ObjectKind::View { definition: "select 1".into() },
            ObjectKind::Broken { location: "gold/x".into(), sqlstate: "0A000".into(), message: "typeWidening".into() },
        ];
        for (n, kind) in (0u32..).zip(kinds) {
            let name = TableName::new("gold", format!("t{n}"));
            let object = Object {
                id: uuid::Uuid::now_v7(),
                oid: 16400 + n,
                name: name.clone(),
                kind,
                columns: vec![decimal.clone()],
                comment: None,
                provenance: None,
                constraints: vec![unique.clone()],
                query: (n == 0).then(|| "select 1".into()),
                unpopulated: n == 0,
                rights: (n == 1).then(Default::default),
            };
            release.objects.insert(name, Arc::new(object));
        }
        release.schema_rights.insert("gold".into(), Rights::of_everybody(&[Privilege::Usage]));
        release.role_settings.insert(("ann".into(), "search_path".into()), "gold".into());
        release.tombstones.push(Tombstone { oid: 16500, name, location: "gold/d".into(), dropped_in: ReleaseId(6) });
        release.memberships.set("pg_monitor", "ann", true);
        let (bytes, rows) = encode(&release).unwrap();
        let read = decode(info, bytes).unwrap();
        assert_eq!(rows, 6 + 1 + 3 + 1 + 1);
        assert_eq!(read.memberships, release.memberships);
        assert_eq!(read.objects, release.objects);
        assert_eq!((&read.schema_rights, &read.role_settings), (&release.schema_rights, &release.role_settings));
        assert_eq!(read.schemas, release.schemas);
        assert_eq!(read.tombstones, release.tombstones);
        assert_eq!(read.next_oid(), 16501);
    }
}
