//! What one statement sees.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use parking_lot::Mutex;

use super::buffer::Buffered;
use super::release::RoleSettings;
use super::{Memberships, Object, ObjectKind, Overlay, Release, Rights};
use crate::error::{Error, ErrorKind, Result};
use crate::names::{SEQUENCE_LABEL, TableName, object_name};
use crate::table::{Snapshot, Tables};

/// A release, perhaps with an overlay on top. Cheap to clone; never changes under a statement.
///
/// Invariant: a table that follows its head keeps, within one scope, the version at which it was first touched.
#[derive(Debug, Clone)]
pub struct Scope {
    pub release: Arc<Release>,
    pub overlay: Option<Arc<Overlay>>,
    /// The session's own relations.
    pub temporary: Option<Arc<Overlay>>,
    pub tables: Arc<Tables>,
    heads: Arc<Mutex<HashMap<String, Arc<Snapshot>>>>,
}

impl Scope {
    pub fn new(release: Arc<Release>, overlay: Option<Arc<Overlay>>, tables: Arc<Tables>) -> Self {
        Self { release, overlay, temporary: None, tables, heads: Arc::default() }
    }

    /// The same with the session's own relations.
    pub fn with_temporary(self, temporary: Option<Arc<Overlay>>) -> Self {
        Self { temporary, ..self }
    }

    /// The schema of the session's own relations.
    pub fn temp_schema(&self) -> Option<&str> {
        self.temporary.as_ref()?.schema()
    }

    fn temporary_of(&self, schema: &str) -> Option<&Arc<Overlay>> {
        self.temporary.as_ref().filter(|temporary| temporary.schema() == Some(schema))
    }

    /// Who may do what in a schema; none where it is everybody's.
    pub fn schema_rights(&self, schema: &str) -> Option<Rights> {
        let staged = self.overlay.as_ref().and_then(|overlay| overlay.schema_rights().get(schema).cloned());
        staged.or_else(|| self.release.schema_rights.get(schema).cloned())
    }

    /// What sessions begin with, by role.
    pub fn role_settings(&self) -> RoleSettings {
        let mut settings = self.release.role_settings.clone();
        self.overlay.iter().for_each(|overlay| overlay.apply_role_settings(&mut settings));
        settings
    }

    /// The comment on a schema.
    pub fn schema_comment(&self, schema: &str) -> Option<String> {
        let staged = self.overlay.as_ref().and_then(|overlay| overlay.schema_comments().get(schema).cloned());
        staged.unwrap_or_else(|| self.release.schema_comments.get(schema).cloned())
    }

    /// Who is a member of which role: as of the newest release, and as this scope changes it.
    pub fn memberships(&self, newest: &Release) -> Memberships {
        let mut memberships = newest.memberships.clone();
        self.overlay.iter().for_each(|overlay| overlay.apply_members(&mut memberships));
        memberships
    }

    pub fn object(&self, name: &TableName) -> Option<Arc<Object>> {
        if let Some(temporary) = self.temporary_of(&name.schema) {
            return temporary.object(name);
        }
        match self.overlay.as_ref().and_then(|overlay| overlay.staged(name)) {
            Some(staged) => staged,
            None => self.release.get(name).cloned(),
        }
    }

    /// All objects, by name.
    pub fn objects(&self) -> Vec<Arc<Object>> {
        let mut objects: Vec<Arc<Object>> = match &self.overlay {
            None => self.release.objects.values().cloned().collect(),
            Some(overlay) => {
                let mut objects = self.release.objects.clone();
                overlay.apply(&mut objects);
                objects.into_values().collect()
            }
        };
        objects.extend(self.temporary.iter().flat_map(|temporary| temporary.staged_objects()));
        objects
    }

    /// The sequence that goes with a column of the table: by its usual name if that is it, else among all.
    pub fn sequence_of(&self, table: &Object, column: &str) -> Option<Arc<Object>> {
        let goes_with = |object: &Arc<Object>| {
            let owner = object.sequence().and_then(|sequence| sequence.owned_by.as_ref());
            owner.is_some_and(|owner| owner.table == table.id && owner.column == column)
        };
        let usual = object_name(&table.name.name, column, SEQUENCE_LABEL);
        let usual = self.object(&TableName::new(table.name.schema.as_str(), usual));
        usual.filter(goes_with).or_else(|| self.objects().into_iter().find(goes_with))
    }

    pub fn schemas(&self) -> Vec<String> {
        let mut schemas: BTreeMap<_, _> = self.release.schemas.clone();
        if let Some(overlay) = &self.overlay {
            for (schema, exists) in overlay.schemas() {
                if exists {
                    schemas.entry(schema).or_insert(0);
                } else {
                    schemas.remove(&schema);
                }
            }
            for object in overlay.staged_objects() {
                schemas.entry(object.name.schema.clone()).or_insert(object.oid);
            }
        }
        if let Some(temporary) = self.temporary.as_ref().filter(|temporary| !temporary.staged_objects().is_empty()) {
            schemas.extend(temporary.schema().map(|schema| (schema.to_owned(), 0)));
        }
        schemas.into_keys().collect()
    }

    /// Rows of the table that are not in a file yet.
    pub fn buffered(&self, object: &Object) -> Option<Buffered> {
        let holder = self.temporary_of(&object.name.schema).or(self.overlay.as_ref());
        holder?.buffered(&object.name)
    }

    /// The Delta snapshot a table object stands for here.
    ///
    /// Errors: why the table cannot be opened; `WrongObjectType` for a view.
    pub async fn snapshot(&self, object: &Object) -> Result<Arc<Snapshot>> {
        if let Some(own) = self.temporary_of(&object.name.schema)
            && let Some(snapshot) = own.snapshot(&object.name)
        {
            return Ok(snapshot);
        }
        if let Some(overlay) = &self.overlay {
            overlay.note_read(&object.name);
            if let Some(snapshot) = overlay.snapshot(&object.name) {
                return Ok(snapshot);
            }
        }
        let (location, version) = match &object.kind {
            ObjectKind::Table { location, version, .. } => (location, *version),
            // it may have been mended since it was listed
            ObjectKind::Broken { location, .. } => (location, None),
            ObjectKind::View { .. } | ObjectKind::Sequence(_) => {
                return Err(Error::new(ErrorKind::WrongObjectType, format!("\"{}\" is not a table", object.name)));
            }
        };
        if version.is_some() {
            return self.tables.snapshot(location, version).await;
        }
        if let Some(snapshot) = self.heads.lock().get(location) {
            return Ok(snapshot.clone());
        }
        let snapshot = self.tables.snapshot(location, None).await?;
        Ok(self.heads.lock().entry(location.clone()).or_insert(snapshot).clone())
    }
}
