//! What a name means: releases, overlays, pins.
//!
//! A **release** is a version of the lake's catalog table: every object with its pinned Delta version. An **overlay** is
//! a private continuation of a release, published as the next one or forgotten. A **scope** is what one statement
//! sees: a release, perhaps with an overlay on top.
//!
//! Invariant: head above pin means a foreign commit, always.

mod buffer;
mod checkpoint;
mod commit;
mod discover;
mod foreign;
mod intent;
mod log;
pub mod memberships;
mod object;
mod overlay;
mod publish;
mod rebase;
mod release;
mod restore;
mod retention;
mod rights;
mod rollback;
mod rows;
mod scope;
mod sequence;
mod staging;
mod temporary;

use std::collections::BTreeMap;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Weak};
use std::time::Duration;

use chrono::{DateTime, Utc};
use futures::{StreamExt, TryStreamExt, stream};
use parking_lot::Mutex;
use tokio::sync::{Semaphore, SemaphorePermit, watch};
use tokio_util::task::TaskTracker;

pub use buffer::Buffered;
pub use memberships::Memberships;
pub use object::{Column, Object, ObjectKind, Provenance, sequence_of};
pub use overlay::{Mark, Overlay};
pub use release::{Release, ReleaseInfo, Tombstone};
pub use retention::{Retention, Vacuumed};
pub use rights::{EVERYBODY, Privilege, Rights};
pub use scope::Scope;
pub use sequence::{OwnedBy, Position, Sequence, Sequences};

use crate::error::{Error, ErrorKind, Result};
use crate::names::{ReleaseId, TableName};
use crate::store::LakeStore;
use crate::table::Tables;
use log::CatalogLog;

/// Releases kept in memory for `as_of`; each holds all rows of the catalog.
const REMEMBERED_RELEASES: usize = 16;
/// Commits read at once when releases are listed.
const CONCURRENCY: usize = 16;

/// The lake's line of releases. One per process.
#[derive(Debug)]
pub struct Catalog {
    lake: LakeStore,
    tables: Arc<Tables>,
    log: CatalogLog,
    current: watch::Sender<Arc<Release>>,
    /// Immutable, so never stale: release infos, and the last few releases whole.
    infos: Mutex<BTreeMap<ReleaseId, ReleaseInfo>>,
    remembered: Mutex<Vec<Arc<Release>>>,
    /// Releases before this one are gone.
    oldest_known: AtomicU64,
    /// What is begun and not published yet, with the time.
    overlays: Mutex<Vec<(DateTime<Utc>, Weak<Overlay>)>>,
    /// What waits for the next release.
    queue: Mutex<publish::Queue>,
    /// Whoever makes releases in this process takes turns; those of others meet at the intent.
    turn: Semaphore,
    /// The committer, and checkpoints on their way.
    background: TaskTracker,
    sequences: Arc<Sequences>,
}

impl Catalog {
    /// Opens the lake, making it if there is none, and finishes what a dead publisher left half done.
    pub async fn open(lake: LakeStore, tables: Arc<Tables>) -> Result<Arc<Self>> {
        let log = CatalogLog::new(lake.clone());
        log.open().await?;
        let hint = tables.last_checkpoint(checkpoint::CATALOG).await.map_or(ReleaseId(0), ReleaseId);
        let (_, newest) = log.load(log.find_newest(hint).await?).await?;
        let catalog = Arc::new(Self {
            sequences: Arc::new(Sequences::new(lake.clone())),
            lake,
            tables,
            log,
            current: watch::Sender::new(Arc::new(newest)),
            infos: Mutex::default(),
            remembered: Mutex::default(),
            oldest_known: AtomicU64::new(0),
            overlays: Mutex::default(),
            queue: Mutex::default(),
            turn: Semaphore::new(1),
            background: TaskTracker::new(),
        });
        catalog.settle().await?;
        catalog.sweep_intents().await?;
        Ok(catalog)
    }

    /// The newest release this process knows.
    pub fn current(&self) -> Arc<Release> {
        self.current.borrow().clone()
    }

    /// Where the lake's sequences stand.
    pub fn sequences(&self) -> &Arc<Sequences> {
        &self.sequences
    }

    /// Looks for releases of other processes.
    pub async fn refresh(&self) -> Result<Arc<Release>> {
        let known = self.current();
        let newest = self.log.newest(known.id()).await?;
        if newest == known.id() {
            return Ok(known);
        }
        Ok(self.advance(self.log.load(newest).await?.1))
    }

    /// Makes the release the newest, where none is newer.
    fn advance(&self, release: Release) -> Arc<Release> {
        let release = Arc::new(release);
        self.current.send_if_modified(|current| {
            let newer = current.id() < release.id();
            if newer {
                *current = release.clone();
            }
            newer
        });
        release
    }

    /// Looks whether the lake is still the one that this process knows. Where another was made in its place, that one is
    /// read from here on.
    pub async fn check_lake(&self) -> Result<()> {
        let known = self.current();
        let entry = self.log.entry(known.id()).await?;
        if entry.is_some_and(|entry| entry.intent == known.intent) || self.current().intent != known.intent {
            return Ok(());
        }
        let newest = Arc::new(self.log.load(self.log.find_newest(ReleaseId(0)).await?).await?.1);
        tracing::warn!(release = newest.id().0, "another lake stands where this server's was; it is read from here on");
        self.tables.forget_snapshots();
        self.infos.lock().clear();
        self.remembered.lock().clear();
        self.current.send_replace(newest);
        Ok(())
    }

    /// Keeps looking for releases, tables and commits of others until the future is dropped. Failures are logged, and
    /// retried.
    pub async fn watch(&self, poll: Duration, discover: Duration) {
        let mut last_discovery = tokio::time::Instant::now();
        let mut told = None;
        loop {
            tokio::time::sleep(poll).await;
            let looked = async {
                self.check_lake().await?;
                self.refresh().await
            };
            let trouble = looked.await.err().map(|error| error.chain());
            // once, and not at every look
            if let Some(error) = trouble.as_ref().filter(|error| told.as_ref() != Some(*error)) {
                tracing::warn!(error, "cannot look for new releases");
            }
            told = trouble;
            if last_discovery.elapsed() >= discover {
                if let Err(error) = self.discover().await {
                    tracing::warn!(error = error.chain(), "cannot look for new tables");
                }
                if let Err(error) = self.adopt_foreign().await {
                    tracing::warn!(error = error.chain(), "cannot look for commits of other engines");
                }
                last_discovery = tokio::time::Instant::now();
            }
        }
    }

    /// A release by number.
    pub async fn release(&self, id: ReleaseId) -> Result<Arc<Release>> {
        let current = self.current();
        if current.id() == id {
            return Ok(current);
        }
        if let Some(known) = self.remembered.lock().iter().find(|release| release.id() == id) {
            return Ok(known.clone());
        }
        let release = Arc::new(self.log.load(id).await?.1);
        let mut remembered = self.remembered.lock();
        if remembered.len() >= REMEMBERED_RELEASES {
            remembered.remove(0);
        }
        remembered.push(release.clone());
        Ok(release)
    }

    /// The newest release committed at or before the instant.
    pub async fn release_at(&self, at: DateTime<Utc>) -> Result<Arc<Release>> {
        let (mut low, mut high) = (self.oldest().await?, self.current().id().next());
        if self.info(low).await?.committed_at > at {
            return Err(Error::new(ErrorKind::UndefinedObject, format!("the lake has no release as old as {at}"))
                .with_hint("select min(committed_at) from lakewire.releases shows the oldest"));
        }
        while high.0 - low.0 > 1 {
            let middle = ReleaseId(low.0 + (high.0 - low.0) / 2);
            match self.info(middle).await?.committed_at <= at {
                true => low = middle,
                false => high = middle,
            }
        }
        self.release(low).await
    }

    /// The last `limit` releases, newest first.
    pub async fn releases(&self, limit: usize) -> Result<Vec<ReleaseInfo>> {
        let (oldest, newest) = (self.oldest().await?.0, self.current().id().0);
        stream::iter((oldest..=newest).rev().take(limit))
            .map(|id| self.info(ReleaseId(id)))
            .buffered(CONCURRENCY)
            .try_collect()
            .await
    }

    async fn info(&self, id: ReleaseId) -> Result<ReleaseInfo> {
        if let Some(info) = self.infos.lock().get(&id) {
            return Ok(info.clone());
        }
        let entry = self
            .log
            .entry(id)
            .await?
            .ok_or_else(|| Error::new(ErrorKind::UndefinedObject, format!("release {id} does not exist")))?;
        let info = entry.info(id);
        self.infos.lock().insert(id, info.clone());
        Ok(info)
    }

    /// Every release as it is published or discovered, for `LISTEN lakewire_release`.
    pub fn subscribe(&self) -> watch::Receiver<Arc<Release>> {
        self.current.subscribe()
    }

    pub fn tables(&self) -> &Arc<Tables> {
        &self.tables
    }

    pub fn lake(&self) -> &LakeStore {
        &self.lake
    }

    fn log(&self) -> &CatalogLog {
        &self.log
    }

    async fn turn(&self) -> Result<SemaphorePermit<'_>> {
        self.turn.acquire().await.map_err(|_| Error::new(ErrorKind::AdminShutdown, "the catalog is closed"))
    }

    /// What a statement sees now.
    pub fn scope(&self) -> Scope {
        Scope::new(self.current(), None, self.tables.clone())
    }

    /// What a statement saw then.
    pub fn scope_of(&self, release: Arc<Release>) -> Scope {
        Scope::new(release, None, self.tables.clone())
    }

    /// A private continuation of the newest release.
    pub fn begin(&self) -> Arc<Overlay> {
        self.begin_on(self.current())
    }

    /// A private continuation of a release; it cannot be published once a table it writes has changed.
    pub fn begin_on(&self, release: Arc<Release>) -> Arc<Overlay> {
        self.register(Overlay::new(release, &self.lake, self.tables.clone()))
    }

    /// The same, and neither can it be published once a table it reads has changed: as if transactions had been one
    /// after the other.
    pub fn begin_serializable(&self, release: Arc<Release>) -> Arc<Overlay> {
        self.register(Overlay::new(release, &self.lake, self.tables.clone()).minding_reads())
    }

    fn register(&self, overlay: Overlay) -> Arc<Overlay> {
        let overlay = Arc::new(overlay);
        let mut overlays = self.overlays.lock();
        overlays.retain(|(_, begun)| begun.strong_count() > 0);
        overlays.push((Utc::now(), Arc::downgrade(&overlay)));
        overlay
    }

    /// When the oldest of the overlays that are not published yet was begun.
    fn oldest_overlay(&self) -> Option<DateTime<Utc>> {
        let overlays = self.overlays.lock();
        overlays.iter().filter(|(_, begun)| begun.strong_count() > 0).map(|(at, _)| *at).min()
    }

    /// Whether somebody has changes of the table that are not published yet, added rows apart.
    pub fn is_being_changed(&self, name: &TableName, by_others_than: Option<&Arc<Overlay>>) -> bool {
        self.others(by_others_than).any(|overlay| overlay.has_changed(name))
    }

    /// [`Self::is_being_changed`], or may be: a transaction that knows the table is under way.
    pub fn may_be_changed(&self, name: &TableName, by_others_than: Option<&Arc<Overlay>>) -> bool {
        self.others(by_others_than).any(|overlay| overlay.may_change(name))
    }

    fn others(&self, than: Option<&Arc<Overlay>>) -> impl Iterator<Item = Arc<Overlay>> {
        let overlays: Vec<_> = self.overlays.lock().iter().filter_map(|(_, begun)| begun.upgrade()).collect();
        overlays.into_iter().filter(move |overlay| than.is_none_or(|own| !Arc::ptr_eq(own, overlay)))
    }
}
