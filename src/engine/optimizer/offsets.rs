//! `SELECT a FROM (SELECT a FROM t ORDER BY b OFFSET 1) s ORDER BY a`: rows are skipped in the order below the OFFSET.
//!
//! Blocked by: DataFusion 55 sees a limit only where there is a number of rows, and hands the order above an OFFSET down below
//! it. Remove when it does not.

use std::sync::Arc;

use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode};
use datafusion::error::Result;
use datafusion::physical_optimizer::ensure_requirements::EnsureRequirements;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::limit::GlobalLimitExec;
use datafusion::physical_plan::projection::ProjectionExec;
use datafusion::physical_plan::sorts::sort::SortExec;
use datafusion::physical_plan::sorts::sort_preserving_merge::SortPreservingMergeExec;

use super::around::{self, Physical};

/// More rows than there are.
pub(in crate::engine) const ALL_ROWS: usize = usize::MAX / 4;

/// The rule, with a number of rows beside each OFFSET where it is the one that places sorts.
pub(super) fn fenced(rule: Physical) -> Physical {
    around::physical(rule, &EnsureRequirements::new(), |rule, plan, config| {
        if !plan.exists(|node| Ok(skips_only(node)))? {
            return rule.optimize(plan, config);
        }
        let limited = plan.transform_up(|node| match node.downcast_ref::<GlobalLimitExec>() {
            Some(limit) if limit.fetch().is_none() => {
                Ok(Transformed::yes(below_projections(limit.skip(), limit.input())?))
            }
            _ => Ok(Transformed::no(node)),
        });
        rule.optimize(limited.data()?, config)?.transform_up(unlimited).data()
    })
}

/// The rows skipped where their order can be seen: below what shows a part of them.
fn below_projections(skip: usize, input: &Arc<dyn ExecutionPlan>) -> Result<Arc<dyn ExecutionPlan>> {
    match input.downcast_ref::<ProjectionExec>() {
        Some(projection) => {
            let below = below_projections(skip, projection.input())?;
            Ok(Arc::new(ProjectionExec::try_new(projection.expr().to_vec(), below)?))
        }
        None => Ok(Arc::new(GlobalLimitExec::new(Arc::clone(input), skip, Some(ALL_ROWS)))),
    }
}

fn skips_only(node: &Arc<dyn ExecutionPlan>) -> bool {
    node.downcast_ref::<GlobalLimitExec>().is_some_and(|limit| limit.fetch().is_none())
}

/// The node without a number of rows that is none.
fn unlimited(node: Arc<dyn ExecutionPlan>) -> Result<Transformed<Arc<dyn ExecutionPlan>>> {
    // what is skipped may have been taken off it
    let is_none = |fetch: Option<usize>| fetch.is_some_and(|fetch| fetch >= ALL_ROWS / 2);
    if let Some(limit) = node.downcast_ref::<GlobalLimitExec>().filter(|limit| is_none(limit.fetch())) {
        let skipped = GlobalLimitExec::new(Arc::clone(limit.input()), limit.skip(), None);
        return Ok(Transformed::yes(Arc::new(skipped)));
    }
    if let Some(sort) = node.downcast_ref::<SortExec>().filter(|sort| is_none(sort.fetch())) {
        return Ok(Transformed::yes(Arc::new(sort.with_fetch(None))));
    }
    match node.downcast_ref::<SortPreservingMergeExec>().filter(|merge| is_none(merge.fetch())) {
        Some(merge) => Ok(Transformed::yes(Arc::new(merge.clone().with_fetch(None)))),
        None => Ok(Transformed::no(node)),
    }
}
