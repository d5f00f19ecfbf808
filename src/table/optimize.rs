//! Small files made large ones, and rows put in an order that prunes well: new files, the same rows.

use std::num::NonZeroU64;
use std::sync::Arc;

use datafusion::execution::SessionState;
use deltalake::DeltaTable;
use deltalake::operations::optimize::OptimizeType;

use super::{Tables, errors, log, writer};
use crate::error::{Error, ErrorKind, Result};
use crate::store::LakeStore;

/// How a table is to be rewritten.
#[derive(Debug, Clone)]
pub struct OptimizeSpec {
    /// About how large its files are to become.
    pub target_bytes: NonZeroU64,
    /// Columns whose values are to lie close together; none: rows stay in their order.
    pub zorder: Vec<String>,
}

/// What it came to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Optimized {
    pub files_removed: u64,
    pub files_added: u64,
    pub bytes_removed: u64,
    pub bytes_added: u64,
}

impl Tables {
    /// Rewrites the table that `lake` (an overlay) shows, in a commit on top of it, or in none where there is nothing to
    /// gain. The session must be one of its own: stores are registered in it.
    ///
    /// Errors: `UndefinedColumn` for a column to order by that there is not, `FeatureNotSupported` for a table that cannot
    /// be written.
    pub async fn optimize(
        &self,
        lake: &LakeStore,
        location: &str,
        spec: &OptimizeSpec,
        session: SessionState,
    ) -> Result<Optimized> {
        let failed = |error| errors::from_delta(error, location);
        let mut table = DeltaTable::new(log::log_store(lake, location)?);
        table.load().await.map_err(failed)?;
        let snapshot = table.snapshot().map_err(failed)?;
        let (schema, partitions) = (snapshot.schema(), snapshot.metadata().partition_columns());
        for column in &spec.zorder {
            if schema.field(column).is_none() {
                let message = format!("column \"{column}\" of table \"{location}\" does not exist");
                return Err(Error::new(ErrorKind::UndefinedColumn, message));
            }
            if partitions.contains(column) {
                let message = format!("column \"{column}\" is a partition column: its values lie together already");
                return Err(Error::new(ErrorKind::InvalidParameter, message));
            }
        }
        let kind = match spec.zorder.as_slice() {
            [] => OptimizeType::Compact,
            columns => OptimizeType::ZOrder(columns.to_vec()),
        };
        let optimize = table
            .optimize()
            .with_type(kind)
            .with_target_size(spec.target_bytes)
            .with_writer_properties(writer::properties())
            .with_session_state(Arc::new(session));
        let (_, metrics) = optimize.await.map_err(failed)?;
        let bytes = |size: i64| u64::try_from(size).unwrap_or(0);
        Ok(Optimized {
            files_removed: metrics.num_files_removed,
            files_added: metrics.num_files_added,
            bytes_removed: bytes(metrics.files_removed.total_size),
            bytes_added: bytes(metrics.files_added.total_size),
        })
    }
}
