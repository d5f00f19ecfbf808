//! Sequences as the catalogs tell them.

use std::collections::HashSet;

use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::error::Result;
use uuid::Uuid;

use super::columns::Columns;
use super::metadata::{Metadata, Relation};
use super::{OWNER, defaults};
use crate::catalog::Sequence;
use crate::engine::SessionInfo;
use crate::names::TableName;
use crate::pgtypes::{Type, type_size};

fn all(metadata: &Metadata) -> Vec<(&Relation, &Sequence)> {
    metadata.relations().iter().filter_map(|relation| Some((relation, relation.sequence.as_ref()?))).collect()
}

fn type_of(sequence: &Sequence) -> Type {
    match sequence.data_type.as_str() {
        "smallint" => Type::INT2,
        "integer" => Type::INT4,
        _ => Type::INT8,
    }
}

pub(super) fn pg_sequence(metadata: &Metadata, schema: &SchemaRef) -> Result<RecordBatch> {
    Columns::of(&all(metadata))
        .oid("seqrelid", |(r, _)| r.oid)
        .oid("seqtypid", |(_, s)| type_of(s).oid())
        .big("seqstart", |(_, s)| Some(s.start))
        .big("seqincrement", |(_, s)| Some(s.increment))
        .big("seqmax", |(_, s)| Some(s.max))
        .big("seqmin", |(_, s)| Some(s.min))
        .big("seqcache", |(_, s)| Some(s.cache))
        .flag("seqcycle", |(_, s)| s.cycle)
        .build(schema)
}

/// With the last value, where this server has given one.
pub(super) fn pg_sequences(session: &SessionInfo, schema: &SchemaRef) -> Result<RecordBatch> {
    let given = |relation: &Relation| {
        let at = session.running().catalog.sequences().known(relation.id?)?;
        at.is_called.then_some(at.value)
    };
    Columns::of(&all(session.metadata()))
        .text("schemaname", |(r, _)| &r.schema)
        .text("sequencename", |(r, _)| &r.name)
        .text("sequenceowner", |_| OWNER)
        .oid("data_type", |(_, s)| type_of(s).oid())
        .big("start_value", |(_, s)| Some(s.start))
        .big("min_value", |(_, s)| Some(s.min))
        .big("max_value", |(_, s)| Some(s.max))
        .big("increment_by", |(_, s)| Some(s.increment))
        .flag("cycle", |(_, s)| s.cycle)
        .big("cache_size", |(_, s)| Some(s.cache))
        .big("last_value", |(r, _)| given(r))
        .build(schema)
}

/// Without those of identity columns, which the standard counts among what columns are.
pub(super) fn information_schema(metadata: &Metadata, schema: &SchemaRef) -> Result<RecordBatch> {
    let bits = |sequence: &Sequence| i32::from(type_size(&type_of(sequence))) * 8;
    let of_identity: HashSet<(Uuid, &str)> = metadata
        .relations()
        .iter()
        .filter_map(|relation| Some((relation.id?, &relation.columns)))
        .flat_map(|(table, columns)| columns.iter().map(move |column| (table, column)))
        .filter(|(_, column)| column.identity.is_some())
        .map(|(table, column)| (table, column.name.as_str()))
        .collect();
    let is_internal = |sequence: &Sequence| {
        sequence.owned_by.as_ref().is_some_and(|owner| of_identity.contains(&(owner.table, owner.column.as_str())))
    };
    let mut shown = all(metadata);
    shown.retain(|(_, sequence)| !is_internal(sequence));
    Columns::of(&shown)
        .text("sequence_catalog", |_| metadata.database.as_str())
        .text("sequence_schema", |(r, _)| &r.schema)
        .text("sequence_name", |(r, _)| &r.name)
        .text("data_type", |(_, s)| &s.data_type)
        .int("numeric_precision", |(_, s)| bits(s))
        .int("numeric_precision_radix", |_| 2)
        .int("numeric_scale", |_| 0)
        .text("start_value", |(_, s)| s.start.to_string())
        .text("minimum_value", |(_, s)| s.min.to_string())
        .text("maximum_value", |(_, s)| s.max.to_string())
        .text("increment", |(_, s)| s.increment.to_string())
        .text("cycle_option", |(_, s)| if s.cycle { "YES" } else { "NO" })
        .build(schema)
}

/// The column that a sequence goes with: its table, and its number.
pub(super) fn owner<'a>(metadata: &'a Metadata, sequence: &Sequence) -> Option<(&'a Relation, i16)> {
    let owner = sequence.owned_by.as_ref()?;
    let table = metadata.relations().iter().find(|relation| relation.id == Some(owner.table))?;
    let number = table.columns.iter().zip(1..).find(|(column, _)| column.name == owner.column)?.1;
    Some((table, number))
}

/// The sequence that goes with a column.
pub(super) fn of_column<'a>(metadata: &'a Metadata, table: &Relation, column: &str) -> Option<&'a Relation> {
    let goes_with = |sequence: &Sequence| {
        sequence.owned_by.as_ref().is_some_and(|owner| Some(owner.table) == table.id && owner.column == column)
    };
    all(metadata).into_iter().find(|(_, sequence)| goes_with(sequence)).map(|(relation, _)| relation)
}

/// The defaults that take values of sequences: the OID of each, and the sequence's.
pub(super) fn in_defaults(metadata: &Metadata) -> Vec<(u32, u32)> {
    let sequences = all(metadata);
    let mut found = Vec::new();
    for (default, column) in defaults::defaults(metadata) {
        let Some(named) = column.sequence() else { continue };
        let used = sequences
            .iter()
            .filter(|(sequence, _)| TableName::new(sequence.schema.as_str(), sequence.name.as_str()).quoted() == named);
        found.extend(used.map(|(sequence, _)| (default, sequence.oid)));
    }
    found
}
