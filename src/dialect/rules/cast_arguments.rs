//! Aggregates that differ by a cast only, `avg(x), avg(x::float8)`: the cast is put into `coalesce(…)`.
//!
//! Blocked by: DataFusion leaves casts out of the names it knows aggregates by, and takes the two for one. Remove when it
//! tells them apart.

use std::collections::HashMap;
use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{Expr, Function, Statement, Visit, VisitMut, Visitor, VisitorMut};

use super::{Rule, call};

const AGGREGATES: &[&str] = &[
    "array_agg",
    "avg",
    "bool_and",
    "bool_or",
    "corr",
    "count",
    "every",
    "max",
    "min",
    "stddev",
    "stddev_pop",
    "stddev_samp",
    "string_agg",
    "sum",
    "var_pop",
    "var_samp",
    "variance",
];

pub fn apply(statement: &mut Statement, found: &Finder) {
    if found.aggregates < 2 || !found.casts {
        return;
    }
    let mut calls = Calls::default();
    let _ = Visit::visit(statement, &mut calls);
    calls.written.retain(|_, written| written.len() > 1);
    if !calls.written.is_empty() {
        let _ = VisitMut::visit(statement, &mut Wrapper { written: calls.written });
    }
}

/// Whether there is anything to compare: few statements have it.
#[derive(Default)]
pub struct Finder {
    aggregates: usize,
    casts: bool,
}

impl Rule for Finder {
    fn pre_visit_expr(&mut self, expr: &mut Expr) {
        match expr {
            Expr::Function(function) if is_aggregate(function) => self.aggregates += 1,
            Expr::Cast { .. } => self.casts = true,
            _ => {}
        }
    }
}

/// Calls of aggregates by what DataFusion would call them.
#[derive(Default)]
struct Calls {
    /// How each is written, the first first.
    written: HashMap<String, Vec<String>>,
}

impl Visitor for Calls {
    type Break = ();

    fn pre_visit_expr(&mut self, expr: &Expr) -> ControlFlow<()> {
        if let Expr::Function(function) = expr
            && is_aggregate(function)
        {
            let (plain, text) = (without_casts(function), function.to_string());
            let written = self.written.entry(plain).or_default();
            if !written.contains(&text) {
                written.push(text);
            }
        }
        ControlFlow::Continue(())
    }
}

/// Whether it is one of the aggregates that people use.
pub fn is_aggregate(function: &Function) -> bool {
    let name = function.name.0.last().and_then(|part| part.as_ident());
    name.is_some_and(|name| AGGREGATES.iter().any(|known| name.value.eq_ignore_ascii_case(known)))
}

fn without_casts(function: &Function) -> String {
    struct Bare;
    impl VisitorMut for Bare {
        type Break = ();
        fn post_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
            if let Expr::Cast { expr: inner, .. } | Expr::Nested(inner) = expr {
                *expr = inner.as_ref().clone();
            }
            ControlFlow::Continue(())
        }
    }
    let mut bare = function.clone();
    let _ = VisitMut::visit(&mut bare, &mut Bare);
    bare.to_string().to_lowercase()
}

struct Wrapper {
    written: HashMap<String, Vec<String>>,
}

impl VisitorMut for Wrapper {
    type Break = ();

    fn post_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
        if let Expr::Function(function) = expr
            && is_aggregate(function)
            && let Some(written) = self.written.get(&without_casts(function))
            && let Some(place) = written.iter().position(|text| *text == function.to_string())
        {
            let _ = VisitMut::visit(&mut function.args, &mut Casts { times: place + 1 });
        }
        ControlFlow::Continue(())
    }
}

/// Puts the casts of one call into `coalesce`, each so often that no other call looks the same.
struct Casts {
    times: usize,
}

impl VisitorMut for Casts {
    type Break = ();

    fn post_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
        if matches!(expr, Expr::Cast { .. }) {
            *expr = call("coalesce", vec![expr.clone(); self.times]);
        }
        ControlFlow::Continue(())
    }
}

#[cfg(test)]
mod tests {
    use crate::dialect::parse_single;

    fn check(sql: &str, expected: &str) {
        assert_eq!(parse_single(sql).unwrap().ast.to_string(), expected, "{sql}");
    }

    #[test]
    fn aggregates_that_differ_by_a_cast_are_told_apart() {
        check(
            "select avg(x) as a, avg(x::real) as b, sum(x::real) as c from t",
            "SELECT avg(x) AS a, avg(coalesce(x::REAL, x::REAL)) AS b, sum(x::REAL) AS c FROM t",
        );
        check(
            "select sum(x) as a, sum(x::real) as b, sum(x::bigint) as c, sum(x::real) as d from t",
            "SELECT sum(x) AS a, sum(coalesce(x::REAL, x::REAL)) AS b, \
             sum(coalesce(x::BIGINT, x::BIGINT, x::BIGINT)) AS c, sum(coalesce(x::REAL, x::REAL)) AS d FROM t",
        );
    }
}
