//! Kinds of types, as far as operators, casts and common types tell them apart.

use datafusion::arrow::datatypes::DataType;

use crate::pgcatalog::format_type;
use crate::pgtypes::Type;

/// PostgreSQL's categories, finer where its operators are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Bool,
    Number,
    Text,
    Date,
    Timestamp,
    Time,
    Interval,
    Bytes,
    Uuid,
    Json,
    Array,
    /// Of which we say nothing.
    Other,
}

pub(super) fn kind(pg_type: &Type) -> Kind {
    match *pg_type {
        Type::BOOL => Kind::Bool,
        Type::INT2 | Type::INT4 | Type::INT8 | Type::FLOAT4 | Type::FLOAT8 | Type::NUMERIC | Type::OID => Kind::Number,
        Type::TEXT | Type::VARCHAR | Type::BPCHAR | Type::NAME | Type::CHAR => Kind::Text,
        Type::DATE => Kind::Date,
        Type::TIMESTAMP | Type::TIMESTAMPTZ => Kind::Timestamp,
        Type::TIME | Type::TIMETZ => Kind::Time,
        Type::INTERVAL => Kind::Interval,
        Type::BYTEA => Kind::Bytes,
        Type::UUID => Kind::Uuid,
        Type::JSON | Type::JSONB => Kind::Json,
        _ if pg_type.name().starts_with('_') => Kind::Array,
        _ => Kind::Other,
    }
}

/// Whether this is a type that is told reliably: functions give text for much that has a type of its own in PostgreSQL.
pub(super) fn is_plain(kind: Kind) -> bool {
    !matches!(kind, Kind::Other | Kind::Json | Kind::Uuid | Kind::Bytes)
}

pub(super) fn is_integer(pg_type: &Type) -> bool {
    matches!(*pg_type, Type::INT2 | Type::INT4 | Type::INT8)
}

/// The type's name in messages.
pub(super) fn name(pg_type: &Type) -> String {
    format_type(pg_type.oid(), -1)
}

/// Of two numbers' types the one that the other is converted to without a word.
pub(super) fn number_rank(pg_type: &Type) -> u8 {
    match *pg_type {
        Type::INT2 => 0,
        Type::INT4 => 1,
        Type::OID | Type::INT8 => 2,
        Type::NUMERIC => 3,
        Type::FLOAT4 => 4,
        _ => 5,
    }
}

pub(super) fn is_text(data_type: &DataType) -> bool {
    matches!(data_type, DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View)
}
