//! `category.id` in a subquery over a table with a column `category`: the relation around it is meant.
//!
//! Blocked by: DataFusion takes it for a member of the column, whatever that is, before it looks at the queries around. Such a
//! relation goes by another name, in the whole statement. Remove when it looks for relations first.
//!
//! Invariant: a statement in which no column has the name of a relation around it stays as it is written.

use std::collections::{BTreeSet, HashMap};
use std::ops::ControlFlow;
use std::sync::Arc;

use datafusion::common::TableReference;
use datafusion::logical_expr::TableSource;
use datafusion::sql::sqlparser::ast::{
    Expr, Ident, ObjectName, ObjectNamePart, Query, Select, SelectItem, SelectItemQualifiedWildcardKind, Statement,
    TableAlias, TableFactor, Visit, VisitMut, Visitor, VisitorMut,
};

use super::known_relations::{Known, Relation};
use crate::dialect::{folded, repeated_name};

/// Gives such relations another name.
pub(super) fn tell_apart(statement: &mut Statement, tables: &HashMap<TableReference, Arc<dyn TableSource>>) {
    let mut finder = Finder { known: Known::new(tables), around: Vec::new(), names: BTreeSet::new() };
    let _ = Visit::visit(&*statement, &mut finder);
    if !finder.names.is_empty() {
        let _ = VisitMut::visit(statement, &mut Renamer { names: finder.names });
    }
}

/// Looks for names of relations that a subquery has columns of.
struct Finder<'a> {
    known: Known<'a>,
    /// The relations of each SELECT around the place.
    around: Vec<Vec<Relation>>,
    names: BTreeSet<String>,
}

impl Visitor for Finder<'_> {
    type Break = ();

    fn pre_visit_query(&mut self, query: &Query) -> ControlFlow<()> {
        self.known.enter_all(query);
        ControlFlow::Continue(())
    }

    fn post_visit_query(&mut self, _query: &Query) -> ControlFlow<()> {
        self.known.leave();
        ControlFlow::Continue(())
    }

    fn pre_visit_select(&mut self, select: &Select) -> ControlFlow<()> {
        self.around.push(self.known.relations(select));
        ControlFlow::Continue(())
    }

    fn post_visit_select(&mut self, _select: &Select) -> ControlFlow<()> {
        self.around.pop();
        ControlFlow::Continue(())
    }

    fn pre_visit_expr(&mut self, expr: &Expr) -> ControlFlow<()> {
        if let Expr::CompoundIdentifier(path) = expr
            && let [relation, _] = path.as_slice()
            && self.around.len() > 1
        {
            let name = folded(relation);
            let is_there = |relations: &&Vec<Relation>| relations.iter().any(|relation| relation.name == name);
            let within = self.around.iter().rev().take_while(|relations| !is_there(relations));
            let (mut depth, mut hides) = (0, false);
            for relations in within {
                depth += 1;
                hides |= relations.iter().any(|relation| relation.has(&name));
            }
            if hides && depth < self.around.len() {
                self.names.insert(name);
            }
        }
        ControlFlow::Continue(())
    }
}

struct Renamer {
    names: BTreeSet<String>,
}

impl Renamer {
    fn renamed(&self, name: &Ident) -> Option<Ident> {
        let name = folded(name);
        self.names.contains(&name).then(|| Ident::with_quote('"', repeated_name(&name, 0)))
    }

    /// `relation.column`, `schema.relation.column`.
    fn path(&self, path: &mut Vec<Ident>) {
        if path.len() < 2 {
            return;
        }
        match (self.renamed(&path[0]), path.get(1).and_then(|second| self.renamed(second))) {
            (Some(first), _) => path[0] = first,
            (None, Some(second)) if path.len() > 2 => {
                path.remove(0);
                path[0] = second;
            }
            _ => {}
        }
    }
}

impl VisitorMut for Renamer {
    type Break = ();

    fn pre_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
        if let Expr::CompoundIdentifier(path) = expr {
            self.path(path);
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_query(&mut self, query: &mut Query) -> ControlFlow<()> {
        for lock in query.locks.iter_mut().filter_map(|lock| lock.of.as_mut()) {
            if let Some(renamed) = lock.0.last().and_then(|part| part.as_ident()).and_then(|last| self.renamed(last)) {
                *lock = ObjectName(vec![ObjectNamePart::Identifier(renamed)]);
            }
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_select(&mut self, select: &mut Select) -> ControlFlow<()> {
        for item in &mut select.projection {
            if let SelectItem::QualifiedWildcard(SelectItemQualifiedWildcardKind::ObjectName(name), _) = item
                && let Some(renamed) =
                    name.0.last().and_then(|part| part.as_ident()).and_then(|last| self.renamed(last))
            {
                *name = ObjectName(vec![ObjectNamePart::Identifier(renamed)]);
            }
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_table_factor(&mut self, factor: &mut TableFactor) -> ControlFlow<()> {
        match factor {
            TableFactor::Table { name, alias: alias @ None, args: None, .. } => {
                if let Some(renamed) =
                    name.0.last().and_then(|part| part.as_ident()).and_then(|last| self.renamed(last))
                {
                    *alias = Some(TableAlias { explicit: true, name: renamed, columns: Vec::new(), at: None });
                }
            }
            TableFactor::Table { alias: Some(alias), .. }
            | TableFactor::Derived { alias: Some(alias), .. }
            | TableFactor::Function { alias: Some(alias), .. }
            | TableFactor::UNNEST { alias: Some(alias), .. }
            | TableFactor::NestedJoin { alias: Some(alias), .. } => {
                if let Some(renamed) = self.renamed(&alias.name) {
                    alias.name = renamed;
                }
            }
            _ => {}
        }
        ControlFlow::Continue(())
    }
}
