//! Structures, maps and lists as JSON, as PostgreSQL's `to_json` writes them, or as its `jsonb` does.

use bytes::{BufMut, BytesMut};
use pgwire::api::Type;

use super::column::{Column, Values};
use super::style::{DateFormat, Style};
use super::time::{self, Layout, put_timestamp};

/// The two ways to write a document.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// As it comes.
    Json,
    /// Keys in order, once each, with spaces; numbers in full.
    Jsonb,
}

impl Form {
    /// Of a column that is sent as a document.
    pub(super) fn of(pg_type: &Type) -> Self {
        if matches!(*pg_type, Type::JSONB | Type::JSONB_ARRAY) { Self::Jsonb } else { Self::Json }
    }

    fn comma(self) -> &'static [u8] {
        if self == Self::Jsonb { b", " } else { b"," }
    }

    fn colon(self) -> &'static [u8] {
        if self == Self::Jsonb { b": " } else { b":" }
    }
}

/// Appends the document of one value; null becomes `null`.
pub(super) fn put_value(form: Form, column: &Column<'_>, row: usize, style: &Style, out: &mut BytesMut) {
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
        Values::Float32(values) if values[row].is_finite() => put_float(form, column, row, style, out),
        Values::Float64(values) if values[row].is_finite() => put_float(form, column, row, style, out),
        Values::Timestamp { values, unit, zoned } => {
            let zone = zoned.then_some(style.zone);
            out.put_u8(b'"');
            put_timestamp(out, time::micros(values[row], *unit), zone, Layout::Json, style);
            out.put_u8(b'"');
        }
        Values::List(list) => put_sequence(form, out, b"[]", list.range(row), |out, at| {
            put_value(form, &list.item, at, style, out);
        }),
        Values::Struct(members) => put_sequence(form, out, b"{}", 0..members.len(), |out, nth| {
            let member = if form == Form::Jsonb { members.by_key(nth) } else { members.nth(nth) };
            out.put_slice(member.quoted.as_bytes());
            out.put_slice(form.colon());
            put_value(form, &member.column, row, style, out);
        }),
        Values::Map { offsets, keys, values } => {
            let range = offsets[row] as usize..offsets[row + 1] as usize;
            let put = |out: &mut BytesMut, at: usize| {
                put_quoted(keys, at, style, out);
                out.put_slice(form.colon());
                put_value(form, values, at, style, out);
            };
            match form {
                Form::Json => put_sequence(form, out, b"{}", range, put),
                Form::Jsonb => put_sequence(form, out, b"{}", in_order(keys, range, style), put),
            }
        }
        _ if column.is_json() => column.put_text(row, style, out),
        _ => put_quoted(column, row, style, out),
    }
}

fn is_oid(pg_type: &Type) -> bool {
    matches!(*pg_type, Type::OID | Type::XID | Type::CID)
}

fn put_sequence(
    form: Form,
    out: &mut BytesMut,
    brackets: &[u8; 2],
    places: impl IntoIterator<Item = usize>,
    put: impl Fn(&mut BytesMut, usize),
) {
    out.put_u8(brackets[0]);
    for (nth, at) in places.into_iter().enumerate() {
        if nth > 0 {
            out.put_slice(form.comma());
        }
        put(out, at);
    }
    out.put_u8(brackets[1]);
}

/// The order of `jsonb`'s keys: short ones first.
pub(super) fn key_order(key: &[u8]) -> (usize, &[u8]) {
    (key.len(), key)
}

/// Where a map's keys stand, in order; of a key that comes twice, the last.
fn in_order(keys: &Column<'_>, range: std::ops::Range<usize>, style: &Style) -> Vec<usize> {
    let text = |at| {
        let mut text = BytesMut::new();
        keys.put_text(at, style, &mut text);
        text
    };
    let mut places: Vec<(BytesMut, usize)> = range.rev().map(|at| (text(at), at)).collect();
    places.sort_by(|(left, _), (right, _)| key_order(left).cmp(&key_order(right)));
    places.dedup_by(|(left, _), (right, _)| left == right);
    places.into_iter().map(|(_, at)| at).collect()
}

/// A number; `jsonb` keeps numerics, which have no exponent.
fn put_float(form: Form, column: &Column<'_>, row: usize, style: &Style, out: &mut BytesMut) {
    let start = out.len();
    column.put_text(row, style, out);
    if form == Form::Jsonb && out[start..].contains(&b'e') {
        let number = std::str::from_utf8(&out[start..]).ok().and_then(|text| text.parse::<f64>().ok());
        if let Some(number) = number {
            out.truncate(start);
            out.put_slice(number.to_string().as_bytes());
        }
    }
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
