//! `pg_*_is_visible`: whether the search path, without the schema, leads to the object.

use datafusion::scalar::ScalarValue;

use super::{Definition, boolean, oid_of, strict};
use crate::engine::SessionInfo;
use crate::error::Result;
use crate::pgcatalog::{metadata::Relation, postgres, routines};
use crate::pgtypes::Type;

pub const FUNCTIONS: &[Definition] = &[
    strict("pg_table_is_visible", 1..=1, "bool", table),
    strict("pg_type_is_visible", 1..=1, "bool", type_of),
    strict("pg_function_is_visible", 1..=1, "bool", function),
    strict("pg_operator_is_visible", 1..=1, "bool", |_, args| in_pg_catalog("pg_operator", args)),
    strict("pg_collation_is_visible", 1..=1, "bool", |_, args| in_pg_catalog("pg_collation", args)),
    strict("pg_conversion_is_visible", 1..=1, "bool", |_, args| in_pg_catalog("pg_conversion", args)),
    strict("pg_opclass_is_visible", 1..=1, "bool", |_, args| in_pg_catalog("pg_opclass", args)),
    strict("pg_opfamily_is_visible", 1..=1, "bool", |_, args| in_pg_catalog("pg_opfamily", args)),
    strict("pg_statistics_obj_is_visible", 1..=1, "bool", |_, _| Ok(ScalarValue::Boolean(None))),
    strict("pg_ts_config_is_visible", 1..=1, "bool", |_, args| in_pg_catalog("pg_ts_config", args)),
    strict("pg_ts_dict_is_visible", 1..=1, "bool", |_, args| in_pg_catalog("pg_ts_dict", args)),
    strict("pg_ts_parser_is_visible", 1..=1, "bool", |_, args| in_pg_catalog("pg_ts_parser", args)),
    strict("pg_ts_template_is_visible", 1..=1, "bool", |_, args| in_pg_catalog("pg_ts_template", args)),
];

fn is_first(session: &SessionInfo, relation: &Relation) -> bool {
    let first = session.metadata().first_named(&relation.name, session.search_path());
    first.is_some_and(|first| first.oid == relation.oid)
}

fn table(session: &SessionInfo, args: &[ScalarValue]) -> Result<ScalarValue> {
    let relation = args.first().and_then(oid_of).and_then(|oid| session.metadata().relation(oid));
    Ok(ScalarValue::Boolean(relation.map(|relation| is_first(session, relation))))
}

fn type_of(session: &SessionInfo, args: &[ScalarValue]) -> Result<ScalarValue> {
    let Some(oid) = args.first().and_then(oid_of) else { return Ok(ScalarValue::Boolean(None)) };
    if Type::from_oid(oid).is_some() {
        return Ok(boolean(true));
    }
    let metadata = session.metadata();
    Ok(ScalarValue::Boolean(match metadata.of_row_type(oid) {
        Some(relation) => Some(is_first(session, relation)),
        None => postgres::has("pg_type", oid).then_some(oid < 12_000),
    }))
}

fn function(session: &SessionInfo, args: &[ScalarValue]) -> Result<ScalarValue> {
    let Some(oid) = args.first().and_then(oid_of) else { return Ok(ScalarValue::Boolean(None)) };
    if let Some(routine) = routines::by_oid(oid) {
        return Ok(boolean(routine.namespace == 11));
    }
    let ours = session.metadata().procedures.iter().any(|procedure| procedure.oid == oid);
    Ok(ScalarValue::Boolean(ours.then(|| session.search_path().iter().any(|schema| schema == "public"))))
}

/// All rows of these are in `pg_catalog`, which is always searched.
fn in_pg_catalog(catalog: &str, args: &[ScalarValue]) -> Result<ScalarValue> {
    let known = args.first().and_then(oid_of).is_some_and(|oid| postgres::has(catalog, oid));
    Ok(ScalarValue::Boolean(known.then_some(true)))
}
