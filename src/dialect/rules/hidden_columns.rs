//! What a list computes out of sight: `SELECT unnest(tags) FROM t ORDER BY t.id`, `SELECT a FROM t ORDER BY (SELECT … t.id)`,
//! `SELECT unnest(a), x + 1 AS x FROM t`, `SELECT sum(x) AS x FROM t ORDER BY sum(x) + 1`.
//!
//! The list becomes that of a query in FROM, where what the order is by is a hidden column, and beside functions that return
//! rows a column that is named as one that is read has another name. Blocked by: around an `unnest` DataFusion knows the list's
//! columns only, and those it reads by the same names; a subquery in ORDER BY sees the list only, and an expression takes a name
//! for the list's before it is a column's. Remove when it tells them apart.

use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{
    Expr, GroupByExpr, Ident, OrderByExpr, OrderByKind, Query, Select, SelectItem, SetExpr, Statement, TableFactor,
    Value, Visit, Visitor, visit_expressions,
};
use datafusion::sql::sqlparser::dialect::PostgreSqlDialect;
use datafusion::sql::sqlparser::parser::Parser;

use super::Rule;
use super::scalar_subqueries::holds;
use crate::dialect::folded;

/// What the inner query and its hidden columns are called. No client writes the name.
const LIST: &str = "\u{1}list";

pub struct Rewriter;

impl Rule for Rewriter {
    fn pre_visit_query(&mut self, query: &mut Query) {
        let SetExpr::Select(select) = query.body.as_mut() else { return };
        let returns_rows = select.projection.iter().any(returns_rows);
        let by = match query.order_by.as_mut().map(|order_by| &mut order_by.kind) {
            Some(OrderByKind::Expressions(by)) => by.as_mut_slice(),
            _ => &mut [],
        };
        for by in by.iter_mut().filter(|by| misread(&by.expr, select)) {
            if let Some(place) = place_in(&by.expr, &select.projection) {
                by.expr = Expr::Value(Value::Number(place.to_string(), false).with_empty_span());
            }
        }
        if select.distinct.is_some() {
            return;
        }
        let Some(shown) = select.projection.iter().map(shown).collect::<Option<Vec<Ident>>>() else { return };
        let hidden: Vec<&mut OrderByExpr> = by.iter_mut().filter(|by| !names_result(&by.expr, &shown)).collect();
        let renames = returns_rows && reads_as_named(select);
        let hides = hidden.iter().any(|by| returns_rows || asks(&by.expr) || misread(&by.expr, select));
        if !hides && !renames {
            return;
        }
        let Some(mut outer) = outer(&shown) else { return };
        if renames {
            for (number, (inner, outer)) in select.projection.iter_mut().zip(&mut outer.projection).enumerate() {
                if let SelectItem::ExprWithAlias { alias, .. } = inner {
                    let name = Ident::with_quote('"', format!("{LIST}_{number}"));
                    let alias = std::mem::replace(alias, name.clone());
                    *outer = SelectItem::ExprWithAlias { expr: Expr::Identifier(name), alias };
                }
            }
        }
        for (number, by) in hidden.into_iter().enumerate() {
            let name = Ident::with_quote('"', format!("{LIST}{number}"));
            let expr = std::mem::replace(&mut by.expr, Expr::Identifier(name.clone()));
            select.projection.push(SelectItem::ExprWithAlias { expr, alias: name });
        }
        let inner = std::mem::replace(&mut query.body, Box::new(SetExpr::Select(Box::new(outer))));
        if let SetExpr::Select(outer) = query.body.as_mut()
            && let Some(from) = outer.from.first_mut()
            && let TableFactor::Derived { subquery, .. } = &mut from.relation
        {
            subquery.body = inner;
        }
    }
}

/// Whether the expression, and not a name alone, reads a column whose name the list gives to something else.
fn misread(expr: &Expr, select: &Select) -> bool {
    if matches!(expr, Expr::Identifier(_)) {
        return false;
    }
    let read = visit_expressions(expr, |expr| {
        let given =
            path_of(expr).is_some_and(|path| select.projection.iter().any(|item| gives_otherwise(item, path, select)));
        if given { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    });
    read.is_break()
}

/// The column that the expression is, as it is written.
fn path_of(expr: &Expr) -> Option<&[Ident]> {
    match expr {
        Expr::Identifier(name) => Some(std::slice::from_ref(name)),
        Expr::CompoundIdentifier(path) => Some(path),
        _ => None,
    }
}

/// Whether the item gives the name of the column that is read to anything but it: a column of a query around, too.
fn gives_otherwise(item: &SelectItem, read: &[Ident], select: &Select) -> bool {
    let (expr, alias) = match item {
        SelectItem::ExprWithAlias { expr, alias } => (expr, Some(alias)),
        SelectItem::UnnamedExpr(expr) => (expr, None),
        _ => return false,
    };
    let (Some(name), column) = (read.last(), path_of(expr)) else { return false };
    let is = |given: &Ident| folded(given) == folded(name);
    let is_there = column.and_then(<[Ident]>::last).is_some_and(is);
    if alias.is_some_and(|alias| !is(alias)) || alias.is_none() && !is_there {
        return false;
    }
    let is_around = match (column, read) {
        (Some([.., relation, _]), [.., own, _]) => folded(relation) != folded(own) && !stands_in_from(relation, select),
        _ => false,
    };
    !is_there || is_around
}

/// Whether a relation of the name may stand in FROM.
fn stands_in_from(name: &Ident, select: &Select) -> bool {
    let mut factors = select
        .from
        .iter()
        .flat_map(|from| std::iter::once(&from.relation).chain(from.joins.iter().map(|join| &join.relation)));
    factors.any(|factor| match factor {
        TableFactor::Table { alias: Some(alias), .. } | TableFactor::Derived { alias: Some(alias), .. } => {
            folded(&alias.name) == folded(name)
        }
        TableFactor::Table { name: table, alias: None, .. } => {
            table.0.last().and_then(|part| part.as_ident()).is_some_and(|last| folded(last) == folded(name))
        }
        _ => true,
    })
}

/// Which item, from 1, computes the expression.
fn place_in(expr: &Expr, projection: &[SelectItem]) -> Option<usize> {
    let same = |item: &SelectItem| matches!(item, SelectItem::ExprWithAlias { expr: of_item, .. } if of_item == expr);
    projection.iter().position(same).map(|place| place + 1)
}

/// Whether a subquery is in it.
fn asks(expr: &Expr) -> bool {
    struct Asks;
    impl Visitor for Asks {
        type Break = ();
        fn pre_visit_query(&mut self, _query: &Query) -> ControlFlow<()> {
            ControlFlow::Break(())
        }
    }
    expr.visit(&mut Asks).is_break()
}

/// Whether the list gives a name to something that reads a column of the name, or stands beside what does.
fn reads_as_named(select: &Select) -> bool {
    struct Reads<'a>(&'a [String]);
    impl Visitor for Reads<'_> {
        type Break = ();
        fn pre_visit_expr(&mut self, expr: &Expr) -> ControlFlow<()> {
            let name = match expr {
                Expr::Identifier(name) => Some(name),
                Expr::CompoundIdentifier(path) => path.last(),
                _ => None,
            };
            match name.is_some_and(|name| self.0.contains(&folded(name))) {
                true => ControlFlow::Break(()),
                false => ControlFlow::Continue(()),
            }
        }
    }
    let is_grouped = !matches!(&select.group_by, GroupByExpr::Expressions(exprs, _) if exprs.is_empty());
    let aliases = select.projection.iter().filter_map(|item| match item {
        SelectItem::ExprWithAlias { alias, .. } => Some(folded(alias)),
        _ => None,
    });
    let aliases: Vec<String> = aliases.collect();
    !is_grouped && !aliases.is_empty() && select.projection.visit(&mut Reads(&aliases)).is_break()
}

fn returns_rows(item: &SelectItem) -> bool {
    let (SelectItem::UnnamedExpr(expr) | SelectItem::ExprWithAlias { expr, .. }) = item else { return false };
    holds(expr, |expr| match expr {
        Expr::Function(function) => {
            let name = function.name.0.last().and_then(|part| part.as_ident());
            name.is_some_and(|name| name.value.eq_ignore_ascii_case("unnest"))
        }
        _ => false,
    })
}

/// The name by which a query around finds the column.
fn shown(item: &SelectItem) -> Option<Ident> {
    match item {
        SelectItem::ExprWithAlias { alias, .. } => Some(alias.clone()),
        SelectItem::UnnamedExpr(Expr::Identifier(name)) => Some(name.clone()),
        SelectItem::UnnamedExpr(Expr::CompoundIdentifier(path)) => path.last().cloned(),
        _ => None,
    }
}

/// A position, or a column of the result by its bare name.
fn names_result(expr: &Expr, shown: &[Ident]) -> bool {
    match expr {
        Expr::Value(value) => matches!(value.value, Value::Number(..)),
        Expr::Identifier(name) => shown.iter().any(|shown| folded(shown) == folded(name)),
        _ => false,
    }
}

/// `SELECT columns FROM (…) AS sets`
fn outer(columns: &[Ident]) -> Option<Select> {
    let template = format!("SELECT 1 FROM (SELECT 1) AS \"{LIST}\"");
    let Some(Statement::Query(query)) = Parser::parse_sql(&PostgreSqlDialect {}, &template).ok()?.pop() else {
        return None;
    };
    let SetExpr::Select(mut select) = *query.body else { return None };
    select.projection = columns.iter().map(|name| SelectItem::UnnamedExpr(Expr::Identifier(name.clone()))).collect();
    Some(*select)
}

#[cfg(test)]
mod tests {
    use crate::dialect::parse_single;

    fn check(sql: &str, expected: &str) {
        assert_eq!(parse_single(sql).unwrap().ast.to_string().replace('\u{1}', ""), expected, "{sql}");
    }

    #[test]
    fn lists_are_those_of_a_query_in_from() {
        check(
            "SELECT unnest(a) AS x, b FROM t ORDER BY t.id DESC, x LIMIT 2",
            "SELECT x, b FROM (SELECT unnest(a) AS x, b, t.id AS \"list0\" FROM t) AS \"list\" \
             ORDER BY \"list0\" DESC, x LIMIT 2",
        );
        check(
            "SELECT unnest(a) AS x, t.b + c AS b FROM t",
            "SELECT \"list_0\" AS x, \"list_1\" AS b FROM (SELECT unnest(a) AS \"list_0\", t.b + c AS \"list_1\" FROM t) AS \"list\"",
        );
        check(
            "SELECT a FROM t ORDER BY (SELECT max(c) AS max FROM u WHERE u.b = t.b), a",
            "SELECT a FROM (SELECT a, (SELECT max(c) AS max FROM u WHERE u.b = t.b) AS \"list0\" FROM t) AS \"list\" ORDER BY \"list0\", a",
        );
        let same = "SELECT unnest(a) AS x, b FROM t ORDER BY 1, b";
        check(same, same);
        let plain = "SELECT a AS x FROM t ORDER BY t.id";
        check(plain, plain);
        let inner = "SELECT EXISTS (SELECT unnest(b) AS u) AS x FROM t ORDER BY t.id";
        check(inner, inner);
    }
}
