//! `x > ALL (SELECT …)`, `x <> ANY (SELECT …)`, `x LIKE ANY (patterns)`: comparisons with every element, or with some.
//!
//! Of a list that is written out each element is compared. Of a query, its extremes and its counts decide, with NULL where
//! PostgreSQL does not know. `x = ANY (array)` is left to the rule that makes a function of it.
//! Blocked by: DataFusion knows IN only, and answers `>= ALL` with other rows. Remove when it has the others.

use std::borrow::Cow;
use std::ops::ControlFlow;

use datafusion::arrow::array::AsArray;
use datafusion::scalar::ScalarValue;
use datafusion::sql::sqlparser::ast::{
    Array, ArrayElemTypeDef, BinaryOperator, DataType, Expr, FunctionArguments, GroupByExpr, Ident, ObjectName, Query,
    SelectItem, SetExpr, TableFactor, Value, ValueWithSpan, VisitMut, VisitorMut,
};
use datafusion::sql::sqlparser::dialect::PostgreSqlDialect;
use datafusion::sql::sqlparser::parser::Parser;

use super::scalar_subqueries::aggregates;
use super::{Rule, call, cast, plain_call};
use crate::pgtypes::{Style, Type, read_text};

/// What the query and its column are called where they are taken together. No client writes the name.
const QUANTIFIED: &str = "\u{1}quantified";
/// What stands for the left side in the templates.
const LEFT: &str = "\u{1}left";

pub struct Rewriter;

impl Rule for Rewriter {
    fn post_visit_expr(&mut self, expr: &mut Expr) {
        let new = match expr {
            Expr::AnyOp { left, compare_op, right, .. } => compared(left, compare_op, right, false),
            Expr::AllOp { left, compare_op, right } => compared(left, compare_op, right, true),
            _ => None,
        };
        if let Some(new) = new {
            *expr = new;
        }
    }
}

/// `x LIKE ANY (patterns)`, `x !~ ALL (patterns)`: of patterns that are written out one at a time, else by a function.
fn matched(left: &Expr, op: &BinaryOperator, right: &Expr, every: bool) -> Option<Expr> {
    let symbol = op.to_string();
    if !symbol.contains('~') {
        return None;
    }
    let (negated, insensitive) = (symbol.starts_with('!'), symbol.ends_with('*'));
    let one = |pattern: &Expr| {
        let (expr, pattern) = (Box::new(left.clone()), Box::new(pattern.clone()));
        match (symbol.contains("~~"), insensitive) {
            (true, false) => Expr::Like { negated, any: false, expr, pattern, escape_char: None },
            (true, true) => Expr::ILike { negated, any: false, expr, pattern, escape_char: None },
            (false, _) => Expr::BinaryOp { left: expr, op: op.clone(), right: pattern },
        }
    };
    if let Some(patterns) = elements(right) {
        return Some(joined(patterns.iter().map(one), every));
    }
    let patterns = match peeled(right) {
        Expr::Subquery(query) => {
            let mut array = plain_call(ObjectName::from(vec![Ident::new("array")]), Vec::new());
            array.args = FunctionArguments::Subquery(query.clone());
            Expr::Function(array)
        }
        unknown @ Expr::Value(_) => {
            let texts = DataType::Array(ArrayElemTypeDef::SquareBracket(Box::new(DataType::Text), None));
            cast(unknown.clone(), texts)
        }
        other => other.clone(),
    };
    let symbol = Expr::Value(Value::SingleQuotedString(symbol).with_empty_span());
    let function = if every { "lakewire_matches_all" } else { "lakewire_matches_any" };
    Some(call(function, vec![left.clone(), patterns, symbol]))
}

fn peeled(expr: &Expr) -> &Expr {
    match expr {
        Expr::Nested(inner) => peeled(inner),
        other => other,
    }
}

/// The elements of an array that is written out, `ARRAY[20, 22]` or `'{20,22}'`; of the latter each is read as what it stands
/// beside.
fn elements(expr: &Expr) -> Option<Cow<'_, [Expr]>> {
    let text = match peeled(expr) {
        Expr::Array(Array { elem, .. }) => return Some(Cow::Borrowed(elem)),
        Expr::Value(ValueWithSpan { value: Value::SingleQuotedString(text), .. }) => text,
        _ => return None,
    };
    let Ok(ScalarValue::List(list)) = read_text(&Type::TEXT_ARRAY, text, &Style::default()) else { return None };
    let literal = |text: Option<&str>| text.map_or(Value::Null, |text| Value::SingleQuotedString(text.to_owned()));
    let texts = list.values().as_string_opt::<i32>()?.iter();
    Some(texts.map(|text| Expr::Value(literal(text).with_empty_span())).collect())
}

fn joined(all: impl Iterator<Item = Expr>, every: bool) -> Expr {
    let op = || if every { BinaryOperator::And } else { BinaryOperator::Or };
    let whole = all.reduce(|left, right| Expr::BinaryOp { left: Box::new(left), op: op(), right: Box::new(right) });
    let none = Expr::Value(Value::Boolean(every).with_empty_span());
    Expr::Nested(Box::new(whole.unwrap_or(none)))
}

fn compared(left: &Expr, op: &BinaryOperator, right: &Expr, every: bool) -> Option<Expr> {
    if let Some(matched) = matched(left, op, right, every) {
        return Some(matched);
    }
    let is_in = matches!((op, every), (BinaryOperator::Eq, false) | (BinaryOperator::NotEq, true));
    match peeled(right) {
        Expr::Subquery(query) if is_in => {
            Some(Expr::InSubquery { expr: Box::new(left.clone()), subquery: query.clone(), negated: every })
        }
        Expr::Subquery(query) => of_query(left, op, query, every),
        // NULL is one, the text is not
        Expr::Value(_) if is_in => {
            let list = elements(right)?.into_owned();
            let has_null =
                list.iter().any(|item| matches!(item, Expr::Value(ValueWithSpan { value: Value::Null, .. })));
            has_null.then(|| Expr::InList { expr: Box::new(left.clone()), list, negated: every })
        }
        // a function answers these at once
        _ if is_in => None,
        right => {
            let one = |element: &Expr| Expr::BinaryOp {
                left: Box::new(left.clone()),
                op: op.clone(),
                right: Box::new(element.clone()),
            };
            elements(right).map(|elements| joined(elements.iter().map(one), every))
        }
    }
}

/// With `n` rows of which `k` are not NULL, the comparison holds for all where it does for the extreme one, and so on.
fn of_query(left: &Expr, op: &BinaryOperator, query: &Query, every: bool) -> Option<Expr> {
    let from = format!("FROM (SELECT 1) AS \"{QUANTIFIED}\" (\"{QUANTIFIED}\")");
    let extreme = |function: &str| format!("(SELECT {function}(\"{QUANTIFIED}\") {from})");
    let (least, most) = (extreme("min"), extreme("max"));
    let holds = match (op, every) {
        (BinaryOperator::Gt | BinaryOperator::GtEq, true) | (BinaryOperator::Lt | BinaryOperator::LtEq, false) => {
            format!("(\"{LEFT}\" {op} {most})")
        }
        (BinaryOperator::Lt | BinaryOperator::LtEq, true) | (BinaryOperator::Gt | BinaryOperator::GtEq, false) => {
            format!("(\"{LEFT}\" {op} {least})")
        }
        (BinaryOperator::Eq, true) => format!("(\"{LEFT}\" = {least} AND \"{LEFT}\" = {most})"),
        (BinaryOperator::NotEq, false) => format!("(\"{LEFT}\" <> {least} OR \"{LEFT}\" <> {most})"),
        _ => return None,
    };
    let none = format!("(SELECT count(*) {from}) = 0");
    let known = format!("(SELECT count(*) = count(\"{QUANTIFIED}\") {from})");
    let text = match every {
        true => {
            format!("(CASE WHEN {none} THEN true WHEN NOT {holds} THEN false WHEN {holds} AND {known} THEN true END)")
        }
        false => {
            format!("(CASE WHEN {holds} THEN true WHEN {none} THEN false WHEN NOT {holds} AND {known} THEN false END)")
        }
    };
    let parser = Parser::new(&PostgreSqlDialect {});
    let mut expr = parser.try_with_sql(&text).ok()?.parse_expr().ok()?;
    let _ = expr.visit(&mut Filler { left, query, value: plain_value(query) });
    Some(expr)
}

/// The value of a query whose rows may be aggregated where they are: inside another FROM it could not name outer columns.
fn plain_value(query: &Query) -> Option<&Expr> {
    let SetExpr::Select(select) = query.body.as_ref() else { return None };
    let [SelectItem::UnnamedExpr(value) | SelectItem::ExprWithAlias { expr: value, .. }] = select.projection.as_slice()
    else {
        return None;
    };
    let grouped = !matches!(&select.group_by, GroupByExpr::Expressions(exprs, _) if exprs.is_empty());
    let limited = query.limit_clause.is_some() || query.fetch.is_some();
    (!grouped && !limited && select.having.is_none() && !select.from.is_empty() && !aggregates(value)).then_some(value)
}

/// Puts what is compared into a template.
struct Filler<'a> {
    left: &'a Expr,
    query: &'a Query,
    value: Option<&'a Expr>,
}

impl Filler<'_> {
    /// The query with this aggregate in place of its value.
    fn aggregated(&self, item: SelectItem) -> Query {
        let mut query = self.query.clone();
        query.order_by = None;
        if let SetExpr::Select(select) = query.body.as_mut() {
            select.distinct = None;
            select.projection = vec![item];
        }
        query
    }
}

impl VisitorMut for Filler<'_> {
    type Break = ();

    fn post_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
        if matches!(expr, Expr::Identifier(Ident { value, .. }) if value == LEFT) {
            *expr = Expr::Nested(Box::new(self.left.clone()));
        }
        if let (Some(value), Expr::Subquery(template)) = (self.value, &mut *expr)
            && let SetExpr::Select(select) = template.body.as_mut()
            && let Some(mut item) = select.projection.pop()
        {
            let _ = item.visit(&mut Valued(value));
            **template = self.aggregated(item);
        }
        ControlFlow::Continue(())
    }

    fn post_visit_table_factor(&mut self, factor: &mut TableFactor) -> ControlFlow<()> {
        if let TableFactor::Derived { subquery, alias: Some(alias), .. } = factor
            && alias.name.value == QUANTIFIED
            && self.value.is_none()
        {
            **subquery = self.query.clone();
        }
        ControlFlow::Continue(())
    }
}

/// Puts the value where the template has its column.
struct Valued<'a>(&'a Expr);

impl VisitorMut for Valued<'_> {
    type Break = ();

    fn post_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
        if matches!(expr, Expr::Identifier(Ident { value, .. }) if value == QUANTIFIED) {
            *expr = Expr::Nested(Box::new(self.0.clone()));
        }
        ControlFlow::Continue(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::walk;
    use super::*;

    fn check(sql: &str, expected: &str) {
        let mut statement = Parser::parse_sql(&PostgreSqlDialect {}, sql).unwrap().remove(0);
        walk(&mut statement, &mut [&mut Rewriter]);
        assert_eq!(statement.to_string(), expected);
    }

    #[test]
    fn lists_are_compared_one_by_one_and_queries_by_their_extremes() {
        check("SELECT a = ANY (SELECT 1)", "SELECT a IN (SELECT 1)");
        check("SELECT a <> ALL (SELECT 1)", "SELECT a NOT IN (SELECT 1)");
        check("SELECT a < ANY (ARRAY[1, b])", "SELECT (a < 1 OR a < b)");
        check("SELECT a >= ALL (ARRAY[1, 2])", "SELECT (a >= 1 AND a >= 2)");
        check("SELECT a ~~ ANY (ARRAY['x%', 'y'])", "SELECT (a LIKE 'x%' OR a LIKE 'y')");
        check("SELECT a !~~* ALL (ARRAY['x%', 'y'])", "SELECT (a NOT ILIKE 'x%' AND a NOT ILIKE 'y')");
        check("SELECT a ~ ANY (b)", "SELECT lakewire_matches_any(a, b, '~')");
        check("SELECT a = ANY (b)", "SELECT a = ANY(b)");
        check("SELECT a = ANY ('{1,null}')", "SELECT a IN ('1', NULL)");
        check("SELECT a > ANY ('{1,\"x,y\",null}')", "SELECT (a > '1' OR a > 'x,y' OR a > NULL)");
        let mut statement =
            Parser::parse_sql(&PostgreSqlDialect {}, "SELECT a > ALL (SELECT b FROM t)").unwrap().remove(0);
        walk(&mut statement, &mut [&mut Rewriter]);
        assert_eq!(statement.to_string().matches("max((b)) FROM t").count(), 2, "{statement}");
    }
}
