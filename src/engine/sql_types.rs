//! Which Arrow type a type's name in a statement stands for, where DataFusion's own choice is not PostgreSQL's.
//!
//! Invariant: times have microseconds, as in PostgreSQL: nanoseconds would not reach beyond the year 2262.

use std::sync::Arc;

use datafusion::arrow::datatypes::{DataType, Field, FieldRef, IntervalUnit, TimeUnit};
use datafusion::error::Result as DataFusionResult;
use datafusion::logical_expr::planner::TypePlanner;
use datafusion::sql::sqlparser::ast::{
    ArrayElemTypeDef, CharacterLength, DataType as SqlType, ExactNumberInfo, IntervalFields, ObjectName, TimezoneInfo,
};

use crate::error::{Error, ErrorKind};
use crate::pgcatalog::PgOidTypePlanner;
use crate::pgfunctions::external;
use crate::pgtypes::{FREE, PG_TYPE_KEY, TYPE_MODIFIER_KEY};

/// Names of types.
#[derive(Debug)]
pub(super) struct SqlTypes;

impl TypePlanner for SqlTypes {
    fn plan_type_field(&self, sql_type: &SqlType) -> DataFusionResult<Option<FieldRef>> {
        check_digits(sql_type)?;
        let microseconds = TimeUnit::Microsecond;
        let mut modifier = None;
        let data_type = match sql_type {
            SqlType::Timestamp(digits, TimezoneInfo::None | TimezoneInfo::WithoutTimeZone) => {
                modifier = digits.map(digits_modifier);
                DataType::Timestamp(microseconds, None)
            }
            SqlType::Timestamp(digits, TimezoneInfo::Tz | TimezoneInfo::WithTimeZone) => {
                modifier = digits.map(digits_modifier);
                DataType::Timestamp(microseconds, Some("UTC".into()))
            }
            SqlType::Time(digits, TimezoneInfo::None | TimezoneInfo::WithoutTimeZone) => {
                modifier = digits.map(digits_modifier);
                DataType::Time64(microseconds)
            }
            SqlType::Interval { fields, precision } => {
                modifier = interval_modifier(fields.as_ref(), *precision);
                DataType::Interval(IntervalUnit::MonthDayNano)
            }
            SqlType::Varchar(length)
            | SqlType::CharacterVarying(length)
            | SqlType::CharVarying(length)
            | SqlType::Nvarchar(length) => return Ok(Some(text("varchar", length.as_ref(), None))),
            SqlType::Char(length) | SqlType::Character(length) => {
                return Ok(Some(text("bpchar", length.as_ref(), Some(1))));
            }
            SqlType::Custom(name, _) if is_named(name, "bpchar") => return Ok(Some(text("bpchar", None, None))),
            SqlType::Numeric(ExactNumberInfo::None)
            | SqlType::Decimal(ExactNumberInfo::None)
            | SqlType::Dec(ExactNumberInfo::None) => FREE,
            // float(24) and less is real
            SqlType::Float(ExactNumberInfo::Precision(bits)) if *bits <= 24 => DataType::Float32,
            SqlType::Float(_) => DataType::Float64,
            // as tables are read
            SqlType::Bytea => DataType::BinaryView,
            SqlType::Uuid => return Ok(Some(marked(DataType::Utf8View, "uuid"))),
            SqlType::JSON => return Ok(Some(marked(DataType::Utf8View, "json"))),
            SqlType::JSONB => return Ok(Some(marked(DataType::Utf8View, "jsonb"))),
            SqlType::Custom(name, _) if is_named(name, "name") => return Ok(Some(marked(DataType::Utf8View, "name"))),
            // a path is read anew wherever it is used
            SqlType::Custom(name, _) if is_named(name, "jsonpath") => DataType::Utf8View,
            SqlType::Custom(name, _) if is_named(name, "oid") => return Ok(Some(marked(DataType::Int32, "oid"))),
            SqlType::Custom(name, _) if is_named(name, "xid") => return Ok(Some(marked(DataType::Int32, "xid"))),
            SqlType::Custom(name, _) if is_named(name, "tid") => return Ok(Some(marked(DataType::Utf8View, "tid"))),
            SqlType::Custom(name, _) if domain(name).is_some() => return Ok(domain(name)),
            // quoted: PostgreSQL's one byte, unlike char(1)
            SqlType::Custom(name, _) if is_named(name, "char") => return Ok(Some(marked(DataType::Utf8View, "char"))),
            SqlType::Array(ArrayElemTypeDef::SquareBracket(item, _)) => return self.array(item),
            other => return PgOidTypePlanner.plan_type_field(other),
        };
        let mut field = Field::new("", data_type, true);
        if let Some(modifier) = modifier {
            field.set_metadata([(TYPE_MODIFIER_KEY.to_owned(), modifier.to_string())].into_iter().collect());
        }
        Ok(Some(Arc::new(field)))
    }
}

/// The most digits that a decimal holds.
const DIGITS_MAX: u64 = 76;

/// Whether there is a numeric of so many digits.
fn check_digits(sql_type: &SqlType) -> DataFusionResult<()> {
    let (SqlType::Numeric(info) | SqlType::Decimal(info) | SqlType::Dec(info)) = sql_type else { return Ok(()) };
    let (precision, scale) = match info {
        ExactNumberInfo::None => return Ok(()),
        ExactNumberInfo::Precision(precision) => (*precision, 0),
        ExactNumberInfo::PrecisionAndScale(precision, scale) => (*precision, *scale),
    };
    let error = if !(1..=1000).contains(&precision) {
        let message = format!("NUMERIC precision {precision} must be between 1 and 1000");
        Error::new(ErrorKind::InvalidParameter, message)
    } else if !(-1000..=1000).contains(&scale) {
        Error::new(ErrorKind::InvalidParameter, format!("NUMERIC scale {scale} must be between -1000 and 1000"))
    } else if precision > DIGITS_MAX {
        Error::new(
            ErrorKind::FeatureNotSupported,
            format!("numerics of more than {DIGITS_MAX} digits are not supported"),
        )
    } else {
        return Ok(());
    };
    Err(external(error))
}

impl SqlTypes {
    /// An array whose items' Arrow type does not tell their type (`oid[]`); `None` where DataFusion's own choice will do.
    fn array(&self, item: &SqlType) -> DataFusionResult<Option<FieldRef>> {
        let Some(item) = self.plan_type_field(item)? else { return Ok(None) };
        let Some(name) = item.metadata().get(PG_TYPE_KEY) else { return Ok(None) };
        Ok(Some(marked(DataType::new_list(item.data_type().clone(), true), &format!("_{name}"))))
    }
}

/// The domains of `information_schema`, as what they are of.
fn domain(name: &ObjectName) -> Option<FieldRef> {
    let [schema, domain] = name.0.as_slice() else { return None };
    if schema.as_ident()?.value != "information_schema" {
        return None;
    }
    match domain.as_ident()?.value.as_str() {
        "sql_identifier" => Some(marked(DataType::Utf8View, "name")),
        "character_data" | "yes_or_no" => Some(marked(DataType::Utf8View, "varchar")),
        "cardinal_number" => Some(Arc::new(Field::new("", DataType::Int32, true))),
        _ => None,
    }
}

/// Whether a type is one of `pg_catalog`'s that SQL has no word for.
fn is_named(pg_type: &ObjectName, name: &str) -> bool {
    let mut parts = pg_type.0.iter().rev().filter_map(|part| part.as_ident()).map(|part| part.value.as_str());
    parts.next() == Some(name) && parts.next().is_none_or(|schema| schema == "pg_catalog") && parts.next().is_none()
}

/// Digits of the second; no more than six.
pub(super) fn digits_modifier(digits: u64) -> i32 {
    digits.min(6) as i32
}

/// The fields of an interval in the upper half, the digits of its second in the lower; `None` where all may be there.
pub(super) fn interval_modifier(fields: Option<&IntervalFields>, precision: Option<u64>) -> Option<i32> {
    use IntervalFields as F;
    let (year, month, day) = (1 << 2, 1 << 1, 1 << 3);
    let (hour, minute, second) = (1 << 10, 1 << 11, 1 << 12);
    let range = match fields {
        None => 0x7fff,
        Some(F::Year) => year,
        Some(F::Month) => month,
        Some(F::Day) => day,
        Some(F::Hour) => hour,
        Some(F::Minute) => minute,
        Some(F::Second) => second,
        Some(F::YearToMonth) => year | month,
        Some(F::DayToHour) => day | hour,
        Some(F::DayToMinute) => day | hour | minute,
        Some(F::DayToSecond) => day | hour | minute | second,
        Some(F::HourToMinute) => hour | minute,
        Some(F::HourToSecond) => hour | minute | second,
        Some(F::MinuteToSecond) => minute | second,
    };
    let digits = precision.map_or(0xffff, |digits| digits.min(6) as i32);
    (fields.is_some() || precision.is_some()).then_some((range << 16) | digits)
}

/// Text of at most so many characters, as PostgreSQL counts them in a type modifier: with a header of four.
fn text(pg_type: &str, length: Option<&CharacterLength>, otherwise: Option<u64>) -> FieldRef {
    let given = match length {
        Some(CharacterLength::IntegerLength { length, .. }) => Some(*length),
        Some(CharacterLength::Max) => None,
        None => otherwise,
    };
    let field = marked(DataType::Utf8View, pg_type);
    let Some(modifier) = given.and_then(|length| i32::try_from(length).ok()?.checked_add(4)) else { return field };
    let mut metadata = field.metadata().clone();
    metadata.insert(TYPE_MODIFIER_KEY.to_owned(), modifier.to_string());
    Arc::new(field.as_ref().clone().with_metadata(metadata))
}

/// A type whose name its Arrow type does not tell.
fn marked(data_type: DataType, pg_type: &str) -> FieldRef {
    let metadata = [(PG_TYPE_KEY.to_owned(), pg_type.to_owned())].into();
    Arc::new(Field::new("", data_type, true).with_metadata(metadata))
}

#[cfg(test)]
mod tests {
    use super::{ExactNumberInfo, SqlType, check_digits};

    #[test]
    fn numerics_have_as_many_digits_as_they_can() {
        let wrong = |info| check_digits(&SqlType::Numeric(info)).err().map(|error| error.to_string());
        assert!(wrong(ExactNumberInfo::Precision(2000)).unwrap().contains("must be between 1 and 1000"));
        assert!(wrong(ExactNumberInfo::Precision(0)).is_some());
        assert!(wrong(ExactNumberInfo::Precision(300)).unwrap().contains("not supported"));
        assert!(wrong(ExactNumberInfo::PrecisionAndScale(10, 2000)).is_some());
        assert_eq!(wrong(ExactNumberInfo::PrecisionAndScale(38, 10)), None);
        assert_eq!(wrong(ExactNumberInfo::None), None);
    }
}
