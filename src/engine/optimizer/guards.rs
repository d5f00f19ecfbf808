//! Conditions that keep what may fail from being computed: `n <> 0 AND 10 / n > 1`, `sum(10 / n) FILTER (WHERE n <> 0)`, and
//! conditions above a subquery that leaves rows out.
//!
//! Blocked by: DataFusion computes both sides of AND for all rows of a batch, and puts conditions together in any order; PostgreSQL
//! asks the second only of rows that the first lets pass. CASE is what computes for some rows only. Remove when AND does.

use std::sync::Arc;

use datafusion::common::DFSchemaRef;
use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::error::Result;
use datafusion::logical_expr::expr::{AggregateFunctionParams, WindowFunctionParams};
use datafusion::logical_expr::expr_rewriter::NamePreserver;
use datafusion::logical_expr::utils::{conjunction, split_conjunction_owned};
use datafusion::logical_expr::{BinaryExpr, Expr, ExprSchemable, Filter, Join, LogicalPlan, Operator, when};
use datafusion::prelude::lit;
use datafusion::scalar::ScalarValue;

/// The optimized plan with such conditions. Not a rule of the optimizer: others would make AND of CASE again.
pub(in crate::engine) fn guarded(plan: &LogicalPlan) -> Result<Option<LogicalPlan>> {
    let mut found = false;
    plan.apply_with_subqueries(|node| {
        let columns = Columns::of(node);
        node.apply_expressions(|expr| {
            found |= expr.exists(|expr| Ok(columns.refuses(expr)))?;
            Ok(if found { TreeNodeRecursion::Stop } else { TreeNodeRecursion::Continue })
        })
    })?;
    if !found {
        return Ok(None);
    }
    Ok(Some(plan.clone().transform_up_with_subqueries(node)?.data))
}

fn node(plan: LogicalPlan) -> Result<Transformed<LogicalPlan>> {
    let columns = Columns::of(&plan);
    match plan {
        LogicalPlan::Filter(filter) => match columns.condition(&filter.predicate)? {
            Some(predicate) => Ok(Transformed::yes(LogicalPlan::Filter(Filter::try_new(predicate, filter.input)?))),
            None => Ok(Transformed::no(LogicalPlan::Filter(filter))),
        },
        LogicalPlan::Join(join) => {
            let condition = join.filter.as_ref().map(|filter| columns.condition(filter)).transpose()?.flatten();
            Ok(match condition {
                Some(condition) => Transformed::yes(LogicalPlan::Join(Join { filter: Some(condition), ..join })),
                None => Transformed::no(LogicalPlan::Join(join)),
            })
        }
        plan @ (LogicalPlan::Projection(_)
        | LogicalPlan::Aggregate(_)
        | LogicalPlan::Window(_)
        | LogicalPlan::Sort(_)) => {
            let names = NamePreserver::new(&plan);
            plan.map_expressions(|expr| {
                let name = names.save(&expr);
                let changed = expr.transform_up(|expr| columns.of_values(expr))?;
                Ok(changed.update_data(|expr| name.restore(expr)))
            })
        }
        other => Ok(Transformed::no(other)),
    }
}

/// What the expressions of a node are over.
struct Columns(Vec<DFSchemaRef>);

impl Columns {
    fn of(node: &LogicalPlan) -> Self {
        Self(node.inputs().into_iter().map(|input| Arc::clone(input.schema())).collect())
    }

    /// The condition of a WHERE, in which what may fail is asked last, and only of rows that pass the rest; `None` where nothing
    /// may.
    fn condition(&self, condition: &Expr) -> Result<Option<Expr>> {
        if !condition.exists(|expr| Ok(self.refuses(expr)))? {
            return Ok(None);
        }
        let parts = split_conjunction_owned(condition.clone()).into_iter();
        let parts = parts.map(|part| Ok(part.transform_up(|expr| self.of_values(expr))?.data));
        let parts = parts.collect::<Result<Vec<Expr>>>()?;
        let (mut risky, safe): (Vec<Expr>, Vec<Expr>) = parts.into_iter().partition(|part| self.may_fail(part));
        // what is random is asked once
        let asked_twice = conjunction(safe.iter().filter(|part| !part.is_volatile()).cloned());
        let last = risky.pop().map(|last| {
            // NULL passes as little as false
            let guards = risky.into_iter().rev().chain(asked_twice);
            guards.into_iter().try_fold(last, |last, guard| when(guard, last).otherwise(lit(false)))
        });
        Ok(conjunction(safe.into_iter().chain(last.transpose()?)))
    }

    /// `a AND b` and `a OR b` where `b` is computed only for rows of which `a` does not decide, and what an aggregate takes only
    /// for rows that its FILTER lets pass.
    fn of_values(&self, expr: Expr) -> Result<Transformed<Expr>> {
        match expr {
            Expr::BinaryExpr(BinaryExpr { left, op: op @ (Operator::And | Operator::Or), right })
                if self.may_fail(&right) && !left.is_volatile() =>
            {
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
                let changed = self.where_passed(filter.as_deref(), args.iter_mut().chain(keys))?;
                Ok(Transformed::new_transformed(Expr::AggregateFunction(call), changed))
            }
            Expr::WindowFunction(mut call) => {
                let WindowFunctionParams { args, filter, .. } = &mut call.params;
                let changed = self.where_passed(filter.as_deref(), args.iter_mut())?;
                Ok(Transformed::new_transformed(Expr::WindowFunction(call), changed))
            }
            other => Ok(Transformed::no(other)),
        }
    }

    /// Has what may fail computed only for rows that pass the filter; whether anything may.
    fn where_passed<'a>(&self, filter: Option<&Expr>, taken: impl Iterator<Item = &'a mut Expr>) -> Result<bool> {
        let Some(filter) = filter.filter(|filter| !filter.is_volatile()) else { return Ok(false) };
        let mut changed = false;
        for taken in taken.filter(|taken| self.may_fail(taken)) {
            *taken = when(filter.clone(), std::mem::take(taken)).end()?;
            changed = true;
        }
        Ok(changed)
    }

    /// Whether computing the expression may be an error, but for what CASE keeps from it.
    fn may_fail(&self, expr: &Expr) -> bool {
        let mut found = false;
        let walked = expr.apply(|expr| {
            if let Expr::Case(case) = expr {
                // what is asked first is asked of all
                let first = case.when_then_expr.first().map(|(when, _)| when);
                found |= case.expr.iter().chain(first).any(|asked| self.may_fail(asked));
                return Ok(TreeNodeRecursion::Jump);
            }
            found |= self.refuses(expr);
            Ok(if found { TreeNodeRecursion::Stop } else { TreeNodeRecursion::Continue })
        });
        walked.is_ok() && found
    }

    /// Whether it refuses some values itself.
    fn refuses(&self, expr: &Expr) -> bool {
        match expr {
            Expr::BinaryExpr(BinaryExpr { op: Operator::Divide | Operator::Modulo, right, .. }) => !is_number(right),
            Expr::ScalarFunction(call) => match (call.func.name(), call.args.as_slice()) {
                (name, [_, by]) if DIVIDING.contains(&name) => !is_number(by),
                (name, [value, ..]) if CASTING.contains(&name) => self.is_text(value),
                // of constant places and lengths none is wrong, or all are
                ("split_part" | "substr", [_, rest @ ..]) => !rest.iter().all(|arg| matches!(arg, Expr::Literal(..))),
                (name, _) => REFUSING.contains(&name),
            },
            _ => false,
        }
    }

    fn is_text(&self, value: &Expr) -> bool {
        let known = self.0.iter().find_map(|schema| value.get_type(schema).ok());
        known.is_none_or(|data_type| data_type.is_string())
    }
}

/// A number to divide by that is not 0.
fn is_number(by: &Expr) -> bool {
    match by {
        Expr::Literal(number, _) => {
            ScalarValue::new_zero(&number.data_type()).is_ok_and(|zero| !number.is_null() && *number != zero)
        }
        _ => false,
    }
}

/// Divisions, of the first by the second.
const DIVIDING: &[&str] = &["checked_divide", "checked_modulo", "div", "mod", "numeric_divide", "numeric_remainder"];

/// Casts, which texts may not be for.
const CASTING: &[&str] = &["date", "interval", "time", "timestamp", "timestamptz"];

/// Other functions that refuse some values.
const REFUSING: &[&str] = &[
    "acos",
    "asin",
    "chr",
    "convert_from",
    "date_bin",
    "decode",
    "factorial",
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
    "power",
    "read_text",
    "sqrt",
    "to_date",
    "to_integer",
    "to_number",
    "to_timestamp",
    "width_bucket",
];
