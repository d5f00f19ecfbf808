//! Delta checkpoints of the logs that publishes write: the catalog's own and those of its tables.
//!
//! Invariant: a checkpoint is written after its release is acknowledged, in the background, and a failure is only logged: a
//! log without one is slower to read, nothing else. Releases do not depend on them.

use super::Catalog;

/// The catalog table, relative to the lake.
pub(super) const CATALOG: &str = "_lakewire/catalog";

impl Catalog {
    /// Has checkpoints written of those of the logs that a commit has brought to where one is due.
    pub(super) fn checkpoint_soon(&self, commits: impl IntoIterator<Item = (String, u64)>) {
        for (location, version) in commits {
            if !self.tables.checkpoint_is_due(version) {
                continue;
            }
            let tables = self.tables.clone();
            self.background.spawn(async move {
                if let Err(error) = tables.checkpoint(&location).await {
                    tracing::warn!(table = location, error = error.chain(), "checkpoint failed");
                }
            });
        }
    }

    /// Waits for what still goes on behind releases that were acknowledged. No release may be published after that.
    pub async fn close(&self) {
        self.background.close();
        self.background.wait().await;
    }
}
