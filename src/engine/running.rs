//! What only the running server knows: who there is, who is connected, what was run how often, who holds which advisory lock.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use chrono::{DateTime, Utc};
use parking_lot::Mutex;
use tokio::sync::Notify;

use super::roles::Roles;
use super::sessions::Sessions;
use super::statements::StatementStats;
use crate::catalog::Sequences;
use crate::error::{Error, ErrorKind, Result};

/// One per process.
#[derive(Debug)]
pub struct Running {
    pub started_at: DateTime<Utc>,
    pub sessions: Sessions,
    pub statements: StatementStats,
    pub locks: AdvisoryLocks,
    pub roles: Roles,
    pub sequences: Arc<Sequences>,
}

impl Running {
    pub fn new(roles: Roles, sequences: Arc<Sequences>) -> Self {
        Self {
            started_at: Utc::now(),
            sessions: Sessions::default(),
            statements: StatementStats::default(),
            locks: AdvisoryLocks::default(),
            roles,
            sequences,
        }
    }
}

/// An advisory lock: one key of 64 bits, or two of 32.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum LockKey {
    One(i64),
    Two(i32, i32),
}

/// A lock that a session holds, shared or not.
#[derive(Debug, Clone)]
pub struct HeldLock {
    pub key: LockKey,
    pub pid: i32,
    pub shared: bool,
    /// Until the transaction's end; else until the session's.
    pub in_transaction: bool,
    count: u32,
}

/// Locks that all sessions together may hold, as PostgreSQL's table of locks is bounded.
const LOCKS_MAX: usize = 65_536;

/// PostgreSQL's advisory locks, within one server.
///
/// Invariant: of two sessions that hold the same key, both hold it shared.
#[derive(Debug, Default)]
pub struct AdvisoryLocks {
    table: Mutex<Table>,
    /// Some lock was given back.
    released: Notify,
}

#[derive(Debug, Default)]
struct Table {
    held: HashMap<LockKey, Vec<HeldLock>>,
    /// What a session waits for, by its number.
    waiting: HashMap<i32, LockKey>,
}

impl Table {
    fn acquire(&mut self, key: LockKey, pid: i32, shared: bool, in_transaction: bool) -> Result<bool> {
        let count = self.held.len();
        let holders = match self.held.get_mut(&key) {
            Some(holders) => holders,
            None if count >= LOCKS_MAX => {
                return Err(Error::new(ErrorKind::OutOfMemory, "out of shared memory")
                    .with_hint(format!("The sessions hold {LOCKS_MAX} advisory locks, the most there may be.")));
            }
            None => self.held.entry(key).or_default(),
        };
        if holders.iter().any(|held| held.pid != pid && !(held.shared && shared)) {
            return Ok(false);
        }
        let same =
            |held: &&mut HeldLock| held.pid == pid && held.shared == shared && held.in_transaction == in_transaction;
        match holders.iter_mut().find(same) {
            Some(held) => held.count += 1,
            None => holders.push(HeldLock { key, pid, shared, in_transaction, count: 1 }),
        }
        Ok(true)
    }

    /// Whether those that hold the key wait, one for another, for the session itself.
    fn is_deadlock(&self, key: LockKey, pid: i32) -> bool {
        let (mut seen, mut keys) = (HashSet::new(), vec![key]);
        while let Some(key) = keys.pop() {
            for holder in self.held.get(&key).into_iter().flatten().map(|held| held.pid) {
                match self.waiting.get(&holder) {
                    _ if holder == pid && seen.contains(&key) => return true,
                    Some(next) if holder != pid && seen.insert(*next) => keys.push(*next),
                    _ => {}
                }
            }
        }
        false
    }
}

/// That a session waits, for as long as it does.
struct Waiting<'a> {
    locks: &'a AdvisoryLocks,
    pid: i32,
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.locks.table.lock().waiting.remove(&self.pid);
    }
}

impl AdvisoryLocks {
    /// Takes the lock; `false` where another session holds it.
    ///
    /// # Errors
    /// `53200` where there are too many.
    pub fn acquire(&self, key: LockKey, pid: i32, shared: bool, in_transaction: bool) -> Result<bool> {
        self.table.lock().acquire(key, pid, shared, in_transaction)
    }

    /// Takes the lock once no other session holds it.
    ///
    /// # Errors
    /// `40P01` where the others wait for this session.
    pub async fn wait(&self, key: LockKey, pid: i32, shared: bool, in_transaction: bool) -> Result<()> {
        let _waiting = Waiting { locks: self, pid };
        loop {
            let mut released = std::pin::pin!(self.released.notified());
            // what is given back from here on is noticed
            released.as_mut().enable();
            {
                let mut table = self.table.lock();
                if table.acquire(key, pid, shared, in_transaction)? {
                    return Ok(());
                }
                if table.is_deadlock(key, pid) {
                    return Err(Error::new(ErrorKind::DeadlockDetected, "deadlock detected"));
                }
                table.waiting.insert(pid, key);
            }
            released.await;
        }
    }

    /// Gives back one hold of the session; whether there was one.
    pub fn release(&self, key: LockKey, pid: i32, shared: bool) -> bool {
        let mut table = self.table.lock();
        let Some(holders) = table.held.get_mut(&key) else { return false };
        let held = holders.iter_mut().find(|held| held.pid == pid && held.shared == shared && !held.in_transaction);
        let Some(held) = held else { return false };
        held.count -= 1;
        holders.retain(|held| held.count > 0);
        if holders.is_empty() {
            table.held.remove(&key);
        }
        drop(table);
        self.released.notify_waiters();
        true
    }

    /// Gives back all of a session, or those of its transaction.
    pub fn release_all(&self, pid: i32, of_transaction: bool) {
        {
            let mut table = self.table.lock();
            if table.held.is_empty() {
                return;
            }
            table.held.retain(|_, holders| {
                holders.retain(|held| held.pid != pid || held.in_transaction != of_transaction);
                !holders.is_empty()
            });
        }
        self.released.notify_waiters();
    }

    pub fn all(&self) -> Vec<HeldLock> {
        let mut all: Vec<HeldLock> = self.table.lock().held.values().flatten().cloned().collect();
        all.sort_by_key(|held| (held.pid, held.key));
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lock_has_one_holder_or_shares() {
        let (locks, key) = (AdvisoryLocks::default(), LockKey::One(7));
        let takes = |pid, shared, in_transaction| locks.acquire(key, pid, shared, in_transaction).unwrap();
        assert!(takes(1, false, false) && takes(1, false, false));
        assert!(!takes(2, false, false) && !takes(2, true, false));
        assert!(locks.release(key, 1, false) && !locks.release(key, 2, false));
        assert!(!takes(2, false, false));
        locks.release_all(1, false);
        assert!(takes(2, true, true) && takes(3, true, false));
        locks.release_all(2, true);
        assert_eq!(locks.all().iter().map(|held| held.pid).collect::<Vec<_>>(), [3]);
    }

    #[tokio::test]
    async fn who_waits_gets_it_next_unless_they_wait_for_each_other() {
        let locks = std::sync::Arc::new(AdvisoryLocks::default());
        let (one, two) = (LockKey::One(1), LockKey::Two(1, 2));
        assert!(locks.acquire(one, 1, false, false).unwrap() && locks.acquire(two, 2, false, false).unwrap());
        let waits = tokio::spawn({
            let locks = locks.clone();
            async move { locks.wait(two, 1, false, false).await }
        });
        while !locks.table.lock().waiting.contains_key(&1) {
            tokio::task::yield_now().await;
        }
        let deadlock = locks.wait(one, 2, false, false).await.unwrap_err();
        assert_eq!(deadlock.kind().sqlstate(), "40P01");
        assert!(locks.release(two, 2, false));
        waits.await.unwrap().unwrap();
        assert_eq!(locks.all().iter().map(|held| held.pid).collect::<Vec<_>>(), [1, 1]);
        assert!(locks.table.lock().waiting.is_empty());
    }
}
