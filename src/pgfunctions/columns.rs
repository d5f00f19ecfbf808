//! Arguments and results of row functions: Arrow arrays as plain values, plain values as Arrow arrays.

use std::collections::HashMap;
use std::sync::Arc;

use datafusion::arrow::array::{
    Array, ArrayRef, AsArray, BinaryArray, BinaryViewBuilder, BooleanArray, Decimal128Array, Float64Array, Int32Array,
    Int64Array, ListArray, StringArray, StringViewArray, StructArray, new_null_array,
};
use datafusion::arrow::buffer::{NullBuffer, OffsetBuffer};
use datafusion::arrow::compute::{CastOptions, cast_with_options};
use datafusion::arrow::datatypes::{DataType, Decimal128Type, Field, Fields, Float64Type, Int64Type};
use datafusion::error::Result as DataFusionResult;
use datafusion::scalar::ScalarValue;

use super::json::JsonType;
use crate::error::{Error, ErrorKind, Result};
use crate::pgtypes::{self, PG_TYPE_KEY, Style, Type};

/// What an argument is read as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Text,
    Int,
    Numeric,
    Float,
    Bool,
    Bytes,
    Texts,
    /// Text of a json or jsonb.
    Json,
    /// Anything, as its text.
    Any,
    /// Anything, as JSON.
    ToJson,
    /// The same; what is a row or an array begins a line of its own.
    ToJsonLine,
}

impl Kind {
    /// Of its word in a table of functions.
    pub fn parse(word: &str) -> Self {
        match word {
            "text" => Self::Text,
            "int" => Self::Int,
            "numeric" => Self::Numeric,
            "float" => Self::Float,
            "bool" => Self::Bool,
            "bytea" => Self::Bytes,
            "text[]" => Self::Texts,
            "json" => Self::Json,
            "tojson" => Self::ToJson,
            "tojson-line" => Self::ToJsonLine,
            _ => Self::Any,
        }
    }

    /// `None` where such an argument is not taken, else whether it has the very type.
    pub fn accepts(self, field: &Field) -> Option<bool> {
        use DataType as T;
        let given = match field.data_type() {
            T::Dictionary(_, value) => value.as_ref(),
            other => other,
        };
        // a string constant, or nothing at all, becomes what is wanted
        if matches!(given, T::Null | T::Utf8) {
            let marked = !field.metadata().is_empty();
            return Some(match self {
                Self::Json => marked,
                Self::Text | Self::Any | Self::ToJson | Self::ToJsonLine => !marked || self == Self::Text,
                _ => false,
            });
        }
        if self == Self::Json && JsonType::of_field(field) == Some(JsonType::Jsonb) {
            return Some(true);
        }
        let text = matches!(given, T::Utf8View | T::LargeUtf8);
        let exact = match self {
            Self::Text => text,
            Self::Json => text,
            Self::Int => given.is_integer(),
            Self::Numeric => given.is_decimal() || given.is_integer(),
            Self::Float => given.is_floating() || given.is_decimal() || given.is_integer(),
            Self::Bool => *given == T::Boolean,
            Self::Bytes => matches!(given, T::Binary | T::LargeBinary | T::BinaryView),
            Self::Texts => matches!(given, T::List(_) | T::LargeList(_) | T::FixedSizeList(..)),
            Self::Any | Self::ToJson | Self::ToJsonLine => return Some(true),
        };
        let very = match self {
            Self::Float => given.is_floating(),
            Self::Numeric => given.is_decimal(),
            _ => exact,
        };
        exact.then_some(very)
    }
}

/// An argument's value in one row.
#[derive(Debug, Clone, Copy)]
pub enum Value<'a> {
    Null,
    Text(&'a str),
    Int(i64),
    /// Unscaled digits, and how many of them are decimals.
    Numeric(i128, i8),
    Float(f64),
    Bool(bool),
    Bytes(&'a [u8]),
    Texts(Texts<'a>),
}

impl<'a> Value<'a> {
    pub fn text(&self) -> &'a str {
        match self {
            Self::Text(text) => text,
            _ => "",
        }
    }
    pub fn int(&self) -> i64 {
        match self {
            Self::Int(number) => *number,
            _ => 0,
        }
    }
    pub fn float(&self) -> f64 {
        match self {
            Self::Float(number) => *number,
            _ => 0.0,
        }
    }
    pub fn bool(&self) -> bool {
        matches!(self, Self::Bool(true))
    }
    pub fn bytes(&self) -> &'a [u8] {
        match self {
            Self::Bytes(bytes) => bytes,
            _ => &[],
        }
    }
    pub fn numeric(&self) -> (i128, i8) {
        match self {
            Self::Numeric(digits, scale) => (*digits, *scale),
            _ => (0, 0),
        }
    }
    pub fn texts(&self) -> Vec<Option<&'a str>> {
        match self {
            Self::Texts(texts) => texts.iter().collect(),
            _ => Vec::new(),
        }
    }
    pub fn is_null(&self) -> bool {
        matches!(self, Self::Null)
    }
}

/// The elements of an array of texts.
#[derive(Debug, Clone, Copy)]
pub struct Texts<'a> {
    items: &'a StringArray,
    from: usize,
    to: usize,
}

impl<'a> Texts<'a> {
    pub fn iter(self) -> impl Iterator<Item = Option<&'a str>> {
        (self.from..self.to).map(move |at| (!self.items.is_null(at)).then(|| self.items.value(at)))
    }
}

/// An argument's values.
pub(super) enum Column {
    Null,
    Text(StringArray),
    Int(Int64Array),
    Numeric(Decimal128Array, i8),
    Float(Float64Array),
    Bool(BooleanArray),
    Bytes(BinaryArray),
    Texts(ListArray, StringArray),
}

impl Column {
    pub fn bind(kind: Kind, field: &Field, array: &ArrayRef, style: &Style) -> Result<Self> {
        if array.data_type() == &DataType::Null {
            return Ok(Self::Null);
        }
        let unknown = array.data_type() == &DataType::Utf8;
        Ok(match kind {
            Kind::Json if array.data_type().is_nested() => {
                Self::Text(pgtypes::texts(field, array, style)?.as_string().clone())
            }
            Kind::Text | Kind::Json => Self::Text(cast(array, &DataType::Utf8)?.as_string().clone()),
            Kind::Any => Self::Text(pgtypes::texts(field, array, style)?.as_string().clone()),
            Kind::ToJson => Self::Text(pgtypes::json_texts(field, array, style)?.as_string().clone()),
            Kind::ToJsonLine if array.data_type().is_nested() => {
                let texts = pgtypes::json_texts(field, array, style)?;
                let lines = texts.as_string::<i32>().iter().map(|text| text.map(|text| format!("\n {text}")));
                Self::Text(lines.collect())
            }
            Kind::ToJsonLine => Self::Text(pgtypes::json_texts(field, array, style)?.as_string().clone()),
            Kind::Int => {
                let array = if unknown { &parsed(array, &Type::INT8, style)? } else { array };
                Self::Int(cast(array, &DataType::Int64)?.as_primitive::<Int64Type>().clone())
            }
            Kind::Float => {
                let array = if unknown { &parsed(array, &Type::FLOAT8, style)? } else { array };
                Self::Float(match array.data_type() {
                    DataType::Decimal128(_, scale) => pgtypes::nearest_doubles(array.as_primitive(), *scale),
                    _ => cast(array, &DataType::Float64)?.as_primitive::<Float64Type>().clone(),
                })
            }
            Kind::Numeric => {
                let array = if unknown { &parsed(array, &Type::NUMERIC, style)? } else { array };
                let scale = match array.data_type() {
                    DataType::Decimal128(_, scale)
                    | DataType::Decimal64(_, scale)
                    | DataType::Decimal32(_, scale)
                    | DataType::Decimal256(_, scale) => *scale,
                    _ => 0,
                };
                let array = cast(array, &DataType::Decimal128(38, scale))?;
                Self::Numeric(array.as_primitive::<Decimal128Type>().clone(), scale)
            }
            Kind::Bool => {
                let array = if unknown { &parsed(array, &Type::BOOL, style)? } else { array };
                Self::Bool(array.as_boolean_opt().cloned().ok_or_else(|| Error::internal("not a boolean"))?)
            }
            Kind::Bytes => {
                let array = if unknown { &parsed(array, &Type::BYTEA, style)? } else { array };
                Self::Bytes(cast(array, &DataType::Binary)?.as_binary::<i32>().clone())
            }
            Kind::Texts => {
                let array = if unknown { &parsed(array, &Type::TEXT_ARRAY, style)? } else { array };
                bind_list(array, style)?
            }
        })
    }

    pub fn value(&self, row: usize) -> Value<'_> {
        let null = match self {
            Self::Null => true,
            Self::Text(array) => array.is_null(row),
            Self::Int(array) => array.is_null(row),
            Self::Numeric(array, _) => array.is_null(row),
            Self::Float(array) => array.is_null(row),
            Self::Bool(array) => array.is_null(row),
            Self::Bytes(array) => array.is_null(row),
            Self::Texts(array, _) => array.is_null(row),
        };
        if null {
            return Value::Null;
        }
        match self {
            Self::Null => Value::Null,
            Self::Text(array) => Value::Text(array.value(row)),
            Self::Int(array) => Value::Int(array.value(row)),
            Self::Numeric(array, scale) => Value::Numeric(array.value(row), *scale),
            Self::Float(array) => Value::Float(array.value(row)),
            Self::Bool(array) => Value::Bool(array.value(row)),
            Self::Bytes(array) => Value::Bytes(array.value(row)),
            Self::Texts(array, items) => {
                let offsets = array.value_offsets();
                let at = |row: usize| offsets.get(row).and_then(|at| usize::try_from(*at).ok()).unwrap_or(0);
                Value::Texts(Texts { items, from: at(row), to: at(row + 1) })
            }
        }
    }
}

/// Elements of any type as their texts.
fn bind_list(array: &ArrayRef, style: &Style) -> Result<Column> {
    let item = match array.data_type() {
        DataType::List(item) | DataType::LargeList(item) | DataType::FixedSizeList(item, _) => item.clone(),
        _ => return Err(Error::internal("not an array")),
    };
    let list = cast(array, &DataType::List(item.clone()))?;
    let list = list.as_list::<i32>();
    let items = match list.values().data_type() {
        DataType::Null => new_null_array(&DataType::Utf8, list.values().len()),
        _ => pgtypes::texts(&item, list.values(), style)?,
    };
    Ok(Column::Texts(list.clone(), items.as_string().clone()))
}

fn cast(array: &ArrayRef, target: &DataType) -> Result<ArrayRef> {
    let options = CastOptions { safe: false, ..CastOptions::default() };
    cast_with_options(array, target, &options)
        .map_err(|error| Error::new(ErrorKind::NumericOutOfRange, "an argument is out of range").with_source(error))
}

/// Constants read as PostgreSQL reads them.
fn parsed(array: &ArrayRef, pg_type: &Type, style: &Style) -> Result<ArrayRef> {
    let internal = |error| Error::internal("a constant cannot be read").with_source(error);
    let mut values = Vec::with_capacity(array.len());
    for text in array.as_string::<i32>() {
        values.push(match text {
            Some(text) => pgtypes::read_text(pg_type, text, style)?,
            None => ScalarValue::try_from(&pgtypes::arrow_type(pg_type).unwrap_or(DataType::Null)).map_err(internal)?,
        });
    }
    match values.is_empty() {
        true => Ok(new_null_array(&pgtypes::arrow_type(pg_type).unwrap_or(DataType::Null), 0)),
        false => ScalarValue::iter_to_array(values).map_err(internal),
    }
}

/// What a function returns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Returns {
    Text,
    Int,
    BigInt,
    /// With so many decimals.
    Numeric(i8),
    Float,
    Bool,
    Bytes,
    Json,
    Jsonb,
    Array(&'static Returns),
    /// Rows of one column.
    Set(&'static Returns),
    /// Rows of several.
    Table(&'static [(&'static str, Returns)]),
}

impl Returns {
    /// As a column of that name.
    pub fn field(self, name: &str) -> Field {
        let marked = |pg_type: &str| {
            Field::new(name, DataType::Utf8View, true)
                .with_metadata([(PG_TYPE_KEY.to_owned(), pg_type.to_owned())].into())
        };
        let data_type = match self {
            Self::Text => DataType::Utf8View,
            Self::Int => DataType::Int32,
            Self::BigInt => DataType::Int64,
            Self::Numeric(scale) => DataType::Decimal128(38, scale),
            Self::Float => DataType::Float64,
            Self::Bool => DataType::Boolean,
            Self::Bytes => DataType::BinaryView,
            Self::Json => return marked("json"),
            Self::Jsonb => return marked("jsonb"),
            Self::Array(item) | Self::Set(item) => DataType::List(Arc::new(item.field(Field::LIST_FIELD_DEFAULT_NAME))),
            Self::Table(columns) => {
                let fields: Fields = columns.iter().map(|(name, returns)| returns.field(name)).collect();
                let rows = DataType::new_list(DataType::Struct(fields), true);
                // not with the type, which constants lose
                let named = HashMap::from([(PG_TYPE_KEY.to_owned(), Type::RECORD_ARRAY.name().to_owned())]);
                return Field::new(name, rows, true).with_metadata(named);
            }
        };
        Field::new(name, data_type, true)
    }
}

/// A result.
#[derive(Debug, Clone)]
pub enum Output {
    Null,
    Text(String),
    Int(i64),
    Numeric(i128),
    Float(f64),
    Bool(bool),
    Bytes(Vec<u8>),
    List(Vec<Output>),
    Record(Vec<Output>),
}

impl From<Option<String>> for Output {
    fn from(text: Option<String>) -> Self {
        text.map_or(Self::Null, Self::Text)
    }
}

impl From<&str> for Output {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

/// Results as an array of the type that was promised.
pub(super) fn build(returns: Returns, outputs: Vec<Output>) -> DataFusionResult<ArrayRef> {
    let text = |output: &Output| match output {
        Output::Text(text) => Some(text.clone()),
        _ => None,
    };
    let int = |output: &Output| match output {
        Output::Int(number) => Some(*number),
        _ => None,
    };
    Ok(match returns {
        Returns::Text | Returns::Json | Returns::Jsonb => {
            Arc::new(outputs.iter().map(text).collect::<StringViewArray>())
        }
        Returns::Int => {
            let narrow = |output| int(output).and_then(|number| i32::try_from(number).ok());
            Arc::new(outputs.iter().map(narrow).collect::<Int32Array>())
        }
        Returns::BigInt => Arc::new(outputs.iter().map(int).collect::<Int64Array>()),
        Returns::Numeric(scale) => {
            let digits = outputs.iter().map(|output| match output {
                Output::Numeric(digits) => Some(*digits),
                _ => None,
            });
            Arc::new(digits.collect::<Decimal128Array>().with_precision_and_scale(38, scale)?)
        }
        Returns::Float => {
            let number = |output: &Output| match output {
                Output::Float(number) => Some(*number),
                _ => None,
            };
            Arc::new(outputs.iter().map(number).collect::<Float64Array>())
        }
        Returns::Bool => {
            let truth = |output: &Output| match output {
                Output::Bool(truth) => Some(*truth),
                _ => None,
            };
            Arc::new(outputs.iter().map(truth).collect::<BooleanArray>())
        }
        Returns::Bytes => {
            let mut bytes = BinaryViewBuilder::new();
            for output in &outputs {
                match output {
                    Output::Bytes(value) => bytes.append_value(value),
                    _ => bytes.append_null(),
                }
            }
            Arc::new(bytes.finish())
        }
        Returns::Array(item) | Returns::Set(item) => {
            build_list(Arc::new(item.field(Field::LIST_FIELD_DEFAULT_NAME)), outputs, |items| build(*item, items))?
        }
        Returns::Table(columns) => {
            let fields: Fields = columns.iter().map(|(name, returns)| returns.field(name)).collect();
            let item = Field::new_list_field(DataType::Struct(fields.clone()), true);
            build_list(Arc::new(item), outputs, |records| build_records(columns, &fields, records))?
        }
    })
}

fn build_list(
    item: Arc<Field>,
    outputs: Vec<Output>,
    items: impl Fn(Vec<Output>) -> DataFusionResult<ArrayRef>,
) -> DataFusionResult<ArrayRef> {
    let (mut lengths, mut valid, mut all) = (Vec::new(), Vec::new(), Vec::new());
    for output in outputs {
        valid.push(matches!(output, Output::List(_)));
        match output {
            Output::List(list) => {
                lengths.push(list.len());
                all.extend(list);
            }
            _ => lengths.push(0),
        }
    }
    let offsets = OffsetBuffer::<i32>::from_lengths(lengths);
    Ok(Arc::new(ListArray::try_new(item, offsets, items(all)?, Some(NullBuffer::from(valid)))?))
}

fn build_records(
    columns: &'static [(&'static str, Returns)],
    fields: &Fields,
    records: Vec<Output>,
) -> DataFusionResult<ArrayRef> {
    let rows = records.len();
    let mut by_column: Vec<Vec<Output>> = columns.iter().map(|_| Vec::with_capacity(rows)).collect();
    for record in records {
        let mut values = match record {
            Output::Record(values) => values.into_iter(),
            _ => Vec::new().into_iter(),
        };
        by_column.iter_mut().for_each(|column| column.push(values.next().unwrap_or(Output::Null)));
    }
    let arrays = by_column.into_iter().zip(columns).map(|(column, (_, returns))| build(*returns, column));
    let arrays = arrays.collect::<DataFusionResult<Vec<_>>>()?;
    Ok(Arc::new(StructArray::try_new_with_length(fields.clone(), arrays, None, rows)?))
}
