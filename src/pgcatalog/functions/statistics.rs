//! `pg_stat_get_…`: how much a table has been read and written, as `pg_stat_user_tables` tells it.

use std::sync::Arc;

use datafusion::scalar::ScalarValue;

use super::describe::{relation, zero};
use super::{Definition, strict};
use crate::engine::SessionInfo;
use crate::table::{Count, Usage};

pub const FUNCTIONS: &[Definition] = &[
    strict("pg_stat_get_tuples_returned", 1..=1, "int8", |session, args| {
        Ok(counted(session, args, |usage| &usage.read))
    }),
    strict("pg_stat_get_tuples_inserted", 1..=1, "int8", |session, args| {
        Ok(counted(session, args, |usage| &usage.inserted))
    }),
    strict("pg_stat_get_tuples_updated", 1..=1, "int8", |session, args| {
        Ok(counted(session, args, |usage| &usage.updated))
    }),
    strict("pg_stat_get_tuples_deleted", 1..=1, "int8", |session, args| {
        Ok(counted(session, args, |usage| &usage.deleted))
    }),
    // a file that rows have left is replaced: none is dead
    strict("pg_stat_get_dead_tuples", 1..=1, "int8", zero),
    strict("pg_stat_get_tuples_fetched", 1..=1, "int8", zero),
    strict("pg_stat_get_tuples_hot_updated", 1..=1, "int8", zero),
    strict("pg_stat_get_blocks_fetched", 1..=1, "int8", zero),
    strict("pg_stat_get_blocks_hit", 1..=1, "int8", zero),
    strict("pg_stat_get_vacuum_count", 1..=1, "int8", zero),
    strict("pg_stat_get_autovacuum_count", 1..=1, "int8", zero),
    strict("pg_stat_get_analyze_count", 1..=1, "int8", zero),
    strict("pg_stat_get_autoanalyze_count", 1..=1, "int8", zero),
];

fn counted(session: &SessionInfo, args: &[ScalarValue], of: fn(&Usage) -> &Count) -> ScalarValue {
    let location = relation(session, args.first()).and_then(|relation| relation.location.as_ref());
    let usage = location.map_or_else(Arc::<Usage>::default, |at| session.running().catalog.tables().usage(at));
    ScalarValue::Int64(Some(i64::try_from(of(&usage).get()).unwrap_or(i64::MAX)))
}
