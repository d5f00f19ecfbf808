//! Expressions of a whole plan, changed one by one.

use std::cell::Cell;

use datafusion::common::DFSchema;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::error::Result as DataFusionResult;
use datafusion::logical_expr::expr_rewriter::NamePreserver;
use datafusion::logical_expr::utils::merge_schema;
use datafusion::logical_expr::{Expr, LogicalPlan};

/// The plan with `change` made to every expression in it, innermost first; subqueries too. `change` is given the columns
/// that the expression sees; the expression's name is kept.
pub(super) fn expressions(
    plan: LogicalPlan,
    change: impl Fn(Expr, &DFSchema) -> DataFusionResult<Transformed<Expr>>,
) -> DataFusionResult<LogicalPlan> {
    // what stands above a change may see another type
    let changed_below = Cell::new(false);
    let changed = plan.transform_up_with_subqueries(|node| {
        let schema = merge_schema(&node.inputs());
        let names = NamePreserver::new(&node);
        let mapped = node.map_expressions(|expr| {
            let name = names.save(&expr);
            let changed = expr.transform_up(|expr| change(expr, &schema))?;
            Ok(if changed.transformed { changed.update_data(|expr| name.restore(expr)) } else { changed })
        })?;
        changed_below.set(changed_below.get() || mapped.transformed);
        if changed_below.get() { mapped.map_data(LogicalPlan::recompute_schema) } else { Ok(mapped) }
    })?;
    Ok(changed.data)
}
