//! `ctid`, `tableoid`, `xmin` and their kin: columns that every table has, and no wildcard shows.
//!
//! Where a statement names one, the relation that has it in a FROM is put in the place of another that
//! [`crate::engine::system_columns`] has opened: the table with those columns behind its own. What a wildcard stands for is written out.
//!
//! Invariant: a statement that names no such column stays as it is written.

use std::collections::{HashMap, HashSet};
use std::ops::ControlFlow;
use std::sync::Arc;

use datafusion::common::TableReference;
use datafusion::logical_expr::TableSource;
use datafusion::sql::sqlparser::ast::{
    Expr, Ident, ObjectName, Query, Select, SelectItem, SelectItemQualifiedWildcardKind, Statement, TableAlias,
    TableAliasColumnDef, TableFactor, Visit, VisitMut, Visitor, VisitorMut,
};

use super::known_relations::{Known, Relation};
use crate::dialect::folded;

/// Their names.
pub(in crate::engine) const NAMES: [&str; 6] = ["tableoid", "ctid", "xmin", "cmin", "xmax", "cmax"];

/// Those that a statement names, whatever they turn out to be.
pub(in crate::engine) fn named(statement: &Statement) -> Vec<&'static str> {
    let mut mentions = Mentions::default();
    let _ = Visit::visit(statement, &mut mentions);
    NAMES.into_iter().filter(|name| mentions.0.iter().any(|(_, mentioned)| mentioned == name)).collect()
}

/// The name that a table goes by together with its system columns.
pub(in crate::engine) fn with_system_columns(table: &TableReference) -> TableReference {
    TableReference::bare(format!("\u{1}{table}"))
}

/// Puts such relations in the place of those whose system columns are named.
pub(super) fn expand(statement: &mut Statement, tables: &HashMap<TableReference, Arc<dyn TableSource>>) {
    if !tables.keys().any(|reference| reference.table().starts_with('\u{1}')) {
        return;
    }
    let mut mentions = Mentions::default();
    let _ = Visit::visit(statement, &mut mentions);
    let mut expander = Expander { known: Known::new(tables), tables, mentions, replaced: HashSet::new() };
    let _ = VisitMut::visit(statement, &mut expander);
    let _ = VisitMut::visit(statement, &mut Unqualified(expander.replaced));
}

/// Names of system columns in a statement, each with the relation that it is said to be of.
#[derive(Default)]
struct Mentions(HashSet<(Option<String>, String)>);

impl Visitor for Mentions {
    type Break = ();

    fn pre_visit_expr(&mut self, expr: &Expr) -> ControlFlow<()> {
        let (relation, column) = match expr {
            Expr::Identifier(column) => (None, folded(column)),
            Expr::CompoundIdentifier(path) => match path.as_slice() {
                [.., relation, column] => (Some(folded(relation)), folded(column)),
                _ => return ControlFlow::Continue(()),
            },
            _ => return ControlFlow::Continue(()),
        };
        if NAMES.contains(&column.as_str()) {
            self.0.insert((relation, column));
        }
        ControlFlow::Continue(())
    }
}

struct Expander<'a> {
    known: Known<'a>,
    tables: &'a HashMap<TableReference, Arc<dyn TableSource>>,
    mentions: Mentions,
    /// The tables that are another now, by schema and name.
    replaced: HashSet<(String, String)>,
}

impl VisitorMut for Expander<'_> {
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
        let relations = self.known.relations(select);
        let wanted: HashSet<String> = relations
            .iter()
            .filter(|relation| self.is_wanted(relation, &relations))
            .map(|one| one.name.clone())
            .collect();
        if wanted.is_empty() {
            return ControlFlow::Continue(());
        }
        let Some(items) = self.written_out(select, &wanted) else { return ControlFlow::Continue(()) };
        select.projection = items;
        let factors = select.from.iter_mut().flat_map(|from| {
            std::iter::once(&mut from.relation).chain(from.joins.iter_mut().map(|join| &mut join.relation))
        });
        for factor in factors {
            if let Some(relation) = self.known.relation(factor).filter(|relation| wanted.contains(&relation.name)) {
                self.replace(factor, &relation);
            }
        }
        ControlFlow::Continue(())
    }
}

impl Expander<'_> {
    /// Whether a system column of the relation is named, and is none of the relation's own.
    fn is_wanted(&self, relation: &Relation, all: &[Relation]) -> bool {
        let is_of = |(of, column): &(Option<String>, String)| match of {
            Some(name) => *name == relation.name && !relation.has(column),
            None => !all.iter().any(|other| other.has(column)),
        };
        self.other(relation).is_some() && self.mentions.0.iter().any(is_of)
    }

    /// The table with its system columns.
    fn other(&self, relation: &Relation) -> Option<(&TableReference, &Arc<dyn TableSource>)> {
        let source = relation.source.as_ref()?;
        let (reference, _) = self.tables.iter().find(|(reference, _)| reference.to_vec() == *source)?;
        self.tables.get_key_value(&with_system_columns(reference))
    }

    /// The list with its wildcards written out; `None` where it is not known what one stands for.
    fn written_out(&self, select: &Select, wanted: &HashSet<String>) -> Option<Vec<SelectItem>> {
        let mut items = Vec::with_capacity(select.projection.len());
        for item in &select.projection {
            let stays = match item {
                SelectItem::Wildcard(_) => false,
                SelectItem::QualifiedWildcard(SelectItemQualifiedWildcardKind::ObjectName(name), _) => {
                    let relation = name.0.last().and_then(|part| part.as_ident()).map(folded);
                    !relation.is_some_and(|relation| wanted.contains(&relation))
                }
                _ => true,
            };
            if stays {
                items.push(item.clone());
                continue;
            }
            for (relation, column) in self.known.wildcard(select, item)? {
                let path = [relation, column].map(|part| Ident::with_quote('"', part));
                items.push(SelectItem::UnnamedExpr(Expr::CompoundIdentifier(path.to_vec())));
            }
        }
        Some(items)
    }

    fn replace(&mut self, factor: &mut TableFactor, relation: &Relation) {
        let Some((other, source)) = self.other(relation).map(|(other, source)| (other.clone(), source.clone())) else {
            return;
        };
        let TableFactor::Table { name, alias, .. } = factor else { return };
        let own = relation.columns.as_ref().map_or(0, Vec::len);
        let added = source.schema().fields().iter().skip(own).map(|field| field.name().clone()).collect::<Vec<_>>();
        if let ([schema, table], None) = (relation.source.as_deref().unwrap_or_default(), &alias) {
            self.replaced.insert((schema.clone(), table.clone()));
        }
        let own_name = Ident::with_quote('"', relation.name.clone());
        let renamed =
            alias.get_or_insert_with(|| TableAlias { explicit: true, name: own_name, columns: Vec::new(), at: None });
        if !renamed.columns.is_empty() {
            let quoted = |name| TableAliasColumnDef { name: Ident::with_quote('"', name), data_type: None };
            renamed.columns.extend(added.into_iter().map(quoted));
        }
        *name = ObjectName::from(vec![Ident::with_quote('"', other.table())]);
    }
}

/// `schema.table.column` → `table.column`, where the table goes by its bare name now.
struct Unqualified(HashSet<(String, String)>);

impl VisitorMut for Unqualified {
    type Break = ();

    fn pre_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
        if let Expr::CompoundIdentifier(path) = expr
            && let [schema, table, _] = path.as_slice()
            && self.0.contains(&(folded(schema), folded(table)))
        {
            path.remove(0);
        }
        ControlFlow::Continue(())
    }
}
