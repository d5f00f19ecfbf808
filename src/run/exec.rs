//! Execution along the graph, as parallel as allowed, in one overlay; tests as soon as what they read is built.
//!
//! Invariant: a model starts only after every model it reads that runs too was built and passed the tests that had ended by then.
//! Invariant: once canceled, no task of the run is waited for.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Instant;

use tokio::task::JoinSet;

use super::audit::{audit, unrun, violation};
use super::build::{Built, build};
use super::lock::canceled;
use super::versions::sha256_hex;
use super::{Progress, RunEvent, RunPlan, Step, StepReport, StepStatus, TestReport, TestStatus};
use crate::catalog::Overlay;
use crate::engine::{CancelHandle, Engine};
use crate::error::{Error, ErrorKind, Result};
use crate::names::{ModelName, RunId};
use crate::quality::Test;

/// What one execution needs beside its plan.
#[derive(Clone)]
pub(super) struct Context {
    pub engine: Arc<Engine>,
    pub overlay: Arc<Overlay>,
    pub run_id: RunId,
    /// Models and tests at work at once.
    pub parallelism: usize,
    /// Rows kept per failed test.
    pub sample_rows: usize,
    pub progress: Arc<dyn Progress>,
    pub cancel: CancelHandle,
}

/// What came of it. Steps are in the order of the plan.
pub(super) struct Executed {
    pub steps: Vec<StepReport>,
    pub tests: Vec<TestReport>,
    pub failure: Option<Error>,
}

/// Builds what the plan says and audits it with the given tests.
pub(super) async fn execute(context: &Context, plan: &RunPlan, tests: Vec<Arc<Test>>) -> Executed {
    let mut schedule = Schedule::new(context, plan, tests);
    let stopped = schedule.drive().await.err();
    schedule.into_executed(stopped)
}

/// The tests that a run of this plan must pass: those that read what it builds, and those of the sources it reads.
pub(super) fn tests_of(plan: &RunPlan) -> Vec<Arc<Test>> {
    let running: BTreeSet<&ModelName> = plan.running().map(|step| &step.model.name).collect();
    let sources: BTreeSet<&ModelName> = plan
        .running()
        .flat_map(|step| &step.model.depends_on)
        .filter(|input| plan.project.sources.contains_key(input))
        .collect();
    let relevant = |test: &&Test| {
        test.depends_on.iter().any(|read| running.contains(read))
            || test.depends_on.iter().all(|read| sources.contains(read))
    };
    plan.project.tests.iter().filter(relevant).cloned().map(Arc::new).collect()
}

/// What a task of the run brings back, with the index of its step or test.
enum Done {
    Model(usize, Result<Built>, f64),
    Test(usize, TestReport),
}

struct Schedule<'a> {
    context: &'a Context,
    plan: &'a RunPlan,
    tests: Vec<Arc<Test>>,
    /// By step: the models that must be built before. Only of steps that run and have not begun.
    waiting: BTreeMap<usize, BTreeSet<ModelName>>,
    /// By test, likewise.
    waiting_tests: BTreeMap<usize, BTreeSet<ModelName>>,
    ready: VecDeque<usize>,
    ready_tests: VecDeque<usize>,
    steps: Vec<Option<StepReport>>,
    reports: Vec<Option<TestReport>>,
    failures: Vec<Error>,
    tasks: JoinSet<Done>,
}

impl<'a> Schedule<'a> {
    fn new(context: &'a Context, plan: &'a RunPlan, tests: Vec<Arc<Test>>) -> Self {
        let running: BTreeSet<ModelName> = plan.running().map(|step| step.model.name.clone()).collect();
        let graph = plan.project.dag().subgraph(&running);
        let numbered = plan.steps.iter().enumerate().filter(|(_, step)| step.runs());
        let waiting = numbered.map(|(i, step)| (i, graph.parents(&step.model.name).cloned().collect())).collect();
        let of_test = |test: &Test| test.depends_on.iter().filter(|read| running.contains(read)).cloned().collect();
        Self {
            context,
            plan,
            waiting,
            waiting_tests: tests.iter().enumerate().map(|(i, test)| (i, of_test(test))).collect(),
            ready: VecDeque::new(),
            ready_tests: VecDeque::new(),
            steps: vec![None; plan.steps.len()],
            reports: vec![None; tests.len()],
            failures: Vec::new(),
            tasks: JoinSet::new(),
            tests,
        }
    }

    /// Runs until nothing is left to do.
    ///
    /// # Errors
    /// When canceled, or when a task ended unexpectedly.
    async fn drive(&mut self) -> Result<()> {
        for (index, step) in self.plan.steps.iter().enumerate().filter(|(_, step)| !step.runs()) {
            self.finish(index, report(step, StepStatus::Skipped));
        }
        self.release_ready();
        loop {
            self.start_ready();
            let done = tokio::select! {
                biased;
                () = self.context.cancel.canceled() => return Err(canceled()),
                done = self.tasks.join_next() => done,
            };
            match done {
                None => return Ok(()),
                Some(Ok(Done::Model(index, built, seconds))) => self.model_done(index, built, seconds),
                Some(Ok(Done::Test(index, report))) => self.test_done(index, report),
                Some(Err(error)) => {
                    return Err(Error::internal("a task of the run ended unexpectedly").with_source(error));
                }
            }
            self.release_ready();
        }
    }

    /// Moves what waits for nothing any more to the queues, in the order of the plan.
    fn release_ready(&mut self) {
        self.ready.extend(self.waiting.extract_if(.., |_, on| on.is_empty()).map(|(index, _)| index));
        self.ready_tests.extend(self.waiting_tests.extract_if(.., |_, on| on.is_empty()).map(|(index, _)| index));
    }

    /// Models before tests: others wait for them.
    fn start_ready(&mut self) {
        while self.tasks.len() < self.context.parallelism {
            if let Some(index) = self.ready.pop_front() {
                self.start_model(index);
            } else if let Some(index) = self.ready_tests.pop_front() {
                self.start_test(index);
            } else {
                return;
            }
        }
    }

    fn start_model(&mut self, index: usize) {
        let Some(step) = self.plan.steps.get(index) else { return };
        let (context, model, project) = (self.context.clone(), step.model.clone(), self.plan.project.clone());
        context.progress.event(RunEvent::StepStarted { model: &model.name });
        self.tasks.spawn(async move {
            let started = Instant::now();
            let built = build(&context.engine, &context.overlay, &project, &model, context.run_id).await;
            Done::Model(index, built, started.elapsed().as_secs_f64())
        });
    }

    fn start_test(&mut self, index: usize) {
        let Some(test) = self.tests.get(index).cloned() else { return };
        let context = self.context.clone();
        let scope = context.overlay.scope();
        if test.depends_on.iter().any(|read| read.schema != "lakewire" && scope.object(read).is_none()) {
            return self.test_skipped(index, &test);
        }
        self.tasks.spawn(async move {
            Done::Test(index, audit(&context.engine, &scope, &test, context.sample_rows, &context.cancel).await)
        });
    }

    fn model_done(&mut self, index: usize, built: Result<Built>, seconds: f64) {
        let Some(step) = self.plan.steps.get(index) else { return };
        match built {
            Ok(built) => {
                let made = StepReport {
                    rows: built.rows,
                    bytes: built.bytes,
                    inputs: built.inputs,
                    seconds,
                    ..report(step, StepStatus::Success)
                };
                self.finish(index, made);
                for on in self.waiting.values_mut().chain(self.waiting_tests.values_mut()) {
                    on.remove(&step.model.name);
                }
            }
            Err(error) => {
                let reason = error.message().to_owned();
                self.finish(index, StepReport { seconds, reason, ..report(step, StepStatus::Failed) });
                self.failures.push(error);
                self.skip_downstream(&step.model.name, "failed");
            }
        }
    }

    fn test_done(&mut self, index: usize, report: TestReport) {
        self.context.progress.event(RunEvent::TestFinished(&report));
        if matches!(report.status, TestStatus::Fail | TestStatus::Error) {
            self.failures.push(violation(&report));
            self.skip_downstream(&report.target, "failed a test");
        }
        if let Some(slot) = self.reports.get_mut(index) {
            *slot = Some(report);
        }
    }

    fn test_skipped(&mut self, index: usize, test: &Test) {
        if let Some(slot) = self.reports.get_mut(index) {
            *slot = Some(unrun(test));
        }
    }

    /// Nothing will be published: what has not begun below the model does not begin any more.
    fn skip_downstream(&mut self, model: &ModelName, how: &str) {
        let lost = self.plan.project.dag().descendants(model, None);
        let is_lost = |name: &ModelName| lost.contains(name);
        let mut indices: Vec<usize> = self.waiting.keys().chain(&self.ready).copied().collect();
        indices.retain(|index| self.plan.steps.get(*index).is_some_and(|step| is_lost(&step.model.name)));
        for index in indices {
            self.waiting.remove(&index);
            self.ready.retain(|ready| *ready != index);
            if let Some(step) = self.plan.steps.get(index) {
                let reason = format!("upstream {model} {how}");
                self.finish(index, StepReport { reason, ..report(step, StepStatus::Skipped) });
            }
        }
        let tests = self.waiting_tests.extract_if(.., |_, on| on.iter().any(|name| is_lost(name) || name == model));
        for (index, _) in tests.collect::<Vec<_>>() {
            if let Some(test) = self.tests.get(index).cloned() {
                self.test_skipped(index, &test);
            }
        }
    }

    fn finish(&mut self, index: usize, report: StepReport) {
        self.context.progress.event(RunEvent::StepFinished(&report));
        if let Some(slot) = self.steps.get_mut(index) {
            *slot = Some(report);
        }
    }

    /// Dropping the tasks stops those that still run.
    fn into_executed(self, stopped: Option<Error>) -> Executed {
        let ended = self.steps.into_iter().zip(&self.plan.steps);
        let steps = ended.map(|(done, step)| done.unwrap_or_else(|| report(step, StepStatus::Canceled))).collect();
        let reports = self.reports.into_iter().zip(&self.tests);
        let tests = reports.map(|(done, test)| done.unwrap_or_else(|| unrun(test))).collect();
        Executed { steps, tests, failure: stopped.or_else(|| together(self.failures)) }
    }
}

fn report(step: &Step, status: StepStatus) -> StepReport {
    StepReport {
        model: step.model.name.clone(),
        status,
        reason: step.decision.to_string(),
        rows: None,
        bytes: None,
        seconds: 0.0,
        delta_version: None,
        release: None,
        inputs: BTreeMap::new(),
        sql_hash: sha256_hex(&step.model.compiled_sql),
    }
}

/// One error for all failures: a model's before a test's, the others in the detail.
fn together(mut failures: Vec<Error>) -> Option<Error> {
    failures.sort_by_key(|error| error.kind() == ErrorKind::CheckViolation);
    let others: Vec<String> = failures.iter().skip(1).map(ToString::to_string).collect();
    let first = failures.into_iter().next()?;
    if others.is_empty() {
        return Some(first);
    }
    let detail = first.detail().map(str::to_owned).into_iter().chain(others).collect::<Vec<_>>().join("\n");
    Some(first.with_detail(detail))
}
