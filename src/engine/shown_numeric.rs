//! A numeric and how many decimals it is shown with, as its text.

use std::sync::{Arc, LazyLock};

use datafusion::arrow::array::AsArray;
use datafusion::arrow::datatypes::{DataType, Field, FieldRef, Int8Type};
use datafusion::error::{DataFusionError, Result};
use datafusion::logical_expr::{
    ColumnarValue, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};

use crate::pgtypes::{PG_TYPE_KEY, scaled_texts};

/// The function.
pub(super) fn function() -> Arc<ScalarUDF> {
    static FUNCTION: LazyLock<Arc<ScalarUDF>> = LazyLock::new(|| {
        let signature = Signature::any(2, Volatility::Immutable);
        Arc::new(ScalarUDF::from(ShownNumeric { signature }))
    });
    FUNCTION.clone()
}

/// `(numeric, scale)` → its text, which is a numeric's.
#[derive(Debug, PartialEq, Eq, Hash)]
struct ShownNumeric {
    signature: Signature,
}

impl ScalarUDFImpl for ShownNumeric {
    fn name(&self) -> &str {
        "shown_numeric"
    }
    fn signature(&self) -> &Signature {
        &self.signature
    }
    fn return_type(&self, _arguments: &[DataType]) -> Result<DataType> {
        Ok(DataType::Utf8)
    }
    fn return_field_from_args(&self, _arguments: ReturnFieldArgs<'_>) -> Result<FieldRef> {
        let numeric = [(PG_TYPE_KEY.to_owned(), "numeric".to_owned())];
        Ok(Arc::new(Field::new(self.name(), DataType::Utf8, true).with_metadata(numeric.into())))
    }
    fn invoke_with_args(&self, call: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let [numbers, scales] = call.args.as_slice() else {
            return Err(DataFusionError::Internal("a number and its scale".to_owned()));
        };
        let (numbers, scales) = (numbers.to_array(call.number_rows)?, scales.to_array(call.number_rows)?);
        let scales = scales.as_primitive_opt::<Int8Type>();
        let scales = scales.ok_or_else(|| DataFusionError::Internal("a scale is a small number".to_owned()))?;
        let texts = scaled_texts(&numbers, scales).map_err(|error| DataFusionError::External(Box::new(error)))?;
        Ok(ColumnarValue::Array(texts))
    }
}
