//! `LATERAL (VALUES ('price', p.price), ('cost', p.cost))`: rows written out that depend on the row they are joined to.
//!
//! They become numbers, and a projection that chooses by them: the numbers depend on nothing, and DataFusion joins the rest.

use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::error::Result as DataFusionResult;
use datafusion::logical_expr::expr::Cast;
use datafusion::logical_expr::{Case, Expr, LogicalPlan, LogicalPlanBuilder, Values};
use datafusion::prelude::{col, lit};

/// What the numbers are called.
const NUMBER: &str = "number";

/// The list, without outer columns in its rows.
pub(super) fn chosen(values: Values) -> DataFusionResult<Transformed<LogicalPlan>> {
    if !values.values.iter().flatten().any(is_outer) {
        return Ok(Transformed::no(LogicalPlan::Values(values)));
    }
    let rows = values.values.len();
    let numbers = (0..rows).map(|number| Ok(vec![lit(i64::try_from(number).unwrap_or(i64::MAX))]));
    let numbers = LogicalPlanBuilder::values(numbers.collect::<DataFusionResult<_>>()?)?;
    let first = numbers.schema().columns().into_iter().map(|column| Expr::Column(column).alias(NUMBER));
    let numbers = numbers.project(first.collect::<Vec<_>>())?;
    let chosen = values.schema.fields().iter().enumerate().map(|(index, field)| {
        let choices = values.values.iter().enumerate().filter_map(|(number, row)| {
            let value = row.get(index)?.clone();
            // the values of one column have one type
            let value = Expr::Cast(Cast::new_from_field(Box::new(value), field.clone()));
            Some((Box::new(lit(i64::try_from(number).unwrap_or(i64::MAX))), Box::new(value)))
        });
        Expr::Case(Case::new(Some(Box::new(col(NUMBER))), choices.collect(), None)).alias(field.name())
    });
    let chosen = chosen.collect::<Vec<_>>();
    Ok(Transformed::yes(numbers.project(chosen)?.build()?))
}

fn is_outer(expr: &Expr) -> bool {
    expr.exists(|expr| Ok(matches!(expr, Expr::OuterReferenceColumn(..)))).unwrap_or(false)
}
