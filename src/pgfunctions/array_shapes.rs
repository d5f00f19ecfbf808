//! Arrays of arrays, which in PostgreSQL are arrays of several dimensions: their parts have one shape.

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray};
use datafusion::arrow::datatypes::DataType;
use datafusion::error::Result as DataFusionResult;
use datafusion::functions_nested::make_array::make_array_udf;
use datafusion::logical_expr::{ColumnarValue, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature};
use datafusion::scalar::ScalarValue;

use super::external;
use crate::error::{Error, ErrorKind, Result};

/// The lengths of an array's dimensions, the outermost first; none where it is empty.
pub type Shape = Vec<usize>;

/// The shape of the array in a row; `None` where it is NULL.
pub fn shape_at(lists: &dyn Array, row: usize) -> Option<Shape> {
    if lists.is_null(row) {
        return None;
    }
    let elements = match lists.data_type() {
        DataType::List(_) => lists.as_list::<i32>().value(row),
        DataType::LargeList(_) => lists.as_list::<i64>().value(row),
        DataType::FixedSizeList(..) => lists.as_fixed_size_list().value(row),
        _ => return Some(Shape::new()),
    };
    let inner = match elements.data_type().is_list() && !elements.is_empty() {
        true => shape_at(&elements, 0).unwrap_or_default(),
        false => Shape::new(),
    };
    Some(if elements.is_empty() { inner } else { std::iter::once(elements.len()).chain(inner).collect() })
}

/// `ARRAY[a, b]`, of which the parts, where they are arrays, must have one shape.
pub fn make_array() -> ScalarUDF {
    ScalarUDF::from(MakeArray { inner: make_array_udf() })
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct MakeArray {
    inner: Arc<ScalarUDF>,
}

impl ScalarUDFImpl for MakeArray {
    fn name(&self) -> &str {
        self.inner.name()
    }
    fn aliases(&self) -> &[String] {
        self.inner.aliases()
    }
    fn signature(&self) -> &Signature {
        self.inner.signature()
    }
    fn return_type(&self, arg_types: &[DataType]) -> DataFusionResult<DataType> {
        self.inner.return_type(arg_types)
    }
    fn coerce_types(&self, arg_types: &[DataType]) -> DataFusionResult<Vec<DataType>> {
        self.inner.inner().coerce_types(arg_types)
    }
    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> DataFusionResult<ColumnarValue> {
        if !args.arg_fields.first().is_some_and(|field| field.data_type().is_list()) {
            return self.inner.inner().invoke_with_args(args);
        }
        let constant = args.args.iter().all(|argument| matches!(argument, ColumnarValue::Scalar(_)));
        let rows = if constant { 1 } else { args.number_rows };
        let parts = args.args.iter().map(|argument| argument.to_array(rows)).collect::<DataFusionResult<Vec<_>>>()?;
        let mut empty = Vec::new();
        for row in 0..rows {
            if is_empty(&parts, row).map_err(external)? {
                empty.push(row);
            }
        }
        let data_type = args.return_field.data_type().clone();
        let made = self.inner.inner().invoke_with_args(args)?;
        if empty.is_empty() {
            return Ok(made);
        }
        let made = made.into_array(rows)?;
        let of_row = |row: usize| match empty.binary_search(&row) {
            Ok(_) => ScalarValue::new_default(&data_type),
            Err(_) => ScalarValue::try_from_array(&made, row),
        };
        let values = (0..rows).map(of_row).collect::<DataFusionResult<Vec<_>>>()?;
        let array = ScalarValue::iter_to_array(values)?;
        Ok(if constant { ScalarValue::try_from_array(&array, 0)?.into() } else { array.into() })
    }
}

/// Whether a row's parts are all empty or NULL, which makes an empty array.
///
/// # Errors
/// `2202E` where their shapes differ.
fn is_empty(parts: &[ArrayRef], row: usize) -> Result<bool> {
    let mut shapes = parts.iter().map(|part| shape_at(part, row).unwrap_or_default());
    let first = shapes.next().unwrap_or_default();
    if shapes.any(|shape| shape != first) {
        let message = "multidimensional arrays must have array expressions with matching dimensions";
        return Err(Error::new(ErrorKind::ArraySubscriptError, message));
    }
    Ok(first.is_empty())
}
