//! What DataFusion plans of a statement, as PostgreSQL means it: passes over the logical plan before it is optimized.
//!
//! Invariant: columns are those the plan had, by the names they had.

mod awaited_choices;
mod computed_limits;
mod decorrelate;
mod grouping_sets;
mod materialized_ctes;
pub(super) mod multisets;
mod queries_in_values;
mod same_names;
mod skipped_rows;
mod subquery_order;

use std::sync::Arc;

use datafusion::common::{DFSchema, plan_err};
use datafusion::error::Result;
use datafusion::logical_expr::{EmptyRelation, Expr, LogicalPlan, LogicalPlanBuilder};

pub(super) use materialized_ctes::{MaterializedPlanner, Repeated, repeated};

use super::aggregates;
use super::typing::Typing;
use crate::pgfunctions;

/// The plan of a statement. `assigns`: the columns of the topmost projection go to a table's columns; `repeated`: the queries
/// of WITH that it reads more than once.
///
/// # Errors
/// PostgreSQL's, of types that do not fit, and `0A000` for subqueries that cannot be taken apart.
pub(super) fn rewritten(plan: LogicalPlan, typing: &Typing, assigns: bool, repeated: &Repeated) -> Result<LogicalPlan> {
    queries_in_values::unfolded(plan)
        .and_then(computed_limits::counted)
        .and_then(same_names::told_apart)
        .and_then(multisets::counted)
        .and_then(grouping_sets::over_columns)
        .and_then(pgfunctions::laterals_unfolded)
        .and_then(|plan| typing.settle(plan, assigns))
        .and_then(awaited_choices::minded)
        .and_then(aggregates::over_moving_frames)
        .and_then(pgfunctions::by_keys)
        .and_then(subquery_order::kept)
        .and_then(decorrelate::decorrelated)
        .and_then(skipped_rows::sorted)
        .and_then(|plan| materialized_ctes::shared(plan, repeated))
}

/// The plan with PostgreSQL's operators and casts in place of DataFusion's.
pub(super) fn settled(plan: LogicalPlan) -> Result<LogicalPlan> {
    let plan = pgfunctions::laterals_unfolded(plan)?;
    Typing::outside_sessions()
        .settle(plan, true)
        .and_then(awaited_choices::minded)
        .and_then(pgfunctions::by_keys)
        .and_then(decorrelate::decorrelated)
}

/// [`settled`] for one expression over columns.
pub(super) fn settled_expr(expr: Expr, columns: &DFSchema) -> Result<Expr> {
    let row = LogicalPlan::EmptyRelation(EmptyRelation { produce_one_row: false, schema: Arc::new(columns.clone()) });
    let plan = settled(LogicalPlanBuilder::from(row).project([expr.alias("value")])?.build()?)?;
    match plan {
        LogicalPlan::Projection(mut projection) if projection.expr.len() == 1 => {
            Ok(projection.expr.remove(0).unalias())
        }
        other => plan_err!("an expression became {}", other.display()),
    }
}
