//! Values of arguments, and columns of a kernel's rows, as Rust has them.

use datafusion::arrow::array::{ArrayRef, AsArray, RecordBatch};
use datafusion::arrow::datatypes::{DataType, Float64Type, Int64Type};
use datafusion::scalar::ScalarValue;

/// A whole number; `None` for null.
pub fn whole(values: &[ScalarValue], nth: usize) -> Option<i64> {
    match values.get(nth)?.cast_to(&DataType::Int64) {
        Ok(ScalarValue::Int64(value)) => value,
        _ => None,
    }
}

/// A whole number that counts something.
pub fn count(values: &[ScalarValue], nth: usize) -> Option<usize> {
    usize::try_from(whole(values, nth)?).ok()
}

/// A number; `None` for null.
pub fn number(values: &[ScalarValue], nth: usize) -> Option<f64> {
    match values.get(nth)?.cast_to(&DataType::Float64) {
        Ok(ScalarValue::Float64(value)) => value,
        _ => None,
    }
}

/// A text; empty for null.
pub fn text(values: &[ScalarValue], nth: usize) -> &str {
    match values.get(nth) {
        Some(ScalarValue::Utf8(Some(text))) => text,
        _ => "",
    }
}

/// A column of doubles.
pub fn doubles(rows: &RecordBatch, column: usize) -> Vec<Option<f64>> {
    let column = rows.columns().get(column).and_then(|column| column.as_primitive_opt::<Float64Type>());
    column.map(|column| column.iter().collect()).unwrap_or_default()
}

/// A column of whole numbers; 0 for null.
pub fn wholes(rows: &RecordBatch, column: usize) -> Vec<i64> {
    let column = rows.columns().get(column).and_then(|column| column.as_primitive_opt::<Int64Type>());
    column.map(|column| column.iter().map(Option::unwrap_or_default).collect()).unwrap_or_default()
}

/// A column of any type.
pub fn column(rows: &RecordBatch, column: usize) -> ArrayRef {
    let found = rows.columns().get(column).cloned();
    found.unwrap_or_else(|| datafusion::arrow::array::new_null_array(&DataType::Null, rows.num_rows()))
}

/// Counts that are known to fit.
#[expect(clippy::cast_possible_wrap, reason = "counts of rows in memory")]
pub fn bigint(count: usize) -> i64 {
    count as i64
}
