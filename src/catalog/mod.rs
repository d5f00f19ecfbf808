//! What a name means: releases, overlays, pins.
//!
//! A **release** is a version of the lake's catalog table: every object with its pinned Delta version. An **overlay** is
//! a private continuation of a release, published as the next one or forgotten. A **scope** is what one statement
//! sees: a release, perhaps with an overlay on top.

mod object;
mod overlay;
mod release;
mod scope;

use std::sync::Arc;

pub use object::{Column, Object, ObjectKind, Provenance};
pub use overlay::Overlay;
pub use release::{Release, ReleaseInfo};
pub use scope::Scope;

use crate::error::Result;
use crate::names::ReleaseId;
use crate::store::LakeStore;
use crate::table::Tables;

/// The lake's line of releases. One per process.
#[derive(Debug)]
pub struct Catalog {}

impl Catalog {
    /// Opens the lake, making it if there is none, and finishes what a dead publisher left half done.
    pub async fn open(_lake: LakeStore, _tables: Arc<Tables>) -> Result<Arc<Self>> {
        unimplemented!()
    }
    /// The newest release this process knows.
    pub fn current(&self) -> Arc<Release> {
        unimplemented!()
    }
    /// Looks for releases of other processes.
    pub async fn refresh(&self) -> Result<Arc<Release>> {
        unimplemented!()
    }
    pub async fn release(&self, _id: ReleaseId) -> Result<Arc<Release>> {
        unimplemented!()
    }
    /// The newest release committed at or before the instant.
    pub async fn release_at(&self, _at: chrono::DateTime<chrono::Utc>) -> Result<Arc<Release>> {
        unimplemented!()
    }
    /// The last `limit` releases, newest first.
    pub async fn releases(&self, _limit: usize) -> Result<Vec<ReleaseInfo>> {
        unimplemented!()
    }
    /// Every release as it is published or discovered, for `LISTEN lakewire_release`.
    pub fn subscribe(&self) -> tokio::sync::watch::Receiver<ReleaseId> {
        unimplemented!()
    }
    pub fn tables(&self) -> &Arc<Tables> {
        unimplemented!()
    }
    /// What a statement sees now.
    pub fn scope(self: &Arc<Self>) -> Scope {
        unimplemented!()
    }
    /// A private continuation of the newest release.
    pub fn begin(self: &Arc<Self>) -> Arc<Overlay> {
        unimplemented!()
    }
    /// All of the overlay's changes as the next release, or `40001` when a pin it builds on has moved.
    /// `None` where the overlay changed nothing.
    pub async fn publish(&self, _overlay: &Overlay, _operation: &str) -> Result<Option<Arc<Release>>> {
        unimplemented!()
    }
}
