//! Scalar subqueries that depend on the row they stand in, beyond what DataFusion takes apart by itself.
//!
//! DataFusion joins such a subquery where each dependence is an equality of columns. The others are computed here for every
//! combination of the outer values there is: the distinct values are joined into the subquery, which is grouped by them, and
//! its result is joined back to the rows. [`predicates`] makes such subqueries of EXISTS and IN, [`lateral`] joins those of FROM,
//! [`conditions`] computes those of ON, [`values`] are lists of them; [`pulled_up`] says which DataFusion joins, [`apart`] under
//! which names, [`inlined`] which are expressions; [`rows`] are those around, [`asked`] which of them count. Blocked by: DataFusion's decorrelation. Remove when it takes any condition.
//!
//! Invariant: a subquery that is not understood is an error, never other rows.

mod apart;
mod asked;
mod conditions;
mod domain;
mod inlined;
mod lateral;
mod predicates;
mod pulled_up;
mod rows;
mod values;

use std::cell::Cell;
use std::collections::BTreeSet;
use std::sync::Arc;

use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::common::{Column, NullEquality, not_impl_err};
use datafusion::error::Result as DataFusionResult;
use datafusion::logical_expr::expr::AggregateFunction;
use datafusion::logical_expr::expr_rewriter::NamePreserver;
use datafusion::logical_expr::utils::split_conjunction;
use datafusion::logical_expr::{
    Aggregate, Distinct, DistinctOn, Expr, Filter, JoinType, LogicalPlan, LogicalPlanBuilder, Projection, SortExpr,
    Subquery, SubqueryAlias, Window, when,
};
use datafusion::prelude::lit;

use self::domain::Domain;
use self::pulled_up::{Asked, is_joined};

/// The plan without such subqueries.
pub(super) fn decorrelated(plan: LogicalPlan) -> DataFusionResult<LogicalPlan> {
    if !plan.exists(has_subqueries)? {
        return Ok(plan);
    }
    let count = Cell::new(0);
    let plan = inlined::inlined(plan).and_then(apart::told_apart)?;
    plan.transform_up_with_subqueries(|node| changed(node, &count)).map(|transformed| transformed.data)
}

/// Whether the node has a subquery in its expressions, or is one of FROM.
fn has_subqueries(node: &LogicalPlan) -> DataFusionResult<bool> {
    let mut has = matches!(node, LogicalPlan::Subquery(_));
    node.apply_expressions(|expr| {
        has |= holds_any(expr);
        Ok(if has { TreeNodeRecursion::Stop } else { TreeNodeRecursion::Continue })
    })?;
    Ok(has)
}

fn changed(node: LogicalPlan, count: &Cell<usize>) -> DataFusionResult<Transformed<LogicalPlan>> {
    let names = NamePreserver::new(&node);
    match node {
        LogicalPlan::Projection(projection) if projection.expr.iter().any(holds) => {
            let mut input = projection.input.as_ref().clone();
            let mut exprs = Vec::with_capacity(projection.expr.len());
            for expr in projection.expr {
                let name = names.save(&expr);
                exprs.push(name.restore(joined(expr, &mut input, count)?));
            }
            Ok(Transformed::yes(LogicalPlan::Projection(Projection::try_new(exprs, Arc::new(input))?)))
        }
        LogicalPlan::Aggregate(aggregate) if aggregate.aggr_expr.iter().chain(&aggregate.group_expr).any(holds_any) => {
            let mut below = Below::new(&aggregate.input);
            let groups = below.all(aggregate.group_expr, &names)?;
            let values = below.all(aggregate.aggr_expr, &names)?;
            let input = changed(below.projection()?, count)?.data;
            Ok(Transformed::yes(LogicalPlan::Aggregate(Aggregate::try_new(Arc::new(input), groups, values)?)))
        }
        LogicalPlan::Distinct(Distinct::On(on)) if on.select_expr.iter().chain(&on.on_expr).any(holds_any) => {
            first_of_each(on, &names, count).map(Transformed::yes)
        }
        LogicalPlan::Sort(sort) if sort.expr.iter().any(|by| holds_any(&by.expr)) => {
            let columns: Vec<Expr> = sort.input.schema().columns().into_iter().map(Expr::Column).collect();
            let mut below = Below::new(&sort.input);
            let keys = below.sorted(sort.expr)?;
            let input = changed(below.projection()?, count)?.data;
            let sorted = LogicalPlanBuilder::from(input).sort_with_limit(keys, sort.fetch)?;
            sorted.project(columns)?.build().map(Transformed::yes)
        }
        LogicalPlan::Filter(filter) if predicates::holds_none_equal(&filter.predicate) => {
            let predicate = predicates::none_equal(filter.predicate, &filter.input)?;
            let exists = LogicalPlan::Filter(Filter::try_new(predicate, filter.input)?);
            Ok(Transformed::yes(changed(exists, count)?.data))
        }
        LogicalPlan::Filter(filter)
            if holds_hard(&filter.predicate)
                || predicates::holds_such(&filter.predicate, is_counted)
                || predicates::any_tells_unknown(&filter.predicate, &filter.input) =>
        {
            let columns: Vec<Expr> = filter.input.schema().columns().into_iter().map(Expr::Column).collect();
            let mut input = filter.input.as_ref().clone();
            let predicate = predicates::counted_condition(filter.predicate, &input, is_counted)?;
            let predicate = asked::placed_in_condition(predicate, &mut in_place(&mut input, count))?;
            let filtered = LogicalPlan::Filter(Filter::try_new(predicate, Arc::new(input))?);
            Ok(Transformed::yes(LogicalPlanBuilder::from(filtered).project(columns)?.build()?))
        }
        LogicalPlan::Window(window) if window.window_expr.iter().any(holds_any) => {
            let columns: Vec<Expr> = window.schema.columns().into_iter().map(Expr::Column).collect();
            let mut below = Below::new(&window.input);
            let values = below.all(window.window_expr, &names)?;
            let input = changed(below.projection()?, count)?.data;
            let numbered = LogicalPlan::Window(Window::try_new(values, Arc::new(input))?);
            LogicalPlanBuilder::from(numbered).project(columns)?.build().map(Transformed::yes)
        }
        LogicalPlan::Join(join) => {
            let changed = match lateral::joined(&join, count)? {
                Some(plan) => Some(plan),
                None => conditions::computed(&join, count)?,
            };
            Ok(changed.map_or_else(|| Transformed::no(LogicalPlan::Join(join)), Transformed::yes))
        }
        LogicalPlan::Values(list) => values::chosen(list),
        other => Ok(Transformed::no(other)),
    }
}

/// DISTINCT ON over columns in place of subqueries.
fn first_of_each(on: DistinctOn, names: &NamePreserver, count: &Cell<usize>) -> DataFusionResult<LogicalPlan> {
    let mut below = Below::new(&on.input);
    let values = below.all(on.select_expr, names)?;
    let keys = below.all(on.on_expr, names)?;
    let order = match on.sort_expr {
        Some(order) => Some(below.sorted(order)?),
        None => None,
    };
    let input = changed(below.projection()?, count)?.data;
    let distinct = DistinctOn::try_new(keys, values, order, Arc::new(input))?;
    Ok(LogicalPlan::Distinct(Distinct::On(distinct)))
}

/// A projection to be put below a node, which computes the node's subqueries beside all that it has.
struct Below<'a> {
    input: &'a Arc<LogicalPlan>,
    exprs: Vec<Expr>,
    /// Each subquery once, and the name of its column.
    computed: Vec<(Expr, String)>,
}

impl<'a> Below<'a> {
    fn new(input: &'a Arc<LogicalPlan>) -> Self {
        let exprs = input.schema().columns().into_iter().map(Expr::Column).collect();
        Self { input, exprs, computed: Vec::new() }
    }

    /// The expression with columns of the projection in place of its subqueries.
    fn column(&mut self, expr: Expr) -> DataFusionResult<Expr> {
        asked::placed(expr, &mut |subquery, asked| {
            let value = match asked {
                Some(asked) => when(asked, subquery).end()?,
                None => subquery,
            };
            let known = self.computed.iter().find(|(computed, _)| *computed == value);
            let name = match known {
                Some((_, name)) => name.clone(),
                None => {
                    let name = format!("value_{}", self.exprs.len());
                    self.exprs.push(value.clone().alias(&name));
                    self.computed.push((value, name.clone()));
                    name
                }
            };
            Ok(Transformed::new(Expr::Column(Column::new_unqualified(name)), true, TreeNodeRecursion::Jump))
        })
    }

    fn all(&mut self, exprs: Vec<Expr>, names: &NamePreserver) -> DataFusionResult<Vec<Expr>> {
        let columns = exprs.into_iter().map(|expr| {
            let name = names.save(&expr);
            Ok(name.restore(self.column(expr)?))
        });
        columns.collect()
    }

    fn sorted(&mut self, keys: Vec<SortExpr>) -> DataFusionResult<Vec<SortExpr>> {
        keys.into_iter().map(|by| Ok(SortExpr { expr: self.column(by.expr)?, ..by })).collect()
    }

    fn projection(self) -> DataFusionResult<LogicalPlan> {
        Ok(LogicalPlan::Projection(Projection::try_new(self.exprs, self.input.clone())?))
    }
}

fn holds(expr: &Expr) -> bool {
    predicates::holds(expr) || holds_hard(expr)
}

/// Whether any subquery is in it, for nodes where DataFusion takes none.
fn holds_any(expr: &Expr) -> bool {
    predicates::holds(expr) || expr.exists(|expr| Ok(matches!(expr, Expr::ScalarSubquery(_)))).unwrap_or(false)
}

/// Whether a subquery that is to be taken apart here is in it.
fn holds_hard(expr: &Expr) -> bool {
    expr.exists(|expr| Ok(matches!(expr, Expr::ScalarSubquery(subquery) if is_hard(subquery)))).unwrap_or(false)
}

fn is_hard(subquery: &Subquery) -> bool {
    !is_joined(&subquery.subquery, Asked::Value)
}

/// Whether EXISTS or IN of the subquery is to be taken apart here.
fn is_counted(rows: &LogicalPlan) -> bool {
    !is_joined(rows, Asked::Rows)
}

/// The expression with columns in place of such subqueries, which are joined to the input.
fn joined(expr: Expr, input: &mut LogicalPlan, count: &Cell<usize>) -> DataFusionResult<Expr> {
    let expr = if predicates::holds(&expr) { predicates::counted(expr, input, |_| true)? } else { expr };
    asked::placed(expr, &mut in_place(input, count))
}

/// Columns in place of subqueries that are hard, which are joined to the input.
fn in_place(
    input: &mut LogicalPlan,
    count: &Cell<usize>,
) -> impl FnMut(Expr, Option<Expr>) -> DataFusionResult<Transformed<Expr>> {
    move |expr, asked| match &expr {
        Expr::ScalarSubquery(subquery) if is_hard(subquery) => match join(subquery, input, asked, count)? {
            Some((plan, value)) => {
                *input = plan;
                Ok(Transformed::yes(value))
            }
            None => Ok(Transformed::no(expr)),
        },
        _ => Ok(Transformed::no(expr)),
    }
}

fn outer_columns(expr: &Expr) -> Vec<Column> {
    let mut found = Vec::new();
    let _ = expr.apply(|expr| {
        if let Expr::OuterReferenceColumn(_, column) = expr {
            found.push(column.clone());
        }
        Ok(TreeNodeRecursion::Continue)
    });
    found
}

/// The columns of rows around the plan that it, or a subquery anywhere in it, depends on.
fn all_outer_columns(plan: &LogicalPlan) -> BTreeSet<Column> {
    let mut found = further_columns(plan);
    let _ = plan.apply_expressions(|expr| {
        found.extend(outer_columns(expr));
        Ok(TreeNodeRecursion::Continue)
    });
    for input in plan.inputs() {
        found.extend(all_outer_columns(input));
    }
    if let LogicalPlan::Join(join) = plan {
        // a subquery of FROM depends on what stands left of it
        found.retain(|column| !join.left.schema().has_column(column));
    }
    found
}

/// The columns of rows around the node that subqueries in its expressions, or the conditions they stand in, depend on: `a` in
/// `… FROM a WHERE EXISTS (SELECT … FROM b WHERE EXISTS (SELECT … WHERE c.x = a.x))`.
fn further_columns(node: &LogicalPlan) -> BTreeSet<Column> {
    let mut found: BTreeSet<Column> =
        subqueries(node).iter().flat_map(|subquery| all_outer_columns(&subquery.subquery)).collect();
    found.retain(|column| !node.inputs().iter().any(|input| input.schema().has_column(column)));
    let _ = node.apply_expressions(|expr| {
        for part in split_conjunction(expr).into_iter().filter(|part| holds_any(part)) {
            found.extend(outer_columns(part));
        }
        Ok(TreeNodeRecursion::Continue)
    });
    found
}

/// What the alias shows, as columns of a projection.
fn under_alias(alias: &SubqueryAlias) -> Vec<Expr> {
    let columns = alias.input.schema().columns().into_iter().zip(alias.schema.columns());
    columns.map(|(column, shown)| Expr::Column(column).alias_qualified(shown.relation, shown.name)).collect()
}

/// The subqueries in the expressions of one node.
fn subqueries(node: &LogicalPlan) -> Vec<Subquery> {
    let mut found = Vec::new();
    let _ = node.apply_expressions(|expr| {
        expr.apply(|expr| {
            match expr {
                Expr::ScalarSubquery(subquery) => found.push(subquery.clone()),
                Expr::Exists(exists) => found.push(exists.subquery.clone()),
                Expr::InSubquery(within) => found.push(within.subquery.clone()),
                _ => {}
            }
            Ok(TreeNodeRecursion::Continue)
        })
    });
    found
}

/// The input joined to the subquery's values, and the column they are in. `asked`: which rows the subquery is asked of.
fn join(
    subquery: &Subquery,
    input: &LogicalPlan,
    asked: Option<Expr>,
    count: &Cell<usize>,
) -> DataFusionResult<Option<(LogicalPlan, Expr)>> {
    let outer: Vec<Column> = all_outer_columns(&subquery.subquery).into_iter().collect();
    if outer.iter().any(|column| !input.schema().has_column(column)) {
        // of a row further out
        return Ok(None);
    }
    count.set(count.get() + 1);
    let result_name = format!("subquery_{}", count.get());
    let input = rows::steady(input, &outer)?;
    let domain = Domain::of(&input, outer.clone(), asked, count.get())?;
    let plan = for_all(&domain, &subquery.subquery, count, Domain::pushed_value)?;
    let keys = domain.keys();
    let value = Expr::Column(Column::from(subquery.subquery.schema().qualified_field(0)));
    let keyed = domain.exprs().zip(&keys).map(|(column, key)| column.alias(key));
    let result = LogicalPlanBuilder::from(plan)
        .project(keyed.chain([value.alias("value")]))?
        .alias(result_name.as_str())?
        .build()?;
    let right: Vec<Column> = keys.iter().map(|key| Column::new(Some(result_name.as_str()), key)).collect();
    let joined = LogicalPlanBuilder::from(input)
        .join_detailed(result, JoinType::Left, (outer, right), None, NullEquality::NullEqualsNull)?
        .build()?;
    let value = Expr::Column(Column::new(Some(result_name.as_str()), "value"));
    let value = match counts(&subquery.subquery) {
        true => when(value.clone().is_null(), lit(0i64)).otherwise(value)?,
        false => value,
    };
    Ok(Some((joined, value)))
}

/// The plan for all combinations of the domain at once. What its subqueries knew of the rows around it is then a column
/// beside them, and they are taken apart in their turn.
///
/// # Errors
/// `0A000` for a plan that is not understood: DataFusion would take other rows for its own.
fn for_all(
    domain: &Domain,
    plan: &LogicalPlan,
    count: &Cell<usize>,
    push: fn(&Domain, &LogicalPlan) -> DataFusionResult<Option<LogicalPlan>>,
) -> DataFusionResult<LogicalPlan> {
    let pushed = if domain.is_hidden(plan)? { None } else { push(domain, plan)? };
    let Some(pushed) = pushed else { return not_impl_err!("undecorrelated Subquery") };
    let is_nested = |node: &LogicalPlan| matches!(node, LogicalPlan::Subquery(_)) || !further_columns(node).is_empty();
    if !plan.exists(|node| Ok(is_nested(node)))? {
        return Ok(pushed);
    }
    pushed.transform_up_with_subqueries(|node| changed(node, count)).map(|changed| changed.data)
}

/// Whether the value is a count, which is 0 where there is nothing to count.
fn counts(plan: &LogicalPlan) -> bool {
    match plan {
        LogicalPlan::Projection(projection) => {
            let first = projection.expr.first().map(|expr| expr.clone().unalias_nested().data);
            matches!(first, Some(Expr::Column(_))) && counts(&projection.input)
        }
        LogicalPlan::SubqueryAlias(alias) => counts(&alias.input),
        LogicalPlan::Aggregate(aggregate) => aggregate.aggr_expr.first().is_some_and(is_count),
        _ => false,
    }
}

fn is_count(expr: &Expr) -> bool {
    let expr = expr.clone().unalias_nested().data;
    matches!(expr, Expr::AggregateFunction(AggregateFunction { func, .. }) if func.name() == "count")
}
