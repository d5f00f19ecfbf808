//! `JOIN LATERAL (SELECT … LIMIT n)`: subqueries of FROM that DataFusion does not join by itself.

use std::cell::Cell;

use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::common::{Column, NullEquality, TableReference};
use datafusion::error::Result as DataFusionResult;
use datafusion::logical_expr::utils::conjunction;
use datafusion::logical_expr::{Expr, Join, JoinType, LogicalPlan, LogicalPlanBuilder};

use super::domain::Domain;
use super::{all_outer_columns, for_all, is_hard};

/// The rows of the left side with those of the subquery; `None` where DataFusion does it, or the subquery is not understood.
pub(super) fn joined(join: &Join, count: &Cell<usize>) -> DataFusionResult<Option<LogicalPlan>> {
    // DataFusion marks none that depends on the left side in a subquery of its own only
    let (subquery, alias) = subquery_of(&join.right).unwrap_or((&join.right, None));
    let outer: Vec<Column> = all_outer_columns(subquery).into_iter().collect();
    let ours = !outer.is_empty() && outer.iter().all(|column| join.left.schema().has_column(column));
    // what stands within a subquery that depends on rows itself is to be a plain join for that one
    let is_within = || !all_outer_columns(&join.left).is_empty();
    let is_lateral = ours && matches!(join.join_type, JoinType::Inner | JoinType::Left);
    if !is_lateral || !is_ours(subquery) && !is_within() {
        return Ok(None);
    }
    count.set(count.get() + 1);
    let result_name = format!("lateral_{}", count.get());
    let domain = Domain::of(&join.left, outer.clone(), count.get())?;
    let Some(plan) = for_all(&domain, subquery, count)? else { return Ok(None) };
    let own = subquery.schema().columns().into_iter().map(|column| {
        let name = column.name.clone();
        let qualifier = alias.clone().or_else(|| column.relation.clone());
        Expr::Column(column).alias_qualified(qualifier, name)
    });
    let keys = domain.keys();
    let keyed = domain.exprs().zip(&keys).map(|(column, key)| column.alias_qualified(Some(result_name.as_str()), key));
    let result = LogicalPlanBuilder::from(plan).project(own.chain(keyed).collect::<Vec<_>>())?.build()?;
    let right: Vec<Column> = keys.iter().map(|key| Column::new(Some(result_name.as_str()), key)).collect();
    let on = join.on.iter().map(|(left, right)| left.clone().eq(right.clone()));
    let filter = conjunction(on.chain(join.filter.clone()));
    let columns = join.schema.columns().into_iter().map(Expr::Column);
    LogicalPlanBuilder::from(join.left.as_ref().clone())
        .join_detailed(result, join.join_type, (outer, right), filter, NullEquality::NullEqualsNull)?
        .project(columns.collect::<Vec<_>>())?
        .build()
        .map(Some)
}

fn subquery_of(plan: &LogicalPlan) -> Option<(&LogicalPlan, Option<TableReference>)> {
    match plan {
        LogicalPlan::Subquery(subquery) => Some((&subquery.subquery, None)),
        LogicalPlan::SubqueryAlias(alias) => {
            let (subquery, _) = subquery_of(&alias.input)?;
            Some((subquery, Some(alias.alias.clone())))
        }
        _ => None,
    }
}

/// Whether DataFusion leaves it as it is.
fn is_ours(plan: &LogicalPlan) -> bool {
    let mut limits = false;
    let _ = plan.apply(|node| {
        limits |= matches!(node, LogicalPlan::Limit(_) | LogicalPlan::Distinct(_) | LogicalPlan::Window(_));
        Ok(TreeNodeRecursion::Continue)
    });
    limits || is_hard(plan)
}
