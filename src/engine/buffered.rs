//! A table in a transaction: its files, and the rows that wait to be written to one.

use std::sync::Arc;

use async_trait::async_trait;
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::catalog::{Session, TableProvider};
use datafusion::datasource::{MemTable, TableType};
use datafusion::error::Result as DataFusionResult;
use datafusion::logical_expr::{Expr, TableProviderFilterPushDown};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::union::UnionExec;

use super::errors;
use crate::catalog::Buffered;
use crate::error::Result;

/// Files and waiting rows as one table.
#[derive(Debug)]
pub(super) struct WithBuffered {
    files: Arc<dyn TableProvider>,
    rows: MemTable,
}

impl WithBuffered {
    pub fn new(files: Arc<dyn TableProvider>, waiting: Buffered) -> Result<Self> {
        let rows = MemTable::try_new(files.schema(), vec![waiting.batches()]).map_err(errors::from_datafusion)?;
        Ok(Self { files, rows })
    }
}

#[async_trait]
impl TableProvider for WithBuffered {
    fn schema(&self) -> SchemaRef {
        self.files.schema()
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    fn supports_filters_pushdown(&self, filters: &[&Expr]) -> DataFusionResult<Vec<TableProviderFilterPushDown>> {
        // the waiting rows are not filtered by their scan
        let pushed = self.files.supports_filters_pushdown(filters)?;
        let inexact = |pushed| match pushed {
            TableProviderFilterPushDown::Exact => TableProviderFilterPushDown::Inexact,
            other => other,
        };
        Ok(pushed.into_iter().map(inexact).collect())
    }

    async fn scan(
        &self,
        state: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        limit: Option<usize>,
    ) -> DataFusionResult<Arc<dyn ExecutionPlan>> {
        let files = self.files.scan(state, projection, filters, limit).await?;
        let rows = self.rows.scan(state, projection, &[], limit).await?;
        UnionExec::try_new(vec![files, rows])
    }
}
