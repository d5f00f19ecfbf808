//! One client's session: settings, transaction, prepared plans.

use std::sync::Arc;

use datafusion::arrow::datatypes::SchemaRef;
use datafusion::scalar::ScalarValue;
use pgwire::api::Type;

use super::{BatchStream, CancelHandle};
use crate::dialect::Statement;
use crate::error::Result;

/// Start-up parameters of a connection.
#[derive(Debug, Clone, Default)]
pub struct SessionParams {
    pub user: String,
    pub database: String,
    pub application_name: String,
    /// Settings given at start-up (`options=-c …`, `TimeZone`, `DateStyle` …).
    pub settings: Vec<(String, String)>,
    pub client_addr: Option<std::net::SocketAddr>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Severity {
    Debug,
    Log,
    Info,
    Notice,
    Warning,
}

#[derive(Debug, Clone)]
pub struct Notice {
    pub severity: Severity,
    /// `00000` for a notice, `01000` for a warning.
    pub sqlstate: &'static str,
    pub message: String,
    pub detail: Option<String>,
    pub hint: Option<String>,
}

/// What ReadyForQuery reports: `I`, `T`, `E`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TransactionStatus {
    Idle,
    InTransaction,
    Failed,
}

/// A statement that was planned but has no parameter values yet.
#[derive(Debug, Clone)]
pub struct Prepared {
    pub statement: Arc<Statement>,
    /// Type of each `$n`, in order: as the client gave it, else inferred, else text.
    pub parameters: Vec<Type>,
    /// Columns of the result; `None` for a statement that returns no rows.
    pub schema: Option<SchemaRef>,
    // + the logical plan, and the release and settings it was made under
}

/// What executing a statement gives.
pub enum Outcome {
    /// Rows; the tag is made from `tag` and the count of rows sent (`SELECT n`, `SHOW`, `CALL`, `EXPLAIN`, `FETCH n`).
    Rows { stream: BatchStream, tag: &'static str },
    /// No rows: the command tag (`SET`, `BEGIN`, `ROLLBACK`, `CREATE VIEW` …).
    Command { tag: String },
    /// The statement was empty.
    Empty,
}

/// A client's session. Not shared: one connection drives it, one statement at a time.
pub struct Session {}

impl Session {
    /// Plans a statement: its parameter types and result columns. `hints[i]` is the type the client gave for `$i+1`,
    /// if any (0 = unspecified).
    pub async fn prepare(&mut self, _statement: Arc<Statement>, _hints: &[Option<Type>]) -> Result<Prepared> {
        unimplemented!()
    }
    /// Executes with values for the parameters, in the order of `Prepared::parameters`. Control statements (SET, SHOW,
    /// BEGIN, COMMIT, CALL …) are carried out here as well. After an error in a transaction the session is `Failed`
    /// until ROLLBACK (`25P02`).
    pub async fn execute(&mut self, _prepared: &Prepared, _params: &[ScalarValue]) -> Result<Outcome> {
        unimplemented!()
    }
    /// Starts the clock of `statement_timeout` and takes a fresh cancel handle: called at the start of each simple query
    /// message, and of each Parse/Bind/Execute sequence.
    pub fn begin_statement(&mut self) -> CancelHandle {
        unimplemented!()
    }
    /// Tells the session that the running statement failed outside `execute` (while streaming, encoding).
    pub fn fail(&mut self) {
        unimplemented!()
    }
    /// Extended-protocol Sync, or the end of a simple query: ends an implicit transaction.
    pub fn end_implicit_transaction(&mut self) {
        unimplemented!()
    }
    pub fn status(&self) -> TransactionStatus {
        unimplemented!()
    }
    /// Effective value of a setting (`TimeZone`, `DateStyle`, `bytea_output`, `client_min_messages` …), as SHOW prints it.
    pub fn setting(&self, _name: &str) -> Option<String> {
        unimplemented!()
    }
    /// Reportable settings that changed since the last call, for ParameterStatus.
    pub fn take_changed_settings(&mut self) -> Vec<(String, String)> {
        unimplemented!()
    }
    /// Notices of running statements; taken once by the connection.
    pub fn take_notices(&mut self) -> tokio::sync::mpsc::UnboundedReceiver<Notice> {
        unimplemented!()
    }
}
