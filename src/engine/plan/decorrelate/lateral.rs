//! `JOIN LATERAL (SELECT … LIMIT n)`: subqueries of FROM that DataFusion does not join by itself.

use std::cell::Cell;
use std::sync::Arc;

use datafusion::common::{Column, NullEquality, TableReference};
use datafusion::error::Result as DataFusionResult;
use datafusion::logical_expr::utils::{conjunction, split_conjunction_owned};
use datafusion::logical_expr::{Expr, Filter, Join, JoinType, LogicalPlan, LogicalPlanBuilder};
use datafusion::prelude::lit;

use super::domain::Domain;
use super::pulled_up::{Asked, is_joined};
use super::{all_outer_columns, for_all, holds_any, rows};

/// The rows of the left side with those of the subquery; `None` where DataFusion does it, or the subquery is not understood.
pub(super) fn joined(join: &Join, count: &Cell<usize>) -> DataFusionResult<Option<LogicalPlan>> {
    // DataFusion marks none that depends on the left side in a subquery of its own only
    let marked = subquery_of(&join.right);
    let (subquery, alias) = marked.clone().unwrap_or((&join.right, None));
    let outer: Vec<Column> = all_outer_columns(subquery).into_iter().collect();
    if let (Some((subquery, alias)), true) = (&marked, outer.is_empty()) {
        return independent(join, subquery, alias.clone()).map(Some);
    }
    let ours = !outer.is_empty() && outer.iter().all(|column| join.left.schema().has_column(column));
    // what stands within a subquery that depends on rows itself is to be a plain join for that one
    let is_within = || !all_outer_columns(&join.left).is_empty();
    let is_lateral = ours && matches!(join.join_type, JoinType::Inner | JoinType::Left);
    let is_datafusions = marked.is_some() && is_joined(subquery, Asked::Beside);
    if !is_lateral || is_datafusions && !is_within() {
        return Ok(None);
    }
    count.set(count.get() + 1);
    let result_name = format!("lateral_{}", count.get());
    let left = rows::steady(&join.left, &outer)?;
    let domain = Domain::of(&left, outer.clone(), None, count.get())?;
    let plan = for_all(&domain, subquery, count, Domain::pushed)?;
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
    LogicalPlanBuilder::from(left)
        .join_detailed(result, join.join_type, (outer, right), filter, NullEquality::NullEqualsNull)?
        .project(columns.collect::<Vec<_>>())?
        .build()
        .map(Some)
}

/// The join with a subquery that depends on no row around it, and is no LATERAL one: what is within it may be.
fn independent(join: &Join, subquery: &LogicalPlan, alias: Option<TableReference>) -> DataFusionResult<LogicalPlan> {
    let right = match alias {
        Some(alias) => LogicalPlanBuilder::from(subquery.clone()).alias(alias)?.build()?,
        None => subquery.clone(),
    };
    Ok(LogicalPlan::Join(Join { right: Arc::new(right), ..join.clone() }))
}

/// Whether the right side depends on rows of the left one.
pub(super) fn is_lateral(join: &Join) -> bool {
    let depends = all_outer_columns(&join.right).iter().any(|column| join.left.schema().has_column(column));
    depends && matches!(join.join_type, JoinType::Inner | JoinType::Left)
}

/// The filter with its conditions on the left side of such a join asked there: the right side is then computed for those rows
/// only.
pub(super) fn asked_before(filter: &Filter) -> DataFusionResult<Filter> {
    let LogicalPlan::Join(join) = filter.input.as_ref() else { return Ok(filter.clone()) };
    if !is_lateral(join) {
        return Ok(filter.clone());
    }
    let of_left = |part: &Expr| part.column_refs().iter().all(|column| join.left.schema().has_column(column));
    let (before, after): (Vec<Expr>, Vec<Expr>) = split_conjunction_owned(filter.predicate.clone())
        .into_iter()
        .partition(|part| of_left(part) && !holds_any(part));
    let Some(before) = conjunction(before) else { return Ok(filter.clone()) };
    let left = LogicalPlan::Filter(Filter::try_new(before, join.left.clone())?);
    let join = LogicalPlan::Join(Join { left: Arc::new(left), ..join.clone() });
    Filter::try_new(conjunction(after).unwrap_or_else(|| lit(true)), Arc::new(join))
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
