//! Whether what a definition asks for makes sense, and whether the rows that are there meet it.

use datafusion::arrow::datatypes::DataType;
use datafusion::sql::sqlparser::ast;
use futures::StreamExt;

use super::super::Change;
use super::relations::{plan, quoted};
use super::tables::select_from;
use crate::dialect;
use crate::engine::execute;
use crate::error::{About, Error, ErrorKind, Result};
use crate::names::TableName;
use crate::pgcatalog::format_type;
use crate::pgtypes::pg_type;
use crate::table::{ConstraintKind, Definition};

/// Plans every expression of the definition over the table, which is there already.
///
/// # Errors
/// As PostgreSQL has them: `42703` for a column there is not, `42804` for a type that does not fit, `0A000` for a default
/// that reads columns.
pub(super) async fn expressions(change: &Change, name: &TableName, definition: &Definition) -> Result<()> {
    for (column, known) in &definition.columns {
        if let Some(default) = &known.default {
            self::default(change, definition, column, default).await?;
        }
        if let Some(generated) = &known.generated {
            plan(change, &select_from(name, &[format!("({generated})")])).await?;
        }
    }
    for constraint in &definition.constraints {
        if let ConstraintKind::Check { condition } = &constraint.kind {
            let planned = plan(change, &select_from(name, &[format!("({condition}) AS condition")])).await?;
            let found = planned.schema().field(0).data_type().clone();
            if found != DataType::Boolean && found != DataType::Null {
                let told = format_type(pg_type(&found).oid(), -1);
                let message = format!("argument of CHECK must be type boolean, not type {told}");
                return Err(Error::new(ErrorKind::DatatypeMismatch, message));
            }
        }
    }
    Ok(())
}

/// The columns that an expression names.
pub(super) fn names_in(expr: &str) -> Result<std::collections::BTreeSet<String>> {
    let statement = dialect::parse_single(&format!("SELECT {expr}"))?;
    let mut found = std::collections::BTreeSet::new();
    let _ = ast::visit_expressions(&statement.ast, |inner| {
        found.extend(dialect::columns_in(inner));
        std::ops::ControlFlow::<()>::Continue(())
    });
    Ok(found)
}

async fn default(change: &Change, definition: &Definition, column: &str, default: &str) -> Result<()> {
    if !names_in(default)?.is_empty() {
        let message = "cannot use column reference in DEFAULT expression";
        return Err(Error::new(ErrorKind::FeatureNotSupported, message));
    }
    let planned = plan(change, &format!("SELECT ({default}) AS value")).await?;
    let found = planned.schema().field(0).data_type().clone();
    let Ok(field) = definition.schema.field_with_name(column) else { return Ok(()) };
    let wanted = field.data_type();
    if is_literal(default)? || found.is_null() || assignable(&found, wanted) {
        return Ok(());
    }
    let told = |data_type: &DataType| format_type(pg_type(data_type).oid(), -1);
    let message =
        format!("column \"{column}\" is of type {} but default expression is of type {}", told(wanted), told(&found));
    Err(Error::new(ErrorKind::DatatypeMismatch, message).with_hint("You will need to rewrite or cast the expression."))
}

/// Whether the expression is a quoted literal, which becomes whatever its column is.
fn is_literal(expr: &str) -> Result<bool> {
    let statement = dialect::parse_single(&format!("SELECT {expr}"))?;
    let ast::Statement::Query(query) = &statement.ast else { return Ok(false) };
    let ast::SetExpr::Select(select) = query.body.as_ref() else { return Ok(false) };
    let [ast::SelectItem::UnnamedExpr(expr) | ast::SelectItem::ExprWithAlias { expr, .. }] =
        select.projection.as_slice()
    else {
        return Ok(false);
    };
    Ok(matches!(expr, ast::Expr::Value(value) if matches!(value.value, ast::Value::SingleQuotedString(_))))
}

/// Whether a row of the table meets the condition.
pub(super) async fn any_row(change: &Change, name: &TableName, condition: &str) -> Result<bool> {
    let query = format!("{} WHERE {condition} LIMIT 1", select_from(name, &["1 AS found".to_owned()]));
    let planned = plan(change, &query).await?;
    let mut rows = execute::rows(&change.shared.resources, change.state(), &planned, change.guard.clone()).await?;
    while let Some(batch) = rows.next().await {
        if batch?.num_rows() > 0 {
            return Ok(true);
        }
    }
    Ok(false)
}

/// # Errors
/// `23502` where a row has no value there.
pub(super) async fn no_nulls(change: &Change, name: &TableName, column: &str) -> Result<()> {
    no_row(change, name, column, &format!("{} IS NULL", quoted(column))).await
}

/// # Errors
/// `23502` where a row meets the condition, under which the column has no value there.
pub(super) async fn no_row(change: &Change, name: &TableName, column: &str, condition: &str) -> Result<()> {
    if any_row(change, name, condition).await? {
        let message = format!("column \"{column}\" of relation \"{}\" contains null values", name.name);
        let about = About { column: Some(column.to_owned()), ..name.about() };
        return Err(Error::new(ErrorKind::NotNullViolation, message).about(about));
    }
    Ok(())
}

/// # Errors
/// `23514` where a row violates the condition.
pub(super) async fn no_violation(change: &Change, name: &TableName, constraint: &str, condition: &str) -> Result<()> {
    if any_row(change, name, &format!("NOT ({condition})")).await? {
        let message =
            format!("check constraint \"{constraint}\" of relation \"{}\" is violated by some row", name.name);
        let about = About { constraint: Some(constraint.to_owned()), ..name.about() };
        return Err(Error::new(ErrorKind::CheckViolation, message).about(about));
    }
    Ok(())
}

/// Whether PostgreSQL casts the one to the other where a value is assigned.
pub(super) fn assignable(from: &DataType, to: &DataType) -> bool {
    let is_moment =
        |data_type: &DataType| matches!(data_type, DataType::Date32 | DataType::Date64 | DataType::Timestamp(..));
    from.is_null()
        || to.is_string()
        || from == to
        || (from.is_numeric() && to.is_numeric())
        || (is_moment(from) && is_moment(to))
        || (from.is_binary() && to.is_binary())
        || (from.is_nested() && to.is_nested())
}
