//! Totals with FILTER over other totals: `SELECT count(*) FILTER (WHERE n > 5) FROM (SELECT count(*) AS n FROM t)`.
//!
//! Blocked by: where DataFusion 55 reads totals from statistics, it passes over a half of an aggregate that has a FILTER, takes
//! the aggregate below it for that half, and puts its values in the place of the whole. Remove when it stops there.

use std::sync::Arc;

use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode};
use datafusion::error::Result;
use datafusion::physical_optimizer::aggregate_statistics::AggregateStatistics;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::aggregates::{AggregateExec, AggregateMode};

use super::around::{self, Physical};

/// The rule, kept to what is below such totals where it is the one that reads statistics.
pub(super) fn kept(rule: Physical) -> Physical {
    around::physical(rule, &AggregateStatistics::new(), optimized)
}

fn optimized(rule: &Physical, plan: Arc<dyn ExecutionPlan>, config: &ConfigOptions) -> Result<Arc<dyn ExecutionPlan>> {
    match plan.exists(|node| Ok(is_passed_over(node)))? {
        true => plan.map_children(|child| optimized(rule, child, config).map(Transformed::yes)).data(),
        false => rule.optimize(plan, config),
    }
}

/// Whether it is the first half of totals with FILTER.
fn is_passed_over(node: &Arc<dyn ExecutionPlan>) -> bool {
    node.downcast_ref::<AggregateExec>().is_some_and(|aggregate| {
        *aggregate.mode() == AggregateMode::Partial
            && aggregate.group_expr().is_empty()
            && aggregate.filter_expr().iter().any(Option::is_some)
    })
}
