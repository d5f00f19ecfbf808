//! Arrays: ordinals, subscripts, and DataFusion's functions with the types that PostgreSQL's have.

use std::sync::Arc;

use datafusion::arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, Int32Array, Int64Array, ListArray, UInt64Array,
};
use datafusion::arrow::buffer::OffsetBuffer;
use datafusion::arrow::compute::kernels::zip::zip;
use datafusion::arrow::compute::{self, CastOptions, cast_with_options, concat, nullif, take};
use datafusion::arrow::datatypes::{DataType, Field, Int32Type};
use datafusion::common::plan_err;
use datafusion::error::Result as DataFusionResult;
use datafusion::functions_nested::flatten::flatten;
use datafusion::functions_nested::{array_has, cardinality, dimension, length, position, remove};
use datafusion::logical_expr::simplify::{ExprSimplifyResult, SimplifyContext};
use datafusion::logical_expr::type_coercion::binary::comparison_coercion;
use datafusion::logical_expr::{
    ColumnarValue, Expr, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, TypeSignature, Volatility,
};
use datafusion::scalar::ScalarValue;

use super::guarded::of_numbers;
use super::row::{Env, Function, Output, Returns, Value, lax, strict};
use super::{array_shapes, external};
use crate::error::{Error, ErrorKind, Result};

/// Those that look at texts or lengths only.
pub const FUNCTIONS: &[&[Function]] = &[&[
    strict("generate_subscripts", "text[] int bool?", Returns::Set(&Returns::Int), subscripts),
    // the array of them
    strict("array_subscripts", "text[] int bool?", Returns::Array(&Returns::Int), subscripts),
    // of an int2vector or oidvector, whose elements are counted from 0
    strict("vector_subscripts", "text[] int bool?", Returns::Array(&Returns::Int), |env, args| {
        let from_zero = |place| if let Output::Int(place) = place { Output::Int(place - 1) } else { place };
        Ok(match subscripts(env, args)? {
            Output::List(places) => Output::List(places.into_iter().map(from_zero).collect()),
            other => other,
        })
    }),
    strict("array_upper", "text[] int", Returns::Int, |_, args| {
        let length = args.first().map_or(0, |array| array.texts().len()) as i64;
        Ok(if length > 0 && dimension_of(args) == 1 { Output::Int(length) } else { Output::Null })
    }),
    strict("array_lower", "text[] int", Returns::Int, |_, args| {
        let length = args.first().map_or(0, |array| array.texts().len());
        Ok(if length > 0 && dimension_of(args) == 1 { Output::Int(1) } else { Output::Null })
    }),
    lax("array_to_string", "text[] text text?", Returns::Text, joined),
]];

/// The elements with the second between them; NULL is left out, or is the third.
fn joined(_: &Env, args: &[Value<'_>]) -> Result<Output> {
    let [array, between, rest @ ..] = args else { return Ok(Output::Null) };
    if array.is_null() || between.is_null() {
        return Ok(Output::Null);
    }
    let null = rest.first().filter(|null| !null.is_null()).map(Value::text);
    let texts = array.texts();
    let shown: Vec<&str> = texts.iter().filter_map(|text| text.as_deref().or(null)).collect();
    Ok(Output::Text(shown.join(between.text())))
}

fn dimension_of(args: &[Value<'_>]) -> i64 {
    args.get(1).map_or(1, Value::int)
}

fn subscripts(_: &Env, args: &[Value<'_>]) -> Result<Output> {
    if dimension_of(args) != 1 {
        return Ok(Output::List(Vec::new()));
    }
    let last = args.first().map_or(0, |array| array.texts().len()) as i64;
    let mut places: Vec<Output> = (1..=last).map(Output::Int).collect();
    if args.get(2).is_some_and(Value::bool) {
        places.reverse();
    }
    Ok(Output::List(places))
}

/// The elements of an array of so many dimensions, row by row, as one of one dimension.
pub fn elements(array: Expr, dimensions: usize) -> Expr {
    (1..dimensions).fold(array, |array, _| flatten(array))
}

/// Those over arrays of any type.
pub fn functions() -> Vec<ScalarUDF> {
    let narrowed = [
        length::array_length_udf(),
        cardinality::cardinality_udf(),
        dimension::array_ndims_udf(),
        of_numbers(position::array_position_udf()),
        of_numbers(position::array_positions_udf()),
    ];
    let narrowed = narrowed.map(|inner| ScalarUDF::from(Narrowed { inner }));
    let any = || Signature::new(TypeSignature::VariadicAny, Volatility::Immutable);
    let ours = [("array_ordinals", What::Ordinals), ("array_fill", What::Fill), ("trim_array", What::Trim)];
    let ours = ours.map(|(name, what)| ScalarUDF::from(Arrays { name, what, signature: any() }));
    let holds = ScalarUDF::from(Holds {
        inner: array_has::array_has_udf(),
        signature: Signature::user_defined(Volatility::Immutable),
    });
    let without = ScalarUDF::from(Without { inner: of_numbers(remove::array_remove_all_udf()) });
    narrowed.into_iter().chain(ours).chain([holds, without, array_shapes::make_array()]).collect()
}

/// `array_remove`: without the elements that are not distinct from the second, so NULL goes where NULL is given.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Without {
    inner: Arc<ScalarUDF>,
}

impl ScalarUDFImpl for Without {
    fn name(&self) -> &str {
        self.inner.name()
    }
    fn signature(&self) -> &Signature {
        self.inner.signature()
    }
    fn coerce_types(&self, arg_types: &[DataType]) -> DataFusionResult<Vec<DataType>> {
        match arg_types {
            [list, DataType::Null] => Ok(vec![list.clone(), DataType::Null]),
            _ => self.inner.inner().coerce_types(arg_types),
        }
    }
    fn return_type(&self, arg_types: &[DataType]) -> DataFusionResult<DataType> {
        match arg_types {
            [list, ..] => Ok(list.clone()),
            [] => plan_err!("array_remove takes an array and a value"),
        }
    }
    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> DataFusionResult<ColumnarValue> {
        let columns = ColumnarValue::values_to_arrays(&args.args)?;
        let [list, gone] = columns.as_slice() else { return plan_err!("array_remove takes an array and a value") };
        let Some(lists) = list.as_list_opt::<i32>().filter(|_| gone.logical_null_count() > 0) else {
            return self.inner.inner().invoke_with_args(args);
        };
        let known = lists.values().logical_nulls();
        let known = known.map_or_else(
            || BooleanArray::from(vec![true; lists.values().len()]),
            |nulls| BooleanArray::new(nulls.into_inner(), None),
        );
        let kept = |row: usize| {
            (lists.value_offsets()[row]..lists.value_offsets()[row + 1])
                .map(|at| at as usize)
                .filter(|at| known.value(*at))
        };
        let lengths = (0..lists.len()).map(|row| kept(row).count());
        let offsets = OffsetBuffer::from_lengths(lengths.collect::<Vec<_>>());
        let places: UInt64Array = (0..lists.len()).flat_map(kept).map(|at| Some(at as u64)).collect();
        let values = take(lists.values(), &places, None)?;
        let DataType::List(item) = lists.data_type() else { return plan_err!("a list is none") };
        let dense: ArrayRef = Arc::new(ListArray::try_new(Arc::clone(item), offsets, values, lists.nulls().cloned())?);
        if gone.logical_null_count() == gone.len() {
            return Ok(ColumnarValue::Array(dense));
        }
        let others = self.inner.inner().invoke_with_args(args)?.into_array(list.len())?;
        Ok(ColumnarValue::Array(zip(&compute::is_null(gone)?, &dense, &others)?))
    }
}

/// `x = ANY(array)`, as which `array_has` is planned: unknown where no element is equal and one is NULL. An element and the
/// item are compared as by `=`, also where one is a float and the other a numeric.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Holds {
    inner: Arc<ScalarUDF>,
    signature: Signature,
}

impl ScalarUDFImpl for Holds {
    fn name(&self) -> &str {
        self.inner.name()
    }
    fn aliases(&self) -> &[String] {
        self.inner.aliases()
    }
    fn signature(&self) -> &Signature {
        &self.signature
    }
    fn return_type(&self, _arg_types: &[DataType]) -> DataFusionResult<DataType> {
        Ok(DataType::Boolean)
    }
    fn coerce_types(&self, arg_types: &[DataType]) -> DataFusionResult<Vec<DataType>> {
        let [list, item] = arg_types else { return plan_err!("array_has takes an array and a value") };
        let element = match list {
            DataType::List(field) | DataType::LargeList(field) | DataType::FixedSizeList(field, _) => field.data_type(),
            // nothing is known of it yet
            DataType::Null | DataType::Utf8 => item,
            _ => {
                let message = "op ANY/ALL (array) requires array on right side";
                return Err(external(Error::new(ErrorKind::WrongObjectType, message)));
            }
        };
        if element == item && list.is_list() {
            return Ok(arg_types.to_vec());
        }
        let both = match (element, item) {
            (float, decimal) | (decimal, float) if float.is_floating() && decimal.is_decimal() => {
                Some(DataType::Float64)
            }
            (element, item) => comparison_coercion(element, item),
        };
        match both {
            Some(both) => Ok(vec![DataType::new_list(both.clone(), true), both]),
            None => plan_err!("no operator compares the elements of {list} with {item}"),
        }
    }
    fn simplify(&self, args: Vec<Expr>, info: &SimplifyContext) -> DataFusionResult<ExprSimplifyResult> {
        self.inner.inner().simplify(args, info)
    }
    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> DataFusionResult<ColumnarValue> {
        let rows = args.number_rows;
        let array = args.args.first().cloned();
        let found = self.inner.inner().invoke_with_args(args)?;
        let Some(array) = array else { return Ok(found) };
        let array = array.to_array(if matches!(found, ColumnarValue::Scalar(_)) { 1 } else { rows })?;
        let Some(lists) = array.as_list_opt::<i32>().filter(|lists| lists.values().null_count() > 0) else {
            return Ok(found);
        };
        let unknown = |row: usize| lists.is_valid(row) && lists.value(row).null_count() > 0;
        Ok(match found {
            ColumnarValue::Scalar(ScalarValue::Boolean(Some(false))) if unknown(0) => {
                ColumnarValue::Scalar(ScalarValue::Boolean(None))
            }
            ColumnarValue::Array(found) => {
                let known = found.as_boolean().iter().enumerate();
                let known = known.map(|(row, found)| found.filter(|found| *found || !unknown(row)));
                ColumnarValue::Array(Arc::new(known.collect::<BooleanArray>()))
            }
            scalar => scalar,
        })
    }
}

/// A function of DataFusion whose whole numbers become integers.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Narrowed {
    inner: Arc<ScalarUDF>,
}

fn narrow(data_type: DataType) -> DataType {
    match data_type {
        DataType::List(item) if item.data_type().is_integer() => DataType::new_list(DataType::Int32, true),
        other if other.is_integer() => DataType::Int32,
        other => other,
    }
}

impl ScalarUDFImpl for Narrowed {
    fn name(&self) -> &str {
        self.inner.name()
    }
    fn aliases(&self) -> &[String] {
        self.inner.aliases()
    }
    fn signature(&self) -> &Signature {
        self.inner.signature()
    }
    fn coerce_types(&self, arg_types: &[DataType]) -> DataFusionResult<Vec<DataType>> {
        self.inner.inner().coerce_types(arg_types)
    }
    fn return_type(&self, arg_types: &[DataType]) -> DataFusionResult<DataType> {
        Ok(narrow(self.inner.inner().return_type(arg_types)?))
    }
    fn invoke_with_args(&self, mut args: ScalarFunctionArgs) -> DataFusionResult<ColumnarValue> {
        let wanted = args.return_field.clone();
        let types: Vec<DataType> = args.arg_fields.iter().map(|field| field.data_type().clone()).collect();
        let array = args.args.first().cloned().filter(|_| self.name() == "array_ndims");
        let rows = args.number_rows;
        args.return_field = Arc::new(Field::new("", self.inner.inner().return_type(&types)?, true));
        let found = self.inner.inner().invoke_with_args(args)?.cast_to(wanted.data_type(), None)?;
        // an empty array has no dimension
        if let Some(array) = array {
            let array = array.to_array(if matches!(found, ColumnarValue::Scalar(_)) { 1 } else { rows })?;
            let empty: BooleanArray = (0..array.len()).map(|row| Some(length_at(&array, row) == 0)).collect();
            return Ok(match found {
                ColumnarValue::Scalar(_) if empty.value(0) => ColumnarValue::Scalar(ScalarValue::Int32(None)),
                ColumnarValue::Array(found) => ColumnarValue::Array(nullif(&found, &empty)?),
                found => found,
            });
        }
        match (self.name(), found) {
            ("array_length", ColumnarValue::Scalar(ScalarValue::Int32(Some(0)))) => {
                Ok(ColumnarValue::Scalar(ScalarValue::Int32(None)))
            }
            ("array_length", ColumnarValue::Array(numbers)) => {
                let numbers = numbers.as_primitive::<Int32Type>().iter().map(|number| number.filter(|n| *n > 0));
                Ok(ColumnarValue::Array(Arc::new(numbers.collect::<Int32Array>())))
            }
            (_, found) => Ok(found),
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum What {
    /// 1, 2 … as far as the longest of the arrays reaches.
    Ordinals,
    Fill,
    Trim,
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Arrays {
    name: &'static str,
    what: What,
    signature: Signature,
}

impl ScalarUDFImpl for Arrays {
    fn name(&self) -> &str {
        self.name
    }
    fn signature(&self) -> &Signature {
        &self.signature
    }
    fn return_type(&self, arg_types: &[DataType]) -> DataFusionResult<DataType> {
        let first = arg_types.first().cloned().unwrap_or(DataType::Null);
        Ok(match self.what {
            What::Ordinals => DataType::new_list(DataType::Int64, true),
            What::Fill => DataType::new_list(first, true),
            What::Trim => first,
        })
    }
    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> DataFusionResult<ColumnarValue> {
        let constant = args.args.iter().all(|argument| matches!(argument, ColumnarValue::Scalar(_)));
        let rows = if constant { 1 } else { args.number_rows };
        let columns: Vec<ArrayRef> =
            args.args.iter().map(|argument| argument.to_array(rows)).collect::<DataFusionResult<_>>()?;
        let array = match self.what {
            What::Ordinals => ordinals(&columns, rows)?,
            What::Fill => fill(&columns, rows)?,
            What::Trim => trim(&columns, rows)?,
        };
        let array = cast_with_options(&array, args.return_field.data_type(), &CastOptions::default())?;
        Ok(match constant {
            true => ColumnarValue::Scalar(ScalarValue::try_from_array(&array, 0)?),
            false => array.into(),
        })
    }
}

fn length_at(array: &ArrayRef, row: usize) -> usize {
    if array.is_null(row) {
        return 0;
    }
    match array.data_type() {
        DataType::List(_) => array.as_list::<i32>().value(row).len(),
        DataType::LargeList(_) => array.as_list::<i64>().value(row).len(),
        DataType::FixedSizeList(..) => array.as_fixed_size_list().value(row).len(),
        _ => 0,
    }
}

fn ordinals(columns: &[ArrayRef], rows: usize) -> DataFusionResult<ArrayRef> {
    let lengths: Vec<usize> =
        (0..rows).map(|row| columns.iter().map(|column| length_at(column, row)).max().unwrap_or(0)).collect();
    let numbers: Int64Array = lengths.iter().flat_map(|length| 1..=*length as i64).collect();
    let item = Arc::new(Field::new_list_field(DataType::Int64, true));
    Ok(Arc::new(ListArray::try_new(item, OffsetBuffer::from_lengths(lengths), Arc::new(numbers), None)?))
}

fn integer_at(array: &ArrayRef, row: usize) -> DataFusionResult<Option<i64>> {
    match ScalarValue::try_from_array(array, row)?.cast_to(&DataType::Int64)? {
        ScalarValue::Int64(number) => Ok(number),
        _ => Ok(None),
    }
}

/// The value as often as the one dimension says.
fn fill(columns: &[ArrayRef], rows: usize) -> DataFusionResult<ArrayRef> {
    let [value, dimensions, ..] = columns else {
        return Err(external(Error::new(
            ErrorKind::UndefinedFunction,
            "function array_fill takes a value and an array",
        )));
    };
    let (mut places, mut lengths) = (Vec::new(), Vec::new());
    for row in 0..rows {
        let dimensions = match dimensions.data_type() {
            DataType::List(_) if !dimensions.is_null(row) => dimensions.as_list::<i32>().value(row),
            _ => {
                return Err(external(Error::new(
                    ErrorKind::NullNotAllowed,
                    "dimension array or low bound array cannot be null",
                )));
            }
        };
        let length = match dimensions.len() {
            0 => 0,
            1 => integer_at(&dimensions, 0)?.unwrap_or(0),
            _ => {
                return Err(external(Error::new(
                    ErrorKind::FeatureNotSupported,
                    "array_fill with more than one dimension is not supported",
                )));
            }
        };
        const LENGTH_MAX: i64 = 134_217_727;
        if !(0..=LENGTH_MAX).contains(&length) {
            let message = format!("array size exceeds the maximum allowed ({LENGTH_MAX})");
            return Err(external(Error::new(ErrorKind::ProgramLimitExceeded, message)));
        }
        places.extend(std::iter::repeat_n(row as u64, length as usize));
        lengths.push(length as usize);
    }
    let items = take(value, &UInt64Array::from(places), None)?;
    let item = Arc::new(Field::new_list_field(items.data_type().clone(), true));
    Ok(Arc::new(ListArray::try_new(item, OffsetBuffer::from_lengths(lengths), items, None)?))
}

/// Without the last so many elements.
fn trim(columns: &[ArrayRef], rows: usize) -> DataFusionResult<ArrayRef> {
    let [list, count, ..] = columns else {
        return Err(external(Error::new(
            ErrorKind::UndefinedFunction,
            "function trim_array takes an array and a number",
        )));
    };
    let (DataType::List(item), Some(lists)) = (list.data_type(), list.as_list_opt::<i32>()) else {
        return Err(external(Error::new(ErrorKind::UndefinedFunction, "function trim_array takes an array")));
    };
    let (mut kept, mut lengths) = (Vec::new(), Vec::new());
    for row in 0..rows {
        let length = length_at(list, row);
        let count = if lists.is_null(row) { 0 } else { integer_at(count, row)?.unwrap_or(0) };
        let count = usize::try_from(count).ok().filter(|count| *count <= length).ok_or_else(|| {
            let message = format!("number of elements to trim must be between 0 and {length}");
            external(Error::new(ErrorKind::ArraySubscriptError, message))
        })?;
        if length > 0 {
            kept.push(lists.value(row).slice(0, length - count));
        }
        lengths.push(length - count);
    }
    let slices: Vec<&dyn Array> = kept.iter().map(AsRef::as_ref).collect();
    let items = match slices.is_empty() {
        true => lists.values().slice(0, 0),
        false => concat(&slices)?,
    };
    Ok(Arc::new(ListArray::try_new(item.clone(), OffsetBuffer::from_lengths(lengths), items, lists.nulls().cloned())?))
}
