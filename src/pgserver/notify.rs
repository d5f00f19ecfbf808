//! What a session hears by LISTEN: what other sessions notify, and on `lakewire_release` a notification for every release.

use std::collections::VecDeque;
use std::sync::Arc;

use pgwire::messages::response::NotificationResponse;
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::sync::watch;

use crate::catalog::Release;
use crate::engine::{Mailbox, Notification};

/// The channel that tells of releases; the payload is the release's number.
const RELEASES: &str = "lakewire_release";
/// Releases that one session is told of at once; a session that slept through more hears of the newest.
const BACKLOG_MAX: u64 = 1_000;

/// What one session hears.
#[derive(Debug)]
pub(super) struct Listener {
    pid: i32,
    releases: watch::Receiver<Arc<Release>>,
    /// The last release the session was told of, or that was there when it began to listen; `None` while it does not.
    told: Option<u64>,
    heard: Option<UnboundedReceiver<Notification>>,
    waiting: VecDeque<Notification>,
    taken: usize,
}

impl Listener {
    pub(super) fn new(
        pid: i32,
        releases: watch::Receiver<Arc<Release>>,
        heard: Option<UnboundedReceiver<Notification>>,
    ) -> Self {
        Self { pid, releases, told: None, heard, waiting: VecDeque::new(), taken: 0 }
    }

    /// Takes note of what the session listens to now.
    pub(super) fn attend(&mut self, mailbox: Option<&Mailbox>) {
        let Some(mailbox) = mailbox else { return };
        (0..std::mem::take(&mut self.taken)).for_each(|_| mailbox.read());
        match (mailbox.listens_to(RELEASES), self.told) {
            (true, None) => self.told = Some(self.releases.borrow_and_update().id().0),
            (false, Some(_)) => self.told = None,
            _ => {}
        }
    }

    /// What is to be told now.
    pub(super) fn pending(&mut self) -> Vec<NotificationResponse> {
        while let Some(Ok(next)) = self.heard.as_mut().map(UnboundedReceiver::try_recv) {
            self.waiting.push_back(next);
        }
        self.taken += self.waiting.len();
        let said = self.waiting.drain(..).map(|said| NotificationResponse::new(said.pid, said.channel, said.payload));
        let mut all: Vec<_> = said.collect();
        if let Some(told) = self.told {
            let newest = self.releases.borrow_and_update().id().0;
            let first = (told + 1).max(newest.saturating_sub(BACKLOG_MAX - 1));
            self.told = Some(told.max(newest));
            let release = |id: u64| NotificationResponse::new(self.pid, RELEASES.to_owned(), id.to_string());
            all.extend((first..=newest).map(release));
        }
        all
    }

    /// Returns when there may be something to tell. Cancel-safe.
    pub(super) async fn changed(&mut self) {
        let (releases, follows) = (&mut self.releases, self.told.is_some());
        let released = async {
            if !follows || releases.changed().await.is_err() {
                std::future::pending::<()>().await;
            }
        };
        let heard = async {
            match &mut self.heard {
                Some(heard) => match heard.recv().await {
                    Some(next) => next,
                    None => std::future::pending().await,
                },
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            next = heard => self.waiting.push_back(next),
            () = released => {}
        }
    }
}
