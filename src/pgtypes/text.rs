//! Values as text inside a query.

use std::sync::Arc;

use bytes::BytesMut;
use datafusion::arrow::array::{ArrayRef, StringBuilder};
use datafusion::arrow::compute::{CastOptions, cast_with_options};
use datafusion::arrow::datatypes::Field;

use super::column::{Column, canonical};
use super::json::{self, Form};
use super::style::Style;
use crate::error::{Error, Result};

/// The text that a client would be sent for each value.
///
/// # Errors
/// `0A000` for a type that no client can be sent.
pub fn texts(field: &Field, array: &ArrayRef, style: &Style) -> Result<ArrayRef> {
    written(field, array, |column, row, out| column.put_text(row, style, out))
}

/// The JSON of each value, as `to_json` writes it; NULL stays NULL.
///
/// # Errors
/// `0A000` for a type that no client can be sent.
pub fn json_texts(field: &Field, array: &ArrayRef, style: &Style) -> Result<ArrayRef> {
    written(field, array, |column, row, out| json::put_value(Form::Json, column, row, style, out))
}

/// Appends a JSON string.
pub fn put_json_string(out: &mut String, text: &str) {
    let mut bytes = BytesMut::with_capacity(text.len() + 2);
    json::put_string(&mut bytes, text);
    out.push_str(&String::from_utf8_lossy(&bytes));
}

fn written(field: &Field, array: &ArrayRef, put: impl Fn(&Column<'_>, usize, &mut BytesMut)) -> Result<ArrayRef> {
    let cast = canonical(array.data_type());
    let options = CastOptions { safe: false, ..CastOptions::default() };
    let array = match &cast {
        None => Arc::clone(array),
        Some(target) => cast_with_options(array, target, &options)
            .map_err(|error| Error::internal("a value cannot be written as text").with_source(error))?,
    };
    let field = field.clone().with_data_type(array.data_type().clone());
    let column = Column::bind(&field, &array)?;
    let mut texts = StringBuilder::with_capacity(array.len(), array.len() * 16);
    let mut text = BytesMut::new();
    for row in 0..array.len() {
        if column.is_null(row) {
            texts.append_null();
            continue;
        }
        text.clear();
        put(&column, row, &mut text);
        texts.append_value(String::from_utf8_lossy(&text));
    }
    Ok(Arc::new(texts.finish()))
}
