//! What only the running server knows: who is connected, what was run how often, who holds which advisory lock.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use parking_lot::Mutex;

use super::sessions::Sessions;
use super::statements::StatementStats;

/// One per process.
#[derive(Debug)]
pub struct Running {
    pub started_at: DateTime<Utc>,
    pub sessions: Sessions,
    pub statements: StatementStats,
    pub locks: AdvisoryLocks,
}

impl Default for Running {
    fn default() -> Self {
        Self {
            started_at: Utc::now(),
            sessions: Sessions::default(),
            statements: StatementStats::default(),
            locks: AdvisoryLocks::default(),
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

/// PostgreSQL's advisory locks, within one server.
///
/// Invariant: of two sessions that hold the same key, both hold it shared.
#[derive(Debug, Default)]
pub struct AdvisoryLocks(Mutex<HashMap<LockKey, Vec<HeldLock>>>);

impl AdvisoryLocks {
    /// Takes the lock, unless another session holds it.
    pub fn acquire(&self, key: LockKey, pid: i32, shared: bool, in_transaction: bool) -> bool {
        let mut locks = self.0.lock();
        let holders = locks.entry(key).or_default();
        if holders.iter().any(|held| held.pid != pid && !(held.shared && shared)) {
            return false;
        }
        let same =
            |held: &&mut HeldLock| held.pid == pid && held.shared == shared && held.in_transaction == in_transaction;
        match holders.iter_mut().find(same) {
            Some(held) => held.count += 1,
            None => holders.push(HeldLock { key, pid, shared, in_transaction, count: 1 }),
        }
        true
    }

    /// Gives back one hold of the session; whether there was one.
    pub fn release(&self, key: LockKey, pid: i32, shared: bool) -> bool {
        let mut locks = self.0.lock();
        let Some(holders) = locks.get_mut(&key) else { return false };
        let held = holders.iter_mut().find(|held| held.pid == pid && held.shared == shared && !held.in_transaction);
        let Some(held) = held else { return false };
        held.count -= 1;
        holders.retain(|held| held.count > 0);
        if holders.is_empty() {
            locks.remove(&key);
        }
        true
    }

    /// Gives back all of a session, or those of its transaction.
    pub fn release_all(&self, pid: i32, of_transaction: bool) {
        self.0.lock().retain(|_, holders| {
            holders.retain(|held| held.pid != pid || held.in_transaction != of_transaction);
            !holders.is_empty()
        });
    }

    pub fn all(&self) -> Vec<HeldLock> {
        let mut all: Vec<HeldLock> = self.0.lock().values().flatten().cloned().collect();
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
        assert!(locks.acquire(key, 1, false, false));
        assert!(locks.acquire(key, 1, false, false));
        assert!(!locks.acquire(key, 2, false, false) && !locks.acquire(key, 2, true, false));
        assert!(locks.release(key, 1, false) && !locks.release(key, 2, false));
        assert!(!locks.acquire(key, 2, false, false));
        locks.release_all(1, false);
        assert!(locks.acquire(key, 2, true, true) && locks.acquire(key, 3, true, false));
        locks.release_all(2, true);
        assert_eq!(locks.all().iter().map(|held| held.pid).collect::<Vec<_>>(), [3]);
    }
}
