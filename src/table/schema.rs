//! Column types: what Delta can store, and how stored columns are read.
//!
//! Times of day and intervals, which Delta has not, are text there, `13:04:05.25` and `14 months -3 days 0.5 seconds`, and
//! announced as what they are in the column's metadata.

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, AsArray, StringArray};
use datafusion::arrow::compute::{CastOptions, cast_with_options};
use datafusion::arrow::datatypes::{
    DataType, Field, FieldRef, Fields, IntervalMonthDayNano, IntervalMonthDayNanoType, IntervalUnit, Schema, SchemaRef,
    Time64MicrosecondType, TimeUnit,
};
use datafusion::arrow::error::ArrowError;
use deltalake::kernel::StructType;
use deltalake::kernel::engine::arrow_conversion::TryIntoArrow;

use super::definition;
use crate::error::{Error, ErrorKind, Result};
use crate::pgtypes::{PG_TYPE_KEY, column_type};

/// The table's columns as plain Arrow types, in Delta's order. Of field metadata, what announces the PostgreSQL type stays.
///
/// Fields inside structs and lists are called nullable even where Delta says otherwise: Parquet files keep them so, and
/// Arrow refuses to read the one as the other.
pub(super) fn logical_schema(delta: &StructType) -> Result<SchemaRef> {
    let schema: Schema = delta.try_into_arrow().map_err(|error| {
        Error::new(ErrorKind::FeatureNotSupported, format!("a column type is not supported: {error}"))
    })?;
    let fields = schema.fields().iter().zip(delta.fields()).map(|(field, stored)| {
        let plain = Field::new(field.name(), nullable_within(field.data_type()), field.is_nullable());
        // an extension type (variant) is part of what the column is
        let keep = field.extension_type_name().is_some();
        let mut metadata = if keep { field.metadata().clone() } else { definition::announced(stored) };
        let meant = metadata.get(PG_TYPE_KEY).filter(|_| field.data_type() == &DataType::Utf8);
        let Some(meant) = meant.and_then(|name| type_kept_as_text(name)) else {
            return Arc::new(plain.with_metadata(metadata));
        };
        metadata.remove(PG_TYPE_KEY);
        Arc::new(plain.with_data_type(meant).with_metadata(metadata))
    });
    Ok(Arc::new(Schema::new(fields.collect::<Fields>())))
}

/// The type that a column of text is read as, by the name it is announced with.
pub(super) fn type_kept_as_text(pg_type: &str) -> Option<DataType> {
    match pg_type {
        "time" => Some(DataType::Time64(TimeUnit::Microsecond)),
        "interval" => Some(DataType::Interval(IntervalUnit::MonthDayNano)),
        _ => None,
    }
}

/// The name by which a column is announced that Delta keeps as text.
pub(super) fn kept_as_text(data_type: &DataType) -> Option<&'static str> {
    match data_type {
        DataType::Time64(_) => Some("time"),
        DataType::Interval(_) => Some("interval"),
        _ => None,
    }
}

/// The type that files hold a column's values in.
pub(super) fn physical_type(data_type: &DataType) -> DataType {
    if kept_as_text(data_type).is_some() { DataType::Utf8 } else { data_type.clone() }
}

/// The columns as files hold them.
pub(super) fn physical_schema(schema: &Schema) -> SchemaRef {
    let fields = schema.fields().iter().map(|field| {
        let physical = physical_type(field.data_type());
        Arc::new(field.as_ref().clone().with_data_type(physical))
    });
    Arc::new(Schema::new(fields.collect::<Fields>()))
}

/// Microseconds.
const DAY: i64 = 86_400_000_000;

/// Values as files hold them.
///
/// # Errors
/// Of Arrow, where a value cannot be held so.
pub(super) fn stored(values: &ArrayRef, physical: &DataType) -> Result<ArrayRef, ArrowError> {
    let strict = CastOptions { safe: false, ..CastOptions::default() };
    let is_midnight = |values: &ArrayRef| {
        values
            .as_primitive_opt::<Time64MicrosecondType>()
            .is_some_and(|times| times.iter().flatten().any(|at| at >= DAY))
    };
    if physical == &DataType::Utf8 && is_midnight(values) {
        return Err(ArrowError::ComputeError("a Delta table has no 24:00:00".to_owned()));
    }
    if !matches!(values.data_type(), DataType::Interval(_)) {
        return cast_with_options(values, physical, &strict);
    }
    let months_days_nanos = DataType::Interval(IntervalUnit::MonthDayNano);
    let values = cast_with_options(values, &months_days_nanos, &strict)?;
    let spans = values.as_primitive::<IntervalMonthDayNanoType>().iter();
    let texts: StringArray = spans.map(|span| span.map(interval_text)).collect();
    cast_with_options(&texts, physical, &strict)
}

/// `14 months -3 days 0.5 seconds`, which Arrow and Spark read alike.
fn interval_text(span: IntervalMonthDayNano) -> String {
    let mut parts = Vec::with_capacity(3);
    for (count, unit) in [(span.months, "months"), (span.days, "days")] {
        if count != 0 {
            parts.push(format!("{count} {unit}"));
        }
    }
    if span.nanoseconds != 0 || parts.is_empty() {
        let sign = if span.nanoseconds < 0 { "-" } else { "" };
        let nanos = span.nanoseconds.unsigned_abs();
        let seconds = format!("{sign}{}.{:09}", nanos / 1_000_000_000, nanos % 1_000_000_000);
        parts.push(format!("{} seconds", seconds.trim_end_matches('0').trim_end_matches('.')));
    }
    parts.join(" ")
}

fn nullable_within(data_type: &DataType) -> DataType {
    let nullable = |field: &FieldRef| Arc::new(Field::new(field.name(), nullable_within(field.data_type()), true));
    match data_type {
        DataType::List(element) => DataType::List(nullable(element)),
        DataType::Struct(fields) => DataType::Struct(fields.iter().map(nullable).collect()),
        other => other.clone(),
    }
}

/// The same columns with text and bytes as view types, the fastest form to read Parquet into.
pub(super) fn view_schema(schema: &Schema) -> SchemaRef {
    let fields = schema.fields().iter().map(|field| match field.data_type() {
        DataType::Utf8 => Arc::new(field.as_ref().clone().with_data_type(DataType::Utf8View)),
        DataType::Binary => Arc::new(field.as_ref().clone().with_data_type(DataType::BinaryView)),
        _ => Arc::clone(field),
    });
    Arc::new(Schema::new(fields.collect::<Fields>()))
}

/// The columns of a plan as a Delta table stores them: all nullable, each type the nearest that Delta has.
///
/// Errors: `FeatureNotSupported` for a type that Delta has not, naming the column; `DuplicateObject` for two columns
/// whose names differ by case at most.
pub(super) fn storable_schema(input: &Schema) -> Result<SchemaRef> {
    if input.fields().is_empty() {
        return Err(Error::new(ErrorKind::FeatureNotSupported, "a Delta table needs at least one column"));
    }
    let mut seen = std::collections::HashSet::new();
    let fields = input.fields().iter().map(|field| {
        if !seen.insert(field.name().to_lowercase()) {
            return Err(Error::new(
                ErrorKind::DuplicateObject,
                format!("column \"{}\" is specified more than once", field.name()),
            )
            .with_hint("give each output column a name of its own; Delta does not tell names apart by case"));
        }
        let data_type = storable_column(field.data_type()).ok_or_else(|| {
            Error::new(
                ErrorKind::FeatureNotSupported,
                format!(
                    "column \"{}\" has type {}, which a Delta table cannot store",
                    field.name(),
                    column_type(field).name()
                ),
            )
            .with_hint("cast it to text, numeric or another stored type")
        })?;
        Ok(Arc::new(Field::new(field.name(), data_type, true)))
    });
    Ok(Arc::new(Schema::new(fields.collect::<Result<Vec<FieldRef>>>()?)))
}

/// As [`storable_type`], and what is kept as text, which nothing nested is.
fn storable_column(data_type: &DataType) -> Option<DataType> {
    match data_type {
        DataType::Time32(_) | DataType::Time64(_) => Some(DataType::Time64(TimeUnit::Microsecond)),
        DataType::Interval(_) => Some(DataType::Interval(IntervalUnit::MonthDayNano)),
        other => storable_type(other),
    }
}

fn storable_type(data_type: &DataType) -> Option<DataType> {
    let nested = |field: &FieldRef, name: &str| {
        storable_type(field.data_type()).map(|data_type| Arc::new(Field::new(name, data_type, true)))
    };
    Some(match data_type {
        DataType::Boolean
        | DataType::Int8
        | DataType::Int16
        | DataType::Int32
        | DataType::Int64
        | DataType::Float32
        | DataType::Float64
        | DataType::Date32
        | DataType::Utf8
        | DataType::Binary => data_type.clone(),
        DataType::Null | DataType::LargeUtf8 | DataType::Utf8View => DataType::Utf8,
        DataType::LargeBinary | DataType::BinaryView | DataType::FixedSizeBinary(_) => DataType::Binary,
        DataType::UInt8 => DataType::Int16,
        DataType::UInt16 => DataType::Int32,
        DataType::UInt32 => DataType::Int64,
        DataType::UInt64 => DataType::Decimal128(20, 0),
        DataType::Float16 => DataType::Float32,
        DataType::Date64 => DataType::Date32,
        DataType::Timestamp(_, None) => DataType::Timestamp(TimeUnit::Microsecond, None),
        DataType::Timestamp(_, Some(_)) => DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())),
        DataType::Decimal32(precision, scale)
        | DataType::Decimal64(precision, scale)
        | DataType::Decimal128(precision, scale)
        | DataType::Decimal256(precision, scale)
            if *precision <= 38 && *scale >= 0 =>
        {
            DataType::Decimal128(*precision, *scale)
        }
        DataType::Dictionary(_, values) => storable_type(values)?,
        DataType::List(element)
        | DataType::LargeList(element)
        | DataType::ListView(element)
        | DataType::LargeListView(element)
        | DataType::FixedSizeList(element, _) => DataType::List(nested(element, "element")?),
        DataType::Struct(fields) => {
            DataType::Struct(fields.iter().map(|field| nested(field, field.name())).collect::<Option<Fields>>()?)
        }
        _ => return None,
    })
}

/// Bytes in any of their forms.
pub(super) fn is_binary(data_type: &DataType) -> bool {
    matches!(data_type, DataType::Binary | DataType::LargeBinary | DataType::BinaryView)
}

/// Whether a timestamp without time zone occurs anywhere in the columns.
pub(super) fn has_timestamp_ntz(schema: &Schema) -> bool {
    fn in_type(data_type: &DataType) -> bool {
        match data_type {
            DataType::Timestamp(_, None) => true,
            DataType::List(element) | DataType::Map(element, _) => in_type(element.data_type()),
            DataType::Struct(fields) => fields.iter().any(|field| in_type(field.data_type())),
            _ => false,
        }
    }
    schema.fields().iter().any(|field| in_type(field.data_type()))
}

#[cfg(test)]
mod tests {
    use datafusion::arrow::array::IntervalMonthDayNanoArray;

    use super::*;

    #[test]
    fn every_stored_type_is_delta_s_and_stays_what_it_is() {
        let input = Schema::new(vec![
            Field::new("u", DataType::UInt64, false),
            Field::new("t", DataType::Timestamp(TimeUnit::Nanosecond, None), false),
            Field::new("z", DataType::Timestamp(TimeUnit::Second, Some("+02:00".into())), true),
            Field::new("s", DataType::Utf8View, true),
            Field::new("d", DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8)), true),
            Field::new("m", DataType::Decimal128(18, 3), true),
            Field::new("o", DataType::Time64(TimeUnit::Nanosecond), true),
            Field::new("i", DataType::Interval(IntervalUnit::DayTime), true),
            Field::new("l", DataType::LargeList(Arc::new(Field::new("item", DataType::Utf8View, false))), true),
        ]);
        let stored = storable_schema(&input).unwrap();
        assert!(stored.fields().iter().all(|field| field.is_nullable()));
        assert_eq!(storable_schema(&stored).unwrap(), stored);
        let delta = definition::Definition::new(stored.clone()).delta_columns(None).unwrap();
        assert_eq!(logical_schema(&delta).unwrap(), stored);
    }

    #[test]
    fn intervals_are_read_from_text_as_they_were() {
        let spans = [
            (0, 0, 0),
            (14, -3, 500_000_000),
            (-1, 0, -1_000),
            (0, 7, 3_600_000_000_000),
            (i32::MIN, i32::MAX, i64::MIN + 1),
        ];
        let spans = spans.map(|(months, days, nanos)| IntervalMonthDayNano::new(months, days, nanos));
        let values: ArrayRef = Arc::new(IntervalMonthDayNanoArray::from(spans.to_vec()));
        let text = stored(&values, &DataType::Utf8).unwrap();
        assert_eq!(text.as_string::<i32>().value(0), "0 seconds");
        assert_eq!(text.as_string::<i32>().value(1), "14 months -3 days 0.5 seconds");
        assert_eq!(text.as_string::<i32>().value(2), "-1 months -0.000001 seconds");
        let strict = CastOptions { safe: false, ..CastOptions::default() };
        assert_eq!(&cast_with_options(&text, values.data_type(), &strict).unwrap(), &values);
    }

    #[test]
    fn a_type_that_delta_lacks_names_the_column() {
        let input = Schema::new(vec![Field::new("pause", DataType::Duration(TimeUnit::Second), true)]);
        let error = storable_schema(&input).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::FeatureNotSupported);
        assert!(error.message().contains("\"pause\""), "{error}");
    }
}
