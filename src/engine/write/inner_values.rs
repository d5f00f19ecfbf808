//! `INSERT INTO t SELECT … FROM (VALUES …) v (…)`: rows that go through a query before they go to the table.
//!
//! Blocked by: DataFusion takes every VALUES of an INSERT for rows of the table, and has them in its columns' types. Remove
//! when it asks where they stand.

use std::collections::HashMap;
use std::ops::ControlFlow;
use std::sync::Arc;

use datafusion::common::TableReference;
use datafusion::datasource::{ViewTable, provider_as_source};
use datafusion::logical_expr::TableSource;
use datafusion::sql::sqlparser::ast::{self, Visit, VisitMut, Visitor, VisitorMut};

use crate::dialect::{self, Statement};
use crate::engine::planner::Planner;
use crate::error::{Error, Result};

/// What such rows are called in the query. No client can write the name.
const ROWS: &str = "\u{1}rows";

/// The query with names for the constant rows in it, and what the names stand for.
pub(super) async fn named(
    planner: &Planner,
    statement: &Statement,
    source: &ast::Query,
) -> Result<(ast::Query, HashMap<TableReference, Arc<dyn TableSource>>)> {
    let (mut source, mut found) = (source.clone(), Found::default());
    if matches!(source.body.as_ref(), ast::SetExpr::Values(_)) {
        return Ok((source, HashMap::new()));
    }
    if let ControlFlow::Break(error) = VisitMut::visit(&mut source, &mut found) {
        return Err(error);
    }
    let mut known: HashMap<TableReference, Arc<dyn TableSource>> = HashMap::new();
    for (number, rows) in found.rows.into_iter().enumerate() {
        let rows = Statement { ast: ast::Statement::Query(Box::new(rows)), ..statement.clone() };
        let view = ViewTable::new(planner.plan(&rows).await?, None);
        known.insert(TableReference::bare(name(number)), provider_as_source(Arc::new(view)));
    }
    Ok((source, known))
}

fn name(number: usize) -> String {
    format!("{ROWS}{number}")
}

fn all_of(name: &str) -> Result<ast::Query> {
    match dialect::parse_single(&format!("SELECT * FROM \"{name}\""))?.ast {
        ast::Statement::Query(query) => Ok(*query),
        _ => Err(Error::internal("a SELECT was parsed as something else")),
    }
}

#[derive(Default)]
struct Found {
    rows: Vec<ast::Query>,
}

impl VisitorMut for Found {
    type Break = Error;

    fn pre_visit_query(&mut self, query: &mut ast::Query) -> ControlFlow<Error> {
        self.take_from(&mut query.body)
    }
}

impl Found {
    fn take_from(&mut self, body: &mut ast::SetExpr) -> ControlFlow<Error> {
        match body {
            ast::SetExpr::SetOperation { left, right, .. } => {
                self.take_from(left)?;
                self.take_from(right)
            }
            ast::SetExpr::Values(_) if is_constant(body) => match all_of(&name(self.rows.len())) {
                Ok(named) => {
                    let rows = std::mem::replace(body, *named.body.clone());
                    self.rows.push(ast::Query { body: Box::new(rows), ..named });
                    ControlFlow::Continue(())
                }
                Err(error) => ControlFlow::Break(error),
            },
            _ => ControlFlow::Continue(()),
        }
    }
}

/// Whether nothing around the rows has a say in them.
fn is_constant(rows: &ast::SetExpr) -> bool {
    struct Names;
    impl Visitor for Names {
        type Break = ();
        fn pre_visit_expr(&mut self, expr: &ast::Expr) -> ControlFlow<()> {
            match expr {
                ast::Expr::Identifier(_) | ast::Expr::CompoundIdentifier(_) => ControlFlow::Break(()),
                ast::Expr::Subquery(_) | ast::Expr::Exists { .. } | ast::Expr::InSubquery { .. } => {
                    ControlFlow::Break(())
                }
                _ => ControlFlow::Continue(()),
            }
        }
    }
    rows.visit(&mut Names).is_continue()
}
