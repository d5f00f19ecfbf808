//! `nextval`, `currval`, `lastval`, `setval`.
//!
//! Values are given as PostgreSQL gives them: at once, and whatever becomes of the transaction.

use std::sync::Arc;

use async_trait::async_trait;
use datafusion::arrow::array::{ArrayRef, Int64Array};
use datafusion::arrow::datatypes::{DataType, FieldRef};
use datafusion::error::{DataFusionError, Result};
use datafusion::logical_expr::async_udf::{AsyncScalarUDF, AsyncScalarUDFImpl};
use datafusion::logical_expr::{
    ColumnarValue, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, TypeSignature, Volatility,
};
use datafusion::scalar::ScalarValue;
use uuid::Uuid;

use super::{Definition, acting, number_of, oid_of, text_of};
use crate::catalog::{Position, Sequence};
use crate::engine::SessionInfo;
use crate::error::{Error, ErrorKind};
use crate::pgcatalog::layout;

/// Those that only look at what the session was given.
pub const FUNCTIONS: &[Definition] = &[
    acting("currval", 1..=1, "int8", |session, args| {
        let (id, name, _) = sequence(session, args.first().unwrap_or(&ScalarValue::Null))?;
        let given = session.entry().and_then(|entry| entry.given.value(id));
        given.map(|value| ScalarValue::Int64(Some(value))).ok_or_else(|| {
            let message = format!("currval of sequence \"{name}\" is not yet defined in this session");
            Error::new(ErrorKind::ObjectNotInPrerequisiteState, message)
        })
    }),
    acting("lastval", 0..=0, "int8", |session, _| {
        let given = session.entry().and_then(|entry| entry.given.last());
        given.map(|value| ScalarValue::Int64(Some(value))).ok_or_else(|| {
            let message = "lastval is not yet defined in this session";
            Error::new(ErrorKind::ObjectNotInPrerequisiteState, message)
        })
    }),
];

pub(super) fn functions() -> impl Iterator<Item = ScalarUDF> {
    let counts = |counts: &[usize]| counts.iter().map(|count| TypeSignature::Any(*count)).collect::<Vec<_>>();
    [("nextval", counts(&[1, 2])), ("setval", counts(&[2, 3]))].into_iter().map(|(name, counts)| {
        let returned = Arc::new(layout::field_of(name, "int8", true));
        let signature = Signature::one_of(counts, Volatility::Volatile);
        AsyncScalarUDF::new(Arc::new(Moving { name, returned, signature })).into_scalar_udf()
    })
}

/// The sequence of a name or an OID: its permanent id, its own name, and what it is declared as.
fn sequence<'a>(session: &'a SessionInfo, given: &ScalarValue) -> crate::error::Result<(Uuid, &'a str, &'a Sequence)> {
    let metadata = session.metadata();
    let text = text_of(given);
    let relation = match given {
        ScalarValue::Utf8(_) | ScalarValue::Utf8View(_) | ScalarValue::LargeUtf8(_) => {
            metadata.relation_named(&text, session.search_path())
        }
        number => oid_of(number).and_then(|oid| metadata.relation(oid)),
    };
    let relation =
        relation.ok_or_else(|| Error::new(ErrorKind::UndefinedTable, format!("relation \"{text}\" does not exist")))?;
    match (relation.id, &relation.sequence) {
        (Some(id), Some(sequence)) => Ok((id, &relation.name, sequence)),
        _ => Err(Error::new(ErrorKind::WrongObjectType, format!("\"{}\" is not a sequence", relation.name))),
    }
}

/// What has a sequence go on.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Moving {
    name: &'static str,
    returned: FieldRef,
    signature: Signature,
}

impl Moving {
    async fn next(&self, session: &SessionInfo, given: &ScalarValue, count: usize) -> crate::error::Result<Vec<i64>> {
        let (id, name, declared) = sequence(session, given)?;
        let values = session.running().sequences.next(id, name, declared, count).await?;
        if let (Some(entry), Some(last)) = (session.entry(), values.last()) {
            entry.given.put(id, *last);
        }
        Ok(values)
    }

    async fn set(&self, session: &SessionInfo, args: &[ScalarValue]) -> crate::error::Result<i64> {
        let [given, value, rest @ ..] = args else { return Err(Error::internal("setval without a value")) };
        let (id, name, declared) = sequence(session, given)?;
        let value = number_of(value).unwrap_or_default();
        if !(declared.min..=declared.max).contains(&value) {
            let bounds = format!("({}..{})", declared.min, declared.max);
            let message = format!("setval: value {value} is out of bounds for sequence \"{name}\" {bounds}");
            return Err(Error::new(ErrorKind::NumericOutOfRange, message));
        }
        let is_called = match rest.first() {
            Some(ScalarValue::Boolean(Some(called))) => *called,
            Some(ScalarValue::Utf8(Some(text)) | ScalarValue::Utf8View(Some(text))) => {
                text.starts_with(['t', 'T', '1'])
            }
            _ => true,
        };
        session.running().sequences.set(id, Position { value, is_called }).await?;
        if let Some(entry) = session.entry().filter(|_| is_called) {
            entry.given.put(id, value);
        }
        Ok(value)
    }

    async fn values(
        &self,
        session: &SessionInfo,
        columns: &[ArrayRef],
        rows: usize,
    ) -> crate::error::Result<Int64Array> {
        if session.settings().get("transaction_read_only").is_some_and(|on| on == "on") {
            let message = format!("cannot execute {}() in a read-only transaction", self.name);
            return Err(Error::new(ErrorKind::ReadOnlyTransaction, message));
        }
        let at = |row: usize| -> crate::error::Result<Vec<ScalarValue>> {
            let values = columns.iter().map(|column| ScalarValue::try_from_array(column, row));
            let failed = |error| Error::internal("an argument of a sequence cannot be read").with_source(error);
            values.collect::<Result<_>>().map_err(failed)
        };
        let mut values: Vec<Option<i64>> = Vec::with_capacity(rows);
        while values.len() < rows {
            let args = at(values.len())?;
            if args.iter().any(ScalarValue::is_null) {
                values.push(None);
            } else if self.name == "setval" {
                values.push(Some(self.set(session, &args).await?));
            } else {
                // rows that ask the same sequence are given theirs together
                let mut alike = 1;
                while values.len() + alike < rows && at(values.len() + alike)? == args {
                    alike += 1;
                }
                let given = args.first().unwrap_or(&ScalarValue::Null);
                values.extend(self.next(session, given, alike).await?.into_iter().map(Some));
            }
        }
        Ok(values.into())
    }
}

impl ScalarUDFImpl for Moving {
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
        Err(DataFusionError::Execution(format!("{} cannot be called here", self.name)))
    }
}

#[async_trait]
impl AsyncScalarUDFImpl for Moving {
    async fn invoke_async_with_args(&self, call: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let session = SessionInfo::of(&call.config_options)
            .ok_or_else(|| DataFusionError::Execution(format!("{} needs a session", self.name)))?;
        let arrays = call.args.iter().map(|argument| argument.to_array(call.number_rows));
        let columns: Vec<ArrayRef> = arrays.collect::<Result<_>>()?;
        let values = self.values(session, &columns, call.number_rows).await;
        let values = values.map_err(|error| DataFusionError::External(Box::new(error)))?;
        Ok(ColumnarValue::Array(Arc::new(values)))
    }
}
