//! A number with an exponent that is cast to a float is read as one: `1e300::float8` → `'1e300'::float8`. So is one that no
//! decimal holds, for what it stands beside is a float: `x < 1e300` → `x < '1e300'::float8`.
//!
//! Blocked by: DataFusion reads every such number as a decimal of at most 76 digits. Remove when it reads what is cast.

use datafusion::sql::sqlparser::ast::{DataType, Expr, Value};

use super::{Rule, cast};

pub struct Reader;

impl Rule for Reader {
    fn pre_visit_expr(&mut self, expr: &mut Expr) {
        if let Expr::Cast { expr: number, data_type, .. } = expr
            && let Expr::Value(value) = number.as_mut()
            && let Value::Number(digits, _) = &value.value
            && digits.contains(['e', 'E'])
            && is_float(data_type)
        {
            value.value = Value::SingleQuotedString(digits.to_string());
        }
        if let Expr::Value(value) = expr
            && let Value::Number(digits, _) = &value.value
            && is_beyond_decimals(&digits.to_string())
        {
            let text = Expr::Value(Value::SingleQuotedString(digits.to_string()).with_span(value.span));
            *expr = cast(text, DataType::DoublePrecision);
        }
    }
}

/// Whether the number has more digits, before or behind the point, than decimals have; not where it has so many written out.
fn is_beyond_decimals(number: &str) -> bool {
    let Some((mantissa, exponent)) = number.split_once(['e', 'E']) else { return false };
    let Ok(exponent) = exponent.parse::<i64>() else { return false };
    let (whole, behind) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    whole.len() as i64 + exponent > DIGITS || behind.len() as i64 - exponent > DIGITS
}

/// Those of DataFusion's widest decimals.
const DIGITS: i64 = 76;

fn is_float(data_type: &DataType) -> bool {
    matches!(
        data_type,
        DataType::Real
            | DataType::Float(_)
            | DataType::Float4
            | DataType::Float8
            | DataType::Double(_)
            | DataType::DoublePrecision
    )
}

#[cfg(test)]
mod tests {
    use crate::dialect::parse_single;

    fn check(sql: &str, expected: &str) {
        assert_eq!(parse_single(sql).unwrap().ast.to_string(), expected, "{sql}");
    }

    #[test]
    fn numbers_with_exponents_are_floats_where_they_are_cast() {
        check(
            "select a as a from t where a < 1e300",
            "SELECT a AS a FROM t WHERE a < CAST('1e300' AS DOUBLE PRECISION)",
        );
        check("select 1e300::real as a, 1.5::real as b from t", "SELECT '1e300'::REAL AS a, 1.5::REAL AS b FROM t");
    }
}
