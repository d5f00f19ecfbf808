//! Keys, checks and defaults of tables, as the catalogs tell them: `pg_constraint`, `pg_index`, `pg_attrdef` and the views of
//! `information_schema` on them.

mod declared;
mod of_catalogs;

use std::collections::HashSet;

use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::error::Result;

pub(super) use declared::{CONSTRAINT, NUMBER_BITS};
pub use declared::{Declared, indexes, of, with_oid};
use declared::{KeyClass, numbers};
pub use of_catalogs::constraints as of_catalog;

use super::columns::Columns;
use super::layout::LAYOUTS;
use super::metadata::{Metadata, Relation};
use crate::names::TableName;
use crate::table::{Actions, ConstraintKind};

/// The tables that have foreign keys, and those that these lead to.
pub(super) fn in_foreign_keys(metadata: &Metadata) -> HashSet<u32> {
    let keys = all(metadata);
    let ends = keys.iter().filter_map(|key| Some([key.relation.oid, key.target(metadata)?.0.oid]));
    ends.flatten().collect()
}

pub(super) fn all(metadata: &Metadata) -> Vec<Declared<'_>> {
    metadata.user_relations().flat_map(of).collect()
}

/// With those of PostgreSQL's own catalogs.
fn every(metadata: &Metadata) -> Vec<Declared<'_>> {
    metadata.tables_and_views().flat_map(of).collect()
}

/// Without the indexes that no constraint has.
fn constraints(metadata: &Metadata) -> Vec<Declared<'_>> {
    let mut all = every(metadata);
    all.retain(|declared| declared.constraint.kind.is_constraint());
    all
}

pub fn pg_constraint(metadata: &Metadata, schema: &SchemaRef) -> Result<RecordBatch> {
    let all = constraints(metadata);
    let target = |d: &Declared<'_>| d.constraint.kind.target().and_then(|name| metadata.find(&name.schema, &name.name));
    let letter = |action: &Option<String>| match action.as_deref() {
        Some("CASCADE") => "c",
        Some("RESTRICT") => "r",
        Some("SET NULL") => "n",
        Some("SET DEFAULT") => "d",
        _ => "a",
    };
    let smalls = |d: &Declared<'_>| Some(d.numbers());
    Columns::of(&all)
        .oid("oid", |d| d.oid)
        .text("conname", |d| &d.constraint.name)
        .oid("connamespace", |d| d.relation.namespace)
        .text("contype", |d| match d.constraint.kind {
            ConstraintKind::Check { .. } => "c",
            ConstraintKind::PrimaryKey { .. } => "p",
            ConstraintKind::Unique { .. } | ConstraintKind::Index { .. } => "u",
            ConstraintKind::ForeignKey { .. } => "f",
        })
        .flag("condeferrable", |d| d.actions().is_some_and(|actions| actions.deferrable))
        .flag("condeferred", |d| d.actions().is_some_and(|actions| actions.deferred))
        .flag("convalidated", |_| true)
        .oid("conrelid", |d| d.relation.oid)
        .oid("conindid", |d| d.index().or_else(|| d.target_index(metadata)).unwrap_or(0))
        .oid("confrelid", |d| target(d).map_or(0, |relation| relation.oid))
        .text("confupdtype", |d| d.actions().map_or(" ", |actions| letter(&actions.on_update)))
        .text("confdeltype", |d| d.actions().map_or(" ", |actions| letter(&actions.on_delete)))
        .text("confmatchtype", |d| d.actions().map_or(" ", |actions| if actions.match_full { "f" } else { "s" }))
        .flag("conislocal", |_| true)
        .flag("connoinherit", |d| !matches!(d.constraint.kind, ConstraintKind::Check { .. }))
        .numbers("conkey", smalls)
        .numbers("confkey", |d| match &d.constraint.kind {
            ConstraintKind::ForeignKey { references, .. } => Some(numbers(target(d)?, references)),
            _ => None,
        })
        .numbers("confdelsetcols", |d| {
            let columns = &d.actions()?.delete_columns;
            (!columns.is_empty()).then(|| numbers(d.relation, columns))
        })
        .opt_text("conbin", |d| d.check(false))
        .build(schema)
}

pub fn pg_index(metadata: &Metadata, schema: &SchemaRef) -> Result<RecordBatch> {
    let keys: Vec<Declared<'_>> = every(metadata).into_iter().filter(|d| d.index().is_some()).collect();
    let count = |d: &Declared<'_>| i16::try_from(d.keys().len()).unwrap_or(0);
    let whole = |d: &Declared<'_>| i16::try_from(d.index_columns().len()).unwrap_or(0);
    let classes = |d: &Declared<'_>, of: fn(&KeyClass) -> u32| {
        Some(d.key_classes().iter().map(|class| i32::try_from(of(class)).unwrap_or(0)).collect())
    };
    let options = |d: &Declared<'_>| Some((0..d.keys().len()).map(|key| d.option_bits(key)).collect());
    let columns = |d: &Declared<'_>| Some([d.numbers(), numbers(d.relation, d.included())].concat());
    let expressions = |d: &Declared<'_>| {
        let texts: Vec<String> =
            d.keys().into_iter().zip(d.numbers()).filter(|(_, n)| *n == 0).map(|(key, _)| key).collect();
        (!texts.is_empty()).then(|| texts.join(", "))
    };
    Columns::of(&keys)
        .oid("indexrelid", |d| d.index().unwrap_or(0))
        .oid("indrelid", |d| d.relation.oid)
        .small("indnatts", whole)
        .small("indnkeyatts", count)
        .flag("indisunique", Declared::is_unique)
        .flag("indnullsnotdistinct", Declared::nulls_not_distinct)
        .flag("indisprimary", Declared::is_primary)
        .flag("indimmediate", |_| true)
        .flag("indisvalid", |_| true)
        .flag("indisready", |_| true)
        .flag("indislive", |_| true)
        .numbers("indkey", columns)
        .numbers("indcollation", |d| classes(d, |class| class.collation))
        .numbers("indclass", |d| classes(d, |class| class.class))
        .numbers("indoption", options)
        .opt_text("indexprs", expressions)
        .opt_text("indpred", |d| d.index_condition())
        .build(schema)
}

pub fn pg_indexes(metadata: &Metadata, schema: &SchemaRef) -> Result<RecordBatch> {
    let keys: Vec<Declared<'_>> = every(metadata).into_iter().filter(|d| d.index().is_some()).collect();
    Columns::of(&keys)
        .text("schemaname", |d| &d.relation.schema)
        .text("tablename", |d| &d.relation.name)
        .text("indexname", |d| &d.constraint.name)
        .text("indexdef", |d| d.index_definition(false))
        .build(schema)
}

/// What `information_schema` tells of one constraint, those that NOT NULL stands for included.
struct Listed<'a> {
    relation: &'a Relation,
    name: String,
    kind: &'static str,
    declared: Option<Declared<'a>>,
    check: Option<String>,
}

impl Listed<'_> {
    fn actions(&self) -> Option<&Actions> {
        self.declared.as_ref()?.actions()
    }
}

fn yes(holds: bool) -> &'static str {
    if holds { "YES" } else { "NO" }
}

fn listed(metadata: &Metadata) -> Vec<Listed<'_>> {
    let declared = constraints(metadata).into_iter().map(|declared| {
        let (kind, check) = match &declared.constraint.kind {
            ConstraintKind::Check { .. } => ("CHECK", declared.check(false).map(|condition| format!("({condition})"))),
            ConstraintKind::PrimaryKey { .. } => ("PRIMARY KEY", None),
            ConstraintKind::Unique { .. } | ConstraintKind::Index { .. } => ("UNIQUE", None),
            ConstraintKind::ForeignKey { .. } => ("FOREIGN KEY", None),
        };
        let name = declared.constraint.name.clone();
        Listed { relation: declared.relation, name, kind, declared: Some(declared), check }
    });
    let tables = metadata.user_relations().filter(|r| r.kind == "r");
    let not_null = tables.flat_map(|relation| {
        let columns = relation.columns.iter().zip(1..).filter(|(column, _)| !column.nullable);
        columns.map(move |(column, number)| Listed {
            relation,
            name: format!("{}_{}_{number}_not_null", relation.namespace, relation.oid),
            kind: "CHECK",
            declared: None,
            check: Some(format!("{} IS NOT NULL", column.name)),
        })
    });
    declared.chain(not_null).collect()
}

/// The rows of a view of `information_schema` on constraints; `None` for the others.
pub fn information_schema(metadata: &Metadata, name: &str) -> Option<Result<RecordBatch>> {
    let schema = &LAYOUTS.get(&("information_schema", name))?.columns;
    Some(match name {
        "table_constraints" => table_constraints(metadata, schema),
        "check_constraints" => check_constraints(metadata, schema),
        "key_column_usage" => key_column_usage(metadata, schema),
        "constraint_table_usage" => constraint_table_usage(metadata, schema),
        "constraint_column_usage" => constraint_column_usage(metadata, schema),
        "referential_constraints" => referential_constraints(metadata, schema),
        _ => return None,
    })
}

fn table_constraints(metadata: &Metadata, schema: &SchemaRef) -> Result<RecordBatch> {
    let all = listed(metadata);
    Columns::of(&all)
        .text("constraint_catalog", |_| metadata.database.as_str())
        .text("constraint_schema", |c| &c.relation.schema)
        .text("constraint_name", |c| &c.name)
        .text("table_catalog", |_| metadata.database.as_str())
        .text("table_schema", |c| &c.relation.schema)
        .text("table_name", |c| &c.relation.name)
        .text("constraint_type", |c| c.kind)
        .text("is_deferrable", |c| yes(c.actions().is_some_and(|actions| actions.deferrable)))
        .text("initially_deferred", |c| yes(c.actions().is_some_and(|actions| actions.deferred)))
        .text("enforced", |c| if c.kind == "CHECK" { "YES" } else { "NO" })
        .opt_text("nulls_distinct", |c| {
            let alike = c.declared.as_ref().is_some_and(Declared::nulls_not_distinct);
            (c.kind == "UNIQUE").then(|| yes(!alike))
        })
        .build(schema)
}

fn check_constraints(metadata: &Metadata, schema: &SchemaRef) -> Result<RecordBatch> {
    let all: Vec<Listed<'_>> = listed(metadata).into_iter().filter(|c| c.check.is_some()).collect();
    Columns::of(&all)
        .text("constraint_catalog", |_| metadata.database.as_str())
        .text("constraint_schema", |c| &c.relation.schema)
        .text("constraint_name", |c| &c.name)
        .opt_text("check_clause", |c| c.check.as_deref())
        .build(schema)
}

fn key_column_usage(metadata: &Metadata, schema: &SchemaRef) -> Result<RecordBatch> {
    let declared = constraints(metadata);
    let columns =
        declared.iter().flat_map(|d| d.constraint.kind.columns().iter().zip(1..).map(move |(c, n)| (d, c, n)));
    let all: Vec<(&Declared<'_>, &String, i32)> = columns.collect();
    Columns::of(&all)
        .text("constraint_catalog", |_| metadata.database.as_str())
        .text("constraint_schema", |(d, ..)| &d.relation.schema)
        .text("constraint_name", |(d, ..)| &d.constraint.name)
        .text("table_catalog", |_| metadata.database.as_str())
        .text("table_schema", |(d, ..)| &d.relation.schema)
        .text("table_name", |(d, ..)| &d.relation.name)
        .text("column_name", |(_, column, _)| *column)
        .int("ordinal_position", |(.., number)| *number)
        .opt_int("position_in_unique_constraint", |(d, _, number)| d.constraint.kind.target().map(|_| *number))
        .build(schema)
}

/// Keys with the tables that they are of, foreign keys with those that they lead to.
fn constraint_table_usage(metadata: &Metadata, schema: &SchemaRef) -> Result<RecordBatch> {
    let keys = constraints(metadata).into_iter().filter(|d| !matches!(d.constraint.kind, ConstraintKind::Check { .. }));
    let own = |d: &Declared<'_>| TableName::new(&d.relation.schema, &d.relation.name);
    let all: Vec<(TableName, Declared<'_>)> =
        keys.map(|d| (d.constraint.kind.target().unwrap_or_else(|| own(&d)), d)).collect();
    Columns::of(&all)
        .text("table_catalog", |_| metadata.database.as_str())
        .text("table_schema", |(table, _)| &table.schema)
        .text("table_name", |(table, _)| &table.name)
        .text("constraint_catalog", |_| metadata.database.as_str())
        .text("constraint_schema", |(_, d)| &d.relation.schema)
        .text("constraint_name", |(_, d)| &d.constraint.name)
        .build(schema)
}

fn constraint_column_usage(metadata: &Metadata, schema: &SchemaRef) -> Result<RecordBatch> {
    let mut all: Vec<(String, String, String, String, String)> = Vec::new();
    for listed in listed(metadata) {
        let Some(declared) = &listed.declared else { continue };
        let (table_schema, table, columns) = match &declared.constraint.kind {
            ConstraintKind::ForeignKey { schema, table, references, .. } => {
                (schema.clone(), table.clone(), references.clone())
            }
            _ => {
                let column = |n: &i32| declared.relation.columns.get(usize::try_from(*n).ok()?.checked_sub(1)?);
                let columns = declared.numbers().iter().filter_map(column).map(|c| c.name.clone()).collect();
                (declared.relation.schema.clone(), declared.relation.name.clone(), columns)
            }
        };
        all.extend(columns.into_iter().map(|column| {
            let schema = listed.relation.schema.clone();
            (table_schema.clone(), table.clone(), column, schema, listed.name.clone())
        }));
    }
    Columns::of(&all)
        .text("table_catalog", |_| metadata.database.as_str())
        .text("table_schema", |row| &row.0)
        .text("table_name", |row| &row.1)
        .text("column_name", |row| &row.2)
        .text("constraint_catalog", |_| metadata.database.as_str())
        .text("constraint_schema", |row| &row.3)
        .text("constraint_name", |row| &row.4)
        .build(schema)
}

fn referential_constraints(metadata: &Metadata, schema: &SchemaRef) -> Result<RecordBatch> {
    let keys: Vec<Declared<'_>> = all(metadata).into_iter().filter(|d| d.constraint.kind.target().is_some()).collect();
    // the key over there that has the same columns
    let unique = |d: &Declared<'_>| -> Option<(String, String)> {
        let ConstraintKind::ForeignKey { schema, table, references, .. } = &d.constraint.kind else { return None };
        let relation = metadata.find(schema, table)?;
        let key = of(relation).find(|key| key.index().is_some() && key.constraint.kind.columns() == references)?;
        Some((relation.schema.clone(), key.constraint.name.clone()))
    };
    Columns::of(&keys)
        .text("constraint_catalog", |_| metadata.database.as_str())
        .text("constraint_schema", |d| &d.relation.schema)
        .text("constraint_name", |d| &d.constraint.name)
        .opt_text("unique_constraint_catalog", |d| unique(d).map(|_| metadata.database.clone()))
        .opt_text("unique_constraint_schema", |d| unique(d).map(|(schema, _)| schema))
        .opt_text("unique_constraint_name", |d| unique(d).map(|(_, name)| name))
        .text("match_option", |d| if d.actions().is_some_and(|actions| actions.match_full) { "FULL" } else { "NONE" })
        .text("update_rule", |d| d.actions().and_then(|a| a.on_update.as_deref()).unwrap_or("NO ACTION"))
        .text("delete_rule", |d| d.actions().and_then(|a| a.on_delete.as_deref()).unwrap_or("NO ACTION"))
        .build(schema)
}
