//! How often each statement was executed and how long it took: the rows of `pg_stat_statements`.
//!
//! Statements that differ in their constants only count as one. Invariant: what is kept is bounded; the rarest go first.

use std::collections::HashMap;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Instant;

use datafusion::arrow::array::RecordBatch;
use futures::{Stream, StreamExt};
use parking_lot::Mutex;

use super::running::Running;
use super::session::Outcome;
use super::{BatchStream, errors};
use crate::dialect::{self, Statement};
use crate::error::Result;

/// Statements kept, as `pg_stat_statements.max`.
const STATEMENTS_MAX: usize = 5_000;
/// Texts whose normalized form is remembered.
const TEXTS_MAX: usize = 4_096;
/// Longer texts are cut.
const TEXT_BYTES_MAX: usize = 8 * 1024;

/// All statements since the server's start, or since the last reset.
#[derive(Debug, Default)]
pub struct StatementStats(Mutex<Inner>);

#[derive(Debug, Default)]
struct Inner {
    texts: HashMap<String, Arc<str>>,
    counts: HashMap<(String, Arc<str>), Counts>,
}

/// Figures of one statement, times in milliseconds.
#[derive(Debug, Clone, Default)]
pub struct Counts {
    pub calls: i64,
    pub rows: i64,
    pub total: f64,
    pub min: f64,
    pub max: f64,
    squares: f64,
}

impl Counts {
    pub fn mean(&self) -> f64 {
        self.total / self.calls.max(1) as f64
    }
    /// Of all executions, as PostgreSQL has it: not of a sample.
    pub fn deviation(&self) -> f64 {
        (self.squares / self.calls.max(1) as f64 - self.mean().powi(2)).max(0.0).sqrt()
    }
}

impl StatementStats {
    /// Who ran what, with its figures.
    pub fn all(&self) -> Vec<(String, Arc<str>, Counts)> {
        let inner = self.0.lock();
        inner.counts.iter().map(|((user, text), counts)| (user.clone(), text.clone(), counts.clone())).collect()
    }

    pub fn reset(&self) {
        *self.0.lock() = Inner::default();
    }

    /// The text as it is counted, remembered. Others are not kept waiting while it is taken apart.
    fn normalized(&self, text: &str) -> Arc<str> {
        let normalized: Arc<str> = dialect::normalized(text, TEXT_BYTES_MAX).into();
        if text.len() <= TEXT_BYTES_MAX {
            let mut inner = self.0.lock();
            if inner.texts.len() >= TEXTS_MAX {
                inner.texts.clear();
            }
            inner.texts.insert(text.to_owned(), normalized.clone());
        }
        normalized
    }

    fn record(&self, user: &str, text: &str, milliseconds: f64, rows: i64) {
        let known = self.0.lock().texts.get(text).cloned();
        let normalized = known.unwrap_or_else(|| self.normalized(text));
        let mut inner = self.0.lock();
        let key = (user.to_owned(), normalized);
        if inner.counts.len() >= STATEMENTS_MAX && !inner.counts.contains_key(&key) {
            inner.forget_rarest();
        }
        let counts = inner.counts.entry(key).or_default();
        counts.min = if counts.calls == 0 { milliseconds } else { counts.min.min(milliseconds) };
        counts.max = counts.max.max(milliseconds);
        counts.calls += 1;
        counts.rows += rows;
        counts.total += milliseconds;
        counts.squares += milliseconds * milliseconds;
    }
}

impl Inner {
    /// One in twenty goes.
    fn forget_rarest(&mut self) {
        let mut calls: Vec<i64> = self.counts.values().map(|counts| counts.calls).collect();
        calls.sort_unstable();
        let limit = calls.get(calls.len() / 20).copied().unwrap_or(0);
        let mut goes = calls.len() / 20 + 1;
        self.counts.retain(|_, counts| {
            let stays = counts.calls > limit || goes == 0;
            goes -= usize::from(!stays);
            stays
        });
    }
}

/// One execution; counted when dropped, however it ended.
#[derive(Debug)]
pub(super) struct Execution {
    running: Arc<Running>,
    user: String,
    statement: Arc<Statement>,
    since: Instant,
    rows: i64,
}

impl Execution {
    pub fn begin(running: &Arc<Running>, user: &str, statement: &Arc<Statement>) -> Self {
        let (running, user, statement) = (running.clone(), user.to_owned(), statement.clone());
        Self { running, user, statement, since: Instant::now(), rows: 0 }
    }

    /// What came of it, counted: rows as they are read, or how many its tag says that it changed (`INSERT 0 3`).
    pub fn over(mut self, outcome: Result<Outcome>) -> Result<Outcome> {
        Ok(match outcome? {
            Outcome::Rows { stream, tag } => Outcome::Rows { stream: self.of(stream), tag },
            Outcome::CopyTo { stream, format, encoding } => {
                Outcome::CopyTo { stream: self.of(stream), format, encoding }
            }
            Outcome::Command { tag } => {
                self.rows = tag.rsplit(' ').next().and_then(|count| count.parse().ok()).unwrap_or(0);
                Outcome::Command { tag }
            }
            other => other,
        })
    }

    /// It goes on as long as its rows do.
    pub fn of(self, stream: BatchStream) -> BatchStream {
        let schema = stream.schema().clone();
        BatchStream::new(schema, Counted { stream, execution: self }.boxed())
    }
}

impl Drop for Execution {
    fn drop(&mut self) {
        let milliseconds = self.since.elapsed().as_secs_f64() * 1e3;
        self.running.statements.record(&self.user, &self.statement.text, milliseconds, self.rows);
    }
}

struct Counted {
    stream: BatchStream,
    execution: Execution,
}

impl Stream for Counted {
    type Item = Result<RecordBatch>;
    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let polled = self.stream.poll_next_unpin(cx);
        match polled {
            Poll::Ready(Some(Ok(batch))) => {
                self.execution.rows += i64::try_from(batch.num_rows()).unwrap_or(0);
                Poll::Ready(Some(Ok(batch)))
            }
            // names in literals are looked up when the query runs
            Poll::Ready(Some(Err(error))) if names_nothing(error.message()) => {
                Poll::Ready(Some(Err(errors::placed(error, &self.execution.statement))))
            }
            other => other,
        }
    }
}

/// Whether the error is about a name that stands for nothing, or not for one thing.
fn names_nothing(message: &str) -> bool {
    message.ends_with("does not exist") || message.starts_with("more than one function named")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn constants_do_not_tell_statements_apart() {
        let stats = StatementStats::default();
        stats.record("ana", "select a from t where b = 1", 2.0, 3);
        stats.record("ana", "select a from t where b = 2", 4.0, 1);
        let all = stats.all();
        let [(user, text, counts)] = all.as_slice() else { panic!("{all:?}") };
        assert_eq!((user.as_str(), &**text), ("ana", "select a from t where b = $1"));
        assert_eq!((counts.calls, counts.rows, counts.mean(), counts.deviation()), (2, 4, 3.0, 1.0));
    }

    #[test]
    fn the_rarest_are_forgotten() {
        let stats = StatementStats::default();
        for number in 0..=STATEMENTS_MAX {
            stats.record("ana", &format!("select a{number}"), 1.0, 1);
            stats.record("ana", "select often", 1.0, 1);
        }
        let all = stats.all();
        assert!(all.len() <= STATEMENTS_MAX && all.iter().any(|(_, text, _)| &**text == "select often"));
    }
}
