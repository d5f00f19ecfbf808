//! What the declared type of a column, or of the elements of one of arrays, makes of its values: lengths, JSON and UUIDs,
//! which Delta stores as strings; digits of the second.
//!
//! Invariant: what a `jsonb` or `uuid` column holds is written in one way only, so that equal values are equal strings.

use std::borrow::Cow;
use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, ListArray, StringViewArray};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::DataType;
use datafusion::scalar::ScalarValue;

use crate::error::{Error, ErrorKind, Result};
use crate::pgfunctions::JsonType;
use crate::pgfunctions::time::with_modifier;
use crate::pgtypes::{Style, Type, read_text};
use crate::table::rules::{Form, Length};

/// The column with its values as the declared type has them.
///
/// # Errors
/// `22001` for one that is too long, `22P02` for one that is none of the type's.
pub(super) fn formed(column: &ArrayRef, form: Form) -> Result<ArrayRef> {
    let failed = |error| Error::internal("a text column is not text").with_source(error);
    if let DataType::List(item) = column.data_type() {
        let (_, offsets, elements, nulls) = column.as_list::<i32>().clone().into_parts();
        let elements = formed(&elements, form)?;
        let list = ListArray::try_new(Arc::clone(item), offsets, elements, nulls).map_err(failed)?;
        return Ok(Arc::new(list));
    }
    if let Form::Time(modifier) = form {
        return with_modifier(column.clone(), modifier);
    }
    let given = cast(column, &DataType::Utf8View).map_err(failed)?;
    let given: &StringViewArray = given.as_string_view();
    let mut changed = false;
    let mut texts = Vec::with_capacity(given.len());
    for text in given {
        let text = text.map(|text| form_of(text, form)).transpose()?;
        changed |= matches!(text, Some(Cow::Owned(_)));
        texts.push(text);
    }
    if !changed {
        return Ok(column.clone());
    }
    cast(&StringViewArray::from_iter(texts), column.data_type()).map_err(failed)
}

/// Owned where it is another than was given.
fn form_of(text: &str, form: Form) -> Result<Cow<'_, str>> {
    match form {
        Form::Length(length) => within(text, length),
        Form::Json => JsonType::Json.read_text(text),
        Form::Jsonb => JsonType::Jsonb.read_text(text),
        Form::Time(_) => Ok(Cow::Borrowed(text)),
        Form::Uuid => match read_text(&Type::UUID, text, &Style::default())? {
            ScalarValue::Utf8(Some(uuid)) if uuid != text => Ok(Cow::Owned(uuid)),
            _ => Ok(Cow::Borrowed(text)),
        },
    }
}

/// The text, if it is no longer than the column takes; blanks at the end do not count.
fn within(text: &str, length: Length) -> Result<Cow<'_, str>> {
    let fits = match length.padded {
        true => text.chars().count() == length.max,
        false => text.len() <= length.max || text.chars().count() <= length.max,
    };
    if fits {
        return Ok(Cow::Borrowed(text));
    }
    let end = text.char_indices().nth(length.max).map_or(text.len(), |(at, _)| at);
    let (kept, rest) = text.split_at(end);
    if !rest.chars().all(|letter| letter == ' ') {
        let name = if length.padded { "character" } else { "character varying" };
        let message = format!("value too long for type {name}({})", length.max);
        return Err(Error::new(ErrorKind::StringTooLong, message));
    }
    let blanks = if length.padded { length.max - kept.chars().count() } else { 0 };
    Ok(Cow::Owned(format!("{kept}{}", " ".repeat(blanks))))
}
