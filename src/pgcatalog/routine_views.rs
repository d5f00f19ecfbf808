//! `information_schema.routines`, `parameters` and `routine_privileges`: PostgreSQL's functions that there are, and what
//! CALL takes.

use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::error::Result;

use super::OWNER;
use super::columns::Columns;
use super::functions::format_type;
use super::metadata::{Metadata, Procedure};
use super::routines::{self, Routine};
use crate::pgtypes::Type;

/// One of either.
enum Listed<'a> {
    Ours(&'a Procedure),
    Theirs(&'static Routine),
}

/// A type as the standard's views name it: what arrays are of is told elsewhere.
fn type_name(oid: u32) -> String {
    match Type::from_oid(oid) {
        Some(array) if array.name().starts_with('_') => "ARRAY".to_owned(),
        _ => format_type(oid, -1),
    }
}

fn type_own_name(oid: u32) -> Option<String> {
    Type::from_oid(oid).map(|pg_type| pg_type.name().to_owned())
}

impl Listed<'_> {
    fn name(&self) -> &str {
        match self {
            Self::Ours(procedure) => procedure.signature.name,
            Self::Theirs(routine) => routine.name,
        }
    }

    fn schema(&self) -> &'static str {
        match self {
            Self::Ours(_) => "public",
            Self::Theirs(routine) if routine.namespace == 11 => "pg_catalog",
            Self::Theirs(_) => "information_schema",
        }
    }

    fn specific_name(&self) -> String {
        let oid = match self {
            Self::Ours(procedure) => procedure.oid,
            Self::Theirs(routine) => routine.oid,
        };
        format!("{}_{oid}", self.name())
    }

    fn kind(&self) -> Option<&'static str> {
        match self {
            Self::Ours(procedure) if procedure.gives_rows => Some("FUNCTION"),
            Self::Ours(_) => Some("PROCEDURE"),
            Self::Theirs(routine) => (routine.kind == "f").then_some("FUNCTION"),
        }
    }

    /// OID of the type that it returns, if it returns anything.
    fn result(&self) -> Option<u32> {
        match self {
            Self::Ours(procedure) => procedure.gives_rows.then_some(Type::RECORD.oid()),
            Self::Theirs(routine) => Some(routine.result),
        }
    }

    fn theirs(&self) -> Option<&'static Routine> {
        match self {
            Self::Ours(_) => None,
            Self::Theirs(routine) => Some(routine),
        }
    }

    fn is_sql(&self) -> bool {
        self.theirs().is_some_and(|routine| routine.language_name() == "sql")
    }
}

fn listed(metadata: &Metadata) -> Vec<Listed<'_>> {
    let theirs = routines::kept(&metadata.functions).map(Listed::Theirs);
    theirs.chain(metadata.procedures.iter().map(Listed::Ours)).collect()
}

fn yes(holds: bool) -> &'static str {
    if holds { "YES" } else { "NO" }
}

pub(super) fn routines(metadata: &Metadata, schema: &SchemaRef) -> Result<RecordBatch> {
    let all = listed(metadata);
    let database = || metadata.database.as_str();
    Columns::of(&all)
        .text("specific_catalog", |_| database())
        .text("specific_schema", Listed::schema)
        .text("specific_name", Listed::specific_name)
        .text("routine_catalog", |_| database())
        .text("routine_schema", Listed::schema)
        .text("routine_name", Listed::name)
        .opt_text("routine_type", Listed::kind)
        .opt_text("data_type", |r| r.result().map(type_name))
        .opt_text("type_udt_catalog", |r| r.result().map(|_| database()))
        .opt_text("type_udt_schema", |r| r.result().map(|_| "pg_catalog"))
        .opt_text("type_udt_name", |r| r.result().and_then(type_own_name))
        .opt_text("dtd_identifier", |r| r.result().map(|_| "0"))
        .text("routine_body", |r| if r.is_sql() { "SQL" } else { "EXTERNAL" })
        .text("routine_definition", |r| r.theirs().map_or_else(|| r.name().to_owned(), |r| r.source.to_owned()))
        .opt_text("external_name", |r| r.theirs().filter(|r| r.language_name() == "c").map(|r| r.source))
        .text("external_language", |r| r.theirs().map_or("internal", Routine::language_name).to_uppercase())
        .text("parameter_style", |_| "GENERAL")
        .text("is_deterministic", |r| yes(r.theirs().is_some_and(|r| r.volatility == "i")))
        .text("sql_data_access", |_| "MODIFIES")
        .opt_text("is_null_call", |r| r.result().map(|_| yes(r.theirs().is_some_and(|r| r.strict))))
        .text("schema_level_routine", |_| "YES")
        .int("max_dynamic_result_sets", |_| 0)
        .text("security_type", |_| "INVOKER")
        .text("as_locator", |_| "NO")
        .text("is_udt_dependent", |_| "NO")
        .build(schema)
}

/// One argument or named result of a routine.
struct Parameter {
    specific_schema: &'static str,
    specific_name: String,
    number: i32,
    mode: &'static str,
    name: Option<String>,
    type_oid: u32,
    default: Option<&'static str>,
}

fn parameters_of(listed: &Listed<'_>) -> Vec<Parameter> {
    let parameter = |number: i32, mode: &'static str, name: String, type_oid, default| Parameter {
        specific_schema: listed.schema(),
        specific_name: listed.specific_name(),
        number,
        mode,
        name: Some(name).filter(|name| !name.is_empty()),
        type_oid,
        default,
    };
    match listed {
        Listed::Ours(procedure) => {
            let types = procedure.argument_types();
            let arguments = procedure.signature.arguments.iter().zip(types).zip(1..);
            let one = |(((name, ..), oid), number): ((&(&str, &str, bool), i32), i32)| {
                parameter(number, "IN", (*name).to_owned(), u32::try_from(oid).unwrap_or(0), None)
            };
            arguments.map(one).collect()
        }
        Listed::Theirs(routine) => {
            let one = |((oid, at), number): ((&u32, usize), i32)| {
                let mode = match routine.mode(at) {
                    "o" | "t" => "OUT",
                    "b" => "INOUT",
                    _ => "IN",
                };
                let name = routine.argument_names.get(at).cloned().unwrap_or_default();
                let default = routine.taken_as(at).and_then(|taken| routine.default_text(taken));
                parameter(number, mode, name, *oid, default)
            };
            routine.every_argument().iter().zip(0..).zip(1..).map(one).collect()
        }
    }
}

pub(super) fn parameters(metadata: &Metadata, schema: &SchemaRef) -> Result<RecordBatch> {
    let all: Vec<Parameter> = listed(metadata).iter().flat_map(parameters_of).collect();
    let database = || metadata.database.as_str();
    Columns::of(&all)
        .text("specific_catalog", |_| database())
        .text("specific_schema", |p| p.specific_schema)
        .text("specific_name", |p| &p.specific_name)
        .int("ordinal_position", |p| p.number)
        .text("parameter_mode", |p| p.mode)
        .text("is_result", |_| "NO")
        .text("as_locator", |_| "NO")
        .opt_text("parameter_name", |p| p.name.as_deref())
        .text("data_type", |p| type_name(p.type_oid))
        .text("udt_catalog", |_| database())
        .text("udt_schema", |_| "pg_catalog")
        .opt_text("udt_name", |p| type_own_name(p.type_oid))
        .text("dtd_identifier", |p| p.number.to_string())
        .opt_text("parameter_default", |p| p.default)
        .build(schema)
}

/// Everybody may call what there is.
pub(super) fn privileges(metadata: &Metadata, schema: &SchemaRef) -> Result<RecordBatch> {
    let all = listed(metadata);
    let granted: Vec<(&Listed<'_>, &str)> =
        all.iter().flat_map(|routine| [OWNER, "PUBLIC"].map(|grantee| (routine, grantee))).collect();
    let database = || metadata.database.as_str();
    Columns::of(&granted)
        .text("grantor", |_| OWNER)
        .text("grantee", |(_, grantee)| *grantee)
        .text("specific_catalog", |_| database())
        .text("specific_schema", |(r, _)| r.schema())
        .text("specific_name", |(r, _)| r.specific_name())
        .text("routine_catalog", |_| database())
        .text("routine_schema", |(r, _)| r.schema())
        .text("routine_name", |(r, _)| r.name())
        .text("privilege_type", |_| "EXECUTE")
        .text("is_grantable", |(_, grantee)| yes(*grantee == OWNER))
        .build(schema)
}
