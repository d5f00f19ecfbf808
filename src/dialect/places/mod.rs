//! What in a statement it was refused for, where the error's words tell: the clause, the literal, the column too many.
//!
//! Invariant: a place is told only where no other in the statement could be meant. The statement is looked at as it was
//! written, before any rule.

mod parts;

use datafusion::sql::sqlparser::ast::{Expr, Insert, SetExpr, Spanned, Statement as Ast, Visit};
use datafusion::sql::sqlparser::tokenizer::Location;

pub use parts::written_type;
use parts::{Calls, Parts};

use super::position::Spot;
use super::{Statement, as_written, folded, identifier_position, literal_position, operator_position};

/// Position of what the error is about, as in [`identifier_position`].
pub fn place_told(statement: &Statement, message: &str) -> Option<usize> {
    let of_words = of_words(statement, message);
    if of_words.is_some() {
        return of_words;
    }
    let written = as_written(statement)?;
    let mut parts = Parts::default();
    let _ = written.visit(&mut parts);
    match of_operators(&mut parts, message) {
        Some(spot) => spot.position(statement),
        None => Spot::At(of_syntax(&written, parts, message)?).position(statement),
    }
}

/// What has no place of its own in the tree: operators, and words like them.
fn of_operators(parts: &mut Parts, message: &str) -> Option<Spot> {
    if message.starts_with("subquery has too ") {
        return one(std::mem::take(&mut parts.in_subqueries));
    }
    if message.starts_with("op ANY/ALL") {
        return one(std::mem::take(&mut parts.quantified));
    }
    let (_, target) = message.strip_prefix("cannot cast type ")?.split_once(" to ")?;
    let casts = std::mem::take(&mut parts.casts);
    let is_one = casts.len() == 1;
    one(casts.into_iter().filter(|(to, _)| is_one || to == target).map(|(_, spot)| spot).collect())
}

fn one(mut spots: Vec<Spot>) -> Option<Spot> {
    spots.pop().filter(|_| spots.is_empty())
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
    if let Some(name) =
        message.strip_prefix("length for type ").and_then(|rest| rest.strip_suffix(" must be at least 1"))
    {
        return operator_position(statement, name);
    }
    if message.starts_with("NUMERIC ") {
        return ["numeric", "decimal", "dec"].iter().find_map(|name| operator_position(statement, name));
    }
    if message.starts_with("multiple primary keys for table") {
        return Spot::Nth(Location { line: 1, column: 1 }, "primary".to_owned(), 1).position(statement);
    }
    if let Some(word) = message.strip_prefix("syntax error at or near \"").and_then(|rest| rest.strip_suffix('"')) {
        return operator_position(statement, word);
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

fn of_syntax(written: &Ast, parts: Parts, message: &str) -> Option<Location> {
    match message {
        _ if message.contains("must be type boolean") => {
            let (clause, _) = message.strip_prefix("argument of ")?.split_once(" must be")?;
            only(parts.conditions.iter().filter(|(found, _)| *found == clause).map(|(_, at)| *at))
        }
        _ if message.ends_with("cannot be matched") => {
            let construct = message.split(' ').next()?;
            only(parts.choices.iter().filter(|(found, _)| *found == construct).map(|(_, at)| *at))
        }
        _ if message.starts_with("missing FROM-clause") || message.starts_with("invalid reference to FROM-clause") => {
            named(&parts.wildcards, message)
        }
        _ if message.starts_with("window \"") && message.ends_with("does not exist") => named(&parts.windows, message),
        _ if message.starts_with("WITH query \"") => named(&parts.ctes, message),
        "SELECT DISTINCT ON expressions must match initial ORDER BY expressions" => only(parts.distinct_on.into_iter()),
        "in an aggregate with DISTINCT, ORDER BY expressions must appear in argument list" => {
            only(parts.distinct_orders.into_iter())
        }
        "VALUES lists must all be the same length" => parts.unequal_rows.first().copied(),
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

/// The first of the name that the message quotes.
fn named(names: &[(String, Location)], message: &str) -> Option<Location> {
    let name = message.split('"').nth(1)?;
    names.iter().find(|(found, _)| found == name).map(|(_, at)| *at)
}

/// The second of the name that the message quotes.
fn twice(names: &[(String, Location)], message: &str) -> Option<Location> {
    let name = message.split('"').nth(1)?;
    names.iter().filter(|(found, _)| found == name).nth(1).map(|(_, at)| *at)
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
        check("select x.*, y.* from x", "missing FROM-clause entry for table \"y\"", Some("y.* from x"));
        check("select sum(a) over (w) from t", "window \"w\" does not exist", Some("(w) from t"));
        check("select sum(a) over w from t", "window \"w\" does not exist", Some("w from t"));
        let twice = "VALUES lists must all be the same length";
        check("values (1, 2), (3)", twice, Some("3)"));
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
    fn choices_and_operators() {
        let types = |construct: &str| format!("{construct} types integer and text cannot be matched");
        check("select coalesce(a, b) from t", &types("COALESCE"), Some("b) from t"));
        check("select case when c then a else b end from t", &types("CASE"), Some("a else b end from t"));
        check("select case when c then a when d then b else e end from t", &types("CASE"), None);
        check("select a from t except select b from u", &types("EXCEPT"), Some("b from u"));
        let few = "subquery has too few columns";
        check("select 1 from t where (a, b) in (select c from u)", few, Some("in (select c from u)"));
        let cast = "cannot cast type json to integer";
        check("select '{}'::json::int", cast, Some("::int"));
        check("select cast(a as int), b::text from t", cast, Some("cast(a as int), b::text from t"));
        let array = "op ANY/ALL (array) requires array on right side";
        check("select 1 = any (2)", array, Some("= any (2)"));
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
