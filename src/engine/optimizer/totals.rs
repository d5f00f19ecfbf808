//! Aggregates that give a row whatever they read: `SELECT count(*) FROM t`, `GROUP BY ROLLUP (a)`.
//!
//! Blocked by: DataFusion 55 hands down below them the conditions that name no column, `HAVING (SELECT max(id) FROM u) > 100`
//! or what is known to be false, and the row of nothing read, which they do not let through, comes out. Remove when it keeps
//! them above.

use std::sync::Arc;

use datafusion::common::tree_node::Transformed;
use datafusion::error::Result;
use datafusion::logical_expr::{Aggregate, Expr, LogicalPlan};
use datafusion::optimizer::optimizer::ApplyOrder;
use datafusion::optimizer::push_down_filter::PushDownFilter;
use datafusion::optimizer::{OptimizerConfig, OptimizerRule};

/// The rule, kept off such aggregates where it is the one that hands conditions down.
pub(super) fn below(rule: Arc<dyn OptimizerRule + Send + Sync>) -> Arc<dyn OptimizerRule + Send + Sync> {
    match rule.name() == PushDownFilter::new().name() {
        true => Arc::new(Below(rule)),
        false => rule,
    }
}

#[derive(Debug)]
struct Below(Arc<dyn OptimizerRule + Send + Sync>);

impl OptimizerRule for Below {
    fn name(&self) -> &str {
        self.0.name()
    }

    fn apply_order(&self) -> Option<ApplyOrder> {
        self.0.apply_order()
    }

    fn rewrite(&self, plan: LogicalPlan, config: &dyn OptimizerConfig) -> Result<Transformed<LogicalPlan>> {
        match &plan {
            LogicalPlan::Filter(filter) if is_total(&filter.input) => Ok(Transformed::no(plan)),
            _ => self.0.rewrite(plan, config),
        }
    }
}

fn is_total(plan: &LogicalPlan) -> bool {
    matches!(plan, LogicalPlan::Aggregate(Aggregate { group_expr, .. })
        if group_expr.is_empty() || matches!(group_expr.as_slice(), [Expr::GroupingSet(_)]))
}
