//! Aggregates over frames whose start moves, `OVER (ORDER BY day ROWS 6 PRECEDING)`.
//!
//! PostgreSQL takes the rows that leave a frame out of a sum of floats by adding up anew: a NaN, an infinity or a great number
//! leaves nothing behind. DataFusion subtracts. And what it cannot subtract from (`bool_and`) it refuses.
//!
//! And those that gather rows in their order, over any frame: where another window of the query has its rows the other way round,
//! DataFusion reads both so, and gathers from the end.

use std::collections::VecDeque;
use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, AsArray};
use datafusion::arrow::compute::concat;
use datafusion::arrow::datatypes::{DataType, FieldRef, Float64Type, Schema};
use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::error::{DataFusionError, Result};
use datafusion::logical_expr::expr::WindowFunction;
use datafusion::logical_expr::function::{AccumulatorArgs, StateFieldsArgs};
use datafusion::logical_expr::{
    Accumulator, AggregateUDF, AggregateUDFImpl, Expr, LogicalPlan, Signature, WindowFunctionDefinition,
};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_plan::expressions::PhysicalSortExpr;
use datafusion::scalar::ScalarValue;

/// Frames of more rows are not added up anew for every row: what leaves is subtracted, with what rounding lost kept apart.
const ANEW_MAX: usize = 1_000;

/// Of these the order of the rows is seen.
const GATHERING: [&str; 2] = ["array_agg", "string_agg"];

/// The plan with such aggregates computed so.
pub(in crate::engine) fn over_moving_frames(plan: LogicalPlan) -> Result<LogicalPlan> {
    let mut found = false;
    plan.apply_with_subqueries(|node| {
        found |= matches!(node, LogicalPlan::Window(_));
        Ok(if found { TreeNodeRecursion::Stop } else { TreeNodeRecursion::Continue })
    })?;
    if !found {
        return Ok(plan);
    }
    let change = |node| match node {
        LogicalPlan::Window(_) => node.map_expressions(|expr| expr.transform_up(moved)),
        other => Ok(Transformed::no(other)),
    };
    Ok(plan.transform_up_with_subqueries(change)?.data)
}

fn moved(expr: Expr) -> Result<Transformed<Expr>> {
    let Expr::WindowFunction(mut call) = expr else { return Ok(Transformed::no(expr)) };
    let WindowFunction { fun, params } = call.as_mut();
    match fun {
        WindowFunctionDefinition::AggregateUDF(function)
            if !params.window_frame.is_ever_expanding() || GATHERING.contains(&function.name()) =>
        {
            let moving = Moving { inner: function.clone() };
            *fun = WindowFunctionDefinition::AggregateUDF(Arc::new(AggregateUDF::from(moving)));
            Ok(Transformed::yes(Expr::WindowFunction(call)))
        }
        _ => Ok(Transformed::no(Expr::WindowFunction(call))),
    }
}

/// An aggregate, but for how rows leave its frame. It is not read the other way round.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Moving {
    inner: Arc<AggregateUDF>,
}

impl AggregateUDFImpl for Moving {
    fn name(&self) -> &str {
        self.inner.name()
    }
    fn aliases(&self) -> &[String] {
        self.inner.aliases()
    }
    fn signature(&self) -> &Signature {
        self.inner.signature()
    }
    fn coerce_types(&self, arg_types: &[DataType]) -> Result<Vec<DataType>> {
        self.inner.coerce_types(arg_types)
    }
    fn return_type(&self, arg_types: &[DataType]) -> Result<DataType> {
        self.inner.return_type(arg_types)
    }
    fn return_field(&self, arg_fields: &[FieldRef]) -> Result<FieldRef> {
        self.inner.return_field(arg_fields)
    }
    fn is_nullable(&self) -> bool {
        self.inner.is_nullable()
    }
    fn default_value(&self, data_type: &DataType) -> Result<ScalarValue> {
        self.inner.default_value(data_type)
    }
    fn accumulator(&self, args: AccumulatorArgs) -> Result<Box<dyn Accumulator>> {
        self.inner.accumulator(args)
    }
    fn state_fields(&self, args: StateFieldsArgs) -> Result<Vec<FieldRef>> {
        self.inner.state_fields(args)
    }
    fn create_sliding_accumulator(&self, args: AccumulatorArgs) -> Result<Box<dyn Accumulator>> {
        let doubles = args.expr_fields.first().is_some_and(|field| *field.data_type() == DataType::Float64);
        match (self.name(), args.return_type()) {
            ("sum", DataType::Float64) if doubles => return Ok(Box::<Doubles>::default()),
            ("avg", DataType::Float64) if doubles => {
                return Ok(Box::new(Doubles { is_average: true, ..Doubles::default() }));
            }
            _ => {}
        }
        let given = Given::of(&args);
        let sliding = self.inner.create_sliding_accumulator(args)?;
        if sliding.supports_retract_batch() {
            return Ok(sliding);
        }
        Ok(Box::new(Frame { inner: self.inner.clone(), given, columns: Vec::new() }))
    }
}

/// The sum or the average of doubles.
#[derive(Debug, Default)]
struct Doubles {
    is_average: bool,
    frame: VecDeque<f64>,
    /// Of the finite ones: the sum, and what its rounding lost (A. Neumaier, ZAMM 54, 1974).
    sum: f64,
    lost: f64,
    infinite: usize,
    negative_infinite: usize,
    not_numbers: usize,
}

impl Doubles {
    fn add(&mut self, value: f64) {
        let sum = self.sum + value;
        self.lost += if self.sum.abs() >= value.abs() { self.sum - sum + value } else { value - sum + self.sum };
        self.sum = sum;
    }

    fn special(&mut self, value: f64) -> Option<&mut usize> {
        match value {
            value if value.is_nan() => Some(&mut self.not_numbers),
            f64::INFINITY => Some(&mut self.infinite),
            f64::NEG_INFINITY => Some(&mut self.negative_infinite),
            _ => None,
        }
    }

    fn total(&self) -> f64 {
        if self.frame.len() <= ANEW_MAX {
            return self.frame.iter().sum();
        }
        match (self.not_numbers, self.infinite, self.negative_infinite) {
            (0, 0, 0) => self.sum + self.lost,
            (0, _, 0) => f64::INFINITY,
            (0, 0, _) => f64::NEG_INFINITY,
            _ => f64::NAN,
        }
    }
}

fn doubles(values: &[ArrayRef]) -> Result<impl Iterator<Item = f64>> {
    let values = values.first().and_then(|values| values.as_primitive_opt::<Float64Type>());
    let values = values.ok_or_else(|| DataFusionError::Internal("not doubles".to_owned()))?;
    Ok(values.iter().flatten())
}

impl Accumulator for Doubles {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        for value in doubles(values)? {
            self.frame.push_back(value);
            match self.special(value) {
                Some(count) => *count += 1,
                None => self.add(value),
            }
        }
        Ok(())
    }
    fn retract_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        for value in doubles(values)? {
            self.frame.pop_front();
            match self.special(value) {
                Some(count) => *count = count.saturating_sub(1),
                None => self.add(-value),
            }
        }
        if self.frame.is_empty() {
            // no rounding, and no overflow, outlives the rows that it came from
            (self.sum, self.lost) = (0.0, 0.0);
        }
        Ok(())
    }
    fn supports_retract_batch(&self) -> bool {
        true
    }
    fn evaluate(&mut self) -> Result<ScalarValue> {
        let total = (!self.frame.is_empty()).then(|| self.total());
        let count = if self.is_average { self.frame.len() as f64 } else { 1.0 };
        Ok(ScalarValue::Float64(total.map(|total| total / count)))
    }
    fn size(&self) -> usize {
        size_of_val(self) + self.frame.capacity() * size_of::<f64>()
    }
    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        Err(no_state())
    }
    fn merge_batch(&mut self, _states: &[ArrayRef]) -> Result<()> {
        Err(no_state())
    }
}

fn no_state() -> DataFusionError {
    DataFusionError::Internal("the frame of a window is not put together from parts".to_owned())
}

/// What an accumulator is made from, to be made again.
#[derive(Debug)]
struct Given {
    return_field: FieldRef,
    schema: Schema,
    ignore_nulls: bool,
    order_bys: Vec<PhysicalSortExpr>,
    is_reversed: bool,
    name: String,
    is_distinct: bool,
    exprs: Vec<Arc<dyn PhysicalExpr>>,
    expr_fields: Vec<FieldRef>,
}

impl Given {
    fn of(args: &AccumulatorArgs) -> Self {
        Self {
            return_field: args.return_field.clone(),
            schema: args.schema.clone(),
            ignore_nulls: args.ignore_nulls,
            order_bys: args.order_bys.to_vec(),
            is_reversed: args.is_reversed,
            name: args.name.to_owned(),
            is_distinct: args.is_distinct,
            exprs: args.exprs.to_vec(),
            expr_fields: args.expr_fields.to_vec(),
        }
    }

    fn again(&self) -> AccumulatorArgs<'_> {
        AccumulatorArgs {
            return_field: self.return_field.clone(),
            schema: &self.schema,
            ignore_nulls: self.ignore_nulls,
            order_bys: &self.order_bys,
            is_reversed: self.is_reversed,
            name: &self.name,
            is_distinct: self.is_distinct,
            exprs: &self.exprs,
            expr_fields: &self.expr_fields,
        }
    }
}

/// An aggregate that is computed anew over the rows of each frame.
#[derive(Debug)]
struct Frame {
    inner: Arc<AggregateUDF>,
    given: Given,
    /// Arguments of the rows in the frame.
    columns: Vec<ArrayRef>,
}

impl Accumulator for Frame {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        if self.columns.is_empty() {
            self.columns = values.to_vec();
            return Ok(());
        }
        for (column, more) in self.columns.iter_mut().zip(values) {
            *column = concat(&[column.as_ref(), more.as_ref()])?;
        }
        Ok(())
    }
    fn retract_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        for (column, gone) in self.columns.iter_mut().zip(values) {
            *column = column.slice(gone.len(), column.len().saturating_sub(gone.len()));
        }
        Ok(())
    }
    fn supports_retract_batch(&self) -> bool {
        true
    }
    fn evaluate(&mut self) -> Result<ScalarValue> {
        let mut anew = self.inner.accumulator(self.given.again())?;
        if self.columns.first().is_some_and(|column| !column.is_empty()) {
            anew.update_batch(&self.columns)?;
        }
        anew.evaluate()
    }
    fn size(&self) -> usize {
        size_of_val(self) + self.columns.iter().map(|column| column.get_array_memory_size()).sum::<usize>()
    }
    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        Err(no_state())
    }
    fn merge_batch(&mut self, _states: &[ArrayRef]) -> Result<()> {
        Err(no_state())
    }
}
