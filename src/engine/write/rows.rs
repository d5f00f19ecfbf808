//! Statements on rows: planned as the rows that come and go, carried out as files that are written and left out.
//!
//! INSERT appends files. The others find the rows they change by file and position, write these rows' new values and the
//! other rows of the same files anew, and leave every other file as it is.
//!
//! Invariant: whether a row is changed is decided once for each row, so no row is lost or doubled by it.
//! Invariant: rows stream; what is kept of them is a few bytes for each changed row, and what RETURNING asks for.

use std::sync::Arc;

use datafusion::arrow::array::{Array, RecordBatch};
use datafusion::arrow::compute::concat_batches;
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::common::TableReference;
use datafusion::datasource::provider_as_source;
use datafusion::functions_aggregate::expr_fn::max;
use datafusion::logical_expr::{Expr, LogicalPlan, LogicalPlanBuilder, cast, col, lit};
use datafusion::scalar::ScalarValue;
use datafusion::sql::sqlparser::ast;
use futures::stream::BoxStream;
use futures::{StreamExt, TryStreamExt};

use super::constants::Constants;
use super::effects::{Effects, Layout, Tally, surviving};
use super::names::{self, Verb};
use super::returning::{self, Returnable, Returning};
use super::target::Target;
use super::with::Parts;
use super::{Change, insert, merge, unsupported, update};
use crate::catalog::{Column, Object, Position};
use crate::dialect::Statement;
use crate::engine::planned::{bind, other_columns, same_columns};
use crate::engine::planner::Planner;
use crate::engine::session::{Outcome, Prepared};
use crate::engine::stream::BatchStream;
use crate::engine::{errors, execute};
use crate::error::{Error, Result};
use crate::table::{WriteMode, WriteSpec};

/// An INSERT in a transaction of at most this many rows waits in memory for the next.
const BUFFERED_ROWS_MAX: usize = 4096;

/// A planned change of a table's rows.
pub(super) struct Work {
    pub target: Target,
    pub verb: Verb,
    /// The rows that come and go, as `layout` says.
    pub changes: LogicalPlan,
    pub layout: Layout,
    pub returning: Option<Returning>,
    /// How many rows a DELETE of all rows takes, where nothing need be read to know.
    pub all_rows: Option<u64>,
}

impl Work {
    #[expect(clippy::too_many_arguments, reason = "the parts of a statement")]
    pub async fn new(
        planner: &Planner,
        statement: &Statement,
        with: Option<&ast::With>,
        target: Target,
        verb: Verb,
        changes: LogicalPlan,
        mut layout: Layout,
        returning: Option<&[ast::SelectItem]>,
        extras: &[Returnable],
    ) -> Result<Self> {
        let returning = match returning {
            Some(items) => Some(Returning::plan(planner, statement, with, items, &target, extras).await?),
            None => None,
        };
        layout.returns = returning.is_some();
        Ok(Self { target, verb, changes, layout, returning, all_rows: None })
    }

    pub fn plans(&self) -> Vec<&LogicalPlan> {
        std::iter::once(&self.changes).chain(self.returning.iter().map(|returning| &returning.plan)).collect()
    }
}

/// The statement on rows, without the WITH before it.
pub(super) fn parts(statement: &ast::Statement) -> Option<(Option<&ast::With>, &ast::Statement)> {
    match statement {
        ast::Statement::Insert(_)
        | ast::Statement::Update(_)
        | ast::Statement::Delete(_)
        | ast::Statement::Merge(_) => Some((None, statement)),
        ast::Statement::Query(query) => match query.body.as_ref() {
            ast::SetExpr::Insert(inner)
            | ast::SetExpr::Update(inner)
            | ast::SetExpr::Delete(inner)
            | ast::SetExpr::Merge(inner) => Some((query.with.as_ref(), inner)),
            _ => None,
        },
        _ => None,
    }
}

pub(super) async fn plan(planner: &Planner, statement: &Statement) -> Result<Work> {
    match parts(&statement.ast) {
        Some((with, ast::Statement::Insert(of))) => Box::pin(insert::plan(planner, statement, of, with)).await,
        Some((with, ast::Statement::Update(of))) => Box::pin(update::plan_update(planner, statement, of, with)).await,
        Some((with, ast::Statement::Delete(of))) => Box::pin(update::plan_delete(planner, statement, of, with)).await,
        Some((with, ast::Statement::Merge(of))) => Box::pin(merge::plan(planner, statement, of, with)).await,
        _ => Err(unsupported("this statement")),
    }
}

/// The table whose rows the statement changes.
pub(super) fn target(statement: &ast::Statement) -> Option<&ast::ObjectName> {
    if let ast::Statement::Truncate(truncate) = statement {
        return truncate.table_names.first().map(|target| &target.name);
    }
    let factor = match parts(statement)?.1 {
        ast::Statement::Insert(ast::Insert { table: ast::TableObject::TableName(name), .. }) => return Some(name),
        ast::Statement::Update(update) => &update.table.relation,
        ast::Statement::Merge(merge) => &merge.table,
        ast::Statement::Delete(delete) => match &delete.from {
            ast::FromTable::WithFromKeyword(tables) | ast::FromTable::WithoutKeyword(tables) => {
                &tables.first()?.relation
            }
        },
        _ => return None,
    };
    match factor {
        ast::TableFactor::Table { name, .. } => Some(name),
        _ => None,
    }
}

/// The rows of RETURNING, and their columns.
pub(super) type Returned = (SchemaRef, Vec<RecordBatch>);

/// Carries out an INSERT, UPDATE, DELETE or MERGE.
///
/// # Errors
/// `0A000` where the rows that it answers have other columns than the client was told.
pub(super) async fn change(change: &Change, prepared: &Prepared, params: &[ScalarValue]) -> Result<Outcome> {
    let statement = prepared.statement.as_ref();
    if let Some(constants) = Constants::of(&statement.ast)
        && let Some((target, columns)) = constants.columns(&change.planner, statement, params).await?
    {
        let rows = constants.count();
        let batch = target.rules.finish(columns, rows)?;
        append(change, &target, vec![batch], futures::stream::empty().boxed()).await?;
        count(change, &target, Tally { inserted: rows as u64, ..Tally::default() });
        return Ok(Outcome::command(format!("INSERT 0 {rows}")));
    }
    let parts = Parts::plan_apart(&change.planner, &change.guard, statement).await?;
    if let (Some(told), Some(now)) = (&prepared.schema, parts.answer())
        && !same_columns(told, &now)
    {
        return Err(other_columns());
    }
    parts.run(change, statement, params).await
}

/// Carries one change out: how many rows it took, and those that RETURNING asks for, with the columns that they have.
pub(super) async fn run(
    change: &Change,
    work: &Work,
    statement: &Statement,
    params: &[ScalarValue],
) -> Result<(u64, Option<Returned>)> {
    let changes = bind(&work.changes, statement, params)?.unwrap_or_else(|| work.changes.clone());
    if let Some(count) = work.all_rows {
        change
            .write_rows(&work.target.object.name, replacing(), &work.target, futures::stream::empty().boxed())
            .await?;
        self::count(change, &work.target, Tally { deleted: count, ..Tally::default() });
        return Ok((count, None));
    }
    let rules = work.target.rules.clone();
    number_on(change, &work.target).await?;
    let pool = &change.state().runtime_env().memory_pool;
    let effects = Arc::new(Effects::new(work.layout.clone(), rules, pool)?);
    let rows = execute::rows(&change.shared.resources, change.state(), &changes, change.guard.clone()).await?;
    let taking = effects.clone();
    let mut new = rows.try_filter_map(move |batch| futures::future::ready(taking.take(&batch))).fuse().boxed();
    let mut first = Vec::new();
    if work.layout.placed {
        first.extend(change.guard.run(async { new.next().await.transpose() }).await?);
        if !first.is_empty() || !effects.matched().is_empty() {
            replace(change, &work.target, &effects, first, new).await?;
        }
    } else {
        append(change, &work.target, first, new).await?;
    }
    count(change, &work.target, effects.tally());
    let returned = match &work.returning {
        Some(returning) => Some(returned(change, returning, statement, params, effects.returned()).await?),
        None => None,
    };
    Ok((effects.count(), returned))
}

/// Adds to the figures of the table.
pub(super) fn count(change: &Change, target: &Target, tally: Tally) {
    if let Some(location) = target.object.location() {
        let usage = change.overlay.tables().usage(location);
        usage.inserted.add(tally.inserted);
        usage.updated.add(tally.updated);
        usage.deleted.add(tally.deleted);
    }
}

fn replacing() -> WriteSpec {
    WriteSpec { checked: true, ..WriteSpec::new(WriteMode::Replace) }
}

/// Adds rows: in a transaction a few of them wait in memory.
async fn append(
    change: &Change,
    target: &Target,
    mut first: Vec<RecordBatch>,
    mut new: BoxStream<'static, Result<RecordBatch>>,
) -> Result<()> {
    let name = &target.object.name;
    let mut rows: usize = first.iter().map(RecordBatch::num_rows).sum();
    loop {
        match change.guard.run(async { new.next().await.transpose() }).await? {
            None if rows == 0 => return Ok(()),
            None if change.in_block && rows <= BUFFERED_ROWS_MAX => {
                for batch in first {
                    change.overlay.buffer(name, batch).await?;
                }
                return Ok(());
            }
            None => break,
            Some(batch) => {
                rows += batch.num_rows();
                first.push(batch);
                if rows > BUFFERED_ROWS_MAX || !change.in_block {
                    break;
                }
            }
        }
    }
    let spec = WriteSpec { checked: true, ..WriteSpec::new(WriteMode::Append) };
    let all = futures::stream::iter(first.into_iter().map(Ok)).chain(new);
    change.write_rows(name, spec, target, all.boxed()).await
}

/// Writes the new rows, and with them the others of the files that changed rows lay in.
async fn replace(
    change: &Change,
    target: &Target,
    effects: &Arc<Effects>,
    first: Vec<RecordBatch>,
    new: BoxStream<'static, Result<RecordBatch>>,
) -> Result<()> {
    let spec = WriteSpec { checked: true, ..WriteSpec::new(WriteMode::Change) };
    let (effects, snapshot, replaced) = (effects.clone(), target.snapshot.clone(), spec.replaced.clone());
    let (shared, state, guard) = (change.shared.clone(), change.state().clone(), change.guard.clone());
    let width = target.columns().len();
    // which rows stay is known when the last change has come
    let others = async move {
        let matched = effects.matched();
        replaced.set(&snapshot, matched.files())?;
        let partly = matched.partly(&snapshot);
        if partly.is_empty() {
            return Ok::<BoxStream<'static, Result<RecordBatch>>, Error>(futures::stream::empty().boxed());
        }
        let source = provider_as_source(snapshot.placed(Some(partly))?);
        let scan = LogicalPlanBuilder::scan("\u{1}others", source, None).and_then(LogicalPlanBuilder::build);
        let rows = execute::rows(&shared.resources, &state, &scan.map_err(errors::from_datafusion)?, guard).await?;
        Ok(rows.map(move |batch| surviving(&batch?, &matched, width)).boxed())
    };
    let others = futures::stream::once(others).try_flatten();
    let all = futures::stream::iter(first.into_iter().map(Ok)).chain(new).chain(others);
    change.write_rows(&target.object.name, spec, target, all.boxed()).await
}

/// The tag, or the rows of RETURNING.
pub(super) fn outcome(work: &Work, count: u64, returned: Option<Returned>) -> Outcome {
    let tag = match work.verb {
        Verb::Insert => "INSERT 0",
        Verb::Update => "UPDATE",
        Verb::Delete => "DELETE",
        Verb::Merge => "MERGE",
        Verb::Truncate => "TRUNCATE TABLE",
        Verb::Copy => "COPY",
    };
    match returned {
        Some((schema, batches)) => {
            Outcome::Rows { stream: BatchStream::of(schema, batches), tag: tag.trim_end_matches(" 0") }
        }
        None => Outcome::command(format!("{tag} {count}")),
    }
}

/// Adds the tables whose foreign keys lead to the tables, and those whose lead to them.
fn add_referencing(change: &Change, tables: &mut Vec<(Arc<Object>, TableReference)>) -> Result<()> {
    let mut objects = change.scope().objects();
    objects.sort_by_key(|object| object.oid);
    let mut at = 0;
    while let Some((to, _)) = tables.get(at) {
        let to = to.name.clone();
        at += 1;
        for object in &objects {
            let leads = object.constraints.iter().any(|constraint| constraint.kind.target().as_ref() == Some(&to));
            if leads && !tables.iter().any(|(known, _)| known.id == object.id) {
                let (schema, name) = (object.name.schema.as_str(), object.name.name.as_str());
                change.notice("00000", format!("truncate cascades to table \"{name}\""));
                let name =
                    ast::ObjectName::from(vec![ast::Ident::with_quote('"', schema), ast::Ident::with_quote('"', name)]);
                tables.push((names::changed(&change.planner, &name, Verb::Truncate)?, names::reference(&name)?));
            }
        }
    }
    Ok(())
}

/// What RETURNING makes of the changed rows.
async fn returned(
    change: &Change,
    returning: &Returning,
    statement: &Statement,
    params: &[ScalarValue],
    rows: Vec<RecordBatch>,
) -> Result<Returned> {
    // one batch, so that they come in the order in which they were changed
    let one = match rows.first() {
        Some(first) => vec![
            concat_batches(first.schema_ref(), &rows)
                .map_err(|error| Error::internal("rows to return cannot be joined").with_source(error))?,
        ],
        None => Vec::new(),
    };
    returning::fill(&returning.rows, one).await;
    let plan = bind(&returning.plan, statement, params)?.unwrap_or_else(|| returning.plan.clone());
    let rows = execute::rows(&change.shared.resources, change.state(), &plan, change.guard.clone()).await?;
    let batches = rows.try_collect().await?;
    returning::fill(&returning.rows, Vec::new()).await;
    Ok((execute::described_as(&plan, &returning.schema), batches))
}

/// Has the sequences that number the rows of the table go on behind the greatest numbers that are there: no index would
/// refuse one that is there already.
pub(super) async fn number_on(change: &Change, target: &Target) -> Result<()> {
    for (column, sequence) in numbering(change, &target.object) {
        let greatest = greatest(change, target, &column).await?;
        if let Some(declared) = sequence.sequence().filter(|declared| greatest >= declared.min) {
            change.shared.running.catalog.sequences().pass(sequence.id, declared, greatest).await?;
        }
    }
    Ok(())
}

/// The columns that sequences which go with them number, upwards.
fn numbering(change: &Change, table: &Object) -> Vec<(String, Arc<Object>)> {
    let scope = change.overlay.scope();
    let numbered = |column: &Column| {
        let default = column.sequence();
        if column.identity.is_none() && default.is_none() {
            return None;
        }
        let sequence = scope.sequence_of(table, &column.name)?;
        let declared = sequence.sequence()?;
        let uses = column.identity.is_some() || default == Some(sequence.name.quoted().as_str());
        (uses && declared.increment > 0 && !declared.cycle).then(|| (column.name.clone(), sequence))
    };
    table.columns.iter().filter_map(numbered).collect()
}

/// The greatest value of a column that numbers itself, 0 in an empty table.
async fn greatest(change: &Change, target: &Target, column: &str) -> Result<i64> {
    let name = &target.object.name;
    let reference = datafusion::common::TableReference::partial(name.schema.as_str(), name.name.as_str());
    let source = change.planner.source(&reference, 0).await?;
    let no_groups: [Expr; 0] = [];
    let plan = LogicalPlanBuilder::scan("t", source, None)
        .and_then(|scan| scan.aggregate(no_groups, [max(col(datafusion::common::Column::from_name(column)))]))
        .and_then(|scan| {
            let found = scan.schema().columns().remove(0);
            scan.project([cast(Expr::Column(found), datafusion::arrow::datatypes::DataType::Int64)])
        })
        .and_then(LogicalPlanBuilder::build)
        .map_err(errors::from_datafusion)?;
    let mut rows = execute::rows(&change.shared.resources, change.state(), &plan, change.guard.clone()).await?;
    let mut greatest = 0;
    while let Some(batch) = rows.next().await {
        let batch = batch?;
        if batch.num_rows() > 0 && batch.column(0).is_valid(0) {
            let value = ScalarValue::try_from_array(batch.column(0), 0).map_err(errors::from_datafusion)?;
            if let ScalarValue::Int64(Some(value)) = value {
                greatest = greatest.max(value);
            }
        }
    }
    Ok(greatest)
}

pub(super) async fn truncate(change: &Change, statement: &ast::Truncate) -> Result<Outcome> {
    let mut tables = Vec::new();
    for target in &statement.table_names {
        tables.push((names::changed(&change.planner, &target.name, Verb::Truncate)?, names::reference(&target.name)?));
    }
    if matches!(statement.cascade, Some(ast::CascadeOption::Cascade)) {
        add_referencing(change, &mut tables)?;
    }
    for (table, reference) in tables {
        // rows that others add meanwhile are to go, too
        change.overlay.mind(&table.name);
        let provider = change.planner.source(&reference, 0).await?;
        let none = LogicalPlanBuilder::scan(table.name.quoted(), provider, None)
            .and_then(|scan| scan.filter(lit(false))?.build())
            .map_err(errors::from_datafusion)?;
        change.write(&table.name, replacing(), none).await?;
        if matches!(statement.identity, Some(ast::TruncateIdentityOption::Restart)) {
            for sequence in change.owned_sequences(&table, None) {
                let start = sequence.sequence().map_or(1, |declared| declared.start);
                change
                    .shared
                    .running
                    .catalog
                    .sequences()
                    .set(sequence.id, Position { value: start, is_called: false })
                    .await?;
            }
        }
    }
    Ok(Outcome::command("TRUNCATE TABLE"))
}
