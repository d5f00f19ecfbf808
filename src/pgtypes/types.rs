//! Which PostgreSQL type stands for which Arrow type.

use std::collections::HashMap;
use std::sync::LazyLock;

use datafusion::arrow::datatypes::{DataType, Field, IntervalUnit, TimeUnit};
use pgwire::api::Type;

use super::numeric::{FREE, is_of_values};

/// Field metadata that names the PostgreSQL type to announce (`oid`, `name`, `json` …) where the Arrow type does not
/// say it. The value must be encodable as that type; otherwise the Arrow type decides.
pub const PG_TYPE_KEY: &str = "pg_type";

/// Field metadata that says what type modifier to announce, where it is not that of the Arrow type.
pub const TYPE_MODIFIER_KEY: &str = "pg_typmod";

/// Which column of which table a column of a result is: `oid.number`.
const ORIGIN_KEY: &str = "pg_origin";

/// The field with the table's OID and the column's number in it.
pub fn with_origin(field: &Field, (table, number): (u32, i16)) -> Field {
    let mut metadata = field.metadata().clone();
    metadata.insert(ORIGIN_KEY.to_owned(), format!("{table}.{number}"));
    field.clone().with_metadata(metadata)
}

/// The table's OID and the column's number; `None` where it is computed.
pub fn column_origin(field: &Field) -> Option<(u32, i16)> {
    let (table, number) = field.metadata().get(ORIGIN_KEY)?.split_once('.')?;
    Some((table.parse().ok()?, number.parse().ok()?))
}

const EXTENSION_KEY: &str = "ARROW:extension:name";

/// The PostgreSQL type of a result column.
pub fn column_type(field: &Field) -> Type {
    let plain = pg_type(field.data_type());
    let named = field.metadata().get(PG_TYPE_KEY).and_then(|name| type_named(name));
    if let Some(named) = named.filter(|named| compatible(&plain, named)) {
        return named;
    }
    match (field.metadata().get(EXTENSION_KEY).map(String::as_str), field.data_type()) {
        (Some("arrow.uuid"), DataType::FixedSizeBinary(16)) => Type::UUID,
        (Some("arrow.json"), DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View) => Type::JSON,
        _ => plain,
    }
}

/// The PostgreSQL type of an Arrow type; what PostgreSQL lacks becomes the next wider type, structures and maps become `jsonb`.
pub fn pg_type(data_type: &DataType) -> Type {
    use DataType::*;
    match data_type {
        Null | Utf8 | LargeUtf8 | Utf8View => Type::TEXT,
        Boolean => Type::BOOL,
        Int8 | UInt8 | Int16 => Type::INT2,
        UInt16 | Int32 => Type::INT4,
        // counts and ranks: none reaches beyond a bigint
        UInt32 | Int64 | UInt64 => Type::INT8,
        Decimal32(..) | Decimal64(..) | Decimal128(..) | Decimal256(..) => Type::NUMERIC,
        Float16 | Float32 => Type::FLOAT4,
        Float64 => Type::FLOAT8,
        Binary | LargeBinary | BinaryView | FixedSizeBinary(_) => Type::BYTEA,
        Date32 | Date64 => Type::DATE,
        Time32(_) | Time64(_) => Type::TIME,
        Timestamp(_, None) => Type::TIMESTAMP,
        Timestamp(_, Some(_)) => Type::TIMESTAMPTZ,
        Interval(_) | Duration(_) => Type::INTERVAL,
        List(item) | LargeList(item) | FixedSizeList(item, _) | ListView(item) | LargeListView(item) => {
            array_type(&element_type(item)).unwrap_or(Type::JSONB)
        }
        Dictionary(_, value) => pg_type(value),
        RunEndEncoded(_, values) => pg_type(values.data_type()),
        Struct(_) | Map(..) | Union(..) => Type::JSONB,
    }
}

/// Innermost element of nested lists: PostgreSQL has one array type for all dimensions.
fn element_type(item: &Field) -> Type {
    use DataType::*;
    match item.data_type() {
        List(inner) | LargeList(inner) | FixedSizeList(inner, _) | ListView(inner) | LargeListView(inner) => {
            element_type(inner)
        }
        _ => column_type(item),
    }
}

/// `attlen`: bytes of a fixed-size type, −1 for a variable one.
pub fn type_size(pg_type: &Type) -> i16 {
    match *pg_type {
        Type::BOOL | Type::CHAR => 1,
        Type::INT2 => 2,
        Type::INT4 | Type::OID | Type::XID | Type::CID | Type::FLOAT4 | Type::DATE | Type::VOID => 4,
        ref oid if is_reg(oid) => 4,
        Type::INT8 | Type::FLOAT8 | Type::TIME | Type::TIMESTAMP | Type::TIMESTAMPTZ => 8,
        Type::INTERVAL | Type::UUID => 16,
        Type::TID => 6,
        Type::NAME => 64,
        _ => -1,
    }
}

/// The type modifier of a result column.
pub fn column_modifier(field: &Field) -> i32 {
    let named = field.metadata().get(TYPE_MODIFIER_KEY).and_then(|text| text.parse().ok());
    named.unwrap_or_else(|| type_modifier(field.data_type()))
}

/// `atttypmod`: precision and scale of a `numeric`; −1 where a type has none.
pub fn type_modifier(data_type: &DataType) -> i32 {
    use DataType::*;
    match data_type {
        computed if is_of_values(computed) => -1,
        Decimal32(precision, scale)
        | Decimal64(precision, scale)
        | Decimal128(precision, scale)
        | Decimal256(precision, scale) => ((i32::from(*precision) << 16) | (i32::from(*scale) & 0x7ff)) + 4,
        Dictionary(_, value) => type_modifier(value),
        List(item) | LargeList(item) | FixedSizeList(item, _) => type_modifier(item.data_type()),
        _ => -1,
    }
}

/// How many dimensions arrays of the type have; 0 of what is no array.
pub fn dimensions(data_type: &DataType) -> usize {
    match data_type {
        DataType::List(item) => 1 + dimensions(item.data_type()),
        _ => 0,
    }
}

/// The Arrow type that values of a PostgreSQL type become (parameters, casts); `None` for a type we cannot hold.
/// A `numeric` without a modifier becomes [`FREE`]; a decoded parameter carries its own scale.
pub fn arrow_type(pg_type: &Type) -> Option<DataType> {
    Some(match *pg_type {
        Type::BOOL => DataType::Boolean,
        Type::INT2 => DataType::Int16,
        Type::INT4 => DataType::Int32,
        Type::INT8 | Type::OID | Type::REGCLASS | Type::REGTYPE | Type::REGPROC => DataType::Int64,
        Type::FLOAT4 => DataType::Float32,
        Type::FLOAT8 => DataType::Float64,
        Type::NUMERIC => FREE,
        Type::TEXT
        | Type::VARCHAR
        | Type::BPCHAR
        | Type::NAME
        | Type::CHAR
        | Type::UNKNOWN
        | Type::UUID
        | Type::ACLITEM
        | Type::TID
        | Type::JSON
        | Type::JSONB => DataType::Utf8,
        Type::BYTEA => DataType::BinaryView,
        Type::DATE => DataType::Date32,
        Type::TIME => DataType::Time64(TimeUnit::Microsecond),
        Type::TIMESTAMP => DataType::Timestamp(TimeUnit::Microsecond, None),
        Type::TIMESTAMPTZ => DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())),
        Type::INTERVAL => DataType::Interval(IntervalUnit::MonthDayNano),
        _ => {
            let pgwire_element = element_of(pg_type)?;
            DataType::new_list(arrow_type(&pgwire_element)?, true)
        }
    })
}

/// Element type of an array type.
pub fn element_of(array: &Type) -> Option<Type> {
    match *array {
        Type::INT2_VECTOR => Some(Type::INT2),
        Type::OID_VECTOR => Some(Type::OID),
        _ => ARRAYS.iter().find(|(_, whole)| whole == array).map(|(element, _)| element.clone()),
    }
}

/// Array type of an element type.
pub fn array_type(element: &Type) -> Option<Type> {
    ARRAYS.iter().find(|(item, _)| item == element).map(|(_, whole)| whole.clone())
}

static ARRAYS: &[(Type, Type)] = &[
    (Type::BOOL, Type::BOOL_ARRAY),
    (Type::INT2, Type::INT2_ARRAY),
    (Type::INT4, Type::INT4_ARRAY),
    (Type::INT8, Type::INT8_ARRAY),
    (Type::OID, Type::OID_ARRAY),
    (Type::FLOAT4, Type::FLOAT4_ARRAY),
    (Type::FLOAT8, Type::FLOAT8_ARRAY),
    (Type::NUMERIC, Type::NUMERIC_ARRAY),
    (Type::TEXT, Type::TEXT_ARRAY),
    (Type::VARCHAR, Type::VARCHAR_ARRAY),
    (Type::BPCHAR, Type::BPCHAR_ARRAY),
    (Type::NAME, Type::NAME_ARRAY),
    (Type::CHAR, Type::CHAR_ARRAY),
    (Type::BYTEA, Type::BYTEA_ARRAY),
    (Type::DATE, Type::DATE_ARRAY),
    (Type::TIME, Type::TIME_ARRAY),
    (Type::TIMESTAMP, Type::TIMESTAMP_ARRAY),
    (Type::TIMESTAMPTZ, Type::TIMESTAMPTZ_ARRAY),
    (Type::INTERVAL, Type::INTERVAL_ARRAY),
    (Type::UUID, Type::UUID_ARRAY),
    (Type::JSON, Type::JSON_ARRAY),
    (Type::JSONB, Type::JSONB_ARRAY),
    (Type::ACLITEM, Type::ACLITEM_ARRAY),
    (Type::REGTYPE, Type::REGTYPE_ARRAY),
    (Type::RECORD, Type::RECORD_ARRAY),
];

static NAMED: &[(&str, Type)] = &[
    ("oid", Type::OID),
    ("regclass", Type::REGCLASS),
    ("regtype", Type::REGTYPE),
    ("regproc", Type::REGPROC),
    ("name", Type::NAME),
    ("char", Type::CHAR),
    ("varchar", Type::VARCHAR),
    ("bpchar", Type::BPCHAR),
    ("json", Type::JSON),
    ("record", Type::RECORD),
    ("jsonb", Type::JSONB),
    ("uuid", Type::UUID),
    ("int2", Type::INT2),
    ("int4", Type::INT4),
    ("int8", Type::INT8),
    ("text", Type::TEXT),
    ("text[]", Type::TEXT_ARRAY),
    ("name[]", Type::NAME_ARRAY),
    ("char[]", Type::CHAR_ARRAY),
    ("oid[]", Type::OID_ARRAY),
];

/// The type of a name: as metadata spell it, or PostgreSQL's own (`_text`, `oidvector`).
pub fn type_named(name: &str) -> Option<Type> {
    static BUILT_IN: LazyLock<HashMap<String, Type>> = LazyLock::new(|| {
        // types have their numbers up to here
        (16..5000).filter_map(Type::from_oid).map(|known| (known.name().to_owned(), known)).collect()
    });
    let named = NAMED.iter().find(|(known, _)| *known == name).map(|(_, pg_type)| pg_type);
    named.or_else(|| BUILT_IN.get(name)).cloned()
}

/// Where the name begins in a value that [`is_reg`].
pub(super) const REG_NAME: usize = 4;

/// Whether values are OIDs that are shown as the names they stand for. Such a result column holds bytes: the OID's four,
/// then the name.
pub fn is_reg(pg_type: &Type) -> bool {
    matches!(
        *pg_type,
        Type::REGCLASS
            | Type::REGCOLLATION
            | Type::REGCONFIG
            | Type::REGDICTIONARY
            | Type::REGNAMESPACE
            | Type::REGOPER
            | Type::REGOPERATOR
            | Type::REGPROC
            | Type::REGPROCEDURE
            | Type::REGROLE
            | Type::REGTYPE
    )
}

/// Written with spaces between its elements, not as an array.
pub(super) fn is_vector(pg_type: &Type) -> bool {
    matches!(*pg_type, Type::INT2_VECTOR | Type::OID_VECTOR)
}

/// Whether a column that would be announced as `plain` can travel as `named`.
fn compatible(plain: &Type, named: &Type) -> bool {
    let class = |pg_type: &Type| match *pg_type {
        Type::INT2 | Type::INT4 | Type::INT8 | Type::OID | Type::XID | Type::CID => 1,
        Type::TEXT | Type::VARCHAR | Type::BPCHAR | Type::NAME | Type::CHAR | Type::JSON | Type::JSONB => 2,
        Type::INET | Type::PG_LSN | Type::PG_NODE_TREE | Type::ACLITEM | Type::TID | Type::VOID => 2,
        _ => 0,
    };
    if is_reg(named) {
        return *plain == Type::BYTEA;
    }
    if *named == Type::UUID {
        return matches!(*plain, Type::TEXT | Type::BYTEA);
    }
    if *named == Type::RECORD {
        return *plain == Type::JSONB;
    }
    if *named == Type::NUMERIC {
        return matches!(*plain, Type::NUMERIC | Type::TEXT);
    }
    if *named == Type::ANYARRAY {
        return element_of(plain).is_some();
    }
    match (element_of(plain), element_of(named)) {
        (Some(plain), Some(named)) => compatible(&plain, &named),
        (None, None) => plain == named || (class(plain) != 0 && class(plain) == class(named)),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;

    #[test]
    fn announces_what_postgres_calls_it() {
        let list = |item| DataType::new_list(item, true);
        for (arrow, expected) in [
            (DataType::UInt32, Type::INT8),
            (DataType::UInt64, Type::INT8),
            (DataType::Utf8View, Type::TEXT),
            (DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8)), Type::TEXT),
            (DataType::Timestamp(TimeUnit::Nanosecond, Some("UTC".into())), Type::TIMESTAMPTZ),
            (list(list(DataType::Int32)), Type::INT4_ARRAY),
            (list(DataType::Struct(vec![Field::new("a", DataType::Int32, true)].into())), Type::JSONB_ARRAY),
            (DataType::Null, Type::TEXT),
        ] {
            assert_eq!(pg_type(&arrow), expected, "{arrow}");
        }
    }

    #[test]
    fn modifier_holds_precision_and_scale() {
        assert_eq!(type_modifier(&DataType::Decimal128(12, 3)), (12 << 16 | 3) + 4);
        assert_eq!(type_modifier(&DataType::Decimal128(5, -2)), (5 << 16 | (-2 & 0x7ff)) + 4);
        assert_eq!(type_modifier(&DataType::Utf8), -1);
    }

    #[test]
    fn metadata_names_the_type_where_it_can_be_encoded() {
        let field = |data_type: DataType, name: &str| {
            Field::new("c", data_type, true).with_metadata(HashMap::from([(PG_TYPE_KEY.to_owned(), name.to_owned())]))
        };
        assert_eq!(column_type(&field(DataType::Int32, "oid")), Type::OID);
        assert_eq!(column_type(&field(DataType::Utf8, "name")), Type::NAME);
        assert_eq!(column_type(&field(DataType::new_list(DataType::Utf8, true), "name[]")), Type::NAME_ARRAY);
        assert_eq!(column_type(&field(DataType::Float64, "oid")), Type::FLOAT8);
    }

    #[test]
    fn arrays_become_lists() {
        assert_eq!(arrow_type(&Type::INT4_ARRAY), Some(DataType::new_list(DataType::Int32, true)));
        assert_eq!(arrow_type(&Type::POINT), None);
    }
}
