//! Functions that describe objects: comments, definitions, types, sizes, visibility.

use datafusion::arrow::array::Array;
use datafusion::scalar::ScalarValue;

use super::{Definition, lenient, number_of, oid_of, strict, text_of, utf8};
use crate::engine::SessionInfo;
use crate::error::{Error, ErrorKind, Result};
use crate::names::{TableName, quote_ident};
use crate::pgcatalog::metadata::{Procedure, ROW_ARRAY_TYPE, ROW_TYPE, Relation};
use crate::pgcatalog::routines::{self, Routine};
use crate::pgcatalog::{constraints, postgres, sequences, tables};
use crate::pgtypes::Type;

fn no_text(_: &SessionInfo, _: &[ScalarValue]) -> Result<ScalarValue> {
    Ok(ScalarValue::Utf8(None))
}
pub(super) fn zero(_: &SessionInfo, _: &[ScalarValue]) -> Result<ScalarValue> {
    Ok(ScalarValue::Int64(Some(0)))
}

pub const FUNCTIONS: &[Definition] = &[
    lenient("format_type", 2..=2, "text", format_type_of),
    strict("oidvectortypes", 1..=1, "text", types_of_vector),
    strict("obj_description", 1..=2, "text", obj_description),
    strict("shobj_description", 2..=2, "text", no_text),
    strict("col_description", 2..=2, "text", col_description),
    strict("pg_get_userbyid", 1..=1, "name", user_by_id),
    strict("pg_get_viewdef", 1..=2, "text", view_definition),
    strict("pg_get_indexdef", 1..=3, "text", index_definition),
    strict("pg_get_constraintdef", 1..=2, "text", constraint_definition),
    strict("pg_get_ruledef", 1..=2, "text", no_text),
    strict("pg_get_triggerdef", 1..=2, "text", no_text),
    strict("pg_get_functiondef", 1..=1, "text", function_definition),
    strict("lakewire_base_type", 1..=1, "oid", |_, args| Ok(base_type(function_oid(args)))),
    strict("pg_describe_object", 3..=3, "text", describe_object),
    strict("pg_get_function_arg_default", 2..=2, "text", argument_default),
    strict("pg_get_expr", 2..=3, "text", expression),
    strict("pg_get_partkeydef", 1..=1, "text", no_text),
    strict("pg_get_partition_constraintdef", 1..=1, "text", no_text),
    strict("pg_get_statisticsobjdef", 1..=1, "text", no_text),
    strict("pg_get_statisticsobjdef_columns", 1..=1, "text", no_text),
    // text is in the order of its bytes, which no library decides
    strict("pg_collation_actual_version", 1..=1, "text", no_text),
    strict("pg_database_collation_actual_version", 1..=1, "text", no_text),
    lenient("pg_current_logfile", 0..=1, "text", no_text),
    strict("pg_relation_filenode", 1..=1, "oid", |session, args| {
        let stored = relation(session, args.first()).filter(|relation| relation.kind == "r");
        Ok(ScalarValue::Int32(stored.map(|relation| relation.oid.cast_signed())))
    }),
    strict("pg_relation_filepath", 1..=1, "text", |session, args| {
        let location = relation(session, args.first()).and_then(|relation| relation.location.as_ref());
        Ok(ScalarValue::Utf8(location.map(ToString::to_string)))
    }),
    strict("pg_get_serial_sequence", 2..=2, "text", serial_sequence),
    strict("pg_get_function_sqlbody", 1..=1, "text", |_, args| {
        let body = routines::by_oid(function_oid(args)).map(|routine| routine.sql_body.to_owned());
        Ok(ScalarValue::Utf8(body.filter(|body| !body.is_empty())))
    }),
    strict("pg_get_function_arguments", 1..=1, "text", |s, args| function_arguments(s, args, true)),
    strict("pg_get_function_identity_arguments", 1..=1, "text", |s, args| function_arguments(s, args, false)),
    strict("pg_get_function_result", 1..=1, "text", function_result),
    strict("pg_tablespace_location", 1..=1, "text", |_, _| Ok(utf8(""))),
    // no table is a partition, and no trigger is ever fired
    strict("pg_partition_root", 1..=1, "regclass", |_, _| Ok(ScalarValue::Int32(None))),
    strict("pg_trigger_depth", 0..=0, "int4", |_, _| Ok(ScalarValue::Int32(Some(0)))),
    strict("pg_relation_is_publishable", 1..=1, "bool", |_, _| Ok(ScalarValue::Boolean(Some(false)))),
    strict("pg_relation_size", 1..=2, "int8", relation_size),
    strict("pg_table_size", 1..=1, "int8", relation_size),
    strict("pg_total_relation_size", 1..=1, "int8", relation_size),
    strict("pg_indexes_size", 1..=1, "int8", zero),
    strict("pg_database_size", 1..=1, "int8", database_size),
    strict("pg_tablespace_size", 1..=1, "int8", database_size),
    strict("pg_stat_get_live_tuples", 1..=1, "int8", live_rows),
    // no table is vacuumed or analyzed but by its own upkeep
    strict("pg_stat_get_last_vacuum_time", 1..=1, "timestamptz", never),
    strict("pg_stat_get_last_autovacuum_time", 1..=1, "timestamptz", never),
    strict("pg_stat_get_last_analyze_time", 1..=1, "timestamptz", never),
    strict("pg_stat_get_last_autoanalyze_time", 1..=1, "timestamptz", never),
    strict("pg_indexam_has_property", 2..=2, "bool", |_, args| Ok(property(args.last(), INDEX_PROPERTIES))),
    strict("pg_index_has_property", 2..=2, "bool", |_, args| Ok(property(args.last(), INDEX_PROPERTIES))),
    strict("pg_index_column_has_property", 3..=3, "bool", column_property),
    strict("pg_relation_is_updatable", 2..=2, "int4", |session, args| {
        Ok(ScalarValue::Int32(Some(if is_updatable(session, args) { UPDATABLE } else { 0 })))
    }),
    strict("pg_column_is_updatable", 3..=3, "bool", |session, args| {
        Ok(ScalarValue::Boolean(Some(is_updatable(session, args))))
    }),
];

/// What PostgreSQL's B-trees are good for, which all indexes are told as.
const INDEX_PROPERTIES: &[(&str, bool)] = &[
    ("can_order", true),
    ("can_unique", true),
    ("can_multi_col", true),
    ("can_exclude", true),
    ("can_include", true),
    ("clusterable", true),
    ("index_scan", true),
    ("bitmap_scan", true),
    ("backward_scan", true),
];
const COLUMN_PROPERTIES: &[(&str, bool)] = &[
    ("asc", true),
    ("desc", false),
    ("nulls_first", false),
    ("nulls_last", true),
    ("orderable", true),
    ("distance_orderable", false),
    ("returnable", true),
    ("search_array", true),
    ("search_nulls", true),
];
/// `pg_relation_is_updatable` of what takes INSERT, UPDATE and DELETE: the bits of these commands.
const UPDATABLE: i32 = 1 << 3 | 1 << 2 | 1 << 4;

/// NULL for a property that there is not.
fn property(name: Option<&ScalarValue>, known: &[(&str, bool)]) -> ScalarValue {
    let name = name.map(text_of).unwrap_or_default().to_lowercase();
    ScalarValue::Boolean(known.iter().find(|(property, _)| *property == name).map(|(_, has)| *has))
}

/// [`property`] of a key of an index, whose order it has.
fn column_property(session: &SessionInfo, args: &[ScalarValue]) -> Result<ScalarValue> {
    let key = args.get(1).and_then(oid_of).and_then(|number| usize::try_from(number).ok()?.checked_sub(1));
    let index = args.first().and_then(oid_of).and_then(|oid| constraints::with_oid(session.metadata(), oid));
    let bits = index.zip(key).map_or(0, |(index, key)| index.option_bits(key));
    let name = args.last().map(text_of).unwrap_or_default().to_lowercase();
    Ok(match name.as_str() {
        "asc" => ScalarValue::Boolean(Some(bits & 1 == 0)),
        "desc" => ScalarValue::Boolean(Some(bits & 1 != 0)),
        "nulls_first" => ScalarValue::Boolean(Some(bits & 2 != 0)),
        "nulls_last" => ScalarValue::Boolean(Some(bits & 2 == 0)),
        _ => property(args.last(), COLUMN_PROPERTIES),
    })
}

fn is_updatable(session: &SessionInfo, args: &[ScalarValue]) -> bool {
    relation(session, args.first()).is_some_and(|relation| relation.kind == "r" && !relation.system)
}

/// What a default or a condition says: a sequence without its schema where the search path leads to it.
fn expression(session: &SessionInfo, args: &[ScalarValue]) -> Result<ScalarValue> {
    let text = args.first().map(text_of).unwrap_or_default();
    let named = text.strip_prefix("nextval('").and_then(|rest| rest.strip_suffix("'::regclass)"));
    let found = named.and_then(|named| session.metadata().relation_named(named, &[]));
    let visible = found.filter(|relation| {
        let first = session.metadata().first_named(&relation.name, session.search_path());
        first.is_some_and(|first| first.oid == relation.oid)
    });
    Ok(utf8(match visible {
        Some(relation) => format!("nextval('{}'::regclass)", quote_ident(&relation.name)),
        None => text,
    }))
}

fn serial_sequence(session: &SessionInfo, args: &[ScalarValue]) -> Result<ScalarValue> {
    let [table, column] = args else { return Ok(ScalarValue::Utf8(None)) };
    let (name, column) = (text_of(table), text_of(column));
    let metadata = session.metadata();
    let table = metadata
        .relation_named(&name, session.search_path())
        .ok_or_else(|| Error::new(ErrorKind::UndefinedTable, format!("relation \"{name}\" does not exist")))?;
    if !table.columns.iter().any(|known| known.name == column) {
        let message = format!("column \"{column}\" of relation \"{}\" does not exist", table.name);
        return Err(Error::new(ErrorKind::UndefinedColumn, message));
    }
    let sequence = sequences::of_column(metadata, table, &column);
    let quoted = |sequence: &Relation| TableName::new(sequence.schema.as_str(), sequence.name.as_str()).quoted();
    Ok(ScalarValue::Utf8(sequence.map(quoted)))
}

/// By OID, or by name where the client passes one.
pub(super) fn relation<'a>(session: &'a SessionInfo, value: Option<&ScalarValue>) -> Option<&'a Relation> {
    let value = value?;
    match oid_of(value) {
        Some(oid) => session.metadata().relation(oid),
        None => session.metadata().relation_named(&text_of(value), session.search_path()),
    }
}

fn procedure<'a>(session: &'a SessionInfo, value: Option<&ScalarValue>) -> Option<&'a Procedure> {
    let oid = oid_of(value?)?;
    session.metadata().procedures.iter().find(|procedure| procedure.oid == oid)
}

/// Catalogs of what may be commented on.
const DESCRIBED: [&str; 4] = ["pg_class", "pg_constraint", "pg_proc", "pg_namespace"];

/// The comment on an object of a catalog; where that is not said, on the first there is of its number.
fn obj_description(session: &SessionInfo, args: &[ScalarValue]) -> Result<ScalarValue> {
    let comment = match args.get(1).map(text_of) {
        Some(catalog) => comment_in(session, &catalog, args.first()),
        None => {
            let ours = DESCRIBED.iter().find_map(|catalog| comment_in(session, catalog, args.first()));
            ours.or_else(|| postgres::any_description(args.first().and_then(oid_of)?).map(str::to_owned))
        }
    };
    Ok(ScalarValue::Utf8(comment))
}

fn comment_in(session: &SessionInfo, catalog: &str, object: Option<&ScalarValue>) -> Option<String> {
    let oid = object.and_then(oid_of);
    let comment = match catalog {
        "pg_class" => relation(session, object).and_then(|relation| relation.comment.clone()),
        "pg_proc" => procedure(session, object).map(|procedure| procedure.signature.comment.to_owned()),
        "pg_namespace" => session
            .metadata()
            .namespaces
            .iter()
            .find(|namespace| Some(namespace.oid) == oid)
            .and_then(|namespace| session.metadata().schema_comment(&namespace.name))
            .map(str::to_owned),
        "pg_constraint" => constraints::with_oid(session.metadata(), oid.unwrap_or(0))
            .and_then(|declared| declared.comment().map(str::to_owned)),
        _ => None,
    };
    comment.or_else(|| postgres::description(catalog, oid?).map(str::to_owned))
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
    Ok(utf8(session.role_name(oid).unwrap_or_else(|| format!("unknown (OID={oid})"))))
}

fn view_definition(session: &SessionInfo, args: &[ScalarValue]) -> Result<ScalarValue> {
    let definition = relation(session, args.first()).and_then(|relation| relation.definition.clone());
    Ok(ScalarValue::Utf8(definition.map(|text| format!(" {};", text.trim().trim_end_matches(';')))))
}

/// What a domain is made of in the end; 0 for other types.
fn base_type(oid: u32) -> ScalarValue {
    let mut base = postgres::base_type(oid);
    while let Some(deeper) = base.and_then(postgres::base_type).filter(|deeper| *deeper != 0) {
        base = Some(deeper);
    }
    ScalarValue::Int32(base.and_then(|base| i32::try_from(base).ok()))
}

fn constraint_definition(session: &SessionInfo, args: &[ScalarValue]) -> Result<ScalarValue> {
    let declared = constraints::with_oid(session.metadata(), function_oid(args));
    let pretty = matches!(args.get(1), Some(ScalarValue::Boolean(Some(true))));
    let definition =
        |declared: constraints::Declared<'_>| declared.definition(session.metadata(), session.search_path(), pretty);
    Ok(ScalarValue::Utf8(declared.map(definition)))
}

/// The whole index, or one of its columns.
fn index_definition(session: &SessionInfo, args: &[ScalarValue]) -> Result<ScalarValue> {
    let Some(declared) = constraints::with_oid(session.metadata(), function_oid(args)) else {
        return Ok(ScalarValue::Utf8(None));
    };
    let column = args.get(1).and_then(number_of).and_then(|number| usize::try_from(number).ok()).unwrap_or(0);
    let pretty = matches!(args.get(2), Some(ScalarValue::Boolean(Some(true))));
    Ok(ScalarValue::Utf8(match column.checked_sub(1) {
        None => Some(declared.index_definition(pretty)),
        Some(at) => Some(column_of_index(&declared, at, pretty)),
    }))
}

fn column_of_index(declared: &constraints::Declared<'_>, at: usize, pretty: bool) -> String {
    let keys = declared.told_keys(pretty);
    let all = declared.index_columns();
    keys.get(at).or_else(|| all.get(at)).cloned().unwrap_or_default()
}

/// `table gold.daily_sales`, `function upper(text)` …
fn describe_object(session: &SessionInfo, args: &[ScalarValue]) -> Result<ScalarValue> {
    let number = |at: usize| args.get(at).and_then(oid_of).unwrap_or(0);
    let (class, object) = (number(0), number(1));
    let named = |what: &str, kind: &str| format!("{what} {}", super::reg::text_of_reg(session, kind, object));
    Ok(ScalarValue::Utf8(match class {
        tables::PG_CLASS => relation(session, args.get(1)).map(|relation| {
            let what = if relation.is_view() { "view" } else { "table" };
            let column = usize::try_from(number(2)).ok().and_then(|n| relation.columns.get(n.checked_sub(1)?));
            let whole = named(what, "regclass");
            column.map_or_else(|| whole.clone(), |column| format!("column {} of {whole}", column.name))
        }),
        tables::PG_PROC => Some(named("function", "regprocedure")),
        tables::PG_NAMESPACE => Some(named("schema", "regnamespace")),
        tables::PG_TYPE => Some(named("type", "regtype")),
        tables::PG_REWRITE => {
            let view = session.metadata().relation(object & !crate::pgcatalog::metadata::RULE);
            view.map(|view| format!("rule _RETURN on view {}.{}", view.schema, view.name))
        }
        _ => None,
    }))
}

fn function_oid(args: &[ScalarValue]) -> u32 {
    args.first().and_then(oid_of).unwrap_or(0)
}

fn function_result(session: &SessionInfo, args: &[ScalarValue]) -> Result<ScalarValue> {
    let ours = procedure(session, args.first());
    let ours = ours.map(|procedure| procedure.gives_rows.then(|| "SETOF record".to_owned()));
    let theirs = || routines::by_oid(function_oid(args)).and_then(Routine::result_type);
    Ok(ScalarValue::Utf8(ours.unwrap_or_else(theirs)))
}

fn function_arguments(session: &SessionInfo, args: &[ScalarValue], defaults: bool) -> Result<ScalarValue> {
    let ours = procedure(session, args.first()).map(|procedure| arguments(procedure, defaults));
    Ok(ScalarValue::Utf8(
        ours.or_else(|| routines::by_oid(function_oid(args)).map(|routine| routine.argument_list(defaults))),
    ))
}

/// What stands for the argument of a number, of all, where it is left out.
fn argument_default(_: &SessionInfo, args: &[ScalarValue]) -> Result<ScalarValue> {
    let default = || {
        let at = usize::try_from(args.get(1).and_then(number_of)?).ok()?.checked_sub(1)?;
        let routine = routines::by_oid(function_oid(args))?;
        routine.default_text(routine.taken_as(at)?).map(str::to_owned)
    };
    Ok(ScalarValue::Utf8(default()))
}

fn arguments(procedure: &Procedure, defaults: bool) -> String {
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

/// The statement that would make the function, had it not been there from the beginning.
fn function_definition(session: &SessionInfo, args: &[ScalarValue]) -> Result<ScalarValue> {
    if let Some(procedure) = procedure(session, args.first()) {
        let (what, returns) =
            if procedure.gives_rows { ("FUNCTION", " RETURNS SETOF record\n") } else { ("PROCEDURE", "") };
        let name = procedure.signature.name;
        let arguments = arguments(procedure, true);
        let text = format!(
            "CREATE OR REPLACE {what} public.{name}({arguments})\n{returns} LANGUAGE internal\nAS $function${name}$function$\n"
        );
        return Ok(utf8(text));
    }
    let oid = function_oid(args);
    match routines::by_oid(oid) {
        Some(routine) if routine.kind == "a" => {
            let message = format!("\"{}\" is an aggregate function", routine.name);
            Err(Error::new(ErrorKind::WrongObjectType, message))
        }
        found => Ok(ScalarValue::Utf8(found.map(Routine::definition))),
    }
}

fn relation_size(session: &SessionInfo, args: &[ScalarValue]) -> Result<ScalarValue> {
    let bytes = relation(session, args.first()).map(|relation| i64::try_from(relation.bytes).unwrap_or(i64::MAX));
    Ok(ScalarValue::Int64(bytes))
}

fn never(_: &SessionInfo, _: &[ScalarValue]) -> Result<ScalarValue> {
    Ok(ScalarValue::TimestampMicrosecond(None, Some("UTC".into())))
}

fn live_rows(session: &SessionInfo, args: &[ScalarValue]) -> Result<ScalarValue> {
    let rows = relation(session, args.first()).and_then(|relation| relation.rows);
    Ok(ScalarValue::Int64(Some(rows.and_then(|rows| i64::try_from(rows).ok()).unwrap_or(0))))
}

fn database_size(session: &SessionInfo, _: &[ScalarValue]) -> Result<ScalarValue> {
    let bytes: u64 = session.metadata().relations().iter().map(|relation| relation.bytes).sum();
    Ok(ScalarValue::Int64(i64::try_from(bytes).ok()))
}

fn format_type_of(session: &SessionInfo, args: &[ScalarValue]) -> Result<ScalarValue> {
    let modifier = args.get(1).and_then(number_of).unwrap_or(-1);
    Ok(ScalarValue::Utf8(args.first().and_then(oid_of).map(|oid| type_name(session, oid, modifier))))
}

/// `integer, text`, as the arguments of a function are listed.
fn types_of_vector(session: &SessionInfo, args: &[ScalarValue]) -> Result<ScalarValue> {
    let Some(ScalarValue::List(list)) = args.first() else { return no_text(session, args) };
    let items = list.value(0);
    let names = (0..items.len()).map(|at| {
        let oid = ScalarValue::try_from_array(&items, at).ok().as_ref().and_then(oid_of);
        oid.map_or_else(|| "-".to_owned(), |oid| type_name(session, oid, -1))
    });
    Ok(ScalarValue::Utf8(Some(names.collect::<Vec<_>>().join(", "))))
}

/// As [`format_type`], for types of relations' rows too.
pub fn type_name(session: &SessionInfo, oid: u32, modifier: i64) -> String {
    let metadata = session.metadata();
    let (row_type, suffix) = match oid & ROW_ARRAY_TYPE == ROW_ARRAY_TYPE {
        true => ((oid & !ROW_ARRAY_TYPE) | ROW_TYPE, "[]"),
        false => (oid, ""),
    };
    match metadata.of_row_type(row_type).filter(|_| Type::from_oid(oid).is_none()) {
        Some(relation) => format!("{}{suffix}", super::reg::text_of_reg(session, "regclass", relation.oid)),
        None => format_type(oid, modifier),
    }
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
        Type::NUMERIC => "numeric".to_owned(),
        Type::TIMESTAMP => with_precision("timestamp", modifier, " without time zone"),
        Type::TIMESTAMPTZ => with_precision("timestamp", modifier, " with time zone"),
        Type::TIME => with_precision("time", modifier, " without time zone"),
        Type::TIMETZ => with_precision("time", modifier, " with time zone"),
        Type::INTERVAL => interval(modifier),
        Type::BIT if modifier >= 0 => format!("bit({modifier})"),
        Type::BIT => "bit".to_owned(),
        Type::VARBIT if modifier >= 0 => format!("bit varying({modifier})"),
        Type::VARBIT => "bit varying".to_owned(),
        other => quote_ident(other.name()),
    }
}

/// The fields of an interval are in the upper half of its modifier, the digits of its second in the lower.
fn interval(modifier: i64) -> String {
    let fields = match (modifier >> 16) & 0x7fff {
        0x0004 => " year",
        0x0002 => " month",
        0x0008 => " day",
        0x0400 => " hour",
        0x0800 => " minute",
        0x1000 => " second",
        0x0006 => " year to month",
        0x0408 => " day to hour",
        0x0c08 => " day to minute",
        0x1c08 => " day to second",
        0x0c00 => " hour to minute",
        0x1c00 => " hour to second",
        0x1800 => " minute to second",
        _ => "",
    };
    match modifier & 0xffff {
        digits @ 0..=6 if modifier >= 0 => format!("interval{fields}({digits})"),
        _ if modifier >= 0 => format!("interval{fields}"),
        _ => "interval".to_owned(),
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
