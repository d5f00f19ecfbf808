//! What would run, and why.

use std::fmt;
use std::sync::Arc;

use crate::model::{Model, Project};
use crate::names::{ModelName, ReleaseId, TableName};

/// Why a model runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reason {
    /// No release has it.
    New,
    SqlChanged,
    ConfigChanged,
    /// Something it reads has another version than the one it was built from.
    InputChanged {
        input: TableName,
        was: String,
        now: String,
    },
    /// It reads something that it did not read before, or no longer reads something.
    InputsDiffer {
        input: TableName,
    },
    /// A model it reads runs.
    Upstream {
        input: TableName,
    },
    /// It calls a function whose result changes by itself.
    Volatile,
    FullRefresh,
    /// The relation exists but no model made it.
    NotBuiltByModel,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision {
    Run(Reason),
    /// Up to date.
    Skip,
}

/// One model of the plan.
#[derive(Debug, Clone)]
pub struct Step {
    pub model: Arc<Model>,
    pub decision: Decision,
}

/// What a run would do on a release, in an order in which it may be done.
#[derive(Debug, Clone)]
pub struct RunPlan {
    pub release: ReleaseId,
    pub project: Arc<Project>,
    pub steps: Vec<Step>,
}

impl Step {
    pub fn runs(&self) -> bool {
        matches!(self.decision, Decision::Run(_))
    }
}

impl RunPlan {
    /// Models that would run.
    pub fn running(&self) -> impl Iterator<Item = &Step> {
        self.steps.iter().filter(|step| step.runs())
    }
    pub fn is_noop(&self) -> bool {
        self.running().next().is_none()
    }
    pub fn step(&self, name: &ModelName) -> Option<&Step> {
        self.steps.iter().find(|step| step.model.name == *name)
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::New => f.write_str("new"),
            Self::SqlChanged => f.write_str("sql changed"),
            Self::ConfigChanged => f.write_str("config changed"),
            Self::InputChanged { input, was, now } => match (version(was), version(now)) {
                (Some(was), Some(now)) => write!(f, "input {input} changed (version {was} → {now})"),
                _ => write!(f, "input {input} changed"),
            },
            Self::InputsDiffer { input } => write!(f, "input {input} is new"),
            Self::Upstream { input } => write!(f, "upstream {input} runs"),
            Self::Volatile => f.write_str("volatile"),
            Self::FullRefresh => f.write_str("full refresh"),
            Self::NotBuiltByModel => f.write_str("not built by a model"),
        }
    }
}

impl fmt::Display for Decision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Run(reason) => reason.fmt(f),
            Self::Skip => f.write_str("unchanged"),
        }
    }
}

/// The Delta version in `<object id>@<version>`.
fn version(recorded: &str) -> Option<&str> {
    recorded.split_once('@').map(|(_, version)| version)
}
