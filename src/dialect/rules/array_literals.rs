//! `ARRAY[a, b]` → `make_array(a, b)`.
//!
//! Blocked by: DataFusion forgets what is around an array that is written out, and does not find outer columns in it.
//! Remove when its planner hands its context on.

use datafusion::sql::sqlparser::ast::{Array, Expr};

use super::{Rule, call};

pub struct Rewriter;

impl Rule for Rewriter {
    fn post_visit_expr(&mut self, expr: &mut Expr) {
        if let Expr::Array(Array { elem, .. }) = expr
            && !elem.is_empty()
        {
            *expr = call("make_array", std::mem::take(elem));
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::dialect::parse_single;

    #[test]
    fn arrays_are_made_by_a_function() {
        let shown = parse_single("select array[[a], [b]] as x, array[]::int[] as y from t").unwrap().ast.to_string();
        assert_eq!(shown, "SELECT make_array(make_array(a), make_array(b)) AS x, ARRAY[]::INT[] AS y FROM t");
    }
}
