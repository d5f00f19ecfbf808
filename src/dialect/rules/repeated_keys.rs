//! Keys of ORDER BY in aggregates and windows that sort nothing: `array_agg(a ORDER BY b, 'x', b)` → `array_agg(a ORDER BY b)`.
//!
//! Blocked by: DataFusion computes an aggregate by each key once, fails where it comes again, and takes numbers for positions.
//! Remove when it takes the list as it is.

use datafusion::sql::sqlparser::ast::{
    Expr, FunctionArgumentClause, FunctionArguments, OrderByExpr, Value, WindowType,
};

use super::Rule;

pub struct Rewriter;

impl Rule for Rewriter {
    fn pre_visit_expr(&mut self, expr: &mut Expr) {
        let Expr::Function(function) = expr else { return };
        if let FunctionArguments::List(list) = &mut function.args {
            for clause in &mut list.clauses {
                if let FunctionArgumentClause::OrderBy(keys) = clause {
                    keys.retain(|key| !is_constant(&key.expr));
                    once_each(keys, |key| key.expr.clone());
                }
            }
            list.clauses.retain(|clause| !matches!(clause, FunctionArgumentClause::OrderBy(keys) if keys.is_empty()));
        }
        if let Some(WindowType::WindowSpec(window)) = &mut function.over {
            once_each(&mut window.order_by, |key| key.expr.clone());
        }
    }
}

/// Leaves each key where it comes first: by what comes again nothing is sorted any more.
pub(super) fn once_each(keys: &mut Vec<OrderByExpr>, of: impl Fn(&OrderByExpr) -> Expr) {
    let mut known: Vec<Expr> = Vec::new();
    keys.retain(|key| {
        let key = of(key);
        let first = !known.contains(&key);
        if first {
            known.push(key);
        }
        first
    });
}

fn is_constant(expr: &Expr) -> bool {
    matches!(expr, Expr::Value(value) if !matches!(value.value, Value::Placeholder(_)))
}

#[cfg(test)]
mod tests {
    use crate::dialect::parse_single;

    #[test]
    fn each_key_sorts() {
        for (sql, expected) in [
            (
                "SELECT array_agg(a ORDER BY b, 'x', b DESC, 1, c) AS x FROM t",
                "SELECT array_agg(a ORDER BY b, c) AS x FROM t",
            ),
            ("SELECT array_agg(a ORDER BY 1.5) AS x FROM t", "SELECT array_agg(a) AS x FROM t"),
            ("SELECT sum(a) OVER (ORDER BY b, c, b) AS x FROM t", "SELECT sum(a) OVER (ORDER BY b, c) AS x FROM t"),
        ] {
            assert_eq!(parse_single(sql).unwrap().ast.to_string(), expected);
        }
    }
}
