//! Calls of functions in FROM, found before planning: some of them must open something first.

use std::collections::HashSet;
use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{self, TableFactor, Visitor};

/// Calls of functions in FROM.
#[derive(Default)]
pub(in crate::engine) struct Calls {
    pub(in crate::engine) names: HashSet<String>,
    /// Those whose arguments are constants.
    pub(in crate::engine) constant: Vec<(String, Vec<String>)>,
}

impl Visitor for Calls {
    type Break = ();

    fn pre_visit_table_factor(&mut self, factor: &TableFactor) -> ControlFlow<()> {
        if let TableFactor::Table { name, args: Some(arguments), .. } = factor
            && let Some(name) = name.0.last().and_then(|part| part.as_ident())
        {
            let name = name.value.to_lowercase();
            let constants: Option<Vec<String>> = arguments.args.iter().map(constant).collect();
            if let Some(constants) = constants {
                self.constant.push((name.clone(), constants));
            }
            self.names.insert(name);
        }
        ControlFlow::Continue(())
    }
}

fn constant(argument: &ast::FunctionArg) -> Option<String> {
    let (ast::FunctionArg::Unnamed(value) | ast::FunctionArg::Named { arg: value, .. }) = argument else { return None };
    match value {
        ast::FunctionArgExpr::Expr(ast::Expr::Value(value)) => match &value.value {
            ast::Value::Number(text, _) | ast::Value::SingleQuotedString(text) => Some(text.clone()),
            _ => None,
        },
        _ => None,
    }
}

/// A call by its name and its arguments' texts, as one text.
pub(in crate::engine) fn call_key(name: &str, arguments: &[String]) -> String {
    std::iter::once(name).chain(arguments.iter().map(String::as_str)).collect::<Vec<_>>().join("\u{1}")
}
