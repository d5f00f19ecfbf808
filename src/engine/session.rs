//! One client's session: settings, transaction, prepared statements.
//!
//! Invariant: one statement at a time; after an error within a transaction nothing but its end is taken.

use std::collections::HashMap;
use std::sync::Arc;

use datafusion::arrow::datatypes::SchemaRef;
use datafusion::scalar::ScalarValue;
use datafusion::sql::sqlparser::ast;

use super::copy::CopyFrom;
use super::cursors::Cursors;
use super::lifted::Lifted;
use super::planned::Planned;
use super::queries::States;
use super::sessions::SessionEntry;
use super::settings::{NO_ROLE, ROLE, SESSION_AUTHORIZATION, Settings};
use super::statements::Execution;
use super::stream::Guard;
use super::time_travel::Past;
use super::transaction::Transaction;
use super::{
    BatchStream, CancelHandle, NoticeSink, Shared, control, copy, cursors, errors, explain, locks, parameters,
    procedures, write,
};
use crate::catalog::memberships::is_predefined;
use crate::catalog::{Memberships, Overlay, Scope};
use crate::dialect::{self, Statement};
use crate::error::{Error, ErrorKind, Result};
use crate::pgtypes::{CopyFormat, Encoding, Type};

/// Start-up parameters of a connection.
#[derive(Debug, Clone, Default)]
pub struct SessionParams {
    pub user: String,
    pub database: String,
    pub application_name: String,
    /// Settings given at start-up (`options=-c …`, `TimeZone`, `DateStyle` …).
    pub settings: Vec<(String, String)>,
    pub client_addr: Option<std::net::SocketAddr>,
    pub server_addr: Option<std::net::SocketAddr>,
    pub encryption: Option<Encryption>,
}

/// How a connection is encrypted.
#[derive(Debug, Clone)]
pub struct Encryption {
    /// `TLSv1.3`.
    pub version: &'static str,
    /// `TLS_AES_256_GCM_SHA384`.
    pub cipher: String,
    /// Of the cipher's key.
    pub bits: i32,
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
    pub(super) plan: Option<Arc<Planned>>,
    /// The query inside DECLARE or COPY; that inside EXPLAIN and CREATE TABLE AS where parameters have to be told.
    pub(super) query: Option<Arc<Prepared>>,
    /// What is planned in the statement's place, with values for its parameters.
    pub(super) lifted: Option<(Lifted, Vec<ScalarValue>)>,
}

/// What executing a statement gives.
pub enum Outcome {
    /// Rows; the tag is made from `tag` and the count of rows sent (`SELECT n`, `SHOW`, `CALL`, `EXPLAIN`, `FETCH n`).
    Rows { stream: BatchStream, tag: &'static str },
    /// Rows of a COPY to the client.
    CopyTo { stream: BatchStream, format: CopyFormat, encoding: Encoding },
    /// A COPY from the client, which is to be asked for the data: then [`Session::copy_from`].
    CopyFrom(CopyFrom),
    /// No rows: the command tag (`SET`, `BEGIN`, `ROLLBACK`, `CREATE VIEW` …).
    Command { tag: String },
    /// The statement was empty.
    Empty,
}

impl Outcome {
    pub(super) fn command(tag: impl Into<String>) -> Self {
        Self::Command { tag: tag.into() }
    }
}

/// A client's session. Not shared: one connection drives it, one statement at a time.
pub struct Session {
    pub(super) shared: Arc<Shared>,
    /// Who logged in.
    pub(super) user: String,
    /// Of the client, and where it reached the server.
    pub(super) addresses: (Option<std::net::SocketAddr>, Option<std::net::SocketAddr>),
    pub(super) encryption: Option<Encryption>,
    /// Its place in the list of sessions, once it has a process id.
    pub(super) entry: Option<Arc<SessionEntry>>,
    pub(super) settings: Settings,
    pub(super) transaction: Transaction,
    pub(super) guard: Guard,
    /// Prepared statements by name, of SQL's PREPARE and of the protocol's Parse.
    pub(super) named: HashMap<String, Arc<Prepared>>,
    pub(super) cursors: Cursors,
    notices: NoticeSink,
    unread_notices: Option<tokio::sync::mpsc::UnboundedReceiver<Notice>>,
    told_settings: Vec<(String, String)>,
    /// Of the last basis.
    pub(super) states: Option<States>,
    /// What only this session sees; none where the folder for it cannot be addressed.
    pub(super) temporary: Option<Arc<Overlay>>,
    past: Past,
    /// Since the client was last answered.
    pub(super) ended: Ended,
}

/// What came to an end.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Ended {
    #[default]
    Nothing,
    /// A statement, by an error.
    Failed,
    /// A transaction block, which was counted.
    Block,
}

impl Session {
    pub(super) fn new(shared: Arc<Shared>, params: SessionParams) -> Self {
        let (notices, unread) = tokio::sync::mpsc::unbounded_channel();
        let temporary = shared.catalog.temporary(shared.resources.spill_dir()).ok();
        let settings = shared.settings.of_session(&shared.running.roles, &params.user);
        let mut session = Self {
            shared,
            user: params.user,
            addresses: (params.client_addr, params.server_addr),
            encryption: params.encryption,
            entry: None,
            settings,
            transaction: Transaction::default(),
            guard: Guard::default(),
            named: HashMap::new(),
            cursors: Cursors::default(),
            notices,
            unread_notices: Some(unread),
            told_settings: Vec::new(),
            states: None,
            temporary,
            past: Past::default(),
            ended: Ended::default(),
        };
        // of all roles first; what the client asks for goes before both
        let of_roles = session.shared.catalog.current();
        for ((role, name), value) in &of_roles.role_settings {
            if (role.is_empty() || *role == session.user)
                && let Err(error) =
                    session.check_identity(name, value).and_then(|()| session.settings.set_start(name, value))
            {
                session.warn("01000", format!("setting \"{name}\" of the role is ignored: {}", error.message()));
            }
        }
        let application =
            (!params.application_name.is_empty()).then(|| ("application_name".to_owned(), params.application_name));
        for (name, value) in application.into_iter().chain(params.settings) {
            let allowed = session.check_identity(&name, &value);
            if let Err(error) = allowed.and_then(|()| session.settings.set_start(&name, &value)) {
                session.warn("01000", format!("start-up setting \"{name}\" is ignored: {}", error.message()));
            }
        }
        session
    }

    /// The prepared statements that have a name.
    pub fn named(&mut self) -> &mut HashMap<String, Arc<Prepared>> {
        &mut self.named
    }

    /// The statements of a query string.
    ///
    /// # Errors
    /// Those of [`dialect::parse`].
    pub fn parse(&self, sql: &str) -> Result<Arc<[Arc<Statement>]>> {
        if let Some(known) = self.shared.statements.get(sql) {
            return Ok(known);
        }
        let statements: Arc<[Arc<Statement>]> = dialect::parse(sql)?.into_iter().map(Arc::new).collect();
        // what is written comes with other values each time
        if statements.iter().all(|statement| matches!(statement.ast, ast::Statement::Query(_))) {
            self.shared.statements.put(sql, statements.clone());
        }
        Ok(statements)
    }

    /// Plans a statement: its parameter types and result columns. `hints[i]` is the type the client gave for `$i+1`,
    /// if any (0 = unspecified).
    pub async fn prepare(&mut self, statement: Arc<Statement>, hints: &[Option<Type>]) -> Result<Prepared> {
        if let Some(entry) = &self.entry {
            entry.tell(&statement.text);
        }
        let guard = self.guard.clone();
        let prepared = guard.run(Box::pin(self.prepare_unguarded(statement.clone(), hints))).await;
        self.note_failure(prepared.map_err(|error| errors::placed(error, &statement)))
    }

    /// Executes with values for the parameters, in the order of `Prepared::parameters`. Control statements (SET, SHOW,
    /// BEGIN, COMMIT, CALL …) are carried out here as well. After an error in a transaction the session is `Failed`
    /// until ROLLBACK (`25P02`).
    pub async fn execute(&mut self, prepared: &Prepared, params: &[ScalarValue]) -> Result<Outcome> {
        if let Some(entry) = &self.entry {
            entry.tell(&prepared.statement.text);
        }
        let execution = Execution::begin(&self.shared.running, self.settings.user(), &prepared.statement);
        // on the heap, as are the largest within: a connection's own future would be a hundred times larger
        let outcome = execution.over(Box::pin(self.execute_unnoted(prepared, params)).await);
        let outcome = outcome.map_err(|error| errors::placed(error, &prepared.statement));
        self.tell_named();
        self.note_failure(outcome)
    }

    /// Starts the clock of `statement_timeout` and takes a fresh cancel handle: called at the start of each simple query
    /// message, and of each Parse/Bind/Execute sequence.
    pub fn begin_statement(&mut self) -> CancelHandle {
        self.guard = Guard::with_timeout(self.settings.duration("statement_timeout"));
        self.wake();
        self.guard.cancel.clone()
    }

    /// Starts the clock again, for the next statement of a message or a sequence: it is cancelled with the others.
    pub fn restart_clock(&mut self) {
        self.guard = self.guard.with_clock(self.settings.duration("statement_timeout"));
    }

    /// Cancel and deadline of the statement in hand, for waits that are not the engine's: on the client's socket.
    pub fn guard(&self) -> &Guard {
        &self.guard
    }

    /// Whether rows of what was begun before may still be sent.
    ///
    /// # Errors
    /// `25P02` after an error in the transaction.
    pub fn check_not_failed(&self) -> Result<()> {
        self.transaction.check_not_failed()
    }

    pub fn status(&self) -> TransactionStatus {
        self.transaction.status()
    }

    /// Effective value of a setting (`TimeZone`, `DateStyle`, `bytea_output`, `client_min_messages` …), as SHOW prints it.
    pub fn setting(&self, name: &str) -> Option<String> {
        self.settings.get(name)
    }

    /// Reportable settings that changed since the last call, for ParameterStatus; the first call gives all of them.
    pub fn take_changed_settings(&mut self) -> Vec<(String, String)> {
        let now = self.settings.reported();
        let changed = now.iter().filter(|entry| !self.told_settings.contains(entry)).cloned().collect();
        self.told_settings = now;
        changed
    }

    /// Notices of running statements; taken once by the connection.
    pub fn take_notices(&mut self) -> tokio::sync::mpsc::UnboundedReceiver<Notice> {
        self.unread_notices.take().unwrap_or_else(|| tokio::sync::mpsc::unbounded_channel().1)
    }

    pub(super) fn notice_sink(&self) -> NoticeSink {
        self.notices.clone()
    }

    pub(super) fn warn(&self, sqlstate: &'static str, message: impl Into<String>) {
        self.say(Severity::Warning, sqlstate, message.into());
    }

    pub(super) fn notice(&self, sqlstate: &'static str, message: impl Into<String>) {
        self.say(Severity::Notice, sqlstate, message.into());
    }

    fn say(&self, severity: Severity, sqlstate: &'static str, message: String) {
        // Nobody listens once the connection is gone, and nobody minds.
        let _ = self.notices.send(Notice { severity, sqlstate, message, detail: None, hint: None });
    }

    /// Whether whom the session acts for may do what the role may.
    pub(super) fn acts_as(&self, role: &str) -> bool {
        self.may_act_as(self.settings.user(), role)
    }

    fn may_act_as(&self, user: &str, role: &str) -> bool {
        self.shared.running.roles.is_owner(user) || self.memberships().of(user).contains(role)
    }

    fn memberships(&self) -> Memberships {
        let newest = self.shared.catalog.current();
        match self.transaction.scope() {
            Some(scope) => scope.memberships(&newest),
            None => newest.memberships.clone(),
        }
    }

    /// Whether the session may go on as somebody else, where that is what the setting says.
    ///
    /// # Errors
    /// `22023` where there is no such role, `42501` where it is not the user's to become.
    pub(super) fn check_identity(&self, setting: &str, value: &str) -> Result<()> {
        let is = |name: &str| setting.eq_ignore_ascii_case(name);
        if !is(ROLE) && !is(SESSION_AUTHORIZATION) || is(ROLE) && value == NO_ROLE {
            return Ok(());
        }
        let running = &self.shared.running;
        if !running.roles.is_owner(value)
            && !is_predefined(value)
            && !running.users(&self.memberships()).contains(value)
        {
            return Err(Error::new(ErrorKind::InvalidParameter, format!("role \"{value}\" does not exist")));
        }
        let refused = |message: String| Err(Error::new(ErrorKind::InsufficientPrivilege, message));
        if is(ROLE) && !self.may_act_as(self.settings.session_user(), value) {
            return refused(format!("permission denied to set role \"{value}\""));
        }
        if is(SESSION_AUTHORIZATION) && value != self.user && !running.roles.is_owner(&self.user) {
            return refused("permission denied to set session authorization".to_owned());
        }
        Ok(())
    }

    pub(super) fn note_failure<T>(&mut self, outcome: Result<T>) -> Result<T> {
        if outcome.is_err() {
            self.fail();
        }
        outcome
    }

    pub(super) async fn prepare_unguarded(
        &mut self,
        statement: Arc<Statement>,
        hints: &[Option<Type>],
    ) -> Result<Prepared> {
        self.transaction.check(&statement.ast)?;
        if write::changes_rows(&statement.ast) {
            return Box::pin(write::prepare(self, statement, hints)).await;
        }
        let lifted = self.lifted(&statement).await?;
        let (plan, schema) = match &statement.ast {
            ast if write::is_write(ast) => (None, None),
            ast::Statement::Query(query) => {
                let planned = match &lifted {
                    Some((planned, ..)) => planned.clone(),
                    None => self.plan(&statement, hints).await?,
                };
                locks::check(&statement, query, &planned.logical)?;
                let schema = planned.schema.clone();
                (Some(planned), Some(schema))
            }
            ast::Statement::Execute { name, .. } => (None, self.named_schema(name.as_ref())),
            ast::Statement::Call(call) => (None, self.shared.call_schema(call)),
            ast::Statement::Fetch { name, into: None, .. } => (None, self.cursors.schema(name)),
            other => (None, control::result_schema(other)),
        };
        let query = self.prepare_inner(&statement, hints).await?;
        let parameters = match (&plan, &query) {
            _ if lifted.is_some() => Vec::new(),
            (Some(planned), _) => parameters::types(&planned.logical, &statement, hints)?,
            (None, Some(query)) => query.parameters.clone(),
            (None, None) => control::parameter_types(&statement, hints),
        };
        let lifted = lifted.map(|(_, lifted, values)| (lifted, values));
        Ok(Prepared { statement, parameters, schema, plan, query, lifted })
    }

    /// The plan of the statement with parameters in place of OIDs, if it can be planned so.
    async fn lifted(&mut self, statement: &Statement) -> Result<Option<(Arc<Planned>, Lifted, Vec<ScalarValue>)>> {
        let Some(lifted) = Lifted::of(statement) else { return Ok(None) };
        let planned = match self.plan(&lifted.statement, &[]).await {
            Ok(planned) if planned.reads_catalogs => planned,
            Err(error) if error.kind() == ErrorKind::QueryCanceled => return Err(error),
            _ => return Ok(None),
        };
        let values = lifted.values(&planned.logical);
        Ok(values.map(|values| (planned, lifted, values)))
    }

    /// The query inside DECLARE or COPY; that inside EXPLAIN and CREATE TABLE AS where parameters have to be told.
    async fn prepare_inner(&mut self, whole: &Statement, hints: &[Option<Type>]) -> Result<Option<Arc<Prepared>>> {
        let ast = match &whole.ast {
            ast::Statement::Declare { stmts } => ast::Statement::Query(Box::new(cursors::query_of(stmts)?.clone())),
            ast::Statement::Copy { source, to, target, .. } => match copy::query_of(self, source, *to, target).await? {
                Some(query) => query,
                None => return Ok(None),
            },
            _ if dialect::placeholder(whole).is_none() => return Ok(None),
            ast::Statement::Explain { statement, .. } => statement.as_ref().clone(),
            other => match write::table_query(other) {
                Some(query) => ast::Statement::Query(Box::new(query)),
                None => return Ok(None),
            },
        };
        let statement = Statement { text: whole.text.clone(), offset: whole.offset, ast };
        let prepared = Box::pin(self.prepare_unguarded(Arc::new(statement), hints)).await?;
        Ok(Some(Arc::new(prepared)))
    }

    async fn execute_unnoted(&mut self, prepared: &Prepared, params: &[ScalarValue]) -> Result<Outcome> {
        let statement = prepared.statement.clone();
        self.transaction.check(&statement.ast)?;
        match &statement.ast {
            ast if write::is_write(ast) => Box::pin(write::execute(self, prepared, params)).await,
            ast::Statement::Query(query) => {
                control::apply_set_config(self, prepared, query, params).await?;
                let stream = self.query(prepared, params, self.guard.clone()).await?;
                Ok(Outcome::Rows { stream, tag: "SELECT" })
            }
            ast::Statement::Declare { stmts } if let Some(query) = &prepared.query => {
                Box::pin(cursors::declare(self, stmts, query, params)).await
            }
            ast::Statement::Copy { values, .. } => match &prepared.query {
                Some(query) => Box::pin(copy::start(self, query, values)).await,
                None => copy::begin(self, &statement, values).await,
            },
            ast::Statement::Fetch { name, direction, into, .. } => {
                Box::pin(cursors::fetch(self, name, direction, into.as_ref())).await
            }
            ast::Statement::Explain { .. } => Box::pin(explain::explain(self, &statement, params)).await,
            _ => Box::pin(control::execute(self, &statement, params)).await,
        }
    }

    /// What a statement of this session sees now.
    pub(super) async fn scope(&mut self) -> Result<Scope> {
        match self.transaction.block_mut() {
            Some(block) => {
                block.used = true;
                Ok(block.scope.clone())
            }
            None => self.scope_outside().await,
        }
    }

    /// What a transaction that begins now would see.
    pub(super) async fn scope_outside(&mut self) -> Result<Scope> {
        let as_of = self.settings.get("lakewire.as_of").unwrap_or_default();
        Ok(self.past.scope(&self.shared.catalog, as_of).await?.with_temporary(self.temporary.clone()))
    }

    fn named_schema(&self, name: Option<&ast::ObjectName>) -> Option<SchemaRef> {
        self.named.get(&procedures::procedure_name(name?))?.schema.clone()
    }
}
