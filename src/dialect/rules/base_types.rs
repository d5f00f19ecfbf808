//! The recursive subquery by which asyncpg finds the type that a domain is made of, one domain upon another.
//!
//! Blocked by: DataFusion plans no WITH in a subquery that depends on the outer row. A function that follows
//! `pg_type.typbasetype` answers the same. Remove when it does.

use datafusion::sql::sqlparser::ast::{BinaryOperator, Expr, Query, SetExpr};

use super::{Rule, call};

/// OID of a type → OID of what it is made of in the end; 0 where it is no domain.
const FUNCTION: &str = "lakewire_base_type";

pub struct Rewriter;

impl Rule for Rewriter {
    fn pre_visit_expr(&mut self, expr: &mut Expr) {
        if let Expr::Subquery(query) = expr
            && let Some(of) = followed(query)
        {
            *expr = call(FUNCTION, vec![of]);
        }
    }
}

/// The type whose bases the query follows: `WITH RECURSIVE … typbasetype … WHERE inner.oid = type UNION ALL …`.
fn followed(query: &Query) -> Option<Expr> {
    let with = query.with.as_ref().filter(|with| with.recursive)?;
    let [cte] = with.cte_tables.as_slice() else { return None };
    let SetExpr::SetOperation { left, right, .. } = cte.query.body.as_ref() else { return None };
    let follows = |side: &SetExpr| side.to_string().contains("typbasetype");
    let SetExpr::Select(first) = left.as_ref() else { return None };
    if !follows(left) || !follows(right) {
        return None;
    }
    match first.selection.as_ref()? {
        Expr::BinaryOp { left, op: BinaryOperator::Eq, right } if left.to_string().ends_with(".oid") => {
            Some(right.as_ref().clone())
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use crate::dialect::parse_single;

    #[test]
    fn the_base_of_a_domain_is_a_call() {
        let sql = "SELECT (WITH RECURSIVE b(oid, n) AS (SELECT s.typbasetype, 0 FROM pg_type s WHERE s.oid = t.oid UNION ALL \
                   SELECT s.typbasetype, b.n + 1 FROM pg_type s, b WHERE b.oid = s.oid AND s.typbasetype <> 0) \
                   SELECT oid FROM b ORDER BY n DESC LIMIT 1) AS base FROM pg_type AS t";
        let expected = "SELECT lakewire_base_type(t.oid) AS base FROM pg_type AS t";
        assert_eq!(parse_single(sql).unwrap().ast.to_string(), expected);
    }
}
