//! `(SELECT r FROM (SELECT t.id, t.name) r)`: a subquery over no relation, which is an expression.
//!
//! Tools that make JSON of rows write one around each row. As expressions they cost nothing, and the rows around them are
//! not read a second time for what they depend on.

use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::common::{Column, DFSchemaRef};
use datafusion::error::Result;
use datafusion::logical_expr::expr_rewriter::NamePreserver;
use datafusion::logical_expr::{EmptyRelation, Expr, LogicalPlan};

/// The plan with such subqueries in their places.
pub(super) fn inlined(plan: LogicalPlan) -> Result<LogicalPlan> {
    let within = |node: LogicalPlan| {
        let names = NamePreserver::new(&node);
        let inputs: Vec<_> = node.inputs().into_iter().map(|input| input.schema().clone()).collect();
        node.map_expressions(|expr| {
            let name = names.save(&expr);
            let placed = expr.transform_down(|expr| match &expr {
                Expr::ScalarSubquery(subquery) => match value_of(&subquery.subquery)? {
                    Some(value) => {
                        let value = of_rows(value, &inputs)?;
                        Ok(Transformed::new(value, true, TreeNodeRecursion::Jump))
                    }
                    None => Ok(Transformed::no(expr)),
                },
                _ => Ok(Transformed::no(expr)),
            })?;
            Ok(placed.update_data(|expr| name.restore(expr)))
        })
    };
    Ok(plan.transform_up_with_subqueries(within)?.data)
}

/// What the subquery's one row says, as it is written within the subquery; `None` where it reads a relation, or where it is to
/// be asked once for all rows: `(SELECT random())`.
fn value_of(plan: &LogicalPlan) -> Result<Option<Expr>> {
    let Some(values) = row_of(plan)? else { return Ok(None) };
    Ok(values.into_iter().next().filter(|value| !value.is_volatile()))
}

/// The columns of the plan's one row.
fn row_of(plan: &LogicalPlan) -> Result<Option<Vec<Expr>>> {
    match plan {
        LogicalPlan::EmptyRelation(EmptyRelation { produce_one_row: true, .. }) => Ok(Some(Vec::new())),
        LogicalPlan::SubqueryAlias(alias) => row_of(&alias.input),
        LogicalPlan::Subquery(subquery) => row_of(&subquery.subquery),
        LogicalPlan::Projection(projection) => {
            let Some(below) = row_of(&projection.input)? else { return Ok(None) };
            let columns = projection.input.schema().columns();
            if below.iter().any(Expr::is_volatile) {
                return Ok(None);
            }
            let placed = projection.expr.iter().map(|expr| {
                let placed = unnamed(expr.clone()).transform(|expr| match &expr {
                    Expr::Column(column) => {
                        let value = columns.iter().position(|known| known == column).and_then(|at| below.get(at));
                        Ok(value.map_or(Transformed::no(expr.clone()), |value| Transformed::yes(value.clone())))
                    }
                    _ => Ok(Transformed::no(expr)),
                })?;
                Ok(placed.data)
            });
            placed.collect::<Result<Vec<_>>>().map(Some)
        }
        _ => Ok(None),
    }
}

/// The expression without its name, which may say of what type it is as well.
fn unnamed(expr: Expr) -> Expr {
    match expr {
        Expr::Alias(alias) if alias.metadata.is_none() => *alias.expr,
        other => other,
    }
}

/// The expression as the row around the subquery sees it: columns of that row are its own.
fn of_rows(expr: Expr, inputs: &[DFSchemaRef]) -> Result<Expr> {
    let is_own = |column: &Column| inputs.iter().any(|input| input.has_column(column));
    let placed = expr.transform(|expr| match expr {
        Expr::OuterReferenceColumn(_, column) if is_own(&column) => Ok(Transformed::yes(Expr::Column(column))),
        other => Ok(Transformed::no(other)),
    })?;
    Ok(placed.data)
}
