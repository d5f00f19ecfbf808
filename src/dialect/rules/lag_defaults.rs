//! `lag(a, 1, b) OVER w` → `CASE WHEN lag(true, 1) OVER w IS NULL THEN b ELSE lag(a, 1) OVER w END`.
//!
//! Blocked by: DataFusion takes constants only for what is there where no row is, and as the type of the value. Remove when it
//! takes any expression, and a call has the common type of both.

use datafusion::sql::sqlparser::ast::helpers::attached_token::AttachedToken;
use datafusion::sql::sqlparser::ast::{
    CaseWhen, Expr, Function, FunctionArg, FunctionArgExpr, FunctionArguments, Value,
};

use super::{Rule, own_name};

pub struct Rewriter;

impl Rule for Rewriter {
    fn post_visit_expr(&mut self, expr: &mut Expr) {
        if let Expr::Function(function) = expr
            && let Some(choice) = choice(function)
        {
            *expr = choice;
        }
    }
}

fn choice(call: &Function) -> Option<Expr> {
    call.over.as_ref()?;
    if !matches!(own_name(call)?.as_str(), "lag" | "lead") {
        return None;
    }
    let FunctionArguments::List(list) = &call.args else { return None };
    let [_, _, FunctionArg::Unnamed(FunctionArgExpr::Expr(other))] = list.args.as_slice() else { return None };
    if is_null(other) {
        return None;
    }
    let mut value = call.clone();
    let FunctionArguments::List(list) = &mut value.args else { return None };
    list.args.pop();
    let mut presence = value.clone();
    let FunctionArguments::List(list) = &mut presence.args else { return None };
    let there = Expr::Value(Value::Boolean(true).with_empty_span());
    *list.args.first_mut()? = FunctionArg::Unnamed(FunctionArgExpr::Expr(there));
    Some(Expr::Case {
        case_token: AttachedToken::empty(),
        end_token: AttachedToken::empty(),
        operand: None,
        conditions: vec![CaseWhen {
            condition: Expr::IsNull(Box::new(Expr::Function(presence))),
            result: other.clone(),
        }],
        else_result: Some(Box::new(Expr::Function(value))),
    })
}

fn is_null(expr: &Expr) -> bool {
    match expr {
        Expr::Value(value) => value.value == Value::Null,
        Expr::Nested(expr) | Expr::Cast { expr, .. } => is_null(expr),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use crate::dialect::parse_single;

    #[test]
    fn what_is_there_where_no_row_is_is_chosen() {
        let shown = |sql| parse_single(sql).unwrap().ast.to_string();
        assert_eq!(
            shown("SELECT lag(a, 1, b) OVER (ORDER BY c) AS x FROM t"),
            "SELECT CASE WHEN lag(true, 1) OVER (ORDER BY c) IS NULL THEN b ELSE lag(a, 1) OVER (ORDER BY c) END AS x FROM t"
        );
        let kept = "SELECT lag(a, 1, NULL) OVER (ORDER BY c) AS x FROM t";
        assert_eq!(shown(kept), kept);
    }
}
