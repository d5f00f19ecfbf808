//! DataFusion's state that every other is copied from: functions and options. The only place where one is built.

use std::collections::HashSet;
use std::sync::Arc;

use async_trait::async_trait;
use datafusion::catalog::Session;
use datafusion::error::Result as DataFusionResult;
use datafusion::execution::SessionState;
use datafusion::execution::context::QueryPlanner;
use datafusion::execution::runtime_env::RuntimeEnv;
use datafusion::execution::session_state::SessionStateBuilder;
use datafusion::logical_expr::LogicalPlan;
use datafusion::logical_expr::registry::FunctionRegistry;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_planner::{DefaultPhysicalPlanner, ExtensionPlanner, PhysicalPlanner};
use datafusion::prelude::SessionConfig;

use super::plan::MaterializedPlanner;
use super::{aggregates, array_agg, coalesce, errors, math, optimizer, powers, randoms, single_value};
use crate::config::Config;
use crate::error::Result;
use crate::pgfunctions::time::{TimePlanner, TimeSeries, series_function, with_intervals};
use crate::{dialect, functions, pgcatalog, pgfunctions};

/// DataFusion's planner of operators, which knows ours as well.
#[derive(Debug)]
struct OperatorPlanner;

#[async_trait]
impl QueryPlanner for OperatorPlanner {
    async fn create_physical_plan(
        &self,
        plan: &LogicalPlan,
        session: &dyn Session,
    ) -> DataFusionResult<Arc<dyn ExecutionPlan>> {
        let ours: Vec<Arc<dyn ExtensionPlanner + Send + Sync>> =
            vec![functions::extension_planner(), Arc::new(MaterializedPlanner::default())];
        let guarded = optimizer::guarded(plan)?;
        let plan = guarded.as_ref().unwrap_or(plan);
        DefaultPhysicalPlanner::with_extension_planners(ours).create_physical_plan(plan, session).await
    }
}

/// A state with all functions and no tables.
pub(super) fn state(config: &Config, runtime: Arc<RuntimeEnv>) -> Result<SessionState> {
    build(config, runtime).map_err(errors::from_datafusion)
}

fn build(config: &Config, runtime: Arc<RuntimeEnv>) -> DataFusionResult<SessionState> {
    let mut state = SessionStateBuilder::new()
        .with_config(session_config(config)?)
        .with_expr_planners(pgfunctions::expr_planners())
        .with_runtime_env(runtime)
        .with_default_features()
        .with_query_planner(Arc::new(OperatorPlanner))
        .with_optimizer_rules(optimizer::logical_rules())
        .with_physical_optimizer_rules(optimizer::physical_rules())
        .build();
    for function in pgcatalog::scalar_functions() {
        state.register_udf(Arc::new(function))?;
    }
    for function in pgfunctions::all() {
        state.register_udf(Arc::new(function))?;
    }
    state.register_expr_planner(Arc::new(TimePlanner))?;
    for function in pgfunctions::aggregates().into_iter().chain(aggregates::functions()) {
        state.register_udaf(Arc::new(function))?;
    }
    for name in ["sum", "avg"] {
        let inner = state.udaf(name)?;
        state.register_udaf(Arc::new(with_intervals(inner)))?;
    }
    let inner = state.udf("coalesce")?;
    state.register_udf(Arc::new(coalesce::function(inner)))?;
    let inner = state.udf("abs")?;
    state.register_udf(Arc::new(math::unordered(inner)))?;
    let numbers = state.udf("generate_series")?;
    let numbers = Arc::new(pgfunctions::numeric_series::function(numbers));
    state.register_udf(Arc::new(series_function(numbers)))?;
    if let Some(numbers) = state.table_functions().get("generate_series").map(|known| known.function().clone()) {
        state.register_udtf("generate_series", Arc::new(TimeSeries { numbers }));
    }
    state.register_udf(Arc::new(randoms::function()))?;
    state.register_udf(Arc::new(powers::trim_scale()))?;
    state.register_udaf(Arc::new(single_value::function()))?;
    state.register_udaf(Arc::new(array_agg::function()))?;
    for (name, function) in pgcatalog::table_functions()? {
        state.register_udtf(name, function);
    }
    state.register_relation_planner(functions::relation_planner())?;
    state.register_relation_planner(pgfunctions::relation_planner())?;
    // the last is asked first
    state.register_relation_planner(optimizer::relation_planner())?;
    Ok(state)
}

/// The state with another environment, and the same functions.
///
/// DataFusion's builder takes functions by no order and each under all of its names, so that one of ours and the one whose
/// place it has taken, kept under another of its names, would take turns.
pub(super) fn with_runtime(state: SessionState, runtime: Arc<RuntimeEnv>) -> SessionState {
    let mut made = SessionStateBuilder::new_from_existing(state.clone()).with_runtime_env(runtime).build();
    if let Err(error) = take_functions(&mut made, &state) {
        tracing::error!(%error, "a function cannot be registered for a transaction");
    }
    made
}

/// Gives each function the name that it has in `state`.
fn take_functions(made: &mut SessionState, state: &SessionState) -> DataFusionResult<()> {
    // a function may take a name from one that was put right before it; twice is enough, for ours have one name each
    for _ in 0..2 {
        for (name, function) in state.scalar_functions() {
            let same = made.scalar_functions().get(name).is_some_and(|made| Arc::ptr_eq(made, function));
            if !same && function.name() == name {
                made.register_udf(function.clone())?;
            }
        }
        for (name, function) in state.aggregate_functions() {
            let same = made.aggregate_functions().get(name).is_some_and(|made| Arc::ptr_eq(made, function));
            if !same && function.name() == name {
                made.register_udaf(function.clone())?;
            }
        }
        for (name, function) in state.window_functions() {
            let same = made.window_functions().get(name).is_some_and(|made| Arc::ptr_eq(made, function));
            if !same && function.name() == name {
                made.register_udwf(function.clone())?;
            }
        }
    }
    Ok(())
}

/// Names of all functions, of whatever kind.
pub(super) fn function_names(state: &SessionState) -> HashSet<String> {
    let scalar = state.scalar_functions().keys().chain(state.table_functions().keys());
    let others = state.aggregate_functions().keys().chain(state.window_functions().keys());
    let rewritten = dialect::rewritten_functions().map(str::to_owned);
    scalar.chain(others).cloned().chain(rewritten).collect()
}

fn session_config(config: &Config) -> DataFusionResult<SessionConfig> {
    let mut session = SessionConfig::new()
        .with_target_partitions(config.target_partitions())
        .with_batch_size(config.execution.batch_size)
        .with_information_schema(false)
        .with_create_default_catalog_and_schema(false)
        .with_default_catalog_and_schema("lake", "public");
    let options = session.options_mut();
    options.set("datafusion.sql_parser.dialect", "postgresql")?;
    // As in PostgreSQL, 0.8 is exact; 8e-1 too.
    options.set("datafusion.sql_parser.parse_float_as_decimal", "true")?;
    options.set("datafusion.sql_parser.default_null_ordering", "nulls_max")?;
    // an order in a subquery is kept where it shows (`subquery_order`)
    options.set("datafusion.sql_parser.enable_subquery_sort_elimination", "false")?;
    // what is computed may be NULL in a place where its planner knew that it is not, as in unions of conditions
    options.set("datafusion.execution.skip_physical_aggregate_schema_check", "true")?;
    Ok(session)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_environment_changes_no_function() {
        let base = state(&Config::with(&[]).unwrap(), Arc::new(RuntimeEnv::default())).unwrap();
        for _ in 0..8 {
            let made = with_runtime(base.clone(), Arc::new(RuntimeEnv::default()));
            for (name, function) in base.scalar_functions() {
                if function.name() == name {
                    assert!(Arc::ptr_eq(&made.scalar_functions()[name], function), "{name}");
                }
            }
            for (name, function) in base.aggregate_functions() {
                if function.name() == name {
                    assert!(Arc::ptr_eq(&made.aggregate_functions()[name], function), "{name}");
                }
            }
            for (name, function) in base.window_functions() {
                if function.name() == name {
                    assert!(Arc::ptr_eq(&made.window_functions()[name], function), "{name}");
                }
            }
        }
    }
}
