//! A call of a function over a relation: its arguments bound to the signature, checked, and answered by name.
//!
//! Invariant: every error names the function's argument, and the column if there is one.

use std::collections::BTreeMap;

use datafusion::arrow::array::{Array, AsArray};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::DataType;
use datafusion::common::{Column, DFSchema, ExprSchema};
use datafusion::error::{DataFusionError, Result as DataFusionResult};
use datafusion::logical_expr::planner::ContextProvider;
use datafusion::logical_expr::simplify::SimplifyContext;
use datafusion::logical_expr::{Expr, LogicalPlan, cast as cast_expr};
use datafusion::optimizer::simplify_expressions::ExprSimplifier;
use datafusion::scalar::ScalarValue;

use super::signature::{Argument, Kind, Signature};
use crate::dialect::visible_name;
use crate::error::{Error, ErrorKind, Result};
use crate::names::nearest;
use crate::pgtypes;

/// One call, planned as far as its arguments go.
pub struct Call<'a> {
    pub signature: &'static Signature,
    /// The relation's plan.
    pub input: LogicalPlan,
    /// As given, constants computed; without those left out.
    pub arguments: BTreeMap<&'static str, Expr>,
    pub context: &'a dyn ContextProvider,
}

impl Call<'_> {
    fn argument(&self, name: &str) -> Result<&'static Argument> {
        self.signature
            .argument(name)
            .ok_or_else(|| Error::internal(format!("{} has no argument \"{name}\"", self.signature.name)))
    }

    fn bad(&self, argument: &Argument, what: &str) -> Error {
        let message = format!("argument \"{}\" of {} {what}", argument.name, self.signature.name);
        Error::new(ErrorKind::InvalidParameter, message).with_hint(format!("write {}", argument.kind.allowed()))
    }

    /// That a column of the user has the name of one of the result.
    pub fn taken(&self, name: &str) -> Error {
        let message = format!("{} gives a column \"{name}\" of its own", self.signature.name);
        Error::new(ErrorKind::DuplicateColumn, message).with_hint("rename that column in the relation")
    }

    /// The value given for an argument, or its default; `None` for null.
    fn constant(&self, argument: &Argument) -> Result<Option<ScalarValue>> {
        match self.arguments.get(argument.name) {
            Some(Expr::Literal(value, _)) if value.is_null() => Ok(None),
            Some(Expr::Literal(value, _)) => Ok(Some(value.clone())),
            Some(_) => Err(Error::new(
                ErrorKind::FeatureNotSupported,
                format!("argument \"{}\" of {} must be a constant", argument.name, self.signature.name),
            )
            .with_hint("write it into the statement: the columns of the result depend on it")),
            None => Ok(argument.default.filter(|text| *text != "null").map(ScalarValue::from)),
        }
    }

    fn text(&self, argument: &Argument) -> Result<Option<String>> {
        match self.constant(argument)? {
            None => Ok(None),
            Some(ScalarValue::Utf8(text) | ScalarValue::Utf8View(text) | ScalarValue::LargeUtf8(text)) => Ok(text),
            Some(ScalarValue::Boolean(value)) => Ok(value.map(|value| value.to_string())),
            Some(_) => Err(self.bad(argument, "is not a text")),
        }
    }

    /// The column that an argument names; `None` where it may be left out and was.
    ///
    /// # Errors
    /// `42703` and `42804`, naming column and argument.
    pub fn optional_column(&self, name: &str) -> Result<Option<Column>> {
        let argument = self.argument(name)?;
        match self.text(argument)? {
            Some(text) => self.find(argument, &text).map(Some),
            None => Ok(None),
        }
    }

    /// The column that an argument names.
    pub fn column(&self, name: &str) -> Result<Column> {
        let argument = self.argument(name)?;
        self.optional_column(name)?.ok_or_else(|| self.bad(argument, "is null"))
    }

    /// The columns that an argument names; none where it was left out.
    pub fn columns(&self, name: &str) -> Result<Vec<Column>> {
        let argument = self.argument(name)?;
        let names: Vec<String> = match self.constant(argument)? {
            None => Vec::new(),
            Some(ScalarValue::List(list)) => self.texts(argument, &list.value(0))?,
            Some(ScalarValue::Utf8(Some(text)) | ScalarValue::Utf8View(Some(text))) => listed(&text),
            Some(_) => return Err(self.bad(argument, "is not a list of texts")),
        };
        let mut columns = Vec::with_capacity(names.len());
        for name in &names {
            let column = self.find(argument, name)?;
            if columns.contains(&column) {
                return Err(self.bad(argument, &format!("names the column \"{name}\" twice")));
            }
            columns.push(column);
        }
        Ok(columns)
    }

    fn texts(&self, argument: &Argument, values: &dyn Array) -> Result<Vec<String>> {
        let texts = cast(values, &DataType::Utf8).map_err(|_| self.bad(argument, "is not a list of texts"))?;
        let texts = texts.as_string::<i32>();
        match texts.null_count() {
            0 => Ok(texts.iter().flatten().map(str::to_owned).collect()),
            _ => Err(self.bad(argument, "holds a null")),
        }
    }

    fn find(&self, argument: &Argument, name: &str) -> Result<Column> {
        let schema = self.input.schema();
        let is =
            |wanted: &str| schema.iter().filter(|(_, field)| visible_name(field.name()) == wanted).collect::<Vec<_>>();
        // `'Day'` finds day as an unquoted name would, unless there is a "Day".
        let mut found = is(name);
        if found.is_empty() {
            found = is(&name.to_lowercase());
        }
        let of = format!("argument \"{}\" of {}", argument.name, self.signature.name);
        let (qualifier, field) = match found.as_slice() {
            [one] => *one,
            [] => {
                let columns: Vec<&str> = schema.fields().iter().map(|field| visible_name(field.name())).collect();
                let error = Error::new(
                    ErrorKind::UndefinedColumn,
                    format!("column \"{name}\" of {of} does not exist in the relation"),
                );
                return Err(match nearest(name, columns.iter().copied()) {
                    Some(near) => error.with_hint(format!("did you mean \"{near}\"?")),
                    None => error.with_hint(format!("it has {}", columns.join(", "))),
                });
            }
            _ => {
                let message = format!("column \"{name}\" of {of} is there more than once");
                return Err(
                    Error::new(ErrorKind::AmbiguousColumn, message).with_hint("give one of them another name with AS")
                );
            }
        };
        let fits = match argument.kind {
            Kind::TimeColumn => {
                matches!(field.data_type(), DataType::Date32 | DataType::Date64 | DataType::Timestamp(..))
            }
            Kind::NumberColumn => field.data_type().is_numeric(),
            _ => true,
        };
        if !fits {
            let wanted = if argument.kind == Kind::TimeColumn { "date or timestamp" } else { "numeric" };
            let type_name = pgtypes::column_type(field).name().to_owned();
            let message = format!("column \"{name}\" of {of} is of type {type_name}, not {wanted}");
            return Err(Error::new(ErrorKind::DatatypeMismatch, message).with_hint("cast it in the relation"));
        }
        Ok(Column::new(qualifier.cloned(), field.name()))
    }

    /// The type of a column of the relation.
    pub fn type_of(&self, column: &Column) -> Result<DataType> {
        let field = self.input.schema().field_from_column(column);
        field.map(|field| field.data_type().clone()).map_err(|_| Error::internal("a column that was found is gone"))
    }

    /// The word chosen; empty where it is null.
    pub fn choice(&self, name: &str) -> Result<String> {
        let argument = self.argument(name)?;
        let Kind::Choice(words) = argument.kind else {
            return Err(Error::internal(format!("\"{name}\" is no choice")));
        };
        let word = self.text(argument)?.unwrap_or_default().to_lowercase();
        if words.contains(&word.as_str()) {
            return Ok(word);
        }
        let error = self.bad(argument, &format!("cannot be \"{word}\""));
        Err(match nearest(&word, words.iter().copied()) {
            Some(near) => error.with_hint(format!("did you mean '{near}'? {} it is", Kind::Choice(words).allowed())),
            None => error,
        })
    }

    /// Percentages in rising order.
    pub fn levels(&self, name: &str) -> Result<Vec<u8>> {
        let argument = self.argument(name)?;
        let list: Vec<String> = match self.constant(argument)? {
            None => Vec::new(),
            Some(ScalarValue::List(list)) => self.texts(argument, &list.value(0))?,
            Some(ScalarValue::Utf8(Some(text)) | ScalarValue::Utf8View(Some(text))) => listed(&text),
            Some(one) => vec![one.to_string()],
        };
        let mut levels = Vec::with_capacity(list.len());
        for text in &list {
            let level = text.parse::<u8>().ok().filter(|level| (1..=99).contains(level));
            levels.push(level.ok_or_else(|| self.bad(argument, &format!("cannot hold {text}")))?);
        }
        levels.sort_unstable();
        levels.dedup();
        Ok(levels)
    }

    /// A value that may still be a parameter of a prepared statement, as an expression of the argument's type.
    ///
    /// # Errors
    /// `22023` where it is a constant outside its range.
    pub fn value(&self, name: &str) -> Result<Expr> {
        let argument = self.argument(name)?;
        let data_type = match argument.kind {
            Kind::Integer(..) => DataType::Int64,
            Kind::Number(..) => DataType::Float64,
            Kind::Date => DataType::Date32,
            _ => DataType::Utf8,
        };
        let given = match self.arguments.get(name) {
            Some(expr) => expr.clone(),
            None => match argument.default {
                Some("null") | None => Expr::Literal(ScalarValue::Null, None),
                Some(text) => Expr::Literal(ScalarValue::from(text), None),
            },
        };
        let Expr::Literal(given, _) = given else { return Ok(cast_expr(given, data_type)) };
        let value = given.cast_to(&data_type).map_err(|_| self.bad(argument, &format!("cannot be {given}")))?;
        check_range(self.signature, argument, &value)?;
        Ok(Expr::Literal(value, None))
    }
}

/// The names in `a, b` and in PostgreSQL's `{a,b}`.
fn listed(text: &str) -> Vec<String> {
    let text = text.trim();
    let text = text.strip_prefix('{').and_then(|text| text.strip_suffix('}')).unwrap_or(text);
    text.split(',').map(str::trim).filter(|name| !name.is_empty()).map(str::to_owned).collect()
}

/// That a value, once known, lies in its argument's range. Null stands for "not given".
///
/// # Errors
/// `22023`.
pub fn check_range(signature: &Signature, argument: &Argument, value: &ScalarValue) -> Result<()> {
    let inside = match (argument.kind, value) {
        (Kind::Integer(from, to), ScalarValue::Int64(Some(value))) => (from..=to).contains(value),
        (Kind::Number(from, to), ScalarValue::Float64(Some(value))) => (from..=to).contains(value),
        (_, value) => !value.is_null() || argument.default == Some("null"),
    };
    if inside {
        return Ok(());
    }
    let message = format!("argument \"{}\" of {} cannot be {value}", argument.name, signature.name);
    Err(Error::new(ErrorKind::InvalidParameter, message).with_hint(format!("write {}", argument.kind.allowed())))
}

/// The expression with everything constant computed.
pub fn folded(context: &dyn ContextProvider, expr: Expr) -> DataFusionResult<Expr> {
    let simplify =
        SimplifyContext::builder().with_config_options(std::sync::Arc::new(context.options().clone())).build();
    let simplifier = ExprSimplifier::new(simplify);
    simplifier.coerce(expr, &DFSchema::empty()).and_then(|expr| simplifier.simplify(expr))
}

/// One of our errors on its way through DataFusion.
pub fn external(error: Error) -> DataFusionError {
    DataFusionError::External(Box::new(error))
}
