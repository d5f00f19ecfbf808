//! What values are sorted by where the engine's order of them is not PostgreSQL's: an interval by its length, a jsonb by
//! what it holds, an array by its elements.

use datafusion::arrow::datatypes::DataType;
use datafusion::common::DFSchema;
use datafusion::common::tree_node::Transformed;
use datafusion::error::Result;
use datafusion::logical_expr::{Distinct, Expr, ExprSchemable, LogicalPlan, SortExpr};

use super::array_order::ARRAY_SORT_KEY;
use super::json::{JSONB_SORT_KEY, JsonType};
use super::{call, time};

/// The plan with its rows in PostgreSQL's order.
pub fn sorted(plan: LogicalPlan) -> Result<LogicalPlan> {
    let sorted = plan.transform_up_with_subqueries(|node| {
        let (node, changed) = match node {
            LogicalPlan::Sort(mut sort) => {
                let changed = sort_by_keys(&mut sort.expr, sort.input.schema())?;
                (LogicalPlan::Sort(sort), changed)
            }
            LogicalPlan::Distinct(Distinct::On(mut first)) => {
                let mut changed = false;
                for key in &mut first.on_expr {
                    if let Some(sorted) = sort_key(key, first.input.schema())? {
                        (*key, changed) = (sorted, true);
                    }
                }
                changed |= sort_by_keys(first.sort_expr.as_deref_mut().unwrap_or_default(), first.input.schema())?;
                (LogicalPlan::Distinct(Distinct::On(first)), changed)
            }
            other => (other, false),
        };
        Ok(if changed { Transformed::yes(node) } else { Transformed::no(node) })
    })?;
    Ok(sorted.data)
}

/// Puts keys in place of such values; whether there were some.
pub fn sort_by_keys(order: &mut [SortExpr], schema: &DFSchema) -> Result<bool> {
    let mut changed = false;
    for by in order {
        if let Some(key) = sort_key(&by.expr, schema)? {
            (by.expr, changed) = (key, true);
        }
    }
    Ok(changed)
}

fn sort_key(value: &Expr, schema: &DFSchema) -> Result<Option<Expr>> {
    match value.get_type(schema) {
        Ok(DataType::List(_)) => call(ARRAY_SORT_KEY, vec![value.clone()]).map(Some),
        Ok(DataType::Interval(_)) => time::span_of(value.clone()).map(Some),
        Ok(data_type) if data_type.is_string() && JsonType::of(value, schema) == Some(JsonType::Jsonb) => {
            call(JSONB_SORT_KEY, vec![value.clone()]).map(Some)
        }
        _ => Ok(None),
    }
}
