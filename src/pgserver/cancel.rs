//! Cancel requests: which session a key stands for, and what it runs now.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicI32, Ordering};
use std::time::Duration;

use bytes::Bytes;
use parking_lot::Mutex;
use pgwire::messages::startup::{BackendKeyData, SecretKey};

use crate::engine::CancelHandle;

/// Bytes of a secret key: four up to protocol 3.0, more since 3.2.
const KEY_BYTES_3_0: usize = 4;
const KEY_BYTES_3_2: usize = 32;

/// How often, and after what time, a session that runs nothing is looked at again.
const WAITS_MAX: usize = 5;
const WAIT: Duration = Duration::from_millis(1);

/// The running sessions by process id.
#[derive(Debug, Default)]
pub(super) struct CancelRegistry {
    sessions: Mutex<HashMap<i32, Entry>>,
    next_pid: AtomicI32,
}

#[derive(Debug)]
struct Entry {
    key: Bytes,
    running: Option<CancelHandle>,
}

impl CancelRegistry {
    /// Enters a session under a new id and a random key.
    pub(super) fn register(self: &Arc<Self>, long_key: bool) -> CancelSlot {
        let mut key = vec![0; if long_key { KEY_BYTES_3_2 } else { KEY_BYTES_3_0 }];
        rand::fill(&mut key[..]);
        let key = Bytes::from(key);
        let mut sessions = self.sessions.lock();
        let pid = loop {
            // positive, and not in use even after the counter has wrapped
            let pid = (self.next_pid.fetch_add(1, Ordering::Relaxed) & i32::MAX).max(1);
            if !sessions.contains_key(&pid) {
                break pid;
            }
        };
        sessions.insert(pid, Entry { key: key.clone(), running: None });
        CancelSlot { registry: Arc::clone(self), pid, key }
    }

    /// [`Self::cancel`], within a moment: a request may come through its own connection before the query that it is for has
    /// come through the other. The client is not answered until then, so that none that waits cancels what it sends next.
    pub(super) async fn cancel_soon(&self, pid: i32, key: &[u8]) {
        for _ in 0..WAITS_MAX {
            if self.cancel(pid, key) {
                return;
            }
            tokio::time::sleep(WAIT).await;
        }
    }

    /// Cancels what the session runs, and whether it runs anything; a wrong id or key does nothing, and does not say so.
    fn cancel(&self, pid: i32, key: &[u8]) -> bool {
        let running =
            self.sessions.lock().get(&pid).filter(|entry| entry.key == key).and_then(|entry| entry.running.clone());
        running.inspect(CancelHandle::cancel).is_some()
    }
}

/// A session's place in the registry; dropping it leaves.
#[derive(Debug)]
pub(super) struct CancelSlot {
    registry: Arc<CancelRegistry>,
    pub(super) pid: i32,
    key: Bytes,
}

impl CancelSlot {
    /// What the client needs to cancel.
    pub(super) fn key_data(&self) -> BackendKeyData {
        let key = match self.key.as_ref().try_into() {
            Ok(short) => SecretKey::I32(i32::from_be_bytes(short)),
            Err(_) => SecretKey::Bytes(self.key.clone()),
        };
        BackendKeyData::new(self.pid, key)
    }
    /// What a cancel request stops from now on; `None`: nothing.
    pub(super) fn set(&self, running: Option<CancelHandle>) {
        if let Some(entry) = self.registry.sessions.lock().get_mut(&self.pid) {
            entry.running = running;
        }
    }
}

impl Drop for CancelSlot {
    fn drop(&mut self) {
        self.registry.sessions.lock().remove(&self.pid);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_right_key_cancels_and_only_while_running() {
        let registry = Arc::new(CancelRegistry::default());
        let slot = registry.register(false);
        assert_eq!(slot.key.len(), 4);
        let handle = CancelHandle::default();
        slot.set(Some(handle.clone()));
        registry.cancel(slot.pid, b"nope");
        registry.cancel(slot.pid + 1, &slot.key);
        assert!(!handle.is_canceled());
        registry.cancel(slot.pid, &slot.key);
        assert!(handle.is_canceled());
        let next = CancelHandle::default();
        slot.set(None);
        registry.cancel(slot.pid, &slot.key);
        assert!(!next.is_canceled());
        drop(slot);
        assert!(registry.sessions.lock().is_empty());
    }
}
