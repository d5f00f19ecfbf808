//! Names ↔ OIDs: `regclass` and its kin, which `dialect` turns into calls of these.

use datafusion::scalar::ScalarValue;

use super::describe::format_type;
use super::{Definition, integer, number_of, oid_of, strict, text, text_of, utf8};
use crate::dialect::rules::{REG_IN, REG_OUT};
use crate::engine::SessionInfo;
use crate::error::{Error, ErrorKind, Result};
use crate::names::quote_ident;
use crate::pgcatalog::{OWNER, OWNER_OID};
use crate::pgtypes::Type;

pub const FUNCTIONS: &[Definition] = &[
    strict(REG_IN, 2..=2, integer, reg_in),
    strict(REG_OUT, 2..=2, text, reg_out),
    strict("to_regclass", 1..=1, integer, |session, args| find(session, "regclass", &first_text(args)).map(oid_value)),
    strict("to_regtype", 1..=1, integer, |session, args| find(session, "regtype", &first_text(args)).map(oid_value)),
    strict("to_regnamespace", 1..=1, integer, |session, args| {
        find(session, "regnamespace", &first_text(args)).map(oid_value)
    }),
];

fn first_text(args: &[ScalarValue]) -> String {
    args.first().map(text_of).unwrap_or_default()
}

fn oid_value(oid: Option<u32>) -> ScalarValue {
    ScalarValue::Int32(oid.and_then(|oid| i32::try_from(oid).ok()))
}

/// The OID a name or number stands for.
fn reg_in(session: &SessionInfo, args: &[ScalarValue]) -> Result<ScalarValue> {
    let [kind, value] = args else { return Ok(ScalarValue::Int32(None)) };
    if let Some(oid) = number_of(value) {
        return Ok(ScalarValue::Int32(i32::try_from(oid).ok()));
    }
    let (kind, name) = (text_of(kind), text_of(value));
    match find(session, &kind, &name)? {
        Some(oid) => Ok(oid_value(Some(oid))),
        None if name == "-" => Ok(ScalarValue::Int32(Some(0))),
        None => Err(undefined(&kind, &name)),
    }
}

fn undefined(kind: &str, name: &str) -> Error {
    match kind {
        "regclass" => Error::new(ErrorKind::UndefinedTable, format!("relation \"{name}\" does not exist")),
        "regtype" => Error::new(ErrorKind::UndefinedObject, format!("type \"{name}\" does not exist")),
        "regnamespace" => Error::new(ErrorKind::InvalidSchemaName, format!("schema \"{name}\" does not exist")),
        "regrole" => Error::new(ErrorKind::UndefinedObject, format!("role \"{name}\" does not exist")),
        _ => Error::new(ErrorKind::UndefinedFunction, format!("function \"{name}\" does not exist")),
    }
}

fn find(session: &SessionInfo, kind: &str, name: &str) -> Result<Option<u32>> {
    let metadata = session.metadata();
    Ok(match kind {
        "regclass" => {
            let path = session.settings().search_path(session.user());
            metadata.relation_named(name, &path).map(|relation| relation.oid)
        }
        "regnamespace" => metadata.namespace_named(name.trim_matches('"')).map(|namespace| namespace.oid),
        "regtype" => type_named(name).map(|pg_type| pg_type.oid()),
        "regrole" => (name == OWNER || name == session.user()).then_some(OWNER_OID),
        _ => metadata.procedures.iter().find(|p| p.signature.name == name).map(|p| p.oid),
    })
}

/// A type by its internal name or the one `format_type` writes.
fn type_named(name: &str) -> Option<Type> {
    let name = name.trim().trim_start_matches("pg_catalog.").to_lowercase();
    // Types of OIDs up to here have fixed numbers.
    (16..5000).filter_map(Type::from_oid).find(|t| t.name() == name || format_type(t.oid(), -1) == name)
}

/// The name as PostgreSQL shows it: bare where the search path finds it so.
fn reg_out(session: &SessionInfo, args: &[ScalarValue]) -> Result<ScalarValue> {
    let [kind, value] = args else { return Ok(ScalarValue::Utf8(None)) };
    let kind = text_of(kind);
    let Some(oid) = oid_of(value) else {
        // A name stays a name, once it is known to exist.
        let name = text_of(value);
        return match find(session, &kind, &name)? {
            Some(oid) => Ok(utf8(shown(session, &kind, oid).unwrap_or(name))),
            None => Err(undefined(&kind, &name)),
        };
    };
    if oid == 0 {
        return Ok(utf8("-"));
    }
    Ok(utf8(shown(session, &kind, oid).unwrap_or_else(|| oid.to_string())))
}

fn shown(session: &SessionInfo, kind: &str, oid: u32) -> Option<String> {
    let metadata = session.metadata();
    match kind {
        "regclass" => {
            let relation = metadata.relation(oid)?;
            let bare = quote_ident(&relation.name);
            let path = session.settings().search_path(session.user());
            let visible = metadata.relation_named(&bare, &path).is_some_and(|found| found.oid == oid);
            Some(if visible { bare } else { format!("{}.{bare}", quote_ident(&relation.schema)) })
        }
        "regnamespace" => metadata.namespaces.iter().find(|n| n.oid == oid).map(|n| quote_ident(&n.name)),
        "regtype" => Some(format_type(oid, -1)),
        "regrole" => (oid == OWNER_OID).then(|| OWNER.to_owned()),
        _ => metadata.procedures.iter().find(|p| p.oid == oid).map(|p| p.signature.name.to_owned()),
    }
}
