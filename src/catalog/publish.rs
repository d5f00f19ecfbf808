//! One line of releases, no lease, no clock.
//!
//! 1. Adopt foreign commits to the tables concerned (`foreign`); put the overlay's changes on top of what others have done
//!    to them since it began (`rebase`), or answer `40001`.
//! 2. Put the intent of release R+1 if absent. Whoever creates it owns R+1; who finds it there helps to finish it.
//! 3. Put each table's commit if absent. Another engine's commit there = undo ours, and R+1 is an empty release.
//! 4. Commit the catalog as version R+1. Readers see it now, all tables at once.
//!
//! What waits to be published in this process while a release is on its way goes into the next one together.
//!
//! Invariant: an intent is deleted only after its release is committed, and one whose release is committed is ignored.
//! Invariant: what shares a release touches different tables; each of it would have got the same answer alone.
//! Invariant: once an intent may be there, nothing of it is tried again under another: its outcome is the release's.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use futures::{StreamExt, TryStreamExt, stream};
use object_store::ObjectStoreExt;
use parking_lot::Mutex;
use tokio::sync::oneshot;

use super::commit::{Before, Footprint, Stamp};
use super::intent::{Finished, Intent, TableCommit};
use super::log::{Entry, Put, RowsFile};
use super::overlay::TableChange;
use super::rebase::conflict;
use super::{Catalog, Overlay, Release, commit};
use crate::error::{Error, ErrorKind, Result};
use crate::names::ReleaseId;
use crate::store::fault::crash_point;

/// How often a publish may lose its place to another before it gives up.
const ATTEMPTS: usize = 100;
/// What may share a release.
const GROUP_MAX: usize = 64;
/// Tables whose commits are put together at once.
const CONCURRENCY: usize = 16;

type Answer = Result<Option<Arc<Release>>>;

/// An overlay on its way.
struct Waiting {
    overlay: Arc<Overlay>,
    changes: Vec<TableChange>,
    /// The changes as they go on top of the newest release.
    rebased: Vec<TableChange>,
    operation: String,
    answer: oneshot::Sender<Answer>,
}

/// What waits to be published, and whether somebody is at it.
#[derive(Default)]
pub(super) struct Queue {
    waiting: Vec<Waiting>,
    committing: bool,
}

impl std::fmt::Debug for Queue {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Queue").field("waiting", &self.waiting.len()).field("committing", &self.committing).finish()
    }
}

impl Catalog {
    /// All of the overlay's changes in the next release; `None` where the overlay changed nothing. Goes on to its end even
    /// where the future is dropped.
    ///
    /// Errors: `40001` when a table it writes has changed since the overlay began. Nothing is published then.
    pub async fn publish(self: &Arc<Self>, overlay: &Arc<Overlay>, operation: &str) -> Answer {
        if overlay.is_empty() {
            return Ok(None);
        }
        overlay.flush_all().await?;
        let changes = overlay.changes().await?;
        let (answer, answered) = oneshot::channel();
        let operation = operation.to_owned();
        let waiting = Waiting { overlay: overlay.clone(), changes, rebased: Vec::new(), operation, answer };
        let begin = {
            let mut queue = self.queue.lock();
            queue.waiting.push(waiting);
            !std::mem::replace(&mut queue.committing, true)
        };
        if begin {
            let catalog = self.clone();
            self.background.spawn(async move { catalog.commit_waiting().await });
        }
        answered.await.map_err(|_| Error::internal("a publish ended unexpectedly"))?
    }

    /// The one committer of this process: publishes what waits until nothing does.
    async fn commit_waiting(&self) {
        let mut committing = Committing { queue: &self.queue, done: false };
        while let Some(group) = committing.next_group() {
            self.publish_group(group).await;
        }
    }

    async fn publish_group(&self, mut group: Vec<Waiting>) {
        let Ok(_turn) = self.turn().await else { return };
        for _ in 0..ATTEMPTS {
            if group.is_empty() {
                return;
            }
            match self.attempt(&mut group).await {
                Ok(()) => {}
                // whose fault it was shows when each is alone
                Err(_) if group.len() > 1 => {
                    for alone in std::mem::take(&mut group) {
                        Box::pin(self.publish_alone(alone)).await;
                    }
                }
                Err(error) => return answer_all(group, &error),
            }
        }
        answer_all(group, &conflict("other publishers were always first"));
    }

    async fn publish_alone(&self, waiting: Waiting) {
        let mut group = vec![waiting];
        for _ in 0..ATTEMPTS {
            match self.attempt(&mut group).await {
                Ok(()) if group.is_empty() => return,
                Ok(()) => {}
                Err(error) => return answer_all(group, &error),
            }
        }
        answer_all(group, &conflict("other publishers were always first"));
    }

    /// One go at the next release. Who got an answer leaves the group; an error has left nothing behind.
    async fn attempt(&self, group: &mut Vec<Waiting>) -> Result<()> {
        let current = self.settle().await?;
        if self.adopt_for(&current, group).await? {
            return Ok(());
        }
        self.rebase_group(group, &current).await;
        let (members, later) = share(std::mem::take(group));
        *group = members;
        if group.is_empty() {
            *group = later;
            return Ok(());
        }
        let (intent, file, next) = match self.prepare_group(&current, group).await {
            Ok(prepared) => prepared,
            Err(error) => {
                group.extend(later);
                return Err(error);
            }
        };
        crash_point("publish.rows_written");
        for member in &*group {
            member.overlay.set_published(true);
        }
        let finished = self.propose_and_finish(&intent, &file).await;
        let members = std::mem::replace(group, later);
        match finished {
            Ok(Some(Finished::Published)) => {
                let release = self.advance(next);
                for member in members {
                    let _ = member.answer.send(Ok(Some(release.clone())));
                }
            }
            // whom the other engine's commit concerns is told when it has been adopted
            Ok(Some(Finished::Aborted)) => {
                for member in members {
                    match member.changes.iter().find(|change| change.pin.is_none()) {
                        None => group.push(member),
                        Some(new) => {
                            let told = conflict(&format!("another engine has made a table at \"{}\"", new.location));
                            let _ = member.answer.send(Err(told));
                        }
                    }
                }
            }
            Ok(None) => {
                members.iter().for_each(|member| member.overlay.set_published(false));
                group.splice(..0, members).for_each(drop);
            }
            // it may be there, to be finished by whoever comes next
            Err(error) => answer_all(members, &error),
        }
        Ok(())
    }

    /// Puts the changes of each on top of the release; whose cannot be is told so, and leaves.
    async fn rebase_group(&self, group: &mut Vec<Waiting>, current: &Release) {
        for mut waiting in std::mem::take(group) {
            match self.rebase(&waiting.overlay, &waiting.changes, current).await {
                Ok(rebased) => {
                    waiting.rebased = rebased;
                    group.push(waiting);
                }
                Err(error) => drop(waiting.answer.send(Err(error))),
            }
        }
    }

    async fn prepare_group(&self, current: &Release, group: &[Waiting]) -> Result<(Intent, RowsFile, Release)> {
        let mut next = current.following(&operations(group));
        for member in group {
            next.take(current, &member.overlay, &member.rebased);
        }
        let changes: Vec<&TableChange> = group.iter().flat_map(|member| &member.rebased).collect();
        let (intent, file) = self.prepare(current, &next, &changes).await?;
        Ok((intent, file, next))
    }

    /// A release that changes rows of the catalog only (adoption, discovery); none where nothing is to change.
    pub(super) async fn publish_rows(
        &self,
        operation: &str,
        change: impl Fn(&mut Release) -> bool,
    ) -> Result<Option<Arc<Release>>> {
        for _ in 0..ATTEMPTS {
            let current = self.settle().await?;
            let mut next = current.following(operation);
            if !change(&mut next) {
                return Ok(None);
            }
            let (intent, file) = self.prepare(&current, &next, &[]).await?;
            match self.propose_and_finish(&intent, &file).await? {
                Some(Finished::Published) => return Ok(Some(self.advance(next))),
                Some(Finished::Aborted) | None => {}
            }
        }
        Err(conflict("other publishers were always first"))
    }

    /// The newest release, after finishing what another publisher began.
    pub(super) async fn settle(&self) -> Result<Arc<Release>> {
        loop {
            let current = self.refresh().await?;
            let path = self.log().intent_path(current.id().next());
            let Some(bytes) = self.log().get(&path).await? else { return Ok(current) };
            let intent = Intent::decode(&bytes)?;
            intent.finish(self.log()).await?;
            self.forget_intent(intent.release).await;
        }
    }

    /// Step 2 to 4. `None` = the place was taken; the caller helps and tries again.
    async fn propose_and_finish(&self, intent: &Intent, file: &RowsFile) -> Result<Option<Finished>> {
        let path = self.log().intent_path(intent.release);
        let taken = match self.log().put(&path, intent.encode()?.into()).await? {
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
        let finished = intent.finish(self.log()).await?;
        self.forget_intent(intent.release).await;
        self.checkpoint_soon(intent.commits());
        Ok(Some(finished))
    }

    /// Writes the rows of `next` and puts the intent together.
    async fn prepare(&self, current: &Release, next: &Release, changes: &[&TableChange]) -> Result<(Intent, RowsFile)> {
        let stamp = Stamp { release: next.id(), timestamp_ms: next.info.committed_at.timestamp_millis() };
        let tables: Vec<_> = changes.iter().map(|change| self.table_commit(change, stamp)).collect();
        let tables = stream::iter(tables).buffered(CONCURRENCY).try_collect().await?;
        let before = match self.log().entry(current.id()).await? {
            Some(entry) if entry.intent == current.intent => entry.rows,
            Some(_) => {
                self.check_lake().await?;
                return Err(replaced());
            }
            None => {
                return Err(Error::new(ErrorKind::UndefinedFile, "the lake is gone: its newest release is missing"));
            }
        };
        let file = self.log().write_rows(next, next.intent).await?;
        let entry = Entry {
            intent: next.intent,
            operation: next.info.operation.clone(),
            rows: Some(file.clone()),
            aborted: false,
            committed_at: next.info.committed_at,
        };
        let aborted = Entry { rows: before.clone(), aborted: true, ..entry.clone() };
        let intent = Intent {
            id: next.intent,
            release: next.id(),
            tables,
            commit: entry.commit(before.as_ref()),
            abort: aborted.commit(before.as_ref()),
        };
        Ok((intent, file))
    }

    async fn table_commit(&self, change: &TableChange, stamp: Stamp) -> Result<TableCommit> {
        let commit = commit::squash(&change.commits, stamp)?;
        let footprint = Footprint::of([commit.as_bytes()])?;
        // an append is undone without a look at what was there
        let before = match change.pin {
            Some(pin) if footprint.metadata || footprint.removed().next().is_some() => {
                let snapshot = self.tables().snapshot(&change.location, Some(pin)).await?;
                Before {
                    metadata: footprint.metadata.then(|| snapshot.metadata_action().clone()),
                    rows: snapshot.rows_of_files(footprint.removed()),
                }
            }
            _ => Before::default(),
        };
        let undo = commit::undo(&commit, &before, stamp)?;
        Ok(TableCommit { location: change.location.clone(), version: change.next_version(), commit, undo })
    }

    /// Adopts what other engines committed to tables the group writes; true if there was something.
    async fn adopt_for(&self, current: &Release, group: &[Waiting]) -> Result<bool> {
        let mut pinned = BTreeMap::new();
        for name in group.iter().flat_map(|member| member.overlay.staged_names()) {
            if let Some(object) = current.get(&name)
                && object.version().is_some()
            {
                pinned.insert(name, object.clone());
            }
        }
        Ok(self.adopt(pinned.into_values()).await? > 0)
    }

    /// Deletes intents whose releases are committed: who put them was killed before it could.
    pub(super) async fn sweep_intents(&self) -> Result<()> {
        let newest = self.current().id();
        let intents = self.lake().root().list_with_delimiter(Some(&self.lake().path("_lakewire/intents"))).await?;
        for file in intents.objects {
            let name = file.location.filename().unwrap_or_default();
            if let Some(release) = name.strip_suffix(".json").and_then(|digits| digits.parse().ok())
                && ReleaseId(release) <= newest
            {
                self.forget_intent(ReleaseId(release)).await;
            }
        }
        Ok(())
    }

    async fn forget_intent(&self, release: ReleaseId) {
        // one that stays is ignored: its release is committed
        let _ = self.lake().root().delete(&self.log().intent_path(release)).await;
    }
}

/// Who commits. Whatever ends it, those who wait are not left waiting, and the next publish begins anew.
struct Committing<'a> {
    queue: &'a Mutex<Queue>,
    done: bool,
}

impl Committing<'_> {
    fn next_group(&mut self) -> Option<Vec<Waiting>> {
        let mut queue = self.queue.lock();
        let count = queue.waiting.len().min(GROUP_MAX);
        if count == 0 {
            queue.committing = false;
            self.done = true;
            return None;
        }
        Some(queue.waiting.drain(..count).collect())
    }
}

impl Drop for Committing<'_> {
    fn drop(&mut self) {
        if !self.done {
            *self.queue.lock() = Queue::default();
        }
    }
}

/// Of those that can be published, those that can share a release, and those that cannot.
fn share(group: Vec<Waiting>) -> (Vec<Waiting>, Vec<Waiting>) {
    let (mut members, mut later) = (Vec::new(), Vec::new());
    let mut written: BTreeSet<String> = BTreeSet::new();
    for waiting in group {
        let places = waiting.overlay.places();
        let minded: Vec<String> = waiting.overlay.minded().iter().map(ToString::to_string).collect();
        let shares = places.iter().chain(&minded).any(|place| written.contains(place));
        // a schema that comes or goes concerns all that is in it
        let alone = |waiting: &Waiting| !waiting.overlay.schemas().is_empty();
        let alone = members.first().is_some_and(|first| alone(first) || alone(&waiting));
        if shares || alone {
            later.push(waiting);
        } else {
            written.extend(places);
            members.push(waiting);
        }
    }
    (members, later)
}

fn answer_all(group: Vec<Waiting>, error: &Error) {
    for waiting in group {
        let mut told = Error::new(error.kind(), error.message());
        if let Some(detail) = error.detail() {
            told = told.with_detail(detail);
        }
        if let Some(hint) = error.hint() {
            told = told.with_hint(hint);
        }
        let _ = waiting.answer.send(Err(told.with_source(error.chain())));
    }
}

/// `INSERT`, or `INSERT × 3, transaction` where several share a release.
fn operations(group: &[Waiting]) -> String {
    let mut counts: Vec<(&str, usize)> = Vec::new();
    for waiting in group {
        match counts.iter_mut().find(|(operation, _)| *operation == waiting.operation) {
            Some((_, count)) => *count += 1,
            None => counts.push((&waiting.operation, 1)),
        }
    }
    let texts = counts.into_iter().map(|(operation, count)| match count {
        1 => operation.to_owned(),
        count => format!("{operation} × {count}"),
    });
    texts.collect::<Vec<_>>().join(", ")
}

/// The release this process knows is not the one that the lake has.
fn replaced() -> Error {
    Error::new(ErrorKind::ObjectNotInPrerequisiteState, "another lake stands where this server's was")
        .with_hint("the server reads the new one from now on: look at it, and try again")
}
