//! Whether who plans a statement may do what it does. What a view reads is not asked for: its maker was.
//!
//! Invariant: what the newest release forbids is forbidden in every release and transaction that is still read.

use std::sync::Arc;

use datafusion::common::TableReference;

use super::names::Relation;
use super::planner::Planner;
use crate::catalog::{Object, Privilege, Rights};
use crate::error::{Error, ErrorKind, Result};

/// The object as it stands in the newest release.
fn now(planner: &Planner, object: &Object) -> Option<Arc<Object>> {
    let newest = planner.engine().catalog.current();
    let known = newest.get(&object.name).filter(|now| now.id == object.id);
    known.or_else(|| newest.objects.values().find(|now| now.id == object.id)).cloned()
}

impl Planner {
    /// # Errors
    /// `42501` where the user may not do this with the relation.
    pub(super) fn check_right(&self, object: &Object, privilege: Privilege) -> Result<()> {
        let Some(user) = self.limited_user() else { return Ok(()) };
        self.check_schema_right(&object.name.schema, Privilege::Usage)?;
        let memberships = self.scope().memberships(&self.engine().catalog.current());
        let forbids =
            |object: &Object| object.rights.as_ref().is_some_and(|rights| !memberships.allow(user, rights, privilege));
        if forbids(object) || now(self, object).is_some_and(|object| forbids(&object)) {
            let message = format!("permission denied for {} {}", object.noun(), object.name.name);
            return Err(Error::new(ErrorKind::InsufficientPrivilege, message));
        }
        Ok(())
    }

    /// # Errors
    /// `42501` where the user may not do this in the schema.
    pub(super) fn check_schema_right(&self, schema: &str, privilege: Privilege) -> Result<()> {
        let Some(user) = self.limited_user() else { return Ok(()) };
        let newest = self.engine().catalog.current();
        let (here, now) = (self.scope().schema_rights(schema), newest.schema_rights.get(schema));
        if here.is_none() && now.is_none() {
            return Ok(());
        }
        let memberships = self.scope().memberships(&newest);
        let forbids = |rights: &Rights| !memberships.allow(user, rights, privilege);
        if here.as_ref().into_iter().chain(now).any(forbids) {
            let message = format!("permission denied for schema {schema}");
            return Err(Error::new(ErrorKind::InsufficientPrivilege, message));
        }
        Ok(())
    }

    /// # Errors
    /// `42501` where the relation has an owner and that is not the user.
    pub(super) fn check_owner(&self, object: &Object) -> Result<()> {
        if self.limited_user().is_none() {
            return Ok(());
        }
        if object.rights.is_some() || now(self, object).is_some_and(|object| object.rights.is_some()) {
            let message = format!("must be owner of {} {}", object.noun(), object.name.name);
            return Err(Error::new(ErrorKind::InsufficientPrivilege, message));
        }
        Ok(())
    }

    /// [`Self::check_owner`] of what a reference leads to, if it leads to anything.
    pub(super) fn check_owner_of(&self, reference: &TableReference) -> Result<()> {
        match self.relation(reference) {
            Ok(Relation::Object(object)) => self.check_owner(&object),
            _ => Ok(()),
        }
    }
}
