//! What values are sorted, grouped and compared by where the engine's order or equality of them is not PostgreSQL's: an
//! interval by its length, a jsonb by what it holds, an array by its elements.
//!
//! Invariant: columns are those the plan had. Of values that are equal, a group shows one.

use std::sync::Arc;

use datafusion::arrow::datatypes::DataType;
use datafusion::common::tree_node::Transformed;
use datafusion::common::{Column, DFSchema};
use datafusion::error::Result;
use datafusion::functions_aggregate::expr_fn::first_value;
use datafusion::logical_expr::expr::InSubquery;
use datafusion::logical_expr::expr_rewriter::NamePreserver;
use datafusion::logical_expr::{
    Aggregate, Distinct, Expr, ExprSchemable, Join, LogicalPlan, LogicalPlanBuilder, SortExpr, Window,
};

use super::array_order::ARRAY_SORT_KEY;
use super::json::{JSONB_SORT_KEY, JsonType};
use super::{call, time};

/// What begins the names of keys and of the values that stand for a group. No client writes it.
const KEY: &str = "\u{1}equal";

/// The plan with its rows in PostgreSQL's order and groups.
pub fn by_keys(plan: LogicalPlan) -> Result<LogicalPlan> {
    Ok(plan.transform_up_with_subqueries(node_by_keys)?.data)
}

fn node_by_keys(node: LogicalPlan) -> Result<Transformed<LogicalPlan>> {
    let changed = match node {
        LogicalPlan::Sort(mut sort) => {
            let changed = sort_by_keys(&mut sort.expr, sort.input.schema())?;
            (LogicalPlan::Sort(sort), changed)
        }
        LogicalPlan::Distinct(Distinct::On(mut first)) => {
            let mut changed = false;
            for key in &mut first.on_expr {
                changed |= replace(key, |key| sort_key(key, first.input.schema()))?;
            }
            changed |= sort_by_keys(first.sort_expr.as_deref_mut().unwrap_or_default(), first.input.schema())?;
            (LogicalPlan::Distinct(Distinct::On(first)), changed)
        }
        LogicalPlan::Distinct(Distinct::All(input)) => {
            let groups: Vec<Expr> = input.schema().columns().into_iter().map(Expr::Column).collect();
            match are_keyed(&groups, input.schema())? {
                true => (grouped(&Aggregate::try_new(input, groups, Vec::new())?)?, true),
                false => (LogicalPlan::Distinct(Distinct::All(input)), false),
            }
        }
        LogicalPlan::Aggregate(aggregate) => {
            let is_plain = !matches!(aggregate.group_expr.as_slice(), [Expr::GroupingSet(_)]);
            let (aggregate, counted) = distinct_counts(aggregate)?;
            match is_plain && are_keyed(&aggregate.group_expr, aggregate.input.schema())? {
                true => (grouped(&aggregate)?, true),
                false => (LogicalPlan::Aggregate(aggregate), counted),
            }
        }
        LogicalPlan::Window(window) => parts_by_keys(window)?,
        LogicalPlan::Join(mut join) => {
            let changed = join_by_keys(&mut join)?;
            (LogicalPlan::Join(join), changed)
        }
        other => (other, false),
    };
    let (node, changed) = changed;
    Ok(if changed { Transformed::yes(node) } else { Transformed::no(node) })
}

/// Groups by keys, which show one value of each.
fn grouped(aggregate: &Aggregate) -> Result<LogicalPlan> {
    let schema = aggregate.input.schema();
    let columns = aggregate.schema.columns();
    let (mut groups, mut values) = (Vec::new(), aggregate.aggr_expr.clone());
    let mut shown: Vec<Expr> = columns.iter().cloned().map(Expr::Column).collect();
    for (nth, (group, column)) in aggregate.group_expr.iter().zip(&columns).enumerate() {
        let Some(key) = equal_key(group, schema)? else {
            groups.push(group.clone());
            continue;
        };
        let value = format!("{KEY}{nth}");
        groups.push(key.alias(format!("{value}_key")));
        values.push(first_value(group.clone(), Vec::new()).alias(&value));
        let value = Expr::Column(Column::from_name(value));
        let value = if JsonType::of(group, schema).is_some() { JsonType::Jsonb.mark(value)? } else { value };
        shown[nth] = value.alias_qualified(column.relation.clone(), &column.name);
    }
    let groups = Aggregate::try_new(Arc::clone(&aggregate.input), groups, values)?;
    LogicalPlanBuilder::from(LogicalPlan::Aggregate(groups)).project(shown)?.build()
}

/// `count(DISTINCT value)` of keys.
fn distinct_counts(mut aggregate: Aggregate) -> Result<(Aggregate, bool)> {
    let schema = Arc::clone(aggregate.input.schema());
    let changed = each_named(&mut aggregate.aggr_expr, |expr| match expr {
        Expr::AggregateFunction(call) if call.params.distinct && call.func.name() == "count" => {
            match call.params.args.as_mut_slice() {
                [value] => replace(value, |value| equal_key(value, &schema)),
                _ => Ok(false),
            }
        }
        _ => Ok(false),
    })?;
    Ok((aggregate, changed))
}

fn parts_by_keys(mut window: Window) -> Result<(LogicalPlan, bool)> {
    let schema = Arc::clone(window.input.schema());
    let changed = each_named(&mut window.window_expr, |expr| match expr {
        Expr::WindowFunction(function) => {
            let parts = function.params.partition_by.iter_mut();
            parts
                .map(|part| replace(part, |part| equal_key(part, &schema)))
                .try_fold(false, |so_far, one| Ok(so_far | one?))
        }
        _ => Ok(false),
    })?;
    Ok((LogicalPlan::Window(window), changed))
}

/// Changes what the expressions are, under any alias; each keeps its name. Whether some were changed.
fn each_named(exprs: &mut [Expr], mut change: impl FnMut(&mut Expr) -> Result<bool>) -> Result<bool> {
    let names = NamePreserver::new_for_projection();
    let mut changed = false;
    for expr in exprs {
        let name = names.save(expr);
        let here = match &mut *expr {
            Expr::Alias(alias) => change(&mut alias.expr)?,
            bare => change(bare)?,
        };
        if here {
            *expr = name.restore(std::mem::take(expr));
            changed = true;
        }
    }
    Ok(changed)
}

fn join_by_keys(join: &mut Join) -> Result<bool> {
    let mut changed = false;
    for (left, right) in &mut join.on {
        if let (Some(l), Some(r)) = (equal_key(left, join.left.schema())?, equal_key(right, join.right.schema())?) {
            (*left, *right, changed) = (l, r, true);
        }
    }
    Ok(changed)
}

/// `value IN (SELECT …)` of keys; `None` where values are compared as they are.
pub fn in_subquery_by_keys(within: &InSubquery, schema: &DFSchema) -> Result<Option<Expr>> {
    let rows = &within.subquery.subquery;
    let Some(first) = rows.schema().columns().into_iter().next() else { return Ok(None) };
    let (Some(value), Some(key)) = (equal_key(&within.expr, schema)?, equal_key(&Expr::Column(first), rows.schema())?)
    else {
        return Ok(None);
    };
    let keys = LogicalPlanBuilder::from(rows.as_ref().clone()).project([key])?.build()?;
    let subquery = within.subquery.with_plan(Arc::new(keys));
    Ok(Some(Expr::InSubquery(InSubquery { expr: Box::new(value), subquery, negated: within.negated })))
}

/// Both by keys; `None` where values of their type are compared as they are.
pub fn both_by_keys(left: &Expr, right: &Expr, schema: &DFSchema) -> Result<Option<(Expr, Expr)>> {
    Ok(equal_key(left, schema)?.zip(equal_key(right, schema)?))
}

/// Puts keys in place of such values; whether there were some.
pub fn sort_by_keys(order: &mut [SortExpr], schema: &DFSchema) -> Result<bool> {
    let mut changed = false;
    for by in order {
        changed |= replace(&mut by.expr, |value| sort_key(value, schema))?;
    }
    Ok(changed)
}

/// Puts the key in the value's place, if it has one; whether it has.
fn replace(value: &mut Expr, key: impl FnOnce(&Expr) -> Result<Option<Expr>>) -> Result<bool> {
    let key = key(value)?;
    Ok(key.map(|key| *value = key).is_some())
}

fn are_keyed(values: &[Expr], schema: &DFSchema) -> Result<bool> {
    values.iter().try_fold(false, |found, value| Ok(found || equal_key(value, schema)?.is_some()))
}

/// What values are sorted by.
fn sort_key(value: &Expr, schema: &DFSchema) -> Result<Option<Expr>> {
    match value.get_type(schema) {
        Ok(DataType::List(_)) => call(ARRAY_SORT_KEY, vec![value.clone()]).map(Some),
        Ok(data_type) => key_of(value, &data_type, schema),
        Err(_) => Ok(None),
    }
}

/// What values that are equal have in common. An array is equal to another as the engine has it.
fn equal_key(value: &Expr, schema: &DFSchema) -> Result<Option<Expr>> {
    value.get_type(schema).map_or(Ok(None), |data_type| key_of(value, &data_type, schema))
}

fn key_of(value: &Expr, data_type: &DataType, schema: &DFSchema) -> Result<Option<Expr>> {
    match data_type {
        DataType::Interval(_) => time::span_of(value.clone()).map(Some),
        _ if data_type.is_string() && JsonType::of(value, schema) == Some(JsonType::Jsonb) => {
            call(JSONB_SORT_KEY, vec![value.clone()]).map(Some)
        }
        _ => Ok(None),
    }
}
