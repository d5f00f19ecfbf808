//! The statistics views that monitors read: how much there is of what, and how often it was used.
//!
//! Invariant: what PostgreSQL counts and nobody counts here is 0, not null: monitors add it up. Of what there is nothing of
//! the kind here (replicas, vacuum at work) there is no row.

use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::error::Result;

use super::DATABASE_OID;
use super::columns::Columns;
use super::constraints::{self, Declared};
use super::metadata::{Metadata, Relation};
use crate::engine::SessionInfo;

/// The rows of a view about tables, their indexes and sequences; `None` for the others.
pub(super) fn of_relations(metadata: &Metadata, name: &str, schema: &SchemaRef) -> Option<Result<RecordBatch>> {
    Some(match name {
        "pg_stat_all_tables" | "pg_stat_user_tables" => tables(metadata, schema),
        "pg_statio_all_tables" | "pg_statio_user_tables" => tables(metadata, schema),
        "pg_stat_xact_all_tables" | "pg_stat_xact_user_tables" => tables(metadata, schema),
        "pg_stat_all_indexes" | "pg_stat_user_indexes" => indexes(metadata, schema),
        "pg_statio_all_indexes" | "pg_statio_user_indexes" => indexes(metadata, schema),
        "pg_statio_all_sequences" | "pg_statio_user_sequences" => relations(metadata, "S", schema),
        _ => return None,
    })
}

fn tables(metadata: &Metadata, schema: &SchemaRef) -> Result<RecordBatch> {
    relations(metadata, "r", schema)
}

fn relations(metadata: &Metadata, kind: &str, schema: &SchemaRef) -> Result<RecordBatch> {
    let relations: Vec<&Relation> = metadata.relations().iter().filter(|r| r.kind == kind && !r.system).collect();
    Columns::of(&relations)
        .oid("relid", |r| r.oid)
        .text("schemaname", |r| &r.schema)
        .text("relname", |r| &r.name)
        .big("n_live_tup", |r| r.rows.and_then(|rows| i64::try_from(rows).ok()))
        .counted()
        .build(schema)
}

fn indexes(metadata: &Metadata, schema: &SchemaRef) -> Result<RecordBatch> {
    let indexes: Vec<Declared<'_>> = constraints::all(metadata).into_iter().filter(|d| d.index().is_some()).collect();
    Columns::of(&indexes)
        .oid("relid", |d| d.relation.oid)
        .oid("indexrelid", |d| d.index().unwrap_or_default())
        .text("schemaname", |d| &d.relation.schema)
        .text("relname", |d| &d.relation.name)
        .text("indexrelname", |d| &d.constraint.name)
        .counted()
        .build(schema)
}

/// What the server did of which there is one count: write-ahead log, background writer, archiver.
pub(super) fn of_server(session: &SessionInfo, schema: &SchemaRef) -> Result<RecordBatch> {
    Columns::of(&[()])
        .instant("stats_reset", |()| Some(session.running().started_at.timestamp_micros()))
        .counted()
        .build(schema)
}

/// `pg_stat_database` and `pg_stat_database_conflicts`.
pub(super) fn of_database(session: &SessionInfo, schema: &SchemaRef) -> Result<RecordBatch> {
    let sessions = session.running().sessions.all().len();
    let calls = session.running().statements.all().iter().map(|(.., counts)| counts.calls).sum();
    Columns::of(&[()])
        .oid("datid", |()| DATABASE_OID)
        .text("datname", |()| session.metadata().database.as_str())
        .int("numbackends", |()| i32::try_from(sessions).unwrap_or(i32::MAX))
        .big("xact_commit", |()| Some(calls))
        .big("sessions", |()| i64::try_from(sessions).ok())
        // PostgreSQL has none either where pages have no checksums
        .big("checksum_failures", |()| None)
        .instant("stats_reset", |()| Some(session.running().started_at.timestamp_micros()))
        .counted()
        .build(schema)
}

/// `pg_stat_ssl` and `pg_stat_gssapi`: how each session is encrypted.
pub(super) fn of_encryption(session: &SessionInfo, schema: &SchemaRef) -> Result<RecordBatch> {
    let entries = session.running().sessions.all();
    Columns::of(&entries)
        .int("pid", |entry| entry.pid)
        .flag("ssl", |entry| entry.encryption.is_some())
        .opt_text("version", |entry| entry.encryption.as_ref().map(|by| by.version))
        .opt_text("cipher", |entry| entry.encryption.as_ref().map(|by| by.cipher.as_str()))
        .opt_int("bits", |entry| entry.encryption.as_ref().map(|by| by.bits))
        .flag("gss_authenticated", |_| false)
        .flag("encrypted", |_| false)
        .build(schema)
}
