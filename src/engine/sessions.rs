//! Who is connected and what each one does: the list behind `pg_stat_activity`, `pg_cancel_backend` and
//! `pg_terminate_backend`.
//!
//! Invariant: an entry is there as long as its [`Session`](super::Session), and no longer.
//! Invariant: no entry's lock is held while anything waits.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use parking_lot::Mutex;
use uuid::Uuid;

use super::notify::Mailbox;
use super::randoms::Seeded;
use super::session::{Encryption, TransactionStatus};
use super::stream::CancelHandle;

/// Longest text of a statement that is kept, in bytes, as PostgreSQL's `track_activity_query_size`.
const QUERY_BYTES_MAX: usize = 1024;

/// The live sessions by process id.
#[derive(Debug, Default)]
pub struct Sessions(Mutex<BTreeMap<i32, Arc<SessionEntry>>>);

impl Sessions {
    /// All of them, by process id.
    pub fn all(&self) -> Vec<Arc<SessionEntry>> {
        self.0.lock().values().cloned().collect()
    }

    pub fn get(&self, pid: i32) -> Option<Arc<SessionEntry>> {
        self.0.lock().get(&pid).cloned()
    }

    pub(super) fn enter(&self, entry: Arc<SessionEntry>) {
        self.0.lock().insert(entry.pid, entry);
    }

    pub(super) fn leave(&self, pid: i32) {
        self.0.lock().remove(&pid);
    }
}

/// What others may know about a session, and do to it.
pub struct SessionEntry {
    pub pid: i32,
    pub user: String,
    pub client_addr: Option<SocketAddr>,
    /// Where the client reached the server.
    pub server_addr: Option<SocketAddr>,
    pub encryption: Option<Encryption>,
    pub backend_start: DateTime<Utc>,
    /// LISTEN and NOTIFY.
    pub mailbox: Mailbox,
    activity: Mutex<Activity>,
    named: Mutex<Named>,
    /// What sequences have given the session.
    pub given: Given,
    /// What `random()` gives the session.
    pub random: Seeded,
    /// Ends the connection.
    end: Box<dyn Fn() + Send + Sync>,
}

/// The newest value of each sequence that a session was given one of, and of which it was given one last.
#[derive(Debug, Default)]
pub struct Given(Mutex<(HashMap<Uuid, i64>, Option<Uuid>)>);

impl Given {
    pub fn put(&self, sequence: Uuid, value: i64) {
        let mut given = self.0.lock();
        given.0.insert(sequence, value);
        given.1 = Some(sequence);
    }

    pub fn value(&self, sequence: Uuid) -> Option<i64> {
        self.0.lock().0.get(&sequence).copied()
    }

    pub fn last(&self) -> Option<i64> {
        let given = self.0.lock();
        given.0.get(&given.1?).copied()
    }

    pub(super) fn forget(&self) {
        *self.0.lock() = Default::default();
    }
}

/// What a session does now.
#[derive(Debug, Clone)]
pub struct Activity {
    pub application_name: String,
    pub state: ActivityState,
    pub state_change: DateTime<Utc>,
    pub transaction_start: Option<DateTime<Utc>>,
    /// The running statement, or the last one.
    pub query: String,
    pub query_start: Option<DateTime<Utc>>,
    running: Option<CancelHandle>,
}

/// What SQL's PREPARE and DECLARE have made, as `pg_prepared_statements` and `pg_cursors` list it.
#[derive(Debug, Clone, Default)]
pub struct Named {
    pub statements: Vec<NamedStatement>,
    pub cursors: Vec<NamedCursor>,
}

#[derive(Debug, Clone)]
pub struct NamedStatement {
    pub name: String,
    pub text: String,
    pub prepared_at: DateTime<Utc>,
    pub parameter_types: Vec<String>,
    /// By PREPARE, not by the protocol.
    pub from_sql: bool,
}

#[derive(Debug, Clone)]
pub struct NamedCursor {
    pub name: String,
    pub text: String,
    pub holdable: bool,
    pub binary: bool,
    pub scrollable: bool,
    pub declared_at: DateTime<Utc>,
}

/// `pg_stat_activity.state`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ActivityState {
    Active,
    Idle,
    InTransaction,
    Failed,
}

impl ActivityState {
    pub fn name(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Idle => "idle",
            Self::InTransaction => "idle in transaction",
            Self::Failed => "idle in transaction (aborted)",
        }
    }
}

impl fmt::Debug for SessionEntry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SessionEntry").field("pid", &self.pid).field("user", &self.user).finish_non_exhaustive()
    }
}

impl SessionEntry {
    pub(super) fn new(
        pid: i32,
        user: &str,
        (client_addr, server_addr): (Option<SocketAddr>, Option<SocketAddr>),
        encryption: Option<Encryption>,
        application_name: String,
        end: Box<dyn Fn() + Send + Sync>,
    ) -> Self {
        let now = Utc::now();
        let activity = Activity {
            application_name,
            state: ActivityState::Idle,
            state_change: now,
            transaction_start: None,
            query: String::new(),
            query_start: None,
            running: None,
        };
        let (user, activity) = (user.to_owned(), Mutex::new(activity));
        Self {
            pid,
            user,
            client_addr,
            server_addr,
            encryption,
            backend_start: now,
            mailbox: Mailbox::default(),
            activity,
            named: Mutex::default(),
            given: Given::default(),
            random: Seeded::default(),
            end,
        }
    }

    pub fn named(&self) -> Named {
        self.named.lock().clone()
    }

    pub(super) fn set_named(&self, named: Named) {
        *self.named.lock() = named;
    }

    pub fn activity(&self) -> Activity {
        self.activity.lock().clone()
    }

    /// Cancels what the session runs, if anything.
    pub fn cancel(&self) {
        let running = self.activity.lock().running.clone();
        if let Some(running) = running {
            running.cancel();
        }
    }

    /// Ends the session with `57P01`, whatever it does.
    pub fn terminate(&self) {
        (self.end)();
    }

    /// Answers in which state the session was, and since when.
    pub(super) fn begin(&self, running: CancelHandle) -> (ActivityState, DateTime<Utc>) {
        let mut activity = self.activity.lock();
        let before = (activity.state, activity.state_change);
        activity.running = Some(running);
        activity.change(ActivityState::Active);
        activity.query_start = Some(activity.state_change);
        before
    }

    /// The text of the statement in hand.
    pub(super) fn tell(&self, query: &str) {
        let mut end = query.len().min(QUERY_BYTES_MAX);
        while !query.is_char_boundary(end) {
            end -= 1;
        }
        let mut activity = self.activity.lock();
        activity.query.clear();
        activity.query.push_str(&query[..end]);
    }

    /// Answers in which state the session was, and since when.
    pub(super) fn rest(
        &self,
        status: TransactionStatus,
        transaction_start: Option<DateTime<Utc>>,
        application_name: String,
    ) -> (ActivityState, DateTime<Utc>) {
        let mut activity = self.activity.lock();
        let before = (activity.state, activity.state_change);
        activity.running = None;
        activity.transaction_start = transaction_start;
        activity.application_name = application_name;
        activity.change(match status {
            TransactionStatus::Idle => ActivityState::Idle,
            TransactionStatus::InTransaction => ActivityState::InTransaction,
            TransactionStatus::Failed => ActivityState::Failed,
        });
        before
    }
}

impl Activity {
    fn change(&mut self, state: ActivityState) {
        self.state = state;
        self.state_change = Utc::now();
    }
}
