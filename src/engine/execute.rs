//! Logical plan → rows.

use std::collections::HashMap;
use std::sync::Arc;

use datafusion::arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use datafusion::catalog::TableProvider;
use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::common::{JoinType, TableReference};
use datafusion::config::ConfigOptions;
use datafusion::datasource::source_as_provider;
use datafusion::error::Result as DataFusionResult;
use datafusion::execution::{SessionState, TaskContext};
use datafusion::logical_expr::utils::grouping_set_to_exprlist;
use datafusion::logical_expr::{Distinct, Expr, LogicalPlan, LogicalPlanBuilder, Volatility};
use datafusion::optimizer::AnalyzerRule;
use datafusion::optimizer::analyzer::type_coercion::TypeCoercion;
use datafusion::physical_plan::{ExecutionPlan, execute_stream};
use tokio_util::sync::CancellationToken;

use super::interrupt::interruptible;
use super::optimizer::FewRows;
use super::runtime::Resources;
use super::stream::{BatchStream, Guard};
use super::system::SystemTableProvider;
use super::{errors, exact, system_columns};
use crate::dialect::visible_name;
use crate::error::Result;
use crate::pgcatalog;
use crate::pgtypes::{self, TYPE_MODIFIER_KEY};

/// The columns of a plan as the client sees them.
pub(super) fn output_schema(plan: &LogicalPlan) -> SchemaRef {
    let fields = plan.schema().fields().iter().map(|field| {
        let name = visible_name(field.name());
        if name.len() == field.name().len() { field.clone() } else { Arc::new(field.as_ref().clone().with_name(name)) }
    });
    Arc::new(Schema::new(fields.collect::<Vec<Arc<Field>>>()))
}

/// The plan with its types settled, so that its columns are announced as they will come.
pub(super) fn coerced(plan: LogicalPlan, options: &ConfigOptions) -> DataFusionResult<LogicalPlan> {
    TypeCoercion::new().analyze(plan, options).and_then(exact::to_nearest_doubles)
}

/// [`output_schema`] for a client: a computed numeric has no declared precision, which PostgreSQL says by −1.
pub(super) fn client_schema(plan: &LogicalPlan) -> SchemaRef {
    let schema = output_schema(plan);
    let mark = |(index, field): (usize, &Arc<Field>)| {
        let is_numeric = match field.data_type() {
            DataType::List(item) => item.data_type().is_decimal(),
            other => other.is_decimal(),
        };
        if !is_numeric || is_declared(plan, index) {
            return field.clone();
        }
        let mut metadata = field.metadata().clone();
        metadata.insert(TYPE_MODIFIER_KEY.to_owned(), "-1".to_owned());
        Arc::new(field.as_ref().clone().with_metadata(metadata))
    };
    Arc::new(Schema::new(schema.fields().iter().enumerate().map(mark).collect::<Vec<_>>()))
}

/// The OID of a relation, and the number of a column in it.
pub(super) type Origin = (u32, i16);

/// [`client_schema`] with the relations' columns that the result's columns are: `origin` finds the numbers of a column that
/// a scan reads, by the scan's name and the column's place in it.
pub(super) fn described(plan: &LogicalPlan, origin: impl Fn(&TableReference, usize) -> Option<Origin>) -> SchemaRef {
    let schema = client_schema(plan);
    let mark = |(index, field): (usize, &Arc<Field>)| match source(plan, index, Asked::Origin) {
        Some(Source::Column(table, column)) => match origin(&table, column) {
            Some(origin) => Arc::new(pgtypes::with_origin(field, origin)),
            None => field.clone(),
        },
        Some(Source::Of(origin)) => Arc::new(pgtypes::with_origin(field, origin)),
        _ => field.clone(),
    };
    Arc::new(Schema::new(schema.fields().iter().enumerate().map(mark).collect::<Vec<_>>()))
}

/// [`client_schema`] of a plan that another was made into, with the origins that are known of its columns.
pub(super) fn described_as(plan: &LogicalPlan, known: &Schema) -> SchemaRef {
    let schema = client_schema(plan);
    let mark = |(field, known): (&Arc<Field>, &Arc<Field>)| match pgtypes::column_origin(known) {
        None => field.clone(),
        Some(origin) => Arc::new(pgtypes::with_origin(field, origin)),
    };
    Arc::new(Schema::new(schema.fields().iter().zip(known.fields()).map(mark).collect::<Vec<_>>()))
}

/// The plan of a relation that is taken apart where it is read, so that [`described`] knows its columns again.
pub(super) fn of_relation(plan: LogicalPlan, oid: u32) -> DataFusionResult<LogicalPlan> {
    LogicalPlanBuilder::from(plan).alias(TableReference::partial(RELATION, oid.to_string()))?.build()
}

const RELATION: &str = "relation";

fn relation_marked(alias: &TableReference) -> Option<u32> {
    alias.table().parse().ok().filter(|_| alias.schema() == Some(RELATION))
}

/// What a column of a result is, where it is not computed.
enum Source {
    /// Of a scan of that name, the column at that place.
    Column(TableReference, usize),
    Of(Origin),
    Cast,
}

/// What is asked about a column's source.
#[derive(Clone, Copy, PartialEq)]
enum Asked {
    /// Whether its precision was declared; within views, too.
    Precision,
    /// Which column of which relation it is, as the statement names them. What set operations give is none's.
    Origin,
}

/// Whether a column's precision was declared: by a table, or by a cast.
pub(super) fn is_declared(plan: &LogicalPlan, index: usize) -> bool {
    source(plan, index, Asked::Precision).is_some()
}

fn source(plan: &LogicalPlan, index: usize, asked: Asked) -> Option<Source> {
    match plan {
        LogicalPlan::TableScan(scan) => {
            let index = scan.projection.as_ref().map_or(Some(index), |projection| projection.get(index).copied())?;
            Some(Source::Column(scan.table_name.clone(), index))
        }
        LogicalPlan::Projection(projection) => source_in(projection.expr.get(index)?, &projection.input, asked),
        LogicalPlan::Aggregate(aggregate) => {
            let by = grouping_set_to_exprlist(&aggregate.group_expr).ok()?;
            source_in(by.get(index)?, &aggregate.input, asked)
        }
        LogicalPlan::Window(window) if index < window.input.schema().fields().len() => {
            source(&window.input, index, asked)
        }
        LogicalPlan::Join(join) => match join.join_type {
            // INTERSECT and EXCEPT: a query's own conditions are none of a join yet
            JoinType::LeftSemi | JoinType::LeftAnti if asked == Asked::Origin => None,
            _ => {
                let left = join.left.schema().fields().len();
                if index < left { source(&join.left, index, asked) } else { source(&join.right, index - left, asked) }
            }
        },
        LogicalPlan::SubqueryAlias(alias) => match relation_marked(&alias.alias) {
            Some(oid) if asked == Asked::Origin => {
                let system = system_columns::number(alias.schema.field(index).name());
                Some(Source::Of((oid, system.or_else(|| i16::try_from(index + 1).ok())?)))
            }
            _ => source(&alias.input, index, asked),
        },
        LogicalPlan::Distinct(Distinct::On(on)) => source_in(on.select_expr.get(index)?, &on.input, asked),
        LogicalPlan::Unnest(unnest) => {
            let index = *unnest.dependency_indices.get(index)?;
            let is_taken_apart = unnest.list_type_columns.iter().any(|(column, _)| *column == index)
                || unnest.struct_type_columns.contains(&index);
            if is_taken_apart { None } else { source(&unnest.input, index, asked) }
        }
        LogicalPlan::Subquery(subquery) => source(&subquery.subquery, index, asked),
        LogicalPlan::Filter(_) | LogicalPlan::Sort(_) | LogicalPlan::Limit(_) | LogicalPlan::Distinct(_) => {
            source(plan.inputs().first()?, index, asked)
        }
        _ => None,
    }
}

fn source_in(expr: &Expr, input: &LogicalPlan, asked: Asked) -> Option<Source> {
    match expr {
        Expr::Alias(alias) => source_in(&alias.expr, input, asked),
        Expr::Cast(_) => Some(Source::Cast),
        Expr::Column(column) => source(input, input.schema().maybe_index_of_column(column)?, asked),
        _ => None,
    }
}

/// Whether the optimizer may put a value in the plan that another execution would not find: that of a function of the
/// clock or the session (`now()`, `pg_backend_pid()`) whose arguments are constant.
pub(super) fn reads_clock(plan: &LogicalPlan) -> bool {
    let is_settled = |expr: &Expr| match expr {
        Expr::ScalarFunction(call) => {
            call.func.signature().volatility == Volatility::Stable && !call.args.iter().any(reads_row)
        }
        _ => false,
    };
    let mut found = false;
    let _ = plan.apply_with_subqueries(|node| {
        node.apply_expressions(|expr| {
            expr.apply(|expr| {
                found |= is_settled(expr);
                Ok(if found { TreeNodeRecursion::Stop } else { TreeNodeRecursion::Continue })
            })
        })
    });
    found
}

fn reads_row(expr: &Expr) -> bool {
    let is_column = |expr: &Expr| Ok(matches!(expr, Expr::Column(_) | Expr::OuterReferenceColumn(..)));
    expr.exists(is_column).unwrap_or_default()
}

/// Whether all relations of the plan are catalogs, whose rows are few and in memory.
pub(super) fn reads_catalogs_only(plan: &LogicalPlan) -> bool {
    let mut only = true;
    let _ = plan.apply_with_subqueries(|node| {
        if let LogicalPlan::TableScan(scan) = node {
            only = source_as_provider(&scan.source).is_ok_and(|provider| is_catalog(provider.as_ref()));
        }
        Ok(if only { TreeNodeRecursion::Continue } else { TreeNodeRecursion::Stop })
    });
    only
}

fn is_catalog(provider: &dyn TableProvider) -> bool {
    pgcatalog::is_catalog(provider) || provider.downcast_ref::<SystemTableProvider>().is_some()
}

/// The state for plans whose rows are so few that to split them takes longer than to compute them.
pub(super) fn in_one_partition(state: &SessionState) -> SessionState {
    let mut state = state.clone();
    let options = state.config_mut().options_mut();
    options.execution.target_partitions = 1;
    options.extensions.insert(FewRows::default());
    state
}

/// Plans and starts the query; its memory is its own.
pub(super) async fn rows(
    resources: &Resources,
    state: &Arc<SessionState>,
    plan: &LogicalPlan,
    guard: Guard,
) -> Result<BatchStream> {
    let schema = output_schema(plan);
    let (planned_in, plan) = (Arc::clone(state), plan.clone());
    let work = async move { planned_in.create_physical_plan(&plan).await.map_err(errors::from_datafusion) };
    let physical = guard.run(resources.workers().apart(work)).await?;
    // What the optimizer made of a column's nullability may differ; its data is right.
    start(resources, state, physical, schema, guard)
}

/// [`rows`] for a plan that was optimized in the state.
pub(super) async fn optimized_rows(
    resources: &Resources,
    state: &Arc<SessionState>,
    plan: LogicalPlan,
    schema: SchemaRef,
    guard: Guard,
) -> Result<BatchStream> {
    let planned_in = Arc::clone(state);
    let work = async move {
        let planner = planned_in.query_planner();
        planner.create_physical_plan(&plan, planned_in.as_ref()).await.map_err(errors::from_datafusion)
    };
    let physical = guard.run(resources.workers().apart(work)).await?;
    start(resources, state, physical, schema, guard)
}

/// Starts a physical plan on the workers; dropping the stream stops it, within an operator too where that can be.
fn start(
    resources: &Resources,
    state: &SessionState,
    physical: Arc<dyn ExecutionPlan>,
    schema: SchemaRef,
    guard: Guard,
) -> Result<BatchStream> {
    let stop = CancellationToken::new();
    let physical = interruptible(physical, &stop).map_err(errors::from_datafusion)?;
    start_interruptible(resources, state, physical, schema, guard, stop)
}

/// [`start`] for a plan that was made [`interruptible`] by `stop`.
pub(super) fn start_interruptible(
    resources: &Resources,
    state: &SessionState,
    physical: Arc<dyn ExecutionPlan>,
    schema: SchemaRef,
    guard: Guard,
    stop: CancellationToken,
) -> Result<BatchStream> {
    let context = task_context(resources, state);
    let workers = resources.workers().handle();
    // operators that start tasks of their own do so in the runtime that is entered
    let entered = workers.enter();
    let rows = execute_stream(physical, context).map_err(errors::from_datafusion)?;
    drop(entered);
    Ok(BatchStream::spawned(schema, rows, guard, workers, stop.drop_guard()))
}

/// Functions are resolved by now: the registries of the state are not needed again.
fn task_context(resources: &Resources, state: &SessionState) -> Arc<TaskContext> {
    Arc::new(TaskContext::new(
        None,
        state.session_id().to_owned(),
        state.config().clone(),
        HashMap::new(),
        HashMap::new(),
        HashMap::new(),
        HashMap::new(),
        resources.of_query(state.runtime_env()),
    ))
}
