//! PostgreSQL's advisory locks, within one server.

use std::collections::{HashMap, HashSet};

use chrono::{DateTime, Utc};
use parking_lot::Mutex;
use tokio::sync::Notify;

use crate::error::{Error, ErrorKind, Result};
use crate::table::Count;

/// An advisory lock: one key of 64 bits, or two of 32.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum LockKey {
    One(i64),
    Two(i32, i32),
}

/// A lock that a session holds or waits for, as `pg_locks` lists it.
#[derive(Debug, Clone)]
pub struct ListedLock {
    pub key: LockKey,
    pub pid: i32,
    pub shared: bool,
    /// Where it is waited for.
    pub since: Option<DateTime<Utc>>,
}

/// A lock that a session holds, shared or not.
#[derive(Debug, Clone)]
struct HeldLock {
    pid: i32,
    shared: bool,
    /// Until the transaction's end; else until the session's.
    in_transaction: bool,
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
    /// How often sessions waited for each other.
    pub deadlocks: Count,
}

#[derive(Debug, Default)]
struct Table {
    held: HashMap<LockKey, Vec<HeldLock>>,
    /// What a session waits for, by its number.
    waiting: HashMap<i32, Wanted>,
}

/// A lock that is waited for.
#[derive(Debug, Clone, Copy)]
struct Wanted {
    key: LockKey,
    shared: bool,
    since: DateTime<Utc>,
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
            None => holders.push(HeldLock { pid, shared, in_transaction, count: 1 }),
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
                    Some(next) if holder != pid && seen.insert(next.key) => keys.push(next.key),
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
        let wanted = Wanted { key, shared, since: Utc::now() };
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
                    self.deadlocks.add(1);
                    return Err(Error::new(ErrorKind::DeadlockDetected, "deadlock detected"));
                }
                table.waiting.insert(pid, wanted);
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

    /// What is held and what is waited for. Who holds a lock in several ways has it once, as in PostgreSQL.
    pub fn all(&self) -> Vec<ListedLock> {
        let mut all = Vec::new();
        {
            let table = self.table.lock();
            for (key, holders) in &table.held {
                let listed =
                    |held: &HeldLock| ListedLock { key: *key, pid: held.pid, shared: held.shared, since: None };
                all.extend(holders.iter().map(listed));
            }
            all.extend(table.waiting.iter().map(|(pid, wanted)| {
                let Wanted { key, shared, since } = *wanted;
                ListedLock { key, pid: *pid, shared, since: Some(since) }
            }));
        }
        let of = |lock: &ListedLock| (lock.pid, lock.key, lock.shared, lock.since);
        all.sort_by_key(of);
        all.dedup_by_key(|lock| of(lock));
        all
    }

    /// Whether the session waits for a lock.
    pub fn waits(&self, pid: i32) -> bool {
        self.table.lock().waiting.contains_key(&pid)
    }

    /// The sessions that hold what the session waits for, so that it has to.
    pub fn blocking(&self, pid: i32) -> Vec<i32> {
        let table = self.table.lock();
        let Some(wanted) = table.waiting.get(&pid) else { return Vec::new() };
        let holders = table.held.get(&wanted.key).into_iter().flatten();
        let blocking = holders.filter(|held| held.pid != pid && !(held.shared && wanted.shared));
        let mut blocking: Vec<i32> = blocking.map(|held| held.pid).collect();
        blocking.sort_unstable();
        blocking.dedup();
        blocking
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
        while !locks.waits(1) {
            tokio::task::yield_now().await;
        }
        assert_eq!((locks.blocking(1), locks.blocking(2)), (vec![2], Vec::new()));
        let listed: Vec<_> = locks.all().iter().map(|lock| (lock.pid, lock.key, lock.since.is_none())).collect();
        assert_eq!(listed, [(1, one, true), (1, two, false), (2, two, true)]);
        let deadlock = locks.wait(one, 2, false, false).await.unwrap_err();
        assert_eq!((deadlock.kind().sqlstate(), locks.deadlocks.get()), ("40P01", 1));
        assert!(locks.release(two, 2, false));
        waits.await.unwrap().unwrap();
        assert_eq!(locks.all().iter().map(|held| held.pid).collect::<Vec<_>>(), [1, 1]);
        assert!(locks.table.lock().waiting.is_empty());
    }
}
