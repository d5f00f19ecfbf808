//! What a name means: releases, overlays, pins.
//!
//! A **release** is a version of the lake's catalog table: every object with its pinned Delta version. An **overlay** is
//! a private continuation of a release, published as the next one or forgotten. A **scope** is what one statement
//! sees: a release, perhaps with an overlay on top.
//!
//! Invariant: head above pin means a foreign commit, always.

mod checkpoint;
mod commit;
mod discover;
mod log;
mod object;
mod overlay;
mod publish;
mod release;
mod rollback;
mod rows;
mod scope;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use futures::{StreamExt, TryStreamExt, stream};
use parking_lot::Mutex;
use tokio::sync::{Semaphore, SemaphorePermit, watch};
use tokio_util::task::TaskTracker;

pub use object::{Column, Object, ObjectKind, Provenance};
pub use overlay::{Mark, Overlay};
pub use release::{Release, ReleaseInfo, Tombstone};
pub use scope::Scope;

use crate::error::{Error, ErrorKind, Result};
use crate::names::ReleaseId;
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
    /// Publishers of this process take turns; those of others meet at the intent.
    turn: Semaphore,
    /// Checkpoints on their way.
    background: TaskTracker,
}

impl Catalog {
    /// Opens the lake, making it if there is none, and finishes what a dead publisher left half done.
    pub async fn open(lake: LakeStore, tables: Arc<Tables>) -> Result<Arc<Self>> {
        let log = CatalogLog::new(lake.clone());
        log.open().await?;
        let hint = tables.last_checkpoint(checkpoint::CATALOG).await.map_or(ReleaseId(0), ReleaseId);
        let (_, newest) = log.load(log.newest(log.known_or_first(hint).await?).await?).await?;
        let catalog = Arc::new(Self {
            lake,
            tables,
            log,
            current: watch::Sender::new(Arc::new(newest)),
            infos: Mutex::default(),
            remembered: Mutex::default(),
            turn: Semaphore::new(1),
            background: TaskTracker::new(),
        });
        catalog.settle().await?;
        Ok(catalog)
    }

    /// The newest release this process knows.
    pub fn current(&self) -> Arc<Release> {
        self.current.borrow().clone()
    }

    /// Looks for releases of other processes.
    pub async fn refresh(&self) -> Result<Arc<Release>> {
        let known = self.current();
        let newest = self.log.newest(known.id()).await?;
        if newest == known.id() {
            return Ok(known);
        }
        let release = Arc::new(self.log.load(newest).await?.1);
        self.current.send_if_modified(|current| {
            let newer = current.id() < release.id();
            if newer {
                *current = release.clone();
            }
            newer
        });
        Ok(self.current())
    }

    /// Keeps looking for releases and tables of others until the future is dropped. Failures are logged, and retried.
    pub async fn watch(&self, poll: Duration, discover: Duration) {
        let mut last_discovery = tokio::time::Instant::now();
        loop {
            tokio::time::sleep(poll).await;
            if let Err(error) = self.refresh().await {
                tracing::warn!(error = error.chain(), "cannot look for new releases");
            }
            if last_discovery.elapsed() >= discover {
                if let Err(error) = self.discover().await {
                    tracing::warn!(error = error.chain(), "cannot look for new tables");
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
        let (mut low, mut high) = (ReleaseId(0), self.current().id().next());
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
        let newest = self.current().id().0;
        stream::iter((0..=newest).rev().take(limit))
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
        Arc::new(Overlay::new(release, &self.lake, self.tables.clone()))
    }
}
