//! `SELECT array_agg(a) FROM (SELECT a FROM t ORDER BY b)`: the order of a subquery is that of what is gathered from it.
//!
//! PostgreSQL reads the rows as they come. DataFusion drops an order that nobody above asks for: here the aggregates do.

use std::sync::Arc;

use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::error::Result;
use datafusion::logical_expr::expr::Sort as SortKey;
use datafusion::logical_expr::{Aggregate, Expr, Filter, LogicalPlan, Projection, SubqueryAlias};

/// Aggregates whose result tells in which order rows came; those of JSON are made of the first.
const ORDERED: [&str; 2] = ["array_agg", "string_agg"];
/// What begins the names of keys that a subquery does not show.
const KEY: &str = "\u{1}order";

/// The plan with aggregates in the order of the subqueries that they read, and these without it.
pub(super) fn of_subqueries(plan: LogicalPlan) -> Result<LogicalPlan> {
    let (mut sorts, mut aliases) = (false, false);
    plan.apply_with_subqueries(|node| {
        sorts |= matches!(node, LogicalPlan::Sort(_));
        aliases |= matches!(node, LogicalPlan::SubqueryAlias(_));
        Ok(if sorts && aliases { TreeNodeRecursion::Stop } else { TreeNodeRecursion::Continue })
    })?;
    if !sorts || !aliases {
        return Ok(plan);
    }
    let ordering = |node| match node {
        LogicalPlan::Aggregate(aggregate) if takes_order(&aggregate) => ordered(aggregate),
        other => Ok(Transformed::no(other)),
    };
    let plan = plan.transform_down_with_subqueries(ordering)?.data;
    let forgetting = |node| match node {
        LogicalPlan::SubqueryAlias(alias) => {
            let below = without_order(alias.input)?;
            Ok(Transformed::yes(LogicalPlan::SubqueryAlias(SubqueryAlias::try_new(below, alias.alias)?)))
        }
        other => Ok(Transformed::no(other)),
    };
    Ok(plan.transform_up_with_subqueries(forgetting)?.data)
}

/// The subquery as DataFusion plans it: sorted only where it is cut off.
fn without_order(plan: Arc<LogicalPlan>) -> Result<Arc<LogicalPlan>> {
    let mut cut = false;
    let forgetting = |node| match node {
        LogicalPlan::Limit(_) => {
            cut = true;
            Ok(Transformed::no(node))
        }
        LogicalPlan::Sort(sort) if !cut && sort.fetch.is_none() => {
            Ok(Transformed::yes(Arc::unwrap_or_clone(sort.input)))
        }
        other => Ok(Transformed::no(other)),
    };
    Ok(Arc::new(Arc::unwrap_or_clone(plan).transform_down(forgetting)?.data))
}

fn takes_order(aggregate: &Aggregate) -> bool {
    let has_sort = |plan: &LogicalPlan| {
        let mut plan = plan;
        loop {
            plan = match plan {
                LogicalPlan::Sort(_) => return true,
                LogicalPlan::SubqueryAlias(alias) => &alias.input,
                LogicalPlan::Projection(projection) => &projection.input,
                LogicalPlan::Filter(filter) => &filter.input,
                _ => return false,
            }
        }
    };
    aggregate.aggr_expr.iter().any(gathers) && has_sort(&aggregate.input)
}

fn gathers(expr: &Expr) -> bool {
    match expr {
        Expr::Alias(alias) => gathers(&alias.expr),
        Expr::AggregateFunction(call) => {
            ORDERED.contains(&call.func.name()) && call.params.order_by.is_empty() && !call.params.distinct
        }
        _ => false,
    }
}

fn ordered(aggregate: Aggregate) -> Result<Transformed<LogicalPlan>> {
    let Some((input, keys)) = carried(&aggregate.input)? else {
        return Ok(Transformed::no(LogicalPlan::Aggregate(aggregate)));
    };
    let names: Vec<_> =
        aggregate.schema.iter().map(|(relation, field)| (relation.cloned(), field.name().clone())).collect();
    let groups = names.len() - aggregate.aggr_expr.len();
    let with_keys = |expr: Expr| {
        let change = |expr| match expr {
            Expr::AggregateFunction(mut call) if gathers(&Expr::AggregateFunction(call.clone())) => {
                call.params.order_by.clone_from(&keys);
                Ok(Transformed::yes(Expr::AggregateFunction(call)))
            }
            other => Ok(Transformed::no(other)),
        };
        Ok(expr.transform_up(change)?.data)
    };
    let calls: Vec<Expr> = aggregate.aggr_expr.into_iter().map(with_keys).collect::<Result<_>>()?;
    // what is above knows them by the names they had
    let calls = calls.into_iter().zip(names.into_iter().skip(groups));
    let calls = calls.map(|(call, (relation, name))| call.alias_qualified(relation, name)).collect();
    let ordered = Aggregate::try_new(Arc::new(input), aggregate.group_expr, calls)?;
    Ok(Transformed::yes(LogicalPlan::Aggregate(ordered)))
}

/// The input without its order, and the order by its columns.
fn carried(input: &LogicalPlan) -> Result<Option<(LogicalPlan, Vec<SortKey>)>> {
    Ok(match input {
        LogicalPlan::Sort(sort) => {
            let below = match sort.fetch {
                // which rows there are depends on it
                Some(_) => input.clone(),
                None => sort.input.as_ref().clone(),
            };
            Some(shown(below, sort.expr.clone())?)
        }
        LogicalPlan::SubqueryAlias(alias) => match carried(&alias.input)? {
            Some((below, keys)) => {
                let aliased = SubqueryAlias::try_new(Arc::new(below), alias.alias.clone())?;
                let renamed = |key: SortKey| {
                    let name = key.expr.qualified_name().1;
                    let column = datafusion::common::Column::new(Some(alias.alias.clone()), name);
                    SortKey { expr: Expr::Column(column), ..key }
                };
                Some((LogicalPlan::SubqueryAlias(aliased), keys.into_iter().map(renamed).collect()))
            }
            None => None,
        },
        LogicalPlan::Filter(filter) => match carried(&filter.input)? {
            Some((below, keys)) => {
                Some((LogicalPlan::Filter(Filter::try_new(filter.predicate.clone(), Arc::new(below))?), keys))
            }
            None => None,
        },
        LogicalPlan::Projection(projection) => match carried(&projection.input)? {
            Some((below, keys)) => {
                let (mut exprs, mut shown) = (projection.expr.clone(), Vec::new());
                for key in keys {
                    let name = format!("{KEY}{}", exprs.len());
                    exprs.push(key.expr.clone().alias(&name));
                    shown.push(SortKey { expr: datafusion::logical_expr::ident(name), ..key });
                }
                Some((LogicalPlan::Projection(Projection::try_new(exprs, Arc::new(below))?), shown))
            }
            None => None,
        },
        _ => None,
    })
}

/// The plan with the keys among its columns.
fn shown(plan: LogicalPlan, keys: Vec<SortKey>) -> Result<(LogicalPlan, Vec<SortKey>)> {
    if keys.iter().all(|key| matches!(key.expr, Expr::Column(_))) {
        return Ok((plan, keys));
    }
    let mut exprs: Vec<Expr> = plan.schema().columns().into_iter().map(Expr::Column).collect();
    let mut shown = Vec::new();
    for key in keys {
        let name = format!("{KEY}{}", exprs.len());
        exprs.push(key.expr.alias(&name));
        shown.push(SortKey { expr: datafusion::logical_expr::ident(name), asc: key.asc, nulls_first: key.nulls_first });
    }
    Ok((LogicalPlan::Projection(Projection::try_new(exprs, Arc::new(plan))?), shown))
}
