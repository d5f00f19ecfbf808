//! Lists as PostgreSQL arrays, in text and in binary.

use bytes::{BufMut, BytesMut};

use super::binary::put_field;
use super::column::{Column, List, Values};
use super::style::Style;
use super::types::{element_of, is_vector};
use crate::error::{Error, ErrorKind, Result};

/// Appends `{a,"b c",NULL}`; nested lists are further dimensions.
pub(super) fn put_text(list: &List<'_>, row: usize, style: &Style, out: &mut BytesMut) {
    out.put_u8(b'{');
    let range = list.range(row);
    let first = range.start;
    for at in range {
        if at > first {
            out.put_u8(b',');
        }
        put_element(&list.item, at, style, out);
    }
    out.put_u8(b'}');
}

fn put_element(item: &Column<'_>, at: usize, style: &Style, out: &mut BytesMut) {
    if item.is_null(at) {
        return out.put_slice(b"NULL");
    }
    if let Some(text) = item.str(at) {
        return put_quoted(text.as_bytes(), out);
    }
    match &item.values {
        Values::List(inner) if !item.is_json() => put_text(inner, at, style, out),
        Values::Struct(_)
        | Values::Map { .. }
        | Values::List(_)
        | Values::Timestamp { .. }
        | Values::Bytes(_)
        | Values::LargeBytes(_)
        | Values::BytesView(_)
        | Values::FixedBytes(_)
        | Values::Date(_)
        | Values::Months(_)
        | Values::DayMillis(_)
        | Values::MonthDayNanos(_)
        | Values::Duration { .. } => {
            let mut text = BytesMut::new();
            item.put_text(at, style, &mut text);
            put_quoted(&text, out);
        }
        // numbers, booleans and times have nothing to quote
        _ => item.put_text(at, style, out),
    }
}

/// Elements with spaces between them, as `int2vector` and `oidvector` are written.
pub(super) fn put_vector(list: &List<'_>, row: usize, style: &Style, out: &mut BytesMut) {
    for (index, at) in list.range(row).enumerate() {
        if index > 0 {
            out.put_u8(b' ');
        }
        list.item.put_text(at, style, out);
    }
}

fn put_quoted(text: &[u8], out: &mut BytesMut) {
    let special = |byte: &u8| matches!(byte, b'{' | b'}' | b',' | b'"' | b'\\' | b' ' | b'\t'..=b'\r');
    if !text.is_empty() && !text.eq_ignore_ascii_case(b"null") && !text.iter().any(special) {
        return out.put_slice(text);
    }
    out.put_u8(b'"');
    for &byte in text {
        if matches!(byte, b'"' | b'\\') {
            out.put_u8(b'\\');
        }
        out.put_u8(byte);
    }
    out.put_u8(b'"');
}

/// Appends what `array_send` does. Rows of a nested list must have one length: PostgreSQL knows no ragged arrays.
pub(super) fn put_binary(
    column: &Column<'_>,
    list: &List<'_>,
    row: usize,
    style: &Style,
    out: &mut BytesMut,
) -> Result<()> {
    let element = element_of(&column.pg_type)
        .ok_or_else(|| Error::internal(format!("{} is not an array type", column.pg_type.name())))?;
    let mut dimensions = Vec::new();
    measure(list, row, 0, &mut dimensions)?;
    if dimensions.contains(&0) {
        dimensions.clear();
    }
    out.put_i32(dimensions.len() as i32);
    let flags_at = out.len();
    out.put_i32(0);
    out.put_u32(element.oid());
    for &length in &dimensions {
        out.put_i32(i32::try_from(length).map_err(|_| ragged())?);
        // vectors count from 0
        out.put_i32(i32::from(!is_vector(&column.pg_type)));
    }
    let mut has_null = false;
    if !dimensions.is_empty() {
        put_elements(list, row, style, out, &mut has_null)?;
    }
    out[flags_at..flags_at + 4].copy_from_slice(&i32::from(has_null).to_be_bytes());
    Ok(())
}

fn measure(list: &List<'_>, row: usize, depth: usize, dimensions: &mut Vec<usize>) -> Result<()> {
    let range = list.range(row);
    match dimensions.get(depth) {
        None => dimensions.push(range.len()),
        Some(&length) if length != range.len() => return Err(ragged()),
        Some(_) => {}
    }
    if let (Values::List(inner), false) = (&list.item.values, list.item.is_json()) {
        for at in range {
            if list.item.is_null(at) {
                return Err(ragged());
            }
            measure(inner, at, depth + 1, dimensions)?;
        }
    }
    Ok(())
}

fn put_elements(list: &List<'_>, row: usize, style: &Style, out: &mut BytesMut, has_null: &mut bool) -> Result<()> {
    for at in list.range(row) {
        match &list.item.values {
            Values::List(inner) if !list.item.is_json() => put_elements(inner, at, style, out, has_null)?,
            _ => {
                *has_null |= list.item.is_null(at);
                put_field(&list.item, at, style, out)?;
            }
        }
    }
    Ok(())
}

fn ragged() -> Error {
    Error::new(
        ErrorKind::FeatureNotSupported,
        "multidimensional arrays must have sub-arrays with matching dimensions in binary format",
    )
    .with_hint("ask for the column in text format, or cast it to text")
}
