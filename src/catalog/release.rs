//! A release: one version of the catalog table, whole.

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::log::now;
use super::overlay::TableChange;
use super::{Memberships, Object, Overlay, Rights};
use crate::names::{ReleaseId, TableName};

/// Every object of the lake as of one version of the catalog.
#[derive(Debug, Clone)]
pub struct Release {
    pub info: ReleaseInfo,
    /// The intent that made it: what tells it from a release of that number in another lake at this place.
    pub(super) intent: Uuid,
    pub objects: BTreeMap<TableName, Arc<Object>>,
    /// Schemas by name with their OIDs, those without objects too.
    pub schemas: BTreeMap<String, u32>,
    /// Comments on schemas.
    pub schema_comments: BTreeMap<String, String>,
    /// Who may do what in schemas; those that are not here are everybody's.
    pub schema_rights: BTreeMap<String, Rights>,
    pub role_settings: RoleSettings,
    /// Who is a member of which predefined role.
    pub memberships: Memberships,
    /// Dropped tables whose folders are still there: discovery must not bring them back.
    pub tombstones: Vec<Tombstone>,
}

/// What is left of a dropped table until its folder is vacuumed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tombstone {
    pub oid: u32,
    pub name: TableName,
    pub location: String,
    pub dropped_in: ReleaseId,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReleaseInfo {
    pub id: ReleaseId,
    pub committed_at: DateTime<Utc>,
    /// What made it: `refresh gold`, `ingest`, `adopt`, `rollback to 41` …
    pub operation: String,
}

/// What sessions begin with, by role and name of the setting; of all roles where the role has no name.
pub type RoleSettings = BTreeMap<(String, String), String>;

/// The schemas every lake has, with their OIDs. `public` has PostgreSQL's own.
const SCHEMAS: [(&str, u32); 6] = [
    ("public", 2200),
    ("bronze", 16384),
    ("silver", 16385),
    ("gold", 16386),
    ("analytics", 16387),
    ("lakewire", 16388),
];

impl Release {
    /// Release 0: no objects.
    pub fn empty(info: ReleaseInfo) -> Self {
        Self {
            info,
            intent: Uuid::nil(),
            objects: BTreeMap::new(),
            schemas: SCHEMAS.iter().map(|(name, oid)| ((*name).to_owned(), *oid)).collect(),
            schema_comments: BTreeMap::new(),
            schema_rights: BTreeMap::new(),
            role_settings: RoleSettings::new(),
            memberships: Memberships::default(),
            tombstones: Vec::new(),
        }
    }
    pub fn id(&self) -> ReleaseId {
        self.info.id
    }
    pub fn get(&self, name: &TableName) -> Option<&Arc<Object>> {
        self.objects.get(name)
    }
    /// The first OID that no object ever had.
    pub fn next_oid(&self) -> u32 {
        let objects = self.objects.values().map(|object| object.oid);
        let used = objects.chain(self.schemas.values().copied()).chain(self.tombstones.iter().map(|t| t.oid));
        used.max().unwrap_or(16384).max(16399) + 1
    }
    /// Whether a table, living or dropped, has its folder at this place.
    pub fn names_location(&self, location: &str) -> bool {
        self.objects.values().any(|object| object.location() == Some(location))
            || self.tombstones.iter().any(|tombstone| tombstone.location == location)
    }
    /// Whether the OID that the object got while it was private has meanwhile become another's.
    pub(super) fn has_given_away(&self, object: &Object) -> bool {
        let oid = object.oid;
        self.objects.values().any(|other| other.oid == oid && other.id != object.id)
            || self.schemas.values().any(|schema| *schema == oid)
            || self.tombstones.iter().any(|dead| dead.oid == oid && Some(dead.location.as_str()) != object.location())
    }
    /// Forgets tombstones of tables that live on, or again, under another name.
    pub(super) fn bury_only_the_dead(&mut self) {
        let objects = &self.objects;
        let lives = |dead: &Tombstone| objects.values().any(|object| object.location() == Some(dead.location.as_str()));
        self.tombstones.retain(|tombstone| !lives(tombstone));
    }
    pub(super) fn schema_oid(&mut self, schema: &str) -> u32 {
        if let Some(oid) = self.schemas.get(schema) {
            return *oid;
        }
        let oid = self.next_oid();
        self.schemas.insert(schema.to_owned(), oid);
        oid
    }

    /// The release after this one, nothing changed yet. Its instant is later, whatever the clock says.
    pub(super) fn following(&self, operation: &str) -> Self {
        let earliest: DateTime<Utc> = self.info.committed_at + chrono::TimeDelta::milliseconds(1);
        let info =
            ReleaseInfo { id: self.id().next(), committed_at: now().max(earliest), operation: operation.to_owned() };
        Self { info, intent: Uuid::now_v7(), ..self.clone() }
    }

    /// Takes in an overlay's changes, those of tables as they go on top of the current release.
    pub(super) fn take(&mut self, current: &Self, overlay: &Overlay, rebased: &[TableChange]) {
        overlay.apply(&mut self.objects);
        for change in rebased {
            self.objects.insert(change.object.name.clone(), change.object.clone());
            if overlay.is_rewritten(&change.object.name) {
                self.keep_up_to_date(change);
            }
        }
        self.take_schemas(overlay);
        overlay.apply_members(&mut self.memberships);
        overlay.apply_role_settings(&mut self.role_settings);
        for name in overlay.staged_names() {
            let object = self.objects.get(&name).cloned();
            // also where another has taken the name at once
            let dropped = current.get(&name).filter(|old| object.as_ref().is_none_or(|object| object.id != old.id));
            self.tombstones.extend(dropped.and_then(|dropped| tombstone(dropped, self.info.id)));
            let Some(object) = object else { continue };
            self.schema_oid(&name.schema);
            if self.has_given_away(&object) {
                let oid = self.next_oid();
                self.objects.insert(name, Arc::new(Object { oid, ..Object::clone(&object) }));
            }
        }
        self.bury_only_the_dead();
    }

    fn take_schemas(&mut self, overlay: &Overlay) {
        for (schema, exists) in overlay.schemas() {
            if exists {
                self.schema_oid(&schema);
            } else {
                self.schemas.remove(&schema);
                self.schema_comments.remove(&schema);
                self.schema_rights.remove(&schema);
            }
        }
        let known = overlay.schema_rights().into_iter().filter(|(schema, _)| self.schemas.contains_key(schema));
        let known: Vec<(String, Rights)> = known.collect();
        self.schema_rights.extend(known);
        for (schema, comment) in overlay.schema_comments() {
            match comment.filter(|_| self.schemas.contains_key(&schema)) {
                Some(comment) => self.schema_comments.insert(schema, comment),
                None => self.schema_comments.remove(&schema),
            };
        }
    }

    /// What was made from a table is as true of its new version, which has the same rows.
    fn keep_up_to_date(&mut self, change: &TableChange) {
        let name = change.object.name.to_string();
        let version = |version: u64| format!("{}@{version}", change.object.id);
        let (Some(before), now) = (change.pin.map(version), version(change.next_version())) else { return };
        for object in self.objects.values_mut() {
            let made = object.provenance.as_ref().and_then(|made| made.inputs.get(&name));
            if made == Some(&before) {
                let mut kept = Object::clone(object);
                if let Some(made) = &mut kept.provenance {
                    made.inputs.insert(name.clone(), now.clone());
                }
                *object = Arc::new(kept);
            }
        }
    }
}

fn tombstone(dropped: &Object, dropped_in: ReleaseId) -> Option<Tombstone> {
    let location = dropped.location()?.to_owned();
    Some(Tombstone { oid: dropped.oid, name: dropped.name.clone(), location, dropped_in })
}
