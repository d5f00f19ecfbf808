//! `generate_series` over times, batch by batch.

use std::any::Any;
use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use datafusion::arrow::array::{ArrayRef, RecordBatch, TimestampMicrosecondArray};
use datafusion::arrow::datatypes::{Field, Schema, SchemaRef};
use datafusion::catalog::{Session, TableFunctionArgs, TableFunctionImpl, TableProvider};
use datafusion::datasource::TableType;
use datafusion::error::{DataFusionError, Result as DataFusionResult};
use datafusion::logical_expr::Expr;
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
        let types = [start, end].map(|value| Ty::of(&value.data_type()));
        let ty = if types.contains(&Some(Ty::Timestamptz)) {
            Ty::Timestamptz
        } else if types.contains(&Some(Ty::Timestamp)) {
            Ty::Timestamp
        } else if types.contains(&Some(Ty::Date)) {
            Ty::Timestamptz
        } else {
            return self.numbers.call_with_args(args);
        };
        let context = context(args.session().config_options());
        let series = Series::new(ty, [start, end, step], &context)?;
        Ok(Arc::new(series))
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
