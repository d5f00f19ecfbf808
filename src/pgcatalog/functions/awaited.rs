//! Functions that wait for something, as DataFusion calls them: of the session, whole batches at a time.

use std::fmt::Debug;
use std::hash::Hash;
use std::sync::Arc;

use async_trait::async_trait;
use datafusion::arrow::array::ArrayRef;
use datafusion::arrow::datatypes::{DataType, FieldRef};
use datafusion::error::{DataFusionError, Result};
use datafusion::logical_expr::async_udf::{AsyncScalarUDF, AsyncScalarUDFImpl};
use datafusion::logical_expr::{
    ColumnarValue, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, TypeSignature, Volatility,
};

use datafusion::scalar::ScalarValue;

use crate::engine::SessionInfo;
use crate::error::Error;
use crate::pgcatalog::layout;

/// What such a function does.
#[async_trait]
pub(super) trait Work: Debug + PartialEq + Eq + Hash + Send + Sync + 'static {
    /// The answers to as many rows of arguments.
    async fn answers(
        &self,
        session: &SessionInfo,
        arguments: &[ArrayRef],
        rows: usize,
    ) -> crate::error::Result<ArrayRef>;
}

/// The function, which takes so many arguments of any type, and returns PostgreSQL's type of that name.
pub(super) fn function(name: &'static str, counts: &[usize], returns: &'static str, work: impl Work) -> ScalarUDF {
    let counts = counts.iter().map(|count| TypeSignature::Any(*count)).collect();
    let signature = Signature::one_of(counts, Volatility::Volatile);
    let returned = Arc::new(layout::field_of(name, returns, true));
    AsyncScalarUDF::new(Arc::new(Awaited { name, signature, returned, work })).into_scalar_udf()
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Awaited<W> {
    name: &'static str,
    signature: Signature,
    returned: FieldRef,
    work: W,
}

impl<W: Work> ScalarUDFImpl for Awaited<W> {
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
impl<W: Work> AsyncScalarUDFImpl for Awaited<W> {
    async fn invoke_async_with_args(&self, call: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let session = SessionInfo::of(&call.config_options)
            .ok_or_else(|| DataFusionError::Execution(format!("{} needs a session", self.name)))?;
        let arrays = call.args.iter().map(|argument| argument.to_array(call.number_rows));
        let arguments: Vec<ArrayRef> = arrays.collect::<Result<_>>()?;
        let answers = self.work.answers(session, &arguments, call.number_rows).await;
        answers.map(ColumnarValue::Array).map_err(|error| DataFusionError::External(Box::new(error)))
    }
}

/// The arguments of one row.
pub(super) fn row(arguments: &[ArrayRef], row: usize) -> crate::error::Result<Vec<ScalarValue>> {
    let values = arguments.iter().map(|column| ScalarValue::try_from_array(column, row));
    let failed = |error| Error::internal("an argument cannot be read").with_source(error);
    values.collect::<Result<_>>().map_err(failed)
}
