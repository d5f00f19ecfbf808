//! `x LIKE p ESCAPE '/'`: DataFusion knows the backslash only, so the pattern is put into it. With `ESCAPE ''` nothing escapes.

use datafusion::sql::sqlparser::ast::{Expr, Value, ValueWithSpan};

use super::{Rule, call};

pub struct Rewriter;

impl Rule for Rewriter {
    fn pre_visit_expr(&mut self, expr: &mut Expr) {
        if let Expr::Like { pattern, escape_char, .. } | Expr::ILike { pattern, escape_char, .. } = expr
            && let Some(ValueWithSpan { value, .. }) = &*escape_char
            && let Value::SingleQuotedString(text) | Value::EscapedStringLiteral(text) | Value::Placeholder(text) =
                value
        {
            if text != "\\" {
                let escape = match value {
                    Value::Placeholder(_) => value.clone(),
                    _ => Value::SingleQuotedString(text.clone()),
                };
                let escape = Expr::Value(escape.with_empty_span());
                **pattern = call("like_escape", vec![pattern.as_ref().clone(), escape]);
            }
            *escape_char = None;
        }
    }
}
