//! What a run tells while it works.

use super::{RunPlan, StepReport, TestReport};
use crate::names::{ModelName, ReleaseId, TableName};
use crate::source::SourceOutcome;

/// One fact of a running run, in the order in which it became true.
#[derive(Debug, Clone, Copy)]
pub enum RunEvent<'a> {
    /// Another run is under way; this one waits for it.
    Waiting {
        holder: &'a str,
    },
    /// A source begins to be read: so many files are new.
    IngestStarted {
        source: &'a TableName,
        files: usize,
    },
    /// So many more rows were read.
    IngestRows {
        source: &'a TableName,
        rows: u64,
    },
    /// Another process was first: what was read so far is read again.
    IngestRetry {
        source: &'a TableName,
    },
    IngestFinished(&'a SourceOutcome),
    Planned(&'a RunPlan),
    StepStarted {
        model: &'a ModelName,
    },
    /// A step ended: success, skipped or failed, as its status says.
    StepFinished(&'a StepReport),
    TestFinished(&'a TestReport),
    /// Readers see the run's tables from here on.
    Published {
        release: ReleaseId,
    },
}

/// Who watches a run: the command line's bars, a `CALL`'s notices.
///
/// Called from the tasks of the run: an implementation must not block.
pub trait Progress: Send + Sync {
    fn event(&self, event: RunEvent<'_>);
}

/// Watches nothing.
#[derive(Debug, Clone, Copy, Default)]
pub struct Silent;

impl Progress for Silent {
    fn event(&self, _event: RunEvent<'_>) {}
}
