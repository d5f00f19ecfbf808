//! `(SELECT x FROM t WHERE key = outer.key)`: PostgreSQL takes the one row there is, DataFusion wants proof that it is one.
//!
//! The subquery becomes an aggregate of its one value, [`SINGLE_VALUE`], which fails on a second row as PostgreSQL does; with
//! `LIMIT 1`, the first value in its order. Blocked by: DataFusion decorrelates aggregated scalar subqueries only. Remove
//! when it checks the count of rows at run time.

use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{
    Distinct, DuplicateTreatment, Expr, Function, FunctionArg, FunctionArgExpr, FunctionArgumentClause,
    FunctionArgumentList, FunctionArguments, GroupByExpr, Ident, LimitClause, ObjectName, OrderByKind, Query,
    SelectItem, SetExpr, TableFactor, Value, Visit, Visitor,
};
use datafusion::sql::sqlparser::dialect::PostgreSqlDialect;
use datafusion::sql::sqlparser::parser::Parser;

use super::{Rule, SET_FUNCTIONS, own_name, takes_relation};

/// The aggregate of one value.
pub const SINGLE_VALUE: &str = "lakewire_single_value";
/// What the rows are called of which one is taken. No client writes the name.
const ONE: &str = "\u{1}one";

#[derive(Default)]
pub struct Rewriter {
    /// Subqueries to come of which all rows are wanted.
    of_rows: Vec<*const Expr>,
}

impl Rewriter {
    fn take_rows(&mut self, expr: &Expr) {
        if matches!(expr, Expr::Subquery(_)) {
            self.of_rows.push(std::ptr::from_ref(expr));
        }
    }
}

impl Rule for Rewriter {
    fn pre_visit_expr(&mut self, expr: &mut Expr) {
        if let Expr::AnyOp { right, .. } | Expr::AllOp { right, .. } = expr {
            self.take_rows(right);
        }
        let takes_rows = self.of_rows.contains(&std::ptr::from_ref(expr));
        if let Expr::Subquery(query) = expr
            && !takes_rows
        {
            match value_alone(query) {
                Some(value) => *expr = Expr::Nested(Box::new(value)),
                None => one_value(query),
            }
        }
    }

    fn pre_visit_table_factor(&mut self, factor: &mut TableFactor) {
        if let TableFactor::Table { name, args: Some(arguments), .. } = factor
            && name.0.last().and_then(|part| part.as_ident()).is_some_and(|name| takes_relation(&name.value))
        {
            for argument in &arguments.args {
                let (FunctionArg::Named { arg, .. } | FunctionArg::ExprNamed { arg, .. } | FunctionArg::Unnamed(arg)) =
                    argument;
                if let FunctionArgExpr::Expr(expr) = arg {
                    self.take_rows(expr);
                }
            }
        }
    }
}

/// The value of a subquery that reads nothing: `(SELECT value)`.
fn value_alone(query: &Query) -> Option<Expr> {
    let SetExpr::Select(select) = query.body.as_ref() else { return None };
    let [SelectItem::UnnamedExpr(value) | SelectItem::ExprWithAlias { expr: value, .. }] = select.projection.as_slice()
    else {
        return None;
    };
    let only_value = select.from.is_empty() && select.selection.is_none() && select.having.is_none();
    let whole = query.with.is_none() && query.limit_clause.is_none() && query.fetch.is_none();
    // asked once for all rows, unless it looks at them
    let once = holds(value, is_volatile)
        && !holds(value, |inner| matches!(inner, Expr::Identifier(_) | Expr::CompoundIdentifier(_)));
    (only_value && whole && !once && !aggregates(value)).then(|| value.clone())
}

/// Functions whose next value is another one.
const VOLATILE: &[&str] = &["clock_timestamp", "gen_random_uuid", "nextval", "random", "timeofday", "uuid_generate_v4"];

fn is_volatile(expr: &Expr) -> bool {
    let Expr::Function(Function { name, .. }) = expr else { return false };
    let name = name.0.last().and_then(|part| part.as_ident()).map(|ident| ident.value.to_lowercase());
    name.is_some_and(|name| VOLATILE.contains(&name.as_str()))
}

/// Makes the one value of the query an aggregate: where its rows are plain of them, else of the rows that it has in the end.
pub fn one_value(query: &mut Query) {
    if !is_plain(query) {
        if let Some(outer) = over_rows(query) {
            *query = outer;
        }
        return;
    }
    let is_first = limited_to_one(query).unwrap_or_default();
    let SetExpr::Select(select) = query.body.as_mut() else { return };
    let [SelectItem::UnnamedExpr(value) | SelectItem::ExprWithAlias { expr: value, .. }] =
        select.projection.as_mut_slice()
    else {
        return;
    };
    if select.from.is_empty() && select.selection.is_none() {
        return;
    }
    if aggregates(value) {
        // one row in any case
        if is_first {
            query.limit_clause = None;
        }
        return;
    }
    let name = if is_first { "first_value" } else { SINGLE_VALUE };
    let distinct = select.distinct.take().is_some() && !is_first;
    let order = query.order_by.take().and_then(|order_by| match order_by.kind {
        OrderByKind::Expressions(exprs) if is_first => Some(exprs),
        _ => None,
    });
    let mut order = order.unwrap_or_default();
    for item in &mut order {
        // by position or by its own name: the one value there is
        if matches!(&item.expr, Expr::Value(_)) {
            item.expr = value.clone();
        }
    }
    let clauses = match order.is_empty() {
        true => Vec::new(),
        false => vec![FunctionArgumentClause::OrderBy(order)],
    };
    *value = Expr::Function(Function {
        name: ObjectName::from(vec![Ident::new(name)]),
        uses_odbc_syntax: false,
        parameters: FunctionArguments::None,
        args: FunctionArguments::List(FunctionArgumentList {
            duplicate_treatment: distinct.then_some(DuplicateTreatment::Distinct),
            args: vec![FunctionArg::Unnamed(FunctionArgExpr::Expr(value.clone()))],
            clauses,
        }),
        filter: None,
        null_treatment: None,
        over: None,
        within_group: Vec::new(),
    });
    query.limit_clause = None;
    query.fetch = None;
}

/// Whether the query shows one of its rows as it is, or aggregates all of them.
fn is_plain(query: &Query) -> bool {
    let SetExpr::Select(select) = query.body.as_ref() else { return false };
    let groups = !matches!(&select.group_by, GroupByExpr::Expressions(exprs, _) if exprs.is_empty());
    let makes_rows = |expr: &Expr| match expr {
        Expr::Function(call) => call.over.is_some() || own_name(call).is_some_and(|name| returns_rows(&name)),
        _ => false,
    };
    let changes = select.projection.iter().any(|item| match item {
        SelectItem::UnnamedExpr(value) | SelectItem::ExprWithAlias { expr: value, .. } => holds(value, makes_rows),
        _ => false,
    });
    let is_on = matches!(select.distinct, Some(Distinct::On(_)));
    limited_to_one(query).is_some() && !groups && select.having.is_none() && !is_on && !changes
}

/// Whether the function, in a SELECT list, makes several rows of one.
fn returns_rows(function: &str) -> bool {
    ["generate_series", "unnest"].contains(&function) || SET_FUNCTIONS.contains(&function)
}

/// `SELECT single_value(v) FROM (query) AS one (v)`.
fn over_rows(query: &Query) -> Option<Query> {
    let template = format!("SELECT {SINGLE_VALUE}(v) FROM (SELECT true) AS \"{ONE}\" (v)");
    let mut outer = *Parser::new(&PostgreSqlDialect {}).try_with_sql(&template).ok()?.parse_query().ok()?;
    let SetExpr::Select(select) = outer.body.as_mut() else { return None };
    let TableFactor::Derived { subquery, .. } = &mut select.from.first_mut()?.relation else { return None };
    **subquery = query.clone();
    Some(outer)
}

/// Whether the query takes only its first row; `None` where it has another limit, which is left to DataFusion.
fn limited_to_one(query: &Query) -> Option<bool> {
    if query.fetch.is_some() {
        return None;
    }
    match &query.limit_clause {
        None => Some(false),
        Some(LimitClause::LimitOffset { limit: Some(Expr::Value(limit)), offset: None, limit_by })
            if limit_by.is_empty() && matches!(&limit.value, Value::Number(text, _) if text == "1") =>
        {
            Some(true)
        }
        Some(_) => None,
    }
}

/// Whether it aggregates over the rows of this SELECT, not of one inside.
pub fn aggregates(expr: &Expr) -> bool {
    holds(expr, |expr| {
        let Expr::Function(Function { name, over, within_group, .. }) = expr else { return false };
        let name = name.0.last().and_then(|part| part.as_ident()).map(|ident| ident.value.to_lowercase());
        let is_named = name.is_some_and(|name| {
            name.ends_with("_agg")
                || name.starts_with("regr_")
                || name == SINGLE_VALUE
                || AGGREGATES.contains(&name.as_str())
                || returns_rows(&name)
        });
        // rows of a window or of a function in the list are not one value
        over.is_some() || !within_group.is_empty() || is_named
    })
}

/// Whether such an expression is in it, but for the queries in it.
pub fn holds(expr: &Expr, wanted: impl Fn(&Expr) -> bool) -> bool {
    struct Finder<F> {
        wanted: F,
        depth: usize,
    }
    impl<F: Fn(&Expr) -> bool> Visitor for Finder<F> {
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
            match self.depth == 0 && (self.wanted)(expr) {
                true => ControlFlow::Break(()),
                false => ControlFlow::Continue(()),
            }
        }
    }
    expr.visit(&mut Finder { wanted, depth: 0 }).is_break()
}

/// Besides those whose names end in `_agg` or begin with `regr_`.
const AGGREGATES: &[&str] = &[
    "any_value",
    "avg",
    "bit_and",
    "bit_or",
    "bit_xor",
    "bool_and",
    "bool_or",
    "corr",
    "count",
    "covar_pop",
    "covar_samp",
    "every",
    "first_value",
    "last_value",
    "max",
    "median",
    "min",
    "mode",
    "percentile_cont",
    "percentile_disc",
    "stddev",
    "stddev_pop",
    "stddev_samp",
    "sum",
    "var_pop",
    "var_samp",
    "variance",
];

#[cfg(test)]
mod tests {
    use crate::dialect::parse_single;

    fn check(sql: &str, expected: &str) {
        assert_eq!(parse_single(sql).unwrap().ast.to_string(), expected);
    }

    #[test]
    fn a_subquery_is_one_value() {
        check(
            "SELECT (SELECT b FROM u WHERE u.a = t.a) AS n FROM t",
            "SELECT (SELECT lakewire_single_value(b) FROM u WHERE u.a = t.a) AS n FROM t",
        );
        check(
            "SELECT (SELECT b FROM u WHERE u.a = t.a ORDER BY c DESC LIMIT 1) AS n FROM t",
            "SELECT (SELECT first_value(b ORDER BY c DESC) FROM u WHERE u.a = t.a) AS n FROM t",
        );
    }

    #[test]
    fn a_value_needs_no_query() {
        check("SELECT (SELECT (SELECT a + b)) AS n FROM t", "SELECT ((a + b)) AS n FROM t");
    }

    #[test]
    fn what_aggregates_stays() {
        check("SELECT (SELECT max(b) FROM u) AS n", "SELECT (SELECT max(b) AS \"max\" FROM u) AS n");
    }

    #[test]
    fn one_of_the_rows_in_the_end_is_taken() {
        for rows in ["SELECT b FROM u LIMIT 2", "SELECT b FROM u UNION SELECT 1", "SELECT b FROM u GROUP BY b"] {
            let shown = parse_single(&format!("SELECT ({rows}) AS n")).unwrap().ast.to_string();
            assert!(shown.starts_with("SELECT (SELECT lakewire_single_value(v) FROM ("), "{shown}");
        }
    }
}
