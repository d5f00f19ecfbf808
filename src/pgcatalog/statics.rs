//! Catalogs whose rows are PostgreSQL's own and never change: types, operators, casts … as datafusion-pg-catalog
//! brings them.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock};

use datafusion::arrow::array::{ArrayRef, AsArray, ListBuilder, RecordBatch, StringBuilder, new_null_array};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use datafusion::catalog::{MemTable, TableProvider};
use datafusion::error::Result;
use datafusion_pg_catalog::pg_catalog::{ArrowTable, PgCatalogStaticTables};

use super::layout::LAYOUTS;

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
    let providers = listed.into_iter().filter_map(|(name, table)| Some((name, provider(name, table)?)));
    providers.collect()
});

fn provider(name: &'static str, table: &Arc<ArrowTable>) -> Option<Arc<dyn TableProvider>> {
    let schema = relaxed(&LAYOUTS.get(&("pg_catalog", name))?.columns);
    let rows: Vec<RecordBatch> =
        table.data().iter().map(|batch| adapted(batch, &schema)).collect::<Result<_>>().ok()?;
    Some(Arc::new(MemTable::try_new(schema, vec![rows]).ok()?))
}

/// The same columns, all nullable: rows of another version of PostgreSQL may lack some.
pub fn relaxed(schema: &SchemaRef) -> SchemaRef {
    let fields = schema.fields().iter().map(|field| field.as_ref().clone().with_nullable(true));
    Arc::new(Schema::new(fields.collect::<Vec<Field>>()))
}

/// The batch's columns by name, in the schema's types where they convert, empty where it has none.
pub fn adapted(batch: &RecordBatch, schema: &SchemaRef) -> Result<RecordBatch> {
    let columns = schema.fields().iter().map(|field| {
        let empty = || new_null_array(field.data_type(), batch.num_rows());
        match (batch.column_by_name(field.name()), field.data_type()) {
            (Some(column), wanted) if column.data_type() == wanted => column.clone(),
            (Some(column), DataType::List(item)) if column.data_type() == &DataType::Utf8 => {
                lists(column, item).unwrap_or_else(|_| empty())
            }
            (Some(column), wanted) => cast(column, wanted).unwrap_or_else(|_| empty()),
            (None, _) => empty(),
        }
    });
    Ok(RecordBatch::try_new(schema.clone(), columns.collect::<Vec<ArrayRef>>())?)
}

/// Arrays that were written as text, `{a,b}`, or as a vector, `1 2`.
fn lists(column: &ArrayRef, item: &Arc<Field>) -> Result<ArrayRef> {
    let mut builder = ListBuilder::new(StringBuilder::new());
    for text in column.as_string::<i32>() {
        let Some(text) = text else {
            builder.append(false);
            continue;
        };
        let items = text.trim_matches(|c| c == '{' || c == '}').split([',', ' ']).filter(|item| !item.is_empty());
        items.for_each(|item| builder.values().append_value(item.trim_matches('"')));
        builder.append(true);
    }
    Ok(cast(&builder.finish(), &DataType::List(item.clone()))?)
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
