//! `string_agg(a, ',' ORDER BY a), string_agg(b, ',' ORDER BY b)` → texts of arrays, each of which sorts its own rows.
//!
//! Blocked by: DataFusion has the rows sorted before `string_agg`, which can be in one order only. Remove when it sorts
//! its own.

use std::collections::HashSet;
use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{
    BinaryOperator, Expr, Function, FunctionArg, FunctionArgExpr, FunctionArgumentClause, FunctionArguments, Ident,
    ObjectName, Statement, VisitMut, VisitorMut,
};

use super::{Rule, call, own_name};

/// The orders that strings are put together in.
#[derive(Default)]
pub struct Finder {
    orders: HashSet<String>,
}

impl Rule for Finder {
    fn pre_visit_expr(&mut self, expr: &mut Expr) {
        if let Expr::Function(function) = expr
            && let Some(order) = order_of(function)
        {
            self.orders.insert(order);
        }
    }
}

pub fn apply(statement: &mut Statement, found: &Finder) {
    struct Rewriter;
    impl VisitorMut for Rewriter {
        type Break = ();
        fn post_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
            if let Expr::Function(function) = &*expr
                && let Some(text) = text_of_array(function)
            {
                *expr = text;
            }
            ControlFlow::Continue(())
        }
    }
    if found.orders.len() > 1 {
        let _ = VisitMut::visit(statement, &mut Rewriter);
    }
}

fn order_of(function: &Function) -> Option<String> {
    let FunctionArguments::List(list) = &function.args else { return None };
    if own_name(function).as_deref() != Some("string_agg") || function.over.is_some() {
        return None;
    }
    list.clauses.iter().find_map(|clause| match clause {
        FunctionArgumentClause::OrderBy(order) => Some(order.iter().map(|key| format!("{key},")).collect()),
        _ => None,
    })
}

/// `array_to_string(array_agg(x ORDER BY …) FILTER (WHERE x IS NOT NULL), ',')`: no text of no value.
fn text_of_array(function: &Function) -> Option<Expr> {
    order_of(function)?;
    let FunctionArguments::List(list) = &function.args else { return None };
    let [FunctionArg::Unnamed(FunctionArgExpr::Expr(value)), FunctionArg::Unnamed(FunctionArgExpr::Expr(separator))] =
        list.args.as_slice()
    else {
        return None;
    };
    if !matches!(separator, Expr::Value(_)) {
        return None;
    }
    let mut gathered = function.clone();
    gathered.name = ObjectName::from(vec![Ident::new("array_agg")]);
    if let FunctionArguments::List(list) = &mut gathered.args {
        list.args.pop();
    }
    let is_there = Expr::IsNotNull(Box::new(Expr::Nested(Box::new(value.clone()))));
    gathered.filter = Some(Box::new(match gathered.filter.take() {
        Some(filter) => {
            let left = Box::new(Expr::Nested(filter));
            Expr::BinaryOp { left, op: BinaryOperator::And, right: Box::new(is_there) }
        }
        None => is_there,
    }));
    Some(call("array_to_string", vec![Expr::Function(gathered), separator.clone()]))
}

#[cfg(test)]
mod tests {
    use crate::dialect::parse_single;

    fn check(sql: &str, expected: &str) {
        assert_eq!(parse_single(sql).unwrap().ast.to_string(), expected);
    }

    #[test]
    fn each_string_has_an_order_of_its_own() {
        check(
            "select string_agg(a, ',' order by a) as x, string_agg(distinct b, ';' order by b desc) filter (where c) as y from t",
            "SELECT array_to_string(array_agg(a ORDER BY a) FILTER (WHERE (a) IS NOT NULL), ',') AS x, \
             array_to_string(array_agg(DISTINCT b ORDER BY b DESC) FILTER (WHERE (c) AND (b) IS NOT NULL), ';') AS y FROM t",
        );
        check(
            "select string_agg(a, ',' order by b) as x, string_agg(c, ',' order by b) as y from t",
            "SELECT string_agg(a, ',' ORDER BY b) AS x, string_agg(c, ',' ORDER BY b) AS y FROM t",
        );
    }
}
