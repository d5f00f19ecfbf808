//! `ntile(4) OVER (…)` is an integer, `row_number()` and ranks are bigints.
//!
//! Blocked by: DataFusion's have no sign, and beside numbers that have one become numerics. Remove when they have.

use datafusion::sql::sqlparser::ast::{DataType, Expr};

use super::{Rule, cast, own_name};

pub struct Rewriter;

impl Rule for Rewriter {
    fn post_visit_expr(&mut self, expr: &mut Expr) {
        let Expr::Function(function) = &*expr else { return };
        let data_type = match own_name(function).as_deref() {
            Some("ntile") => DataType::Integer(None),
            Some("row_number" | "rank" | "dense_rank") => DataType::BigInt(None),
            _ => return,
        };
        if function.over.is_some() {
            *expr = cast(expr.clone(), data_type);
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::dialect::parse_single;

    #[test]
    fn they_have_a_sign() {
        for (function, data_type) in [("ntile(4)", "INTEGER"), ("row_number()", "BIGINT"), ("rank()", "BIGINT")] {
            let shown = parse_single(&format!("SELECT {function} OVER (ORDER BY a) AS n FROM t")).unwrap().ast;
            let expected = format!("SELECT CAST({function} OVER (ORDER BY a) AS {data_type}) AS n FROM t");
            assert_eq!(shown.to_string(), expected);
        }
    }
}
