//! Lists that `dialect` unnests: an array's elements with their numbers, its subscripts.

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, Int32Array, ListArray, StructArray};
use datafusion::arrow::datatypes::{DataType, Field, Fields};
use datafusion::error::{DataFusionError, Result};
use datafusion::logical_expr::{ColumnarValue, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility};

pub fn functions() -> Vec<ScalarUDF> {
    let signature = || Signature::any(1, Volatility::Immutable);
    vec![
        ScalarUDF::from(Numbered { elements: true, signature: signature() }),
        ScalarUDF::from(Numbered { elements: false, signature: signature() }),
    ]
}

/// `{a,b}` → `{(a,1),(b,2)}`, or the numbers alone.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Numbered {
    elements: bool,
    signature: Signature,
}

fn expanded(item: &DataType) -> Fields {
    vec![Field::new("x", item.clone(), true), Field::new("n", DataType::Int32, true)].into()
}

impl ScalarUDFImpl for Numbered {
    fn name(&self) -> &str {
        if self.elements { "lakewire_expanded" } else { "lakewire_subscripts" }
    }
    fn signature(&self) -> &Signature {
        &self.signature
    }
    fn return_type(&self, arguments: &[DataType]) -> Result<DataType> {
        let item = match (arguments.first(), self.elements) {
            (Some(DataType::List(item)), true) => DataType::Struct(expanded(item.data_type())),
            (Some(_), true) => DataType::Struct(expanded(&DataType::Utf8)),
            _ => DataType::Int32,
        };
        Ok(DataType::new_list(item, true))
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
        let items: ArrayRef = match self.elements {
            true => {
                let fields = expanded(values.data_type());
                Arc::new(StructArray::try_new(fields, vec![values, Arc::new(numbers)], None)?)
            }
            false => Arc::new(numbers),
        };
        let field = Arc::new(Field::new_list_field(items.data_type().clone(), true));
        let numbered: ArrayRef = Arc::new(ListArray::try_new(field, offsets, items, lists.nulls().cloned())?);
        Ok(ColumnarValue::Array(numbered))
    }
}
