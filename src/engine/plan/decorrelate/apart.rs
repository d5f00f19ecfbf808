//! Conditions of subqueries over columns that share a name: `… WHERE p.id = c.post_id AND u.id = c.user_id`.
//!
//! DataFusion joins a subquery by such conditions. Their columns go beside what the subquery shows, under one name of its own:
//! there, bare names are all that tells them apart, and of two that are called alike it takes one for the other. Here such
//! columns get names that nothing else has. Blocked by: DataFusion's `PullUpCorrelatedExpr`. Remove when it names what it
//! pulls up.

use std::sync::Arc;

use datafusion::common::Column;
use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::error::Result;
use datafusion::logical_expr::utils::{conjunction, split_conjunction_owned};
use datafusion::logical_expr::{Expr, Filter, LogicalPlan, LogicalPlanBuilder, Subquery, SubqueryAlias};
use datafusion::prelude::lit;

use super::{all_outer_columns, under_alias};

/// What begins the names. No client writes it.
const KEY: &str = "\u{1}key";
/// The relation that the columns of a subquery's result are of here, whatever they were of.
const RESULT: &str = "\u{1}result";

/// The plan, whose subqueries ask for columns of the rows around them by names that are their own.
pub(super) fn told_apart(plan: LogicalPlan) -> Result<LogicalPlan> {
    // a plan may come here in parts, and then as a whole
    let mut number = 0;
    plan.apply_with_subqueries(|node| {
        let keys = node.schema().fields().iter().filter_map(|field| field.name().strip_prefix(KEY)?.parse().ok());
        number = keys.fold(number, usize::max);
        Ok(TreeNodeRecursion::Continue)
    })?;
    let within = |node| match node {
        LogicalPlan::Subquery(Subquery { subquery, outer_ref_columns, spans }) if !outer_ref_columns.is_empty() => {
            // what is compared with a value around the subquery may get another type, by its old name
            let result: Vec<Column> =
                subquery.schema().columns().into_iter().map(|column| Column::new(Some(RESULT), column.name)).collect();
            let plan = renamed(Arc::unwrap_or_clone(subquery), &result, &mut number)?;
            Ok(Transformed::yes(LogicalPlan::Subquery(Subquery { subquery: Arc::new(plan), outer_ref_columns, spans })))
        }
        other => Ok(Transformed::no(other)),
    };
    Ok(plan.transform_up_with_subqueries(within)?.data)
}

/// `above`: what the nodes over this one show, within the subquery.
fn renamed(node: LogicalPlan, above: &[Column], number: &mut usize) -> Result<LogicalPlan> {
    // what stands within another depends on rows of that one
    if matches!(node, LogicalPlan::Subquery(_)) {
        return Ok(node);
    }
    let mut shown = node.schema().columns();
    shown.extend_from_slice(above);
    let node = node.map_children(|input| renamed(input, &shown, number).map(Transformed::yes))?.data;
    match node {
        LogicalPlan::Filter(filter) => keyed(filter, &shown, number),
        LogicalPlan::SubqueryAlias(alias) if !all_outer_columns(&alias.input).is_empty() => named(alias),
        other => Ok(other),
    }
}

/// The columns under the alias, as a projection: DataFusion puts what it pulls up beside those of a projection only.
fn named(alias: SubqueryAlias) -> Result<LogicalPlan> {
    let columns = under_alias(&alias);
    LogicalPlanBuilder::from(alias.input).project(columns)?.build()
}

/// The filter over columns that are named anew where others of those shown have their names.
fn keyed(filter: Filter, shown: &[Column], number: &mut usize) -> Result<LogicalPlan> {
    let parts = split_conjunction_owned(filter.predicate.clone());
    let mut keys: Vec<(Column, String)> = Vec::new();
    for column in parts.iter().filter(|part| part.contains_outer()).flat_map(Expr::column_refs) {
        let is_shared =
            !column.name.starts_with(KEY) && shown.iter().any(|other| other.name == column.name && other != column);
        if is_shared && !keys.iter().any(|(known, _)| known == column) {
            *number += 1;
            keys.push((column.clone(), format!("{KEY}{number}")));
        }
    }
    if keys.is_empty() {
        return Ok(LogicalPlan::Filter(filter));
    }
    let named = |part: Expr| {
        if !part.contains_outer() {
            return Ok(part);
        }
        let named = part.transform(|expr| match &expr {
            Expr::Column(column) => Ok(match keys.iter().find(|(known, _)| known == column) {
                Some((_, key)) => Transformed::yes(Expr::Column(Column::new_unqualified(key))),
                None => Transformed::no(expr),
            }),
            _ => Ok(Transformed::no(expr)),
        });
        named.map(|named| named.data)
    };
    let predicate = conjunction(parts.into_iter().map(named).collect::<Result<Vec<_>>>()?).unwrap_or_else(|| lit(true));
    let columns: Vec<Expr> = filter.input.schema().columns().into_iter().map(Expr::Column).collect();
    let beside = keys.iter().map(|(column, key)| Expr::Column(column.clone()).alias(key));
    let input = columns.iter().cloned().chain(beside).collect::<Vec<_>>();
    LogicalPlanBuilder::from(filter.input).project(input)?.filter(predicate)?.project(columns)?.build()
}
