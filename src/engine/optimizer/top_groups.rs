//! `GROUP BY k ORDER BY k LIMIT 3`, of which an aggregate need keep three groups.
//!
//! Blocked by: DataFusion 55 follows the column of ORDER BY down by its name, through `-k AS k` too, and keeps the wrong
//! groups. Remove when it follows what the column is.

use std::sync::Arc;

use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::TreeNode;
use datafusion::error::Result;
use datafusion::physical_expr::expressions::Column;
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_optimizer::topk_aggregation::TopKAggregation;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::projection::ProjectionExec;

/// The rule, kept off plans whose names mislead where it is the one that goes by them.
pub(super) fn limited(
    rule: Arc<dyn PhysicalOptimizerRule + Send + Sync>,
) -> Arc<dyn PhysicalOptimizerRule + Send + Sync> {
    match rule.name() == TopKAggregation::new().name() {
        true => Arc::new(Limited(rule)),
        false => rule,
    }
}

#[derive(Debug)]
struct Limited(Arc<dyn PhysicalOptimizerRule + Send + Sync>);

impl PhysicalOptimizerRule for Limited {
    fn optimize(&self, plan: Arc<dyn ExecutionPlan>, config: &ConfigOptions) -> Result<Arc<dyn ExecutionPlan>> {
        match plan.exists(|node| Ok(misleads(node)))? {
            true => Ok(plan),
            false => self.0.optimize(plan, config),
        }
    }

    fn name(&self) -> &str {
        self.0.name()
    }

    fn schema_check(&self) -> bool {
        self.0.schema_check()
    }
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
