//! Calls of functions that are not there: `function nosuch(integer) does not exist`.
//!
//! The planner tells how it has read the arguments, and by which name it knows a function; what the statement says counts
//! more.

use std::ops::ControlFlow;

use datafusion::common::DFSchema;
use datafusion::error::DataFusionError;
use datafusion::logical_expr::{Expr, ExprSchemable};
use datafusion::sql::sqlparser::ast::{
    self, FunctionArg, FunctionArgExpr, FunctionArguments, ObjectName, Spanned, TableFactor, UnaryOperator, Value,
    ValueWithSpan, Visit, Visitor,
};

use super::errors::postgres_type;
use crate::dialect::{self, Spot, Statement, folded};
use crate::error::{Error, ErrorKind};
use crate::pgfunctions::{ambiguous_call, external, type_name, undefined_call};

/// The type of a literal that nothing gives one.
const UNTYPED: &str = "unknown";

/// The error about a call in FROM, whose arguments are constants.
pub(super) fn in_from(name: &str, arguments: &[Expr]) -> DataFusionError {
    let schema = DFSchema::empty();
    let types = arguments.iter().map(|argument| match argument.to_field(&schema) {
        Ok((_, field)) => type_name(&field),
        Err(_) => UNTYPED.to_owned(),
    });
    external(undefined_call(name, &types.collect::<Vec<_>>()))
}

/// The types of a call as DataFusion writes it, `upper(Int64)`, in PostgreSQL's words, with the function's name.
pub(super) fn types_in(call: &str) -> (String, Vec<String>) {
    let Some((name, arguments)) = call.split_once('(') else { return (call.to_owned(), Vec::new()) };
    let arguments = arguments.strip_suffix(')').unwrap_or(arguments);
    let (mut types, mut depth, mut begin) = (Vec::new(), 0_usize, 0);
    for (place, character) in arguments.char_indices() {
        match character {
            '(' => depth += 1,
            ')' => depth = depth.saturating_sub(1),
            ',' if depth == 0 => {
                types.push(postgres_type(arguments[begin..place].trim()).to_owned());
                begin = place + 1;
            }
            _ => {}
        }
    }
    if !arguments.is_empty() {
        types.push(postgres_type(arguments[begin..].trim()).to_owned());
    }
    (name.to_owned(), types)
}

/// Such an error as PostgreSQL has it: with the function's name and the types of literals as they are written, at its
/// place; `None` for other errors.
pub(super) fn as_written(error: &Error, statement: &Statement) -> Option<Error> {
    let call = error.message().strip_prefix("function ")?.strip_suffix(") does not exist")?;
    let (name, types) = call.split_once('(').filter(|_| error.kind() == ErrorKind::UndefinedFunction)?;
    let types: Vec<&str> = types.split(", ").filter(|name| !name.is_empty()).collect();
    let tree = dialect::as_written(statement)?;
    let written = tree.visit(&mut Finder { name, count: types.len() }).break_value();
    let literals = written.as_ref().map(|written| written.types.as_slice()).unwrap_or_default();
    let types = types.iter().enumerate().map(|(nth, read)| literals.get(nth).copied().flatten().unwrap_or(read));
    let types: Vec<String> = types.map(str::to_owned).collect();
    if let Some(other) = of_syntax(name, &types) {
        return Some(other);
    }
    let shown = written.as_ref().map_or(name, |written| &written.name);
    let is_unclear = OF_SEVERAL_TYPES.contains(&name) && !types.is_empty() && types.iter().all(|name| name == UNTYPED);
    let mut found = if is_unclear { ambiguous_call(shown, &types) } else { undefined_call(shown, &types) };
    if let Some(hint) = error.hint().filter(|_| !is_unclear) {
        found = found.with_hint(hint);
    }
    let position = error.position().or_else(|| match written {
        Some(written) => written.spot.position(statement),
        None => dialect::identifier_position(statement, &[name]),
    });
    Some(match position {
        Some(position) => found.at(position),
        None => found,
    })
}

/// Functions that stand for what PostgreSQL's grammar has, and says otherwise where the types do not fit.
fn of_syntax(name: &str, types: &[String]) -> Option<Error> {
    let construct = match name {
        "greatest" => "GREATEST",
        "least" => "LEAST",
        "coalesce" => "COALESCE",
        "make_array" => "ARRAY",
        "array_has" => {
            let is_array = types.first().is_some_and(|list| list.ends_with("[]"));
            let message = "op ANY/ALL (array) requires array on right side";
            return (!is_array).then(|| Error::new(ErrorKind::WrongObjectType, message));
        }
        _ => {
            let symbol = operator(name)?;
            let [left, right] = types else { return None };
            return Some(Error::no_operator(left, symbol, right));
        }
    };
    let first = types.iter().find(|name| *name != UNTYPED)?;
    let other = types.iter().find(|name| *name != UNTYPED && *name != first)?;
    let message = format!("{construct} types {first} and {other} cannot be matched");
    Some(Error::new(ErrorKind::DatatypeMismatch, message))
}

/// The operator that is planned as the function.
pub(super) fn operator(function: &str) -> Option<&'static str> {
    OPERATORS.iter().find(|(name, _)| *name == function).map(|(_, symbol)| *symbol)
}

/// Functions that operators are planned as.
const OPERATORS: &[(&str, &str)] = &[
    ("json_object_field", "->"),
    ("jsonb_object_field", "->"),
    ("json_object_field_text", "->>"),
    ("jsonb_object_field_text", "->>"),
    ("json_array_element", "->"),
    ("jsonb_array_element", "->"),
    ("json_array_element_text", "->>"),
    ("jsonb_array_element_text", "->>"),
    ("json_extract_array_path", "#>"),
    ("jsonb_extract_array_path", "#>"),
    ("json_extract_array_path_text", "#>>"),
    ("jsonb_extract_array_path_text", "#>>"),
    ("jsonb_exists", "?"),
    ("jsonb_exists_all", "?&"),
    ("jsonb_exists_any", "?|"),
    ("jsonb_delete_path", "#-"),
];

/// Functions of which PostgreSQL has several that a literal without a type may be meant for, so that it takes none.
const OF_SEVERAL_TYPES: &[&str] = &["avg", "generate_series", "stddev", "sum", "var_samp"];

/// Functions that have another name here than statements have for them.
const RENAMED: &[(&str, &str)] = &[
    ("bool_and", "every"),
    ("ceil", "ceiling"),
    ("character_length", "length"),
    ("character_length", "char_length"),
    ("signum", "sign"),
    ("substr", "substring"),
    ("substring", "substr"),
    ("var_samp", "variance"),
];

/// A call as a statement has it.
struct Written {
    name: String,
    types: Vec<Option<&'static str>>,
    spot: Spot,
}

/// Looks for the first call of the function with so many arguments.
struct Finder<'a> {
    name: &'a str,
    count: usize,
}

impl Finder<'_> {
    fn is_meant(&self, written: &str) -> bool {
        written == self.name || RENAMED.contains(&(self.name, written))
    }

    fn look_at(&self, name: &ObjectName, args: &[FunctionArg]) -> ControlFlow<Written> {
        let parts: Option<Vec<String>> = name.0.iter().map(|part| part.as_ident().map(folded)).collect();
        let (Some(parts), Some(first)) = (parts, name.0.first().and_then(|part| part.as_ident())) else {
            return ControlFlow::Continue(());
        };
        let is_it = parts.last().is_some_and(|last| self.is_meant(last));
        if !is_it || args.len() != self.count {
            return ControlFlow::Continue(());
        }
        let types = args.iter().map(literal_type).collect();
        ControlFlow::Break(Written { name: parts.join("."), types, spot: Spot::At(first.span.start) })
    }

    /// A call that has words within its parentheses, or none.
    fn look_at_syntax(&self, keyword: &str, name: &str, args: &[&ast::Expr]) -> ControlFlow<Written> {
        if !self.is_meant(name) || args.len() != self.count {
            return ControlFlow::Continue(());
        }
        let types = args.iter().map(|arg| type_of_literal(arg)).collect();
        let start = args.iter().map(|arg| arg.span().start).find(|at| at.line > 0);
        let spot = match (keyword, start) {
            ("at", Some(start)) => Spot::After(start, keyword.to_owned()),
            (_, Some(start)) => Spot::Before(start, keyword.to_owned()),
            (_, None) => Spot::Nowhere,
        };
        ControlFlow::Break(Written { name: format!("pg_catalog.{name}"), types, spot })
    }
}

impl Visitor for Finder<'_> {
    type Break = Written;

    fn pre_visit_expr(&mut self, expr: &ast::Expr) -> ControlFlow<Written> {
        match expr {
            ast::Expr::Function(ast::Function { name, args: FunctionArguments::List(list), .. }) => {
                self.look_at(name, &list.args)
            }
            ast::Expr::Substring { expr, substring_from, substring_for, special, shorthand } => {
                let rest = [substring_from, substring_for].into_iter().flatten().map(Box::as_ref);
                let args: Vec<&ast::Expr> = std::iter::once(expr.as_ref()).chain(rest).collect();
                let keyword = if *shorthand { "substr" } else { "substring" };
                let is_call = *special || *shorthand || substring_from.is_none() && substring_for.is_none();
                match (self.look_at_syntax(keyword, "substring", &args), is_call) {
                    // called like any other
                    (ControlFlow::Break(call), true) => {
                        ControlFlow::Break(Written { name: keyword.to_owned(), ..call })
                    }
                    (found, _) => found,
                }
            }
            ast::Expr::Extract { expr: from, .. } if self.name == "extract" => {
                let field = ast::Expr::Value(Value::Null.with_empty_span());
                self.look_at_syntax("extract", "extract", &[&field, from])
            }
            ast::Expr::AtTimeZone { timestamp, time_zone } => {
                self.look_at_syntax("at", "timezone", &[time_zone, timestamp])
            }
            _ => ControlFlow::Continue(()),
        }
    }

    fn pre_visit_table_factor(&mut self, factor: &TableFactor) -> ControlFlow<Written> {
        match factor {
            TableFactor::Table { name, args: Some(list), .. } => self.look_at(name, &list.args),
            _ => ControlFlow::Continue(()),
        }
    }
}

fn literal_type(argument: &FunctionArg) -> Option<&'static str> {
    match argument {
        FunctionArg::Unnamed(FunctionArgExpr::Expr(expr)) => type_of_literal(expr),
        _ => None,
    }
}

fn type_of_literal(expr: &ast::Expr) -> Option<&'static str> {
    match expr {
        ast::Expr::UnaryOp { op: UnaryOperator::Minus | UnaryOperator::Plus, expr } => {
            type_of_literal(expr).filter(|name| *name != UNTYPED)
        }
        ast::Expr::Nested(inner) => type_of_literal(inner),
        ast::Expr::Value(ValueWithSpan { value, .. }) => match value {
            Value::Number(digits, _) => match digits.parse::<i32>() {
                Ok(_) => Some("integer"),
                Err(_) => digits.contains('.').then_some("numeric"),
            },
            Value::SingleQuotedString(_) | Value::Null => Some(UNTYPED),
            _ => None,
        },
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dialect::parse_single;

    #[test]
    fn types_are_told_in_the_words_of_postgres() {
        let check = |call: &str, name: &str, types: &[&str]| {
            assert_eq!(types_in(call), (name.to_owned(), types.iter().map(|t| (*t).to_owned()).collect()));
        };
        check("upper(Int64)", "upper", &["bigint"]);
        check("round(Decimal128(2, 1), Utf8View)", "round", &["numeric", "text"]);
        check("now()", "now", &[]);
    }

    #[test]
    fn calls_are_told_as_they_are_written() {
        for (sql, message, expected, place) in [
            ("select public.f(-1)", "f(bigint)", "function public.f(integer) does not exist", "public.f(-1)"),
            (
                "select substr(1, 2)",
                "substr(bigint, bigint)",
                "function substr(integer, integer) does not exist",
                "substr(1, 2)",
            ),
            (
                "select 1, substring(1 from 2)",
                "substr(bigint, bigint)",
                "function pg_catalog.substring(integer, integer) does not exist",
                "substring(1 from 2)",
            ),
            (
                "select extract(year from 5)",
                "extract(unknown, bigint)",
                "function pg_catalog.extract(unknown, integer) does not exist",
                "extract(year from 5)",
            ),
            ("select concat(1), concat()", "concat()", "function concat() does not exist", "concat()"),
        ] {
            let error = Error::new(ErrorKind::UndefinedFunction, format!("function {message} does not exist"));
            let told = as_written(&error, &parse_single(sql).unwrap()).unwrap();
            assert_eq!(told.message(), expected);
            assert_eq!(told.position().map(|position| &sql[position - 1..]), Some(place));
        }
        let error = Error::new(ErrorKind::UndefinedFunction, "function greatest(integer, boolean) does not exist");
        let told = as_written(&error, &parse_single("select greatest(a, true)").unwrap()).unwrap();
        assert_eq!(told.message(), "GREATEST types integer and boolean cannot be matched");
    }
}
