//! BEGIN, COMMIT, ROLLBACK and savepoints.

use datafusion::sql::sqlparser::ast;

use super::control::set_modes;
use super::notify::Mailbox;
use super::session::{Outcome, Session};
use super::transaction::{Block, Transaction};
use super::write;
use crate::error::{Error, ErrorKind, Result};

pub(super) async fn begin_block(session: &mut Session, modes: &[ast::TransactionMode]) -> Result<()> {
    if session.transaction.block().is_some() {
        session.warn("25001", "there is already a transaction in progress");
    } else {
        let scope = session.scope_outside().await?;
        session.transaction = Transaction::Open(Block::new(scope, &session.settings));
        for (of, from) in
            [("isolation", "default_transaction_isolation"), ("read_only", "default_transaction_read_only")]
        {
            if let Some(value) = session.settings.get(from) {
                session.settings.set(&format!("transaction_{of}"), &value)?;
            }
        }
    }
    set_modes(session, modes, false)
}

pub(super) async fn commit(session: &mut Session, chain: bool) -> Result<Outcome> {
    let tag = match std::mem::take(&mut session.transaction) {
        Transaction::Idle => {
            session.warn("25P01", "there is no transaction in progress");
            return Ok(Outcome::command("COMMIT"));
        }
        Transaction::Open(block) => {
            if let Some(overlay) = block.scope.overlay
                && let Err(error) = write::publish(&session.shared, overlay, "transaction").await
            {
                session.settings = block.before;
                session.after_rollback();
                return Err(error);
            }
            session.settings = block.lasting;
            session.after_commit();
            "COMMIT"
        }
        Transaction::Failed(block) => {
            session.settings = block.before;
            session.after_rollback();
            "ROLLBACK"
        }
    };
    if chain {
        begin_block(session, &[]).await?;
    }
    Ok(Outcome::command(tag))
}

pub(super) async fn rollback(session: &mut Session, chain: bool) -> Result<Outcome> {
    match std::mem::take(&mut session.transaction) {
        Transaction::Idle => session.warn("25P01", "there is no transaction in progress"),
        Transaction::Open(block) | Transaction::Failed(block) => {
            session.settings = block.before;
            session.after_rollback();
            if chain {
                begin_block(session, &[]).await?;
            }
        }
    }
    Ok(Outcome::command("ROLLBACK"))
}

pub(super) fn block_for<'a>(session: &'a mut Session, what: &str) -> Result<&'a mut Block> {
    session.transaction.block_mut().ok_or_else(|| {
        Error::new(ErrorKind::NoActiveTransaction, format!("{what} can only be used in transaction blocks"))
    })
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
