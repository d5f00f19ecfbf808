//! `ntile(4) OVER (…)` is an integer.
//!
//! Blocked by: DataFusion's is a bigint. Remove when it is none.

use datafusion::sql::sqlparser::ast::{DataType, Expr};

use super::{Rule, cast, own_name};

pub struct Rewriter;

impl Rule for Rewriter {
    fn post_visit_expr(&mut self, expr: &mut Expr) {
        if let Expr::Function(function) = expr
            && function.over.is_some()
            && own_name(function).as_deref() == Some("ntile")
        {
            *expr = cast(expr.clone(), DataType::Integer(None));
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::dialect::parse_single;

    #[test]
    fn it_is_an_integer() {
        let shown = parse_single("SELECT ntile(4) OVER (ORDER BY a) AS n FROM t").unwrap().ast.to_string();
        assert_eq!(shown, "SELECT CAST(ntile(4) OVER (ORDER BY a) AS INTEGER) AS n FROM t");
    }
}
