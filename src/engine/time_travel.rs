//! Table functions over the lake's past: `table_at('gold.t', 3)`, `table_at('gold.t', '2026-01-01')`,
//! `table_history('gold.t')`. `t VERSION AS OF 3` and `t TIMESTAMP AS OF '…'` are the first in other words.

use std::sync::Arc;

use chrono::{DateTime, NaiveDate, NaiveDateTime, Utc};
use datafusion::catalog::{MemTable, TableProvider};
use datafusion::common::TableReference;

use super::names::Relation;
use super::planner::Planner;
use super::{errors, history};
use crate::catalog::{Catalog, Object, ObjectKind, Privilege, Release, Scope};
use crate::error::{Error, ErrorKind, Result};
use crate::names::ReleaseId;

/// What `lakewire.as_of` last stood for, with its text.
#[derive(Debug, Default)]
pub(super) struct Past(Option<(String, Arc<Release>)>);

impl Past {
    /// The lake as it was then; the newest release for an empty text.
    pub async fn scope(&mut self, catalog: &Catalog, as_of: String) -> Result<Scope> {
        if as_of.is_empty() {
            return Ok(catalog.scope());
        }
        if let Some((text, release)) = &self.0
            && *text == as_of
        {
            return Ok(catalog.scope_of(release.clone()));
        }
        let release = match AsOf::parse(&as_of)? {
            AsOf::Release(id) => catalog.release(id).await?,
            AsOf::Instant(at) => catalog.release_at(at).await?,
        };
        self.0 = Some((as_of, release.clone()));
        Ok(catalog.scope_of(release))
    }
}

/// The functions that [`call`] answers.
pub const FUNCTIONS: &[&str] = &["table_at", "table_history"];

/// The table a call stands for; `None` for functions of others.
pub(super) async fn call(
    planner: &Planner,
    name: &str,
    arguments: &[String],
) -> Result<Option<Arc<dyn TableProvider>>> {
    match (name, arguments) {
        ("table_at", [table, when]) => table_at(planner, table, when).await.map(Some),
        ("table_at", _) => {
            Err(Error::new(ErrorKind::UndefinedFunction, "function table_at takes a table and a version or timestamp")
                .with_hint("write lakewire.table_at('gold.daily_sales', 3)"))
        }
        ("table_history", [table]) => table_history(planner, table).await.map(Some),
        _ => Ok(None),
    }
}

async fn table_history(planner: &Planner, table: &str) -> Result<Arc<dyn TableProvider>> {
    let Relation::Object(object) = planner.relation(&TableReference::parse_str(table))? else {
        return Err(no_versions(table));
    };
    if object.location().is_none() {
        return Err(no_versions(table));
    }
    let rows = history::of(planner.scope(), &object).await?;
    let table = MemTable::try_new(rows.schema(), vec![vec![rows]]).map_err(errors::from_datafusion)?;
    Ok(Arc::new(table))
}

async fn table_at(planner: &Planner, table: &str, when: &str) -> Result<Arc<dyn TableProvider>> {
    let reference = TableReference::parse_str(table);
    if let Ok(version) = when.parse::<u64>() {
        return match planner.relation(&reference)? {
            Relation::Object(object) => {
                planner.check_right(&object, Privilege::Select)?;
                version_of(planner, &object, version).await
            }
            Relation::Provider(_) => Err(no_versions(table)),
        };
    }
    if let Ok(Relation::Object(now)) = planner.relation(&reference) {
        planner.check_right(&now, Privilege::Select)?;
    }
    let at = parse_instant(when)?;
    let catalog = &planner.engine().catalog;
    let release = match catalog.release_at(at).await {
        Ok(release) => release,
        // Older than the lake's first release, but perhaps not than the table's first commit.
        Err(error) => return by_log(planner, &reference, at).await?.ok_or(error),
    };
    let past = planner.engine().clone().planner_of(catalog.scope_of(release), planner.search_path());
    if let Relation::Object(object) = past.relation(&reference)? {
        planner.check_right(&object, Privilege::Select)?;
        if matches!(object.kind, ObjectKind::Table { version: None, .. })
            && let Some(provider) = by_log(&past, &reference, at).await?
        {
            return Ok(provider);
        }
    }
    past.provider(&reference, 0).await
}

/// The version that the table's own log had then; `None` where it is no table, or has none so old.
async fn by_log(
    planner: &Planner,
    reference: &TableReference,
    at: DateTime<Utc>,
) -> Result<Option<Arc<dyn TableProvider>>> {
    let Relation::Object(object) = planner.relation(reference)? else { return Ok(None) };
    let Some(location) = object.location() else { return Ok(None) };
    match planner.scope().tables.version_at(location, at).await? {
        Some(version) => version_of(planner, &object, version).await.map(Some),
        None => Ok(None),
    }
}

async fn version_of(planner: &Planner, object: &Object, version: u64) -> Result<Arc<dyn TableProvider>> {
    match &object.kind {
        ObjectKind::Table { location, .. } | ObjectKind::Broken { location, .. } => {
            let snapshot = planner.scope().tables.snapshot(location, Some(version)).await;
            snapshot.map_err(|error| error.context(format!("table \"{}\"", object.name)))?.provider()
        }
        ObjectKind::View { .. } | ObjectKind::Sequence(_) => Err(no_versions(&object.name.to_string())),
    }
}

fn no_versions(name: &str) -> Error {
    Error::new(ErrorKind::WrongObjectType, format!("\"{name}\" is not a table and has no versions"))
        .with_hint("SET lakewire.as_of shows views as they were")
}

/// `lakewire.as_of`: a release, or the newest one at an instant.
pub enum AsOf {
    Release(ReleaseId),
    Instant(DateTime<Utc>),
}

impl AsOf {
    /// # Errors
    /// `22023` for what is neither.
    pub fn parse(text: &str) -> Result<Self> {
        match text.trim().parse::<u64>() {
            Ok(release) => Ok(Self::Release(ReleaseId(release))),
            Err(_) => parse_instant(text).map(Self::Instant),
        }
    }
}

fn parse_instant(text: &str) -> Result<DateTime<Utc>> {
    let text = text.trim();
    if let Ok(instant) = DateTime::parse_from_rfc3339(&text.replacen(' ', "T", 1)) {
        return Ok(instant.to_utc());
    }
    for format in ["%Y-%m-%d %H:%M:%S%.f%#z", "%Y-%m-%dT%H:%M:%S%.f%#z"] {
        if let Ok(instant) = DateTime::parse_from_str(text, format) {
            return Ok(instant.to_utc());
        }
    }
    for format in ["%Y-%m-%d %H:%M:%S%.f", "%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%d %H:%M"] {
        if let Ok(instant) = NaiveDateTime::parse_from_str(text, format) {
            return Ok(instant.and_utc());
        }
    }
    NaiveDate::parse_from_str(text, "%Y-%m-%d")
        .ok()
        .and_then(|day| day.and_hms_opt(0, 0, 0))
        .map(|instant| instant.and_utc())
        .ok_or_else(|| {
            Error::new(ErrorKind::InvalidParameter, format!("\"{text}\" is neither a version nor a timestamp"))
                .with_hint("write a number, or a timestamp such as '2026-01-31 12:00:00+00'")
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instants_in_the_forms_people_write() {
        let expected = parse_instant("2026-01-31T12:00:00Z").unwrap();
        for text in
            ["2026-01-31 12:00:00", "2026-01-31 12:00", "2026-01-31 13:00:00+01", "2026-01-31 12:00:00.000+00:00"]
        {
            assert_eq!(parse_instant(text).unwrap(), expected, "{text}");
        }
        assert_eq!(parse_instant("yesterday").unwrap_err().kind().sqlstate(), "22023");
    }
}
