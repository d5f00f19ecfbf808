//! WITH inside a subquery of an expression: each of its queries is put where it is named.
//!
//! Blocked by: DataFusion plans no WITH in a subquery that depends on the outer row, and no recursion there. A recursion whose
//! recursive term reads a catalog that is always empty is its first term. Remove when it does.

use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{
    Expr, FunctionArguments, ObjectName, Query, SetExpr, TableAlias, TableFactor, VisitMut, VisitorMut,
};

use super::Rule;
use super::empty_catalogs::reads_nothing;
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
        for cte in &mut with.cte_tables {
            without_recursion(&mut cte.query);
        }
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

/// Leaves the first term of a recursion that finds nothing further.
fn without_recursion(query: &mut Query) {
    let SetExpr::SetOperation { left, right, .. } = query.body.as_ref() else { return };
    if matches!(right.as_ref(), SetExpr::Select(select) if reads_nothing(select)) {
        query.body = left.clone();
    }
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
                "SELECT EXISTS (WITH RECURSIVE c AS (SELECT oid FROM pg_roles AS r WHERE r.oid = u.oid UNION ALL SELECT m.roleid \
                 FROM c JOIN pg_auth_members AS m ON m.member = c.oid) SELECT oid FROM c) AS n FROM u",
                "FROM (SELECT oid FROM pg_roles AS r WHERE r.oid = u.oid) c)",
            ),
        ] {
            let text = parse_single(sql).unwrap().ast.to_string();
            assert!(text.contains(expected), "{text}");
        }
    }
}
