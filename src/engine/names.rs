//! What the names in a statement stand for: `search_path`, scope, PostgreSQL's catalogs, system tables.
//!
//! Invariant: a name is resolved without opening any other table than the one it names.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use datafusion::catalog::TableProvider;
use datafusion::common::TableReference;
use datafusion::datasource::{MemTable, ViewTable};

use super::buffered::WithBuffered;
use super::errors::{self, nearest};
use super::execute::{Origin, of_relation};
use super::planner::Planner;
use super::system::{self, SystemTableProvider};
use super::unpopulated::Unpopulated;
use crate::catalog::{Object, ObjectKind, Privilege};
use crate::dialect;
use crate::error::{Error, ErrorKind, Result};
use crate::names::TableName;

/// Views of views of views …
const VIEW_DEPTH_MAX: usize = 32;

/// What a name stands for.
pub(super) enum Relation {
    Object(Arc<Object>),
    /// Rows made by the server: a catalog, a system table.
    Provider(Arc<dyn TableProvider>),
}

impl Planner {
    /// The OID of the relation that a scan of the name reads, and the number of its column at a place.
    pub(super) fn origin(&self, scanned: &TableReference, place: usize) -> Option<Origin> {
        let oid = match self.relation(scanned).ok()? {
            Relation::Object(object) => object.oid,
            Relation::Provider(_) => {
                self.metadata().relation_named(&scanned.to_quoted_string(), self.search_path())?.oid
            }
        };
        Some((oid, i16::try_from(place + 1).ok()?))
    }

    /// The relation a reference names.
    ///
    /// # Errors
    /// `42P01` with the nearest name as hint.
    pub(super) fn relation(&self, reference: &TableReference) -> Result<Relation> {
        let (schema, name) = match reference {
            TableReference::Bare { table } => match self.given(table) {
                Some(given) => return Ok(Relation::Provider(given)),
                None => (None, table),
            },
            TableReference::Partial { schema, table } => (Some(schema), table),
            TableReference::Full { catalog, schema, table } => {
                if catalog.as_ref() != self.database() {
                    return Err(Error::new(
                        ErrorKind::FeatureNotSupported,
                        format!("cross-database references are not implemented: \"{reference}\""),
                    )
                    .with_hint(format!("the only database is \"{}\"", self.database())));
                }
                (Some(schema), table)
            }
        };
        let found = match schema {
            Some(schema) if schema.as_ref() == "pg_temp" => {
                self.scope().temp_schema().and_then(|schema| self.relation_in(schema, name))
            }
            Some(schema) => self.relation_in(schema, name),
            // the session's own come before all others
            None => {
                let own = self.scope().temp_schema().into_iter();
                let path = own.chain(self.search_path().iter().map(String::as_str));
                path.filter_map(|schema| self.relation_in(schema, name)).next()
            }
        };
        found.ok_or_else(|| self.undefined(schema.map(AsRef::as_ref), name))
    }

    fn relation_in(&self, schema: &str, name: &str) -> Option<Relation> {
        if let Some(object) = self.scope().object(&TableName::new(schema, name)) {
            return Some(Relation::Object(object));
        }
        if schema == system::SCHEMA {
            let source = self.system_table(name)?;
            return Some(Relation::Provider(Arc::new(source)));
        }
        self.metadata().table(schema, name).map(Relation::Provider)
    }

    fn system_table(&self, name: &str) -> Option<SystemTableProvider> {
        self.engine().system_tables().into_iter().find_map(|source| {
            let table = source.tables().into_iter().find(|table| table.name == name)?;
            let (catalog, scope) = (self.engine().catalog.clone(), self.scope().clone());
            Some(SystemTableProvider { source, table, catalog, scope })
        })
    }

    fn undefined(&self, schema: Option<&str>, name: &str) -> Error {
        let shown = match schema {
            Some(schema) => format!("{schema}.{name}"),
            None => name.to_owned(),
        };
        let error = Error::new(ErrorKind::UndefinedTable, format!("relation \"{shown}\" does not exist"));
        let objects = self.scope().objects();
        // The right name in another schema is nearer than any other name.
        if let Some(object) = objects.iter().find(|object| object.name.name == name) {
            return error.with_hint(format!("did you mean \"{}\"?", object.name));
        }
        let candidates = objects.iter().map(|object| match schema {
            Some(_) => (object.name.to_string(), object.name.to_string()),
            None => (object.name.name.clone(), object.name.to_string()),
        });
        match nearest(&shown, candidates) {
            Some(near) => error.with_hint(format!("did you mean \"{near}\"?")),
            None => error,
        }
    }

    pub(super) async fn provider(&self, reference: &TableReference, depth: usize) -> Result<Arc<dyn TableProvider>> {
        match self.relation(reference)? {
            Relation::Provider(provider) => Ok(provider),
            Relation::Object(object) => {
                // at depth a view reads, with its maker's rights
                if depth == 0 {
                    self.check_right(&object, Privilege::Select)?;
                }
                self.object_provider(&object, depth).await
            }
        }
    }

    async fn object_provider(&self, object: &Object, depth: usize) -> Result<Arc<dyn TableProvider>> {
        match &object.kind {
            ObjectKind::View { definition } => self.view(object, definition, depth).await,
            ObjectKind::Sequence(sequence) => {
                // where it stands is part of no release
                self.follows_head.store(true, Ordering::Relaxed);
                let (at, left) = self.sequences().position(object.id, sequence).await?;
                let row = at.row(left, object.arrow_schema())?;
                let table = MemTable::try_new(row.schema(), vec![vec![row]]).map_err(errors::from_datafusion)?;
                Ok(Arc::new(table))
            }
            // A broken table may have been mended since; if not, opening it says what is wrong.
            ObjectKind::Table { .. } | ObjectKind::Broken { .. } => {
                if !matches!(object.kind, ObjectKind::Table { version: Some(_), .. }) {
                    self.follows_head.store(true, Ordering::Relaxed);
                }
                let snapshot = self.scope().snapshot(object).await?;
                let provider = snapshot.provider()?;
                if object.unpopulated {
                    return Ok(Arc::new(Unpopulated::new(object, provider)));
                }
                Ok(match self.scope().buffered(object) {
                    Some(rows) => Arc::new(WithBuffered::new(provider, rows)?),
                    None => provider,
                })
            }
        }
    }

    async fn view(&self, object: &Object, definition: &str, depth: usize) -> Result<Arc<dyn TableProvider>> {
        if depth >= VIEW_DEPTH_MAX {
            return Err(Error::new(
                ErrorKind::StatementTooComplex,
                format!("view \"{}\" is nested more than {VIEW_DEPTH_MAX} deep, or reads itself", object.name),
            ));
        }
        // A view's text has no place in the statement that reads it.
        let in_view = |error: Error| error.without_position().context(format!("view \"{}\"", object.name));
        let statement = dialect::parse_single(definition).map_err(in_view)?;
        let plan = Box::pin(self.plan_at(&statement, depth + 1)).await.map_err(in_view)?;
        let plan = of_relation(self.visible(plan)?, object.oid).map_err(errors::from_datafusion)?;
        Ok(Arc::new(ViewTable::new(plan, Some(definition.to_owned()))))
    }
}
