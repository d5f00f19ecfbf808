//! The statistics views that monitors read: how much there is of what, and how often it was used, since the process began.
//!
//! Invariant: what PostgreSQL counts and nobody counts here is 0, not null: monitors add it up. Of what there is nothing of
//! the kind here (replicas, vacuum at work) there is no row. Tables that only delta-rs can read are read uncounted.

use std::sync::Arc;

use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::error::Result;

use super::DATABASE_OID;
use super::columns::Columns;
use super::constraints::{self, Declared};
use super::metadata::{Metadata, Relation};
use crate::engine::SessionInfo;
use crate::table::{Count, Usage};

/// The rows of a view about indexes or sequences; `None` for the others.
pub(super) fn of_relations(metadata: &Metadata, name: &str, schema: &SchemaRef) -> Option<Result<RecordBatch>> {
    Some(match name {
        "pg_stat_all_indexes" | "pg_stat_user_indexes" => indexes(metadata, schema),
        "pg_statio_all_indexes" | "pg_statio_user_indexes" => indexes(metadata, schema),
        "pg_statio_all_sequences" | "pg_statio_user_sequences" => uncounted(metadata, &["S"], schema),
        "pg_stat_xact_all_tables" | "pg_stat_xact_user_tables" => uncounted(metadata, &["r", "m"], schema),
        _ => return None,
    })
}

fn uncounted(metadata: &Metadata, kinds: &[&str], schema: &SchemaRef) -> Result<RecordBatch> {
    let wanted = |r: &&Relation| kinds.contains(&r.kind) && !r.system;
    let relations: Vec<&Relation> = metadata.relations().iter().filter(wanted).collect();
    Columns::of(&relations)
        .oid("relid", |r| r.oid)
        .text("schemaname", |r| &r.schema)
        .text("relname", |r| &r.name)
        .counted()
        .build(schema)
}

/// `pg_stat_all_tables` and its kin: rows as the newest snapshot counts them, and what statements have done.
pub(super) fn of_tables(session: &SessionInfo, schema: &SchemaRef) -> Result<RecordBatch> {
    let metadata = session.metadata();
    let tables = metadata.relations().iter().filter(|r| matches!(r.kind, "r" | "m") && !r.system);
    let usage = |r: &Relation| {
        r.location.as_ref().map_or_else(Arc::<Usage>::default, |at| session.running().catalog.tables().usage(at))
    };
    let tables: Vec<(&Relation, Arc<Usage>)> = tables.map(|r| (r, usage(r))).collect();
    let changed = |usage: &Usage| told(&usage.inserted) + told(&usage.updated) + told(&usage.deleted);
    let has_index = |r: &Relation| constraints::of(r).any(|declared| declared.index().is_some());
    Columns::of(&tables)
        .oid("relid", |(r, _)| r.oid)
        .text("schemaname", |(r, _)| &r.schema)
        .text("relname", |(r, _)| &r.name)
        .big("seq_scan", |(_, usage)| Some(told(&usage.scans)))
        .big("seq_tup_read", |(_, usage)| Some(told(&usage.read)))
        // as PostgreSQL: nothing is told of the indexes of a table that has none
        .big("idx_scan", |(r, _)| has_index(r).then_some(0))
        .big("idx_tup_fetch", |(r, _)| has_index(r).then_some(0))
        .big("idx_blks_read", |(r, _)| has_index(r).then_some(0))
        .big("idx_blks_hit", |(r, _)| has_index(r).then_some(0))
        .big("n_tup_ins", |(_, usage)| Some(told(&usage.inserted)))
        .big("n_tup_upd", |(_, usage)| Some(told(&usage.updated)))
        .big("n_tup_del", |(_, usage)| Some(told(&usage.deleted)))
        .big("n_live_tup", |(r, _)| r.rows.and_then(|rows| i64::try_from(rows).ok()))
        .big("n_mod_since_analyze", |(_, usage)| Some(changed(usage)))
        .big("n_ins_since_vacuum", |(_, usage)| Some(told(&usage.inserted)))
        .counted()
        .build(schema)
}

/// Counts stay far below where this saturates.
fn told(count: &Count) -> i64 {
    i64::try_from(count.get()).unwrap_or(i64::MAX)
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
    let running = session.running();
    let backends = running.sessions.all().len();
    let tables = running.catalog.tables().usages();
    let of_tables = |of: fn(&Usage) -> &Count| Some(tables.iter().map(|usage| told(of(usage))).sum());
    let figures = &running.figures;
    let milliseconds = |count: &Count| count.get() as f64 / 1e3;
    Columns::of(&[()])
        .oid("datid", |()| DATABASE_OID)
        .text("datname", |()| session.metadata().database.as_str())
        .int("numbackends", |()| i32::try_from(backends).unwrap_or(i32::MAX))
        .big("xact_commit", |()| Some(told(&figures.commits)))
        .big("xact_rollback", |()| Some(told(&figures.rollbacks)))
        .big("tup_returned", |()| of_tables(|usage| &usage.read))
        .big("tup_inserted", |()| of_tables(|usage| &usage.inserted))
        .big("tup_updated", |()| of_tables(|usage| &usage.updated))
        .big("tup_deleted", |()| of_tables(|usage| &usage.deleted))
        .big("deadlocks", |()| Some(told(&running.locks.deadlocks)))
        .double("session_time", |()| milliseconds(&figures.session_time))
        .double("active_time", |()| milliseconds(&figures.active_time))
        .double("idle_in_transaction_time", |()| milliseconds(&figures.idle_in_transaction_time))
        .big("sessions", |()| Some(told(&figures.sessions)))
        // PostgreSQL has none either where pages have no checksums
        .big("checksum_failures", |()| None)
        .instant("stats_reset", |()| Some(running.started_at.timestamp_micros()))
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
