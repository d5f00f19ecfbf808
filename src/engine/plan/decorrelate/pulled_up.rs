//! Which subqueries DataFusion joins rightly: those whose conditions may be asked of their rows afterwards.
//!
//! DataFusion takes the conditions that name outer columns out of a subquery, and joins its rows by them. That is the same
//! where nothing between the condition and the subquery's end counts, numbers, cuts off or fills up rows. DataFusion tries
//! some of the others as well, with other rows.

use datafusion::common::tree_node::TreeNode;
use datafusion::logical_expr::utils::split_conjunction;
use datafusion::logical_expr::{BinaryExpr, Distinct, Expr, Join, JoinType, LogicalPlan, Operator};

use super::{all_outer_columns, further_columns, outer_columns};

/// What is asked of a subquery.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Asked {
    /// Whether there are rows, or such a row: EXISTS and IN.
    Rows,
    /// Its one value.
    Value,
    /// Its rows beside those of the left side: LATERAL.
    Beside,
}

/// Whether DataFusion joins the subquery, and has the rows that PostgreSQL has.
pub(super) fn is_joined(plan: &LogicalPlan, asked: Asked) -> bool {
    is_joined_below(plan, asked, asked != Asked::Rows)
}

/// `counts`: whether an aggregate without groups, which has a row where there are none, is seen to have one.
fn is_joined_below(plan: &LogicalPlan, asked: Asked, counts: bool) -> bool {
    if all_outer_columns(plan).is_empty() {
        return true;
    }
    if !further_columns(plan).is_empty() {
        return false;
    }
    match plan {
        LogicalPlan::Filter(filter) => {
            let joins = asked == Asked::Rows || is_equalities(&filter.predicate);
            joins && is_joined_below(&filter.input, asked, false)
        }
        LogicalPlan::Projection(projection) => names_none(plan) && is_joined_below(&projection.input, asked, counts),
        LogicalPlan::Distinct(Distinct::All(input)) => asked != Asked::Beside && is_joined_below(input, asked, false),
        LogicalPlan::Aggregate(aggregate) => {
            let sets = aggregate.group_expr.iter().any(|group| matches!(group, Expr::GroupingSet(_)));
            let groups = counts || !aggregate.group_expr.is_empty();
            let input = aggregate.input.as_ref();
            groups && !sets && names_none(plan) && equals_only(input) && is_joined_below(input, asked, false)
        }
        LogicalPlan::Join(join) => names_none(plan) && is_joined_within(join, asked),
        _ => false,
    }
}

/// The side that a join may leave without partners keeps its conditions.
fn is_joined_within(join: &Join, asked: Asked) -> bool {
    let free = |side: &LogicalPlan| all_outer_columns(side).is_empty();
    let (left, right) = (join.left.as_ref(), join.right.as_ref());
    match join.join_type {
        JoinType::Inner => [left, right].into_iter().all(|side| is_joined_below(side, asked, false)),
        JoinType::Left | JoinType::LeftSemi | JoinType::LeftAnti => free(right) && is_joined_below(left, asked, false),
        JoinType::Right | JoinType::RightSemi | JoinType::RightAnti => {
            free(left) && is_joined_below(right, asked, false)
        }
        _ => false,
    }
}

/// Whether the node's own expressions name no outer columns.
fn names_none(node: &LogicalPlan) -> bool {
    !node.contains_outer_reference()
}

fn is_equalities(predicate: &Expr) -> bool {
    split_conjunction(predicate).into_iter().all(is_equality)
}

/// Whether the plan asks for outer columns by equalities: all rows of a group have the same then.
fn equals_only(plan: &LogicalPlan) -> bool {
    let other = |node: &LogicalPlan| match node {
        LogicalPlan::Filter(filter) => Ok(!is_equalities(&filter.predicate)),
        _ => Ok(false),
    };
    !plan.exists(other).unwrap_or(true)
}

fn is_equality(expr: &Expr) -> bool {
    if outer_columns(expr).is_empty() {
        return true;
    }
    let Expr::BinaryExpr(BinaryExpr { left, op: Operator::Eq, right }) = expr else { return false };
    let inner = |side: &Expr| matches!(side, Expr::Column(_));
    let outer = |side: &Expr| matches!(side, Expr::OuterReferenceColumn(..));
    inner(left) && outer(right) || outer(left) && inner(right)
}
