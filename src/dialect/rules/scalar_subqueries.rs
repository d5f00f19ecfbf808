//! `(SELECT x FROM catalog WHERE key = outer.key)`: PostgreSQL lets it be, DataFusion wants proof that it is one row.
//!
//! In catalog queries the key is one, so `max(x)` is the same. Blocked by: DataFusion decorrelates aggregated scalar
//! subqueries only. Remove when it checks the count of rows at run time.

use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{
    Expr, Function, FunctionArg, FunctionArgExpr, FunctionArgumentList, FunctionArguments, GroupByExpr, Ident,
    ObjectName, Query, SelectItem, SetExpr, Statement, TableFactor, Value, VisitMut, VisitorMut,
};

use super::{Facts, catalog_relation, empty_catalogs};

pub fn apply(statement: &mut Statement, facts: Facts) {
    if facts.metadata {
        let _ = statement.visit(&mut Rewriter);
    }
}

struct Rewriter;

impl VisitorMut for Rewriter {
    type Break = ();

    fn pre_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
        if let Expr::Subquery(query) = expr {
            if reads_collations(query) {
                *expr = Expr::Value(Value::Null.with_empty_span());
            } else {
                aggregate(query);
            }
        }
        ControlFlow::Continue(())
    }
}

/// Clients ask for a column's collation where it is not its type's own, which no column's is.
fn reads_collations(query: &Query) -> bool {
    let SetExpr::Select(select) = query.body.as_ref() else { return false };
    select.from.iter().any(|item| match &item.relation {
        TableFactor::Table { name, .. } => catalog_relation(name).as_deref() == Some("pg_collation"),
        _ => false,
    })
}

fn aggregate(query: &mut Query) {
    if query.limit_clause.is_some() || query.fetch.is_some() {
        return;
    }
    let SetExpr::Select(select) = query.body.as_mut() else { return };
    let grouped = !matches!(&select.group_by, GroupByExpr::Expressions(exprs, _) if exprs.is_empty());
    let [SelectItem::UnnamedExpr(value) | SelectItem::ExprWithAlias { expr: value, .. }] =
        select.projection.as_mut_slice()
    else {
        return;
    };
    if grouped || select.from.is_empty() || empty_catalogs::aggregates(value) {
        return;
    }
    *value = Expr::Function(Function {
        name: ObjectName::from(vec![Ident::new("max")]),
        uses_odbc_syntax: false,
        parameters: FunctionArguments::None,
        args: FunctionArguments::List(FunctionArgumentList {
            duplicate_treatment: None,
            args: vec![FunctionArg::Unnamed(FunctionArgExpr::Expr(value.clone()))],
            clauses: Vec::new(),
        }),
        filter: None,
        null_treatment: None,
        over: None,
        within_group: Vec::new(),
    });
    query.order_by = None;
}
