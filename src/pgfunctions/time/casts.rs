//! Casts among dates, times, timestamps, intervals and text, as the session's settings say.

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray};
use datafusion::arrow::compute::{CastOptions, cast_with_options};
use datafusion::arrow::datatypes::{DataType, TimeUnit};
use datafusion::error::Result as DataFusionResult;

use super::call::{Context, Date, Intervals, Read, Text, Time, Timestamp, Timestamptz, Ty, each, map1};
use crate::error::{Error, ErrorKind, Result};
use crate::pgtypes::time::{
    self, Input, Interval, IntervalFields, MICROS_PER_DAY, is_finite, parse_date, parse_interval, parse_time,
    parse_timestamp, parse_timestamptz, split,
};

/// The column as one of the type; types that cannot be cast were refused before.
pub fn convert(array: &ArrayRef, to: Ty, context: &Context) -> Result<ArrayRef> {
    let Some(from) = Ty::of(array.data_type()) else {
        // NULLs have no type
        return plain(array, &to.arrow());
    };
    let array = &plain(array, &held(from, array.data_type()))?;
    let one = std::slice::from_ref(array);
    let zone = context.style.zone;
    let input = Input::new(&context.style, context.now);
    match (from, to) {
        (Ty::Numeric, Ty::Numeric) => Ok(array.clone()),
        (Ty::Text, Ty::Text) => Ok(array.clone()),
        (from, to) if from == to => Ok(array.clone()),
        (Ty::Text, Ty::Date) => map1::<Text, Date>(one, |text| parse_date(text, &input)),
        (Ty::Text, Ty::Time) => map1::<Text, Time>(one, |text| parse_time(text, &input)),
        (Ty::Text, Ty::Timestamp) => map1::<Text, Timestamp>(one, |text| parse_timestamp(text, &input)),
        (Ty::Text, Ty::Timestamptz) => map1::<Text, Timestamptz>(one, |text| parse_timestamptz(text, &input)),
        (Ty::Text, Ty::Interval) => map1::<Text, Intervals>(one, |text| parse_interval(text, None, &context.style)),
        (Ty::Date, Ty::Timestamp) => map1::<Date, Timestamp>(one, midnight),
        (Ty::Date, Ty::Timestamptz) => map1::<Date, Timestamptz>(one, |date| Ok(instant(midnight(date)?, zone))),
        (Ty::Timestamp, Ty::Timestamptz) => map1::<Timestamp, Timestamptz>(one, |local| Ok(instant(local, zone))),
        (Ty::Timestamptz, Ty::Timestamp) => map1::<Timestamptz, Timestamp>(one, |at| Ok(local(at, zone))),
        (Ty::Timestamp, Ty::Date) => map1::<Timestamp, Date>(one, day),
        (Ty::Timestamptz, Ty::Date) => map1::<Timestamptz, Date>(one, |at| day(local(at, zone))),
        (Ty::Timestamp, Ty::Time) => each::<Time>(one, |args, row| Ok(time_of_day(Timestamp::get(&args[0], row)))),
        (Ty::Timestamptz, Ty::Time) => {
            each::<Time>(one, |args, row| Ok(time_of_day(local(Timestamptz::get(&args[0], row), zone))))
        }
        (Ty::Time, Ty::Interval) => map1::<Time, Intervals>(one, |micros| Ok(Interval::of_micros(micros))),
        (Ty::Interval, Ty::Time) => {
            map1::<Intervals, Time>(one, |interval| Ok(interval.micros.rem_euclid(MICROS_PER_DAY)))
        }
        (_, to) => plain(array, &to.arrow()),
    }
}

/// What is always or never has no time.
fn time_of_day(at: i64) -> Option<i64> {
    is_finite(at).then(|| split(at).1)
}

/// Whether PostgreSQL casts one type to the other.
pub fn exists(from: Ty, to: Ty) -> bool {
    use Ty::{Date, Interval, Text, Time, Timestamp, Timestamptz};
    match to {
        Date => matches!(from, Text | Date | Timestamp | Timestamptz),
        Timestamp | Timestamptz => matches!(from, Text | Date | Timestamp | Timestamptz),
        Time => matches!(from, Text | Time | Timestamp | Timestamptz | Interval),
        Interval => matches!(from, Text | Time | Interval),
        _ => !from.is_temporal() || to == Text,
    }
}

/// The Arrow type in which a type's values are read; decimals keep their scale.
fn held(ty: Ty, given: &DataType) -> DataType {
    match ty {
        Ty::Numeric => match given {
            DataType::Decimal128(..) => given.clone(),
            DataType::Decimal32(precision, scale) | DataType::Decimal64(precision, scale) => {
                DataType::Decimal128(*precision, *scale)
            }
            DataType::Decimal256(_, scale) => DataType::Decimal128(38, *scale),
            _ => DataType::Decimal128(38, 0),
        },
        Ty::Text => DataType::Utf8,
        ty => ty.arrow(),
    }
}

fn plain(array: &ArrayRef, to: &DataType) -> Result<ArrayRef> {
    let to = if *to == DataType::Utf8View { &DataType::Utf8 } else { to };
    if array.data_type() == to {
        return Ok(array.clone());
    }
    // nanoseconds are cut, not refused, and infinity stays
    let options = CastOptions { safe: false, ..CastOptions::default() };
    match (array.data_type(), to) {
        (DataType::Timestamp(unit, _), DataType::Timestamp(TimeUnit::Microsecond, zone))
            if *unit != TimeUnit::Microsecond =>
        {
            let cast = cast_with_options(array, &DataType::Timestamp(TimeUnit::Microsecond, zone.clone()), &options);
            cast.map_err(|_| time::out_of_range("timestamp"))
        }
        (DataType::Timestamp(TimeUnit::Microsecond, _), DataType::Timestamp(TimeUnit::Microsecond, Some(zone))) => {
            let values = array.as_primitive::<datafusion::arrow::datatypes::TimestampMicrosecondType>();
            Ok(Arc::new(values.clone().with_timezone(zone.clone())))
        }
        _ => cast_with_options(array, to, &options)
            .map_err(|error| Error::new(ErrorKind::NumericOutOfRange, "value out of range").with_source(error)),
    }
}

/// The array in the very type that was announced.
pub(super) fn rescaled(array: ArrayRef, to: &DataType) -> DataFusionResult<ArrayRef> {
    if array.data_type() == to { Ok(array) } else { Ok(datafusion::arrow::compute::cast(&array, to)?) }
}

/// A date's first moment.
pub(super) fn midnight(date: i32) -> Result<i64> {
    match date {
        time::DATE_INFINITY => Ok(time::INFINITY),
        time::DATE_MINUS_INFINITY => Ok(time::MINUS_INFINITY),
        days => time::timestamp_of(days.into(), 0)
            .ok_or_else(|| Error::new(ErrorKind::DatetimeOutOfRange, "date out of range for timestamp")),
    }
}

/// The day of a timestamp.
pub(super) fn day(timestamp: i64) -> Result<i32> {
    match timestamp {
        time::INFINITY => Ok(time::DATE_INFINITY),
        time::MINUS_INFINITY => Ok(time::DATE_MINUS_INFINITY),
        finite => time::checked_date(split(finite).0),
    }
}

pub(super) fn local(instant: i64, zone: time::Zone) -> i64 {
    if is_finite(instant) { zone.local(instant) } else { instant }
}

pub(super) fn instant(local: i64, zone: time::Zone) -> i64 {
    if is_finite(local) { zone.instant(local) } else { local }
}

/// What a type's modifier says: digits of a second, and fields of an interval.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Modifier {
    pub digits: Option<u8>,
    pub fields: Option<IntervalFields>,
}

impl Modifier {
    /// The values as a column of the modified type can hold them.
    pub fn apply(self, array: ArrayRef, ty: Ty) -> Result<ArrayRef> {
        let one = std::slice::from_ref(&array);
        let step = self.digits.filter(|digits| *digits < 6).map(|digits| 10_i64.pow(6 - u32::from(digits)));
        let round = |micros: i64| match step {
            Some(step) if is_finite(micros) => {
                let half = if micros < 0 { -step / 2 } else { step / 2 };
                micros.saturating_add(half) / step * step
            }
            _ => micros,
        };
        match ty {
            Ty::Time => map1::<Time, Time>(one, |micros| Ok(round(micros))),
            Ty::Timestamp => map1::<Timestamp, Timestamp>(one, |micros| Ok(round(micros))),
            Ty::Timestamptz => map1::<Timestamptz, Timestamptz>(one, |micros| Ok(round(micros))),
            Ty::Interval => map1::<Intervals, Intervals>(one, |interval| {
                let cut = self.fields.map_or(interval, |fields| fields.cut(interval));
                Ok(Interval { micros: round(cut.micros), ..cut })
            }),
            _ => Ok(array),
        }
    }

    /// A text as an interval with these fields.
    pub fn interval(self, texts: &ArrayRef, context: &Context) -> Result<ArrayRef> {
        map1::<Text, Intervals>(std::slice::from_ref(texts), |text| parse_interval(text, self.fields, &context.style))
    }
}
