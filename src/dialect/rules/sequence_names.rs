//! `nextval('s'::regclass)` → `nextval('s')`: the name is looked up by the function, which sees what the transaction has made.
//! The second call and those after it are numbered: DataFusion makes calls that are written alike once for all of them.

use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{
    DataType, Expr, FunctionArg, FunctionArgExpr, FunctionArguments, Query, SetExpr, Value, visit_expressions_mut,
};

use super::{Rule, own_name};

#[derive(Default)]
pub struct Rewriter {
    /// Calls of `nextval` up to now.
    calls: u32,
}

impl Rule for Rewriter {
    /// The rows of a list each begin anew: calls that are at one place of all of them are made once for each.
    fn pre_visit_query(&mut self, query: &mut Query) {
        let SetExpr::Values(values) = query.body.as_mut() else { return };
        let before = self.calls;
        let mut most = before;
        for row in &mut values.rows {
            self.calls = before;
            for value in row.content.iter_mut() {
                let _ = visit_expressions_mut(value, |expr| {
                    if let Some(arguments) = arguments_of_nextval(expr) {
                        self.calls += 1;
                        arguments.push(number(self.calls));
                    }
                    ControlFlow::<()>::Continue(())
                });
            }
            most = most.max(self.calls);
        }
        self.calls = most;
    }

    fn pre_visit_expr(&mut self, expr: &mut Expr) {
        if let Expr::Function(function) = expr
            && ["nextval", "currval", "setval"].contains(&own_name(function).unwrap_or_default().as_str())
            && let FunctionArguments::List(list) = &mut function.args
            && let Some(FunctionArg::Unnamed(FunctionArgExpr::Expr(argument))) = list.args.first_mut()
            && let Expr::Cast { expr: sequence, data_type: DataType::Regclass, .. } = argument
        {
            *argument = sequence.as_ref().clone();
        }
        if let Some(arguments) = arguments_of_nextval(expr) {
            self.calls += 1;
            if self.calls > 1 {
                arguments.push(number(self.calls));
            }
        }
    }
}

/// Those of a call that has no number yet.
fn arguments_of_nextval(expr: &mut Expr) -> Option<&mut Vec<FunctionArg>> {
    match expr {
        Expr::Function(function) if own_name(function).as_deref() == Some("nextval") => match &mut function.args {
            FunctionArguments::List(list) if list.args.len() == 1 => Some(&mut list.args),
            _ => None,
        },
        _ => None,
    }
}

fn number(number: u32) -> FunctionArg {
    FunctionArg::Unnamed(FunctionArgExpr::Expr(Expr::Value(Value::Number(number.to_string(), false).with_empty_span())))
}

#[cfg(test)]
mod tests {
    use crate::dialect::parse_single;

    #[test]
    fn names_are_left_to_the_function() {
        let sql = "select nextval('s.q'::regclass) as x, nextval('s.q') as y, setval(a::regclass, 1) as z from t";
        let expected = "SELECT nextval('s.q') AS x, nextval('s.q', 2) AS y, setval(a, 1) AS z FROM t";
        assert_eq!(parse_single(sql).unwrap().ast.to_string(), expected);
        let sql = "values (nextval('q'), nextval('q')), (nextval('q'), 0)";
        let rows = parse_single(sql).unwrap().ast.to_string();
        assert!(rows.contains("(nextval('q', 1), nextval('q', 2)), (nextval('q', 1), "), "{rows}");
    }
}
