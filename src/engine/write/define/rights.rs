//! GRANT and REVOKE, on tables and views. Only the owner of the lake says who else may do what.
//!
//! With schemas, functions and the database everybody may do what there is to do: granting that is true and changes
//! nothing, revoking it is refused.

use std::sync::Arc;

use datafusion::sql::sqlparser::ast::{
    Action, GrantObjects, Grantee, GranteeName, GranteesType, ObjectName, Privileges,
};

use super::super::names::reference;
use super::super::{Change, unsupported};
use super::relations::known;
use super::schemas;
use crate::catalog::{EVERYBODY, Object, Privilege, Rights};
use crate::dialect::folded;
use crate::engine::SessionInfo;
use crate::error::{Error, ErrorKind, Result};

/// What is to be done to the rights on some relations.
pub(super) struct Order<'a> {
    pub privileges: &'a Privileges,
    pub objects: Option<&'a GrantObjects>,
    pub grantees: &'a [Grantee],
    pub grants: bool,
}

pub(super) fn carry_out(change: &Change, order: &Order<'_>) -> Result<()> {
    let users = users(change, order.grantees)?;
    let relations = match order.objects {
        Some(GrantObjects::Tables(names) | GrantObjects::Views(names)) => {
            names.iter().map(|name| known(change, name)).collect::<Result<Vec<_>>>()?
        }
        Some(GrantObjects::AllTablesInSchema { schemas }) => inside(change, schemas)?,
        Some(GrantObjects::Schemas(names)) if order.grants => {
            return names.iter().try_for_each(|name| schemas::check_exists(change, reference(name)?.table()));
        }
        Some(
            GrantObjects::Databases(_)
            | GrantObjects::Sequences(_)
            | GrantObjects::AllSequencesInSchema { .. }
            | GrantObjects::AllFunctionsInSchema { .. }
            | GrantObjects::Function { .. }
            | GrantObjects::Procedure { .. },
        ) if order.grants => return Ok(()),
        Some(objects) => {
            let verb = if order.grants { "GRANT" } else { "REVOKE" };
            let message = format!("{verb} on {objects}");
            return Err(unsupported(&message).with_hint("rights can be taken away on tables and views"));
        }
        None => return Err(unsupported("membership in roles").with_hint("grant privileges on tables to users")),
    };
    let privileges = privileges(order.privileges)?;
    for object in relations {
        give(change, &object, &users, &privileges, order.grants)?;
    }
    Ok(())
}

fn give(change: &Change, object: &Arc<Object>, users: &[String], privileges: &[Privilege], grants: bool) -> Result<()> {
    if change.planner.limited_user().is_some() {
        let message = format!("permission denied for {} {}", object.noun(), object.name.name);
        return Err(Error::new(ErrorKind::InsufficientPrivilege, message));
    }
    let mut rights: Rights = object.rights.clone().unwrap_or_default();
    for user in users {
        match grants {
            true => rights.grant(user, privileges),
            false => rights.revoke(user, privileges),
        }
    }
    if object.rights.is_none() {
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
            _ if ident.quote_style.is_none() && name == "public" => Ok(EVERYBODY.to_owned()),
            _ if roles.iter().any(|role| role.name == name) => Ok(name),
            _ => Err(Error::new(ErrorKind::UndefinedObject, format!("role \"{name}\" does not exist"))
                .with_hint("users are those of the configuration, section users")),
        }
    };
    grantees.iter().map(user).collect()
}

fn privileges(privileges: &Privileges) -> Result<Vec<Privilege>> {
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
            Action::Select { .. } | Action::Insert { .. } | Action::Update { .. } | Action::References { .. } => {
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
