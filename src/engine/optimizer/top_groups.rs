//! `GROUP BY k ORDER BY k LIMIT 3`, of which an aggregate need keep three groups.
//!
//! Blocked by: DataFusion 55 follows the column of ORDER BY down by its name, through `-k AS k` too, and keeps the wrong
//! groups. Of floats it takes each NaN for a group of its own, and breaks off where one has to go. Remove when it follows what
//! the column is, and knows NaN.

use std::sync::Arc;

use datafusion::common::tree_node::TreeNode;
use datafusion::physical_expr::expressions::Column;
use datafusion::physical_optimizer::topk_aggregation::TopKAggregation;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::aggregates::AggregateExec;
use datafusion::physical_plan::projection::ProjectionExec;

use super::around::{self, Physical};

/// The rule, kept off plans whose names mislead where it is the one that goes by them.
pub(super) fn limited(rule: Physical) -> Physical {
    around::physical(rule, &TopKAggregation::new(), |rule, plan, config| {
        match plan.exists(|node| Ok(misleads(node) || is_of_floats(node)))? {
            true => Ok(plan),
            false => rule.optimize(plan, config),
        }
    })
}

/// Whether the groups or the values of an aggregate are floats.
fn is_of_floats(node: &Arc<dyn ExecutionPlan>) -> bool {
    node.is::<AggregateExec>() && node.schema().fields().iter().any(|field| field.data_type().is_floating())
}

/// Whether the node gives something the name of a column that it reads.
fn misleads(node: &Arc<dyn ExecutionPlan>) -> bool {
    let Some(projection) = node.downcast_ref::<ProjectionExec>() else { return false };
    let read = projection.input().schema();
    projection.expr().iter().any(|given| {
        let is_it = given.expr.downcast_ref::<Column>().is_some_and(|column| column.name() == given.alias);
        !is_it && read.column_with_name(&given.alias).is_some()
    })
}
