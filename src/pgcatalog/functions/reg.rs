//! Names ↔ OIDs: `regclass` and its kin, which `dialect` turns into calls of these.
//!
//! A value of such a type is the OID, an integer whose field says what it stands for; names come in by the first functions here and go
//! out by [`text_of_reg`].

use datafusion::arrow::array::{AsArray, RecordBatch};
use datafusion::arrow::datatypes::Int32Type;
use datafusion::common::TableReference;
use datafusion::scalar::ScalarValue;

use super::describe::{format_type, type_name};
use super::{Definition, number_of, strict, text_of};
use crate::engine::SessionInfo;
use crate::error::{Error, ErrorKind, Result};
use crate::names::quote_ident;
use crate::pgcatalog::{postgres, routines};
use crate::pgtypes::Type;

/// Casts to these differ in their result's type only.
pub const FUNCTIONS: &[Definition] = &[
    strict("lakewire_regclass", 1..=1, "regclass", |s, args| reg_in(s, "regclass", args)),
    strict("lakewire_regcollation", 1..=1, "regcollation", |s, args| reg_in(s, "regcollation", args)),
    strict("lakewire_regconfig", 1..=1, "regconfig", |s, args| reg_in(s, "regconfig", args)),
    strict("lakewire_regdictionary", 1..=1, "regdictionary", |s, args| reg_in(s, "regdictionary", args)),
    strict("lakewire_regnamespace", 1..=1, "regnamespace", |s, args| reg_in(s, "regnamespace", args)),
    strict("lakewire_regoper", 1..=1, "regoper", |s, args| reg_in(s, "regoper", args)),
    strict("lakewire_regoperator", 1..=1, "regoperator", |s, args| reg_in(s, "regoperator", args)),
    strict("lakewire_regproc", 1..=1, "regproc", |s, args| reg_in(s, "regproc", args)),
    strict("lakewire_regprocedure", 1..=1, "regprocedure", |s, args| reg_in(s, "regprocedure", args)),
    strict("lakewire_regrole", 1..=1, "regrole", |s, args| reg_in(s, "regrole", args)),
    strict("lakewire_regtype", 1..=1, "regtype", |s, args| reg_in(s, "regtype", args)),
    strict("to_regclass", 1..=1, "regclass", |s, args| to_reg(s, "regclass", args)),
    strict("to_regcollation", 1..=1, "regcollation", |s, args| to_reg(s, "regcollation", args)),
    strict("to_regnamespace", 1..=1, "regnamespace", |s, args| to_reg(s, "regnamespace", args)),
    strict("to_regoper", 1..=1, "regoper", |s, args| to_reg(s, "regoper", args)),
    strict("to_regoperator", 1..=1, "regoperator", |s, args| to_reg(s, "regoperator", args)),
    strict("to_regproc", 1..=1, "regproc", |s, args| to_reg(s, "regproc", args)),
    strict("to_regprocedure", 1..=1, "regprocedure", |s, args| to_reg(s, "regprocedure", args)),
    strict("to_regrole", 1..=1, "regrole", |s, args| to_reg(s, "regrole", args)),
    strict("to_regtype", 1..=1, "regtype", |s, args| to_reg(s, "regtype", args)),
];

fn oid_value(oid: Option<u32>) -> ScalarValue {
    ScalarValue::Int32(oid.and_then(|oid| i32::try_from(oid).ok()))
}

/// The OID a name or number stands for.
fn reg_in(session: &SessionInfo, kind: &str, args: &[ScalarValue]) -> Result<ScalarValue> {
    let Some(value) = args.first() else { return Ok(ScalarValue::Int32(None)) };
    if let Some(oid) = number_of(value) {
        return Ok(oid_value(u32::try_from(oid).ok()));
    }
    let name = text_of(value);
    match name.trim() {
        "-" => Ok(oid_value(Some(0))),
        name => match find(session, kind, name)? {
            Some(oid) => Ok(oid_value(Some(oid))),
            None => Err(undefined(session, kind, name)),
        },
    }
}

/// As [`reg_in`], but NULL for a name that stands for nothing.
fn to_reg(session: &SessionInfo, kind: &str, args: &[ScalarValue]) -> Result<ScalarValue> {
    let name = args.first().map(text_of).unwrap_or_default();
    match find(session, kind, name.trim()) {
        Ok(found) => Ok(oid_value(found)),
        Err(error) if error.kind() == ErrorKind::AmbiguousFunction => Ok(ScalarValue::Int32(None)),
        Err(error) => Err(error),
    }
}

fn undefined(session: &SessionInfo, kind: &str, name: &str) -> Error {
    match kind {
        "regclass" => {
            let relation = TableReference::parse_str(name);
            match relation.schema().filter(|schema| session.metadata().namespace_named(schema).is_none()) {
                Some(schema) => Error::new(ErrorKind::InvalidSchemaName, format!("schema \"{schema}\" does not exist")),
                None => {
                    let name = relation.to_vec().join(".");
                    Error::new(ErrorKind::UndefinedTable, format!("relation \"{name}\" does not exist"))
                }
            }
        }
        "regtype" => Error::new(ErrorKind::UndefinedObject, format!("type \"{name}\" does not exist")),
        "regnamespace" => Error::new(ErrorKind::InvalidSchemaName, format!("schema \"{name}\" does not exist")),
        "regrole" => Error::new(ErrorKind::UndefinedObject, format!("role \"{name}\" does not exist")),
        "regoper" | "regoperator" => {
            Error::new(ErrorKind::UndefinedFunction, format!("operator does not exist: {name}"))
        }
        "regcollation" => {
            Error::new(ErrorKind::UndefinedObject, format!("collation \"{name}\" for encoding \"UTF8\" does not exist"))
        }
        "regconfig" => {
            Error::new(ErrorKind::UndefinedObject, format!("text search configuration \"{name}\" does not exist"))
        }
        "regdictionary" => {
            Error::new(ErrorKind::UndefinedObject, format!("text search dictionary \"{name}\" does not exist"))
        }
        _ => Error::new(ErrorKind::UndefinedFunction, format!("function \"{name}\" does not exist")),
    }
}

fn find(session: &SessionInfo, kind: &str, name: &str) -> Result<Option<u32>> {
    let metadata = session.metadata();
    if name.bytes().all(|byte| byte.is_ascii_digit()) && !name.is_empty() {
        return Ok(name.parse().ok());
    }
    Ok(match kind {
        "regclass" => {
            let path = session.search_path();
            metadata.relation_named(name, path).map(|relation| relation.oid)
        }
        "regnamespace" => metadata.namespace_named(&unquoted(name)).map(|namespace| namespace.oid),
        "regtype" => type_named(session, name),
        "regrole" => {
            let name = unquoted(name);
            session.roles().into_iter().find(|role| role.name == name).map(|role| role.oid)
        }
        "regcollation" => in_rows("pg_collation", "collname", &unquoted(name)),
        "regconfig" => in_rows("pg_ts_config", "cfgname", &unquoted(name)),
        "regdictionary" => in_rows("pg_ts_dict", "dictname", &unquoted(name)),
        "regoper" => {
            let found = all_in_rows("pg_operator", "oprname", name.trim_start_matches("pg_catalog."));
            one(found, || format!("more than one operator named {name}"))?
        }
        "regoperator" => operator_with(session, name),
        "regprocedure" => function_with(session, name),
        _ => {
            let name = TableReference::parse_str(name);
            let ours = metadata.procedures.iter().filter(|p| p.signature.name == name.table()).map(|p| p.oid);
            let found = ours.chain(routines::named(name.table()).map(|routine| routine.oid)).collect();
            one(found, || format!("more than one function named \"{}\"", name.table()))?
        }
    })
}

fn one(found: Vec<u32>, ambiguous: impl Fn() -> String) -> Result<Option<u32>> {
    match found.as_slice() {
        [] => Ok(None),
        [one] => Ok(Some(*one)),
        _ => Err(Error::new(ErrorKind::AmbiguousFunction, ambiguous())),
    }
}

/// A name as an identifier: folded, or without its quotes.
fn unquoted(name: &str) -> String {
    TableReference::parse_str(name).table().to_owned()
}

fn strings(rows: &RecordBatch, column: &str) -> Vec<String> {
    let column = rows.column_by_name(column).and_then(|column| column.as_string_opt::<i32>());
    column.map(|column| column.iter().map(|text| text.unwrap_or_default().to_owned()).collect()).unwrap_or_default()
}

fn numbers(rows: &RecordBatch, column: &str) -> Vec<u32> {
    let column = rows.column_by_name(column).and_then(|column| column.as_primitive_opt::<Int32Type>());
    let number = |number: &i32| u32::try_from(*number).unwrap_or(0);
    column.map(|column| column.values().iter().map(number).collect()).unwrap_or_default()
}

fn all_in_rows(catalog: &str, column: &str, name: &str) -> Vec<u32> {
    let Some(rows) = postgres::rows("pg_catalog", catalog) else { return Vec::new() };
    let oids = numbers(rows, "oid");
    strings(rows, column).iter().zip(oids).filter(|(known, _)| *known == name).map(|(_, oid)| oid).collect()
}

fn in_rows(catalog: &str, column: &str, name: &str) -> Option<u32> {
    all_in_rows(catalog, column, name).into_iter().next()
}

fn name_in_rows(catalog: &str, column: &str, oid: u32) -> Option<String> {
    let rows = postgres::rows("pg_catalog", catalog)?;
    let at = numbers(rows, "oid").into_iter().position(|known| known == oid)?;
    strings(rows, column).into_iter().nth(at)
}

/// `upper(text)`.
fn function_with(session: &SessionInfo, text: &str) -> Option<u32> {
    let (name, types) = text.strip_suffix(')')?.split_once('(')?;
    let name = unquoted(name.trim());
    let types: Option<Vec<u32>> =
        types.split(',').filter(|t| !t.trim().is_empty()).map(|t| type_named(session, t)).collect();
    let types = types?;
    let found = routines::named(&name).find(|routine| routine.arguments == types).map(|routine| routine.oid);
    found.or_else(|| session.metadata().procedures.iter().find(|p| p.signature.name == name).map(|p| p.oid))
}

/// `+(integer,integer)`.
fn operator_with(session: &SessionInfo, text: &str) -> Option<u32> {
    let (name, types) = text.strip_suffix(')')?.split_once('(')?;
    let (left, right) = types.split_once(',')?;
    let side = |text: &str| match text.trim() {
        text if text.eq_ignore_ascii_case("none") => Some(0),
        text => type_named(session, text),
    };
    let (left, right) = (side(left)?, side(right)?);
    let rows = postgres::rows("pg_catalog", "pg_operator")?;
    let names = strings(rows, "oprname");
    let (lefts, rights, oids) = (numbers(rows, "oprleft"), numbers(rows, "oprright"), numbers(rows, "oid"));
    let name = name.trim().trim_start_matches("pg_catalog.");
    let at = (0..oids.len()).find(|at| {
        names.get(*at).is_some_and(|known| known == name)
            && lefts.get(*at) == Some(&left)
            && rights.get(*at) == Some(&right)
    })?;
    oids.get(at).copied()
}

/// A type by its internal name, the one `format_type` writes, or a relation's.
fn type_named(session: &SessionInfo, text: &str) -> Option<u32> {
    let text = text.trim();
    let prefixes = ["pg_catalog.", "\"pg_catalog\"."];
    let bare = prefixes.iter().find_map(|prefix| text.strip_prefix(prefix)).unwrap_or(text);
    let lower = bare.to_lowercase();
    let lower = lower.split_once('(').map_or(lower.as_str(), |(name, _)| name.trim());
    // Types of OIDs up to here have fixed numbers.
    let alias = match lower {
        "int" => "int4",
        "decimal" | "dec" => "numeric",
        "float" => "float8",
        "varchar" => "varchar",
        "char" => "bpchar",
        "timestamp" => "timestamp",
        "time" => "time",
        other => other,
    };
    let quoted = bare.trim_matches('"');
    let known = (16..5000).filter_map(Type::from_oid).find(|t| {
        t.name() == alias && bare != "\"char\""
            || format_type(t.oid(), -1) == lower
            || (bare.starts_with('"') && t.name() == quoted)
    });
    if let Some(known) = known {
        return Some(known.oid());
    }
    if let Some(element) = bare.strip_suffix("[]") {
        let element = type_named(session, element)?;
        let name = Type::from_oid(element)?.name().to_owned();
        return (16..5000).filter_map(Type::from_oid).find(|t| t.name() == format!("_{name}")).map(|t| t.oid());
    }
    session.metadata().relation_named(text, session.search_path()).map(|relation| relation.row_type)
}

/// The text of a value of a type like `regclass`.
pub fn text_of_reg(session: &SessionInfo, kind: &str, oid: u32) -> String {
    match oid {
        0 => "-".to_owned(),
        oid => shown(session, kind, oid).unwrap_or_else(|| oid.to_string()),
    }
}

/// As the wire takes it: the OID's four bytes, then the name.
pub fn shown_reg(session: &SessionInfo, kind: &str, oid: u32) -> Vec<u8> {
    let mut value = oid.to_be_bytes().to_vec();
    value.extend_from_slice(text_of_reg(session, kind, oid).as_bytes());
    value
}

fn shown(session: &SessionInfo, kind: &str, oid: u32) -> Option<String> {
    let metadata = session.metadata();
    match kind {
        "regclass" => {
            let relation = metadata.relation(oid)?;
            let bare = quote_ident(&relation.name);
            let first = metadata.first_named(&relation.name, session.search_path());
            let visible = first.is_some_and(|found| found.oid == oid);
            Some(if visible { bare } else { format!("{}.{bare}", quote_ident(&relation.schema)) })
        }
        "regnamespace" => metadata.namespaces.iter().find(|n| n.oid == oid).map(|n| quote_ident(&n.name)),
        "regtype" => Some(type_name(session, oid, -1)),
        "regrole" => session.role_name(oid).map(|name| quote_ident(&name)),
        "regcollation" => name_in_rows("pg_collation", "collname", oid).map(|name| quote_ident(&name)),
        "regconfig" => name_in_rows("pg_ts_config", "cfgname", oid),
        "regdictionary" => name_in_rows("pg_ts_dict", "dictname", oid),
        "regoper" => name_in_rows("pg_operator", "oprname", oid),
        "regoperator" => {
            let rows = postgres::rows("pg_catalog", "pg_operator")?;
            let at = numbers(rows, "oid").into_iter().position(|known| known == oid)?;
            let side = |column| match numbers(rows, column).get(at) {
                Some(0) | None => "NONE".to_owned(),
                Some(oid) => format_type(*oid, -1),
            };
            let name = strings(rows, "oprname").into_iter().nth(at)?;
            Some(format!("{name}({},{})", side("oprleft"), side("oprright")))
        }
        kind => {
            if let Some(procedure) = metadata.procedures.iter().find(|p| p.oid == oid) {
                let types: Vec<&str> = procedure.signature.arguments.iter().map(|(_, t, _)| *t).collect();
                let name = quote_ident(procedure.signature.name);
                return Some(if kind == "regproc" { name } else { format!("{name}({})", types.join(",")) });
            }
            let routine = routines::by_oid(oid)?;
            Some(match kind {
                "regproc" if routines::named(routine.name).count() > 1 => format!("pg_catalog.{}", routine.name),
                "regproc" => quote_ident(routine.name),
                _ => routine.signature(),
            })
        }
    }
}

/// Whether the name stands for something.
///
/// # Errors
/// As the cast to the type gives it.
pub(super) fn exists(session: &SessionInfo, kind: &str, name: &str) -> Result<()> {
    find(session, kind, name)?.map(|_| ()).ok_or_else(|| undefined(session, kind, name))
}

/// The OID of an object that PostgreSQL or Lakewire brings along, by what it is called, or by the type of such names.
pub fn object_named(session: &SessionInfo, kind: &str, name: &str) -> Option<u32> {
    let (catalog, column) = match kind {
        "access method" => ("pg_am", "amname"),
        "conversion" => ("pg_conversion", "conname"),
        "language" => ("pg_language", "lanname"),
        "operator class" => ("pg_opclass", "opcname"),
        "operator family" => ("pg_opfamily", "opfname"),
        "tablespace" => ("pg_tablespace", "spcname"),
        "text search parser" => ("pg_ts_parser", "prsname"),
        "text search template" => ("pg_ts_template", "tmplname"),
        "collation" => ("pg_collation", "collname"),
        "text search configuration" => ("pg_ts_config", "cfgname"),
        "text search dictionary" => ("pg_ts_dict", "dictname"),
        "type" | "domain" => return type_named(session, name),
        // of several the first
        "regproc" => {
            let ours = session.metadata().procedures.iter().find(|procedure| procedure.signature.name == name);
            return ours
                .map(|procedure| procedure.oid)
                .or_else(|| routines::named(name).next().map(|routine| routine.oid));
        }
        "regoperator" | "regprocedure" => return find(session, kind, name).ok().flatten(),
        _ => return None,
    };
    in_rows(catalog, column, name)
}
