//! `lakewire plan [SELECTOR…]`

use clap::Args;

use super::{output, run, with_app};
use crate::config::Config;
use crate::error::Result;
use crate::run::RunRequest;
use crate::server::App;

#[derive(Debug, Args)]
pub(super) struct Plan {
    /// Models, as dbt selects them [default: all]
    selectors: Vec<String>,
    /// As if the run were a full refresh
    #[arg(long)]
    full_refresh: bool,
    /// Models to leave out
    #[arg(long, value_name = "SELECTOR")]
    exclude: Vec<String>,
}

impl Plan {
    pub(super) async fn execute(self, config: Config) -> Result<()> {
        let request = RunRequest {
            exclude: self.exclude,
            upstream: false,
            full_refresh: self.full_refresh,
            ..RunRequest::refresh("plan", run::selection(self.selectors))
        };
        with_app(App::open(config).await?, async |app| {
            let plan = app.runner.plan(&request).await?;
            let rows = plan.steps.iter().map(|step| {
                let does = if step.runs() { "run" } else { "skip" };
                vec![step.model.name.to_string(), does.to_owned(), step.decision.to_string()]
            });
            output::print(output::table(&["model", "action", "reason"], &[], rows.collect()))
        })
        .await
    }
}
