//! The rows around subqueries: they are read once for themselves, and once for the values that a subquery depends on.
//!
//! Invariant: both are the same rows. What could be others when it is read again (`random()`, LIMIT without an order) is kept.

use datafusion::common::Column;
use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::error::Result;
use datafusion::logical_expr::{Distinct, Expr, Join, JoinType, LogicalPlan, Projection};

use super::super::materialized_ctes;
use super::all_outer_columns;

/// What the names of subqueries' results begin with, once they are joined to the rows; a number follows.
const RESULTS: [&str; 2] = ["subquery_", "lateral_"];

/// Aggregates whose value depends on the order of rows.
const IN_ORDER: [&str; 5] = ["array_agg", "string_agg", "first_value", "last_value", "nth_value"];

/// The rows, of which a subquery depends on the columns, as they may be read twice.
pub(super) fn steady(rows: &LogicalPlan, outer: &[Column]) -> Result<LogicalPlan> {
    let base = before_others(rows, outer);
    // what is a column of a row further out is not known yet
    if !std::ptr::eq(base, rows) || !all_outer_columns(rows).is_empty() {
        return Ok(rows.clone());
    }
    Ok(if varies(rows)? { materialized_ctes::kept("rows", rows.clone()) } else { rows.clone() })
}

/// Whether reading the plan again may give other rows, or rows in another order to what depends on it.
fn varies(plan: &LogicalPlan) -> Result<bool> {
    let mut found = false;
    plan.apply(|node| {
        found |= match node {
            // these are kept
            LogicalPlan::Extension(_) => return Ok(TreeNodeRecursion::Jump),
            LogicalPlan::Limit(_) | LogicalPlan::Distinct(Distinct::On(_)) | LogicalPlan::Window(_) => true,
            LogicalPlan::Aggregate(aggregate) => aggregate.aggr_expr.iter().any(is_in_order),
            _ => false,
        };
        node.apply_expressions(|expr| {
            found |= expr.is_volatile();
            Ok(TreeNodeRecursion::Continue)
        })?;
        Ok(if found { TreeNodeRecursion::Stop } else { TreeNodeRecursion::Continue })
    })?;
    Ok(found)
}

fn is_in_order(expr: &Expr) -> bool {
    match expr {
        Expr::Alias(alias) => is_in_order(&alias.expr),
        Expr::AggregateFunction(call) => IN_ORDER.contains(&call.func.name()),
        _ => false,
    }
}

/// The rows without the results of other subqueries that were joined to them, which say no more of these columns: a plan
/// would else hold every subquery twice as often as the one before.
pub(super) fn before_others<'a>(plan: &'a LogicalPlan, outer: &[Column]) -> &'a LogicalPlan {
    let has_all = |plan: &LogicalPlan| outer.iter().all(|column| plan.schema().has_column(column));
    let is_result = |join: &Join| {
        let mut keys = join.on.iter().filter_map(|(_, right)| right.try_as_col()?.relation.as_ref());
        let ours = keys.next().is_some_and(|name| RESULTS.iter().any(|result| name.table().starts_with(result)));
        ours && matches!(join.join_type, JoinType::Inner | JoinType::Left)
    };
    let plain = |projection: &Projection| projection.expr.iter().all(|expr| matches!(expr, Expr::Column(_)));
    match plan {
        LogicalPlan::Join(join) if is_result(join) && has_all(&join.left) => before_others(&join.left, outer),
        LogicalPlan::Projection(projection) if plain(projection) && has_all(&projection.input) => {
            match before_others(&projection.input, outer) {
                below if std::ptr::eq(below, projection.input.as_ref()) => plan,
                below => below,
            }
        }
        other => other,
    }
}
