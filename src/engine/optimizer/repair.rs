//! Plans that lack an order or a distribution that they need, once they are optimized.
//!
//! Blocked by: DataFusion 55 leaves out the sort of a constant column, then moves the constant into a scan, which does not
//! say that it is one, and refuses its own plan: `rank() OVER (ORDER BY t.id)` where no `t` is joined. Remove when scans do.

use std::sync::Arc;

use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode};
use datafusion::error::Result;
use datafusion::physical_optimizer::ensure_requirements::EnsureRequirements;
use datafusion::physical_optimizer::sanity_checker::SanityCheckPlan;
use datafusion::physical_plan::sorts::sort::SortExec;
use datafusion::physical_plan::sorts::sort_preserving_merge::SortPreservingMergeExec;
use datafusion::physical_plan::{
    ChildrenPropertiesMode, ExecutionPlan, ExecutionPlanProperties, ReplaceChildrenOptions,
};

use super::around::{self, Physical};
use super::offsets;

/// The rule, with what is missing added where it is the one that finds so.
pub(super) fn repaired(rule: Physical) -> Physical {
    around::physical(rule, &SanityCheckPlan::new(), checked)
}

fn checked(rule: &Physical, plan: Arc<dyn ExecutionPlan>, config: &ConfigOptions) -> Result<Arc<dyn ExecutionPlan>> {
    if let Ok(plan) = rule.optimize(plan.clone(), config) {
        return Ok(plan);
    }
    let plan = plan.transform_up(sorted).data()?;
    rule.optimize(plan.clone(), config).or_else(|_| {
        let plan = offsets::fenced(Arc::new(EnsureRequirements::new())).optimize(plan, config)?;
        rule.optimize(plan, config)
    })
}

/// A merge over rows that are in its order.
fn sorted(node: Arc<dyn ExecutionPlan>) -> Result<Transformed<Arc<dyn ExecutionPlan>>> {
    let Some(merge) = node.downcast_ref::<SortPreservingMergeExec>() else { return Ok(Transformed::no(node)) };
    let (order, input) = (merge.expr().clone(), merge.input().clone());
    if input.equivalence_properties().ordering_satisfy(order.iter().cloned())? {
        return Ok(Transformed::no(node));
    }
    let sort = SortExec::new(order, input).with_preserve_partitioning(true);
    Ok(Transformed::yes(
        node.replace_children(vec![Arc::new(sort)], ReplaceChildrenOptions::new(ChildrenPropertiesMode::Recompute))?,
    ))
}
