//! Tables that others put into the lake: `<schema>/<table>/_delta_log` that no release names.
//!
//! They are listed from then on and served at their head. One that cannot be opened is listed as broken, with its error.
//!
//! Invariant: a location that a release names, living or dropped, is never looked into; so opening a known lake costs
//! one listing a schema, whatever the number of tables.

use std::collections::BTreeMap;
use std::sync::Arc;

use futures::{StreamExt, TryStreamExt, stream};
use object_store::path::Path;
use uuid::Uuid;

use super::{Catalog, Column, Object, ObjectKind, OwnedBy, Release, Sequence};
use crate::error::Result;
use crate::names::{SEQUENCE_LABEL, TableName, free_name};

/// How many logs are read at once.
const CONCURRENCY: usize = 16;

/// The sequence of an identity column whose table brought none.
fn numbering(release: &Release, table: &Object, column: &Column) -> Object {
    let named = |name: &str| TableName::new(table.name.schema.as_str(), name);
    let is_taken = |name: &str| release.objects.contains_key(&named(name));
    let name = free_name(&table.name.name, &column.name, SEQUENCE_LABEL, is_taken);
    let owned_by = Some(OwnedBy { table: table.id, column: column.name.clone() });
    let sequence = Sequence { owned_by, ..Sequence::numbering(&column.data_type) };
    Object::declaring(named(&name), sequence)
}

impl Catalog {
    /// Looks for tables nobody has named yet and publishes them as one release; answers how many there were.
    pub async fn discover(&self) -> Result<usize> {
        let current = self.current();
        let unknown = self.unknown_folders(&current).await?;
        let found: Vec<Object> = stream::iter(unknown)
            .map(|(name, location)| self.look(name, location))
            .buffer_unordered(CONCURRENCY)
            .try_filter_map(|found| std::future::ready(Ok(found)))
            .try_collect()
            .await?;
        if found.is_empty() {
            return Ok(0);
        }
        let found: BTreeMap<_, _> = found.into_iter().map(|object| (object.name.clone(), object)).collect();
        let count = found.len();
        let _turn = self.turn().await?;
        self.publish_rows("discover tables", |next| {
            let mut new = false;
            for object in found.values() {
                let known = object.location().is_some_and(|location| next.names_location(location));
                if !known && !next.objects.contains_key(&object.name) {
                    next.schema_oid(&object.name.schema);
                    let oid = next.next_oid();
                    next.objects.insert(object.name.clone(), Arc::new(Object { oid, ..object.clone() }));
                    for column in object.columns.iter().filter(|column| column.identity.is_some()) {
                        let sequence = numbering(next, object, column);
                        let oid = next.next_oid();
                        next.objects.insert(sequence.name.clone(), Arc::new(Object { oid, ..sequence }));
                    }
                    new = true;
                }
            }
            new
        })
        .await?;
        Ok(count)
    }

    /// Folders two levels down (or one, served in `public`) that no release names.
    async fn unknown_folders(&self, current: &Release) -> Result<Vec<(TableName, String)>> {
        let mut unknown = Vec::new();
        for schema in self.folders("").await? {
            let tables = self.folders(&schema).await?;
            if tables.iter().any(|name| name == "_delta_log") {
                unknown.push((TableName::new("public", &schema), schema));
                continue;
            }
            for name in tables {
                unknown.push((TableName::new(&schema, &name), format!("{schema}/{name}")));
            }
        }
        let known: std::collections::HashSet<&str> = current
            .objects
            .values()
            .filter_map(|object| object.location())
            .chain(current.tombstones.iter().map(|tombstone| tombstone.location.as_str()))
            .collect();
        unknown.retain(|(name, location)| !known.contains(location.as_str()) && current.get(name).is_none());
        Ok(unknown)
    }

    async fn folders(&self, relative: &str) -> Result<Vec<String>> {
        let path = self.lake().path(relative);
        let listing = self.lake().root().list_with_delimiter(Some(&path)).await?;
        let name = |path: &Path| path.filename().map(str::to_owned);
        let names = listing.common_prefixes.iter().filter_map(name);
        Ok(names.filter(|name| !name.starts_with('.') && (name == "_delta_log" || !name.starts_with('_'))).collect())
    }

    /// What lies in a folder; `None` where there is no Delta log.
    async fn look(&self, name: TableName, location: String) -> Result<Option<Object>> {
        let opened = match self.tables().head(&location).await {
            Ok(None) => return Ok(None),
            Ok(Some(_)) => self.tables().snapshot(&location, None).await,
            Err(error) => Err(error),
        };
        let (kind, columns, comment, constraints) = match opened {
            Ok(snapshot) => {
                let (rows, bytes) = (snapshot.rows(), Some(snapshot.bytes()));
                let kind = ObjectKind::Table { location, version: None, rows, bytes };
                let constraints = snapshot.definition().constraints.clone();
                (kind, Column::of(&snapshot), snapshot.comment().map(str::to_owned), constraints)
            }
            Err(error) => {
                let sqlstate = error.kind().sqlstate().to_owned();
                let message = error.message().to_owned();
                (ObjectKind::Broken { location, sqlstate, message }, Vec::new(), None, Vec::new())
            }
        };
        Ok(Some(Object {
            id: Uuid::now_v7(),
            oid: 0,
            name,
            kind,
            columns,
            comment,
            provenance: None,
            constraints,
            query: None,
            unpopulated: false,
            rights: None,
        }))
    }
}
