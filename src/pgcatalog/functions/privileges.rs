//! `has_*_privilege`: on relations what GRANT and REVOKE have left; with all else every role may do what there is to do.
//!
//! As in PostgreSQL: the role is left out, named or numbered; an object that is named must be there, one that is numbered
//! and is not gives NULL; a list of privileges is held when one of them is.

use std::sync::Arc;

use datafusion::arrow::array::StringArray;
use datafusion::common::utils::SingleRowListArrayBuilder;
use datafusion::scalar::ScalarValue;

use super::{Definition, boolean, oid_of, strict, text_of};
use crate::catalog::{EVERYBODY, Privilege, Rights};
use crate::engine::SessionInfo;
use crate::error::{Error, ErrorKind, Result};
use crate::pgcatalog::{Relation, postgres, routines, tables};

const TABLE: &[&str] = &["SELECT", "INSERT", "UPDATE", "DELETE", "TRUNCATE", "REFERENCES", "TRIGGER", "RULE"];
const COLUMN: &[&str] = &["SELECT", "INSERT", "UPDATE", "REFERENCES"];

pub const FUNCTIONS: &[Definition] = &[
    strict("acldefault", 2..=2, "_aclitem", default_privileges),
    strict("has_any_column_privilege", 2..=3, "bool", |s, args| held(s, args, "regclass", COLUMN)),
    strict("has_column_privilege", 3..=4, "bool", column),
    strict("has_database_privilege", 2..=3, "bool", |s, args| {
        held(s, args, "database", &["CREATE", "TEMPORARY", "TEMP", "CONNECT"])
    }),
    strict("has_foreign_data_wrapper_privilege", 2..=3, "bool", |s, args| {
        held(s, args, "foreign-data wrapper", &["USAGE"])
    }),
    strict("has_function_privilege", 2..=3, "bool", |s, args| held(s, args, "regprocedure", &["EXECUTE"])),
    strict("has_language_privilege", 2..=3, "bool", |s, args| held(s, args, "language", &["USAGE"])),
    strict("has_parameter_privilege", 2..=3, "bool", |s, args| held(s, args, "parameter", &["SET", "ALTER SYSTEM"])),
    strict("has_schema_privilege", 2..=3, "bool", |s, args| held(s, args, "regnamespace", &["CREATE", "USAGE"])),
    strict("has_sequence_privilege", 2..=3, "bool", |s, args| {
        held(s, args, "regclass", &["USAGE", "SELECT", "UPDATE"])
    }),
    strict("has_server_privilege", 2..=3, "bool", |s, args| held(s, args, "server", &["USAGE"])),
    strict("has_table_privilege", 2..=3, "bool", |s, args| held(s, args, "regclass", TABLE)),
    strict("has_tablespace_privilege", 2..=3, "bool", |s, args| held(s, args, "tablespace", &["CREATE"])),
    strict("has_type_privilege", 2..=3, "bool", |s, args| held(s, args, "regtype", &["USAGE"])),
    strict("pg_has_role", 2..=3, "bool", has_role),
    strict("row_security_active", 1..=1, "bool", |_, _| Ok(boolean(false))),
];

/// What PostgreSQL grants on a new object of a kind: to everybody, and to its owner.
fn default_privileges(session: &SessionInfo, args: &[ScalarValue]) -> Result<ScalarValue> {
    let [kind, owner] = args else { return Ok(ScalarValue::Null) };
    let kind = text_of(kind);
    let (everybody, owners) = match kind.as_str() {
        "c" => ("", ""),
        "r" => ("", "arwdDxt"),
        "s" => ("", "rwU"),
        "d" => ("Tc", "CTc"),
        "f" => ("X", "X"),
        "l" | "T" => ("U", "U"),
        "L" => ("", "rw"),
        "n" => ("", "UC"),
        "t" => ("", "C"),
        "F" | "S" => ("", "U"),
        "p" => ("", "sA"),
        _ => {
            let message = format!("unrecognized object type abbreviation: {kind}");
            return Err(Error::new(ErrorKind::InvalidParameter, message));
        }
    };
    let oid = oid_of(owner).unwrap_or(0);
    let role = session.role_name(oid).unwrap_or_else(|| oid.to_string());
    let granted = [("", everybody), (role.as_str(), owners)];
    let items = granted.iter().filter(|(_, privileges)| !privileges.is_empty());
    let items: StringArray = items.map(|(to, privileges)| Some(format!("{to}={privileges}/{role}"))).collect();
    Ok(ScalarValue::List(Arc::new(SingleRowListArrayBuilder::new(Arc::new(items)).build_list_array())))
}

fn held(session: &SessionInfo, args: &[ScalarValue], kind: &str, known: &[&str]) -> Result<ScalarValue> {
    let (role, object, privileges) = match args {
        [object, privileges] => (None, object, privileges),
        [role, object, privileges] => (Some(role), object, privileges),
        _ => return Ok(ScalarValue::Boolean(None)),
    };
    check_role(session, role)?;
    let exists = exists(session, kind, object)?;
    let wanted = check_privileges(&text_of(privileges), known)?;
    if !exists {
        return Ok(ScalarValue::Boolean(None));
    }
    let metadata = session.metadata();
    if kind == "regnamespace" {
        let found = match oid_of(object) {
            Some(oid) => metadata.namespaces.iter().find(|namespace| namespace.oid == oid),
            None => metadata.namespace_named(&text_of(object)),
        };
        let rights = found.and_then(|namespace| namespace.rights.as_ref());
        return Ok(boolean(holds(session, role, rights, &Privilege::OF_SCHEMAS, &wanted)));
    }
    let relation = match (kind, oid_of(object)) {
        ("regclass", Some(oid)) => metadata.relation(oid),
        ("regclass", None) => Some(relation_named(session, &text_of(object))?),
        _ => None,
    };
    let of: &[Privilege] = match relation {
        Some(relation) if relation.sequence.is_some() => &Privilege::OF_SEQUENCES,
        _ => &Privilege::ALL,
    };
    Ok(boolean(relation.is_none_or(|relation| holds(session, role, relation.rights.as_ref(), of, &wanted))))
}

/// Whether the role, or who asks, holds one of the privileges where these are the rights.
fn holds(
    session: &SessionInfo,
    role: Option<&ScalarValue>,
    rights: Option<&Rights>,
    of: &[Privilege],
    wanted: &[String],
) -> bool {
    let Some(rights) = rights else { return true };
    let user = user_of(session, role);
    let user = if user == "public" { EVERYBODY } else { &user };
    let memberships = session.memberships();
    let held = |privilege: &Privilege| {
        let word = privilege.word();
        // the right to pass one on is the owner's
        wanted.iter().any(|wanted| wanted == word) && memberships.allow(user, rights, *privilege)
    };
    session.is_owner(user) || of.iter().any(held)
}

/// The name of the role, or of who asks.
fn user_of(session: &SessionInfo, role: Option<&ScalarValue>) -> String {
    match role {
        None => session.user().to_owned(),
        Some(role) => match oid_of(role) {
            Some(oid) => session.role_name(oid).unwrap_or_default(),
            None => text_of(role),
        },
    }
}

/// `pg_has_role([user,] role, privilege)`: whether the user acts as the role, or may say who else does.
fn has_role(session: &SessionInfo, args: &[ScalarValue]) -> Result<ScalarValue> {
    let (user, role, privileges) = match args {
        [role, privileges] => (None, role, privileges),
        [user, role, privileges] => (Some(user), role, privileges),
        _ => return Ok(ScalarValue::Boolean(None)),
    };
    for named in user.into_iter().chain([role]) {
        if oid_of(named).is_none() {
            session.check_role(&text_of(named))?;
        }
    }
    let (user, role) = (user_of(session, user), user_of(session, Some(role)));
    let wanted = check_privileges(
        &text_of(privileges),
        &["MEMBER", "USAGE", "MEMBER WITH ADMIN OPTION", "USAGE WITH ADMIN OPTION"],
    )?;
    let to_say_who = |wanted: &String| wanted.contains(" WITH ");
    Ok(boolean(session.is_owner(&user) || !wanted.iter().all(to_say_who) && session.acts_as(&user, &role)))
}

fn column(session: &SessionInfo, args: &[ScalarValue]) -> Result<ScalarValue> {
    let (role, table, column, privileges) = match args {
        [table, column, privileges] => (None, table, column, privileges),
        [role, table, column, privileges] => (Some(role), table, column, privileges),
        _ => return Ok(ScalarValue::Boolean(None)),
    };
    check_role(session, role)?;
    let metadata = session.metadata();
    let relation = match oid_of(table) {
        Some(oid) => metadata.relation(oid),
        None => Some(relation_named(session, &text_of(table))?),
    };
    let Some(relation) = relation else { return Ok(ScalarValue::Boolean(None)) };
    let exists = match oid_of(column) {
        Some(number) => (1..=relation.columns.len()).contains(&(number as usize)),
        None => {
            let name = text_of(column);
            let is_systems = tables::SYSTEM_COLUMNS.contains(&name.as_str()) && relation.kind != "v";
            if !is_systems && !relation.columns.iter().any(|column| column.name == name) {
                let message = format!("column \"{name}\" of relation \"{}\" does not exist", relation.name);
                return Err(Error::new(ErrorKind::UndefinedColumn, message));
            }
            true
        }
    };
    let wanted = check_privileges(&text_of(privileges), COLUMN)?;
    Ok(ScalarValue::Boolean(exists.then(|| holds(session, role, relation.rights.as_ref(), &Privilege::ALL, &wanted))))
}

fn relation_named<'a>(session: &'a SessionInfo, name: &str) -> Result<&'a Relation> {
    session
        .metadata()
        .relation_named(name, session.search_path())
        .ok_or_else(|| Error::new(ErrorKind::UndefinedTable, format!("relation \"{name}\" does not exist")))
}

fn check_role(session: &SessionInfo, role: Option<&ScalarValue>) -> Result<()> {
    let Some(role) = role else { return Ok(()) };
    // A role that is only numbered may have gone.
    if oid_of(role).is_some() {
        return Ok(());
    }
    match text_of(role).as_str() {
        "public" => Ok(()),
        name => session.check_role(name),
    }
}

fn exists(session: &SessionInfo, kind: &str, object: &ScalarValue) -> Result<bool> {
    let metadata = session.metadata();
    if let Some(oid) = oid_of(object) {
        return Ok(match kind {
            "regclass" => metadata.relation(oid).is_some(),
            "regnamespace" => metadata.namespaces.iter().any(|namespace| namespace.oid == oid),
            "regprocedure" => {
                routines::by_oid(oid).is_some() || metadata.procedures.iter().any(|procedure| procedure.oid == oid)
            }
            "regtype" => postgres::has("pg_type", oid) || metadata.of_row_type(oid).is_some(),
            "database" => oid == crate::pgcatalog::DATABASE_OID,
            "language" => postgres::has("pg_language", oid),
            "tablespace" => postgres::has("pg_tablespace", oid),
            _ => false,
        });
    }
    let name = text_of(object);
    let missing = |kind: ErrorKind, what: &str| Err(Error::new(kind, format!("{what} \"{name}\" does not exist")));
    match kind {
        "regclass" => relation_named(session, &name).map(|_| true),
        "regnamespace" if metadata.namespace_named(&name).is_none() => missing(ErrorKind::InvalidSchemaName, "schema"),
        "database" if metadata.database != name => missing(ErrorKind::InvalidCatalogName, "database"),
        "language" if !["internal", "c", "sql", "plpgsql"].contains(&name.as_str()) => {
            missing(ErrorKind::UndefinedObject, "language")
        }
        "tablespace" if !["pg_default", "pg_global"].contains(&name.as_str()) => {
            missing(ErrorKind::UndefinedObject, "tablespace")
        }
        "foreign-data wrapper" | "server" => missing(ErrorKind::UndefinedObject, kind),
        "regprocedure" | "regtype" => super::reg::exists(session, kind, &name).map(|()| true),
        _ => Ok(true),
    }
}

/// The privileges of a list, in upper case.
fn check_privileges(list: &str, known: &[&str]) -> Result<Vec<String>> {
    let mut all = Vec::new();
    for wanted in list.split(',') {
        let wanted = wanted.trim();
        let upper = wanted.to_uppercase();
        let plain = upper.strip_suffix(" WITH GRANT OPTION").unwrap_or(&upper);
        if !known.contains(&plain) && !known.contains(&upper.as_str()) {
            let message = format!("unrecognized privilege type: \"{wanted}\"");
            return Err(Error::new(ErrorKind::InvalidParameter, message));
        }
        all.push(upper);
    }
    Ok(all)
}
