//! GRANT and REVOKE, on tables, views, sequences and schemas. Only the owner of the lake says who else may do what.
//!
//! With functions and the database everybody may do what there is to do: granting that is true and changes nothing, taking it
//! from everybody is refused. So is the right to grant, of others than the owner.
//!
//! Schemas and sequences are everybody's until something is taken away.

use std::sync::Arc;

use datafusion::sql::sqlparser::ast::{
    Action, GrantObjects, Grantee, GranteeName, GranteesType, Ident, ObjectName, Privileges,
};

use super::super::names::reference;
use super::super::{Change, unsupported};
use super::alter_columns::undefined;
use super::relations::known;
use super::schemas;
use crate::catalog::{EVERYBODY, Object, Privilege, Rights};
use crate::dialect::{PUBLIC, folded};
use crate::engine::SessionInfo;
use crate::error::{Error, ErrorKind, Result};

/// What is to be done to the rights on some relations.
pub(super) struct Order<'a> {
    pub privileges: &'a Privileges,
    pub objects: Option<&'a GrantObjects>,
    pub grantees: &'a [Grantee],
    pub grants: bool,
    /// Whether it is about the right to grant.
    pub option: bool,
}

pub(super) fn carry_out(change: &Change, order: &Order<'_>) -> Result<()> {
    let users = users(change, order.grantees)?;
    if order.option && order.grants {
        check_option(change, &users)?;
    }
    // nobody but the owner has the right to grant, so there is none to take
    let idle = order.option && !order.grants;
    match order.objects {
        Some(GrantObjects::Schemas(names)) => {
            let privileges = named(order.privileges, "schema", &Privilege::OF_SCHEMAS)?;
            names.iter().try_for_each(|name| match idle {
                true => schemas::check_exists(change, reference(name)?.table()),
                false => on_schema(change, reference(name)?.table(), &users, &privileges, order.grants),
            })
        }
        Some(GrantObjects::Sequences(names)) => {
            let found = names.iter().map(|name| sequence(change, name)).collect::<Result<Vec<_>>>()?;
            on_sequences(change, &found, &users, order, idle)
        }
        Some(GrantObjects::AllSequencesInSchema { schemas }) => {
            let mut found = inside(change, schemas)?;
            found.retain(|object| object.sequence().is_some());
            on_sequences(change, &found, &users, order, idle)
        }
        Some(GrantObjects::Databases(names)) => on_databases(change, names, &users, order),
        // there are no functions of users, and those of PostgreSQL are in a schema of their own
        Some(GrantObjects::AllFunctionsInSchema { schemas }) => inside(change, schemas).map(drop),
        Some(GrantObjects::Tables(names) | GrantObjects::Views(names)) => {
            let found = names.iter().map(|name| known(change, name)).collect::<Result<Vec<_>>>()?;
            on_relations(change, &found, &users, order, idle)
        }
        Some(GrantObjects::AllTablesInSchema { schemas }) => {
            let mut found = inside(change, schemas)?;
            found.retain(|object| object.sequence().is_none());
            on_relations(change, &found, &users, order, idle)
        }
        Some(objects) => {
            let verb = if order.grants { "GRANT" } else { "REVOKE" };
            Err(unsupported(&format!("{verb} on {objects}")).with_hint("rights are those on tables, views and schemas"))
        }
        None => Err(unsupported("membership in roles").with_hint("grant privileges on tables to users")),
    }
}

fn on_relations(
    change: &Change,
    relations: &[Arc<Object>],
    users: &[String],
    order: &Order<'_>,
    idle: bool,
) -> Result<()> {
    for object in relations {
        // sequences may be named among tables
        let privileges = match object.sequence() {
            Some(_) => named(order.privileges, "sequence", &Privilege::OF_SEQUENCES)?,
            None => privileges(object, order.privileges)?,
        };
        if !idle {
            give(change, object, users, &privileges, order.grants)?;
        }
    }
    Ok(())
}

fn on_sequences(
    change: &Change,
    sequences: &[Arc<Object>],
    users: &[String],
    order: &Order<'_>,
    idle: bool,
) -> Result<()> {
    let privileges = named(order.privileges, "sequence", &Privilege::OF_SEQUENCES)?;
    let give_one = |object: &Arc<Object>| give(change, object, users, &privileges, order.grants);
    if idle { Ok(()) } else { sequences.iter().try_for_each(give_one) }
}

/// The sequence of a name.
fn sequence(change: &Change, name: &ObjectName) -> Result<Arc<Object>> {
    let object = known(change, name)?;
    match object.sequence() {
        Some(_) => Ok(object),
        None => Err(Error::new(ErrorKind::WrongObjectType, format!("\"{}\" is not a sequence", object.name.name))),
    }
}

/// # Errors
/// `0LP01` where everybody is to have it, `0A000` where another than the owner is.
fn check_option(change: &Change, users: &[String]) -> Result<()> {
    if users.iter().any(|user| user == EVERYBODY) {
        let message = "grant options can only be granted to roles";
        return Err(Error::new(ErrorKind::InvalidGrantOperation, message));
    }
    match users.iter().all(|user| change.shared.running.roles.is_owner(user)) {
        true => Ok(()),
        false => Err(unsupported("WITH GRANT OPTION").with_hint("only the owner of the lake grants")),
    }
}

fn on_schema(change: &Change, schema: &str, users: &[String], privileges: &[Privilege], grants: bool) -> Result<()> {
    schemas::check_exists(change, schema)?;
    if change.planner.limited_user().is_some() {
        let message = format!("permission denied for schema {schema}");
        return Err(Error::new(ErrorKind::InsufficientPrivilege, message));
    }
    let rights = change.overlay.scope().schema_rights(schema);
    if rights.is_none() && changes_nothing(users, grants) {
        return Ok(());
    }
    let mut rights = rights.unwrap_or_else(|| Rights::of_everybody(&Privilege::OF_SCHEMAS));
    set(&mut rights, users, privileges, grants);
    change.overlay.put_schema_rights(schema, rights);
    Ok(())
}

/// Whether what is everybody's is given to everybody.
fn changes_nothing(users: &[String], grants: bool) -> bool {
    grants && users.iter().all(|user| user == EVERYBODY)
}

fn set(rights: &mut Rights, users: &[String], privileges: &[Privilege], grants: bool) {
    for user in users {
        match grants {
            true => rights.grant(user, privileges),
            false => rights.revoke(user, privileges),
        }
    }
}

/// # Errors
/// `3D000` for another database than the one there is, `0A000` where everybody is to lose something.
fn on_databases(change: &Change, names: &[ObjectName], users: &[String], order: &Order<'_>) -> Result<()> {
    for name in names {
        let name = reference(name)?.table().to_owned();
        if name != change.planner.database() {
            let message = format!("database \"{name}\" does not exist");
            return Err(Error::new(ErrorKind::InvalidCatalogName, message));
        }
    }
    let actions = match order.privileges {
        Privileges::Actions(actions) => actions.as_slice(),
        Privileges::All { .. } => &[],
    };
    let known = |action: &&Action| matches!(action, Action::Connect | Action::Create { .. } | Action::Temporary);
    if let Some(other) = actions.iter().find(|action| !known(action)) {
        let message = format!("invalid privilege type {other} for database");
        return Err(Error::new(ErrorKind::InvalidGrantOperation, message));
    }
    if order.grants || order.option || !users.iter().any(|user| user == EVERYBODY) {
        return Ok(());
    }
    Err(unsupported("REVOKE on the database from PUBLIC")
        .with_hint("who may connect is said in the configuration, section users"))
}

/// Of a kind that has these privileges.
fn named(given: &Privileges, kind: &str, all: &[Privilege]) -> Result<Vec<Privilege>> {
    let Privileges::Actions(actions) = given else { return Ok(all.to_vec()) };
    let one = |action: &Action| {
        let word = action.to_string();
        let word = word.split([' ', '(']).next().unwrap_or_default();
        all.iter().copied().find(|privilege| privilege.word() == word).ok_or_else(|| {
            Error::new(ErrorKind::InvalidGrantOperation, format!("invalid privilege type {action} for {kind}"))
        })
    };
    actions.iter().map(one).collect()
}

fn give(change: &Change, object: &Arc<Object>, users: &[String], privileges: &[Privilege], grants: bool) -> Result<()> {
    if change.planner.limited_user().is_some() {
        let message = format!("permission denied for {} {}", object.noun(), object.name.name);
        return Err(Error::new(ErrorKind::InsufficientPrivilege, message));
    }
    if object.sequence().is_some() && object.rights.is_none() && changes_nothing(users, grants) {
        return Ok(());
    }
    let mut rights: Rights = object.rights.clone().unwrap_or_else(|| match object.sequence() {
        Some(_) => Rights::of_everybody(&Privilege::OF_SEQUENCES),
        None => Rights::default(),
    });
    set(&mut rights, users, privileges, grants);
    if object.rights.is_none() && object.sequence().is_none() {
        let (noun, name) = (object.noun(), &object.name.name);
        change.notice(
            "00000",
            format!("{noun} \"{name}\" was everybody's: from now on only those who are granted rights have them"),
        );
    }
    change.overlay.edit(&object.name, |object| object.rights = Some(rights))
}

fn inside(change: &Change, names: &[ObjectName]) -> Result<Vec<Arc<Object>>> {
    let mut found = Vec::new();
    for name in names {
        let schema = reference(name)?.table().to_owned();
        schemas::check_exists(change, &schema)?;
        found.extend(change.overlay.scope().objects().into_iter().filter(|object| object.name.schema == schema));
    }
    Ok(found)
}

fn users(change: &Change, grantees: &[Grantee]) -> Result<Vec<String>> {
    let session = SessionInfo::of(change.state().config_options());
    let roles = session.map(SessionInfo::roles).unwrap_or_default();
    let user = |grantee: &Grantee| {
        if matches!(grantee.grantee_type, GranteesType::Public) {
            return Ok(EVERYBODY.to_owned());
        }
        let Some(GranteeName::ObjectName(name)) = &grantee.name else {
            return Err(unsupported(&format!("granting to {grantee}")));
        };
        let Some(ident) = name.0.last().and_then(|part| part.as_ident()) else {
            return Err(unsupported(&format!("granting to {grantee}")));
        };
        let name = folded(ident);
        match session.and_then(|session| session.user_meant(ident)) {
            Some(user) => Ok(user.to_owned()),
            _ if name == PUBLIC => Ok(EVERYBODY.to_owned()),
            _ if ident.quote_style.is_none() && name == "public" => Ok(EVERYBODY.to_owned()),
            _ if roles.iter().any(|role| role.name == name) => Ok(name),
            _ => Err(Error::new(ErrorKind::UndefinedObject, format!("role \"{name}\" does not exist"))),
        }
    };
    grantees.iter().map(user).collect()
}

/// Those of a table or view.
fn privileges(object: &Object, privileges: &Privileges) -> Result<Vec<Privilege>> {
    let has = |column: &Ident| object.columns.iter().any(|known| known.name == folded(column));
    let Privileges::Actions(actions) = privileges else { return Ok(Privilege::ALL.to_vec()) };
    let one = |action: &Action| {
        Ok(match action {
            Action::Select { columns: None } => Privilege::Select,
            Action::Insert { columns: None } => Privilege::Insert,
            Action::Update { columns: None } => Privilege::Update,
            Action::References { columns: None } => Privilege::References,
            Action::Delete => Privilege::Delete,
            Action::Truncate => Privilege::Truncate,
            Action::Trigger => Privilege::Trigger,
            Action::Select { columns: Some(columns) }
            | Action::Insert { columns: Some(columns) }
            | Action::Update { columns: Some(columns) }
            | Action::References { columns: Some(columns) } => {
                if let Some(missing) = columns.iter().find(|column| !has(column)) {
                    return Err(undefined(object, &folded(missing)));
                }
                return Err(unsupported("privileges on single columns")
                    .with_hint("make a view of the columns, and grant on that"));
            }
            other => {
                let message = format!("invalid privilege type {other} for table");
                return Err(Error::new(ErrorKind::InvalidGrantOperation, message));
            }
        })
    };
    actions.iter().map(one).collect()
}

/// DROP OWNED: what others than the owner have is what they were granted.
pub(super) fn forget(change: &Change, users: &[String]) -> Result<()> {
    for object in change.overlay.scope().objects() {
        let Some(mut rights) = object.rights.clone() else { continue };
        let all: Vec<Privilege> = [&Privilege::ALL[..], &Privilege::OF_SEQUENCES[..]].concat();
        set(&mut rights, users, &all, false);
        if Some(&rights) != object.rights.as_ref() {
            change.overlay.edit(&object.name, |object| object.rights = Some(rights))?;
        }
    }
    for schema in change.overlay.scope().schemas() {
        if let Some(mut rights) = change.overlay.scope().schema_rights(&schema) {
            set(&mut rights, users, &Privilege::OF_SCHEMAS, false);
            change.overlay.put_schema_rights(&schema, rights);
        }
    }
    Ok(())
}
