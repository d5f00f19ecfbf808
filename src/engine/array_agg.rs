//! `array_agg`, of rows too without a count of bytes beyond all reason, whose result is an array of the type that its argument is announced as: `oid[]`, not `int4[]`.
//!
//! It is DataFusion's own. Blocked by: DataFusion's forgets what its argument's field says beyond the Arrow type.

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef};
use datafusion::arrow::datatypes::{DataType, FieldRef};
use datafusion::error::Result;
use datafusion::functions_aggregate::array_agg::array_agg_udaf;
use datafusion::logical_expr::function::{AccumulatorArgs, StateFieldsArgs};
use datafusion::logical_expr::utils::AggregateOrderSensitivity;
use datafusion::logical_expr::{
    Accumulator, AggregateUDF, AggregateUDFImpl, GroupsAccumulator, ReversedUDAF, Signature,
};
use datafusion::scalar::ScalarValue;

use crate::error::{Error, ErrorKind};
use crate::pgfunctions::{self, Shape, shape_at};
use crate::pgtypes::PG_TYPE_KEY;

pub(super) fn function() -> AggregateUDF {
    AggregateUDF::from(Typed { inner: array_agg_udaf() })
}

/// Gathers structures or lists, of one shape as PostgreSQL's arrays of several dimensions are, and counts each once. DataFusion's own counts all of a batch for every row of it, since it
/// holds on to the batch, and comes to gigabytes over a few thousand rows.
#[derive(Debug)]
struct Counted {
    inner: Box<dyn Accumulator>,
    bytes: usize,
    /// Of the arrays up to now.
    shape: Option<Shape>,
}

impl Counted {
    fn count(&mut self, columns: &[ArrayRef]) {
        let bytes = |column: &ArrayRef| column.to_data().get_slice_memory_size().unwrap_or_default();
        self.bytes += columns.iter().map(bytes).sum::<usize>();
    }

    fn check(&mut self, lists: &ArrayRef) -> Result<(), Error> {
        for row in 0..lists.len() {
            let of_row = shape_at(lists, row)
                .ok_or_else(|| Error::new(ErrorKind::NullNotAllowed, "cannot accumulate null arrays"))?;
            let refuse = |message| Err(Error::new(ErrorKind::ArraySubscriptError, message));
            if of_row.is_empty() {
                return refuse("cannot accumulate empty arrays");
            }
            if *self.shape.get_or_insert_with(|| of_row.clone()) != of_row {
                return refuse("cannot accumulate arrays of different dimensionality");
            }
        }
        Ok(())
    }
}

impl Accumulator for Counted {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        self.count(values);
        if let Some(lists) = values.first().filter(|values| values.data_type().is_list()) {
            self.check(lists).map_err(pgfunctions::external)?;
        }
        self.inner.update_batch(values)
    }
    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        self.count(states);
        self.inner.merge_batch(states)
    }
    fn evaluate(&mut self) -> Result<ScalarValue> {
        self.inner.evaluate()
    }
    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        self.inner.state()
    }
    fn size(&self) -> usize {
        size_of_val(self) + self.bytes
    }
}

fn gathers(arguments: &AccumulatorArgs<'_>, such: fn(&DataType) -> bool) -> bool {
    arguments.expr_fields.first().is_some_and(|field| such(field.data_type()))
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Typed {
    inner: Arc<AggregateUDF>,
}

impl AggregateUDFImpl for Typed {
    fn name(&self) -> &str {
        self.inner.name()
    }
    fn signature(&self) -> &Signature {
        self.inner.signature()
    }
    fn return_type(&self, arguments: &[DataType]) -> Result<DataType> {
        self.inner.return_type(arguments)
    }
    fn return_field(&self, arguments: &[FieldRef]) -> Result<FieldRef> {
        let field = self.inner.return_field(arguments)?;
        let element = arguments.first().and_then(|argument| argument.metadata().get(PG_TYPE_KEY));
        Ok(match element {
            Some(element) if !element.starts_with("reg") => {
                let array = [(PG_TYPE_KEY.to_owned(), format!("_{element}"))];
                Arc::new(field.as_ref().clone().with_metadata(array.into()))
            }
            _ => field,
        })
    }
    fn state_fields(&self, arguments: StateFieldsArgs<'_>) -> Result<Vec<FieldRef>> {
        self.inner.state_fields(arguments)
    }
    fn order_sensitivity(&self) -> AggregateOrderSensitivity {
        self.inner.order_sensitivity()
    }
    fn with_beneficial_ordering(self: Arc<Self>, beneficial: bool) -> Result<Option<Arc<dyn AggregateUDFImpl>>> {
        let ordered = self.inner.as_ref().clone().with_beneficial_ordering(beneficial)?;
        Ok(ordered.map(|inner| Arc::new(Self { inner: Arc::new(inner) }) as Arc<dyn AggregateUDFImpl>))
    }
    fn accumulator(&self, arguments: AccumulatorArgs<'_>) -> Result<Box<dyn Accumulator>> {
        let is_nested = gathers(&arguments, DataType::is_nested);
        let inner = self.inner.accumulator(arguments)?;
        Ok(if is_nested { Box::new(Counted { inner, bytes: 0, shape: None }) } else { inner })
    }
    fn reverse_expr(&self) -> ReversedUDAF {
        ReversedUDAF::Reversed(Arc::new(function()))
    }
    fn groups_accumulator_supported(&self, arguments: AccumulatorArgs<'_>) -> bool {
        !gathers(&arguments, DataType::is_list) && self.inner.groups_accumulator_supported(arguments)
    }
    fn create_groups_accumulator(&self, arguments: AccumulatorArgs<'_>) -> Result<Box<dyn GroupsAccumulator>> {
        self.inner.create_groups_accumulator(arguments)
    }
    fn supports_null_handling_clause(&self) -> bool {
        true
    }
}
