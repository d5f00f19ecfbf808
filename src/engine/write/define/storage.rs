//! What statements say of how things are stored, `USING heap`, `TABLESPACE pg_default`: it must be there, and means nothing here.

use super::super::Change;
use crate::dialect::STORAGE;
use crate::engine::SessionInfo;
use crate::error::{Error, ErrorKind, Result};
use crate::pgcatalog::object_named;

/// Whether the option is about where something is stored, and not of the thing itself.
///
/// # Errors
/// Those of [`check_tablespace`] and [`check_method`].
pub(super) fn check_option(change: &Change, name: &str, value: &str) -> Result<bool> {
    match name.strip_prefix(STORAGE) {
        Some("tablespace") => check_tablespace(change, value).map(|()| true),
        Some(_) => check_method(change, value).map(|()| true),
        None => Ok(false),
    }
}

/// # Errors
/// `42704` for a tablespace there is not, `22023` for the one that nothing of users may be in.
pub(super) fn check_tablespace(change: &Change, name: &str) -> Result<()> {
    match name {
        "pg_default" => Ok(()),
        "pg_global" => {
            let message = "only shared relations can be placed in pg_global tablespace";
            Err(Error::new(ErrorKind::InvalidParameter, message))
        }
        _ if is_there(change, "tablespace", name) => Ok(()),
        _ => Err(Error::new(ErrorKind::UndefinedObject, format!("tablespace \"{name}\" does not exist"))),
    }
}

/// # Errors
/// `42704` for an access method there is not, `55000` for one of indexes.
pub(super) fn check_method(change: &Change, name: &str) -> Result<()> {
    if name == "heap" {
        return Ok(());
    }
    Err(match is_there(change, "access method", name) {
        true => {
            let message = format!("access method \"{name}\" is not of type TABLE");
            Error::new(ErrorKind::ObjectNotInPrerequisiteState, message)
        }
        false => Error::new(ErrorKind::UndefinedObject, format!("access method \"{name}\" does not exist")),
    })
}

fn is_there(change: &Change, kind: &str, name: &str) -> bool {
    let state = change.state();
    SessionInfo::of(state.config_options()).is_some_and(|session| object_named(session, kind, name).is_some())
}
