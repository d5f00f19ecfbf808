//! `SELECT a, sum(b) AS s … HAVING s > 1`: names in HAVING are those of FROM's columns, never of the result's.
//!
//! Blocked by: DataFusion looks for a name in HAVING among the result's columns, and there first. Remove when it does not.

use std::collections::{HashMap, HashSet};
use std::ops::ControlFlow;
use std::sync::Arc;

use datafusion::common::TableReference;
use datafusion::logical_expr::TableSource;
use datafusion::sql::sqlparser::ast::{
    Expr, Ident, Query, Select, SelectItem, SetExpr, Statement, VisitMut, VisitorMut,
};

use super::known_relations::{Known, Relation};
use crate::dialect::folded;

/// Says which relation's column is meant, where a column of the result has the same name.
///
/// # Errors
/// The name, where it is no relation's column.
pub(in crate::engine) fn settle(
    statement: &mut Statement,
    tables: &HashMap<TableReference, Arc<dyn TableSource>>,
) -> Result<(), Ident> {
    let mut settler = Settler { known: Known::new(tables), depth: 0 };
    statement.visit(&mut settler).break_value().map_or(Ok(()), Err)
}

struct Settler<'a> {
    known: Known<'a>,
    /// How many queries the place is in: what is a name of none here may be one of a query around.
    depth: usize,
}

impl VisitorMut for Settler<'_> {
    type Break = Ident;

    fn pre_visit_query(&mut self, query: &mut Query) -> ControlFlow<Ident> {
        self.depth += 1;
        self.known.enter_all(query);
        match query.body.as_mut() {
            SetExpr::Select(select) if select.having.is_some() => self.select(select),
            _ => ControlFlow::Continue(()),
        }
    }

    fn post_visit_query(&mut self, _query: &mut Query) -> ControlFlow<Ident> {
        self.depth -= 1;
        self.known.leave();
        ControlFlow::Continue(())
    }
}

impl Settler<'_> {
    fn select(&self, select: &mut Select) -> ControlFlow<Ident> {
        let aliases: HashSet<String> = select.projection.iter().filter_map(alias).collect();
        if aliases.is_empty() {
            return ControlFlow::Continue(());
        }
        let relations = self.known.relations(select);
        let count: usize = select.from.iter().map(|from| 1 + from.joins.len()).sum();
        let all_known = relations.len() == count && relations.iter().all(|relation| relation.columns.is_some());
        let is_all = all_known && self.depth == 1;
        let mut names = Names { aliases, relations, is_all, queries: 0 };
        select.having.visit(&mut names)
    }
}

/// What a column of the result is called, where that is not what it is.
fn alias(item: &SelectItem) -> Option<String> {
    let SelectItem::ExprWithAlias { expr, alias } = item else { return None };
    let alias = folded(alias);
    let column = match expr {
        Expr::Identifier(name) => Some(name),
        Expr::CompoundIdentifier(path) => path.last(),
        _ => None,
    };
    column.is_none_or(|name| folded(name) != alias).then_some(alias)
}

struct Names {
    aliases: HashSet<String>,
    relations: Vec<Relation>,
    /// Whether a name must be one of the relations'.
    is_all: bool,
    queries: usize,
}

impl VisitorMut for Names {
    type Break = Ident;

    fn pre_visit_query(&mut self, _query: &mut Query) -> ControlFlow<Ident> {
        self.queries += 1;
        ControlFlow::Continue(())
    }

    fn post_visit_query(&mut self, _query: &mut Query) -> ControlFlow<Ident> {
        self.queries -= 1;
        ControlFlow::Continue(())
    }

    fn pre_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<Ident> {
        let Expr::Identifier(name) = expr else { return ControlFlow::Continue(()) };
        let column = folded(name);
        if self.queries > 0 || !self.aliases.contains(&column) {
            return ControlFlow::Continue(());
        }
        let mut owners = self.relations.iter().filter(|relation| relation.has(&column));
        match (owners.next(), owners.next()) {
            (Some(owner), None) => {
                let mut relation = Ident::with_quote('"', owner.name.clone());
                relation.span = name.span;
                *expr = Expr::CompoundIdentifier(vec![relation, name.clone()]);
                ControlFlow::Continue(())
            }
            (None, _) if self.is_all => ControlFlow::Break(name.clone()),
            _ => ControlFlow::Continue(()),
        }
    }
}
