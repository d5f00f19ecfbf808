//! Rows as PostgreSQL's records, in text and in binary.

use bytes::{BufMut, BytesMut};

use super::binary::put_field;
use super::column::Column;
use super::style::Style;
use crate::error::Result;

/// Appends `(1,"two words",,"")`: NULL is nothing.
pub(super) fn put_text<'a>(
    members: impl Iterator<Item = &'a Column<'a>>,
    row: usize,
    style: &Style,
    out: &mut BytesMut,
) {
    out.put_u8(b'(');
    for (nth, member) in members.enumerate() {
        if nth > 0 {
            out.put_u8(b',');
        }
        if !member.is_null(row) {
            let mut text = BytesMut::new();
            member.put_text(row, style, &mut text);
            put_quoted(&text, out);
        }
    }
    out.put_u8(b')');
}

fn put_quoted(text: &[u8], out: &mut BytesMut) {
    let special = |byte: &u8| matches!(byte, b'(' | b')' | b',' | b'"' | b'\\' | b' ' | b'\t'..=b'\r');
    if !text.is_empty() && !text.iter().any(special) {
        return out.put_slice(text);
    }
    out.put_u8(b'"');
    for &byte in text {
        if matches!(byte, b'"' | b'\\') {
            out.put_u8(byte);
        }
        out.put_u8(byte);
    }
    out.put_u8(b'"');
}

/// Appends what `record_send` does: how many, then of each its type and its value.
pub(super) fn put_binary<'a>(
    members: impl ExactSizeIterator<Item = &'a Column<'a>>,
    row: usize,
    style: &Style,
    out: &mut BytesMut,
) -> Result<()> {
    out.put_i32(i32::try_from(members.len()).unwrap_or(i32::MAX));
    for member in members {
        out.put_u32(member.pg_type.oid());
        put_field(member, row, style, out)?;
    }
    Ok(())
}
