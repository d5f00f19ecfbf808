//! `VALUES ($1), (gen_random_uuid())` → `SELECT $1 UNION ALL SELECT gen_random_uuid()`.
//!
//! Blocked by: DataFusion refuses lists in which a value has more to say of its type than another (`uuid`, `varchar`). Remove
//! when it leaves that to whoever brings the rows to one type.

use std::ops::ControlFlow;

use datafusion::error::DataFusionError;
use datafusion::sql::sqlparser::ast::{
    Expr, Ident, Parens, Query, Select, SelectItem, SetExpr, SetOperator, SetQuantifier, Statement, VisitMut,
    VisitorMut,
};
use datafusion::sql::sqlparser::dialect::PostgreSqlDialect;
use datafusion::sql::sqlparser::parser::Parser;

/// More rows than these stay a list: queries are nested for each.
const ROWS_MAX: usize = 200;

/// Whether it is what DataFusion says of such a list.
pub(in crate::engine) fn is_refusal(error: &DataFusionError) -> bool {
    error.to_string().contains("Inconsistent metadata across values list")
}

/// The statement with queries in place of lists; `None` where it has no list of several rows.
pub(in crate::engine) fn apart(statement: &Statement) -> Option<Statement> {
    let select = Parser::parse_sql(&PostgreSqlDialect {}, "SELECT 0").ok()?.pop()?;
    let Statement::Query(query) = select else { return None };
    let SetExpr::Select(select) = *query.body else { return None };
    let mut lists = Lists { select: *select, changed: false };
    let mut statement = statement.clone();
    let _ = statement.visit(&mut lists);
    lists.changed.then_some(statement)
}

struct Lists {
    /// One that selects something else.
    select: Select,
    changed: bool,
}

impl VisitorMut for Lists {
    type Break = ();

    fn pre_visit_query(&mut self, query: &mut Query) -> ControlFlow<()> {
        self.body(&mut query.body);
        ControlFlow::Continue(())
    }
}

impl Lists {
    fn body(&mut self, body: &mut SetExpr) {
        match body {
            SetExpr::SetOperation { left, right, .. } => {
                self.body(left);
                self.body(right);
            }
            SetExpr::Values(values) if (2..=ROWS_MAX).contains(&values.rows.len()) => {
                let rows = std::mem::take(&mut values.rows).into_iter().map(|row| self.query(row));
                let united = rows.reduce(|left, right| SetExpr::SetOperation {
                    op: SetOperator::Union,
                    set_quantifier: SetQuantifier::All,
                    left: Box::new(left),
                    right: Box::new(right),
                });
                if let Some(united) = united {
                    *body = united;
                    self.changed = true;
                }
            }
            _ => {}
        }
    }

    fn query(&self, row: Parens<Vec<Expr>>) -> SetExpr {
        let named = |(nth, expr)| SelectItem::ExprWithAlias { expr, alias: Ident::new(format!("column{}", nth + 1)) };
        let projection = row.content.into_iter().enumerate().map(named).collect();
        SetExpr::Select(Box::new(Select { projection, ..self.select.clone() }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_of_several_rows_become_queries() {
        let apart = |sql: &str| {
            let statement = Parser::parse_sql(&PostgreSqlDialect {}, sql).unwrap().remove(0);
            apart(&statement).map(|statement| statement.to_string())
        };
        let expected =
            "INSERT INTO t (a, b) SELECT $1 AS column1, 2 AS column2 UNION ALL SELECT f() AS column1, 3 AS column2";
        assert_eq!(apart("insert into t (a, b) values ($1, 2), (f(), 3)").as_deref(), Some(expected));
        assert_eq!(apart("insert into t values (1)"), None);
    }
}
