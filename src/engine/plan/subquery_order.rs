//! `SELECT * FROM (SELECT … ORDER BY b) t LIMIT 3`: the order of a subquery is that of what is made of its rows one by one.
//!
//! PostgreSQL reads the rows as they come. DataFusion drops an order that nobody above asks for. Here it is asked for above
//! by what shows it: the end of the query, LIMIT, DISTINCT ON, the queries of a union, `row_number() OVER ()` and
//! `array_agg(a)`.
//!
//! Invariant: columns are those the plan had, by the names they had.

use std::sync::Arc;

use datafusion::common::Column;
use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::error::Result;
use datafusion::logical_expr::expr::Sort as SortKey;
use datafusion::logical_expr::{
    Aggregate, Distinct, DistinctOn, Expr, Filter, Join, Limit, LogicalPlan, LogicalPlanBuilder, Projection, Sort,
    SubqueryAlias, Union, Window, WindowFunctionDefinition,
};

/// Aggregates whose result tells in which order rows came; those of JSON are made of the first.
const ORDERED: [&str; 2] = ["array_agg", "string_agg"];
/// Window functions that tell it.
const NUMBERED: [&str; 7] = ["row_number", "lag", "lead", "first_value", "last_value", "nth_value", "ntile"];
/// What begins the names of keys that a subquery does not show.
const KEY: &str = "\u{1}order";

/// The plan with the order of its subqueries where it shows, and without it elsewhere.
pub(super) fn kept(plan: LogicalPlan) -> Result<LogicalPlan> {
    let (mut sorts, mut above) = (false, false);
    plan.apply_with_subqueries(|node| {
        sorts |= matches!(node, LogicalPlan::Sort(_));
        above |= matches!(node, LogicalPlan::SubqueryAlias(_) | LogicalPlan::Union(_));
        Ok(if sorts && above { TreeNodeRecursion::Stop } else { TreeNodeRecursion::Continue })
    })?;
    if !sorts || !above {
        return Ok(plan);
    }
    let plan = at_the_end(plan)?;
    let ordering = |node| match node {
        LogicalPlan::Aggregate(aggregate) if aggregate.aggr_expr.iter().any(gathers) => ordered(aggregate),
        LogicalPlan::Window(window) if window.window_expr.iter().any(numbers) => numbered(window),
        LogicalPlan::Limit(limit) => {
            let Limit { skip, fetch, input } = limit;
            let input = Arc::new(at_the_end(Arc::unwrap_or_clone(input))?);
            Ok(Transformed::yes(LogicalPlan::Limit(Limit { skip, fetch, input })))
        }
        LogicalPlan::Distinct(Distinct::On(distinct)) if distinct.sort_expr.is_none() => first_of_each(distinct),
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

/// The plan sorted as the subquery that it reads row by row; the queries of a union each as its own.
fn at_the_end(plan: LogicalPlan) -> Result<LogicalPlan> {
    match plan {
        LogicalPlan::Union(Union { inputs, schema }) => {
            let inputs = inputs.into_iter().map(|input| at_the_end(Arc::unwrap_or_clone(input)).map(Arc::new));
            Ok(LogicalPlan::Union(Union { inputs: inputs.collect::<Result<_>>()?, schema }))
        }
        LogicalPlan::Dml(mut dml) => {
            dml.input = Arc::new(at_the_end(Arc::unwrap_or_clone(dml.input))?);
            Ok(LogicalPlan::Dml(dml))
        }
        plan if has_order(&plan, true) => {
            let columns = plan.schema().columns().into_iter().map(Expr::Column);
            match carried(&plan)? {
                Some((below, keys)) => LogicalPlanBuilder::from(below).sort(keys)?.project(columns)?.build(),
                None => Ok(plan),
            }
        }
        plan => Ok(plan),
    }
}

/// Whether the plan reads rows one by one that come sorted; `within`: from a subquery.
fn has_order(plan: &LogicalPlan, within: bool) -> bool {
    let (mut plan, mut aliased) = (plan, !within);
    loop {
        plan = match plan {
            LogicalPlan::Sort(_) => return aliased,
            LogicalPlan::SubqueryAlias(alias) => {
                aliased = true;
                &alias.input
            }
            LogicalPlan::Projection(projection) => &projection.input,
            LogicalPlan::Filter(filter) => &filter.input,
            LogicalPlan::Limit(limit) => &limit.input,
            LogicalPlan::Window(window) if window.window_expr.iter().all(is_of_all_rows) => &window.input,
            LogicalPlan::Join(join) if is_lateral(&join.right) => &join.left,
            _ => return false,
        }
    }
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

fn gathers(expr: &Expr) -> bool {
    match expr {
        Expr::Alias(alias) => gathers(&alias.expr),
        Expr::AggregateFunction(call) => {
            ORDERED.contains(&call.func.name()) && call.params.order_by.is_empty() && !call.params.distinct
        }
        _ => false,
    }
}

/// What a window function computes, where it is one.
fn windowed(expr: &Expr) -> Option<&datafusion::logical_expr::expr::WindowFunction> {
    match expr {
        Expr::Alias(alias) => windowed(&alias.expr),
        Expr::WindowFunction(call) => Some(call),
        _ => None,
    }
}

/// Whether a window function leaves the order of the rows to what they are read from.
fn is_of_all_rows(expr: &Expr) -> bool {
    windowed(expr).is_some_and(|call| call.params.order_by.is_empty() && call.params.partition_by.is_empty())
}

fn numbers(expr: &Expr) -> bool {
    windowed(expr).is_some_and(|call| {
        let WindowFunctionDefinition::WindowUDF(function) = &call.fun else { return false };
        call.params.order_by.is_empty() && NUMBERED.contains(&function.name())
    })
}

fn numbered(window: Window) -> Result<Transformed<LogicalPlan>> {
    let carried = if has_order(&window.input, true) { carried(&window.input)? } else { None };
    let Some((input, keys)) = carried else { return Ok(Transformed::no(LogicalPlan::Window(window))) };
    let columns = window.schema.columns().into_iter().map(Expr::Column);
    let above = over(input, &window, &keys)?;
    LogicalPlanBuilder::from(above).project(columns)?.build().map(Transformed::yes)
}

/// The window over rows that come in the order of the keys.
fn over(input: LogicalPlan, window: &Window, keys: &[SortKey]) -> Result<LogicalPlan> {
    let columns = window.schema.columns();
    let names = columns.into_iter().skip(window.schema.fields().len() - window.window_expr.len());
    let with_keys = |(expr, name): (&Expr, Column)| {
        if !numbers(expr) {
            return Ok(expr.clone());
        }
        let change = |expr| match expr {
            Expr::WindowFunction(mut call) => {
                call.params.order_by = keys.to_vec();
                Ok(Transformed::yes(Expr::WindowFunction(call)))
            }
            other => Ok(Transformed::no(other)),
        };
        // what is above knows them by the names they had
        Ok(expr.clone().transform_up(change)?.data.alias_qualified(name.relation, name.name))
    };
    let calls = window.window_expr.iter().zip(names).map(with_keys).collect::<Result<Vec<_>>>()?;
    Window::try_new(calls, Arc::new(input)).map(LogicalPlan::Window)
}

/// DISTINCT ON takes the first row of each group: of rows that come sorted by what it groups by, the first that comes.
fn first_of_each(distinct: DistinctOn) -> Result<Transformed<LogicalPlan>> {
    let carried = if has_order(&distinct.input, true) { carried(&distinct.input)? } else { None };
    let Some((input, keys)) = carried else {
        return Ok(Transformed::no(LogicalPlan::Distinct(Distinct::On(distinct))));
    };
    let groups = &distinct.on_expr;
    let (first, _) = keys.split_at(groups.len().min(keys.len()));
    if first.len() < groups.len() || !groups.iter().all(|group| first.iter().any(|key| is_same(&key.expr, group))) {
        return Ok(Transformed::no(LogicalPlan::Distinct(Distinct::On(distinct))));
    }
    let (groups, selected) = (distinct.on_expr, distinct.select_expr);
    let ordered = DistinctOn::try_new(groups, selected, Some(keys), Arc::new(input))?;
    Ok(Transformed::yes(LogicalPlan::Distinct(Distinct::On(ordered))))
}

/// Whether a key is the column that is meant, whichever of the names of its relation that says.
fn is_same(key: &Expr, meant: &Expr) -> bool {
    match (key, meant) {
        (Expr::Column(key), Expr::Column(meant)) => key.name == meant.name,
        _ => key == meant,
    }
}

fn ordered(aggregate: Aggregate) -> Result<Transformed<LogicalPlan>> {
    let carried = if has_order(&aggregate.input, false) { carried(&aggregate.input)? } else { None };
    let Some((input, keys)) = carried else {
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
                    let column = Column::new(Some(alias.alias.clone()), name);
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
        LogicalPlan::Limit(Limit { skip, fetch, input }) => match carried(input)? {
            Some((below, keys)) => {
                let sorted = Sort { expr: keys.clone(), input: Arc::new(below), fetch: None };
                let input = Arc::new(LogicalPlan::Sort(sorted));
                Some((LogicalPlan::Limit(Limit { skip: skip.clone(), fetch: fetch.clone(), input }), keys))
            }
            None => None,
        },
        LogicalPlan::Window(window) if window.window_expr.iter().all(is_of_all_rows) => match carried(&window.input)? {
            Some((below, keys)) => Some((over(below, window, &keys)?, keys)),
            None => None,
        },
        LogicalPlan::Join(join) if is_lateral(&join.right) => match carried(&join.left)? {
            Some((below, keys)) => Some((beside(below, join)?, keys)),
            None => None,
        },
        _ => None,
    })
}

/// Whether the side of a join is computed for each row of the other, which keep their order.
fn is_lateral(side: &LogicalPlan) -> bool {
    match side {
        LogicalPlan::Subquery(_) => true,
        LogicalPlan::SubqueryAlias(alias) => is_lateral(&alias.input),
        _ => false,
    }
}

/// The join with another left side, which has the columns of its own and more.
fn beside(left: LogicalPlan, join: &Join) -> Result<LogicalPlan> {
    let joined = Join::try_new(
        Arc::new(left),
        join.right.clone(),
        join.on.clone(),
        join.filter.clone(),
        join.join_type,
        join.join_constraint,
        join.null_equality,
        join.null_aware,
    )?;
    Ok(LogicalPlan::Join(joined))
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
