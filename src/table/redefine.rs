//! Changing what a table is without touching its rows.
//!
//! Invariant: one change is one commit, tried once, and the files stay as they are: readers of any kind go on reading.

use std::collections::HashMap;

use deltalake::kernel::transaction::CommitProperties;
use deltalake::protocol::DeltaOperation;

use super::target::Target;
use super::write::put;
use super::{Definition, Snapshot, Tables};
use crate::error::Result;
use crate::store::LakeStore;

impl Tables {
    /// Commits through `lake` (an overlay) a definition with the same columns by name and type, or further ones at the
    /// end, which are null in the rows that are there. Whether the rows fit what is asked of them is the caller's to know.
    ///
    /// Errors: as of [`Tables::write`].
    pub async fn redefine(
        &self,
        lake: &LakeStore,
        location: &str,
        definition: &Definition,
        known: Option<&Snapshot>,
    ) -> Result<u64> {
        let target = Target::redefined(lake, location, definition, known).await?;
        let properties = definition.properties.clone().into_iter().collect();
        let operation = DeltaOperation::SetTableProperties { properties };
        put(&target, CommitProperties::default(), HashMap::new(), target.definition_actions(), operation).await
    }
}
