//! A run's progress as notices to the client that called it.

use super::{Progress, RunEvent, StepReport, StepStatus, TestReport, TestStatus};
use crate::engine::{Notice, NoticeSink, Severity};
use crate::source::SourceOutcome;

/// Sends a notice as each model ends and a warning for each test that found rows.
pub(super) struct Notices(NoticeSink);

impl Notices {
    pub fn new(sink: NoticeSink) -> Self {
        Self(sink)
    }

    pub fn nothing_changed(&self, seconds: f64) {
        self.send(Severity::Notice, format!("nothing changed ({})", duration(seconds)), None);
    }

    fn ingested(&self, outcome: &SourceOutcome) {
        let SourceOutcome { source, files, rows, rejects, seconds, failures, changed } = outcome;
        if *files > 0 {
            let rejects = if *rejects == 0 { String::new() } else { format!(", {rejects} rejected") };
            self.send(Severity::Notice, format!("{source}: {rows} new rows{rejects} in {}", duration(*seconds)), None);
        }
        for failure in failures {
            let hint = failure.hint().map(str::to_owned);
            self.send(Severity::Warning, format!("{source}: {failure}"), hint);
        }
        for file in changed {
            let message = format!("{source}: {file} has changed since it was ingested, and was not read again");
            self.send(Severity::Warning, message, None);
        }
    }

    fn send(&self, severity: Severity, message: String, hint: Option<String>) {
        let sqlstate = if severity == Severity::Warning { "01000" } else { "00000" };
        // a client that went away reads no notices
        let _ = self.0.send(Notice { severity, sqlstate, message, detail: None, hint });
    }
}

impl Progress for Notices {
    fn event(&self, event: RunEvent<'_>) {
        match event {
            RunEvent::Waiting { holder } => {
                self.send(Severity::Notice, format!("waiting for {holder}"), None);
            }
            RunEvent::IngestFinished(outcome) => self.ingested(outcome),
            RunEvent::StepFinished(step) => {
                if let Some(message) = step_message(step) {
                    self.send(Severity::Notice, message, None);
                }
            }
            RunEvent::TestFinished(test) => {
                if let Some(message) = test_message(test) {
                    let hint = "select sample from lakewire.test_results shows some of them".to_owned();
                    self.send(Severity::Warning, message, Some(hint));
                }
            }
            RunEvent::Published { release } => {
                self.send(Severity::Notice, format!("published release {release}"), None);
            }
            RunEvent::IngestStarted { .. }
            | RunEvent::IngestRows { .. }
            | RunEvent::IngestRetry { .. }
            | RunEvent::Planned(_)
            | RunEvent::StepStarted { .. } => {}
        }
    }
}

/// `gold.daily_sales: 305 rows in 0.12 s`; silent about models that are up to date.
fn step_message(step: &StepReport) -> Option<String> {
    let (model, took) = (&step.model, duration(step.seconds));
    match (step.status, step.rows) {
        (StepStatus::Success, Some(count)) => Some(format!("{model}: {} in {took}", rows(count))),
        (StepStatus::Success, None) => Some(format!("{model}: view in {took}")),
        (StepStatus::Failed, _) => Some(format!("{model}: failed after {took}")),
        (StepStatus::Skipped, _) if step.reason != "unchanged" => Some(format!("{model}: skipped, {}", step.reason)),
        _ => None,
    }
}

fn test_message(test: &TestReport) -> Option<String> {
    match test.status {
        TestStatus::Warn => Some(format!("test {} on {} found {}", test.test, test.target, rows(test.failures))),
        TestStatus::Skipped | TestStatus::Pass | TestStatus::Fail | TestStatus::Error => None,
    }
}

fn rows(count: u64) -> String {
    if count == 1 { "1 row".to_owned() } else { format!("{count} rows") }
}

fn duration(seconds: f64) -> String {
    if seconds < 0.01 { format!("{:.1} ms", seconds * 1e3) } else { format!("{seconds:.2} s") }
}
