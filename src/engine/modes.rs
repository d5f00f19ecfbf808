//! Isolation level and access mode of transactions.
//!
//! Every transaction reads one release throughout: REPEATABLE READ, whichever lower level is asked for, and SHOW says so.
//! SERIALIZABLE also minds what it reads: it cannot be committed once a table it has read was changed by others.

use datafusion::sql::sqlparser::ast;

use super::session::Session;
use crate::error::{Error, ErrorKind, Result};

pub(super) const ISOLATION: &str = "transaction_isolation";
pub(super) const READ_ONLY: &str = "transaction_read_only";
const SERIALIZABLE: &str = "serializable";

pub(super) fn is_mode(setting: &str) -> bool {
    [ISOLATION, READ_ONLY].iter().any(|mode| setting.eq_ignore_ascii_case(mode))
}

/// A transaction begins as the session says that transactions begin.
pub(super) fn start(session: &mut Session) -> Result<()> {
    let defaults = [ISOLATION, READ_ONLY].map(|mode| (mode, session.settings.get(&format!("default_{mode}"))));
    for (mode, value) in defaults {
        assign(session, mode, value.as_deref())?;
    }
    Ok(())
}

/// BEGIN with modes, SET TRANSACTION, SET SESSION CHARACTERISTICS.
pub(super) fn set_modes(session: &mut Session, modes: &[ast::TransactionMode], for_session: bool) -> Result<()> {
    let outside = session.transaction.block().is_none();
    if !for_session && outside && !modes.is_empty() {
        session.warn("25P01", "SET TRANSACTION can only be used in transaction blocks");
        return Ok(());
    }
    for mode in modes {
        let (name, value) = match mode {
            ast::TransactionMode::AccessMode(ast::TransactionAccessMode::ReadOnly) => (READ_ONLY, "on".to_owned()),
            ast::TransactionMode::AccessMode(ast::TransactionAccessMode::ReadWrite) => (READ_ONLY, "off".to_owned()),
            ast::TransactionMode::IsolationLevel(level) => (ISOLATION, level.to_string().to_lowercase()),
        };
        if for_session {
            session.settings.set(&format!("default_{name}"), &value)?;
        }
        // between transactions SHOW tells of the next
        if outside || !for_session {
            assign(session, name, Some(&value))?;
        }
    }
    Ok(())
}

/// Sets a mode of the transaction in hand.
///
/// # Errors
/// `25001` where statements went before that another mode would have carried out otherwise.
pub(super) fn assign(session: &mut Session, name: &str, value: Option<&str>) -> Result<()> {
    let used = session.transaction.block().is_some_and(|block| block.used);
    let too_late = |message: &str| Err(Error::new(ErrorKind::ActiveTransaction, message));
    if name.eq_ignore_ascii_case(READ_ONLY) {
        let was = session.settings.get(READ_ONLY);
        session.settings.set(READ_ONLY, value.unwrap_or("off"))?;
        if used && was.as_deref() == Some("on") && session.settings.get(READ_ONLY).as_deref() == Some("off") {
            session.settings.set(READ_ONLY, "on")?;
            return too_late("transaction read-write mode must be set before any query");
        }
        return Ok(());
    }
    let was = session.settings.get(ISOLATION);
    // a level that is none is refused here
    session.settings.set(ISOLATION, value.unwrap_or("repeatable read"))?;
    let asked = session.settings.get(ISOLATION).is_some_and(|level| level.eq_ignore_ascii_case(SERIALIZABLE));
    session.settings.set(ISOLATION, if asked { SERIALIZABLE } else { "repeatable read" })?;
    if used && was != session.settings.get(ISOLATION) {
        if let Some(was) = was {
            session.settings.set(ISOLATION, &was)?;
        }
        return too_late("SET TRANSACTION ISOLATION LEVEL must be called before any query");
    }
    let catalog = session.shared.catalog.clone();
    if asked && let Some(block) = session.transaction.block_mut() {
        block.serialize(&catalog);
    }
    Ok(())
}
