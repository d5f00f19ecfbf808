//! Catalogs whose rows are PostgreSQL's own and never change: types, operators, casts … as datafusion-pg-catalog
//! brings them.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock};

use datafusion::arrow::array::RecordBatch;
use datafusion::catalog::{MemTable, TableProvider};
use datafusion_pg_catalog::pg_catalog::{ArrowTable, PgCatalogStaticTables};

/// Read once per process. Empty where the crate's data cannot be read, which its own tests rule out.
static TABLES: LazyLock<Option<PgCatalogStaticTables>> = LazyLock::new(|| PgCatalogStaticTables::try_new().ok());

static PROVIDERS: LazyLock<HashMap<&'static str, Arc<dyn TableProvider>>> = LazyLock::new(|| {
    let Some(tables) = TABLES.as_ref() else { return HashMap::new() };
    let listed = [
        ("pg_aggregate", &tables.pg_aggregate),
        ("pg_am", &tables.pg_am),
        ("pg_amop", &tables.pg_amop),
        ("pg_amproc", &tables.pg_amproc),
        ("pg_cast", &tables.pg_cast),
        ("pg_collation", &tables.pg_collation),
        ("pg_conversion", &tables.pg_conversion),
        ("pg_language", &tables.pg_language),
        ("pg_opclass", &tables.pg_opclass),
        ("pg_operator", &tables.pg_operator),
        ("pg_opfamily", &tables.pg_opfamily),
        ("pg_range", &tables.pg_range),
        ("pg_tablespace", &tables.pg_tablespace),
        ("pg_ts_config", &tables.pg_ts_config),
        ("pg_ts_dict", &tables.pg_ts_dict),
        ("pg_ts_parser", &tables.pg_ts_parser),
        ("pg_ts_template", &tables.pg_ts_template),
        ("pg_type", &tables.pg_type),
    ];
    let providers = listed.into_iter().filter_map(|(name, table)| Some((name, provider(table)?)));
    providers.collect()
});

fn provider(table: &Arc<ArrowTable>) -> Option<Arc<dyn TableProvider>> {
    let provider: Arc<MemTable> = table.try_into_memtable().ok()?;
    Some(provider)
}

/// One of the catalogs that never change.
pub fn table(name: &str) -> Option<Arc<dyn TableProvider>> {
    PROVIDERS.get(name).cloned()
}

/// PostgreSQL's own functions.
pub fn procedures() -> Option<&'static [RecordBatch]> {
    TABLES.as_ref().map(|tables| tables.pg_proc.data())
}

/// PostgreSQL's key words, as a table function gives them.
pub fn key_words() -> Option<Arc<ArrowTable>> {
    TABLES.as_ref().map(|tables| tables.pg_get_keywords.clone())
}
