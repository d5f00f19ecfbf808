//! A SELECT that joins a catalog which is always empty here (policies, triggers, publications …) has no rows, whatever
//! else it says. Saying so at once spares DataFusion syntax that it cannot plan.

use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{
    Expr, Function, GroupByExpr, Ident, JoinOperator, Query, Select, SelectItem, SetExpr, Statement, TableFactor,
    Value, Visit, VisitMut, Visitor, VisitorMut,
};

use super::{Facts, catalog_relation};

/// A lake has none of these objects.
pub const ALWAYS_EMPTY: &[&str] = &[
    "pg_attrdef",
    "pg_auth_members",
    "pg_constraint",
    "pg_db_role_setting",
    "pg_default_acl",
    "pg_enum",
    "pg_event_trigger",
    "pg_foreign_data_wrapper",
    "pg_foreign_server",
    "pg_foreign_table",
    "pg_index",
    "pg_inherits",
    "pg_largeobject",
    "pg_largeobject_metadata",
    "pg_matviews",
    "pg_partitioned_table",
    "pg_policy",
    "pg_publication",
    "pg_publication_namespace",
    "pg_publication_rel",
    "pg_replication_slots",
    "pg_seclabel",
    "pg_sequence",
    "pg_sequences",
    "pg_shseclabel",
    "pg_statistic_ext",
    "pg_statistic_ext_data",
    "pg_subscription",
    "pg_subscription_rel",
    "pg_trigger",
    "pg_user_mapping",
];

pub fn apply(statement: &mut Statement, facts: Facts) {
    if facts.metadata {
        let _ = statement.visit(&mut Emptier);
    }
}

struct Emptier;

impl VisitorMut for Emptier {
    type Break = ();

    fn pre_visit_query(&mut self, query: &mut Query) -> ControlFlow<()> {
        let whole = matches!(query.body.as_ref(), SetExpr::Select(_));
        if empty_body(&mut query.body) && whole {
            query.order_by = None;
            query.limit_clause = None;
            query.fetch = None;
        }
        ControlFlow::Continue(())
    }
}

fn empty_body(body: &mut SetExpr) -> bool {
    match body {
        SetExpr::Select(select) if reads_nothing(select) => empty_select(select),
        SetExpr::SetOperation { left, right, .. } => {
            let left = empty_body(left);
            empty_body(right) && left
        }
        _ => false,
    }
}

/// Every row would have to come from a catalog that has none.
fn reads_nothing(select: &Select) -> bool {
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
        if !groups && aggregates(expr) {
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

/// Whether it aggregates over the rows of this SELECT, not of one inside.
pub fn aggregates(expr: &Expr) -> bool {
    struct Finder {
        depth: usize,
    }
    impl Visitor for Finder {
        type Break = ();
        fn pre_visit_query(&mut self, _query: &Query) -> ControlFlow<()> {
            self.depth += 1;
            ControlFlow::Continue(())
        }
        fn post_visit_query(&mut self, _query: &Query) -> ControlFlow<()> {
            self.depth -= 1;
            ControlFlow::Continue(())
        }
        fn pre_visit_expr(&mut self, expr: &Expr) -> ControlFlow<()> {
            match expr {
                Expr::Function(Function { name, over: None, .. })
                    if self.depth == 0
                        && name.0.last().and_then(|part| part.as_ident()).is_some_and(|ident| {
                            let name = ident.value.to_lowercase();
                            name.ends_with("_agg")
                                || ["count", "sum", "min", "max", "avg", "bool_or", "bool_and", "every"]
                                    .contains(&name.as_str())
                        }) =>
                {
                    ControlFlow::Break(())
                }
                _ => ControlFlow::Continue(()),
            }
        }
    }
    expr.visit(&mut Finder { depth: 0 }).is_break()
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
            "SELECT p.polname, 1 AS one FROM pg_catalog.pg_policy p ORDER BY 1",
            "SELECT NULL AS polname, NULL AS one WHERE false",
        );
        check(
            "SELECT c.oid FROM pg_class c, pg_inherits i WHERE c.oid = i.inhparent UNION SELECT 1 AS oid",
            "SELECT NULL AS oid WHERE false UNION SELECT CAST(1 AS INTEGER) AS oid",
        );
    }

    #[test]
    fn outer_joins_and_counts_keep_their_rows() {
        for sql in [
            "SELECT c.oid FROM pg_class AS c LEFT JOIN pg_index AS i ON c.oid = i.indexrelid",
            "SELECT count(*) AS n FROM pg_trigger",
            "SELECT pg_policy.a FROM gold.pg_policy",
        ] {
            check(sql, sql);
        }
    }
}
