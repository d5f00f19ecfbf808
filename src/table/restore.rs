//! A table as it was: a new version with an old version's content.

use deltalake::DeltaTable;
use deltalake::kernel::transaction::CommitProperties;

use super::{Tables, errors, log};
use crate::error::Result;
use crate::store::LakeStore;

impl Tables {
    /// Commits through `lake` (an overlay) a version with the content and the columns of `version`; answers its number.
    /// The version that `lake` shows must be newer.
    ///
    /// Errors: `UndefinedObject` for a version the log no longer has, `UndefinedFile` when a data file was vacuumed.
    pub async fn restore(&self, lake: &LakeStore, location: &str, version: u64) -> Result<u64> {
        let failed = |error| errors::from_delta(error, location);
        let mut table = DeltaTable::new(log::log_store(lake, location)?);
        table.load().await.map_err(failed)?;
        let properties = CommitProperties::default()
            .with_max_retries(0)
            .with_create_checkpoint(false)
            .with_cleanup_expired_logs(Some(false));
        let restore = table.restore().with_version_to_restore(version).with_commit_properties(properties);
        let (restored, _) = restore.await.map_err(failed)?;
        Ok(restored.version().unwrap_or(version))
    }
}
