//! Aggregates and columns of GROUP BY that differ by a cast only, `avg(x), avg(x::float8)`, `GROUP BY at, at::date`: the
//! cast is put into `coalesce(…)`.
//!
//! Blocked by: DataFusion leaves casts out of the names it knows them by, and takes the two for one. Remove when it tells
//! them apart.

use std::collections::HashMap;
use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{
    CastKind, Expr, Function, GroupByExpr, Select, SelectItem, Statement, Visit, VisitMut, Visitor, VisitorMut,
};

use super::grouping_positions::at_position;
use super::{Rule, call};
use crate::dialect::folded;

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
    if !found.casts || found.aggregates.max(found.groups) < 2 {
        return;
    }
    let mut alike = Alike::default();
    let _ = Visit::visit(statement, &mut alike);
    alike.calls.retain(|_, written| written.len() > 1);
    alike.groups.retain(|_, written| written.len() > 1);
    if !alike.calls.is_empty() || !alike.groups.is_empty() {
        let _ = VisitMut::visit(statement, &mut Wrapper { alike });
    }
}

/// Whether there is anything to compare: few statements have it.
#[derive(Default)]
pub struct Finder {
    aggregates: usize,
    groups: usize,
    casts: bool,
}

impl Rule for Finder {
    fn pre_visit_select(&mut self, select: &mut Select) {
        if let GroupByExpr::Expressions(groups, _) = &select.group_by {
            let in_sets: usize = groups.iter().map(|group| members(group).len()).sum();
            self.groups = self.groups.max(groups.len() + in_sets);
        }
    }

    fn pre_visit_expr(&mut self, expr: &mut Expr) {
        match expr {
            Expr::Function(function) if is_aggregate(function) => self.aggregates += 1,
            Expr::Cast { .. } => self.casts = true,
            _ => {}
        }
    }
}

/// How expressions are written, the first first, by what DataFusion would call them.
#[derive(Default)]
struct Alike {
    calls: HashMap<String, Vec<String>>,
    groups: HashMap<String, Vec<String>>,
}

impl Visitor for Alike {
    type Break = ();

    fn pre_visit_select(&mut self, select: &Select) -> ControlFlow<()> {
        if let GroupByExpr::Expressions(groups, _) = &select.group_by
            && (groups.len() > 1 || groups.iter().any(|group| !members(group).is_empty()))
        {
            for member in groups.iter().flat_map(members) {
                note(&mut self.groups, without_casts(member), written(member));
            }
            for group in groups {
                let of_list = at_position(group, &select.projection).or_else(|| named(group, &select.projection));
                // a name is a column of what is read before it is one of the list
                for meant in of_list.iter().chain([group]) {
                    note(&mut self.groups, without_casts(meant), written(meant));
                }
            }
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_expr(&mut self, expr: &Expr) -> ControlFlow<()> {
        if let Expr::Function(function) = expr
            && is_aggregate(function)
        {
            note(&mut self.calls, without_casts(expr), written(expr));
        }
        ControlFlow::Continue(())
    }
}

/// What a ROLLUP, a CUBE or GROUPING SETS is of.
fn members(group: &Expr) -> Vec<&Expr> {
    match group {
        Expr::Rollup(sets) | Expr::Cube(sets) | Expr::GroupingSets(sets) => sets.iter().flatten().collect(),
        _ => Vec::new(),
    }
}

fn note(known: &mut HashMap<String, Vec<String>>, name: String, text: String) {
    let texts = known.entry(name).or_default();
    if !texts.contains(&text) {
        texts.push(text);
    }
}

/// What a name in GROUP BY stands for, where it is one that the list gives.
fn named(group: &Expr, projection: &[SelectItem]) -> Option<Expr> {
    let Expr::Identifier(name) = group else { return None };
    projection.iter().find_map(|item| match item {
        SelectItem::ExprWithAlias { expr, alias } if folded(alias) == folded(name) => Some(expr.clone()),
        _ => None,
    })
}

/// Whether it is one of the aggregates that people use.
pub fn is_aggregate(function: &Function) -> bool {
    let name = function.name.0.last().and_then(|part| part.as_ident());
    name.is_some_and(|name| AGGREGATES.iter().any(|known| name.value.eq_ignore_ascii_case(known)))
}

/// As DataFusion calls it, but for whose columns they are.
fn without_casts(expr: &Expr) -> String {
    struct Bare;
    impl VisitorMut for Bare {
        type Break = ();
        fn post_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
            match expr {
                Expr::Cast { expr: inner, .. } | Expr::Nested(inner) => *expr = inner.as_ref().clone(),
                Expr::CompoundIdentifier(path) => {
                    if let Some(column) = path.pop() {
                        *expr = Expr::Identifier(column);
                    }
                }
                _ => {}
            }
            ControlFlow::Continue(())
        }
    }
    let mut bare = expr.clone();
    let _ = VisitMut::visit(&mut bare, &mut Bare);
    bare.to_string().to_lowercase()
}

/// The same for `x::text` and `CAST(x AS text)`.
fn written(expr: &Expr) -> String {
    struct OneKind;
    impl VisitorMut for OneKind {
        type Break = ();
        fn post_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
            match expr {
                Expr::Cast { kind: kind @ CastKind::DoubleColon, .. } => *kind = CastKind::Cast,
                Expr::Nested(inner) => *expr = inner.as_ref().clone(),
                _ => {}
            }
            ControlFlow::Continue(())
        }
    }
    let mut plain = expr.clone();
    let _ = VisitMut::visit(&mut plain, &mut OneKind);
    plain.to_string().to_lowercase()
}

struct Wrapper {
    alike: Alike,
}

impl VisitorMut for Wrapper {
    type Break = ();

    fn post_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
        let known = match expr {
            Expr::Function(function) if is_aggregate(function) => &self.alike.calls,
            Expr::Identifier(_) | Expr::CompoundIdentifier(_) | Expr::Value(_) => return ControlFlow::Continue(()),
            _ if self.alike.groups.is_empty() => return ControlFlow::Continue(()),
            _ => &self.alike.groups,
        };
        if let Some(texts) = known.get(&without_casts(expr)) {
            let text = written(expr);
            if let Some(place) = texts.iter().position(|known| *known == text) {
                let _ = VisitMut::visit(expr, &mut Casts { times: place + 1 });
            }
        }
        ControlFlow::Continue(())
    }
}

/// Puts the casts of one expression into `coalesce`, each so often that no other expression looks the same.
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

    #[test]
    fn groups_that_differ_by_a_cast_are_told_apart() {
        check(
            "select at as a, at::date as b, count(*) as n from t group by 1, 2 order by cast(at as date)",
            "SELECT at AS a, coalesce(at::DATE, at::DATE) AS b, count(*) AS n FROM t GROUP BY 1, 2 \
             ORDER BY coalesce(CAST(at AS DATE), CAST(at AS DATE))",
        );
        check(
            "select x::text as a, t.x as b from t group by a, t.x",
            "SELECT coalesce(x::TEXT) AS a, t.x AS b FROM t GROUP BY a, t.x",
        );
        check("select x::text as a, y as b from t group by 1, 2", "SELECT x::TEXT AS a, y AS b FROM t GROUP BY 1, 2");
        check(
            "select x as a, x::date as b from t group by rollup (x, x::date)",
            "SELECT x AS a, coalesce(x::DATE, x::DATE) AS b FROM t GROUP BY ROLLUP (x, coalesce(x::DATE, x::DATE))",
        );
    }
}
