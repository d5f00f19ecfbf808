//! A SELECT that joins a catalog which is always empty here (policies, triggers, publications …) has no rows, whatever
//! else it says. Where it has subqueries or calls functions in FROM, saying so at once spares DataFusion what it cannot plan;
//! the others keep their columns' types.

use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{
    Expr, GroupByExpr, Ident, JoinOperator, Query, Select, SelectItem, SetExpr, TableFactor, Value, Visit, Visitor,
};

use super::{Rule, catalog_relation, scalar_subqueries};

/// A lake has none of these objects.
pub const ALWAYS_EMPTY: &[&str] = &[
    "pg_db_role_setting",
    "pg_default_acl",
    "pg_enum",
    "pg_event_trigger",
    "pg_foreign_data_wrapper",
    "pg_foreign_server",
    "pg_foreign_table",
    "pg_inherits",
    "pg_largeobject",
    "pg_largeobject_metadata",
    "pg_partitioned_table",
    "pg_policy",
    "pg_publication",
    "pg_publication_namespace",
    "pg_publication_rel",
    "pg_replication_slots",
    "pg_seclabel",
    "pg_shseclabel",
    "pg_statistic_ext",
    "pg_statistic_ext_data",
    "pg_subscription",
    "pg_subscription_rel",
    "pg_trigger",
    "pg_user_mapping",
];

pub struct Emptier;

impl Rule for Emptier {
    fn pre_visit_query(&mut self, query: &mut Query) {
        let whole = matches!(query.body.as_ref(), SetExpr::Select(_));
        if empty_body(&mut query.body) && whole {
            query.order_by = None;
            query.limit_clause = None;
            query.fetch = None;
        }
    }
}

fn empty_body(body: &mut SetExpr) -> bool {
    match body {
        SetExpr::Select(select) if is_involved(select) && reads_nothing(select) => empty_select(select),
        SetExpr::SetOperation { left, right, .. } => {
            let left = empty_body(left);
            empty_body(right) && left
        }
        _ => false,
    }
}

/// Every row would have to come from a catalog that has none.
pub fn reads_nothing(select: &Select) -> bool {
    select.from.iter().any(|item| {
        let is_inner = |operator: &JoinOperator| {
            matches!(operator, JoinOperator::Join(_) | JoinOperator::Inner(_) | JoinOperator::CrossJoin(_))
        };
        let keeps_base = item.joins.iter().all(|join| {
            is_inner(&join.join_operator)
                || matches!(join.join_operator, JoinOperator::Left(_) | JoinOperator::LeftOuter(_))
        });
        keeps_base
            && (is_empty(&item.relation)
                || item.joins.iter().any(|join| is_inner(&join.join_operator) && is_empty(&join.relation)))
    })
}

fn is_empty(factor: &TableFactor) -> bool {
    match factor {
        TableFactor::Table { name, args: None, .. } => {
            catalog_relation(name).is_some_and(|name| ALWAYS_EMPTY.contains(&name.as_str()))
        }
        _ => false,
    }
}

fn empty_select(select: &mut Select) -> bool {
    let groups = !matches!(&select.group_by, GroupByExpr::Expressions(exprs, _) if exprs.is_empty());
    let mut projection = Vec::with_capacity(select.projection.len());
    for item in &select.projection {
        let (expr, name) = match item {
            SelectItem::ExprWithAlias { expr, alias } => (expr, alias.clone()),
            SelectItem::UnnamedExpr(expr) => match expr {
                Expr::Identifier(ident) => (expr, ident.clone()),
                Expr::CompoundIdentifier(idents) => {
                    (expr, idents.last().cloned().unwrap_or_else(|| Ident::new("column")))
                }
                _ => return false,
            },
            _ => return false,
        };
        if !groups && scalar_subqueries::aggregates(expr) {
            return false;
        }
        let null = Expr::Value(Value::Null.with_empty_span());
        projection.push(SelectItem::ExprWithAlias { expr: null, alias: name });
    }
    select.projection = projection;
    select.from.clear();
    select.lateral_views.clear();
    select.distinct = None;
    select.group_by = GroupByExpr::Expressions(Vec::new(), Vec::new());
    select.having = None;
    select.selection = Some(Expr::Value(Value::Boolean(false).with_empty_span()));
    true
}

/// Whether it holds what DataFusion may not be able to plan.
fn is_involved(select: &Select) -> bool {
    struct Finder;
    impl Visitor for Finder {
        type Break = ();
        fn pre_visit_query(&mut self, _query: &Query) -> ControlFlow<()> {
            ControlFlow::Break(())
        }
        fn pre_visit_table_factor(&mut self, factor: &TableFactor) -> ControlFlow<()> {
            let is_call = matches!(factor, TableFactor::Table { args: Some(_), .. } | TableFactor::Function { .. });
            if is_call { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        }
    }
    select.visit(&mut Finder).is_break()
}

#[cfg(test)]
mod tests {
    use crate::dialect::parse_single;

    fn check(sql: &str, expected: &str) {
        assert_eq!(parse_single(sql).unwrap().ast.to_string(), expected);
    }

    #[test]
    fn joins_with_nothing_are_nothing() {
        check(
            "SELECT p.polname, (SELECT 1) AS one FROM pg_catalog.pg_policy p ORDER BY 1",
            "SELECT NULL AS polname, NULL AS one WHERE false",
        );
    }

    #[test]
    fn outer_joins_counts_and_simple_selects_keep_their_rows() {
        for sql in [
            "SELECT c.oid FROM pg_class AS c LEFT JOIN pg_trigger AS i ON c.oid = i.tgrelid",
            "SELECT count(*) AS n FROM pg_trigger",
            "SELECT enumlabel FROM pg_enum",
            "SELECT pg_policy.a FROM gold.pg_policy",
        ] {
            check(sql, sql);
        }
    }
}
