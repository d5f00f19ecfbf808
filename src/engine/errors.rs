//! DataFusion's errors as ours: the right SQLSTATE, PostgreSQL's wording, a hint, the place in the statement.
//!
//! Invariant: no message shown to a client carries DataFusion's own prefixes (`Error during planning: …`).

use datafusion::arrow::error::ArrowError;
use datafusion::common::{Column, SchemaError};
use datafusion::error::DataFusionError;
use datafusion::sql::sqlparser::ast::Ident;

use super::overflows::overflow;
use super::planner_words::{in_postgres_words, plan_kind};
use super::typing::{Place, Placed};
use super::{from_entries, misspelled, unknown_functions, unknown_operators, unsupported};
use crate::dialect::{self, Statement};
use crate::error::{Error, ErrorKind};
use crate::pgfunctions;

/// What [`super::memory::QueryPool`] says when one query wants too much; told apart by this.
pub const QUERY_MEMORY: &str = "the memory limit of one query";

/// An error about a plan or its rows.
pub fn from_datafusion(error: DataFusionError) -> Error {
    describe(error).0
}

/// An error of planning the statement, with the place of the name it is about.
pub fn in_statement(error: DataFusionError, statement: &Statement) -> Error {
    let (error, place) = describe(error);
    let written = unknown_functions::as_written(&error, statement)
        .or_else(|| unknown_operators::as_written(&error, statement))
        .or_else(|| from_entries::membership(&error, statement));
    if let Some(written) = written {
        return written;
    }
    let error = from_entries::aliased(error, statement);
    match place {
        Some(Place::Name(name)) => at_name(error, statement, &name),
        Some(Place::Literal(text)) => at_position(error, dialect::literal_position(statement, &text)),
        Some(Place::Operator(symbol)) => at_position(error, dialect::operator_position(statement, &symbol)),
        None => error,
    }
}

/// The error with its place in the statement, where its words tell it.
pub(super) fn placed(error: Error, statement: &Statement) -> Error {
    match error.position() {
        None => match dialect::place_told(statement, error.message()) {
            Some(position) => error.at(position),
            None => error,
        },
        Some(_) => error,
    }
}

/// The error at the first place where the statement says the name; unchanged if it has a place or the name has none.
/// What is forbidden has no place, as in PostgreSQL, which asks for rights when the statement is understood.
pub fn at_name(error: Error, statement: &Statement, name: &[String]) -> Error {
    if error.position().is_some() || name.is_empty() || error.kind() == ErrorKind::InsufficientPrivilege {
        return error;
    }
    let parts: Vec<&str> = name.iter().map(String::as_str).collect();
    // The planner may have added qualifiers that the user did not write.
    let place = (0..parts.len()).find_map(|skip| dialect::identifier_position(statement, parts.get(skip..)?));
    match place {
        Some(position) => error.at(position),
        None => error,
    }
}

fn at_position(error: Error, position: Option<usize>) -> Error {
    match position {
        Some(position) if error.position().is_none() => error.at(position),
        _ => error,
    }
}

/// The error, and what in the statement it is about.
fn describe(error: DataFusionError) -> (Error, Option<Place>) {
    match error {
        DataFusionError::Context(_, inner) | DataFusionError::Diagnostic(_, inner) => describe(*inner),
        DataFusionError::External(inner) if inner.is::<Placed>() => match inner.downcast::<Placed>() {
            Ok(placed) => (placed.error, Some(placed.place)),
            Err(inner) => (from_external(inner), None),
        },
        DataFusionError::Collection(errors) => match errors.into_iter().next() {
            Some(first) => describe(first),
            None => (Error::internal("an error without content"), None),
        },
        DataFusionError::External(inner) => (from_external(inner), None),
        DataFusionError::SchemaError(inner, _) => {
            let (error, name) = from_schema(&inner);
            (error, Some(Place::Name(name)))
        }
        DataFusionError::Plan(message) => from_plan(message),
        error => (from_execution(error), None),
    }
}

fn from_external(inner: Box<dyn std::error::Error + Send + Sync>) -> Error {
    match inner.downcast::<Error>() {
        Ok(ours) => *ours,
        Err(inner) => match inner.downcast::<DataFusionError>() {
            Ok(nested) => from_datafusion(*nested),
            Err(inner) => match inner.downcast::<Placed>() {
                Ok(placed) => placed.error,
                Err(inner) => from_execution(DataFusionError::External(inner)),
            },
        },
    }
}

fn from_execution(error: DataFusionError) -> Error {
    if let Some(found) = crate::table::error_in(&error) {
        return found.with_source(error);
    }
    match error {
        DataFusionError::Shared(inner) => match inner.as_ref() {
            DataFusionError::ArrowError(arrow, _) => from_arrow(arrow).with_source(DataFusionError::Shared(inner)),
            other => from_text(other).with_source(DataFusionError::Shared(inner)),
        },
        DataFusionError::ArrowError(arrow, _) => from_arrow(&arrow).with_source(arrow),
        other => from_text(&other).with_source(other),
    }
}

/// Told by variant and words, for errors that may be shared and cannot be taken apart.
fn from_text(error: &DataFusionError) -> Error {
    match error {
        DataFusionError::Context(_, inner) | DataFusionError::Diagnostic(_, inner) => from_text(inner),
        DataFusionError::Shared(inner) => from_text(inner),
        DataFusionError::ArrowError(arrow, _) => from_arrow(arrow),
        DataFusionError::Plan(message) => from_plan(message.clone()).0,
        DataFusionError::NotImplemented(message) => {
            in_postgres_words(message).unwrap_or_else(|| unsupported::in_words(&tidy(message)))
        }
        DataFusionError::ResourcesExhausted(message) => exhausted(message),
        DataFusionError::Execution(message) => from_words(message),
        DataFusionError::Configuration(message) => Error::new(ErrorKind::InvalidParameter, tidy(message)),
        DataFusionError::SQL(error, _) => Error::new(ErrorKind::SyntaxError, tidy(&error.to_string())),
        DataFusionError::IoError(error) => Error::new(ErrorKind::Io, error.to_string()),
        DataFusionError::ParquetError(error) => {
            Error::new(ErrorKind::DataCorrupted, format!("a data file cannot be read: {error}"))
        }
        DataFusionError::ObjectStore(error) => Error::new(ErrorKind::Io, error.to_string()),
        error => bad_regex(&error.to_string()).unwrap_or_else(|| Error::internal(error.to_string())),
    }
}

/// The last line of the regex crate's report says what is wrong.
fn bad_regex(text: &str) -> Option<Error> {
    let (_, report) = text.split_once("regex parse error")?;
    let reason = report.rsplit("error: ").next().unwrap_or_default().lines().next().unwrap_or_default();
    Some(Error::new(ErrorKind::InvalidRegex, format!("invalid regular expression: {reason}")))
}

fn exhausted(message: &str) -> Error {
    if message.contains("disk") || message.contains("spill") && !message.contains("memory") {
        return Error::new(ErrorKind::DiskFull, "the limit of spilled bytes was reached")
            .with_detail(tidy(message))
            .with_hint("raise memory.spill_limit in the configuration, or ask for less at once");
    }
    let (what, setting) = match message.contains(QUERY_MEMORY) {
        true => ("the query reached its memory limit", "memory.per_query"),
        false => ("the server's memory for queries is used up", "memory.total"),
    };
    Error::new(ErrorKind::OutOfMemory, what)
        .with_detail(tidy(message))
        .with_hint(format!("raise {setting} in the configuration, or ask for less at once"))
}

fn from_schema(error: &SchemaError) -> (Error, Vec<String>) {
    match error {
        SchemaError::FieldNotFound { field, valid_fields } => undefined_column(field, valid_fields),
        SchemaError::AmbiguousReference { field } => ambiguous(field),
        SchemaError::DuplicateQualifiedField { qualifier, .. } => {
            let message = format!("table name \"{}\" specified more than once", qualifier.table());
            (Error::new(ErrorKind::DuplicateAlias, message), Vec::new())
        }
        SchemaError::DuplicateUnqualifiedField { name } => (
            Error::new(ErrorKind::AmbiguousColumn, format!("column \"{name}\" is there more than once"))
                .with_hint("give one of them another name with AS"),
            vec![name.clone()],
        ),
    }
}

fn ambiguous(field: &Column) -> (Error, Vec<String>) {
    let message = format!("column reference \"{}\" is ambiguous", field.name);
    (Error::new(ErrorKind::AmbiguousColumn, message), name_of(field))
}

fn undefined_column(field: &Column, valid: &[Column]) -> (Error, Vec<String>) {
    let is_hidden = |column: &&Column| {
        column.name != field.name
            && dialect::visible_name(&column.name) == field.name
            && (field.relation.is_none() || field.relation == column.relation)
    };
    if valid.iter().filter(is_hidden).nth(1).is_some() {
        return ambiguous(field);
    }
    let message = match &field.relation {
        Some(relation) => {
            let known = valid.is_empty() || valid.iter().any(|column| column.relation.as_ref() == Some(relation));
            if !known && !valid.iter().any(|c| c.relation.as_ref().is_some_and(|r| r.table() == relation.table())) {
                let error = Error::new(
                    ErrorKind::UndefinedTable,
                    format!("missing FROM-clause entry for table \"{}\"", relation.table()),
                );
                return (error, name_of(field));
            }
            format!("column {}.{} does not exist", relation.table(), field.name)
        }
        None => format!("column \"{}\" does not exist", field.name),
    };
    let error = Error::new(ErrorKind::UndefinedColumn, message);
    let error = match misspelled::hint(field, valid) {
        Some(hint) => error.with_hint(hint),
        None => error,
    };
    (error, name_of(field))
}

/// The error about a name that stands for no column, at its place.
pub(super) fn undefined(name: &Ident, statement: &Statement) -> Error {
    let message = format!("column \"{}\" does not exist", dialect::folded(name));
    at_position(Error::new(ErrorKind::UndefinedColumn, message), dialect::place_of(statement, name))
}

fn name_of(column: &Column) -> Vec<String> {
    let table = column.relation.as_ref().map(|relation| relation.table().to_owned());
    table.into_iter().chain([column.name.clone()]).collect()
}

/// The candidate most like the name, if one is near: `(compared, shown)` pairs.
pub fn nearest(name: &str, candidates: impl Iterator<Item = (String, String)>) -> Option<String> {
    let name = name.to_lowercase();
    candidates
        .map(|(compared, shown)| (strsim::jaro_winkler(&name, &compared.to_lowercase()), shown))
        .filter(|(likeness, _)| *likeness > 0.8)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, shown)| shown)
}

fn from_plan(message: String) -> (Error, Option<Place>) {
    let text = tidy(&message);
    if let Some(call) = quoted_after(&text, "given name and argument types ") {
        let (name, types) = unknown_functions::types_in(&call);
        return (pgfunctions::undefined_call(&name, &types), Some(Place::Name(vec![name])));
    }
    if let Some((_, name)) = text.split_once("nvalid qualifier ") {
        let message = format!("missing FROM-clause entry for table \"{name}\"");
        return (Error::new(ErrorKind::UndefinedTable, message), Some(Place::Name(vec![name.to_owned()])));
    }
    // others have stand-ins
    if let Some(name) = quoted_after(&text, "nvalid function ") {
        let message = format!("window function {name} requires an OVER clause");
        return (Error::new(ErrorKind::WrongObjectType, message), Some(Place::Name(vec![name])));
    }
    if text.contains("must appear in the GROUP BY clause") || text.contains("must be in GROUP BY") {
        let quoted = text.split('"').nth(1);
        // of a condition the first column stands first
        let bare = || text.split_once("HAVING clause references: ")?.1.split_whitespace().next();
        let column = quoted.or_else(bare).unwrap_or_default().to_owned();
        let error = Error::new(
            ErrorKind::GroupingError,
            format!("column \"{column}\" must appear in the GROUP BY clause or be used in an aggregate function"),
        );
        return (error, Some(Place::Name(column.split('.').map(str::to_owned).collect())));
    }
    if let Some(error) = in_postgres_words(&text) {
        return (error, None);
    }
    // a plan that the optimizer itself finds wrong: no fault of the statement
    if text.starts_with("plan: [") {
        return (Error::internal(text), None);
    }
    if let Some(error) = unsupported::known(&text) {
        return (error, None);
    }
    let kind = plan_kind(&text);
    (Error::new(kind, lower_first(&text)), None)
}

/// PostgreSQL's name for a type as DataFusion writes it; the same where there is none.
pub(super) fn postgres_type(arrow: &str) -> &str {
    match arrow {
        text if text.starts_with("Utf8") || text == "LargeUtf8" => "text",
        zoned if zoned.starts_with("Timestamp") && zoned.contains('"') => "timestamp with time zone",
        plain if plain.starts_with("Timestamp") => "timestamp without time zone",
        "Date32" => "date",
        "Boolean" => "boolean",
        interval if interval.starts_with("Interval") => "interval",
        other => ARROW_TYPES.iter().find(|(arrow, _)| other.starts_with(arrow)).map_or(other, |(_, name)| name),
    }
}

fn from_arrow(error: &ArrowError) -> Error {
    match error {
        ArrowError::DivideByZero => Error::new(ErrorKind::DivisionByZero, "division by zero"),
        ArrowError::ArithmeticOverflow(message) => overflow(message),
        ArrowError::ExternalError(inner) => match inner.downcast_ref::<DataFusionError>() {
            Some(nested) => from_text(nested),
            None => from_words(&inner.to_string()),
        },
        ArrowError::MemoryError(message) => exhausted(message),
        ArrowError::NotYetImplemented(message) => unsupported::in_words(&tidy(message)),
        ArrowError::CastError(message)
        | ArrowError::ParseError(message)
        | ArrowError::ComputeError(message)
        | ArrowError::InvalidArgumentError(message) => from_words(message),
        error => Error::internal(error.to_string()),
    }
}

/// Words of kernels, and what PostgreSQL says.
const COMPUTING: &[(&str, ErrorKind, &str)] = &[
    (
        "zero raised to a negative power",
        ErrorKind::InvalidArgumentForPower,
        "zero raised to a negative power is undefined",
    ),
    ("square root of a negative", ErrorKind::InvalidArgumentForPower, "cannot take square root of a negative number"),
    ("step can't be 0", ErrorKind::InvalidParameter, "step size cannot equal zero"),
    ("tep cannot be zero", ErrorKind::InvalidParameter, "step size cannot equal zero"),
    (
        "aggregate with distinct, order by expressions must appear",
        ErrorKind::InvalidColumnReference,
        "in an aggregate with DISTINCT, ORDER BY expressions must appear in argument list",
    ),
    ("ntile requires a", ErrorKind::InvalidArgumentForNtile, "argument of ntile must be greater than zero"),
    ("logarithm of zero", ErrorKind::InvalidArgumentForLog, "cannot take logarithm of zero"),
    ("logarithm of a negative", ErrorKind::InvalidArgumentForLog, "cannot take logarithm of a negative number"),
    ("sum not supported for null", ErrorKind::UndefinedFunction, "function sum() does not exist"),
    ("negative count not allowed", ErrorKind::SubstringError, "negative substring length not allowed"),
    ("negative substring length", ErrorKind::SubstringError, "negative substring length not allowed"),
];

/// An error while computing, told by the words of kernels.
fn from_words(message: &str) -> Error {
    let text = tidy(message);
    let lower = text.to_lowercase();
    if lower.contains("divide by zero") || lower.contains("division by zero") {
        return Error::new(ErrorKind::DivisionByZero, "division by zero");
    }
    if lower.contains("overflow") || lower.contains("too large to store") || lower.contains("too small to store") {
        return overflow(&text);
    }
    if lower.contains("can't cast value") || lower.contains("cannot cast to") && lower.contains("overflow") {
        return overflow(&text);
    }
    if let Some(error) = bad_text(&text).or_else(|| bad_regex(&text)) {
        return error;
    }
    if let Some((_, kind, message)) = COMPUTING.iter().find(|(words, ..)| lower.contains(words)) {
        return Error::new(*kind, *message);
    }
    if lower.contains("regex") || lower.contains("regular expression") {
        return Error::new(ErrorKind::InvalidRegex, format!("invalid regular expression: {text}"));
    }
    if lower.contains("more than one row") || lower.contains("at most one row") {
        return Error::new(
            ErrorKind::CardinalityViolation,
            "more than one row returned by a subquery used as an expression",
        );
    }
    Error::new(ErrorKind::InvalidParameter, lower_first(&text))
}

/// `Cannot cast string 'x' to value of Int64 type` and its kin.
fn bad_text(text: &str) -> Option<Error> {
    let lower = text.to_lowercase();
    let value = || text.split('\'').nth(1).unwrap_or_default();
    let datetimes = ["timestamp", "date32", "date64", "time32", "time64", "datetime", "interval"];
    if lower.contains("cannot cast string") || lower.contains("error parsing") || lower.contains("cannot parse") {
        let found = datetimes.iter().find(|name| lower.contains(*name));
        if let Some(name) = found {
            let name = name.trim_end_matches(|c: char| c.is_ascii_digit());
            let name = if name == "datetime" { "timestamp" } else { name };
            let message = format!("invalid input syntax for type {name}: \"{}\"", value());
            return Some(Error::new(ErrorKind::InvalidDatetime, message));
        }
        let type_name = ARROW_TYPES.iter().find(|(arrow, _)| text.contains(arrow)).map_or("value", |(_, name)| name);
        let message = format!("invalid input syntax for type {type_name}: \"{}\"", value());
        return Some(Error::new(ErrorKind::InvalidTextRepresentation, message));
    }
    None
}

const ARROW_TYPES: &[(&str, &str)] = &[
    ("Int64", "bigint"),
    ("Int32", "integer"),
    ("Int16", "smallint"),
    ("Float64", "double precision"),
    ("Float32", "real"),
    ("Decimal", "numeric"),
    ("Boolean", "boolean"),
    ("UInt64", "bigint"),
];

/// Without DataFusion's and Arrow's prefixes, one line, no full stop.
fn tidy(message: &str) -> String {
    const PREFIXES: &[&str] = &[
        "Error during planning: ",
        "Schema error: ",
        "Execution error: ",
        "Arrow error: ",
        "Cast error: ",
        "Parser error: ",
        "Compute error: ",
        "Invalid argument error: ",
        "Optimizer rule ",
        "External error: ",
        "type_coercion\ncaused by\n",
        "This feature is not implemented: ",
        "Resources exhausted: ",
    ];
    let mut text = message.trim();
    while let Some(rest) = PREFIXES.iter().find_map(|prefix| text.strip_prefix(prefix)) {
        text = rest;
    }
    let text = text.split("\n\nbacktrace:").next().unwrap_or(text);
    text.trim_end_matches('.').replace('\n', " ")
}

fn lower_first(text: &str) -> String {
    let mut chars = text.chars();
    match (chars.next(), chars.clone().next()) {
        // `UNION …` and other words in capitals stay as they are.
        (Some(first), Some(second)) if first.is_uppercase() && !second.is_uppercase() => {
            first.to_lowercase().chain(chars).collect()
        }
        _ => text.to_owned(),
    }
}

fn quoted_after(text: &str, words: &str) -> Option<String> {
    let (_, rest) = text.split_once(words)?;
    rest.strip_prefix('\'')?.split('\'').next().map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(error: DataFusionError, sqlstate: &str, message: &str) {
        let error = from_datafusion(error);
        assert_eq!((error.kind().sqlstate(), error.message()), (sqlstate, message));
    }

    #[test]
    fn words_of_postgres_and_its_codes() {
        let arrow = |error| DataFusionError::ArrowError(Box::new(error), None);
        check(arrow(ArrowError::DivideByZero), "22012", "division by zero");
        check(
            arrow(ArrowError::CastError("Cannot cast string 'abc' to value of Int64 type".into())),
            "22P02",
            "invalid input syntax for type bigint: \"abc\"",
        );
        check(
            arrow(ArrowError::ParseError("Error parsing timestamp from 'x': error parsing date".into())),
            "22007",
            "invalid input syntax for type timestamp: \"x\"",
        );
        check(
            DataFusionError::Plan("No function matches the given name and argument types 'foo(Int64)'.".into()),
            "42883",
            "function foo(bigint) does not exist",
        );
        check(
            DataFusionError::NotImplemented("LATERAL of that kind".into()),
            "0A000",
            "not supported: LATERAL of that kind",
        );
        check(
            DataFusionError::ResourcesExhausted("memory".into()),
            "53200",
            "the server's memory for queries is used up",
        );
        check(
            DataFusionError::Context(
                "type_coercion".into(),
                Box::new(DataFusionError::External(Box::new(Error::new(ErrorKind::UndefinedTable, "ours")))),
            ),
            "42P01",
            "ours",
        );
    }
}
