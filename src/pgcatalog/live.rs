//! Catalogs whose rows differ by session or moment: roles, settings, sessions, locks, statistics of statements. Their rows
//! are made when a statement scans them.

use std::sync::Arc;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::catalog::{MemTable, Session, TableProvider};
use datafusion::error::{DataFusionError, Result};
use datafusion::logical_expr::{Expr, TableType};
use datafusion::physical_plan::ExecutionPlan;

use super::columns::Columns;
use super::layout::LAYOUTS;
use super::{DATABASE_OID, OWNER_OID, sequences, statistics};
use crate::engine::{ActivityState, LockKey, Role, SessionInfo};
use crate::pgtypes::time::Zone;

type Make = fn(&SessionInfo, &SchemaRef) -> Result<RecordBatch>;

/// One of them within a plan.
#[derive(Debug)]
pub(super) struct LiveTable {
    schema: SchemaRef,
    make: Make,
}

/// A catalog of this kind; `None` for the others.
pub fn table(name: &str) -> Option<Arc<dyn TableProvider>> {
    let make: Make = match name {
        "pg_roles" | "pg_authid" => roles,
        "pg_user" | "pg_shadow" => users,
        "pg_sequences" => sequences::pg_sequences,
        "pg_settings" => settings,
        "pg_stat_activity" => activity,
        "pg_stat_statements" => statements,
        "pg_locks" => locks,
        "pg_prepared_statements" => prepared_statements,
        "pg_cursors" => cursors,
        "pg_timezone_names" => time_zones,
        "pg_stat_database" | "pg_stat_database_conflicts" => statistics::of_database,
        "pg_stat_bgwriter" | "pg_stat_archiver" | "pg_stat_wal" => statistics::of_server,
        "pg_stat_ssl" | "pg_stat_gssapi" => statistics::of_encryption,
        _ => return None,
    };
    let schema = LAYOUTS.get(&("pg_catalog", name))?.columns.clone();
    Some(Arc::new(LiveTable { schema, make }))
}

#[async_trait]
impl TableProvider for LiveTable {
    fn schema(&self) -> SchemaRef {
        self.schema.clone()
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
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let session = SessionInfo::of(state.config_options())
            .ok_or_else(|| DataFusionError::Execution("this catalog needs a session".to_owned()))?;
        let rows = (self.make)(session, &self.schema)?;
        MemTable::try_new(self.schema(), vec![vec![rows]])?.scan(state, projection, filters, limit).await
    }
}

fn roles(session: &SessionInfo, schema: &SchemaRef) -> Result<RecordBatch> {
    let roles: Vec<Role> = session.roles();
    Columns::of(&roles)
        .oid("oid", |role| role.oid)
        .text("rolname", |role| &role.name)
        .flag("rolsuper", |role| session.is_owner(&role.name))
        .flag("rolinherit", |_| true)
        .flag("rolcreaterole", |_| true)
        .flag("rolcreatedb", |_| true)
        .flag("rolcanlogin", |_| true)
        .flag("rolreplication", |_| true)
        .flag("rolbypassrls", |_| true)
        .int("rolconnlimit", |_| -1)
        .opt_text("rolpassword", |_| Some("********"))
        .build(schema)
}

fn users(session: &SessionInfo, schema: &SchemaRef) -> Result<RecordBatch> {
    let roles: Vec<Role> = session.roles();
    Columns::of(&roles)
        .text("usename", |role| &role.name)
        .oid("usesysid", |role| role.oid)
        .flag("usecreatedb", |_| true)
        .flag("usesuper", |_| true)
        .flag("userepl", |_| true)
        .flag("usebypassrls", |_| true)
        .opt_text("passwd", |_| Some("********"))
        .build(schema)
}

fn settings(session: &SessionInfo, schema: &SchemaRef) -> Result<RecordBatch> {
    let all = session.settings().all();
    Columns::of(&all)
        .text("name", |s| &s.name)
        .text("setting", |s| &s.setting)
        .opt_text("unit", |s| s.unit)
        .text("category", |s| s.category)
        .text("short_desc", |s| s.description)
        .text("context", |s| s.context)
        .text("vartype", |s| s.vartype)
        .text("source", |s| s.source)
        .opt_text("min_val", |s| s.min.as_deref())
        .opt_text("max_val", |s| s.max.as_deref())
        .texts("enumvals", |s| s.choices.clone())
        .text("boot_val", |s| &s.boot)
        .text("reset_val", |s| &s.reset)
        .flag("pending_restart", |_| false)
        .build(schema)
}

fn activity(session: &SessionInfo, schema: &SchemaRef) -> Result<RecordBatch> {
    let entries: Vec<_> = session.running().sessions.all().into_iter().map(|e| (e.activity(), e)).collect();
    let roles = session.roles();
    let role = |name: &str| roles.iter().find(|role| role.name == name).map_or(OWNER_OID, |role| role.oid);
    let micros = |at: DateTime<Utc>| Some(at.timestamp_micros());
    Columns::of(&entries)
        .oid("datid", |_| DATABASE_OID)
        .text("datname", |_| session.metadata().database.as_str())
        .int("pid", |(_, entry)| entry.pid)
        .oid("usesysid", |(_, entry)| role(&entry.user))
        .text("usename", |(_, entry)| &entry.user)
        .text("application_name", |(activity, _)| &activity.application_name)
        .opt_text("client_addr", |(_, entry)| entry.client_addr.map(|address| address.ip().to_string()))
        .opt_int("client_port", |(_, entry)| entry.client_addr.map(|address| i32::from(address.port())))
        .instant("backend_start", |(_, entry)| micros(entry.backend_start))
        .instant("xact_start", |(activity, _)| {
            let running = activity.query_start.filter(|_| activity.state == ActivityState::Active);
            activity.transaction_start.or(running).and_then(micros)
        })
        .instant("query_start", |(activity, _)| activity.query_start.and_then(micros))
        .instant("state_change", |(activity, _)| micros(activity.state_change))
        .opt_text("wait_event_type", |(activity, _)| (activity.state != ActivityState::Active).then_some("Client"))
        .opt_text("wait_event", |(activity, _)| (activity.state != ActivityState::Active).then_some("ClientRead"))
        .text("state", |(activity, _)| activity.state.name())
        .text("query", |(activity, _)| &activity.query)
        .text("backend_type", |_| "client backend")
        .build(schema)
}

fn statements(session: &SessionInfo, schema: &SchemaRef) -> Result<RecordBatch> {
    let all = session.running().statements.all();
    let roles = session.roles();
    let role = |name: &str| roles.iter().find(|role| role.name == name).map_or(OWNER_OID, |role| role.oid);
    let id = |text: &str| {
        let hash = text
            .bytes()
            .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
        hash as i64
    };
    Columns::of(&all)
        .oid("userid", |(user, ..)| role(user))
        .oid("dbid", |_| DATABASE_OID)
        .flag("toplevel", |_| true)
        .big("queryid", |(_, text, _)| Some(id(text)))
        .text("query", |(_, text, _)| text)
        .big("calls", |(.., counts)| Some(counts.calls))
        .double("total_exec_time", |(.., counts)| counts.total)
        .double("min_exec_time", |(.., counts)| counts.min)
        .double("max_exec_time", |(.., counts)| counts.max)
        .double("mean_exec_time", |(.., counts)| counts.mean())
        .double("stddev_exec_time", |(.., counts)| counts.deviation())
        .big("rows", |(.., counts)| Some(counts.rows))
        .build(schema)
}

fn locks(session: &SessionInfo, schema: &SchemaRef) -> Result<RecordBatch> {
    let all = session.running().locks.all();
    // as PostgreSQL: one key in two halves is 1, two keys are 2
    let halves = |key: LockKey| match key {
        LockKey::One(key) => ((key >> 32) as i32, key as i32, 1),
        LockKey::Two(first, second) => (first, second, 2),
    };
    Columns::of(&all)
        .text("locktype", |_| "advisory")
        .oid("database", |_| DATABASE_OID)
        .int("classid", |held| halves(held.key).0)
        .int("objid", |held| halves(held.key).1)
        .small("objsubid", |held| halves(held.key).2)
        .text("virtualtransaction", |held| format!("{}/0", held.pid))
        .int("pid", |held| held.pid)
        .text("mode", |held| if held.shared { "ShareLock" } else { "ExclusiveLock" })
        .flag("granted", |_| true)
        .flag("fastpath", |_| false)
        .build(schema)
}

fn prepared_statements(session: &SessionInfo, schema: &SchemaRef) -> Result<RecordBatch> {
    let named = session.entry().map(|entry| entry.named()).unwrap_or_default();
    Columns::of(&named.statements)
        .text("name", |s| &s.name)
        .text("statement", |s| &s.text)
        .instant("prepare_time", |s| Some(s.prepared_at.timestamp_micros()))
        .texts("parameter_types", |s| Some(s.parameter_types.clone()))
        .flag("from_sql", |s| s.from_sql)
        .big("generic_plans", |_| Some(0))
        .big("custom_plans", |_| Some(0))
        .build(schema)
}

fn time_zones(_: &SessionInfo, schema: &SchemaRef) -> Result<RecordBatch> {
    let now = Utc::now().timestamp_micros();
    let zones: Vec<(&'static str, Zone)> = Zone::all().collect();
    Columns::of(&zones)
        .text("name", |(name, _)| *name)
        .text("abbrev", |(_, zone)| zone.abbreviation_at(now).replace(':', ""))
        .text("utc_offset", |(_, zone)| format!("{} seconds", zone.offset_at(now)))
        .flag("is_dst", |(_, zone)| zone.is_daylight_at(now))
        .build(schema)
}

fn cursors(session: &SessionInfo, schema: &SchemaRef) -> Result<RecordBatch> {
    let named = session.entry().map(|entry| entry.named()).unwrap_or_default();
    Columns::of(&named.cursors)
        .text("name", |c| &c.name)
        .text("statement", |c| &c.text)
        .flag("is_holdable", |c| c.holdable)
        .flag("is_binary", |c| c.binary)
        .flag("is_scrollable", |c| c.scrollable)
        .instant("creation_time", |c| Some(c.declared_at.timestamp_micros()))
        .build(schema)
}
