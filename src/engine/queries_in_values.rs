//! `VALUES (1, (SELECT …))`: rows with queries among their values are rows of queries.
//!
//! Blocked by: DataFusion evaluates VALUES while it plans them. Remove when it does so when they are read.

use std::sync::Arc;

use datafusion::common::DFSchema;
use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::error::Result;
use datafusion::logical_expr::{EmptyRelation, Expr, LogicalPlan, LogicalPlanBuilder, Values};

/// The plan with such rows as projections of nothing, one under the other.
pub(super) fn unfolded(plan: LogicalPlan) -> Result<LogicalPlan> {
    let mut found = false;
    plan.apply_with_subqueries(|node| {
        found |= matches!(node, LogicalPlan::Values(values) if has_queries(values));
        Ok(if found { TreeNodeRecursion::Stop } else { TreeNodeRecursion::Continue })
    })?;
    if !found {
        return Ok(plan);
    }
    let unfolding = |node| match node {
        LogicalPlan::Values(values) if has_queries(&values) => rows(values).map(Transformed::yes),
        other => Ok(Transformed::no(other)),
    };
    Ok(plan.transform_up_with_subqueries(unfolding)?.data)
}

fn has_queries(values: &Values) -> bool {
    let mut exprs = values.values.iter().flatten();
    exprs.any(|expr| {
        expr.exists(|inner| Ok(matches!(inner, Expr::ScalarSubquery(_) | Expr::Exists(_) | Expr::InSubquery(_))))
            .unwrap_or(false)
    })
}

fn rows(values: Values) -> Result<LogicalPlan> {
    let names: Vec<String> = values.schema.fields().iter().map(|field| field.name().clone()).collect();
    let mut whole: Option<LogicalPlanBuilder> = None;
    for row in values.values {
        let none = EmptyRelation { produce_one_row: true, schema: Arc::new(DFSchema::empty()) };
        let exprs = row.into_iter().zip(&names).map(|(expr, name)| expr.alias(name));
        let row = LogicalPlanBuilder::new(LogicalPlan::EmptyRelation(none)).project(exprs)?.build()?;
        whole = Some(match whole {
            None => LogicalPlanBuilder::new(row),
            Some(before) => before.union(row)?,
        });
    }
    match whole {
        Some(rows) => rows.build(),
        None => LogicalPlanBuilder::empty(false).build(),
    }
}
