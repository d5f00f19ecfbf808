//! `OVER (w ROWS …)` where `WINDOW w AS (PARTITION BY … ORDER BY …)` → all of it in one place; windows that go on from
//! others likewise.
//!
//! Blocked by: DataFusion leaves out the name in the parentheses, and with it what the window says. Remove when it does not.

use std::collections::HashMap;
use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{
    Expr, Function, NamedWindowDefinition, NamedWindowExpr, Query, Select, SetExpr, WindowFrameBound, WindowSpec,
    WindowType, visit_expressions_mut,
};

use super::Rule;
use crate::dialect::folded;

type Windows = HashMap<String, WindowSpec>;

#[derive(Default)]
pub struct Rewriter {
    /// Those of the SELECTs that are being visited, the innermost last.
    scopes: Vec<Windows>,
}

impl Rule for Rewriter {
    fn pre_visit_query(&mut self, query: &mut Query) {
        let Query { body, order_by: Some(order), .. } = query else { return };
        if let SetExpr::Select(select) = body.as_mut()
            && !select.named_window.is_empty()
        {
            let windows = windows_of(select);
            let ControlFlow::Continue(()) = visit_expressions_mut(order, |expr| {
                // DataFusion knows no names of windows there
                if let Expr::Function(Function { over: Some(over), .. }) = expr
                    && let WindowType::NamedWindow(name) = over
                    && let Some(spec) = windows.get(&folded(name))
                {
                    *over = WindowType::WindowSpec(spec.clone());
                }
                complete_call(expr, &windows);
                ControlFlow::<std::convert::Infallible>::Continue(())
            });
        }
    }

    fn pre_visit_select(&mut self, select: &mut Select) {
        self.scopes.push(windows_of(select));
    }

    fn post_visit_select(&mut self, _: &mut Select) {
        self.scopes.pop();
    }

    fn pre_visit_expr(&mut self, expr: &mut Expr) {
        if let Some(windows) = self.scopes.last() {
            complete_call(expr, windows);
        }
    }
}

/// The windows that a SELECT names, each whole from here on.
fn windows_of(select: &mut Select) -> Windows {
    let mut windows = Windows::new();
    for NamedWindowDefinition(name, window) in &mut select.named_window {
        match window {
            NamedWindowExpr::WindowSpec(spec) => {
                complete(spec, &windows);
                windows.insert(folded(name), spec.clone());
            }
            NamedWindowExpr::NamedWindow(other) => {
                if let Some(spec) = windows.get(&folded(other)).cloned() {
                    windows.insert(folded(name), spec);
                }
            }
        }
    }
    windows
}

fn has_offset(window: &WindowSpec) -> bool {
    use WindowFrameBound::{Following, Preceding};
    let is_offset = |bound: &WindowFrameBound| matches!(bound, Preceding(Some(_)) | Following(Some(_)));
    window
        .window_frame
        .as_ref()
        .is_some_and(|frame| is_offset(&frame.start_bound) || frame.end_bound.as_ref().is_some_and(is_offset))
}

fn complete_call(expr: &mut Expr, windows: &Windows) {
    let Expr::Function(Function { over: Some(over), .. }) = expr else { return };
    // what an offset is, is found where the call stands
    if let WindowType::NamedWindow(name) = over
        && let Some(spec) = windows.get(&folded(name)).filter(|spec| has_offset(spec))
    {
        *over = WindowType::WindowSpec(spec.clone());
    }
    if let WindowType::WindowSpec(spec) = over {
        complete(spec, windows);
        // one that there is not, which the planner says
        if let Some(name) = spec.window_name.take() {
            *over = WindowType::NamedWindow(name);
        }
    }
}

fn complete(spec: &mut WindowSpec, windows: &Windows) {
    let Some(base) = spec.window_name.as_ref().and_then(|name| windows.get(&folded(name))) else { return };
    spec.window_name = None;
    spec.partition_by.clone_from(&base.partition_by);
    if spec.order_by.is_empty() {
        spec.order_by.clone_from(&base.order_by);
    }
    if spec.window_frame.is_none() {
        spec.window_frame.clone_from(&base.window_frame);
    }
}

#[cfg(test)]
mod tests {
    use crate::dialect::parse_single;

    fn check(sql: &str, expected: &str) {
        assert_eq!(parse_single(sql).unwrap().ast.to_string(), expected);
    }

    #[test]
    fn what_a_window_goes_on_from_is_its_own() {
        check(
            "SELECT sum(a) OVER (w ROWS UNBOUNDED PRECEDING) AS s FROM t WINDOW w AS (PARTITION BY b ORDER BY c)",
            "SELECT sum(a) OVER (PARTITION BY b ORDER BY c ROWS UNBOUNDED PRECEDING) AS s FROM t \
             WINDOW w AS (PARTITION BY b ORDER BY c)",
        );
        check(
            "SELECT a FROM t WINDOW w AS (PARTITION BY b), v AS (w ORDER BY c) ORDER BY max(a) OVER (v)",
            "SELECT a FROM t WINDOW w AS (PARTITION BY b), v AS (PARTITION BY b ORDER BY c) \
             ORDER BY max(a) OVER (PARTITION BY b ORDER BY c)",
        );
        check(
            "SELECT a FROM (SELECT max(x) OVER (w) AS m FROM u) AS s, t WINDOW w AS (PARTITION BY b)",
            "SELECT a FROM (SELECT max(x) OVER w AS m FROM u) AS s, t WINDOW w AS (PARTITION BY b)",
        );
    }
}
