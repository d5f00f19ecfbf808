//! One version of one table.

use std::collections::{BTreeSet, HashMap};
use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::datatypes::{Field, Fields, Schema, SchemaRef};
use datafusion::catalog::TableProvider;
use datafusion::datasource::table_schema::TableSchema;
use datafusion::execution::object_store::ObjectStoreUrl;
use deltalake::DeltaResult;
use deltalake::delta_datafusion::{DeltaScanConfig, DeltaScanNext};
use deltalake::kernel::EagerSnapshot;
use deltalake::kernel::transaction::PROTOCOL;
use deltalake::logstore::LogStoreRef;
use deltalake::table::state::DeltaTableState;
use futures::FutureExt;
use object_store::path::Path;
use url::Position;

use super::definition::{ConstraintKind, Definition};
use super::files::{self, Files, Totals};
use super::rules::Rules;
use super::scan::{DeltaRsScan, NamedStore, ParquetScan};
use super::usage::Usage;
use super::{errors, log, schema};
use crate::error::{Error, ErrorKind, Result};
use crate::store::LakeStore;

/// One version of one table: schema, files, statistics.
#[derive(Debug)]
pub struct Snapshot {
    location: String,
    version: u64,
    /// The log as delta-rs has read it: what newer versions are read on from.
    delta: EagerSnapshot,
    /// The version up to which the log was read as a whole.
    read_whole: u64,
    definition: Definition,
    created: Option<DateTime<Utc>>,
    rules: Arc<Rules>,
    metadata: serde_json::Value,
    totals: Totals,
    log_store: LogStoreRef,
    provider: Arc<dyn TableProvider>,
    plain: Option<Arc<ParquetScan>>,
}

/// Versions that are read on from another before the log is read as a whole again: each adds a batch of its own.
const READ_ON_MAX: u64 = 50;

/// Which provider a snapshot is given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ScanPath {
    /// Ours where it can read the table, else delta-rs's.
    Auto,
    /// delta-rs's own, which knows all of the format that it supports.
    DeltaRs,
}

impl Snapshot {
    /// Reads the log as far as `version` (or its head) through `lake`, on from an earlier version where one is known,
    /// which `lake` must show too.
    ///
    /// A panic inside delta-rs becomes an internal error here: a broken table must not take its reader down.
    pub(super) async fn load(
        lake: &LakeStore,
        location: &str,
        version: Option<u64>,
        path: ScanPath,
        known: Option<&Self>,
        usage: Arc<Usage>,
    ) -> Result<Self> {
        let loading = AssertUnwindSafe(Self::load_unguarded(lake, location, version, path, known, usage));
        loading.catch_unwind().await.unwrap_or_else(|_| {
            Err(Error::internal(format!("the log of table \"{location}\" made the Delta reader panic")))
        })
    }

    async fn load_unguarded(
        lake: &LakeStore,
        location: &str,
        version: Option<u64>,
        path: ScanPath,
        known: Option<&Self>,
        usage: Arc<Usage>,
    ) -> Result<Self> {
        let log_store = log::log_store(lake, location)?;
        let failed = |error| errors::from_delta(error, location);
        let (delta, read_whole) = read(&log_store, version, known).await.map_err(failed)?;
        PROTOCOL.can_read_from_protocol(delta.protocol()).map_err(|error| failed(error.into()))?;
        let definition = Definition::read(delta.metadata(), &delta.schema())
            .map_err(|error| error.context(format_args!("table \"{location}\"")))?;
        let logical = Arc::clone(&definition.schema);
        let batches = delta.add_actions_batches(false).map_err(failed)?;
        let totals = files::totals(&batches);
        let store = named_store(lake)?;
        let plain = match path {
            ScanPath::Auto if !totals.deletions => {
                parquet_scan(lake, &delta, &logical, &batches, &store, (location, usage))?
            }
            ScanPath::Auto | ScanPath::DeltaRs => None,
        };
        let plain = plain.map(Arc::new);
        let metadata = delta.metadata();
        let configuration = metadata.configuration().iter().map(|(key, value)| (key.as_str(), value.as_str()));
        Ok(Self {
            location: location.to_owned(),
            version: delta.version(),
            read_whole,
            rules: Arc::new(Rules::of(&delta.schema(), configuration)),
            created: metadata.created_time().and_then(DateTime::from_timestamp_millis),
            metadata: serde_json::to_value(metadata)
                .map_err(|error| Error::internal("table metadata cannot be kept").with_source(error))?,
            totals,
            provider: match &plain {
                Some(scan) => Arc::clone(scan) as Arc<dyn TableProvider>,
                None => Arc::new(delta_rs_scan(delta.clone(), &logical, location, store)?),
            },
            plain,
            delta,
            definition,
            log_store,
        })
    }

    /// Relative to the lake.
    pub fn location(&self) -> &str {
        &self.location
    }

    pub fn version(&self) -> u64 {
        self.version
    }

    /// The columns with plain types (`Utf8`, not `Utf8View`): what the catalog keeps. [`Snapshot::provider`] may give
    /// text and bytes as view types.
    pub fn schema(&self) -> SchemaRef {
        Arc::clone(&self.definition.schema)
    }

    /// Rows, less the deleted ones; exact when every file has a row count, else `None`.
    pub fn rows(&self) -> Option<u64> {
        self.totals.rows
    }

    /// Size of all data files.
    pub fn bytes(&self) -> u64 {
        self.totals.bytes
    }

    pub fn files(&self) -> usize {
        self.totals.files
    }

    /// Files smaller than this; all, or none, by their average where they are not known one by one.
    pub fn files_below(&self, bytes: u64) -> usize {
        match &self.plain {
            Some(scan) => scan.files().files().iter().filter(|file| file.object_meta.size < bytes).count(),
            None if self.totals.bytes / (self.totals.files as u64).max(1) < bytes => self.totals.files,
            None => 0,
        }
    }

    /// Whether deletion vectors hide rows of its files.
    pub fn has_deletions(&self) -> bool {
        self.totals.deletions
    }

    pub fn comment(&self) -> Option<&str> {
        self.definition.comment.as_deref()
    }

    pub fn column_comment(&self, column: &str) -> Option<&str> {
        self.definition.columns.get(column).and_then(|column| column.comment.as_deref())
    }

    pub fn partition_columns(&self) -> &[String] {
        &self.definition.partition_by
    }

    /// Table properties (`delta.appendOnly` …), constraints left out.
    pub fn properties(&self) -> impl Iterator<Item = (&str, &str)> {
        self.definition.properties.iter().map(|(key, value)| (key.as_str(), value.as_str()))
    }

    /// Check constraints: name and SQL condition.
    pub fn constraints(&self) -> impl Iterator<Item = (&str, &str)> {
        self.definition.constraints.iter().filter_map(|constraint| match &constraint.kind {
            ConstraintKind::Check { condition } => Some((constraint.name.as_str(), condition.as_str())),
            _ => None,
        })
    }

    /// Columns, constraints and properties.
    pub fn definition(&self) -> &Definition {
        &self.definition
    }

    /// What the table asks of its rows beyond their types.
    pub fn rules(&self) -> &Arc<Rules> {
        &self.rules
    }

    /// The body of Delta's `metaData` action as of this version.
    pub fn metadata_action(&self) -> &serde_json::Value {
        &self.metadata
    }

    /// When the table was made, if its metadata tells.
    pub fn created(&self) -> Option<DateTime<Utc>> {
        self.created
    }

    /// Version of the last `txn` action of this application. Reads the log.
    pub async fn txn_version(&self, app_id: &str) -> Result<Option<i64>> {
        let failed = |error| errors::from_delta(error, &self.location);
        self.delta.transaction_version(self.log_store.as_ref(), app_id).await.map_err(failed)
    }

    /// The log as of this version.
    pub(super) fn delta(&self) -> &EagerSnapshot {
        &self.delta
    }

    /// A scan of this version. Cheap; may be called per statement.
    pub fn provider(&self) -> Result<Arc<dyn TableProvider>> {
        Ok(Arc::clone(&self.provider))
    }

    /// Whether the scan is a plain Parquet scan, rather than delta-rs's own.
    pub fn is_plain(&self) -> bool {
        self.plain.is_some()
    }

    /// [`Snapshot::provider`] with the place of each row: [`super::FILE_COLUMN`] and [`super::ROW_COLUMN`]. Of these files
    /// only, if given.
    ///
    /// # Errors
    /// `0A000` for a table that only delta-rs can read.
    pub fn placed(&self, only: Option<BTreeSet<usize>>) -> Result<Arc<dyn TableProvider>> {
        let placed = self.plain()?.placed(only);
        let placed = placed.map_err(|error| Error::internal("a scan cannot tell places").with_source(error))?;
        Ok(Arc::new(placed))
    }

    /// Rows of one file, where the log tells.
    pub fn rows_of_file(&self, file: usize) -> Option<u64> {
        self.plain.as_ref()?.files().rows_of(file)
    }

    /// Rows of the files that the log calls so, where it tells.
    pub fn rows_of_files<'a>(&self, paths: impl Iterator<Item = &'a str>) -> HashMap<String, u64> {
        let Some(files) = self.plain.as_ref().map(|scan| scan.files()) else { return HashMap::new() };
        let table = self.log_store.root_url();
        let wanted: HashMap<Path, &str> = paths.filter_map(|path| Some((files::place(table, path)?, path))).collect();
        let known = files.files().iter().enumerate().filter_map(|(index, file)| {
            let path = wanted.get(&file.object_meta.location)?;
            Some(((*path).to_owned(), files.rows_of(index)?))
        });
        known.collect()
    }

    /// Where one file of the snapshot lies in the lake's store.
    ///
    /// # Errors
    /// As [`Snapshot::placed`].
    pub fn file_path(&self, file: usize) -> Result<Path> {
        let found = self.plain()?.files().files().get(file).map(|file| file.object_meta.location.clone());
        found.ok_or_else(|| Error::internal("a file that the snapshot does not have"))
    }

    fn plain(&self) -> Result<&Arc<ParquetScan>> {
        self.plain.as_ref().ok_or_else(|| {
            let message = format!(
                "rows of table \"{}\" cannot be changed: it has deletion vectors, column mapping or files elsewhere",
                self.location
            );
            Error::new(ErrorKind::FeatureNotSupported, message)
                .with_hint("change it with the engine that made it; reading it and inserting into it works")
        })
    }

    /// About how much memory the snapshot takes, in bytes.
    pub(super) fn weight(&self) -> u64 {
        const BASE: u64 = 32 * 1024;
        // the scan's files, and the actions of the log that they are of
        let per_file = 1024 + 480 * self.definition.schema.fields().len() as u64;
        BASE + self.totals.files as u64 * per_file
    }
}

/// The log as of the version, and the version up to which it was read as a whole.
async fn read(
    log_store: &LogStoreRef,
    version: Option<u64>,
    known: Option<&Snapshot>,
) -> DeltaResult<(EagerSnapshot, u64)> {
    let near = |known: &&Snapshot| {
        version.is_none_or(|version| version >= known.version)
            && version.unwrap_or(known.version) < known.read_whole + READ_ON_MAX
    };
    if let Some(known) = known.filter(near) {
        let mut state = DeltaTableState::new(known.delta.clone());
        // what cannot be read on from here may still be read as a whole, and else says why
        if state.update(log_store.as_ref(), version).await.is_ok()
            && version.is_none_or(|version| state.version() == version)
        {
            return Ok((state.snapshot().clone(), known.read_whole));
        }
    }
    let whole = EagerSnapshot::try_new(log_store.as_ref(), version).await?;
    let version = whole.version();
    Ok((whole, version))
}

/// Our own scan, where nothing about the table needs delta-rs's.
fn parquet_scan(
    lake: &LakeStore,
    delta: &EagerSnapshot,
    logical: &SchemaRef,
    batches: &[RecordBatch],
    store: &NamedStore,
    (location, usage): (&str, Arc<Usage>),
) -> Result<Option<ParquetScan>> {
    let mapped = delta.metadata().configuration().get("delta.columnMapping.mode").is_some_and(|mode| mode != "none");
    if mapped || !logical.fields().iter().all(|field| reads_plainly(field)) {
        return Ok(None);
    }
    let broken = |error: datafusion::error::DataFusionError| {
        Error::internal(format!("table \"{location}\": its files cannot be planned")).with_source(error)
    };
    let schema = schema::view_schema(logical);
    let partitions = delta.metadata().partition_columns();
    let (partition_fields, file_fields): (Vec<_>, Vec<_>) =
        schema.fields().iter().cloned().partition(|field| partitions.contains(field.name()));
    if partition_fields.iter().any(|field| schema::is_binary(field.data_type())) {
        return Ok(None);
    }
    let scan_schema = TableSchema::builder(Arc::new(Schema::new(file_fields)))
        .with_table_partition_cols(Fields::from(partition_fields))
        .build();
    let url = log::table_url(lake, location)?;
    let Some(files) = Files::build(batches, &url, &scan_schema).map_err(broken)? else { return Ok(None) };
    ParquetScan::try_new(schema, scan_schema, files, store.clone(), usage).map(Some).map_err(broken)
}

/// Types whose Parquet form Arrow reads as Delta means it.
fn reads_plainly(field: &Field) -> bool {
    field.extension_type_name().is_none()
}

fn delta_rs_scan(delta: EagerSnapshot, logical: &SchemaRef, location: &str, store: NamedStore) -> Result<DeltaRsScan> {
    let config = DeltaScanConfig::new().with_wrap_partition_values(false).with_schema(schema::view_schema(logical));
    let scan = DeltaScanNext::new(Arc::new(delta), config)
        .map_err(|error| errors::find_in(&error).unwrap_or_else(|| Error::internal(error.to_string())))
        .map_err(|error| error.context(format_args!("table \"{location}\"")))?;
    Ok(DeltaRsScan::new(scan, store))
}

fn named_store(lake: &LakeStore) -> Result<NamedStore> {
    let url = ObjectStoreUrl::parse(&lake.url()[..Position::BeforePath])
        .map_err(|error| Error::internal(format!("the lake's store cannot be addressed: {error}")))?;
    Ok(NamedStore { store: Arc::clone(lake.root()), url })
}
