//! DataFusion's functions, with what PostgreSQL says before it calls one: NULL, or no.

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, BooleanArray, Int64Array, ListArray};
use datafusion::arrow::buffer::OffsetBuffer;
use datafusion::arrow::compute::kernels::length::length;
use datafusion::arrow::compute::{and, cast, filter, is_not_null, is_null, not, nullif};
use datafusion::arrow::datatypes::{DataType, Field, FieldRef, Int64Type};
use datafusion::error::Result as DataFusionResult;
use datafusion::functions::{string, unicode};
use datafusion::functions_nested::{array_has, concat, replace};
use datafusion::logical_expr::simplify::{ExprSimplifyResult, SimplifyContext};
use datafusion::logical_expr::type_coercion::functions::fields_with_udf;
use datafusion::logical_expr::{
    ColumnarValue, Expr, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};
use datafusion::scalar::ScalarValue;

use super::external;
use crate::error::{Error, ErrorKind};
use crate::pgtypes::FREE;

/// The greatest text that PostgreSQL makes (`MaxAllocSize`); here, the greatest of one batch.
const MAX_BYTES: i64 = 0x3fff_ffff;

pub fn functions() -> impl Iterator<Item = ScalarUDF> {
    let all = [
        (array_has::array_has_all_udf(), Guard::Elements { every: true }),
        (array_has::array_has_any_udf(), Guard::Elements { every: false }),
        (unicode::lpad(), Guard::Length),
        (unicode::rpad(), Guard::Length),
        (string::repeat(), Guard::Repeated),
        (concat::array_append_udf(), Guard::Numbers),
        (concat::array_prepend_udf(), Guard::Numbers),
        (concat::array_concat_udf(), Guard::Numbers),
        (replace::array_replace_all_udf(), Guard::Numbers),
    ];
    all.into_iter().map(|(inner, guard)| guarded(inner, guard))
}

/// The function of arrays and elements, with numerics of several scales brought to one.
pub(super) fn of_numbers(inner: Arc<ScalarUDF>) -> Arc<ScalarUDF> {
    Arc::new(guarded(inner, Guard::Numbers))
}

fn guarded(inner: Arc<ScalarUDF>, guard: Guard) -> ScalarUDF {
    ScalarUDF::from(Guarded { inner, guard, signature: Signature::user_defined(Volatility::Immutable) })
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Guard {
    /// NULL where an argument is, `array && NULL`; an element that is NULL equals none.
    Elements { every: bool },
    /// The second argument is the length of the result.
    Length,
    /// The second argument is how often the first comes.
    Repeated,
    /// Numerics of several scales meet in one array: each keeps the decimals it has.
    Numbers,
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Guarded {
    inner: Arc<ScalarUDF>,
    guard: Guard,
    /// Of [`Guard::Numbers`].
    signature: Signature,
}

impl ScalarUDFImpl for Guarded {
    fn name(&self) -> &str {
        self.inner.name()
    }
    fn aliases(&self) -> &[String] {
        self.inner.aliases()
    }
    fn signature(&self) -> &Signature {
        match self.guard {
            Guard::Numbers => &self.signature,
            _ => self.inner.signature(),
        }
    }
    fn return_type(&self, arg_types: &[DataType]) -> DataFusionResult<DataType> {
        self.inner.inner().return_type(arg_types)
    }
    fn return_field_from_args(&self, args: ReturnFieldArgs<'_>) -> DataFusionResult<FieldRef> {
        self.inner.inner().return_field_from_args(args)
    }
    fn coerce_types(&self, arg_types: &[DataType]) -> DataFusionResult<Vec<DataType>> {
        match self.guard {
            // where to begin is no element
            Guard::Numbers if self.name() == "array_position" && arg_types.len() > 2 => {
                let found = self.coerce_types(arg_types.get(..2).unwrap_or(arg_types))?;
                Ok(found.into_iter().chain([DataType::Int64]).collect())
            }
            Guard::Numbers => match of_one_scale(arg_types) {
                Some(types) => Ok(types),
                None => {
                    let field = |data_type: &DataType| Arc::new(Field::new("", data_type.clone(), true));
                    let fields = arg_types.iter().map(field).collect::<Vec<_>>();
                    let coerced = fields_with_udf(&fields, self.inner.as_ref())?;
                    Ok(coerced.iter().map(|field| field.data_type().clone()).collect())
                }
            },
            _ => self.inner.inner().coerce_types(arg_types),
        }
    }
    fn simplify(&self, args: Vec<Expr>, info: &SimplifyContext) -> DataFusionResult<ExprSimplifyResult> {
        match self.guard {
            Guard::Elements { .. } => Ok(ExprSimplifyResult::Original(args)),
            _ => self.inner.inner().simplify(args, info),
        }
    }
    fn invoke_with_args(&self, mut args: ScalarFunctionArgs) -> DataFusionResult<ColumnarValue> {
        let (given, rows) = (args.args.clone(), args.number_rows);
        match self.guard {
            Guard::Elements { every } => {
                let mut never = None;
                if let [_, wanted] = args.args.as_mut_slice()
                    && let Some((known, with_nulls)) = without_nulls(wanted, rows)?
                {
                    *wanted = known;
                    never = every.then_some(with_nulls);
                }
                let mut found = self.inner.inner().invoke_with_args(args)?;
                if let Some(never) = never {
                    let possible = not(&never)?;
                    found =
                        ColumnarValue::Array(Arc::new(and(found.to_array(possible.len())?.as_boolean(), &possible)?));
                }
                with_nulls(found, &given, rows)
            }
            Guard::Numbers => self.inner.inner().invoke_with_args(args),
            Guard::Length | Guard::Repeated => {
                let bytes = self.bytes(&given, rows)?;
                if bytes > MAX_BYTES {
                    let message = "requested length too large";
                    return Err(external(Error::new(ErrorKind::ProgramLimitExceeded, message)));
                }
                if matches!(self.guard, Guard::Length)
                    && let Some(length) = args.args.get_mut(1)
                {
                    *length = not_negative(length)?;
                }
                self.inner.inner().invoke_with_args(args)
            }
        }
    }
}

/// The types of arrays and elements of numbers, of which some are numerics, made one; `None` where they are one, or others.
pub(super) fn of_one_scale(types: &[DataType]) -> Option<Vec<DataType>> {
    fn innermost(data_type: &DataType) -> &DataType {
        match data_type {
            DataType::List(item) => innermost(item.data_type()),
            other => other,
        }
    }
    fn of(data_type: &DataType, number: &DataType) -> DataType {
        match data_type {
            DataType::List(item) => DataType::new_list(of(item.data_type(), number), true),
            _ => number.clone(),
        }
    }
    let numbers: Vec<&DataType> = types.iter().map(innermost).collect();
    let first = *numbers.first()?;
    let mixed = numbers.iter().all(|number| number.is_numeric()) && numbers.iter().any(|number| number.is_decimal());
    if !mixed || numbers.iter().all(|number| *number == first) {
        return None;
    }
    let common = if numbers.iter().any(|number| number.is_floating()) { DataType::Float64 } else { FREE };
    Some(types.iter().map(|data_type| of(data_type, &common)).collect())
}

/// The lengths, of which negative ones are nought.
fn not_negative(lengths: &ColumnarValue) -> DataFusionResult<ColumnarValue> {
    Ok(match lengths.cast_to(&DataType::Int64, None)? {
        ColumnarValue::Array(lengths) => {
            let lengths = lengths.as_primitive::<Int64Type>().unary::<_, Int64Type>(|length| length.max(0));
            ColumnarValue::Array(Arc::new(lengths))
        }
        ColumnarValue::Scalar(ScalarValue::Int64(length)) => {
            ColumnarValue::Scalar(ScalarValue::Int64(length.map(|length| length.max(0))))
        }
        other => other,
    })
}

impl Guarded {
    /// At least how many bytes the result has.
    fn bytes(&self, args: &[ColumnarValue], rows: usize) -> DataFusionResult<i64> {
        let [text, count, ..] = args else { return Ok(0) };
        if let (Guard::Length, ColumnarValue::Scalar(count)) = (self.guard, count)
            && let ScalarValue::Int64(Some(count)) = count.cast_to(&DataType::Int64)?
            && let Some(most) = count.max(0).checked_mul(i64::try_from(rows).unwrap_or(i64::MAX))
            && most <= MAX_BYTES
        {
            return Ok(most);
        }
        let (text, rows) = match (text, count) {
            (ColumnarValue::Scalar(_), ColumnarValue::Scalar(_)) => (text.to_array(1)?, 1),
            _ => (text.to_array(rows)?, rows),
        };
        let count = cast(&count.to_array(rows)?, &DataType::Int64)?;
        let counts: &Int64Array = count.as_primitive::<Int64Type>();
        let lengths = match self.guard {
            Guard::Repeated => cast(&length(&text)?, &DataType::Int64)?,
            _ => Arc::new((0..rows).map(|row| text.is_valid(row).then_some(1)).collect::<Int64Array>()),
        };
        let lengths: &Int64Array = lengths.as_primitive::<Int64Type>();
        let each = counts.iter().zip(lengths).map(|(count, length)| match (count, length) {
            (Some(count), Some(length)) => count.max(0).saturating_mul(length),
            _ => 0,
        });
        Ok(each.fold(0, i64::saturating_add))
    }
}

/// The lists without their NULLs, and which had some; `None` where none has.
fn without_nulls(lists: &ColumnarValue, rows: usize) -> DataFusionResult<Option<(ColumnarValue, BooleanArray)>> {
    let lists = lists.to_array(rows)?;
    let Some(lists) = lists.as_list_opt::<i32>().filter(|lists| lists.values().null_count() > 0) else {
        return Ok(None);
    };
    let known = is_not_null(lists.values())?;
    let count = |row: usize| {
        let [from, to] = [lists.value_offsets()[row], lists.value_offsets()[row + 1]].map(|offset| offset as usize);
        (from..to).filter(|place| known.value(*place)).count()
    };
    let lengths: Vec<usize> = (0..lists.len()).map(count).collect();
    let had = lengths.iter().enumerate().map(|(row, length)| Some(lists.value(row).len() > *length)).collect();
    let (first, last) = (lists.value_offsets()[0] as usize, lists.value_offsets()[lists.len()] as usize);
    let values = filter(&lists.values().slice(first, last - first), &known.slice(first, last - first))?;
    let DataType::List(item) = lists.data_type() else { return Ok(None) };
    let known = ListArray::try_new(item.clone(), OffsetBuffer::from_lengths(lengths), values, lists.nulls().cloned())?;
    Ok(Some((ColumnarValue::Array(Arc::new(known)), had)))
}

/// The answers with NULL where an argument is.
fn with_nulls(found: ColumnarValue, args: &[ColumnarValue], rows: usize) -> DataFusionResult<ColumnarValue> {
    let is_nothing = |arg: &ColumnarValue| matches!(arg, ColumnarValue::Scalar(value) if value.is_null());
    if args.iter().any(is_nothing) {
        return Ok(ColumnarValue::Scalar(ScalarValue::Boolean(None)));
    }
    let mut found = match found {
        ColumnarValue::Array(found) => found,
        scalar => return Ok(scalar),
    };
    for arg in args {
        let arg: ArrayRef = arg.to_array(rows)?;
        if arg.null_count() > 0 {
            found = nullif(&found, &is_null(&arg)?)?;
        }
    }
    Ok(ColumnarValue::Array(found))
}
