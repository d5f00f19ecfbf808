//! Logs and facts.
//!
//! Invariant: what is worth observing is a [`Fact`], a struct beside the code that observes it; its fields are the
//! log's fields.
//! Invariant: logs go to stderr, never to stdout.

use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{Layer, Registry};

use crate::config::{Log, LogFormat};
use crate::error::{Error, ErrorKind, Result};

/// Something observable that became true.
pub trait Fact {
    /// Tells it, at the level it deserves: ERROR where a human must look.
    fn emit(&self);
}

/// Starts logging to `writer`, once per process.
///
/// # Errors
/// Where logging was started before.
pub fn init<W>(config: &Log, writer: W) -> Result<()>
where
    W: for<'w> MakeWriter<'w> + Send + Sync + 'static,
{
    let filter: Targets = config.level.parse().map_err(|error| {
        Error::new(ErrorKind::Config, format!("log.level \"{}\" is not a log level", config.level)).with_source(error)
    })?;
    // The storage and query libraries tell on level info what only their own authors act on.
    let filter = quiet(filter, &config.level);
    let layer: Box<dyn Layer<Registry> + Send + Sync> = match config.format {
        LogFormat::Text => {
            Box::new(tracing_subscriber::fmt::layer().with_writer(writer).with_ansi(false).with_target(false))
        }
        LogFormat::Json => Box::new(tracing_subscriber::fmt::layer().json().flatten_event(true).with_writer(writer)),
    };
    Registry::default()
        .with(layer.with_filter(filter))
        .try_init()
        .map_err(|error| Error::internal("logging was started twice").with_source(error))
}

/// Lets foreign modules through from WARN on, unless the setting names modules itself.
fn quiet(filter: Targets, level: &str) -> Targets {
    const FOREIGN: [&str; 6] = ["deltalake", "delta_kernel", "buoyant_kernel", "datafusion", "object_store", "pgwire"];
    if level.contains('=') || matches!(level, "error" | "warn" | "trace") {
        return filter;
    }
    filter.with_targets(FOREIGN.map(|module| (module, tracing::Level::WARN)))
}
