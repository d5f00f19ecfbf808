//! One run at a time per process. Runs of other processes meet at the publish.

use std::time::Duration;

use chrono::{DateTime, SecondsFormat, Utc};
use parking_lot::Mutex;

use super::{Progress, RunEvent};
use crate::engine::CancelHandle;
use crate::error::{Error, ErrorKind, Result};
use crate::names::RunId;

/// Held by the run that is under way.
#[derive(Debug, Default)]
pub(super) struct RunLock {
    turn: tokio::sync::Mutex<()>,
    holder: Mutex<Option<Holder>>,
}

/// Who runs.
#[derive(Debug, Clone)]
pub(super) struct Holder {
    pub run_id: RunId,
    pub operation: String,
    pub user: String,
    pub since: DateTime<Utc>,
}

/// The right to run; dropping it lets the next one begin.
#[derive(Debug)]
pub(super) struct RunTurn<'a> {
    lock: &'a RunLock,
    _turn: tokio::sync::MutexGuard<'a, ()>,
}

impl RunLock {
    /// Waits for the run under way, at most `timeout`.
    ///
    /// # Errors
    /// `55P03` saying who runs; `57014` when canceled while waiting.
    pub async fn acquire(
        &self,
        me: Holder,
        timeout: Duration,
        progress: &dyn Progress,
        cancel: &CancelHandle,
    ) -> Result<RunTurn<'_>> {
        let turn = match self.turn.try_lock() {
            Ok(turn) => turn,
            Err(_) => {
                if let Some(holder) = self.holder() {
                    progress.event(RunEvent::Waiting { holder: &holder.to_string() });
                }
                tokio::select! {
                    turn = tokio::time::timeout(timeout, self.turn.lock()) => turn.map_err(|_| self.busy(timeout))?,
                    () = cancel.canceled() => return Err(canceled()),
                }
            }
        };
        *self.holder.lock() = Some(me);
        Ok(RunTurn { lock: self, _turn: turn })
    }

    fn holder(&self) -> Option<Holder> {
        self.holder.lock().clone()
    }

    fn busy(&self, timeout: Duration) -> Error {
        let holder = self.holder().map_or_else(|| "another run".to_owned(), |holder| holder.to_string());
        Error::new(ErrorKind::LockNotAvailable, format!("{holder} is under way"))
            .with_detail(format!("waited {} ms for it to end", timeout.as_millis()))
            .with_hint("try again when it has ended, or raise run.lock_timeout")
    }
}

impl Drop for RunTurn<'_> {
    fn drop(&mut self) {
        *self.lock.holder.lock() = None;
    }
}

impl std::fmt::Display for Holder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let since = self.since.to_rfc3339_opts(SecondsFormat::Secs, true);
        write!(f, "run {} ({} by {}, since {since})", self.run_id, self.operation, self.user)
    }
}

/// What a run that was stopped ends with.
pub(super) fn canceled() -> Error {
    Error::new(ErrorKind::QueryCanceled, "canceling statement due to user request")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::Silent;

    fn me(operation: &str) -> Holder {
        Holder { run_id: RunId::new(), operation: operation.into(), user: "ana".into(), since: Utc::now() }
    }

    #[tokio::test]
    async fn the_second_run_is_told_who_runs_and_gets_its_turn_afterwards() {
        let lock = RunLock::default();
        let cancel = CancelHandle::default();
        let first = lock.acquire(me("refresh gold"), Duration::ZERO, &Silent, &cancel).await.unwrap();
        let error = lock.acquire(me("build"), Duration::from_millis(1), &Silent, &cancel).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::LockNotAvailable);
        assert!(error.message().contains("refresh gold by ana"), "{error}");
        drop(first);
        lock.acquire(me("build"), Duration::ZERO, &Silent, &cancel).await.unwrap();
    }

    #[tokio::test]
    async fn waiting_can_be_canceled() {
        let lock = RunLock::default();
        let cancel = CancelHandle::default();
        let _first = lock.acquire(me("refresh gold"), Duration::ZERO, &Silent, &cancel).await.unwrap();
        cancel.cancel();
        let error = lock.acquire(me("build"), Duration::from_secs(3600), &Silent, &cancel).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::QueryCanceled);
    }
}
