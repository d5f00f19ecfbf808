//! BEGIN, COMMIT, ROLLBACK and savepoints; and blocks that nobody began.

use datafusion::sql::sqlparser::ast;

use super::modes;
use super::notify::Mailbox;
use super::session::{Ended, Outcome, Session};
use super::transaction::{Block, Transaction};
use super::write;
use crate::error::{Error, ErrorKind, Result};

impl Session {
    /// Tells the session that the running statement failed outside `execute` (while streaming, encoding).
    pub fn fail(&mut self) {
        if self.ended == Ended::Nothing {
            self.ended = Ended::Failed;
        }
        if let Some(block) = self.transaction.fail() {
            block.restore_own();
            self.settings = block.before;
            self.after_rollback();
        }
        if self.transaction.block().is_none() {
            self.return_to(0);
        }
    }

    /// To be called before each statement of several that come together, in one query string or before one Sync: they
    /// are one transaction. Where one is open already, this does nothing.
    pub async fn begin_implicit(&mut self) -> Result<()> {
        if self.transaction.block().is_none() {
            let scope = self.scope_outside().await?;
            let mut block = Block::new(scope, &self.settings);
            block.implicit = true;
            self.transaction = Transaction::Open(block);
            modes::start(self)?;
        }
        Ok(())
    }

    /// To be called after the last of them, before it is acknowledged: commits what [`Session::begin_implicit`] began,
    /// where no BEGIN has made a block of it.
    ///
    /// # Errors
    /// `40001` as COMMIT; nothing of it has happened then.
    pub async fn end_implicit(&mut self) -> Result<()> {
        if self.transaction.is_implicit() {
            end_block(self).await?;
        }
        Ok(())
    }
}

pub(super) async fn begin_block(session: &mut Session, modes: &[ast::TransactionMode]) -> Result<()> {
    match session.transaction.block_mut() {
        // the statements before it in the same query string belong to the block, as in PostgreSQL
        Some(block) if block.implicit => {
            block.implicit = false;
        }
        Some(_) => session.warn("25001", "there is already a transaction in progress"),
        None => {
            let scope = session.scope_outside().await?;
            session.transaction = Transaction::Open(Block::new(scope, &session.settings));
            modes::start(session)?;
        }
    }
    modes::set_modes(session, modes, false)
}

pub(super) async fn commit(session: &mut Session, chain: bool) -> Result<Outcome> {
    if session.transaction.block().is_none_or(|block| block.implicit) {
        nothing_to_end(session, "COMMIT", chain)?;
    }
    let modes = modes_of(session);
    let tag = end_block(session).await?;
    if chain {
        begin_like(session, &modes).await?;
    }
    Ok(Outcome::command(tag))
}

/// Publishes what the block changed; answers the tag of what became of it.
async fn end_block(session: &mut Session) -> Result<&'static str> {
    Ok(match std::mem::take(&mut session.transaction) {
        Transaction::Idle => "COMMIT",
        Transaction::Open(block) => {
            if let Some(overlay) = block.scope.overlay.clone()
                && let Err(error) = write::publish(&session.shared, overlay, "transaction").await
            {
                block.restore_own();
                session.settings = block.before;
                session.after_rollback();
                return Err(error);
            }
            session.settings = block.lasting;
            session.after_commit();
            "COMMIT"
        }
        Transaction::Failed(block) => {
            block.restore_own();
            session.settings = block.before;
            session.after_rollback();
            "ROLLBACK"
        }
    })
}

pub(super) async fn rollback(session: &mut Session, chain: bool) -> Result<Outcome> {
    if session.transaction.block().is_none_or(|block| block.implicit) {
        nothing_to_end(session, "ROLLBACK", chain)?;
    }
    let modes = modes_of(session);
    if let Transaction::Open(block) | Transaction::Failed(block) = std::mem::take(&mut session.transaction) {
        block.restore_own();
        session.settings = block.before;
        session.after_rollback();
        if chain {
            begin_like(session, &modes).await?;
        }
    }
    Ok(Outcome::command("ROLLBACK"))
}

/// COMMIT or ROLLBACK without a BEGIN: a warning, and an implicit block ends all the same.
fn nothing_to_end(session: &Session, what: &str, chain: bool) -> Result<()> {
    if chain {
        return Err(outside_block(&format!("{what} AND CHAIN")));
    }
    session.warn("25P01", "there is no transaction in progress");
    Ok(())
}

/// Settings that are a transaction's own, with their values.
type Modes = [(&'static str, Option<String>); 2];

fn modes_of(session: &Session) -> Modes {
    [modes::ISOLATION, modes::READ_ONLY].map(|name| (name, session.settings.get(name)))
}

/// The next transaction of a chain has the modes of the one that ended.
async fn begin_like(session: &mut Session, modes: &Modes) -> Result<()> {
    begin_block(session, &[]).await?;
    modes.iter().try_for_each(|(name, value)| modes::assign(session, name, value.as_deref()))
}

fn outside_block(what: &str) -> Error {
    Error::new(ErrorKind::NoActiveTransaction, format!("{what} can only be used in transaction blocks"))
}

pub(super) fn block_for<'a>(session: &'a mut Session, what: &str) -> Result<&'a mut Block> {
    session.transaction.block_mut().filter(|block| !block.implicit).ok_or_else(|| outside_block(what))
}

pub(super) fn savepoint(session: &mut Session, name: &str) -> Result<Outcome> {
    let settings = session.settings.clone();
    let (cursors, pending) = (session.cursors.mark(), session.mailbox().map_or(0, Mailbox::mark));
    block_for(session, "SAVEPOINT")?.set_savepoint(name, settings, cursors, pending);
    Ok(Outcome::command("SAVEPOINT"))
}

pub(super) fn release(session: &mut Session, name: &str) -> Result<Outcome> {
    let block = block_for(session, "RELEASE SAVEPOINT")?;
    let position = block.savepoint(name)?;
    block.savepoints.truncate(position);
    Ok(Outcome::command("RELEASE"))
}

pub(super) fn rollback_to(session: &mut Session, name: &str) -> Result<Outcome> {
    let block = block_for(session, "ROLLBACK TO SAVEPOINT")?;
    let position = block.savepoint(name)?;
    // The savepoint itself stays, as in PostgreSQL.
    block.savepoints.truncate(position + 1);
    let kept =
        block.return_to_savepoint().map(|savepoint| (savepoint.settings.clone(), savepoint.cursors, savepoint.pending));
    session.transaction.reopen();
    if let Some((settings, cursors, pending)) = kept {
        session.return_to(pending);
        session.settings = settings;
        session.cursors.roll_back_to(cursors);
    }
    Ok(Outcome::command("ROLLBACK"))
}
