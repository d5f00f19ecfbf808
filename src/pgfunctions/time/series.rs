//! `generate_series` over times: in FROM batch by batch, elsewhere as an array for each row.

use std::any::Any;
use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use datafusion::arrow::array::{Array, ArrayRef, ListArray, RecordBatch, TimestampMicrosecondArray};
use datafusion::arrow::buffer::OffsetBuffer;
use datafusion::arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use datafusion::catalog::{Session, TableFunctionArgs, TableFunctionImpl, TableProvider};
use datafusion::datasource::TableType;
use datafusion::error::{DataFusionError, Result as DataFusionResult};
use datafusion::logical_expr::type_coercion::functions::fields_with_udf;
use datafusion::logical_expr::{
    ColumnarValue, Expr, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::memory::{LazyBatchGenerator, LazyMemoryExec};
use datafusion::scalar::ScalarValue;
use parking_lot::RwLock;

use super::call::{Context, Ty, context};
use super::casts;
use crate::error::{Error, ErrorKind};
use crate::pgfunctions::external;
use crate::pgtypes::time::{Interval, Zone, is_finite};

/// The function, where it is called with times; any other call goes to `numbers`.
#[derive(Debug)]
pub struct TimeSeries {
    pub numbers: Arc<dyn TableFunctionImpl>,
}

fn literal(expr: &Expr) -> Option<&ScalarValue> {
    match expr {
        Expr::Literal(value, _) => Some(value),
        _ => None,
    }
}

impl TableFunctionImpl for TimeSeries {
    fn call_with_args(&self, args: TableFunctionArgs) -> DataFusionResult<Arc<dyn TableProvider>> {
        let exprs = args.exprs();
        let values: Option<Vec<&ScalarValue>> = exprs.iter().map(literal).collect();
        let Some([start, end, step]) = values.as_deref() else { return self.numbers.call_with_args(args) };
        let Some(ty) = times_between(&start.data_type(), &end.data_type()) else {
            return self.numbers.call_with_args(args);
        };
        let context = context(args.session().config_options());
        let series = Series::new(ty, [start, end, step], &context)?;
        Ok(Arc::new(series))
    }
}

/// How many times the series of one batch of rows may have together: they are in memory all at once.
const TIMES_MAX: usize = 50_000_000;

/// `generate_series` as a function of the values of a row; `numbers` makes those of numbers.
pub fn series_function(numbers: Arc<ScalarUDF>) -> ScalarUDF {
    ScalarUDF::from(RowSeries { numbers, signature: Signature::user_defined(Volatility::Stable) })
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct RowSeries {
    numbers: Arc<ScalarUDF>,
    signature: Signature,
}

/// The type of a series between values of these types, if it is one of times.
fn times_between(start: &DataType, end: &DataType) -> Option<Ty> {
    let types = [start, end].map(Ty::of);
    match types {
        _ if types.contains(&Some(Ty::Timestamptz)) => Some(Ty::Timestamptz),
        _ if types.contains(&Some(Ty::Timestamp)) => Some(Ty::Timestamp),
        _ if types.contains(&Some(Ty::Date)) => Some(Ty::Timestamptz),
        _ => None,
    }
}

impl ScalarUDFImpl for RowSeries {
    fn name(&self) -> &str {
        "generate_series"
    }
    fn signature(&self) -> &Signature {
        &self.signature
    }
    fn coerce_types(&self, types: &[DataType]) -> DataFusionResult<Vec<DataType>> {
        match types {
            [start, end, _] if let Some(ty) = times_between(start, end) => {
                // a date is the midnight of the session's zone, which a cast would not know
                let bound = |given: &DataType| match Ty::of(given) {
                    Some(Ty::Date) => given.clone(),
                    _ => ty.arrow(),
                };
                Ok(vec![bound(start), bound(end), Ty::Interval.arrow()])
            }
            types => {
                let fields = types.iter().map(|data_type| Arc::new(Field::new("", data_type.clone(), true)));
                let fields = fields_with_udf(&fields.collect::<Vec<_>>(), self.numbers.as_ref())?;
                Ok(fields.iter().map(|field| field.data_type().clone()).collect())
            }
        }
    }
    fn return_type(&self, types: &[DataType]) -> DataFusionResult<DataType> {
        match types {
            [start, end, _] if let Some(ty) = times_between(start, end) => Ok(DataType::new_list(ty.arrow(), true)),
            types => self.numbers.return_type(types),
        }
    }
    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> DataFusionResult<ColumnarValue> {
        let columns = ColumnarValue::values_to_arrays(&args.args)?;
        let [start, end, step] = columns.as_slice() else { return self.numbers.invoke_with_args(args) };
        let Some(ty) = times_between(start.data_type(), end.data_type()) else {
            return self.numbers.invoke_with_args(args);
        };
        let context = context(&args.config_options);
        let mut times: Vec<Option<i64>> = Vec::new();
        let (mut lengths, mut valid) = (Vec::with_capacity(start.len()), Vec::with_capacity(start.len()));
        for row in 0..start.len() {
            let at = |column: &ArrayRef| ScalarValue::try_from_array(column, row);
            let bounds = [at(start)?, at(end)?, at(step)?];
            let mut series = Series::new(ty, [&bounds[0], &bounds[1], &bounds[2]], &context)?;
            valid.push(series.next.is_some());
            let before = times.len();
            while let Some(time) = series.advance().map_err(external)? {
                times.push(Some(time));
                if times.len() > TIMES_MAX {
                    let message = format!("a series in a SELECT list has more than {TIMES_MAX} times");
                    let error = Error::new(ErrorKind::ProgramLimitExceeded, message);
                    return Err(external(error.with_hint("In FROM a series may be of any length.")));
                }
            }
            lengths.push(times.len() - before);
        }
        let times = TimestampMicrosecondArray::from(times);
        let times: ArrayRef = match ty {
            Ty::Timestamptz => Arc::new(times.with_timezone("UTC")),
            _ => Arc::new(times),
        };
        let item = Arc::new(Field::new_list_field(ty.arrow(), true));
        let lists = ListArray::try_new(item, OffsetBuffer::from_lengths(lengths), times, Some(valid.into()))?;
        Ok(ColumnarValue::Array(Arc::new(lists)))
    }
}

/// One series.
#[derive(Debug, Clone)]
struct Series {
    schema: SchemaRef,
    /// `None` where there are no rows.
    next: Option<i64>,
    end: i64,
    step: Interval,
    zone: Option<Zone>,
    batch_size: usize,
    start: Option<i64>,
}

impl Series {
    fn new(ty: Ty, [start, end, step]: [&ScalarValue; 3], context: &Context) -> DataFusionResult<Self> {
        let instant = |value: &ScalarValue| -> DataFusionResult<Option<i64>> {
            let column = casts::convert(&value.to_array()?, ty, context).map_err(external)?;
            match ScalarValue::try_from_array(&column, 0)? {
                ScalarValue::TimestampMicrosecond(value, _) => Ok(value),
                _ => Err(DataFusionError::Internal("a series of times has timestamps".to_owned())),
            }
        };
        let step = casts::convert(&step.to_array()?, Ty::Interval, context).map_err(external)?;
        let step = match ScalarValue::try_from_array(&step, 0)? {
            ScalarValue::IntervalMonthDayNano(step) => step.map(Interval::of_arrow),
            _ => None,
        };
        if step.is_some_and(|step| step.span() == 0) {
            return Err(external(Error::new(ErrorKind::InvalidParameter, "step size cannot equal zero")));
        }
        let (start, end) = (instant(start)?, instant(end)?);
        let rows = start.zip(end).zip(step);
        let schema = Arc::new(Schema::new(vec![Field::new("value", ty.arrow(), true)]));
        let start = rows.map(|((start, _), _)| start);
        Ok(Self {
            schema,
            next: start,
            end: rows.map_or(0, |((_, end), _)| end),
            step: step.unwrap_or_default(),
            zone: (ty == Ty::Timestamptz).then_some(context.style.zone),
            batch_size: 1,
            start,
        })
    }

    /// The next time, if the series goes on so far.
    fn advance(&mut self) -> crate::error::Result<Option<i64>> {
        let Some(at) = self.next else { return Ok(None) };
        let backwards = self.step.span() < 0;
        if if backwards { at < self.end } else { at > self.end } {
            self.next = None;
            return Ok(None);
        }
        let next = match self.zone {
            Some(zone) => self.step.after_in(at, zone)?,
            None => self.step.after(at)?,
        };
        // from infinity there is no step
        self.next = is_finite(at).then_some(next);
        Ok(Some(at))
    }
}

impl LazyBatchGenerator for Series {
    fn as_any(&self) -> &dyn Any {
        self
    }
    fn generate_next_batch(&mut self) -> DataFusionResult<Option<RecordBatch>> {
        let mut times = Vec::with_capacity(self.batch_size);
        while times.len() < self.batch_size {
            match self.advance().map_err(external)? {
                Some(time) => times.push(time),
                None => break,
            }
        }
        if times.is_empty() {
            return Ok(None);
        }
        let times = TimestampMicrosecondArray::from(times);
        let times: ArrayRef = match self.zone {
            Some(_) => Arc::new(times.with_timezone("UTC")),
            None => Arc::new(times),
        };
        Ok(Some(RecordBatch::try_new(self.schema.clone(), vec![times])?))
    }
    fn reset_state(&self) -> Arc<RwLock<dyn LazyBatchGenerator>> {
        Arc::new(RwLock::new(Self { next: self.start, ..self.clone() }))
    }
}

impl fmt::Display for Series {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "generate_series: step={}", self.step)
    }
}

#[async_trait]
impl TableProvider for Series {
    fn schema(&self) -> SchemaRef {
        self.schema.clone()
    }
    fn table_type(&self) -> TableType {
        TableType::Base
    }
    async fn scan(
        &self,
        state: &dyn Session,
        projection: Option<&Vec<usize>>,
        _filters: &[Expr],
        _limit: Option<usize>,
    ) -> DataFusionResult<Arc<dyn ExecutionPlan>> {
        let batch_size = state.config_options().execution.batch_size.get();
        let generator: Arc<RwLock<dyn LazyBatchGenerator>> =
            Arc::new(RwLock::new(Self { next: self.start, batch_size, ..self.clone() }));
        let rows = LazyMemoryExec::try_new(self.schema.clone(), vec![generator])?;
        Ok(Arc::new(rows.with_projection(projection.cloned())))
    }
}
