//! `pg_catalog`, `information_schema` and the functions clients call on them, served from the catalog rows.
//!
//! Invariant: nothing here opens a table. What a broken table has no row for is empty; the others are all there.
//! Invariant: OIDs of the lake's objects are the permanent ones of the catalog; those of PostgreSQL's are PostgreSQL's.

mod columns;
mod functions;
mod information_schema;
mod layout;
mod metadata;
mod statics;
mod tables;

pub use datafusion_pg_catalog::pg_catalog::oid_type_planner::PgOidTypePlanner;
pub use functions::{format_type, scalar_functions, table_functions};
pub use metadata::{Metadata, Namespace, Relation};

/// The role that owns everything.
pub const OWNER: &str = "lakewire";
/// Its OID, as PostgreSQL's bootstrap role has.
pub const OWNER_OID: u32 = 10;
/// OID of the one database.
pub const DATABASE_OID: u32 = 16384 - 1;
