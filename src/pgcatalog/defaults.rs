//! Defaults of columns as the catalogs tell them.

use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::error::Result;

use super::columns::Columns;
use super::constraints::{CONSTRAINT, NUMBER_BITS};
use super::functions::format_type;
use super::metadata::{Metadata, Relation};
use crate::catalog::Column;
use crate::pgtypes::column_type;

/// SQL of what a column's value is where none is given, or always.
fn default_of(column: &Column) -> Option<String> {
    default_text(column).or_else(|| column.generated.clone())
}

/// The default as PostgreSQL tells it: a quoted literal says its type, and so does a number below zero, which is quoted.
pub(super) fn default_text(column: &Column) -> Option<String> {
    let text = column.default.as_deref()?;
    if let Some(number_type) = text.strip_prefix('-').and_then(number_type) {
        return Some(format!("'{text}'::{number_type}"));
    }
    let inner = text.strip_prefix('\'').and_then(|rest| rest.strip_suffix('\''));
    match inner {
        Some(inner) if !inner.replace("''", "").contains('\'') => {
            Some(format!("{text}::{}", format_type(column_type(&column.field()).oid(), -1)))
        }
        _ => Some(text.to_owned()),
    }
}

/// The type of a number that is written so.
fn number_type(digits: &str) -> Option<&'static str> {
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    if whole.is_empty() || !whole.bytes().chain(fraction.bytes()).all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    Some(match whole.parse::<i64>() {
        _ if digits.contains('.') => "numeric",
        Ok(number) if i32::try_from(number).is_ok() => "integer",
        Ok(_) => "bigint",
        Err(_) => "numeric",
    })
}

/// The OIDs of defaults lie beside those of constraints.
const DEFAULT: u32 = 0x6000_0000;

fn default_oid(relation: &Relation, number: i16) -> u32 {
    DEFAULT | ((relation.oid << NUMBER_BITS ^ u32::from(number.unsigned_abs())) & !CONSTRAINT)
}

/// Every column with a default, and the default's OID.
pub(super) fn defaults(metadata: &Metadata) -> Vec<(u32, &Column)> {
    let columns = metadata.user_relations().filter(|r| r.kind == "r").flat_map(|relation| {
        let numbered = relation.columns.iter().zip(1i16..);
        let numbered = numbered.filter(|(column, _)| column.default.is_some());
        numbered.map(move |(column, number)| (default_oid(relation, number), column))
    });
    columns.collect()
}

pub fn pg_attrdef(metadata: &Metadata, schema: &SchemaRef) -> Result<RecordBatch> {
    let columns = metadata.user_relations().filter(|r| r.kind == "r").flat_map(|relation| {
        let numbered = relation.columns.iter().zip(1i16..);
        numbered.filter_map(move |(column, number)| Some((relation, number, default_of(column)?)))
    });
    let all: Vec<(&Relation, i16, String)> = columns.collect();
    Columns::of(&all)
        .oid("oid", |(r, number, _)| default_oid(r, *number))
        .oid("adrelid", |(r, ..)| r.oid)
        .small("adnum", |(_, number, _)| *number)
        .text("adbin", |(.., default)| default)
        .build(schema)
}

#[cfg(test)]
mod tests {
    use datafusion::arrow::datatypes::DataType;

    use super::*;

    #[test]
    fn literals_say_their_type() {
        let told = |text: &str| {
            let column = Column { default: Some(text.to_owned()), ..Column::new("c", DataType::Utf8, true) };
            default_text(&column).unwrap()
        };
        assert_eq!(told("-5"), "'-5'::integer");
        assert_eq!(told("-3000000000"), "'-3000000000'::bigint");
        assert_eq!(told("-1.5"), "'-1.5'::numeric");
        assert_eq!((told("5").as_str(), told("-a").as_str(), told("'x'").as_str()), ("5", "-a", "'x'::text"));
    }
}
