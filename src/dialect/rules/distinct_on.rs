//! `DISTINCT ON` by positions, and in another order than ORDER BY: `SELECT DISTINCT ON (2, 1) a, b … ORDER BY a, 2, 1` →
//! `SELECT DISTINCT ON (a, b) a, b … ORDER BY a, 2`.
//!
//! Keys of ORDER BY that come again are left out: by them nothing is sorted any more. Blocked by: DataFusion asks for the same
//! order, knows no positions and computes first values by each key once. Remove when it takes both lists as they come.

use datafusion::sql::sqlparser::ast::{Distinct, Expr, OrderByKind, Query, SelectItem, SetExpr};

use super::Rule;
use super::grouping_positions::at_position;
use super::repeated_keys::once_each;
use crate::dialect::folded;

pub struct Rewriter;

impl Rule for Rewriter {
    fn pre_visit_query(&mut self, query: &mut Query) {
        let SetExpr::Select(select) = query.body.as_mut() else { return };
        let Some(Distinct::On(on)) = &mut select.distinct else { return };
        for expr in on.iter_mut() {
            if let Some(column) = at_position(expr, &select.projection) {
                *expr = column;
            }
        }
        let by = match query.order_by.as_mut().map(|order_by| &mut order_by.kind) {
            Some(OrderByKind::Expressions(by)) => by,
            _ => return,
        };
        once_each(by, |by| computed(&by.expr, &select.projection));
        let keys: Vec<Expr> = by.iter().map(|by| computed(&by.expr, &select.projection)).collect();
        let place = |expr: &Expr| {
            let key = computed(expr, &select.projection);
            keys.iter().position(|other| *other == key).unwrap_or(keys.len())
        };
        on.sort_by_key(place);
    }
}

/// What a key of ORDER BY or DISTINCT ON is: the list's column that is at its position, or has its name, or itself.
fn computed(key: &Expr, projection: &[SelectItem]) -> Expr {
    if let Some(column) = at_position(key, projection) {
        return column;
    }
    let named = |name| {
        projection.iter().find_map(|item| match item {
            SelectItem::ExprWithAlias { expr, alias } if folded(alias) == name => Some(expr.clone()),
            _ => None,
        })
    };
    match key {
        Expr::Identifier(name) => named(folded(name)).unwrap_or_else(|| key.clone()),
        _ => key.clone(),
    }
}

#[cfg(test)]
mod tests {
    use crate::dialect::parse_single;

    #[test]
    fn both_lists_are_in_one_order() {
        for (sql, expected) in [
            (
                "SELECT DISTINCT ON (2, 1) a, b, c FROM t ORDER BY a, 2, 1, c",
                "SELECT DISTINCT ON (a, b) a, b, c FROM t ORDER BY a, 2, c",
            ),
            (
                "SELECT DISTINCT ON (n, a) a, b AS n FROM t ORDER BY a, b, n",
                "SELECT DISTINCT ON (a, n) a, b AS n FROM t ORDER BY a, b",
            ),
            ("SELECT DISTINCT ON (a, b) * FROM t ORDER BY b", "SELECT DISTINCT ON (b, a) * FROM t ORDER BY b"),
            ("SELECT DISTINCT ON (a) a FROM t ORDER BY c, c", "SELECT DISTINCT ON (a) a FROM t ORDER BY c"),
        ] {
            assert_eq!(parse_single(sql).unwrap().ast.to_string(), expected);
        }
    }
}
