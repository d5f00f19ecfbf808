//! Windows that go on from named ones, where they may.

use std::collections::HashMap;
use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{
    Expr, Function, Ident, NamedWindowDefinition, NamedWindowExpr, Select, WindowSpec, WindowType, visit_expressions,
};

use super::folded;
use crate::error::{Error, ErrorKind};

/// The first window of a SELECT that says anew what the one that it goes on from has said, by that one's name there.
pub fn contradicted(select: &Select) -> Option<(Ident, Error)> {
    if select.named_window.is_empty() {
        return None;
    }
    let mut known: HashMap<String, &WindowSpec> = HashMap::new();
    for NamedWindowDefinition(name, window) in &select.named_window {
        let spec = match window {
            NamedWindowExpr::WindowSpec(spec) => Some(spec),
            NamedWindowExpr::NamedWindow(other) => known.get(&folded(other)).copied(),
        };
        if let Some(spec) = spec {
            if let Some(found) = contradiction(spec, &known) {
                return Some(found);
            }
            known.insert(folded(name), spec);
        }
    }
    let found = visit_expressions(select, |expr| match expr {
        Expr::Function(Function { over: Some(WindowType::WindowSpec(spec)), .. }) => {
            match contradiction(spec, &known) {
                Some(found) => ControlFlow::Break(found),
                None => ControlFlow::Continue(()),
            }
        }
        _ => ControlFlow::Continue(()),
    });
    found.break_value()
}

fn contradiction(spec: &WindowSpec, known: &HashMap<String, &WindowSpec>) -> Option<(Ident, Error)> {
    let name = spec.window_name.as_ref()?;
    let base = known.get(&folded(name))?;
    let shown = folded(name);
    let error = |message: String| Error::new(ErrorKind::WindowingError, message);
    let found = if !spec.partition_by.is_empty() {
        error(format!("cannot override PARTITION BY clause of window \"{shown}\""))
    } else if !spec.order_by.is_empty() && is_ordered(base, known) {
        error(format!("cannot override ORDER BY clause of window \"{shown}\""))
    } else if base.window_frame.is_some() {
        let error = error(format!("cannot copy window \"{shown}\" because it has a frame clause"));
        match spec.order_by.is_empty() && spec.window_frame.is_none() {
            true => error.with_hint("Omit the parentheses in this OVER clause."),
            false => error,
        }
    } else {
        return None;
    };
    Some((name.clone(), found))
}

fn is_ordered(spec: &WindowSpec, known: &HashMap<String, &WindowSpec>) -> bool {
    let of_base = || spec.window_name.as_ref().and_then(|name| known.get(&folded(name)));
    !spec.order_by.is_empty() || of_base().is_some_and(|base| !base.order_by.is_empty())
}

#[cfg(test)]
mod tests {
    use crate::dialect::parse;

    #[test]
    fn a_window_does_not_say_anew_what_is_said() {
        for (over, message) in [
            ("(w ORDER BY a)", "cannot override ORDER BY clause of window \"w\""),
            ("(w PARTITION BY a)", "cannot override PARTITION BY clause of window \"w\""),
            ("(f)", "cannot copy window \"f\" because it has a frame clause"),
        ] {
            let sql = format!("SELECT sum(a) OVER {over} FROM t WINDOW w AS (ORDER BY a), f AS (ROWS 1 PRECEDING)");
            let error = parse(&sql).unwrap_err();
            assert_eq!((error.message(), error.kind().sqlstate()), (message, "42P20"));
        }
        assert!(parse("SELECT sum(a) OVER (w ORDER BY a), sum(a) OVER w FROM t WINDOW w AS (PARTITION BY b)").is_ok());
    }
}
