//! `ARRAY(SELECT …)`: all rows of a one-column query as an array.
//!
//! Blocked by: DataFusion has no constructor of arrays from queries. Remove when it plans `ARRAY(query)`.

use datafusion::sql::sqlparser::ast::{
    Expr, Function, FunctionArg, FunctionArgExpr, FunctionArgumentClause, FunctionArgumentList, FunctionArguments,
    GroupByExpr, Ident, ObjectName, OrderBy, OrderByExpr, OrderByKind, Query, Select, SelectItem, SetExpr, Statement,
    TableAlias, TableAliasColumnDef, TableFactor, TableWithJoins,
};
use datafusion::sql::sqlparser::dialect::PostgreSqlDialect;
use datafusion::sql::sqlparser::parser::Parser;

use super::Rule;
use super::scalar_subqueries::aggregates;
use crate::dialect::folded;

/// The function that makes an empty array of the NULL that `array_agg` gives for no rows.
pub const GATHERED: &str = "lakewire_gathered";

/// The one column of a query in FROM.
const VALUE: &str = "value";

pub struct Rewriter;

impl Rule for Rewriter {
    fn pre_visit_expr(&mut self, expr: &mut Expr) {
        if let Expr::Function(Function { name, args: FunctionArguments::Subquery(query), .. }) = expr
            && name.to_string().eq_ignore_ascii_case("array")
            && let Some(gathered) = gather(query)
        {
            *expr = call(GATHERED, Expr::Subquery(Box::new(gathered)), Vec::new());
        }
    }
}

/// The query with its one column gathered by `array_agg`.
fn gather(query: &Query) -> Option<Query> {
    let mut query = query.clone();
    let order = match query.order_by.take().map(|order_by| order_by.kind) {
        Some(OrderByKind::Expressions(items)) => items,
        Some(OrderByKind::All(_)) => return None,
        None => Vec::new(),
    };
    let limited = query.limit_clause.is_some() || query.fetch.is_some();
    match query.body.as_mut() {
        SetExpr::Select(select) if !limited && is_of_rows(select) => {
            let [item] = select.projection.as_mut_slice() else { return None };
            let (value, name) = value_of(item)?;
            let order = order.into_iter().map(|by| of_value(by, &value, name.as_ref())).collect();
            *item = SelectItem::ExprWithAlias { expr: call("array_agg", value, order), alias: Ident::new("array") };
            Some(query)
        }
        _ => {
            // the order of the rows counts twice: for what a limit leaves, and within the array
            let again = outer_order(&query, &order);
            query.order_by = order_by(order);
            outer(query, again)
        }
    }
}

/// Whether each row of its tables is one of its own.
fn is_of_rows(select: &Select) -> bool {
    let grouped = !matches!(&select.group_by, GroupByExpr::Expressions(exprs, _) if exprs.is_empty());
    let [item] = select.projection.as_slice() else { return false };
    let plain = value_of(item).is_some_and(|(value, _)| !aggregates(&value));
    plain && !grouped && select.distinct.is_none() && select.having.is_none()
}

fn value_of(item: &SelectItem) -> Option<(Expr, Option<Ident>)> {
    match item {
        SelectItem::UnnamedExpr(value) => Some((value.clone(), None)),
        SelectItem::ExprWithAlias { expr, alias } => Some((expr.clone(), Some(alias.clone()))),
        _ => None,
    }
}

/// An item of ORDER BY; by position and by the output's name it means the value.
fn of_value(by: OrderByExpr, value: &Expr, name: Option<&Ident>) -> OrderByExpr {
    let is_value = match &by.expr {
        Expr::Value(_) => true,
        Expr::Identifier(ident) => name.is_some_and(|name| folded(name) == folded(ident)),
        _ => false,
    };
    if is_value { OrderByExpr { expr: value.clone(), ..by } } else { by }
}

fn order_by(items: Vec<OrderByExpr>) -> Option<OrderBy> {
    (!items.is_empty()).then_some(OrderBy { kind: OrderByKind::Expressions(items), interpolate: None })
}

/// The order in terms of the one column; none where it is by others, and the rows come as they do.
fn outer_order(query: &Query, order: &[OrderByExpr]) -> Vec<OrderByExpr> {
    let value = Expr::Identifier(Ident::new(VALUE));
    let name = match query.body.as_ref() {
        SetExpr::Select(select) => select.projection.first().and_then(value_of),
        _ => None,
    };
    let (own, name) = name.unzip();
    let by_value = |by: &OrderByExpr| match &by.expr {
        expr if own.as_ref() == Some(expr) => Some(OrderByExpr { expr: value.clone(), ..by.clone() }),
        _ => Some(of_value(by.clone(), &value, name.as_ref().and_then(Option::as_ref))).filter(|by| by.expr == value),
    };
    order.iter().map(by_value).collect::<Option<Vec<_>>>().unwrap_or_default()
}

/// `SELECT array_agg(value) AS array FROM (query) AS rows(value)`
fn outer(query: Query, order: Vec<OrderByExpr>) -> Option<Query> {
    let frame = Parser::parse_sql(&PostgreSqlDialect {}, "SELECT 1").ok()?;
    let Some(Statement::Query(outer)) = frame.into_iter().next() else { return None };
    let mut outer = *outer;
    let SetExpr::Select(select) = outer.body.as_mut() else { return None };
    let gathered = call("array_agg", Expr::Identifier(Ident::new(VALUE)), order);
    select.projection = vec![SelectItem::ExprWithAlias { expr: gathered, alias: Ident::new("array") }];
    let column = TableAliasColumnDef { name: Ident::new(VALUE), data_type: None };
    let alias = TableAlias { explicit: true, name: Ident::new("rows"), columns: vec![column], at: None };
    let relation = TableFactor::Derived { lateral: false, subquery: Box::new(query), alias: Some(alias), sample: None };
    select.from = vec![TableWithJoins { relation, joins: Vec::new() }];
    Some(outer)
}

fn call(name: &str, argument: Expr, order: Vec<OrderByExpr>) -> Expr {
    let clauses = if order.is_empty() { Vec::new() } else { vec![FunctionArgumentClause::OrderBy(order)] };
    Expr::Function(Function {
        name: ObjectName::from(vec![Ident::new(name)]),
        uses_odbc_syntax: false,
        parameters: FunctionArguments::None,
        args: FunctionArguments::List(FunctionArgumentList {
            duplicate_treatment: None,
            args: vec![FunctionArg::Unnamed(FunctionArgExpr::Expr(argument))],
            clauses,
        }),
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
    fn rows_are_gathered_in_their_order() {
        for (sql, expected) in [
            (
                "SELECT ARRAY(SELECT a FROM t ORDER BY b DESC) AS n",
                "SELECT lakewire_gathered((SELECT array_agg(a ORDER BY b DESC) AS array FROM t)) AS n",
            ),
            (
                "SELECT ARRAY(SELECT a + b AS c FROM t ORDER BY c, 1) AS n",
                "SELECT lakewire_gathered((SELECT array_agg(a + b ORDER BY a + b, a + b) AS array FROM t)) AS n",
            ),
            (
                "SELECT ARRAY(SELECT DISTINCT a FROM t ORDER BY a) AS n",
                "SELECT lakewire_gathered((SELECT array_agg(value ORDER BY value) AS array FROM (SELECT DISTINCT a FROM t ORDER BY a) AS \
                 rows (value))) AS n",
            ),
        ] {
            assert_eq!(parse_single(sql).unwrap().ast.to_string(), expected);
        }
    }
}
