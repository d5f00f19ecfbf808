//! The extended query protocol: statements and portals, by name.

use std::collections::HashMap;
use std::sync::Arc;

use bytes::Bytes;
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::scalar::ScalarValue;
use pgwire::api::Type;
use pgwire::messages::data::{NoData, ParameterDescription};
use pgwire::messages::extendedquery::{BindComplete, CloseComplete, ParseComplete, PortalSuspended};
use pgwire::messages::response::{CommandComplete, EmptyQueryResponse};

use super::charset;
use super::connection::Connection;
use super::errors::Halt;
use super::frontend::{Bind, Target};
use super::rows::{Cursor, Progress, row_description};
use crate::engine::{Guard, Outcome, Prepared};
use crate::error::{Error, ErrorKind, Result};
use crate::pgtypes::{Encoding, Format, column_formats, decode_parameter};

/// Prepared statements by name that are the protocol's alone: the unnamed one, "", and empty ones, `None`. All others are
/// the session's, where SQL finds them too.
pub(super) type Statements = HashMap<String, Option<Arc<Prepared>>>;

/// A statement with its parameters, perhaps half executed.
pub(super) struct Portal {
    bound: Bound,
    state: PortalState,
}

/// What Bind made.
struct Bound {
    statement: Option<Arc<Prepared>>,
    parameters: Vec<ScalarValue>,
    formats: Vec<Format>,
}

enum PortalState {
    Bound,
    /// A query's: its rows are those of the session's cursor of that name; whether it was executed.
    Cursor(bool),
    Running(Cursor),
    /// A result was sent to its end: more Executes give no more rows.
    Exhausted(Cursor),
    /// A command ran, and runs once only.
    Done,
}

impl Bound {
    fn schema(&self) -> Option<&SchemaRef> {
        self.statement.as_ref().and_then(|statement| statement.schema.as_ref())
    }
}

impl Connection {
    pub(super) async fn parse(&mut self, name: String, sql: &str, types: &[u32]) -> Result<(), Halt> {
        let running = self.begin();
        if name.is_empty() {
            self.statements.remove("");
        } else if self.statements.contains_key(&name) || self.session.named().contains_key(&name) {
            let message = format!("prepared statement \"{name}\" already exists");
            return Err(Error::new(ErrorKind::DuplicateStatement, message).into());
        }
        let held = self.statements.len() + self.session.named().len();
        check_room(held, self.settings.statements_max, "prepared statements")?;
        let statements = self.session.parse(sql)?;
        if statements.len() > 1 {
            let message = "cannot insert multiple commands into a prepared statement";
            return Err(Error::new(ErrorKind::SyntaxError, message).into());
        }
        let prepared = match statements.first() {
            None => None,
            Some(statement) => {
                let hints = types.iter().map(|oid| parameter_type(*oid)).collect::<Result<Vec<_>>>()?;
                let work = self.session.prepare(Arc::clone(statement), &hints);
                Some(Arc::new(self.link.watch(&running, false, work).await?))
            }
        };
        match prepared {
            Some(prepared) if !name.is_empty() => drop(self.session.named().insert(name, prepared)),
            prepared => drop(self.statements.insert(name, prepared)),
        }
        self.link.writer.put(&ParseComplete::new());
        Ok(())
    }

    pub(super) fn bind(&mut self, bind: Bind) -> Result<(), Halt> {
        self.begin();
        let statement = self.statement(&bind.statement)?;
        let named = !bind.portal.is_empty();
        if !named {
            self.portals.remove("");
        } else if self.portals.contains_key(&bind.portal) {
            return Err(
                Error::new(ErrorKind::DuplicateCursor, format!("cursor \"{}\" already exists", bind.portal)).into()
            );
        }
        check_room(self.portals.len(), self.settings.portals_max, "portals")?;
        let types = statement.as_ref().map_or(&[][..], |statement| &statement.parameters);
        let parameters = self.parameters(&bind, types)?;
        if let Some(schema) = statement.as_ref().and_then(|statement| statement.schema.as_ref()) {
            column_formats(&bind.result_formats, schema.fields().len())?;
        }
        let bound = Bound { statement, parameters, formats: bind.result_formats };
        let is_cursor = match &bound.statement {
            Some(prepared) if named => self.session.bind_portal(&bind.portal, prepared, &bound.parameters)?,
            _ => false,
        };
        let state = if is_cursor { PortalState::Cursor(false) } else { PortalState::Bound };
        self.portals.insert(bind.portal, Portal { bound, state });
        self.link.writer.put(&BindComplete::new());
        Ok(())
    }

    fn parameters(&self, bind: &Bind, types: &[Type]) -> Result<Vec<ScalarValue>> {
        if bind.parameters.len() != types.len() {
            return Err(Error::new(
                ErrorKind::ProtocolViolation,
                format!(
                    "bind message supplies {} parameters, but prepared statement \"{}\" requires {}",
                    bind.parameters.len(),
                    bind.statement,
                    types.len()
                ),
            ));
        }
        let format = match bind.parameter_formats.as_slice() {
            [] => |_: &[Format], _| Format::Text,
            [_] => |formats: &[Format], _| formats[0],
            each if each.len() == types.len() => |formats: &[Format], at: usize| formats[at],
            each => {
                return Err(Error::new(
                    ErrorKind::ProtocolViolation,
                    format!("bind message has {} parameter formats but {} parameters", each.len(), types.len()),
                ));
            }
        };
        let (style, encoding) = (self.style(), self.link.writer.encoding);
        let decode = |(at, (value, pg_type)): (usize, (&Option<Bytes>, &Type))| {
            let format = format(&bind.parameter_formats, at);
            let read = |value: &Bytes| charset::read(encoding, value);
            let recoded = value.as_ref().filter(|_| encoding != Encoding::UTF8 && charset::is_text(pg_type, format));
            let recoded = recoded.map(read).transpose()?;
            decode_parameter(pg_type, format, recoded.as_deref().or(value.as_deref()), at + 1, &style)
        };
        bind.parameters.iter().zip(types).enumerate().map(decode).collect()
    }

    pub(super) fn describe(&mut self, target: &Target) -> Result<(), Halt> {
        let described = match target {
            Target::Statement(name) => {
                let statement = self.statement(name)?;
                let types = statement.as_ref().map_or(&[][..], |statement| &statement.parameters);
                let types = types.iter().map(Type::oid).collect();
                self.link.writer.put(&ParameterDescription::new(types));
                statement
                    .as_ref()
                    .and_then(|statement| statement.schema.as_ref())
                    .map(|schema| row_description(schema, &[]))
            }
            Target::Portal(name) => match (self.portals.get(name), self.session.cursor(name)) {
                (Some(portal), _) => portal.bound.schema().map(|schema| row_description(schema, &portal.bound.formats)),
                (None, Some((schema, binary))) => {
                    let format = if binary { Format::Binary } else { Format::Text };
                    Some(row_description(&schema, &[format]))
                }
                (None, None) => return Err(no_portal(name).into()),
            },
        };
        match described.transpose()? {
            Some(columns) => self.link.writer.put(&columns),
            None => self.link.writer.put(&NoData::new()),
        }
        Ok(())
    }

    pub(super) async fn execute(&mut self, name: &str, rows_max: Option<usize>) -> Result<(), Halt> {
        let running = self.begin();
        // out of the map while it runs: a portal that fails does not come back
        let Some(mut portal) = self.portals.remove(name) else {
            // a cursor that SQL has declared is a portal, too
            let (_, binary) = self.session.cursor(name).ok_or_else(|| no_portal(name))?;
            self.session.check_not_failed()?;
            let format = if binary { Format::Binary } else { Format::Text };
            return self.execute_cursor(name, &[format], rows_max, true, &running).await;
        };
        if !matches!(portal.state, PortalState::Bound) {
            self.session.check_not_failed()?;
        }
        let mut cursor = match std::mem::replace(&mut portal.state, PortalState::Done) {
            PortalState::Cursor(was_executed) => {
                let executed = self.execute_cursor(name, &portal.bound.formats, rows_max, was_executed, &running).await;
                if executed.is_err() {
                    self.session.close_portal(name);
                }
                portal.state = PortalState::Cursor(true);
                self.portals.insert(name.to_owned(), portal);
                return executed;
            }
            PortalState::Running(cursor) | PortalState::Exhausted(cursor) => cursor,
            PortalState::Done => {
                let message = format!("portal \"{name}\" cannot be run anymore");
                return Err(Error::new(ErrorKind::ObjectNotInPrerequisiteState, message).into());
            }
            PortalState::Bound => match self.start(&portal.bound, &running).await? {
                Some(cursor) => cursor,
                None => {
                    self.completed = true;
                    self.portals.insert(name.to_owned(), portal);
                    return Ok(());
                }
            },
        };
        portal.state = match cursor.send(&mut self.link, &running, rows_max).await? {
            Progress::Complete(tag) => {
                self.completed = true;
                self.link.writer.put(&CommandComplete::new(tag));
                PortalState::Exhausted(cursor)
            }
            Progress::Suspended => {
                self.link.writer.put(&PortalSuspended::new());
                PortalState::Running(cursor)
            }
        };
        self.portals.insert(name.to_owned(), portal);
        Ok(())
    }

    async fn execute_cursor(
        &mut self,
        name: &str,
        formats: &[Format],
        rows_max: Option<usize>,
        was_executed: bool,
        running: &Guard,
    ) -> Result<(), Halt> {
        if !was_executed && !self.link.reader.has(b'S') {
            self.session.begin_implicit().await?;
        }
        let work = Box::pin(self.session.execute_portal(name, rows_max.unwrap_or(usize::MAX)));
        let stream = self.link.watch(running, false, work).await?;
        let mut cursor = Cursor::new(stream, "SELECT", formats, self.style())?;
        match cursor.send(&mut self.link, running, rows_max).await? {
            Progress::Complete(tag) => self.link.writer.put(&CommandComplete::new(tag)),
            Progress::Suspended => self.link.writer.put(&PortalSuspended::new()),
        }
        Ok(())
    }

    /// Starts a portal; `None` where there are no rows and all was answered.
    async fn start(&mut self, portal: &Bound, running: &Guard) -> Result<Option<Cursor>, Halt> {
        let Some(statement) = &portal.statement else {
            self.link.writer.put(&EmptyQueryResponse::new());
            return Ok(None);
        };
        // what Sync follows at once is a transaction of its own; what more follows makes one with it
        if !self.link.reader.has(b'S') {
            self.session.begin_implicit().await?;
        }
        let work = self.session.execute(statement, &portal.parameters);
        match self.link.watch(running, false, work).await? {
            Outcome::Rows { stream, tag } => Ok(Some(Cursor::new(stream, tag, &portal.formats, self.style())?)),
            Outcome::CopyTo { stream, format, encoding } => {
                self.copy_out(stream, &format, encoding, running).await?;
                Ok(None)
            }
            Outcome::CopyFrom(copy) => {
                self.copy_in(copy, running).await?;
                Ok(None)
            }
            Outcome::Command { tag } => {
                self.command_complete(tag);
                Ok(None)
            }
            Outcome::Empty => {
                self.link.writer.put(&EmptyQueryResponse::new());
                Ok(None)
            }
        }
    }

    /// Closing what is not there is no error.
    pub(super) fn close(&mut self, target: &Target) {
        match target {
            Target::Statement(name) => {
                self.statements.remove(name);
                self.session.named().remove(name);
            }
            Target::Portal(name) => {
                self.portals.remove(name);
                self.session.close_cursor(name);
            }
        }
        self.link.writer.put(&CloseComplete::new());
    }

    fn statement(&mut self, name: &str) -> Result<Option<Arc<Prepared>>> {
        let shared = self.session.named().get(name).cloned().map(Some);
        shared.or_else(|| self.statements.get(name).cloned()).ok_or_else(|| {
            let message = match name {
                "" => "unnamed prepared statement does not exist".to_owned(),
                name => format!("prepared statement \"{name}\" does not exist"),
            };
            Error::new(ErrorKind::InvalidStatementName, message)
        })
    }
}

fn no_portal(name: &str) -> Error {
    Error::new(ErrorKind::InvalidCursorName, format!("portal \"{name}\" does not exist"))
}

fn check_room(held: usize, most: usize, what: &str) -> Result<()> {
    if held < most {
        return Ok(());
    }
    Err(Error::new(ErrorKind::ProgramLimitExceeded, format!("this session holds {held} {what}, the most there may be"))
        .with_hint("Close those that are no longer needed."))
}

/// The type a client gave for a parameter; 0 leaves it to be inferred.
fn parameter_type(oid: u32) -> Result<Option<Type>> {
    match oid {
        0 => Ok(None),
        oid => match Type::from_oid(oid) {
            // what a driver sends as "unknown" is to be inferred as well
            Some(Type::UNKNOWN) => Ok(None),
            Some(pg_type) => Ok(Some(pg_type)),
            None => Err(Error::new(ErrorKind::UndefinedObject, format!("type with OID {oid} does not exist"))),
        },
    }
}
