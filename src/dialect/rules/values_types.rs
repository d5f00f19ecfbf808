//! `VALUES (a::jsonb), ('…')`: a quoted literal, a parameter or NULL takes the type that another row of the list says.
//!
//! Blocked by: DataFusion refuses a list whose values differ in what their types are named. Remove when it does not.

use datafusion::sql::sqlparser::ast::{Expr, Query, SetExpr, Value, Values};

use super::Rule;

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
        let cast = values.rows.iter().find_map(|row| row.get(column).filter(|expr| matches!(expr, Expr::Cast { .. })));
        let Some(cast) = cast.cloned() else { continue };
        for row in &mut values.rows {
            if let Some(slot) = row.get_mut(column).filter(|expr| is_untyped(expr)) {
                let mut typed = cast.clone();
                if let Expr::Cast { expr, .. } = &mut typed {
                    **expr = slot.clone();
                }
                *slot = typed;
            }
        }
    }
}

fn is_untyped(expr: &Expr) -> bool {
    matches!(expr, Expr::Value(value) if matches!(value.value, Value::SingleQuotedString(_) | Value::Null | Value::Placeholder(_)))
}

#[cfg(test)]
mod tests {
    use crate::dialect::parse_single;

    #[test]
    fn literals_take_the_type_that_is_said() {
        let sql = "SELECT * FROM (VALUES ('1'::JSONB, 'a'), ('2', 'b'), (NULL, x)) AS v";
        let expected = "SELECT * FROM (VALUES ('1'::JSONB, 'a'), ('2'::JSONB, 'b'), (NULL::JSONB, x)) AS v";
        assert_eq!(parse_single(sql).unwrap().ast.to_string(), expected);
    }
}
