//! `LIMIT (SELECT count(*) / 2 FROM t)`: limits that a query computes, as conditions on the numbers of the rows.
//!
//! Blocked by: DataFusion's limits are constants once the plan is made. Remove when they are computed before the rows come.

use std::sync::Arc;

use datafusion::arrow::datatypes::DataType;
use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::error::Result;
use datafusion::functions_window::expr_fn::row_number;
use datafusion::logical_expr::{
    Expr, ExprFunctionExt, Limit, LogicalPlan, LogicalPlanBuilder, Projection, Sort, cast, ident, lit,
};

/// What the number of a row is called. No client writes the name.
const NUMBER: &str = "\u{1}number";

/// The plan with such limits as conditions.
pub(super) fn counted(plan: LogicalPlan) -> Result<LogicalPlan> {
    let mut found = false;
    plan.apply_with_subqueries(|node| {
        found |= matches!(node, LogicalPlan::Limit(limit) if is_computed(limit));
        Ok(if found { TreeNodeRecursion::Stop } else { TreeNodeRecursion::Continue })
    })?;
    if !found {
        return Ok(plan);
    }
    let counting = |node| match node {
        LogicalPlan::Limit(limit) if is_computed(&limit) => {
            let Limit { skip, fetch, input } = limit;
            let (skip, fetch) = (skip.map(|skip| *skip), fetch.map(|fetch| *fetch));
            numbered(skip, fetch, Arc::unwrap_or_clone(input)).map(Transformed::yes)
        }
        other => Ok(Transformed::no(other)),
    };
    Ok(plan.transform_up_with_subqueries(counting)?.data)
}

fn is_computed(limit: &Limit) -> bool {
    let is_subquery = |expr: &Expr| Ok(matches!(expr, Expr::ScalarSubquery(_)));
    [&limit.skip, &limit.fetch].into_iter().flatten().any(|part| part.exists(is_subquery).unwrap_or(false))
}

fn numbered(skip: Option<Expr>, fetch: Option<Expr>, input: LogicalPlan) -> Result<LogicalPlan> {
    let (below, keys) = match input {
        // what is computed of each row does not change which rows there are
        LogicalPlan::Projection(Projection { expr, input, .. }) if matches!(*input, LogicalPlan::Sort(_)) => {
            let rows = numbered(skip, fetch, Arc::unwrap_or_clone(input))?;
            return Projection::try_new(expr, Arc::new(rows)).map(LogicalPlan::Projection);
        }
        LogicalPlan::Sort(Sort { expr, input, fetch: None }) => (Arc::unwrap_or_clone(input), expr),
        other => (other, Vec::new()),
    };
    let columns: Vec<Expr> = below.schema().columns().into_iter().map(Expr::Column).collect();
    let number = row_number().order_by(keys.clone()).build()?.alias(NUMBER);
    let number_of = || cast(ident(NUMBER), DataType::Int64);
    let skip = skip.unwrap_or_else(|| lit(0i64));
    let rows = LogicalPlanBuilder::from(below).window([number])?;
    let mut condition = number_of().gt(skip.clone());
    if let Some(fetch) = fetch {
        // no limit where it is NULL
        condition = condition.and(fetch.clone().is_null().or(number_of().lt_eq(skip + fetch)));
    }
    let rows = rows.filter(condition)?;
    let rows = if keys.is_empty() { rows } else { rows.sort(keys)? };
    rows.project(columns)?.build()
}
