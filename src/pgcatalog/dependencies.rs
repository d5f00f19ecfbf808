//! `pg_depend`: what would break if something else went.

use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::error::Result;

use super::columns::Columns;
use super::metadata::{Metadata, RULE};
use super::tables::{
    LAKEWIRE_EXTENSION, PG_ATTRDEF, PG_CLASS, PG_CONSTRAINT, PG_EXTENSION, PG_NAMESPACE, PG_PROC, PG_REWRITE, PG_TYPE,
};
use super::{constraints, sequences};
use crate::dialect;
use crate::table::ConstraintKind;

/// One row.
struct Dependency {
    class: u32,
    object: u32,
    on_class: u32,
    on: u32,
    /// The column that it depends on; 0 for the whole.
    on_column: i16,
    kind: &'static str,
}

/// Views on what they read, relations on their schemas, what the server adds on its extension.
pub(super) fn rows(metadata: &Metadata, schema: &SchemaRef) -> Result<RecordBatch> {
    let member = |class, object| Dependency {
        class,
        object,
        on_class: PG_EXTENSION,
        on: LAKEWIRE_EXTENSION,
        on_column: 0,
        kind: "e",
    };
    let mut all: Vec<Dependency> = metadata.procedures.iter().map(|routine| member(PG_PROC, routine.oid)).collect();
    let own = metadata.user_relations().filter(|relation| relation.schema == "lakewire");
    all.extend(own.map(|relation| member(PG_CLASS, relation.oid)));
    all.extend(metadata.namespace_named("lakewire").map(|namespace| member(PG_NAMESPACE, namespace.oid)));
    for relation in metadata.user_relations().filter(|relation| !relation.system) {
        let on_schema = Dependency {
            class: PG_CLASS,
            object: relation.oid,
            on_class: PG_NAMESPACE,
            on: relation.namespace,
            on_column: 0,
            kind: "n",
        };
        let of_type = Dependency {
            class: PG_TYPE,
            object: relation.row_type,
            on_class: PG_CLASS,
            on: relation.oid,
            on_column: 0,
            kind: "i",
        };
        all.extend([on_schema, of_type]);
        if !relation.is_view() {
            continue;
        }
        let rule = relation.oid | RULE;
        let on =
            |on: u32, kind| Dependency { class: PG_REWRITE, object: rule, on_class: PG_CLASS, on, on_column: 0, kind };
        all.extend([on(relation.oid, "i"), on(relation.oid, "n")]);
        let read = dialect::relations(relation.definition.as_deref().unwrap_or_default());
        let read = read.iter().filter_map(|name| metadata.find(&name.schema, &name.name));
        all.extend(read.map(|read| on(read.oid, "n")));
    }
    all.extend(of_sequences(metadata));
    all.extend(of_constraints(metadata));
    Columns::of(&all)
        .oid("classid", |d| d.class)
        .oid("objid", |d| d.object)
        .oid("refclassid", |d| d.on_class)
        .oid("refobjid", |d| d.on)
        .int("refobjsubid", |d| i32::from(d.on_column))
        .text("deptype", |d| d.kind)
        .build(schema)
}

/// Sequences on their schemas and on the columns that they go with, defaults on the sequences that they take values of.
fn of_sequences(metadata: &Metadata) -> Vec<Dependency> {
    let mut all = Vec::new();
    for relation in metadata.relations() {
        let Some(sequence) = &relation.sequence else { continue };
        let mut on = |on_class, on, on_column, kind| {
            all.push(Dependency { class: PG_CLASS, object: relation.oid, on_class, on, on_column, kind });
        };
        on(PG_NAMESPACE, relation.namespace, 0, "n");
        if let Some((table, number)) = sequences::owner(metadata, sequence) {
            let column = usize::try_from(number - 1).ok().and_then(|at| table.columns.get(at));
            let is_identity = column.is_some_and(|column| column.identity.is_some());
            on(PG_CLASS, table.oid, number, if is_identity { "i" } else { "a" });
        }
    }
    all.extend(sequences::in_defaults(metadata).into_iter().map(|(default, sequence)| Dependency {
        class: PG_ATTRDEF,
        object: default,
        on_class: PG_CLASS,
        on: sequence,
        on_column: 0,
        kind: "n",
    }));
    all
}

/// Constraints on their columns, foreign keys on those that they lead to, indexes on the keys that they are of.
fn of_constraints(metadata: &Metadata) -> Vec<Dependency> {
    let mut all = Vec::new();
    for declared in constraints::all(metadata) {
        if matches!(declared.constraint.kind, ConstraintKind::Index { .. }) {
            continue;
        }
        let (class, object) = (PG_CONSTRAINT, declared.oid);
        let on = |on, on_column, kind| Dependency { class, object, on_class: PG_CLASS, on, on_column, kind };
        let small = |number: i32| i16::try_from(number).unwrap_or_default();
        all.extend(declared.numbers().into_iter().map(|number| on(declared.relation.oid, small(number), "a")));
        if let Some((target, columns)) = declared.target(metadata) {
            all.extend(columns.into_iter().map(|number| on(target.oid, small(number), "n")));
            all.extend(declared.target_index(metadata).map(|index| on(index, 0, "n")));
        }
        all.extend(declared.index().map(|index| Dependency {
            class: PG_CLASS,
            object: index,
            on_class: PG_CONSTRAINT,
            on: declared.oid,
            on_column: 0,
            kind: "i",
        }));
    }
    all
}
