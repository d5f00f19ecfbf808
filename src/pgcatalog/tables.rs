//! The catalogs of `pg_catalog` that describe the lake.

use std::sync::LazyLock;

use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::compute::concat_batches;
use datafusion::arrow::datatypes::{DataType, SchemaRef};
use datafusion::error::Result;

use super::columns::Columns;
use super::layout::LAYOUTS;
use super::metadata::{Metadata, Procedure, Relation};
use super::metadata::{ROW_ARRAY_TYPE, RULE};
use super::{
    DATABASE_OID, OWNER, OWNER_OID, constraints, defaults, dependencies, postgres, routines, sequences, statistics,
};
use crate::catalog::memberships::DATABASE_OWNER;
use crate::catalog::{Column, Privilege, Rights};
use crate::pgtypes::{self, Type};
use crate::table::ConstraintKind;

/// Bytes of one of PostgreSQL's pages, which `relpages` counts.
const PAGE_BYTES: u64 = 8192;

/// The rows of a catalog that is made from the lake; `None` for the others.
pub fn rows(metadata: &Metadata, name: &str) -> Option<Result<RecordBatch>> {
    let layout = LAYOUTS.get(&("pg_catalog", name))?;
    let schema = &layout.columns;
    let relations = metadata.relations();
    Some(match name {
        "pg_namespace" => namespaces(metadata, schema),
        "pg_class" => classes(metadata, schema),
        "pg_attribute" => attributes(relations, schema),
        "pg_description" => descriptions(metadata, schema),
        "pg_tables" => pg_tables(metadata, schema),
        "pg_views" => pg_views(relations, schema),
        "pg_proc" => procedures(metadata, schema),
        "pg_type" => types(metadata, schema),
        "pg_constraint" => constraints::pg_constraint(metadata, schema),
        "pg_index" => constraints::pg_index(metadata, schema),
        "pg_indexes" => constraints::pg_indexes(metadata, schema),
        "pg_attrdef" => defaults::pg_attrdef(metadata, schema),
        "pg_matviews" => pg_matviews(metadata, schema),
        "pg_rewrite" => rules(metadata, schema),
        "pg_depend" => dependencies::rows(metadata, schema),
        "pg_sequence" => sequences::pg_sequence(metadata, schema),
        "pg_database" => databases(metadata, schema),
        "pg_extension" => extensions(metadata, schema),
        "pg_available_extensions" => available_extensions(schema),
        _ => return statistics::of_relations(metadata, name, schema),
    })
}

fn namespaces(metadata: &Metadata, schema: &SchemaRef) -> Result<RecordBatch> {
    Columns::of(&metadata.namespaces)
        .oid("oid", |n| n.oid)
        .text("nspname", |n| &n.name)
        .oid("nspowner", |n| if n.name == "public" { DATABASE_OWNER_OID } else { OWNER_OID })
        // as initdb leaves them: everybody may use them
        .texts("nspacl", |n| {
            let owner = match n.name.as_str() {
                "public" => DATABASE_OWNER,
                "pg_catalog" | "information_schema" => OWNER,
                _ if n.rights.is_some() => OWNER,
                _ => return None,
            };
            let own = format!("{owner}=UC/{owner}");
            Some(match &n.rights {
                None => vec![own, format!("=U/{owner}")],
                Some(rights) => {
                    let others = access_list(rights).into_iter().skip(1);
                    let granted = |item: String| item.replace(&format!("/{OWNER}"), &format!("/{owner}"));
                    std::iter::once(own).chain(others.map(granted)).collect()
                }
            })
        })
        .build(schema)
}

/// OID of the role that owns what belongs to who owns the database.
const DATABASE_OWNER_OID: u32 = 6171;

/// Who holds what, the owner first.
fn access_list(rights: &Rights) -> Vec<String> {
    let item = |user: &str, held: &mut dyn Iterator<Item = Privilege>| {
        let letters: String = held.map(Privilege::letter).collect();
        format!("{user}={letters}/{OWNER}")
    };
    let others = rights.held().map(|(user, held)| item(user, &mut held.iter().copied()));
    std::iter::once(item(OWNER, &mut Privilege::ALL.into_iter())).chain(others).collect()
}

fn classes(metadata: &Metadata, schema: &SchemaRef) -> Result<RecordBatch> {
    let relations = metadata.relations();
    let in_keys = constraints::in_foreign_keys(metadata);
    let natts = |r: &Relation| i16::try_from(r.columns.len()).unwrap_or(i16::MAX);
    let pages = |r: &Relation| i32::try_from(r.bytes.div_ceil(PAGE_BYTES)).unwrap_or(i32::MAX);
    let declared = |r: &Relation| constraints::with_oid(metadata, r.oid).filter(|_| r.kind == "i");
    Columns::of(relations)
        .oid("oid", |r| r.oid)
        .text("relname", |r| &r.name)
        .oid("relnamespace", |r| r.namespace)
        .oid("reltype", |r| r.row_type)
        .oid("relowner", |_| OWNER_OID)
        // 2 is heap, which is what psql takes an ordinary table for; 403 is btree
        .oid("relam", |r| match r.kind {
            "r" | "m" => 2,
            "i" => declared(r).and_then(|index| index.method()).map_or(403, |method| method.oid),
            _ => 0,
        })
        .texts("reloptions", |r| {
            let parameters = declared(r).map(|index| index.parameters().to_vec());
            parameters.filter(|parameters| !parameters.is_empty())
        })
        .oid("relfilenode", |r| if r.kind == "r" { r.oid } else { 0 })
        .int("relpages", pages)
        .real("reltuples", |r| r.rows.map_or(-1.0, |rows| rows as f32))
        .text("relpersistence", |r| if r.schema.starts_with("pg_temp_") { "t" } else { "p" })
        .text("relkind", |r| r.kind)
        .texts("relacl", |r| r.rights.as_ref().map(access_list))
        .small("relnatts", natts)
        .int("relfrozenxid", |_| 0)
        .flag("relhasindex", |r| constraints::of(r).any(|declared| declared.index().is_some()))
        .small("relchecks", |r| {
            let checks = r.constraints.iter().filter(|c| matches!(c.kind, ConstraintKind::Check { .. }));
            i16::try_from(checks.count()).unwrap_or(i16::MAX)
        })
        .flag("relhasrules", Relation::is_view)
        // PostgreSQL has triggers keep foreign keys: what dumps tables looks for keys where there are some
        .flag("relhastriggers", |r| in_keys.contains(&r.oid))
        .flag("relispopulated", |r| !r.unpopulated)
        .text("relreplident", |r| if matches!(r.kind, "r" | "m") && r.schema != "pg_catalog" { "d" } else { "n" })
        .build(schema)
}

/// A column with its relation and number, from 1.
pub struct Attribute<'a> {
    pub relation: &'a Relation,
    pub number: i16,
    pub column: &'a Column,
    pub pg_type: Type,
}

impl Attribute<'_> {
    /// OID of the collation of its values; 0 where they have none.
    pub fn collation(&self) -> u32 {
        let at = usize::try_from(self.number - 1).ok();
        let told = at.and_then(|at| self.relation.collations.get(at)).copied();
        told.unwrap_or_else(|| postgres::type_collation(self.pg_type.oid()))
    }

    /// Whether it is declared so; columns of views never are.
    pub fn is_not_null(&self) -> bool {
        !self.column.nullable && (self.number < 0 || self.relation.kind == "r")
    }
}

pub fn all_attributes<'a>(relations: impl Iterator<Item = &'a Relation>) -> Vec<Attribute<'a>> {
    relations
        .flat_map(|relation| {
            relation.columns.iter().zip(1i16..).map(move |(column, number)| Attribute {
                relation,
                number,
                column,
                pg_type: relation.type_of(column),
            })
        })
        .collect()
}

/// The columns that every table has besides its own, by their numbers: the first is -1.
pub const SYSTEM_COLUMNS: [&str; 6] = ["ctid", "xmin", "cmin", "xmax", "cmax", "tableoid"];

fn system_attributes(relation: &Relation) -> impl Iterator<Item = Attribute<'_>> {
    static SYSTEM: LazyLock<[(Column, Type); 6]> = LazyLock::new(|| {
        let columns = [
            ("ctid", Type::TID),
            ("xmin", Type::XID),
            ("cmin", Type::CID),
            ("xmax", Type::XID),
            ("cmax", Type::CID),
            ("tableoid", Type::OID),
        ];
        columns.map(|(name, pg_type)| (Column::new(name, DataType::Int32, false), pg_type))
    });
    let system: &'static [(Column, Type); 6] = &SYSTEM;
    let numbers = (1i16..).map(|number| -number);
    system.iter().zip(numbers).map(move |((column, pg_type), number)| Attribute {
        relation,
        number,
        column,
        pg_type: pg_type.clone(),
    })
}

fn attributes(relations: &[Relation], schema: &SchemaRef) -> Result<RecordBatch> {
    let mut attributes = all_attributes(relations.iter());
    let stored = relations.iter().filter(|relation| ["r", "m", "S"].contains(&relation.kind));
    attributes.extend(stored.flat_map(system_attributes));
    Columns::of(&attributes)
        .oid("attrelid", |a| a.relation.oid)
        .text("attname", |a| &a.column.name)
        .oid("atttypid", |a| a.pg_type.oid())
        .int("attstattarget", |a| if a.number < 0 { 0 } else { -1 })
        .small("attlen", |a| pgtypes::type_size(&a.pg_type))
        .small("attnum", |a| a.number)
        .int("attndims", |a| match pgtypes::dimensions(a.column.field().data_type()) {
            0 => i32::from(is_array(&a.pg_type)),
            several => i32::try_from(several).unwrap_or(1),
        })
        .int("attcacheoff", |_| -1)
        .int("atttypmod", |a| pgtypes::column_modifier(&a.column.field()))
        .flag("attbyval", |a| a.pg_type != Type::TID && (1..=8).contains(&pgtypes::type_size(&a.pg_type)))
        .text("attalign", |a| postgres::type_align(a.pg_type.oid()))
        .text("attstorage", |a| match a.pg_type {
            Type::NUMERIC => "m",
            ref other if pgtypes::type_size(other) < 0 => "x",
            _ => "p",
        })
        .text("attcompression", |_| "")
        .flag("attnotnull", Attribute::is_not_null)
        .flag("atthasdef", |a| a.column.default.is_some() || a.column.generated.is_some())
        .text("attidentity", |a| match a.column.identity.as_deref() {
            Some("always") => "a",
            Some(_) => "d",
            None => "",
        })
        .text("attgenerated", |a| if a.column.generated.is_some() { "s" } else { "" })
        .flag("attislocal", |_| true)
        .oid("attcollation", Attribute::collation)
        .build(schema)
}

fn is_array(pg_type: &Type) -> bool {
    pg_type.name().starts_with('_')
}

struct Description<'a> {
    oid: u32,
    class: u32,
    number: i32,
    text: &'a str,
}

/// OIDs of the catalogs that described objects are in.
pub const PG_CLASS: u32 = 1259;
pub const PG_ATTRDEF: u32 = 2604;
pub const PG_CONSTRAINT: u32 = 2606;
pub const PG_PROC: u32 = 1255;
pub const PG_NAMESPACE: u32 = 2615;
pub const PG_TYPE: u32 = 1247;
pub const PG_REWRITE: u32 = 2618;
pub const PG_EXTENSION: u32 = 3079;

fn descriptions(metadata: &Metadata, schema: &SchemaRef) -> Result<RecordBatch> {
    let mut all = Vec::new();
    for relation in metadata.relations() {
        let own = relation.comment.as_deref().map(|text| (0, text));
        // the columns of an index are named like those of its table, and not described
        let described = relation.columns.iter().filter(|_| relation.kind != "i");
        let columns = described.zip(1..).filter_map(|(c, n)| Some((n, c.comment.as_deref()?)));
        all.extend(own.into_iter().chain(columns).map(|(number, text)| Description {
            oid: relation.oid,
            class: PG_CLASS,
            number,
            text,
        }));
        all.extend(constraints::of(relation).filter_map(|declared| {
            let text = declared.comment()?;
            Some(Description { oid: declared.oid, class: PG_CONSTRAINT, number: 0, text })
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
    let ours = Columns::of(&all)
        .oid("objoid", |d| d.oid)
        .oid("classoid", |d| d.class)
        .int("objsubid", |d| d.number)
        .text("description", |d| d.text)
        .build(schema)?;
    with_postgres("pg_description", &ours)
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

fn pg_tables(metadata: &Metadata, schema: &SchemaRef) -> Result<RecordBatch> {
    let tables: Vec<&Relation> = metadata.relations().iter().filter(|r| r.kind == "r").collect();
    let in_keys = constraints::in_foreign_keys(metadata);
    Columns::of(&tables)
        .text("schemaname", |r| &r.schema)
        .text("tablename", |r| &r.name)
        .text("tableowner", |_| OWNER)
        .flag("hasindexes", |r| constraints::of(r).any(|declared| declared.index().is_some()))
        .flag("hasrules", |_| false)
        .flag("hastriggers", |r| in_keys.contains(&r.oid))
        .flag("rowsecurity", |_| false)
        .build(schema)
}

fn pg_matviews(metadata: &Metadata, schema: &SchemaRef) -> Result<RecordBatch> {
    let views: Vec<&Relation> = metadata.user_relations().filter(|r| r.kind == "m").collect();
    Columns::of(&views)
        .text("schemaname", |r| &r.schema)
        .text("matviewname", |r| &r.name)
        .text("matviewowner", |_| OWNER)
        .flag("hasindexes", |_| false)
        .flag("ispopulated", |r| !r.unpopulated)
        .opt_text("definition", |r| r.definition.as_deref())
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
        .real("procost", |_| 1.0)
        .real("prorows", |p| if p.gives_rows { 1000.0 } else { 0.0 })
        .numbers("proargtypes", |p| Some(p.argument_types()))
        .text("prosrc", |p| p.signature.name)
        .build(schema)?;
    let theirs = routines::rows(&metadata.functions);
    Ok(concat_batches(schema, theirs.into_iter().chain([&ours]))?)
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

/// To PostgreSQL's clients, what the server adds to PostgreSQL is an extension: pg_dump leaves its members out.
pub const LAKEWIRE_EXTENSION: u32 = 13_997;

/// What the server has that PostgreSQL takes from an extension.
/// OID, name, version and schema of each.
const EXTENSIONS: [(u32, &str, &str, &str); 2] = [
    (13_999, "pg_stat_statements", "1.10", "pg_catalog"),
    (LAKEWIRE_EXTENSION, "lakewire", env!("CARGO_PKG_VERSION"), "lakewire"),
];

/// All that there are, are there already.
fn available_extensions(schema: &SchemaRef) -> Result<RecordBatch> {
    Columns::of(&EXTENSIONS)
        .text("name", |(_, name, ..)| *name)
        .text("default_version", |(.., version, _)| *version)
        .text("installed_version", |(.., version, _)| *version)
        .build(schema)
}

fn extensions(metadata: &Metadata, schema: &SchemaRef) -> Result<RecordBatch> {
    Columns::of(&EXTENSIONS)
        .oid("oid", |(oid, ..)| *oid)
        .text("extname", |(_, name, ..)| *name)
        .oid("extowner", |_| OWNER_OID)
        .oid("extnamespace", |(.., schema)| metadata.namespace_named(schema).map_or(0, |namespace| namespace.oid))
        .text("extversion", |(.., version, _)| *version)
        .build(schema)
}

/// PostgreSQL's own types, and for each relation that of its rows and of arrays of them.
fn types(metadata: &Metadata, schema: &SchemaRef) -> Result<RecordBatch> {
    let relations: Vec<&Relation> = metadata.user_relations().collect();
    let rows: Vec<(&Relation, bool)> = relations.iter().flat_map(|r| [(*r, false), (*r, true)]).collect();
    let pick = |array: bool, of_array: u32, of_rows: u32| if array { of_array } else { of_rows };
    let array_type = |r: &Relation| r.oid | ROW_ARRAY_TYPE;
    // record_in, record_out, record_recv, record_send; their array kin
    let ours = Columns::of(&rows)
        .oid("oid", |(r, array)| pick(*array, array_type(r), r.row_type))
        .text("typname", |(r, array)| if *array { format!("_{}", r.name) } else { r.name.clone() })
        .oid("typnamespace", |(r, _)| r.namespace)
        .oid("typowner", |_| OWNER_OID)
        .small("typlen", |_| -1)
        .text("typtype", |(_, array)| if *array { "b" } else { "c" })
        .text("typcategory", |(_, array)| if *array { "A" } else { "C" })
        .flag("typisdefined", |_| true)
        .text("typdelim", |_| ",")
        .oid("typrelid", |(r, array)| pick(*array, 0, r.oid))
        .oid("typsubscript", |(_, array)| pick(*array, 6179, 0))
        .oid("typelem", |(r, array)| pick(*array, r.row_type, 0))
        .oid("typarray", |(r, array)| pick(*array, 0, array_type(r)))
        .oid("typinput", |(_, array)| pick(*array, 750, 2290))
        .oid("typoutput", |(_, array)| pick(*array, 751, 2291))
        .oid("typreceive", |(_, array)| pick(*array, 2400, 2402))
        .oid("typsend", |(_, array)| pick(*array, 2401, 2403))
        .oid("typanalyze", |(_, array)| pick(*array, 3816, 0))
        .text("typalign", |_| "d")
        .text("typstorage", |_| "x")
        .int("typtypmod", |_| -1)
        .build(schema)?;
    with_postgres("pg_type", &ours)
}

/// PostgreSQL's own rows, then ours.
fn with_postgres(name: &str, ours: &RecordBatch) -> Result<RecordBatch> {
    let theirs = postgres::rows("pg_catalog", name);
    Ok(concat_batches(ours.schema_ref(), theirs.into_iter().chain([ours]))?)
}

/// Each view's rule, by which a query of the view becomes one of its tables.
fn rules(metadata: &Metadata, schema: &SchemaRef) -> Result<RecordBatch> {
    let views: Vec<&Relation> = metadata.user_relations().filter(|r| r.is_view()).collect();
    Columns::of(&views)
        .oid("oid", |r| r.oid | RULE)
        .text("rulename", |_| "_RETURN")
        .oid("ev_class", |r| r.oid)
        .text("ev_type", |_| "1")
        .text("ev_enabled", |_| "O")
        .flag("is_instead", |_| true)
        .text("ev_qual", |_| "<>")
        .text("ev_action", |_| "<>")
        .build(schema)
}
