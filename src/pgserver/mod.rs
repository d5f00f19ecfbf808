//! The PostgreSQL wire: accept, session, simple and extended query, cancel, errors.
//!
//! ```text
//! listener ─ accepts, limits, drains
//!   └ tls ─ startup ─ cancel requests, protocol version ─ auth
//!       └ connection ─ the state machine: one message at a time over one engine::Session
//!           ├ simple     Query: statements in order
//!           ├ extended   Parse, Bind, Describe, Execute, Close, Sync
//!           ├ rows       batches → bytes → socket, with back-pressure
//!           ├ copy       rows to the client, data from it
//!           └ notify     what the session hears by LISTEN
//! ```
//!
//! Messages to clients are pgwire's types. Messages from clients are decoded here ([`frontend`]): what a stranger sends
//! must neither panic nor be read past its frame, and text that is not UTF-8 must be an error, not replaced.
//!
//! Invariant: what is buffered for a client is bounded ([`io::FLUSH_BYTES`] and one row); a client that does not read
//! makes the server wait, not grow.
//! Invariant: while a statement runs, its client's disconnect, its cancel and the end of the server are noticed.
//! Invariant: after an error the client was told exactly once ([`errors::ReportedError`]).

mod auth;
mod cancel;
mod charset;
mod connection;
mod copy;
mod errors;
mod extended;
mod frontend;
mod io;
mod link;
mod listener;
mod notify;
mod rows;
mod simple;
mod startup;
mod tls;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

pub use listener::PgServer;

/// What the server needs to know, from the configuration.
#[derive(Debug, Clone)]
pub struct ServerSettings {
    /// `host:port` to listen on; port 0 takes a free one.
    pub listen: String,
    /// The one database there is.
    pub database: String,
    /// Sessions at once; one more is told `53300`.
    pub connections_max: usize,
    /// Bytes of one message from a client; a longer one ends the connection.
    pub message_bytes_max: usize,
    /// Prepared statements of one session; one more is told `54000`.
    pub statements_max: usize,
    /// Portals of one session, likewise.
    pub portals_max: usize,
    /// From accept to ReadyForQuery.
    pub authentication_timeout: Duration,
    /// How long running statements may go on once the server stops.
    pub shutdown_timeout: Duration,
    /// By user, asked by SCRAM-SHA-256. None: whoever connects is trusted, on loopback only.
    pub passwords: BTreeMap<String, String>,
    /// Encrypts connections whose clients ask for it.
    pub tls: Option<TlsFiles>,
    /// Refuses those that do not.
    pub tls_required: bool,
}

/// Certificate chain and private key, as PEM files.
#[derive(Debug, Clone)]
pub struct TlsFiles {
    pub certificate: PathBuf,
    pub key: PathBuf,
}

impl Default for ServerSettings {
    fn default() -> Self {
        Self {
            listen: "127.0.0.1:5433".to_owned(),
            database: "lake".to_owned(),
            connections_max: 100,
            message_bytes_max: 64 << 20,
            statements_max: 1_000,
            portals_max: 100,
            authentication_timeout: Duration::from_secs(60),
            shutdown_timeout: Duration::from_secs(10),
            passwords: BTreeMap::new(),
            tls: None,
            tls_required: false,
        }
    }
}
