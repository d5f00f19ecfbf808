//! Slices of arrays without a bound: `a[2:]`, `a[:3]`.
//!
//! Blocked by: DataFusion wants both bounds. Remove when it does not.

use datafusion::sql::sqlparser::ast::{AccessExpr, Expr, Subscript, Value};

use super::Rule;

pub struct Rewriter;

impl Rule for Rewriter {
    fn pre_visit_expr(&mut self, expr: &mut Expr) {
        let Expr::CompoundFieldAccess { access_chain, .. } = expr else { return };
        for access in access_chain {
            if let AccessExpr::Subscript(Subscript::Slice { lower_bound, upper_bound, .. }) = access {
                lower_bound.get_or_insert_with(|| bound(1));
                // longer than any array
                upper_bound.get_or_insert_with(|| bound(i32::MAX));
            }
        }
    }
}

fn bound(number: i32) -> Expr {
    Expr::Value(Value::Number(number.to_string(), false).with_empty_span())
}

#[cfg(test)]
mod tests {
    use crate::dialect::parse_single;

    #[test]
    fn bounds_that_are_left_out_are_those_of_the_array() {
        let shown = parse_single("SELECT a[2:] AS x, a[:3] AS y FROM t").unwrap().ast.to_string();
        assert_eq!(shown, "SELECT a[2:2147483647] AS x, a[1:3] AS y FROM t");
    }
}
