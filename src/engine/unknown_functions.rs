//! Calls of functions that are not there: `function nosuch(integer) does not exist`.
//!
//! The planner tells how it has read the arguments; what the statement says of literals counts more.

use std::ops::ControlFlow;

use datafusion::common::DFSchema;
use datafusion::error::DataFusionError;
use datafusion::logical_expr::{Expr, ExprSchemable};
use datafusion::sql::sqlparser::ast::{
    self, FunctionArg, FunctionArgExpr, FunctionArguments, ObjectName, TableFactor, Value, ValueWithSpan, Visit,
    Visitor,
};

use super::errors::postgres_type;
use crate::dialect::Statement;
use crate::error::{Error, ErrorKind};
use crate::pgfunctions::{external, type_name, undefined_call};

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

/// Such an error with the types of literals as PostgreSQL reads them, and the function's name; `None` for other errors.
pub(super) fn as_written(error: &Error, statement: &Statement) -> Option<(Error, String)> {
    let call = error.message().strip_prefix("function ")?.strip_suffix(") does not exist")?;
    let (name, types) = call.split_once('(').filter(|_| error.kind() == ErrorKind::UndefinedFunction)?;
    let types: Vec<&str> = types.split(", ").filter(|name| !name.is_empty()).collect();
    let literals = literal_types(name, types.len(), statement);
    let types = types.iter().enumerate().map(|(nth, read)| literals.get(nth).copied().flatten().unwrap_or(read));
    let written = undefined_call(name, &types.map(str::to_owned).collect::<Vec<_>>());
    let written = match error.hint() {
        Some(hint) => written.with_hint(hint),
        None => written,
    };
    Some((written, name.to_owned()))
}

/// The types of the literals in the first call of that name with so many arguments.
fn literal_types(name: &str, count: usize, statement: &Statement) -> Vec<Option<&'static str>> {
    struct Finder<'a> {
        name: &'a str,
        count: usize,
    }
    impl Finder<'_> {
        fn look_at(&self, name: &ObjectName, args: &[FunctionArg]) -> ControlFlow<Vec<Option<&'static str>>> {
            let is_it = name.0.last().and_then(|part| part.as_ident()).is_some_and(|ident| ident.value == self.name);
            match is_it && args.len() == self.count {
                true => ControlFlow::Break(args.iter().map(literal_type).collect()),
                false => ControlFlow::Continue(()),
            }
        }
    }
    impl Visitor for Finder<'_> {
        type Break = Vec<Option<&'static str>>;
        fn pre_visit_expr(&mut self, expr: &ast::Expr) -> ControlFlow<Self::Break> {
            match expr {
                ast::Expr::Function(ast::Function { name, args: FunctionArguments::List(list), .. }) => {
                    self.look_at(name, &list.args)
                }
                _ => ControlFlow::Continue(()),
            }
        }
        fn pre_visit_table_factor(&mut self, factor: &TableFactor) -> ControlFlow<Self::Break> {
            match factor {
                TableFactor::Table { name, args: Some(list), .. } => self.look_at(name, &list.args),
                _ => ControlFlow::Continue(()),
            }
        }
    }
    statement.ast.visit(&mut Finder { name, count }).break_value().unwrap_or_default()
}

fn literal_type(argument: &FunctionArg) -> Option<&'static str> {
    let FunctionArg::Unnamed(FunctionArgExpr::Expr(ast::Expr::Value(ValueWithSpan { value, .. }))) = argument else {
        return None;
    };
    match value {
        Value::Number(digits, _) => digits.parse::<i32>().is_ok().then_some("integer"),
        Value::SingleQuotedString(_) | Value::Null => Some(UNTYPED),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_are_told_in_the_words_of_postgres() {
        let check = |call: &str, name: &str, types: &[&str]| {
            assert_eq!(types_in(call), (name.to_owned(), types.iter().map(|t| (*t).to_owned()).collect()));
        };
        check("upper(Int64)", "upper", &["bigint"]);
        check("round(Decimal128(2, 1), Utf8View)", "round", &["numeric", "text"]);
        check("now()", "now", &[]);
    }
}
