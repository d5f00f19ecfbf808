//! The aggregate that makes a scalar subquery of a query: its one value, NULL for no row, `21000` for more than one.
//!
//! Blocked by: DataFusion takes correlated scalar subqueries only where they aggregate. `dialect` puts this in.

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray};
use datafusion::arrow::datatypes::{DataType, Field, FieldRef, UInt64Type};
use datafusion::error::{DataFusionError, Result};
use datafusion::logical_expr::function::{AccumulatorArgs, StateFieldsArgs};
use datafusion::logical_expr::{Accumulator, AggregateUDF, AggregateUDFImpl, Signature, Volatility};
use datafusion::scalar::ScalarValue;

use crate::dialect::SINGLE_VALUE;
use crate::error::{Error, ErrorKind};

pub(super) fn function() -> AggregateUDF {
    AggregateUDF::from(SingleValue { signature: Signature::any(1, Volatility::Immutable) })
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct SingleValue {
    signature: Signature,
}

impl AggregateUDFImpl for SingleValue {
    fn name(&self) -> &str {
        SINGLE_VALUE
    }
    fn signature(&self) -> &Signature {
        &self.signature
    }
    fn return_type(&self, arguments: &[DataType]) -> Result<DataType> {
        Ok(arguments.first().cloned().unwrap_or(DataType::Null))
    }
    fn return_field(&self, arguments: &[FieldRef]) -> Result<FieldRef> {
        let field = arguments.first().map(|field| field.as_ref().clone());
        let field = field.unwrap_or_else(|| Field::new(SINGLE_VALUE, DataType::Null, true));
        Ok(Arc::new(field.with_nullable(true)))
    }
    fn state_fields(&self, arguments: StateFieldsArgs<'_>) -> Result<Vec<FieldRef>> {
        let value = Field::new("value", arguments.return_field.data_type().clone(), true);
        Ok(vec![Arc::new(value), Arc::new(Field::new("count", DataType::UInt64, false))])
    }
    fn accumulator(&self, arguments: AccumulatorArgs<'_>) -> Result<Box<dyn Accumulator>> {
        let value = ScalarValue::try_from(arguments.return_field.data_type())?;
        Ok(Box::new(Single { value, count: 0 }))
    }
}

#[derive(Debug)]
struct Single {
    value: ScalarValue,
    count: u64,
}

impl Single {
    fn take(&mut self, values: &ArrayRef, row: usize, count: u64) -> Result<()> {
        self.count += count;
        if self.count > 1 {
            let message = "more than one row returned by a subquery used as an expression";
            let error = Error::new(ErrorKind::CardinalityViolation, message);
            return Err(DataFusionError::External(Box::new(error)));
        }
        self.value = ScalarValue::try_from_array(values, row)?;
        Ok(())
    }
}

impl Accumulator for Single {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        let Some(values) = values.first() else { return Ok(()) };
        (0..values.len()).try_for_each(|row| self.take(values, row, 1))
    }
    fn evaluate(&mut self) -> Result<ScalarValue> {
        Ok(self.value.clone())
    }
    fn size(&self) -> usize {
        size_of_val(self) + self.value.size() - size_of_val(&self.value)
    }
    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        Ok(vec![self.value.clone(), ScalarValue::UInt64(Some(self.count))])
    }
    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        let [values, counts] = states else { return Ok(()) };
        let Some(counts) = counts.as_primitive_opt::<UInt64Type>() else { return Ok(()) };
        for (row, count) in counts.values().iter().enumerate().filter(|(_, count)| **count > 0) {
            self.take(values, row, *count)?;
        }
        Ok(())
    }
}
