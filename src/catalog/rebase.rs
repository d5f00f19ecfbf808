//! Whether an overlay can be published on a release that is newer than the one it began on.
//!
//! As in PostgreSQL's REPEATABLE READ, who changes what others have changed meanwhile is told to retry, and who adds rows
//! or changes others is not. What counts as changed is a data file: a change goes on top of others' commits where every
//! file that it removes is still there.
//!
//! Invariant: an overlay that minds a table ([`Overlay::mind`]) is published only where nobody has touched that table.

use std::sync::Arc;

use super::commit::Footprint;
use super::overlay::TableChange;
use super::{Catalog, Object, ObjectKind, Overlay, Release};
use crate::error::{Error, ErrorKind, Result};
use crate::names::TableName;

/// Commits of others that are read to put a change on top of them; more are a conflict.
const COMMITS_MAX: u64 = 1000;

impl Catalog {
    /// The overlay's changes as they go on top of the release.
    ///
    /// Errors: `40001` where they cannot.
    pub(super) async fn rebase(
        &self,
        overlay: &Overlay,
        changes: &[TableChange],
        current: &Release,
    ) -> Result<Vec<TableChange>> {
        check_schemas(overlay, current)?;
        let base = overlay.base();
        for name in overlay.minded() {
            check_untouched(&name, base, current)?;
        }
        let mut rebased = Vec::with_capacity(changes.len());
        for name in overlay.staged_names() {
            match changes.iter().find(|change| change.object.name == name) {
                Some(change) => match (base.get(&name), current.get(&name)) {
                    (Some(then), Some(now)) => rebased.push(self.rebase_table(change, then, now).await?),
                    _ => {
                        check_untouched(&name, base, current)?;
                        rebased.push(change.clone());
                    }
                },
                None => check_untouched(&name, base, current)?,
            }
        }
        Ok(rebased)
    }

    async fn rebase_table(&self, change: &TableChange, then: &Object, now: &Object) -> Result<TableChange> {
        let moved = || conflict(&format!("\"{}\" was changed by another transaction", then.name));
        let ObjectKind::Table { location, version, rows, bytes } = &now.kind else {
            // a table in place of a view
            return check_same(then, now).map(|()| change.clone());
        };
        let same_table = Object { kind: now.kind.clone(), provenance: now.provenance.clone(), ..then.clone() } == *now;
        let (Some(pin), true) = (change.pin, same_table && *location == change.location) else {
            return check_same(then, now).map(|()| change.clone());
        };
        let head = match version {
            Some(version) => *version,
            None => self.tables().head(location).await?.ok_or_else(moved)?,
        };
        if head == pin {
            return Ok(change.clone());
        }
        if head < pin || head - pin > COMMITS_MAX {
            return Err(moved());
        }
        let ours = Footprint::of(change.commits.iter().map(|(_, bytes)| bytes.as_ref()))?;
        for version in pin + 1..=head {
            let bytes = self.log().get(&self.log().table_path(location, version)).await?.ok_or_else(moved)?;
            if ours.collides_with(&Footprint::of([bytes.as_ref()])?) {
                return Err(moved());
            }
        }
        let mut object = Object::clone(&change.object);
        if let ObjectKind::Table { version: ours, rows: our_rows, bytes: our_bytes, .. } = &mut object.kind {
            let ObjectKind::Table { rows: rows_then, bytes: bytes_then, .. } = &then.kind else { return Err(moved()) };
            *ours = Some(head + 1);
            *our_rows = moved_by(*our_rows, *rows_then, *rows);
            *our_bytes = moved_by(*our_bytes, *bytes_then, *bytes);
        }
        Ok(TableChange { pin: Some(head), object: Arc::new(object), ..change.clone() })
    }
}

/// What a count that was `then`, and we made `ours`, is where others have made it `now`.
fn moved_by(ours: Option<u64>, then: Option<u64>, now: Option<u64>) -> Option<u64> {
    (ours? + now?).checked_sub(then?)
}

fn check_untouched(name: &TableName, base: &Release, current: &Release) -> Result<()> {
    match (base.get(name), current.get(name)) {
        (None, None) => Ok(()),
        (Some(then), Some(now)) => check_same(then, now),
        _ => Err(conflict(&format!("\"{name}\" was changed by another transaction"))),
    }
}

fn check_same(then: &Object, now: &Object) -> Result<()> {
    if then.id == now.id && then.kind == now.kind && then.columns == now.columns {
        return Ok(());
    }
    Err(conflict(&format!("\"{}\" was changed by another transaction", then.name)))
}

/// Schemas it uses must be there still, and those it drops empty.
fn check_schemas(overlay: &Overlay, current: &Release) -> Result<()> {
    let base = overlay.base();
    for TableName { schema, .. } in overlay.staged_names() {
        if base.schemas.contains_key(&schema) && !current.schemas.contains_key(&schema) {
            return Err(conflict(&format!("schema \"{schema}\" was dropped by another transaction")));
        }
    }
    for (schema, _) in overlay.schemas().iter().filter(|(_, exists)| !**exists) {
        let new = |name: &&TableName| name.schema == *schema && base.get(name).is_none();
        if let Some(name) = current.objects.keys().find(new) {
            return Err(conflict(&format!("\"{name}\" was made by another transaction")));
        }
    }
    Ok(())
}

pub(super) fn conflict(detail: &str) -> Error {
    Error::new(ErrorKind::SerializationFailure, "could not serialize access due to concurrent update")
        .with_detail(detail.to_owned())
        .with_hint("retry the transaction")
}
