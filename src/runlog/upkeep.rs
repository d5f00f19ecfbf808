//! Keeping the run log small, and forgetting what it holds of rows.

use datafusion::arrow::array::{Array, ArrayRef, AsArray, RecordBatch, StringArray};
use datafusion::arrow::compute::concat_batches;
use datafusion::execution::SessionState;
use std::sync::Arc;

use super::RunLog;
use super::schema::LogTable;
use crate::error::{Error, Result};
use crate::names::TableName;
use crate::table::{OptimizeSpec, WriteMode, WriteSpec};

/// About how large the files of the log become.
const FILE_BYTES: std::num::NonZeroU64 = std::num::NonZeroU64::MIN.saturating_add(32 << 20);

impl RunLog {
    /// Puts the files of a table together where there are more than `files_max`.
    pub(crate) async fn compact(
        &self,
        table: LogTable,
        files_max: usize,
        session: impl FnOnce() -> Result<SessionState>,
    ) -> Result<()> {
        let tables = self.catalog.tables();
        let Some(head) = tables.head(table.location()).await? else { return Ok(()) };
        if tables.snapshot(table.location(), Some(head)).await?.files() <= files_max {
            return Ok(());
        }
        let _turn = tables.turn(table.location()).await;
        let spec = OptimizeSpec { target_bytes: FILE_BYTES, zorder: Vec::new() };
        tables.optimize(self.catalog.lake(), table.location(), &spec, session()?).await?;
        Ok(())
    }

    /// Forgets the rows that failed tests of a table kept as samples; answers of how many tests.
    pub(crate) async fn forget_samples(&self, table: &TableName, session: &SessionState) -> Result<u64> {
        const TESTS: LogTable = LogTable::TestResults;
        self.flush().await?;
        let _turn = self.writing.lock().await;
        let batches = self.written(TESTS, session).await?;
        let internal = |error| Error::internal("samples of tests").with_source(error);
        let all = concat_batches(&TESTS.schema(), &batches).map_err(internal)?;
        let (Some(models), Some(samples)) = (text(&all, "model"), text(&all, "sample")) else { return Ok(0) };
        let of_table = |row: usize| models.value(row) == table.to_string() && samples.is_valid(row);
        let count = (0..all.num_rows()).filter(|row| of_table(*row)).count();
        if count == 0 {
            return Ok(0);
        }
        let kept: StringArray = (0..all.num_rows())
            .map(|row| (!of_table(row) && samples.is_valid(row)).then(|| samples.value(row)))
            .collect();
        let schema = all.schema();
        let columns = schema.fields().iter().zip(all.columns()).map(|(field, column)| -> ArrayRef {
            if field.name() == "sample" { Arc::new(kept.clone()) } else { column.clone() }
        });
        let batch = RecordBatch::try_new(schema.clone(), columns.collect()).map_err(internal)?;
        self.catalog.tables().append_direct(TESTS.location(), &WriteSpec::new(WriteMode::Replace), batch).await?;
        self.catalog.end_history(TESTS.location()).await?;
        Ok(count as u64)
    }
}

fn text<'a>(batch: &'a RecordBatch, column: &str) -> Option<&'a StringArray> {
    batch.column_by_name(column)?.as_string_opt::<i32>()
}
