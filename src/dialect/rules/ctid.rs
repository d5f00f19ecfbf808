//! `ctid BETWEEN '(a,0)'::tid AND '(b,0)'::tid`: by such ranges of pages DuckDB's scanner shares a table among its threads.
//! Our tables have no pages; all rows count as those of page 0, so that the ranges together give each row once.

use datafusion::sql::sqlparser::ast::{Expr, Value};

use super::Rule;

pub struct Rewriter;

impl Rule for Rewriter {
    fn pre_visit_expr(&mut self, expr: &mut Expr) {
        if let Expr::Between { expr: column, negated: false, low, high } = &*expr
            && matches!(column.as_ref(), Expr::Identifier(name) if name.value.eq_ignore_ascii_case("ctid"))
            && let (Some(low), Some(high)) = (page(low), page(high))
        {
            *expr = Expr::Value(Value::Boolean(low == 0 && high >= low).with_empty_span());
        }
    }
}

/// The page of `'(page,0)'::tid`.
fn page(expr: &Expr) -> Option<u64> {
    let Expr::Cast { expr, data_type, .. } = expr else { return None };
    let Expr::Value(value) = expr.as_ref() else { return None };
    let Value::SingleQuotedString(text) = &value.value else { return None };
    let page = text.strip_prefix('(')?.strip_suffix(')')?.split_once(',')?.0;
    if data_type.to_string().eq_ignore_ascii_case("tid") { page.trim().parse().ok() } else { None }
}

#[cfg(test)]
mod tests {
    use crate::dialect::parse_single;

    #[test]
    fn the_first_range_has_all_rows() {
        let check = |low: u32, high: u32, expected: &str| {
            let sql = format!("SELECT a FROM t WHERE ctid BETWEEN '({low},0)'::tid AND '({high},0)'::tid");
            assert_eq!(parse_single(&sql).unwrap().ast.to_string(), format!("SELECT a FROM t WHERE {expected}"));
        };
        check(0, 4_294_967_295, "true");
        check(0, 1000, "true");
        check(1000, 2000, "false");
    }
}
