//! Composition: configuration → everything wired → run until shutdown.
//!
//! Invariant: parts are stopped in the order opposite to the one they were made in: the door, the runs, the run log.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use crate::catalog::Catalog;
use crate::config::Config;
use crate::engine::Engine;
use crate::error::Result;
use crate::pgserver::{PgServer, ServerSettings, TlsFiles};
use crate::run::{Maintenance, Runner};
use crate::store::{LakeStore, StoreOptions, fault};
use crate::table::{CacheLimits, TableSettings, Tables};

/// A lake with all that works on it, for the server and for commands that need none.
pub struct App {
    pub config: Arc<Config>,
    pub catalog: Arc<Catalog>,
    pub engine: Arc<Engine>,
    pub runner: Arc<Runner>,
}

impl App {
    /// Opens the lake and wires everything to it.
    pub async fn open(config: Config) -> Result<Self> {
        Self::open_or(config, false).await
    }

    /// The same, and makes the lake if there is none.
    pub async fn create(config: Config) -> Result<Self> {
        Self::open_or(config, true).await
    }

    async fn open_or(config: Config, create: bool) -> Result<Self> {
        if let Some(point) = &config.test.crash_at {
            fault::crash_at(point);
        }
        let config = Arc::new(config);
        let lake = LakeStore::open(&config.lake.url, &store_options(&config, create))?;
        let cache = CacheLimits { snapshots_max: config.memory.snapshot_cache, ..CacheLimits::default() };
        let settings = TableSettings { cache, checkpoint_interval: config.lake.checkpoint_interval };
        let catalog = Catalog::open(lake.clone(), Tables::with(lake, settings)).await?;
        catalog.discover().await?;
        let engine = Engine::new(&config, catalog.clone())?;
        let runner = Runner::new(engine.clone(), catalog.clone(), config.clone());
        Ok(Self { config, catalog, engine, runner })
    }

    /// Serves until `shutdown` fires; calls `ready` with the address once clients can connect.
    pub async fn serve(&self, ready: impl FnOnce(SocketAddr), shutdown: CancellationToken) -> Result<()> {
        let server = PgServer::bind(self.engine.clone(), server_settings(&self.config)).await?;
        ready(server.local_addr());
        let lake = &self.config.lake;
        let watch = self.catalog.watch(lake.release_poll_interval, lake.adopt_interval);
        let maintain = Maintenance::new(self.runner.clone()).keep();
        let served = tokio::select! {
            served = server.run(shutdown) => served,
            () = watch => Ok(()),
            () = maintain => Ok(()),
        };
        self.close().await?;
        served
    }

    /// Waits for what is still to be written. To be called last.
    pub async fn close(&self) -> Result<()> {
        let closed = self.runner.close().await;
        self.catalog.close().await;
        closed
    }

    /// What a client connects with.
    pub fn connection_string(&self, address: SocketAddr) -> String {
        let server = &self.config.server;
        format!("postgresql://{}@{address}/{}", server.user, server.database)
    }
}

fn store_options(config: &Config, create: bool) -> StoreOptions {
    let options = config.storage.iter().map(|(key, value)| (key.clone(), value.expose().to_owned()));
    StoreOptions { create, options: options.collect(), ..StoreOptions::default() }
}

fn server_settings(config: &Config) -> ServerSettings {
    let (server, limits) = (&config.server, &config.limits);
    ServerSettings {
        listen: server.listen.to_string(),
        database: server.database.clone(),
        connections_max: server.max_connections,
        message_bytes_max: server.max_message_size.as_usize(),
        statements_max: limits.max_prepared_statements,
        portals_max: limits.max_portals,
        authentication_timeout: server.authentication_timeout,
        shutdown_timeout: server.shutdown_timeout,
        passwords: passwords(config),
        tls: server
            .tls_certificate
            .clone()
            .zip(server.tls_key.clone())
            .map(|(certificate, key)| TlsFiles { certificate, key }),
        tls_required: server.tls_required,
    }
}

/// By user; the owner's among them.
fn passwords(config: &Config) -> BTreeMap<String, String> {
    let owner = config.server.password.iter().map(|password| (&config.server.user, password));
    let all = config.users.iter().chain(owner);
    all.map(|(user, password)| (user.clone(), password.expose().to_owned())).collect()
}
