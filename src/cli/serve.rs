//! `lakewire serve`

use clap::Args;

use super::{Context, output};
use crate::config::Config;
use crate::error::Result;
use crate::server::App;

#[derive(Debug, Args)]
pub(super) struct Serve {
    /// Address and port; port 0 picks a free one [default: 127.0.0.1:5433]
    #[arg(long, value_name = "ADDRESS:PORT")]
    pub(super) listen: Option<String>,
}

impl Serve {
    pub(super) async fn execute(self, config: Config, context: &Context) -> Result<()> {
        serve(&App::open(config).await?, context).await
    }
}

/// Serves until asked to stop; prints the connection string on stdout once clients can connect.
pub(super) async fn serve(app: &App, context: &Context) -> Result<()> {
    let ready = |address| {
        // A closed stdout is no reason not to serve.
        let _ = output::print(format!("{}\n", app.connection_string(address)));
    };
    app.serve(ready, context.shutdown.clone()).await
}
