//! What DataFusion's planner complains of, in PostgreSQL's words and with its SQLSTATE.
//!
//! Blocked by: DataFusion's planning errors are texts. Remove a row when it gives one of them a type.

use super::errors::postgres_type;
use crate::error::{Error, ErrorKind};

/// The error for a complaint that PostgreSQL words otherwise; `None` where ours does.
pub(super) fn in_postgres_words(text: &str) -> Option<Error> {
    if let Some((_, given)) = text.split_once("non-boolean predicate") {
        let given = given.rsplit("returning ").next().unwrap_or_default();
        let message = format!("argument of WHERE must be type boolean, not type {}", postgres_type(given));
        return Some(Error::new(ErrorKind::DatatypeMismatch, message));
    }
    if let Some((_, given)) = text.split_once("'NOT' requires a boolean expression, got ") {
        let message = format!("argument of NOT must be type boolean, not type {}", postgres_type(given));
        return Some(Error::new(ErrorKind::DatatypeMismatch, message));
    }
    if let Some((columns, names)) = between(text, "ource table contains ", " names given as column alias")
        .and_then(|counts| counts.split_once(" columns but only "))
    {
        let message = format!("table has {columns} columns available but {names} columns specified");
        return Some(Error::new(ErrorKind::InvalidColumnReference, message));
    }
    if let Some(window) = between(text, "he window ", " is not defined") {
        return Some(Error::new(ErrorKind::UndefinedObject, format!("window \"{window}\" does not exist")));
    }
    if text.contains("nary operator '-' only supports") {
        return Some(Error::no_operator_before("-", "text"));
    }
    operator(text)
        .or_else(|| position_out_of_list(text))
        .or_else(|| fixed(text))
        .or_else(|| type_name(text))
        .or_else(|| out_of_type(text))
        .or_else(|| duplicate(text))
}

/// Words of DataFusion, and the whole message of PostgreSQL.
const FIXED: &[(&str, ErrorKind, &str)] = &[
    (
        "ggregate functions are not allowed in the WHERE",
        ErrorKind::GroupingError,
        "aggregate functions are not allowed in WHERE",
    ),
    (
        "Physical plan does not support logical expression WindowFunction",
        ErrorKind::WindowingError,
        "window functions are not allowed in WHERE",
    ),
    ("ggregate function calls cannot be nested", ErrorKind::GroupingError, "aggregate function calls cannot be nested"),
    ("LIMIT must be >", ErrorKind::InvalidRowCountInLimit, "LIMIT must not be negative"),
    ("OFFSET must be >", ErrorKind::InvalidRowCountInOffset, "OFFSET must not be negative"),
    (
        "UNION queries have different number of columns",
        ErrorKind::SyntaxError,
        "each UNION query must have the same number of columns",
    ),
    ("nconsistent data length across values list", ErrorKind::SyntaxError, "VALUES lists must all be the same length"),
    (
        "n an aggregate with DISTINCT, ORDER BY expressions must appear",
        ErrorKind::InvalidColumnReference,
        "in an aggregate with DISTINCT, ORDER BY expressions must appear in argument list",
    ),
    ("ubstring without for/from", ErrorKind::UndefinedFunction, "function substring(text) does not exist"),
    ("step can't be 0", ErrorKind::InvalidParameter, "step size cannot equal zero"),
    ("tep cannot be zero", ErrorKind::InvalidParameter, "step size cannot equal zero"),
    ("Too many columns! The subquery", ErrorKind::SyntaxError, "subquery must return only one column"),
    (
        "For SELECT DISTINCT, ORDER BY expressions",
        ErrorKind::InvalidColumnReference,
        "for SELECT DISTINCT, ORDER BY expressions must appear in select list",
    ),
];

fn fixed(text: &str) -> Option<Error> {
    let (_, kind, message) = FIXED.iter().find(|(words, ..)| text.contains(words))?;
    Some(Error::new(*kind, *message))
}

/// `Cannot coerce arithmetic expression Utf8 + Int64 to valid types` and its kin.
fn operator(text: &str) -> Option<Error> {
    let (left, operator, right) = if let Some(rest) = between(text, "coerce arithmetic expression ", " to valid types")
    {
        let mut words = rest.split(' ');
        let (left, operator) = (words.next()?, words.next()?);
        (left.to_owned(), operator.to_owned(), words.collect::<Vec<_>>().join(" "))
    } else if let Some(rest) = between(text, "common type to coerce ", " in LIKE expression") {
        let (left, right) = rest.split_once(" and ")?;
        (left.to_owned(), "~~".to_owned(), right.to_owned())
    } else {
        let (_, rest) = text.split_once("string concat operation ")?;
        let (left, right) = rest.split_once(" || ")?;
        (left.to_owned(), "||".to_owned(), right.to_owned())
    };
    Some(Error::no_operator(postgres_type(&left), &operator, postgres_type(&right)))
}

/// A number in ORDER BY or GROUP BY that is no column's.
fn position_out_of_list(text: &str) -> Option<Error> {
    let (clause, position) = if let Some(position) = between(text, "Order by column out of bounds, specified: ", ",") {
        ("ORDER BY", position)
    } else {
        ("GROUP BY", between(text, "Cannot find column with position ", " in SELECT clause")?)
    };
    let message = format!("{clause} position {position} is not in select list");
    Some(Error::new(ErrorKind::InvalidColumnReference, message))
}

/// `value of 1e20 is out of range Int64`.
fn out_of_type(text: &str) -> Option<Error> {
    let (_, given) = text.split_once(" is out of range ")?;
    let name = given.starts_with("Int").then(|| postgres_type(given))?;
    Some(Error::new(ErrorKind::NumericOutOfRange, format!("{name} out of range")))
}

fn duplicate(text: &str) -> Option<Error> {
    let name = between(text, "WITH query name \"", "\" specified more than once")?;
    Some(Error::new(ErrorKind::DuplicateAlias, format!("WITH query name \"{name}\" specified more than once")))
}

fn type_name(text: &str) -> Option<Error> {
    let (_, name) = text.split_once("Unsupported SQL type ")?;
    let known = ["JSON", "JSONB", "XML", "BIT", "MONEY"].iter().any(|known| name.to_uppercase().starts_with(known));
    let custom =
        !known && name.chars().all(|letter| letter.is_ascii_lowercase() || letter == '_' || letter.is_ascii_digit());
    custom.then(|| Error::new(ErrorKind::UndefinedObject, format!("type \"{name}\" does not exist")))
}

fn between<'a>(text: &'a str, before: &str, after: &str) -> Option<&'a str> {
    Some(text.split_once(before)?.1.split_once(after)?.0)
}

/// SQLSTATE classes told by the planner's words, first match.
const PLAN_KINDS: &[(&str, ErrorKind)] = &[
    ("coerce arguments", ErrorKind::UndefinedFunction),
    ("does not support", ErrorKind::UndefinedFunction),
    ("No function matches", ErrorKind::UndefinedFunction),
    ("requires at least", ErrorKind::UndefinedFunction),
    ("expects", ErrorKind::UndefinedFunction),
    ("Cannot coerce", ErrorKind::DatatypeMismatch),
    ("Cannot infer common", ErrorKind::DatatypeMismatch),
    ("common type", ErrorKind::DatatypeMismatch),
    ("Unsupported CAST", ErrorKind::DatatypeMismatch),
    ("Cannot automatically convert", ErrorKind::DatatypeMismatch),
    ("different number of columns", ErrorKind::SyntaxError),
    ("same number of", ErrorKind::SyntaxError),
    ("DISTINCT ON", ErrorKind::InvalidColumnReference),
    ("ggregate function calls", ErrorKind::GroupingError),
    ("GROUP BY", ErrorKind::GroupingError),
    ("ambiguous", ErrorKind::AmbiguousColumn),
    ("unique expression names", ErrorKind::AmbiguousColumn),
    ("at most one row", ErrorKind::CardinalityViolation),
    ("No value found for placeholder", ErrorKind::UndefinedParameter),
    ("laceholder", ErrorKind::IndeterminateDatatype),
    ("out of range", ErrorKind::InvalidParameter),
    ("not found", ErrorKind::UndefinedObject),
];

/// What kind of complaint it is that keeps its words.
pub(super) fn plan_kind(text: &str) -> ErrorKind {
    PLAN_KINDS.iter().find(|(words, _)| text.contains(words)).map_or(ErrorKind::FeatureNotSupported, |(_, kind)| *kind)
}

#[cfg(test)]
mod tests {
    use super::in_postgres_words;

    fn check(text: &str, sqlstate: &str, message: &str) {
        let error = in_postgres_words(text).expect(text);
        assert_eq!((error.kind().sqlstate(), error.message()), (sqlstate, message));
    }

    #[test]
    fn complaints_read_as_in_postgres() {
        check(
            "Cannot coerce arithmetic expression Utf8View + Int32 to valid types",
            "42883",
            "operator does not exist: text + integer",
        );
        check(
            "There isn't a common type to coerce Utf8 and Int64 in LIKE expression",
            "42883",
            "operator does not exist: text ~~ bigint",
        );
        check(
            "Order by column out of bounds, specified: 10, max: 6",
            "42P10",
            "ORDER BY position 10 is not in select list",
        );
        check("Unsupported SQL type nosuchtype", "42704", "type \"nosuchtype\" does not exist");
        assert!(in_postgres_words("Unsupported SQL type JSON").is_none());
    }
}
