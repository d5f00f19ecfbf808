//! Functions of the catalogs' arrays that give rows in a SELECT's list: `_pg_expandarray(indkey)`, `generate_subscripts(a, 1)`.
//!
//! They become `unnest` of a list that an ordinary function makes. Blocked by: DataFusion knows no other functions of rows there.

use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{
    Expr, Function, FunctionArg, FunctionArgExpr, FunctionArgumentList, FunctionArguments, Ident, ObjectName,
    Statement, VisitMut, VisitorMut,
};

use super::Facts;

/// Each function, how many arguments it may have, and the one that makes the list of its first.
const FUNCTIONS: &[(&str, usize, &str)] =
    &[("_pg_expandarray", 1, "lakewire_expanded"), ("generate_subscripts", 2, "lakewire_subscripts")];

pub fn apply(statement: &mut Statement, _facts: Facts) {
    let _ = statement.visit(&mut Rewriter);
}

struct Rewriter;

impl VisitorMut for Rewriter {
    type Break = ();

    fn post_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
        if let Expr::Function(function) = expr
            && let Some(name) = function.name.0.last().and_then(|part| part.as_ident())
            && let Some((_, count, list)) = FUNCTIONS.iter().find(|(known, ..)| name.value.eq_ignore_ascii_case(known))
            && let FunctionArguments::List(arguments) = &function.args
            && arguments.args.len() == *count
            && let Some(FunctionArg::Unnamed(FunctionArgExpr::Expr(array))) = arguments.args.first()
        {
            *expr = call("unnest", call(list, array.clone()));
        }
        ControlFlow::Continue(())
    }
}

fn call(name: &str, argument: Expr) -> Expr {
    let args = vec![FunctionArg::Unnamed(FunctionArgExpr::Expr(argument))];
    Expr::Function(Function {
        name: ObjectName::from(vec![Ident::new(name)]),
        uses_odbc_syntax: false,
        parameters: FunctionArguments::None,
        args: FunctionArguments::List(FunctionArgumentList { duplicate_treatment: None, args, clauses: Vec::new() }),
        filter: None,
        null_treatment: None,
        over: None,
        within_group: Vec::new(),
    })
}

#[cfg(test)]
mod tests {
    use crate::dialect::parse_single;

    #[test]
    fn rows_of_a_list() {
        let sql = "SELECT information_schema._pg_expandarray(i.indkey) AS keys FROM pg_index AS i";
        let expected = "SELECT unnest(lakewire_expanded(i.indkey)) AS keys FROM pg_index AS i";
        assert_eq!(parse_single(sql).unwrap().ast.to_string(), expected);
    }
}
