//! `VALUES (a::jsonb), ('…')`: a quoted literal or NULL takes the type that another row of the list says. Parameters do where
//! the client has not given their types, which is known only when the statement is planned.
//!
//! Blocked by: DataFusion refuses a list whose values differ in what their types are named. Remove when it does not.

use datafusion::sql::sqlparser::ast::{
    Array, ArrayElemTypeDef, DataType, ExactNumberInfo, Expr, Ident, ObjectName, Query, SetExpr, TypedString, Value,
    ValueWithSpan, Values,
};

use super::{Rule, cast};

pub struct Rewriter;

impl Rule for Rewriter {
    fn pre_visit_query(&mut self, query: &mut Query) {
        settle(&mut query.body);
    }
}

fn settle(body: &mut SetExpr) {
    match body {
        SetExpr::Values(values) => settle_list(values),
        SetExpr::SetOperation { left, right, .. } => {
            settle(left);
            settle(right);
        }
        _ => {}
    }
}

fn settle_list(values: &mut Values) {
    let columns = values.rows.iter().map(|row| row.len()).max().unwrap_or_default();
    for column in 0..columns {
        let Some(data_type) = values.rows.iter().find_map(|row| type_of(row.get(column)?)) else { continue };
        for row in &mut values.rows {
            // nothing has no decimals, and a numeric would bring them all
            let takes = |expr: &Expr| is_untyped(expr) && !(is_null(expr) && matches!(data_type, DataType::Numeric(_)));
            if let Some(slot) = row.get_mut(column).filter(|expr| takes(expr)) {
                let typed = cast(slot.clone(), data_type.clone());
                *slot = typed;
            }
        }
    }
}

/// The type that what is unknown beside the value takes, where a literal would not be taken for one of it by itself.
pub fn type_of(value: &Expr) -> Option<DataType> {
    match value {
        Expr::Nested(inner) => type_of(inner),
        Expr::Cast { data_type, .. } | Expr::TypedString(TypedString { data_type, .. }) => {
            Some(unmodified(data_type.clone()))
        }
        Expr::Interval(_) => Some(DataType::Interval { fields: None, precision: None }),
        Expr::Value(ValueWithSpan { value: Value::Boolean(_), .. }) => Some(DataType::Boolean),
        Expr::Array(Array { elem, .. }) => {
            let types: Vec<DataType> = elem.iter().filter_map(element_type).collect();
            let numeric = types.iter().find(|data_type| matches!(data_type, DataType::Numeric(_)));
            let element = numeric.or(types.first())?.clone();
            Some(DataType::Array(ArrayElemTypeDef::SquareBracket(Box::new(element), None)))
        }
        _ => None,
    }
}

/// The type without what is said of its length or its decimals, which only the value itself has.
fn unmodified(data_type: DataType) -> DataType {
    match data_type {
        DataType::Varchar(_) | DataType::CharacterVarying(_) | DataType::CharVarying(_) => DataType::Varchar(None),
        DataType::Char(_) | DataType::Character(_) => {
            DataType::Custom(ObjectName::from(vec![Ident::new("bpchar")]), Vec::new())
        }
        DataType::Numeric(_) | DataType::Decimal(_) | DataType::Dec(_) => DataType::Numeric(ExactNumberInfo::None),
        DataType::Timestamp(_, zone) => DataType::Timestamp(None, zone),
        DataType::Time(_, zone) => DataType::Time(None, zone),
        DataType::Interval { .. } => DataType::Interval { fields: None, precision: None },
        other => other,
    }
}

fn element_type(element: &Expr) -> Option<DataType> {
    match element {
        Expr::Value(ValueWithSpan { value: Value::SingleQuotedString(_), .. }) => Some(DataType::Text),
        Expr::Value(ValueWithSpan { value: Value::Number(digits, _), .. }) => Some(match digits.parse::<i64>() {
            Ok(number) if i32::try_from(number).is_ok() => DataType::Int(None),
            Ok(_) => DataType::BigInt(None),
            Err(_) => DataType::Numeric(ExactNumberInfo::None),
        }),
        other => type_of(other),
    }
}

fn is_untyped(expr: &Expr) -> bool {
    matches!(expr, Expr::Value(value) if matches!(value.value, Value::SingleQuotedString(_) | Value::Null))
}

fn is_null(expr: &Expr) -> bool {
    matches!(expr, Expr::Value(ValueWithSpan { value: Value::Null, .. }))
}

#[cfg(test)]
mod tests {
    use crate::dialect::parse_single;

    #[test]
    fn literals_take_the_type_that_is_said() {
        let sql = "SELECT * FROM (VALUES ('1'::JSONB, 'a'), ('2', 'b'), (NULL, x)) AS v";
        let expected =
            "SELECT * FROM (VALUES ('1'::JSONB, 'a'), (CAST('2' AS JSONB), 'b'), (CAST(NULL AS JSONB), x)) AS v";
        assert_eq!(parse_single(sql).unwrap().ast.to_string(), expected);
        let sql = "SELECT * FROM (VALUES ('t', '{}'), (true, ARRAY[-1, 2.5])) AS v";
        let expected = "SELECT * FROM (VALUES (CAST('t' AS BOOLEAN), CAST('{}' AS NUMERIC[])), (true, make_array(-CAST(1 AS INTEGER), 2.5))) AS v";
        assert_eq!(parse_single(sql).unwrap().ast.to_string(), expected);
    }
}
