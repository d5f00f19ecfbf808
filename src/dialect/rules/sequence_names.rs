//! `nextval('s'::regclass)` → `nextval('s')`: the name is looked up by the function, which sees what the transaction has made.
//! The second call and those after it are numbered: DataFusion makes calls that are written alike once for all of them.

use datafusion::sql::sqlparser::ast::{DataType, Expr, FunctionArg, FunctionArgExpr, FunctionArguments, Value};

use super::{Rule, own_name};

#[derive(Default)]
pub struct Rewriter {
    /// Calls of `nextval` up to now.
    calls: u32,
}

impl Rule for Rewriter {
    fn pre_visit_expr(&mut self, expr: &mut Expr) {
        let Expr::Function(function) = expr else { return };
        let name = own_name(function).unwrap_or_default();
        let FunctionArguments::List(list) = &mut function.args else { return };
        if !["nextval", "currval", "setval"].contains(&name.as_str()) {
            return;
        }
        if let Some(FunctionArg::Unnamed(FunctionArgExpr::Expr(argument))) = list.args.first_mut()
            && let Expr::Cast { expr: sequence, data_type: DataType::Regclass, .. } = argument
        {
            *argument = sequence.as_ref().clone();
        }
        if name == "nextval" && list.args.len() == 1 {
            self.calls += 1;
            if self.calls > 1 {
                let number = Expr::Value(Value::Number(self.calls.to_string(), false).with_empty_span());
                list.args.push(FunctionArg::Unnamed(FunctionArgExpr::Expr(number)));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::dialect::parse_single;

    #[test]
    fn names_are_left_to_the_function() {
        let sql = "select nextval('s.q'::regclass) as x, nextval('s.q') as y, setval(a::regclass, 1) as z from t";
        let expected = "SELECT nextval('s.q') AS x, nextval('s.q', 2) AS y, setval(a, 1) AS z FROM t";
        assert_eq!(parse_single(sql).unwrap().ast.to_string(), expected);
    }
}
