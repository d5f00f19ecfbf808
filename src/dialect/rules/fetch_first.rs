//! `FETCH FIRST n ROWS WITH TIES`: rows that are ordered before the n-th, or as it is. With ONLY it is a LIMIT already
//! (`dialect::spellings`).
//!
//! Blocked by: DataFusion plans no FETCH. Remove when it does.

use datafusion::sql::sqlparser::ast::{
    BinaryOperator, Expr, Fetch, LimitClause, OrderBy, OrderByExpr, OrderByKind, Query, Select, SelectItem, SetExpr,
    Value, WindowSpec, WindowType,
};

use super::grouping_positions::at_position;
use super::{Rule, call};
use crate::dialect::folded;

pub struct Rewriter;

impl Rule for Rewriter {
    fn pre_visit_query(&mut self, query: &mut Query) {
        let Some(fetch) = query.fetch.take_if(|fetch| fetch.with_ties && !fetch.percent) else { return };
        let offset = match &query.limit_clause {
            Some(LimitClause::LimitOffset { offset: Some(offset), .. }) => Some(offset.value.clone()),
            _ => None,
        };
        match (query.body.as_mut(), &query.order_by) {
            (SetExpr::Select(select), Some(OrderBy { kind: OrderByKind::Expressions(order), .. }))
                if select.distinct.is_none()
                    && select.qualify.is_none()
                    && order.iter().all(|key| !matches!(meant(&key.expr, select), Expr::Value(_))) =>
            {
                select.qualify = Some(among_first(select, order, quantity(fetch), offset));
            }
            // refused while planning
            _ => query.fetch = Some(fetch),
        }
    }
}

fn quantity(fetch: Fetch) -> Expr {
    fetch.quantity.unwrap_or_else(|| Expr::Value(Value::Number("1".to_owned(), false).with_empty_span()))
}

/// `rank() OVER (ORDER BY …) <= n`, offset included: the rows before it are counted too, and skipped later.
fn among_first(select: &Select, order: &[OrderByExpr], wanted: Expr, offset: Option<Expr>) -> Expr {
    let order_by = order.iter().map(|key| OrderByExpr { expr: meant(&key.expr, select), ..key.clone() }).collect();
    let mut rank = call("rank", Vec::new());
    if let Expr::Function(function) = &mut rank {
        let spec = WindowSpec { window_name: None, partition_by: Vec::new(), order_by, window_frame: None };
        function.over = Some(WindowType::WindowSpec(spec));
    }
    let last = match offset {
        Some(offset) => Expr::BinaryOp { left: wanted.into(), op: BinaryOperator::Plus, right: offset.into() },
        None => wanted,
    };
    Expr::BinaryOp { left: rank.into(), op: BinaryOperator::LtEq, right: last.into() }
}

/// What a name or a position in ORDER BY stands for: a window does not see the result's columns.
fn meant(key: &Expr, select: &Select) -> Expr {
    if let Some(expr) = at_position(key, &select.projection) {
        return expr;
    }
    let Expr::Identifier(name) = key else { return key.clone() };
    let named = |item: &SelectItem| match item {
        SelectItem::ExprWithAlias { expr, alias } if folded(alias) == folded(name) => Some(expr.clone()),
        _ => None,
    };
    select.projection.iter().find_map(named).unwrap_or_else(|| key.clone())
}

#[cfg(test)]
mod tests {
    use crate::dialect::parse_single;

    fn check(sql: &str, expected: &str) {
        assert_eq!(parse_single(sql).unwrap().ast.to_string(), expected);
    }

    #[test]
    fn it_is_a_limit() {
        check("SELECT a FROM t FETCH FIRST 2 ROWS ONLY", "SELECT a FROM t LIMIT 2");
        check("SELECT a FROM t OFFSET 3 ROWS FETCH NEXT ROW ONLY", "SELECT a FROM t LIMIT 1 OFFSET 3 ROWS");
    }

    #[test]
    fn with_ties_it_is_a_rank() {
        check(
            "SELECT a AS X FROM t ORDER BY x DESC OFFSET 1 FETCH FIRST 2 ROWS WITH TIES",
            "SELECT a AS X FROM t QUALIFY CAST(rank() OVER (ORDER BY a DESC) AS BIGINT) <= CAST(2 AS INTEGER) + 1 ORDER BY x DESC OFFSET 1",
        );
    }
}
