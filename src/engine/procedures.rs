//! Statements that run others: PREPARE, EXECUTE, DEALLOCATE, CALL.

use std::sync::Arc;

use datafusion::common::{DFSchema, TableReference};
use datafusion::scalar::ScalarValue;
use datafusion::sql::sqlparser::ast::{self, Expr, Ident, ObjectName, Value};

use super::control::in_block;
use super::session::{Outcome, Prepared, Session};
use super::{Call, errors};
use crate::dialect::{Statement, folded, literal_position};
use crate::error::{Error, ErrorKind, Result};

pub(super) async fn prepare(
    session: &mut Session,
    whole: &Statement,
    name: &Ident,
    data_types: &[ast::DataType],
    inner: &ast::Statement,
) -> Result<Outcome> {
    let name = folded(name);
    if session.named.contains_key(&name) {
        return Err(Error::new(ErrorKind::DuplicateStatement, format!("prepared statement \"{name}\" already exists")));
    }
    let statement = Statement { text: whole.text.clone(), offset: whole.offset, ast: inner.clone() };
    let planner = session.planner_now().await?;
    let types =
        data_types.iter().map(|data_type| planner.type_named(data_type).map(Some)).collect::<Result<Vec<_>>>()?;
    let prepared = Box::pin(session.prepare(Arc::new(statement), &types)).await?;
    session.named.insert(name, Arc::new(prepared));
    Ok(Outcome::command("PREPARE"))
}

pub(super) async fn execute_named(
    session: &mut Session,
    statement: &Statement,
    name: &ObjectName,
    arguments: &[Expr],
    params: &[ScalarValue],
) -> Result<Outcome> {
    let (prepared, values) = named(session, statement, name, arguments, params).await?;
    Box::pin(session.execute(&prepared, &values)).await
}

/// A prepared statement by its name, and the values for its parameters.
pub(super) async fn named(
    session: &mut Session,
    statement: &Statement,
    name: &ObjectName,
    arguments: &[Expr],
    params: &[ScalarValue],
) -> Result<(Arc<Prepared>, Vec<ScalarValue>)> {
    let name = procedure_name(name);
    let prepared: Arc<Prepared> = session.named.get(&name).cloned().ok_or_else(|| undefined_statement(&name))?;
    if arguments.len() != prepared.parameters.len() {
        return Err(Error::new(
            ErrorKind::SyntaxError,
            format!("wrong number of parameters for prepared statement \"{name}\""),
        )
        .with_detail(format!("Expected {} parameters but got {}.", prepared.parameters.len(), arguments.len())));
    }
    let style = crate::pgtypes::Style::of_settings(|name| session.settings.get(name));
    let mut values = Vec::with_capacity(arguments.len());
    for (argument, parameter) in arguments.iter().zip(&prepared.parameters) {
        values.push(match quoted(argument) {
            Some(text) => {
                crate::pgtypes::read_text(parameter, text, &style).map_err(|error| {
                    match literal_position(statement, text) {
                        Some(position) => error.at(position),
                        None => error,
                    }
                })?
            }
            None => {
                let value = constant(session, argument, params).await?;
                match crate::pgtypes::arrow_type(parameter) {
                    Some(wanted) if !wanted.is_decimal() || !value.data_type().is_decimal() => {
                        value.cast_to(&wanted).map_err(errors::from_datafusion)?
                    }
                    _ => value,
                }
            }
        });
    }
    Ok((prepared, values))
}

/// A quoted literal's text: it has no type of its own.
fn quoted(argument: &Expr) -> Option<&str> {
    let Expr::Value(value) = argument else { return None };
    match &value.value {
        Value::SingleQuotedString(text) => Some(text),
        _ => None,
    }
}

pub(super) fn undefined_statement(name: &str) -> Error {
    Error::new(ErrorKind::InvalidStatementName, format!("prepared statement \"{name}\" does not exist"))
}

pub(super) fn deallocate(session: &mut Session, name: &Ident) -> Result<Outcome> {
    let name = folded(name);
    if name == "all" {
        session.named.clear();
        return Ok(Outcome::command("DEALLOCATE ALL"));
    }
    session.named.remove(&name).ok_or_else(|| undefined_statement(&name))?;
    Ok(Outcome::command("DEALLOCATE"))
}

pub(super) async fn call_procedure(
    session: &mut Session,
    call: &ast::Function,
    params: &[ScalarValue],
) -> Result<Outcome> {
    // Of statements that came together without BEGIN, those before it may have read, and what they set stays.
    let implicit = session.transaction.is_implicit();
    let changed = session.transaction.scope().is_some_and(|scope| scope.overlay.is_some());
    if session.transaction.block().is_some() && (changed || !implicit) {
        return Err(in_block("CALL").with_hint("COMMIT or ROLLBACK first: a procedure publishes releases of its own"));
    }
    session.end_implicit().await?;
    let name = procedure_name(&call.name);
    let mut evaluated =
        Call { user: session.settings.user().to_owned(), name, positional: Vec::new(), named: Vec::new() };
    if let ast::FunctionArguments::List(list) = &call.args {
        for argument in &list.args {
            let (name, value) = match argument {
                ast::FunctionArg::Unnamed(value) => (None, value),
                ast::FunctionArg::Named { name, arg, .. } => (Some(folded(name)), arg),
                ast::FunctionArg::ExprNamed { name: Expr::Identifier(name), arg, .. } => (Some(folded(name)), arg),
                ast::FunctionArg::ExprNamed { name, .. } => {
                    return Err(Error::new(ErrorKind::SyntaxError, format!("{name} is no argument name")));
                }
            };
            let ast::FunctionArgExpr::Expr(value) = value else {
                return Err(Error::new(ErrorKind::SyntaxError, "CALL takes values, not *"));
            };
            let value = constant(session, value, params).await?;
            match name {
                Some(name) => evaluated.named.push((name, value)),
                None => evaluated.positional.push(value),
            }
        }
    }
    check_rights(&session.planner_now().await?, &evaluated)?;
    let procedures = session.shared.procedures.get().cloned().ok_or_else(|| {
        Error::new(ErrorKind::UndefinedFunction, format!("procedure {} does not exist", evaluated.types_told()))
    })?;
    let guard = session.guard.clone();
    let running = procedures.call(evaluated, session.notice_sink(), guard.cancel.clone());
    let stream = guard.run(running).await?.guarded(guard.clone());
    Ok(Outcome::Rows { stream, tag: "CALL" })
}

/// What changes or erases a table is for its owner; what brings all tables back, for the owner of the lake.
fn check_rights(planner: &super::planner::Planner, call: &Call) -> Result<()> {
    if planner.limited_user().is_none() {
        return Ok(());
    }
    match call.name.as_str() {
        "optimize_table" | "vacuum_table" | "restore_table" | "forget" => {
            let named = call.named.iter().find(|(name, _)| name == "table").map(|(_, value)| value);
            match named.or(call.positional.first()) {
                Some(ScalarValue::Utf8(Some(table)) | ScalarValue::Utf8View(Some(table))) => {
                    planner.check_owner_of(&TableReference::parse_str(table))
                }
                _ => Ok(()),
            }
        }
        "rollback_release" if planner.scope().objects().iter().any(|object| object.rights.is_some()) => {
            Err(Error::new(ErrorKind::InsufficientPrivilege, "permission denied for procedure rollback_release")
                .with_detail("Some tables have an owner."))
        }
        _ => Ok(()),
    }
}

/// The procedure's own name, lower case.
pub(super) fn procedure_name(name: &ObjectName) -> String {
    name.0.last().and_then(|part| part.as_ident()).map(folded).unwrap_or_default()
}

/// The value of an expression without columns.
pub(super) async fn constant(session: &mut Session, expr: &Expr, params: &[ScalarValue]) -> Result<ScalarValue> {
    let planner = session.planner_now().await?;
    let value = planner.constant(expr, params)?;
    Ok(value)
}

impl super::planner::Planner {
    fn constant(&self, expr: &Expr, params: &[ScalarValue]) -> Result<ScalarValue> {
        if let Expr::Value(value) = expr
            && let Value::Placeholder(name) = &value.value
        {
            let number = name.strip_prefix('$').and_then(|number| number.parse::<usize>().ok());
            return number
                .and_then(|number| params.get(number.checked_sub(1)?))
                .cloned()
                .ok_or_else(|| Error::new(ErrorKind::UndefinedParameter, format!("there is no parameter {name}")));
        }
        let nothing = DFSchema::empty();
        let expr_with_alias = ast::ExprWithAlias { expr: expr.clone(), alias: None };
        let planned = self
            .state()
            .create_logical_expr_from_sql_expr(expr_with_alias, &nothing)
            .and_then(|planned| self.simplified(planned))
            .map_err(errors::from_datafusion)?;
        match planned {
            datafusion::logical_expr::Expr::Literal(value, _) => Ok(value),
            _ => Err(Error::new(ErrorKind::FeatureNotSupported, format!("\"{expr}\" is not a constant"))),
        }
    }
}
