//! `(array_agg(a ORDER BY b))[1]` → `array_element(array_agg(a ORDER BY b), 1)`.
//!
//! Blocked by: DataFusion makes `nth_value` of it, which minds no DISTINCT and stands beside no aggregate in another order. Remove
//! when it does.

use datafusion::sql::sqlparser::ast::{AccessExpr, Expr, Subscript};

use super::{Rule, call, own_name};

pub struct Rewriter;

impl Rule for Rewriter {
    fn pre_visit_expr(&mut self, expr: &mut Expr) {
        let Expr::CompoundFieldAccess { root, access_chain } = expr else { return };
        let Some(AccessExpr::Subscript(Subscript::Index { index })) = access_chain.first() else { return };
        if !gathers(root) {
            return;
        }
        let element = call("array_element", vec![root.as_ref().clone(), index.clone()]);
        access_chain.remove(0);
        if access_chain.is_empty() {
            *expr = element;
        } else {
            **root = element;
        }
    }
}

fn gathers(array: &Expr) -> bool {
    match array {
        Expr::Nested(inner) => gathers(inner),
        Expr::Function(function) => own_name(function).is_some_and(|name| name == "array_agg"),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use crate::dialect::parse_single;

    #[test]
    fn elements_of_what_is_gathered_are_of_an_array() {
        let shown = parse_single("SELECT (array_agg(a ORDER BY b))[1] AS x, c[1] AS y FROM t").unwrap().ast.to_string();
        assert_eq!(shown, "SELECT array_element((array_agg(a ORDER BY b)), 1) AS x, c[1] AS y FROM t");
    }
}
