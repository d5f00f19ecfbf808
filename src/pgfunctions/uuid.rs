//! `gen_random_uuid()`: DataFusion's `uuid()` under PostgreSQL's name and with its type.

use std::collections::HashMap;
use std::sync::Arc;

use datafusion::arrow::datatypes::{DataType, Field, FieldRef};
use datafusion::error::Result;
use datafusion::functions::string;
use datafusion::logical_expr::{
    ColumnarValue, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};

use crate::pgtypes::PG_TYPE_KEY;

pub(super) fn gen_random_uuid() -> ScalarUDF {
    let inner = string::uuid();
    ScalarUDF::from(RandomUuid { inner, signature: Signature::nullary(Volatility::Volatile) })
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct RandomUuid {
    inner: Arc<ScalarUDF>,
    signature: Signature,
}

impl ScalarUDFImpl for RandomUuid {
    fn name(&self) -> &str {
        "gen_random_uuid"
    }
    fn signature(&self) -> &Signature {
        &self.signature
    }
    fn return_type(&self, arguments: &[DataType]) -> Result<DataType> {
        self.inner.return_type(arguments)
    }
    fn return_field_from_args(&self, _: ReturnFieldArgs) -> Result<FieldRef> {
        let named = HashMap::from([(PG_TYPE_KEY.to_owned(), "uuid".to_owned())]);
        Ok(Arc::new(Field::new(self.name(), self.return_type(&[])?, false).with_metadata(named)))
    }
    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        self.inner.invoke_with_args(args)
    }
}
