//! `lakewire demo`

use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Args;
use url::Url;

use super::progress::Terminal;
use super::{Context, report, serve, summary};
use crate::config::{Config, Origin};
use crate::error::{Error, ErrorKind, Result};
use crate::run::{RunRequest, Selection};
use crate::server::App;
use crate::source::sample::Sample;

#[derive(Debug, Args)]
pub(super) struct Demo {
    /// Address and port; port 0 picks a free one [default: 127.0.0.1:5433]
    #[arg(long, value_name = "ADDRESS:PORT")]
    pub(super) listen: Option<String>,
    /// Folder with the source files; sample data are made there if it is empty [default: data, else inside the lake]
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
        let config = make_sample(config, progress.clone()).await?;
        let app = App::create(config).await?;
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

/// Makes sample data where there are no data: neither in the lake nor in the folder that sources are read from.
async fn make_sample(mut config: Config, progress: Arc<Terminal>) -> Result<Config> {
    let lake = local(&config.lake.url);
    let ingested = !lake.as_os_str().is_empty() && is_filled(&lake.join("bronze"));
    if ingested || is_filled(&config.ingest.data_dir) {
        return Ok(config);
    }
    if let Some(home) = sample_home(&config) {
        config.ingest.data_dir = home;
    }
    let (rows, dir) = (config.sample.rows, config.ingest.data_dir.clone());
    let sample = Sample { rows, seed: config.sample.seed };
    let bar = progress.sample(rows, &dir);
    let work = move || sample.write(&dir, |rows| bar.rows(rows)).map(|()| bar.finish(rows));
    let made = tokio::task::spawn_blocking(work).await;
    made.map_err(|error| Error::internal("making sample data was interrupted").with_source(error))??;
    Ok(config)
}

/// Sample data lie in their lake, unless the user chose a folder for them; so other commands on that lake find them.
pub(super) fn find_sample(config: &mut Config) {
    if let Some(home) = sample_home(config)
        && is_filled(&home)
        && !is_filled(&config.ingest.data_dir)
    {
        config.ingest.data_dir = home;
    }
}

/// `None` where the lake is no local folder or the user chose the data directory.
fn sample_home(config: &Config) -> Option<PathBuf> {
    let chosen = config.entries().iter().any(|entry| entry.key == "ingest.data_dir" && entry.origin != Origin::Default);
    let lake = local(&config.lake.url);
    (!chosen && !lake.as_os_str().is_empty()).then(|| lake.join("_lakewire/sample"))
}

/// The lake's folder; empty where it is in a bucket.
fn local(url: &str) -> PathBuf {
    match Url::parse(url) {
        Ok(url) if url.scheme() == "file" => url.to_file_path().unwrap_or_default(),
        Ok(_) => PathBuf::new(),
        Err(_) => PathBuf::from(url),
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

/// Holds anything that is not hidden.
fn is_filled(dir: &Path) -> bool {
    let Ok(mut entries) = std::fs::read_dir(dir) else { return false };
    entries.any(|entry| entry.is_ok_and(|entry| !entry.file_name().to_string_lossy().starts_with('.')))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sample_data_lie_in_a_local_lake_unless_a_folder_was_chosen() {
        let home = |settings: &[(&str, &str)]| sample_home(&Config::with(settings).unwrap());
        assert_eq!(home(&[]), Some(PathBuf::from("./lake/_lakewire/sample")));
        assert_eq!(home(&[("lake.url", "file:///srv/x")]), Some(PathBuf::from("/srv/x/_lakewire/sample")));
        assert_eq!(home(&[("lake.url", "s3://bucket/x")]), None);
        assert_eq!(home(&[("ingest.data_dir", "in")]), None);
    }
}
