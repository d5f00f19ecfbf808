//! Structures, maps and lists as JSON, as PostgreSQL's `to_json` writes them.

use bytes::{BufMut, BytesMut};
use pgwire::api::Type;

use super::column::{Column, Values};
use super::style::{DateFormat, Style};
use super::time::{self, Layout, put_timestamp};

/// Appends the JSON of one value; null becomes `null`.
pub(super) fn put_value(column: &Column<'_>, row: usize, style: &Style, out: &mut BytesMut) {
    if column.is_null(row) {
        return out.put_slice(b"null");
    }
    match &column.values {
        // OIDs are no numbers to JSON
        Values::Int32(_) | Values::Int64(_) if is_oid(&column.pg_type) => put_quoted(column, row, style, out),
        Values::Bool(values) => out.put_slice(if values.value(row) { b"true" } else { b"false" }),
        Values::Int8(_)
        | Values::Int16(_)
        | Values::Int32(_)
        | Values::Int64(_)
        | Values::UInt8(_)
        | Values::UInt16(_)
        | Values::UInt32(_)
        | Values::Decimal128(..)
        | Values::Decimal256(..) => column.put_text(row, style, out),
        Values::Float32(values) if values[row].is_finite() => column.put_text(row, style, out),
        Values::Float64(values) if values[row].is_finite() => column.put_text(row, style, out),
        Values::Timestamp { values, unit, zoned } => {
            let zone = zoned.then_some(style.zone);
            out.put_u8(b'"');
            put_timestamp(out, time::micros(values[row], *unit), zone, Layout::Json, style);
            out.put_u8(b'"');
        }
        Values::List(list) => {
            put_sequence(out, b"[]", list.range(row), |out, at| put_value(&list.item, at, style, out));
        }
        Values::Struct(members) => put_sequence(out, b"{}", 0..members.len(), |out, at| {
            let (key, member) = &members[at];
            out.put_slice(key.as_bytes());
            put_value(member, row, style, out);
        }),
        Values::Map { offsets, keys, values } => {
            let range = offsets[row] as usize..offsets[row + 1] as usize;
            put_sequence(out, b"{}", range, |out, at| {
                put_quoted(keys, at, style, out);
                out.put_u8(b':');
                put_value(values, at, style, out);
            });
        }
        _ if column.is_json() => column.put_text(row, style, out),
        _ => put_quoted(column, row, style, out),
    }
}

fn is_oid(pg_type: &Type) -> bool {
    matches!(*pg_type, Type::OID | Type::XID | Type::CID)
}

fn put_sequence(
    out: &mut BytesMut,
    brackets: &[u8; 2],
    range: std::ops::Range<usize>,
    put: impl Fn(&mut BytesMut, usize),
) {
    out.put_u8(brackets[0]);
    let first = range.start;
    for at in range {
        if at > first {
            out.put_u8(b',');
        }
        put(out, at);
    }
    out.put_u8(brackets[1]);
}

fn put_quoted(column: &Column<'_>, row: usize, style: &Style, out: &mut BytesMut) {
    if let Some(text) = column.str(row) {
        return put_string(out, text);
    }
    let mut text = BytesMut::new();
    // JSON's dates are ISO's
    column.put_text(row, &Style { dates: DateFormat::Iso, ..*style }, &mut text);
    put_string(out, &String::from_utf8_lossy(&text));
}

/// Appends a JSON string, escaped as PostgreSQL's `escape_json` does.
pub(super) fn put_string(out: &mut BytesMut, text: &str) {
    out.put_u8(b'"');
    let mut plain_from = 0;
    for (at, byte) in text.bytes().enumerate() {
        let escape: &[u8] = match byte {
            b'"' => b"\\\"",
            b'\\' => b"\\\\",
            b'\n' => b"\\n",
            b'\r' => b"\\r",
            b'\t' => b"\\t",
            0x08 => b"\\b",
            0x0c => b"\\f",
            0..0x20 => &control(byte),
            _ => continue,
        };
        out.put_slice(&text.as_bytes()[plain_from..at]);
        out.put_slice(escape);
        plain_from = at + 1;
    }
    out.put_slice(&text.as_bytes()[plain_from..]);
    out.put_u8(b'"');
}

fn control(byte: u8) -> [u8; 6] {
    let low = byte & 15;
    [b'\\', b'u', b'0', b'0', b'0' + (byte >> 4), if low < 10 { b'0' + low } else { b'a' + low - 10 }]
}
