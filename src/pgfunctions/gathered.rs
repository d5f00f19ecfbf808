//! `ARRAY(query)` of a query without rows is an empty array, where `array_agg` gives NULL.

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, Scalar, new_empty_array};
use datafusion::arrow::compute::{is_null, kernels::zip::zip};
use datafusion::arrow::datatypes::{DataType, FieldRef};
use datafusion::common::utils::SingleRowListArrayBuilder;
use datafusion::error::Result;
use datafusion::logical_expr::{
    ColumnarValue, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};

use crate::dialect::GATHERED;

pub(super) fn function() -> ScalarUDF {
    ScalarUDF::from(Gathered { signature: Signature::any(1, Volatility::Immutable) })
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Gathered {
    signature: Signature,
}

impl ScalarUDFImpl for Gathered {
    fn name(&self) -> &str {
        GATHERED
    }
    fn signature(&self) -> &Signature {
        &self.signature
    }
    fn return_type(&self, arguments: &[DataType]) -> Result<DataType> {
        Ok(arguments.first().cloned().unwrap_or(DataType::Null))
    }
    fn return_field_from_args(&self, arguments: ReturnFieldArgs) -> Result<FieldRef> {
        let array = arguments.arg_fields.first().map(|field| field.as_ref().clone().with_nullable(true));
        Ok(Arc::new(array.unwrap_or_else(|| datafusion::arrow::datatypes::Field::new("", DataType::Null, true))))
    }
    fn invoke_with_args(&self, arguments: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let columns = ColumnarValue::values_to_arrays(&arguments.args)?;
        let [arrays] = columns.as_slice() else { return datafusion::common::internal_err!("one array is wanted") };
        let DataType::List(item) = arrays.data_type() else { return Ok(ColumnarValue::Array(arrays.clone())) };
        if arrays.null_count() == 0 {
            return Ok(ColumnarValue::Array(arrays.clone()));
        }
        let nothing = SingleRowListArrayBuilder::new(new_empty_array(item.data_type())).with_field(item);
        let nothing: ArrayRef = Arc::new(nothing.build_list_array());
        Ok(ColumnarValue::Array(zip(&is_null(arrays)?, &Scalar::new(nothing), arrays)?))
    }
}
