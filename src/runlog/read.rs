//! Reading the run log back.

use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::datatypes::Field;
use datafusion::common::ScalarValue;
use datafusion::datasource::provider_as_source;
use datafusion::error::DataFusionError;
use datafusion::execution::SessionState;
use datafusion::logical_expr::{Expr, LogicalPlanBuilder, cast, ident, lit};
use datafusion::physical_plan::collect;

use super::RunLog;
use super::schema::LogTable;
use crate::error::{Error, Result};

impl RunLog {
    /// All rows of one of the tables, those still in memory too.
    pub(crate) async fn read(&self, table: LogTable, session: &SessionState) -> Result<Vec<RecordBatch>> {
        // a lake that cannot be written can still be read
        if let Err(error) = self.flush().await {
            tracing::warn!(error = error.chain(), "cannot write the run log; will try again");
        }
        let mut rows = self.written(table, session).await?;
        rows.extend(self.pending(table));
        Ok(rows)
    }

    pub(super) async fn written(&self, table: LogTable, session: &SessionState) -> Result<Vec<RecordBatch>> {
        let tables = self.catalog.tables();
        let Some(head) = tables.head(table.location()).await? else { return Ok(Vec::new()) };
        let snapshot = tables.snapshot(table.location(), Some(head)).await?;
        let found = snapshot.schema();
        // a table written by another version of ours may have more columns, fewer, or the same in another order
        let columns = table
            .schema()
            .fields()
            .iter()
            .map(|field| column(field, found.field_with_name(field.name()).is_ok()))
            .collect::<Vec<_>>();
        let source = provider_as_source(snapshot.provider()?);
        let read = async {
            let plan = LogicalPlanBuilder::scan(table.name(), source, None)?.project(columns)?.build()?;
            let physical = session.create_physical_plan(&plan).await?;
            collect(physical, session.task_ctx()).await
        };
        let batches = read.await.map_err(|error| unreadable(table, error))?;
        batches
            .into_iter()
            .map(|batch| {
                RecordBatch::try_new(table.schema(), batch.columns().to_vec())
                    .map_err(|error| unreadable(table, error.into()))
            })
            .collect()
    }
}

fn column(field: &Field, exists: bool) -> Expr {
    let value = if exists { ident(field.name()) } else { lit(ScalarValue::Null) };
    cast(value, field.data_type().clone()).alias(field.name())
}

fn unreadable(table: LogTable, error: DataFusionError) -> Error {
    Error::internal(format!("cannot read the run log {}", table.name())).with_source(error)
}
