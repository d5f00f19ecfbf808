//! A private continuation of a release.
//!
//! Invariant: nothing staged here is seen by anyone but the holder until it is published; dropping an overlay discards it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use futures::{StreamExt, stream};
use object_store::ObjectStoreExt;
use object_store::path::Path;
use parking_lot::Mutex;

use super::buffer::Buffered;
use super::release::RoleSettings;
use super::temporary::Temporary;
use super::{Memberships, Object, Release, Rights, Scope};
use crate::error::Result;
use crate::names::TableName;
use crate::store::{LakeStore, OverlayMark, OverlayStore};
use crate::table::{Snapshot, Tables};

/// Tables written and names changed since a release, seen by the holder only.
#[derive(Debug)]
pub struct Overlay {
    pub(super) base: Arc<Release>,
    /// The lake through `store`.
    pub(super) lake: LakeStore,
    store: OverlayStore,
    pub(super) tables: Arc<Tables>,
    pub(super) staged: Mutex<BTreeMap<TableName, Staged>>,
    /// Schemas made (true) and dropped (false).
    schemas: Mutex<BTreeMap<String, bool>>,
    /// Rows that are not in a file yet.
    pub(super) buffered: Mutex<BTreeMap<TableName, Buffered>>,
    /// Counts the changes of names and versions.
    pub(super) edition: AtomicU64,
    /// Counts the changes of rows that are not in a file yet.
    rows_edition: AtomicU64,
    published: AtomicBool,
    /// Tables that must be as they were when this is published.
    minded: Mutex<BTreeSet<TableName>>,
    /// Whether what is read is minded.
    minds_reads: bool,
    read: Mutex<BTreeSet<TableName>>,
    /// Of which more is changed than that rows are added.
    changed: Mutex<BTreeSet<TableName>>,
    /// Whether nothing but adding rows is to be done through this.
    only_adds: AtomicBool,
    /// Tables whose new versions have the same rows.
    rewritten: Mutex<BTreeSet<TableName>>,
    /// Comments put on schemas, or taken away.
    schema_comments: Mutex<BTreeMap<String, Option<String>>>,
    /// Who may do what in schemas.
    schema_rights: Mutex<BTreeMap<String, Rights>>,
    /// What roles' sessions begin with, by role and name; none for what is taken back.
    role_settings: Mutex<BTreeMap<(String, String), Option<String>>>,
    /// Who became a member of a role (true), or is one no longer: role, member.
    members: Mutex<BTreeMap<(String, String), bool>>,
    /// Where this is a session's own.
    pub(super) temporary: Option<Temporary>,
    /// The session's own, beside this one.
    beside: OnceLock<Arc<Overlay>>,
    /// Temporary tables that the end of the transaction drops (true) or empties.
    pub(super) ends: Mutex<BTreeMap<TableName, bool>>,
}

/// What an overlay held at a moment, to come back to.
#[derive(Debug)]
pub struct Mark {
    log: OverlayMark,
    staged: BTreeMap<TableName, Staged>,
    schemas: BTreeMap<String, bool>,
    buffered: BTreeMap<TableName, Buffered>,
    schema_comments: BTreeMap<String, Option<String>>,
    schema_rights: BTreeMap<String, Rights>,
    role_settings: BTreeMap<(String, String), Option<String>>,
    members: BTreeMap<(String, String), bool>,
    ends: BTreeMap<TableName, bool>,
    beside: Option<Box<Mark>>,
}

/// What became of one name.
#[derive(Debug, Clone)]
pub(super) struct Staged {
    /// `None` = dropped.
    pub object: Option<Arc<Object>>,
    pub snapshot: Option<Arc<Snapshot>>,
}

/// A table's commits on top of its pin.
#[derive(Debug, Clone)]
pub(super) struct TableChange {
    /// The table as it will be.
    pub object: Arc<Object>,
    pub location: String,
    pub pin: Option<u64>,
    pub commits: Vec<(u64, Bytes)>,
}

impl TableChange {
    /// The version that it becomes.
    pub fn next_version(&self) -> u64 {
        self.pin.map_or(0, |pin| pin + 1)
    }
}

impl Overlay {
    pub(super) fn new(base: Arc<Release>, lake: &LakeStore, tables: Arc<Tables>) -> Self {
        let store = OverlayStore::new(lake.root().clone());
        let lake = lake.through(Arc::new(store.clone()));
        Self {
            base,
            lake,
            store,
            tables,
            staged: Mutex::default(),
            schemas: Mutex::default(),
            buffered: Mutex::default(),
            edition: AtomicU64::default(),
            rows_edition: AtomicU64::default(),
            published: false.into(),
            minded: Mutex::default(),
            minds_reads: false,
            read: Mutex::default(),
            changed: Mutex::default(),
            only_adds: false.into(),
            rewritten: Mutex::default(),
            schema_comments: Mutex::default(),
            schema_rights: Mutex::default(),
            role_settings: Mutex::default(),
            members: Mutex::default(),
            temporary: None,
            beside: OnceLock::new(),
            ends: Mutex::default(),
        }
    }

    /// The same, and it cannot be published either once a table that was read through it has changed.
    pub(super) fn minding_reads(mut self) -> Self {
        self.minds_reads = true;
        self
    }

    /// Lets this be published only where nobody has touched the table since: what is done here depends on all of it.
    pub fn mind(&self, name: &TableName) {
        self.minded.lock().insert(name.clone());
    }

    pub(super) fn note_read(&self, name: &TableName) {
        if self.minds_reads {
            self.mind(name);
        }
        self.read.lock().insert(name.clone());
    }

    pub(super) fn set_rewritten(&self, name: &TableName) {
        self.rewritten.lock().insert(name.clone());
    }

    pub(super) fn is_rewritten(&self, name: &TableName) -> bool {
        self.rewritten.lock().contains(name)
    }

    /// Says that nothing but adding rows is to be done through this.
    pub fn set_only_adds(&self) {
        self.only_adds.store(true, Ordering::Relaxed);
    }

    pub(super) fn note_changed(&self, name: &TableName) {
        self.changed.lock().insert(name.clone());
    }

    /// Whether more is changed of the table than that rows are added, or it must be as it was.
    pub(super) fn has_changed(&self, name: &TableName) -> bool {
        self.changed.lock().contains(name) || self.minded.lock().contains(name)
    }

    /// Whether what is done through this may yet come to change the table, for it knows it.
    pub(super) fn may_change(&self, name: &TableName) -> bool {
        let knows = || self.read.lock().contains(name) || self.staged(name).is_some() || self.buffered(name).is_some();
        self.has_changed(name) || !self.only_adds.load(Ordering::Relaxed) && knows()
    }

    pub(super) fn minded(&self) -> Vec<TableName> {
        self.minded.lock().iter().cloned().collect()
    }

    /// What is changed, by name and by place: of two overlays that share some, the later must be published later.
    pub(super) fn places(&self) -> Vec<String> {
        let staged = self.staged.lock();
        let locations = staged.values().filter_map(|staged| staged.object.as_ref()?.location().map(str::to_owned));
        staged.keys().map(ToString::to_string).chain(locations).collect()
    }

    pub(super) fn own(base: Arc<Release>, lake: &LakeStore, tables: Arc<Tables>, temporary: Temporary) -> Self {
        let mut own = Self::new(base, lake, tables);
        own.temporary = Some(temporary);
        own
    }

    /// Has the session's own overlay beside this one; the first stays.
    pub fn put_beside(&self, temporary: Option<&Arc<Self>>) {
        if let Some(temporary) = temporary {
            let _ = self.beside.set(temporary.clone());
        }
    }

    pub(super) fn beside(&self) -> Option<&Arc<Self>> {
        self.beside.get()
    }

    /// The schema of a session's own overlay.
    pub fn schema(&self) -> Option<&str> {
        self.temporary.as_ref().map(|temporary| temporary.schema.as_str())
    }

    /// The release this one continues.
    pub fn base(&self) -> &Arc<Release> {
        &self.base
    }

    /// The tables of the lake.
    pub fn tables(&self) -> &Arc<Tables> {
        &self.tables
    }

    /// The lake as the holder sees it.
    pub fn lake(&self) -> &LakeStore {
        &self.lake
    }

    /// What the holder sees: the release with these changes.
    pub fn scope(self: &Arc<Self>) -> Scope {
        Scope::new(self.base.clone(), Some(self.clone()), self.tables.clone()).with_temporary(self.beside().cloned())
    }

    pub fn is_empty(&self) -> bool {
        self.staged.lock().is_empty()
            && self.schemas.lock().is_empty()
            && self.buffered.lock().is_empty()
            && self.schema_comments.lock().is_empty()
            && self.schema_rights.lock().is_empty()
            && self.role_settings.lock().is_empty()
            && self.members.lock().is_empty()
    }

    /// Grows with every change of a name or a version: what was planned over one edition does not hold for another.
    pub fn edition(&self) -> u64 {
        self.edition.load(Ordering::Acquire)
    }

    /// Grows with every change of rows that are not in a file yet.
    pub fn rows_edition(&self) -> u64 {
        self.rows_edition.load(Ordering::Acquire)
    }

    pub(super) fn note_rows(&self) {
        self.rows_edition.fetch_add(1, Ordering::Release);
    }

    /// What is here now, to come back to by [`Overlay::return_to`].
    pub fn mark(&self) -> Mark {
        Mark {
            log: self.store.mark(),
            staged: self.staged.lock().clone(),
            schemas: self.schemas.lock().clone(),
            buffered: self.buffered.lock().clone(),
            schema_comments: self.schema_comments.lock().clone(),
            schema_rights: self.schema_rights.lock().clone(),
            role_settings: self.role_settings.lock().clone(),
            members: self.members.lock().clone(),
            ends: self.ends.lock().clone(),
            beside: self.beside().map(|temporary| Box::new(temporary.mark())),
        }
    }

    /// Forgets the changes made since the mark.
    pub fn return_to(&self, mark: &Mark) {
        self.store.return_to(&mark.log);
        self.staged.lock().clone_from(&mark.staged);
        self.schemas.lock().clone_from(&mark.schemas);
        self.buffered.lock().clone_from(&mark.buffered);
        self.schema_comments.lock().clone_from(&mark.schema_comments);
        self.schema_rights.lock().clone_from(&mark.schema_rights);
        self.role_settings.lock().clone_from(&mark.role_settings);
        self.members.lock().clone_from(&mark.members);
        self.ends.lock().clone_from(&mark.ends);
        if let (Some(temporary), Some(mark)) = (self.beside(), &mark.beside) {
            temporary.return_to(mark);
        }
        self.note_rows();
        self.edition.fetch_add(1, Ordering::Release);
    }

    /// Makes a schema, or takes an empty one away.
    pub fn put_schema(&self, schema: &str, exists: bool) {
        self.schemas.lock().insert(schema.to_owned(), exists);
        self.edition.fetch_add(1, Ordering::Release);
    }

    pub fn put_schema_comment(&self, schema: &str, comment: Option<String>) {
        self.schema_comments.lock().insert(schema.to_owned(), comment);
        self.edition.fetch_add(1, Ordering::Release);
    }

    pub fn put_schema_rights(&self, schema: &str, rights: Rights) {
        self.schema_rights.lock().insert(schema.to_owned(), rights);
        self.edition.fetch_add(1, Ordering::Release);
    }

    /// What sessions of a role begin with; those of all roles where it has no name.
    pub fn put_role_setting(&self, role: &str, name: &str, value: Option<String>) {
        self.role_settings.lock().insert((role.to_owned(), name.to_owned()), value);
        self.edition.fetch_add(1, Ordering::Release);
    }

    /// Puts what was said of roles' settings over those of a release.
    pub(super) fn apply_role_settings(&self, settings: &mut RoleSettings) {
        for (key, value) in self.role_settings.lock().iter() {
            match value {
                Some(value) => settings.insert(key.clone(), value.clone()),
                None => settings.remove(key),
            };
        }
    }

    pub(super) fn schema_rights(&self) -> BTreeMap<String, Rights> {
        self.schema_rights.lock().clone()
    }

    pub(super) fn schema_comments(&self) -> BTreeMap<String, Option<String>> {
        self.schema_comments.lock().clone()
    }

    /// Makes a member of a role, or ends that.
    pub fn put_member(&self, role: &str, member: &str, is_member: bool) {
        self.members.lock().insert((role.to_owned(), member.to_owned()), is_member);
        self.edition.fetch_add(1, Ordering::Release);
    }

    /// Puts what was done to memberships over those of a release.
    pub(super) fn apply_members(&self, memberships: &mut Memberships) {
        for ((role, member), is_member) in self.members.lock().iter() {
            memberships.set(role, member, *is_member);
        }
    }

    pub(super) fn schemas(&self) -> BTreeMap<String, bool> {
        self.schemas.lock().clone()
    }

    pub(super) fn freeze(&self, location: &str, pin: Option<u64>) -> Option<u64> {
        self.store.freeze(self.lake.path(location), pin)
    }

    pub(super) async fn head(&self, location: &str) -> Result<Option<u64>> {
        self.tables.head(location).await
    }

    /// Commits here an older version's content of a table whose log is frozen; answers the new version.
    pub(super) async fn restore_table(&self, location: &str, version: u64) -> Result<u64> {
        self.tables.restore(&self.lake, location, version).await
    }

    pub(super) fn object(&self, name: &TableName) -> Option<Arc<Object>> {
        let here = self.staged(name);
        if self.temporary.is_some() {
            return here.flatten();
        }
        here.unwrap_or_else(|| self.base.get(name).cloned())
    }

    /// What is staged for the name: nothing, or its object (`Some(None)` = dropped).
    pub(super) fn staged(&self, name: &TableName) -> Option<Option<Arc<Object>>> {
        if let Some(temporary) = self.temporary_of(name) {
            return temporary.staged(name);
        }
        self.staged.lock().get(name).map(|staged| staged.object.clone())
    }

    pub(super) fn staged_names(&self) -> Vec<TableName> {
        self.staged.lock().keys().cloned().collect()
    }

    pub(super) fn staged_objects(&self) -> Vec<Arc<Object>> {
        self.staged.lock().values().filter_map(|staged| staged.object.clone()).collect()
    }

    pub(super) fn snapshot(&self, name: &TableName) -> Option<Arc<Snapshot>> {
        if let Some(temporary) = self.temporary_of(name) {
            return temporary.snapshot(name);
        }
        self.staged.lock().get(name).and_then(|staged| staged.snapshot.clone())
    }

    /// Puts the changes over a release's objects.
    pub(super) fn apply(&self, objects: &mut BTreeMap<TableName, Arc<Object>>) {
        for (name, staged) in self.staged.lock().iter() {
            match &staged.object {
                Some(object) => objects.insert(name.clone(), object.clone()),
                None => objects.remove(name),
            };
        }
    }

    /// Per table written here, its commits on top of the pin.
    pub(super) async fn changes(&self) -> Result<Vec<TableChange>> {
        let mut changes = Vec::new();
        for object in self.staged_objects() {
            let Some(location) = object.location() else { continue };
            let commits = self.store.commits(&self.lake.path(location)).await?;
            if let Some((first, _)) = commits.first() {
                let (location, pin) = (location.to_owned(), first.checked_sub(1));
                changes.push(TableChange { object, location, pin, commits });
            }
        }
        Ok(changes)
    }

    /// Whether a log may name its data files: they must not be deleted then.
    pub(super) fn set_published(&self, published: bool) {
        self.published.store(published, Ordering::Release);
    }
}

impl Drop for Overlay {
    /// Discards: deletes the data files that no commit will ever name. What a crash leaves is swept by maintenance.
    fn drop(&mut self) {
        let written = self.store.written();
        if *self.published.get_mut() || written.is_empty() {
            return;
        }
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            let root = self.store.clone();
            runtime.spawn(async move {
                // a failure leaves an orphan, which is as invisible
                stream::iter(written).for_each_concurrent(8, |path| drop_file(&root, path)).await;
            });
        }
    }
}

async fn drop_file(root: &OverlayStore, path: Path) {
    let _ = root.delete(&path).await;
}
