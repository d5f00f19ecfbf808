//! LISTEN and NOTIFY between the sessions of this server.
//!
//! Invariant: what a session notifies and listens to counts from its commit on; a rollback forgets it.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicUsize, Ordering};

use parking_lot::Mutex;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use super::sessions::Sessions;
use crate::error::{Error, ErrorKind, Result};

/// Longest payload, in bytes, as in PostgreSQL.
const PAYLOAD_BYTES_MAX: usize = 7_999;
const CHANNEL_BYTES_MAX: usize = 63;
/// Notifications that one session may leave unread before nobody may send it more.
const UNREAD_MAX: usize = 100_000;

/// What a listener hears.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notification {
    /// Process id of the session that sent it.
    pub pid: i32,
    pub channel: String,
    pub payload: String,
}

/// What waits for the commit.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Action {
    Listen(String),
    /// `None`: all channels.
    Unlisten(Option<String>),
    Notify {
        channel: String,
        payload: String,
    },
}

/// One session's part in it: what it hears, and what it is about to say.
#[derive(Debug)]
pub struct Mailbox {
    channels: Mutex<BTreeSet<String>>,
    pending: Mutex<Vec<Action>>,
    sender: UnboundedSender<Notification>,
    receiver: Mutex<Option<UnboundedReceiver<Notification>>>,
    unread: AtomicUsize,
}

impl Default for Mailbox {
    fn default() -> Self {
        let (sender, receiver) = unbounded_channel();
        Self {
            channels: Mutex::default(),
            pending: Mutex::default(),
            sender,
            receiver: Mutex::new(Some(receiver)),
            unread: AtomicUsize::new(0),
        }
    }
}

impl Mailbox {
    /// What the session hears; taken once, by its connection.
    pub fn take_receiver(&self) -> Option<UnboundedReceiver<Notification>> {
        self.receiver.lock().take()
    }

    /// To be told of each notification that was taken from the receiver.
    pub fn read(&self) {
        self.unread.fetch_sub(1, Ordering::Relaxed);
    }

    pub fn listens_to(&self, channel: &str) -> bool {
        self.channels.lock().contains(channel)
    }

    /// The channels listened to, by name.
    pub fn channels(&self) -> Vec<String> {
        self.channels.lock().iter().cloned().collect()
    }

    pub(super) fn listen(&self, channel: &str) -> Result<()> {
        check_channel(channel)?;
        self.pending.lock().push(Action::Listen(channel.to_owned()));
        Ok(())
    }

    pub(super) fn unlisten(&self, channel: Option<&str>) {
        self.pending.lock().push(Action::Unlisten(channel.map(str::to_owned)));
    }

    /// Says it at commit; the same twice in a transaction is said once.
    ///
    /// # Errors
    /// `22023` for a name or a payload that is too long.
    pub fn notify(&self, channel: &str, payload: &str) -> Result<()> {
        check_channel(channel)?;
        if payload.len() > PAYLOAD_BYTES_MAX {
            return Err(Error::new(ErrorKind::InvalidParameter, "payload string too long"));
        }
        let action = Action::Notify { channel: channel.to_owned(), payload: payload.to_owned() };
        let mut pending = self.pending.lock();
        if !pending.contains(&action) {
            pending.push(action);
        }
        Ok(())
    }

    /// How much is pending, to return to.
    pub(super) fn mark(&self) -> usize {
        self.pending.lock().len()
    }

    /// Forgets what came after the mark.
    pub(super) fn return_to(&self, mark: usize) {
        self.pending.lock().truncate(mark);
    }

    /// Does what is pending, in order.
    pub(super) fn commit(&self, pid: i32, sessions: &Sessions) {
        let pending = std::mem::take(&mut *self.pending.lock());
        for action in pending {
            match action {
                Action::Listen(channel) => drop(self.channels.lock().insert(channel)),
                Action::Unlisten(Some(channel)) => drop(self.channels.lock().remove(&channel)),
                Action::Unlisten(None) => self.channels.lock().clear(),
                Action::Notify { channel, payload } => {
                    for entry in sessions.all() {
                        entry.mailbox.hear(Notification { pid, channel: channel.clone(), payload: payload.clone() });
                    }
                }
            }
        }
    }

    fn hear(&self, notification: Notification) {
        if !self.listens_to(&notification.channel) {
            return;
        }
        if self.unread.fetch_add(1, Ordering::Relaxed) >= UNREAD_MAX || self.sender.send(notification).is_err() {
            self.unread.fetch_sub(1, Ordering::Relaxed);
        }
    }

    fn is_full(&self) -> bool {
        self.unread.load(Ordering::Relaxed) >= UNREAD_MAX
    }
}

/// Whether whoever listens has room.
///
/// # Errors
/// `54000` where a session has left too much unread: nothing is dropped without a word.
pub(super) fn check_room(channel: &str, sessions: &Sessions) -> Result<()> {
    let full = sessions.all().iter().any(|entry| entry.mailbox.is_full() && entry.mailbox.listens_to(channel));
    if full {
        return Err(Error::new(ErrorKind::ProgramLimitExceeded, "too many notifications in the NOTIFY queue")
            .with_hint("a session that listens does not read: end its transaction or the session"));
    }
    Ok(())
}

fn check_channel(channel: &str) -> Result<()> {
    if channel.is_empty() {
        return Err(Error::new(ErrorKind::InvalidParameter, "channel name cannot be empty"));
    }
    if channel.len() > CHANNEL_BYTES_MAX {
        return Err(Error::new(ErrorKind::InvalidParameter, "channel name too long"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_counts_before_the_commit() {
        let mailbox = Mailbox::default();
        mailbox.listen("a").unwrap();
        let mark = mailbox.mark();
        mailbox.listen("b").unwrap();
        mailbox.return_to(mark);
        assert!(mailbox.channels().is_empty());
        mailbox.commit(1, &Sessions::default());
        assert_eq!(mailbox.channels(), ["a"]);
        mailbox.unlisten(None);
        mailbox.commit(1, &Sessions::default());
        assert!(mailbox.channels().is_empty());
        assert_eq!(mailbox.notify("", "x").unwrap_err().message(), "channel name cannot be empty");
        assert_eq!(mailbox.notify("a", &"x".repeat(8000)).unwrap_err().message(), "payload string too long");
    }
}
