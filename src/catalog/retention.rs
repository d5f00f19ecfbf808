//! How far back the lake can be read, and letting go of what lies before that.
//!
//! A release is kept as long as somebody may want the lake as it was `release_retention` ago. What lies before is
//! forgotten: its place in the catalog's log, its rows, and what only it needed of tables.
//!
//! Invariant: what a kept release pins is never deleted, nor what a commit that is on its way names.
//! Invariant: releases are forgotten from the oldest on, so what is left is a line without holes.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use chrono::{DateTime, TimeDelta, Utc};
use futures::TryStreamExt;
use object_store::{ObjectMeta, ObjectStoreExt};
use uuid::Uuid;

use super::checkpoint::CATALOG;
use super::{Catalog, Object, ObjectKind, Release};
use crate::error::{Error, ErrorKind, Result};
use crate::names::{ReleaseId, TableName};

/// What a vacuum has deleted, or would have.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Vacuumed {
    pub files: usize,
    pub bytes: u64,
}

/// How long what nobody needs is left in peace.
#[derive(Debug, Clone, Copy)]
pub struct Retention {
    pub releases: TimeDelta,
    pub files: TimeDelta,
}

impl Catalog {
    /// The oldest release that is kept.
    pub async fn oldest_kept(&self, retention: TimeDelta) -> Result<Arc<Release>> {
        let before = Utc::now() - retention;
        match self.release_at(before).await {
            Err(error) if error.kind() == ErrorKind::UndefinedObject => {
                let oldest = self.oldest().await?;
                self.release(oldest).await
            }
            release => release,
        }
    }

    /// The oldest release there is.
    pub(super) async fn oldest(&self) -> Result<ReleaseId> {
        // they go from the oldest on: those found gone stay gone
        let mut low = self.oldest_known.load(Ordering::Acquire);
        let mut high = self.current().id().0;
        if !self.log().exists(&self.log().commit_path(ReleaseId(low))).await? {
            while high - low > 1 {
                let middle = low + (high - low) / 2;
                match self.log().exists(&self.log().commit_path(ReleaseId(middle))).await? {
                    true => high = middle,
                    false => low = middle,
                }
            }
            low = high;
        }
        self.oldest_known.fetch_max(low, Ordering::AcqRel);
        Ok(ReleaseId(low))
    }

    /// Forgets releases that need not be kept, as far as the catalog's checkpoints allow; answers how many.
    pub async fn expire_releases(&self, retention: TimeDelta) -> Result<u64> {
        let (kept, oldest) = (self.oldest_kept(retention).await?, self.oldest().await?);
        let folder = self.lake().path(CATALOG);
        let files: Vec<ObjectMeta> = self.lake().root().list(Some(&folder)).try_collect().await?;
        let number = |file: &ObjectMeta| file.location.filename()?.get(..20)?.parse::<u64>().ok();
        let checkpoints = files.iter().filter(|file| file.location.as_ref().contains(".checkpoint"));
        let Some(first) = checkpoints.filter_map(number).filter(|version| *version <= kept.id().0).max() else {
            return Ok(0);
        };
        let rows = self.log().entry(ReleaseId(first)).await?.and_then(|entry| entry.rows);
        let needed = |file: &ObjectMeta| {
            number(file).is_none_or(|release| release >= first)
                || rows.as_ref().is_some_and(|rows| file.location.filename() == Some(rows.path.as_str()))
        };
        let mut old: Vec<_> = files.iter().filter(|file| !needed(file)).map(|file| file.location.clone()).collect();
        // of each release first the rows, then the commit that names them, the oldest first
        let order = |path: &object_store::path::Path| {
            let name = path.filename().unwrap_or_default();
            (name.get(..20).unwrap_or_default().to_owned(), name.ends_with(".json"))
        };
        old.sort_by_key(order);
        for path in &old {
            match self.lake().root().delete(path).await {
                Ok(()) | Err(object_store::Error::NotFound { .. }) => {}
                Err(error) => return Err(error.into()),
            }
        }
        self.infos.lock().retain(|id, _| id.0 >= first);
        self.remembered.lock().retain(|release| release.id().0 >= first);
        Ok(first.saturating_sub(oldest.0))
    }

    /// Deletes files of a table that no kept release needs, and those that no commit names.
    pub async fn vacuum(&self, name: &TableName, retention: Retention, dry_run: bool) -> Result<Vacuumed> {
        let current = self.settle_in_turn().await?;
        let object = current
            .get(name)
            .ok_or_else(|| Error::new(ErrorKind::UndefinedTable, format!("relation \"{name}\" does not exist")))?;
        let location = table_location(object)?;
        let kept = self.oldest_kept(retention.releases).await?;
        let version = self.oldest_pin(location, object, &kept).await?;
        let unneeded = self.tables().unneeded(location, version, self.deletable_before(retention.files)).await?;
        let vacuumed = Vacuumed { files: unneeded.count(), bytes: unneeded.bytes };
        if !dry_run {
            self.tables().delete(unneeded).await?;
            self.tables().clean_log(location, version, Utc::now()).await?;
        }
        Ok(vacuumed)
    }

    /// The same for a table of our own that no release pins (the run log).
    pub async fn vacuum_unpinned(&self, location: &str, retention: TimeDelta) -> Result<Vacuumed> {
        let Some(head) = self.tables().head(location).await? else { return Ok(Vacuumed::default()) };
        let unneeded = self.tables().unneeded(location, head, Utc::now() - retention).await?;
        let vacuumed = Vacuumed { files: unneeded.count(), bytes: unneeded.bytes };
        self.tables().delete(unneeded).await?;
        self.tables().clean_log(location, head, Utc::now()).await?;
        Ok(vacuumed)
    }

    /// Deletes the folders of dropped tables that no kept release has, and forgets that they were there.
    pub async fn vacuum_dropped(&self, retention: Retention) -> Result<Vacuumed> {
        let kept = self.oldest_kept(retention.releases).await?;
        let before = self.deletable_before(retention.files);
        let current = self.current();
        let mut vacuumed = Vacuumed::default();
        let mut gone = Vec::new();
        for tombstone in &current.tombstones {
            let in_use = current.objects.values().any(|object| object.location() == Some(&tombstone.location));
            let committed = self.info(tombstone.dropped_in).await.map(|info| info.committed_at);
            // a release that is forgotten itself was long ago
            let rests = committed.map_or(true, |at| at < before);
            if in_use || tombstone.dropped_in > kept.id() || !rests {
                continue;
            }
            let folder = self.tables().folder(&tombstone.location).await?;
            vacuumed.files += folder.count();
            vacuumed.bytes += folder.bytes;
            self.tables().delete(folder).await?;
            self.tables().remove_folder(&tombstone.location).await;
            gone.push(tombstone.location.clone());
        }
        if !gone.is_empty() {
            let _turn = self.turn().await?;
            self.publish_rows("vacuum dropped tables", |next| {
                let before = next.tombstones.len();
                next.tombstones.retain(|tombstone| !gone.contains(&tombstone.location));
                next.tombstones.len() < before
            })
            .await?;
        }
        Ok(vacuumed)
    }

    /// Deletes rows of the catalog that no release names: a publish that lost its place and then its life wrote them.
    pub async fn sweep_rows(&self, retention: TimeDelta) -> Result<usize> {
        let before = self.deletable_before(retention);
        let files = self.lake().root().list_with_delimiter(Some(&self.lake().path(CATALOG))).await?.objects;
        let mut by_release: BTreeMap<u64, Vec<ObjectMeta>> = BTreeMap::new();
        for file in files {
            if let Some(release) = file.location.filename().and_then(|name| name.get(..20)?.parse().ok()) {
                by_release.entry(release).or_default().push(file);
            }
        }
        let newest = self.current().id().0;
        let mut swept = 0;
        for (release, files) in by_release.iter().filter(|(release, files)| files.len() > 1 || **release > newest) {
            let named = self.log().entry(ReleaseId(*release)).await?.and_then(|entry| entry.rows);
            for file in files {
                let named = named.as_ref().is_some_and(|rows| file.location.filename() == Some(rows.path.as_str()));
                if !named && file.last_modified < before {
                    self.lake().root().delete(&file.location).await?;
                    swept += 1;
                }
            }
        }
        Ok(swept)
    }

    /// Deletes where sequences stood that no kept release has: one that came and went since the oldest of them was begun
    /// has given values since.
    pub async fn sweep_sequences(&self, retention: TimeDelta) -> Result<usize> {
        let mut known: HashSet<Uuid> = self.current().objects.values().map(|object| object.id).collect();
        known.extend(self.oldest_kept(retention).await?.objects.values().map(|object| object.id));
        self.sequences().sweep(|id| known.contains(&id), self.deletable_before(retention)).await
    }

    /// What was changed before may be deleted where nothing names it: nothing under way in this process is as old.
    fn deletable_before(&self, retention: TimeDelta) -> DateTime<Utc> {
        let before = Utc::now() - retention;
        // clocks of file systems are coarse
        self.oldest_overlay().map_or(before, |began| before.min(began - TimeDelta::seconds(1)))
    }

    /// The oldest version of a table that a kept release may show.
    async fn oldest_pin(&self, location: &str, object: &Object, kept: &Release) -> Result<u64> {
        let then = kept.objects.values().find(|object| object.location() == Some(location));
        if let Some(pin) = then.and_then(|object| object.version()) {
            return Ok(pin);
        }
        // it was made later, or followed its head then: all there is since
        let since = self.tables().version_at(location, kept.info.committed_at).await?;
        match since {
            Some(version) => Ok(version),
            None => self.tables().oldest_version(location).await.map(|oldest| match object.version() {
                Some(pin) => oldest.min(pin),
                None => oldest,
            }),
        }
    }

    async fn settle_in_turn(&self) -> Result<Arc<Release>> {
        let _turn = self.turn().await?;
        self.settle().await
    }
}

fn table_location(object: &Object) -> Result<&str> {
    match &object.kind {
        ObjectKind::Table { location, .. } => Ok(location),
        ObjectKind::View { .. } | ObjectKind::Sequence(_) => {
            Err(Error::new(ErrorKind::WrongObjectType, format!("\"{}\" is not a table", object.name)))
        }
        ObjectKind::Broken { message, .. } => {
            Err(Error::new(ErrorKind::DataCorrupted, format!("table \"{}\" cannot be read: {message}", object.name)))
        }
    }
}
