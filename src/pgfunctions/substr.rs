//! `substr`: DataFusion's, which knows no `smallint` and no `bytea`.

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, BinaryArray};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{DataType, Int64Type};
use datafusion::common::types::{NativeType, logical_binary, logical_int64, logical_string};
use datafusion::error::Result as DataFusionResult;
use datafusion::functions::unicode;
use datafusion::logical_expr::{
    Coercion, ColumnarValue, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, TypeSignature,
    TypeSignatureClass, Volatility,
};

use super::external;
use crate::error::{Error, ErrorKind};

pub(super) fn function() -> ScalarUDF {
    let whole = || {
        let from = vec![TypeSignatureClass::Integer];
        Coercion::new_implicit(TypeSignatureClass::Native(logical_int64()), from, NativeType::Int64)
    };
    let exact = |class| Coercion::new_exact(TypeSignatureClass::Native(class));
    let text = || exact(logical_string());
    let bytes = || exact(logical_binary());
    let ways = vec![
        TypeSignature::Coercible(vec![text(), whole()]),
        TypeSignature::Coercible(vec![text(), whole(), whole()]),
        TypeSignature::Coercible(vec![bytes(), whole()]),
        TypeSignature::Coercible(vec![bytes(), whole(), whole()]),
        // `substring(text from pattern)`, which is another function once `engine::typing` has seen it
        TypeSignature::Coercible(vec![text(), text()]),
        TypeSignature::Coercible(vec![text(), text(), text()]),
    ];
    let signature = Signature::one_of(ways, Volatility::Immutable);
    ScalarUDF::from(Substr { inner: unicode::substr(), signature })
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Substr {
    inner: Arc<ScalarUDF>,
    signature: Signature,
}

impl ScalarUDFImpl for Substr {
    fn name(&self) -> &str {
        self.inner.name()
    }
    fn aliases(&self) -> &[String] {
        self.inner.aliases()
    }
    fn signature(&self) -> &Signature {
        &self.signature
    }
    fn return_type(&self, arg_types: &[DataType]) -> DataFusionResult<DataType> {
        match arg_types.first() {
            Some(DataType::Binary | DataType::BinaryView | DataType::LargeBinary) => Ok(DataType::Binary),
            _ => self.inner.inner().return_type(arg_types),
        }
    }
    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> DataFusionResult<ColumnarValue> {
        if args.return_type() != &DataType::Binary {
            return self.inner.inner().invoke_with_args(args);
        }
        let arrays =
            args.args.iter().map(|arg| arg.to_array(args.number_rows)).collect::<DataFusionResult<Vec<_>>>()?;
        let [bytes, places @ ..] = arrays.as_slice() else { return self.inner.inner().invoke_with_args(args) };
        Ok(ColumnarValue::Array(parts(bytes, places)?))
    }
}

/// From the byte of a number, counted from 1, as many as are asked for.
fn parts(bytes: &ArrayRef, places: &[ArrayRef]) -> DataFusionResult<ArrayRef> {
    let bytes = cast(bytes, &DataType::Binary)?;
    let bytes = bytes.as_binary::<i32>();
    let part = |row: usize| {
        if bytes.is_null(row) || places.iter().any(|place| place.is_null(row)) {
            return Ok(None);
        }
        let number = |nth: usize| places.get(nth).map(|place| place.as_primitive::<Int64Type>().value(row));
        let (first, length) = (number(0).unwrap_or(1), number(1));
        if length.is_some_and(|length| length < 0) {
            let message = "negative substring length not allowed";
            return Err(external(Error::new(ErrorKind::SubstringError, message)));
        }
        let value = bytes.value(row);
        let end = length.map_or(i64::MAX, |length| first.saturating_add(length)).saturating_sub(1);
        let within = |at: i64| usize::try_from(at.max(0)).unwrap_or(usize::MAX).min(value.len());
        let (from, to) = (within(first.saturating_sub(1)), within(end));
        Ok(Some(value.get(from..to.max(from)).unwrap_or_default()))
    };
    let parts = (0..bytes.len()).map(part).collect::<DataFusionResult<Vec<_>>>()?;
    Ok(Arc::new(parts.into_iter().collect::<BinaryArray>()))
}
