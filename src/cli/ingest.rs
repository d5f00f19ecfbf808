//! `lakewire ingest [SOURCE…]`

use std::path::PathBuf;

use clap::Args;

use super::{Context, refused, summary, with_app};
use crate::config::Config;
use crate::error::Result;
use crate::run::StepStatus;
use crate::server::App;

#[derive(Debug, Args)]
pub(super) struct Ingest {
    /// Sources to ingest [default: all]
    sources: Vec<String>,
    /// Folder with the source files [default: data]
    #[arg(long, value_name = "DIR")]
    pub(super) data: Option<PathBuf>,
}

impl Ingest {
    pub(super) async fn execute(self, config: Config, context: &Context) -> Result<()> {
        let progress = context.progress();
        with_app(App::create(config).await?, async |app| {
            let report = app.runner.ingest(self.sources, "cli", progress.clone(), context.cancel()).await?;
            progress.finish();
            summary::print(&report);
            let report = report.into_result()?;
            match report.sources.iter().filter(|step| step.status == StepStatus::Failed).count() {
                0 => Ok(()),
                count => Err(refused(count)),
            }
        })
        .await
    }
}
