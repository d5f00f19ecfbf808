//! `ARRAY[a, b]` → `make_array(a, b)`.
//!
//! Blocked by: DataFusion forgets what is around an array that is written out, and does not find outer columns in it.
//! Remove when its planner hands its context on.

use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{Array, Expr, Statement, VisitMut, VisitorMut};

use super::{Facts, call};

pub fn apply(statement: &mut Statement, _facts: Facts) {
    let _ = statement.visit(&mut Rewriter);
}

struct Rewriter;

impl VisitorMut for Rewriter {
    type Break = ();

    fn post_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
        if let Expr::Array(Array { elem, .. }) = expr
            && !elem.is_empty()
        {
            *expr = call("make_array", std::mem::take(elem));
        }
        ControlFlow::Continue(())
    }
}

#[cfg(test)]
mod tests {
    use crate::dialect::parse_single;

    #[test]
    fn arrays_are_made_by_a_function() {
        let shown = parse_single("select array[[a], [b]] as x, array[] as y from t").unwrap().ast.to_string();
        assert_eq!(shown, "SELECT make_array(make_array(a), make_array(b)) AS x, ARRAY[] AS y FROM t");
    }
}
