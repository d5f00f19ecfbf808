//! `pg_catalog`, `information_schema` and the functions clients call on them, served from the catalog rows.
//!
//! Invariant: nothing here opens a table. What a broken table has no row for is empty; the others are all there.
//! Invariant: OIDs of the lake's objects are the permanent ones of the catalog; those of PostgreSQL's are PostgreSQL's.

mod columns;
mod constraints;
mod defaults;
mod deparse;
mod dependencies;
mod functions;
mod indexed;
mod information_schema;
mod layout;
mod live;
mod metadata;
pub mod opclasses;
mod postgres;
mod roles;
mod routine_views;
mod routines;
mod sequences;
mod statistics;
mod tables;
mod view_usage;

pub use datafusion_pg_catalog::pg_catalog::oid_type_planner::PgOidTypePlanner;
pub use functions::{
    TYPE_OF, format_type, ignores_arguments, object_named, reg_function, scalar_functions, shown_reg, table_functions,
    text_of_reg,
};
pub use indexed::is_catalog;
pub use metadata::{Facts, Metadata, Namespace, Relation, role_oid};
pub use routines::{Nature, argument_types, explicit_casts, implicit_casts, nature};
pub use tables::SYSTEM_COLUMNS;

/// The role that owns everything.
pub const OWNER: &str = "lakewire";
/// Its OID, as PostgreSQL's bootstrap role has.
pub const OWNER_OID: u32 = 10;
/// OID of the one database: clients take what is below for the system's own.
pub const DATABASE_OID: u32 = 16_384;
