//! One line of releases, no lease, no clock.
//!
//! 1. Adopt foreign commits to the tables concerned; check that their pins have not moved since the overlay began.
//! 2. Put the intent of release R+1 if absent. Whoever creates it owns R+1; who finds it there helps to finish it.
//! 3. Put each table's commit if absent. Another engine's commit there = undo ours, and R+1 is an empty release.
//! 4. Commit the catalog as version R+1. Readers see it now, all tables at once.
//!
//! Invariant: every step puts the same bytes whoever takes it (owner, helper, the next start), so a crash before step 2
//! is a discard and after it a roll-forward.
//! Invariant: an intent is deleted only after its release is committed, and one whose release is committed is ignored.

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use object_store::ObjectStoreExt;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

use super::checkpoint::CATALOG;
use super::commit::Stamp;
use super::log::{CatalogLog, Entry, Put, RowsFile, now};
use super::overlay::TableChange;
use super::release::Tombstone;
use super::{Catalog, Column, Object, ObjectKind, Overlay, Release, ReleaseInfo, commit, rows};
use crate::error::{Error, ErrorKind, Result};
use crate::names::{ReleaseId, TableName};
use crate::store::fault::crash_point;

/// Everything that is needed to finish a publish, by anyone.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Intent {
    id: Uuid,
    release: ReleaseId,
    tables: Vec<TableCommit>,
    /// The catalog's commit as version `release`.
    commit: String,
    /// The same if another engine wrote first.
    abort: String,
}

impl Intent {
    /// What it commits: logs, and their versions.
    fn commits(&self) -> impl Iterator<Item = (String, u64)> {
        let tables = self.tables.iter().map(|table| (table.location.clone(), table.version));
        tables.chain([(CATALOG.to_owned(), self.release.0)])
    }
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct TableCommit {
    location: String,
    version: u64,
    commit: String,
    undo: String,
}

#[derive(Debug, PartialEq, Eq)]
enum Finished {
    Published,
    Aborted,
}

/// How often a publish may lose its place to another before it gives up.
const ATTEMPTS: usize = 100;

impl Catalog {
    /// All of the overlay's changes as the next release; `None` where the overlay changed nothing.
    ///
    /// Errors: `40001` when a table it writes has changed since the overlay began. Nothing is published then.
    pub async fn publish(&self, overlay: &Overlay, operation: &str) -> Result<Option<Arc<Release>>> {
        if overlay.is_empty() {
            return Ok(None);
        }
        let _turn = self.turn().await?;
        let changes = overlay.changes().await?;
        for _ in 0..ATTEMPTS {
            let current = self.settle().await?;
            if self.adopt(&current, overlay).await? {
                continue;
            }
            check_pins(overlay, &current)?;
            let next = self.next_release(&current, overlay, operation);
            let (intent, file) = self.prepare(&current, &next, &changes).await?;
            crash_point("publish.rows_written");
            overlay.set_published();
            match self.propose_and_finish(&intent, &file).await? {
                Some(Finished::Published) => return Ok(Some(self.settle().await?)),
                Some(Finished::Aborted) => return Err(conflict("another engine wrote one of the tables meanwhile")),
                None => continue,
            }
        }
        Err(conflict("other publishers were always first"))
    }

    /// A release that changes rows of the catalog only (adoption, discovery).
    pub(super) async fn publish_rows(&self, operation: &str, change: impl Fn(&mut Release)) -> Result<Arc<Release>> {
        for _ in 0..ATTEMPTS {
            let current = self.settle().await?;
            let mut next = following(&current, operation);
            change(&mut next);
            let (intent, file) = self.prepare(&current, &next, &[]).await?;
            if self.propose_and_finish(&intent, &file).await?.is_some() {
                return self.settle().await;
            }
        }
        Err(conflict("other publishers were always first"))
    }

    /// The newest release, after finishing what another publisher began.
    pub(super) async fn settle(&self) -> Result<Arc<Release>> {
        loop {
            let current = self.refresh().await?;
            let path = self.intent_path(current.id().next());
            let Some(bytes) = self.log().get(&path).await? else { return Ok(current) };
            let intent: Intent = serde_json::from_slice(&bytes).map_err(rows::corrupt)?;
            finish(self.log(), &intent, |location, version| self.commit_path(location, version)).await?;
            self.forget_intent(intent.release).await;
        }
    }

    /// Step 2 to 4. `None` = the place was taken; the caller helps and tries again.
    async fn propose_and_finish(&self, intent: &Intent, file: &RowsFile) -> Result<Option<Finished>> {
        let bytes = serde_json::to_vec(intent).map_err(|e| Error::internal("intent").with_source(e))?;
        let taken = match self.log().put(&self.intent_path(intent.release), bytes.into()).await? {
            Put::Created | Put::Same => {
                // an intent made after its release was committed and swept is stale
                let committed = self.log().entry(intent.release).await?;
                let stale = committed.is_some_and(|entry| entry.intent != intent.id);
                if stale {
                    self.forget_intent(intent.release).await;
                }
                stale
            }
            Put::Different(_) => true,
        };
        if taken {
            self.log().delete_rows(file).await?;
            return Ok(None);
        }
        crash_point("publish.intent_put");
        let finished = finish(self.log(), intent, |location, version| self.commit_path(location, version)).await?;
        self.forget_intent(intent.release).await;
        self.checkpoint_soon(intent.commits());
        Ok(Some(finished))
    }

    /// Writes the rows of `next` and puts the intent together.
    async fn prepare(&self, current: &Release, next: &Release, changes: &[TableChange]) -> Result<(Intent, RowsFile)> {
        let id = Uuid::now_v7();
        let stamp = Stamp { release: next.id(), timestamp_ms: next.info.committed_at.timestamp_millis() };
        let mut tables = Vec::with_capacity(changes.len());
        for change in changes {
            let commit = commit::squash(&change.commits, stamp)?;
            let before = self.metadata_before(change).await?;
            let undo = commit::undo(&commit, before.as_ref(), stamp)?;
            let version = change.pin.map_or(0, |pin| pin + 1);
            tables.push(TableCommit { location: change.location.clone(), version, commit, undo });
        }
        let file = self.log().write_rows(next, id).await?;
        let before = self.log().entry(current.id()).await?.and_then(|entry| entry.rows);
        let entry = Entry {
            intent: id,
            operation: next.info.operation.clone(),
            rows: Some(file.clone()),
            aborted: false,
            committed_at: next.info.committed_at,
        };
        let aborted = Entry { rows: before.clone(), aborted: true, ..entry.clone() };
        let intent = Intent {
            id,
            release: next.id(),
            tables,
            commit: entry.commit(before.as_ref()),
            abort: aborted.commit(before.as_ref()),
        };
        Ok((intent, file))
    }

    /// The metadata that undoing the change has to bring back.
    async fn metadata_before(&self, change: &TableChange) -> Result<Option<Value>> {
        match change.pin {
            None => Ok(None),
            Some(pin) => Ok(Some(self.tables().snapshot(&change.location, Some(pin)).await?.metadata_action().clone())),
        }
    }

    fn next_release(&self, current: &Release, overlay: &Overlay, operation: &str) -> Release {
        let mut next = following(current, operation);
        let mut objects = std::mem::take(&mut next.objects);
        overlay.apply(&mut objects);
        next.objects = objects;
        for (schema, exists) in overlay.schemas() {
            if exists {
                next.schema_oid(&schema);
            } else {
                next.schemas.remove(&schema);
            }
        }
        for name in overlay.staged_names() {
            let Some(object) = next.objects.get(&name).cloned() else {
                next.tombstones.extend(current.get(&name).and_then(|dropped| tombstone(dropped, next.id())));
                continue;
            };
            next.schema_oid(&name.schema);
            if next.has_given_away(&object) {
                let oid = next.next_oid();
                next.objects.insert(name, Arc::new(Object { oid, ..Object::clone(&object) }));
            }
        }
        next.bury_only_the_dead();
        next
    }

    /// Step 1: tables the overlay writes whose head is above the pin hold a foreign commit. It becomes a release of its
    /// own; true if there was one.
    async fn adopt(&self, current: &Release, overlay: &Overlay) -> Result<bool> {
        let mut foreign = BTreeMap::new();
        for name in overlay.staged_names() {
            let Some(object) = current.get(&name) else { continue };
            let ObjectKind::Table { location, version: Some(pin), .. } = &object.kind else { continue };
            if self.tables().head(location).await?.is_some_and(|head| head > *pin) {
                foreign.insert(name, self.look_at_head(object, location).await?);
            }
        }
        if foreign.is_empty() {
            return Ok(false);
        }
        self.publish_adoption(foreign).await?;
        Ok(true)
    }

    /// Publishes rows that were looked at anew, where nobody changed them since.
    pub(super) async fn publish_adoption(&self, foreign: BTreeMap<TableName, (Arc<Object>, Object)>) -> Result<()> {
        self.publish_rows("adopt foreign commits", |next| {
            for (name, (seen, adopted)) in &foreign {
                if next.objects.get(name) == Some(seen) {
                    next.objects.insert(name.clone(), Arc::new(adopted.clone()));
                }
            }
        })
        .await?;
        Ok(())
    }

    /// The object as its table's newest version has it, pinned there, with what it was. Made by others: no provenance.
    pub(super) async fn look_at_head(&self, object: &Arc<Object>, location: &str) -> Result<(Arc<Object>, Object)> {
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

    fn intent_path(&self, release: ReleaseId) -> object_store::path::Path {
        self.lake().path(&format!("_lakewire/intents/{:020}.json", release.0))
    }

    fn commit_path(&self, location: &str, version: u64) -> object_store::path::Path {
        self.lake().path(&format!("{location}/_delta_log/{version:020}.json"))
    }

    async fn forget_intent(&self, release: ReleaseId) {
        // one that stays is ignored: its release is committed
        let _ = self.lake().root().delete(&self.intent_path(release)).await;
    }
}

/// Steps 3 and 4, idempotent.
async fn finish(
    log: &CatalogLog,
    intent: &Intent,
    path: impl Fn(&str, u64) -> object_store::path::Path,
) -> Result<Finished> {
    if let Some(entry) = log.entry(intent.release).await? {
        return outcome(&entry, intent);
    }
    for (index, table) in intent.tables.iter().enumerate() {
        let put = log.put(&path(&table.location, table.version), table.commit.clone().into()).await?;
        if let Put::Different(_) = put {
            for ours in &intent.tables[..index] {
                put_undo(log, ours, &path).await?;
            }
            return commit_catalog(log, intent, &intent.abort).await;
        }
        crash_point("publish.table_put");
    }
    crash_point("publish.tables_put");
    commit_catalog(log, intent, &intent.commit).await
}

async fn commit_catalog(log: &CatalogLog, intent: &Intent, commit: &str) -> Result<Finished> {
    log.put(&log.commit_path(intent.release), commit.to_owned().into()).await?;
    crash_point("publish.catalog_put");
    let entry = log.entry(intent.release).await?.ok_or_else(|| rows::corrupt("a release vanished as it was put"))?;
    outcome(&entry, intent)
}

fn outcome(entry: &Entry, intent: &Intent) -> Result<Finished> {
    match (entry.intent == intent.id, entry.aborted) {
        (true, false) => Ok(Finished::Published),
        // a stale intent's release went to another: nothing of this one was or will be put
        _ => Ok(Finished::Aborted),
    }
}

/// Takes a table's commit back by a further one, at the first free version after it.
async fn put_undo(
    log: &CatalogLog,
    table: &TableCommit,
    path: &impl Fn(&str, u64) -> object_store::path::Path,
) -> Result<()> {
    let mut version = table.version + 1;
    while let Put::Different(_) = log.put(&path(&table.location, version), table.undo.clone().into()).await? {
        version += 1;
    }
    Ok(())
}

/// Tables the overlay writes must be what they were when it began.
fn check_pins(overlay: &Overlay, current: &Release) -> Result<()> {
    for name in overlay.staged_names() {
        let (then, now) = (overlay.base().get(&name), current.get(&name));
        let moved = match (then, now) {
            (None, None) => false,
            (Some(then), Some(now)) => then.id != now.id || then.kind != now.kind,
            _ => true,
        };
        if moved {
            return Err(conflict(&format!("\"{name}\" was changed by another transaction")));
        }
    }
    Ok(())
}

fn conflict(detail: &str) -> Error {
    Error::new(ErrorKind::SerializationFailure, "could not serialize access due to concurrent update")
        .with_detail(detail.to_owned())
        .with_hint("retry the transaction")
}

/// The release after `current`, nothing changed yet. Its instant is later, whatever the clock says.
fn following(current: &Release, operation: &str) -> Release {
    let earliest: DateTime<Utc> = current.info.committed_at + chrono::TimeDelta::milliseconds(1);
    let info =
        ReleaseInfo { id: current.id().next(), committed_at: now().max(earliest), operation: operation.to_owned() };
    Release { info, ..current.clone() }
}

fn tombstone(dropped: &Object, dropped_in: ReleaseId) -> Option<Tombstone> {
    let location = dropped.location()?.to_owned();
    Some(Tombstone { oid: dropped.oid, name: dropped.name.clone(), location, dropped_in })
}
