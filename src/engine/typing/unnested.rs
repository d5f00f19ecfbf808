//! `unnest`: of arrays of several dimensions, and of columns whose type is one that texts stand for, or rows: what
//! `unnest(uuids)` gives are uuids.
//!
//! Blocked by: DataFusion's columns of it have the Arrow type only. Remove when they keep the field.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use datafusion::arrow::datatypes::{DataType, FieldRef};
use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::error::Result;
use datafusion::logical_expr::builder::unnest_with_options;
use datafusion::logical_expr::expr::Cast;
use datafusion::logical_expr::{Expr, LogicalPlan, Projection, Unnest};

use super::arrays::named_element;
use super::field_named;
use super::subscripts::elements;
use crate::dialect::SET_FUNCTIONS;
use crate::pgfunctions;
use crate::pgtypes::{Type, column_type};

/// Arrays of several dimensions give their elements, not arrays.
pub(super) fn flat(unnest: Unnest) -> Result<Transformed<LogicalPlan>> {
    let schema = unnest.input.schema();
    let arrays: HashSet<usize> = unnest.list_type_columns.iter().map(|(index, _)| *index).collect();
    let mut changed = false;
    let columns = schema.columns().into_iter().enumerate().map(|(index, column)| {
        let array = Expr::Column(column.clone());
        let is_row =
            schema.field(index).metadata().contains_key(pgfunctions::ONE_ROW) || gives_rows(&unnest.input, index);
        let is_array = arrays.contains(&index) && !is_row;
        let flat = if is_array { elements(&array, schema)? } else { None };
        changed |= flat.is_some();
        Ok(flat.map_or(array, |flat| flat.alias_qualified(column.relation, column.name)))
    });
    let columns = columns.collect::<Result<Vec<_>>>()?;
    if !changed {
        return Ok(Transformed::no(LogicalPlan::Unnest(unnest)));
    }
    let flat = LogicalPlan::Projection(Projection::try_new(columns, unnest.input)?);
    unnest_with_options(flat, unnest.exec_columns, unnest.options).map(Transformed::yes)
}

/// Whether the column is what a function gives whose rows may be arrays themselves: `regexp_matches`.
fn gives_rows(plan: &LogicalPlan, column: usize) -> bool {
    let LogicalPlan::Projection(projection) = plan else { return false };
    match projection.expr.get(column).map(|expr| expr.clone().unalias()) {
        Some(Expr::ScalarFunction(call)) => SET_FUNCTIONS.contains(&call.func.name()),
        _ => false,
    }
}

/// The projection with such columns of its input said to be of their types.
pub(super) fn named(projection: Projection) -> Result<Transformed<Projection>> {
    let LogicalPlan::Unnest(unnest) = projection.input.as_ref() else { return Ok(Transformed::no(projection)) };
    let arrays = unnest.input.schema();
    let named: HashMap<&str, FieldRef> = unnest
        .list_type_columns
        .iter()
        .filter_map(|(index, list)| {
            let array = arrays.field(*index);
            let DataType::List(item) = array.data_type() else { return None };
            let field = match item.data_type() {
                DataType::Struct(_) if column_type(array) == Type::RECORD_ARRAY => {
                    let record = field_named(item.data_type().clone(), &Type::RECORD);
                    Arc::new(record.as_ref().clone().with_nullable(true))
                }
                item => named_element(&column_type(array), item)?,
            };
            (list.depth == 1).then_some((list.output_column.name.as_str(), field))
        })
        .collect();
    if named.is_empty() {
        return Ok(Transformed::no(projection));
    }
    let mut changed = false;
    let exprs = projection.expr.iter().cloned().map(|expr| {
        let said = expr.transform_down(|expr| match expr {
            // said already
            Expr::Cast(cast) if !cast.field.metadata().is_empty() => {
                Ok(Transformed::new(Expr::Cast(cast), false, TreeNodeRecursion::Jump))
            }
            Expr::Column(column) => Ok(match named.get(column.name.as_str()) {
                Some(field) => {
                    let said = Cast::new_from_field(Box::new(Expr::Column(column)), Arc::clone(field));
                    Transformed::new(Expr::Cast(said), true, TreeNodeRecursion::Jump)
                }
                None => Transformed::no(Expr::Column(column)),
            }),
            other => Ok(Transformed::no(other)),
        })?;
        changed |= said.transformed;
        Ok(said.data)
    });
    let exprs = exprs.collect::<Result<Vec<_>>>()?;
    Ok(match changed {
        true => Transformed::yes(Projection::try_new(exprs, projection.input)?),
        false => Transformed::no(projection),
    })
}
