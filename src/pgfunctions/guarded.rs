//! DataFusion's functions, with what PostgreSQL says before it calls one: NULL, or no.

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, BooleanArray, Int64Array, ListArray};
use datafusion::arrow::buffer::OffsetBuffer;
use datafusion::arrow::compute::kernels::length::length;
use datafusion::arrow::compute::{and, cast, filter, is_not_null, is_null, not, nullif};
use datafusion::arrow::datatypes::{DataType, Int64Type};
use datafusion::error::Result as DataFusionResult;
use datafusion::functions::{string, unicode};
use datafusion::functions_nested::array_has;
use datafusion::logical_expr::simplify::{ExprSimplifyResult, SimplifyContext};
use datafusion::logical_expr::{ColumnarValue, Expr, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature};
use datafusion::scalar::ScalarValue;

use super::external;
use crate::error::{Error, ErrorKind};

/// The greatest text that PostgreSQL makes (`MaxAllocSize`); here, the greatest of one batch.
const MAX_BYTES: i64 = 0x3fff_ffff;

pub fn functions() -> impl Iterator<Item = ScalarUDF> {
    let all = [
        (array_has::array_has_all_udf(), Guard::Elements { every: true }),
        (array_has::array_has_any_udf(), Guard::Elements { every: false }),
        (unicode::lpad(), Guard::Length),
        (unicode::rpad(), Guard::Length),
        (string::repeat(), Guard::Repeated),
    ];
    all.into_iter().map(|(inner, guard)| ScalarUDF::from(Guarded { inner, guard }))
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Guard {
    /// NULL where an argument is, `array && NULL`; an element that is NULL equals none.
    Elements { every: bool },
    /// The second argument is the length of the result.
    Length,
    /// The second argument is how often the first comes.
    Repeated,
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Guarded {
    inner: Arc<ScalarUDF>,
    guard: Guard,
}

impl ScalarUDFImpl for Guarded {
    fn name(&self) -> &str {
        self.inner.name()
    }
    fn aliases(&self) -> &[String] {
        self.inner.aliases()
    }
    fn signature(&self) -> &Signature {
        self.inner.signature()
    }
    fn return_type(&self, arg_types: &[DataType]) -> DataFusionResult<DataType> {
        self.inner.inner().return_type(arg_types)
    }
    fn coerce_types(&self, arg_types: &[DataType]) -> DataFusionResult<Vec<DataType>> {
        self.inner.inner().coerce_types(arg_types)
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
            Guard::Length | Guard::Repeated => {
                let bytes = self.bytes(&given, rows)?;
                if bytes > MAX_BYTES {
                    let message = "requested length too large";
                    return Err(external(Error::new(ErrorKind::ProgramLimitExceeded, message)));
                }
                self.inner.inner().invoke_with_args(args)
            }
        }
    }
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
