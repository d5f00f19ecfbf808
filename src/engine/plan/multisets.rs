//! `EXCEPT ALL` and `INTERSECT ALL`: rows count as often as they occur.
//!
//! DataFusion plans both as a join that keeps, or drops, every row that the other side has at all. Here equal rows are
//! numbered on both sides first: the second of a kind is only equal to the second of that kind.

use std::sync::Arc;

use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::common::{Column, NullEquality};
use datafusion::error::Result;
use datafusion::functions_window::expr_fn::row_number;
use datafusion::logical_expr::expr::{Exists, InSubquery};
use datafusion::logical_expr::{Expr, ExprFunctionExt, Join, JoinType, LogicalPlan, LogicalPlanBuilder, Subquery};

const NUMBER: &str = "\u{1}nth";

/// The plan as DataFusion has made it from a statement, with these operations counting.
pub(super) fn counted(plan: LogicalPlan) -> Result<LogicalPlan> {
    let mut found = false;
    plan.apply_with_subqueries(|node| {
        found |= matches!(node, LogicalPlan::Join(join) if keeps_all(join));
        Ok(if found { TreeNodeRecursion::Stop } else { TreeNodeRecursion::Continue })
    })?;
    if !found {
        return Ok(plan);
    }
    let counting = |node| match node {
        LogicalPlan::Join(join) if keeps_all(&join) => count(join).map(Transformed::yes),
        other => Ok(Transformed::no(other)),
    };
    Ok(plan.transform_up_with_subqueries(counting)?.data)
}

/// [`counted`] for the queries in an expression.
pub(in crate::engine) fn counted_in(expr: Expr) -> Result<Expr> {
    let counting = |expr| match expr {
        Expr::ScalarSubquery(of) => Ok(Transformed::yes(Expr::ScalarSubquery(counted_subquery(of)?))),
        Expr::Exists(Exists { subquery, negated }) => {
            Ok(Transformed::yes(Expr::Exists(Exists { subquery: counted_subquery(subquery)?, negated })))
        }
        Expr::InSubquery(of) => {
            Ok(Transformed::yes(Expr::InSubquery(InSubquery { subquery: counted_subquery(of.subquery)?, ..of })))
        }
        other => Ok(Transformed::no(other)),
    };
    Ok(expr.transform_up(counting)?.data)
}

fn counted_subquery(subquery: Subquery) -> Result<Subquery> {
    Ok(subquery.with_plan(Arc::new(counted(subquery.subquery.as_ref().clone())?)))
}

/// Whether the join stands for one of them: without ALL, what is on the left is distinct. No other join of a statement
/// has NULL equal to NULL.
fn keeps_all(join: &Join) -> bool {
    matches!(join.join_type, JoinType::LeftAnti | JoinType::LeftSemi)
        && join.null_equality == NullEquality::NullEqualsNull
        && !matches!(join.left.as_ref(), LogicalPlan::Distinct(_))
}

fn count(join: Join) -> Result<LogicalPlan> {
    let columns: Vec<Expr> = join.left.schema().columns().into_iter().map(Expr::Column).collect();
    let number = || Expr::Column(Column::new_unqualified(NUMBER));
    let left = numbered(&join.left, join.on.iter().map(|(left, _)| left.clone()).collect())?;
    let right = numbered(&join.right, join.on.iter().map(|(_, right)| right.clone()).collect())?;
    let on = join.on.into_iter().chain([(number(), number())]).collect();
    let (kind, constraint, nulls) = (join.join_type, join.join_constraint, join.null_equality);
    let joined =
        Join::try_new(Arc::new(left), Arc::new(right), on, join.filter, kind, constraint, nulls, join.null_aware)?;
    LogicalPlanBuilder::from(LogicalPlan::Join(joined)).project(columns)?.build()
}

/// The rows, each with a number among those that are equal to it.
fn numbered(rows: &LogicalPlan, columns: Vec<Expr>) -> Result<LogicalPlan> {
    let number = row_number().partition_by(columns).build()?;
    let name = number.schema_name().to_string();
    let kept = rows.schema().columns().into_iter().map(Expr::Column);
    let named = Expr::Column(Column::new_unqualified(name)).alias(NUMBER);
    LogicalPlanBuilder::from(rows.clone()).window([number])?.project(kept.chain([named]))?.build()
}
