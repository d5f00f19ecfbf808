//! What statements do to an overlay: tables are written and redefined, views put, objects renamed and dropped.
//!
//! Invariant: a name of the session's own schema goes to the session's own overlay, whatever is done to it.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::execution::SessionState;
use datafusion::logical_expr::LogicalPlan;
use futures::stream::BoxStream;
use uuid::Uuid;

use super::overlay::{Overlay, Staged};
use super::rights::Rights;
use super::sequence::Sequence;
use super::{Column, Object, ObjectKind, Provenance, temporary};
use crate::error::{Error, ErrorKind, Result};
use crate::names::TableName;
use crate::table::{Definition, Snapshot, WriteMode, WriteSpec, Written};

/// A table about to be written.
struct Target {
    id: Uuid,
    oid: u32,
    name: TableName,
    location: String,
    pin: Option<u64>,
    /// Of a materialized view.
    query: Option<String>,
    unpopulated: bool,
    rights: Option<Rights>,
    /// The newest version that was read here, or that at the pin.
    known: Option<Arc<Snapshot>>,
}

/// The name without what paths of object stores write otherwise than folders do: a table's folder need not have its name.
fn plain(name: &str) -> String {
    let is_plain = |letter: char| letter.is_ascii_alphanumeric() || " !$&'()+,-.:;=@_".contains(letter);
    name.chars().map(|letter| if is_plain(letter) { letter } else { '_' }).collect()
}

impl Overlay {
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
        let written =
            self.tables.write(&self.lake, &target.location, spec, input, session, target.known.as_deref()).await?;
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
        let written = self
            .tables
            .write_batches(&self.lake, &target.location, spec, schema, batches, target.known.as_deref())
            .await?;
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
        let replaced = self.object(name);
        let existing = replaced.as_ref().filter(|object| matches!(object.kind, ObjectKind::View { .. }));
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
            unpopulated: false,
            rights: replaced.and_then(|object| object.rights.clone()),
        };
        self.stage(Staged { object: Some(Arc::new(object)), snapshot: None }, name);
        Ok(())
    }

    /// Declares a sequence, or declares it anew.
    pub fn put_sequence(&self, name: &TableName, sequence: Sequence) {
        if let Some(temporary) = self.temporary_of(name) {
            return temporary.put_sequence(name, sequence);
        }
        let old = self.object(name).filter(|object| object.sequence().is_some());
        let object = match old {
            Some(old) => Object { kind: ObjectKind::Sequence(sequence), ..Object::clone(&old) },
            None => Object::declaring(name.clone(), sequence),
        };
        self.put_object(object);
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
        self.note_changed(name);
        let target = self.target(name).await?;
        self.tables.redefine(&self.lake, &target.location, definition, target.known.as_deref()).await?;
        let provenance = self.known(name)?.provenance.clone();
        self.stage_table(target, provenance).await
    }

    fn known(&self, name: &TableName) -> Result<Arc<Object>> {
        let missing = || Error::new(ErrorKind::UndefinedTable, format!("relation \"{name}\" does not exist"));
        self.object(name).ok_or_else(missing)
    }

    /// A new object gets an OID that is free as far as the base knows; publishing gives it another where it was taken
    /// meanwhile.
    fn stage(&self, staged: Staged, name: &TableName) {
        self.note_changed(name);
        self.put_staged(staged, name);
    }

    fn put_staged(&self, mut staged: Staged, name: &TableName) {
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

    async fn target_of(&self, name: &TableName, spec: &WriteSpec) -> Result<Target> {
        if spec.mode != WriteMode::Append {
            self.note_changed(name);
        }
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
                        unpopulated: object.unpopulated,
                        rights: object.rights.clone(),
                        known: None,
                    }
                }
                // what takes the place of another has its rights
                ObjectKind::View { .. } | ObjectKind::Sequence(_) => {
                    Target { rights: object.rights.clone(), ..self.new_target(name).await? }
                }
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
        let here = self.snapshot(name).filter(|snapshot| snapshot.location() == target.location);
        target.known = here.or_else(|| self.tables.remembered(&target.location, target.pin?));
        Ok(target)
    }

    async fn new_target(&self, name: &TableName) -> Result<Target> {
        let id = Uuid::now_v7();
        let folder = if name.schema == "lakewire" { "_lakewire" } else { &name.schema };
        let mut location = format!("{}/{}", plain(folder), plain(&name.name));
        let is_its_own = location == format!("{folder}/{}", name.name);
        if !is_its_own || self.base.names_location(&location) || self.tables.head(&location).await?.is_some() {
            location = format!("{location}-{}", &id.simple().to_string()[24..]);
        }
        Ok(Target {
            id,
            oid: 0,
            name: name.clone(),
            location,
            pin: None,
            query: None,
            unpopulated: false,
            rights: None,
            known: None,
        })
    }

    async fn stage_table(&self, target: Target, provenance: Option<Provenance>) -> Result<()> {
        let snapshot = self.tables.snapshot_in(&self.lake, &target.location, target.known.as_deref()).await?;
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
            unpopulated: target.unpopulated,
            rights: target.rights,
        };
        self.put_staged(Staged { object: Some(Arc::new(object)), snapshot: Some(snapshot) }, &target.name);
        Ok(())
    }
}
