//! The catalogs of `pg_catalog` that describe the lake.

use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::compute::concat_batches;
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::error::Result;

use super::columns::Columns;
use super::layout::LAYOUTS;
use super::metadata::{Metadata, Procedure, Relation};
use super::{DATABASE_OID, OWNER, OWNER_OID, statics};
use crate::catalog::Column;
use crate::engine::Settings;
use crate::pgtypes::{self, Type};

/// Bytes of one of PostgreSQL's pages, which `relpages` counts.
const PAGE_BYTES: u64 = 8192;

/// The rows of a catalog that is made from the lake; `None` for the others.
pub fn rows(metadata: &Metadata, name: &str) -> Option<Result<RecordBatch>> {
    let layout = LAYOUTS.get(&("pg_catalog", name))?;
    let schema = &layout.columns;
    let relations = metadata.relations();
    Some(match name {
        "pg_namespace" => namespaces(metadata, schema),
        "pg_class" => classes(relations, schema),
        "pg_attribute" => attributes(relations, schema),
        "pg_description" => descriptions(metadata, schema),
        "pg_tables" => pg_tables(relations, schema),
        "pg_views" => pg_views(relations, schema),
        "pg_proc" => procedures(metadata, schema),
        "pg_database" => databases(metadata, schema),
        "pg_roles" | "pg_authid" => roles(schema),
        "pg_user" | "pg_shadow" => users(schema),
        "pg_settings" => settings(schema),
        "pg_stat_user_tables" | "pg_stat_all_tables" => statistics(relations, schema),
        _ => return None,
    })
}

fn namespaces(metadata: &Metadata, schema: &SchemaRef) -> Result<RecordBatch> {
    Columns::of(&metadata.namespaces)
        .oid("oid", |n| n.oid)
        .text("nspname", |n| &n.name)
        .oid("nspowner", |_| OWNER_OID)
        .build(schema)
}

fn classes(relations: &[Relation], schema: &SchemaRef) -> Result<RecordBatch> {
    let natts = |r: &Relation| i16::try_from(r.columns.len()).unwrap_or(i16::MAX);
    let pages = |r: &Relation| i32::try_from(r.bytes.div_ceil(PAGE_BYTES)).unwrap_or(i32::MAX);
    Columns::of(relations)
        .oid("oid", |r| r.oid)
        .text("relname", |r| &r.name)
        .oid("relnamespace", |r| r.namespace)
        .oid("relowner", |_| OWNER_OID)
        // 2 is heap, which is what psql takes an ordinary table for.
        .oid("relam", |r| if r.kind == "r" { 2 } else { 0 })
        .oid("relfilenode", |r| if r.kind == "r" { r.oid } else { 0 })
        .int("relpages", pages)
        .real("reltuples", |r| r.rows.map_or(-1.0, |rows| rows as f32))
        .text("relpersistence", |r| if r.schema.starts_with("pg_temp_") { "t" } else { "p" })
        .text("relkind", |r| r.kind)
        .small("relnatts", natts)
        .flag("relhasrules", |r| r.kind == "v")
        .flag("relispopulated", |_| true)
        .text("relreplident", |r| if r.kind == "r" { "d" } else { "n" })
        .build(schema)
}

/// A column with its relation and number, from 1.
pub struct Attribute<'a> {
    pub relation: &'a Relation,
    pub number: i16,
    pub column: &'a Column,
    pub pg_type: Type,
}

pub fn all_attributes<'a>(relations: impl Iterator<Item = &'a Relation>) -> Vec<Attribute<'a>> {
    relations
        .flat_map(|relation| {
            relation.columns.iter().zip(1i16..).map(move |(column, number)| Attribute {
                relation,
                number,
                column,
                pg_type: pgtypes::column_type(&column.field()),
            })
        })
        .collect()
}

fn attributes(relations: &[Relation], schema: &SchemaRef) -> Result<RecordBatch> {
    let attributes = all_attributes(relations.iter());
    Columns::of(&attributes)
        .oid("attrelid", |a| a.relation.oid)
        .text("attname", |a| &a.column.name)
        .oid("atttypid", |a| a.pg_type.oid())
        .int("attstattarget", |_| -1)
        .small("attlen", |a| pgtypes::type_size(&a.pg_type))
        .small("attnum", |a| a.number)
        .int("attndims", |a| i32::from(is_array(&a.pg_type)))
        .int("attcacheoff", |_| -1)
        .int("atttypmod", |a| pgtypes::column_modifier(&a.column.field()))
        .flag("attbyval", |a| (1..=8).contains(&pgtypes::type_size(&a.pg_type)))
        .text("attalign", |_| "i")
        .text("attstorage", |a| match a.pg_type {
            Type::NUMERIC => "m",
            ref other if pgtypes::type_size(other) < 0 => "x",
            _ => "p",
        })
        .text("attcompression", |_| "")
        .flag("attnotnull", |a| !a.column.nullable)
        .text("attidentity", |_| "")
        .text("attgenerated", |_| "")
        .flag("attislocal", |_| true)
        // 100 is the database's default collation.
        .oid("attcollation", |a| if is_text(&a.pg_type) { 100 } else { 0 })
        .build(schema)
}

fn is_array(pg_type: &Type) -> bool {
    pg_type.name().starts_with('_')
}

fn is_text(pg_type: &Type) -> bool {
    matches!(*pg_type, Type::TEXT | Type::VARCHAR | Type::BPCHAR)
}

struct Description<'a> {
    oid: u32,
    class: u32,
    number: i32,
    text: &'a str,
}

/// OIDs of the catalogs that described objects are in.
const PG_CLASS: u32 = 1259;
const PG_PROC: u32 = 1255;
const PG_NAMESPACE: u32 = 2615;

fn descriptions(metadata: &Metadata, schema: &SchemaRef) -> Result<RecordBatch> {
    let mut all = Vec::new();
    for relation in metadata.relations() {
        let own = relation.comment.as_deref().map(|text| (0, text));
        let columns = relation.columns.iter().zip(1..).filter_map(|(c, n)| Some((n, c.comment.as_deref()?)));
        all.extend(own.into_iter().chain(columns).map(|(number, text)| Description {
            oid: relation.oid,
            class: PG_CLASS,
            number,
            text,
        }));
    }
    all.extend(metadata.procedures.iter().map(|procedure| Description {
        oid: procedure.oid,
        class: PG_PROC,
        number: 0,
        text: procedure.signature.comment,
    }));
    all.extend(metadata.namespaces.iter().filter_map(|namespace| {
        let text = metadata.schema_comment(&namespace.name)?;
        Some(Description { oid: namespace.oid, class: PG_NAMESPACE, number: 0, text })
    }));
    Columns::of(&all)
        .oid("objoid", |d| d.oid)
        .oid("classoid", |d| d.class)
        .int("objsubid", |d| d.number)
        .text("description", |d| d.text)
        .build(schema)
}

/// What the layers are for.
pub fn schema_comment(schema: &str) -> Option<&'static str> {
    Some(match schema {
        "bronze" => "raw data as it arrived",
        "silver" => "clean data",
        "gold" => "business figures",
        "analytics" => "customer scores and forecasts",
        "lakewire" => "what the server knows about itself",
        "public" => "standard public schema",
        _ => return None,
    })
}

fn pg_tables(relations: &[Relation], schema: &SchemaRef) -> Result<RecordBatch> {
    let tables: Vec<&Relation> = relations.iter().filter(|r| r.kind == "r").collect();
    Columns::of(&tables)
        .text("schemaname", |r| &r.schema)
        .text("tablename", |r| &r.name)
        .text("tableowner", |_| OWNER)
        .flag("hasindexes", |_| false)
        .flag("hasrules", |_| false)
        .flag("hastriggers", |_| false)
        .flag("rowsecurity", |_| false)
        .build(schema)
}

fn pg_views(relations: &[Relation], schema: &SchemaRef) -> Result<RecordBatch> {
    let views: Vec<&Relation> = relations.iter().filter(|r| r.kind == "v").collect();
    Columns::of(&views)
        .text("schemaname", |r| &r.schema)
        .text("viewname", |r| &r.name)
        .text("viewowner", |_| OWNER)
        .opt_text("definition", |r| r.definition.as_deref())
        .build(schema)
}

/// PostgreSQL's own functions, and the procedures that CALL takes.
fn procedures(metadata: &Metadata, schema: &SchemaRef) -> Result<RecordBatch> {
    let namespace = metadata.namespace_named("public").map_or(0, |namespace| namespace.oid);
    let count = |p: &Procedure| i16::try_from(p.signature.arguments.len()).unwrap_or(0);
    let defaults = |p: &Procedure| p.signature.arguments.iter().filter(|(.., default)| *default).count();
    let ours = Columns::of(&metadata.procedures)
        .oid("oid", |p| p.oid)
        .text("proname", |p| p.signature.name)
        .oid("pronamespace", |_| namespace)
        .oid("proowner", |_| OWNER_OID)
        // 12 is `internal`, 2278 is `void`, 2249 is `record`.
        .oid("prolang", |_| 12)
        .text("prokind", |p| if p.gives_rows { "f" } else { "p" })
        .flag("proretset", |p| p.gives_rows)
        .text("provolatile", |p| if p.gives_rows { "s" } else { "v" })
        .text("proparallel", |_| "u")
        .small("pronargs", count)
        .small("pronargdefaults", |p| i16::try_from(defaults(p)).unwrap_or(0))
        .oid("prorettype", |p| if p.gives_rows { 2249 } else { 2278 })
        .texts("proargnames", |p| Some(p.signature.arguments.iter().map(|(name, ..)| (*name).to_owned()).collect()))
        .text("prosrc", |p| p.signature.name)
        .build(schema)?;
    let theirs = statics::procedures().unwrap_or_default();
    let schema = statics::relaxed(schema);
    let batches: Vec<RecordBatch> =
        theirs.iter().chain([&ours]).map(|batch| statics::adapted(batch, &schema)).collect::<Result<_>>()?;
    Ok(concat_batches(&schema, &batches)?)
}

fn databases(metadata: &Metadata, schema: &SchemaRef) -> Result<RecordBatch> {
    Columns::of(&[()])
        .oid("oid", |()| DATABASE_OID)
        .text("datname", |()| metadata.database.as_str())
        .oid("datdba", |()| OWNER_OID)
        // 6 is UTF8.
        .int("encoding", |()| 6)
        .text("datlocprovider", |()| "c")
        .flag("datallowconn", |()| true)
        .int("datconnlimit", |()| -1)
        .oid("dattablespace", |()| 1663)
        .text("datcollate", |()| "C")
        .text("datctype", |()| "C")
        .build(schema)
}

fn roles(schema: &SchemaRef) -> Result<RecordBatch> {
    let owner = Columns::of(&[()])
        .oid("oid", |()| OWNER_OID)
        .text("rolname", |()| OWNER)
        .flag("rolsuper", |()| true)
        .flag("rolinherit", |()| true)
        .flag("rolcanlogin", |()| true)
        .int("rolconnlimit", |()| -1);
    owner.build(schema)
}

fn users(schema: &SchemaRef) -> Result<RecordBatch> {
    Columns::of(&[()])
        .text("usename", |()| OWNER)
        .oid("usesysid", |()| OWNER_OID)
        .flag("usesuper", |()| true)
        .build(schema)
}

/// Defaults: a session's own values are shown by SHOW and `current_setting`.
fn settings(schema: &SchemaRef) -> Result<RecordBatch> {
    let all = Settings::default().all();
    Columns::of(&all)
        .text("name", |(name, ..)| name)
        .text("setting", |(_, value, _)| value)
        .text("category", |_| "Lakewire")
        .text("short_desc", |(.., description)| description)
        .text("context", |_| "user")
        .text("vartype", |_| "string")
        .text("source", |_| "default")
        .text("boot_val", |(_, value, _)| value)
        .text("reset_val", |(_, value, _)| value)
        .flag("pending_restart", |_| false)
        .build(schema)
}

fn statistics(relations: &[Relation], schema: &SchemaRef) -> Result<RecordBatch> {
    let tables: Vec<&Relation> = relations.iter().filter(|r| r.kind == "r" && !r.system).collect();
    Columns::of(&tables)
        .oid("relid", |r| r.oid)
        .text("schemaname", |r| &r.schema)
        .text("relname", |r| &r.name)
        .big("n_live_tup", |r| r.rows.and_then(|rows| i64::try_from(rows).ok()))
        .big("n_dead_tup", |_| Some(0))
        .build(schema)
}
