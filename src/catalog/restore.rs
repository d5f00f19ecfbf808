//! One table as it was at an earlier version; and one rewritten, its rows the same.

use std::sync::Arc;

use chrono::{TimeDelta, Utc};
use datafusion::datasource::provider_as_source;
use datafusion::execution::SessionState;
use datafusion::logical_expr::LogicalPlanBuilder;

use super::{Catalog, Column, Object, ObjectKind, Overlay, Release, Scope};
use crate::error::{Error, ErrorKind, Result};
use crate::names::TableName;
use crate::table::{OptimizeSpec, Optimized, WriteMode, WriteSpec};

impl Catalog {
    /// Publishes a release in which the table is as it was at a Delta version; `None` where it is that already.
    ///
    /// Errors: `UndefinedObject` for a version that its log does not have, `UndefinedFile` where a data file was vacuumed.
    pub async fn restore_table(self: &Arc<Self>, name: &TableName, version: u64) -> Result<Option<Arc<Release>>> {
        let overlay = self.begin();
        overlay.mind(name);
        let Some(object) = overlay.base().get(name).cloned() else {
            return Err(Error::new(ErrorKind::UndefinedTable, format!("relation \"{name}\" does not exist")));
        };
        let ObjectKind::Table { location, version: pin, .. } = &object.kind else {
            return Err(Error::new(ErrorKind::WrongObjectType, format!("\"{name}\" is not a table")));
        };
        let pin = match pin {
            Some(pin) => Some(*pin),
            None => overlay.head(location).await?,
        };
        if pin.is_none_or(|pin| version > pin) {
            let message = format!("table \"{name}\" has no version {version}");
            return Err(Error::new(ErrorKind::UndefinedObject, message)
                .with_hint(format!("select version, operation from lakewire.table_history('{name}') lists them")));
        }
        if pin == Some(version) {
            return Ok(None);
        }
        overlay.freeze(location, pin);
        overlay.restore_table(location, version).await?;
        overlay.restage(&object, pin, true).await?;
        self.publish(&overlay, &format!("restore {name} to {version}")).await
    }
}

impl Catalog {
    /// Writes the rows of a table anew where deletion vectors hide some in its files.
    pub async fn rewrite_without_vectors(
        self: &Arc<Self>,
        name: &TableName,
        session: impl Fn(&Scope) -> Result<SessionState>,
    ) -> Result<()> {
        let overlay = self.begin();
        overlay.mind(name);
        let scope = overlay.scope();
        let Some(object) = scope.object(name) else { return Ok(()) };
        let snapshot = scope.snapshot(&object).await?;
        if !snapshot.has_deletions() {
            return Ok(());
        }
        let rows = LogicalPlanBuilder::scan(name.quoted(), provider_as_source(snapshot.provider()?), None)
            .and_then(LogicalPlanBuilder::build)
            .map_err(|error| Error::internal("a table cannot be planned").with_source(error))?;
        overlay.write(name, &WriteSpec::new(WriteMode::Replace), None, rows, &session(&scope)?).await?;
        self.publish(&overlay, &format!("rewrite {name}")).await?;
        Ok(())
    }

    /// Deletes all that a table's newest version does not need, its log before that as well, whichever release would have
    /// read it. Answers how many files of data.
    pub async fn end_history(&self, location: &str) -> Result<u64> {
        let Some(head) = self.tables().head(location).await? else { return Ok(0) };
        self.tables().checkpoint(location).await?;
        let now = Utc::now() + TimeDelta::days(1);
        let unneeded = self.tables().unneeded(location, head, now).await?;
        let count = unneeded.count();
        self.tables().delete(unneeded).await?;
        self.tables().clear_log(location, head).await?;
        self.tables().forget_snapshots();
        Ok(count as u64)
    }
}

impl Overlay {
    /// Rewrites the files of a table; its rows stay what they are. The session must be one of this overlay's scope.
    pub async fn optimize(&self, name: &TableName, spec: &OptimizeSpec, session: SessionState) -> Result<Optimized> {
        let Some(object) = self.base().get(name).cloned() else {
            return Err(Error::new(ErrorKind::UndefinedTable, format!("relation \"{name}\" does not exist")));
        };
        let ObjectKind::Table { location, version, .. } = &object.kind else {
            return Err(Error::new(ErrorKind::WrongObjectType, format!("\"{name}\" is not a table")));
        };
        let pin = match version {
            Some(pin) => Some(*pin),
            None => self.head(location).await?,
        };
        self.freeze(location, pin);
        let optimized = self.tables().optimize(self.lake(), location, spec, session).await?;
        if optimized.files_removed > 0 {
            self.restage(&object, pin, false).await?;
            self.set_rewritten(name);
        }
        Ok(optimized)
    }

    /// Puts the table's row as its log is here now. What it held before may have come from a model; other content has not.
    async fn restage(&self, object: &Object, pin: Option<u64>, other_content: bool) -> Result<()> {
        let location = object.location().unwrap_or_default().to_owned();
        let snapshot = self.tables().snapshot_in(self.lake(), &location, None).await?;
        let kind = ObjectKind::Table {
            location,
            // squashed into one commit when published
            version: Some(pin.map_or(0, |pin| pin + 1)),
            rows: snapshot.rows(),
            bytes: Some(snapshot.bytes()),
        };
        let provenance = object.provenance.clone().filter(|_| !other_content);
        let mut object = Object { kind, provenance, ..object.clone() };
        if other_content {
            object.columns = Column::of(&snapshot);
            object.constraints.clone_from(&snapshot.definition().constraints);
        }
        self.put_object(object);
        Ok(())
    }
}
