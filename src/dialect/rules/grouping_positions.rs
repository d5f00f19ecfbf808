//! Positions inside `ROLLUP`, `CUBE` and `GROUPING SETS`: `ROLLUP (1, 2)` → the first two columns of the list; and the group
//! of all rows: `GROUP BY ()` → `GROUP BY GROUPING SETS (())`.
//!
//! Blocked by: DataFusion takes positions of plain GROUP BY only, and no empty list. Remove when it takes these.

use datafusion::sql::sqlparser::ast::{Expr, GroupByExpr, Select, SelectItem, Value};

use super::Rule;

pub struct Rewriter;

impl Rule for Rewriter {
    fn pre_visit_select(&mut self, select: &mut Select) {
        let Select { group_by: GroupByExpr::Expressions(groups, _), projection, .. } = select else {
            return;
        };
        let written = groups.len();
        groups.retain(|group| !matches!(group, Expr::Tuple(members) if members.is_empty()));
        if groups.is_empty() && written > 0 {
            groups.push(Expr::GroupingSets(vec![Vec::new()]));
        }
        for group in groups {
            let (Expr::GroupingSets(sets) | Expr::Cube(sets) | Expr::Rollup(sets)) = group else { continue };
            for member in sets.iter_mut().flatten() {
                if let Some(column) = at_position(member, projection) {
                    *member = column;
                }
            }
        }
    }
}

/// What a number in GROUP BY or ORDER BY stands for.
pub(super) fn at_position(member: &Expr, projection: &[SelectItem]) -> Option<Expr> {
    let Expr::Value(value) = member else { return None };
    let Value::Number(digits, _) = &value.value else { return None };
    let before = projection.get(..digits.parse().ok()?)?;
    // behind a wildcard, nothing is known of positions
    let exprs = before.iter().map(|item| match item {
        SelectItem::UnnamedExpr(expr) | SelectItem::ExprWithAlias { expr, .. } => Some(expr),
        _ => None,
    });
    exprs.collect::<Option<Vec<&Expr>>>()?.last().map(|expr| (*expr).clone())
}

#[cfg(test)]
mod tests {
    use crate::dialect::parse_single;

    #[test]
    fn positions_are_columns() {
        for (sql, expected) in [
            (
                "SELECT a, b + c AS d FROM t GROUP BY ROLLUP (1, 2)",
                "SELECT a, b + c AS d FROM t GROUP BY ROLLUP (a, b + c)",
            ),
            (
                "SELECT a, b FROM t GROUP BY GROUPING SETS ((1, 2), ())",
                "SELECT a, b FROM t GROUP BY GROUPING SETS ((a, b), ())",
            ),
            ("SELECT b AS x FROM t GROUP BY ()", "SELECT b AS x FROM t GROUP BY GROUPING SETS (())"),
            ("SELECT a FROM t GROUP BY a, ()", "SELECT a FROM t GROUP BY a"),
        ] {
            assert_eq!(parse_single(sql).unwrap().ast.to_string(), expected);
        }
    }
}
