//! One column of one batch, downcast once: values by row as text.

use bytes::{BufMut, BytesMut};
use datafusion::arrow::array::{
    Array, ArrayRef, AsArray, BinaryArray, BinaryViewArray, FixedSizeBinaryArray, LargeBinaryArray, LargeStringArray,
    StringArray, StringViewArray,
};
use datafusion::arrow::buffer::{BooleanBuffer, NullBuffer};
use datafusion::arrow::datatypes::{
    DataType, Date32Type, Decimal128Type, Decimal256Type, DurationMicrosecondType, DurationMillisecondType,
    DurationNanosecondType, DurationSecondType, Field, Fields, Float32Type, Float64Type, Int8Type, Int16Type,
    Int32Type, Int64Type, IntervalDayTime, IntervalDayTimeType, IntervalMonthDayNano, IntervalMonthDayNanoType,
    IntervalUnit, IntervalYearMonthType, Time64MicrosecondType, Time64NanosecondType, TimeUnit,
    TimestampMicrosecondType, TimestampMillisecondType, TimestampNanosecondType, TimestampSecondType, UInt8Type,
    UInt16Type, UInt32Type, i256,
};
use pgwire::api::Type;

use super::float::{put_f32, put_f64};
use super::json::{self, Form, key_order};
use super::number::{put_decimal128, put_decimal256, put_i64, put_u64};
use super::numeric::Shown;
use super::style::{ByteaOutput, Style};
use super::time::{self, Interval, Layout, put_date, put_interval, put_time, put_timestamp};
use super::types::{REG_NAME, column_type, element_of, is_reg, is_vector};
use super::{array, record};
use crate::error::{Error, ErrorKind, Result};

/// A downcast column: which rows are null, and what the others hold.
pub(super) struct Column<'a> {
    nulls: Option<&'a NullBuffer>,
    pub(super) values: Values<'a>,
    /// The type announced.
    pub(super) pg_type: Type,
}

pub(super) enum Values<'a> {
    Null,
    Bool(&'a BooleanBuffer),
    Int8(&'a [i8]),
    Int16(&'a [i16]),
    Int32(&'a [i32]),
    Int64(&'a [i64]),
    UInt8(&'a [u8]),
    UInt16(&'a [u16]),
    UInt32(&'a [u32]),
    Float32(&'a [f32]),
    Float64(&'a [f64]),
    Decimal128(&'a [i128], i8, Shown),
    Decimal256(&'a [i256], i8),
    Text(&'a StringArray),
    LargeText(&'a LargeStringArray),
    TextView(&'a StringViewArray),
    Bytes(&'a BinaryArray),
    LargeBytes(&'a LargeBinaryArray),
    BytesView(&'a BinaryViewArray),
    FixedBytes(&'a FixedSizeBinaryArray),
    Date(&'a [i32]),
    Timestamp { values: &'a [i64], unit: TimeUnit, zoned: bool },
    Time { values: &'a [i64], unit: TimeUnit },
    Months(&'a [i32]),
    DayMillis(&'a [IntervalDayTime]),
    MonthDayNanos(&'a [IntervalMonthDayNano]),
    Duration { values: &'a [i64], unit: TimeUnit },
    List(List<'a>),
    Struct(Members<'a>),
    Map { offsets: &'a [i32], keys: Box<Column<'a>>, values: Box<Column<'a>> },
}

/// What a structure is made of.
pub(super) struct Members<'a> {
    members: Vec<Member<'a>>,
    /// Places in `members`, in the order of `jsonb`'s keys.
    by_key: Vec<usize>,
}

pub(super) struct Member<'a> {
    /// Its key as JSON text.
    pub(super) quoted: String,
    pub(super) column: Column<'a>,
}

impl<'a> Members<'a> {
    pub(super) fn len(&self) -> usize {
        self.members.len()
    }
    pub(super) fn nth(&self, nth: usize) -> &Member<'a> {
        &self.members[nth]
    }
    pub(super) fn by_key(&self, nth: usize) -> &Member<'a> {
        &self.members[self.by_key[nth]]
    }
    pub(super) fn columns(&self) -> impl ExactSizeIterator<Item = &Column<'a>> {
        self.members.iter().map(|member| &member.column)
    }
}

pub(super) struct List<'a> {
    pub(super) offsets: &'a [i32],
    pub(super) item: Box<Column<'a>>,
}

impl List<'_> {
    pub(super) fn range(&self, row: usize) -> std::ops::Range<usize> {
        self.offsets[row] as usize..self.offsets[row + 1] as usize
    }
}

/// The few Arrow types that columns are cast to before they are encoded; `None` where nothing is to be cast.
pub(super) fn canonical(data_type: &DataType) -> Option<DataType> {
    use DataType::*;
    let list = |item: &Field| List(canonical_field(item).into());
    let target = match data_type {
        Dictionary(_, value) => canonical(value).unwrap_or_else(|| value.as_ref().clone()),
        RunEndEncoded(_, values) => canonical(values.data_type()).unwrap_or_else(|| values.data_type().clone()),
        UInt64 => Int64,
        Float16 => Float32,
        Date64 => Date32,
        Time32(_) => Time64(TimeUnit::Microsecond),
        Decimal32(precision, scale) | Decimal64(precision, scale) => Decimal128(*precision, *scale),
        List(item) | LargeList(item) | FixedSizeList(item, _) | ListView(item) | LargeListView(item) => list(item),
        Struct(fields) => Struct(fields.iter().map(|field| canonical_field(field)).collect::<Fields>()),
        Map(entries, sorted) => Map(canonical_field(entries).into(), *sorted),
        _ => return None,
    };
    (target != *data_type).then_some(target)
}

fn canonical_field(field: &Field) -> Field {
    match canonical(field.data_type()) {
        Some(data_type) => field.clone().with_data_type(data_type),
        None => field.clone(),
    }
}

impl<'a> Column<'a> {
    /// Downcasts an array of a canonical type.
    pub(super) fn bind(field: &Field, array: &'a ArrayRef) -> Result<Self> {
        let (pg_type, mut values) = (column_type(field), Values::bind(array)?);
        if let (Values::List(list), Some(element)) = (&mut values, element_of(&pg_type)) {
            list.item.told(&element);
        }
        Ok(Self { nulls: array.nulls(), values, pg_type })
    }
    /// What an array's type tells of its elements, whatever its dimensions.
    fn told(&mut self, element: &Type) {
        match &mut self.values {
            Values::List(list) if !matches!(self.pg_type, Type::JSON | Type::JSONB) => list.item.told(element),
            _ => self.pg_type = element.clone(),
        }
    }
    #[inline]
    pub(super) fn is_null(&self, row: usize) -> bool {
        self.nulls.is_some_and(|nulls| nulls.is_null(row)) || matches!(self.values, Values::Null)
    }
    /// Sent as JSON: a structure, or text that says it is JSON.
    pub(super) fn is_json(&self) -> bool {
        matches!(self.pg_type, Type::JSON | Type::JSONB)
    }

    /// Appends the text of a value that is not null.
    #[inline]
    pub(super) fn put_text(&self, row: usize, style: &Style, out: &mut BytesMut) {
        match &self.values {
            Values::Null => {}
            Values::Bool(values) => out.put_u8(if values.value(row) { b't' } else { b'f' }),
            Values::Int8(values) => put_i64(out, values[row].into()),
            Values::Int16(values) => put_i64(out, values[row].into()),
            Values::Int32(values) => put_i64(out, values[row].into()),
            Values::Int64(values) => put_i64(out, values[row]),
            Values::UInt8(values) => put_u64(out, values[row].into()),
            Values::UInt16(values) => put_u64(out, values[row].into()),
            Values::UInt32(values) => put_u64(out, values[row].into()),
            Values::Float32(values) => put_f32(out, values[row], style.floats),
            Values::Float64(values) => put_f64(out, values[row], style.floats),
            Values::Decimal128(values, scale, shown) => {
                let (value, scale) = shown.digits(values[row], *scale);
                put_decimal128(out, value, scale);
            }
            Values::Decimal256(values, scale) => put_decimal256(out, values[row], *scale),
            Values::Text(values) => out.put_slice(values.value(row).as_bytes()),
            Values::LargeText(values) => out.put_slice(values.value(row).as_bytes()),
            Values::TextView(values) => out.put_slice(values.value(row).as_bytes()),
            Values::Date(values) => put_date(out, values[row], style),
            Values::Timestamp { values, unit, zoned } => {
                let zone = zoned.then_some(style.zone);
                put_timestamp(out, time::micros(values[row], *unit), zone, Layout::Sql, style);
            }
            Values::Time { values, unit } => put_time(out, time::micros(values[row], *unit)),
            Values::List(list) if is_vector(&self.pg_type) => array::put_vector(list, row, style, out),
            Values::List(list) if !self.is_json() => array::put_text(list, row, style, out),
            Values::Struct(members) if self.pg_type == Type::RECORD => {
                record::put_text(members.columns(), row, style, out);
            }
            Values::List(_) | Values::Struct(_) | Values::Map { .. } => {
                json::put_value(Form::of(&self.pg_type), self, row, style, out);
            }
            _ => match self.bytes(row) {
                Some(bytes) if self.pg_type == Type::UUID => put_uuid(out, bytes),
                Some(bytes) if is_reg(&self.pg_type) => out.put_slice(bytes.get(REG_NAME..).unwrap_or_default()),
                Some(bytes) => put_bytea(out, bytes, style.bytea),
                None => put_interval(out, self.interval(row), style),
            },
        }
    }

    /// The text of a string column's value.
    #[inline]
    pub(super) fn str(&self, row: usize) -> Option<&'a str> {
        match &self.values {
            Values::Text(values) => Some(values.value(row)),
            Values::LargeText(values) => Some(values.value(row)),
            Values::TextView(values) => Some(values.value(row)),
            _ => None,
        }
    }

    /// The bytes of a binary column's value.
    pub(super) fn bytes(&self, row: usize) -> Option<&'a [u8]> {
        match &self.values {
            Values::Bytes(values) => Some(values.value(row)),
            Values::LargeBytes(values) => Some(values.value(row)),
            Values::BytesView(values) => Some(values.value(row)),
            Values::FixedBytes(values) => Some(values.value(row)),
            _ => None,
        }
    }

    /// The value of an interval or duration column.
    pub(super) fn interval(&self, row: usize) -> Interval {
        match &self.values {
            Values::Months(values) => Interval { months: values[row], ..Interval::default() },
            Values::DayMillis(values) => Interval {
                days: values[row].days,
                micros: i64::from(values[row].milliseconds) * 1_000,
                ..Interval::default()
            },
            Values::MonthDayNanos(values) => Interval::of_arrow(values[row]),
            Values::Duration { values, unit } => {
                let micros = match unit {
                    TimeUnit::Second => values[row].saturating_mul(1_000_000),
                    TimeUnit::Millisecond => values[row].saturating_mul(1_000),
                    TimeUnit::Microsecond => values[row],
                    TimeUnit::Nanosecond => values[row] / 1_000,
                };
                Interval { micros, ..Interval::default() }
            }
            _ => Interval::default(),
        }
    }
}

impl<'a> Values<'a> {
    fn bind(array: &'a ArrayRef) -> Result<Self> {
        use DataType as T;
        Ok(match array.data_type() {
            T::Null => Self::Null,
            T::Boolean => Self::Bool(array.as_boolean().values()),
            T::Int8 => Self::Int8(array.as_primitive::<Int8Type>().values()),
            T::Int16 => Self::Int16(array.as_primitive::<Int16Type>().values()),
            T::Int32 => Self::Int32(array.as_primitive::<Int32Type>().values()),
            T::Int64 => Self::Int64(array.as_primitive::<Int64Type>().values()),
            T::UInt8 => Self::UInt8(array.as_primitive::<UInt8Type>().values()),
            T::UInt16 => Self::UInt16(array.as_primitive::<UInt16Type>().values()),
            T::UInt32 => Self::UInt32(array.as_primitive::<UInt32Type>().values()),
            T::Float32 => Self::Float32(array.as_primitive::<Float32Type>().values()),
            T::Float64 => Self::Float64(array.as_primitive::<Float64Type>().values()),
            data_type @ T::Decimal128(_, scale) => {
                let values = array.as_primitive::<Decimal128Type>().values();
                Self::Decimal128(values, *scale, Shown::of(data_type))
            }
            T::Decimal256(_, scale) => Self::Decimal256(array.as_primitive::<Decimal256Type>().values(), *scale),
            T::Utf8 => Self::Text(array.as_string()),
            T::LargeUtf8 => Self::LargeText(array.as_string()),
            T::Utf8View => Self::TextView(array.as_string_view()),
            T::Binary => Self::Bytes(array.as_binary()),
            T::LargeBinary => Self::LargeBytes(array.as_binary()),
            T::BinaryView => Self::BytesView(array.as_binary_view()),
            T::FixedSizeBinary(_) => Self::FixedBytes(array.as_fixed_size_binary()),
            T::Date32 => Self::Date(array.as_primitive::<Date32Type>().values()),
            T::Timestamp(unit, zone) => {
                Self::Timestamp { values: timestamps(array, *unit), unit: *unit, zoned: zone.is_some() }
            }
            T::Time64(TimeUnit::Nanosecond) => {
                Self::Time { values: array.as_primitive::<Time64NanosecondType>().values(), unit: TimeUnit::Nanosecond }
            }
            T::Time64(unit) => {
                Self::Time { values: array.as_primitive::<Time64MicrosecondType>().values(), unit: *unit }
            }
            T::Duration(unit) => Self::Duration { values: durations(array, *unit), unit: *unit },
            T::Interval(IntervalUnit::YearMonth) => {
                Self::Months(array.as_primitive::<IntervalYearMonthType>().values())
            }
            T::Interval(IntervalUnit::DayTime) => Self::DayMillis(array.as_primitive::<IntervalDayTimeType>().values()),
            T::Interval(IntervalUnit::MonthDayNano) => {
                Self::MonthDayNanos(array.as_primitive::<IntervalMonthDayNanoType>().values())
            }
            T::List(item) => {
                let list = array.as_list::<i32>();
                Self::List(List { offsets: list.value_offsets(), item: Column::bind(item, list.values())?.into() })
            }
            T::Struct(fields) => Self::Struct(bind_members(fields, array.as_struct().columns())?),
            T::Map(entries, _) => bind_map(entries, array)?,
            other => {
                return Err(Error::new(
                    ErrorKind::FeatureNotSupported,
                    format!("cannot send a column of type {other} to a client"),
                ));
            }
        })
    }
}

fn bind_members<'a>(fields: &Fields, columns: &'a [ArrayRef]) -> Result<Members<'a>> {
    let member = |(field, array)| {
        let field: &std::sync::Arc<Field> = field;
        let mut key = BytesMut::new();
        json::put_string(&mut key, field.name());
        Ok(Member { quoted: String::from_utf8_lossy(&key).into_owned(), column: Column::bind(field, array)? })
    };
    let members = fields.iter().zip(columns).map(member).collect::<Result<Vec<_>>>()?;
    let mut by_key: Vec<usize> = (0..fields.len()).collect();
    by_key.sort_by(|left, right| {
        key_order(fields[*left].name().as_bytes()).cmp(&key_order(fields[*right].name().as_bytes()))
    });
    Ok(Members { members, by_key })
}

fn bind_map<'a>(entries: &Field, array: &'a ArrayRef) -> Result<Values<'a>> {
    let map = array.as_map();
    let DataType::Struct(fields) = entries.data_type() else {
        return Err(Error::internal("a map's entries are not a structure"));
    };
    let [key, value] = fields.as_ref() else {
        return Err(Error::internal("a map's entries are not pairs"));
    };
    Ok(Values::Map {
        offsets: map.value_offsets(),
        keys: Column::bind(key, map.keys())?.into(),
        values: Column::bind(value, map.values())?.into(),
    })
}

fn timestamps(array: &ArrayRef, unit: TimeUnit) -> &[i64] {
    match unit {
        TimeUnit::Second => array.as_primitive::<TimestampSecondType>().values(),
        TimeUnit::Millisecond => array.as_primitive::<TimestampMillisecondType>().values(),
        TimeUnit::Microsecond => array.as_primitive::<TimestampMicrosecondType>().values(),
        TimeUnit::Nanosecond => array.as_primitive::<TimestampNanosecondType>().values(),
    }
}

fn durations(array: &ArrayRef, unit: TimeUnit) -> &[i64] {
    match unit {
        TimeUnit::Second => array.as_primitive::<DurationSecondType>().values(),
        TimeUnit::Millisecond => array.as_primitive::<DurationMillisecondType>().values(),
        TimeUnit::Microsecond => array.as_primitive::<DurationMicrosecondType>().values(),
        TimeUnit::Nanosecond => array.as_primitive::<DurationNanosecondType>().values(),
    }
}

const HEX: &[u8; 16] = b"0123456789abcdef";

fn put_hex(out: &mut BytesMut, bytes: &[u8]) {
    out.reserve(bytes.len() * 2);
    for byte in bytes {
        out.put_slice(&[HEX[usize::from(byte >> 4)], HEX[usize::from(byte & 15)]]);
    }
}

pub(super) fn put_bytea(out: &mut BytesMut, bytes: &[u8], output: ByteaOutput) {
    if output == ByteaOutput::Hex {
        out.put_slice(b"\\x");
        return put_hex(out, bytes);
    }
    for &byte in bytes {
        match byte {
            b'\\' => out.put_slice(b"\\\\"),
            0x20..=0x7e => out.put_u8(byte),
            _ => out.put_slice(&[b'\\', b'0' + (byte >> 6), b'0' + (byte >> 3 & 7), b'0' + (byte & 7)]),
        }
    }
}

fn put_uuid(out: &mut BytesMut, bytes: &[u8]) {
    for (index, byte) in bytes.iter().enumerate() {
        if matches!(index, 4 | 6 | 8 | 10) {
            out.put_u8(b'-');
        }
        put_hex(out, std::slice::from_ref(byte));
    }
}
