//! Parameters whose type only their place tells: `round(x, $1)` → `round(x, $1::integer)`, `WHERE $1` → `WHERE $1::boolean`.
//!
//! Blocked by: DataFusion asks for the types of arguments and conditions before the plan is typed. Remove when it lets
//! parameters be unknown.

use datafusion::sql::sqlparser::ast::{
    BinaryOperator, CaseWhen, DataType, ExactNumberInfo, Expr, Function, FunctionArg, FunctionArgExpr,
    FunctionArguments, Select, TimezoneInfo, UnaryOperator,
};

use super::{Rule, cast, is_parameter};

/// Function, argument from 0, its type.
const ARGUMENTS: &[(&str, usize, DataType)] = &[
    ("round", 1, DataType::Integer(None)),
    ("trunc", 1, DataType::Integer(None)),
    ("ntile", 0, DataType::Integer(None)),
    ("nth_value", 1, DataType::Integer(None)),
    ("lag", 1, DataType::Integer(None)),
    ("lead", 1, DataType::Integer(None)),
    ("percentile_cont", 0, DataType::DoublePrecision),
    ("percentile_disc", 0, DataType::DoublePrecision),
];

pub struct Typer;

impl Rule for Typer {
    fn pre_visit_select(&mut self, select: &mut Select) {
        select.selection.iter_mut().chain(&mut select.having).for_each(|condition| give(condition, &DataType::Boolean));
    }

    fn pre_visit_expr(&mut self, expr: &mut Expr) {
        match expr {
            Expr::UnaryOp { op: UnaryOperator::Not, expr: operand }
            | Expr::IsTrue(operand)
            | Expr::IsNotTrue(operand)
            | Expr::IsFalse(operand)
            | Expr::IsNotFalse(operand)
            | Expr::IsUnknown(operand)
            | Expr::IsNotUnknown(operand) => give(operand, &DataType::Boolean),
            Expr::BinaryOp { left, op: BinaryOperator::And | BinaryOperator::Or, right } => {
                give(left, &DataType::Boolean);
                give(right, &DataType::Boolean);
            }
            Expr::AtTimeZone { timestamp, .. } => {
                give(timestamp, &DataType::Timestamp(None, TimezoneInfo::WithTimeZone));
            }
            Expr::Case { operand: None, conditions, .. } => {
                for CaseWhen { condition, .. } in conditions {
                    give(condition, &DataType::Boolean);
                }
            }
            Expr::Function(Function { name, args: FunctionArguments::List(list), .. }) => {
                let name = name.0.last().and_then(|part| part.as_ident()).map(|name| name.value.to_lowercase());
                if let ([first, rest @ ..], Some("round" | "trunc")) = (list.args.as_mut_slice(), name.as_deref())
                    && let FunctionArg::Unnamed(FunctionArgExpr::Expr(number)) = first
                {
                    let numeric = DataType::Numeric(ExactNumberInfo::None);
                    // by this name it is not the statement's own: the client may have said another type
                    let double = DataType::Double(ExactNumberInfo::None);
                    give(number, if rest.is_empty() { &double } else { &numeric });
                }
                let wanted = ARGUMENTS.iter().filter(|(function, ..)| name.as_deref() == Some(*function));
                for (_, at, data_type) in wanted {
                    if let Some(FunctionArg::Unnamed(FunctionArgExpr::Expr(argument))) = list.args.get_mut(*at) {
                        give(argument, data_type);
                    }
                }
            }
            _ => {}
        }
    }
}

/// Casts the expression, if it is a parameter.
fn give(expr: &mut Expr, data_type: &DataType) {
    if is_parameter(expr) {
        *expr = cast(expr.clone(), data_type.clone());
    }
}

#[cfg(test)]
mod tests {
    use crate::dialect::parse_single;

    #[test]
    fn places_give_types() {
        let sql = "select round(a, $1) as r, case when $2 then 1.5 end as c from t where $3";
        let expected = "SELECT round(a, CAST($1 AS INTEGER)) AS r, CASE WHEN CAST($2 AS BOOLEAN) THEN 1.5 END AS c FROM t WHERE CAST($3 AS BOOLEAN)";
        assert_eq!(parse_single(sql).unwrap().ast.to_string(), expected);
    }
}
