//! How arrays stand in PostgreSQL's order, in which NULL is more than any other element: `btarraycmp` of two, and a key to
//! sort many by.
//!
//! Blocked by: DataFusion's `<` and its sorts have NULL before all others. Remove when they can be told.

use std::cmp::Ordering;
use std::sync::Arc;

use datafusion::arrow::array::{Array, BinaryArray, Int32Array, make_comparator};
use datafusion::arrow::compute::{SortOptions, cast};
use datafusion::arrow::datatypes::DataType;
use datafusion::arrow::row::{RowConverter, SortField};
use datafusion::common::exec_err;
use datafusion::common::utils::ListCoercion;
use datafusion::error::Result as DataFusionResult;
use datafusion::logical_expr::{
    ArrayFunctionArgument, ArrayFunctionSignature, ColumnarValue, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl,
    Signature, TypeSignature, Volatility,
};

/// What `a < b` asks of two arrays: less than zero where it holds.
pub const ARRAY_ORDER: &str = "btarraycmp";

/// Bytes whose order is that of the arrays.
pub(super) const ARRAY_SORT_KEY: &str = "array_sort_key";

pub(super) fn sort_key() -> ScalarUDF {
    ScalarUDF::from(SortKey { signature: Signature::any(1, Volatility::Immutable) })
}

pub(super) fn function() -> ScalarUDF {
    let signature = TypeSignature::ArraySignature(ArrayFunctionSignature::Array {
        arguments: vec![ArrayFunctionArgument::Array, ArrayFunctionArgument::Array],
        array_coercion: Some(ListCoercion::FixedSizedListToList),
    });
    ScalarUDF::from(Compared { signature: Signature::new(signature, Volatility::Immutable) })
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Compared {
    signature: Signature,
}

impl ScalarUDFImpl for Compared {
    fn name(&self) -> &str {
        ARRAY_ORDER
    }
    fn signature(&self) -> &Signature {
        &self.signature
    }
    fn return_type(&self, _arg_types: &[DataType]) -> DataFusionResult<DataType> {
        Ok(DataType::Int32)
    }
    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> DataFusionResult<ColumnarValue> {
        let arrays = ColumnarValue::values_to_arrays(&args.args)?;
        let [left, right] = arrays.as_slice() else { return exec_err!("{ARRAY_ORDER} compares two arrays") };
        // NULL of no type is of the other's
        let [left, right] = match (left.data_type(), right.data_type()) {
            (of, other) if of == other => [left.clone(), right.clone()],
            (DataType::Null, of) => [cast(left, of)?, right.clone()],
            (of, _) => [left.clone(), cast(right, of)?],
        };
        let compare = make_comparator(&left, &right, SortOptions { descending: false, nulls_first: false })?;
        let one = |row: usize| {
            (left.is_valid(row) && right.is_valid(row)).then(|| match compare(row, row) {
                Ordering::Less => -1,
                Ordering::Equal => 0,
                Ordering::Greater => 1,
            })
        };
        Ok(ColumnarValue::Array(Arc::new((0..left.len()).map(one).collect::<Int32Array>())))
    }
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct SortKey {
    signature: Signature,
}

impl ScalarUDFImpl for SortKey {
    fn name(&self) -> &str {
        ARRAY_SORT_KEY
    }
    fn signature(&self) -> &Signature {
        &self.signature
    }
    fn return_type(&self, _arg_types: &[DataType]) -> DataFusionResult<DataType> {
        Ok(DataType::Binary)
    }
    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> DataFusionResult<ColumnarValue> {
        let arrays = ColumnarValue::values_to_arrays(&args.args)?;
        let [lists] = arrays.as_slice() else { return exec_err!("{ARRAY_SORT_KEY} is of one array") };
        let order = SortOptions { descending: false, nulls_first: false };
        let converter = RowConverter::new(vec![SortField::new_with_options(lists.data_type().clone(), order)])?;
        let rows = converter.convert_columns(std::slice::from_ref(lists))?;
        let keys = rows.iter().enumerate().map(|(row, key)| lists.is_valid(row).then_some(key));
        Ok(ColumnarValue::Array(Arc::new(keys.collect::<BinaryArray>())))
    }
}
