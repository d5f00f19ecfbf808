//! Functions that wait: for an advisory lock, or for time to pass. A cancel, a time-out and a client that leaves end the wait.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use chrono::Utc;
use datafusion::arrow::array::ArrayRef;
use datafusion::arrow::datatypes::{DataType, FieldRef};
use datafusion::error::{DataFusionError, Result};
use datafusion::logical_expr::async_udf::{AsyncScalarUDF, AsyncScalarUDFImpl};
use datafusion::logical_expr::{
    ColumnarValue, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, TypeSignature, Volatility,
};
use datafusion::scalar::ScalarValue;

use super::locks::key;
use crate::engine::SessionInfo;
use crate::error::{Error, ErrorKind};
use crate::pgcatalog::layout;
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
    let all = [
        ("pg_advisory_lock", lock(false, false)),
        ("pg_advisory_lock_shared", lock(true, false)),
        ("pg_advisory_xact_lock", lock(false, true)),
        ("pg_advisory_xact_lock_shared", lock(true, true)),
        ("pg_sleep", What::Seconds),
        ("pg_sleep_for", What::Interval),
        ("pg_sleep_until", What::Instant),
    ];
    all.into_iter().map(|(name, what)| AsyncScalarUDF::new(Arc::new(Waiting::new(name, what))).into_scalar_udf())
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Waiting {
    name: &'static str,
    what: What,
    returned: FieldRef,
    signature: Signature,
}

impl Waiting {
    fn new(name: &'static str, what: What) -> Self {
        let counts = match what {
            What::Lock { .. } => vec![TypeSignature::Any(1), TypeSignature::Any(2)],
            _ => vec![TypeSignature::Any(1)],
        };
        let returned = Arc::new(layout::field_of(name, "void", true));
        Self { name, what, returned, signature: Signature::one_of(counts, Volatility::Volatile) }
    }

    async fn wait(&self, session: &SessionInfo, arguments: &[ScalarValue]) -> crate::error::Result<()> {
        let What::Lock { shared, in_transaction } = self.what else {
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
    fn pause(&self, arguments: &[ScalarValue]) -> crate::error::Result<Duration> {
        let [argument] = arguments else { return Ok(Duration::ZERO) };
        let read = |pg_type: &Type| match argument {
            ScalarValue::Utf8(Some(text)) | ScalarValue::Utf8View(Some(text)) => {
                pgtypes::read_text(pg_type, text, &pgtypes::Style::default())
            }
            other => Ok(other.clone()),
        };
        let seconds = match self.what {
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

impl ScalarUDFImpl for Waiting {
    fn name(&self) -> &str {
        self.name
    }
    fn signature(&self) -> &Signature {
        &self.signature
    }
    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(self.returned.data_type().clone())
    }
    fn return_field_from_args(&self, _: ReturnFieldArgs<'_>) -> Result<FieldRef> {
        Ok(self.returned.clone())
    }
    fn invoke_with_args(&self, _: ScalarFunctionArgs) -> Result<ColumnarValue> {
        Err(DataFusionError::Execution(format!("{} waits, which cannot be done here", self.name)))
    }
}

#[async_trait]
impl AsyncScalarUDFImpl for Waiting {
    async fn invoke_async_with_args(&self, call: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let session = SessionInfo::of(&call.config_options)
            .ok_or_else(|| DataFusionError::Execution(format!("{} needs a session", self.name)))?;
        let arrays = call.args.iter().map(|argument| argument.to_array(call.number_rows));
        let columns: Vec<ArrayRef> = arrays.collect::<Result<_>>()?;
        let mut answers = Vec::with_capacity(call.number_rows);
        for row in 0..call.number_rows {
            let arguments = columns.iter().map(|column| ScalarValue::try_from_array(column, row));
            let arguments: Vec<ScalarValue> = arguments.collect::<Result<_>>()?;
            if arguments.iter().any(ScalarValue::is_null) {
                answers.push(ScalarValue::try_from(self.returned.data_type())?);
                continue;
            }
            let waited = self.wait(session, &arguments).await;
            waited.map_err(|error| DataFusionError::External(Box::new(error)))?;
            answers.push(super::utf8(""));
        }
        if answers.is_empty() {
            let none = datafusion::arrow::array::new_empty_array(self.returned.data_type());
            return Ok(ColumnarValue::Array(none));
        }
        Ok(ColumnarValue::Array(ScalarValue::iter_to_array(answers)?))
    }
}
