//! Stand-ins for functions that are not there: they take any arguments, and fail with PostgreSQL's words.
//!
//! DataFusion's planner, left alone, says no more than that it does not know the name.

use std::sync::Arc;

use datafusion::arrow::datatypes::{DataType, FieldRef};
use datafusion::error::Result;
use datafusion::logical_expr::{
    ColumnarValue, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, TypeSignature, Volatility,
};

use super::{external, type_name, undefined_call};
use crate::error::Error;

/// A function that fails where its type is asked for. `near`: one that may be meant.
pub fn stand_in(name: &str, near: Option<String>) -> Arc<ScalarUDF> {
    let any = TypeSignature::OneOf(vec![TypeSignature::Nullary, TypeSignature::VariadicAny]);
    let signature = Signature::new(any, Volatility::Volatile);
    Arc::new(ScalarUDF::from(Unknown { name: name.to_owned(), near, signature }))
}

pub fn is_stand_in(function: &ScalarUDF) -> bool {
    function.inner().as_ref().downcast_ref::<Unknown>().is_some()
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Unknown {
    name: String,
    near: Option<String>,
    signature: Signature,
}

impl Unknown {
    fn error(&self, types: &[String]) -> Error {
        let error = undefined_call(&self.name, types);
        match &self.near {
            Some(near) => error.with_hint(format!("did you mean \"{near}\"?")),
            None => error,
        }
    }
}

impl ScalarUDFImpl for Unknown {
    fn name(&self) -> &str {
        &self.name
    }
    fn signature(&self) -> &Signature {
        &self.signature
    }
    fn return_type(&self, _types: &[DataType]) -> Result<DataType> {
        Err(external(self.error(&[])))
    }
    fn return_field_from_args(&self, args: ReturnFieldArgs) -> Result<FieldRef> {
        Err(external(self.error(&args.arg_fields.iter().map(|field| type_name(field)).collect::<Vec<_>>())))
    }
    fn invoke_with_args(&self, _args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        Err(external(self.error(&[])))
    }
}
