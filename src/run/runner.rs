//! The runner: one per process.

use std::sync::Arc;

use super::{Progress, RunPlan, RunReport, RunRequest};
use crate::catalog::Catalog;
use crate::config::Config;
use crate::engine::{CancelHandle, Engine};
use crate::error::Result;
use crate::model::Project;

/// Plans and carries out runs; one at a time per process.
pub struct Runner {
    _engine: Arc<Engine>,
    _catalog: Arc<Catalog>,
    _config: Arc<Config>,
}

impl Runner {
    pub fn new(engine: Arc<Engine>, catalog: Arc<Catalog>, config: Arc<Config>) -> Arc<Self> {
        Arc::new(Self { _engine: engine, _catalog: catalog, _config: config })
    }
    /// The project as its files are now; compiled again only when one of them changed.
    pub async fn project(&self) -> Result<Arc<Project>> {
        unimplemented!()
    }
    /// What the request would run, and why. Reads catalog rows only; does not ingest.
    pub async fn plan(&self, _request: &RunRequest) -> Result<RunPlan> {
        unimplemented!()
    }
    /// Carries out the request. `Err` where it could not begin (project errors, another run); what went wrong later is
    /// the report's `failure`, so that its steps and tests can still be shown.
    pub async fn run(
        self: &Arc<Self>,
        _request: RunRequest,
        _progress: Arc<dyn Progress>,
        _cancel: CancelHandle,
    ) -> Result<RunReport> {
        unimplemented!()
    }
    /// Runs the tests that the selectors name (all, where there are none) on the newest release.
    pub async fn test(
        self: &Arc<Self>,
        _selectors: Vec<String>,
        _user: &str,
        _progress: Arc<dyn Progress>,
        _cancel: CancelHandle,
    ) -> Result<RunReport> {
        unimplemented!()
    }
    /// Ingests the named sources (all, where there are none), each exactly once per file.
    pub async fn ingest(
        self: &Arc<Self>,
        _sources: Vec<String>,
        _user: &str,
        _progress: Arc<dyn Progress>,
        _cancel: CancelHandle,
    ) -> Result<RunReport> {
        unimplemented!()
    }
    /// Waits until the run log holds everything that happened.
    pub async fn close(&self) -> Result<()> {
        unimplemented!()
    }
}
