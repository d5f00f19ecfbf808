//! Sums that are added up in a wider type than theirs, and cut once at the end: of reals as double precision, of numerics of
//! nearly all digits with twice as many.
//!
//! Blocked by: DataFusion's sum of floats is a double, and its sum of decimals begins again at the other end when it is too
//! large. Remove when it keeps the type, and tells.

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, BooleanArray};
use datafusion::arrow::compute::{CastOptions, cast_with_options};
use datafusion::arrow::datatypes::{DataType, Field, FieldRef};
use datafusion::error::{DataFusionError, Result};
use datafusion::functions_aggregate::sum::sum_udaf;
use datafusion::logical_expr::function::{AccumulatorArgs, StateFieldsArgs};
use datafusion::logical_expr::utils::AggregateOrderSensitivity;
use datafusion::logical_expr::{
    Accumulator, AggregateUDF, AggregateUDFImpl, EmitTo, GroupsAccumulator, ReversedUDAF, Signature, Volatility,
};
use datafusion::scalar::ScalarValue;

use crate::error::{Error, ErrorKind};

/// The function for values of the type, where DataFusion's will not do; it is called `sum`.
pub(in crate::engine) fn wide_sum(of: &DataType) -> Option<Arc<AggregateUDF>> {
    let (wide, narrow) = match of {
        DataType::Float32 => (DataType::Float64, DataType::Float32),
        DataType::Decimal128(digits, scale) if *digits > SAFE_DIGITS => {
            (DataType::Decimal256(76, *scale), DataType::Decimal128(38, *scale))
        }
        _ => return None,
    };
    let signature = Signature::user_defined(Volatility::Immutable);
    Some(Arc::new(AggregateUDF::from(WideSum { inner: sum_udaf(), signature, wide, narrow })))
}

/// Ten thousand million numerics of so many digits have a sum of 38 digits.
const SAFE_DIGITS: u8 = 28;

#[derive(Debug, PartialEq, Eq, Hash)]
struct WideSum {
    inner: Arc<AggregateUDF>,
    signature: Signature,
    /// What is added up.
    wide: DataType,
    /// What comes of it.
    narrow: DataType,
}

impl WideSum {
    fn sum(&self) -> FieldRef {
        Arc::new(Field::new("sum", self.wide.clone(), true))
    }
}

/// # Errors
/// `22003` where the sum is too large for its type.
fn cut(sums: &ArrayRef, narrow: &DataType) -> Result<ArrayRef> {
    let strict = CastOptions { safe: false, ..CastOptions::default() };
    cast_with_options(sums, narrow, &strict).map_err(|error| {
        let error = Error::new(ErrorKind::NumericOutOfRange, "value overflows numeric format").with_source(error);
        DataFusionError::External(Box::new(error.with_detail("A sum of numerics holds 38 digits.")))
    })
}

impl AggregateUDFImpl for WideSum {
    fn name(&self) -> &str {
        "sum"
    }
    fn signature(&self) -> &Signature {
        &self.signature
    }
    fn coerce_types(&self, _arg_types: &[DataType]) -> Result<Vec<DataType>> {
        Ok(vec![self.wide.clone()])
    }
    fn return_type(&self, _arg_types: &[DataType]) -> Result<DataType> {
        Ok(self.narrow.clone())
    }
    fn accumulator(&self, args: AccumulatorArgs) -> Result<Box<dyn Accumulator>> {
        let inner = self.inner.accumulator(AccumulatorArgs { return_field: self.sum(), ..args })?;
        Ok(Box::new(Narrowed { inner, narrow: self.narrow.clone() }))
    }
    fn state_fields(&self, args: StateFieldsArgs) -> Result<Vec<FieldRef>> {
        self.inner.state_fields(StateFieldsArgs { return_field: self.sum(), ..args })
    }
    fn groups_accumulator_supported(&self, args: AccumulatorArgs) -> bool {
        self.inner.groups_accumulator_supported(AccumulatorArgs { return_field: self.sum(), ..args })
    }
    fn create_groups_accumulator(&self, args: AccumulatorArgs) -> Result<Box<dyn GroupsAccumulator>> {
        let inner = self.inner.create_groups_accumulator(AccumulatorArgs { return_field: self.sum(), ..args })?;
        Ok(Box::new(AllNarrowed { inner, narrow: self.narrow.clone() }))
    }
    fn create_sliding_accumulator(&self, args: AccumulatorArgs) -> Result<Box<dyn Accumulator>> {
        let inner = self.inner.create_sliding_accumulator(AccumulatorArgs { return_field: self.sum(), ..args })?;
        Ok(Box::new(Narrowed { inner, narrow: self.narrow.clone() }))
    }
    fn reverse_expr(&self) -> ReversedUDAF {
        ReversedUDAF::Identical
    }
    fn order_sensitivity(&self) -> AggregateOrderSensitivity {
        AggregateOrderSensitivity::Insensitive
    }
}

/// The sum of one group.
#[derive(Debug)]
struct Narrowed {
    inner: Box<dyn Accumulator>,
    narrow: DataType,
}

impl Accumulator for Narrowed {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        self.inner.update_batch(values)
    }
    fn evaluate(&mut self) -> Result<ScalarValue> {
        ScalarValue::try_from_array(&cut(&self.inner.evaluate()?.to_array()?, &self.narrow)?, 0)
    }
    fn size(&self) -> usize {
        self.inner.size()
    }
    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        self.inner.state()
    }
    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        self.inner.merge_batch(states)
    }
    fn retract_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        self.inner.retract_batch(values)
    }
    fn supports_retract_batch(&self) -> bool {
        self.inner.supports_retract_batch()
    }
}

/// The sums of many groups.
struct AllNarrowed {
    inner: Box<dyn GroupsAccumulator>,
    narrow: DataType,
}

impl GroupsAccumulator for AllNarrowed {
    fn update_batch(
        &mut self,
        values: &[ArrayRef],
        groups: &[usize],
        filter: Option<&BooleanArray>,
        count: usize,
    ) -> Result<()> {
        self.inner.update_batch(values, groups, filter, count)
    }
    fn evaluate(&mut self, emit_to: EmitTo) -> Result<ArrayRef> {
        cut(&self.inner.evaluate(emit_to)?, &self.narrow)
    }
    fn state(&mut self, emit_to: EmitTo) -> Result<Vec<ArrayRef>> {
        self.inner.state(emit_to)
    }
    fn merge_batch(&mut self, values: &[ArrayRef], groups: &[usize], count: usize) -> Result<()> {
        self.inner.merge_batch(values, groups, count)
    }
    fn convert_to_state(&self, values: &[ArrayRef], filter: Option<&BooleanArray>) -> Result<Vec<ArrayRef>> {
        self.inner.convert_to_state(values, filter)
    }
    fn size(&self) -> usize {
        self.inner.size()
    }
}
