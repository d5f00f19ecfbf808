//! `sum(price)` beside `count(DISTINCT customer)`.
//!
//! Blocked by: DataFusion 55 plans it as a sum of sums, and such a sum of numerics has more digits than its own type, which
//! a HAVING then cannot compare. Remove when it keeps the type.

use datafusion::common::tree_node::Transformed;
use datafusion::error::Result;
use datafusion::logical_expr::{Expr, ExprSchemable, LogicalPlan};
use datafusion::optimizer::OptimizerConfig;
use datafusion::optimizer::single_distinct_to_groupby::SingleDistinctToGroupBy;

use super::around::{self, Logical};

/// The rule, kept off sums of numerics where it is the one that splits them.
pub(super) fn limited(rule: Logical) -> Logical {
    around::logical(rule, &SingleDistinctToGroupBy::new(), split)
}

fn split(rule: &Logical, plan: LogicalPlan, config: &dyn OptimizerConfig) -> Result<Transformed<LogicalPlan>> {
    if let LogicalPlan::Aggregate(aggregate) = &plan {
        let schema = aggregate.input.schema();
        let widens = |expr: &Expr| match expr.clone().unalias() {
            Expr::AggregateFunction(call) => {
                let sums = call.func.name() == "sum" && !call.params.distinct;
                sums && call.params.args.iter().any(|arg| arg.get_type(schema).is_ok_and(|t| t.is_decimal()))
            }
            _ => false,
        };
        if aggregate.aggr_expr.iter().any(widens) {
            return Ok(Transformed::no(plan));
        }
    }
    rule.rewrite(plan, config)
}
