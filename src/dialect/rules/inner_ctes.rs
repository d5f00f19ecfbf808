//! WITH inside a subquery of an expression: each of its queries is put where it is named.
//!
//! Blocked by: DataFusion plans no WITH in a subquery that depends on the outer row, and no recursion there. A recursion whose
//! recursive term reads a catalog that is always empty is its first term; one over memberships of roles, of which none
//! leads further than two steps, is its steps one by one. Remove when it does.

use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{
    Cte, Expr, FunctionArguments, Ident, ObjectName, Query, Select, SelectItem, SetExpr, TableAlias,
    TableAliasColumnDef, TableFactor, VisitMut, VisitorMut,
};

use super::column_names::name_columns;
use super::empty_catalogs::reads_nothing;
use super::{Rule, catalog_relation};
use crate::dialect::folded;

pub struct Rewriter;

impl Rule for Rewriter {
    fn pre_visit_expr(&mut self, expr: &mut Expr) {
        match expr {
            Expr::Subquery(query) | Expr::Exists { subquery: query, .. } | Expr::InSubquery { subquery: query, .. } => {
                flatten(query);
            }
            Expr::Function(function) => {
                if let FunctionArguments::Subquery(query) = &mut function.args {
                    flatten(query);
                }
            }
            _ => {}
        }
    }
}

fn flatten(query: &mut Query) {
    let Some(with) = &mut query.with else { return };
    if with.recursive {
        let settled: Vec<bool> = with.cte_tables.iter_mut().map(without_recursion).collect();
        with.recursive = settled.contains(&false);
    }
    let is_plain = |query: &Query| match query.body.as_ref() {
        SetExpr::Select(_) => true,
        // one that still calls itself
        SetExpr::SetOperation { .. } => !with.recursive,
        _ => false,
    };
    if !with.cte_tables.iter().all(|cte| is_plain(&cte.query)) {
        return;
    }
    let Some(with) = query.with.take() else { return };
    let mut ctes = with.cte_tables;
    while !ctes.is_empty() {
        let cte = ctes.remove(0);
        let mut inliner = Inliner { name: folded(&cte.alias.name), alias: cte.alias, query: cte.query };
        for later in &mut ctes {
            let _ = later.query.visit(&mut inliner);
        }
        let _ = query.visit(&mut inliner);
    }
}

/// Leaves the first term of a recursion that finds nothing further, or its steps where it has few. Answers whether that is
/// done, or there was no recursion.
fn without_recursion(cte: &mut Cte) -> bool {
    let SetExpr::SetOperation { op, set_quantifier, left, right } = cte.query.body.as_ref() else { return true };
    let SetExpr::Select(step) = right.as_ref() else { return false };
    if reads_nothing(step) {
        cte.query.body = left.clone();
        return true;
    }
    let SetExpr::Select(first) = left.as_ref() else { return false };
    let Some(alias) = with_columns(&cte.alias, first).filter(|_| reads_memberships(step)) else { return false };
    let (mut steps, mut before) = (left.clone(), left.clone());
    for _ in 0..MEMBERSHIPS_DEEP {
        let query = Box::new(Query { body: before, ..cte.query.as_ref().clone() });
        let mut inliner = Inliner { name: folded(&cte.alias.name), alias: alias.clone(), query };
        before = right.clone();
        let _ = before.visit(&mut inliner);
        let joined =
            SetExpr::SetOperation { op: *op, set_quantifier: *set_quantifier, left: steps, right: before.clone() };
        steps = Box::new(joined);
    }
    cte.query.body = steps;
    cte.alias = alias;
    true
}

/// A user may be in `pg_monitor`, which is in other roles, which are in none.
const MEMBERSHIPS_DEEP: usize = 2;

fn reads_memberships(select: &Select) -> bool {
    let factors = select
        .from
        .iter()
        .flat_map(|item| std::iter::once(&item.relation).chain(item.joins.iter().map(|join| &join.relation)));
    let mut names = factors.filter_map(|factor| match factor {
        TableFactor::Table { name, args: None, .. } => catalog_relation(name),
        _ => None,
    });
    names.any(|name| name == "pg_auth_members")
}

/// The alias with names for all columns: those of the first term, where it has none of its own.
fn with_columns(alias: &TableAlias, first: &Select) -> Option<TableAlias> {
    let mut alias = alias.clone();
    if alias.columns.is_empty() {
        let mut items = first.projection.clone();
        name_columns(&mut items);
        let named = items.into_iter().map(|item| match item {
            SelectItem::ExprWithAlias { alias, .. } => Some(alias),
            SelectItem::UnnamedExpr(Expr::Identifier(name)) => Some(name),
            SelectItem::UnnamedExpr(Expr::CompoundIdentifier(path)) => path.last().cloned(),
            _ => None,
        });
        let named = named.collect::<Option<Vec<Ident>>>()?;
        alias.columns = named.into_iter().map(|name| TableAliasColumnDef { name, data_type: None }).collect();
    }
    Some(alias)
}

/// Puts a query where its name stands.
struct Inliner {
    name: String,
    alias: TableAlias,
    query: Box<Query>,
}

impl Inliner {
    fn is_named(&self, name: &ObjectName) -> bool {
        matches!(name.0.as_slice(), [only] if only.as_ident().is_some_and(|ident| folded(ident) == self.name))
    }
}

impl VisitorMut for Inliner {
    type Break = ();

    fn pre_visit_table_factor(&mut self, factor: &mut TableFactor) -> ControlFlow<()> {
        if let TableFactor::Table { name, alias, args: None, .. } = factor
            && self.is_named(name)
        {
            let mut alias = alias.take().unwrap_or_else(|| self.alias.clone());
            if alias.columns.is_empty() {
                alias.columns.clone_from(&self.alias.columns);
            }
            *factor =
                TableFactor::Derived { lateral: false, subquery: self.query.clone(), alias: Some(alias), sample: None };
        }
        ControlFlow::Continue(())
    }
}

#[cfg(test)]
mod tests {
    use crate::dialect::parse_single;

    #[test]
    fn queries_stand_where_they_are_named() {
        for (sql, expected) in [
            (
                "SELECT ARRAY(WITH c AS (SELECT a AS a FROM t WHERE t.b = u.b), d AS (SELECT a AS a FROM c) SELECT a FROM d) AS n FROM u",
                "FROM (SELECT a AS a FROM (SELECT a AS a FROM t WHERE t.b = u.b) c) d)",
            ),
            (
                "SELECT EXISTS (WITH RECURSIVE c AS (SELECT oid FROM pg_roles AS r WHERE r.oid = u.oid UNION ALL SELECT d.objid \
                 FROM c JOIN pg_policy AS d ON d.polrelid = c.oid) SELECT oid FROM c) AS n FROM u",
                "FROM (SELECT oid FROM pg_roles AS r WHERE r.oid = u.oid) c)",
            ),
            (
                "SELECT EXISTS (WITH RECURSIVE c AS (SELECT oid FROM pg_roles AS r WHERE r.oid = u.oid UNION ALL SELECT m.roleid \
                 FROM c JOIN pg_auth_members AS m ON m.member = c.oid) SELECT oid FROM c) AS n FROM u",
                "UNION ALL SELECT m.roleid FROM (SELECT m.roleid FROM (SELECT oid FROM pg_roles AS r WHERE r.oid = u.oid) c (oid) \
                 JOIN pg_auth_members AS m ON m.member = c.oid) c (oid) JOIN",
            ),
        ] {
            let text = parse_single(sql).unwrap().ast.to_string();
            assert!(text.contains(expected), "{text}");
        }
    }
}
