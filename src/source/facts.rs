//! What ingestion makes observable.

use super::SourceOutcome;
use crate::telemetry::Fact;

/// A source was ingested, perhaps not all of its files.
#[derive(Debug)]
pub(super) struct SourceIngested<'a> {
    outcome: &'a SourceOutcome,
}

impl<'a> SourceIngested<'a> {
    pub(super) fn of(outcome: &'a SourceOutcome) -> Self {
        Self { outcome }
    }
}

impl Fact for SourceIngested<'_> {
    fn emit(&self) {
        let SourceOutcome { source, files, rows, rejects, seconds, failures, changed } = self.outcome;
        for error in failures {
            tracing::error!(%source, error = error.chain(), detail = error.detail(), "file refused");
        }
        for file in changed {
            tracing::warn!(%source, file, "file changed after it was ingested; it is not ingested again");
        }
        if *files > 0 {
            tracing::info!(%source, files, rows, rejects, seconds, "source ingested");
        }
    }
}
