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
use super::{DATABASE_OID, OWNER_OID, roles, sequences, statistics};
use crate::engine::{ActivityState, LockKey, SessionEntry, SessionInfo};
use crate::pgtypes::time::Zone;

type Make = fn(&SessionInfo, &SchemaRef) -> Result<RecordBatch>;

/// One of them within a plan.
#[derive(Debug)]
pub(super) struct LiveTable {
    schema: SchemaRef,
    make: Make,
}

/// A catalog of this kind; `None` for the others.
pub fn table(schema: &str, name: &str) -> Option<Arc<dyn TableProvider>> {
    let make = match schema {
        "pg_catalog" => of_pg_catalog(name)?,
        _ => of_information_schema(name)?,
    };
    let schema = LAYOUTS.get(&(schema, name))?.columns.clone();
    Some(Arc::new(LiveTable { schema, make }))
}

fn of_pg_catalog(name: &str) -> Option<Make> {
    Some(match name {
        "pg_roles" => roles::pg_roles,
        "pg_authid" => roles::pg_authid,
        "pg_user" => roles::pg_user,
        "pg_shadow" => roles::pg_shadow,
        "pg_group" => roles::pg_group,
        "pg_auth_members" => roles::pg_auth_members,
        "pg_sequences" => sequences::pg_sequences,
        "pg_settings" => settings,
        "pg_stat_activity" => activity,
        "pg_stat_statements" => statements,
        "pg_locks" => locks,
        "pg_prepared_statements" => prepared_statements,
        "pg_cursors" => cursors,
        "pg_timezone_names" => time_zones,
        "pg_stat_all_tables" | "pg_stat_user_tables" | "pg_statio_all_tables" | "pg_statio_user_tables" => {
            statistics::of_tables
        }
        "pg_stat_database" | "pg_stat_database_conflicts" => statistics::of_database,
        "pg_stat_bgwriter" | "pg_stat_archiver" | "pg_stat_wal" => statistics::of_server,
        "pg_stat_ssl" | "pg_stat_gssapi" => statistics::of_encryption,
        _ => return None,
    })
}

fn of_information_schema(name: &str) -> Option<Make> {
    Some(match name {
        "enabled_roles" => roles::enabled_roles,
        "applicable_roles" => roles::applicable_roles,
        _ => return None,
    })
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

fn settings(session: &SessionInfo, schema: &SchemaRef) -> Result<RecordBatch> {
    let mut all = session.settings().all();
    all.retain(|setting| session.sees_setting(&setting.name));
    Columns::of(&all)
        .text("name", |s| &s.name)
        .text("setting", |s| &s.setting)
        .opt_text("unit", |s| s.unit)
        .text("category", |s| s.category)
        .text("short_desc", |s| s.description)
        .opt_text("extra_desc", |s| s.more)
        .text("context", |s| s.context)
        .text("vartype", |s| s.vartype)
        .text("source", |s| s.source)
        .opt_text("min_val", |s| s.min.as_deref())
        .opt_text("max_val", |s| s.max.as_deref())
        .texts("enumvals", |s| s.choices.clone())
        .opt_text("boot_val", |s| s.boot.as_deref())
        .opt_text("reset_val", |s| s.reset.as_deref())
        .flag("pending_restart", |_| false)
        .build(schema)
}

/// What stands for the statement of somebody whose statements the user may not see.
const HIDDEN: &str = "<insufficient privilege>";

fn activity(session: &SessionInfo, schema: &SchemaRef) -> Result<RecordBatch> {
    let sees = session.sees();
    let entries = session.running().sessions.all().into_iter();
    let entries: Vec<_> = entries.map(|entry| (entry.activity(), sees(&entry.user), entry)).collect();
    let roles = session.roles();
    let role = |name: &str| roles.iter().find(|role| role.name == name).map_or(OWNER_OID, |role| role.oid);
    let micros = |at: DateTime<Utc>| Some(at.timestamp_micros());
    let address = |seen: bool, entry: &SessionEntry| entry.client_addr.filter(|_| seen);
    Columns::of(&entries)
        .oid("datid", |_| DATABASE_OID)
        .text("datname", |_| session.metadata().database.as_str())
        .int("pid", |(.., entry)| entry.pid)
        .oid("usesysid", |(.., entry)| role(&entry.user))
        .text("usename", |(.., entry)| &entry.user)
        .text("application_name", |(activity, ..)| &activity.application_name)
        .opt_text("client_addr", |(_, seen, entry)| address(*seen, entry).map(|address| address.ip().to_string()))
        .opt_int("client_port", |(_, seen, entry)| address(*seen, entry).map(|address| i32::from(address.port())))
        .instant("backend_start", |(_, seen, entry)| seen.then_some(entry.backend_start).and_then(micros))
        .instant("xact_start", |(activity, seen, _)| {
            let running = activity.query_start.filter(|_| activity.state == ActivityState::Active);
            activity.transaction_start.or(running).filter(|_| *seen).and_then(micros)
        })
        .instant("query_start", |(activity, seen, _)| activity.query_start.filter(|_| *seen).and_then(micros))
        .instant("state_change", |(activity, seen, _)| seen.then_some(activity.state_change).and_then(micros))
        .opt_text("wait_event_type", |(activity, seen, entry)| Some(waits(session, activity.state, entry, *seen)?.0))
        .opt_text("wait_event", |(activity, seen, entry)| Some(waits(session, activity.state, entry, *seen)?.1))
        .opt_text("state", |(activity, seen, _)| seen.then(|| activity.state.name()))
        .text("query", |(activity, seen, _)| if *seen { activity.query.as_str() } else { HIDDEN })
        .opt_text("backend_type", |(_, seen, _)| seen.then_some("client backend"))
        .build(schema)
}

/// What a session waits for, if it does.
fn waits(
    session: &SessionInfo,
    state: ActivityState,
    entry: &SessionEntry,
    seen: bool,
) -> Option<(&'static str, &'static str)> {
    match state {
        _ if !seen => None,
        ActivityState::Active if session.running().locks.waits(entry.pid) => Some(("Lock", "advisory")),
        ActivityState::Active => None,
        _ => Some(("Client", "ClientRead")),
    }
}

fn statements(session: &SessionInfo, schema: &SchemaRef) -> Result<RecordBatch> {
    let (all, sees) = (session.running().statements.all(), session.sees());
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
        .big("queryid", |(user, text, _)| sees(user).then(|| id(text)))
        .text("query", |(user, text, _)| if sees(user) { text } else { HIDDEN })
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
        .int("classid", |lock| halves(lock.key).0)
        .int("objid", |lock| halves(lock.key).1)
        .small("objsubid", |lock| halves(lock.key).2)
        .text("virtualtransaction", |lock| format!("{}/0", lock.pid))
        .int("pid", |lock| lock.pid)
        .text("mode", |lock| if lock.shared { "ShareLock" } else { "ExclusiveLock" })
        .flag("granted", |lock| lock.since.is_none())
        .flag("fastpath", |_| false)
        .instant("waitstart", |lock| lock.since.map(|since| since.timestamp_micros()))
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
