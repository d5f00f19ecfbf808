//! A session among others: its entry in the list of sessions, what it says and hears by NOTIFY and LISTEN, and the data
//! that its client sends.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use chrono::{DateTime, Utc};
use tokio::sync::mpsc;

use super::copy::{self, CopyFrom};
use super::notify::Mailbox;
use super::session::{Ended, Outcome, Session, TransactionStatus};
use super::sessions::{ActivityState, Named, NamedStatement, SessionEntry};
use crate::error::Result;
use crate::pgcatalog;

impl Session {
    /// Enters the list of sessions under the process id that the client was given for cancelling; what `pg_backend_pid()`
    /// answers. `end` ends the connection: `pg_terminate_backend` calls it.
    pub fn enter(&mut self, pid: i32, end: impl Fn() + Send + Sync + 'static) {
        let application = self.setting("application_name").unwrap_or_default();
        let entry = Arc::new(SessionEntry::new(
            pid,
            &self.user,
            self.addresses,
            self.encryption.clone(),
            application,
            Box::new(end),
        ));
        self.shared.running.sessions.enter(entry.clone());
        self.shared.running.figures.sessions.add(1);
        self.entry = Some(entry);
        self.states = None;
    }

    /// Tells the list of sessions that the client has been answered and may take its time.
    pub fn rest(&mut self) {
        self.count_transaction();
        if let Some(entry) = &self.entry {
            let application = self.setting("application_name").unwrap_or_default();
            let (before, since) = entry.rest(self.status(), self.transaction.started_at(), application);
            self.count_time(before, since);
            if self.status() == TransactionStatus::Idle {
                self.release_locks();
            }
        }
    }

    /// Counts the transaction that statements outside of a block were, if there was no block.
    fn count_transaction(&mut self) {
        let figures = &self.shared.running.figures;
        match (self.status(), std::mem::take(&mut self.ended)) {
            (TransactionStatus::Idle, Ended::Nothing) => figures.commits.add(1),
            (TransactionStatus::Idle, Ended::Failed) => figures.rollbacks.add(1),
            _ => {}
        }
    }

    fn count_time(&self, state: ActivityState, since: DateTime<Utc>) {
        let figures = &self.shared.running.figures;
        let micros = (Utc::now() - since).num_microseconds().and_then(|micros| u64::try_from(micros).ok());
        match state {
            ActivityState::Active => figures.active_time.add(micros.unwrap_or(0)),
            ActivityState::InTransaction | ActivityState::Failed => {
                figures.idle_in_transaction_time.add(micros.unwrap_or(0));
            }
            ActivityState::Idle => {}
        }
    }

    /// Takes a fresh cancel handle along: the session works from here on.
    pub(super) fn wake(&self) {
        if let Some(entry) = &self.entry {
            let (before, since) = entry.begin(self.guard.cancel.clone());
            self.count_time(before, since);
        }
    }

    /// What the session hears by LISTEN; `None` before it is in the list of sessions.
    pub fn mailbox(&self) -> Option<&Mailbox> {
        self.entry.as_ref().map(|entry| &entry.mailbox)
    }

    /// What waits for the commit is said and done.
    pub(super) fn after_commit(&mut self) {
        self.ended = Ended::Block;
        self.shared.running.figures.commits.add(1);
        self.cursors.commit();
        self.release_locks();
        self.announce();
    }

    /// What waits for the commit is forgotten.
    pub(super) fn after_rollback(&mut self) {
        self.ended = Ended::Block;
        self.shared.running.figures.rollbacks.add(1);
        self.cursors.roll_back();
        self.release_locks();
        self.return_to(0);
    }

    /// Gives back the advisory locks of the transaction that is over.
    fn release_locks(&self) {
        if let Some(entry) = &self.entry {
            self.shared.running.locks.release_all(entry.pid, true);
        }
    }

    /// Says what was to be said at commit, where no transaction is open any more.
    pub fn announce(&self) {
        if let Some(entry) = &self.entry {
            entry.mailbox.commit(entry.pid, &self.shared.running.sessions);
        }
    }

    /// Forgets what was to be said since the mark.
    pub(super) fn return_to(&self, mark: usize) {
        if let Some(entry) = &self.entry {
            entry.mailbox.return_to(mark);
        }
    }

    /// A setting that is a duration; `None`: no limit.
    pub fn duration(&self, name: &str) -> Option<Duration> {
        Some(self.settings.duration(name)).filter(|limit| !limit.is_zero())
    }

    /// Carries out a COPY from the client whose data comes through the channel; its end is the data's end.
    pub async fn copy_from(&mut self, copy: CopyFrom, data: mpsc::Receiver<Result<Bytes>>) -> Result<Outcome> {
        let guard = self.guard.clone();
        let outcome = guard.run(copy::carry_out(self, copy, data)).await;
        self.note_failure(outcome)
    }

    /// Tells what PREPARE and DECLARE have made so far; a name keeps the time it was made.
    pub(super) fn tell_named(&self) {
        let Some(entry) = &self.entry else { return };
        let before = entry.named();
        let cursors = self.cursors.listed();
        if self.named.is_empty() && cursors.is_empty() && before.statements.is_empty() && before.cursors.is_empty() {
            return;
        }
        let known = |name: &str| before.statements.iter().find(|statement| statement.name == name);
        let statements = self.named.iter().map(|(name, prepared)| NamedStatement {
            name: name.clone(),
            text: prepared.statement.text.clone(),
            prepared_at: known(name).map_or_else(Utc::now, |statement| statement.prepared_at),
            parameter_types: prepared.parameters.iter().map(|t| pgcatalog::format_type(t.oid(), -1)).collect(),
            from_sql: begins_with_prepare(&prepared.statement.text),
        });
        let mut statements: Vec<_> = statements.collect();
        statements.sort_by(|a, b| a.name.cmp(&b.name));
        entry.set_named(Named { statements, cursors });
    }
}

/// Whether the text is that of PREPARE, which the protocol does without.
fn begins_with_prepare(text: &str) -> bool {
    text.trim_start().get(..7).is_some_and(|word| word.eq_ignore_ascii_case("prepare"))
}

impl Drop for Session {
    fn drop(&mut self) {
        if let Some(entry) = &self.entry {
            let figures = &self.shared.running.figures;
            if self.transaction.block().is_some() {
                figures.rollbacks.add(1);
            }
            let lasted = (Utc::now() - entry.backend_start).num_microseconds();
            figures.session_time.add(lasted.and_then(|micros| u64::try_from(micros).ok()).unwrap_or(0));
            self.shared.running.sessions.leave(entry.pid);
            self.shared.running.locks.release_all(entry.pid, false);
            self.shared.running.locks.release_all(entry.pid, true);
        }
    }
}
