//! `SELECT c.id, c.name, count(*) … GROUP BY c.id`: what a primary key stands for may be read where only the key is grouped by.
//!
//! The columns that are read are put into GROUP BY. Where a key that nothing enforces stands there twice, there are as many
//! groups as there are different rows of it.
//!
//! Blocked by: DataFusion believes in keys wherever it knows of them, and would leave out rows that are there. Remove when
//! keys are enforced.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::ops::ControlFlow;
use std::sync::Arc;

use datafusion::common::TableReference;
use datafusion::logical_expr::TableSource;
use datafusion::sql::sqlparser::ast::{
    Distinct, Expr, GroupByExpr, Ident, OrderBy, OrderByKind, Query, Select, SelectItem,
    SelectItemQualifiedWildcardKind, SetExpr, Statement, Value, Visit, VisitMut, Visitor, VisitorMut,
};

use super::known_relations::{Known, Relation};
use crate::dialect::{folded, is_aggregate};

/// The primary key of a table, by its name as it is written.
pub(in crate::engine) type KeyOf<'a> = &'a dyn Fn(&[String]) -> Vec<String>;

/// Completes GROUP BY wherever a primary key is in it.
pub(super) fn expand(statement: &mut Statement, tables: &HashMap<TableReference, Arc<dyn TableSource>>, key_of: KeyOf) {
    let _ = statement.visit(&mut Expander { known: Known::new(tables), key_of });
}

struct Expander<'a> {
    known: Known<'a>,
    key_of: KeyOf<'a>,
}

impl VisitorMut for Expander<'_> {
    type Break = ();

    fn pre_visit_query(&mut self, query: &mut Query) -> ControlFlow<()> {
        self.known.enter_all(query);
        let order_by = query.order_by.clone();
        self.body(&mut query.body, order_by.as_ref());
        ControlFlow::Continue(())
    }

    fn post_visit_query(&mut self, _query: &mut Query) -> ControlFlow<()> {
        self.known.leave();
        ControlFlow::Continue(())
    }
}

impl Expander<'_> {
    fn body(&self, body: &mut SetExpr, order_by: Option<&OrderBy>) {
        match body {
            SetExpr::Select(select) => self.select(select, order_by),
            SetExpr::SetOperation { left, right, .. } => {
                self.body(left, None);
                self.body(right, None);
            }
            _ => {}
        }
    }

    fn select(&self, select: &mut Select, order_by: Option<&OrderBy>) {
        let GroupByExpr::Expressions(groups, _) = &select.group_by else { return };
        let has_sets = |expr: &Expr| matches!(expr, Expr::GroupingSets(_) | Expr::Cube(_) | Expr::Rollup(_));
        if groups.is_empty() || groups.iter().any(has_sets) {
            return;
        }
        let relations = self.known.relations(select);
        let grouped: HashSet<Column> = groups.iter().filter_map(|group| of_group(group, &relations, select)).collect();
        let mut found = Read { relations: &relations, columns: BTreeSet::new(), in_aggregates: 0, in_queries: 0 };
        found.read(select, order_by);
        let mut keys: HashMap<usize, bool> = HashMap::new();
        let mut is_keyed = |relation: usize| {
            *keys.entry(relation).or_insert_with(|| {
                let source = relations.get(relation).and_then(|relation| relation.source.as_ref());
                let key = source.map(|source| (self.key_of)(source)).unwrap_or_default();
                !key.is_empty() && key.into_iter().all(|column| grouped.contains(&(relation, column)))
            })
        };
        let missing = found.columns.into_iter().filter(|column| !grouped.contains(column) && is_keyed(column.0));
        let missing: Vec<Expr> = missing
            .filter_map(|(relation, column)| {
                let path = [relations.get(relation)?.name.clone(), column];
                Some(Expr::CompoundIdentifier(path.map(|part| Ident::with_quote('"', part)).to_vec()))
            })
            .collect();
        // what is computed from them is the same in all rows of a group
        let computed: Vec<bool> = groups
            .iter()
            .map(|group| {
                of_group(group, &relations, select).is_none()
                    && item_of(group, select).is_some_and(|item| is_of(item, &relations, &mut is_keyed))
            })
            .collect();
        if let GroupByExpr::Expressions(groups, _) = &mut select.group_by {
            let mut computed = computed.into_iter();
            groups.retain(|_| !computed.next().unwrap_or_default());
            groups.extend(missing);
        }
    }
}

/// Whether the expression is computed from columns of such relations alone.
fn is_of(expr: &Expr, relations: &[Relation], is_such: &mut dyn FnMut(usize) -> bool) -> bool {
    struct Columns<'a> {
        relations: &'a [Relation],
        is_such: &'a mut dyn FnMut(usize) -> bool,
        found: bool,
    }
    impl Visitor for Columns<'_> {
        type Break = ();
        fn pre_visit_query(&mut self, _query: &Query) -> ControlFlow<()> {
            ControlFlow::Break(())
        }
        fn pre_visit_expr(&mut self, expr: &Expr) -> ControlFlow<()> {
            if !matches!(expr, Expr::Identifier(_) | Expr::CompoundIdentifier(_)) {
                return ControlFlow::Continue(());
            }
            self.found = true;
            match column_of(expr, self.relations) {
                Some((relation, _)) if (self.is_such)(relation) => ControlFlow::Continue(()),
                _ => ControlFlow::Break(()),
            }
        }
    }
    let mut columns = Columns { relations, is_such, found: false };
    expr.visit(&mut columns).is_continue() && columns.found
}

/// What an item of GROUP BY stands for: an item of SELECT by its position, or itself.
fn item_of<'a>(group: &'a Expr, select: &'a Select) -> Option<&'a Expr> {
    let Expr::Value(value) = group else { return Some(group) };
    let Value::Number(position, _) = &value.value else { return None };
    match select.projection.get(position.parse::<usize>().ok()?.checked_sub(1)?)? {
        SelectItem::UnnamedExpr(expr) | SelectItem::ExprWithAlias { expr, .. } => Some(expr),
        _ => None,
    }
}

/// A relation of FROM, by its place there, and one of its columns.
type Column = (usize, String);

/// The column that an expression is, if it is one.
fn column_of(expr: &Expr, relations: &[Relation]) -> Option<Column> {
    match expr {
        Expr::Nested(inner) => column_of(inner, relations),
        Expr::Identifier(name) => {
            let name = folded(name);
            let mut having = relations.iter().enumerate().filter(|(_, relation)| relation.has(&name));
            match (having.next(), having.next()) {
                (Some((at, _)), None) => Some((at, name)),
                _ => None,
            }
        }
        Expr::CompoundIdentifier(path) => {
            let [.., relation, column] = path.as_slice() else { return None };
            let (relation, column) = (folded(relation), folded(column));
            let at = relations.iter().position(|known| known.name == relation && known.has(&column))?;
            Some((at, column))
        }
        _ => None,
    }
}

/// The column that an item of GROUP BY is: written out, by its position, or by the name it is given.
fn of_group(group: &Expr, relations: &[Relation], select: &Select) -> Option<Column> {
    let item = |item: &SelectItem| match item {
        SelectItem::UnnamedExpr(expr) | SelectItem::ExprWithAlias { expr, .. } => column_of(expr, relations),
        _ => None,
    };
    if let Some(column) = column_of(group, relations) {
        return Some(column);
    }
    match group {
        Expr::Value(value) => {
            let Value::Number(position, _) = &value.value else { return None };
            item(select.projection.get(position.parse::<usize>().ok()?.checked_sub(1)?)?)
        }
        Expr::Identifier(name) => select.projection.iter().find_map(|candidate| match candidate {
            SelectItem::ExprWithAlias { alias, .. } if folded(alias) == folded(name) => item(candidate),
            _ => None,
        }),
        _ => None,
    }
}

/// Collects the columns that are read of groups, outside aggregates.
struct Read<'a> {
    relations: &'a [Relation],
    columns: BTreeSet<Column>,
    in_aggregates: usize,
    in_queries: usize,
}

impl Read<'_> {
    fn read(&mut self, select: &Select, order_by: Option<&OrderBy>) {
        for item in &select.projection {
            match item {
                SelectItem::QualifiedWildcard(SelectItemQualifiedWildcardKind::ObjectName(name), _) => {
                    let name = name.0.last().and_then(|part| part.as_ident()).map(folded);
                    self.read_all(|relation| name.as_ref() == Some(&relation.name));
                }
                SelectItem::Wildcard(_) => self.read_all(|_| true),
                item => drop(item.visit(self)),
            }
        }
        let _ = select.having.visit(self);
        if let Some(Distinct::On(exprs)) = &select.distinct {
            let _ = exprs.visit(self);
        }
        if let Some(OrderBy { kind: OrderByKind::Expressions(exprs), .. }) = order_by {
            let _ = exprs.visit(self);
        }
    }

    fn read_all(&mut self, which: impl Fn(&Relation) -> bool) {
        for (at, relation) in self.relations.iter().enumerate().filter(|(_, relation)| which(relation)) {
            self.columns.extend(relation.columns.iter().flatten().map(|column| (at, column.clone())));
        }
    }
}

impl Visitor for Read<'_> {
    type Break = ();

    fn pre_visit_query(&mut self, _query: &Query) -> ControlFlow<()> {
        self.in_queries += 1;
        ControlFlow::Continue(())
    }
    fn post_visit_query(&mut self, _query: &Query) -> ControlFlow<()> {
        self.in_queries -= 1;
        ControlFlow::Continue(())
    }

    fn pre_visit_expr(&mut self, expr: &Expr) -> ControlFlow<()> {
        if aggregates(expr) {
            self.in_aggregates += 1;
        }
        // a bare name in a subquery is one of its own, or may be
        let is_outer = self.in_queries == 0 || matches!(expr, Expr::CompoundIdentifier(_));
        if self.in_aggregates == 0 && is_outer && !matches!(expr, Expr::Nested(_)) {
            self.columns.extend(column_of(expr, self.relations));
        }
        ControlFlow::Continue(())
    }
    fn post_visit_expr(&mut self, expr: &Expr) -> ControlFlow<()> {
        if aggregates(expr) {
            self.in_aggregates -= 1;
        }
        ControlFlow::Continue(())
    }
}

fn aggregates(expr: &Expr) -> bool {
    matches!(expr, Expr::Function(function) if function.over.is_none() && (is_aggregate(function) || !function.within_group.is_empty()))
}
