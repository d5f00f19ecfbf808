//! `pg_typeof(value)`: of the value it wants the type only.

use std::sync::Arc;

use datafusion::arrow::datatypes::{DataType, FieldRef};
use datafusion::error::Result;
use datafusion::logical_expr::{
    ColumnarValue, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};
use datafusion::scalar::ScalarValue;

use crate::pgcatalog::layout;
use crate::pgtypes::column_type;

/// Its name; unknown literals are answered where types are settled.
pub const TYPE_OF: &str = "pg_typeof";

pub(super) fn function() -> ScalarUDF {
    let returned = Arc::new(layout::field_of(TYPE_OF, "regtype", false));
    ScalarUDF::from(TypeOf { returned, signature: Signature::any(1, Volatility::Stable) })
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct TypeOf {
    returned: FieldRef,
    signature: Signature,
}

impl ScalarUDFImpl for TypeOf {
    fn name(&self) -> &str {
        TYPE_OF
    }
    fn signature(&self) -> &Signature {
        &self.signature
    }
    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(self.returned.data_type().clone())
    }
    fn return_field_from_args(&self, _: ReturnFieldArgs) -> Result<FieldRef> {
        Ok(self.returned.clone())
    }
    fn invoke_with_args(&self, call: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let oid = call.arg_fields.first().map(|field| column_type(field).oid().cast_signed());
        Ok(ColumnarValue::Scalar(ScalarValue::Int32(oid)))
    }
}
