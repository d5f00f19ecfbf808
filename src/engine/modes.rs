//! Isolation level and access mode of transactions.
//!
//! Every transaction reads one release throughout: REPEATABLE READ, whichever lower level is asked for, and SHOW says so.
//! SERIALIZABLE also minds what it reads: it cannot be committed once a table it has read was changed by others.

use std::fmt;
use std::str::FromStr;

use datafusion::sql::sqlparser::ast;

use super::session::Session;
use crate::error::{Error, ErrorKind, Result};
use crate::names::ReleaseId;

pub(super) const ISOLATION: &str = "transaction_isolation";
pub(super) const READ_ONLY: &str = "transaction_read_only";
const SERIALIZABLE: &str = "serializable";

/// What a transaction sees, as others are told of it: `00000007-0000002A-1` is release 7, told by the session 42.
#[derive(Debug, Clone, Copy)]
pub(super) struct ExportedSnapshot {
    pub release: i64,
    pub pid: i32,
}

impl fmt::Display for ExportedSnapshot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:08X}-{:08X}-1", self.release, self.pid)
    }
}

impl FromStr for ExportedSnapshot {
    type Err = ();

    fn from_str(id: &str) -> std::result::Result<Self, ()> {
        let (release, pid) = id.strip_suffix("-1").and_then(|numbers| numbers.split_once('-')).ok_or(())?;
        let release = i64::from_str_radix(release, 16).map_err(|_| ())?;
        let pid = i32::from_str_radix(pid, 16).map_err(|_| ())?;
        Ok(Self { release, pid })
    }
}

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

/// SET TRANSACTION SNAPSHOT: the transaction reads the release that the one reads which `pg_export_snapshot()` was called in.
///
/// # Errors
/// `22023` for what is no snapshot, or one of a session that is gone.
pub(super) async fn adopt_snapshot(session: &mut Session, id: &ast::ValueWithSpan) -> Result<()> {
    let id = id.value.clone().into_string().unwrap_or_default();
    let catalog = session.shared.catalog.clone();
    let Some(block) = session.transaction.block().filter(|block| !block.implicit) else {
        session.warn("25P01", "SET TRANSACTION can only be used in transaction blocks");
        return Ok(());
    };
    if block.used {
        return Err(Error::new(
            ErrorKind::ActiveTransaction,
            "SET TRANSACTION SNAPSHOT must be called before any query",
        ));
    }
    let unknown = || Error::new(ErrorKind::InvalidParameter, format!("invalid snapshot identifier: \"{id}\""));
    let told: ExportedSnapshot = id.parse().map_err(|()| unknown())?;
    session.shared.running.sessions.get(told.pid).ok_or_else(unknown)?;
    let release = u64::try_from(told.release).map_err(|_| unknown())?;
    let scope = catalog.scope_of(catalog.release(ReleaseId(release)).await.map_err(|_| unknown())?);
    let serializable = session.settings.get(ISOLATION).is_some_and(|level| level == SERIALIZABLE);
    let temporary = session.temporary.clone();
    if let Some(block) = session.transaction.block_mut() {
        block.scope = scope.with_temporary(temporary);
        if serializable {
            block.serialize(&catalog);
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
