//! `VALUES (1, (SELECT …)), (2, nextval('s'))`: rows with values that are only known when they are read.
//!
//! Blocked by: DataFusion evaluates VALUES while it plans them. Remove when it does so when they are read.

use std::collections::HashMap;
use std::sync::Arc;

use datafusion::arrow::datatypes::{DataType, Field};
use datafusion::common::DFSchema;
use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::error::Result;
use datafusion::logical_expr::expr::Case;
use datafusion::logical_expr::{Expr, LogicalPlan, LogicalPlanBuilder, Values, ident, lit};
use datafusion::scalar::ScalarValue;

/// The plan with such values computed above their lists, whose rows keep their order.
pub(super) fn unfolded(plan: LogicalPlan) -> Result<LogicalPlan> {
    let mut found = false;
    plan.apply_with_subqueries(|node| {
        found |= matches!(node, LogicalPlan::Values(values) if values.values.iter().flatten().any(is_late));
        Ok(if found { TreeNodeRecursion::Stop } else { TreeNodeRecursion::Continue })
    })?;
    if !found {
        return Ok(plan);
    }
    let unfolding = |node| match node {
        LogicalPlan::Values(values) if values.values.iter().flatten().any(is_late) => {
            unfold(values).map(Transformed::yes)
        }
        other => Ok(Transformed::no(other)),
    };
    Ok(plan.transform_up_with_subqueries(unfolding)?.data)
}

fn is_late(value: &Expr) -> bool {
    let late = |inner: &Expr| match inner {
        Expr::ScalarSubquery(_) | Expr::Exists(_) | Expr::InSubquery(_) => true,
        // it waits, and DataFusion waits above a list only
        Expr::ScalarFunction(call) => call.func.as_async().is_some(),
        _ => false,
    };
    value.exists(|inner| Ok(late(inner))).unwrap_or(false)
}

fn unfold(values: Values) -> Result<LogicalPlan> {
    let fields = values.schema.fields().clone();
    let mut late: Vec<Vec<(i64, Expr)>> = vec![Vec::new(); fields.len()];
    let mut rows = Vec::with_capacity(values.values.len());
    for (number, row) in (0..).zip(values.values) {
        let mut known = Vec::with_capacity(row.len() + 1);
        for ((value, field), late) in row.into_iter().zip(&fields).zip(&mut late) {
            known.push(match is_late(&value) {
                true => {
                    late.push((number, value));
                    Expr::Literal(ScalarValue::try_from(field.data_type())?, None)
                }
                false => value,
            });
        }
        known.push(lit(number));
        rows.push(known);
    }
    let nullable = fields.iter().map(|field| field.as_ref().clone().with_nullable(true));
    // the number of a row in its list, by the name that the list has for its column when it is made again
    let number = format!("column{}", fields.len() + 1);
    let all = nullable.chain([Field::new(&number, DataType::Int64, false)]).collect();
    let schema = DFSchema::from_unqualified_fields(all, values.schema.metadata().clone())?;
    let count = rows.len();
    let list = LogicalPlan::Values(Values { schema: Arc::new(schema), values: rows });
    let exprs = fields.iter().zip(late).map(|(field, late)| of_column(field.name(), &number, late, count));
    LogicalPlanBuilder::new(list).project(exprs)?.build()
}

/// The rows of each value: calls of the same words are one, which gives its rows their answers in their order. A query is
/// asked once for each row.
fn together(late: Vec<(i64, Expr)>) -> Vec<(Vec<Expr>, Expr)> {
    let is_query = |inner: &Expr| matches!(inner, Expr::ScalarSubquery(_) | Expr::Exists(_) | Expr::InSubquery(_));
    let mut together: Vec<(Vec<Expr>, Expr)> = Vec::new();
    let mut places: HashMap<String, usize> = HashMap::new();
    for (row, value) in late {
        let asks = value.exists(|inner| Ok(is_query(inner))).unwrap_or(true);
        let words = (!asks).then(|| value.to_string());
        match words.as_ref().and_then(|words| places.get(words)) {
            Some(place) => together[*place].0.push(lit(row)),
            None => {
                places.extend(words.map(|words| (words, together.len())));
                together.push((vec![lit(row)], value));
            }
        }
    }
    together
}

/// The column as it is in the list, but for the rows whose values are late.
fn of_column(name: &str, number: &str, late: Vec<(i64, Expr)>, rows: usize) -> Expr {
    let first = late.first().map(|(_, value)| value.clone());
    // functions that wait are no equals of themselves: the words tell
    let words = first.as_ref().map(Expr::to_string);
    let alike = late.len() == rows && late.iter().all(|(_, value)| Some(value.to_string()) == words);
    match first {
        None => ident(name),
        Some(value) if alike => value.alias(name),
        Some(_) => {
            let when = together(late).into_iter().map(|(rows, value)| {
                let row = match rows.as_slice() {
                    [row] => ident(number).eq(row.clone()),
                    _ => ident(number).in_list(rows, false),
                };
                (Box::new(row), Box::new(value))
            });
            Expr::Case(Case::new(None, when.collect(), Some(Box::new(ident(name))))).alias(name)
        }
    }
}
