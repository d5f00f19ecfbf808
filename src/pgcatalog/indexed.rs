//! A catalog within a plan: its rows in memory, found by number or name without looking at all of them.
//!
//! Invariant: an index is made when a statement first asks by its column, and only for catalogs long enough to be worth it.

use std::collections::HashMap;
use std::sync::Arc;

use async_trait::async_trait;
use datafusion::arrow::array::{Array, AsArray, RecordBatch, UInt32Array};
use datafusion::arrow::compute::take_record_batch;
use datafusion::arrow::datatypes::{DataType, Int32Type, SchemaRef};
use datafusion::catalog::{MemTable, Session, TableProvider};
use datafusion::error::Result;
use datafusion::logical_expr::{Expr, Operator, TableProviderFilterPushDown, TableType};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::scalar::ScalarValue;
use parking_lot::Mutex;

use super::live::LiveTable;

/// Fewer rows are looked through.
const ROWS_MIN: usize = 200;

/// One row in so many may be found by an index.
const COPIED_MAX: usize = 4;

/// Rows of one catalog.
#[derive(Debug)]
pub struct CatalogTable {
    rows: RecordBatch,
    all: MemTable,
    /// By column.
    indexes: Mutex<HashMap<usize, Arc<Index>>>,
}

/// Whether a relation of a plan is one of PostgreSQL's catalogs.
pub fn is_catalog(provider: &dyn TableProvider) -> bool {
    provider.downcast_ref::<CatalogTable>().is_some() || provider.downcast_ref::<LiveTable>().is_some()
}

/// Where the rows of each value are.
#[derive(Debug)]
enum Index {
    Numbers(HashMap<i32, Vec<u32>>),
    Texts(HashMap<String, Vec<u32>>),
}

/// A value that a column must have.
struct Key {
    column: usize,
    value: ScalarValue,
}

impl CatalogTable {
    pub fn new(rows: RecordBatch) -> Result<Self> {
        let all = MemTable::try_new(rows.schema(), vec![vec![rows.clone()]])?;
        Ok(Self { rows, all, indexes: Mutex::default() })
    }

    /// `column = constant`, for a column that has an index.
    fn key(&self, filter: &Expr) -> Option<Key> {
        let Expr::BinaryExpr(equality) = filter else { return None };
        let (column, value) = match (&equality.op, equality.left.as_ref(), equality.right.as_ref()) {
            (Operator::Eq, Expr::Column(column), Expr::Literal(value, _))
            | (Operator::Eq, Expr::Literal(value, _), Expr::Column(column)) => (column, value),
            _ => return None,
        };
        let column = self.rows.schema().index_of(column.name()).ok()?;
        let data_type = self.rows.schema().field(column).data_type().clone();
        if self.rows.num_rows() < ROWS_MIN || !matches!(data_type, DataType::Int32 | DataType::Utf8) {
            return None;
        }
        let value = value.cast_to(&data_type).ok().filter(|value| !value.is_null())?;
        Some(Key { column, value })
    }

    /// The rows of a value.
    fn found(&self, key: &Key) -> Option<Vec<u32>> {
        let index = {
            let mut indexes = self.indexes.lock();
            match indexes.get(&key.column) {
                Some(index) => index.clone(),
                None => {
                    let index = Arc::new(Index::of(self.rows.column(key.column).as_ref())?);
                    indexes.insert(key.column, index.clone());
                    index
                }
            }
        };
        let found = match (index.as_ref(), &key.value) {
            (Index::Numbers(rows), ScalarValue::Int32(Some(number))) => rows.get(number),
            (Index::Texts(rows), ScalarValue::Utf8(Some(text))) => rows.get(text),
            _ => return None,
        };
        Some(found.cloned().unwrap_or_default())
    }
}

/// Whether it will be a key, when the plan has its values.
fn is_of_parameter(filter: &Expr) -> bool {
    let Expr::BinaryExpr(equality) = filter else { return false };
    let sides = (equality.left.as_ref(), equality.right.as_ref());
    equality.op == Operator::Eq
        && matches!(sides, (Expr::Column(_), Expr::Placeholder(_)) | (Expr::Placeholder(_), Expr::Column(_)))
}

impl Index {
    fn of(column: &dyn Array) -> Option<Self> {
        let row = |row: usize| u32::try_from(row).ok().filter(|_| column.is_valid(row));
        if let Some(numbers) = column.as_primitive_opt::<Int32Type>() {
            let mut rows: HashMap<i32, Vec<u32>> = HashMap::new();
            for (at, number) in numbers.values().iter().enumerate() {
                rows.entry(*number).or_default().extend(row(at));
            }
            return Some(Self::Numbers(rows));
        }
        let mut rows: HashMap<String, Vec<u32>> = HashMap::new();
        for (at, text) in column.as_string_opt::<i32>()?.iter().enumerate() {
            if let Some(text) = text {
                rows.entry(text.to_owned()).or_default().extend(row(at));
            }
        }
        Some(Self::Texts(rows))
    }
}

#[async_trait]
impl TableProvider for CatalogTable {
    fn schema(&self) -> SchemaRef {
        self.rows.schema()
    }
    fn table_type(&self) -> TableType {
        TableType::Base
    }
    fn supports_filters_pushdown(&self, filters: &[&Expr]) -> Result<Vec<TableProviderFilterPushDown>> {
        let pushed = |filter: &&Expr| match self.key(filter).is_some() || is_of_parameter(filter) {
            true => TableProviderFilterPushDown::Inexact,
            false => TableProviderFilterPushDown::Unsupported,
        };
        Ok(filters.iter().map(pushed).collect())
    }
    async fn scan(
        &self,
        state: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let found = filters.iter().filter_map(|filter| self.found(&self.key(filter)?)).min_by_key(Vec::len);
        match found {
            // more are looked through sooner than they are copied
            Some(rows) if rows.len() <= self.rows.num_rows() / COPIED_MAX => {
                let columns = match projection {
                    Some(columns) => self.rows.project(columns)?,
                    None => self.rows.clone(),
                };
                let rows = take_record_batch(&columns, &UInt32Array::from(rows))?;
                MemTable::try_new(columns.schema(), vec![vec![rows]])?.scan(state, None, &[], limit).await
            }
            _ => self.all.scan(state, projection, filters, limit).await,
        }
    }
}

#[cfg(test)]
mod tests {
    use datafusion::logical_expr::{col, lit};

    use super::*;
    use crate::pgcatalog::postgres;

    #[test]
    fn rows_are_found_by_number_and_by_name() {
        let table = CatalogTable::new(postgres::rows("pg_catalog", "pg_type").unwrap().clone()).unwrap();
        let found = |filter: Expr| table.found(&table.key(&filter)?);
        assert_eq!(found(col("oid").eq(lit(23i64))).map(|rows| rows.len()), Some(1));
        assert_eq!(found(col("typname").eq(lit("int4"))).map(|rows| rows.len()), Some(1));
        assert_eq!(found(col("typname").eq(lit("nosuch"))), Some(Vec::new()));
        assert_eq!(found(col("oid").gt(lit(23i64))), None);
    }
}
