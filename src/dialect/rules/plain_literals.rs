//! `$$a$$`, `E'a'` → `'a'`: how a literal is written says nothing of what it is.

use datafusion::sql::sqlparser::ast::{DollarQuotedString, Expr, Value, ValueWithSpan};

use super::Rule;

pub struct Rewriter;

impl Rule for Rewriter {
    fn pre_visit_expr(&mut self, expr: &mut Expr) {
        let Expr::Value(ValueWithSpan { value, .. }) = expr else { return };
        if let Value::EscapedStringLiteral(text) | Value::DollarQuotedString(DollarQuotedString { value: text, .. }) =
            value
        {
            *value = Value::SingleQuotedString(std::mem::take(text));
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::dialect::parse_single;

    #[test]
    fn literals_are_plain() {
        let shown = parse_single(r"select 1 where 'a' = E'it\'s' or b = $x$it's$x$").unwrap().ast.to_string();
        assert!(shown.ends_with("WHERE 'a' = 'it''s' OR b = 'it''s'"), "{shown}");
        let shown = parse_single("create table t (a int[] default $${}$$)").unwrap().ast.to_string();
        assert_eq!(shown, "CREATE TABLE t (a INT[] DEFAULT '{}')");
    }
}
