//! `LATERAL (SELECT unnest(t.a), generate_subscripts(t.a, 1))` → `LATERAL (SELECT … FROM unnest(t.a, array_subscripts(t.a, 1)))`.
//!
//! Blocked by: DataFusion does not find outer columns in the `unnest` of a SELECT list. Remove when it does.

use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{
    Expr, FunctionArg, FunctionArgExpr, FunctionArguments, Ident, Query, Select, SelectItem, SetExpr, Statement,
    TableFactor, VisitMut, VisitorMut,
};
use datafusion::sql::sqlparser::dialect::PostgreSqlDialect;
use datafusion::sql::sqlparser::parser::Parser;

use super::column_names::name_columns;
use super::scalar_subqueries::holds;
use super::{Rule, call, own_name};

pub struct Rewriter;

impl Rule for Rewriter {
    fn pre_visit_table_factor(&mut self, factor: &mut TableFactor) {
        if let TableFactor::Derived { lateral: true, subquery, .. } = factor
            && let SetExpr::Select(select) = subquery.body.as_mut()
            && let Some(moved) = moved(select)
        {
            **select = moved;
        }
    }
}

/// The SELECT with its functions in FROM; `None` where it has other things.
fn moved(select: &Select) -> Option<Select> {
    if !select.from.is_empty() || select.selection.is_some() || select.distinct.is_some() {
        return None;
    }
    let mut moved = select.clone();
    name_columns(&mut moved.projection);
    let mut arrays = Vec::new();
    for item in &mut moved.projection {
        match item {
            SelectItem::UnnamedExpr(expr) | SelectItem::ExprWithAlias { expr, .. } => {
                *expr = with_elements(expr, &mut arrays)?;
            }
            _ => return None,
        }
    }
    if arrays.is_empty() {
        return None;
    }
    let names: Vec<String> = (0..arrays.len()).map(|nth| Ident::with_quote('"', element(nth)).to_string()).collect();
    let zeros = vec!["0"; arrays.len()].join(", ");
    let text = format!("SELECT 0 FROM unnest({zeros}) AS \"\u{1}sets\" ({})", names.join(", "));
    let Statement::Query(query) = Parser::parse_sql(&PostgreSqlDialect {}, &text).ok()?.pop()? else { return None };
    let SetExpr::Select(sets) = *query.body else { return None };
    moved.from = sets.from;
    match &mut moved.from.first_mut()?.relation {
        TableFactor::UNNEST { array_exprs, .. } => *array_exprs = arrays,
        _ => return None,
    }
    Some(moved)
}

/// What the elements of an array are called.
fn element(nth: usize) -> String {
    format!("\u{1}set{nth}")
}

/// The expression with elements in the place of its functions that return rows; their arrays are added to `arrays`. `None` where
/// one function takes the rows of another, or a query stands in it.
fn with_elements(expr: &Expr, arrays: &mut Vec<Expr>) -> Option<Expr> {
    struct Mover<'a> {
        arrays: &'a mut Vec<Expr>,
    }
    impl VisitorMut for Mover<'_> {
        type Break = ();
        fn pre_visit_query(&mut self, _query: &mut Query) -> ControlFlow<()> {
            ControlFlow::Break(())
        }
        fn post_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
            let Some(array) = array_of(expr) else { return ControlFlow::Continue(()) };
            let is_element = |inner: &Expr| matches!(inner, Expr::Identifier(name) if name.value.starts_with('\u{1}'));
            if holds(&array, is_element) {
                return ControlFlow::Break(());
            }
            *expr = Expr::Identifier(Ident::with_quote('"', element(self.arrays.len())));
            self.arrays.push(array);
            ControlFlow::Continue(())
        }
    }
    let mut expr = expr.clone();
    VisitMut::visit(&mut expr, &mut Mover { arrays }).is_continue().then_some(expr)
}

/// The array whose elements a function gives.
fn array_of(expr: &Expr) -> Option<Expr> {
    let Expr::Function(function) = expr else { return None };
    let FunctionArguments::List(list) = &function.args else { return None };
    match (own_name(function)?.as_str(), list.args.as_slice()) {
        ("unnest", [FunctionArg::Unnamed(FunctionArgExpr::Expr(array))]) => Some(array.clone()),
        (
            "generate_subscripts",
            [
                FunctionArg::Unnamed(FunctionArgExpr::Expr(array)),
                FunctionArg::Unnamed(FunctionArgExpr::Expr(dimension)),
            ],
        ) if dimension.to_string() == "1" => Some(call("array_subscripts", vec![array.clone(), dimension.clone()])),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use crate::dialect::parse_single;

    #[test]
    fn functions_that_return_rows_move_to_from() {
        let sql = "select k.* from t, lateral (select unnest(t.a) as x, generate_subscripts(t.a, 1)) k";
        let shown = parse_single(sql).unwrap().ast.to_string();
        assert!(shown.contains("UNNEST(t.a, array_subscripts(t.a, 1))"), "{shown}");
        assert!(shown.contains("AS \"generate_subscripts\""), "{shown}");
        let sql = "select k.* from t, lateral (select 1 + generate_subscripts(t.a, 1) as n, t.b) k";
        let shown = parse_single(sql).unwrap().ast.to_string();
        assert!(shown.contains("FROM UNNEST(array_subscripts(t.a, 1))"), "{shown}");
    }
}
