//! The row of a relation as one value: `row_to_json(t)` takes it.
//!
//! DataFusion's `named_struct` forgets what its members are beyond their Arrow types: json would be text.

use std::collections::HashMap;
use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, StructArray};
use datafusion::arrow::datatypes::{DataType, Field, FieldRef, Fields};
use datafusion::error::{DataFusionError, Result};
use datafusion::logical_expr::{
    ColumnarValue, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, TypeSignature, Volatility,
};
use datafusion::scalar::ScalarValue;

use crate::pgtypes::{PG_TYPE_KEY, Type};

/// The function's name; its arguments are names and values by turns.
pub const COMPOSITE: &str = "lakewire_row";

pub(super) fn function() -> ScalarUDF {
    let any = Signature::one_of(vec![TypeSignature::Nullary, TypeSignature::VariadicAny], Volatility::Immutable);
    ScalarUDF::from(Composite { signature: any })
}

/// The field of a row, which is sent as a record where a structure that a table keeps is sent as JSON.
fn record(name: &str, members: Fields) -> Field {
    let named = HashMap::from([(PG_TYPE_KEY.to_owned(), Type::RECORD.name().to_owned())]);
    Field::new(name, DataType::Struct(members), true).with_metadata(named)
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Composite {
    signature: Signature,
}

impl ScalarUDFImpl for Composite {
    fn name(&self) -> &str {
        COMPOSITE
    }
    fn signature(&self) -> &Signature {
        &self.signature
    }
    fn return_type(&self, _types: &[DataType]) -> Result<DataType> {
        Err(DataFusionError::Internal(format!("the type of {COMPOSITE} is that of its members")))
    }
    fn return_field_from_args(&self, args: ReturnFieldArgs) -> Result<FieldRef> {
        let members = args.arg_fields.chunks(2).zip(args.scalar_arguments.chunks(2)).map(|(fields, values)| {
            let name = values.first().copied().flatten().and_then(ScalarValue::try_as_str).flatten();
            match (name, fields) {
                (Some(name), [_, value]) => Ok(value.as_ref().clone().with_name(name).with_nullable(true)),
                _ => Err(DataFusionError::Internal(format!("{COMPOSITE} takes names and values"))),
            }
        });
        let members: Fields = members.collect::<Result<Vec<Field>>>()?.into();
        Ok(Arc::new(record(COMPOSITE, members).with_nullable(false)))
    }
    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let DataType::Struct(fields) = args.return_field.data_type() else {
            return Err(DataFusionError::Internal(format!("{COMPOSITE} makes structures")));
        };
        let values = args.args.iter().skip(1).step_by(2);
        let values = values.map(|value| value.to_array(args.number_rows)).collect::<Result<Vec<ArrayRef>>>()?;
        let row = StructArray::try_new_with_length(fields.clone(), values, None, args.number_rows)?;
        Ok(ColumnarValue::Array(Arc::new(row)))
    }
}
