//! `x LIKE p ESCAPE '/'`: DataFusion knows the backslash only, so the pattern is put into it. With `ESCAPE ''` nothing escapes.

use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{Expr, Statement, Value, ValueWithSpan, VisitMut, VisitorMut};

use super::{Facts, call};

pub fn apply(statement: &mut Statement, _facts: Facts) {
    let _ = statement.visit(&mut Rewriter);
}

struct Rewriter;

impl VisitorMut for Rewriter {
    type Break = ();

    fn pre_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
        if let Expr::Like { pattern, escape_char, .. } | Expr::ILike { pattern, escape_char, .. } = expr
            && let Some(ValueWithSpan { value: Value::SingleQuotedString(escape), .. }) = &*escape_char
            && escape != "\\"
        {
            // A backslash of the pattern itself is doubled first.
            let doubled = replace(pattern.as_ref().clone(), "\\", "\\\\");
            **pattern = if escape.is_empty() { doubled } else { replace(doubled, escape, "\\") };
            *escape_char = None;
        }
        ControlFlow::Continue(())
    }
}

fn replace(text: Expr, from: &str, to: &str) -> Expr {
    let literal = |text: &str| Expr::Value(Value::SingleQuotedString(text.to_owned()).with_empty_span());
    call("replace", vec![text, literal(from), literal(to)])
}
