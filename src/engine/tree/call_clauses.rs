//! DISTINCT, ORDER BY, FILTER and OVER of calls, which only some functions take.
//!
//! DataFusion leaves them out where a function of one row's values has them.

use std::ops::ControlFlow;

use datafusion::error::Result;
use datafusion::execution::SessionState;
use datafusion::sql::sqlparser::ast::{
    DuplicateTreatment, Expr, Function, FunctionArg, FunctionArgExpr, FunctionArgumentClause, FunctionArguments,
    Statement, visit_expressions,
};

use crate::dialect::folded;
use crate::engine::typing::{Place, at};
use crate::error::{Error, ErrorKind};
use crate::pgfunctions::undefined_call;

/// Aggregates that read their values in an order.
const ORDERED_SETS: &[&str] = &["mode", "percentile_cont", "percentile_disc"];

/// # Errors
/// `42809` for a clause that the function does not take; `42883` for `upper(*)`.
pub(in crate::engine) fn check(statement: &Statement, state: &SessionState) -> Result<()> {
    let found = visit_expressions(statement, |expr| match expr {
        Expr::Function(call) => match refused(call, state) {
            Some(found) => ControlFlow::Break(found),
            None => ControlFlow::Continue(()),
        },
        _ => ControlFlow::Continue(()),
    });
    match found.break_value() {
        Some((name, error)) => Err(at(error, Place::Name(vec![name]))),
        None => Ok(()),
    }
}

fn refused(call: &Function, state: &SessionState) -> Option<(String, Error)> {
    let name = folded(call.name.0.last()?.as_ident()?);
    let wrong = |message: String| Some((name.clone(), Error::new(ErrorKind::WrongObjectType, message)));
    let FunctionArguments::List(list) = &call.args else { return None };
    if call.over.is_some() && call.within_group.is_empty() && ORDERED_SETS.contains(&name.as_str()) {
        return wrong(format!("WITHIN GROUP is required for ordered-set aggregate {name}"));
    }
    if state.aggregate_functions().contains_key(&name) {
        if call.over.is_some() && list.duplicate_treatment == Some(DuplicateTreatment::Distinct) {
            let message = "DISTINCT is not implemented for window functions";
            return Some((name, Error::new(ErrorKind::FeatureNotSupported, message)));
        }
        return match name == "count" && list.args.is_empty() {
            true => wrong(format!("{name}(*) must be used to call a parameterless aggregate function")),
            false => None,
        };
    }
    if state.window_functions().contains_key(&name) || !state.scalar_functions().contains_key(&name) {
        return None;
    }
    let is_ordered = list.clauses.iter().any(|clause| matches!(clause, FunctionArgumentClause::OrderBy(_)));
    let clauses = [
        ("DISTINCT", list.duplicate_treatment == Some(DuplicateTreatment::Distinct)),
        ("WITHIN GROUP", !call.within_group.is_empty()),
        ("ORDER BY", is_ordered),
        ("FILTER", call.filter.is_some()),
    ];
    if let Some((clause, _)) = clauses.iter().find(|(_, is_there)| *is_there) {
        return wrong(format!("{clause} specified, but {name} is not an aggregate function"));
    }
    if call.over.is_some() {
        return wrong(format!("OVER specified, but {name} is not a window function nor an aggregate function"));
    }
    match list.args.as_slice() {
        [FunctionArg::Unnamed(FunctionArgExpr::Wildcard)] => Some((name.clone(), undefined_call(&name, &[]))),
        _ => None,
    }
}
