//! Values as PostgreSQL's send functions lay them out.

use bytes::{BufMut, BytesMut};
use datafusion::arrow::datatypes::TimeUnit;
use pgwire::api::Type;

use super::array;
use super::column::{Column, Values};
use super::json::{self, Form};
use super::number::{put_decimal128_binary, put_decimal256_binary};
use super::record;
use super::rows::put_sized;
use super::scales::put_text_binary;
use super::style::Style;
use super::time::{self, INFINITY, MICROS_PER_DAY, MINUS_INFINITY, POSTGRES_EPOCH_DAYS, put_interval_binary};
use super::types::{REG_NAME, is_reg};
use crate::error::{Error, ErrorKind, Result};

/// What a document in binary begins with.
const JSONB_VERSION: u8 = 1;

/// Appends a length and a value; −1 for null.
pub(super) fn put_field(column: &Column<'_>, row: usize, style: &Style, out: &mut BytesMut) -> Result<()> {
    if column.is_null(row) {
        out.put_i32(-1);
        return Ok(());
    }
    put_sized(out, |out| put_binary(column, row, style, out))
}

#[inline]
pub(super) fn put_binary(column: &Column<'_>, row: usize, style: &Style, out: &mut BytesMut) -> Result<()> {
    match &column.values {
        Values::Null => {}
        Values::Bool(values) => out.put_u8(values.value(row).into()),
        Values::Int8(values) => put_integer(out, &column.pg_type, values[row].into()),
        Values::Int16(values) => put_integer(out, &column.pg_type, values[row].into()),
        Values::Int32(values) => put_integer(out, &column.pg_type, values[row].into()),
        Values::Int64(values) => put_integer(out, &column.pg_type, values[row]),
        Values::UInt8(values) => put_integer(out, &column.pg_type, values[row].into()),
        Values::UInt16(values) => put_integer(out, &column.pg_type, values[row].into()),
        Values::UInt32(values) => put_integer(out, &column.pg_type, values[row].into()),
        Values::Float32(values) => out.put_f32(values[row]),
        Values::Float64(values) => out.put_f64(values[row]),
        Values::Decimal128(values, scale, shown) => {
            let (value, scale) = shown.digits(values[row], *scale);
            put_decimal128_binary(out, value, scale);
        }
        Values::Decimal256(values, scale) => put_decimal256_binary(out, values[row], *scale),
        Values::Text(_) | Values::LargeText(_) | Values::TextView(_) => {
            return put_of_text(&column.pg_type, column.str(row).unwrap_or_default(), out);
        }
        Values::Bytes(_) | Values::LargeBytes(_) | Values::BytesView(_) | Values::FixedBytes(_) => {
            let bytes = column.bytes(row).unwrap_or_default();
            let sent = if is_reg(&column.pg_type) { bytes.get(..REG_NAME) } else { Some(bytes) };
            out.put_slice(sent.unwrap_or_default());
        }
        Values::Date(values) => out.put_i32(match values[row] {
            infinite @ (i32::MAX | i32::MIN) => infinite,
            days => days.saturating_sub(POSTGRES_EPOCH_DAYS),
        }),
        Values::Timestamp { values, unit, .. } => out.put_i64(timestamp(values[row], *unit)),
        Values::Time { values, unit } => out.put_i64(time::micros(values[row], *unit)),
        Values::Months(_) | Values::DayMillis(_) | Values::MonthDayNanos(_) | Values::Duration { .. } => {
            put_interval_binary(out, column.interval(row));
        }
        Values::List(list) if !column.is_json() => return array::put_binary(column, list, row, style, out),
        Values::Struct(members) if column.pg_type == Type::RECORD => {
            return record::put_binary(members.columns(), row, style, out);
        }
        Values::List(_) | Values::Struct(_) | Values::Map { .. } => {
            if column.pg_type == Type::JSONB {
                out.put_u8(JSONB_VERSION);
            }
            json::put_value(Form::of(&column.pg_type), column, row, style, out);
        }
    }
    Ok(())
}

/// A value that is text in its column.
fn put_of_text(pg_type: &Type, text: &str, out: &mut BytesMut) -> Result<()> {
    match *pg_type {
        Type::UUID => {
            let uuid: uuid::Uuid = text.parse().map_err(|_| {
                let message = format!("invalid input syntax for type uuid: \"{text}\"");
                Error::new(ErrorKind::InvalidTextRepresentation, message)
            })?;
            out.put_slice(uuid.as_bytes());
        }
        // no letter is the one of number 0
        Type::CHAR if text.is_empty() => out.put_u8(0),
        Type::TID => put_tid(out, text),
        Type::NUMERIC => put_text_binary(out, text),
        Type::JSONB => {
            out.put_u8(JSONB_VERSION);
            out.put_slice(text.as_bytes());
        }
        _ => out.put_slice(text.as_bytes()),
    }
    Ok(())
}

/// The place of a row, `(page,row)`.
fn put_tid(out: &mut BytesMut, text: &str) {
    let parts = text.trim_matches(['(', ')']).split_once(',');
    let (page, row) = parts.unwrap_or_default();
    out.put_u32(page.parse().unwrap_or(u32::MAX));
    out.put_u16(row.parse().unwrap_or(0));
}

/// Microseconds since PostgreSQL's epoch.
fn timestamp(value: i64, unit: TimeUnit) -> i64 {
    match time::micros(value, unit) {
        infinite @ (INFINITY | MINUS_INFINITY) => infinite,
        micros => micros.saturating_sub(i64::from(POSTGRES_EPOCH_DAYS) * MICROS_PER_DAY),
    }
}

#[inline]
fn put_integer(out: &mut BytesMut, pg_type: &Type, value: i64) {
    match *pg_type {
        Type::INT2 => out.put_i16(value as i16),
        Type::INT8 => out.put_i64(value),
        // int4, oid and the reg* types
        _ => out.put_i32(value as i32),
    }
}
