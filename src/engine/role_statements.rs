//! `CREATE`, `ALTER` and `DROP ROLE`: users are those of the configuration, so there is little to do but to say so.

use datafusion::sql::sqlparser::ast::Ident;

use super::context::SessionInfo;
use super::session::{Outcome, Session};
use crate::catalog::memberships::is_predefined;
use crate::dialect::{RoleCommand, Statement, folded, place_of};
use crate::error::{Error, ErrorKind, Result};

/// # Errors
/// What PostgreSQL objects to; `0A000` where it would not.
pub(super) async fn execute(session: &mut Session, statement: &Statement, command: RoleCommand) -> Result<Outcome> {
    let planner = session.planner_now().await?;
    let state = planner.state().clone();
    let Some(info) = SessionInfo::of(state.config_options()) else {
        return Err(Error::internal("a statement about roles outside of a session"));
    };
    match command {
        RoleCommand::Create(name) => Err(create(info, statement, &name)),
        RoleCommand::Alter { name, new_name } => Err(alter(info, &name, new_name.as_ref())),
        RoleCommand::Drop { names, if_exists } => {
            for name in names.iter().map(folded) {
                drop(session, info, &name, if_exists)?;
            }
            Ok(Outcome::command("DROP ROLE"))
        }
        RoleCommand::ReassignOwned { of, to } => {
            for name in of.iter().chain([&to]).filter(|name| info.user_meant(name).is_none()) {
                info.check_role(&folded(name))?;
            }
            let meant = |name: &Ident| info.user_meant(name).map_or_else(|| folded(name), str::to_owned);
            if let Some(owner) = of.iter().map(meant).find(|name| info.is_owner(name)) {
                let message = format!(
                    "cannot reassign ownership of objects owned by role {owner} because they are required by the database system"
                );
                return Err(Error::new(ErrorKind::DependentObjects, message));
            }
            // nobody but the owner of the lake owns anything
            Ok(Outcome::command("REASSIGN OWNED"))
        }
        RoleCommand::Member { .. }
        | RoleCommand::DropOwned(_)
        | RoleCommand::Setting { .. }
        | RoleCommand::DatabaseOwner { .. } => Err(Error::internal("what changes rights is a definition")),
    }
}

fn unsupported(what: &str) -> Error {
    let error = Error::new(ErrorKind::FeatureNotSupported, format!("{what} is not supported"));
    error.with_hint("users are those of the configuration, section users")
}

fn reserved(name: &str, why: &str) -> Error {
    let error = Error::new(ErrorKind::ReservedName, format!("role name \"{name}\" is reserved"));
    if why.is_empty() { error } else { error.with_detail(why) }
}

/// Why such a name is nobody's to give.
const BEGINS: &str = "Role names starting with \"pg_\" are reserved.";

fn create(session: &SessionInfo, statement: &Statement, ident: &Ident) -> Error {
    let name = folded(ident);
    if name == "public" || name == "none" {
        let error = reserved(&name, "");
        return match place_of(statement, ident) {
            Some(position) => error.at(position),
            None => error,
        };
    }
    if name.starts_with("pg_") {
        return reserved(&name, BEGINS);
    }
    if session.check_role(&name).is_ok() {
        return Error::new(ErrorKind::DuplicateObject, format!("role \"{name}\" already exists"));
    }
    unsupported("CREATE ROLE")
}

fn alter(session: &SessionInfo, ident: &Ident, new_name: Option<&Ident>) -> Error {
    let name = folded(ident);
    if session.user_meant(ident).is_none()
        && name != "all"
        && let Err(missing) = session.check_role(&name)
    {
        return missing;
    }
    if is_predefined(&name) {
        return reserved(&name, if new_name.is_some() { BEGINS } else { "Cannot alter reserved roles." });
    }
    if new_name.is_some() && name == session.user() {
        return Error::new(ErrorKind::FeatureNotSupported, "session user cannot be renamed");
    }
    match new_name.map(folded) {
        Some(new) if new.starts_with("pg_") => reserved(&new, BEGINS),
        Some(new) if session.check_role(&new).is_ok() => {
            Error::new(ErrorKind::DuplicateObject, format!("role \"{new}\" already exists"))
        }
        _ => unsupported("ALTER ROLE"),
    }
}

fn drop(session: &Session, info: &SessionInfo, name: &str, if_exists: bool) -> Result<()> {
    if name == "public" {
        return Err(Error::new(ErrorKind::InvalidParameter, "cannot use special role specifier in DROP ROLE"));
    }
    if let Err(missing) = info.check_role(name) {
        if !if_exists {
            return Err(missing);
        }
        session.notice("00000", format!("role \"{name}\" does not exist, skipping"));
        return Ok(());
    }
    if is_predefined(name) {
        let message = format!("cannot drop role {name} because it is required by the database system");
        return Err(Error::new(ErrorKind::DependentObjects, message));
    }
    if name == info.user() {
        return Err(Error::new(ErrorKind::ObjectInUse, "current user cannot be dropped"));
    }
    Err(unsupported("DROP ROLE"))
}
