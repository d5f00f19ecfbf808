//! What a run did: told to its caller, and written down.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};

use crate::error::{Error, ErrorKind, Result};
use crate::names::{ModelName, ReleaseId, RunId, TableName};
use crate::quality::TestSeverity;

/// How a step ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StepStatus {
    Success,
    /// Up to date, or an upstream model failed, as the reason says.
    Skipped,
    Failed,
    /// Stopped before it ended.
    Canceled,
    /// Built, but thrown away because the run published nothing.
    Discarded,
}

impl StepStatus {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Success => "success",
            Self::Skipped => "skipped",
            Self::Failed => "failed",
            Self::Canceled => "canceled",
            Self::Discarded => "discarded",
        }
    }
}

/// One model's (or source's) part in a run.
#[derive(Debug, Clone)]
pub struct StepReport {
    pub model: ModelName,
    pub status: StepStatus,
    pub reason: String,
    /// Rows the model has now; none for a view.
    pub rows: Option<u64>,
    pub bytes: Option<u64>,
    pub seconds: f64,
    /// Pinned Delta version; none for a view.
    pub delta_version: Option<u64>,
    /// The release that shows it.
    pub release: Option<ReleaseId>,
    /// Versions of what it read, by name.
    pub inputs: BTreeMap<String, String>,
    /// SHA-256 of the compiled SQL, hex; empty for a source.
    pub sql_hash: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TestStatus {
    Pass,
    /// Severity `warn`, and rows were found.
    Warn,
    /// Severity `error`, and rows were found.
    Fail,
    /// The test's own query failed.
    Error,
    /// What it reads is not there, or was not built.
    Skipped,
}

impl TestStatus {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Warn => "warn",
            Self::Fail => "fail",
            Self::Error => "error",
            Self::Skipped => "skipped",
        }
    }
}

/// One test's outcome.
#[derive(Debug, Clone)]
pub struct TestReport {
    pub test: String,
    /// The relation it guards.
    pub target: TableName,
    pub kind: String,
    pub severity: TestSeverity,
    pub status: TestStatus,
    /// Rows that break it.
    pub failures: u64,
    /// Some of those rows, as a JSON array of objects; none where there are none.
    pub sample: Option<String>,
    pub seconds: f64,
    /// Why the test's query failed.
    pub message: Option<String>,
}

/// A whole run.
#[derive(Debug)]
pub struct RunReport {
    pub run_id: RunId,
    pub operation: String,
    pub selector: String,
    pub user: String,
    pub started_at: DateTime<Utc>,
    pub seconds: f64,
    /// The release it published; none when nothing changed or the run failed.
    pub release: Option<ReleaseId>,
    /// Ingested sources, where the run ingested.
    pub sources: Vec<StepReport>,
    /// Models, in the order of the plan.
    pub steps: Vec<StepReport>,
    pub tests: Vec<TestReport>,
    /// Why nothing was published, where that is a failure.
    pub failure: Option<Error>,
}

impl RunReport {
    /// A run that begins now; `selector` as a user would write it.
    pub fn new(operation: &str, selector: String, user: &str) -> Self {
        Self {
            run_id: RunId::new(),
            operation: operation.to_owned(),
            selector,
            user: user.to_owned(),
            started_at: Utc::now(),
            seconds: 0.0,
            release: None,
            sources: Vec::new(),
            steps: Vec::new(),
            tests: Vec::new(),
            failure: None,
        }
    }

    /// The report of a run that succeeded, else its error.
    pub fn into_result(self) -> Result<Self> {
        match self.failure {
            Some(error) => Err(error),
            None => Ok(self),
        }
    }

    /// Nothing was ingested, built or published, and nothing failed.
    pub fn nothing_changed(&self) -> bool {
        self.failure.is_none()
            && self.release.is_none()
            && self.steps.iter().chain(&self.sources).all(|step| step.status == StepStatus::Skipped)
    }

    pub fn steps_with(&self, status: StepStatus) -> usize {
        self.steps.iter().filter(|step| step.status == status).count()
    }

    pub fn tests_with(&self, status: TestStatus) -> usize {
        self.tests.iter().filter(|test| test.status == status).count()
    }

    /// `success`, `skipped` (nothing changed), `canceled` or `failed`.
    pub fn status(&self) -> &'static str {
        match &self.failure {
            Some(error) if error.kind() == ErrorKind::QueryCanceled => "canceled",
            Some(_) => "failed",
            None if self.nothing_changed() => "skipped",
            None => "success",
        }
    }
}
