//! `information_schema`, with PostgreSQL's names of types.

use std::collections::HashMap;

use datafusion::arrow::array::{AsArray, RecordBatch};
use datafusion::arrow::datatypes::{DataType, SchemaRef};
use datafusion::error::Result;

use super::columns::Columns;
use super::functions::format_type;
use super::layout::LAYOUTS;
use super::metadata::{Metadata, Relation};
use super::tables::{Attribute, all_attributes};
use super::{OWNER, constraints, defaults, postgres, routine_views, sequences, view_usage};
use crate::catalog::memberships::DATABASE_OWNER;
use crate::catalog::{EVERYBODY, Privilege, Rights};
use crate::pgtypes::{self, Type};

/// The rows of a view that is made from the lake; `None` for the others.
pub fn rows(metadata: &Metadata, name: &str) -> Option<Result<RecordBatch>> {
    let layout = LAYOUTS.get(&("information_schema", name))?;
    let schema = &layout.columns;
    Some(match name {
        "information_schema_catalog_name" => {
            Columns::of(&[()]).text("catalog_name", |()| metadata.database.as_str()).build(schema)
        }
        "schemata" => schemata(metadata, schema),
        "sequences" => sequences::information_schema(metadata, schema),
        "tables" => tables(metadata, schema),
        "columns" => columns(metadata, schema),
        "element_types" => element_types(metadata, schema),
        "data_type_privileges" => described_types(metadata, schema),
        "views" => views(metadata, schema),
        "table_privileges" | "role_table_grants" => table_privileges(metadata, schema),
        "column_privileges" | "role_column_grants" => column_privileges(metadata, schema),
        "routines" => routine_views::routines(metadata, schema),
        "parameters" => routine_views::parameters(metadata, schema),
        "routine_privileges" | "role_routine_grants" => routine_views::privileges(metadata, schema),
        "view_table_usage" => view_usage::of_tables(metadata, schema),
        "view_column_usage" => view_usage::of_columns(metadata, schema),
        "column_udt_usage" => column_types(metadata, schema),
        "collations" => collations(metadata, schema),
        "collation_character_set_applicability" => collations(metadata, schema),
        "character_sets" => Columns::of(&[()])
            .text("character_set_name", |()| "UTF8")
            .text("character_repertoire", |()| "UCS")
            .text("form_of_use", |()| "UTF8")
            .text("default_collate_catalog", |()| metadata.database.as_str())
            .text("default_collate_schema", |()| "pg_catalog")
            .text("default_collate_name", |()| "default")
            .build(schema),
        _ => return constraints::information_schema(metadata, name),
    })
}

fn schemata(metadata: &Metadata, schema: &SchemaRef) -> Result<RecordBatch> {
    Columns::of(&metadata.namespaces)
        .text("catalog_name", |_| metadata.database.as_str())
        .text("schema_name", |n| &n.name)
        .text("schema_owner", |n| if n.name == "public" { DATABASE_OWNER } else { OWNER })
        .build(schema)
}

fn tables(metadata: &Metadata, schema: &SchemaRef) -> Result<RecordBatch> {
    let relations: Vec<&Relation> = metadata.tables_and_views().filter(|r| r.kind != "m").collect();
    Columns::of(&relations)
        .text("table_catalog", |_| metadata.database.as_str())
        .text("table_schema", |r| &r.schema)
        .text("table_name", |r| &r.name)
        .text("table_type", |r| match r.kind {
            "v" => "VIEW",
            _ if r.schema.starts_with("pg_temp_") => "LOCAL TEMPORARY",
            _ => "BASE TABLE",
        })
        .text("is_insertable_into", |r| if r.kind == "r" { "YES" } else { "NO" })
        .text("is_typed", |_| "NO")
        .build(schema)
}

fn views(metadata: &Metadata, schema: &SchemaRef) -> Result<RecordBatch> {
    let views: Vec<&Relation> = metadata.relations().iter().filter(|r| r.kind == "v").collect();
    Columns::of(&views)
        .text("table_catalog", |_| metadata.database.as_str())
        .text("table_schema", |r| &r.schema)
        .text("table_name", |r| &r.name)
        .opt_text("view_definition", |r| r.definition.as_deref())
        .text("check_option", |_| "NONE")
        .text("is_updatable", |_| "NO")
        .text("is_insertable_into", |_| "NO")
        .text("is_trigger_updatable", |_| "NO")
        .text("is_trigger_deletable", |_| "NO")
        .text("is_trigger_insertable_into", |_| "NO")
        .build(schema)
}

fn columns(metadata: &Metadata, schema: &SchemaRef) -> Result<RecordBatch> {
    let attributes = all_attributes(metadata.tables_and_views().filter(|r| r.kind != "m"));
    let owned = metadata.relations().iter().filter_map(|relation| {
        let sequence = relation.sequence.as_ref()?;
        let owner = sequence.owned_by.as_ref()?;
        Some(((owner.table, owner.column.as_str()), sequence))
    });
    let owned: HashMap<_, _> = owned.collect();
    let numbering = |a: &Attribute| {
        a.column.identity.as_ref()?;
        owned.get(&(a.relation.id?, a.column.name.as_str())).copied()
    };
    Columns::of(&attributes)
        .text("table_catalog", |_| metadata.database.as_str())
        .text("table_schema", |a| &a.relation.schema)
        .text("table_name", |a| &a.relation.name)
        .text("column_name", |a| &a.column.name)
        .int("ordinal_position", |a| i32::from(a.number))
        // as with PostgreSQL's own search path
        .opt_text("column_default", |a| {
            defaults::default_text(a.column).map(|text| text.replacen("nextval('public.", "nextval('", 1))
        })
        .text("is_nullable", |a| if a.is_not_null() { "NO" } else { "YES" })
        .text("data_type", |a| type_name(&a.pg_type))
        .opt_int("character_maximum_length", length)
        // a character takes four bytes at most
        .opt_int("character_octet_length", |a| match a.pg_type {
            Type::TEXT => Some(1 << 30),
            Type::VARCHAR | Type::BPCHAR => Some(length(a).map_or(1 << 30, |length| length.saturating_mul(4))),
            _ => None,
        })
        .opt_int("numeric_precision", numeric_precision)
        .opt_int("numeric_precision_radix", |a| match a.pg_type {
            Type::NUMERIC => Some(10),
            _ => numeric_precision(a).map(|_| 2),
        })
        .opt_int("numeric_scale", numeric_scale)
        .opt_int("datetime_precision", datetime_precision)
        .text("udt_catalog", |_| metadata.database.as_str())
        .text("udt_schema", |_| "pg_catalog")
        .text("udt_name", |a| a.pg_type.name().to_owned())
        .text("dtd_identifier", |a| a.number.to_string())
        .text("is_self_referencing", |_| "NO")
        .text("is_identity", |a| if a.column.identity.is_some() { "YES" } else { "NO" })
        .opt_text("identity_generation", |a| a.column.identity.as_ref().map(|of| of.to_uppercase()))
        .opt_text("identity_start", |a| numbering(a).map(|sequence| sequence.start.to_string()))
        .opt_text("identity_increment", |a| numbering(a).map(|sequence| sequence.increment.to_string()))
        .opt_text("identity_minimum", |a| numbering(a).map(|sequence| sequence.min.to_string()))
        .opt_text("identity_maximum", |a| numbering(a).map(|sequence| sequence.max.to_string()))
        .text("identity_cycle", |a| if numbering(a).is_some_and(|sequence| sequence.cycle) { "YES" } else { "NO" })
        .text("is_generated", |a| if a.column.generated.is_some() { "ALWAYS" } else { "NEVER" })
        .opt_text("generation_expression", |a| a.column.generated.as_deref())
        .text("is_updatable", |a| if a.relation.kind == "r" { "YES" } else { "NO" })
        .build(schema)
}

/// The type of each column.
fn column_types(metadata: &Metadata, schema: &SchemaRef) -> Result<RecordBatch> {
    let attributes = all_attributes(metadata.tables_and_views().filter(|r| r.kind != "m"));
    Columns::of(&attributes)
        .text("udt_catalog", |_| metadata.database.as_str())
        .text("udt_schema", |_| "pg_catalog")
        .text("udt_name", |a| a.pg_type.name().to_owned())
        .text("table_catalog", |_| metadata.database.as_str())
        .text("table_schema", |a| &a.relation.schema)
        .text("table_name", |a| &a.relation.name)
        .text("column_name", |a| &a.column.name)
        .build(schema)
}

/// Collations for texts in UTF-8.
fn collations(metadata: &Metadata, schema: &SchemaRef) -> Result<RecordBatch> {
    let names = postgres::rows("pg_catalog", "pg_collation").and_then(|rows| rows.column_by_name("collname"));
    let names = names.and_then(|names| names.as_string_opt::<i32>());
    let names: Vec<&str> = names.into_iter().flatten().flatten().filter(|name| *name != "default").collect();
    Columns::of(&names)
        .text("collation_catalog", |_| metadata.database.as_str())
        .text("collation_schema", |_| "pg_catalog")
        .text("collation_name", |name| *name)
        .text("pad_attribute", |_| "NO PAD")
        .text("character_set_name", |_| "UTF8")
        .build(schema)
}

/// What the columns that are arrays hold.
fn element_types(metadata: &Metadata, schema: &SchemaRef) -> Result<RecordBatch> {
    let attributes = all_attributes(metadata.tables_and_views().filter(|r| r.kind != "m"));
    let elements = attributes.iter().filter_map(|a| Some((a, pgtypes::element_of(&a.pg_type)?)));
    let elements: Vec<_> = elements.filter(|(a, _)| a.pg_type.name().starts_with('_')).collect();
    Columns::of(&elements)
        .text("object_catalog", |_| metadata.database.as_str())
        .text("object_schema", |(a, _)| &a.relation.schema)
        .text("object_name", |(a, _)| &a.relation.name)
        .text("object_type", |(a, _)| if a.relation.kind == "v" { "VIEW" } else { "TABLE" })
        .text("collection_type_identifier", |(a, _)| a.number.to_string())
        .text("data_type", |(_, element)| format_type(element.oid(), -1))
        .text("udt_catalog", |_| metadata.database.as_str())
        .text("udt_schema", |_| "pg_catalog")
        .text("udt_name", |(_, element)| element.name().to_owned())
        .text("dtd_identifier", |(a, _)| format!("a{}", a.number))
        .build(schema)
}

/// `data_type_privileges`: of what there is a type to be told.
fn described_types(metadata: &Metadata, schema: &SchemaRef) -> Result<RecordBatch> {
    let attributes = all_attributes(metadata.tables_and_views().filter(|r| r.kind != "m"));
    Columns::of(&attributes)
        .text("object_catalog", |_| metadata.database.as_str())
        .text("object_schema", |a| &a.relation.schema)
        .text("object_name", |a| &a.relation.name)
        .text("object_type", |_| "TABLE")
        .text("dtd_identifier", |a| a.number.to_string())
        .build(schema)
}

/// Characters that a column takes, where it is declared.
fn length(attribute: &Attribute<'_>) -> Option<i32> {
    let modifier = pgtypes::column_modifier(&attribute.column.field());
    (matches!(attribute.pg_type, Type::VARCHAR | Type::BPCHAR) && modifier > 4).then_some(modifier - 4)
}

/// Arrays are `ARRAY` here; what they hold is told by `udt_name`.
fn type_name(pg_type: &Type) -> String {
    if pg_type.name().starts_with('_') { "ARRAY".to_owned() } else { format_type(pg_type.oid(), -1) }
}

/// Whether it is a `numeric` without a precision, whatever is kept of it.
fn is_undeclared(attribute: &Attribute<'_>) -> bool {
    attribute.pg_type == Type::NUMERIC && pgtypes::column_modifier(&attribute.column.field()) < 0
}

fn numeric_precision(attribute: &Attribute<'_>) -> Option<i32> {
    match (&attribute.pg_type, &attribute.column.data_type) {
        (&Type::INT2, _) => Some(16),
        (&Type::INT4, _) => Some(32),
        (&Type::INT8, _) => Some(64),
        (&Type::FLOAT4, _) => Some(24),
        (&Type::FLOAT8, _) => Some(53),
        _ if is_undeclared(attribute) => None,
        (_, DataType::Decimal128(precision, _) | DataType::Decimal256(precision, _)) => Some(i32::from(*precision)),
        _ => None,
    }
}

fn numeric_scale(attribute: &Attribute<'_>) -> Option<i32> {
    match (&attribute.pg_type, &attribute.column.data_type) {
        (&Type::INT2 | &Type::INT4 | &Type::INT8, _) => Some(0),
        _ if is_undeclared(attribute) => None,
        (_, DataType::Decimal128(_, scale) | DataType::Decimal256(_, scale)) => Some(i32::from(*scale)),
        _ => None,
    }
}

fn datetime_precision(attribute: &Attribute<'_>) -> Option<i32> {
    let modifier = pgtypes::column_modifier(&attribute.column.field());
    let told = |digits: i32| Some(if (0..6).contains(&digits) { digits } else { 6 });
    match attribute.pg_type {
        Type::DATE => Some(0),
        Type::TIMESTAMP | Type::TIMESTAMPTZ | Type::TIME => told(modifier),
        Type::INTERVAL => told(modifier & 0xffff),
        _ => None,
    }
}

/// Who holds which privileges on a relation, the owner first.
fn holders(relation: &Relation) -> impl Iterator<Item = (&str, Privilege)> {
    let named = |user| if user == EVERYBODY { "PUBLIC" } else { user };
    let others = relation.rights.iter().flat_map(Rights::held);
    let others = others.flat_map(move |(user, held)| held.iter().map(move |privilege| (named(user), *privilege)));
    Privilege::ALL.into_iter().map(|privilege| (OWNER, privilege)).chain(others)
}

fn table_privileges(metadata: &Metadata, schema: &SchemaRef) -> Result<RecordBatch> {
    let relations = metadata.user_relations().filter(|r| r.kind != "m");
    let all: Vec<(&Relation, &str, Privilege)> =
        relations.flat_map(|r| holders(r).map(move |(user, p)| (r, user, p))).collect();
    Columns::of(&all)
        .text("grantor", |_| OWNER)
        .text("grantee", |(_, user, _)| *user)
        .text("table_catalog", |_| metadata.database.as_str())
        .text("table_schema", |(r, ..)| &r.schema)
        .text("table_name", |(r, ..)| &r.name)
        .text("privilege_type", |(_, _, privilege)| privilege.word())
        .text("is_grantable", |(_, user, _)| if *user == OWNER { "YES" } else { "NO" })
        .text("with_hierarchy", |(_, _, privilege)| if *privilege == Privilege::Select { "YES" } else { "NO" })
        .build(schema)
}

fn column_privileges(metadata: &Metadata, schema: &SchemaRef) -> Result<RecordBatch> {
    let attributes = all_attributes(metadata.user_relations().filter(|r| r.kind != "m"));
    let kinds = ["INSERT", "SELECT", "UPDATE", "REFERENCES"];
    let all: Vec<(&Attribute<'_>, &str)> = attributes.iter().flat_map(|a| kinds.iter().map(move |p| (a, *p))).collect();
    Columns::of(&all)
        .text("grantor", |_| OWNER)
        .text("grantee", |_| OWNER)
        .text("table_catalog", |_| metadata.database.as_str())
        .text("table_schema", |(a, _)| &a.relation.schema)
        .text("table_name", |(a, _)| &a.relation.name)
        .text("column_name", |(a, _)| &a.column.name)
        .text("privilege_type", |(_, privilege)| *privilege)
        .text("is_grantable", |_| "YES")
        .build(schema)
}
