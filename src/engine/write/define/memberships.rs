//! GRANT and REVOKE of membership in PostgreSQL's predefined roles.

use datafusion::sql::sqlparser::ast::Ident;

use super::super::{Change, unsupported};
use super::rights;
use crate::catalog::memberships::{DATABASE_OWNER, has_effect, is_predefined};
use crate::dialect::folded;
use crate::engine::SessionInfo;
use crate::error::{Error, ErrorKind, Result};

/// Makes the members members of the roles, or ends that.
pub(super) fn carry_out(change: &Change, grants: bool, admin: bool, roles: &[Ident], members: &[Ident]) -> Result<()> {
    let state = change.state();
    let Some(session) = SessionInfo::of(state.config_options()) else {
        return Err(unsupported("membership in roles outside of a session"));
    };
    let members = members.iter().map(|member| known(session, member)).collect::<Result<Vec<_>>>()?;
    for role in roles {
        let role = known(session, role)?;
        if change.planner.limited_user().is_some() {
            let message = format!("must have admin option on role \"{role}\"");
            return Err(Error::new(ErrorKind::InsufficientPrivilege, message));
        }
        let owns = |member: &String| change.shared.running.roles.is_owner(member);
        if admin && grants && !members.iter().all(owns) {
            return Err(unsupported("ADMIN OPTION").with_hint("only the owner of the lake grants"));
        }
        for member in &members {
            match grants {
                // nobody but the owner has the right to pass a role on, so there is none to take
                false if admin => check_member(change, &role, member),
                true => grant(change, &role, member)?,
                false => revoke(change, &role, member),
            }
        }
    }
    Ok(())
}

fn grant(change: &Change, role: &str, member: &str) -> Result<()> {
    let memberships = change.overlay.scope().memberships(&change.shared.catalog.current());
    if role == DATABASE_OWNER {
        let message = format!("role \"{role}\" cannot have explicit members");
        return Err(Error::new(ErrorKind::InvalidGrantOperation, message));
    }
    if memberships.of(role).contains(member) {
        let message = format!("role \"{role}\" is a member of role \"{member}\"");
        return Err(Error::new(ErrorKind::InvalidGrantOperation, message));
    }
    if !is_predefined(role) {
        return Err(unsupported("membership in roles of users").with_hint("grant privileges on tables to users"));
    }
    if !has_effect(role) {
        return Err(
            unsupported(&format!("GRANT {role}")).with_detail("Its members could do nothing here that others cannot.")
        );
    }
    if memberships.all().any(|known| known == (role, member)) {
        change.notice("00000", format!("role \"{member}\" is already a member of role \"{role}\""));
    } else {
        change.overlay.put_member(role, member, true);
    }
    Ok(())
}

fn revoke(change: &Change, role: &str, member: &str) {
    let memberships = change.overlay.scope().memberships(&change.shared.catalog.current());
    if memberships.is_direct(role, member) {
        change.overlay.put_member(role, member, false);
    } else {
        change.warn("01000", format!("role \"{member}\" is not a member of role \"{role}\""));
    }
}

fn check_member(change: &Change, role: &str, member: &str) {
    let memberships = change.overlay.scope().memberships(&change.shared.catalog.current());
    if !memberships.is_direct(role, member) {
        change.warn("01000", format!("role \"{member}\" is not a member of role \"{role}\""));
    }
}

/// DROP OWNED.
///
/// # Errors
/// `42704` for a role there is not, `2BP01` for the owner of the lake, `42501` for who is not.
pub(super) fn drop_owned(change: &Change, names: &[Ident]) -> Result<()> {
    let state = change.state();
    let Some(session) = SessionInfo::of(state.config_options()) else {
        return Err(unsupported("DROP OWNED outside of a session"));
    };
    let users = names.iter().map(|name| known(session, name)).collect::<Result<Vec<_>>>()?;
    if change.planner.limited_user().is_some() {
        return Err(Error::new(ErrorKind::InsufficientPrivilege, "permission denied to drop objects"));
    }
    if let Some(owner) = users.iter().find(|user| change.shared.running.roles.is_owner(user)) {
        let message =
            format!("cannot drop objects owned by role {owner} because they are required by the database system");
        return Err(Error::new(ErrorKind::DependentObjects, message));
    }
    rights::forget(change, &users)
}

/// The name of a role that there is.
fn known(session: &SessionInfo, ident: &Ident) -> Result<String> {
    if let Some(user) = session.user_meant(ident) {
        return Ok(user.to_owned());
    }
    let name = folded(ident);
    session.check_role(&name)?;
    Ok(name)
}
