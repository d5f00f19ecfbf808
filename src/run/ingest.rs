//! Ingest as part of a run: the sources' outcomes as steps, their events as the run's.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::{Progress, RunEvent, StepReport, StepStatus};
use crate::catalog::Catalog;
use crate::config;
use crate::engine::{CancelHandle, Engine};
use crate::error::Result;
use crate::model::Project;
use crate::source::{self, IngestEvent, IngestObserver, IngestReport, IngestRequest, SourceOutcome};

/// Ingests what is new of the named sources (all, where there are none); published as a release of its own.
///
/// A refused file fails its source's step, not the run: what did arrive is worth building on.
///
/// # Errors
/// Those of [`source::ingest`].
pub(super) async fn ingest(
    engine: &Arc<Engine>,
    catalog: &Arc<Catalog>,
    project: &Project,
    settings: &config::Ingest,
    request: &IngestRequest,
    progress: &Arc<dyn Progress>,
    cancel: &CancelHandle,
) -> Result<Vec<StepReport>> {
    let observer = Arc::new(Observer(progress.clone()));
    let report = source::ingest(engine, catalog, project, settings, request, observer, cancel.clone()).await?;
    Ok(report.sources.iter().map(|outcome| step(outcome, &report)).collect())
}

fn step(outcome: &SourceOutcome, report: &IngestReport) -> StepReport {
    let (status, reason) = match (outcome.failures.first(), outcome.files) {
        (Some(error), _) => (StepStatus::Failed, error.message().to_owned()),
        (None, 0) => (StepStatus::Skipped, "nothing new".to_owned()),
        (None, 1) => (StepStatus::Success, "1 new file".to_owned()),
        (None, files) => (StepStatus::Success, format!("{files} new files")),
    };
    let release = report.release.as_deref();
    StepReport {
        model: outcome.source.clone(),
        status,
        reason,
        rows: Some(outcome.rows),
        bytes: None,
        seconds: outcome.seconds,
        delta_version: release.and_then(|release| release.get(&outcome.source)?.version()),
        release: release.map(|release| release.id()),
        inputs: BTreeMap::new(),
        sql_hash: String::new(),
    }
}

/// Passes an ingest's events on.
struct Observer(Arc<dyn Progress>);

impl IngestObserver for Observer {
    fn event(&self, event: IngestEvent<'_>) {
        let event = match event {
            IngestEvent::Started { source, files } => RunEvent::IngestStarted { source, files },
            IngestEvent::Rows { source, rows } => RunEvent::IngestRows { source, rows },
            IngestEvent::Retry { source } => RunEvent::IngestRetry { source },
            IngestEvent::Finished(outcome) => RunEvent::IngestFinished(outcome),
        };
        self.0.event(event);
    }
}
