//! `ALTER ROLE … SET` and `ALTER DATABASE … SET`: what the sessions begin with that come after.

use datafusion::sql::sqlparser::ast::{self, Expr, Ident, Set};

use super::super::{Change, unsupported};
use super::alter::owner_stays;
use crate::dialect::{self, folded};
use crate::engine::SessionInfo;
use crate::engine::control::setting_text;
use crate::error::{Error, ErrorKind, Result};

/// What ends a SET that keeps what the session has.
const FROM_CURRENT: &str = " from current";

fn check_database(change: &Change, database: &Ident) -> Result<()> {
    let name = folded(database);
    if name == change.planner.database() {
        return Ok(());
    }
    Err(Error::new(ErrorKind::InvalidCatalogName, format!("database \"{name}\" does not exist")))
}

pub(super) fn database_owner(change: &Change, database: &Ident, owner: &Ident) -> Result<()> {
    check_database(change, database)?;
    let owner = match folded(owner).as_str() {
        "current_user" | "current_role" if owner.quote_style.is_none() => ast::Owner::CurrentUser,
        "session_user" if owner.quote_style.is_none() => ast::Owner::SessionUser,
        _ => ast::Owner::Ident(owner.clone()),
    };
    owner_stays(change, &owner)
}

/// # Errors
/// `42704` for a role or a setting there is not, `3D000` for a database, `22023` for a value that cannot be, `42501` for who may
/// not say it.
pub(super) fn carry_out(change: &Change, role: Option<&Ident>, database: Option<&Ident>, said: &str) -> Result<()> {
    let state = change.state();
    let Some(session) = SessionInfo::of(state.config_options()) else {
        return Err(unsupported("ALTER ROLE … SET outside of a session"));
    };
    database.map_or(Ok(()), |database| check_database(change, database))?;
    let role = match role.map(|role| (session.user_meant(role), folded(role))) {
        None => String::new(),
        Some((Some(user), _)) => user.to_owned(),
        Some((None, name)) => session.check_role(&name).map(|()| name)?,
    };
    if change.planner.limited_user().is_some_and(|user| user != role) {
        return Err(Error::new(ErrorKind::InsufficientPrivilege, "permission denied"));
    }
    let Some((name, value)) = assignment(session, said)? else {
        for ((of, name), _) in change.overlay.scope().role_settings() {
            if of == role {
                change.overlay.put_role_setting(&role, &name, None);
            }
        }
        return Ok(());
    };
    if let Some(value) = &value {
        session.settings().clone().set(&name, value)?;
    }
    change.overlay.put_role_setting(&role, &name.to_lowercase(), value);
    Ok(())
}

/// The setting and its value, none where it is taken back; none for all of them.
fn assignment(session: &SessionInfo, said: &str) -> Result<Option<(String, Option<String>)>> {
    let lower = said.to_lowercase();
    if let Some(name) = lower.strip_suffix(FROM_CURRENT).and_then(|rest| rest.strip_prefix("set ")) {
        return Ok(Some((name.to_owned(), session.settings().get(name))));
    }
    let is_default = |values: &[Expr]| matches!(values, [Expr::Identifier(word)] if ["default", "local"].contains(&word.value.to_lowercase().as_str()));
    match dialect::parse_single(said)?.ast {
        ast::Statement::Reset(reset) => match reset.reset {
            ast::Reset::ALL => Ok(None),
            ast::Reset::ConfigurationParameter(name) => Ok(Some((name.to_string(), None))),
        },
        ast::Statement::Set(Set::SingleAssignment { variable, values, .. }) => {
            let value = if is_default(&values) { None } else { Some(setting_text(&values)?) };
            Ok(Some((variable.to_string().replace('"', ""), value)))
        }
        ast::Statement::Set(Set::SetTimeZone { value, .. }) => {
            let values = [value];
            let value = if is_default(&values) { None } else { Some(setting_text(&values)?) };
            Ok(Some(("timezone".to_owned(), value)))
        }
        other => Err(unsupported(&format!("ALTER ROLE … {other}"))),
    }
}
