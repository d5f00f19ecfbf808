//! `x LIKE p ESCAPE '/'`: DataFusion knows the backslash only, so the pattern is put into it. With `ESCAPE ''` nothing escapes.

use datafusion::sql::sqlparser::ast::{Expr, Value, ValueWithSpan};

use super::{Rule, call};

pub struct Rewriter;

impl Rule for Rewriter {
    fn pre_visit_expr(&mut self, expr: &mut Expr) {
        if let Expr::Like { pattern, escape_char, .. } | Expr::ILike { pattern, escape_char, .. } = expr
            && let Some(ValueWithSpan { value, .. }) = &*escape_char
            && let Value::SingleQuotedString(escape) | Value::EscapedStringLiteral(escape) = value
        {
            if escape == "\\" {
                *escape_char = None;
                return;
            }
            // A backslash of the pattern itself is doubled first.
            let doubled = replace(pattern.as_ref().clone(), "\\", "\\\\");
            **pattern = if escape.is_empty() { doubled } else { replace(doubled, escape, "\\") };
            *escape_char = None;
        }
    }
}

fn replace(text: Expr, from: &str, to: &str) -> Expr {
    let literal = |text: &str| Expr::Value(Value::SingleQuotedString(text.to_owned()).with_empty_span());
    call("replace", vec![text, literal(from), literal(to)])
}
