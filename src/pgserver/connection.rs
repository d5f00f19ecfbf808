//! One client's connection: which message may come when, and what each one does.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use pgwire::messages::response::{ReadyForQuery, TransactionStatus as WireStatus};
use pgwire::messages::startup::ParameterStatus;

use super::ServerSettings;
use super::cancel::CancelSlot;
use super::errors::{Disconnect, ErrorSeverity, Halt, ReportedError};
use super::extended::{Portal, Statements};
use super::frontend::{Message, violation};
use super::link::Link;
use super::notify::Listener;
use crate::engine::{Guard, Session, TransactionStatus};
use crate::error::{Error, ErrorKind, Result};
use crate::pgtypes::{Encoding, Style};

/// How long a client that was told the end may take to read it.
const FAREWELL: Duration = Duration::from_secs(1);

pub(super) struct Connection {
    pub(super) link: Link,
    pub(super) session: Session,
    pub(super) statements: Statements,
    pub(super) portals: HashMap<String, Portal>,
    pub(super) listener: Listener,
    cancel: CancelSlot,
    /// The statement, or sequence of extended messages, in hand.
    running: Option<Guard>,
    /// Whether a statement of the sequence is through: what comes next has all of its time.
    pub(super) completed: bool,
    pub(super) settings: Arc<ServerSettings>,
}

impl Connection {
    pub(super) fn new(
        link: Link,
        session: Session,
        listener: Listener,
        cancel: CancelSlot,
        settings: Arc<ServerSettings>,
    ) -> Self {
        let (statements, portals) = (Statements::default(), HashMap::new());
        Self { link, session, statements, portals, listener, cancel, running: None, completed: false, settings }
    }

    /// Serves the client to the end, and tells it why where it was not the client's own wish.
    pub(super) async fn run(mut self) -> Disconnect {
        match self.serve().await {
            Ok(()) => Disconnect::Closed,
            Err(Halt::Lost(disconnect)) => disconnect,
            Err(Halt::Failed(error) | Halt::Fatal(error)) => {
                let told = self.link.writer.report(&error, ErrorSeverity::Fatal);
                let _ = tokio::time::timeout(FAREWELL, self.link.writer.close()).await;
                Disconnect::Told(told)
            }
        }
    }

    async fn serve(&mut self) -> Result<(), Halt> {
        self.greet();
        self.ready().await?;
        // after an error in an extended sequence everything up to Sync is skipped
        let mut skipping: Option<ReportedError> = None;
        loop {
            // a session in a transaction hears nothing until it ends
            let idle = self.session.status() == TransactionStatus::Idle;
            let limit = self.idle_limit();
            let frame = self.link.next(limit, idle.then_some(&mut self.listener)).await?;
            let tag = frame.tag;
            if tag == b'X' {
                return Ok(());
            }
            if skipping.is_some() && tag != b'S' {
                continue;
            }
            skipping = None;
            let handled = match Message::decode(frame, self.link.writer.encoding) {
                Ok(message) => self.handle(message).await,
                Err(error) => Err(Halt::Failed(error)),
            };
            match handled {
                Ok(()) => {}
                Err(Halt::Failed(error)) => {
                    self.session.fail();
                    self.link.put_notices();
                    let told = self.link.writer.report(&error, ErrorSeverity::Error);
                    if matches!(tag, b'P' | b'B' | b'D' | b'E' | b'C' | b'H') {
                        skipping = Some(told);
                        self.link.flush().await?;
                    } else {
                        self.ready().await?;
                    }
                }
                Err(halt) => return Err(halt),
            }
        }
    }

    async fn handle(&mut self, message: Message) -> Result<(), Halt> {
        match message {
            Message::Query(sql) => {
                self.simple_query(&sql).await?;
                self.ready().await
            }
            Message::Parse { name, sql, types } => self.parse(name, &sql, &types).await,
            Message::Bind(bind) => self.bind(bind),
            Message::Describe(target) => self.describe(&target),
            Message::Execute { portal, rows_max } => self.execute(&portal, rows_max).await,
            Message::Close(target) => {
                self.close(&target);
                Ok(())
            }
            Message::Flush => self.link.flush().await,
            Message::Sync => {
                self.session.end_implicit().await?;
                self.ready().await
            }
            // what is left of a COPY that failed is ignored, as the protocol says
            Message::Copy | Message::Terminate => Ok(()),
            Message::FunctionCall => Err(Halt::Failed(
                Error::new(ErrorKind::FeatureNotSupported, "function call messages are not supported")
                    .with_hint("Call the function in a SELECT."),
            )),
            Message::Password => Err(Halt::Fatal(violation("unexpected password message"))),
        }
    }

    /// Settings and the key for cancel requests; ReadyForQuery follows.
    fn greet(&mut self) {
        self.put_changed_settings();
        self.link.writer.put(&self.cancel.key_data());
    }

    /// The first time, all that are reported.
    pub(super) fn put_changed_settings(&mut self) {
        for (name, value) in self.session.take_changed_settings() {
            if name == "client_encoding" {
                self.link.writer.encoding = Encoding::named(&value).unwrap_or(Encoding::UTF8);
            }
            self.link.writer.put(&ParameterStatus::new(name, value));
        }
    }

    /// Ends what was in hand, and says so.
    async fn ready(&mut self) -> Result<(), Halt> {
        self.running = None;
        self.cancel.set(None);
        self.session.rest();
        let status = match self.session.status() {
            TransactionStatus::Idle => {
                // portals live as long as their transaction
                self.portals.clear();
                self.session.close_portals();
                self.session.announce();
                self.listener.attend(self.session.mailbox());
                WireStatus::Idle
            }
            TransactionStatus::InTransaction => WireStatus::Transaction,
            TransactionStatus::Failed => WireStatus::Error,
        };
        self.link.put_notices();
        self.put_changed_settings();
        if status == WireStatus::Idle {
            self.link.put_notifications(Some(&mut self.listener));
        }
        self.link.writer.put(&ReadyForQuery::new(status));
        self.link.flush().await
    }

    /// Cancel and deadline of what is in hand; the first call after ReadyForQuery, or after a statement of the sequence is
    /// through, starts the statement's clock.
    pub(super) fn begin(&mut self) -> Guard {
        let next = std::mem::take(&mut self.completed);
        match &self.running {
            Some(running) if !next => return running.clone(),
            Some(_) => {
                self.session.restart_clock();
                return self.running.insert(self.session.guard().clone()).clone();
            }
            None => {}
        }
        self.cancel.set(Some(self.session.begin_statement()));
        if let Some(least) = self.session.setting("client_min_messages") {
            self.link.least_notice = least;
        }
        self.running.insert(self.session.guard().clone()).clone()
    }

    /// How values look under the session's settings.
    pub(super) fn style(&self) -> Style {
        Style::of_settings(|name| self.session.setting(name))
    }

    fn idle_limit(&self) -> Option<(Duration, Error)> {
        let (limit, kind, message) = match self.session.status() {
            TransactionStatus::Idle => {
                let message = "terminating connection due to idle-session timeout";
                (self.session.duration("idle_session_timeout")?, ErrorKind::IdleSessionTimeout, message)
            }
            TransactionStatus::InTransaction | TransactionStatus::Failed => {
                let message = "terminating connection due to idle-in-transaction timeout";
                (
                    self.session.duration("idle_in_transaction_session_timeout")?,
                    ErrorKind::IdleInTransactionTimeout,
                    message,
                )
            }
        };
        Some((limit, Error::new(kind, message)))
    }
}
