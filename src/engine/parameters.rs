//! What type each `$n` of a statement has.

use std::collections::HashMap;

use datafusion::arrow::datatypes::DataType;
use datafusion::common::Result as DataFusionResult;
use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::logical_expr::expr::Placeholder;
use datafusion::logical_expr::utils::merge_schema;
use datafusion::logical_expr::{Expr, ExprSchemable, LogicalPlan};

use super::errors;
use crate::dialect::Statement;
use crate::error::{Error, ErrorKind, Result};
use crate::pgtypes::{self, Type};

/// The type of each `$n`: as hinted, else as the plan wants it, else text.
pub(super) fn types(plan: &LogicalPlan, statement: &Statement, hints: &[Option<Type>]) -> Result<Vec<Type>> {
    types_in(&[plan], statement, hints)
}

/// [`types`] of a statement that is more than one plan; what the first says goes before.
pub(super) fn types_in(plans: &[&LogicalPlan], statement: &Statement, hints: &[Option<Type>]) -> Result<Vec<Type>> {
    let mut inferred: HashMap<String, Option<DataType>> = HashMap::new();
    for plan in plans {
        for (name, found) in infer(plan).map_err(|error| errors::in_statement(error, statement))? {
            let known = inferred.entry(name).or_default();
            *known = known.take().or(found);
        }
    }
    let mut count = hints.len();
    for name in inferred.keys() {
        let number = name.strip_prefix('$').and_then(|number| number.parse::<usize>().ok()).filter(|n| *n > 0);
        match number {
            Some(number) => count = count.max(number),
            None => {
                return Err(Error::new(ErrorKind::UndefinedParameter, format!("there is no parameter {name}")));
            }
        }
    }
    let type_of = |index: usize| {
        hints.get(index).cloned().flatten().or_else(|| {
            let inferred = inferred.get(&format!("${}", index + 1))?.as_ref()?;
            Some(pgtypes::pg_type(inferred))
        })
    };
    Ok((0..count).map(|index| type_of(index).unwrap_or(Type::TEXT)).collect())
}

/// What DataFusion makes of comparisons, and besides, as PostgreSQL does: `$1::t` is a `t`, LIMIT and OFFSET take a bigint,
/// and `x = ANY ($1)` an array of what `x` is. The first place that says something about a parameter decides.
fn infer(plan: &LogicalPlan) -> DataFusionResult<HashMap<String, Option<DataType>>> {
    let mut types = HashMap::new();
    plan.apply_with_subqueries(|node| {
        let limits = matches!(node, LogicalPlan::Limit(_));
        let columns = merge_schema(&node.inputs());
        node.apply_expressions(|expr| {
            if limits {
                note(&mut types, expr, Some(DataType::Int64));
            }
            expr.apply(|expr| {
                match expr {
                    Expr::Cast(cast) => note(&mut types, &cast.expr, Some(cast.field.data_type().clone())),
                    Expr::TryCast(cast) => note(&mut types, &cast.expr, Some(cast.field.data_type().clone())),
                    // x = ANY ($n)
                    Expr::ScalarFunction(call) if call.func.name() == "array_has" => {
                        if let [list, item] = call.args.as_slice() {
                            let list_type = item.get_type(&columns).ok().map(|item| DataType::new_list(item, true));
                            note(&mut types, list, list_type);
                        }
                    }
                    Expr::Placeholder(Placeholder { field, .. }) => {
                        note(&mut types, expr, field.as_ref().map(|field| field.data_type().clone()));
                    }
                    _ => {}
                }
                Ok(TreeNodeRecursion::Continue)
            })
        })
    })?;
    Ok(types)
}

fn note(types: &mut HashMap<String, Option<DataType>>, expr: &Expr, data_type: Option<DataType>) {
    if let Expr::Placeholder(Placeholder { id, .. }) = expr {
        let known = types.entry(id.clone()).or_default();
        if known.is_none() {
            *known = data_type;
        }
    }
}
