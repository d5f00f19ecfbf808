//! Which Arrow type a type's name in a statement stands for, where DataFusion's own choice is not PostgreSQL's.
//!
//! Invariant: times have microseconds, as in PostgreSQL: nanoseconds would not reach beyond the year 2262.

use std::sync::Arc;

use datafusion::arrow::datatypes::{DataType, Field, FieldRef, TimeUnit};
use datafusion::error::Result as DataFusionResult;
use datafusion::logical_expr::planner::TypePlanner;
use datafusion::sql::sqlparser::ast::{DataType as SqlType, ExactNumberInfo, TimezoneInfo};

use crate::pgcatalog::PgOidTypePlanner;

/// Names of types, read in the session's time zone.
#[derive(Debug)]
pub(super) struct SqlTypes {
    pub time_zone: Option<Arc<str>>,
}

impl TypePlanner for SqlTypes {
    fn plan_type_field(&self, sql_type: &SqlType) -> DataFusionResult<Option<FieldRef>> {
        let microseconds = TimeUnit::Microsecond;
        let data_type = match sql_type {
            SqlType::Timestamp(_, TimezoneInfo::None | TimezoneInfo::WithoutTimeZone) => {
                DataType::Timestamp(microseconds, None)
            }
            SqlType::Timestamp(_, TimezoneInfo::Tz | TimezoneInfo::WithTimeZone) => {
                DataType::Timestamp(microseconds, self.time_zone.clone())
            }
            SqlType::Time(_, TimezoneInfo::None | TimezoneInfo::WithoutTimeZone) => DataType::Time64(microseconds),
            SqlType::Character(_) | SqlType::CharacterVarying(_) | SqlType::CharVarying(_) => DataType::Utf8View,
            // float(24) and less is real
            SqlType::Float(ExactNumberInfo::Precision(bits)) if *bits <= 24 => DataType::Float32,
            SqlType::Float(_) => DataType::Float64,
            other => return PgOidTypePlanner.plan_type_field(other),
        };
        Ok(Some(Arc::new(Field::new("", data_type, true))))
    }
}
