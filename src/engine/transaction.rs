//! Transaction blocks: a pinned release, the changes on top of it, settings that go with it, failure until ROLLBACK.
//!
//! Statements that come together, in one query string or before one Sync, are a block without BEGIN: an implicit one.
//!
//! Invariant: an implicit block never fails; an error rolls it back at once, and clients are told that they are idle.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use datafusion::sql::sqlparser::ast;

use super::session::TransactionStatus;
use super::settings::Settings;
use crate::catalog::{Catalog, Mark, Overlay, Scope};
use crate::error::{Error, ErrorKind, Result};

/// Where a session stands.
#[derive(Debug, Default)]
pub(super) enum Transaction {
    #[default]
    Idle,
    Open(Block),
    Failed(Block),
}

/// A transaction without its end.
#[derive(Debug)]
pub(super) struct Block {
    pub scope: Scope,
    /// Nobody has said BEGIN: it ends with the statements that came together.
    pub implicit: bool,
    /// A statement has been planned in it.
    pub used: bool,
    /// What ROLLBACK restores.
    pub before: Settings,
    /// What COMMIT leaves: without `SET LOCAL`.
    pub lasting: Settings,
    /// Oldest first.
    pub savepoints: Vec<Savepoint>,
    /// What the session's own relations were, for ROLLBACK.
    own: Option<Mark>,
    started_at: DateTime<Utc>,
}

/// What ROLLBACK TO brings back.
#[derive(Debug)]
pub(super) struct Savepoint {
    pub name: String,
    pub settings: Settings,
    /// Cursors declared up to then ([`super::cursors::Cursors::mark`]).
    pub cursors: u64,
    /// What was to be said at commit up to then ([`super::notify::Mailbox::mark`]).
    pub pending: usize,
    lasting: Settings,
    scope: Scope,
    /// What the scope's overlay held, where there was one already.
    mark: Option<Mark>,
    own: Option<Mark>,
}

impl Block {
    pub fn new(scope: Scope, settings: &Settings) -> Self {
        let own = scope.temporary.as_ref().map(|temporary| temporary.mark());
        Self {
            scope,
            implicit: false,
            used: false,
            before: settings.clone(),
            lasting: settings.clone(),
            savepoints: Vec::new(),
            own,
            started_at: Utc::now(),
        }
    }

    /// Brings the session's own relations back to what they were.
    pub fn restore_own(&self) {
        if let (Some(temporary), Some(mark)) = (&self.scope.temporary, &self.own) {
            temporary.return_to(mark);
        }
    }

    /// The transaction's changes; from the first on, its statements see them.
    pub fn overlay(&mut self, catalog: &Catalog) -> Arc<Overlay> {
        if let Some(overlay) = &self.scope.overlay {
            return overlay.clone();
        }
        self.take(catalog.begin_on(self.scope.release.clone()))
    }

    fn take(&mut self, overlay: Arc<Overlay>) -> Arc<Overlay> {
        overlay.put_beside(self.scope.temporary.as_ref());
        self.scope = overlay.scope();
        overlay
    }

    /// Has the transaction mind what it reads, from its first statement on.
    pub fn serialize(&mut self, catalog: &Catalog) {
        if self.scope.overlay.is_none() {
            self.take(catalog.begin_serializable(self.scope.release.clone()));
        }
    }

    pub fn set_savepoint(&mut self, name: &str, settings: Settings, cursors: u64, pending: usize) {
        let mark = self.scope.overlay.as_ref().map(|overlay| overlay.mark());
        let own = self.scope.temporary.as_ref().map(|temporary| temporary.mark());
        let (name, lasting, scope) = (name.to_owned(), self.lasting.clone(), self.scope.clone());
        self.savepoints.push(Savepoint { name, settings, cursors, pending, lasting, scope, mark, own });
    }

    /// Forgets what was changed since the newest savepoint, which answers what else it brings back.
    pub fn return_to_savepoint(&mut self) -> Option<&Savepoint> {
        let savepoint = self.savepoints.last()?;
        self.scope = savepoint.scope.clone();
        self.lasting = savepoint.lasting.clone();
        if let (Some(overlay), Some(mark)) = (&self.scope.overlay, &savepoint.mark) {
            overlay.return_to(mark);
        }
        if let (Some(temporary), Some(own)) = (&self.scope.temporary, &savepoint.own) {
            temporary.return_to(own);
        }
        Some(savepoint)
    }

    /// Position of the newest savepoint of that name.
    ///
    /// # Errors
    /// `3B001` where there is none.
    pub fn savepoint(&self, name: &str) -> Result<usize> {
        self.savepoints
            .iter()
            .rposition(|savepoint| savepoint.name == name)
            .ok_or_else(|| Error::new(ErrorKind::InvalidSavepoint, format!("savepoint \"{name}\" does not exist")))
    }
}

impl Transaction {
    pub fn status(&self) -> TransactionStatus {
        match self {
            Self::Idle => TransactionStatus::Idle,
            Self::Open(block) if block.implicit => TransactionStatus::Idle,
            Self::Open(_) => TransactionStatus::InTransaction,
            Self::Failed(_) => TransactionStatus::Failed,
        }
    }

    /// An error ends an implicit block, which is given back, and lets one that was begun wait for its ROLLBACK.
    pub fn fail(&mut self) -> Option<Block> {
        match std::mem::take(self) {
            Self::Open(block) if block.implicit => return Some(block),
            Self::Open(block) => *self = Self::Failed(block),
            other => *self = other,
        }
        None
    }

    /// Whether nobody has said BEGIN.
    pub fn is_implicit(&self) -> bool {
        self.block().is_some_and(|block| block.implicit)
    }

    /// After ROLLBACK TO a savepoint.
    pub fn reopen(&mut self) {
        match std::mem::take(self) {
            Self::Failed(block) => *self = Self::Open(block),
            other => *self = other,
        }
    }

    pub fn scope(&self) -> Option<&Scope> {
        self.block().map(|block| &block.scope)
    }

    pub fn block(&self) -> Option<&Block> {
        match self {
            Self::Idle => None,
            Self::Open(block) | Self::Failed(block) => Some(block),
        }
    }

    pub fn block_mut(&mut self) -> Option<&mut Block> {
        match self {
            Self::Idle => None,
            Self::Open(block) | Self::Failed(block) => Some(block),
        }
    }

    pub fn started_at(&self) -> Option<DateTime<Utc>> {
        self.block().map(|block| block.started_at)
    }

    /// # Errors
    /// `25P02` in a failed transaction, for everything that does not end it.
    pub fn check(&self, statement: &ast::Statement) -> Result<()> {
        match statement {
            ast::Statement::Rollback { .. } | ast::Statement::Commit { .. } => Ok(()),
            _ => self.check_not_failed(),
        }
    }

    /// `25P02` after an error.
    pub fn check_not_failed(&self) -> Result<()> {
        if matches!(self, Self::Failed(_)) {
            return Err(Error::new(
                ErrorKind::InFailedTransaction,
                "current transaction is aborted, commands ignored until end of transaction block",
            ));
        }
        Ok(())
    }
}
