//! Text as values: unknown literals while planning, columns of text while executing. Both by PostgreSQL's input functions.

use std::borrow::Cow;
use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, ListArray, new_empty_array};
use datafusion::arrow::buffer::OffsetBuffer;
use datafusion::arrow::compute::{CastOptions, cast, cast_with_options};
use datafusion::arrow::datatypes::{DataType, Field, FieldRef, i256};
use datafusion::common::metadata::FieldMetadata;
use datafusion::common::tree_node::Transformed;
use datafusion::error::{DataFusionError, Result};
use datafusion::logical_expr::expr::{Cast, ScalarFunction};
use datafusion::logical_expr::{
    ColumnarValue, Expr, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};
use datafusion::scalar::ScalarValue;

use super::kinds::{Kind, is_integer, kind};
use super::place::{Place, at};
use crate::error::{Error, ErrorKind};
use crate::pgfunctions::time::value_of_clock;
use crate::pgfunctions::{JsonType, session_style};
use crate::pgtypes::{self, FREE, Style, Type, dimensions};

/// A whole number that does not fit a bigint is a `numeric`, and `1e3` has all its digits: what computes with decimals knows
/// none of a scale below zero.
pub(super) fn number(value: ScalarValue, metadata: Option<FieldMetadata>) -> Transformed<Expr> {
    match value {
        ScalarValue::Decimal128(Some(number), _, scale) if scale < 0 => match whole(i256::from_i128(number), scale) {
            Some(whole) => Transformed::yes(Expr::Literal(whole, metadata)),
            None => Transformed::no(Expr::Literal(value, metadata)),
        },
        ScalarValue::Decimal256(Some(number), _, scale) if scale < 0 => match whole(number, scale) {
            Some(whole) => Transformed::yes(Expr::Literal(whole, metadata)),
            None => Transformed::no(Expr::Literal(value, metadata)),
        },
        ScalarValue::UInt64(Some(number)) if i64::try_from(number).is_err() => {
            Transformed::yes(Expr::Literal(ScalarValue::Decimal128(Some(number.into()), 20, 0), metadata))
        }
        value => Transformed::no(Expr::Literal(value, metadata)),
    }
}

/// The number as a decimal without decimals.
fn whole(number: i256, scale: i8) -> Option<ScalarValue> {
    let power = i256::from_i128(10).checked_pow(u32::from(scale.unsigned_abs()))?;
    let whole = number.checked_mul(power)?;
    let digits = u8::try_from(whole.wrapping_abs().to_string().len()).ok()?;
    match whole.to_i128().filter(|_| digits <= 38) {
        Some(whole) => Some(ScalarValue::Decimal128(Some(whole), digits, 0)),
        None => (digits <= 76).then_some(ScalarValue::Decimal256(Some(whole), digits, 0)),
    }
}

/// An unknown literal as a value of the type.
///
/// # Errors
/// Those of the type's input function, at the literal.
pub(super) fn read(
    style: Option<&Style>,
    text: String,
    metadata: Option<FieldMetadata>,
    pg_type: &Type,
    data_type: &DataType,
) -> Result<Expr> {
    // of rows there is no other text
    if let (DataType::List(item), "{}") = (data_type, text.trim())
        && matches!(item.data_type(), DataType::Struct(_))
    {
        let none =
            ListArray::new(item.clone(), OffsetBuffer::from_lengths([0]), new_empty_array(item.data_type()), None);
        return Ok(Expr::Literal(ScalarValue::List(Arc::new(none)), None));
    }
    if !is_read(pg_type) {
        return Ok(Expr::Literal(ScalarValue::Utf8(Some(text)), metadata));
    }
    if is_of_the_clock(&text, pg_type)
        && let Some(now) = value_of_clock(Expr::Literal(ScalarValue::Utf8(Some(text.clone())), None), data_type)
    {
        return Ok(now);
    }
    let Some(style) = style else {
        let field = Arc::new(Field::new("", data_type.clone(), true));
        let reader = Reader::new(pg_type.clone(), &field, Volatility::Immutable);
        let text = Expr::Literal(ScalarValue::Utf8(Some(text)), metadata);
        return Ok(Expr::ScalarFunction(ScalarFunction::new_udf(Arc::new(ScalarUDF::from(reader)), vec![text])));
    };
    let value = pgtypes::read_text(pg_type, &text, style).map_err(|error| at(error, Place::Literal(text)))?;
    let value = as_wanted(with_documents(value, pg_type)?, data_type)?;
    // a bare number that an integer holds would be one
    let is_small = matches!(value, ScalarValue::Int64(Some(number)) if i32::try_from(number).is_ok());
    let value = Expr::Literal(value, None);
    Ok(if is_small { Expr::Cast(Cast::new(Box::new(value), data_type.clone())) } else { value })
}

/// The value with the documents of a `jsonb[]` as `jsonb` has them.
fn with_documents(value: ScalarValue, pg_type: &Type) -> Result<ScalarValue> {
    let ScalarValue::List(list) = &value else { return Ok(value) };
    if *pg_type != Type::JSONB_ARRAY || list.is_empty() || list.is_null(0) {
        return Ok(value);
    }
    if let DataType::List(_) = list.value_type() {
        let rows = list.value(0);
        let rows = (0..rows.len()).map(|row| with_documents(ScalarValue::try_from_array(&rows, row)?, pg_type));
        let rows = rows.collect::<Result<Vec<_>>>()?;
        return Ok(ScalarValue::List(ScalarValue::new_list_nullable(&rows, &list.value_type())));
    }
    let texts = cast(&list.value(0), &DataType::Utf8)?;
    let documents = texts.as_string::<i32>().iter().map(|text| {
        let read = text.map(|text| JsonType::Jsonb.read_text(text).map(Cow::into_owned)).transpose();
        read.map(ScalarValue::Utf8).map_err(|error| DataFusionError::External(Box::new(error)))
    });
    let documents = documents.collect::<Result<Vec<_>>>()?;
    Ok(ScalarValue::List(ScalarValue::new_list_nullable(&documents, &DataType::Utf8)))
}

/// The value in the very type that is wanted, but for a numeric, which keeps the digits it came with, and an array of several
/// dimensions, which keeps these.
fn as_wanted(value: ScalarValue, data_type: &DataType) -> Result<ScalarValue> {
    match value {
        ScalarValue::List(list) => {
            let (wanted, had) = (dimensions(data_type), dimensions(list.data_type()));
            if had < wanted && list.iter().flatten().any(|array| !array.is_empty()) {
                return Err(not_supported(had, wanted));
            }
            let wanted = (wanted..had).fold(data_type.clone(), |of, _| DataType::new_list(of, true));
            ScalarValue::List(list).cast_to(&wanted)
        }
        ScalarValue::Decimal128(Some(number), _, scale) => {
            Ok(ScalarValue::Decimal128(Some(number), digits(number).max(scale.unsigned_abs()).max(1), scale))
        }
        value if data_type.is_decimal() || value.data_type() == *data_type => Ok(value),
        value => value.cast_to(data_type),
    }
}

/// An array that has more dimensions than it can have there, or fewer.
pub(super) fn not_supported(had: usize, wanted: usize) -> DataFusionError {
    let message = format!("an array of {had} dimensions is not supported where arrays have {wanted}");
    let hint = "The lists of a Delta table are all equally deep.";
    DataFusionError::External(Box::new(Error::new(ErrorKind::FeatureNotSupported, message).with_hint(hint)))
}

fn digits(number: i128) -> u8 {
    number.unsigned_abs().checked_ilog10().map_or(1, |log| u8::try_from(log + 1).unwrap_or(38))
}

/// `now` and its kin mean the time of execution.
fn is_of_the_clock(text: &str, pg_type: &Type) -> bool {
    matches!(kind(pg_type), Kind::Date | Kind::Timestamp | Kind::Time)
        && ["now", "today", "tomorrow", "yesterday"]
            .iter()
            .any(|word| text.trim().get(..word.len()).is_some_and(|start| start.eq_ignore_ascii_case(word)))
}

/// Whether casts to the type are another module's, but for plain literals.
pub(super) fn is_temporal(pg_type: &Type) -> bool {
    matches!(kind(pg_type), Kind::Date | Kind::Timestamp | Kind::Time | Kind::Interval)
}

/// Whether values of the type are something else than text.
pub(super) fn is_read(pg_type: &Type) -> bool {
    match kind(pg_type) {
        Kind::Text | Kind::Other => false,
        // held as text, by whom it concerns
        Kind::Json => false,
        Kind::Array => {
            let held_as_text =
                |element: &Type| matches!(kind(element), Kind::Text | Kind::Json) || *element == Type::ACLITEM;
            pgtypes::element_of(pg_type).is_some_and(|element| is_read(&element) || held_as_text(&element))
        }
        _ => true,
    }
}

pub(super) fn type_of(expr: &Expr) -> Option<DataType> {
    match expr {
        Expr::Literal(value, _) => Some(value.data_type()),
        _ => None,
    }
}

/// Whether the field is that of `numeric` without a precision.
pub(super) fn is_unbounded(field: &Field) -> bool {
    *field.data_type() == FREE
}

/// A cast of text that is not known yet.
pub(super) fn reader(text: Expr, pg_type: Type, field: &FieldRef) -> Expr {
    let reader = Reader::new(pg_type, field, Volatility::Immutable);
    Expr::ScalarFunction(ScalarFunction::new_udf(Arc::new(ScalarUDF::from(reader)), vec![text]))
}

/// Reads text as one type.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Reader {
    pg_type: u32,
    field: FieldRef,
    signature: Signature,
}

impl Reader {
    fn new(pg_type: Type, field: &FieldRef, volatility: Volatility) -> Self {
        let field = Arc::new(field.as_ref().clone().with_name("read_text").with_nullable(true));
        Self { pg_type: pg_type.oid(), field, signature: Signature::any(1, volatility) }
    }

    fn read(&self, text: &ArrayRef, style: &Style) -> Result<ArrayRef> {
        let data_type = self.field.data_type();
        let pg_type = Type::from_oid(self.pg_type).unwrap_or(Type::TEXT);
        // what Arrow reads as PostgreSQL does, at once; the rest, and all that fails, one by one
        let quick = if is_integer(&pg_type) {
            Some(cast_with_options(text, data_type, &CastOptions::default())?)
        } else {
            None
        };
        if let Some(quick) = &quick
            && quick.null_count() == text.null_count()
        {
            return Ok(quick.clone());
        }
        let text = cast(text, &DataType::Utf8View)?;
        let text = text.as_string_view();
        if text.is_empty() {
            return Ok(new_empty_array(data_type));
        }
        let values = text.iter().map(|text| match text {
            None => ScalarValue::try_from(data_type),
            Some(text) => {
                let value = pgtypes::read_text(&pg_type, text, style)
                    .map_err(|error| DataFusionError::External(Box::new(error)))?;
                let value = as_wanted(with_documents(value, &pg_type)?, data_type)?;
                match (dimensions(&value.data_type()), dimensions(data_type)) {
                    (had, wanted) if had > wanted => Err(not_supported(had, wanted)),
                    _ => value.cast_to(data_type),
                }
            }
        });
        ScalarValue::iter_to_array(values.collect::<Result<Vec<_>>>()?)
    }
}

impl ScalarUDFImpl for Reader {
    fn name(&self) -> &str {
        "read_text"
    }
    fn signature(&self) -> &Signature {
        &self.signature
    }
    fn return_type(&self, _arg_types: &[DataType]) -> Result<DataType> {
        Ok(self.field.data_type().clone())
    }
    fn return_field_from_args(&self, _args: ReturnFieldArgs) -> Result<FieldRef> {
        Ok(self.field.clone())
    }
    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let style = session_style(&args.config_options);
        match args.args.as_slice() {
            [ColumnarValue::Array(text)] => Ok(ColumnarValue::Array(self.read(text, &style)?)),
            [ColumnarValue::Scalar(text)] => {
                let read = self.read(&text.to_array()?, &style)?;
                Ok(ColumnarValue::Scalar(ScalarValue::try_from_array(&read, 0)?))
            }
            _ => Err(DataFusionError::Internal("a cast has one value".to_owned())),
        }
    }
}
