//! `FETCH FIRST n ROWS ONLY`, the standard's words for LIMIT.
//!
//! Blocked by: DataFusion plans no FETCH. Remove when it does. `WITH TIES` is refused.

use datafusion::sql::sqlparser::ast::{Expr, LimitClause, Query, Value};

use super::Rule;

pub struct Rewriter;

impl Rule for Rewriter {
    fn pre_visit_query(&mut self, query: &mut Query) {
        let Some(fetch) = query.fetch.take_if(|fetch| !fetch.with_ties && !fetch.percent) else {
            return;
        };
        let one = || Expr::Value(Value::Number("1".to_owned(), false).with_empty_span());
        let wanted = Some(fetch.quantity.unwrap_or_else(one));
        match &mut query.limit_clause {
            Some(LimitClause::LimitOffset { limit, .. }) => *limit = wanted,
            other => *other = Some(LimitClause::LimitOffset { limit: wanted, offset: None, limit_by: Vec::new() }),
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::dialect::parse_single;

    #[test]
    fn it_is_a_limit() {
        let check = |sql: &str, expected: &str| assert_eq!(parse_single(sql).unwrap().ast.to_string(), expected);
        check("SELECT a FROM t FETCH FIRST 2 ROWS ONLY", "SELECT a FROM t LIMIT 2");
        check("SELECT a FROM t OFFSET 3 ROWS FETCH NEXT ROW ONLY", "SELECT a FROM t LIMIT 1 OFFSET 3 ROWS");
    }
}
