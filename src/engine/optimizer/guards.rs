//! Conditions that keep what may fail from being computed: `n <> 0 AND 10 / n > 1`, `sum(10 / n) FILTER (WHERE n <> 0)`, and
//! conditions above a subquery that leaves rows out.
//!
//! Blocked by: DataFusion computes both sides of AND for all rows of a batch, and puts conditions together in any order; PostgreSQL
//! asks the second only of rows that the first lets pass. CASE is what computes for some rows only. Remove when AND does.

use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::error::Result;
use datafusion::logical_expr::expr::{AggregateFunctionParams, WindowFunctionParams};
use datafusion::logical_expr::expr_rewriter::NamePreserver;
use datafusion::logical_expr::utils::{conjunction, split_conjunction_owned};
use datafusion::logical_expr::{BinaryExpr, Expr, Filter, Join, LogicalPlan, Operator, when};
use datafusion::prelude::lit;

/// The optimized plan with such conditions. Not a rule of the optimizer: others would make AND of CASE again.
pub(in crate::engine) fn guarded(plan: &LogicalPlan) -> Result<Option<LogicalPlan>> {
    let mut found = false;
    plan.apply_with_subqueries(|node| {
        node.apply_expressions(|expr| {
            found |= expr.exists(|expr| Ok(refuses(expr)))?;
            Ok(if found { TreeNodeRecursion::Stop } else { TreeNodeRecursion::Continue })
        })
    })?;
    if !found {
        return Ok(None);
    }
    Ok(Some(plan.clone().transform_up_with_subqueries(node)?.data))
}

fn node(plan: LogicalPlan) -> Result<Transformed<LogicalPlan>> {
    match plan {
        LogicalPlan::Filter(filter) => match condition(&filter.predicate)? {
            Some(predicate) => Ok(Transformed::yes(LogicalPlan::Filter(Filter::try_new(predicate, filter.input)?))),
            None => Ok(Transformed::no(LogicalPlan::Filter(filter))),
        },
        LogicalPlan::Join(join) => match join.filter.as_ref().map(condition).transpose()?.flatten() {
            Some(condition) => Ok(Transformed::yes(LogicalPlan::Join(Join { filter: Some(condition), ..join }))),
            None => Ok(Transformed::no(LogicalPlan::Join(join))),
        },
        plan @ (LogicalPlan::Projection(_)
        | LogicalPlan::Aggregate(_)
        | LogicalPlan::Window(_)
        | LogicalPlan::Sort(_)) => {
            let names = NamePreserver::new(&plan);
            plan.map_expressions(|expr| {
                let name = names.save(&expr);
                let changed = expr.transform_up(of_values)?;
                Ok(changed.update_data(|expr| name.restore(expr)))
            })
        }
        other => Ok(Transformed::no(other)),
    }
}

/// The condition of a WHERE, in which what may fail is asked last, and only of rows that pass the rest; `None` where nothing may.
fn condition(condition: &Expr) -> Result<Option<Expr>> {
    if !may_fail(condition) {
        return Ok(None);
    }
    let parts = split_conjunction_owned(condition.clone());
    let (mut risky, safe): (Vec<Expr>, Vec<Expr>) = parts.into_iter().partition(may_fail);
    let mut within = false;
    for part in &mut risky {
        let changed = std::mem::take(part).transform_up(of_values)?;
        within |= changed.transformed;
        *part = changed.data;
    }
    if safe.is_empty() && risky.len() < 2 {
        return Ok(conjunction(risky).filter(|_| within));
    }
    let Some(mut last) = risky.pop() else { return Ok(None) };
    // NULL passes as little as false
    for part in risky.into_iter().rev() {
        last = when(part, last).otherwise(lit(false))?;
    }
    Ok(Some(match conjunction(safe) {
        Some(safe) => safe.clone().and(when(safe, last).otherwise(lit(false))?),
        None => last,
    }))
}

/// `a AND b` and `a OR b` where `b` is computed only for rows of which `a` does not decide, and what an aggregate takes only for
/// rows that its FILTER lets pass.
fn of_values(expr: Expr) -> Result<Transformed<Expr>> {
    match expr {
        Expr::BinaryExpr(BinaryExpr { left, op: op @ (Operator::And | Operator::Or), right }) if may_fail(&right) => {
            let decides = match op {
                Operator::And => Expr::IsFalse(left.clone()),
                _ => Expr::IsTrue(left.clone()),
            };
            let both = Expr::BinaryExpr(BinaryExpr::new(left, op, right));
            when(decides, lit(op == Operator::Or)).otherwise(both).map(Transformed::yes)
        }
        Expr::AggregateFunction(mut call) => {
            let AggregateFunctionParams { args, order_by, filter, .. } = &mut call.params;
            let keys = order_by.iter_mut().map(|key| &mut key.expr);
            let changed = where_passed(filter.as_deref(), args.iter_mut().chain(keys))?;
            Ok(Transformed::new_transformed(Expr::AggregateFunction(call), changed))
        }
        Expr::WindowFunction(mut call) => {
            let WindowFunctionParams { args, filter, .. } = &mut call.params;
            let changed = where_passed(filter.as_deref(), args.iter_mut())?;
            Ok(Transformed::new_transformed(Expr::WindowFunction(call), changed))
        }
        other => Ok(Transformed::no(other)),
    }
}

/// Has what may fail computed only for rows that pass the filter; whether anything may.
fn where_passed<'a>(filter: Option<&Expr>, taken: impl Iterator<Item = &'a mut Expr>) -> Result<bool> {
    let Some(filter) = filter else { return Ok(false) };
    let mut changed = false;
    for taken in taken.filter(|taken| may_fail(taken)) {
        *taken = when(filter.clone(), std::mem::take(taken)).end()?;
        changed = true;
    }
    Ok(changed)
}

/// Functions that refuse some values, casts and divisions first.
const REFUSING: &[&str] = &[
    "acos",
    "asin",
    "checked_divide",
    "checked_modulo",
    "chr",
    "convert_from",
    "date",
    "date_bin",
    "decode",
    "div",
    "factorial",
    "interval",
    "json_array_length",
    "json_in",
    "json_object_keys",
    "jsonb_array_length",
    "jsonb_in",
    "jsonb_object_keys",
    "jsonb_scalar",
    "ln",
    "log",
    "log10",
    "make_date",
    "make_time",
    "make_timestamp",
    "make_timestamptz",
    "mod",
    "numeric_divide",
    "numeric_remainder",
    "power",
    "read_text",
    "split_part",
    "sqrt",
    "substr",
    "time",
    "timestamp",
    "timestamptz",
    "to_date",
    "to_integer",
    "to_number",
    "to_timestamp",
    "width_bucket",
];

/// Whether computing the expression may be an error, but for what CASE keeps from it.
fn may_fail(expr: &Expr) -> bool {
    let mut found = false;
    let walked = expr.apply(|expr| {
        if let Expr::Case(case) = expr {
            // what is asked first is asked of all
            let first = case.when_then_expr.first().map(|(when, _)| when);
            found |= case.expr.iter().chain(first).any(|asked| may_fail(asked));
            return Ok(TreeNodeRecursion::Jump);
        }
        found |= refuses(expr);
        Ok(if found { TreeNodeRecursion::Stop } else { TreeNodeRecursion::Continue })
    });
    walked.is_ok() && found
}

/// Whether it refuses some values itself.
fn refuses(expr: &Expr) -> bool {
    match expr {
        Expr::BinaryExpr(BinaryExpr { op: Operator::Divide | Operator::Modulo, .. }) => true,
        Expr::ScalarFunction(call) => REFUSING.contains(&call.func.name()),
        _ => false,
    }
}
