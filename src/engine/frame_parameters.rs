//! Parameters as offsets of window frames: the dialect has put numbers there that tell which (`dialect::frame_parameter`).

use std::sync::Arc;

use datafusion::arrow::datatypes::DataType;
use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::error::{DataFusionError, Result};
use datafusion::logical_expr::{Expr, LogicalPlan, WindowFrame, WindowFrameBound};
use datafusion::scalar::ScalarValue;

use crate::dialect::frame_parameter;
use crate::error::{Error, ErrorKind};
use crate::pgfunctions::external;

/// The parameters, from 1, in the frame of a call.
pub(super) fn in_call(expr: &Expr) -> impl Iterator<Item = usize> + '_ {
    let frame = match expr {
        Expr::WindowFunction(call) => Some(&call.params.window_frame),
        _ => None,
    };
    frame.into_iter().flat_map(|frame| [&frame.start_bound, &frame.end_bound]).filter_map(parameter)
}

fn parameter(bound: &WindowFrameBound) -> Option<usize> {
    match bound {
        WindowFrameBound::Preceding(ScalarValue::UInt64(Some(offset)))
        | WindowFrameBound::Following(ScalarValue::UInt64(Some(offset))) => frame_parameter(*offset),
        _ => None,
    }
}

/// The plan with the parameters' values in its frames.
///
/// # Errors
/// `22013` for an offset that is negative, `22004` for one that is NULL.
pub(super) fn bind(plan: LogicalPlan, params: &[ScalarValue]) -> Result<LogicalPlan> {
    // few plans have any, and every execution comes by
    let mut holds = false;
    plan.apply_with_subqueries(|node| {
        holds |= matches!(node, LogicalPlan::Window(window) if window.window_expr.iter().any(in_calls));
        Ok(if holds { TreeNodeRecursion::Stop } else { TreeNodeRecursion::Continue })
    })?;
    if !holds {
        return Ok(plan);
    }
    plan.transform_up_with_subqueries(|node| match node {
        LogicalPlan::Window(mut window) if window.window_expr.iter().any(in_calls) => {
            let bound = window.window_expr.into_iter().map(|expr| {
                // what is around knows the column by this name
                let name = expr.schema_name().to_string();
                let bound = expr.transform(|expr| of_call(expr, params))?.data;
                Ok(if bound.schema_name().to_string() == name { bound } else { bound.alias(name) })
            });
            window.window_expr = bound.collect::<Result<_>>()?;
            let window = datafusion::logical_expr::Window::try_new(window.window_expr, Arc::clone(&window.input))?;
            Ok(Transformed::yes(LogicalPlan::Window(window)))
        }
        node => Ok(Transformed::no(node)),
    })
    .map(|bound| bound.data)
}

fn in_calls(expr: &Expr) -> bool {
    expr.exists(|expr| Ok(in_call(expr).next().is_some())).unwrap_or_default()
}

fn of_call(expr: Expr, params: &[ScalarValue]) -> Result<Transformed<Expr>> {
    let Expr::WindowFunction(mut call) = expr else { return Ok(Transformed::no(expr)) };
    let frame = &call.params.window_frame;
    let start = valued(&frame.start_bound, params, "starting")?;
    let end = valued(&frame.end_bound, params, "ending")?;
    call.params.window_frame = WindowFrame::new_bounds(frame.units, start, end);
    Ok(Transformed::yes(Expr::WindowFunction(call)))
}

fn valued(bound: &WindowFrameBound, params: &[ScalarValue], end: &str) -> Result<WindowFrameBound> {
    let Some(parameter) = parameter(bound) else { return Ok(bound.clone()) };
    let refused = |kind, what: &str| external(Error::new(kind, format!("frame {end} offset must not be {what}")));
    let value = params.get(parameter - 1).cloned().unwrap_or(ScalarValue::Null);
    let offset = match value.cast_to(&DataType::Int64)? {
        ScalarValue::Int64(Some(offset)) => offset,
        _ => return Err(refused(ErrorKind::NullNotAllowed, "null")),
    };
    let offset = u64::try_from(offset).map_err(|_| refused(ErrorKind::InvalidFrameOffset, "negative"))?;
    let offset = ScalarValue::UInt64(Some(offset));
    match bound {
        WindowFrameBound::Preceding(_) => Ok(WindowFrameBound::Preceding(offset)),
        WindowFrameBound::Following(_) => Ok(WindowFrameBound::Following(offset)),
        WindowFrameBound::CurrentRow => Err(DataFusionError::Internal("the current row has no offset".to_owned())),
    }
}
