//! Analytics as SQL: functions in FROM that take a relation and give rows.
//!
//! `select * from rfm(gold.orders, customer => 'customer_id', time => 'day', value => 'amount')`
//!
//! The relation is planned where it stands, so it sees what the statement sees: the release, the past, an overlay, CTEs.
//! A function is a plan over that plan: a query of its own (`sql/`, by [`template`]) or an operator that is handed one
//! group of rows after the other.
//!
//! Invariant: the columns of a result depend on nothing but the relation's columns and constants in the statement.
//! Invariant: the same rows give the same bytes, in whatever order they come.

mod baskets;
mod call;
mod every;
mod failure;
mod forecasts;
mod groups;
mod lifetime;
mod node;
mod queries;
mod signature;
mod template;
mod values;

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};

use datafusion::common::DFSchema;
use datafusion::error::{DataFusionError, Result as DataFusionResult};
use datafusion::logical_expr::LogicalPlan;
use datafusion::logical_expr::planner::{PlannedRelation, RelationPlanner, RelationPlannerContext, RelationPlanning};
use datafusion::sql::sqlparser::ast::{self, FunctionArg, FunctionArgExpr, TableFactor};

pub use node::extension_planner;
use signature::Signature;

use crate::dialect::{RELATION, folded};
use crate::error::{Error, ErrorKind, Result};
use crate::names::nearest;
use call::{Call, external};

/// A function: what it takes, and how it is planned.
struct Function {
    signature: Signature,
    plan: fn(&Call) -> DataFusionResult<LogicalPlan>,
}

/// All of them, by name.
static FUNCTIONS: &[&Function] = &[
    &queries::ABC_CLASS,
    &forecasts::ANOMALIES,
    &baskets::BASKET_RULES,
    &lifetime::CLV_FIT,
    &lifetime::CLV_HOLDOUT,
    &lifetime::CLV_PREDICT,
    &queries::COHORT_RETENTION,
    &forecasts::FORECAST,
    &forecasts::FORECAST_BACKTEST,
    &queries::RFM,
];

/// Name, PostgreSQL's name of the type, whether there is a default.
type ListedArgument = (&'static str, &'static str, bool);

/// What clients are told of the functions: name, arguments, what it gives.
pub fn listed() -> impl Iterator<Item = (&'static str, &'static [ListedArgument], &'static str)> {
    static ARGUMENTS: LazyLock<Vec<Vec<ListedArgument>>> = LazyLock::new(|| {
        let listed =
            |argument: &signature::Argument| (argument.name, argument.kind.type_name(), argument.default.is_some());
        signatures().map(|signature| signature.arguments.iter().map(listed).collect()).collect()
    });
    signatures()
        .zip(ARGUMENTS.iter())
        .map(|(signature, arguments)| (signature.name, arguments.as_slice(), signature.comment))
}

fn signatures() -> impl Iterator<Item = &'static Signature> {
    FUNCTIONS.iter().map(|function| &function.signature)
}

/// Plans calls of the functions in FROM.
pub fn relation_planner() -> Arc<dyn RelationPlanner> {
    Arc::new(Functions)
}

#[derive(Debug)]
struct Functions;

impl RelationPlanner for Functions {
    fn plan_relation(
        &self,
        relation: TableFactor,
        context: &mut dyn RelationPlannerContext,
    ) -> DataFusionResult<RelationPlanning> {
        let TableFactor::Table { name, args: Some(arguments), alias, .. } = &relation else {
            return Ok(RelationPlanning::Original(Box::new(relation)));
        };
        let name = name.0.last().and_then(|part| part.as_ident()).map(|name| name.value.to_lowercase());
        let function = FUNCTIONS.iter().find(|function| Some(function.signature.name) == name.as_deref());
        let Some(function) = function else { return Ok(RelationPlanning::Original(Box::new(relation))) };
        let bound = bind(&function.signature, &arguments.args).map_err(external)?;
        let plan = plan(function, bound, context)?;
        Ok(RelationPlanning::Planned(Box::new(PlannedRelation::new(plan, alias.clone()))))
    }
}

fn plan(
    function: &'static Function,
    mut bound: BTreeMap<&'static str, &ast::Expr>,
    context: &mut dyn RelationPlannerContext,
) -> DataFusionResult<LogicalPlan> {
    let signature = &function.signature;
    let input = match bound.remove(RELATION) {
        Some(ast::Expr::Subquery(query)) => {
            context.plan(TableFactor::Derived { lateral: false, subquery: query.clone(), alias: None, sample: None })?
        }
        Some(other) => return Err(external(no_relation(signature, other))),
        None => return Err(external(Error::internal("a call was bound without its relation"))),
    };
    let mut arguments = BTreeMap::new();
    for (name, value) in bound {
        let expr = context
            .sql_to_expr(value.clone(), &DFSchema::empty())
            .map_err(|error| not_constant(signature, name, error))?;
        arguments.insert(name, call::folded(context.context_provider(), expr)?);
    }
    (function.plan)(&Call { signature, input, arguments, context: context.context_provider() })
}

/// The arguments by name.
///
/// # Errors
/// `42883` with the signature as hint, where they do not fit it.
fn bind<'a>(
    signature: &'static Signature,
    arguments: &'a [FunctionArg],
) -> Result<BTreeMap<&'static str, &'a ast::Expr>> {
    let wrong = |what: String| {
        Error::new(ErrorKind::UndefinedFunction, format!("{what} of function {}", signature.name))
            .with_hint(format!("call it as {signature}"))
    };
    let mut bound = BTreeMap::new();
    let mut named = false;
    for (nth, argument) in arguments.iter().enumerate() {
        let (name, value) = match argument {
            FunctionArg::Named { name, arg, .. }
            | FunctionArg::ExprNamed { name: ast::Expr::Identifier(name), arg, .. } => {
                named = true;
                let name = folded(name);
                let found = signature.argument(&name).ok_or_else(|| {
                    let error = wrong(format!("there is no argument \"{name}\""));
                    let names = signature.arguments.iter().map(|argument| argument.name);
                    match nearest(&name, names) {
                        Some(near) => error.with_hint(format!("did you mean \"{near}\"? call it as {signature}")),
                        None => error,
                    }
                })?;
                (found.name, arg)
            }
            FunctionArg::ExprNamed { name, .. } => return Err(wrong(format!("\"{name}\" is not an argument"))),
            FunctionArg::Unnamed(_) if named => {
                return Err(Error::new(
                    ErrorKind::SyntaxError,
                    format!("an argument of {} without a name follows one with a name", signature.name),
                ));
            }
            FunctionArg::Unnamed(arg) => match signature.arguments.get(nth) {
                Some(found) => (found.name, arg),
                None => return Err(wrong(format!("there are more than {nth} arguments"))),
            },
        };
        let FunctionArgExpr::Expr(value) = value else {
            return Err(wrong(format!("\"{value}\" is no value for argument \"{name}\"")));
        };
        if bound.insert(name, value).is_some() {
            return Err(wrong(format!("argument \"{name}\" is given twice: that is none")));
        }
    }
    let missing = signature.arguments.iter().find(|a| a.default.is_none() && !bound.contains_key(a.name));
    match missing {
        Some(missing) => Err(wrong(format!("argument \"{}\" is missing in the call", missing.name))),
        None => Ok(bound),
    }
}

fn no_relation(signature: &Signature, value: &ast::Expr) -> Error {
    let message = format!("argument \"{RELATION}\" of {} is neither a relation nor a query: {value}", signature.name);
    Error::new(ErrorKind::SyntaxError, message)
        .with_hint("write a name, as in gold.daily_sales, or a query in parentheses, as in (select …)")
}

fn not_constant(signature: &Signature, name: &str, error: DataFusionError) -> DataFusionError {
    match error.find_root() {
        DataFusionError::SchemaError(..) => external(
            Error::new(
                ErrorKind::FeatureNotSupported,
                format!("argument \"{name}\" of {} must be a constant", signature.name),
            )
            .with_hint("columns are named in quotes: the function finds them in its relation"),
        ),
        _ => error,
    }
}

#[cfg(test)]
mod tests {
    use super::signature::Kind;
    use super::*;

    #[test]
    fn the_dialect_knows_the_same_functions() {
        let names: Vec<&str> = signatures().map(|signature| signature.name).collect();
        assert_eq!(names, crate::dialect::RELATION_FUNCTIONS);
    }

    #[test]
    fn defaults_fit_their_arguments() {
        for signature in signatures() {
            assert_eq!(signature.arguments.first().map(|a| (a.name, a.kind)), Some((RELATION, Kind::Relation)));
            for argument in signature.arguments {
                if let (Kind::Choice(words), Some(default)) = (argument.kind, argument.default) {
                    assert!(words.contains(&default), "{} of {}", argument.name, signature.name);
                }
            }
        }
    }
}
