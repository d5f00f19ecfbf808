//! Commits of other engines to tables that releases pin.
//!
//! Invariant: head above pin means a foreign commit, always. It becomes a release of its own: before the next write of
//! ours to that table, and soon after it was made where nobody writes.

use std::collections::BTreeMap;
use std::sync::Arc;

use futures::{StreamExt, TryStreamExt, stream};

use super::{Catalog, Column, Object, ObjectKind};
use crate::error::Result;
use crate::names::TableName;

/// Logs looked at at once.
const CONCURRENCY: usize = 16;

impl Catalog {
    /// Publishes what other engines committed to tables of the newest release; answers to how many.
    pub async fn adopt_foreign(&self) -> Result<usize> {
        let pinned = |objects: &BTreeMap<TableName, Arc<Object>>| -> Vec<Arc<Object>> {
            objects.values().filter(|object| object.version().is_some()).cloned().collect()
        };
        // A table whose commit we have put and whose release we have not looks the same: those seen now are looked at
        // again when nothing of ours is on its way.
        let suspects = self.ahead(pinned(&self.current().objects)).await?;
        if suspects.is_empty() {
            return Ok(0);
        }
        let _turn = self.turn().await?;
        let current = self.settle().await?;
        let mut foreign = Vec::new();
        for object in self.ahead(suspects.iter().filter_map(|object| current.get(&object.name).cloned())).await? {
            match self.look_at_head(&object).await {
                Ok(found) => foreign.push(found),
                Err(error) => {
                    tracing::warn!(table = %object.name, error = error.chain(), "another engine's commit cannot be read");
                }
            }
        }
        self.publish_adoption(&foreign).await
    }

    /// The same for some tables, in the caller's turn, as the newest release has them.
    pub(super) async fn adopt(&self, tables: impl IntoIterator<Item = Arc<Object>>) -> Result<usize> {
        let mut foreign = Vec::new();
        for object in self.ahead(tables).await? {
            foreign.push(self.look_at_head(&object).await?);
        }
        self.publish_adoption(&foreign).await
    }

    /// Those whose logs have a version above the pin.
    async fn ahead(&self, tables: impl IntoIterator<Item = Arc<Object>>) -> Result<Vec<Arc<Object>>> {
        let look = |object: Arc<Object>| async move {
            let (Some(location), Some(pin)) = (object.location(), object.version()) else { return Ok(None) };
            let ahead = self.log().exists(&self.log().table_path(location, pin + 1)).await?;
            Ok(ahead.then_some(object))
        };
        stream::iter(tables)
            .map(look)
            .buffered(CONCURRENCY)
            .try_filter_map(|ahead| std::future::ready(Ok(ahead)))
            .try_collect()
            .await
    }

    /// Publishes rows that were looked at anew, where nobody changed them since.
    async fn publish_adoption(&self, looked_at: &[(Arc<Object>, Object)]) -> Result<usize> {
        let published = self.publish_rows("adopt foreign commits", |next| {
            let mut adopted = false;
            for (seen, now) in looked_at {
                if next.objects.get(&seen.name) == Some(seen) {
                    next.objects.insert(seen.name.clone(), Arc::new(now.clone()));
                    adopted = true;
                }
            }
            adopted
        });
        Ok(published.await?.map_or(0, |_| looked_at.len()))
    }

    /// The object, and what it is as its table's newest version has it, pinned there. Made by others: no provenance.
    async fn look_at_head(&self, object: &Arc<Object>) -> Result<(Arc<Object>, Object)> {
        let location = object.location().unwrap_or_default();
        let snapshot = self.tables().snapshot(location, None).await?;
        let adopted = Object {
            kind: ObjectKind::Table {
                location: location.to_owned(),
                version: object.version().map(|_| snapshot.version()),
                rows: snapshot.rows(),
                bytes: Some(snapshot.bytes()),
            },
            columns: Column::of(&snapshot),
            comment: snapshot.comment().map(str::to_owned).or_else(|| object.comment.clone()),
            provenance: None,
            constraints: snapshot.definition().constraints.clone(),
            ..Object::clone(object)
        };
        Ok((object.clone(), adopted))
    }
}
