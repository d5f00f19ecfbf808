//! What the server does by itself to keep the lake in order, now and then, in the background.
//!
//! Invariant: it gives way: a table that somebody is changing is left for later, and what meets a conflict is dropped.
//! Invariant: a failure is logged, and hurts nothing but order.

use std::collections::BTreeMap;
use std::num::NonZeroU64;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::Runner;
use super::upkeep::rewrite;
use crate::catalog::{Catalog, Object, Release};
use crate::error::{ErrorKind, Result};
use crate::names::TableName;
use crate::runlog::LogTable;
use crate::table::OptimizeSpec;

/// How often what is old is looked for, and how often in each table.
const HOURLY: Duration = Duration::from_secs(3600);
const DAILY: Duration = Duration::from_secs(86_400);
/// How often to see whether a table has grown by many commits; opens nothing.
const GLANCE: Duration = Duration::from_secs(1);
/// Files are put together to these parts of the size that is aimed at, so that a small file is not rewritten with all
/// of its table.
const TIERS: [u64; 3] = [64, 8, 1];
/// How many times as many small files as are allowed are put together although a transaction may come to change the
/// table: it would have to be retried.
const URGENT: usize = 4;
/// Tables vacuumed in one go.
const VACUUMS_MAX: usize = 20;

/// Keeps one lake in order.
pub struct Maintenance {
    runner: Arc<Runner>,
    /// The newest release whose tables were looked at.
    seen: Option<Arc<Release>>,
    /// The newest release in which grown tables were looked for.
    glanced: Option<Arc<Release>>,
    /// Versions up to which tables were looked at for small files.
    compacted: BTreeMap<TableName, u64>,
    vacuumed: BTreeMap<TableName, Instant>,
    expired: Option<Instant>,
}

impl Maintenance {
    pub fn new(runner: Arc<Runner>) -> Self {
        Self { runner, seen: None, glanced: None, compacted: BTreeMap::new(), vacuumed: BTreeMap::new(), expired: None }
    }

    /// Until the future is dropped.
    pub async fn keep(mut self) {
        let interval = self.runner.config().maintenance.interval;
        if interval.is_zero() {
            return std::future::pending().await;
        }
        let mut looked = Instant::now();
        loop {
            tokio::time::sleep(interval.min(GLANCE)).await;
            for object in self.grown() {
                told(&object.name, "compact", self.compact(&object).await);
            }
            if looked.elapsed() >= interval {
                self.look().await;
                looked = Instant::now();
            }
        }
    }

    /// Tables that have had so many commits since they were looked at that their files are worth a look.
    fn grown(&mut self) -> Vec<Arc<Object>> {
        let enough = self.runner.config().maintenance.compact_files as u64;
        let now = self.runner.catalog().current();
        if self.glanced.as_ref().is_some_and(|glanced| Arc::ptr_eq(glanced, &now)) {
            return Vec::new();
        }
        self.glanced = Some(now.clone());
        let mut grown = Vec::new();
        for object in now.objects.values() {
            let Some(version) = object.version() else { continue };
            let looked_at = self.compacted.entry(object.name.clone()).or_insert(version);
            if version < *looked_at {
                *looked_at = version;
            } else if enough > 0 && version - *looked_at >= enough {
                *looked_at = version;
                grown.push(object.clone());
            }
        }
        self.compacted.retain(|name, _| now.get(name).is_some());
        grown
    }

    async fn look(&mut self) {
        let written = self.written();
        for object in &written {
            told(&object.name, "compact", self.compact(object).await);
        }
        let due = self.expired.is_none_or(|at| at.elapsed() >= HOURLY);
        if due {
            self.expired = Some(Instant::now());
            told("the catalog", "forget releases", self.expire().await);
            told("the run log", "keep", self.keep_log().await);
        }
        if self.runner.config().maintenance.vacuum {
            self.vacuum().await;
        }
    }

    /// Tables whose versions have changed since the last look. The first look learns what there is, and opens nothing.
    fn written(&mut self) -> Vec<Arc<Object>> {
        let now = self.runner.catalog().current();
        let changed = |object: &&Arc<Object>| match &self.seen {
            Some(before) => before.get(&object.name).is_none_or(|then| then.kind != object.kind),
            None => false,
        };
        let pinned = now.objects.values().filter(|object| object.version().is_some());
        let written = pinned.filter(changed).cloned().collect();
        self.seen = Some(now);
        written
    }

    /// Puts the files of a table together where there are many, and small ones.
    async fn compact(&self, object: &Object) -> Result<()> {
        let (catalog, settings) = (self.runner.catalog(), &self.runner.config().maintenance);
        let (Some(location), Some(version)) = (object.location(), object.version()) else { return Ok(()) };
        if settings.compact_files == 0 || catalog.is_being_changed(&object.name, None) {
            return Ok(());
        }
        let snapshot = catalog.tables().snapshot(location, Some(version)).await?;
        let sizes = TIERS.map(|part| self.runner.target_file_size().get() / part);
        let small = |size: &u64| snapshot.files_below(size / 4);
        let Some(size) = sizes.into_iter().find(|size| small(size) >= settings.compact_files) else { return Ok(()) };
        let Some(target_bytes) = NonZeroU64::new(size) else { return Ok(()) };
        let urgent = small(&size) >= URGENT * settings.compact_files;
        if !urgent && catalog.may_be_changed(&object.name, None) {
            return Ok(());
        }
        let overlay = catalog.begin();
        rewrite(self.runner.engine(), &overlay, &object.name, &OptimizeSpec { target_bytes, zorder: Vec::new() })
            .await?;
        let changed = if urgent { Catalog::is_being_changed } else { Catalog::may_be_changed };
        if changed(catalog, &object.name, Some(&overlay)) {
            return Ok(());
        }
        catalog.publish(&overlay, &format!("compact {}", object.name)).await?;
        Ok(())
    }

    async fn expire(&self) -> Result<()> {
        let (catalog, retention) = (self.runner.catalog(), self.runner.retention());
        catalog.expire_releases(retention.releases).await?;
        catalog.sweep_rows(retention.files).await?;
        catalog.sweep_sequences(retention.releases).await?;
        if self.runner.config().maintenance.vacuum {
            catalog.vacuum_dropped(retention).await?;
        }
        Ok(())
    }

    async fn keep_log(&self) -> Result<()> {
        let settings = &self.runner.config().maintenance;
        for table in LogTable::ALL {
            let most = if settings.compact_files == 0 { usize::MAX } else { settings.compact_files };
            self.runner
                .log()
                .compact(table, most, || self.runner.engine().state(&self.runner.catalog().scope()))
                .await?;
            if settings.vacuum {
                self.runner.catalog().vacuum_unpinned(table.location(), self.runner.retention().files).await?;
            }
        }
        Ok(())
    }

    /// Some of the tables that were not vacuumed for a day.
    async fn vacuum(&mut self) {
        let (catalog, retention) = (self.runner.catalog(), self.runner.retention());
        let current = catalog.current();
        self.vacuumed.retain(|name, _| current.get(name).is_some());
        let due = |name: &TableName| self.vacuumed.get(name).is_none_or(|at| at.elapsed() >= DAILY);
        let tables = current.objects.values().filter(|object| object.version().is_some() && due(&object.name));
        let names: Vec<_> = tables.take(VACUUMS_MAX).map(|object| object.name.clone()).collect();
        for name in names {
            let vacuumed = catalog.vacuum(&name, retention, false).await;
            self.vacuumed.insert(name.clone(), Instant::now());
            told(&name, "vacuum", vacuumed.map(drop));
        }
    }
}

fn told(what: impl std::fmt::Display, work: &str, done: Result<()>) {
    match done {
        Ok(()) => {}
        Err(error) if error.kind() == ErrorKind::SerializationFailure => {
            tracing::debug!(%what, work, "others were first; it is left for later");
        }
        Err(error) => tracing::warn!(%what, work, error = error.chain(), "maintenance failed"),
    }
}
