//! `EXISTS (…)` and `x IN (…)` that DataFusion does not join: as values, and in a WHERE where they look at the outer row
//! otherwise than in a condition, as `unnest(t.tags)` in FROM does. They become counts of the subquery's rows.
//!
//! Blocked by: DataFusion joins such subqueries in filters only, by conditions. Remove when it takes the others.

use std::sync::Arc;

use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::{Column, Spans};
use datafusion::error::Result;
use datafusion::functions_aggregate::count::count;
use datafusion::logical_expr::expr::{Exists, InSubquery};
use datafusion::logical_expr::{
    Expr, ExprSchemable, FetchType, LogicalPlan, LogicalPlanBuilder, SkipType, Subquery, when,
};
use datafusion::prelude::lit;
use datafusion::scalar::ScalarValue;

/// Whether the expression holds one.
pub(super) fn holds(expr: &Expr) -> bool {
    expr.exists(|expr| Ok(matches!(expr, Expr::Exists(_) | Expr::InSubquery(_)))).unwrap_or(false)
}

/// Whether it holds one of the kind.
pub(super) fn holds_such(expr: &Expr, is_such: impl Fn(&LogicalPlan) -> bool) -> bool {
    let found = expr.exists(|expr| match expr {
        Expr::Exists(Exists { subquery, .. }) | Expr::InSubquery(InSubquery { subquery, .. }) => {
            Ok(is_such(&subquery.subquery))
        }
        _ => Ok(false),
    });
    found.unwrap_or(false)
}

/// The expression with counts in place of those of the kind. `input`: what its columns are of.
pub(super) fn counted(expr: Expr, input: &LogicalPlan, is_such: impl Fn(&LogicalPlan) -> bool) -> Result<Expr> {
    let counted = expr.transform_up(|expr| match expr {
        Expr::Exists(Exists { subquery, negated }) if is_such(&subquery.subquery) => {
            let rows = unlimited(subquery.subquery.as_ref());
            // one row is enough; a limit in a subquery that depends on its row, DataFusion does not take
            let rows = match subquery.outer_ref_columns.is_empty() {
                true => LogicalPlanBuilder::from(rows.clone()).limit(0, Some(1))?.build()?,
                false => rows.clone(),
            };
            let found = number_of(rows)?;
            Ok(Transformed::yes(if negated { found.eq(lit(0i64)) } else { found.gt(lit(0i64)) }))
        }
        Expr::InSubquery(within) if is_such(&within.subquery.subquery) => is_in(within, input).map(Transformed::yes),
        other => Ok(Transformed::no(other)),
    })?;
    Ok(counted.data)
}

/// The rows without a limit that leaves one of them: whether there are any does not change.
fn unlimited(rows: &LogicalPlan) -> &LogicalPlan {
    match rows {
        LogicalPlan::Limit(limit) => match (limit.get_skip_type(), limit.get_fetch_type()) {
            (Ok(SkipType::Literal(0)), Ok(FetchType::Literal(Some(1..)))) => unlimited(&limit.input),
            _ => rows,
        },
        _ => rows,
    }
}

/// True where a row equals; else NULL where one may (it or the operand is NULL); else false.
fn is_in(within: InSubquery, input: &LogicalPlan) -> Result<Expr> {
    let InSubquery { expr, subquery, negated } = within;
    let rows = subquery.subquery.as_ref();
    let (qualifier, field) = rows.schema().qualified_field(0);
    let item = Expr::Column(Column::from((qualifier, field)));
    let outer = expr.as_ref().clone().transform(|expr| match &expr {
        Expr::Column(column) => {
            let (_, field) = expr.to_field(input.schema())?;
            Ok(Transformed::yes(Expr::OuterReferenceColumn(field, column.clone())))
        }
        _ => Ok(Transformed::no(expr)),
    })?;
    let filtered =
        |condition| -> Result<Expr> { number_of(LogicalPlanBuilder::from(rows.clone()).filter(condition)?.build()?) };
    let equal = filtered(item.clone().eq(outer.data))?;
    let some = number_of(rows.clone())?;
    let unknown = filtered(item.is_null())?;
    let zero = || lit(0i64);
    when(equal.gt(zero()), lit(!negated))
        .when(some.eq(zero()), lit(negated))
        .when(expr.is_null().or(unknown.gt(zero())), lit(ScalarValue::Boolean(None)))
        .otherwise(lit(negated))
}

fn number_of(rows: LogicalPlan) -> Result<Expr> {
    let plan = LogicalPlanBuilder::from(rows).aggregate(Vec::<Expr>::new(), [count(lit(1i64))])?.build()?;
    let outer_ref_columns = plan.all_out_ref_exprs();
    Ok(Expr::ScalarSubquery(Subquery { subquery: Arc::new(plan), outer_ref_columns, spans: Spans::new() }))
}
