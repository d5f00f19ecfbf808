//! Which values a column takes: PostgreSQL's assignment casts, where DataFusion would cast anything to anything.

use datafusion::arrow::datatypes::DataType;
use datafusion::common::ExprSchema;
use datafusion::logical_expr::{Cast, Expr, ExprSchemable, LogicalPlan};

use crate::engine::errors;
use crate::error::{Error, ErrorKind, Result};
use crate::pgcatalog::format_type;
use crate::pgtypes::pg_type;

/// Checks the values that a planned INSERT or UPDATE gives to the columns.
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
        check_value(value, field.name(), schema.as_ref())?;
        if let (Expr::Column(column), LogicalPlan::Values(values)) = (value, projection.input.as_ref())
            && let Some(index) = schema.maybe_index_of_column(column)
        {
            for row in &values.values {
                row.get(index).map_or(Ok(()), |value| check_value(value, field.name(), schema.as_ref()))?;
            }
        }
    }
    Ok(())
}

fn check_value(value: &Expr, column: &str, schema: &dyn ExprSchema) -> Result<()> {
    let Expr::Cast(Cast { expr, field }) = value else { return Ok(()) };
    let from = expr.get_type(schema).map_err(errors::from_datafusion)?;
    let to = field.data_type();
    // a quoted literal has no type of its own
    if matches!(expr.as_ref(), Expr::Literal(..)) && from.is_string() || assignable(&from, to) {
        return Ok(());
    }
    let name = |data_type: &DataType| format_type(pg_type(data_type).oid(), -1);
    let message = format!("column \"{column}\" is of type {} but expression is of type {}", name(to), name(&from));
    Err(Error::new(ErrorKind::DatatypeMismatch, message).with_hint("you will need to rewrite or cast the expression"))
}

fn assignable(from: &DataType, to: &DataType) -> bool {
    let is_date =
        |data_type: &DataType| matches!(data_type, DataType::Date32 | DataType::Date64 | DataType::Timestamp(..));
    from.is_null()
        || to.is_string()
        || from == to
        || (from.is_numeric() && to.is_numeric())
        || (is_date(from) && is_date(to))
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
