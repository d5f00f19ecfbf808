//! `sum` and `avg` of intervals, which DataFusion's have not.

use std::collections::HashMap;
use std::mem::size_of_val;
use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, IntervalMonthDayNanoArray, ListArray};
use datafusion::arrow::buffer::OffsetBuffer;
use datafusion::arrow::datatypes::{DataType, Field, FieldRef, Int64Type, IntervalMonthDayNanoType};
use datafusion::error::Result as DataFusionResult;
use datafusion::logical_expr::expr::AggregateFunction;
use datafusion::logical_expr::function::{AccumulatorArgs, StateFieldsArgs};
use datafusion::logical_expr::type_coercion::functions::fields_with_udf;
use datafusion::logical_expr::utils::AggregateOrderSensitivity;
use datafusion::logical_expr::{
    Accumulator, AggregateUDF, AggregateUDFImpl, Expr, GroupsAccumulator, Operator, ReversedUDAF, SetMonotonicity,
    Signature, StatisticsArgs, Volatility,
};
use datafusion::scalar::ScalarValue;

use super::call::Ty;
use crate::pgfunctions::external;
use crate::pgtypes::time::Interval;

/// The function, `sum` or `avg`, for intervals too.
pub fn with_intervals(inner: Arc<AggregateUDF>) -> AggregateUDF {
    AggregateUDF::from(WithIntervals { inner, signature: Signature::user_defined(Volatility::Immutable) })
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct WithIntervals {
    inner: Arc<AggregateUDF>,
    signature: Signature,
}

fn is_interval(data_type: &DataType) -> bool {
    Ty::of(data_type) == Some(Ty::Interval)
}

impl AggregateUDFImpl for WithIntervals {
    fn name(&self) -> &str {
        self.inner.name()
    }
    fn signature(&self) -> &Signature {
        &self.signature
    }
    fn coerce_types(&self, arg_types: &[DataType]) -> DataFusionResult<Vec<DataType>> {
        match arg_types {
            [given] if is_interval(given) => Ok(vec![Ty::Interval.arrow()]),
            other => {
                let given = |data_type: &DataType| Arc::new(Field::new("", data_type.clone(), true));
                let fields = fields_with_udf(&other.iter().map(given).collect::<Vec<_>>(), self.inner.as_ref())?;
                Ok(fields.iter().map(|field| field.data_type().clone()).collect())
            }
        }
    }
    fn return_type(&self, arg_types: &[DataType]) -> DataFusionResult<DataType> {
        match arg_types {
            [given] if is_interval(given) => Ok(Ty::Interval.arrow()),
            other => self.inner.return_type(other),
        }
    }
    fn accumulator(&self, args: AccumulatorArgs) -> DataFusionResult<Box<dyn Accumulator>> {
        if is_interval(args.return_type()) {
            let seen = args.is_distinct.then(HashMap::new);
            return Ok(Box::new(Total { sum: Interval::default(), count: 0, seen, average: self.name() == "avg" }));
        }
        self.inner.accumulator(args)
    }
    fn state_fields(&self, args: StateFieldsArgs) -> DataFusionResult<Vec<FieldRef>> {
        if is_interval(args.return_type()) && args.is_distinct {
            let seen = DataType::new_list(Ty::Interval.arrow(), true);
            return Ok(vec![Arc::new(Field::new(format!("{}[seen]", args.name), seen, true))]);
        }
        if is_interval(args.return_type()) {
            let sum = Field::new(format!("{}[sum]", args.name), Ty::Interval.arrow(), true);
            let count = Field::new(format!("{}[count]", args.name), DataType::Int64, true);
            return Ok(vec![Arc::new(sum), Arc::new(count)]);
        }
        self.inner.state_fields(args)
    }
    fn groups_accumulator_supported(&self, args: AccumulatorArgs) -> bool {
        !is_interval(args.return_type()) && self.inner.groups_accumulator_supported(args)
    }
    fn create_groups_accumulator(&self, args: AccumulatorArgs) -> DataFusionResult<Box<dyn GroupsAccumulator>> {
        self.inner.create_groups_accumulator(args)
    }
    fn create_sliding_accumulator(&self, args: AccumulatorArgs) -> DataFusionResult<Box<dyn Accumulator>> {
        if is_interval(args.return_type()) {
            self.accumulator(args)
        } else {
            self.inner.create_sliding_accumulator(args)
        }
    }
    fn simplify_expr_op_literal(
        &self,
        function: &AggregateFunction,
        arg: &Expr,
        op: Operator,
        literal: &Expr,
        arg_is_left: bool,
    ) -> DataFusionResult<Option<Expr>> {
        self.inner.inner().simplify_expr_op_literal(function, arg, op, literal, arg_is_left)
    }
    fn value_from_stats(&self, statistics: &StatisticsArgs) -> Option<ScalarValue> {
        if is_interval(statistics.return_type) { None } else { self.inner.inner().value_from_stats(statistics) }
    }
    fn reverse_expr(&self) -> ReversedUDAF {
        ReversedUDAF::Identical
    }
    fn order_sensitivity(&self) -> AggregateOrderSensitivity {
        AggregateOrderSensitivity::Insensitive
    }
    fn set_monotonicity(&self, data_type: &DataType) -> SetMonotonicity {
        if is_interval(data_type) {
            SetMonotonicity::NotMonotonic
        } else {
            self.inner.inner().set_monotonicity(data_type)
        }
    }
}

/// Sum and count of intervals.
#[derive(Debug)]
struct Total {
    sum: Interval,
    count: i64,
    /// Those that are counted once, by their length.
    seen: Option<HashMap<i128, Interval>>,
    average: bool,
}

fn each(intervals: &ArrayRef, mut take: impl FnMut(Interval) -> crate::error::Result<()>) -> DataFusionResult<()> {
    for value in intervals.as_primitive::<IntervalMonthDayNanoType>().iter().flatten() {
        take(Interval::of_arrow(value)).map_err(external)?;
    }
    Ok(())
}

impl Total {
    fn add(&mut self, value: Interval) -> crate::error::Result<()> {
        let is_new = self.seen.as_mut().is_none_or(|seen| seen.insert(value.span(), value).is_none());
        if is_new {
            self.sum = self.sum.plus(value)?;
            self.count += 1;
        }
        Ok(())
    }
}

impl Accumulator for Total {
    fn update_batch(&mut self, values: &[ArrayRef]) -> DataFusionResult<()> {
        let [intervals] = values else { return Ok(()) };
        each(intervals, |value| self.add(value))
    }
    fn retract_batch(&mut self, values: &[ArrayRef]) -> DataFusionResult<()> {
        let [intervals] = values else { return Ok(()) };
        self.count -= (intervals.len() - intervals.null_count()) as i64;
        each(intervals, |value| {
            self.sum = self.sum.minus(value)?;
            Ok(())
        })
    }
    fn supports_retract_batch(&self) -> bool {
        self.seen.is_none()
    }
    fn merge_batch(&mut self, states: &[ArrayRef]) -> DataFusionResult<()> {
        if self.seen.is_some() {
            let lists = states.first().and_then(|lists| lists.as_list_opt::<i32>());
            let mut lists = lists.into_iter().flat_map(|lists| lists.iter().flatten());
            return lists.try_for_each(|seen| each(&seen, |value| self.add(value)));
        }
        let [sums, counts] = states else { return Ok(()) };
        self.count += counts.as_primitive::<Int64Type>().iter().flatten().sum::<i64>();
        each(sums, |value| {
            self.sum = self.sum.plus(value)?;
            Ok(())
        })
    }
    fn state(&mut self) -> DataFusionResult<Vec<ScalarValue>> {
        if let Some(seen) = &self.seen {
            let seen = seen.values().map(|value| value.to_arrow().map(Some).map_err(external));
            let seen: IntervalMonthDayNanoArray = seen.collect::<DataFusionResult<Vec<_>>>()?.into();
            let item = Arc::new(Field::new_list_field(Ty::Interval.arrow(), true));
            let list = ListArray::new(item, OffsetBuffer::from_lengths([seen.len()]), Arc::new(seen), None);
            return Ok(vec![ScalarValue::List(Arc::new(list))]);
        }
        let sum = self.sum.to_arrow().map_err(external)?;
        Ok(vec![ScalarValue::IntervalMonthDayNano(Some(sum)), ScalarValue::Int64(Some(self.count))])
    }
    fn evaluate(&mut self) -> DataFusionResult<ScalarValue> {
        if self.count == 0 {
            return Ok(ScalarValue::IntervalMonthDayNano(None));
        }
        let result = if self.average { self.sum.divided_by(self.count as f64) } else { Ok(self.sum) };
        let result = result.and_then(Interval::to_arrow).map_err(external)?;
        Ok(ScalarValue::IntervalMonthDayNano(Some(result)))
    }
    fn size(&self) -> usize {
        size_of_val(self) + self.seen.as_ref().map_or(0, |seen| seen.capacity() * size_of::<(i128, Interval)>())
    }
}
