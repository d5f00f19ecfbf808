//! What a session can SET that changes how values are read and look.

use super::time::Zone;

/// `bytea_output`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ByteaOutput {
    #[default]
    Hex,
    Escape,
}

/// First half of `DateStyle`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum DateFormat {
    #[default]
    Iso,
    Sql,
    Postgres,
    German,
}

/// Second half of `DateStyle`: what `1/2/1999` means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum DateOrder {
    #[default]
    Mdy,
    Dmy,
    Ymd,
}

/// `IntervalStyle`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum IntervalStyle {
    #[default]
    Postgres,
    PostgresVerbose,
    SqlStandard,
    Iso8601,
}

/// `extra_float_digits`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum FloatDigits {
    /// As few as read back the same: every setting above 0.
    #[default]
    Shortest,
    /// So many less than the 6 of a `real` and the 15 of a `double precision`.
    Fewer(u8),
}

impl FloatDigits {
    fn of_setting(extra: &str) -> Self {
        match extra.parse::<i8>() {
            Ok(extra) if extra <= 0 => Self::Fewer(extra.unsigned_abs()),
            _ => Self::Shortest,
        }
    }
}

/// A session's settings for values, resolved once per result.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Style {
    pub zone: Zone,
    pub bytea: ByteaOutput,
    pub dates: DateFormat,
    pub order: DateOrder,
    pub intervals: IntervalStyle,
    pub floats: FloatDigits,
}

impl Style {
    /// From the settings' values, as SHOW prints them. What is not known counts as the default: SET has refused it
    /// already.
    pub fn of_settings(value: impl Fn(&str) -> Option<String>) -> Self {
        let value = |name| value(name).unwrap_or_default();
        let (dates, order) = date_style(&value("DateStyle"));
        Self {
            zone: Zone::named(&value("TimeZone")).unwrap_or_default(),
            bytea: match value("bytea_output").as_str() {
                "escape" => ByteaOutput::Escape,
                _ => ByteaOutput::Hex,
            },
            dates,
            order,
            intervals: match value("IntervalStyle").as_str() {
                "postgres_verbose" => IntervalStyle::PostgresVerbose,
                "sql_standard" => IntervalStyle::SqlStandard,
                "iso_8601" => IntervalStyle::Iso8601,
                _ => IntervalStyle::Postgres,
            },
            floats: FloatDigits::of_setting(&value("extra_float_digits")),
        }
    }
}

fn date_style(shown: &str) -> (DateFormat, DateOrder) {
    let (format, order) = shown.split_once(", ").unwrap_or((shown, ""));
    let format = match format {
        "SQL" => DateFormat::Sql,
        "Postgres" => DateFormat::Postgres,
        "German" => DateFormat::German,
        _ => DateFormat::Iso,
    };
    let order = match order {
        "DMY" => DateOrder::Dmy,
        "YMD" => DateOrder::Ymd,
        _ => DateOrder::Mdy,
    };
    (format, order)
}
