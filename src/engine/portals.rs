//! Named portals of the extended protocol that hold a query. They are cursors: FETCH, MOVE and CLOSE know them, and
//! `pg_cursors` lists them. A portal of another statement runs once and is the protocol's own.

use std::sync::Arc;

use datafusion::scalar::ScalarValue;
use datafusion::sql::sqlparser::ast;

use super::cursors::Cursor;
use super::session::{Prepared, Session};
use super::sessions::NamedCursor;
use super::statements::Execution;
use super::stream::Guard;
use super::{BatchStream, control, write};
use crate::error::{Error, ErrorKind, Result};

/// A portal whose query did not begin yet.
pub(super) struct Unstarted {
    prepared: Arc<Prepared>,
    params: Vec<ScalarValue>,
}

impl Session {
    /// Takes a portal that holds a query; `false` where it holds something else.
    ///
    /// # Errors
    /// `42P03` where a cursor has the name.
    pub fn bind_portal(&mut self, name: &str, prepared: &Arc<Prepared>, params: &[ScalarValue]) -> Result<bool> {
        if self.cursor(name).is_some() {
            return Err(Error::new(ErrorKind::DuplicateCursor, format!("cursor \"{name}\" already exists")));
        }
        let (ast::Statement::Query(_), Some(schema)) = (&prepared.statement.ast, &prepared.schema) else {
            return Ok(false);
        };
        if write::is_write(&prepared.statement.ast) {
            return Ok(false);
        }
        let listed = NamedCursor {
            name: name.to_owned(),
            text: prepared.statement.text.clone(),
            holdable: false,
            binary: false,
            scrollable: false,
            declared_at: chrono::Utc::now(),
        };
        let unstarted = Unstarted { prepared: prepared.clone(), params: params.to_vec() };
        self.cursors.open_portal(Cursor::portal(schema.clone(), unstarted, listed));
        Ok(true)
    }

    /// The portal's next rows, at most so many.
    pub async fn execute_portal(&mut self, name: &str, rows_max: usize) -> Result<BatchStream> {
        let rows = self.portal_rows(name, rows_max).await;
        self.note_failure(rows)
    }

    async fn portal_rows(&mut self, name: &str, rows_max: usize) -> Result<BatchStream> {
        self.start_portal(name).await?;
        let rows = self.cursors.forward(name, rows_max)?;
        Ok(rows.guarded(self.guard.clone()))
    }

    /// Begins the query of a portal that did not; nothing for other cursors.
    pub(super) async fn start_portal(&mut self, name: &str) -> Result<()> {
        let Some(Unstarted { prepared, params }) = self.cursors.take_unstarted(name) else { return Ok(()) };
        self.transaction.check(&prepared.statement.ast)?;
        if let Some(entry) = &self.entry {
            entry.tell(&prepared.statement.text);
        }
        let execution = Execution::begin(&self.shared.running, self.settings.user(), &prepared.statement);
        if let ast::Statement::Query(query) = &prepared.statement.ast {
            control::apply_set_config(self, &prepared, query, &params).await?;
        }
        // the rows outlive this message: each that asks for some brings its own deadline and cancel
        let stream = self.query(&prepared, &params, Guard::default()).await?;
        self.cursors.started(name, execution.of(stream));
        Ok(())
    }

    /// Closing what is not there is no error.
    pub fn close_portal(&mut self, name: &str) {
        self.cursors.close_portal(name);
    }

    /// Closes the portal or the cursor that SQL has declared under the name.
    pub fn close_cursor(&mut self, name: &str) {
        self.cursors.close_cursor(name);
    }

    /// Closes all portals: the transaction that they live in is over.
    pub fn close_portals(&mut self) {
        self.cursors.close_portals();
    }
}
