//! `lakewire run` and `lakewire build`

use clap::Args;

use super::{Context, refused, summary, with_app};
use crate::config::Config;
use crate::error::Result;
use crate::run::{RunRequest, Selection, StepStatus};
use crate::server::App;

#[derive(Debug, Args)]
pub(super) struct Run {
    /// Models, as dbt selects them: gold.daily_sales, +top_products, tag:daily [default: all]
    selectors: Vec<String>,
    /// Run the selected models even if nothing changed
    #[arg(long)]
    full_refresh: bool,
    /// Models to leave out
    #[arg(long, value_name = "SELECTOR")]
    exclude: Vec<String>,
    /// Publish without auditing
    #[arg(long)]
    no_tests: bool,
}

impl Run {
    /// `ingest`: take in what is new of all sources first.
    pub(super) async fn execute(self, config: Config, context: &Context, ingest: bool) -> Result<()> {
        let operation = if ingest { "build" } else { "run" };
        let request = RunRequest {
            exclude: self.exclude,
            upstream: false,
            full_refresh: self.full_refresh,
            ingest: ingest.then(Vec::new),
            tests: !self.no_tests,
            user: "cli".to_owned(),
            ..RunRequest::refresh(operation, selection(self.selectors))
        };
        let progress = context.progress();
        let app = if ingest { App::create(config).await? } else { App::open(config).await? };
        with_app(app, async |app| {
            let report = app.runner.run(request, progress.clone(), context.cancel()).await?;
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

pub(super) fn selection(selectors: Vec<String>) -> Selection {
    if selectors.is_empty() { Selection::All } else { Selection::Selectors(selectors) }
}
