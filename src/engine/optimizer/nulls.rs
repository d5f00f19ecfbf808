//! Columns that DataFusion says more of than holds once there are NULLs.
//!
//! Blocked by: DataFusion 55 takes what is constant below an outer join or a grouping set, `WHERE status = 'paid'` or
//! `5 AS kind`, for constant above: rows are then not sorted by it, nor grouped where NULLs come. And it takes the rows of
//! `max(x) OVER (ORDER BY id)` for sorted by that, with the NULLs at the wrong end. Remove when it does neither.

use std::sync::Arc;

use datafusion::common::JoinType;
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode};
use datafusion::error::Result;
use datafusion::logical_expr::SetMonotonicity;
use datafusion::physical_expr::window::{PlainAggregateWindowExpr, SlidingAggregateWindowExpr};
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_plan::aggregates::AggregateExec;
use datafusion::physical_plan::joins::{HashJoinExec, NestedLoopJoinExec, SortMergeJoinExec};
use datafusion::physical_plan::windows::{BoundedWindowAggExec, WindowAggExec};
use datafusion::physical_plan::{
    ChildrenPropertiesMode, ExecutionPlan, ExecutionPlanProperties, ReplaceChildrenOptions,
};

use super::pass::{Kept, PassExec};

/// Puts a [`PassExec`] before what outer joins and grouping sets read, and behind such windows.
#[derive(Debug)]
pub(super) struct Rule;

impl PhysicalOptimizerRule for Rule {
    fn optimize(&self, plan: Arc<dyn ExecutionPlan>, _config: &ConfigOptions) -> Result<Arc<dyn ExecutionPlan>> {
        plan.transform_up(|node| {
            let nulled = nulled_inputs(&node);
            let mut changed = false;
            let inputs = node.children().into_iter().zip(nulled).map(|(input, nulled)| {
                let wrapped = nulled && !input.equivalence_properties().eq_group().is_empty();
                changed |= wrapped;
                if wrapped { PassExec::above(Kept::Constants, input.clone()) } else { Ok(input.clone()) }
            });
            let inputs = inputs.collect::<Result<Vec<Arc<dyn ExecutionPlan>>>>()?;
            if changed {
                let options = ReplaceChildrenOptions::new(ChildrenPropertiesMode::Recompute);
                return Ok(Transformed::yes(node.replace_children(inputs, options)?));
            }
            Ok(match orders_by_nullable(&node) {
                true => Transformed::yes(PassExec::above(Kept::WindowOrders, node)?),
                false => Transformed::no(node),
            })
        })
        .data()
    }

    fn name(&self) -> &str {
        "nulls"
    }

    fn schema_check(&self) -> bool {
        true
    }
}

/// For whose columns, of the node's inputs, it may put NULL; nothing for nodes that do not.
fn nulled_inputs(node: &Arc<dyn ExecutionPlan>) -> [bool; 2] {
    let join_type = if let Some(join) = node.downcast_ref::<HashJoinExec>() {
        *join.join_type()
    } else if let Some(join) = node.downcast_ref::<NestedLoopJoinExec>() {
        *join.join_type()
    } else if let Some(join) = node.downcast_ref::<SortMergeJoinExec>() {
        join.join_type()
    } else {
        let sets = node.downcast_ref::<AggregateExec>().is_some_and(|groups| !groups.group_expr().is_single());
        return [sets, false];
    };
    match join_type {
        JoinType::Left => [false, true],
        JoinType::Right => [true, false],
        JoinType::Full => [true, true],
        _ => [false, false],
    }
}

/// Whether the node computes what is NULL for some frames, and says that its rows are in the order of that.
fn orders_by_nullable(node: &Arc<dyn ExecutionPlan>) -> bool {
    let exprs = if let Some(window) = node.downcast_ref::<WindowAggExec>() {
        window.window_expr()
    } else if let Some(window) = node.downcast_ref::<BoundedWindowAggExec>() {
        window.window_expr()
    } else {
        return false;
    };
    exprs.iter().any(|expr| {
        let any = expr.as_any();
        let plain = any.downcast_ref::<PlainAggregateWindowExpr>().map(|expr| expr.get_aggregate_expr());
        let aggregate =
            plain.or_else(|| any.downcast_ref::<SlidingAggregateWindowExpr>().map(|e| e.get_aggregate_expr()));
        let ordered = aggregate.is_some_and(|aggregate| aggregate.set_monotonicity() != SetMonotonicity::NotMonotonic);
        ordered && expr.field().is_ok_and(|field| field.is_nullable())
    })
}
