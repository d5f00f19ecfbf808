//! `min` and `max` of floats in groups: NaN is the greatest, as in PostgreSQL.
//!
//! Blocked by: where there are groups, DataFusion takes NaN for neither more nor less than any other. Remove when it does as it
//! does where there are none.

use std::fmt::Debug;
use std::mem::size_of;
use std::sync::{Arc, LazyLock};

use datafusion::arrow::array::{ArrayRef, AsArray, BooleanArray, PrimitiveArray};
use datafusion::arrow::datatypes::{
    ArrowNativeTypeOp, ArrowPrimitiveType, DataType, FieldRef, Float32Type, Float64Type,
};
use datafusion::error::Result;
use datafusion::functions_aggregate::min_max::{max_udaf, min_udaf};
use datafusion::logical_expr::function::{AccumulatorArgs, StateFieldsArgs};
use datafusion::logical_expr::utils::AggregateOrderSensitivity;
use datafusion::logical_expr::{
    Accumulator, AggregateUDF, AggregateUDFImpl, EmitTo, GroupsAccumulator, ReversedUDAF, Signature, Volatility,
};

use super::is_wanted;

/// The function of the name for values of the type, where DataFusion's will not do.
pub(in crate::engine) fn extreme_of_floats(name: &str, of: &DataType) -> Option<Arc<AggregateUDF>> {
    static FUNCTIONS: LazyLock<[Arc<AggregateUDF>; 2]> = LazyLock::new(|| {
        [(min_udaf(), false), (max_udaf(), true)].map(|(inner, greatest)| {
            let signature = Signature::uniform(1, vec![DataType::Float32, DataType::Float64], Volatility::Immutable);
            Arc::new(AggregateUDF::from(Extreme { inner, greatest, signature }))
        })
    });
    let is_float = matches!(of, DataType::Float32 | DataType::Float64);
    is_float.then(|| FUNCTIONS.iter().find(|function| function.name() == name).cloned()).flatten()
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Extreme {
    inner: Arc<AggregateUDF>,
    greatest: bool,
    signature: Signature,
}

impl AggregateUDFImpl for Extreme {
    fn name(&self) -> &str {
        self.inner.name()
    }
    fn signature(&self) -> &Signature {
        &self.signature
    }
    fn return_type(&self, arg_types: &[DataType]) -> Result<DataType> {
        self.inner.return_type(arg_types)
    }
    fn accumulator(&self, args: AccumulatorArgs) -> Result<Box<dyn Accumulator>> {
        self.inner.accumulator(args)
    }
    fn state_fields(&self, args: StateFieldsArgs) -> Result<Vec<FieldRef>> {
        self.inner.state_fields(args)
    }
    fn groups_accumulator_supported(&self, _args: AccumulatorArgs) -> bool {
        true
    }
    fn create_groups_accumulator(&self, args: AccumulatorArgs) -> Result<Box<dyn GroupsAccumulator>> {
        Ok(match args.return_type() {
            DataType::Float32 => Box::new(Groups::<Float32Type> { values: Vec::new(), greatest: self.greatest }),
            _ => Box::new(Groups::<Float64Type> { values: Vec::new(), greatest: self.greatest }),
        })
    }
    fn create_sliding_accumulator(&self, args: AccumulatorArgs) -> Result<Box<dyn Accumulator>> {
        self.inner.create_sliding_accumulator(args)
    }
    fn reverse_expr(&self) -> ReversedUDAF {
        ReversedUDAF::Identical
    }
    fn order_sensitivity(&self) -> AggregateOrderSensitivity {
        AggregateOrderSensitivity::Insensitive
    }
}

/// The least or greatest value of each group so far.
struct Groups<T: ArrowPrimitiveType> {
    values: Vec<Option<T::Native>>,
    greatest: bool,
}

impl<T: ArrowPrimitiveType> Groups<T> {
    fn take(&mut self, emit_to: EmitTo) -> ArrayRef {
        Arc::new(emit_to.take_needed(&mut self.values).into_iter().collect::<PrimitiveArray<T>>())
    }
}

impl<T: ArrowPrimitiveType> GroupsAccumulator for Groups<T> {
    fn update_batch(
        &mut self,
        values: &[ArrayRef],
        groups: &[usize],
        filter: Option<&BooleanArray>,
        total: usize,
    ) -> Result<()> {
        let is_nan = |value: T::Native| value.partial_cmp(&value).is_none();
        let is_more = |a: T::Native, b: T::Native| !is_nan(b) && (is_nan(a) || a.is_gt(b));
        let greatest = self.greatest;
        self.values.resize(total, None);
        let Some(values) = values.first().map(|values| values.as_primitive::<T>()) else { return Ok(()) };
        for (row, group) in groups.iter().enumerate().filter(|(row, _)| is_wanted(values, filter, *row)) {
            let value = values.value(row);
            if let Some(known) = self.values.get_mut(*group)
                && known.is_none_or(|known| if greatest { is_more(value, known) } else { is_more(known, value) })
            {
                *known = Some(value);
            }
        }
        Ok(())
    }
    fn merge_batch(&mut self, states: &[ArrayRef], groups: &[usize], total: usize) -> Result<()> {
        self.update_batch(states, groups, None, total)
    }
    fn evaluate(&mut self, emit_to: EmitTo) -> Result<ArrayRef> {
        Ok(self.take(emit_to))
    }
    fn state(&mut self, emit_to: EmitTo) -> Result<Vec<ArrayRef>> {
        Ok(vec![self.take(emit_to)])
    }
    fn convert_to_state(&self, values: &[ArrayRef], filter: Option<&BooleanArray>) -> Result<Vec<ArrayRef>> {
        let Some(values) = values.first().map(|values| values.as_primitive::<T>()) else { return Ok(Vec::new()) };
        let kept = (0..values.len()).map(|row| is_wanted(values, filter, row).then(|| values.value(row)));
        Ok(vec![Arc::new(kept.collect::<PrimitiveArray<T>>())])
    }
    fn size(&self) -> usize {
        self.values.capacity() * size_of::<Option<T::Native>>()
    }
}
