//! Calls over windows: what their arguments are, and what their rows are ordered by and reach to.

use datafusion::arrow::datatypes::{DataType, IntervalUnit};
use datafusion::common::DFSchema;
use datafusion::common::tree_node::Transformed;
use datafusion::error::Result;
use datafusion::logical_expr::expr::{Cast, WindowFunction, WindowFunctionParams};
use datafusion::logical_expr::{Expr, ExprSchemable, WindowFrameBound, WindowFrameUnits, WindowFunctionDefinition};
use datafusion::prelude::lit;
use datafusion::scalar::ScalarValue;

use super::Typing;
use super::functions;
use super::place::nowhere;
use crate::error::{Error, ErrorKind};
use crate::pgfunctions;
use crate::pgfunctions::time::span_of;

/// [`functions::aggregate`] over a window.
pub(super) fn window(typing: &Typing, mut call: Box<WindowFunction>, schema: &DFSchema) -> Result<Transformed<Expr>> {
    let mut changed = functions::arguments(typing, call.fun.name(), &mut call.params.args, schema)?;
    if let Some(ours) = functions::ours_of(call.fun.name(), &call.params.args, schema)? {
        (call.fun, changed) = (WindowFunctionDefinition::AggregateUDF(ours), true);
    }
    changed |= order_by_numbers(&mut call.params, schema)?;
    let typed = Expr::WindowFunction(call);
    Ok(if changed { Transformed::yes(typed) } else { Transformed::no(typed) })
}

/// Times, intervals and bytes that a window is ordered by as what DataFusion has ranges of.
fn order_by_numbers(window: &mut WindowFunctionParams, schema: &DFSchema) -> Result<bool> {
    let is_offset = |bound: &WindowFrameBound| match bound {
        WindowFrameBound::CurrentRow => false,
        WindowFrameBound::Preceding(offset) | WindowFrameBound::Following(offset) => !offset.is_null(),
    };
    let frame = &window.window_frame;
    if frame.units == WindowFrameUnits::Range && (is_offset(&frame.start_bound) || is_offset(&frame.end_bound)) {
        return range_of_spans(window, schema);
    }
    let mut changed = pgfunctions::sort_by_keys(&mut window.order_by, schema)?;
    for key in &mut window.order_by {
        let value = || key.expr.clone();
        key.expr = match key.expr.get_type(schema)? {
            DataType::Time64(_) => Expr::Cast(Cast::new(Box::new(value()), DataType::Int64)),
            DataType::Binary | DataType::LargeBinary | DataType::BinaryView => {
                pgfunctions::call("encode", vec![value(), lit("hex")])?
            }
            _ => continue,
        };
        changed = true;
    }
    Ok(changed)
}

/// RANGE with offsets over times and intervals as one over microseconds. A time goes by the offset's hours alone.
///
/// # Errors
/// `22013` for an offset below nothing.
fn range_of_spans(window: &mut WindowFunctionParams, schema: &DFSchema) -> Result<bool> {
    let [key] = window.order_by.as_mut_slice() else { return Ok(false) };
    let value = key.expr.clone();
    let (value, is_time) = match value.get_type(schema)? {
        DataType::Time64(_) => (Expr::Cast(Cast::new(Box::new(value), DataType::Int64)), true),
        DataType::Interval(_) => (span_of(value)?, false),
        _ => return Ok(false),
    };
    let span = |offset: &ScalarValue| {
        let ScalarValue::IntervalMonthDayNano(Some(offset)) =
            offset.cast_to(&DataType::Interval(IntervalUnit::MonthDayNano))?
        else {
            return Ok(offset.clone());
        };
        let days = if is_time { 0 } else { 30 * i64::from(offset.months) + i64::from(offset.days) };
        let micros = days * 86_400_000_000 + offset.nanoseconds / 1_000;
        if micros < 0 {
            let message = "invalid preceding or following size in window function";
            return Err(nowhere(Error::new(ErrorKind::InvalidFrameOffset, message)));
        }
        Ok(ScalarValue::Int64(Some(micros)))
    };
    let bound = |bound: &WindowFrameBound| -> Result<WindowFrameBound> {
        Ok(match bound {
            WindowFrameBound::Preceding(offset) if !offset.is_null() => WindowFrameBound::Preceding(span(offset)?),
            WindowFrameBound::Following(offset) if !offset.is_null() => WindowFrameBound::Following(span(offset)?),
            other => other.clone(),
        })
    };
    let frame = &mut window.window_frame;
    (frame.start_bound, frame.end_bound) = (bound(&frame.start_bound)?, bound(&frame.end_bound)?);
    key.expr = value;
    Ok(true)
}
