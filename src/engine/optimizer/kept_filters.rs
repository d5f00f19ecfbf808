//! Filters that stay above what they stand on: aggregates that give a row whatever they read (`SELECT count(*) FROM t`,
//! `GROUP BY ROLLUP (a)`), and queries of WITH whose rows several readers share.
//!
//! Blocked by: DataFusion 55 hands down below them the conditions that name no column, `HAVING (SELECT max(id) FROM u) > 100`
//! or what is known to be false. The row of nothing read, which they do not let through, comes out; and what is true for one
//! reader of shared rows is not for the others, of whom the first decides. Remove when it keeps them above.

use datafusion::common::tree_node::Transformed;
use datafusion::logical_expr::{Aggregate, Expr, LogicalPlan};
use datafusion::optimizer::push_down_filter::PushDownFilter;

use super::around::{self, Logical};

/// The rule, kept off such filters where it is the one that hands conditions down.
pub(super) fn kept(rule: Logical) -> Logical {
    around::logical(rule, &PushDownFilter::new(), |rule, plan, config| match &plan {
        LogicalPlan::Filter(filter) if is_total(&filter.input) || is_shared(&filter.input) => Ok(Transformed::no(plan)),
        _ => rule.rewrite(plan, config),
    })
}

/// Whether it is a node of ours.
fn is_shared(plan: &LogicalPlan) -> bool {
    matches!(plan, LogicalPlan::Extension(_))
}

fn is_total(plan: &LogicalPlan) -> bool {
    matches!(plan, LogicalPlan::Aggregate(Aggregate { group_expr, .. })
        if group_expr.is_empty() || matches!(group_expr.as_slice(), [Expr::GroupingSet(_)]))
}
