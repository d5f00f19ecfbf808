//! The procedures that keep tables: `optimize_table`, `vacuum_table`, `restore_table`, `forget`.

use std::num::NonZeroU64;
use std::sync::Arc;

use chrono::TimeDelta;
use datafusion::arrow::array::{ArrayRef, BooleanArray, Int64Array, StringArray};
use datafusion::arrow::datatypes::{DataType, SchemaRef};
use tokio_util::task::AbortOnDropHandle;

use super::Runner;
use super::arguments::Arguments;
use super::forget;
use super::procedures::{batch, once, schema};
use crate::catalog::{Catalog, Overlay, Retention};
use crate::engine::{BatchStream, Engine, Signature};
use crate::error::{Error, ErrorKind, Result};
use crate::names::{ReleaseId, TableName};
use crate::table::{OptimizeSpec, Optimized};

const TABLE: (&str, &str, bool) = ("table", "text", false);

/// How often a rewrite is done anew when others change the table meanwhile.
const ATTEMPTS: usize = 5;

pub(super) const SIGNATURES: &[Signature] = &[
    Signature {
        name: "optimize_table",
        arguments: &[TABLE, ("zorder", "text", true)],
        comment: "puts small files of a table together, and its rows in an order that prunes well",
    },
    Signature {
        name: "vacuum_table",
        arguments: &[TABLE, ("retention", "interval", true), ("dry_run", "boolean", true)],
        comment: "deletes files of a table that no kept release needs",
    },
    Signature {
        name: "restore_table",
        arguments: &[TABLE, ("version", "bigint", false)],
        comment: "publishes a table as it was at a Delta version",
    },
    Signature {
        name: "forget",
        arguments: &[TABLE, ("predicate", "text", false)],
        comment: "removes rows from a table and from all that is kept of its past",
    },
];

pub(super) fn result_schema(name: &str) -> Option<SchemaRef> {
    Some(match name {
        "optimize_table" => schema(&[
            ("table", DataType::Utf8),
            ("files_removed", DataType::Int64),
            ("files_added", DataType::Int64),
            ("bytes_removed", DataType::Int64),
            ("bytes_added", DataType::Int64),
            ("release", DataType::Int64),
        ]),
        "vacuum_table" => schema(&[
            ("table", DataType::Utf8),
            ("files", DataType::Int64),
            ("bytes", DataType::Int64),
            ("dry_run", DataType::Boolean),
        ]),
        "restore_table" => {
            schema(&[("table", DataType::Utf8), ("restored_to", DataType::Int64), ("release", DataType::Int64)])
        }
        "forget" => schema(&[("removed_from", DataType::Utf8), ("count", DataType::Int64), ("what", DataType::Utf8)]),
        _ => return None,
    })
}

/// Starts one of them.
pub(super) fn call(runner: Arc<Runner>, name: &str, arguments: &Arguments, user: &str) -> Result<BatchStream> {
    let columns = result_schema(name).unwrap_or_else(|| schema(&[]));
    let table = table_name(&arguments.text("table")?.unwrap_or_default())?;
    Ok(match name {
        "optimize_table" => {
            let spec = spec(&runner, arguments.text("zorder")?);
            once(columns.clone(), async move {
                let (done, release) = optimize(runner.engine(), runner.catalog(), &table, &spec).await?;
                let counts = [done.files_removed, done.files_added, done.bytes_removed, done.bytes_added];
                let mut row = vec![text(table.to_string())];
                row.extend(counts.map(|count| number(Some(count))));
                row.push(number(release.map(|release| release.0)));
                batch(columns, row)
            })
        }
        "vacuum_table" => {
            let retention = arguments.interval("retention")?;
            let dry_run = arguments.boolean("dry_run")?;
            once(columns.clone(), async move {
                let defaults = runner.retention();
                let retention = Retention { files: retention.unwrap_or(defaults.files), ..defaults };
                let done = runner.catalog().vacuum(&table, retention, dry_run).await?;
                let files: ArrayRef = number(u64::try_from(done.files).ok());
                let dry_run: ArrayRef = Arc::new(BooleanArray::from(vec![dry_run]));
                batch(columns, vec![text(table.to_string()), files, number(Some(done.bytes)), dry_run])
            })
        }
        "restore_table" => {
            let version = arguments.release("version")?.0;
            once(columns.clone(), async move {
                let release = runner.catalog().restore_table(&table, version).await?;
                let release = release.unwrap_or_else(|| runner.catalog().current()).id();
                batch(columns, vec![text(table.to_string()), number(Some(version)), number(Some(release.0))])
            })
        }
        _ => {
            let predicate = arguments.text("predicate")?.unwrap_or_default();
            let user = user.to_owned();
            once(columns.clone(), async move {
                let removed = forget::forget(&runner, &table, &predicate, &user).await?;
                let from: ArrayRef = Arc::new(StringArray::from_iter_values(removed.iter().map(|line| &line.from)));
                let counts = removed.iter().map(|line| i64::try_from(line.count).ok());
                let what: ArrayRef = Arc::new(StringArray::from_iter_values(removed.iter().map(|line| &line.what)));
                batch(columns, vec![from, Arc::new(Int64Array::from_iter(counts)), what])
            })
        }
    })
}

/// Rewrites a table and publishes it; no release where there was nothing to gain.
pub(super) async fn optimize(
    engine: &Arc<Engine>,
    catalog: &Arc<Catalog>,
    table: &TableName,
    spec: &OptimizeSpec,
) -> Result<(Optimized, Option<ReleaseId>)> {
    let mut attempt = 1;
    loop {
        let overlay = catalog.begin();
        let done = rewrite(engine, &overlay, table, spec).await?;
        match catalog.publish(&overlay, &format!("optimize {table}")).await {
            Ok(release) => return Ok((done, release.map(|release| release.id()))),
            Err(error) if error.kind() == ErrorKind::SerializationFailure && attempt < ATTEMPTS => attempt += 1,
            Err(error) => return Err(error),
        }
    }
}

/// Rewrites a table in an overlay, on the threads for long work, for as long as the future is there.
pub(super) async fn rewrite(
    engine: &Arc<Engine>,
    overlay: &Arc<Overlay>,
    table: &TableName,
    spec: &OptimizeSpec,
) -> Result<Optimized> {
    let state = engine.state(&overlay.scope())?;
    let (work, name, spec) = (overlay.clone(), table.clone(), spec.clone());
    let rewriting = AbortOnDropHandle::new(engine.spawn(async move { work.optimize(&name, &spec, state).await }));
    rewriting.await.map_err(|error| Error::internal("a rewrite ended unexpectedly").with_source(error))?
}

fn spec(runner: &Runner, zorder: Option<String>) -> OptimizeSpec {
    let columns = zorder.unwrap_or_default();
    let columns = columns.split(',').map(str::trim).filter(|column| !column.is_empty());
    OptimizeSpec { zorder: columns.map(str::to_owned).collect(), target_bytes: runner.target_file_size() }
}

/// `gold.daily_sales`; without a schema it is `public`'s.
fn table_name(text: &str) -> Result<TableName> {
    if text.contains('.') { text.parse() } else { format!("public.{text}").parse() }
}

fn text(value: String) -> ArrayRef {
    Arc::new(StringArray::from(vec![value]))
}

fn number(value: Option<u64>) -> ArrayRef {
    Arc::new(Int64Array::from(vec![value.and_then(|value| i64::try_from(value).ok())]))
}

impl Runner {
    pub(super) fn retention(&self) -> Retention {
        let delta = |duration| TimeDelta::from_std(duration).unwrap_or(TimeDelta::MAX);
        let config = self.config();
        Retention { releases: delta(config.lake.release_retention), files: delta(config.maintenance.file_retention) }
    }

    pub(super) fn target_file_size(&self) -> NonZeroU64 {
        let bytes = self.config().maintenance.target_file_size.as_usize();
        u64::try_from(bytes).ok().and_then(NonZeroU64::new).unwrap_or(NonZeroU64::MIN)
    }
}
