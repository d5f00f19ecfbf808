//! `SELECT * FROM f($1, $2)` where `$1` is declared as `void`: the place that a JDBC driver keeps for the result of
//! `{? = call f(?)}`. The function is not given it.

use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{
    Expr, FunctionArg, FunctionArgExpr, FunctionArguments, Statement, TableFactor, Value, VisitMut, VisitorMut,
};

use crate::pgtypes::Type;

/// The statement without such arguments; `None` where it has none.
pub(in crate::engine) fn left_out(statement: &Statement, hints: &[Option<Type>]) -> Option<Statement> {
    let is_void = |hint: &Option<Type>| *hint == Some(Type::VOID);
    let names = hints.iter().enumerate().filter(|(_, hint)| is_void(hint)).map(|(nth, _)| format!("${}", nth + 1));
    let names: Vec<String> = names.collect();
    if names.is_empty() {
        return None;
    }
    let mut statement = statement.clone();
    let mut arguments = Arguments { names, any: false };
    let _ = statement.visit(&mut arguments);
    arguments.any.then_some(statement)
}

struct Arguments {
    names: Vec<String>,
    /// Whether any was left out.
    any: bool,
}

impl Arguments {
    fn leave_out(&mut self, arguments: &mut Vec<FunctionArg>) {
        let had = arguments.len();
        arguments.retain(|argument| match argument {
            FunctionArg::Unnamed(FunctionArgExpr::Expr(Expr::Value(value))) => {
                !matches!(&value.value, Value::Placeholder(name) if self.names.contains(name))
            }
            _ => true,
        });
        self.any |= arguments.len() < had;
    }
}

impl VisitorMut for Arguments {
    type Break = ();

    fn pre_visit_table_factor(&mut self, factor: &mut TableFactor) -> ControlFlow<()> {
        match factor {
            TableFactor::Table { args: Some(arguments), .. } => self.leave_out(&mut arguments.args),
            TableFactor::Function { args, .. } => self.leave_out(args),
            _ => {}
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
        if let Expr::Function(call) = expr
            && let FunctionArguments::List(list) = &mut call.args
        {
            self.leave_out(&mut list.args);
        }
        ControlFlow::Continue(())
    }
}
