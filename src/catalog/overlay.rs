//! A private continuation of a release.
//!
//! Invariant: nothing staged here is seen by anyone but the holder until it is published; dropping an overlay discards it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::execution::SessionState;
use datafusion::logical_expr::LogicalPlan;
use futures::StreamExt;
use futures::stream::{self, BoxStream};
use object_store::ObjectStoreExt;
use object_store::path::Path;
use parking_lot::Mutex;
use uuid::Uuid;

use super::buffer::Buffered;
use super::temporary::{self, Temporary};
use super::{Column, Object, ObjectKind, Provenance, Release, Scope};
use crate::error::{Error, ErrorKind, Result};
use crate::names::TableName;
use crate::store::{LakeStore, OverlayMark, OverlayStore};
use crate::table::{Definition, Snapshot, Tables, WriteMode, WriteSpec, Written};

/// Tables written and names changed since a release, seen by the holder only.
#[derive(Debug)]
pub struct Overlay {
    base: Arc<Release>,
    /// The lake through `store`.
    lake: LakeStore,
    store: OverlayStore,
    tables: Arc<Tables>,
    staged: Mutex<BTreeMap<TableName, Staged>>,
    /// Schemas made (true) and dropped (false).
    schemas: Mutex<BTreeMap<String, bool>>,
    /// Rows that are not in a file yet.
    pub(super) buffered: Mutex<BTreeMap<TableName, Buffered>>,
    /// Counts the changes of names and versions.
    edition: AtomicU64,
    /// Counts the changes of rows that are not in a file yet.
    rows_edition: AtomicU64,
    published: AtomicBool,
    /// Tables that must be as they were when this is published.
    minded: Mutex<BTreeSet<TableName>>,
    /// Whether what is read is minded.
    minds_reads: bool,
    read: Mutex<BTreeSet<TableName>>,
    /// Tables whose new versions have the same rows.
    rewritten: Mutex<BTreeSet<TableName>>,
    /// Comments put on schemas, or taken away.
    schema_comments: Mutex<BTreeMap<String, Option<String>>>,
    /// Where this is a session's own.
    temporary: Option<Temporary>,
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
    ends: BTreeMap<TableName, bool>,
    beside: Option<Box<Mark>>,
}

/// What became of one name.
#[derive(Debug, Clone)]
struct Staged {
    /// `None` = dropped.
    object: Option<Arc<Object>>,
    snapshot: Option<Arc<Snapshot>>,
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
            rewritten: Mutex::default(),
            schema_comments: Mutex::default(),
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

    pub(super) fn has_read(&self, name: &TableName) -> bool {
        self.read.lock().contains(name)
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

    pub(super) fn tables(&self) -> &Arc<Tables> {
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

    pub(super) fn schema_comments(&self) -> BTreeMap<String, Option<String>> {
        self.schema_comments.lock().clone()
    }

    pub(super) fn schemas(&self) -> BTreeMap<String, bool> {
        self.schemas.lock().clone()
    }

    /// Runs the plan and writes its rows as the table `name`, making it if there is none.
    pub async fn write(
        &self,
        name: &TableName,
        spec: &WriteSpec,
        provenance: Option<Provenance>,
        input: LogicalPlan,
        session: &SessionState,
    ) -> Result<Written> {
        if let Some(temporary) = self.temporary_of(name) {
            return Box::pin(temporary.write(name, spec, provenance, input, session)).await;
        }
        let target = self.target_of(name, spec).await?;
        let written = self.tables.write(&self.lake, &target.location, spec, input, session).await?;
        if matches!(spec.mode, WriteMode::Overwrite | WriteMode::Replace) {
            self.forget_buffered(name);
        }
        self.stage_table(target, provenance).await?;
        Ok(written)
    }

    /// Writes batches as they come, otherwise as [`Overlay::write`].
    pub async fn write_batches(
        &self,
        name: &TableName,
        spec: &WriteSpec,
        provenance: Option<Provenance>,
        schema: SchemaRef,
        batches: BoxStream<'static, Result<RecordBatch>>,
    ) -> Result<Written> {
        if let Some(temporary) = self.temporary_of(name) {
            return Box::pin(temporary.write_batches(name, spec, provenance, schema, batches)).await;
        }
        let target = self.target_of(name, spec).await?;
        let written = self.tables.write_batches(&self.lake, &target.location, spec, schema, batches).await?;
        if matches!(spec.mode, WriteMode::Overwrite | WriteMode::Replace) {
            self.forget_buffered(name);
        }
        self.stage_table(target, provenance).await?;
        Ok(written)
    }

    pub fn put_view(
        &self,
        name: &TableName,
        definition: String,
        columns: Vec<Column>,
        comment: Option<String>,
        provenance: Option<Provenance>,
    ) -> Result<()> {
        if let Some(temporary) = self.temporary_of(name) {
            return temporary.put_view(name, definition, columns, comment, provenance);
        }
        let existing = self.object(name).filter(|object| matches!(object.kind, ObjectKind::View { .. }));
        let (id, oid) = existing.map_or_else(|| (Uuid::now_v7(), 0), |object| (object.id, object.oid));
        let kind = ObjectKind::View { definition };
        let object = Object {
            id,
            oid,
            name: name.clone(),
            kind,
            columns,
            comment,
            provenance,
            constraints: Vec::new(),
            query: None,
        };
        self.stage(Staged { object: Some(Arc::new(object)), snapshot: None }, name);
        Ok(())
    }

    pub fn drop_object(&self, name: &TableName) -> Result<()> {
        if let Some(temporary) = self.temporary_of(name) {
            return temporary.drop_object(name);
        }
        if self.object(name).is_none() {
            return Err(Error::new(ErrorKind::UndefinedTable, format!("relation \"{name}\" does not exist")));
        }
        self.forget_buffered(name);
        self.stage(Staged { object: None, snapshot: None }, name);
        Ok(())
    }

    /// Puts the table's row as it was in another release: the name, the pin and all. The caller has restored its content.
    pub(super) fn put_object(&self, object: Object) {
        let name = object.name.clone();
        self.stage(Staged { object: Some(Arc::new(object)), snapshot: None }, &name);
    }

    /// Gives an object another name; it stays what it is.
    pub fn rename(&self, name: &TableName, new: &TableName) -> Result<()> {
        if let Some(temporary) = self.temporary_of(name) {
            return temporary.rename(name, new);
        }
        let object = self.known(name)?;
        let snapshot = self.snapshot(name);
        self.stage(Staged { object: None, snapshot: None }, name);
        self.stage(
            Staged { object: Some(Arc::new(Object { name: new.clone(), ..Object::clone(&object) })), snapshot },
            new,
        );
        Ok(())
    }

    /// Changes what the catalog says of an object, and nothing of its table.
    pub fn edit(&self, name: &TableName, change: impl FnOnce(&mut Object)) -> Result<()> {
        let this = self.temporary_of(name).map_or(self, |temporary| temporary.as_ref());
        let mut object = Object::clone(&*this.known(name)?);
        change(&mut object);
        let snapshot = this.snapshot(name);
        this.stage(Staged { object: Some(Arc::new(object)), snapshot }, name);
        Ok(())
    }

    /// Changes what a table is, and none of its files ([`Tables::redefine`]).
    pub async fn redefine(&self, name: &TableName, definition: &Definition) -> Result<()> {
        if let Some(temporary) = self.temporary_of(name) {
            return Box::pin(temporary.redefine(name, definition)).await;
        }
        let target = self.target(name).await?;
        self.tables.redefine(&self.lake, &target.location, definition).await?;
        let provenance = self.known(name)?.provenance.clone();
        self.stage_table(target, provenance).await
    }

    fn known(&self, name: &TableName) -> Result<Arc<Object>> {
        let missing = || Error::new(ErrorKind::UndefinedTable, format!("relation \"{name}\" does not exist"));
        self.object(name).ok_or_else(missing)
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

    /// A new object gets an OID that is free as far as the base knows; publishing gives it another where it was taken
    /// meanwhile.
    fn stage(&self, mut staged: Staged, name: &TableName) {
        let mut all = self.staged.lock();
        if let Some(object) = staged.object.as_mut().filter(|object| object.oid == 0) {
            let used = all.values().filter_map(|staged| staged.object.as_ref()).map(|object| object.oid + 1).max();
            let oid = match self.temporary {
                Some(_) => temporary::next_oid(),
                None => self.base.next_oid().max(used.unwrap_or(0)),
            };
            *object = Arc::new(Object { oid, ..Object::clone(object) });
        }
        all.insert(name.clone(), staged);
        drop(all);
        self.edition.fetch_add(1, Ordering::Release);
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

    async fn target_of(&self, name: &TableName, spec: &WriteSpec) -> Result<Target> {
        if spec.mode == WriteMode::Overwrite {
            self.mind(name);
        }
        self.target(name).await
    }

    /// The table to write, its log frozen at the pin.
    async fn target(&self, name: &TableName) -> Result<Target> {
        let mut target = match self.object(name).as_deref() {
            Some(object) => match &object.kind {
                ObjectKind::Table { location, version, .. } => {
                    let pin = match version {
                        Some(version) => Some(*version),
                        None => self.tables.head(location).await?,
                    };
                    Target {
                        id: object.id,
                        oid: object.oid,
                        name: name.clone(),
                        location: location.clone(),
                        pin,
                        query: object.query.clone(),
                    }
                }
                ObjectKind::View { .. } => self.new_target(name).await?,
                ObjectKind::Broken { message, .. } => {
                    return Err(Error::new(
                        ErrorKind::DataCorrupted,
                        format!("table \"{name}\" cannot be written: {message}"),
                    )
                    .with_hint("mend the table, or move its folder away"));
                }
            },
            None => self.new_target(name).await?,
        };
        target.pin = self.freeze(&target.location, target.pin);
        Ok(target)
    }

    async fn new_target(&self, name: &TableName) -> Result<Target> {
        let id = Uuid::now_v7();
        let folder = if name.schema == "lakewire" { "_lakewire" } else { &name.schema };
        let mut location = format!("{folder}/{}", name.name);
        if self.base.names_location(&location) || self.tables.head(&location).await?.is_some() {
            location = format!("{location}-{}", &id.simple().to_string()[24..]);
        }
        Ok(Target { id, oid: 0, name: name.clone(), location, pin: None, query: None })
    }

    async fn stage_table(&self, target: Target, provenance: Option<Provenance>) -> Result<()> {
        let snapshot = self.tables.snapshot_in(&self.lake, &target.location).await?;
        let object = Object {
            id: target.id,
            oid: target.oid,
            name: target.name.clone(),
            kind: ObjectKind::Table {
                location: target.location,
                // squashed into one commit when published
                version: Some(target.pin.map_or(0, |pin| pin + 1)),
                rows: snapshot.rows(),
                bytes: Some(snapshot.bytes()),
            },
            columns: Column::of(&snapshot),
            comment: snapshot.comment().map(str::to_owned),
            provenance,
            constraints: snapshot.definition().constraints.clone(),
            query: target.query,
        };
        self.stage(Staged { object: Some(Arc::new(object)), snapshot: Some(snapshot) }, &target.name);
        Ok(())
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

/// A table about to be written.
struct Target {
    id: Uuid,
    oid: u32,
    name: TableName,
    location: String,
    pin: Option<u64>,
    /// Of a materialized view.
    query: Option<String>,
}
