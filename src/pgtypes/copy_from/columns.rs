//! Values of one column, from text or binary into an Arrow array.

use std::sync::Arc;

use datafusion::arrow::array::{
    ArrayRef, BinaryViewBuilder, BooleanBuilder, Date32Builder, Decimal128Builder, Float32Builder, Float64Builder,
    Int16Builder, Int32Builder, Int64Builder, StringBuilder, TimestampMicrosecondBuilder,
};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{DataType, FieldRef, TimeUnit, i256};
use datafusion::scalar::ScalarValue;
use pgwire::api::Type;

use super::super::numeric::field_overflow;
use super::super::params::decode_parameter;
use super::super::style::Style;
use super::super::types::column_type;
use super::super::{Format, input};
use crate::error::{Error, ErrorKind, Result};

/// Gathers the values of one column.
pub(super) struct ColumnBuilder {
    pg_type: Type,
    style: Style,
    values: Values,
    /// What the array is to be in the end.
    data_type: DataType,
}

enum Values {
    Boolean(BooleanBuilder),
    Int16(Int16Builder),
    Int32(Int32Builder),
    Int64(Int64Builder),
    Float32(Float32Builder),
    Float64(Float64Builder),
    Decimal(Decimal128Builder, u8, i8),
    Text(StringBuilder),
    /// Text that must be a value of its type: uuid, json …
    Checked(StringBuilder),
    Binary(BinaryViewBuilder),
    Date(Date32Builder),
    Timestamp(TimestampMicrosecondBuilder),
    Other(Vec<ScalarValue>),
}

/// Appends the value, which is of the builder's type or null.
macro_rules! append {
    ($builder:expr, $value:expr, $variant:pat => $inner:expr) => {
        match $value {
            $variant => $builder.append_option($inner),
            other => return Err(unexpected(&other)),
        }
    };
}

impl ColumnBuilder {
    pub(super) fn new(field: &FieldRef, style: Style) -> Result<Self> {
        let pg_type = column_type(field);
        let data_type = field.data_type().clone();
        let values = match (&data_type, &pg_type) {
            (DataType::Struct(_) | DataType::Map(..) | DataType::Union(..), _) => {
                let message =
                    format!("COPY FROM into column \"{}\" of type {data_type} is not supported", field.name());
                return Err(Error::new(ErrorKind::FeatureNotSupported, message));
            }
            (DataType::Decimal128(precision, scale), _) => {
                Values::Decimal(Decimal128Builder::new().with_data_type(data_type.clone()), *precision, *scale)
            }
            (_, &Type::BOOL) => Values::Boolean(BooleanBuilder::new()),
            (_, &Type::INT2) => Values::Int16(Int16Builder::new()),
            (_, &Type::INT4) => Values::Int32(Int32Builder::new()),
            (_, &Type::INT8) => Values::Int64(Int64Builder::new()),
            (_, &Type::FLOAT4) => Values::Float32(Float32Builder::new()),
            (_, &Type::FLOAT8) => Values::Float64(Float64Builder::new()),
            (_, &(Type::TEXT | Type::VARCHAR | Type::BPCHAR | Type::NAME)) => Values::Text(StringBuilder::new()),
            (DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View, _) => Values::Checked(StringBuilder::new()),
            (_, &Type::BYTEA) => Values::Binary(BinaryViewBuilder::new()),
            (_, &Type::DATE) => Values::Date(Date32Builder::new()),
            (DataType::Timestamp(TimeUnit::Microsecond, zone), _) => {
                Values::Timestamp(TimestampMicrosecondBuilder::new().with_timezone_opt(zone.clone()))
            }
            _ => Values::Other(Vec::new()),
        };
        Ok(Self { pg_type, style, values, data_type })
    }

    pub(super) fn push_text(&mut self, text: Option<&str>) -> Result<()> {
        let Some(text) = text else { return self.push_null() };
        // most values are in the plainest form of their type
        match &mut self.values {
            Values::Text(builder) => builder.append_value(text),
            Values::Int16(builder) if let Ok(value) = text.parse() => builder.append_value(value),
            Values::Int32(builder) if let Ok(value) = text.parse() => builder.append_value(value),
            Values::Int64(builder) if let Ok(value) = text.parse() => builder.append_value(value),
            Values::Decimal(builder, precision, scale) if let Some(value) = plain_decimal(text, *precision, *scale) => {
                builder.append_value(value);
            }
            Values::Checked(builder) => match input::parse(&self.pg_type, text, &self.style)? {
                ScalarValue::Utf8(Some(value)) => builder.append_value(value),
                _ => builder.append_value(text),
            },
            _ => {
                let value = input::parse(&self.pg_type, text, &self.style)?;
                return self.push(value);
            }
        }
        Ok(())
    }

    pub(super) fn push_binary(&mut self, bytes: Option<&[u8]>) -> Result<()> {
        let Some(bytes) = bytes else { return self.push_null() };
        let value =
            decode_parameter(&self.pg_type, Format::Binary, Some(bytes), 0, &self.style).map_err(
                |error| match error.kind() {
                    ErrorKind::InvalidBinaryRepresentation => Error::new(error.kind(), "incorrect binary data format"),
                    _ => error,
                },
            )?;
        self.push(value)
    }

    fn push(&mut self, value: ScalarValue) -> Result<()> {
        match &mut self.values {
            Values::Boolean(builder) => append!(builder, value, ScalarValue::Boolean(value) => value),
            Values::Int16(builder) => append!(builder, value, ScalarValue::Int16(value) => value),
            Values::Int32(builder) => append!(builder, value, ScalarValue::Int32(value) => value),
            Values::Int64(builder) => append!(builder, value, ScalarValue::Int64(value) => value),
            Values::Float32(builder) => append!(builder, value, ScalarValue::Float32(value) => value),
            Values::Float64(builder) => append!(builder, value, ScalarValue::Float64(value) => value),
            Values::Text(builder) | Values::Checked(builder) => {
                append!(builder, value, ScalarValue::Utf8(value) => value);
            }
            Values::Binary(builder) => append!(builder, value, ScalarValue::BinaryView(value) => value),
            Values::Date(builder) => append!(builder, value, ScalarValue::Date32(value) => value),
            Values::Timestamp(builder) => {
                append!(builder, value, ScalarValue::TimestampMicrosecond(value, _) => value);
            }
            Values::Decimal(builder, precision, scale) => builder.append_value(rescaled(&value, *precision, *scale)?),
            Values::Other(values) => values.push(value),
        }
        Ok(())
    }

    fn push_null(&mut self) -> Result<()> {
        match &mut self.values {
            Values::Boolean(builder) => builder.append_null(),
            Values::Int16(builder) => builder.append_null(),
            Values::Int32(builder) => builder.append_null(),
            Values::Int64(builder) => builder.append_null(),
            Values::Float32(builder) => builder.append_null(),
            Values::Float64(builder) => builder.append_null(),
            Values::Decimal(builder, ..) => builder.append_null(),
            Values::Text(builder) | Values::Checked(builder) => builder.append_null(),
            Values::Binary(builder) => builder.append_null(),
            Values::Date(builder) => builder.append_null(),
            Values::Timestamp(builder) => builder.append_null(),
            Values::Other(values) => {
                values.push(decode_parameter(&self.pg_type, Format::Text, None, 0, &self.style)?);
            }
        }
        Ok(())
    }

    /// The values so far; the builder begins anew.
    pub(super) fn finish(&mut self) -> Result<ArrayRef> {
        let failed = |error| Error::internal("values of COPY do not fit their column").with_source(error);
        let array: ArrayRef = match &mut self.values {
            Values::Boolean(builder) => Arc::new(builder.finish()),
            Values::Int16(builder) => Arc::new(builder.finish()),
            Values::Int32(builder) => Arc::new(builder.finish()),
            Values::Int64(builder) => Arc::new(builder.finish()),
            Values::Float32(builder) => Arc::new(builder.finish()),
            Values::Float64(builder) => Arc::new(builder.finish()),
            Values::Decimal(builder, ..) => Arc::new(builder.finish()),
            Values::Text(builder) | Values::Checked(builder) => Arc::new(builder.finish()),
            Values::Binary(builder) => Arc::new(builder.finish()),
            Values::Date(builder) => Arc::new(builder.finish()),
            Values::Timestamp(builder) => Arc::new(builder.finish()),
            Values::Other(values) => {
                let cast_each = std::mem::take(values).into_iter().map(|value| value.cast_to(&self.data_type));
                let values = cast_each.collect::<Result<Vec<_>, _>>().map_err(failed)?;
                ScalarValue::iter_to_array(values).map_err(failed)?
            }
        };
        if *array.data_type() == self.data_type {
            return Ok(array);
        }
        cast(&array, &self.data_type)
            .map_err(|error| Error::internal("values of COPY do not fit their column").with_source(error))
    }
}

fn unexpected(value: &ScalarValue) -> Error {
    Error::internal(format!("a value of COPY became a {}", value.data_type()))
}

/// Digits with at most `scale` of them after a point; `None` for all other forms, and where there are too many.
fn plain_decimal(text: &str, precision: u8, scale: i8) -> Option<i128> {
    let digits = text.strip_prefix('-').unwrap_or(text).as_bytes();
    let (mut value, mut after, mut point, mut count) = (0i128, 0i32, false, 0u32);
    for byte in digits {
        match byte {
            b'0'..=b'9' => {
                value = value * 10 + i128::from(byte - b'0');
                after += i32::from(point);
                count += 1;
            }
            b'.' if !point => point = true,
            _ => return None,
        }
    }
    let missing = u32::try_from(i32::from(scale) - after).ok()?;
    if count == 0 || count + missing > u32::from(precision) {
        return None;
    }
    value *= 10i128.pow(missing);
    Some(if text.starts_with('-') { -value } else { value })
}

/// The value with the column's scale, rounded half away from zero.
fn rescaled(value: &ScalarValue, precision: u8, scale: i8) -> Result<i128> {
    let (digits, from) = match value {
        ScalarValue::Decimal128(Some(value), _, from) => (i256::from_i128(*value), *from),
        ScalarValue::Decimal256(Some(value), _, from) => (*value, *from),
        other => return Err(unexpected(other)),
    };
    let overflow = || field_overflow(precision, scale);
    let ten = |power: u32| i256::from_i128(10).checked_pow(power);
    let steps = i32::from(scale) - i32::from(from);
    let moved = match u32::try_from(steps) {
        Ok(up) => ten(up).and_then(|factor| digits.checked_mul(factor)).ok_or_else(overflow)?,
        Err(_) => match ten(steps.unsigned_abs()) {
            None => i256::ZERO,
            Some(factor) => {
                let half = factor.wrapping_div(i256::from_i128(2));
                let away = if digits < i256::ZERO { half.wrapping_neg() } else { half };
                digits.wrapping_add(away).wrapping_div(factor)
            }
        },
    };
    let limit = 10u128.checked_pow(u32::from(precision)).unwrap_or(u128::MAX);
    moved.to_i128().filter(|value| value.unsigned_abs() < limit).ok_or_else(overflow)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimals_take_the_scale_of_their_column() {
        assert_eq!(plain_decimal("-12.5", 10, 2), Some(-1250));
        assert_eq!(plain_decimal("12.345", 10, 2), None);
        assert_eq!(plain_decimal("123456789", 10, 2), None);
        assert_eq!(plain_decimal("", 10, 2), None);
        let round = |text: &str| rescaled(&input::parse(&Type::NUMERIC, text, &Style::default()).unwrap(), 6, 2);
        assert_eq!(round("12.345").unwrap(), 1235);
        assert_eq!(round("-12.345").unwrap(), -1235);
        assert_eq!(round("1e2").unwrap(), 10000);
        let error = round("12345.6").unwrap_err();
        assert_eq!(error.message(), "numeric field overflow");
        assert_eq!(
            error.detail(),
            Some("A field with precision 6, scale 2 must round to an absolute value less than 10^4.")
        );
    }
}
