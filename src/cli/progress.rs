//! Progress on stderr: bars on a terminal, plain lines elsewhere.
//!
//! What has ended scrolls by as a line; what is under way has a bar below.

use std::collections::HashMap;
use std::io::{self, IsTerminal, Write};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use parking_lot::Mutex;

use super::output::grouped;
use super::{output, report};
use crate::names::TableName;
use crate::run::{Progress, RunEvent, RunPlan, StepReport, StepStatus, TestReport, TestStatus};
use crate::source::SourceOutcome;

const TICK: Duration = Duration::from_millis(100);

/// Tells a run's progress to whoever started the command.
pub(super) struct Terminal {
    bars: MultiProgress,
    on_terminal: bool,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// Of sources and models under way.
    active: HashMap<TableName, ProgressBar>,
    /// Of all models together.
    models: Option<ProgressBar>,
}

impl Terminal {
    pub(super) fn new(bars: MultiProgress) -> Arc<Self> {
        Arc::new(Self { bars, on_terminal: io::stderr().is_terminal(), state: Mutex::default() })
    }

    /// A bar for making sample data.
    pub(super) fn sample(&self, rows: usize, dir: &Path) -> SampleBar {
        if !self.on_terminal {
            self.line(format!("making {} rows of sample data in {}", grouped(rows as u64), dir.display()));
        }
        let bar = self.add(ProgressBar::new(rows as u64), "{msg:28} {bar:30} {human_pos} of {human_len} rows");
        bar.set_message("sample data");
        SampleBar { bar, bars: self.bars.clone(), on_terminal: self.on_terminal }
    }

    /// Takes away what is still shown: the run has ended.
    pub(super) fn finish(&self) {
        let mut state = self.state.lock();
        state.active.drain().for_each(|(_, bar)| bar.finish_and_clear());
        if let Some(bar) = state.models.take() {
            bar.finish_and_clear();
        }
    }

    fn add(&self, bar: ProgressBar, template: &str) -> ProgressBar {
        if !self.on_terminal {
            return ProgressBar::hidden();
        }
        let bar = self.bars.add(bar);
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style.progress_chars("━╸ "));
        }
        bar.enable_steady_tick(TICK);
        bar
    }

    fn line(&self, text: impl AsRef<str>) {
        say(&self.bars, self.on_terminal, text.as_ref());
    }

    fn started(&self, name: &TableName, template: &str) {
        let bar = self.add(ProgressBar::new_spinner(), template);
        bar.set_message(name.to_string());
        self.state.lock().active.insert(name.clone(), bar);
    }

    fn ended(&self, name: &TableName) {
        if let Some(bar) = self.state.lock().active.remove(name) {
            bar.finish_and_clear();
        }
    }

    fn ingested(&self, outcome: &SourceOutcome) {
        self.ended(&outcome.source);
        let SourceOutcome { source, files, rows, rejects, seconds, failures, changed } = outcome;
        let what = match files {
            0 => "nothing new".to_owned(),
            1 => format!("{} rows", grouped(*rows)),
            files => format!("{} rows of {files} files", grouped(*rows)),
        };
        let rejected = if *rejects > 0 { format!(", {} rejected", grouped(*rejects)) } else { String::new() };
        if failures.is_empty() || *files > 0 {
            self.line(format!("ingested  {:36} {what}{rejected} in {seconds:.2} s", source.to_string()));
        }
        for file in changed {
            self.line(format!("warning: {source}: {file} changed after it was ingested; it is not ingested again"));
        }
        for error in failures {
            self.bars.suspend(|| report::error(error));
        }
    }

    fn planned(&self, plan: &RunPlan) {
        let running = plan.running().count();
        if running > 0 {
            let bar = self.add(ProgressBar::new(running as u64), "{msg:28} {bar:30} {pos} of {len}");
            bar.set_message("models");
            self.state.lock().models = Some(bar);
        }
    }

    fn step(&self, step: &StepReport) {
        self.ended(&step.model);
        if let Some(bar) = &self.state.lock().models
            && step.status != StepStatus::Skipped
        {
            bar.inc(1);
        }
        let name = step.model.to_string();
        match (step.status, step.rows) {
            (StepStatus::Success, Some(rows)) => {
                self.line(format!("built     {name:36} {} rows in {:.2} s", grouped(rows), step.seconds));
            }
            (StepStatus::Success, None) => self.line(format!("built     {name:36} view in {:.2} s", step.seconds)),
            (status, _) => self.line(format!("{:9} {name:36} {}", status.as_str(), step.reason)),
        }
    }

    /// Tests that pass are counted in the summary.
    fn test(&self, test: &TestReport) {
        let rows = if test.failures == 1 { "row" } else { "rows" };
        match test.status {
            TestStatus::Pass | TestStatus::Skipped => {}
            TestStatus::Warn => self.line(format!("warning   {}: {} {rows}", test.test, grouped(test.failures))),
            TestStatus::Fail => self.line(format!("failed    {}: {} {rows}", test.test, grouped(test.failures))),
            TestStatus::Error => {
                self.line(format!(
                    "failed    {}: {}",
                    test.test,
                    test.message.as_deref().unwrap_or("its query failed")
                ));
            }
        }
    }
}

impl Progress for Terminal {
    fn event(&self, event: RunEvent<'_>) {
        match event {
            RunEvent::Waiting { holder } => self.line(format!("waiting for {holder}")),
            RunEvent::IngestStarted { source, .. } => {
                self.started(source, "{spinner} {msg:26} {human_pos} rows");
            }
            RunEvent::IngestRows { source, rows } => {
                if let Some(bar) = self.state.lock().active.get(source) {
                    bar.inc(rows);
                }
            }
            RunEvent::IngestRetry { source } => self.ended(source),
            RunEvent::IngestFinished(outcome) => self.ingested(outcome),
            RunEvent::Planned(plan) => self.planned(plan),
            RunEvent::StepStarted { model } => self.started(model, "{spinner} {msg:26} {elapsed}"),
            RunEvent::StepFinished(step) => self.step(step),
            RunEvent::TestFinished(test) => self.test(test),
            RunEvent::Published { release } => self.line(format!("published release {release}")),
        }
    }
}

/// The bar of sample data being made.
pub(super) struct SampleBar {
    bar: ProgressBar,
    bars: MultiProgress,
    on_terminal: bool,
}

impl SampleBar {
    pub(super) fn rows(&self, rows: u64) {
        self.bar.set_position(rows);
    }

    pub(super) fn finish(&self, rows: usize) {
        self.bar.finish_and_clear();
        let seconds = self.bar.elapsed().as_secs_f64();
        let text = format!("made      {:36} {} rows in {seconds:.2} s", "sample data", grouped(rows as u64));
        say(&self.bars, self.on_terminal, &text);
    }
}

fn say(bars: &MultiProgress, on_terminal: bool, text: &str) {
    match on_terminal {
        // It fails when stderr is closed, as `tell` does.
        true => drop(bars.println(text)),
        false => output::tell(format!("{text}\n")),
    }
}

/// A writer for logs that does not write into the bars.
pub(super) fn beside(bars: &MultiProgress) -> impl Fn() -> Beside + Send + Sync + 'static {
    let bars = bars.clone();
    move || Beside(bars.clone())
}

pub(super) struct Beside(MultiProgress);

impl Write for Beside {
    fn write(&mut self, text: &[u8]) -> io::Result<usize> {
        self.0.suspend(|| io::stderr().write_all(text)).map(|()| text.len())
    }
    fn flush(&mut self) -> io::Result<()> {
        io::stderr().flush()
    }
}
