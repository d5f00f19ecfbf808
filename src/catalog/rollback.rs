//! The whole lake as it was in an earlier release, as a new release.
//!
//! Invariant: history only grows: restoring commits are new versions, and pins move forward. Tables that follow the
//! head of another engine's log are left alone.

use std::sync::Arc;

use super::{Catalog, Object, ObjectKind, Overlay, Release};
use crate::error::{Error, ErrorKind, Result};
use crate::names::ReleaseId;

impl Catalog {
    /// Publishes a release with the content of release `id`; `None` where nothing differs.
    ///
    /// Errors: `UndefinedObject` for a release there is not, `UndefinedFile` where a data file it needs was vacuumed.
    pub async fn rollback(self: &Arc<Self>, id: ReleaseId) -> Result<Option<Arc<Release>>> {
        if id > self.current().id() {
            return Err(Error::new(ErrorKind::UndefinedObject, format!("release {id} does not exist")));
        }
        let then = self.release(id).await?;
        let overlay = self.begin();
        let now = overlay.base().clone();
        for object in then.objects.values() {
            if now.get(&object.name) != Some(object) {
                overlay.restore(object).await?;
            }
        }
        for (name, object) in &now.objects {
            let follows_head =
                matches!(object.kind, ObjectKind::Table { version: None, .. } | ObjectKind::Broken { .. });
            if then.get(name).is_none() && !follows_head {
                overlay.drop_object(name)?;
            }
        }
        self.publish(&overlay, &format!("rollback to {id}")).await
    }
}

impl Overlay {
    /// Brings an object of an earlier release back: its name, its columns, and what it held.
    async fn restore(&self, then: &Arc<Object>) -> Result<()> {
        // what is past is not a way around what was forbidden since
        let renamed = || self.base().objects.values().find(|now| now.id == then.id).cloned();
        let now = self.object(&then.name).or_else(renamed);
        let rights = now.map_or_else(|| then.rights.clone(), |now| now.rights.clone());
        let ObjectKind::Table { location, version: Some(version), rows, bytes } = &then.kind else {
            if matches!(then.kind, ObjectKind::View { .. } | ObjectKind::Sequence(_)) {
                self.put_object(Object { rights, ..Object::clone(then) });
            }
            return Ok(());
        };
        let now = self.base().get(&then.name).and_then(|object| object.version());
        let pin = match now {
            Some(pin) => Some(pin),
            None => self.head(location).await?,
        };
        self.mind(&then.name);
        let mut restored = *version;
        if pin != Some(*version) {
            self.freeze(location, pin);
            restored = self.restore_table(location, *version).await?;
        }
        let kind =
            ObjectKind::Table { location: location.clone(), version: Some(restored), rows: *rows, bytes: *bytes };
        self.put_object(Object { kind, rights, ..Object::clone(then) });
        Ok(())
    }
}
