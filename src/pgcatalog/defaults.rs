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

/// The default as PostgreSQL tells it: a quoted literal says its type.
pub(super) fn default_text(column: &Column) -> Option<String> {
    let text = column.default.as_deref()?;
    let inner = text.strip_prefix('\'').and_then(|rest| rest.strip_suffix('\''));
    match inner {
        Some(inner) if !inner.replace("''", "").contains('\'') => {
            Some(format!("{text}::{}", format_type(column_type(&column.field()).oid(), -1)))
        }
        _ => Some(text.to_owned()),
    }
}

fn default_oid(relation: &Relation, number: i16) -> u32 {
    CONSTRAINT ^ (relation.oid << NUMBER_BITS) ^ u32::from(number.unsigned_abs())
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
