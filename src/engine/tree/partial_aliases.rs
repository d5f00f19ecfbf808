//! Names for the first columns of a relation only: `FROM t AS x (a)`, `FROM (VALUES (1, 2)) AS x (a)`, `WITH x (a) AS (…)`.
//!
//! The list gets the names that the other columns have. Blocked by: DataFusion wants a name for each column, or none. Remove
//! when it takes fewer.
//!
//! Invariant: a list stays as it is written where the columns are not known, or none is missing.

use std::collections::HashMap;
use std::ops::ControlFlow;
use std::sync::Arc;

use datafusion::common::TableReference;
use datafusion::logical_expr::TableSource;
use datafusion::sql::sqlparser::ast::{
    Ident, Query, Select, Statement, TableAlias, TableAliasColumnDef, TableFactor, VisitMut, VisitorMut,
};

use super::known_relations::Known;
use crate::dialect::{self, folded};
use crate::error::{Error, ErrorKind, Result};

/// Completes such lists. An error where one has more names than there are columns.
pub(super) fn complete(
    statement: &mut Statement,
    tables: &HashMap<TableReference, Arc<dyn TableSource>>,
) -> Result<()> {
    match statement.visit(&mut Completer { known: Known::new(tables) }) {
        ControlFlow::Break(error) => Err(error),
        ControlFlow::Continue(()) => Ok(()),
    }
}

struct Completer<'a> {
    known: Known<'a>,
}

impl VisitorMut for Completer<'_> {
    type Break = Error;

    fn pre_visit_query(&mut self, query: &mut Query) -> ControlFlow<Error> {
        self.known.begin();
        for cte in query.with.iter_mut().flat_map(|with| &mut with.cte_tables) {
            if !cte.alias.columns.is_empty() {
                add("WITH query", &mut cte.alias, self.known.query_columns(&cte.query))?;
            }
            self.known.enter(cte);
        }
        ControlFlow::Continue(())
    }

    fn post_visit_query(&mut self, _query: &mut Query) -> ControlFlow<Error> {
        self.known.leave();
        ControlFlow::Continue(())
    }

    fn pre_visit_select(&mut self, select: &mut Select) -> ControlFlow<Error> {
        let relations = select.from.iter_mut().flat_map(|from| {
            std::iter::once(&mut from.relation).chain(from.joins.iter_mut().map(|join| &mut join.relation))
        });
        for factor in relations {
            let columns = match alias_of(factor) {
                Some(alias) if !alias.columns.is_empty() => self.known.relation(factor).and_then(|found| found.columns),
                _ => None,
            };
            if let Some(alias) = alias_of(factor) {
                add("table", alias, columns)?;
            }
        }
        ControlFlow::Continue(())
    }
}

fn alias_of(factor: &mut TableFactor) -> Option<&mut TableAlias> {
    match factor {
        TableFactor::Table { alias, .. } | TableFactor::Derived { alias, .. } => alias.as_mut(),
        _ => None,
    }
}

fn add(kind: &str, alias: &mut TableAlias, columns: Option<Vec<String>>) -> ControlFlow<Error> {
    let Some(columns) = columns else { return ControlFlow::Continue(()) };
    let named = alias.columns.len();
    // `(a, b) IN (SELECT …)`
    if dialect::is_of_rows(&alias.name) && named != columns.len() {
        let which = if named > columns.len() { "few" } else { "many" };
        let message = format!("subquery has too {which} columns");
        return ControlFlow::Break(Error::new(ErrorKind::SyntaxError, message));
    }
    if named > columns.len() {
        let (name, known) = (folded(&alias.name), columns.len());
        let message = format!("{kind} \"{name}\" has {known} columns available but {named} columns specified");
        return ControlFlow::Break(Error::new(ErrorKind::InvalidColumnReference, message));
    }
    let missing = columns.into_iter().skip(named);
    let quoted = missing.map(|name| TableAliasColumnDef { name: Ident::with_quote('"', name), data_type: None });
    alias.columns.extend(quoted);
    ControlFlow::Continue(())
}
