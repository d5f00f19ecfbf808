//! The runner: one per process.

use std::sync::Arc;
use std::time::Instant;

use chrono::Utc;

use super::exec::{self, Context};
use super::ingest;
use super::lock::{Holder, RunLock, canceled};
use super::project::ProjectCache;
use super::system_tables::LogTables;
use super::{Progress, RunEvent, RunPlan, RunProcedures, RunReport, RunRequest, Selection, StepReport, StepStatus};
use crate::catalog::{Catalog, ObjectKind, Release, Scope};
use crate::config::Config;
use crate::engine::{CancelHandle, Engine};
use crate::error::{Error, ErrorKind, Result};
use crate::model::{Project, selector};
use crate::names::{ReleaseId, RunId};
use crate::runlog::RunLog;
use crate::source::IngestRequest;

/// Plans and carries out runs; one at a time per process.
pub struct Runner {
    engine: Arc<Engine>,
    catalog: Arc<Catalog>,
    config: Arc<Config>,
    project: Arc<ProjectCache>,
    lock: RunLock,
    log: Arc<RunLog>,
}

impl Runner {
    /// Gives the engine its procedures and the system tables that runs fill.
    pub fn new(engine: Arc<Engine>, catalog: Arc<Catalog>, config: Arc<Config>) -> Arc<Self> {
        let project = Arc::new(ProjectCache::new(&config));
        let log = RunLog::new(catalog.clone());
        let runner = Arc::new(Self { engine, catalog, config, project, lock: RunLock::default(), log });
        runner.engine.set_procedures(RunProcedures::new(&runner));
        runner.engine.add_system_tables(LogTables::new(&runner));
        runner
    }

    pub fn catalog(&self) -> &Arc<Catalog> {
        &self.catalog
    }

    pub fn engine(&self) -> &Arc<Engine> {
        &self.engine
    }

    pub(super) fn config(&self) -> &Arc<Config> {
        &self.config
    }

    /// Where runs are written down.
    pub fn log(&self) -> &Arc<RunLog> {
        &self.log
    }

    /// The project as its files are now; compiled again only when one of them changed.
    ///
    /// # Errors
    /// All problems of the project in one error of kind `Project`.
    pub async fn project(&self) -> Result<Arc<Project>> {
        self.project.load().await
    }

    /// What the request would run, and why. Reads catalog rows only; does not ingest.
    ///
    /// # Errors
    /// Those of the project, and `22023` for a selector that names nothing.
    pub async fn plan(&self, request: &RunRequest) -> Result<RunPlan> {
        self.plan_in(request, &self.catalog.scope()).await
    }

    /// The same, as it would have been in another scope.
    ///
    /// # Errors
    /// As [`Runner::plan`].
    pub async fn plan_in(&self, request: &RunRequest, scope: &Scope) -> Result<RunPlan> {
        RunPlan::make(self.project().await?, scope, request).await
    }

    /// Carries out the request, and writes it to the run log. It goes on in a task of its own, which stops when `cancel`
    /// fires or the returned future is dropped; a publish that has begun is finished.
    ///
    /// # Errors
    /// `55P03` where another run did not end in time. What goes wrong later is the report's `failure`, so that the
    /// steps and tests can still be shown.
    pub async fn run(
        self: &Arc<Self>,
        request: RunRequest,
        progress: Arc<dyn Progress>,
        cancel: CancelHandle,
    ) -> Result<RunReport> {
        let (runner, guard) = (self.clone(), CancelOnDrop(Some(cancel.clone())));
        let task = self.engine.spawn(async move { runner.run_to_end(request, progress, cancel).await });
        let ended = task.await;
        guard.disarm();
        ended.map_err(|error| Error::internal("the run ended unexpectedly").with_source(error))?
    }

    /// Runs the tests that the selectors name (all, where there are none) on the newest release.
    ///
    /// # Errors
    /// As [`Runner::run`].
    pub async fn test(
        self: &Arc<Self>,
        selectors: &[String],
        user: &str,
        progress: Arc<dyn Progress>,
        cancel: CancelHandle,
    ) -> Result<RunReport> {
        let selection = if selectors.is_empty() { Selection::All } else { Selection::Selectors(selectors.to_vec()) };
        let begun = Instant::now();
        let mut report = RunReport::new("test", selection.text(), user);
        let project = self.project().await?;
        let tests = selector::select_tests(&project, selectors, &[])?;
        let tests = tests.into_iter().cloned().map(Arc::new).collect();
        let plan = RunPlan { release: self.catalog.current().id(), project, steps: Vec::new() };
        let executed = exec::execute(&self.context(report.run_id, &progress, &cancel), &plan, tests).await;
        report.tests = executed.tests;
        report.failure = executed.failure;
        report.seconds = begun.elapsed().as_secs_f64();
        self.log.record(&report);
        self.write_down(&report).await;
        Ok(report)
    }

    /// Ingests the named sources (all, where there are none), each file exactly once.
    ///
    /// # Errors
    /// As [`Runner::run`].
    pub async fn ingest(
        self: &Arc<Self>,
        sources: Vec<String>,
        user: &str,
        progress: Arc<dyn Progress>,
        cancel: CancelHandle,
    ) -> Result<RunReport> {
        let request = RunRequest::refresh("ingest", Selection::Nothing).with_sources(sources).by(user);
        self.run(request, progress, cancel).await
    }

    /// Publishes the lake as it was at a release; gives the new release, or the newest where they are the same.
    ///
    /// # Errors
    /// `55P03` where a run did not end in time; those of [`Catalog::rollback`].
    pub async fn rollback(
        &self,
        release: ReleaseId,
        user: &str,
        progress: &dyn Progress,
        cancel: &CancelHandle,
    ) -> Result<ReleaseId> {
        let me = Holder {
            run_id: RunId::new(),
            operation: format!("rollback to {release}"),
            user: user.to_owned(),
            since: Utc::now(),
            cancel: cancel.clone(),
        };
        let _turn = self.lock.acquire(me, self.config.run.lock_timeout, progress).await?;
        let published = self.catalog.rollback(release).await?;
        Ok(published.unwrap_or_else(|| self.catalog.current()).id())
    }

    /// Stops the run under way, lets no other begin, and waits until the run log holds everything that happened.
    ///
    /// # Errors
    /// When the log cannot be written.
    pub async fn close(&self) -> Result<()> {
        self.lock.close().await;
        self.log.flush().await
    }

    async fn run_to_end(
        self: Arc<Self>,
        request: RunRequest,
        progress: Arc<dyn Progress>,
        cancel: CancelHandle,
    ) -> Result<RunReport> {
        let begun = Instant::now();
        let mut report = RunReport::new(&request.operation, request.selection.text(), &request.user);
        let me = Holder {
            run_id: report.run_id,
            operation: request.operation.clone(),
            user: request.user.clone(),
            since: report.started_at,
            cancel: cancel.clone(),
        };
        let turn = self.lock.acquire(me, self.config.run.lock_timeout, &*progress).await?;
        report.failure = self.carry_out(&mut report, &request, &progress, &cancel).await.err();
        report.seconds = begun.elapsed().as_secs_f64();
        self.log.record(&report);
        drop(turn);
        self.write_down(&report).await;
        Ok(report)
    }

    async fn carry_out(
        &self,
        report: &mut RunReport,
        request: &RunRequest,
        progress: &Arc<dyn Progress>,
        cancel: &CancelHandle,
    ) -> Result<()> {
        let project = self.project().await?;
        self.catalog.refresh().await?;
        if let Some(names) = &request.ingest {
            let wanted = IngestRequest { names: names.clone(), run_id: report.run_id };
            let (engine, settings) = (&self.engine, &self.config.ingest);
            report.sources =
                ingest::ingest(engine, &self.catalog, &project, settings, &wanted, progress, cancel).await?;
            report.release = report.sources.iter().find_map(|source| source.release);
        }
        let done = self.attempt(report, &project, request, progress, cancel).await;
        match done {
            // another process published first: what it published is what this run must build on
            Err(error) if error.kind() == ErrorKind::SerializationFailure => {
                tracing::info!(run_id = %report.run_id, error = error.chain(), "the run starts over");
                self.attempt(report, &project, request, progress, cancel).await
            }
            done => done,
        }
    }

    /// Plan, build, audit, publish; the report gets its steps and tests whatever comes of it.
    async fn attempt(
        &self,
        report: &mut RunReport,
        project: &Arc<Project>,
        request: &RunRequest,
        progress: &Arc<dyn Progress>,
        cancel: &CancelHandle,
    ) -> Result<()> {
        let context = self.context(report.run_id, progress, cancel);
        let plan = RunPlan::make(project.clone(), &context.overlay.scope(), request).await?;
        progress.event(RunEvent::Planned(&plan));
        let tests = if request.tests { exec::tests_of(&plan) } else { Vec::new() };
        let executed = exec::execute(&context, &plan, tests).await;
        report.steps = executed.steps;
        report.tests = executed.tests;
        let published = match executed.failure {
            Some(failure) => Err(failure),
            None if cancel.is_canceled() => Err(canceled()),
            None => self.catalog.publish(&context.overlay, &request.operation).await,
        };
        settle(&mut report.steps, &published, &self.catalog.current());
        if let Some(release) = published? {
            report.release = Some(release.id());
            progress.event(RunEvent::Published { release: release.id() });
        }
        Ok(())
    }

    fn context(&self, run_id: RunId, progress: &Arc<dyn Progress>, cancel: &CancelHandle) -> Context {
        Context {
            engine: self.engine.clone(),
            overlay: self.catalog.begin(),
            run_id,
            parallelism: self.config.run_parallelism(),
            sample_rows: self.config.run.failure_sample_rows,
            progress: progress.clone(),
            cancel: cancel.clone(),
        }
    }

    /// The log must not fail a run that is published: what it cannot take now, it keeps for later.
    async fn write_down(&self, report: &RunReport) {
        if report.nothing_changed() && report.tests.is_empty() {
            self.log.flush_soon();
        } else if let Err(error) = self.log.flush().await {
            tracing::warn!(run_id = %report.run_id, error = error.chain(), "cannot write the run log; will try again");
        }
    }
}

/// Completes the steps with what the release says of them, or that nothing of them was published.
fn settle(steps: &mut [StepReport], published: &Result<Option<Arc<Release>>>, current: &Arc<Release>) {
    for step in steps {
        let shown = match (step.status, published) {
            (StepStatus::Success, Err(_)) => {
                step.status = StepStatus::Discarded;
                continue;
            }
            (StepStatus::Success | StepStatus::Skipped, Ok(Some(release))) => release,
            (StepStatus::Success | StepStatus::Skipped, _) => current,
            _ => continue,
        };
        if let Some(object) = shown.get(&step.model) {
            step.delta_version = object.version();
            if let ObjectKind::Table { rows, bytes, .. } = &object.kind {
                (step.rows, step.bytes) = (step.rows.or(*rows), step.bytes.or(*bytes));
            }
            step.release = Some(shown.id());
        }
    }
}

/// Cancels a run whose caller went away.
struct CancelOnDrop(Option<CancelHandle>);

impl CancelOnDrop {
    fn disarm(mut self) {
        self.0 = None;
    }
}

impl Drop for CancelOnDrop {
    fn drop(&mut self) {
        if let Some(cancel) = &self.0 {
            cancel.cancel();
        }
    }
}
