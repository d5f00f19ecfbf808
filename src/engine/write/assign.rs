//! Which values a column takes: PostgreSQL's assignment casts, where DataFusion would cast anything to anything.

use std::collections::HashMap;
use std::sync::Arc;

use datafusion::arrow::datatypes::{DataType, Field, FieldRef};
use datafusion::common::{DFSchema, ExprSchema};
use datafusion::logical_expr::expr::Placeholder;
use datafusion::logical_expr::{Cast, Expr, ExprSchemable, LogicalPlan, cast};

use crate::engine::{errors, typing};
use crate::error::{Error, ErrorKind, Result};
use crate::pgcatalog::format_type;
use crate::pgfunctions::JSON_OUT;
use crate::pgtypes::{PG_TYPE_KEY, Type, column_type, dimensions, pg_type};

/// Checks the values that a planned INSERT gives to the columns.
///
/// # Errors
/// `42804`, naming the column.
pub(super) fn check(input: &LogicalPlan) -> Result<()> {
    let LogicalPlan::Projection(projection) = input else { return Ok(()) };
    let schema = projection.input.schema();
    for (expr, field) in projection.expr.iter().zip(projection.schema.fields()) {
        let value = match expr {
            Expr::Alias(alias) => alias.expr.as_ref(),
            other => other,
        };
        check_cast(value, field.name(), schema.as_ref())?;
        if let (Expr::Column(column), LogicalPlan::Values(values)) = (value, projection.input.as_ref())
            && let Some(index) = schema.maybe_index_of_column(column)
        {
            for row in &values.values {
                row.get(index).map_or(Ok(()), |value| check_cast(value, field.name(), schema.as_ref()))?;
            }
        }
    }
    Ok(())
}

fn check_cast(value: &Expr, column: &str, schema: &dyn ExprSchema) -> Result<()> {
    let Expr::Cast(Cast { expr, field }) = value else { return Ok(()) };
    check_value(expr, field.data_type(), column, schema)
}

fn check_value(value: &Expr, to: &DataType, column: &str, schema: &dyn ExprSchema) -> Result<()> {
    let from = value.get_type(schema).map_err(errors::from_datafusion)?;
    // a quoted literal has no type of its own
    if matches!(value, Expr::Literal(..)) && from.is_string() && !is_structure(to) {
        return Ok(());
    }
    check_type(&from, to, column)
}

/// # Errors
/// `42804` where the column, of type `to`, takes no values of type `from`; `0A000` for arrays of other dimensions.
pub(super) fn check_type(from: &DataType, to: &DataType, column: &str) -> Result<()> {
    let (had, wanted) = (dimensions(from), dimensions(to));
    if had != wanted && had.min(wanted) > 0 {
        let message = format!("column \"{column}\" holds arrays of {wanted} dimensions: one of {had} is not supported");
        let hint = "The lists of a Delta table are all equally deep.";
        return Err(Error::new(ErrorKind::FeatureNotSupported, message).with_hint(hint));
    }
    if assignable(from, to) {
        return Ok(());
    }
    if from.is_string() && is_structure(to) {
        let what = if matches!(to, DataType::Map(..)) { "map" } else { "structure" };
        let message =
            format!("column \"{column}\" is a {what} of the Delta table: it cannot be written from a document yet");
        let hint = "Write it from a column of the same kind, or keep documents in a column of type jsonb.";
        return Err(Error::new(ErrorKind::FeatureNotSupported, message).with_hint(hint));
    }
    Err(mistyped(column, &pg_type(to), &pg_type(from)))
}

/// The expression as the column takes it.
///
/// # Errors
/// `42804`, naming the column.
pub(super) fn assigned(value: Expr, column: &FieldRef, schema: &dyn ExprSchema) -> Result<Expr> {
    let to = column.data_type();
    let value = match value {
        Expr::Alias(alias) => return assigned(*alias.expr, column, schema),
        Expr::Placeholder(parameter) if typing::is_unsettled(&parameter) => {
            let id = parameter.id;
            let field = named(column).unwrap_or_else(|| Arc::new(Field::new("", to.clone(), true)));
            let parameter = Expr::Placeholder(Placeholder { id, field: Some(Arc::clone(&field)) });
            // the value may come as another form of the same type
            return Ok(Expr::Cast(Cast::new_from_field(Box::new(parameter), field)));
        }
        value => value,
    };
    let value = without_blanks(value, column, schema);
    check_value(&value, to, column.name(), schema)?;
    check_named(&value, column, schema)?;
    match value {
        // DataFusion would cast inside, where rows are that nobody asks for
        Expr::ScalarSubquery(_) => Ok(cast(value, to.clone())),
        // a document in another form of text stays one
        value if value.to_field(schema).is_ok_and(|(_, given)| column_type(&given) == column_type(column)) => {
            Ok(match (value.get_type(schema), named(column)) {
                (Ok(given), Some(named)) if given != *to => Expr::Cast(Cast::new_from_field(Box::new(value), named)),
                _ => value.cast_to(to, schema).map_err(errors::from_datafusion)?,
            })
        }
        value => value.cast_to(to, schema).map_err(errors::from_datafusion),
    }
}

/// The value, said to be of the column's type where its Arrow type alone does not say it (`uuid`, `jsonb`).
pub(super) fn declared(value: Expr, column: &Field, schema: &dyn ExprSchema) -> Expr {
    let untold = |given: &Field| given.data_type() == column.data_type() && column_type(given) != column_type(column);
    match named(column) {
        Some(named) if value.to_field(schema).is_ok_and(|(_, given)| untold(&given)) => {
            Expr::Cast(Cast::new_from_field(Box::new(value), named))
        }
        _ => value,
    }
}

/// The column's type, where it has a name that its Arrow type does not tell.
fn named(column: &Field) -> Option<FieldRef> {
    let name = column.metadata().get(PG_TYPE_KEY)?;
    let metadata = HashMap::from([(PG_TYPE_KEY.to_owned(), name.clone())]);
    Some(Arc::new(Field::new("", column.data_type().clone(), true).with_metadata(metadata)))
}

/// Checks a value for a column whose type its Arrow type does not tell: documents, `uuid`, arrays of any.
///
/// # Errors
/// `42804`, naming the column.
pub(super) fn check_named(value: &Expr, column: &Field, schema: &dyn ExprSchema) -> Result<()> {
    if has_no_type(value) {
        return Ok(());
    }
    let Ok((_, given)) = value.to_field(schema) else { return Ok(()) };
    let (from, to) = (column_type(&given), column_type(column));
    let takes = match (to.clone(), items(&given), items(column)) {
        _ if given.data_type().is_null() || from == to => true,
        (_, Some(given), Some(wanted)) => {
            given.data_type().is_null() || is_named_assignable(&column_type(given), &column_type(wanted))
        }
        _ => is_named_assignable(&from, &to),
    };
    if takes { Ok(()) } else { Err(mistyped(column.name(), &to, &from)) }
}

/// [`check_named`] of what the projection of an INSERT gives to a column, but for rows that are written out.
pub(super) fn check_given(value: &Expr, column: &Field, rows: &LogicalPlan) -> Result<()> {
    match value {
        Expr::Alias(alias) => check_given(&alias.expr, column, rows),
        // it brings the value to the column's Arrow type
        Expr::Cast(cast) => check_origin(&cast.expr, column, rows),
        value => check_origin(value, column, rows),
    }
}

/// [`check_named`] where the value comes from: a literal or a parameter of the query's list has no type of its own.
fn check_origin(value: &Expr, column: &Field, rows: &LogicalPlan) -> Result<()> {
    let schema = rows.schema();
    let place = match value {
        Expr::Alias(alias) => return check_origin(&alias.expr, column, rows),
        Expr::Column(of) => schema.maybe_index_of_column(of),
        _ => None,
    };
    match (rows, place) {
        // DataFusion has brought each value there to the column's Arrow type by now
        (LogicalPlan::Values(_), _) => Ok(()),
        (LogicalPlan::Projection(projection), Some(place)) => match projection.expr.get(place) {
            Some(value) => check_origin(value, column, &projection.input),
            None => Ok(()),
        },
        (LogicalPlan::Sort(sort), Some(_)) => check_origin(value, column, &sort.input),
        (LogicalPlan::Limit(limit), Some(_)) => check_origin(value, column, &limit.input),
        _ => check_named(value, column, schema.as_ref()),
    }
}

/// Whether it is a quoted literal or a parameter, whatever DataFusion has brought it to, or what a document is written with.
fn has_no_type(value: &Expr) -> bool {
    match value {
        Expr::Alias(alias) => has_no_type(&alias.expr),
        Expr::Cast(cast) => has_no_type(&cast.expr),
        // it writes documents
        Expr::ScalarFunction(call) if call.func.name() == JSON_OUT => true,
        Expr::Literal(value, _) => value.is_null() || value.data_type().is_string(),
        value => matches!(value, Expr::Placeholder(_)),
    }
}

fn items(field: &Field) -> Option<&FieldRef> {
    match field.data_type() {
        DataType::List(item) => Some(item),
        _ => None,
    }
}

fn is_named_assignable(from: &Type, to: &Type) -> bool {
    let is_text = matches!(*from, Type::TEXT | Type::VARCHAR | Type::BPCHAR | Type::NAME);
    match *to {
        Type::JSON | Type::JSONB => matches!(*from, Type::JSON | Type::JSONB),
        Type::UUID => *from == Type::UUID,
        Type::INT2 | Type::INT4 | Type::INT8 | Type::FLOAT4 | Type::FLOAT8 | Type::NUMERIC | Type::OID | Type::BOOL => {
            !is_text
        }
        _ => true,
    }
}

fn mistyped(column: &str, to: &Type, from: &Type) -> Error {
    let name = |pg_type: &Type| format_type(pg_type.oid(), -1);
    let message = format!("column \"{column}\" is of type {} but expression is of type {}", name(to), name(from));
    Error::new(ErrorKind::DatatypeMismatch, message).with_hint("You will need to rewrite or cast the expression.")
}

/// A `char(n)` without the blanks at its end, where the column is not of that type: they would be its text's own there.
pub(super) fn without_blanks(value: Expr, column: &Field, schema: &dyn ExprSchema) -> Expr {
    let is_padded = |value: &Expr| value.to_field(schema).is_ok_and(|(_, given)| column_type(&given) == Type::BPCHAR);
    if column.data_type().is_string() && column_type(column) != Type::BPCHAR && is_padded(&value) {
        return typing::unpadded(value);
    }
    value
}

/// The rows of VALUES whose columns are those of the table, each [`without_blanks`].
pub(super) fn rows_without_blanks(
    rows: Arc<LogicalPlan>,
    of_table: &[Expr],
    declared: impl Fn(usize) -> FieldRef,
) -> Arc<LogicalPlan> {
    let LogicalPlan::Values(values) = rows.as_ref() else { return rows };
    let mut values = values.clone();
    let nothing = DFSchema::empty();
    for (index, value) in of_table.iter().enumerate() {
        let Expr::Column(column) = value.clone().unalias() else { continue };
        let (Some(place), column) = (values.schema.maybe_index_of_column(&column), declared(index)) else { continue };
        let of_column = values.values.iter_mut().filter_map(|row| row.get_mut(place));
        of_column.for_each(|value| *value = without_blanks(std::mem::take(value), &column, &nothing));
    }
    Arc::new(LogicalPlan::Values(values))
}

fn is_structure(data_type: &DataType) -> bool {
    matches!(data_type, DataType::Struct(_) | DataType::Map(..))
}

fn assignable(from: &DataType, to: &DataType) -> bool {
    let is_date =
        |data_type: &DataType| matches!(data_type, DataType::Date32 | DataType::Date64 | DataType::Timestamp(..));
    let is_clock = |data_type: &DataType| {
        matches!(data_type, DataType::Time64(_) | DataType::Interval(_) | DataType::Timestamp(_, None))
    };
    from.is_null()
        || to.is_string()
        || from == to
        || (from.is_numeric() && to.is_numeric())
        || (is_date(from) && is_date(to))
        || (is_clock(from) && matches!(to, DataType::Time64(_)))
        || (matches!(from, DataType::Time64(_)) && matches!(to, DataType::Interval(_)))
        || (from.is_binary() && to.is_binary())
        || (from.is_nested() && to.is_nested())
}

#[cfg(test)]
mod tests {
    use super::*;
    use datafusion::arrow::datatypes::TimeUnit;

    #[test]
    fn values_are_cast_within_their_kind_and_to_text() {
        let moment = DataType::Timestamp(TimeUnit::Microsecond, None);
        for (from, to) in [
            (DataType::Int32, DataType::Int64),
            (DataType::Float64, DataType::Decimal128(12, 2)),
            (DataType::Date32, moment.clone()),
            (DataType::Int64, DataType::Utf8),
            (DataType::Null, DataType::Boolean),
        ] {
            assert!(assignable(&from, &to), "{from} → {to}");
        }
        for (from, to) in [
            (DataType::Int32, DataType::Date32),
            (DataType::Utf8, DataType::Int64),
            (DataType::Boolean, DataType::Int32),
            (moment, DataType::Int64),
        ] {
            assert!(!assignable(&from, &to), "{from} → {to}");
        }
    }
}
