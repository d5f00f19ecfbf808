//! Values as text inside a query.

use std::sync::Arc;

use bytes::BytesMut;
use datafusion::arrow::array::{ArrayRef, StringBuilder};
use datafusion::arrow::compute::{CastOptions, cast_with_options};
use datafusion::arrow::datatypes::Field;

use super::column::{Column, canonical};
use super::style::Style;
use crate::error::{Error, Result};

/// The text that a client would be sent for each value.
///
/// # Errors
/// `0A000` for a type that no client can be sent.
pub fn texts(field: &Field, array: &ArrayRef, style: &Style) -> Result<ArrayRef> {
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
        column.put_text(row, style, &mut text);
        texts.append_value(String::from_utf8_lossy(&text));
    }
    Ok(Arc::new(texts.finish()))
}
