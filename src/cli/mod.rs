//! The command line: one file per subcommand. The only user of `clap`.
//!
//! Invariant: data goes to stdout, talk to stderr; errors are `error: …` and `hint: …`.
//! Invariant: exit codes are 0 ok, 1 tests or data checks failed, 2 usage or configuration, 3 internal.

mod config;
mod demo;
mod ingest;
mod output;
mod plan;
mod progress;
mod query;
mod report;
mod run;
mod serve;
mod summary;
mod test;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};
use indicatif::MultiProgress;
use tokio_util::sync::CancellationToken;

use crate::config::{Config, Invocation, Origin};
use crate::engine::CancelHandle;
use crate::error::{Error, ErrorKind, Result};
use crate::server::App;
use crate::{shutdown, telemetry};

/// DataFusion plans deep expressions recursively.
const THREAD_STACK_BYTES: usize = 16 << 20;

/// A Delta lakehouse that every tool takes for Postgres.
#[derive(Debug, Parser)]
#[command(name = "lakewire", version, about, max_term_width = 100)]
struct Cli {
    #[command(flatten)]
    global: Global,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Args)]
struct Global {
    /// Folder or bucket of Delta tables [default: ./lake]
    #[arg(long, global = true, value_name = "URL")]
    lake: Option<String>,
    /// Configuration file, over config/<env>.toml
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Reads config/<NAME>.toml [default: development]
    #[arg(long, global = true, value_name = "NAME")]
    env: Option<String>,
    /// Any setting, for example --set limits.statement_timeout=30s
    #[arg(long, global = true, value_name = "SECTION.KEY=VALUE", value_parser = parse_setting)]
    set: Vec<(String, String)>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Make sample data if there is none, ingest it, refresh all layers, and serve
    Demo(demo::Demo),
    /// Serve the lake to PostgreSQL clients
    Serve(serve::Serve),
    /// Ingest what is new of the sources, once
    Ingest(ingest::Ingest),
    /// Run models, audit them with their tests, publish them
    Run(run::Run),
    /// Ingest, then run models, audit and publish them
    Build(run::Run),
    /// Run tests on what is published
    Test(test::Test),
    /// Print what would run, and why
    Plan(plan::Plan),
    /// Run SQL without a server
    Query(query::Query),
    /// Show or check the resolved configuration
    #[command(subcommand)]
    Config(config::ConfigCommand),
}

fn parse_setting(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((key, value)) => Ok((key.trim().to_owned(), value.to_owned())),
        None => Err("expected SECTION.KEY=VALUE".to_owned()),
    }
}

/// Parses the arguments, does what they say, and turns an error into its exit code.
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    match execute(cli) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            report::error(&error);
            ExitCode::from(error.kind().exit_code())
        }
    }
}

fn execute(cli: Cli) -> Result<()> {
    let mut config = Config::load(&invocation(&cli))?;
    if let Command::Config(command) = &cli.command {
        return command.execute(&config);
    }
    demo::find_sample(&mut config);
    let bars = MultiProgress::new();
    telemetry::init(&log_settings(&cli.command, &config), progress::beside(&bars))?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .thread_name("lakewire")
        .thread_stack_size(THREAD_STACK_BYTES)
        .build()?;
    runtime.block_on(async {
        let context = Context { bars, shutdown: shutdown::on_signal()? };
        match cli.command {
            Command::Demo(command) => command.execute(config, &context).await,
            Command::Serve(command) => command.execute(config, &context).await,
            Command::Ingest(command) => command.execute(config, &context).await,
            Command::Run(command) => command.execute(config, &context, false).await,
            Command::Build(command) => command.execute(config, &context, true).await,
            Command::Test(command) => command.execute(config, &context).await,
            Command::Plan(command) => command.execute(config).await,
            Command::Query(command) => command.execute(config, &context).await,
            Command::Config(_) => Ok(()),
        }
    })
}

fn invocation(cli: &Cli) -> Invocation {
    let mut flags: Vec<_> =
        cli.global.set.iter().map(|(key, value)| (format!("--set {key}"), key.clone(), value.clone())).collect();
    let mut flag = |name: &str, key: &str, value: Option<String>| {
        flags.extend(value.map(|value| (name.to_owned(), key.to_owned(), value)));
    };
    flag("--lake", "lake.url", cli.global.lake.clone());
    match &cli.command {
        Command::Demo(demo) => {
            flag("--listen", "server.listen", demo.listen.clone());
            flag("--data", "ingest.data_dir", demo.data.as_ref().map(|dir| dir.display().to_string()));
            flag("--rows", "sample.rows", demo.rows.map(|rows| rows.to_string()));
            flag("--seed", "sample.seed", demo.seed.map(|seed| seed.to_string()));
        }
        Command::Serve(serve) => flag("--listen", "server.listen", serve.listen.clone()),
        Command::Ingest(ingest) => {
            flag("--data", "ingest.data_dir", ingest.data.as_ref().map(|dir| dir.display().to_string()));
        }
        _ => {}
    }
    Invocation { file: cli.global.config.clone(), env: cli.global.env.clone(), flags }
}

/// A command that ends tells its user itself what went wrong; it logs only where the configuration asks for it.
fn log_settings(command: &Command, config: &Config) -> crate::config::Log {
    let asked_for = config.entries().iter().any(|entry| entry.key == "log.level" && entry.origin != Origin::Default);
    let mut log = config.log.clone();
    match command {
        Command::Serve(_) => {}
        _ if asked_for => {}
        Command::Demo(_) => log.level = "warn,lakewire::source=off,lakewire::run=off".to_owned(),
        _ => log.level = "off".to_owned(),
    }
    log
}

/// What every command works with.
struct Context {
    bars: MultiProgress,
    /// Fires at the first Ctrl-C.
    shutdown: CancellationToken,
}

impl Context {
    /// Cancelled when the process is asked to stop.
    fn cancel(&self) -> CancelHandle {
        let cancel = CancelHandle::default();
        let (shutdown, handle) = (self.shutdown.clone(), cancel.clone());
        tokio::spawn(async move {
            shutdown.cancelled().await;
            handle.cancel();
        });
        cancel
    }

    fn progress(&self) -> std::sync::Arc<progress::Terminal> {
        progress::Terminal::new(self.bars.clone())
    }
}

/// Lets a command work on the lake, and closes it whatever the command gives.
async fn with_app<T>(app: App, work: impl AsyncFnOnce(&App) -> Result<T>) -> Result<T> {
    let done = work(&app).await;
    let closed = app.close().await;
    let done = done?;
    closed.map(|()| done)
}

/// Some files of some sources were refused; each was told already.
fn refused(count: usize) -> Error {
    let noun = if count == 1 { "source was" } else { "sources were" };
    Error::new(ErrorKind::CheckViolation, format!("{count} {noun} not ingested completely"))
}
