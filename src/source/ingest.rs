//! Sources → bronze: rows, rejects and cursor in one overlay, published as one release.
//!
//! Invariant: a file's rows and its row in `lakewire.ingests` are published together, so whatever dies when, a file is
//! ingested once.
//! Invariant: a refused file leaves nothing but its row in `lakewire.ingests`, and never stops another file.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use chrono::{DateTime, Utc};
use datafusion::arrow::record_batch::RecordBatch;
use datafusion::execution::SessionState;
use futures::StreamExt;
use futures::stream::{self, BoxStream};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use super::csv::{self, Input, Summary};
use super::facts::SourceIngested;
use super::files::{self, FoundFile, Poll};
use super::log::{self, IngestEntry, IngestState, ingests_table, rejects_table};
use super::spec::{CsvSource, Mode};
use crate::catalog::{Catalog, Overlay, Release};
use crate::config;
use crate::engine::{CancelHandle, Engine};
use crate::error::{Error, ErrorKind, Result};
use crate::model::Project;
use crate::names::{RunId, TableName};
use crate::table::{WriteMode, WriteSpec};
use crate::telemetry::Fact;

/// How often an ingest starts over because another process published a table it writes.
const ATTEMPTS: usize = 10;
/// Batches parsed ahead of the writer.
const BATCHES_AHEAD: usize = 2;

/// What is to be ingested.
#[derive(Debug, Clone)]
pub struct IngestRequest {
    /// `online_retail` or `bronze.online_retail`; none = all sources.
    pub names: Vec<String>,
    pub run_id: RunId,
}

/// One fact of a running ingest, in the order in which it became true.
#[derive(Debug, Clone, Copy)]
pub enum IngestEvent<'a> {
    Started {
        source: &'a TableName,
        files: usize,
    },
    /// So many more rows were read.
    Rows {
        source: &'a TableName,
        rows: u64,
    },
    /// Another process was first: what was read so far is read again.
    Retry {
        source: &'a TableName,
    },
    Finished(&'a SourceOutcome),
}

/// Who watches an ingest. Called from its tasks: must not block.
pub trait IngestObserver: Send + Sync {
    fn event(&self, event: IngestEvent<'_>);
}

/// What became of one source.
#[derive(Debug)]
pub struct SourceOutcome {
    pub source: TableName,
    /// Ingested now; those that were there already do not count.
    pub files: usize,
    pub rows: u64,
    pub rejects: u64,
    pub seconds: f64,
    /// Files that were refused, or what kept the source from being read at all.
    pub failures: Vec<Error>,
    /// Files whose content changed after they were ingested.
    pub changed: Vec<String>,
}

/// What became of all.
#[derive(Debug)]
pub struct IngestReport {
    pub sources: Vec<SourceOutcome>,
    /// `None` where there was nothing to publish.
    pub release: Option<Arc<Release>>,
}

/// Ingests what is new of the named sources, as one release.
///
/// # Errors
/// Unknown or wrongly declared sources, cancellation, and a failure to write or publish. Files that are refused are in
/// the report.
pub async fn ingest(
    engine: &Arc<Engine>,
    catalog: &Arc<Catalog>,
    project: &Project,
    settings: &config::Ingest,
    request: &IngestRequest,
    observer: Arc<dyn IngestObserver>,
    cancel: CancelHandle,
) -> Result<IngestReport> {
    let sources = select(project, settings, &request.names)?;
    for attempt in 1.. {
        catalog.refresh().await?;
        let overlay = catalog.begin();
        // another process may ingest the same files
        overlay.mind(&ingests_table());
        let state = engine.state(&overlay.scope())?;
        let mut work = Work {
            overlay: &overlay,
            state,
            data_dir: settings.data_dir.clone(),
            run_id: request.run_id,
            started_at: Utc::now(),
            observer: Arc::clone(&observer),
            cancel: cancel.clone(),
            entries: Vec::new(),
            rejects: Vec::new(),
        };
        let outcomes = work.all(&sources).await?;
        work.finish().await?;
        match catalog.publish(&overlay, "ingest").await {
            Ok(release) => {
                outcomes.iter().for_each(|outcome| observer.event(IngestEvent::Finished(outcome)));
                return Ok(IngestReport { sources: outcomes, release });
            }
            Err(error) if error.kind() == ErrorKind::SerializationFailure && attempt < ATTEMPTS => {
                sources.iter().for_each(|source| observer.event(IngestEvent::Retry { source: &source.table }));
            }
            Err(error) => return Err(error),
        }
    }
    Err(Error::internal("an ingest without an attempt"))
}

/// The named sources, or all; every wrong name and declaration at once.
fn select(project: &Project, settings: &config::Ingest, names: &[String]) -> Result<Vec<Arc<CsvSource>>> {
    let mut errors = Vec::new();
    let mut chosen = BTreeMap::new();
    for name in names {
        match project.sources.iter().find(|(table, _)| table.name == *name || table.to_string() == *name) {
            Some((table, spec)) => {
                chosen.insert(table.clone(), spec);
            }
            None => errors.push(unknown_source(project, name)),
        }
    }
    if names.is_empty() {
        // Sources without options are tables that something else fills.
        let fed = project.sources.iter().filter(|(_, spec)| !spec.options.is_null());
        chosen.extend(fed.map(|(table, spec)| (table.clone(), spec)));
    }
    let mut sources = Vec::with_capacity(chosen.len());
    for spec in chosen.values() {
        match CsvSource::new(spec, settings) {
            Ok(source) => sources.push(Arc::new(source)),
            Err(error) => errors.push(error),
        }
    }
    match errors.len() {
        0 => Ok(sources),
        1 => Err(errors.remove(0)),
        count => {
            let lines: Vec<_> =
                errors.iter().flat_map(|error| std::iter::once(error.message()).chain(error.detail())).collect();
            Err(Error::new(ErrorKind::Project, format!("{count} sources cannot be ingested"))
                .with_detail(lines.join("\n")))
        }
    }
}

fn unknown_source(project: &Project, name: &str) -> Error {
    let known = project.sources.keys().map(|table| table.name.as_str());
    let nearest = known.max_by(|a, b| strsim::jaro_winkler(name, a).total_cmp(&strsim::jaro_winkler(name, b)));
    let error = Error::new(ErrorKind::UndefinedObject, format!("source \"{name}\" does not exist"));
    match nearest {
        Some(nearest) => error.with_hint(format!("did you mean \"{nearest}\"?")),
        None => error.with_hint("the project declares no sources; see bronze/sources.yml"),
    }
}

/// One attempt: what it writes, and where.
struct Work<'a> {
    overlay: &'a Arc<Overlay>,
    state: SessionState,
    data_dir: PathBuf,
    run_id: RunId,
    /// `_ingested_at` of all its rows.
    started_at: DateTime<Utc>,
    observer: Arc<dyn IngestObserver>,
    cancel: CancelHandle,
    /// New rows of `lakewire.ingests`.
    entries: Vec<IngestEntry>,
    /// New rows of `lakewire.rejects`.
    rejects: Vec<RecordBatch>,
}

/// A group of files that was written, or the one that kept it from being.
enum Written {
    Rows(Vec<Summary>),
    Refused(usize, Error),
}

impl Work<'_> {
    async fn all(&mut self, sources: &[Arc<CsvSource>]) -> Result<Vec<SourceOutcome>> {
        let log = log::read(&self.overlay.scope(), &self.state).await?;
        let mut outcomes = Vec::with_capacity(sources.len());
        for source in sources {
            let began = Instant::now();
            let log = self.cursor(source, &log).await?;
            let mut outcome = SourceOutcome {
                source: source.table.clone(),
                files: 0,
                rows: 0,
                rejects: 0,
                seconds: 0.0,
                failures: Vec::new(),
                changed: Vec::new(),
            };
            match self.poll(source, &log).await {
                Ok(poll) => {
                    outcome.changed = poll.changed;
                    self.source(source, poll.new, &log, &mut outcome).await?;
                }
                Err(error) => outcome.failures.push(error.context(format_args!("source \"{}\"", source.table))),
            }
            outcome.seconds = began.elapsed().as_secs_f64();
            SourceIngested::of(&outcome).emit();
            outcomes.push(outcome);
        }
        Ok(outcomes)
    }

    /// What the log says of this source, as far as the table holds it: where the table was restored to an earlier
    /// version, or dropped, the files since count as not ingested.
    async fn cursor(&self, source: &CsvSource, log: &[IngestEntry]) -> Result<Vec<IngestEntry>> {
        let scope = self.overlay.scope();
        let Some(object) = scope.object(&source.table) else { return Ok(Vec::new()) };
        let reached = scope.snapshot(&object).await?.txn_version(&app_id(source)).await?;
        let name = source.table.to_string();
        let holds = |entry: &&IngestEntry| match (reached, entry.sequence) {
            (Some(reached), Some(sequence)) => sequence <= reached,
            _ => true,
        };
        Ok(log.iter().filter(|entry| entry.source == name).filter(holds).cloned().collect())
    }

    async fn poll(&self, source: &Arc<CsvSource>, log: &[IngestEntry]) -> Result<Poll> {
        let (data_dir, source, log) = (self.data_dir.clone(), Arc::clone(source), log.to_vec());
        let poll = move || {
            let found = files::find(&data_dir, &source.path)?;
            if found.is_empty() && log.is_empty() {
                let message = format!("no file matches \"{}\" in {}", source.path, data_dir.display());
                return Err(Error::new(ErrorKind::UndefinedFile, message)
                    .with_hint("set ingest.data_dir, or the path of the source in sources.yml"));
            }
            // A set that vanished is no new set: the table stays as it is.
            if found.is_empty() {
                return Ok(Poll::default());
            }
            files::poll(source.mode, found, &log, |path| Ok(csv::content_hash(path)?))
        };
        tokio::task::spawn_blocking(poll).await.map_err(interrupted)?
    }

    async fn source(
        &mut self,
        source: &Arc<CsvSource>,
        new: Vec<FoundFile>,
        log: &[IngestEntry],
        outcome: &mut SourceOutcome,
    ) -> Result<()> {
        if new.is_empty() {
            return Ok(());
        }
        self.observer.event(IngestEvent::Started { source: &source.table, files: new.len() });
        let mut sequence = log.iter().filter_map(|entry| entry.sequence).max().unwrap_or(0);
        let mut groups = vec![new];
        while let Some(group) = groups.pop() {
            if group.is_empty() {
                continue;
            }
            match self.write(source, &group, sequence + 1).await? {
                Written::Rows(summaries) => {
                    sequence += 1;
                    for (file, summary) in group.iter().zip(summaries) {
                        self.ingested(source, file, summary, sequence, outcome)?;
                    }
                }
                Written::Refused(index, error) => {
                    if let Some(file) = group.get(index) {
                        self.refused(source, file, &error, log);
                    }
                    outcome.failures.push(error);
                    // A set is replaced whole or not at all.
                    if source.mode == Mode::Append {
                        let (before, rest) = group.split_at(index);
                        groups.push(rest.get(1..).unwrap_or_default().to_vec());
                        groups.push(before.to_vec());
                    }
                }
            }
        }
        Ok(())
    }

    /// Writes the files' rows as one commit of the overlay.
    async fn write(&self, source: &Arc<CsvSource>, group: &[FoundFile], sequence: i64) -> Result<Written> {
        let inputs = group
            .iter()
            .map(|file| Input { path: file.path.clone(), name: file.name.clone(), ingested_at: self.started_at })
            .collect();
        let mode = match source.mode {
            Mode::Append => WriteMode::Append,
            Mode::Replace => WriteMode::Overwrite,
        };
        let spec = WriteSpec {
            comment: source.description.clone(),
            column_comments: source.column_comments.clone(),
            provenance: self.provenance(source, group),
            txn: Some((app_id(source), sequence)),
            ..WriteSpec::new(mode)
        };
        let (batches, reading) = self.read(source, inputs);
        let written = self.overlay.write_batches(&source.table, &spec, None, source.schema(), batches).await;
        match (reading.await.map_err(interrupted)?, written) {
            (Ok(summaries), Ok(_)) => Ok(Written::Rows(summaries)),
            (Err(Stopped::File(index, error)), _) => Ok(Written::Refused(index, error)),
            (_, Err(error)) => Err(error.context(format_args!("cannot write \"{}\"", source.table))),
            (Err(Stopped::Reader), Ok(_)) => Err(Error::internal("a write ended before its rows did")),
        }
    }

    /// Reads the files one after another on a blocking thread.
    fn read(&self, source: &Arc<CsvSource>, inputs: Vec<Input>) -> (BoxStream<'static, Result<RecordBatch>>, Reading) {
        let (sender, receiver) = mpsc::channel(BATCHES_AHEAD);
        let reading = tokio::task::spawn_blocking({
            let (source, observer) = (Arc::clone(source), Arc::clone(&self.observer));
            move || read_all(&source, &inputs, &sender, observer.as_ref())
        });
        let cancel = self.cancel.clone();
        let batches = stream::unfold((receiver, cancel), |(mut receiver, cancel)| async move {
            let next = tokio::select! {
                biased;
                () = cancel.canceled() => Some(Err(Error::new(ErrorKind::QueryCanceled, "canceling ingest due to user request"))),
                next = receiver.recv() => next,
            };
            next.map(|batch| (batch, (receiver, cancel)))
        });
        (batches.boxed(), reading)
    }

    fn provenance(&self, source: &CsvSource, group: &[FoundFile]) -> BTreeMap<String, serde_json::Value> {
        const FILES_NAMED: usize = 100;
        let files: Vec<_> = group.iter().take(FILES_NAMED).map(|file| file.name.as_str()).collect();
        BTreeMap::from([
            ("run_id".to_owned(), self.run_id.to_string().into()),
            ("source".to_owned(), source.table.to_string().into()),
            ("files".to_owned(), files.into()),
        ])
    }

    fn entry(&self, source: &CsvSource, file: &FoundFile, state: IngestState) -> IngestEntry {
        IngestEntry {
            source: source.table.to_string(),
            file: file.name.clone(),
            sha256: String::new(),
            size: i64::try_from(file.size).unwrap_or(i64::MAX),
            modified_at: file.modified_at,
            rows: 0,
            rejects: 0,
            ingested_at: self.started_at,
            run_id: self.run_id.to_string(),
            sequence: None,
            state,
            message: None,
        }
    }

    fn ingested(
        &mut self,
        source: &CsvSource,
        file: &FoundFile,
        summary: Summary,
        sequence: i64,
        outcome: &mut SourceOutcome,
    ) -> Result<()> {
        let rejects = summary.rejects.len() as u64;
        outcome.files += 1;
        outcome.rows += summary.rows;
        outcome.rejects += rejects;
        if rejects > 0 {
            let batch = log::rejects_batch(&source.table, &file.name, &summary.rejects, self.started_at, self.run_id)?;
            self.rejects.push(batch);
        }
        self.entries.push(IngestEntry {
            sha256: summary.sha256,
            rows: i64::try_from(summary.rows).unwrap_or(i64::MAX),
            rejects: i64::try_from(rejects).unwrap_or(i64::MAX),
            sequence: Some(sequence),
            ..self.entry(source, file, IngestState::Ingested)
        });
        Ok(())
    }

    /// Logs the refusal, unless the same file was refused for the same reason the last time.
    fn refused(&mut self, source: &CsvSource, file: &FoundFile, error: &Error, log: &[IngestEntry]) {
        let message = Some(error.message().to_owned());
        let entry = IngestEntry { message, ..self.entry(source, file, IngestState::Refused) };
        let known = log.iter().any(|earlier| {
            earlier.state == IngestState::Refused
                && (&earlier.file, earlier.size, earlier.modified_at, &earlier.message)
                    == (&entry.file, entry.size, entry.modified_at, &entry.message)
        });
        if !known {
            self.entries.push(entry);
        }
    }

    /// Writes what the whole attempt logged.
    async fn finish(self) -> Result<()> {
        let append = |comment: &str| WriteSpec {
            comment: Some(comment.to_owned()),
            provenance: BTreeMap::from([("run_id".to_owned(), self.run_id.to_string().into())]),
            ..WriteSpec::new(WriteMode::Append)
        };
        let batches = |batches: Vec<RecordBatch>| stream::iter(batches.into_iter().map(Ok)).boxed();
        if !self.rejects.is_empty() {
            let spec = append("Rows of source files that did not fit the declared columns.");
            let (table, schema) = (rejects_table(), log::rejects_schema());
            self.overlay.write_batches(&table, &spec, None, schema, batches(self.rejects)).await?;
        }
        if !self.entries.is_empty() {
            let spec = append("Source files that were ingested or refused.");
            let (table, schema) = (ingests_table(), log::ingests_schema());
            let rows = vec![log::ingests_batch(&self.entries)?];
            self.overlay.write_batches(&table, &spec, None, schema, batches(rows)).await?;
        }
        Ok(())
    }
}

/// The Delta application that a source's writes are transactions of.
fn app_id(source: &CsvSource) -> String {
    format!("lakewire:{}", source.table)
}

type Reading = JoinHandle<Result<Vec<Summary>, Stopped>>;

/// Why reading ended before the last file did.
enum Stopped {
    /// This file cannot be ingested.
    File(usize, Error),
    /// Nobody wants the rows any more.
    Reader,
}

fn read_all(
    source: &CsvSource,
    inputs: &[Input],
    sender: &mpsc::Sender<Result<RecordBatch>>,
    observer: &dyn IngestObserver,
) -> Result<Vec<Summary>, Stopped> {
    let mut summaries = Vec::with_capacity(inputs.len());
    for (index, input) in inputs.iter().enumerate() {
        let read = csv::read(input, source, |batch| {
            let rows = batch.num_rows() as u64;
            let sent = sender.blocking_send(Ok(batch)).is_ok();
            observer.event(IngestEvent::Rows { source: &source.table, rows });
            sent
        });
        match read {
            Ok(Some(summary)) => summaries.push(summary),
            Ok(None) => return Err(Stopped::Reader),
            Err(error) => {
                // Makes the write fail; the caller takes the error itself from what this returns.
                let _ = sender.blocking_send(Err(Error::new(error.kind(), error.message())));
                return Err(Stopped::File(index, error));
            }
        }
    }
    Ok(summaries)
}

fn interrupted(error: tokio::task::JoinError) -> Error {
    Error::internal("reading source files was interrupted").with_source(error)
}
