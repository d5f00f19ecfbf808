//! Binding, accepting within limits, and the drain at the end.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use pgwire::messages::startup::Authentication;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::ServerSettings;
use super::auth::Users;
use super::cancel::CancelRegistry;
use super::connection::Connection;
use super::errors::{Disconnect, ErrorSeverity, Halt};
use super::io::{Reader, Writer};
use super::link::{Link, Stop, shutting_down};
use super::notify::Listener;
use super::startup::{Opening, StartupParameters, open};
use super::tls::{self, Beginning, Tls};
use crate::engine::{Encryption, Engine, SessionParams};
use crate::error::{Error, ErrorKind, Result};

/// What tools connect to before they know the name of a database (`psql -l`, `createuser`, pgAdmin): here they reach the only one.
const MAINTENANCE_DATABASES: [&str; 2] = ["postgres", "template1"];

/// Connections beyond the sessions allowed that may be open at once: those being told so, and cancel requests.
const SPARE_CONNECTIONS: usize = 64;
const BACKOFF_MAX: Duration = Duration::from_secs(1);
/// How long a session may take to tell its client the end.
const FAREWELL: Duration = Duration::from_secs(3);

/// A server that listens, and serves once it [`run`](PgServer::run)s.
#[derive(Debug)]
pub struct PgServer {
    listener: TcpListener,
    local_addr: SocketAddr,
    shared: Arc<Shared>,
}

/// What all connections use.
struct Shared {
    engine: Arc<Engine>,
    settings: Arc<ServerSettings>,
    /// `None`: nobody is asked for a password.
    users: Option<Users>,
    tls: Option<Tls>,
    cancels: Arc<CancelRegistry>,
    sessions: Arc<Semaphore>,
    stop: Stop,
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shared").field("settings", &self.settings.listen).finish_non_exhaustive()
    }
}

impl PgServer {
    /// Takes the address. Refuses one that others can reach unless a password protects it.
    pub async fn bind(engine: Arc<Engine>, settings: ServerSettings) -> Result<Self> {
        let address = resolve(&settings.listen).await?;
        if settings.passwords.is_empty() && !address.ip().is_loopback() {
            return Err(Error::new(
                ErrorKind::Config,
                format!("refusing to listen on {address} without authentication: others can reach it"),
            )
            .with_hint("Set a password, or listen on 127.0.0.1."));
        }
        let tls = settings.tls.as_ref().map(|files| Tls::load(&files.certificate, &files.key)).transpose()?;
        let listener = TcpListener::bind(address).await.map_err(|error| cannot_listen(address, error))?;
        let local_addr = listener.local_addr()?;
        let shared = Shared {
            engine,
            users: (!settings.passwords.is_empty()).then(|| Users::new(&settings.passwords)),
            tls,
            cancels: Arc::default(),
            sessions: Arc::new(Semaphore::new(settings.connections_max)),
            stop: Stop::default(),
            settings: Arc::new(settings),
        };
        Ok(Self { listener, local_addr, shared: Arc::new(shared) })
    }

    /// Where it listens, the port found where it was 0.
    pub fn local_addr(&self) -> SocketAddr {
        self.local_addr
    }

    /// Serves until `shutdown`; then no one is let in, idle sessions are ended at once, running statements have
    /// [`ServerSettings::shutdown_timeout`] to finish, and what is left is ended with `57P01`.
    pub async fn run(self, shutdown: CancellationToken) -> Result<()> {
        let Self { listener, shared, .. } = self;
        let places = Arc::new(Semaphore::new(shared.settings.connections_max + SPARE_CONNECTIONS));
        let mut connections = JoinSet::new();
        loop {
            let accepted = tokio::select! {
                () = shutdown.cancelled() => break,
                Some(ended) = connections.join_next() => {
                    log_end(ended);
                    continue;
                }
                accepted = accept(&listener, &places) => accepted,
            };
            let (stream, peer, place) = accepted;
            let shared = Arc::clone(&shared);
            connections.spawn(async move {
                let disconnect = shared.serve(stream, peer).await;
                drop(place);
                (peer, disconnect)
            });
        }
        drop(listener);
        drain(&shared, connections).await;
        Ok(())
    }
}

async fn resolve(listen: &str) -> Result<SocketAddr> {
    let invalid = |reason: String| {
        Error::new(ErrorKind::Config, format!("cannot listen on \"{listen}\": {reason}"))
            .with_hint("Write the address as host:port, for example 127.0.0.1:5433.")
    };
    let mut addresses = tokio::net::lookup_host(listen).await.map_err(|error| invalid(error.to_string()))?;
    addresses.next().ok_or_else(|| invalid("the name has no address".to_owned()))
}

fn cannot_listen(address: SocketAddr, error: std::io::Error) -> Error {
    let hint = match error.kind() {
        std::io::ErrorKind::AddrInUse => {
            "Another server has this port: stop it, or choose another port (0 takes a free one)."
        }
        std::io::ErrorKind::PermissionDenied => "Ports below 1024 need rights: choose a higher one.",
        _ => "Listen on an address of this machine, for example 127.0.0.1.",
    };
    let reason = match error.kind() {
        std::io::ErrorKind::AddrInUse => "the port is in use".to_owned(),
        _ => error.to_string(),
    };
    Error::new(ErrorKind::Config, format!("cannot listen on {address}: {reason}")).with_hint(hint).with_source(error)
}

/// The next connection, once there is a place for one. Errors of accept (no file descriptors left …) pass with time.
async fn accept(
    listener: &TcpListener,
    places: &Arc<Semaphore>,
) -> (TcpStream, SocketAddr, Option<OwnedSemaphorePermit>) {
    // the semaphore is never closed
    let place = Arc::clone(places).acquire_owned().await.ok();
    let mut backoff = Duration::from_millis(5);
    loop {
        match listener.accept().await {
            Ok((stream, peer)) => return (stream, peer, place),
            Err(error) => {
                tracing::warn!(%error, "cannot accept connections for the moment");
                tokio::time::sleep(backoff).await;
                backoff = (backoff * 2).min(BACKOFF_MAX);
            }
        }
    }
}

async fn drain(shared: &Shared, mut connections: JoinSet<(SocketAddr, Disconnect)>) {
    shared.stop.shutdown.cancel();
    let all_ended = async |connections: &mut JoinSet<_>| {
        while let Some(ended) = connections.join_next().await {
            log_end(ended);
        }
    };
    if tokio::time::timeout(shared.settings.shutdown_timeout, all_ended(&mut connections)).await.is_ok() {
        return;
    }
    tracing::info!(sessions = connections.len(), "ending the statements that still run");
    shared.stop.terminate.cancel();
    if tokio::time::timeout(FAREWELL, all_ended(&mut connections)).await.is_err() {
        tracing::warn!(sessions = connections.len(), "sessions did not end in time and are dropped");
        connections.shutdown().await;
    }
}

fn log_end(ended: std::result::Result<(SocketAddr, Disconnect), tokio::task::JoinError>) {
    match ended {
        Ok((peer, Disconnect::Io(error))) => tracing::info!(%peer, %error, "connection lost"),
        Ok((peer, _)) => tracing::debug!(%peer, "connection ended"),
        Err(error) if error.is_cancelled() => {}
        Err(error) => tracing::error!(%error, "a connection's task failed"),
    }
}

impl Shared {
    async fn serve(&self, mut stream: TcpStream, peer: SocketAddr) -> Disconnect {
        // without delay: what is written is whole answers already
        if let Err(error) = stream.set_nodelay(true) {
            return Disconnect::from(error);
        }
        let server_addr = stream.local_addr().ok();
        let deadline = Instant::now() + self.settings.authentication_timeout;
        let beginning = self.in_time(deadline, tls::begin(&mut stream, self.tls.as_ref())).await;
        let mut encryption = None;
        let (mut reader, mut writer, beginning) = match (beginning, &self.tls) {
            (Ok(Beginning::Handshake { direct }), Some(tls)) => {
                let handshake =
                    async { tls.encrypt(stream, direct, self.settings.message_bytes_max).await.map_err(Halt::Lost) };
                match self.in_time(deadline, handshake).await {
                    Ok((reader, writer, by)) => {
                        encryption = Some(by);
                        (reader, writer, Ok(()))
                    }
                    Err(Halt::Lost(disconnect)) => return disconnect,
                    Err(Halt::Failed(_) | Halt::Fatal(_)) => return Disconnect::Closed,
                }
            }
            (beginning, _) => {
                let (read, write) = stream.into_split();
                let reader = Reader::new(read, self.settings.message_bytes_max);
                match beginning {
                    Ok(Beginning::Plain(read)) => (reader.beginning_with(read), Writer::new(write), Ok(())),
                    Ok(Beginning::Handshake { .. }) => return Disconnect::Closed,
                    Err(halt) => (reader, Writer::new(write), Err(halt)),
                }
            }
        };
        let admitted = match beginning {
            Ok(()) => self.in_time(deadline, self.admit(&mut reader, &mut writer, peer, encryption.is_some())).await,
            Err(halt) => Err(halt),
        };
        match admitted {
            Ok(None) => Disconnect::Closed,
            Ok(Some((start, permit))) => {
                let disconnect = self.connection(start, (peer, server_addr), encryption, reader, writer).run().await;
                drop(permit);
                disconnect
            }
            Err(Halt::Lost(disconnect)) => disconnect,
            Err(Halt::Failed(error) | Halt::Fatal(error)) => {
                let told = writer.report(&error, ErrorSeverity::Fatal);
                let _ = tokio::time::timeout(FAREWELL, writer.close()).await;
                Disconnect::Told(told)
            }
        }
    }

    /// A step of the log-in, unless the time for it is over or the server ends.
    async fn in_time<T>(&self, deadline: Instant, step: impl Future<Output = Result<T, Halt>>) -> Result<T, Halt> {
        tokio::select! {
            () = self.stop.shutdown.cancelled() => Err(Halt::Fatal(shutting_down())),
            done = tokio::time::timeout_at(deadline, step) => done.unwrap_or_else(|_| Err(Halt::Fatal(Error::new(
                ErrorKind::ProtocolViolation,
                "canceling authentication due to timeout",
            )))),
        }
    }

    /// From the start-up packet to AuthenticationOk; `None` where all the client wanted was to cancel.
    async fn admit(
        &self,
        reader: &mut Reader,
        writer: &mut Writer,
        peer: SocketAddr,
        encrypted: bool,
    ) -> Result<Option<(StartupParameters, OwnedSemaphorePermit)>, Halt> {
        let start = match open(reader, writer).await? {
            Opening::Session(start) => start,
            Opening::Cancel { pid, key } => {
                self.cancels.cancel_soon(pid, &key).await;
                return Ok(None);
            }
        };
        let permit = Arc::clone(&self.sessions).try_acquire_owned().map_err(|_| {
            Halt::Fatal(
                Error::new(ErrorKind::TooManyConnections, "sorry, too many clients already")
                    .with_hint("Close idle connections, use a pool, or raise the server's connection limit."),
            )
        })?;
        let database = start.database.as_deref().unwrap_or(&self.settings.database);
        if self.settings.tls_required && !encrypted {
            let (host, user) = (peer.ip(), &start.user);
            let message = format!(
                "no pg_hba.conf entry for host \"{host}\", user \"{user}\", database \"{database}\", no encryption"
            );
            return Err(Halt::Fatal(
                Error::new(ErrorKind::InvalidAuthorization, message)
                    .with_hint("This server requires TLS: connect with sslmode=require or stricter."),
            ));
        }
        if let Some(users) = &self.users {
            let bound = self.tls.as_ref().filter(|_| encrypted).and_then(Tls::scram);
            users.authenticate(&start.user, bound, reader, writer).await?;
        }
        if database != self.settings.database && !MAINTENANCE_DATABASES.contains(&database) {
            return Err(Halt::Fatal(
                Error::new(ErrorKind::InvalidCatalogName, format!("database \"{database}\" does not exist"))
                    .with_hint(format!("The database here is \"{}\".", self.settings.database)),
            ));
        }
        writer.put(&Authentication::Ok);
        Ok(Some((start, permit)))
    }

    fn connection(
        &self,
        start: StartupParameters,
        (peer, server_addr): (SocketAddr, Option<SocketAddr>),
        encryption: Option<Encryption>,
        reader: Reader,
        writer: Writer,
    ) -> Connection {
        let cancel = self.cancels.register(start.long_key);
        let mut session = self.engine.session(SessionParams {
            user: start.user,
            database: self.settings.database.clone(),
            application_name: start.application_name,
            settings: start.settings,
            client_addr: Some(peer),
            server_addr,
            encryption,
        });
        let stop = self.stop.child();
        let ended = stop.clone();
        session.enter(cancel.pid, move || ended.end());
        let link = Link::new(reader, writer, session.take_notices(), stop);
        let heard = session.mailbox().and_then(|mailbox| mailbox.take_receiver());
        let listener = Listener::new(cancel.pid, self.engine.catalog().subscribe(), heard);
        Connection::new(link, session, listener, cancel, Arc::clone(&self.settings))
    }
}
