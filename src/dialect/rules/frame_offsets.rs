//! Offsets of window frames that are parameters: `ROWS BETWEEN $1 PRECEDING AND CURRENT ROW`.
//!
//! Blocked by: DataFusion's frames hold numbers. A parameter is put there as a number that no frame has, [`parameter_in`]
//! tells which, and its value takes its place when it is known (`engine::frame_parameters`). Remove when frames hold expressions.

use datafusion::sql::sqlparser::ast::{
    Expr, Function, NamedWindowDefinition, NamedWindowExpr, Select, Value, WindowFrameBound, WindowSpec, WindowType,
};

use super::Rule;

/// Above all numbers that a client can mean; the parameter's number is added.
const PARAMETERS: u64 = 1 << 63;

/// The parameter, from 1, that the offset stands for.
pub fn parameter_in(offset: u64) -> Option<usize> {
    usize::try_from(offset.checked_sub(PARAMETERS)?).ok()
}

pub struct Rewriter;

impl Rule for Rewriter {
    fn pre_visit_select(&mut self, select: &mut Select) {
        for NamedWindowDefinition(_, window) in &mut select.named_window {
            if let NamedWindowExpr::WindowSpec(window) = window {
                settle(window);
            }
        }
    }

    fn pre_visit_expr(&mut self, expr: &mut Expr) {
        if let Expr::Function(Function { over: Some(WindowType::WindowSpec(window)), .. }) = expr {
            settle(window);
        }
    }
}

fn settle(window: &mut WindowSpec) {
    let Some(frame) = &mut window.window_frame else { return };
    for bound in std::iter::once(&mut frame.start_bound).chain(frame.end_bound.as_mut()) {
        if let WindowFrameBound::Preceding(Some(offset)) | WindowFrameBound::Following(Some(offset)) = bound
            && let Some(number) = number(offset)
        {
            **offset = Expr::Value(Value::Number(number, false).with_empty_span());
        }
    }
}

/// The number of a whole number or of a parameter, cast or not.
fn number(offset: &Expr) -> Option<String> {
    match offset {
        Expr::Value(value) => match &value.value {
            Value::Placeholder(name) => {
                let parameter: u64 = name.strip_prefix('$')?.parse().ok()?;
                Some(PARAMETERS.checked_add(parameter)?.to_string())
            }
            Value::Number(digits, _) => Some(digits.clone()),
            _ => None,
        },
        Expr::Cast { expr, .. } | Expr::Nested(expr) => number(expr),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::parameter_in;
    use crate::dialect::parse_single;

    #[test]
    fn parameters_are_numbers_that_tell_which() {
        let sql = "SELECT sum(a) OVER (ROWS BETWEEN $2::int PRECEDING AND 1 FOLLOWING) AS x FROM t";
        let expected = "SELECT sum(a) OVER (ROWS BETWEEN 9223372036854775810 PRECEDING AND 1 FOLLOWING) AS x FROM t";
        assert_eq!(parse_single(sql).unwrap().ast.to_string(), expected);
        assert_eq!((parameter_in(9_223_372_036_854_775_810), parameter_in(7)), (Some(2), None));
    }
}
