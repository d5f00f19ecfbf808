//! `information_schema._pg_expandarray`, which `dialect` unnests: an array's elements with their numbers.

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, Int32Array, ListArray, StructArray};
use datafusion::arrow::datatypes::{DataType, Field, Fields};
use datafusion::error::{DataFusionError, Result};
use datafusion::logical_expr::{ColumnarValue, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility};

pub fn functions() -> Vec<ScalarUDF> {
    vec![ScalarUDF::from(Numbered { signature: Signature::any(1, Volatility::Immutable) })]
}

/// `{a,b}` → `{(a,1),(b,2)}`.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Numbered {
    signature: Signature,
}

fn expanded(item: &DataType) -> Fields {
    vec![Field::new("x", item.clone(), true), Field::new("n", DataType::Int32, true)].into()
}

impl ScalarUDFImpl for Numbered {
    fn name(&self) -> &str {
        "_pg_expandarray"
    }
    fn signature(&self) -> &Signature {
        &self.signature
    }
    fn return_type(&self, arguments: &[DataType]) -> Result<DataType> {
        let item = match arguments.first() {
            Some(DataType::List(item)) => item.data_type().clone(),
            _ => DataType::Utf8,
        };
        Ok(DataType::new_list(DataType::Struct(expanded(&item)), true))
    }
    fn invoke_with_args(&self, call: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let columns = ColumnarValue::values_to_arrays(&call.args)?;
        let lists = columns.first().and_then(|column| column.as_list_opt::<i32>());
        let lists = lists.ok_or_else(|| DataFusionError::Execution(format!("{} takes an array", self.name())))?;
        // a list may begin in the middle of its values
        let first = lists.value_offsets().first().copied().unwrap_or(0) as usize;
        let last = lists.value_offsets().last().copied().unwrap_or(0) as usize;
        let values = lists.values().slice(first, last - first);
        let numbers = Int32Array::from_iter_values(
            lists.value_offsets().windows(2).flat_map(|offsets| 1..=offsets[1] - offsets[0]),
        );
        let offsets = datafusion::arrow::buffer::OffsetBuffer::from_lengths(
            lists.value_offsets().windows(2).map(|offsets| (offsets[1] - offsets[0]) as usize),
        );
        let fields = expanded(values.data_type());
        let items: ArrayRef = Arc::new(StructArray::try_new(fields, vec![values, Arc::new(numbers)], None)?);
        let field = Arc::new(Field::new_list_field(items.data_type().clone(), true));
        let numbered: ArrayRef = Arc::new(ListArray::try_new(field, offsets, items, lists.nulls().cloned())?);
        Ok(ColumnarValue::Array(numbered))
    }
}
