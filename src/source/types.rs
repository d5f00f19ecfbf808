//! Types that a source's column may declare, by their PostgreSQL names.

use datafusion::arrow::datatypes::{DataType, TimeUnit};

use crate::error::{Error, ErrorKind, Result};

/// Numbers of this many digits fit Arrow's 128-bit decimals.
const NUMERIC_DIGITS_MAX: u8 = 38;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ColumnType {
    Text,
    /// At most that many characters.
    Varchar(usize),
    Boolean,
    SmallInt,
    Integer,
    BigInt,
    Real,
    Double,
    Numeric {
        precision: u8,
        scale: i8,
    },
    Date,
    Timestamp,
    TimestampTz,
}

impl ColumnType {
    /// # Errors
    /// A type that does not exist or that sources cannot read.
    pub(super) fn parse(declared: &str) -> Result<Self> {
        let text = declared.trim().to_ascii_lowercase();
        let (name, arguments) = match text.split_once('(') {
            Some((name, rest)) => {
                (name.trim_end().to_owned(), rest.split_once(')').map(|(inside, after)| (inside, after.trim())))
            }
            None => (text.clone(), None),
        };
        // `timestamp(6) with time zone`
        let name = match arguments {
            Some((_, after)) if !after.is_empty() => format!("{name} {after}"),
            _ => name,
        };
        let arguments: Vec<&str> =
            arguments.map(|(inside, _)| inside.split(',').map(str::trim).collect()).unwrap_or_default();
        let parsed = match (name.as_str(), arguments.as_slice()) {
            ("text" | "string" | "varchar" | "character varying", []) => Some(Self::Text),
            ("varchar" | "character varying", [length]) => length.parse().ok().map(Self::Varchar),
            ("boolean" | "bool", []) => Some(Self::Boolean),
            ("smallint" | "int2", []) => Some(Self::SmallInt),
            ("integer" | "int" | "int4", []) => Some(Self::Integer),
            ("bigint" | "int8", []) => Some(Self::BigInt),
            ("real" | "float4", []) => Some(Self::Real),
            ("double precision" | "float8" | "float" | "double", []) => Some(Self::Double),
            ("numeric" | "decimal", arguments) => numeric(arguments),
            ("date", []) => Some(Self::Date),
            ("timestamp" | "timestamp without time zone", [] | [_]) => Some(Self::Timestamp),
            ("timestamptz" | "timestamp with time zone", [] | [_]) => Some(Self::TimestampTz),
            _ => None,
        };
        parsed.ok_or_else(|| {
            Error::new(ErrorKind::Project, format!("sources cannot read columns of type \"{declared}\"")).with_hint(
                "use text, varchar(n), boolean, smallint, integer, bigint, real, double precision, numeric(p,s) with p up to \
                 38, date, timestamp or timestamptz",
            )
        })
    }

    pub(super) fn arrow(self) -> DataType {
        match self {
            Self::Text | Self::Varchar(_) => DataType::Utf8,
            Self::Boolean => DataType::Boolean,
            Self::SmallInt => DataType::Int16,
            Self::Integer => DataType::Int32,
            Self::BigInt => DataType::Int64,
            Self::Real => DataType::Float32,
            Self::Double => DataType::Float64,
            Self::Numeric { precision, scale } => DataType::Decimal128(precision, scale),
            Self::Date => DataType::Date32,
            Self::Timestamp => DataType::Timestamp(TimeUnit::Microsecond, None),
            Self::TimestampTz => DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())),
        }
    }
}

fn numeric(arguments: &[&str]) -> Option<ColumnType> {
    let (precision, scale): (u8, i8) = match arguments {
        [precision] => (precision.parse().ok()?, 0),
        [precision, scale] => (precision.parse().ok()?, scale.parse().ok()?),
        _ => return None,
    };
    let fits = (1..=NUMERIC_DIGITS_MAX).contains(&precision)
        && scale >= 0
        && u8::try_from(scale).is_ok_and(|s| s <= precision);
    fits.then_some(ColumnType::Numeric { precision, scale })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names() {
        for (declared, expected) in [
            ("TEXT", ColumnType::Text),
            ("character varying(10)", ColumnType::Varchar(10)),
            ("int8", ColumnType::BigInt),
            ("numeric(12, 3)", ColumnType::Numeric { precision: 12, scale: 3 }),
            ("numeric(5)", ColumnType::Numeric { precision: 5, scale: 0 }),
            ("timestamp(6) with time zone", ColumnType::TimestampTz),
            ("timestamp", ColumnType::Timestamp),
        ] {
            assert_eq!(ColumnType::parse(declared).unwrap(), expected, "{declared}");
        }
        for wrong in ["numeric", "numeric(39,1)", "numeric(3,4)", "money", "int4(3)", ""] {
            assert!(ColumnType::parse(wrong).is_err(), "{wrong}");
        }
    }
}
