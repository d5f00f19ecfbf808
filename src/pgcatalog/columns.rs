//! Rows of Rust values as a record batch in a given layout; columns nobody gives are empty.

use std::collections::HashMap;
use std::sync::Arc;

use datafusion::arrow::array::{
    Array, ArrayRef, BooleanArray, Float32Array, Float64Array, Int16Array, Int32Array, Int32Builder, Int64Array,
    ListBuilder, RecordBatch, StringArray, StringBuilder, TimestampMicrosecondArray, new_null_array,
};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{DataType, SchemaRef};
use datafusion::error::Result;

/// Builds one relation's rows, column by column.
pub struct Columns<'a, T> {
    rows: &'a [T],
    given: HashMap<&'static str, ArrayRef>,
    counted: bool,
}

impl<'a, T> Columns<'a, T> {
    pub fn of(rows: &'a [T]) -> Self {
        Self { rows, given: HashMap::new(), counted: false }
    }

    fn with(mut self, name: &'static str, array: ArrayRef) -> Self {
        self.given.insert(name, array);
        self
    }

    /// OIDs travel as PostgreSQL's `int4` do: those beyond 2³¹ are never given out.
    pub fn oid(self, name: &'static str, value: impl Fn(&T) -> u32) -> Self {
        self.int(name, |row| i32::try_from(value(row)).unwrap_or(i32::MAX))
    }
    pub fn int(self, name: &'static str, value: impl Fn(&T) -> i32) -> Self {
        let array = Int32Array::from_iter_values(self.rows.iter().map(value));
        self.with(name, Arc::new(array))
    }
    pub fn opt_int(self, name: &'static str, value: impl Fn(&T) -> Option<i32>) -> Self {
        let array = Int32Array::from_iter(self.rows.iter().map(value));
        self.with(name, Arc::new(array))
    }
    pub fn small(self, name: &'static str, value: impl Fn(&T) -> i16) -> Self {
        let array = Int16Array::from_iter_values(self.rows.iter().map(value));
        self.with(name, Arc::new(array))
    }
    pub fn big(self, name: &'static str, value: impl Fn(&T) -> Option<i64>) -> Self {
        let array = Int64Array::from_iter(self.rows.iter().map(value));
        self.with(name, Arc::new(array))
    }
    pub fn real(self, name: &'static str, value: impl Fn(&T) -> f32) -> Self {
        let array = Float32Array::from_iter_values(self.rows.iter().map(value));
        self.with(name, Arc::new(array))
    }
    pub fn double(self, name: &'static str, value: impl Fn(&T) -> f64) -> Self {
        let array = Float64Array::from_iter_values(self.rows.iter().map(value));
        self.with(name, Arc::new(array))
    }
    /// Microseconds since 1970.
    pub fn instant(self, name: &'static str, value: impl Fn(&T) -> Option<i64>) -> Self {
        let array = TimestampMicrosecondArray::from_iter(self.rows.iter().map(value)).with_timezone("UTC");
        self.with(name, Arc::new(array))
    }
    /// Numbers as an array or a vector.
    pub fn numbers(self, name: &'static str, value: impl Fn(&T) -> Option<Vec<i32>>) -> Self {
        let mut builder = ListBuilder::new(Int32Builder::new());
        for row in self.rows {
            match value(row) {
                Some(items) => {
                    builder.values().append_slice(&items);
                    builder.append(true);
                }
                None => builder.append(false),
            }
        }
        self.with(name, Arc::new(builder.finish()))
    }
    pub fn flag(self, name: &'static str, value: impl Fn(&T) -> bool) -> Self {
        let array = BooleanArray::from_iter(self.rows.iter().map(|row| Some(value(row))));
        self.with(name, Arc::new(array))
    }
    pub fn text<S: AsRef<str>>(self, name: &'static str, value: impl Fn(&'a T) -> S) -> Self {
        let array = StringArray::from_iter_values(self.rows.iter().map(value));
        self.with(name, Arc::new(array))
    }
    pub fn opt_text<S: AsRef<str>>(self, name: &'static str, value: impl Fn(&'a T) -> Option<S>) -> Self {
        let array = StringArray::from_iter(self.rows.iter().map(value));
        self.with(name, Arc::new(array))
    }
    pub fn texts(self, name: &'static str, value: impl Fn(&T) -> Option<Vec<String>>) -> Self {
        let mut builder = ListBuilder::new(StringBuilder::new());
        for row in self.rows {
            match value(row) {
                Some(items) => {
                    items.iter().for_each(|item| builder.values().append_value(item));
                    builder.append(true);
                }
                None => builder.append(false),
            }
        }
        self.with(name, Arc::new(builder.finish()))
    }

    /// Counts that nobody gives are 0.
    pub fn counted(self) -> Self {
        Self { counted: true, ..self }
    }

    /// The batch in the layout's columns.
    pub fn build(self, schema: &SchemaRef) -> Result<RecordBatch> {
        let count = self.rows.len();
        let columns = schema.fields().iter().map(|field| match self.given.get(field.name().as_str()) {
            Some(array) if array.data_type() == field.data_type() => Ok(array.clone()),
            Some(array) => Ok(cast(array, field.data_type())?),
            None if field.is_nullable() && !(self.counted && is_count(field.data_type())) => {
                Ok(new_null_array(field.data_type(), count))
            }
            None => nothing(field.data_type(), count),
        });
        Ok(RecordBatch::try_new(schema.clone(), columns.collect::<Result<Vec<_>>>()?)?)
    }
}

fn is_count(data_type: &DataType) -> bool {
    matches!(data_type, DataType::Int64 | DataType::Float64 | DataType::Decimal128(..))
}

/// Zeros, `false`, empty texts, empty lists.
fn nothing(data_type: &DataType, count: usize) -> Result<ArrayRef> {
    Ok(match data_type {
        DataType::Boolean => Arc::new(BooleanArray::from(vec![false; count])),
        DataType::Utf8 => Arc::new(StringArray::from(vec![""; count])),
        DataType::List(_) => {
            let mut builder = ListBuilder::new(StringBuilder::new());
            (0..count).for_each(|_| builder.append(true));
            cast(&builder.finish(), data_type)?
        }
        _ => cast(&Int32Array::from(vec![0; count]), data_type)?,
    })
}
