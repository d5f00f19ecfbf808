//! Aggregates made of DataFusion's `array_agg`: a function of the array of a group's values, in the order asked for.
//!
//! `json_agg(x ORDER BY y)` is `json_array_of(array_agg(json_element(x) ORDER BY y))`, and so on: ORDER BY, DISTINCT, FILTER
//! and OVER are `array_agg`'s own.
//!
//! Invariant: what the names registered here would compute themselves is never asked for.

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, Float64Array, UInt64Array};
use datafusion::arrow::buffer::OffsetBuffer;
use datafusion::arrow::compute::{cast, concat, take};
use datafusion::arrow::datatypes::{DataType, Field, Float64Type, IntervalMonthDayNanoType, IntervalUnit};
use datafusion::error::{DataFusionError, Result as DataFusionResult};
use datafusion::functions_aggregate::array_agg::array_agg_udaf;
use datafusion::logical_expr::expr::{AggregateFunction, WindowFunction, WindowFunctionParams};
use datafusion::logical_expr::function::AccumulatorArgs;
use datafusion::logical_expr::planner::{ExprPlanner, PlannerResult, RawAggregateExpr, RawWindowExpr};
use datafusion::logical_expr::{
    Accumulator, AggregateUDF, AggregateUDFImpl, ColumnarValue, Expr, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl,
    Signature, TypeSignature, Volatility, WindowFunctionDefinition,
};
use datafusion::scalar::ScalarValue;

use super::{call, external, type_name, undefined_call};
use crate::error::{Error, ErrorKind};

/// One aggregate: its name, the function that makes an element of its arguments, the function of the array, and whether its
/// order is that of `WITHIN GROUP`, so that the first argument is what is ordered.
struct Gathered {
    name: &'static str,
    element: Option<&'static str>,
    finish: &'static str,
    ordered_set: bool,
}

const GATHERED: &[Gathered] = &[
    gathered("json_agg", "json_element", "json_array_of"),
    gathered("jsonb_agg", "json_element", "jsonb_array_of"),
    gathered("json_object_agg", "json_pair", "json_object_of"),
    gathered("jsonb_object_agg", "json_pair", "jsonb_object_of"),
    ordered_set("mode", "mode_of"),
    ordered_set("percentile_disc", "percentile_disc_of"),
    ordered_set("percentile_cont", "percentile_cont_of"),
];

const fn gathered(name: &'static str, element: &'static str, finish: &'static str) -> Gathered {
    Gathered { name, element: Some(element), finish, ordered_set: false }
}

const fn ordered_set(name: &'static str, finish: &'static str) -> Gathered {
    Gathered { name, element: None, finish, ordered_set: true }
}

impl Gathered {
    fn of(name: &str) -> Option<&'static Self> {
        GATHERED.iter().find(|gathered| gathered.name == name)
    }

    /// The array's element, and what the finishing function takes besides the array.
    fn split(&self, mut args: Vec<Expr>) -> DataFusionResult<(Expr, Vec<Expr>)> {
        match self.element {
            Some(element) => Ok((call(element, args)?, Vec::new())),
            None if args.is_empty() => {
                let message = format!("function {}() does not exist", self.name);
                Err(external(Error::new(ErrorKind::UndefinedFunction, message)))
            }
            None => {
                let first = args.remove(0);
                Ok((first, args))
            }
        }
    }

    fn finished(&self, array: Expr, mut rest: Vec<Expr>) -> DataFusionResult<Expr> {
        rest.insert(0, array);
        call(self.finish, rest)
    }
}

/// Plans them.
#[derive(Debug)]
pub struct Gathering;

impl ExprPlanner for Gathering {
    fn plan_aggregate(&self, expr: RawAggregateExpr) -> DataFusionResult<PlannerResult<RawAggregateExpr>> {
        let Some(gathered) = Gathered::of(expr.func.name()) else { return Ok(PlannerResult::Original(expr)) };
        if gathered.ordered_set && expr.order_by.is_empty() {
            let types = expr.args.iter().map(|arg| match arg {
                Expr::Literal(value, _) => type_name(&Field::new("", value.data_type(), true)),
                _ => "double precision".to_owned(),
            });
            return Err(external(undefined_call(gathered.name, &types.collect::<Vec<_>>())));
        }
        let (element, rest) = gathered.split(expr.args)?;
        let array = Expr::AggregateFunction(AggregateFunction::new_udf(
            array_agg_udaf(),
            vec![element],
            expr.distinct,
            expr.filter,
            expr.order_by,
            expr.null_treatment,
        ));
        Ok(PlannerResult::Planned(gathered.finished(array, rest)?))
    }

    fn plan_window(&self, expr: RawWindowExpr) -> DataFusionResult<PlannerResult<RawWindowExpr>> {
        let Some(gathered) = Gathered::of(expr.func_def.name()) else { return Ok(PlannerResult::Original(expr)) };
        let (element, rest) = gathered.split(expr.args)?;
        let array = Expr::WindowFunction(Box::new(WindowFunction {
            fun: WindowFunctionDefinition::AggregateUDF(array_agg_udaf()),
            params: WindowFunctionParams {
                args: vec![element],
                partition_by: expr.partition_by,
                order_by: expr.order_by,
                window_frame: expr.window_frame,
                filter: expr.filter,
                null_treatment: expr.null_treatment,
                distinct: expr.distinct,
            },
        }));
        Ok(PlannerResult::Planned(gathered.finished(array, rest)?))
    }
}

/// The names, so that the planner knows them for aggregates.
pub fn names() -> Vec<AggregateUDF> {
    GATHERED.iter().map(|gathered| AggregateUDF::from(Name { of: gathered.name, signature: any() })).collect()
}

fn any() -> Signature {
    Signature::new(
        TypeSignature::OneOf(vec![TypeSignature::Nullary, TypeSignature::VariadicAny]),
        Volatility::Immutable,
    )
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Name {
    of: &'static str,
    signature: Signature,
}

impl AggregateUDFImpl for Name {
    fn name(&self) -> &str {
        self.of
    }
    fn signature(&self) -> &Signature {
        &self.signature
    }
    fn return_type(&self, arg_types: &[DataType]) -> DataFusionResult<DataType> {
        Ok(arg_types.first().cloned().unwrap_or(DataType::Null))
    }
    fn supports_within_group_clause(&self) -> bool {
        Gathered::of(self.of).is_some_and(|gathered| gathered.ordered_set)
    }
    fn accumulator(&self, _args: AccumulatorArgs<'_>) -> DataFusionResult<Box<dyn Accumulator>> {
        Err(DataFusionError::NotImplemented(format!("{} in this place", self.of)))
    }
}

/// The functions of a sorted array.
pub fn finishers() -> Vec<ScalarUDF> {
    let kinds = [
        ("mode_of", Finish::Mode),
        ("percentile_disc_of", Finish::Discrete),
        ("percentile_cont_of", Finish::Continuous),
    ];
    kinds.map(|(name, what)| ScalarUDF::from(Finisher { name, what, signature: any() })).to_vec()
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Finish {
    Mode,
    Discrete,
    Continuous,
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Finisher {
    name: &'static str,
    what: Finish,
    signature: Signature,
}

fn item_of(list: &DataType) -> DataType {
    match list {
        DataType::List(item) | DataType::LargeList(item) | DataType::FixedSizeList(item, _) => item.data_type().clone(),
        other => other.clone(),
    }
}

impl ScalarUDFImpl for Finisher {
    fn name(&self) -> &str {
        self.name
    }
    fn signature(&self) -> &Signature {
        &self.signature
    }
    fn return_type(&self, arg_types: &[DataType]) -> DataFusionResult<DataType> {
        let item = arg_types.first().map_or(DataType::Null, item_of);
        let value = match (self.what, item) {
            (Finish::Continuous, DataType::Interval(unit)) => DataType::Interval(unit),
            (Finish::Continuous, _) => DataType::Float64,
            (_, item) => item,
        };
        match arg_types.get(1) {
            Some(DataType::List(_) | DataType::LargeList(_) | DataType::FixedSizeList(..)) => {
                Ok(DataType::new_list(value, true))
            }
            _ => Ok(value),
        }
    }
    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> DataFusionResult<ColumnarValue> {
        let constant = args.args.iter().all(|argument| matches!(argument, ColumnarValue::Scalar(_)));
        let rows = if constant { 1 } else { args.number_rows };
        let columns: Vec<ArrayRef> =
            args.args.iter().map(|argument| argument.to_array(rows)).collect::<DataFusionResult<_>>()?;
        let Some((lists, rest)) = columns.split_first() else { return Err(no_array()) };
        let mut results = Vec::with_capacity(rows);
        for row in 0..rows {
            let fractions = rest.first().map(|column| Fractions::of(column, row)).transpose()?;
            let values = match lists.data_type() {
                DataType::List(_) if !lists.is_null(row) => known(&lists.as_list::<i32>().value(row))?,
                _ => datafusion::arrow::array::new_empty_array(&item_of(lists.data_type())),
            };
            results.push(self.one(&values, fractions.as_ref(), args.return_field.data_type())?);
        }
        let slices: Vec<&dyn Array> = results.iter().map(AsRef::as_ref).collect();
        let array = match slices.is_empty() {
            true => datafusion::arrow::array::new_empty_array(args.return_field.data_type()),
            false => concat(&slices)?,
        };
        Ok(match constant {
            true => ColumnarValue::Scalar(ScalarValue::try_from_array(&array, 0)?),
            false => array.into(),
        })
    }
}

fn no_array() -> DataFusionError {
    DataFusionError::Internal("an ordered-set aggregate without its array".to_owned())
}

/// Without NULLs, which PostgreSQL does not count.
fn known(values: &ArrayRef) -> DataFusionResult<ArrayRef> {
    if values.null_count() == 0 {
        return Ok(values.clone());
    }
    let kept: UInt64Array = (0..values.len()).filter(|row| !values.is_null(*row)).map(|row| row as u64).collect();
    Ok(take(values, &kept, None)?)
}

/// One fraction, or an array of them.
struct Fractions {
    values: Vec<Option<f64>>,
    is_array: bool,
}

impl Fractions {
    fn of(column: &ArrayRef, row: usize) -> DataFusionResult<Self> {
        let (numbers, is_array) = match column.data_type() {
            DataType::List(_) => (column.as_list::<i32>().value(row), true),
            DataType::LargeList(_) => (column.as_list::<i64>().value(row), true),
            DataType::FixedSizeList(..) => (column.as_fixed_size_list().value(row), true),
            _ => (column.slice(row, 1), false),
        };
        let numbers = cast(&numbers, &DataType::Float64)?;
        let numbers: &Float64Array = numbers.as_primitive::<Float64Type>();
        for fraction in numbers.iter().flatten() {
            if !(0.0..=1.0).contains(&fraction) {
                let message = format!("percentile value {fraction} is not between 0 and 1");
                return Err(external(Error::new(ErrorKind::NumericOutOfRange, message)));
            }
        }
        Ok(Self { values: numbers.iter().collect(), is_array })
    }
}

impl Finisher {
    /// One row's result, as an array of one.
    fn one(&self, values: &ArrayRef, fractions: Option<&Fractions>, returns: &DataType) -> DataFusionResult<ArrayRef> {
        if self.what == Finish::Mode {
            let place = longest_run(values);
            return Ok(take(values, &UInt64Array::from(vec![place]), None)?);
        }
        let Some(fractions) = fractions else { return Err(no_array()) };
        let computed = match self.what {
            Finish::Continuous => between(values, &fractions.values)?,
            _ => {
                let place = |fraction: &Option<f64>| {
                    let rows = values.len() as f64;
                    fraction.filter(|_| !values.is_empty()).map(|fraction| (fraction * rows).ceil().max(1.0) as u64 - 1)
                };
                take(values, &fractions.values.iter().map(place).collect::<UInt64Array>(), None)?
            }
        };
        if !fractions.is_array {
            return Ok(computed);
        }
        let item = match returns {
            DataType::List(item) => item.clone(),
            _ => Arc::new(Field::new_list_field(computed.data_type().clone(), true)),
        };
        if values.is_empty() {
            return Ok(datafusion::arrow::array::new_null_array(returns, 1));
        }
        let offsets = OffsetBuffer::from_lengths([computed.len()]);
        Ok(Arc::new(datafusion::arrow::array::ListArray::try_new(item, offsets, computed, None)?))
    }
}

/// Where the most frequent value of a sorted array stands; the first of several.
fn longest_run(values: &ArrayRef) -> Option<u64> {
    let (mut best, mut start) = (None::<(usize, usize)>, 0);
    for at in 1..=values.len() {
        let same = at < values.len() && values.slice(at, 1).to_data() == values.slice(start, 1).to_data();
        if !same {
            let length = at - start;
            if best.is_none_or(|(longest, _)| length > longest) {
                best = Some((length, start));
            }
            start = at;
        }
    }
    best.map(|(_, start)| start as u64)
}

/// The values at fractions of the way through a sorted array, in between where none stands there.
fn between(values: &ArrayRef, fractions: &[Option<f64>]) -> DataFusionResult<ArrayRef> {
    let place = |fraction: f64| {
        let exact = fraction * (values.len() - 1) as f64;
        (exact.floor() as usize, exact.ceil() as usize, exact - exact.floor())
    };
    if values.data_type() == &DataType::Interval(IntervalUnit::MonthDayNano) {
        let intervals = values.as_primitive::<IntervalMonthDayNanoType>();
        let value = |fraction: &Option<f64>| {
            let (low, high, part) = place((*fraction).filter(|_| !values.is_empty())?);
            let (low, high) = (intervals.value(low), intervals.value(high));
            let nanos = |v: datafusion::arrow::datatypes::IntervalMonthDayNano| v.nanoseconds;
            let mix = |a: f64, b: f64| a + (b - a) * part;
            // months and days that do not come out even go on into the smaller units
            let months = mix(low.months.into(), high.months.into());
            let days = mix(low.days.into(), high.days.into()) + months.fract() * 30.0;
            let rest = mix(nanos(low) as f64, nanos(high) as f64) + days.fract() * 86_400e9;
            Some(datafusion::arrow::datatypes::IntervalMonthDayNano {
                months: months.trunc() as i32,
                days: days.trunc() as i32,
                nanoseconds: (rest / 1e3).round() as i64 * 1_000,
            })
        };
        let computed: datafusion::arrow::array::IntervalMonthDayNanoArray = fractions.iter().map(value).collect();
        return Ok(Arc::new(computed));
    }
    let numbers = cast(values, &DataType::Float64)?;
    let numbers = numbers.as_primitive::<Float64Type>();
    let value = |fraction: &Option<f64>| {
        let (low, high, part) = place((*fraction).filter(|_| !values.is_empty())?);
        let (low, high) = (numbers.value(low), numbers.value(high));
        Some(low + (high - low) * part)
    };
    Ok(Arc::new(fractions.iter().map(value).collect::<Float64Array>()))
}
