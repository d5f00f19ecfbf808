//! A whole number is an `integer` if it fits, as in PostgreSQL: `1` → `CAST(1 AS INTEGER)`.
//!
//! Blocked by: DataFusion takes every whole number for a bigint. Remove when its planner can be told otherwise.
//!
//! Left as they are, because only their value counts or the planner wants them bare: operands of comparisons, arguments
//! of functions that do not hand their argument's type on, subscripts, positions in GROUP BY and ORDER BY, frames, LIMIT.

use datafusion::sql::sqlparser::ast::{
    AccessExpr, BinaryOperator, CastKind, DataType, Expr, Function, FunctionArg, FunctionArgExpr, FunctionArguments,
    GroupByExpr, LimitClause, NamedWindowDefinition, NamedWindowExpr, OrderByKind, Query, Select, Subscript,
    TableFactor, UnaryOperator, Value, WindowFrameBound, WindowSpec, WindowType,
};
use datafusion::sql::sqlparser::tokenizer::Span;
use std::collections::HashSet;

use super::Rule;

/// Functions whose result has the type of an argument.
const TYPED_BY_ARGUMENT: &[&str] = &[
    "coalesce",
    "nullif",
    "greatest",
    "least",
    "abs",
    "mod",
    "sum",
    "avg",
    "min",
    "max",
    "array_agg",
    "array_fill",
    "pg_typeof",
];

#[derive(Default)]
pub struct Narrower {
    /// Literals to leave alone, by their place: a parent is seen before its children.
    bare: HashSet<Span>,
}

impl Narrower {
    fn keep(&mut self, expr: &Expr) {
        match expr {
            Expr::Value(value) => drop(self.bare.insert(value.span)),
            Expr::UnaryOp { op: UnaryOperator::Minus | UnaryOperator::Plus, expr } | Expr::Nested(expr) => {
                self.keep(expr);
            }
            Expr::Tuple(items) => items.iter().for_each(|item| self.keep(item)),
            _ => {}
        }
    }

    fn keep_all<'a>(&mut self, exprs: impl IntoIterator<Item = &'a Expr>) {
        exprs.into_iter().for_each(|expr| self.keep(expr));
    }

    fn keep_frame(&mut self, window: &WindowSpec) {
        let Some(frame) = &window.window_frame else { return };
        for bound in std::iter::once(&frame.start_bound).chain(&frame.end_bound) {
            if let WindowFrameBound::Preceding(Some(rows)) | WindowFrameBound::Following(Some(rows)) = bound {
                self.keep(rows);
            }
        }
    }

    fn keep_in_list(&mut self, arguments: &[FunctionArg]) {
        for argument in arguments {
            let (FunctionArg::Unnamed(value)
            | FunctionArg::Named { arg: value, .. }
            | FunctionArg::ExprNamed { arg: value, .. }) = argument;
            if let FunctionArgExpr::Expr(expr) = value {
                self.keep(expr);
            }
        }
    }

    fn keep_arguments(&mut self, function: &Function) {
        if let Some(WindowType::WindowSpec(window)) = &function.over {
            self.keep_frame(window);
        }
        let name = function.name.0.last().and_then(|part| part.as_ident()).map(|name| name.value.to_lowercase());
        if name.is_some_and(|name| TYPED_BY_ARGUMENT.contains(&name.as_str())) {
            return;
        }
        if let FunctionArguments::List(list) = &function.args {
            self.keep_in_list(&list.args);
        }
    }

    fn keep_of_parent(&mut self, expr: &Expr) {
        match expr {
            Expr::BinaryOp { left, op, right } if !is_arithmetic(op) => self.keep_all([left.as_ref(), right]),
            Expr::InList { expr, list, .. } => self.keep_all(list.iter().chain([expr.as_ref()])),
            Expr::Between { expr, low, high, .. } => self.keep_all([expr.as_ref(), low, high]),
            Expr::AnyOp { left, .. } | Expr::AllOp { left, .. } => self.keep(left),
            Expr::Cast { expr, .. } => self.keep(expr),
            Expr::Interval(interval) => self.keep(&interval.value),
            Expr::Function(function) => self.keep_arguments(function),
            Expr::CompoundFieldAccess { access_chain, .. } => {
                for access in access_chain {
                    if let AccessExpr::Subscript(subscript) = access {
                        self.keep_subscript(subscript);
                    }
                }
            }
            Expr::Substring { substring_from, substring_for, .. } => {
                self.keep_all(substring_from.iter().chain(substring_for).map(AsRef::as_ref));
            }
            Expr::Overlay { overlay_from, overlay_for, .. } => {
                self.keep(overlay_from);
                self.keep_all(overlay_for.iter().map(AsRef::as_ref));
            }
            Expr::Ceil { expr, .. } | Expr::Floor { expr, .. } => self.keep(expr),
            _ => {}
        }
    }

    fn keep_subscript(&mut self, subscript: &Subscript) {
        match subscript {
            Subscript::Index { index } => self.keep(index),
            Subscript::Slice { lower_bound, upper_bound, stride } => {
                self.keep_all([lower_bound, upper_bound, stride].into_iter().flatten());
            }
        }
    }
}

/// What gives a number of its operands' type.
fn is_arithmetic(op: &BinaryOperator) -> bool {
    use BinaryOperator as B;
    matches!(op, B::Plus | B::Minus | B::Multiply | B::Divide | B::Modulo)
}

impl Rule for Narrower {
    fn pre_visit_query(&mut self, query: &mut Query) {
        if let Some(OrderByKind::Expressions(order)) = query.order_by.as_ref().map(|order| &order.kind) {
            self.keep_all(order.iter().map(|item| &item.expr));
        }
        match &query.limit_clause {
            Some(LimitClause::LimitOffset { limit, offset, .. }) => {
                self.keep_all(limit.iter().chain(offset.iter().map(|offset| &offset.value)));
            }
            Some(LimitClause::OffsetCommaLimit { offset, limit }) => self.keep_all([offset, limit]),
            None => {}
        }
        self.keep_all(query.fetch.iter().filter_map(|fetch| fetch.quantity.as_ref()));
    }

    fn pre_visit_table_factor(&mut self, factor: &mut TableFactor) {
        match factor {
            TableFactor::Table { args: Some(arguments), .. } => self.keep_in_list(&arguments.args),
            TableFactor::Function { args, .. } => self.keep_in_list(args),
            _ => {}
        }
    }

    fn pre_visit_select(&mut self, select: &mut Select) {
        for NamedWindowDefinition(_, window) in &select.named_window {
            if let NamedWindowExpr::WindowSpec(window) = window {
                self.keep_frame(window);
            }
        }
        if let GroupByExpr::Expressions(groups, _) = &select.group_by {
            for group in groups {
                match group {
                    Expr::GroupingSets(sets) | Expr::Cube(sets) | Expr::Rollup(sets) => {
                        self.keep_all(sets.iter().flatten())
                    }
                    expr => self.keep(expr),
                }
            }
        }
    }

    fn pre_visit_expr(&mut self, expr: &mut Expr) {
        self.keep_of_parent(expr);
    }

    fn post_visit_expr(&mut self, expr: &mut Expr) {
        let (literal, sign) = match &*expr {
            Expr::UnaryOp { op: UnaryOperator::Minus, expr } => (expr.as_ref(), "-"),
            literal => (literal, ""),
        };
        let Expr::Value(value) = literal else { return };
        let Value::Number(text, _) = &value.value else { return };
        // what a rule has put there has no place
        let counts = value.span == Span::empty() || self.bare.contains(&value.span);
        if !counts && format!("{sign}{text}").parse::<i32>().is_ok() {
            let number = Box::new(expr.clone());
            *expr = Expr::Cast {
                kind: CastKind::Cast,
                expr: number,
                data_type: DataType::Integer(None),
                array: false,
                format: None,
            };
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::dialect::parse_single;

    fn check(sql: &str, expected: &str) {
        assert_eq!(parse_single(sql).unwrap().ast.to_string(), expected, "{sql}");
    }

    #[test]
    fn numbers_that_give_a_type_get_theirs() {
        check("select 1 as a, 3000000000 as b, 1.5 as c", "SELECT CAST(1 AS INTEGER) AS a, 3000000000 AS b, 1.5 AS c");
        check("select a + 1 as a from t", "SELECT a + CAST(1 AS INTEGER) AS a FROM t");
        check("select -2147483648 as a, -1 as b", "SELECT CAST(-2147483648 AS INTEGER) AS a, -CAST(1 AS INTEGER) AS b");
        check("values (1, 'a')", "VALUES (CAST(1 AS INTEGER), 'a')");
    }

    #[test]
    fn numbers_that_only_count_stay() {
        for sql in [
            "SELECT a FROM t WHERE a = 1 AND b IN (1, 2) AND c BETWEEN 1 AND -3",
            "SELECT a FROM t GROUP BY 1 ORDER BY 1 LIMIT 5 OFFSET 2",
            "SELECT round(a, 2) AS a, x[1] AS b FROM t",
            "SELECT CAST(1 AS BIGINT) AS a",
            "SELECT sum(a) OVER (ORDER BY b ROWS BETWEEN 6 PRECEDING AND CURRENT ROW) AS a FROM generate_series(1, 2) AS t (t)",
        ] {
            check(sql, sql);
        }
    }
}
