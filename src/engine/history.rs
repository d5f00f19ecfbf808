//! The commits of tables as rows: `lakewire.table_history`, and `table_history('gold.t')` for one table.

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, Int64Array, RecordBatch, StringArray, TimestampMicrosecondArray};
use datafusion::arrow::datatypes::{DataType, SchemaRef};
use futures::{StreamExt, stream};

use super::system::{batch, columns, signed, timestamp};
use crate::catalog::{Object, Scope};
use crate::error::Result;
use crate::table::Commit;

/// Commits told per table, newest first.
const COMMITS_MAX: usize = 1000;
/// Logs read at once.
const CONCURRENCY: usize = 8;

pub(super) fn schema() -> SchemaRef {
    columns(&[
        ("schema", DataType::Utf8, false),
        ("name", DataType::Utf8, false),
        ("version", DataType::Int64, false),
        ("committed_at", timestamp(), true),
        ("operation", DataType::Utf8, true),
        ("engine", DataType::Utf8, true),
        ("provenance", DataType::Utf8, true),
    ])
}

/// Of all tables. One whose log cannot be read has no rows here, and hides no other.
pub(super) async fn all(scope: &Scope) -> Result<RecordBatch> {
    let mut tables = scope.objects();
    tables.retain(|object| object.location().is_some());
    let read = tables.into_iter().map(|object| {
        let scope = scope.clone();
        async move { commits(&scope, &object).await.unwrap_or_default() }
    });
    let commits: Vec<_> = stream::iter(read).buffered(CONCURRENCY).collect().await;
    rows(commits.into_iter().flatten())
}

/// Of one table.
///
/// # Errors
/// Why its log cannot be read.
pub(super) async fn of(scope: &Scope, object: &Arc<Object>) -> Result<RecordBatch> {
    rows(commits(scope, object).await?.into_iter())
}

/// A commit and the table it belongs to.
type Line = (Arc<Object>, Commit);

async fn commits(scope: &Scope, object: &Arc<Object>) -> Result<Vec<Line>> {
    let Some(location) = object.location() else { return Ok(Vec::new()) };
    let commits = scope.tables.history(location, COMMITS_MAX).await?;
    // Later commits are none of this release.
    let shown = commits.into_iter().filter(|commit| object.version().is_none_or(|pin| commit.version <= pin));
    Ok(shown.map(|commit| (object.clone(), commit)).collect())
}

fn rows(commits: impl Iterator<Item = Line>) -> Result<RecordBatch> {
    let commits: Vec<_> = commits.collect();
    let text = |of: &dyn Fn(&Line) -> Option<String>| -> ArrayRef {
        Arc::new(commits.iter().map(of).collect::<StringArray>())
    };
    let provenance = |commit: &Commit| match commit.provenance.is_empty() {
        true => None,
        false => serde_json::to_string(&commit.provenance).ok(),
    };
    let times = commits.iter().map(|(_, commit)| commit.timestamp.map(|at| at.timestamp_micros()));
    let arrays: Vec<ArrayRef> = vec![
        text(&|(object, _)| Some(object.name.schema.clone())),
        text(&|(object, _)| Some(object.name.name.clone())),
        Arc::new(Int64Array::from_iter_values(commits.iter().map(|(_, commit)| signed(commit.version)))),
        Arc::new(times.collect::<TimestampMicrosecondArray>().with_timezone("UTC")),
        text(&|(_, commit)| commit.operation.clone()),
        text(&|(_, commit)| commit.engine.clone()),
        text(&|(_, commit)| provenance(commit)),
    ];
    batch(schema(), arrays)
}
