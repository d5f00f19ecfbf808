//! Columns of PostgreSQL 15's catalogs, as `postgres/columns.txt` lists them.

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};

use datafusion::arrow::datatypes::{DataType, Field, IntervalUnit, Schema, SchemaRef, TimeUnit};

use crate::pgtypes::{PG_TYPE_KEY, TYPE_MODIFIER_KEY};

/// One line a relation: `schema.name oid relkind reltype column:type …`, `^` after the type of a column
/// that is sorted by bytes though its type is not, `!` after that of one that is never null.
const COLUMNS: &str = include_str!("postgres/columns.txt");

/// Those that PostgreSQL has by extensions, likewise.
const EXTENSIONS: &str = include_str!("postgres/extensions.txt");

/// A relation of PostgreSQL's own.
#[derive(Debug)]
pub struct Layout {
    pub schema: &'static str,
    pub name: &'static str,
    pub oid: u32,
    /// `r` or `v`.
    pub kind: &'static str,
    /// OID of the type of its rows.
    pub row_type: u32,
    pub columns: SchemaRef,
    /// Which columns are sorted by bytes though their types are not.
    pub by_bytes: Vec<bool>,
}

/// All of them, by schema and name.
pub static LAYOUTS: LazyLock<BTreeMap<(&'static str, &'static str), Layout>> = LazyLock::new(|| {
    let layouts = COLUMNS.lines().chain(EXTENSIONS.lines()).filter_map(parse);
    layouts.map(|layout| ((layout.schema, layout.name), layout)).collect()
});

fn parse(line: &'static str) -> Option<Layout> {
    let mut words = line.split(' ');
    let (schema, name) = words.next()?.split_once('.')?;
    let oid = words.next()?.parse().ok()?;
    let kind = words.next()?;
    let row_type = words.next()?.parse().ok()?;
    let (fields, by_bytes): (Vec<Field>, Vec<bool>) = words.filter_map(field).unzip();
    Some(Layout { schema, name, oid, kind, row_type, columns: Arc::new(Schema::new(fields)), by_bytes })
}

/// A column, and whether it is sorted by bytes though its type is not.
fn field(text: &str) -> Option<(Field, bool)> {
    let (name, pg_type) = text.split_once(':')?;
    let (pg_type, nullable) = match pg_type.strip_suffix('!') {
        Some(pg_type) => (pg_type, false),
        None => (pg_type, true),
    };
    let (pg_type, by_bytes) = match pg_type.strip_suffix('^') {
        Some(pg_type) => (pg_type, true),
        None => (pg_type, false),
    };
    Some((field_of(name, pg_type, nullable), by_bytes))
}

/// A column of a PostgreSQL type, by the type's own name (`oid`, `_text`). The type is kept beside Arrow's where that does
/// not tell it.
pub fn field_of(name: &str, pg_type: &str, nullable: bool) -> Field {
    let field = Field::new(name, arrow_type(pg_type), nullable);
    match pg_type {
        // the standard's domain: three characters at most
        "yes_or_no" => field.with_metadata(
            [(PG_TYPE_KEY.to_owned(), "varchar".to_owned()), (TYPE_MODIFIER_KEY.to_owned(), "7".to_owned())].into(),
        ),
        "bool" | "int2" | "int4" | "int8" | "float4" | "float8" | "text" | "timestamptz" | "bytea" => field,
        _ => field.with_metadata([(PG_TYPE_KEY.to_owned(), pg_type.to_owned())].into()),
    }
}

fn arrow_type(pg_type: &str) -> DataType {
    let list = |item: DataType| DataType::List(Arc::new(Field::new_list_field(item, true)));
    match pg_type {
        "bool" => DataType::Boolean,
        "int2" => DataType::Int16,
        "int4" | "oid" | "xid" => DataType::Int32,
        // OIDs, which a client is shown as names
        reg if reg.starts_with("reg") => DataType::Int32,
        "int8" => DataType::Int64,
        "float4" => DataType::Float32,
        "float8" | "numeric" => DataType::Float64,
        "timestamptz" => DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())),
        "bytea" => DataType::Binary,
        "interval" => DataType::Interval(IntervalUnit::MonthDayNano),
        "_text" | "_name" | "_aclitem" | "_char" | "_regtype" | "anyarray" => list(DataType::Utf8),
        "_oid" | "oidvector" => list(DataType::Int32),
        "_int2" | "int2vector" => list(DataType::Int16),
        "_int4" => list(DataType::Int32),
        "_float4" => list(DataType::Float32),
        "_float8" => list(DataType::Float64),
        "_bool" => list(DataType::Boolean),
        _ => DataType::Utf8,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_is_understood() {
        let lines = || COLUMNS.lines().chain(EXTENSIONS.lines());
        assert_eq!(LAYOUTS.len(), lines().count());
        let class = &LAYOUTS[&("pg_catalog", "pg_class")];
        assert_eq!(
            (class.oid, class.columns.field(0).name().as_str(), class.columns.fields().len()),
            (1259, "oid", 33)
        );
        let words: usize = lines().map(|line| line.split(' ').count() - 4).sum();
        assert_eq!(LAYOUTS.values().map(|layout| layout.columns.fields().len()).sum::<usize>(), words);
    }
}
