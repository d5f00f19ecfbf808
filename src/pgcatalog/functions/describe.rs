//! Functions that describe objects: comments, definitions, types, sizes, visibility.

use datafusion::scalar::ScalarValue;

use super::{Definition, bigint, boolean, number_of, oid_of, strict, text, text_of, utf8};
use crate::engine::SessionInfo;
use crate::error::Result;
use crate::pgcatalog::metadata::{Procedure, Relation};
use crate::pgcatalog::{OWNER, OWNER_OID};
use crate::pgtypes::Type;

fn yes(_: &SessionInfo, _: &[ScalarValue]) -> Result<ScalarValue> {
    Ok(ScalarValue::Boolean(Some(true)))
}
fn no_text(_: &SessionInfo, _: &[ScalarValue]) -> Result<ScalarValue> {
    Ok(ScalarValue::Utf8(None))
}
fn zero(_: &SessionInfo, _: &[ScalarValue]) -> Result<ScalarValue> {
    Ok(ScalarValue::Int64(Some(0)))
}

pub const FUNCTIONS: &[Definition] = &[
    Definition { name: "format_type", arguments: 2..=2, returns: text, strict: false, eval: format_type_of },
    strict("obj_description", 1..=2, text, obj_description),
    strict("shobj_description", 2..=2, text, no_text),
    strict("col_description", 2..=2, text, col_description),
    strict("pg_get_userbyid", 1..=1, text, user_by_id),
    strict("pg_get_viewdef", 1..=2, text, view_definition),
    strict("pg_get_indexdef", 1..=3, text, no_text),
    strict("pg_get_constraintdef", 1..=2, text, no_text),
    strict("pg_get_ruledef", 1..=2, text, no_text),
    strict("pg_get_triggerdef", 1..=2, text, no_text),
    strict("pg_get_functiondef", 1..=1, text, no_text),
    strict("pg_get_partkeydef", 1..=1, text, no_text),
    strict("pg_get_statisticsobjdef_columns", 1..=1, text, no_text),
    strict("pg_get_serial_sequence", 2..=2, text, no_text),
    strict("pg_get_function_sqlbody", 1..=1, text, no_text),
    strict("pg_get_function_arguments", 1..=1, text, |s, args| Ok(utf8(arguments(s, args, true)))),
    strict("pg_get_function_identity_arguments", 1..=1, text, |s, args| Ok(utf8(arguments(s, args, false)))),
    strict("pg_get_function_result", 1..=1, text, function_result),
    strict("pg_tablespace_location", 1..=1, text, |_, _| Ok(utf8(""))),
    strict("pg_table_is_visible", 1..=1, boolean, table_is_visible),
    strict("pg_type_is_visible", 1..=1, boolean, yes),
    strict("pg_function_is_visible", 1..=1, boolean, yes),
    strict("pg_operator_is_visible", 1..=1, boolean, yes),
    strict("pg_collation_is_visible", 1..=1, boolean, yes),
    strict("pg_conversion_is_visible", 1..=1, boolean, yes),
    strict("pg_opclass_is_visible", 1..=1, boolean, yes),
    strict("pg_opfamily_is_visible", 1..=1, boolean, yes),
    strict("pg_statistics_obj_is_visible", 1..=1, boolean, yes),
    strict("pg_ts_config_is_visible", 1..=1, boolean, yes),
    strict("pg_ts_dict_is_visible", 1..=1, boolean, yes),
    strict("pg_ts_parser_is_visible", 1..=1, boolean, yes),
    strict("pg_ts_template_is_visible", 1..=1, boolean, yes),
    strict("pg_relation_is_publishable", 1..=1, boolean, |_, _| Ok(ScalarValue::Boolean(Some(false)))),
    strict("pg_relation_size", 1..=2, bigint, relation_size),
    strict("pg_table_size", 1..=1, bigint, relation_size),
    strict("pg_total_relation_size", 1..=1, bigint, relation_size),
    strict("pg_indexes_size", 1..=1, bigint, zero),
    strict("pg_database_size", 1..=1, bigint, database_size),
    strict("pg_tablespace_size", 1..=1, bigint, database_size),
    strict("pg_stat_get_live_tuples", 1..=1, bigint, live_rows),
];

/// By OID, or by name where the client passes one.
fn relation<'a>(session: &'a SessionInfo, value: Option<&ScalarValue>) -> Option<&'a Relation> {
    let value = value?;
    match oid_of(value) {
        Some(oid) => session.metadata().relation(oid),
        None => {
            let path = session.settings().search_path(session.user());
            session.metadata().relation_named(&text_of(value), &path)
        }
    }
}

fn procedure<'a>(session: &'a SessionInfo, value: Option<&ScalarValue>) -> Option<&'a Procedure> {
    let oid = oid_of(value?)?;
    session.metadata().procedures.iter().find(|procedure| procedure.oid == oid)
}

fn obj_description(session: &SessionInfo, args: &[ScalarValue]) -> Result<ScalarValue> {
    let catalog = args.get(1).map_or_else(|| "pg_class".to_owned(), text_of);
    let oid = args.first().and_then(oid_of);
    Ok(ScalarValue::Utf8(match catalog.as_str() {
        "pg_class" => relation(session, args.first()).and_then(|relation| relation.comment.clone()),
        "pg_proc" => procedure(session, args.first()).map(|procedure| procedure.signature.comment.to_owned()),
        "pg_namespace" => session
            .metadata()
            .namespaces
            .iter()
            .find(|namespace| Some(namespace.oid) == oid)
            .and_then(|namespace| session.metadata().schema_comment(&namespace.name))
            .map(str::to_owned),
        _ => None,
    }))
}

fn col_description(session: &SessionInfo, args: &[ScalarValue]) -> Result<ScalarValue> {
    let number = args.get(1).and_then(number_of).and_then(|number| usize::try_from(number).ok());
    let comment = relation(session, args.first())
        .zip(number.and_then(|number| number.checked_sub(1)))
        .and_then(|(relation, index)| relation.columns.get(index)?.comment.clone());
    Ok(ScalarValue::Utf8(comment))
}

fn user_by_id(session: &SessionInfo, args: &[ScalarValue]) -> Result<ScalarValue> {
    let oid = args.first().and_then(oid_of).unwrap_or(0);
    let _ = session;
    Ok(utf8(if oid == OWNER_OID { OWNER.to_owned() } else { format!("unknown (OID={oid})") }))
}

fn view_definition(session: &SessionInfo, args: &[ScalarValue]) -> Result<ScalarValue> {
    let definition = relation(session, args.first()).and_then(|relation| relation.definition.clone());
    Ok(ScalarValue::Utf8(definition.map(|text| format!(" {};", text.trim().trim_end_matches(';')))))
}

fn function_result(session: &SessionInfo, args: &[ScalarValue]) -> Result<ScalarValue> {
    let gives_rows = procedure(session, args.first()).is_some_and(|procedure| procedure.gives_rows);
    Ok(ScalarValue::Utf8(gives_rows.then(|| "SETOF record".to_owned())))
}

fn arguments(session: &SessionInfo, args: &[ScalarValue], defaults: bool) -> String {
    let Some(procedure) = procedure(session, args.first()) else { return String::new() };
    let arguments = procedure.signature.arguments.iter().map(|(name, type_name, has_default)| {
        let default = match (defaults && *has_default, *type_name) {
            (false, _) => "",
            (true, "boolean") => " DEFAULT false",
            (true, _) => " DEFAULT NULL",
        };
        format!("{name} {type_name}{default}")
    });
    arguments.collect::<Vec<_>>().join(", ")
}

/// A name is visible where the search path, without its schema, leads to this relation and not to another.
fn table_is_visible(session: &SessionInfo, args: &[ScalarValue]) -> Result<ScalarValue> {
    let visible = relation(session, args.first()).is_some_and(|relation| {
        let path = session.settings().search_path(session.user());
        let first = session.metadata().first_named(&relation.name, &path);
        first.is_some_and(|first| first.oid == relation.oid)
    });
    Ok(ScalarValue::Boolean(Some(visible)))
}

fn relation_size(session: &SessionInfo, args: &[ScalarValue]) -> Result<ScalarValue> {
    let bytes = relation(session, args.first()).map(|relation| i64::try_from(relation.bytes).unwrap_or(i64::MAX));
    Ok(ScalarValue::Int64(bytes))
}

fn live_rows(session: &SessionInfo, args: &[ScalarValue]) -> Result<ScalarValue> {
    let rows = relation(session, args.first()).and_then(|relation| relation.rows);
    Ok(ScalarValue::Int64(Some(rows.and_then(|rows| i64::try_from(rows).ok()).unwrap_or(0))))
}

fn database_size(session: &SessionInfo, _: &[ScalarValue]) -> Result<ScalarValue> {
    let bytes: u64 = session.metadata().relations().iter().map(|relation| relation.bytes).sum();
    Ok(ScalarValue::Int64(i64::try_from(bytes).ok()))
}

fn format_type_of(_: &SessionInfo, args: &[ScalarValue]) -> Result<ScalarValue> {
    let modifier = args.get(1).and_then(number_of).unwrap_or(-1);
    Ok(ScalarValue::Utf8(args.first().and_then(oid_of).map(|oid| format_type(oid, modifier))))
}

/// A type's name as PostgreSQL writes it: `numeric(18,3)`, `timestamp with time zone`, `text[]`.
pub fn format_type(oid: u32, modifier: i64) -> String {
    let Some(pg_type) = Type::from_oid(oid) else {
        return if oid == 0 { "-".to_owned() } else { "???".to_owned() };
    };
    if let Some(element) = pg_type.name().strip_prefix('_') {
        let element = (16..5000).filter_map(Type::from_oid).find(|t| t.name() == element);
        return element
            .map_or_else(|| "???[]".to_owned(), |element| format!("{}[]", format_type(element.oid(), modifier)));
    }
    match pg_type {
        Type::BOOL => "boolean".to_owned(),
        Type::INT2 => "smallint".to_owned(),
        Type::INT4 => "integer".to_owned(),
        Type::INT8 => "bigint".to_owned(),
        Type::FLOAT4 => "real".to_owned(),
        Type::FLOAT8 => "double precision".to_owned(),
        Type::CHAR => "\"char\"".to_owned(),
        Type::VARCHAR if modifier >= 4 => format!("character varying({})", modifier - 4),
        Type::VARCHAR => "character varying".to_owned(),
        Type::BPCHAR if modifier >= 4 => format!("character({})", modifier - 4),
        Type::BPCHAR => "character".to_owned(),
        Type::NUMERIC if modifier >= 4 => {
            let packed = modifier - 4;
            format!("numeric({},{})", packed >> 16, packed & 0x7ff)
        }
        Type::TIMESTAMP => with_precision("timestamp", modifier, " without time zone"),
        Type::TIMESTAMPTZ => with_precision("timestamp", modifier, " with time zone"),
        Type::TIME => with_precision("time", modifier, " without time zone"),
        Type::TIMETZ => with_precision("time", modifier, " with time zone"),
        Type::BIT => "bit".to_owned(),
        Type::VARBIT => "bit varying".to_owned(),
        other => other.name().to_owned(),
    }
}

fn with_precision(name: &str, modifier: i64, rest: &str) -> String {
    if (0..=6).contains(&modifier) { format!("{name}({modifier}){rest}") } else { format!("{name}{rest}") }
}

#[cfg(test)]
mod tests {
    use super::format_type;

    #[test]
    fn types_as_postgres_writes_them() {
        for (oid, modifier, name) in [
            (23, -1, "integer"),
            (1700, -1, "numeric"),
            (1700, ((18 << 16) | 3) + 4, "numeric(18,3)"),
            (1184, -1, "timestamp with time zone"),
            (1009, -1, "text[]"),
            (1043, 24, "character varying(20)"),
            (18, -1, "\"char\""),
            (0, -1, "-"),
            (999_999, -1, "???"),
        ] {
            assert_eq!(format_type(oid, modifier), name);
        }
    }
}
