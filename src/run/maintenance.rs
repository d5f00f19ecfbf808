//! What the server does by itself to keep the lake in order, now and then, in the background.
//!
//! Invariant: it gives way: a table that somebody is changing is left for later, and what meets a conflict is dropped.
//! Invariant: a failure is logged, and hurts nothing but order.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::Runner;
use super::upkeep::rewrite;
use crate::catalog::{Object, Release};
use crate::error::{ErrorKind, Result};
use crate::names::TableName;
use crate::runlog::LogTable;
use crate::table::OptimizeSpec;

/// How often what is old is looked for, and how often in each table.
const HOURLY: Duration = Duration::from_secs(3600);
const DAILY: Duration = Duration::from_secs(86_400);
/// Tables vacuumed in one go.
const VACUUMS_MAX: usize = 20;

/// Keeps one lake in order.
pub struct Maintenance {
    runner: Arc<Runner>,
    /// The newest release whose tables were looked at.
    seen: Option<Arc<Release>>,
    vacuumed: BTreeMap<TableName, Instant>,
    expired: Option<Instant>,
}

impl Maintenance {
    pub fn new(runner: Arc<Runner>) -> Self {
        Self { runner, seen: None, vacuumed: BTreeMap::new(), expired: None }
    }

    /// Until the future is dropped.
    pub async fn keep(mut self) {
        let interval = self.runner.config().maintenance.interval;
        if interval.is_zero() {
            return std::future::pending().await;
        }
        loop {
            tokio::time::sleep(interval).await;
            self.look().await;
        }
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
        let files = snapshot.files();
        let target = self.runner.target_file_size();
        if files < settings.compact_files || snapshot.bytes() / (files as u64).max(1) > target.get() / 4 {
            return Ok(());
        }
        let overlay = catalog.begin();
        let spec = OptimizeSpec { target_bytes: target, zorder: Vec::new() };
        rewrite(self.runner.engine(), &overlay, &object.name, &spec).await?;
        if catalog.is_being_changed(&object.name, Some(&overlay)) {
            return Ok(());
        }
        catalog.publish(&overlay, &format!("compact {}", object.name)).await?;
        Ok(())
    }

    async fn expire(&self) -> Result<()> {
        let (catalog, retention) = (self.runner.catalog(), self.runner.retention());
        catalog.expire_releases(retention.releases).await?;
        catalog.sweep_rows(retention.files).await?;
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
