//! Plan (what would run, and why) → run in parallel along the graph, in an overlay → audit there → publish one release.
//!
//! Invariant: a run publishes everything it built, audited, in one release, or nothing.
//! Invariant: planning reads catalog rows, never a table; a run that finds nothing to do opens none.
//! Invariant: whatever the outcome, one row in `lakewire.runs` tells it.

mod arguments;
mod audit;
mod build;
mod errors;
mod exec;
mod forget;
mod ingest;
mod lock;
mod maintenance;
mod notices;
mod plan;
mod procedures;
mod progress;
mod project;
mod request;
mod runner;
mod state;
mod system_tables;
mod upkeep;
mod versions;

pub use maintenance::Maintenance;
pub use plan::{Decision, Reason, RunPlan, Step};
pub use procedures::RunProcedures;
pub use progress::{Progress, RunEvent, Silent};
pub use request::{RunRequest, Selection};
pub use runner::Runner;

pub use crate::runlog::{RunReport, StepReport, StepStatus, TestReport, TestStatus};
