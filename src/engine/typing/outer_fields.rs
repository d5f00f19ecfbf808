//! What subqueries know of the columns around them: `… FROM (SELECT 1 AS a UNION SELECT 2.5) x WHERE EXISTS (… t.b = x.a)`.
//!
//! A subquery is planned with the types that those columns had then. Once these are settled it is told.

use datafusion::arrow::datatypes::FieldRef;
use datafusion::common::DFSchemaRef;
use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::error::Result;
use datafusion::logical_expr::{Expr, LogicalPlan, Subquery};

/// Whether a subquery of the plan depends on rows around it.
pub(super) fn depends(plan: &LogicalPlan) -> Result<bool> {
    let mut found = false;
    plan.apply_with_subqueries(|node| {
        found |= node.contains_outer_reference();
        Ok(if found { TreeNodeRecursion::Stop } else { TreeNodeRecursion::Continue })
    })?;
    Ok(found)
}

/// The subquery, which knows the columns around it by the fields that they have.
pub(super) fn told(subquery: LogicalPlan, around: &[&DFSchemaRef]) -> Result<LogicalPlan> {
    let field_of = |column: &_| -> Option<FieldRef> {
        let schema = around.iter().find(|schema| schema.has_column(column))?;
        Some(schema.qualified_field_from_column(column).ok()?.1.clone())
    };
    let tell = |expr: Expr| {
        expr.transform(|expr| {
            let Expr::OuterReferenceColumn(known, column) = expr else { return Ok(Transformed::no(expr)) };
            Ok(match field_of(&column).filter(|field| *field != known) {
                Some(field) => Transformed::yes(Expr::OuterReferenceColumn(field, column)),
                None => Transformed::no(Expr::OuterReferenceColumn(known, column)),
            })
        })
    };
    let mut changed = false;
    let told = subquery.transform_up_with_subqueries(|node| {
        let told = match node {
            LogicalPlan::Subquery(Subquery { subquery, outer_ref_columns, spans }) => {
                let outer = outer_ref_columns.into_iter().map(|column| Ok(tell(column)?.data));
                let outer_ref_columns = outer.collect::<Result<_>>()?;
                Transformed::no(LogicalPlan::Subquery(Subquery { subquery, outer_ref_columns, spans }))
            }
            node => node.map_expressions(tell)?,
        };
        changed |= told.transformed;
        if changed { told.map_data(LogicalPlan::recompute_schema) } else { Ok(told) }
    })?;
    Ok(told.data)
}
