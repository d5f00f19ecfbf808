//! Statements that change the lake: rows in [`rows`], tables, views and schemas in [`define`].
//!
//! A transaction is an overlay: its own statements see what it changed, COMMIT publishes all of it as one release, and
//! ROLLBACK forgets it. A statement outside a transaction has an overlay of its own.
//!
//! Invariant: a statement lands whole or not at all, and so does a transaction.
//! Invariant: what was acknowledged is published, and on disk.

mod assign;
mod clauses;
mod conflict;
mod constants;
mod constraints;
mod copied;
mod define;
mod effects;
mod forms;
mod inner_values;
mod insert;
mod merge;
pub(super) mod names;
mod returning;
mod rows;
mod target;
mod update;
mod with;
mod xmax;

pub(super) use define::table_query;
use std::sync::Arc;
use std::time::Duration;

use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::execution::SessionState;
use datafusion::logical_expr::LogicalPlan;
use datafusion::scalar::ScalarValue;
use datafusion::sql::sqlparser::ast;
use futures::StreamExt;
use futures::stream::BoxStream;
use tokio::sync::OwnedMutexGuard;
use tokio_util::task::AbortOnDropHandle;

use super::copy::CopyFrom;
use super::planner::Planner;
use super::session::{Notice, Outcome, Prepared, Session, Severity};
use super::stream::Guard;
use super::tree::system_columns;
use super::{BatchStream, NoticeSink, Shared, execute, parameters};
use crate::catalog::{Object, Overlay, Scope};
use crate::dialect::Statement;
use crate::error::{Error, ErrorKind, Result};
use crate::names::TableName;
use crate::pgtypes::Type;
use crate::table::{Definition, WriteSpec, Written};

/// How often a statement outside a transaction is tried when others change the same table meanwhile.
const ATTEMPTS: usize = 20;

/// Whether the statement is carried out here.
pub(super) fn is_write(statement: &ast::Statement) -> bool {
    matches!(statement, ast::Statement::Truncate(_)) || define::is_definition(statement) || changes_rows(statement)
}

/// Whether the statement is one on rows: INSERT, UPDATE, DELETE or MERGE.
pub(super) fn changes_rows(statement: &ast::Statement) -> bool {
    rows::parts(statement).is_some() || with::changes_in_with(statement)
}

/// What a statement on rows would run: the rows it changes, and the table.
pub(super) async fn explained(planner: &Planner, statement: &Statement) -> Result<(String, LogicalPlan)> {
    let work = match with::Parts::plan(planner, statement).await?.last {
        with::Last::Change(work) => work,
        with::Last::Query(plan) => return Ok(("Changes in WITH".to_owned(), plan)),
    };
    let verb = match work.verb {
        names::Verb::Insert => "Insert",
        names::Verb::Update => "Update",
        names::Verb::Delete => "Delete",
        _ => "Merge",
    };
    Ok((format!("{verb} on {}", work.target.object.name.name), work.changes))
}

/// What the parameters of a statement on rows are; it is planned again when it is executed.
pub(super) async fn prepare(
    session: &mut Session,
    statement: Arc<Statement>,
    hints: &[Option<Type>],
) -> Result<Prepared> {
    let planner = Arc::new(session.planner_now().await?.with_parameters(hints));
    if let Some(constants) = constants::Constants::of(&statement.ast)
        && let Some(parameters) = constants.parameters(&planner, &statement, hints).await?
    {
        return Ok(Prepared { statement, parameters, schema: None, plan: None, query: None, lifted: None });
    }
    let mut parts = with::Parts::plan_apart(&planner, &session.guard, &statement).await?;
    let parameters = parameters::types_in(&parts.plans(), &statement, hints)?;
    let mut schema = parts.answer();
    if schema.is_some() && hints.iter().flatten().count() < parameters.len() {
        // RETURNING is planned apart from what tells its parameters' types
        let known: Vec<_> = parameters.iter().cloned().map(Some).collect();
        let planner = Arc::new(session.planner_now().await?.with_parameters(&known));
        parts = with::Parts::plan_apart(&planner, &session.guard, &statement).await?;
        schema = parts.answer();
    }
    Ok(Prepared { statement, parameters, schema, plan: None, query: None, lifted: None })
}

/// Carries the statement out, in the transaction's overlay or in one of its own that is published at once.
pub(super) async fn execute(session: &mut Session, prepared: &Prepared, params: &[ScalarValue]) -> Result<Outcome> {
    let (statement, types) = (&prepared.statement, &prepared.parameters);
    check_writable(session, &statement.ast)?;
    let catalog = session.shared.catalog.clone();
    if let Some(block) = session.transaction.block_mut() {
        let overlay = block.overlay(&catalog);
        mind(session, &overlay, &statement.ast).await?;
        if !adds_only(&statement.ast) {
            // rows are changed, and tables too, where they lie in files
            session.guard.clone().run(overlay.flush_all()).await?;
        }
        return Change::new(session, overlay, types).apply(prepared, params).await;
    }
    let _turn = if adds_only(&statement.ast) { None } else { turn(session, &statement.ast).await? };
    let temporary = session.temporary.clone();
    if let Some(temporary) = temporary.as_ref().filter(|_| !adds_only(&statement.ast)) {
        // what transactions before this have left waiting
        session.guard.clone().run(temporary.flush_all()).await?;
    }
    let before = temporary.as_ref().map(|temporary| temporary.mark());
    let mut attempt = 1;
    loop {
        let overlay = catalog.begin();
        if adds_only(&statement.ast) {
            overlay.set_only_adds();
        }
        overlay.put_beside(temporary.as_ref());
        mind(session, &overlay, &statement.ast).await?;
        let outcome = Change::new(session, overlay.clone(), types).apply(prepared, params).await;
        let published = match outcome {
            Ok(outcome) => publish(&session.shared, overlay, operation(&statement.ast)).await.map(|()| outcome),
            Err(error) => Err(error),
        };
        if let (Some(temporary), Some(before), Err(_)) = (&temporary, &before, &published) {
            temporary.return_to(before);
        }
        match published {
            // Nobody has seen anything of it yet: as if the statement had come a moment later.
            Err(error) if error.kind() == ErrorKind::SerializationFailure && attempt < ATTEMPTS => attempt += 1,
            published => return published,
        }
    }
}

/// Appends the rows of a COPY; how many there were. They come once, so a COPY is not tried again: rows that are only added
/// go on top of whatever others have done.
pub(super) async fn append(session: &mut Session, copy: &CopyFrom, rows: BatchStream) -> Result<u64> {
    let catalog = session.shared.catalog.clone();
    if let Some(block) = session.transaction.block_mut() {
        let overlay = block.overlay(&catalog);
        return Change::new(session, overlay, &[]).append(copy, rows).await;
    }
    let overlay = catalog.begin();
    overlay.set_only_adds();
    overlay.put_beside(session.temporary.as_ref());
    // one write, which is there or not: nothing is to be brought back
    let written = Change::new(session, overlay.clone(), &[]).append(copy, rows).await?;
    publish(&session.shared, overlay, operation(&copy.statement.ast)).await?;
    Ok(written)
}

/// Writes the rows that wait to files, where a query asks for their places.
pub(super) async fn settle_places(session: &mut Session, query: &Statement) -> Result<()> {
    if !system_columns::named(&query.ast).contains(&"ctid") {
        return Ok(());
    }
    let catalog = session.shared.catalog.clone();
    let transaction = session.transaction.block_mut().map(|block| block.overlay(&catalog));
    for overlay in transaction.into_iter().chain(session.temporary.clone()) {
        session.guard.clone().run(overlay.flush_all()).await?;
    }
    Ok(())
}

/// Whether the statement adds rows whatever the table has.
fn adds_only(statement: &ast::Statement) -> bool {
    matches!(statement, ast::Statement::Insert(insert) if insert.on.is_none() && !insert.overwrite)
}

/// What adds rows that a table has not yet must not miss those that others add.
async fn mind(session: &mut Session, overlay: &Overlay, statement: &ast::Statement) -> Result<()> {
    let looks = match rows::parts(statement).map_or(statement, |(_, inner)| inner) {
        inner @ ast::Statement::Insert(_) => !adds_only(inner),
        ast::Statement::Merge(_) => true,
        _ => false,
    };
    if looks && let Some(name) = rows::target(statement) {
        let planner = session.planner_now().await?;
        if let Ok(table) = names::found(&planner, name, names::Verb::Merge) {
            overlay.mind(&table.name);
        }
    }
    Ok(())
}

/// Statements of this process that change the rows of one table take turns: else all but the first would be done in vain.
async fn turn(session: &mut Session, statement: &ast::Statement) -> Result<Option<OwnedMutexGuard<()>>> {
    let Some(name) = rows::target(statement) else { return Ok(None) };
    let planner = session.planner_now().await?;
    // what is not there is told when the statement is planned
    let Ok(table) = names::found(&planner, name, names::Verb::Truncate) else { return Ok(None) };
    let Some(location) = table.location() else { return Ok(None) };
    let tables = session.shared.catalog.tables().clone();
    let limit = session.duration("lock_timeout").unwrap_or(Duration::MAX);
    let turn = async {
        let turn = tokio::time::timeout(limit, tables.turn(location)).await;
        turn.map(Some).map_err(|_| Error::new(ErrorKind::LockNotAvailable, "canceling statement due to lock timeout"))
    };
    session.guard.run(turn).await
}

/// Ends a transaction. Publishes on a task of its own: a client that leaves meanwhile must not leave half of it to others.
pub(super) async fn publish(shared: &Arc<Shared>, overlay: Arc<Overlay>, operation: &'static str) -> Result<()> {
    overlay.end_own().await?;
    let catalog = shared.catalog.clone();
    let published =
        shared.resources.workers().spawn(async move { catalog.publish(&overlay, operation).await.map(drop) });
    published.await.map_err(|error| Error::internal("a publish ended unexpectedly").with_source(error))?
}

pub(super) fn check_writable(session: &Session, statement: &ast::Statement) -> Result<()> {
    if define::only_temporary(statement) {
        return Ok(());
    }
    check_not_read_only(session, operation(statement))
}

/// # Errors
/// `25006` where the session may only read.
pub(super) fn check_not_read_only(session: &Session, operation: &str) -> Result<()> {
    let on = |name: &str| session.setting(name).is_some_and(|value| value == "on");
    let read_only = match session.transaction.block() {
        Some(_) => on("transaction_read_only"),
        None => on("default_transaction_read_only"),
    };
    let in_the_past = session.setting("lakewire.as_of").is_some_and(|release| !release.is_empty());
    if !read_only && !in_the_past {
        return Ok(());
    }
    let message = format!("cannot execute {operation} in a read-only transaction");
    let error = Error::new(ErrorKind::ReadOnlyTransaction, message);
    Err(if in_the_past { error.with_hint("RESET lakewire.as_of: the past cannot be changed") } else { error })
}

/// The statement's first words, as tags and messages have them.
fn operation(statement: &ast::Statement) -> &'static str {
    match rows::parts(statement).map_or(statement, |(_, inner)| inner) {
        ast::Statement::Merge(_) => "MERGE",
        ast::Statement::Insert(_) => "INSERT",
        ast::Statement::Update(_) => "UPDATE",
        ast::Statement::Delete(_) => "DELETE",
        ast::Statement::Truncate(_) => "TRUNCATE TABLE",
        ast::Statement::Copy { .. } => "COPY FROM",
        other => define::tag(other).unwrap_or("statement"),
    }
}

/// One statement's work in an overlay.
struct Change {
    shared: Arc<Shared>,
    overlay: Arc<Overlay>,
    planner: Arc<Planner>,
    guard: Guard,
    notices: NoticeSink,
    /// Whether a transaction goes on after it.
    in_block: bool,
}

impl Change {
    /// `types`: of the statement's parameters.
    fn new(session: &mut Session, overlay: Arc<Overlay>, types: &[Type]) -> Self {
        let types: Vec<Option<Type>> = types.iter().cloned().map(Some).collect();
        Self {
            shared: session.shared.clone(),
            planner: Arc::new(session.planner_over(overlay.scope()).with_parameters(&types)),
            overlay,
            guard: session.guard.clone(),
            notices: session.notice_sink(),
            in_block: session.transaction.block().is_some(),
        }
    }

    async fn apply(&self, prepared: &Prepared, params: &[ScalarValue]) -> Result<Outcome> {
        match &prepared.statement.ast {
            ast if changes_rows(ast) => rows::change(self, prepared, params).await,
            ast::Statement::Truncate(truncate) => rows::truncate(self, truncate).await,
            _ => define::apply(self, &prepared.statement, params).await,
        }
    }

    fn scope(&self) -> &Scope {
        self.planner.scope()
    }

    fn state(&self) -> &Arc<SessionState> {
        self.planner.state()
    }

    /// The plan of a query, over what the transaction sees now.
    async fn plan(&self, query: &Statement) -> Result<LogicalPlan> {
        let plan = |planner: Arc<Planner>, query| async move { planner.plan_with_types(&query).await };
        self.planner.apart(&self.guard, query, plan).await
    }

    /// A query that is kept, its literals as every session reads them alike.
    async fn fixed(&self, query: String) -> Result<String> {
        let planner = self.planner.clone();
        let fixed = async move { planner.fixed(&query).await.map_err(Error::without_position) };
        self.guard.run(self.shared.resources.workers().apart(fixed)).await
    }

    /// Writes the plan's rows, on the threads of queries, until the statement is cancelled or its time is over.
    async fn write(&self, name: &TableName, spec: WriteSpec, plan: LogicalPlan) -> Result<Written> {
        let rows = execute::rows(&self.shared.resources, self.state(), &plan, self.guard.clone()).await?;
        let schema = rows.schema().clone();
        self.write_batches(name, spec, schema, rows.boxed()).await
    }

    /// [`Self::write`] of rows that have the target's columns.
    async fn write_rows(
        &self,
        name: &TableName,
        spec: WriteSpec,
        target: &target::Target,
        rows: BoxStream<'static, Result<RecordBatch>>,
    ) -> Result<()> {
        let schema = target.rules.schema().clone();
        self.write_batches(name, spec, schema, rows).await.map(drop)
    }

    async fn write_batches(
        &self,
        name: &TableName,
        spec: WriteSpec,
        schema: SchemaRef,
        rows: BoxStream<'static, Result<RecordBatch>>,
    ) -> Result<Written> {
        let (overlay, name) = (self.overlay.clone(), name.clone());
        let work = async move { overlay.write_batches(&name, &spec, None, schema, rows).await };
        let task = AbortOnDropHandle::new(self.shared.resources.workers().spawn(work));
        let ended = |error| Error::internal("a write ended unexpectedly").with_source(error);
        self.guard.run(async { task.await.map_err(ended)? }).await
    }

    fn notice(&self, sqlstate: &'static str, message: String) {
        self.notice_with(sqlstate, message, None);
    }

    fn notice_with(&self, sqlstate: &'static str, message: String, detail: Option<String>) {
        self.say(Severity::Notice, sqlstate, message, detail);
    }

    fn warn(&self, sqlstate: &'static str, message: String) {
        self.say(Severity::Warning, sqlstate, message, None);
    }

    fn say(&self, severity: Severity, sqlstate: &'static str, message: String, detail: Option<String>) {
        // Nobody listens once the connection is gone, and nobody minds.
        let _ = self.notices.send(Notice { severity, sqlstate, message, detail, hint: None });
    }

    /// The sequences that go with a table, or with one of its columns.
    fn owned_sequences(&self, table: &Object, column: Option<&str>) -> Vec<Arc<Object>> {
        let goes_with = |object: &Arc<Object>| {
            let owner = object.sequence().and_then(|sequence| sequence.owned_by.as_ref());
            owner.is_some_and(|owner| owner.table == table.id && column.is_none_or(|column| owner.column == column))
        };
        self.overlay.scope().objects().into_iter().filter(goes_with).collect()
    }

    /// What the table is, as the statements before this one left it.
    async fn definition(&self, table: &Object) -> Result<Definition> {
        let scope = self.overlay.scope();
        self.guard.run(async { Ok(scope.snapshot(table).await?.definition().clone()) }).await
    }
}

fn unsupported(what: &str) -> Error {
    Error::new(ErrorKind::FeatureNotSupported, format!("{what} is not supported"))
}
