//! `a LEFT JOIN b ON a.n <> 0 AND 10 / a.n > b.n`: what CASE keeps from failing is not computed before.
//!
//! Blocked by: DataFusion 55 computes parts of a join's condition below the join, those within CASE too. Remove when it leaves
//! these.

use std::sync::Arc;

use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::physical_expr::expressions::CaseExpr;
use datafusion::physical_optimizer::projection_pushdown::ProjectionPushdown;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::joins::NestedLoopJoinExec;

use super::around::{self, Physical};

/// The rule, kept off plans with such a join where it is the one that moves what is computed.
pub(super) fn kept(rule: Physical) -> Physical {
    around::physical(rule, &ProjectionPushdown::new(), |rule, plan, config| {
        match plan.exists(|node| Ok(has_case(node)))? {
            true => Ok(plan),
            false => rule.optimize(plan, config),
        }
    })
}

fn has_case(node: &Arc<dyn ExecutionPlan>) -> bool {
    let Some(filter) = node.downcast_ref::<NestedLoopJoinExec>().and_then(|join| join.filter()) else { return false };
    let mut found = false;
    let walked = filter.expression().apply(|expr| {
        found |= expr.is::<CaseExpr>();
        Ok(if found { TreeNodeRecursion::Stop } else { TreeNodeRecursion::Continue })
    });
    walked.is_ok() && found
}
