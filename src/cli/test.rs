//! `lakewire test [SELECTOR…]`

use clap::Args;

use super::{Context, summary, with_app};
use crate::config::Config;
use crate::error::Result;
use crate::server::App;

#[derive(Debug, Args)]
pub(super) struct Test {
    /// Tests, models or sources, as dbt selects them [default: all tests]
    selectors: Vec<String>,
}

impl Test {
    pub(super) async fn execute(self, config: Config, context: &Context) -> Result<()> {
        let progress = context.progress();
        with_app(App::open(config).await?, async |app| {
            let report = app.runner.test(&self.selectors, "cli", progress.clone(), context.cancel()).await?;
            progress.finish();
            summary::print(&report);
            report.into_result().map(|_| ())
        })
        .await
    }
}
