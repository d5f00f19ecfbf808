//! What in a statement it was refused for, where the error's words tell: the clause, the literal, the column too many.
//!
//! Invariant: a place is told only where no other in the statement could be meant. The statement is looked at as it was
//! written, before any rule.

use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{
    BinaryOperator, Expr, Function, FunctionArg, FunctionArgExpr, FunctionArguments, GroupByExpr, Insert,
    JoinConstraint, JoinOperator, OrderByKind, Query, Select, SelectItem, SetExpr, Spanned, Statement as Ast,
    TypedString, UnaryOperator, Value, Visit, Visitor,
};
use datafusion::sql::sqlparser::dialect::PostgreSqlDialect;
use datafusion::sql::sqlparser::tokenizer::{Location, Tokenizer};

use super::position::Positions;
use super::rules::is_aggregate;
use super::{Statement, folded, identifier_position, literal_position, operator_position, parse_one};

/// Functions whose first argument is the name of a sequence.
const OF_SEQUENCES: [&str; 3] = ["nextval", "currval", "setval"];

/// Position of what the error is about, as in [`identifier_position`].
pub fn place_told(statement: &Statement, message: &str) -> Option<usize> {
    let of_words = of_words(statement, message);
    if of_words.is_some() {
        return of_words;
    }
    let tokens = Tokenizer::new(&PostgreSqlDialect {}, &statement.text).tokenize_with_location().ok()?;
    let written = parse_one(&tokens).ok()?;
    let at = of_syntax(&written, message)?;
    (at.line > 0).then(|| statement.offset + Positions::new(&statement.text).chars_before(at) + 1)
}

/// What the message itself quotes.
fn of_words(statement: &Statement, message: &str) -> Option<usize> {
    let quoted = || message.split('"').nth(1);
    if message.starts_with("invalid input syntax for") {
        return literal_position(statement, message.split_once(": \"")?.1.strip_suffix('"')?);
    }
    if message.starts_with("type \"") && message.ends_with("does not exist") {
        return operator_position(statement, quoted()?);
    }
    if let Some(operator) = message.strip_prefix("operator does not exist: ") {
        let is_symbol = |word: &&str| word.chars().all(|letter| "+-*/<>=~!@#%^&|`?".contains(letter));
        return operator_position(statement, operator.split(' ').find(is_symbol)?);
    }
    let called = message.strip_prefix("function ").or_else(|| message.strip_prefix("procedure "))?;
    let name = called.split_once('(').filter(|_| message.ends_with("does not exist"))?.0;
    identifier_position(statement, &name.rsplit('.').take(1).collect::<Vec<_>>())
}

/// What an expression over one row may not call, if it does: `aggregate` or `window`.
pub fn calls_over_rows(expr: &Expr) -> Option<&'static str> {
    let mut calls = Calls::default();
    let _ = expr.visit(&mut calls);
    match calls {
        Calls { aggregates, .. } if !aggregates.is_empty() => Some("aggregate"),
        Calls { windows, .. } if !windows.is_empty() => Some("window"),
        _ => None,
    }
}

fn of_syntax(written: &Ast, message: &str) -> Option<Location> {
    let mut parts = Parts::default();
    let _ = written.visit(&mut parts);
    match message {
        _ if message.contains("must be type boolean") => {
            let clause = message.strip_prefix("argument of ")?.split(' ').next()?;
            only(parts.conditions.iter().filter(|(found, _)| *found == clause).map(|(_, at)| *at))
        }
        "aggregate functions are not allowed in WHERE" => only(parts.aggregates_in_where.into_iter()),
        "window functions are not allowed in WHERE" => only(parts.windows_in_where.into_iter()),
        "aggregate functions are not allowed in UPDATE" => only(parts.in_set.aggregates.into_iter()),
        "window functions are not allowed in UPDATE" => only(parts.in_set.windows.into_iter()),
        "aggregate function calls cannot be nested" => only(parts.nested_aggregates.into_iter()),
        "for SELECT DISTINCT, ORDER BY expressions must appear in select list" => only(parts.orders.into_iter()),
        "subquery must return only one column" => only(parts.wide_subqueries.into_iter()),
        "each UNION query must have the same number of columns"
        | "each INTERSECT query must have the same number of columns"
        | "each EXCEPT query must have the same number of columns" => only(parts.second_branches.into_iter()),
        _ if message.starts_with("UNION types") => only(parts.second_columns.into_iter()),
        _ if message.starts_with("WITH query name") => twice(&parts.ctes, message),
        _ if message.ends_with("is not in select list") => {
            let number = message.split(' ').nth(3)?;
            only(parts.ordinals.iter().filter(|(found, _)| found == number).map(|(_, at)| *at))
        }
        _ if message.contains("type json") || message.starts_with("unsupported Unicode escape") => {
            only(parts.literals.iter().filter(|(to, ..)| to.starts_with("json")).map(|(.., at)| *at))
        }
        _ if message.ends_with("does not exist")
            || message.starts_with("invalid name syntax")
            || message.starts_with("more than one function named") =>
        {
            let quoted = message.split('"').nth(1)?;
            let meant = |(to, text, _): &&(String, String, Location)| to.starts_with("reg") && text.contains(quoted);
            only(parts.literals.iter().filter(meant).map(|(.., at)| *at))
        }
        _ => match written {
            Ast::Insert(insert) => of_insert(insert, message),
            _ => None,
        },
    }
}

fn of_insert(insert: &Insert, message: &str) -> Option<Location> {
    let columns: Vec<(String, Location)> = insert
        .columns
        .iter()
        .filter_map(|name| name.0.last()?.as_ident())
        .map(|name| (folded(name), name.span.start))
        .collect();
    let rows = match insert.source.as_ref()?.body.as_ref() {
        SetExpr::Values(values) => values.rows.iter().map(|row| starts(row.content.iter())).collect(),
        SetExpr::Select(select) => vec![starts(select.projection.iter())],
        _ => Vec::new(),
    };
    let first = rows.first()?;
    match message {
        "INSERT has more expressions than target columns" => {
            first.get(columns.len()).filter(|_| !columns.is_empty()).copied()
        }
        "INSERT has more target columns than expressions" => columns.get(first.len()).map(|(_, at)| *at),
        "VALUES lists must all be the same length" => {
            rows.iter().find(|row| row.len() != first.len())?.first().copied()
        }
        _ if message.ends_with("specified more than once") => twice(&columns, message),
        _ if message.starts_with("column \"") && message.contains("but expression is of type") => {
            let name = message.split('"').nth(1)?;
            let index = columns.iter().position(|(column, _)| column == name)?;
            only(rows.iter().filter_map(|row| row.get(index).copied()))
        }
        _ => None,
    }
}

fn starts<'a, T: Spanned + 'a>(parts: impl Iterator<Item = &'a T>) -> Vec<Location> {
    parts.map(|part| part.span().start).collect()
}

/// The one there is.
fn only(mut places: impl Iterator<Item = Location>) -> Option<Location> {
    places.next().filter(|_| places.next().is_none())
}

/// The second of the name that the message quotes.
fn twice(names: &[(String, Location)], message: &str) -> Option<Location> {
    let name = message.split('"').nth(1)?;
    names.iter().filter(|(found, _)| found == name).nth(1).map(|(_, at)| *at)
}

/// The parts of a statement that errors are about.
#[derive(Default)]
struct Parts {
    /// By clause: what must be a boolean and may be something else.
    conditions: Vec<(&'static str, Location)>,
    aggregates_in_where: Vec<Location>,
    windows_in_where: Vec<Location>,
    in_set: Calls,
    nested_aggregates: Vec<Location>,
    orders: Vec<Location>,
    /// Numbers of columns in ORDER BY and GROUP BY.
    ordinals: Vec<(String, Location)>,
    wide_subqueries: Vec<Location>,
    /// Where the second query of a set operation begins, and its column where it is the only one.
    second_branches: Vec<Location>,
    second_columns: Vec<Location>,
    ctes: Vec<(String, Location)>,
    /// Quoted literals with a type: the type, the text.
    literals: Vec<(String, String, Location)>,
}

impl Parts {
    fn condition(&mut self, clause: &'static str, expr: &Expr) {
        if may_be_something_else(expr) {
            self.conditions.push((clause, expr.span().start));
        }
    }

    fn filter(&mut self, expr: &Expr) {
        self.condition("WHERE", expr);
        let mut calls = Calls::default();
        let _ = expr.visit(&mut calls);
        self.aggregates_in_where.append(&mut calls.aggregates);
        self.windows_in_where.append(&mut calls.windows);
    }

    fn ordinal(&mut self, expr: &Expr) {
        if let Expr::Value(value) = expr
            && let Value::Number(number, _) = &value.value
        {
            self.ordinals.push((number.to_string(), value.span.start));
        }
    }

    fn literal(&mut self, data_type: &str, value: &Value, at: Location) {
        if let Value::SingleQuotedString(text) | Value::EscapedStringLiteral(text) = value {
            let data_type = data_type.to_lowercase();
            let bare = data_type.rsplit('.').next().unwrap_or_default().to_owned();
            self.literals.push((bare, text.clone(), at));
        }
    }
}

impl Visitor for Parts {
    type Break = ();

    fn pre_visit_statement(&mut self, statement: &Ast) -> ControlFlow<()> {
        match statement {
            Ast::Update(update) => {
                update.selection.iter().for_each(|filter| self.filter(filter));
                let _ = update.assignments.visit(&mut self.in_set);
            }
            Ast::Delete(delete) => delete.selection.iter().for_each(|filter| self.filter(filter)),
            _ => {}
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_query(&mut self, query: &Query) -> ControlFlow<()> {
        if let Some(OrderByKind::Expressions(order)) = query.order_by.as_ref().map(|order| &order.kind) {
            for item in order {
                self.orders.push(item.expr.span().start);
                self.ordinal(&item.expr);
            }
        }
        for cte in query.with.iter().flat_map(|with| &with.cte_tables) {
            self.ctes.push((folded(&cte.alias.name), cte.alias.name.span.start));
        }
        if let SetExpr::SetOperation { right, .. } = query.body.as_ref()
            && let SetExpr::Select(select) = right.as_ref()
        {
            let columns = starts(select.projection.iter());
            self.second_branches.extend(columns.first());
            self.second_columns.extend(columns.first().filter(|_| columns.len() == 1));
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_select(&mut self, select: &Select) -> ControlFlow<()> {
        select.selection.iter().for_each(|filter| self.filter(filter));
        select.having.iter().for_each(|having| self.condition("HAVING", having));
        if let GroupByExpr::Expressions(groups, _) = &select.group_by {
            groups.iter().for_each(|group| self.ordinal(group));
        }
        for join in select.from.iter().flat_map(|from| &from.joins) {
            if let JoinOperator::Join(on)
            | JoinOperator::Inner(on)
            | JoinOperator::Left(on)
            | JoinOperator::LeftOuter(on) = &join.join_operator
                && let JoinConstraint::On(condition) = on
            {
                self.condition("JOIN/ON", condition);
            }
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_expr(&mut self, expr: &Expr) -> ControlFlow<()> {
        match expr {
            Expr::Case { operand: None, conditions, .. } => {
                conditions.iter().for_each(|when| self.condition("CASE/WHEN", &when.condition));
            }
            Expr::UnaryOp { op: UnaryOperator::Not, expr } => self.condition("NOT", expr),
            Expr::BinaryOp { left, op: BinaryOperator::And, right } => {
                self.condition("AND", left);
                self.condition("AND", right);
            }
            Expr::BinaryOp { left, op: BinaryOperator::Or, right } => {
                self.condition("OR", left);
                self.condition("OR", right);
            }
            Expr::Function(function) if is_aggregate(function) => {
                let mut calls = Calls::default();
                if let FunctionArguments::List(arguments) = &function.args {
                    let _ = arguments.visit(&mut calls);
                }
                self.nested_aggregates.append(&mut calls.aggregates);
            }
            Expr::Subquery(query) => {
                if let SetExpr::Select(select) = query.body.as_ref()
                    && select.projection.len() > 1
                    && !select.projection.iter().any(|item| matches!(item, SelectItem::Wildcard(_)))
                {
                    self.wide_subqueries.push(before_parenthesis(query.span().start));
                }
            }
            Expr::Cast { expr, data_type, .. } => {
                if let Expr::Value(value) = expr.as_ref() {
                    self.literal(&data_type.to_string(), &value.value, value.span.start);
                }
            }
            Expr::Function(Function { name, args: FunctionArguments::List(list), .. }) => {
                let last = name.0.last().and_then(|part| part.as_ident()).map(folded).unwrap_or_default();
                if OF_SEQUENCES.contains(&last.as_str())
                    && let Some(FunctionArg::Unnamed(FunctionArgExpr::Expr(Expr::Value(value)))) = list.args.first()
                {
                    self.literal("regclass", &value.value, value.span.start);
                }
            }
            Expr::TypedString(TypedString { data_type, value, .. }) => {
                self.literal(&data_type.to_string(), &value.value, value.span.start);
            }
            _ => {}
        }
        ControlFlow::Continue(())
    }
}

/// A query in parentheses begins with the first of them, which has no place of its own.
fn before_parenthesis(query: Location) -> Location {
    Location { column: query.column.saturating_sub(1), ..query }
}

/// Calls within an expression, its subqueries apart.
#[derive(Default)]
struct Calls {
    aggregates: Vec<Location>,
    windows: Vec<Location>,
    queries: usize,
}

impl Visitor for Calls {
    type Break = ();

    fn pre_visit_query(&mut self, _query: &Query) -> ControlFlow<()> {
        self.queries += 1;
        ControlFlow::Continue(())
    }

    fn post_visit_query(&mut self, _query: &Query) -> ControlFlow<()> {
        self.queries -= 1;
        ControlFlow::Continue(())
    }

    fn pre_visit_expr(&mut self, expr: &Expr) -> ControlFlow<()> {
        if let Expr::Function(function) = expr
            && self.queries == 0
            && let Some(at) = name_of(function)
        {
            match function.over.is_some() {
                true => self.windows.push(at),
                false if is_aggregate(function) => self.aggregates.push(at),
                false => {}
            }
        }
        ControlFlow::Continue(())
    }
}

fn name_of(function: &Function) -> Option<Location> {
    function.name.0.first()?.as_ident().map(|name| name.span.start)
}

/// Whether an expression is not plainly a condition.
fn may_be_something_else(expr: &Expr) -> bool {
    match expr {
        Expr::Nested(inner) => may_be_something_else(inner),
        Expr::BinaryOp { op, .. } => matches!(
            op,
            BinaryOperator::Plus
                | BinaryOperator::Minus
                | BinaryOperator::Multiply
                | BinaryOperator::Divide
                | BinaryOperator::Modulo
                | BinaryOperator::StringConcat
        ),
        Expr::Value(value) => !matches!(value.value, Value::Boolean(_) | Value::Null),
        Expr::Identifier(_)
        | Expr::CompoundIdentifier(_)
        | Expr::Function(_)
        | Expr::Cast { .. }
        | Expr::Case { .. } => true,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dialect::parse_single;

    fn check(sql: &str, message: &str, expected: Option<&str>) {
        let found = place_told(&parse_single(sql).unwrap(), message).map(|position| &sql[position - 1..]);
        assert_eq!(found, expected, "{sql}");
    }

    #[test]
    fn clauses() {
        let not_boolean = "argument of WHERE must be type boolean, not type integer";
        check("select a from t where a + 1", not_boolean, Some("a + 1"));
        check("select a from t where b in (select 1 from u where c) and a", not_boolean, Some("c) and a"));
        check(
            "select a from t where exists (select 1 from u where c) union select 1 from v where d",
            not_boolean,
            None,
        );
        check("delete from t where id", not_boolean, Some("id"));
        check("select 1 and true", "argument of AND must be type boolean, not type integer", Some("1 and true"));
        let nested = "aggregate function calls cannot be nested";
        check("select sum(sum(a)) from t", nested, Some("sum(a)) from t"));
        check(
            "select 1 from t where count(*) > 1",
            "aggregate functions are not allowed in WHERE",
            Some("count(*) > 1"),
        );
        check("select a from t order by 10", "ORDER BY position 10 is not in select list", Some("10"));
    }

    #[test]
    fn literals_and_types() {
        check("select '{bad'::json, 'x'::text", "invalid input syntax for type json", Some("'{bad'::json, 'x'::text"));
        check("select '{}'::json, '{bad'::json", "invalid input syntax for type json", None);
        check("select 'a.b'::regclass", "relation \"a.b\" does not exist", Some("'a.b'::regclass"));
        check("select 1::nosuch", "type \"nosuch\" does not exist", Some("nosuch"));
        check("select interval '1 day' * t from u", "operator does not exist: interval * interval", Some("* t from u"));
    }

    #[test]
    fn inserts() {
        let more = "INSERT has more expressions than target columns";
        check("insert into t (a) values (1, 2)", more, Some("2)"));
        check("insert into t values (1, 2)", more, None);
        check(
            "insert into t (a, b) values (1)",
            "INSERT has more target columns than expressions",
            Some("b) values (1)"),
        );
        check("insert into t (a, a) values (1, 2)", "column \"a\" specified more than once", Some("a) values (1, 2)"));
        let mistyped = "column \"b\" is of type integer but expression is of type boolean";
        check("insert into t (a, b) values (1, true)", mistyped, Some("true)"));
    }
}
