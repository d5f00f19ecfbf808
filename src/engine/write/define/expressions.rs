//! Expressions that a table keeps (defaults, checks, generated columns): what PostgreSQL does not let them have.

use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{self, Expr, FunctionArguments};

use super::super::Change;
use super::checks::names_in;
use super::relations::plan;
use super::tables::select_from;
use crate::catalog::Column;
use crate::dialect;
use crate::engine::tree::system_columns;
use crate::error::{Error, ErrorKind, Result};
use crate::names::TableName;
use crate::pgcatalog::{Nature, nature};
use crate::pgtypes::{self, Style, Type};
use crate::table::Definition;

/// Where an expression stands, as messages have it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    Default,
    Check,
    Generated,
}

impl Place {
    fn told(self) -> &'static str {
        match self {
            Self::Default => "DEFAULT expression",
            Self::Check => "check constraint",
            Self::Generated => "column generation expression",
        }
    }
}

/// # Errors
/// `0A000` for a query or a function that gives rows, `42803` for an aggregate, `42P20` for a window function.
pub(super) fn check(expr: &Expr, place: Place) -> Result<()> {
    let told = place.told();
    let found = ast::visit_expressions(expr, |inner| {
        let (kind, message) = match inner {
            Expr::Subquery(_) | Expr::Exists { .. } | Expr::InSubquery { .. } => {
                (ErrorKind::FeatureNotSupported, format!("cannot use subquery in {told}"))
            }
            Expr::Function(call) if call.over.is_some() => {
                (ErrorKind::WindowingError, format!("window functions are not allowed in {told}s"))
            }
            Expr::Function(call) => match nature(&name_of(call)) {
                Some(Nature::Aggregate) => {
                    (ErrorKind::GroupingError, format!("aggregate functions are not allowed in {told}s"))
                }
                Some(Nature::Rows) => {
                    (ErrorKind::FeatureNotSupported, format!("set-returning functions are not allowed in {told}s"))
                }
                _ => return ControlFlow::Continue(()),
            },
            _ => return ControlFlow::Continue(()),
        };
        ControlFlow::Break(Error::new(kind, message))
    });
    match found {
        ControlFlow::Break(error) => Err(error),
        ControlFlow::Continue(()) => Ok(()),
    }
}

fn name_of(call: &ast::Function) -> String {
    call.name.0.last().and_then(|part| part.as_ident()).map(dialect::folded).unwrap_or_default()
}

/// Words for moments, which no value of the type can be read from at another time.
const MOMENTS: [&str; 4] = ["now", "today", "tomorrow", "yesterday"];

/// # Errors
/// As reading the text gives it, where a default is a quoted literal that is no value of the column's type.
pub(super) fn check_literal(column: &Column, value: &Expr) -> Result<()> {
    let Expr::Value(ast::ValueWithSpan { value: ast::Value::SingleQuotedString(text), .. }) = value else {
        return Ok(());
    };
    let data_type = pgtypes::column_type(&column.field());
    let is_text = [Type::TEXT, Type::VARCHAR, Type::BPCHAR, Type::NAME].contains(&data_type);
    if is_text || MOMENTS.contains(&text.trim().to_lowercase().as_str()) {
        return Ok(());
    }
    pgtypes::read_text(&data_type, text, &Style::default()).map(drop)
}

/// # Errors
/// `42P17` for a generated column that is computed from another, or from more than the row.
pub(super) async fn check_generated(
    change: &Change,
    name: &TableName,
    definition: &Definition,
    column: &str,
) -> Result<()> {
    let generated = |column: &str| definition.columns.get(column).and_then(|known| known.generated.as_deref());
    let Some(text) = generated(column) else { return Ok(()) };
    let names = names_in(text)?;
    let is_own = |name: &str| definition.schema.field_with_name(name).is_ok();
    if let Some(other) = names.iter().find(|name| system_columns::NAMES.contains(&name.as_str()) && !is_own(name)) {
        let message = format!("cannot use system column \"{other}\" in column generation expression");
        return Err(Error::new(ErrorKind::InvalidColumnReference, message));
    }
    if let Some(other) = names.iter().find(|other| generated(other).is_some()) {
        let message = format!("cannot use generated column \"{other}\" in column generation expression");
        return Err(Error::new(ErrorKind::InvalidObjectDefinition, message)
            .with_detail("A generated column cannot reference another generated column."));
    }
    let Some(expr) = dialect::parse_expression(text) else { return Ok(()) };
    let mut inner = Vec::new();
    let _ = ast::visit_expressions(&expr, |expr| {
        if matches!(expr, Expr::Function(_) | Expr::Cast { .. }) {
            inner.push(expr.clone());
        }
        ControlFlow::<()>::Continue(())
    });
    for expr in &inner {
        if !is_immutable(change, name, expr).await? {
            let message = "generation expression is not immutable";
            return Err(Error::new(ErrorKind::InvalidObjectDefinition, message));
        }
    }
    Ok(())
}

/// Words that are calls without parentheses.
const STABLE_WORDS: [&str; 11] = [
    "current_catalog",
    "current_date",
    "current_role",
    "current_schema",
    "current_time",
    "current_timestamp",
    "current_user",
    "localtime",
    "localtimestamp",
    "session_user",
    "user",
];

/// Whether a call or a cast gives the same whenever and for whomever it is computed. What is not known is taken to be so.
async fn is_immutable(change: &Change, table: &TableName, expr: &Expr) -> Result<bool> {
    match expr {
        Expr::Function(call) => {
            let name = name_of(call);
            if matches!(call.args, FunctionArguments::None) && STABLE_WORDS.contains(&name.as_str()) {
                return Ok(false);
            }
            let Some(Nature::Plain { immutable, of }) = nature(&name) else { return Ok(true) };
            let Some(some) = immutable else {
                let arguments = match &call.args {
                    FunctionArguments::List(list) => list.args.iter().map(ToString::to_string).collect(),
                    _ => Vec::new(),
                };
                let types: Vec<u32> = types_of(change, table, arguments).await?.iter().map(Type::oid).collect();
                return Ok(of(&name, &types).unwrap_or(true));
            };
            Ok(some)
        }
        Expr::Cast { expr: inner, .. } => {
            let types = types_of(change, table, vec![inner.to_string(), expr.to_string()]).await?;
            Ok(!matches!(types.as_slice(), [from, to] if is_stable_cast(from, to)))
        }
        _ => Ok(true),
    }
}

/// The types of expressions over the table; none where they cannot be planned alone.
async fn types_of(change: &Change, table: &TableName, expressions: Vec<String>) -> Result<Vec<Type>> {
    let items: Vec<String> =
        expressions.iter().enumerate().map(|(index, expr)| format!("({expr}) AS value{index}")).collect();
    if items.is_empty() {
        return Ok(Vec::new());
    }
    match plan(change, &select_from(table, &items)).await {
        Ok(planned) => Ok(planned.schema().fields().iter().map(|field| pgtypes::column_type(field)).collect()),
        Err(_) => Ok(Vec::new()),
    }
}

/// Whether a cast asks the session's zone, or how it writes dates.
fn is_stable_cast(from: &Type, to: &Type) -> bool {
    let zoned = |data_type: &Type| *data_type == Type::TIMESTAMPTZ;
    let moment = |data_type: &Type| [Type::DATE, Type::TIME, Type::TIMESTAMP, Type::TIMESTAMPTZ].contains(data_type);
    let text = |data_type: &Type| [Type::TEXT, Type::VARCHAR, Type::BPCHAR].contains(data_type);
    let written = |data_type: &Type| (moment(data_type) && *data_type != Type::TIME) || *data_type == Type::INTERVAL;
    zoned(from) != zoned(to) && moment(from) && moment(to)
        || written(from) && text(to)
        || text(from) && (moment(to) || *to == Type::INTERVAL)
}
