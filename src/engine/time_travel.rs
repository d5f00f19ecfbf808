//! Table functions over the lake's past: `table_at('gold.t', 3)`, `table_at('gold.t', '2026-01-01')`,
//! `table_history('gold.t')`. `t VERSION AS OF 3` and `t TIMESTAMP AS OF '…'` are the first in other words.

use std::sync::Arc;

use chrono::{DateTime, NaiveDate, NaiveDateTime, Utc};
use datafusion::catalog::TableProvider;
use datafusion::common::TableReference;

use super::names::Relation;
use super::planner::Planner;
use crate::catalog::{Object, ObjectKind};
use crate::error::{Error, ErrorKind, Result};
use crate::names::ReleaseId;

/// The functions that [`call`] answers.
pub const FUNCTIONS: &[&str] = &["table_at"];

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
        _ => Ok(None),
    }
}

async fn table_at(planner: &Planner, table: &str, when: &str) -> Result<Arc<dyn TableProvider>> {
    let reference = TableReference::parse_str(table);
    if let Ok(version) = when.parse::<u64>() {
        return match planner.relation(&reference)? {
            Relation::Object(object) => version_of(planner, &object, version).await,
            Relation::Provider(_) => Err(no_versions(table)),
        };
    }
    let at = parse_instant(when)?;
    let release = planner.engine().catalog.release_at(at).await?;
    let past = planner.engine().clone().planner_of(planner.engine().catalog.scope_of(release), planner.search_path());
    past.provider(&reference, 0).await
}

async fn version_of(planner: &Planner, object: &Object, version: u64) -> Result<Arc<dyn TableProvider>> {
    match &object.kind {
        ObjectKind::Table { location, .. } | ObjectKind::Broken { location, .. } => {
            let snapshot = planner.scope().tables.snapshot(location, Some(version)).await;
            snapshot.map_err(|error| error.context(format!("table \"{}\"", object.name)))?.provider()
        }
        ObjectKind::View { .. } => Err(no_versions(&object.name.to_string())),
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
