//! Functions of the catalogs that give rows.

use std::sync::Arc;

use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::datatypes::{Schema, SchemaRef};
use datafusion::catalog::{MemTable, TableFunctionArgs, TableFunctionImpl, TableProvider};
use datafusion::error::Result;

use crate::pgcatalog::{layout, postgres};

/// A function whose rows do not depend on its arguments: of options, rights and listened channels there are none.
#[derive(Debug)]
struct Constant {
    rows: RecordBatch,
}

impl TableFunctionImpl for Constant {
    fn call_with_args(&self, _arguments: TableFunctionArgs) -> Result<Arc<dyn TableProvider>> {
        Ok(Arc::new(MemTable::try_new(self.rows.schema(), vec![vec![self.rows.clone()]])?))
    }
}

fn nothing(columns: &[(&str, &str)]) -> RecordBatch {
    let fields: Vec<_> = columns.iter().map(|(name, pg_type)| layout::field_of(name, pg_type, true)).collect();
    let schema: SchemaRef = Arc::new(Schema::new(fields));
    RecordBatch::new_empty(schema)
}

const TOKEN_TYPES: &str = "ts_token_type";

const DIRECTORY: &[(&str, &str)] = &[("name", "text"), ("size", "int8"), ("modification", "timestamptz")];

/// Columns of those that have no rows, by name.
const EMPTY: &[(&str, &[(&str, &str)])] = &[
    ("pg_options_to_table", &[("option_name", "text"), ("option_value", "text")]),
    ("aclexplode", &[("grantor", "oid"), ("grantee", "oid"), ("privilege_type", "text"), ("is_grantable", "bool")]),
    ("pg_partition_ancestors", &[("relid", "regclass")]),
    ("pg_partition_tree", &[("relid", "regclass"), ("parentrelid", "regclass"), ("isleaf", "bool"), ("level", "int4")]),
    ("pg_get_publication_tables", &[("relid", "oid"), ("attrs", "int2vector"), ("qual", "pg_node_tree")]),
    ("pg_ls_archive_statusdir", DIRECTORY),
    ("pg_ls_logdir", DIRECTORY),
    ("pg_ls_tmpdir", DIRECTORY),
    ("pg_ls_waldir", DIRECTORY),
    ("pg_tablespace_databases", &[("pg_tablespace_databases", "oid")]),
];

/// All of them, by name.
pub fn table_functions() -> Result<Vec<(&'static str, Arc<dyn TableFunctionImpl>)>> {
    let empty = EMPTY.iter().map(|(name, columns)| (*name, nothing(columns)));
    let all = empty.chain([("pg_get_keywords", postgres::key_words()?), (TOKEN_TYPES, postgres::token_types()?)]);
    Ok(all.map(|(name, rows)| (name, Arc::new(Constant { rows }) as Arc<dyn TableFunctionImpl>)).collect())
}

/// Whether the function's rows are the same for all arguments, which then need no values before the plan is made.
pub fn ignores_arguments(name: &str) -> bool {
    name == TOKEN_TYPES || EMPTY.iter().any(|(known, _)| *known == name)
}
