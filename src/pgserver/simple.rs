//! The simple query protocol: statements of one string, in order.

use std::sync::Arc;

use datafusion::sql::sqlparser::ast;
use pgwire::messages::response::{CommandComplete, EmptyQueryResponse};

use super::connection::Connection;
use super::errors::Halt;
use super::rows::{Cursor, Progress, row_description};
use crate::dialect::{self, Statement};
use crate::engine::{Guard, Outcome};
use crate::error::{Error, ErrorKind};
use crate::pgtypes::Format;

impl Connection {
    /// Runs every statement of the string, each with its own answer; the first that fails ends it. ReadyForQuery is
    /// the caller's to send.
    pub(super) async fn simple_query(&mut self, sql: &str) -> Result<(), Halt> {
        self.statements.remove("");
        self.portals.remove("");
        self.begin();
        let statements = self.session.parse(sql)?;
        if statements.is_empty() {
            self.link.writer.put(&EmptyQueryResponse::new());
        }
        let count = statements.len();
        for (statement, remaining) in statements.iter().zip((0..count).rev()) {
            if count > 1 {
                self.session.begin_implicit().await?;
            }
            let running = self.begin();
            self.run_statement(Arc::clone(statement), &running, remaining == 0).await?;
            self.completed = true;
        }
        // where the last gave no tag, or a pipeline was left open before the string
        Ok(self.session.end_implicit().await?)
    }

    /// The last statement is acknowledged when the transaction that all of them are has ended.
    async fn run_statement(&mut self, statement: Arc<Statement>, running: &Guard, last: bool) -> Result<(), Halt> {
        if !matches!(statement.ast, ast::Statement::Prepare { .. })
            && let Some((name, position)) = dialect::placeholder(&statement)
        {
            let error = Error::new(ErrorKind::UndefinedParameter, format!("there is no parameter {name}"));
            return Err(error.at(position).into());
        }
        let work = async {
            let prepared = self.session.prepare(Arc::clone(&statement), &[]).await?;
            self.session.execute(&prepared, &[]).await
        };
        let outcome = self.link.watch(running, false, work).await?;
        let binary = self.session.fetches_binary(&statement);
        match outcome {
            Outcome::Rows { stream, tag } => {
                let formats: &[Format] = if binary { &[Format::Binary] } else { &[] };
                let mut cursor = Cursor::new(stream, tag, formats, self.style())?;
                self.link.writer.put(&row_description(cursor.schema(), formats)?);
                if let Progress::Complete(tag) = cursor.send(&mut self.link, running, None).await? {
                    if last {
                        self.session.end_implicit().await?;
                    }
                    self.link.writer.put(&CommandComplete::new(tag));
                }
            }
            Outcome::CopyTo { stream, format, encoding } => {
                self.copy_out(stream, &format, encoding, running).await?;
            }
            Outcome::CopyFrom(copy) => self.copy_in(copy, running).await?,
            Outcome::Command { tag } => {
                if last {
                    self.session.end_implicit().await?;
                }
                self.command_complete(tag);
            }
            Outcome::Empty => self.link.writer.put(&EmptyQueryResponse::new()),
        }
        Ok(())
    }

    /// Answers a statement without rows; some of them concern what is kept here.
    pub(super) fn command_complete(&mut self, tag: String) {
        if matches!(tag.as_str(), "DISCARD ALL" | "DEALLOCATE ALL") {
            self.statements.clear();
        }
        // the statements that follow in the same string are answered in a character set that was set
        let sets = matches!(tag.as_str(), "SET" | "RESET" | "DISCARD ALL");
        self.link.writer.put(&CommandComplete::new(tag));
        if sets {
            self.put_changed_settings();
        }
    }
}
