//! `LISTEN lakewire_release`: a notification for every release.
//!
//! Other channels can be listened on; nothing is ever sent to them here.

use std::collections::BTreeSet;
use std::sync::Arc;

use datafusion::sql::sqlparser::ast;
use pgwire::messages::response::NotificationResponse;
use tokio::sync::watch;

use crate::catalog::Release;

/// The channel that tells of releases; the payload is the release's number.
const RELEASES: &str = "lakewire_release";
/// Releases that one session is told of at once; a session that slept through more hears of the newest.
const BACKLOG_MAX: u64 = 1_000;

/// What one session listens on.
#[derive(Debug)]
pub(super) struct Listener {
    pid: i32,
    channels: BTreeSet<String>,
    releases: watch::Receiver<Arc<Release>>,
    /// The last release the session was told of, or that was there when it began to listen.
    told: u64,
}

impl Listener {
    pub(super) fn new(pid: i32, releases: watch::Receiver<Arc<Release>>) -> Self {
        Self { pid, channels: BTreeSet::new(), releases, told: 0 }
    }

    /// Takes note of a statement that was carried out.
    pub(super) fn observe(&mut self, statement: &ast::Statement) {
        match statement {
            ast::Statement::LISTEN { channel } => {
                let channel = channel_name(channel);
                if channel == RELEASES && !self.channels.contains(RELEASES) {
                    self.told = self.releases.borrow_and_update().id().0;
                }
                self.channels.insert(channel);
            }
            ast::Statement::UNLISTEN { channel } if channel.value == "*" => self.channels.clear(),
            ast::Statement::UNLISTEN { channel } => drop(self.channels.remove(&channel_name(channel))),
            ast::Statement::Discard { object_type: ast::DiscardObject::ALL } => self.channels.clear(),
            _ => {}
        }
    }

    /// What is to be told now.
    pub(super) fn pending(&mut self) -> Vec<NotificationResponse> {
        if !self.channels.contains(RELEASES) {
            return Vec::new();
        }
        let newest = self.releases.borrow_and_update().id().0;
        let first = (self.told + 1).max(newest.saturating_sub(BACKLOG_MAX - 1));
        self.told = self.told.max(newest);
        let notification = |release: u64| NotificationResponse::new(self.pid, RELEASES.to_owned(), release.to_string());
        (first..=newest).map(notification).collect()
    }

    /// Returns when there may be something to tell; never, where nothing is listened on. Cancel-safe.
    pub(super) async fn changed(&mut self) {
        if !self.channels.contains(RELEASES) || self.releases.changed().await.is_err() {
            std::future::pending().await
        }
    }
}

fn channel_name(name: &ast::Ident) -> String {
    if name.quote_style.is_some() { name.value.clone() } else { name.value.to_lowercase() }
}
