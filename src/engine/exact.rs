//! Numerics divided, multiplied and converted as PostgreSQL does: rounded half away from zero, at the scale that it gives.
//!
//! Blocked by: DataFusion's decimals are cut off, at a scale that follows from types alone. Remove when they are not.

use std::sync::{Arc, LazyLock};

use datafusion::arrow::array::{Array, ArrayRef, AsArray, Decimal128Array, Float32Array, ListArray, PrimitiveArray};
use datafusion::arrow::compute::{CastOptions, cast, cast_with_options};
use datafusion::arrow::datatypes::{
    ArrowPrimitiveType, DataType, Decimal128Type, Decimal256Type, DecimalType, FieldRef, Float32Type, Float64Type,
    Int16Type, Int32Type, Int64Type, i256,
};
use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::error::{DataFusionError, Result};
use datafusion::logical_expr::expr::ScalarFunction;
use datafusion::logical_expr::expr_rewriter::NamePreserver;
use datafusion::logical_expr::utils::merge_schema;
use datafusion::logical_expr::{
    ColumnarValue, Expr, ExprSchemable, LogicalPlan, Operator, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature,
    Volatility,
};
use datafusion::scalar::ScalarValue;

use crate::error::{Error, ErrorKind};
use crate::pgtypes::{self, Exact, FREE, QUOTIENT, is_of_values, nearest_doubles, quotient, rescaled};

const DIGITS: u8 = 38;

/// The function that a product is.
pub(super) const MULTIPLY: &str = "numeric_multiply";

/// What is computed.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Step {
    Divide,
    Multiply,
    /// What a whole division leaves.
    Remainder,
    /// To an integer, from a number of another kind or a wider one.
    Integer(DataType),
    /// To a numeric of the type, from a float.
    Numeric(DataType),
    /// To the nearest double.
    Double,
    /// From a double or a numeric to the nearest real.
    Real,
}

/// The operator's call where DataFusion's answer would be another; `None` where it is the same.
pub(super) fn operator(op: Operator, left: &DataType, right: &DataType) -> Option<Arc<ScalarUDF>> {
    static CALLS: LazyLock<[Arc<ScalarUDF>; 3]> =
        LazyLock::new(|| [Step::Divide, Step::Multiply, Step::Remainder].map(call));
    let exact = |data_type: &DataType| data_type.is_integer() || matches!(data_type, DataType::Decimal128(..));
    let is_numeric = left.is_decimal() || right.is_decimal();
    if !is_numeric || !exact(left) || !exact(right) {
        return None;
    }
    let [divide, multiply, remainder] = &*CALLS;
    match op {
        Operator::Divide => Some(divide.clone()),
        // which DataFusion takes for 0 where the divisor is 1
        Operator::Modulo => Some(remainder.clone()),
        Operator::Multiply if is_of_values(left) || is_of_values(right) => Some(multiply.clone()),
        _ => None,
    }
}

/// The number as an integer, or the list of numbers as one of integers.
pub(super) fn to_integer(number: Expr, wanted: &DataType) -> Expr {
    Expr::ScalarFunction(ScalarFunction::new_udf(call(Step::Integer(wanted.clone())), vec![number]))
}

/// The float, or the list of floats, as a numeric of the type, which is [`FREE`] where no scale is declared.
pub(super) fn to_numeric(number: Expr, wanted: &DataType) -> Expr {
    Expr::ScalarFunction(ScalarFunction::new_udf(call(Step::Numeric(wanted.clone())), vec![number]))
}

/// The numeric as a double precision.
pub(super) fn to_double(number: Expr) -> Expr {
    Expr::ScalarFunction(ScalarFunction::new_udf(call(Step::Double), vec![number]))
}

/// The plan, whose numerics beside floats become the nearest of them: coercion casts them as Arrow does, which rounds twice.
pub(super) fn to_nearest_doubles(plan: LogicalPlan) -> Result<LogicalPlan> {
    let is_cast = |expr: &Expr| Ok(matches!(expr, Expr::Cast(cast) if *cast.field.data_type() == DataType::Float64));
    let mut has_casts = false;
    plan.apply_with_subqueries(|node| {
        node.apply_expressions(|expr| {
            has_casts |= expr.exists(is_cast)?;
            Ok(if has_casts { TreeNodeRecursion::Stop } else { TreeNodeRecursion::Continue })
        })
    })?;
    if !has_casts {
        return Ok(plan);
    }
    let exact = plan.transform_up_with_subqueries(|node| {
        let schema = merge_schema(&node.inputs());
        let names = NamePreserver::new(&node);
        node.map_expressions(|expr| {
            let name = names.save(&expr);
            let exact = expr.transform_up(|expr| match expr {
                Expr::Cast(cast)
                    if *cast.field.data_type() == DataType::Float64
                        && matches!(cast.expr.get_type(&schema), Ok(DataType::Decimal128(..))) =>
                {
                    Ok(Transformed::yes(to_double(*cast.expr)))
                }
                other => Ok(Transformed::no(other)),
            })?;
            Ok(exact.update_data(|expr| name.restore(expr)))
        })
    })?;
    Ok(exact.data)
}

/// The double precision or the numeric as a real.
pub(super) fn to_real(number: Expr) -> Expr {
    Expr::ScalarFunction(ScalarFunction::new_udf(call(Step::Real), vec![number]))
}

fn call(step: Step) -> Arc<ScalarUDF> {
    let arguments = if matches!(step, Step::Divide | Step::Multiply | Step::Remainder) { 2 } else { 1 };
    Arc::new(ScalarUDF::from(Computed { step, signature: Signature::any(arguments, Volatility::Immutable) }))
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Computed {
    step: Step,
    signature: Signature,
}

impl ScalarUDFImpl for Computed {
    fn name(&self) -> &str {
        match self.step {
            Step::Divide => "numeric_divide",
            Step::Multiply => MULTIPLY,
            Step::Remainder => "numeric_remainder",
            Step::Integer(_) => "to_integer",
            Step::Numeric(_) => "to_numeric",
            Step::Double => "to_double",
            Step::Real => "to_real",
        }
    }
    fn signature(&self) -> &Signature {
        &self.signature
    }
    fn return_type(&self, arg_types: &[DataType]) -> Result<DataType> {
        Ok(match (&self.step, arg_types) {
            (Step::Divide, _) => QUOTIENT,
            (Step::Multiply | Step::Remainder, [left, right]) if *left == QUOTIENT || *right == QUOTIENT => QUOTIENT,
            (Step::Remainder, [left, right]) if !is_of_values(left) && !is_of_values(right) => {
                DataType::Decimal128(DIGITS, scale_of(left).max(scale_of(right)))
            }
            (Step::Multiply, [left, right]) if !is_of_values(left) && !is_of_values(right) => product(left, right),
            (Step::Integer(wanted) | Step::Numeric(wanted), _) => wanted.clone(),
            (Step::Double, _) => DataType::Float64,
            (Step::Real, _) => DataType::Float32,
            _ => FREE,
        })
    }
    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let constant = args.args.iter().all(|arg| matches!(arg, ColumnarValue::Scalar(_)));
        let rows = if constant { 1 } else { args.number_rows };
        let arrays = args.args.iter().map(|arg| arg.to_array(rows)).collect::<Result<Vec<_>>>()?;
        let computed = match (&self.step, arrays.as_slice()) {
            (Step::Divide, [left, right]) => pairs(left, right, &QUOTIENT, divided)?,
            (Step::Multiply, [left, right]) => {
                let wanted = args.return_field.data_type().clone();
                let scale = scale_of(&wanted);
                pairs(left, right, &wanted, |left, right| multiplied(left, right, scale))?
            }
            (Step::Remainder, [left, right]) => {
                let wanted = args.return_field.data_type().clone();
                let scale = scale_of(&wanted);
                pairs(left, right, &wanted, |left, right| remainder(left, right, scale))?
            }
            (Step::Integer(DataType::List(item)), [list]) => of_items(list, item, integers)?,
            (Step::Numeric(DataType::List(item)), [list]) => of_items(list, item, numerics)?,
            (Step::Integer(wanted), [number]) => integers(number, wanted)?,
            (Step::Numeric(wanted), [number]) => numerics(number, wanted)?,
            (Step::Double, [number]) => Arc::new(nearest_doubles(number.as_primitive(), scale_of(number.data_type()))),
            (Step::Real, [number]) => reals(number)?,
            _ => return Err(DataFusionError::Internal("an operator without its operands".to_owned())),
        };
        Ok(if constant {
            ColumnarValue::Scalar(ScalarValue::try_from_array(&computed, 0)?)
        } else {
            ColumnarValue::Array(computed)
        })
    }
}

/// The list with its items made of the type.
fn of_items(
    list: &ArrayRef,
    item: &FieldRef,
    made: impl Fn(&ArrayRef, &DataType) -> Result<ArrayRef>,
) -> Result<ArrayRef> {
    let list = list.as_list::<i32>();
    let values = made(list.values(), item.data_type())?;
    Ok(Arc::new(ListArray::try_new(item.clone(), list.offsets().clone(), values, list.nulls().cloned())?))
}

fn reals(numbers: &ArrayRef) -> Result<ArrayRef> {
    fn nearest(decimal: String) -> Result<f32> {
        let real: f32 = decimal.parse().unwrap_or(f32::NAN);
        let vanishes = real == 0.0 && decimal.bytes().any(|byte| matches!(byte, b'1'..=b'9'));
        if real.is_infinite() || vanishes {
            let message = format!("\"{decimal}\" is out of range for type real");
            return Err(failed(ErrorKind::NumericOutOfRange, message));
        }
        Ok(real)
    }
    let reals = |values: Vec<Option<f32>>| Ok(Arc::new(values.into_iter().collect::<Float32Array>()) as ArrayRef);
    match numbers.data_type() {
        of @ DataType::Decimal128(..) => {
            let values = numbers.as_primitive::<Decimal128Type>().iter().map(|value| {
                let exact = value.map(|value| Exact::new(value, of));
                exact
                    .map(|exact| nearest(Decimal128Type::format_decimal(exact.number, DIGITS, exact.scale)))
                    .transpose()
            });
            reals(values.collect::<Result<_>>()?)
        }
        DataType::Decimal256(digits, scale) => {
            let values = numbers.as_primitive::<Decimal256Type>().iter();
            let values = values.map(|value| {
                value.map(|value| nearest(Decimal256Type::format_decimal(value, *digits, *scale))).transpose()
            });
            reals(values.collect::<Result<_>>()?)
        }
        _ => narrowed_doubles(numbers),
    }
}

fn narrowed_doubles(doubles: &ArrayRef) -> Result<ArrayRef> {
    let narrowed = |double: f64| {
        let real = double as f32;
        match (real.is_infinite() && double.is_finite(), real == 0.0 && double != 0.0) {
            (true, _) => Err(failed(ErrorKind::NumericOutOfRange, "value out of range: overflow")),
            (_, true) => Err(failed(ErrorKind::NumericOutOfRange, "value out of range: underflow")),
            _ => Ok(real),
        }
    };
    let doubles = doubles.as_primitive_opt::<Float64Type>();
    let doubles = doubles.ok_or_else(|| DataFusionError::Internal("not a double precision".to_owned()))?;
    Ok(Arc::new(doubles.try_unary::<_, Float32Type, DataFusionError>(narrowed)?))
}

fn failed(kind: ErrorKind, message: impl Into<String>) -> DataFusionError {
    DataFusionError::External(Box::new(Error::new(kind, message)))
}

fn too_large() -> DataFusionError {
    let error = Error::new(ErrorKind::NumericOutOfRange, "value overflows numeric format");
    DataFusionError::External(Box::new(error.with_detail("A quotient holds 18 digits before the point.")))
}

/// What holds the product of numbers whose digits are known: all of its decimals, where they fit.
fn product(left: &DataType, right: &DataType) -> DataType {
    let whole = |data_type: &DataType| match data_type {
        DataType::Decimal128(precision, scale) | DataType::Decimal256(precision, scale) => {
            precision.cast_signed().saturating_sub(*scale).max(0)
        }
        DataType::Int16 => 5,
        DataType::Int32 => 10,
        _ => 20,
    };
    let room = DIGITS.cast_signed().saturating_sub(whole(left)).saturating_sub(whole(right));
    let scale = (scale_of(left) + scale_of(right)).min(room.max(scale_of(&FREE)));
    DataType::Decimal128(DIGITS, scale)
}

fn scale_of(data_type: &DataType) -> i8 {
    match data_type {
        DataType::Decimal128(_, scale) | DataType::Decimal256(_, scale) => *scale,
        _ => 0,
    }
}

/// Integers as decimals without decimals.
fn decimals(array: &ArrayRef) -> Result<ArrayRef> {
    Ok(match array.data_type() {
        DataType::Decimal128(..) => array.clone(),
        // as a parameter is that has so many digits
        DataType::Decimal256(_, scale) => {
            let options = CastOptions { safe: false, ..CastOptions::default() };
            cast_with_options(array, &DataType::Decimal128(DIGITS, *scale), &options).map_err(|_| too_large())?
        }
        _ => cast(array, &DataType::Decimal128(20, 0))?,
    })
}

fn pairs(
    left: &ArrayRef,
    right: &ArrayRef,
    wanted: &DataType,
    compute: impl Fn(Exact, Exact) -> Result<i128>,
) -> Result<ArrayRef> {
    let (left, right) = (decimals(left)?, decimals(right)?);
    let (left_type, right_type) = (left.data_type(), right.data_type());
    let operands = left.as_primitive::<Decimal128Type>().iter().zip(right.as_primitive::<Decimal128Type>());
    let computed = operands.map(|(left, right)| match (left, right) {
        (Some(left), Some(right)) => compute(Exact::new(left, left_type), Exact::new(right, right_type)).map(Some),
        _ => Ok(None),
    });
    let computed: Decimal128Array = computed.collect::<Result<Vec<Option<i128>>>>()?.into();
    Ok(Arc::new(computed.with_precision_and_scale(DIGITS, scale_of(wanted))?))
}

fn divided(left: Exact, right: Exact) -> Result<i128> {
    if right.number == 0 {
        return Err(failed(ErrorKind::DivisionByZero, "division by zero"));
    }
    quotient(left, right).ok_or_else(too_large)
}

fn multiplied(left: Exact, right: Exact, scale: i8) -> Result<i128> {
    let product = i256::from_i128(left.number).checked_mul(i256::from_i128(right.number));
    product
        .and_then(|product| rescaled(product, left.scale + right.scale, scale))
        .and_then(i256::to_i128)
        .filter(|value| value.unsigned_abs() < 10u128.pow(DIGITS.into()))
        .ok_or_else(too_large)
}

/// It has the sign of what is divided.
fn remainder(left: Exact, right: Exact, scale: i8) -> Result<i128> {
    if right.number == 0 {
        return Err(failed(ErrorKind::DivisionByZero, "division by zero"));
    }
    let common = left.scale.max(right.scale);
    let of_common = |exact: Exact| rescaled(i256::from_i128(exact.number), exact.scale, common);
    let left = of_common(left).zip(of_common(right)).and_then(|(left, right)| left.checked_rem(right));
    left.and_then(|left| rescaled(left, common, scale)).and_then(i256::to_i128).ok_or_else(too_large)
}

/// Floats are rounded to even, numerics half away from zero.
fn integers(number: &ArrayRef, wanted: &DataType) -> Result<ArrayRef> {
    let whole: ArrayRef = match number.data_type() {
        DataType::Decimal128(_, scale) => {
            let rounded = |value| rescaled(i256::from_i128(value), *scale, 0).and_then(i256::to_i128);
            let values = number.as_primitive::<Decimal128Type>();
            let values = values.iter().map(|value| match value.map(&rounded) {
                Some(None) => Err(out_of_range(wanted)),
                Some(value) => Ok(value),
                None => Ok(None),
            });
            let values = values.map(|value| fit(value?, wanted)).collect::<Result<Vec<_>>>()?;
            return whole_numbers(values, wanted);
        }
        DataType::Float16 | DataType::Float32 | DataType::Float64 => {
            let floats = cast(number, &DataType::Float64)?;
            let floats = floats.as_primitive::<Float64Type>();
            let values = floats.iter().map(|value| match value.map(f64::round_ties_even) {
                Some(value) if value.abs() < 1e19 => fit(Some(value as i128), wanted),
                Some(_) => Err(out_of_range(wanted)),
                None => Ok(None),
            });
            return whole_numbers(values.collect::<Result<Vec<_>>>()?, wanted);
        }
        _ => number.clone(),
    };
    let options = CastOptions { safe: false, ..CastOptions::default() };
    cast_with_options(&whole, wanted, &options).map_err(|_| out_of_range(wanted))
}

fn fit(value: Option<i128>, wanted: &DataType) -> Result<Option<i64>> {
    let (least, most) = match wanted {
        DataType::Int16 => (i16::MIN.into(), i16::MAX.into()),
        DataType::Int32 => (i32::MIN.into(), i32::MAX.into()),
        _ => (i64::MIN, i64::MAX),
    };
    match value.map(i64::try_from) {
        None => Ok(None),
        Some(Ok(value)) if (least..=most).contains(&value) => Ok(Some(value)),
        Some(_) => Err(out_of_range(wanted)),
    }
}

fn whole_numbers(values: Vec<Option<i64>>, wanted: &DataType) -> Result<ArrayRef> {
    fn narrow<T: ArrowPrimitiveType>(values: Vec<Option<i64>>) -> ArrayRef
    where
        T::Native: TryFrom<i64>,
    {
        let values = values.into_iter().map(|value| value.and_then(|value| T::Native::try_from(value).ok()));
        Arc::new(values.collect::<PrimitiveArray<T>>())
    }
    Ok(match wanted {
        DataType::Int16 => narrow::<Int16Type>(values),
        DataType::Int32 => narrow::<Int32Type>(values),
        DataType::Int64 => narrow::<Int64Type>(values),
        other => cast(&narrow::<Int64Type>(values), other)?,
    })
}

fn out_of_range(wanted: &DataType) -> DataFusionError {
    let name = match wanted {
        DataType::Int8 | DataType::Int16 => "smallint",
        DataType::Int32 => "integer",
        _ => "bigint",
    };
    failed(ErrorKind::NumericOutOfRange, format!("{name} out of range"))
}

/// Floats as numerics of the type. A float has fifteen significant digits, a real six.
pub(super) fn numerics(number: &ArrayRef, wanted: &DataType) -> Result<ArrayRef> {
    let digits = if number.data_type() == &DataType::Float64 { 14 } else { 5 };
    let &DataType::Decimal128(precision, scale) = wanted else {
        return Err(DataFusionError::Internal("not a numeric".to_owned()));
    };
    let floats = cast(number, &DataType::Float64)?;
    let numbers = floats.as_primitive::<Float64Type>().iter().map(|value| match value {
        None => Ok(None),
        Some(value) if value.is_infinite() && *wanted != FREE => Err(infinite(precision, scale)),
        Some(value) if !value.is_finite() => Err(DataFusionError::External(Box::new(
            Error::new(ErrorKind::FeatureNotSupported, "numeric NaN and infinity are not supported")
                .with_hint("Use double precision for values that may be NaN or infinite."),
        ))),
        Some(value) => numeric_of(value, digits, scale)
            .filter(|number| number.unsigned_abs() < 10u128.pow(precision.into()))
            .map(Some)
            .ok_or_else(|| if *wanted == FREE { too_large() } else { overflow(precision, scale) }),
    });
    let numbers: Decimal128Array = numbers.collect::<Result<Vec<Option<i128>>>>()?.into();
    Ok(Arc::new(numbers.with_precision_and_scale(precision, scale)?))
}

/// What no numeric of the scale tells from nothing.
const LEAST_EXPONENT: i32 = -58;

/// The float, rounded to so many digits after its first, and then to the scale.
fn numeric_of(value: f64, digits: usize, wanted: i8) -> Option<i128> {
    let text = format!("{value:.digits$e}");
    let (mantissa, exponent) = text.split_once('e')?;
    let exponent: i32 = exponent.parse().ok()?;
    if exponent < LEAST_EXPONENT {
        return Some(0);
    }
    let number: i128 = mantissa.replace('.', "").parse().ok()?;
    let scale = i8::try_from(i32::try_from(digits).ok()? - exponent).ok()?;
    rescaled(i256::from_i128(number), scale, wanted)?.to_i128()
}

fn overflow(precision: u8, scale: i8) -> DataFusionError {
    DataFusionError::External(Box::new(pgtypes::field_overflow(precision, scale)))
}

fn infinite(precision: u8, scale: i8) -> DataFusionError {
    let detail = format!("A field with precision {precision}, scale {scale} cannot hold an infinite value.");
    DataFusionError::External(Box::new(pgtypes::field_overflow(precision, scale).with_detail(detail)))
}
