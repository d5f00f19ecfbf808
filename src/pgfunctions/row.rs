//! Functions that are rows of a table: a name, what they take, what they return, and Rust from values to a value.
//!
//! `takes` is read as a list of kinds, `?` for one that may be left out, `*` for any number of them, `|` between overloads:
//! `"text text int?|text int"`. Arguments are converted once per batch; one call per row then sees plain values.
//!
//! Invariant: which overload is meant is decided from the arguments' types alone, the same way while planning and running.

use std::cell::RefCell;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, AsArray};
use datafusion::arrow::datatypes::{DataType, FieldRef};
use datafusion::error::Result as DataFusionResult;
use datafusion::logical_expr::interval_arithmetic::Interval;
use datafusion::logical_expr::{
    ColumnarValue, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, TypeSignature, Volatility,
};
use datafusion::scalar::ScalarValue;

use super::columns::{Column, build};
pub use super::columns::{Kind, Output, Returns, Value};
use super::json::LastPath;
use super::regex::Patterns;
use super::{external, session_style, undefined};
use crate::error::Result;
use crate::pgtypes::Style;

/// What a function knows beside its arguments.
#[derive(Default)]
pub struct Env {
    pub style: Style,
    pub patterns: RefCell<Patterns>,
    pub paths: RefCell<LastPath>,
}

type Eval = fn(&Env, &[Value<'_>]) -> Result<Output>;

/// A function.
pub struct Function {
    pub name: &'static str,
    takes: &'static str,
    pub returns: Returns,
    /// NULL for any NULL argument, without being called.
    strict: bool,
    eval: Eval,
}

/// A function that is NULL where an argument is.
pub const fn strict(name: &'static str, takes: &'static str, returns: Returns, eval: Eval) -> Function {
    Function { name, takes, returns, strict: true, eval }
}

/// A function that is called with NULLs too.
pub const fn lax(name: &'static str, takes: &'static str, returns: Returns, eval: Eval) -> Function {
    Function { name, takes, returns, strict: false, eval }
}

/// The functions of one table, as DataFusion calls them.
pub fn scalar_udfs(table: &'static [Function]) -> Vec<ScalarUDF> {
    table.iter().map(|row| ScalarUDF::new_from_impl(RowFunction::new(row))).collect()
}

/// One list of kinds.
#[derive(Debug, Clone)]
struct Overload {
    kinds: Vec<Kind>,
    required: usize,
    variadic: bool,
}

impl Overload {
    fn parse(text: &str) -> Self {
        let (mut kinds, mut required, mut variadic) = (Vec::new(), 0, false);
        for word in text.split_whitespace() {
            kinds.push(Kind::parse(word.trim_end_matches(['?', '*'])));
            match word.bytes().last() {
                Some(b'*') => variadic = true,
                Some(b'?') => {}
                _ => required = kinds.len(),
            }
        }
        Self { kinds, required, variadic }
    }

    fn kind(&self, nth: usize) -> Option<Kind> {
        self.kinds.get(nth).or_else(|| self.kinds.last().filter(|_| self.variadic)).copied()
    }

    /// How many arguments have the very type; `None` if they do not fit.
    fn fit(&self, fields: &[FieldRef]) -> Option<usize> {
        if fields.len() < self.required {
            return None;
        }
        let mut exact = 0;
        for (nth, field) in fields.iter().enumerate() {
            exact += usize::from(self.kind(nth)?.accepts(field)?);
        }
        Some(exact)
    }
}

struct RowFunction {
    row: &'static Function,
    overloads: Vec<Overload>,
    signature: Signature,
}

impl RowFunction {
    fn new(row: &'static Function) -> Self {
        let any = TypeSignature::OneOf(vec![TypeSignature::Nullary, TypeSignature::VariadicAny]);
        // what a value looks like as text depends on the session
        let signature = Signature::new(any, Volatility::Stable);
        Self { row, overloads: row.takes.split('|').map(Overload::parse).collect(), signature }
    }

    fn overload(&self, fields: &[FieldRef]) -> DataFusionResult<&Overload> {
        let fitting = self.overloads.iter().filter_map(|overload| Some((overload.fit(fields)?, overload)));
        // the first of those that fit best
        let best = fitting.reduce(|best, next| if next.0 > best.0 { next } else { best });
        best.map(|(_, overload)| overload).ok_or_else(|| external(undefined(self.row.name, fields)))
    }
}

impl std::fmt::Debug for RowFunction {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.row.name)
    }
}

impl PartialEq for RowFunction {
    fn eq(&self, other: &Self) -> bool {
        self.row.name == other.row.name
    }
}

impl Eq for RowFunction {}

impl Hash for RowFunction {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.row.name.hash(state);
    }
}

impl ScalarUDFImpl for RowFunction {
    fn name(&self) -> &str {
        self.row.name
    }
    fn signature(&self) -> &Signature {
        &self.signature
    }
    fn return_type(&self, _arg_types: &[DataType]) -> DataFusionResult<DataType> {
        Ok(self.row.returns.field("").data_type().clone())
    }
    fn return_field_from_args(&self, args: ReturnFieldArgs<'_>) -> DataFusionResult<FieldRef> {
        self.overload(args.arg_fields)?;
        Ok(Arc::new(self.row.returns.field(self.row.name)))
    }
    // of its own type, or no order is found of rows that are sorted by a comparison with it
    fn evaluate_bounds(&self, _inputs: &[&Interval]) -> DataFusionResult<Interval> {
        Interval::make_unbounded(&self.return_type(&[])?)
    }
    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> DataFusionResult<ColumnarValue> {
        let overload = self.overload(&args.arg_fields)?;
        let constant = args.args.iter().all(|argument| matches!(argument, ColumnarValue::Scalar(_)));
        let rows = if constant { 1 } else { args.number_rows };
        let env = Env { style: session_style(&args.config_options), ..Env::default() };
        let mut columns = Vec::with_capacity(args.args.len());
        for (nth, (argument, field)) in args.args.iter().zip(&args.arg_fields).enumerate() {
            let kind = overload.kind(nth).unwrap_or(Kind::Any);
            columns.push(Column::bind(kind, field, &argument.to_array(rows)?, &env.style).map_err(external)?);
        }
        let mut outputs = Vec::with_capacity(rows);
        let mut values = Vec::with_capacity(columns.len());
        for row in 0..rows {
            values.clear();
            values.extend(columns.iter().map(|column| column.value(row)));
            let null = self.row.strict && values.iter().any(|value| matches!(value, Value::Null));
            outputs.push(if null { Output::Null } else { (self.row.eval)(&env, &values).map_err(external)? });
        }
        let array: ArrayRef = build(self.row.returns, outputs)?;
        Ok(match (constant, array.as_list_opt::<i32>()) {
            (false, _) => array.into(),
            // a value made of it would not know what its elements are
            (true, Some(list)) => ColumnarValue::Scalar(ScalarValue::List(Arc::new(list.clone()))),
            (true, None) => ColumnarValue::Scalar(ScalarValue::try_from_array(&array, 0)?),
        })
    }
}
