//! What type each `$n` of a statement has.

use std::collections::HashMap;

use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::logical_expr::expr::Placeholder;
use datafusion::logical_expr::{Expr, LogicalPlan};

use super::frame_parameters;
use crate::dialect::{self, Statement};
use crate::error::{Error, ErrorKind, Result};
use crate::pgtypes::{Type, column_type};

/// The type of each `$n`: as hinted, else as [`super::typing`] has settled it.
///
/// # Errors
/// `42P18` for a number that the statement leaves out.
pub(super) fn types(plan: &LogicalPlan, statement: &Statement, hints: &[Option<Type>]) -> Result<Vec<Type>> {
    types_in(&[plan], statement, hints)
}

/// [`types`] of a statement that is more than one plan; what the first says goes before.
pub(super) fn types_in(plans: &[&LogicalPlan], statement: &Statement, hints: &[Option<Type>]) -> Result<Vec<Type>> {
    let mut settled = HashMap::new();
    for plan in plans {
        note(plan, &mut settled)?;
    }
    let mut count = hints.len();
    for name in settled.keys() {
        let number = name.strip_prefix('$').and_then(|number| number.parse::<usize>().ok()).filter(|n| *n > 0);
        match number {
            Some(number) => count = count.max(number),
            None => {
                return Err(Error::new(ErrorKind::UndefinedParameter, format!("there is no parameter {name}")));
            }
        }
    }
    let type_of = |index: usize| {
        let hint = hints.get(index).cloned().flatten().filter(|hint| *hint != Type::UNKNOWN);
        let name = format!("${}", index + 1);
        // what a rule of the dialect has taken out with its part of the statement is text
        let is_left_out = || dialect::names_parameter(statement, &name).then_some(Type::TEXT);
        hint.or_else(|| settled.get(&name).cloned()).or_else(is_left_out).ok_or_else(|| {
            let message = format!("could not determine data type of parameter {name}");
            Error::new(ErrorKind::IndeterminateDatatype, message)
        })
    };
    (0..count).map(type_of).collect()
}

fn note(plan: &LogicalPlan, types: &mut HashMap<String, Type>) -> Result<()> {
    plan.apply_with_subqueries(|node| {
        node.apply_expressions(|expr| {
            expr.apply(|expr| {
                if let Expr::Placeholder(Placeholder { id, field }) = expr {
                    let known = field.as_ref().map_or(Type::TEXT, |field| column_type(field));
                    types.entry(id.clone()).or_insert(known);
                }
                for number in frame_parameters::in_call(expr) {
                    types.entry(format!("${number}")).or_insert(Type::INT8);
                }
                Ok(TreeNodeRecursion::Continue)
            })
        })
    })
    .map(drop)
    .map_err(super::errors::from_datafusion)
}
