//! Functions that wait: for an advisory lock, or for time to pass. A cancel, a time-out and a client that leaves end the wait.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use chrono::Utc;
use datafusion::arrow::array::{ArrayRef, StringArray};
use datafusion::arrow::datatypes::DataType;
use datafusion::logical_expr::ScalarUDF;
use datafusion::scalar::ScalarValue;

use super::awaited::{Work, function, row};
use super::locks::key;
use crate::engine::SessionInfo;
use crate::error::{Error, ErrorKind, Result};
use crate::pgtypes::{self, Type};

/// What is waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum What {
    Lock {
        shared: bool,
        in_transaction: bool,
    },
    /// Seconds.
    Seconds,
    Interval,
    Instant,
}

pub(super) fn functions() -> impl Iterator<Item = ScalarUDF> {
    let lock = |shared, in_transaction| What::Lock { shared, in_transaction };
    let locks = [
        ("pg_advisory_lock", lock(false, false)),
        ("pg_advisory_lock_shared", lock(true, false)),
        ("pg_advisory_xact_lock", lock(false, true)),
        ("pg_advisory_xact_lock_shared", lock(true, true)),
    ];
    let pauses = [("pg_sleep", What::Seconds), ("pg_sleep_for", What::Interval), ("pg_sleep_until", What::Instant)];
    let locks = locks.into_iter().map(|(name, what)| function(name, &[1, 2], "void", what));
    locks.chain(pauses.into_iter().map(|(name, what)| function(name, &[1], "void", what)))
}

impl What {
    async fn wait(&self, session: &SessionInfo, arguments: &[ScalarValue]) -> Result<()> {
        let What::Lock { shared, in_transaction } = *self else {
            tokio::time::sleep(self.pause(arguments)?).await;
            return Ok(());
        };
        let limit = session.settings().duration("lock_timeout");
        let limit = if limit.is_zero() { Duration::MAX } else { limit };
        let locks = &session.running().locks;
        let lock = locks.wait(key(arguments), session.backend_pid(), shared, in_transaction);
        tokio::time::timeout(limit, lock)
            .await
            .unwrap_or_else(|_| Err(Error::new(ErrorKind::LockNotAvailable, "canceling statement due to lock timeout")))
    }

    /// How long to sleep; not at all where the time has come.
    fn pause(&self, arguments: &[ScalarValue]) -> Result<Duration> {
        let [argument] = arguments else { return Ok(Duration::ZERO) };
        let read = |pg_type: &Type| match argument {
            ScalarValue::Utf8(Some(text)) | ScalarValue::Utf8View(Some(text)) => {
                pgtypes::read_text(pg_type, text, &pgtypes::Style::default())
            }
            other => Ok(other.clone()),
        };
        let seconds = match self {
            What::Interval => match read(&Type::INTERVAL)? {
                ScalarValue::IntervalMonthDayNano(Some(interval)) => {
                    let days = f64::from(interval.months) * 30.0 + f64::from(interval.days);
                    days * 86_400.0 + interval.nanoseconds as f64 / 1e9
                }
                _ => 0.0,
            },
            What::Instant => match read(&Type::TIMESTAMPTZ)? {
                ScalarValue::TimestampMicrosecond(Some(micros), _) => {
                    micros.saturating_sub(Utc::now().timestamp_micros()) as f64 / 1e6
                }
                _ => 0.0,
            },
            _ => match read(&Type::FLOAT8)?.cast_to(&DataType::Float64) {
                Ok(ScalarValue::Float64(Some(seconds))) => seconds,
                _ => 0.0,
            },
        };
        Ok(Duration::try_from_secs_f64(seconds.max(0.0)).unwrap_or(Duration::MAX))
    }
}

#[async_trait]
impl Work for What {
    async fn answers(&self, session: &SessionInfo, arguments: &[ArrayRef], rows: usize) -> Result<ArrayRef> {
        let mut answers = Vec::with_capacity(rows);
        for number in 0..rows {
            let given = row(arguments, number)?;
            let is_null = given.iter().any(ScalarValue::is_null);
            if !is_null {
                self.wait(session, &given).await?;
            }
            answers.push((!is_null).then_some(""));
        }
        Ok(Arc::new(StringArray::from(answers)))
    }
}
