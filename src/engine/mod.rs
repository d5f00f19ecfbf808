//! Plans and executes statements. The only builder of DataFusion's session states.
//!
//! Invariant: a session's settings live in its own [`Session`]; nothing a client SETs is seen by another.
//! Invariant: cancel, deadline and memory limit are part of [`BatchStream`], so they cover every consumer alike.

mod advisory_locks;
mod aggregates;
mod arithmetic;
mod array_agg;
mod base;
mod blocks;
mod buffered;
mod coalesce;
mod context;
mod control;
mod copy;
mod cursors;
mod errors;
mod exact;
mod execute;
mod explain;
mod fixed_literals;
mod frame_parameters;
mod from_entries;
mod history;
mod interrupt;
mod lifted;
mod locks;
mod math;
mod memory;
mod misspelled;
mod modes;
mod names;
mod notify;
mod number_series;
mod optimizer;
mod overflows;
mod parameters;
mod plan;
mod plan_json;
mod planned;
mod planner;
mod planner_words;
mod portals;
mod postgres_settings;
mod powers;
mod presence;
mod procedures;
mod queries;
mod randoms;
mod reg_values;
mod remembered;
mod rights;
mod role_statements;
mod roles;
mod running;
mod runtime;
mod scope_catalog;
mod session;
mod sessions;
mod setting_values;
mod settings;
mod shown_numeric;
mod shown_scales;
mod single_value;
mod sql_types;
mod statements;
mod stream;
mod system;
mod system_columns;
mod text_casts;
mod time_travel;
mod transaction;
mod tree;
mod typing;
mod unknown_functions;
mod unknown_operators;
mod unpopulated;
mod unsupported;
mod workers;
mod write;

use std::collections::HashSet;
use std::fmt;
use std::sync::{Arc, OnceLock};

use async_trait::async_trait;
use datafusion::arrow::datatypes::{Field, SchemaRef};
use datafusion::execution::SessionState;
use datafusion::logical_expr::LogicalPlan;
use datafusion::scalar::ScalarValue;
use datafusion::sql::sqlparser::ast;
use parking_lot::{Mutex, RwLock};

pub use advisory_locks::{AdvisoryLocks, ListedLock, LockKey};
pub use context::{Role, SessionInfo};
pub use copy::CopyFrom;
pub use errors::from_datafusion;
pub use notify::{Mailbox, Notification};
pub use running::{Figures, Running};
pub use session::{Encryption, Notice, Outcome, Prepared, Session, SessionParams, Severity, TransactionStatus};
pub use sessions::{Activity, ActivityState, Named, NamedCursor, NamedStatement, SessionEntry, Sessions};
pub use settings::{ListedSetting, SERVER_VERSION, Settings};
pub use stream::{BatchStream, CancelHandle, Guard};
pub use system::{SystemTable, SystemTables};

use crate::catalog::{Catalog, Release, Scope};
use crate::config::Config;
use crate::dialect::{self, Statement};
use crate::error::Result;
use crate::functions;
use crate::pgcatalog::{Facts, Metadata};
use crate::pgfunctions::{SessionStyle, type_name};
use planner::Planner;
use remembered::Remembered;
use runtime::Resources;
use scope_catalog::ScopeCatalog;

/// Plans remembered, and how long the texts of their statements may be.
const PLANS_MAX: usize = 1024;
const PLAN_TEXT_BYTES_MAX: usize = 16 * 1024;
/// The same of statements that are parsed only; a tree is some twenty times as large as its text.
const STATEMENTS_MAX: usize = 512;
const STATEMENT_BYTES_MAX: usize = 4 * 1024;

/// Plans internal work under these; a lake's own schemas are always written out there.
const INTERNAL_USER: &str = "lakewire";

/// What all sessions of a process share: catalog, memory pool, disk, caches.
#[derive(Debug)]
pub struct Engine {
    shared: Arc<Shared>,
}

/// The engine's inside, which sessions and plans hold on to.
struct Shared {
    catalog: Arc<Catalog>,
    database: String,
    resources: Resources,
    base: SessionState,
    /// Of all functions that can be called.
    function_names: Arc<HashSet<String>>,
    /// What a connection's settings start from.
    settings: Settings,
    procedures: OnceLock<Arc<dyn Procedures>>,
    system: RwLock<Vec<Arc<dyn SystemTables>>>,
    plans: Remembered<Arc<planned::Planned>>,
    statements: Remembered<Arc<[Arc<Statement>]>>,
    running: Arc<Running>,
    /// PostgreSQL's catalogs of the last release asked for.
    metadata: Mutex<Option<(Arc<Release>, Arc<Metadata>)>>,
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Engine").field("database", &self.database).finish_non_exhaustive()
    }
}

impl Engine {
    /// # Errors
    /// `Config` or `Io` where the spill folder cannot be used.
    pub fn new(config: &Config, catalog: Arc<Catalog>) -> Result<Arc<Self>> {
        let resources = Resources::new(config, catalog.lake())?;
        let base = base::state(config, resources.shared().clone())?;
        let shared = Shared {
            database: config.server.database.clone(),
            settings: starting_settings(config)?,
            running: Arc::new(Running::new(roles::Roles::new(config), catalog.clone())),
            catalog,
            resources,
            function_names: Arc::new(base::function_names(&base)),
            base,
            procedures: OnceLock::new(),
            system: RwLock::new(vec![Arc::new(system::CatalogTables { settings: config.entries().to_vec() })]),
            plans: Remembered::new(PLANS_MAX, PLAN_TEXT_BYTES_MAX),
            statements: Remembered::new(STATEMENTS_MAX, STATEMENT_BYTES_MAX),
            metadata: Mutex::new(None),
        };
        Ok(Arc::new(Self { shared: Arc::new(shared) }))
    }

    pub fn catalog(&self) -> &Arc<Catalog> {
        &self.shared.catalog
    }

    /// A client's session: settings of its own, no transaction yet.
    pub fn session(self: &Arc<Self>, params: SessionParams) -> Session {
        Session::new(self.shared.clone(), params)
    }

    /// Who is connected.
    pub fn sessions(&self) -> &Sessions {
        &self.shared.running.sessions
    }

    /// DataFusion's view of one scope, for internal plans (model runs, tests). All functions, shared memory pool and
    /// caches; an `ObjectStoreRegistry` of its own where the scope has an overlay.
    pub fn state(&self, scope: &Scope) -> Result<SessionState> {
        Ok(self.shared.internal_state(scope))
    }

    /// Plans one query over the scope. Names must have their schema, or be PostgreSQL's.
    ///
    /// # Errors
    /// As for a client's statement, positions included.
    pub async fn plan(&self, scope: &Scope, sql: &str) -> Result<LogicalPlan> {
        self.plan_statement(scope, &dialect::parse_single(sql)?).await
    }

    /// [`Engine::plan`] for a statement that is parsed already.
    pub async fn plan_statement(&self, scope: &Scope, statement: &Statement) -> Result<LogicalPlan> {
        let planner = self.shared.clone().planner_of(scope.clone(), &[]);
        planner.visible(planner.plan(statement).await?)
    }

    /// The query as every session reads it alike: literals that depend on time zone or formats are those of the server's.
    ///
    /// # Errors
    /// As [`Engine::plan`].
    pub async fn fixed(&self, scope: &Scope, sql: &str) -> Result<String> {
        self.shared.clone().planner_of(scope.clone(), &[]).fixed(sql).await
    }

    /// Runs a plan made by [`Engine::plan`] in a state made by [`Engine::state`], until cancelled.
    pub async fn execute(&self, state: SessionState, plan: &LogicalPlan, cancel: CancelHandle) -> Result<BatchStream> {
        execute::rows(&self.shared.resources, &Arc::new(state), plan, Guard::new(cancel)).await
    }

    /// Runs long work apart from the threads that serve clients.
    pub fn spawn<T: Send + 'static>(
        &self,
        work: impl Future<Output = T> + Send + 'static,
    ) -> tokio::task::JoinHandle<T> {
        self.shared.resources.workers().spawn(work)
    }

    /// Gives `CALL` its procedures; once, at start-up. `run` implements it: the engine itself knows no pipeline.
    pub fn set_procedures(&self, procedures: Arc<dyn Procedures>) {
        // The first to come stays: replacing procedures under running sessions is not foreseen.
        let _ = self.shared.procedures.set(procedures);
    }

    /// Adds tables to schema `lakewire`.
    pub fn add_system_tables(&self, tables: Arc<dyn SystemTables>) {
        self.shared.system.write().push(tables);
        *self.shared.metadata.lock() = None;
    }
}

fn starting_settings(config: &Config) -> Result<Settings> {
    let mut settings = Settings::default();
    let milliseconds = |duration: std::time::Duration| format!("{}ms", duration.as_millis());
    settings.configure("statement_timeout", &milliseconds(config.limits.statement_timeout))?;
    let idle = config.limits.idle_in_transaction_session_timeout;
    settings.configure("idle_in_transaction_session_timeout", &milliseconds(idle))?;
    settings.force("listen_addresses", &config.server.listen.0.ip().to_string());
    settings.force("port", &config.server.listen.0.port().to_string());
    settings.force("max_connections", &config.server.max_connections.to_string());
    // there are none
    settings.force("unix_socket_directories", "");
    settings.force("ssl", if config.server.tls_certificate.is_some() { "on" } else { "off" });
    Ok(settings)
}

impl Shared {
    fn system_tables(&self) -> Vec<Arc<dyn SystemTables>> {
        self.system.read().clone()
    }

    /// PostgreSQL's catalogs of what the scope sees.
    fn metadata(&self, scope: &Scope) -> Arc<Metadata> {
        let make = || {
            let listed = functions::listed().map(|(name, arguments, comment)| Signature { name, arguments, comment });
            let facts = Facts {
                database: self.database.clone(),
                system: self.system_tables().iter().flat_map(|tables| tables.tables()).collect(),
                procedures: self.procedures.get().map(|p| p.signatures()).unwrap_or_default(),
                relation_functions: listed.collect(),
                functions: self.function_names.clone(),
            };
            Arc::new(Metadata::new(scope, facts))
        };
        let own = scope.temporary.as_ref().is_some_and(|temporary| !temporary.is_empty());
        if scope.overlay.is_some() || own {
            return make();
        }
        let mut remembered = self.metadata.lock();
        match remembered.as_ref() {
            Some((release, metadata)) if Arc::ptr_eq(release, &scope.release) => metadata.clone(),
            _ => {
                let metadata = make();
                *remembered = Some((scope.release.clone(), metadata.clone()));
                metadata
            }
        }
    }

    /// A state whose functions know the session.
    fn state_for(&self, scope: &Scope, info: SessionInfo) -> SessionState {
        let mut state = self.base.clone();
        let options = state.config_mut().options_mut();
        // timestamps with time zone are held in UTC; the session's zone is part of its style
        options.execution.time_zone = Some("UTC".to_owned());
        options.extensions.insert(SessionStyle(info.style()));
        options.extensions.insert(info);
        if scope.overlay.is_some() {
            state = base::with_runtime(state, self.resources.of_scope(scope));
        }
        // Functions get their options from here; the clock is set anew for plans that read it.
        state.mark_start_execution();
        state
    }

    fn internal_state(self: &Arc<Self>, scope: &Scope) -> SessionState {
        let settings = self.settings.of_session(&self.running.roles, INTERNAL_USER);
        let info = SessionInfo::new(None, None, self.running.clone(), settings, self.metadata(scope));
        let mut state = self.state_for(scope, info);
        state.register_catalog_list(Arc::new(ScopeCatalog::new(self.clone(), scope.clone())));
        state
    }

    /// A planner for internal work over the scope, with the given search path.
    fn planner_of(self: Arc<Self>, scope: Scope, search_path: &[String]) -> Planner {
        let state = Arc::new(self.internal_state(&scope));
        let metadata = self.metadata(&scope);
        let path = match search_path {
            [] => self.settings.of_session(&self.running.roles, INTERNAL_USER).search_path(),
            path => path.to_vec(),
        };
        Planner::new(self, scope, state, path, metadata)
    }

    fn call_schema(&self, call: &ast::Function) -> Option<SchemaRef> {
        self.procedures.get()?.result_schema(&procedures::procedure_name(&call.name))
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
    /// Columns that `call` will return, for clients that ask before they execute. `None` where they are not known before.
    fn result_schema(&self, _name: &str) -> Option<SchemaRef> {
        None
    }
}

/// `CALL name(positional …, name => value …)`, arguments evaluated to constants.
#[derive(Debug, Clone)]
pub struct Call {
    /// Who calls.
    pub user: String,
    pub name: String,
    pub positional: Vec<ScalarValue>,
    pub named: Vec<(String, ScalarValue)>,
}

impl Call {
    /// The call by its types, as PostgreSQL names one that it does not know.
    pub fn types_told(&self) -> String {
        let told = |value: &ScalarValue| match value {
            // a number that is written out is planned as the wider of the two
            ScalarValue::Int64(Some(number)) if i32::try_from(*number).is_ok() => "integer".to_owned(),
            value => type_name(&Field::new("", value.data_type(), true)),
        };
        let positional = self.positional.iter().map(told);
        let named = self.named.iter().map(|(name, value)| format!("{name} => {}", told(value)));
        format!("{}({})", self.name, positional.chain(named).collect::<Vec<_>>().join(", "))
    }
}

#[derive(Debug, Clone, Copy)]
pub struct Signature {
    pub name: &'static str,
    /// (argument name, PostgreSQL type name, has a default)
    pub arguments: &'static [(&'static str, &'static str, bool)],
    pub comment: &'static str,
}

/// Where notices of a running statement go; the wire sends them between rows.
pub type NoticeSink = tokio::sync::mpsc::UnboundedSender<Notice>;
