//! `CASE WHEN … THEN nextval('s') END`: a function that waits is called for the rows that choose it, and for no other.
//!
//! DataFusion calls such functions below the choice, for every row: sequences passed numbers over, and locks were taken that nobody
//! asked for. They do nothing for NULL, so their first argument is NULL where the row chooses otherwise. Blocked by:
//! DataFusion's `AsyncFuncExec`. Remove when it minds the choice.
//!
//! Invariant: a choice by conditions that vary stays as it is: they would be decided twice.

use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::common::{DFSchema, ExprSchema};
use datafusion::error::Result;
use datafusion::logical_expr::expr::ScalarFunction;
use datafusion::logical_expr::expr_rewriter::NamePreserver;
use datafusion::logical_expr::{Case, Expr, ExprSchemable, LogicalPlan};
use datafusion::scalar::ScalarValue;

/// The plan with such arguments.
pub(super) fn minded(plan: LogicalPlan) -> Result<LogicalPlan> {
    let mut any = false;
    plan.apply_with_subqueries(|node| {
        any = node.expressions().iter().any(waits);
        Ok(if any { TreeNodeRecursion::Stop } else { TreeNodeRecursion::Continue })
    })?;
    if !any {
        return Ok(plan);
    }
    let minded = plan.transform_up_with_subqueries(|node| {
        let mut schema = DFSchema::empty();
        node.inputs().into_iter().for_each(|input| schema.merge(input.schema()));
        let names = NamePreserver::new(&node);
        node.map_expressions(|expr| {
            if !waits(&expr) {
                return Ok(Transformed::no(expr));
            }
            let name = names.save(&expr);
            let minded = expr.transform_up(|expr| choice(expr, &schema))?;
            Ok(if minded.transformed { minded.update_data(|expr| name.restore(expr)) } else { minded })
        })
    })?;
    Ok(minded.data)
}

/// Whether the expression calls a function that waits.
pub(super) fn waits(expr: &Expr) -> bool {
    let calls = |expr: &Expr| matches!(expr, Expr::ScalarFunction(call) if call.func.as_async().is_some());
    expr.exists(|expr| Ok(calls(expr))).unwrap_or(false)
}

fn choice(expr: Expr, schema: &dyn ExprSchema) -> Result<Transformed<Expr>> {
    match expr {
        Expr::Case(case) if !decides_anew(&case) => of_case(case, schema),
        Expr::ScalarFunction(call) if call.func.name() == "coalesce" => of_coalesce(call, schema),
        other => Ok(Transformed::no(other)),
    }
}

fn decides_anew(case: &Case) -> bool {
    let conditions = case.when_then_expr.iter().map(|(when, _)| when).chain(&case.expr);
    conditions.into_iter().any(|condition| condition.is_volatile())
}

fn of_case(case: Case, schema: &dyn ExprSchema) -> Result<Transformed<Expr>> {
    let mut minded = case.clone();
    let branches = case.when_then_expr.len();
    // the value where the branch is chosen, else NULL
    let within = |branch: usize, value: Expr, null: Expr| {
        let mut chosen = case.clone();
        for (nth, (_, then)) in chosen.when_then_expr.iter_mut().enumerate() {
            **then = if nth == branch { value.clone() } else { null.clone() };
        }
        chosen.when_then_expr.truncate(branch + 1);
        chosen.else_expr = (branch == branches).then(|| Box::new(value));
        Expr::Case(chosen)
    };
    let thens = minded.when_then_expr.iter_mut().map(|(_, then)| then);
    let mut changed = false;
    for (branch, value) in thens.chain(&mut minded.else_expr).enumerate().filter(|(_, value)| waits(value)) {
        **value = asked(std::mem::take(&mut **value), schema, |argument, null| within(branch, argument, null))?;
        changed = true;
    }
    Ok(Transformed::new_transformed(Expr::Case(minded), changed))
}

fn of_coalesce(call: ScalarFunction, schema: &dyn ExprSchema) -> Result<Transformed<Expr>> {
    let ScalarFunction { func, mut args } = call;
    let mut changed = false;
    for nth in 1..args.len() {
        let (before, rest) = args.split_at_mut(nth);
        let Some(value) = rest.first_mut().filter(|value| waits(value)) else { continue };
        if before.iter().any(Expr::is_volatile) {
            break;
        }
        *value = asked(std::mem::take(value), schema, |argument, null| {
            let given = before.iter().map(|given| (Box::new(given.clone().is_not_null()), Box::new(null.clone())));
            Expr::Case(Case::new(None, given.collect(), Some(Box::new(argument))))
        })?;
        changed = true;
    }
    Ok(Transformed::new_transformed(Expr::ScalarFunction(ScalarFunction { func, args }), changed))
}

/// The expression with its calls that wait asking by what `within` makes of their first argument and of NULL.
fn asked(expr: Expr, schema: &dyn ExprSchema, within: impl Fn(Expr, Expr) -> Expr) -> Result<Expr> {
    let asked = expr.transform_up(|expr| match expr {
        Expr::ScalarFunction(mut call) if call.func.as_async().is_some() && !call.args.is_empty() => {
            let argument = std::mem::take(&mut call.args[0]);
            let null = Expr::Literal(ScalarValue::try_from(&argument.get_type(schema)?)?, None);
            call.args[0] = within(argument, null);
            Ok(Transformed::yes(Expr::ScalarFunction(call)))
        }
        other => Ok(Transformed::no(other)),
    });
    Ok(asked?.data)
}
