//! `LATERAL (SELECT d.title)`, `(SELECT json_agg(t) FROM (SELECT e.name, d.title FROM e) t)`: a column of a query around is
//! given its name.
//!
//! Blocked by: DataFusion calls it `outer_ref(d.title)`. Remove when it does not.
//!
//! Invariant: only items that have no name of their own and are columns of no relation beside them get one; `d.*` of a relation
//! around becomes its columns.

use std::collections::HashMap;
use std::ops::ControlFlow;
use std::sync::Arc;

use datafusion::common::TableReference;
use datafusion::logical_expr::TableSource;
use datafusion::sql::sqlparser::ast::{
    Expr, Ident, Query, Select, SelectItem, SelectItemQualifiedWildcardKind, Statement, VisitMut, VisitorMut,
};

use super::known_relations::{Known, Relation};
use crate::dialect::folded;

/// Names such columns.
pub(super) fn name(statement: &mut Statement, tables: &HashMap<TableReference, Arc<dyn TableSource>>) {
    let _ = VisitMut::visit(statement, &mut Namer { known: Known::new(tables), around: Vec::new() });
}

struct Namer<'a> {
    known: Known<'a>,
    /// The relations of each SELECT around the place.
    around: Vec<Vec<Relation>>,
}

impl Namer<'_> {
    /// The relation around that is nearest of those that go by the name, where none beside does.
    fn outer(&self, own: &[Relation], name: &str) -> Option<&Relation> {
        if own.iter().any(|relation| relation.name == name) {
            return None;
        }
        self.around.iter().rev().flatten().find(|relation| relation.name == name)
    }

    /// The name of an item that is a column of a relation around.
    fn column(&self, own: &[Relation], all_known: bool, item: &SelectItem) -> Option<String> {
        match item {
            SelectItem::UnnamedExpr(Expr::CompoundIdentifier(path)) => {
                let [.., relation, column] = path.as_slice() else { return None };
                self.outer(own, &folded(relation)).map(|_| folded(column))
            }
            SelectItem::UnnamedExpr(Expr::Identifier(column)) if all_known => {
                let column = folded(column);
                let is_own = own.iter().any(|relation| relation.has(&column));
                let is_outer = self.around.iter().flatten().any(|relation| relation.has(&column));
                (is_outer && !is_own).then_some(column)
            }
            _ => None,
        }
    }

    /// The columns that `relation.*` stands for, where the relation is one around.
    fn columns(&self, own: &[Relation], item: &SelectItem) -> Option<Vec<SelectItem>> {
        let SelectItem::QualifiedWildcard(SelectItemQualifiedWildcardKind::ObjectName(name), options) = item else {
            return None;
        };
        let relation = self.outer(own, &name.0.last().and_then(|part| part.as_ident()).map(folded)?)?;
        if *options != Default::default() {
            return None;
        }
        let qualifier = Ident::with_quote('"', relation.name.clone());
        let columns = relation.columns.as_ref()?.iter().map(|column| {
            let column = Ident::with_quote('"', column.clone());
            SelectItem::ExprWithAlias {
                expr: Expr::CompoundIdentifier(vec![qualifier.clone(), column.clone()]),
                alias: column,
            }
        });
        Some(columns.collect())
    }
}

impl VisitorMut for Namer<'_> {
    type Break = ();

    fn pre_visit_query(&mut self, query: &mut Query) -> ControlFlow<()> {
        self.known.enter_all(query);
        ControlFlow::Continue(())
    }

    fn post_visit_query(&mut self, _query: &mut Query) -> ControlFlow<()> {
        self.known.leave();
        ControlFlow::Continue(())
    }

    fn pre_visit_select(&mut self, select: &mut Select) -> ControlFlow<()> {
        let own = self.known.relations(select);
        if !self.around.is_empty() {
            let factors = select.from.iter().map(|from| 1 + from.joins.len()).sum::<usize>();
            let all_known = own.len() == factors && own.iter().all(|relation| relation.columns.is_some());
            let mut items = Vec::with_capacity(select.projection.len());
            for item in std::mem::take(&mut select.projection) {
                match (self.columns(&own, &item), self.column(&own, all_known, &item), item) {
                    (Some(columns), ..) => items.extend(columns),
                    (None, Some(name), SelectItem::UnnamedExpr(expr)) => {
                        items.push(SelectItem::ExprWithAlias { expr, alias: Ident::with_quote('"', name) });
                    }
                    (.., item) => items.push(item),
                }
            }
            select.projection = items;
        }
        self.around.push(own);
        ControlFlow::Continue(())
    }

    fn post_visit_select(&mut self, _select: &mut Select) -> ControlFlow<()> {
        self.around.pop();
        ControlFlow::Continue(())
    }
}
