//! INSERT … VALUES of constants and parameters, carried out without a plan: single-row inserts come by the thousand.
//!
//! Invariant: rows are what the planned INSERT would make of them. Whatever is not plain is left to it, errors too.

use datafusion::arrow::array::ArrayRef;
use datafusion::arrow::datatypes::{DataType, FieldRef};
use datafusion::common::DFSchema;
use datafusion::logical_expr::Expr;
use datafusion::scalar::ScalarValue;
use datafusion::sql::sqlparser::ast::{self, UnaryOperator};

use super::assign;
use super::insert::default_of;
use super::names::Verb;
use super::target::Target;
use super::update::is_default;
use crate::dialect::Statement;
use crate::engine::plan::settled_expr;
use crate::engine::planner::Planner;
use crate::error::Result;
use crate::pgtypes::{Type, column_type};

/// An INSERT whose rows are constants.
pub(super) struct Constants<'a> {
    name: &'a ast::ObjectName,
    columns: &'a [ast::ObjectName],
    rows: Vec<&'a [ast::Expr]>,
}

/// One value as it is written.
enum Constant<'a> {
    Null,
    Boolean(bool),
    Text(&'a str),
    /// Digits, a point perhaps, and whether a minus stands before.
    Number(&'a str, bool),
    /// From 0.
    Parameter(usize),
    Default,
}

fn constant(expr: &ast::Expr) -> Option<Constant<'_>> {
    Some(match expr {
        ast::Expr::Value(value) => match &value.value {
            ast::Value::Null => Constant::Null,
            ast::Value::Boolean(value) => Constant::Boolean(*value),
            ast::Value::SingleQuotedString(text) => Constant::Text(text),
            ast::Value::Number(digits, _) => Constant::Number(digits, false),
            ast::Value::Placeholder(name) => {
                Constant::Parameter(name.strip_prefix('$')?.parse::<usize>().ok()?.checked_sub(1)?)
            }
            _ => return None,
        },
        ast::Expr::UnaryOp { op: UnaryOperator::Minus, expr } => match constant(expr)? {
            Constant::Number(digits, false) => Constant::Number(digits, true),
            _ => return None,
        },
        // as the rule on whole numbers writes them
        ast::Expr::Cast { expr, data_type: ast::DataType::Integer(None) | ast::DataType::Int(None), .. } => {
            match constant(expr)? {
                number @ Constant::Number(..) => number,
                _ => return None,
            }
        }
        other if is_default(other) => Constant::Default,
        _ => return None,
    })
}

impl<'a> Constants<'a> {
    /// The statement, if it is such an INSERT.
    pub fn of(statement: &'a ast::Statement) -> Option<Self> {
        let ast::Statement::Insert(insert) = statement else { return None };
        let ast::TableObject::TableName(name) = &insert.table else { return None };
        if insert.on.is_some() || insert.returning.is_some() || insert.overwrite || insert.replace_into {
            return None;
        }
        let source = insert.source.as_deref()?;
        let plain = source.with.is_none() && source.order_by.is_none() && source.limit_clause.is_none();
        let ast::SetExpr::Values(values) = source.body.as_ref() else { return None };
        let rows: Vec<&[ast::Expr]> = values.rows.iter().map(|row| row.content.as_slice()).collect();
        let constants = plain && rows.iter().all(|row| row.iter().all(|expr| constant(expr).is_some()));
        constants.then_some(Self { name, columns: &insert.columns, rows })
    }

    /// The positions of the columns that the rows give values to; `None` where they do not fit.
    fn given(&self, target: &Target, statement: &Statement) -> Option<Vec<usize>> {
        let width = self.rows.first()?.len();
        let mut given = Vec::with_capacity(width);
        for name in self.columns {
            let index = target.column(name, statement).ok()?;
            if given.contains(&index) {
                return None;
            }
            given.push(index);
        }
        if self.columns.is_empty() {
            given.extend(0..width.min(target.columns().len()));
        }
        (given.len() == width && self.rows.iter().all(|row| row.len() == width)).then_some(given)
    }

    /// The type of each parameter: as hinted, else its column's. `None` where planning must tell.
    pub async fn parameters(
        &self,
        planner: &Planner,
        statement: &Statement,
        hints: &[Option<Type>],
    ) -> Result<Option<Vec<Type>>> {
        let target = Target::open(planner, statement, self.name, None, Verb::Insert).await?;
        let Some(given) = self.given(&target, statement) else { return Ok(None) };
        let mut types: Vec<Option<Type>> = hints.to_vec();
        for row in &self.rows {
            for (expr, index) in row.iter().zip(&given) {
                if let Some(Constant::Parameter(number)) = constant(expr) {
                    types.resize(types.len().max(number + 1), None);
                    types[number].get_or_insert_with(|| column_type(&target.declared(*index)));
                }
            }
        }
        Ok(Some(types.into_iter().map(|known| known.unwrap_or(Type::TEXT)).collect()))
    }

    /// The table and its new rows, not yet finished; `None` where the INSERT is to be planned.
    pub async fn columns(
        &self,
        planner: &Planner,
        statement: &Statement,
        params: &[ScalarValue],
    ) -> Result<Option<(Target, Vec<ArrayRef>)>> {
        let target = Target::open(planner, statement, self.name, None, Verb::Insert).await?;
        if !target.rules.is_plain() {
            return Ok(None);
        }
        let Some(given) = self.given(&target, statement) else { return Ok(None) };
        let mut columns = Vec::with_capacity(target.columns().len());
        for (index, field) in target.columns().iter().enumerate() {
            let position = given.iter().position(|given| *given == index);
            if position.is_some() && target.rules.check_given(field.name(), true).is_err() {
                return Ok(None);
            }
            let mut values = Vec::with_capacity(self.rows.len());
            for row in &self.rows {
                let value = match position.and_then(|position| row.get(position)) {
                    Some(expr) => value(planner, expr, field, params),
                    None => Some(ScalarValue::Null),
                };
                // a default is an expression, and a value that does not fit is for the planner to tell
                let missing = position.is_none_or(|at| row.get(at).is_some_and(is_default));
                let computed = missing && default_of(&target, index).map_or(true, |expr| !is_null(&expr));
                match value {
                    Some(value) if !computed => values.push(value),
                    _ => return Ok(None),
                }
            }
            let typed = values.into_iter().map(|value| match value.is_null() {
                true => ScalarValue::try_from(field.data_type()),
                false => Ok(value),
            });
            let typed: std::result::Result<Vec<_>, _> = typed.collect();
            match typed.and_then(ScalarValue::iter_to_array) {
                Ok(column) if column.data_type() == field.data_type() => columns.push(column),
                _ => return Ok(None),
            }
        }
        Ok(Some((target, columns)))
    }

    pub fn count(&self) -> usize {
        self.rows.len()
    }
}

fn is_null(expr: &ast::Expr) -> bool {
    matches!(expr, ast::Expr::Value(value) if value.value == ast::Value::Null)
}

/// Digits as a bigint, or a numeric where they have a point.
fn number(digits: &str, minus: bool) -> Option<ScalarValue> {
    if let Ok(whole) = digits.parse::<i64>() {
        return Some(ScalarValue::Int64(Some(if minus { whole.checked_neg()? } else { whole })));
    }
    let (before, after) = digits.split_once('.')?;
    let all = format!("{before}{after}");
    // more digits, or an exponent, are the planner's
    if all.is_empty() || all.len() > 38 || !all.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let units: i128 = all.parse().ok()?;
    let (precision, scale) = (u8::try_from(all.len()).ok()?, i8::try_from(after.len()).ok()?);
    Some(ScalarValue::Decimal128(Some(if minus { -units } else { units }), precision, scale))
}

/// The value as the column takes it; `None` for what is to be planned.
fn value(planner: &Planner, expr: &ast::Expr, field: &FieldRef, params: &[ScalarValue]) -> Option<ScalarValue> {
    let to = field.data_type();
    let literal = match constant(expr)? {
        Constant::Null | Constant::Default => return Some(ScalarValue::Null),
        Constant::Boolean(value) => ScalarValue::Boolean(Some(value)),
        Constant::Text(text) => {
            if to == &DataType::Utf8View {
                return Some(ScalarValue::Utf8View(Some(text.to_owned())));
            }
            ScalarValue::Utf8(Some(text.to_owned()))
        }
        Constant::Number(digits, minus) => match number(digits, minus)? {
            ScalarValue::Int64(Some(whole)) => match to {
                DataType::Int64 => return Some(ScalarValue::Int64(Some(whole))),
                DataType::Int32 => return i32::try_from(whole).ok().map(|whole| ScalarValue::Int32(Some(whole))),
                DataType::Int16 => return i16::try_from(whole).ok().map(|whole| ScalarValue::Int16(Some(whole))),
                _ => match i32::try_from(whole) {
                    Ok(whole) => ScalarValue::Int32(Some(whole)),
                    Err(_) => ScalarValue::Int64(Some(whole)),
                },
            },
            decimal => match (&decimal, to) {
                (ScalarValue::Decimal128(Some(units), _, scale), DataType::Decimal128(precision, kept))
                    if scale <= kept =>
                {
                    let units = units.checked_mul(10_i128.checked_pow(u32::try_from(kept - scale).ok()?)?)?;
                    let fits = units.unsigned_abs() < 10_u128.checked_pow(u32::from(*precision))?;
                    return fits.then_some(ScalarValue::Decimal128(Some(units), *precision, *kept));
                }
                _ => decimal,
            },
        },
        Constant::Parameter(number) => params.get(number)?.clone(),
    };
    if literal.is_null() {
        return Some(ScalarValue::Null);
    }
    if literal.data_type() == *to {
        return Some(literal);
    }
    // the planner's own cast of this one value
    let none = DFSchema::empty();
    let assigned = assign::assigned(Expr::Literal(literal, None), field, &none).ok()?;
    let settled = settled_expr(assigned, &none).ok()?;
    match planner.simplified(settled).ok()? {
        Expr::Literal(value, _) if value.data_type() == *to => Some(value),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_are_numbers_of_the_least_type() {
        assert_eq!(number("12", true), Some(ScalarValue::Int64(Some(-12))));
        assert_eq!(number("1.50", false), Some(ScalarValue::Decimal128(Some(150), 3, 2)));
        assert_eq!(number(".5", true), Some(ScalarValue::Decimal128(Some(-5), 1, 1)));
        assert_eq!(number("1e5", false), None);
        assert_eq!(number("1.5e5", false), None);
        assert_eq!(number("9223372036854775808", false), None);
    }
}
