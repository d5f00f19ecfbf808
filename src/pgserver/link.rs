//! The connection to one client while something runs: rows and notices out, disconnect and shutdown in.

use std::panic::AssertUnwindSafe;
use std::pin::pin;
use std::time::Duration;

use futures::FutureExt;
use tokio::sync::mpsc::UnboundedReceiver;
use tokio_util::sync::CancellationToken;

use super::errors::{Halt, is_sent, notice_response};
use super::frontend::Frame;
use super::io::{Reader, Writer};
use super::notify::Listener;
use crate::engine::{Guard, Notice};
use crate::error::{Error, ErrorKind, Result};

/// How long work may take to notice that it was cancelled before it is dropped where it stands.
const CANCEL_GRACE: Duration = Duration::from_secs(2);

/// The two steps of the server's end.
#[derive(Debug, Clone, Default)]
pub(super) struct Stop {
    /// Sessions that wait for their client end; statements that run may finish.
    pub shutdown: CancellationToken,
    /// Statements end too.
    pub terminate: CancellationToken,
}

impl Stop {
    /// For one session, which may end before the server does.
    pub(super) fn child(&self) -> Self {
        Self { shutdown: self.shutdown.child_token(), terminate: self.terminate.child_token() }
    }

    /// Ends the session, whatever it does.
    pub(super) fn end(&self) {
        self.shutdown.cancel();
        self.terminate.cancel();
    }
}

pub(super) struct Link {
    pub(super) reader: Reader,
    pub(super) writer: Writer,
    notices: UnboundedReceiver<Notice>,
    /// `client_min_messages` of the session.
    pub(super) least_notice: String,
    pub(super) stop: Stop,
}

impl Link {
    pub(super) fn new(reader: Reader, writer: Writer, notices: UnboundedReceiver<Notice>, stop: Stop) -> Self {
        Self { reader, writer, notices, least_notice: "notice".to_owned(), stop }
    }

    /// The client's next message; `idle` is how long it may take and what it means when it takes longer. While
    /// waiting, what `listener` hears is sent.
    pub(super) async fn next(
        &mut self,
        idle: Option<(Duration, Error)>,
        mut listener: Option<&mut Listener>,
    ) -> Result<Frame, Halt> {
        let mut idle = pin!(async {
            match idle {
                Some((limit, error)) => {
                    tokio::time::sleep(limit).await;
                    error
                }
                None => std::future::pending().await,
            }
        });
        loop {
            let heard = async {
                match &mut listener {
                    Some(listener) => listener.changed().await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                biased;
                () = self.stop.shutdown.cancelled() => return Err(Halt::Fatal(shutting_down())),
                frame = self.reader.frame() => return frame,
                error = &mut idle => return Err(Halt::Fatal(error)),
                () = heard => {}
            }
            self.put_notifications(listener.as_deref_mut());
            self.flush().await?;
        }
    }

    /// Appends what the session is to hear.
    pub(super) fn put_notifications(&mut self, listener: Option<&mut Listener>) {
        for notification in listener.map(Listener::pending).unwrap_or_default() {
            self.writer.put(&notification);
        }
    }

    /// Runs engine work to its end, unless the client goes away or the server ends. Notices are sent as they come;
    /// with `flush`, so is what is buffered already, as soon as the work makes us wait.
    pub(super) async fn watch<T>(
        &mut self,
        running: &Guard,
        mut flush: bool,
        work: impl Future<Output = Result<T>>,
    ) -> Result<T, Halt> {
        let mut work = pin!(AssertUnwindSafe(work).catch_unwind());
        let mut overdue = pin!(overdue(running));
        loop {
            tokio::select! {
                biased;
                done = &mut work => {
                    self.put_notices();
                    return done.unwrap_or_else(|panic| Err(panicked(&*panic))).map_err(Halt::Failed);
                }
                Some(notice) = self.notices.recv() => {
                    self.put_notice(&notice);
                    flush = true;
                }
                written = self.writer.flush(), if flush => {
                    written?;
                    flush = false;
                }
                lost = self.reader.gone() => {
                    running.cancel.cancel();
                    return Err(Halt::Lost(lost));
                }
                () = self.stop.terminate.cancelled() => {
                    running.cancel.cancel();
                    return Err(Halt::Fatal(shutting_down()));
                }
                () = &mut overdue => return Err(Halt::Failed(canceled())),
            }
        }
    }

    /// Writes what is buffered while a statement runs. A client that does not read makes this wait; its
    /// leaving, a cancel, the deadline, and the server's end do not.
    pub(super) async fn flush_running(&mut self, running: &Guard) -> Result<(), Halt> {
        tokio::select! {
            biased;
            written = running.run(async { Ok(self.writer.flush().await) }) => Ok(written??),
            lost = self.reader.gone() => {
                running.cancel.cancel();
                Err(Halt::Lost(lost))
            }
            () = self.stop.terminate.cancelled() => {
                running.cancel.cancel();
                Err(Halt::Fatal(shutting_down()))
            }
        }
    }

    /// Writes what is buffered when nothing runs.
    pub(super) async fn flush(&mut self) -> Result<(), Halt> {
        tokio::select! {
            biased;
            written = self.writer.flush() => Ok(written?),
            () = self.stop.terminate.cancelled() => Err(Halt::Fatal(shutting_down())),
        }
    }

    /// Appends the notices that have come.
    pub(super) fn put_notices(&mut self) {
        while let Ok(notice) = self.notices.try_recv() {
            self.put_notice(&notice);
        }
    }

    fn put_notice(&mut self, notice: &Notice) {
        if is_sent(notice.severity, &self.least_notice) {
            self.writer.put(&notice_response(notice));
        }
    }
}

async fn overdue(running: &Guard) {
    running.cancel.canceled().await;
    tokio::time::sleep(CANCEL_GRACE).await;
}

pub(super) fn canceled() -> Error {
    Error::new(ErrorKind::QueryCanceled, "canceling statement due to user request")
}

pub(super) fn shutting_down() -> Error {
    Error::new(ErrorKind::AdminShutdown, "terminating connection due to administrator command")
}

pub(super) fn panicked(panic: &(dyn std::any::Any + Send)) -> Error {
    let message = panic.downcast_ref::<String>().map(String::as_str).or_else(|| panic.downcast_ref::<&str>().copied());
    Error::internal(format!("a statement panicked: {}", message.unwrap_or("no message")))
}
