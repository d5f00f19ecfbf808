//! Snapshots of the lake's own tables, remembered by location and version.
//!
//! Invariant: no lock is held while a log is read; statements that ask for the same snapshot at once read it once.
//! Invariant: a version of a table never changes, so entries are never invalidated, only evicted.

use std::collections::BTreeMap;
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::OnceCell;

use super::Snapshot;
use crate::error::Result;

/// How much the cache may hold. Both limits count; the snapshot asked for last always stays.
#[derive(Debug, Clone, Copy)]
pub struct CacheLimits {
    pub snapshots_max: usize,
    pub bytes_max: u64,
}

impl Default for CacheLimits {
    fn default() -> Self {
        Self { snapshots_max: 1024, bytes_max: 256 << 20 }
    }
}

type Key = (String, u64);

#[derive(Debug)]
struct Entry {
    cell: Arc<OnceCell<Arc<Snapshot>>>,
    used: u64,
}

#[derive(Debug, Default)]
struct Entries {
    by_key: BTreeMap<Key, Entry>,
    /// Counts uses: the entry with the smallest number was used longest ago.
    clock: u64,
}

#[derive(Debug)]
pub(super) struct SnapshotCache {
    entries: Mutex<Entries>,
    limits: CacheLimits,
}

impl SnapshotCache {
    pub(super) fn new(limits: CacheLimits) -> Self {
        Self { entries: Mutex::default(), limits }
    }

    /// The snapshot remembered, or what `load` gives. A load that fails, or is given up, is tried again by the next
    /// to ask.
    pub(super) async fn get_or_load<F>(&self, location: &str, version: u64, load: F) -> Result<Arc<Snapshot>>
    where
        F: Future<Output = Result<Snapshot>>,
    {
        let key = (location.to_owned(), version);
        let cell = self.cell(&key);
        let known = cell.initialized();
        let snapshot = cell.get_or_try_init(|| async { load.await.map(Arc::new) }).await.cloned();
        match &snapshot {
            Ok(_) if known => {}
            Ok(_) => self.evict(&key),
            Err(_) => self.forget_failed(&key, &cell),
        }
        snapshot
    }

    /// The snapshot, where it is remembered.
    pub(super) fn get(&self, location: &str, version: u64) -> Option<Arc<Snapshot>> {
        self.entries.lock().by_key.get(&(location.to_owned(), version))?.cell.get().cloned()
    }

    /// The newest one remembered of the versions before this one.
    pub(super) fn earlier(&self, location: &str, version: u64) -> Option<Arc<Snapshot>> {
        let entries = self.entries.lock();
        let before = (location.to_owned(), 0)..(location.to_owned(), version);
        entries.by_key.range(before).rev().find_map(|(_, entry)| entry.cell.get().cloned())
    }

    /// Forgets all: another lake stands at this place.
    pub(super) fn clear(&self) {
        self.entries.lock().by_key.clear();
    }

    fn cell(&self, key: &Key) -> Arc<OnceCell<Arc<Snapshot>>> {
        let mut entries = self.entries.lock();
        entries.clock += 1;
        let used = entries.clock;
        let entry = entries.by_key.entry(key.clone()).or_insert_with(|| Entry { cell: Arc::default(), used });
        entry.used = used;
        Arc::clone(&entry.cell)
    }

    fn forget_failed(&self, key: &Key, cell: &Arc<OnceCell<Arc<Snapshot>>>) {
        let mut entries = self.entries.lock();
        if entries.by_key.get(key).is_some_and(|entry| Arc::ptr_eq(&entry.cell, cell) && !entry.cell.initialized()) {
            entries.by_key.remove(key);
        }
    }

    /// Drops what was used longest ago until the limits hold; `keep` and whatever is being loaded stay.
    fn evict(&self, keep: &Key) {
        let mut entries = self.entries.lock();
        let mut loaded: Vec<(u64, u64, Key)> = entries
            .by_key
            .iter()
            .filter_map(|(key, entry)| Some((entry.used, entry.cell.get()?.weight(), key.clone())))
            .collect();
        let mut bytes: u64 = loaded.iter().map(|(_, weight, _)| weight).sum();
        let mut count = loaded.len();
        loaded.sort_unstable();
        for (_, weight, key) in loaded {
            if count <= self.limits.snapshots_max && bytes <= self.limits.bytes_max {
                break;
            }
            if key != *keep {
                entries.by_key.remove(&key);
                bytes -= weight;
                count -= 1;
            }
        }
    }
}
