//! Cursors of SQL: DECLARE, FETCH, MOVE, CLOSE.
//!
//! Invariant: a cursor reads the release that its DECLARE saw, to its last row; WITH HOLD therefore needs no copy.
//! Invariant: a cursor without SCROLL holds at most the batch in hand.

use std::collections::HashMap;
use std::sync::Arc;

use datafusion::arrow::array::{RecordBatch, UInt64Array};
use datafusion::arrow::compute::take_record_batch;
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::scalar::ScalarValue;
use datafusion::sql::sqlparser::ast::{self, FetchDirection, Ident, ValueWithSpan};
use futures::StreamExt;
use tokio::sync::Mutex;

use super::portals::Unstarted;
use super::session::{Outcome, Prepared, Session};
use super::sessions::NamedCursor;
use super::stream::Guard;
use super::{BatchStream, errors};
use crate::dialect::{MOVE, Statement, folded};
use crate::error::{Error, ErrorKind, Result};

/// Cursors one session may hold open.
const CURSORS_MAX: usize = 1_000;
/// What a SCROLL cursor may keep of the rows it has read, in bytes.
const SCROLL_BYTES_MAX: usize = 256 << 20;

/// The open cursors of a session.
#[derive(Default)]
pub(super) struct Cursors {
    open: HashMap<String, Cursor>,
    declared: u64,
}

pub(super) struct Cursor {
    schema: SchemaRef,
    rows: Arc<Mutex<Rows>>,
    binary: bool,
    /// WITH HOLD.
    hold: bool,
    /// It outlives the transaction in hand: one that is over made it, or none was open.
    held: bool,
    /// Counts DECLAREs, for savepoints.
    declared: u64,
    listed: NamedCursor,
    /// The protocol bound it.
    is_portal: bool,
    unstarted: Option<Unstarted>,
}

impl Cursor {
    /// A portal, which begins when its first rows are asked for.
    pub fn portal(schema: SchemaRef, unstarted: Unstarted, listed: NamedCursor) -> Self {
        Self {
            schema,
            rows: Arc::new(Mutex::new(Rows::default())),
            binary: false,
            hold: false,
            held: false,
            declared: 0,
            listed,
            is_portal: true,
            unstarted: Some(unstarted),
        }
    }
}

impl Cursors {
    /// COMMIT closes all but those WITH HOLD.
    pub fn commit(&mut self) {
        self.open.retain(|_, cursor| cursor.hold);
        self.open.values_mut().for_each(|cursor| cursor.held = true);
    }

    /// ROLLBACK closes all that the transaction made.
    pub fn roll_back(&mut self) {
        self.open.retain(|_, cursor| cursor.held);
    }

    /// What a savepoint remembers.
    pub fn mark(&self) -> u64 {
        self.declared
    }

    /// ROLLBACK TO closes what was declared after the savepoint.
    pub fn roll_back_to(&mut self, mark: u64) {
        self.open.retain(|_, cursor| cursor.held || cursor.declared <= mark);
    }

    /// As `pg_cursors` lists them, in the order they were declared.
    pub fn listed(&self) -> Vec<NamedCursor> {
        let mut open: Vec<&Cursor> = self.open.values().collect();
        open.sort_by_key(|cursor| cursor.declared);
        open.into_iter().map(|cursor| cursor.listed.clone()).collect()
    }

    pub fn open_portal(&mut self, portal: Cursor) {
        self.declared += 1;
        self.open.insert(portal.listed.name.clone(), Cursor { declared: self.declared, ..portal });
    }

    pub fn take_unstarted(&mut self, name: &str) -> Option<Unstarted> {
        self.open.get_mut(name)?.unstarted.take()
    }

    pub fn started(&mut self, name: &str, stream: BatchStream) {
        if let Some(portal) = self.open.get_mut(name) {
            portal.rows = Arc::new(Mutex::new(Rows::new(stream, false)));
        }
    }

    /// The rows that follow, at most so many.
    pub fn forward(&self, name: &str, rows_max: usize) -> Result<BatchStream> {
        let cursor = self.open.get(name).ok_or_else(|| undefined(name))?;
        Ok(forward(cursor.schema.clone(), cursor.rows.clone(), rows_max))
    }

    pub fn close_portal(&mut self, name: &str) {
        if self.open.get(name).is_some_and(|cursor| cursor.is_portal) {
            self.open.remove(name);
        }
    }

    pub fn close_cursor(&mut self, name: &str) {
        self.open.remove(name);
    }

    pub fn close_portals(&mut self) {
        self.open.retain(|_, cursor| !cursor.is_portal);
    }

    pub fn close_all(&mut self) {
        self.open.clear();
    }

    /// Columns that a FETCH of the cursor gives.
    pub fn schema(&self, name: &Ident) -> Option<SchemaRef> {
        Some(self.open.get(&folded(name))?.schema.clone())
    }

    pub fn is_binary(&self, name: &Ident) -> bool {
        self.open.get(&folded(name)).is_some_and(|cursor| cursor.binary)
    }

    fn get(&self, name: &Ident) -> Result<&Cursor> {
        let name = folded(name);
        self.open.get(&name).ok_or_else(|| undefined(&name))
    }
}

impl Session {
    /// Columns of an open cursor, and whether it is BINARY: to the protocol's Describe it is a portal.
    pub fn cursor(&self, name: &str) -> Option<(SchemaRef, bool)> {
        self.cursors.open.get(name).map(|cursor| (cursor.schema.clone(), cursor.binary))
    }

    /// Whether the rows of this FETCH are those of a BINARY cursor.
    pub fn fetches_binary(&self, statement: &Statement) -> bool {
        matches!(&statement.ast, ast::Statement::Fetch { name, .. } if self.cursors.is_binary(name))
    }
}

fn undefined(name: &str) -> Error {
    Error::new(ErrorKind::InvalidCursorName, format!("cursor \"{name}\" does not exist"))
}

/// The query of a DECLARE.
pub(super) fn query_of(declarations: &[ast::Declare]) -> Result<&ast::Query> {
    match declarations {
        [ast::Declare { for_query: Some(query), .. }] => Ok(query),
        _ => Err(Error::new(ErrorKind::SyntaxError, "DECLARE takes one cursor and its query")),
    }
}

pub(super) async fn declare(
    session: &mut Session,
    declarations: &[ast::Declare],
    query: &Prepared,
    params: &[ScalarValue],
) -> Result<Outcome> {
    let ([declaration], Some(name)) = (declarations, declarations.first().and_then(|d| d.names.first())) else {
        return Err(Error::new(ErrorKind::SyntaxError, "DECLARE takes one cursor"));
    };
    let hold = declaration.hold == Some(true);
    let in_transaction = session.transaction.block().is_some();
    if !hold && !in_transaction {
        let message = "DECLARE CURSOR can only be used in transaction blocks";
        return Err(Error::new(ErrorKind::NoActiveTransaction, message));
    }
    let name = folded(name);
    if session.cursors.open.contains_key(&name) {
        return Err(Error::new(ErrorKind::DuplicateCursor, format!("cursor \"{name}\" already exists")));
    }
    if session.cursors.open.len() >= CURSORS_MAX {
        let message = format!("this session holds {CURSORS_MAX} cursors, the most there may be");
        return Err(Error::new(ErrorKind::ProgramLimitExceeded, message).with_hint("CLOSE those that are done"));
    }
    // the rows outlive this statement: each FETCH brings its own deadline and cancel
    let stream = session.query(query, params, Guard::default()).await?;
    session.cursors.declared += 1;
    let listed = NamedCursor {
        name: name.clone(),
        text: query.statement.text.clone(),
        holdable: hold,
        binary: declaration.binary == Some(true),
        scrollable: declaration.scroll == Some(true),
        declared_at: chrono::Utc::now(),
    };
    let cursor = Cursor {
        schema: stream.schema().clone(),
        rows: Arc::new(Mutex::new(Rows::new(stream, declaration.scroll == Some(true)))),
        binary: declaration.binary == Some(true),
        hold,
        held: !in_transaction,
        declared: session.cursors.declared,
        listed,
        is_portal: false,
        unstarted: None,
    };
    session.cursors.open.insert(name, cursor);
    Ok(Outcome::command("DECLARE CURSOR"))
}

pub(super) fn close(session: &mut Session, which: &ast::CloseCursor) -> Result<Outcome> {
    match which {
        ast::CloseCursor::All => {
            session.cursors.close_all();
            Ok(Outcome::command("CLOSE CURSOR ALL"))
        }
        ast::CloseCursor::Specific { name } => {
            let name = folded(name);
            session.cursors.open.remove(&name).ok_or_else(|| undefined(&name))?;
            Ok(Outcome::command("CLOSE CURSOR"))
        }
    }
}

/// FETCH, or MOVE where `into` says so.
pub(super) async fn fetch(
    session: &mut Session,
    name: &Ident,
    direction: &FetchDirection,
    into: Option<&ast::ObjectName>,
) -> Result<Outcome> {
    let step = Step::read(direction)?;
    session.start_portal(&folded(name)).await?;
    let cursor = session.cursors.get(name)?;
    let (schema, rows) = (cursor.schema.clone(), cursor.rows.clone());
    let guard = session.guard.clone();
    if into.is_some_and(|into| into.to_string() == MOVE) {
        let moved = guard.run(async { rows.lock().await.skip(step).await }).await?;
        return Ok(Outcome::command(format!("MOVE {moved}")));
    }
    let stream = match step {
        Step::Forward(rows_max) => forward(schema, rows, rows_max),
        other => {
            let batches = guard.run(async { rows.lock().await.reach(other).await }).await?;
            BatchStream::of(schema, batches)
        }
    };
    Ok(Outcome::Rows { stream: stream.guarded(guard), tag: "FETCH" })
}

/// Rows as they are read; the cursor stands behind the last one that was taken.
fn forward(schema: SchemaRef, rows: Arc<Mutex<Rows>>, rows_max: usize) -> BatchStream {
    let inner = futures::stream::unfold((rows, rows_max), |(rows, left)| async move {
        if left == 0 {
            return None;
        }
        let next = rows.lock().await.next(left).await;
        match next {
            Ok(Some(batch)) => {
                let left = left - batch.num_rows();
                Some((Ok(batch), (rows, left)))
            }
            Ok(None) => None,
            Err(error) => Some((Err(error), (rows, 0))),
        }
    });
    BatchStream::new(schema, inner.boxed())
}

/// Where a FETCH or MOVE goes.
#[derive(Debug, Clone, Copy)]
enum Step {
    /// So many rows.
    Forward(usize),
    Backward(usize),
    /// To a row, from 1; counted from the end where negative.
    Absolute(i64),
    Relative(i64),
}

impl Step {
    fn read(direction: &FetchDirection) -> Result<Self> {
        use FetchDirection as D;
        let number = |value: &ValueWithSpan| {
            let text = value.value.to_string();
            text.parse::<i64>().map_err(|_| Error::new(ErrorKind::SyntaxError, format!("{text} is no count of rows")))
        };
        let count = |value: i64, forward: bool| match usize::try_from(value.unsigned_abs()).unwrap_or(usize::MAX) {
            0 => Self::Relative(0),
            rows if forward == (value > 0) => Self::Forward(rows),
            rows => Self::Backward(rows),
        };
        Ok(match direction {
            D::Next | D::Forward { limit: None } => Self::Forward(1),
            D::Prior | D::Backward { limit: None } => Self::Backward(1),
            D::First => Self::Absolute(1),
            D::Last => Self::Absolute(-1),
            D::All | D::ForwardAll => Self::Forward(usize::MAX),
            D::BackwardAll => Self::Backward(usize::MAX),
            D::Absolute { limit } => Self::Absolute(number(limit)?),
            D::Relative { limit } => Self::Relative(number(limit)?),
            D::Count { limit } | D::Forward { limit: Some(limit) } => count(number(limit)?, true),
            D::Backward { limit: Some(limit) } => count(number(limit)?, false),
        })
    }
}

/// A cursor's rows, and where it stands among them.
#[derive(Default)]
struct Rows {
    /// `None` once it has ended.
    stream: Option<BatchStream>,
    scroll: bool,
    /// With SCROLL all rows read so far; else what is left of the batch in hand.
    kept: Vec<RecordBatch>,
    kept_bytes: usize,
    /// Rows taken from the stream.
    read: usize,
    /// 0 before the first row, n on the n-th, `read + 1` after the last.
    position: usize,
}

impl Rows {
    fn new(stream: BatchStream, scroll: bool) -> Self {
        Self { stream: Some(stream), scroll, kept: Vec::new(), kept_bytes: 0, read: 0, position: 0 }
    }

    /// Takes the next batch into `kept`; `false` at the end.
    async fn pull(&mut self) -> Result<bool> {
        let Some(stream) = &mut self.stream else { return Ok(false) };
        let Some(batch) = stream.next().await.transpose()? else {
            self.stream = None;
            return Ok(false);
        };
        self.read += batch.num_rows();
        if self.scroll {
            self.kept_bytes += batch.get_array_memory_size();
            if self.kept_bytes > SCROLL_BYTES_MAX {
                let message = format!("a SCROLL cursor may keep {} MiB of rows", SCROLL_BYTES_MAX >> 20);
                return Err(Error::new(ErrorKind::ProgramLimitExceeded, message)
                    .with_hint("declare it NO SCROLL, or select fewer rows"));
            }
        }
        self.kept.push(batch);
        Ok(true)
    }

    /// The rows that follow, at most so many; `None` leaves the cursor after the last.
    async fn next(&mut self, rows_max: usize) -> Result<Option<RecordBatch>> {
        loop {
            if let Some(batch) = self.following(rows_max) {
                self.position += batch.num_rows();
                return Ok(Some(batch));
            }
            if !self.pull().await? {
                self.position = self.read + 1;
                return Ok(None);
            }
        }
    }

    /// The same of what is kept.
    fn following(&mut self, rows_max: usize) -> Option<RecordBatch> {
        if self.scroll {
            let mut before = 0;
            for batch in &self.kept {
                let until = before + batch.num_rows();
                if self.position < until {
                    let from = self.position - before;
                    return Some(batch.slice(from, rows_max.min(batch.num_rows() - from)));
                }
                before = until;
            }
            return None;
        }
        let batch = self.kept.pop()?;
        let rows = rows_max.min(batch.num_rows());
        if rows < batch.num_rows() {
            self.kept.push(batch.slice(rows, batch.num_rows() - rows));
        }
        (rows > 0).then(|| batch.slice(0, rows))
    }

    /// MOVE: the rows a FETCH would give.
    async fn skip(&mut self, step: Step) -> Result<usize> {
        let Step::Forward(rows_max) = step else {
            return Ok(self.reach(step).await?.iter().map(RecordBatch::num_rows).sum());
        };
        let mut left = rows_max;
        while left > 0 {
            match self.next(left).await? {
                Some(batch) => left -= batch.num_rows(),
                None => break,
            }
        }
        Ok(rows_max - left)
    }

    /// Every step but those that only go forward.
    async fn reach(&mut self, step: Step) -> Result<Vec<RecordBatch>> {
        let here = i64::try_from(self.position).unwrap_or(i64::MAX);
        match step {
            // before the first row there is none to give again
            Step::Relative(0) if self.position == 0 => Ok(Vec::new()),
            Step::Relative(by) => Box::pin(self.row(here.saturating_add(by).max(0))).await,
            Step::Absolute(row) if row < 0 => {
                self.must_scroll()?;
                while self.pull().await? {}
                let after_last = i64::try_from(self.read).unwrap_or(i64::MAX).saturating_add(1);
                Box::pin(self.row(after_last.saturating_add(row).max(0))).await
            }
            Step::Absolute(row) => Box::pin(self.row(row)).await,
            Step::Backward(rows) => self.backward(rows),
            Step::Forward(rows) => Ok(self.next(rows).await?.into_iter().collect()),
        }
    }

    fn must_scroll(&self) -> Result<()> {
        if self.scroll {
            return Ok(());
        }
        Err(Error::new(ErrorKind::ObjectNotInPrerequisiteState, "cursor can only scan forward")
            .with_hint("Declare it with SCROLL option to enable backward scan."))
    }

    /// Onto a row; none where there is no such row.
    async fn row(&mut self, row: i64) -> Result<Vec<RecordBatch>> {
        let row = usize::try_from(row).unwrap_or(usize::MAX);
        if row <= self.position {
            self.must_scroll()?;
            self.position = row.saturating_sub(1);
        }
        if row == 0 {
            return Ok(Vec::new());
        }
        while self.position + 1 < row {
            if self.next(row - 1 - self.position).await?.is_none() {
                return Ok(Vec::new());
            }
        }
        Ok(self.next(1).await?.into_iter().collect())
    }

    /// The rows before, nearest first.
    fn backward(&mut self, rows: usize) -> Result<Vec<RecordBatch>> {
        self.must_scroll()?;
        let until = self.position.saturating_sub(1).min(self.read);
        let from = until.saturating_sub(rows);
        // fewer than asked for: before the first row
        self.position = if until - from < rows { 0 } else { from + 1 };
        let mut out = Vec::new();
        let mut before = 0;
        for batch in &self.kept {
            let after = before + batch.num_rows();
            let indices = (from.max(before)..until.min(after)).rev().map(|row| (row - before) as u64);
            let indices = UInt64Array::from_iter_values(indices);
            if !indices.is_empty() {
                let taken = take_record_batch(batch, &indices);
                out.push(taken.map_err(|error| errors::from_datafusion(error.into()))?);
            }
            before = after;
        }
        out.reverse();
        Ok(out)
    }
}
