//! Operators that are not there, told as the statement writes them: `mod(a, b)` is planned as `a % b`, and what is negated
//! is not told by the planner.

use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{Expr, Spanned, UnaryOperator, Value, ValueWithSpan, Visit, Visitor};

use crate::dialect::{self, Spot, Statement, written_type};
use crate::error::{Error, ErrorKind};
use crate::pgfunctions::undefined_call;

const SEVERAL: &str = "Could not choose a best candidate operator. You might need to add explicit type casts.";

/// The error as PostgreSQL has it, at its place; `None` where it is another.
pub(super) fn as_written(error: &Error, statement: &Statement) -> Option<Error> {
    let missing = error.message().strip_prefix("operator does not exist: ")?;
    if let Some((left, right)) = missing.split_once(" % ")
        && dialect::operator_position(statement, "%").is_none()
    {
        let call = undefined_call("mod", &[left.to_owned(), right.to_owned()]);
        return Some(match dialect::operator_position(statement, "mod") {
            Some(position) => call.at(position),
            None => call,
        });
    }
    missing.strip_prefix("- ")?;
    let told = match dialect::as_written(statement)?.visit(&mut Negated).break_value() {
        Some((None, spot)) => {
            (Error::new(ErrorKind::AmbiguousFunction, "operator is not unique: - unknown").with_hint(SEVERAL), spot)
        }
        Some((Some(name), spot)) => (Error::no_operator_before("-", &name), spot),
        None => return None,
    };
    Some(match told.1.position(statement) {
        Some(position) => told.0.at(position),
        None => told.0,
    })
}

/// Looks for a sign before a literal that is no number: its type, where it has one.
struct Negated;

impl Visitor for Negated {
    type Break = (Option<String>, Spot);

    fn pre_visit_expr(&mut self, expr: &Expr) -> ControlFlow<Self::Break> {
        let Expr::UnaryOp { op: UnaryOperator::Minus, expr: operand } = expr else { return ControlFlow::Continue(()) };
        let found = match operand.as_ref() {
            Expr::Value(ValueWithSpan { value: Value::SingleQuotedString(_), .. }) => None,
            Expr::TypedString(typed) => Some(written_type(&typed.data_type.to_string())),
            _ => return ControlFlow::Continue(()),
        };
        ControlFlow::Break((found, Spot::Before(operand.span().start, "-".to_owned())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dialect::parse_single;

    #[test]
    fn operators_are_told_as_they_are_written() {
        for (sql, message, expected, place) in [
            ("select 1, mod(a, 2)", "real % integer", "function mod(real, integer) does not exist", Some("mod(a, 2)")),
            ("select -'5'", "- text", "operator is not unique: - unknown", Some("-'5'")),
            ("select -date '2024-01-31'", "- text", "operator does not exist: - date", Some("-date '2024-01-31'")),
            ("select a % 2", "real % integer", "", None),
        ] {
            let error = Error::new(ErrorKind::UndefinedFunction, format!("operator does not exist: {message}"));
            let told = as_written(&error, &parse_single(sql).unwrap());
            assert_eq!(told.as_ref().map_or("", |told| told.message()), expected, "{sql}");
            let position = told.and_then(|told| told.position());
            assert_eq!(position.map(|position| &sql[position - 1..]), place, "{sql}");
        }
    }
}
