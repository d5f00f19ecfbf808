//! Logical plan → rows.

use std::collections::HashMap;
use std::sync::Arc;

use datafusion::arrow::datatypes::{Field, Schema, SchemaRef};
use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::execution::{SessionState, TaskContext};
use datafusion::logical_expr::{Expr, LogicalPlan, Volatility};
use datafusion::physical_plan::{ExecutionPlan, execute_stream};
use tokio_util::sync::CancellationToken;

use super::errors;
use super::interrupt::interruptible;
use super::runtime::Resources;
use super::stream::{BatchStream, Guard};
use crate::dialect::visible_name;
use crate::error::Result;

/// The columns of a plan as the client sees them.
pub(super) fn output_schema(plan: &LogicalPlan) -> SchemaRef {
    let fields = plan.schema().fields().iter().map(|field| {
        let name = visible_name(field.name());
        if name.len() == field.name().len() { field.clone() } else { Arc::new(field.as_ref().clone().with_name(name)) }
    });
    Arc::new(Schema::new(fields.collect::<Vec<Arc<Field>>>()))
}

/// Whether the plan's rows depend on when it is executed (`now()`, `current_date` …).
pub(super) fn reads_clock(plan: &LogicalPlan) -> bool {
    let is_stable = |expr: &Expr| match expr {
        Expr::ScalarFunction(call) => call.func.signature().volatility == Volatility::Stable,
        _ => false,
    };
    let mut found = false;
    let _ = plan.apply_with_subqueries(|node| {
        node.apply_expressions(|expr| {
            expr.apply(|expr| {
                found |= is_stable(expr);
                Ok(if found { TreeNodeRecursion::Stop } else { TreeNodeRecursion::Continue })
            })
        })
    });
    found
}

/// Plans and starts the query; its memory is its own.
pub(super) async fn rows(
    resources: &Resources,
    state: &SessionState,
    plan: &LogicalPlan,
    guard: Guard,
) -> Result<BatchStream> {
    let physical = guard.run(async { state.create_physical_plan(plan).await.map_err(errors::from_datafusion) }).await?;
    let schema = output_schema(plan);
    // What the optimizer made of a column's nullability may differ; its data is right.
    start(resources, state, physical, schema, guard)
}

/// [`rows`] for a plan that was optimized in the state.
pub(super) async fn optimized_rows(
    resources: &Resources,
    state: &SessionState,
    plan: &LogicalPlan,
    schema: SchemaRef,
    guard: Guard,
) -> Result<BatchStream> {
    let physical = guard
        .run(async {
            let planner = state.query_planner();
            planner.create_physical_plan(plan, state).await.map_err(errors::from_datafusion)
        })
        .await?;
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
