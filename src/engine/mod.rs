//! Plans and executes statements. The only builder of `SessionContext`.
//!
//! Invariant: a session's settings live in its own [`Session`]; nothing a client SETs is seen by another.
//! Invariant: cancel, deadline and memory limit are part of [`BatchStream`], so they cover every consumer alike.

mod session;
mod stream;

use std::sync::Arc;

use async_trait::async_trait;
use datafusion::execution::SessionState;
use datafusion::scalar::ScalarValue;

pub use session::{Notice, Outcome, Prepared, Session, SessionParams, Severity, TransactionStatus};
pub use stream::{BatchStream, CancelHandle};

use crate::catalog::{Catalog, Scope};
use crate::config::Config;
use crate::error::Result;

/// What all sessions of a process share: catalog, memory pool, disk, caches.
pub struct Engine {}

impl Engine {
    pub fn new(_config: &Config, _catalog: Arc<Catalog>) -> Result<Arc<Self>> {
        unimplemented!()
    }
    pub fn catalog(&self) -> &Arc<Catalog> {
        unimplemented!()
    }
    /// A client's session: settings of its own, no transaction yet.
    pub fn session(self: &Arc<Self>, _params: SessionParams) -> Session {
        unimplemented!()
    }
    /// DataFusion's view of one scope, for internal plans (model runs, tests). All functions, shared memory pool and
    /// caches; an `ObjectStoreRegistry` of its own where the scope has an overlay.
    pub fn state(&self, _scope: &Scope) -> Result<SessionState> {
        unimplemented!()
    }
    /// Gives `CALL` its procedures; once, at start-up. `run` implements it: the engine itself knows no pipeline.
    pub fn set_procedures(&self, _procedures: Arc<dyn Procedures>) {
        unimplemented!()
    }
}

/// Who carries out `CALL`.
#[async_trait]
pub trait Procedures: Send + Sync {
    /// Starts the procedure; it runs as the stream is polled, and stops when `cancel` fires or the stream is dropped.
    /// Unknown procedure: `42883` with the nearest name as hint.
    async fn call(&self, call: Call, notices: NoticeSink, cancel: CancelHandle) -> Result<BatchStream>;
    /// Name and argument names with types, for `pg_proc` and `\df`.
    fn signatures(&self) -> Vec<Signature>;
}

/// `CALL name(positional …, name => value …)`, arguments evaluated to constants.
#[derive(Debug, Clone)]
pub struct Call {
    pub name: String,
    pub positional: Vec<ScalarValue>,
    pub named: Vec<(String, ScalarValue)>,
}

#[derive(Debug, Clone)]
pub struct Signature {
    pub name: &'static str,
    /// (argument name, PostgreSQL type name, has a default)
    pub arguments: &'static [(&'static str, &'static str, bool)],
    pub comment: &'static str,
}

/// Where notices of a running statement go; the wire sends them between rows.
pub type NoticeSink = tokio::sync::mpsc::UnboundedSender<Notice>;
