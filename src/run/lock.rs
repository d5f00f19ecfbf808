//! One run at a time per process. Runs of other processes meet at the publish.

use std::sync::atomic::{AtomicBool, Ordering};
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
    closed: AtomicBool,
}

/// Who runs.
#[derive(Debug, Clone)]
pub(super) struct Holder {
    pub run_id: RunId,
    pub operation: String,
    pub user: String,
    pub since: DateTime<Utc>,
    /// Stops it.
    pub cancel: CancelHandle,
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
    /// `55P03` saying who runs; `57014` when canceled while waiting; `57P01` once closed.
    pub async fn acquire(&self, me: Holder, timeout: Duration, progress: &dyn Progress) -> Result<RunTurn<'_>> {
        let turn = match self.turn.try_lock() {
            Ok(turn) => turn,
            Err(_) => {
                if let Some(holder) = self.holder() {
                    progress.event(RunEvent::Waiting { holder: &holder.to_string() });
                }
                tokio::select! {
                    turn = tokio::time::timeout(timeout, self.turn.lock()) => turn.map_err(|_| self.busy(timeout))?,
                    () = me.cancel.canceled() => return Err(canceled()),
                }
            }
        };
        if self.closed.load(Ordering::Acquire) {
            return Err(Error::new(ErrorKind::AdminShutdown, "the server is shutting down"));
        }
        *self.holder.lock() = Some(me);
        Ok(RunTurn { lock: self, _turn: turn })
    }

    /// Lets no further run begin, stops the one under way and waits for its end.
    pub async fn close(&self) {
        self.closed.store(true, Ordering::Release);
        if let Some(holder) = self.holder() {
            holder.cancel.cancel();
        }
        drop(self.turn.lock().await);
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
        Holder {
            run_id: RunId::new(),
            operation: operation.into(),
            user: "ana".into(),
            since: Utc::now(),
            cancel: CancelHandle::default(),
        }
    }

    #[tokio::test]
    async fn the_second_run_is_told_who_runs_and_gets_its_turn_afterwards() {
        let lock = RunLock::default();
        let first = lock.acquire(me("refresh gold"), Duration::ZERO, &Silent).await.unwrap();
        let error = lock.acquire(me("build"), Duration::from_millis(1), &Silent).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::LockNotAvailable);
        assert!(error.message().contains("refresh gold by ana"), "{error}");
        drop(first);
        lock.acquire(me("build"), Duration::ZERO, &Silent).await.unwrap();
    }

    #[tokio::test]
    async fn waiting_can_be_canceled() {
        let lock = RunLock::default();
        let _first = lock.acquire(me("refresh gold"), Duration::ZERO, &Silent).await.unwrap();
        let second = me("build");
        second.cancel.cancel();
        let error = lock.acquire(second, Duration::from_secs(3600), &Silent).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::QueryCanceled);
    }

    #[tokio::test]
    async fn closing_stops_the_run_under_way_and_lets_no_other_begin() {
        let lock = RunLock::default();
        let running = me("refresh gold");
        let cancel = running.cancel.clone();
        let turn = lock.acquire(running, Duration::ZERO, &Silent).await.unwrap();
        let run = async move {
            cancel.canceled().await;
            drop(turn);
        };
        tokio::join!(lock.close(), run);
        let error = lock.acquire(me("build"), Duration::ZERO, &Silent).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::AdminShutdown);
    }
}
