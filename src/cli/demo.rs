//! `lakewire demo`

use std::path::{Path, PathBuf};

use clap::Args;

use super::{Context, report, serve, summary};
use crate::config::Config;
use crate::error::{Error, ErrorKind, Result};
use crate::run::{RunRequest, Selection};
use crate::server::App;
use crate::source::sample::{INVOICES_FILE, Sample};

#[derive(Debug, Args)]
pub(super) struct Demo {
    /// Address and port; port 0 picks a free one [default: 127.0.0.1:5433]
    #[arg(long, value_name = "ADDRESS:PORT")]
    pub(super) listen: Option<String>,
    /// Folder with the source files; sample data are made there if it is empty [default: data]
    #[arg(long, value_name = "DIR")]
    pub(super) data: Option<PathBuf>,
    /// Rows of the sample data [default: 500000]
    #[arg(long)]
    pub(super) rows: Option<usize>,
    /// Seed of the sample data [default: 42]
    #[arg(long)]
    pub(super) seed: Option<u64>,
}

impl Demo {
    pub(super) async fn execute(self, config: Config, context: &Context) -> Result<()> {
        check_project(&config.project.dir)?;
        check_port(&config)?;
        let progress = context.progress();
        let app = App::open(config).await?;
        let ingested_before = app.catalog.current().objects.keys().any(|name| name.schema == "bronze");
        if !ingested_before && !has_files(&app.config.ingest.data_dir) {
            let (sample, dir) = (&app.config.sample, app.config.ingest.data_dir.clone());
            let sample = Sample { rows: sample.rows, seed: sample.seed };
            let bar = progress.sample(sample.rows, &dir);
            let written = tokio::task::spawn_blocking(move || {
                sample.write(&dir, |rows| bar.rows(rows)).map(|()| bar.finish(sample.rows))
            });
            written
                .await
                .map_err(|error| Error::internal("making sample data was interrupted").with_source(error))??;
        }
        let request = RunRequest::refresh("demo", Selection::All).with_ingest();
        let run = app.runner.run(request, progress.clone(), context.cancel()).await?;
        progress.finish();
        summary::print(&run);
        if let Err(error) = run.into_result() {
            // What an earlier run published is still good to look at.
            if app.catalog.current().objects.is_empty() {
                app.close().await?;
                return Err(error);
            }
            report::error(&error);
        }
        serve::serve(&app, context).await
    }
}

/// A binary that was carried elsewhere has no models.
fn check_project(dir: &Path) -> Result<()> {
    if dir.join("dbt_project.yml").is_file() {
        return Ok(());
    }
    Err(Error::new(ErrorKind::Config, format!("there is no project in {}: dbt_project.yml is missing", dir.display()))
        .with_hint("run the demo in a clone of Lakewire, or name a project with --set project.dir=DIR"))
}

/// Says that the port is taken before the work is done, not after it.
fn check_port(config: &Config) -> Result<()> {
    let address = config.server.listen.0;
    if address.port() == 0 {
        return Ok(());
    }
    match std::net::TcpListener::bind(address) {
        Err(error) if error.kind() == std::io::ErrorKind::AddrInUse => {
            Err(Error::new(ErrorKind::Config, format!("cannot listen on {address}: another program does already"))
                .with_hint("stop it, or choose another port with --listen 127.0.0.1:0"))
        }
        _ => Ok(()),
    }
}

/// Anything that a source may want to read.
fn has_files(dir: &Path) -> bool {
    let Ok(mut entries) = std::fs::read_dir(dir) else { return false };
    dir.join(INVOICES_FILE).exists()
        || entries.any(|entry| entry.is_ok_and(|entry| !entry.file_name().to_string_lossy().starts_with('.')))
}
