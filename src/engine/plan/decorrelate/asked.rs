//! Which rows a subquery is asked of: within CASE those that choose it, in a condition those that its other parts let pass.
//!
//! A subquery that is joined is computed for every row around it, and may fail for one that PostgreSQL never asks:
//! `CASE WHEN jsonb_typeof(d) = 'array' THEN (SELECT … FROM jsonb_array_elements(d)) END`.
//!
//! Invariant: for a row that is left out, what the subquery says is of no account.

use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::error::Result;
use datafusion::logical_expr::utils::{conjunction, split_conjunction_owned};
use datafusion::logical_expr::{Case, Expr};

use super::holds_any;

/// What is put in the place of a subquery, which is asked only of rows that the condition lets pass.
pub(super) type Place<'a> = &'a mut dyn FnMut(Expr, Option<Expr>) -> Result<Transformed<Expr>>;

/// The expression with something in the places of its subqueries.
pub(super) fn placed(expr: Expr, place: Place<'_>) -> Result<Expr> {
    within(expr, &[], place)
}

/// [`placed`] of a condition that rows are kept by.
pub(super) fn placed_in_condition(condition: Expr, place: Place<'_>) -> Result<Expr> {
    let parts = split_conjunction_owned(condition.clone());
    let asked: Vec<Expr> = parts.iter().filter(|part| decides(part)).cloned().collect();
    let parts = parts.into_iter().map(|part| if holds_any(&part) { within(part, &asked, place) } else { Ok(part) });
    Ok(conjunction(parts.collect::<Result<Vec<_>>>()?).unwrap_or(condition))
}

/// The expression, which is asked of rows of which all these are true.
fn within(expr: Expr, asked: &[Expr], place: Place<'_>) -> Result<Expr> {
    let placed = expr.transform_down(|expr| match expr {
        Expr::Case(case) if case.expr.is_none() => {
            Ok(Transformed::new(choice(case, asked, place)?, true, TreeNodeRecursion::Jump))
        }
        Expr::ScalarSubquery(_) | Expr::Exists(_) | Expr::InSubquery(_) => place(expr, conjunction(asked.to_vec())),
        other => Ok(Transformed::no(other)),
    })?;
    Ok(placed.data)
}

fn choice(case: Case, asked: &[Expr], place: Place<'_>) -> Result<Expr> {
    let mut asked = asked.to_vec();
    let mut choices = Vec::with_capacity(case.when_then_expr.len());
    for (when, then) in case.when_then_expr {
        let (passes, is_left) = (when.as_ref().clone(), Expr::IsNotTrue(when.clone()));
        let when = within(*when, &asked, place)?;
        let known = asked.len();
        asked.extend(Some(passes).filter(decides));
        let then = within(*then, &asked, place)?;
        asked.truncate(known);
        asked.extend(Some(is_left).filter(decides));
        choices.push((Box::new(when), Box::new(then)));
    }
    let otherwise = case.else_expr.map(|otherwise| within(*otherwise, &asked, place).map(Box::new)).transpose()?;
    Ok(Expr::Case(Case::new(None, choices, otherwise)))
}

/// Whether the condition can be asked of the rows before the subqueries are.
fn decides(condition: &Expr) -> bool {
    !condition.is_volatile() && !holds_any(condition) && !condition.contains_outer()
}
