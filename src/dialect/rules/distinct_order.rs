//! `array_agg(DISTINCT x)` comes sorted, as PostgreSQL finds what is distinct by sorting.
//!
//! Its manual does not promise it, but people see it and rely on it.

use datafusion::sql::sqlparser::ast::{
    DuplicateTreatment, Expr, FunctionArg, FunctionArgExpr, FunctionArgumentClause, FunctionArguments, OrderByExpr,
    OrderByOptions,
};

use super::Rule;

const AGGREGATES: &[&str] = &["array_agg", "string_agg"];

pub struct Rewriter;

impl Rule for Rewriter {
    fn pre_visit_expr(&mut self, expr: &mut Expr) {
        if let Expr::Function(function) = expr
            && let Some(name) = function.name.0.last().and_then(|part| part.as_ident())
            && AGGREGATES.iter().any(|known| name.value.eq_ignore_ascii_case(known))
            && function.over.is_none()
            && let FunctionArguments::List(list) = &mut function.args
            && list.duplicate_treatment == Some(DuplicateTreatment::Distinct)
            && list.clauses.is_empty()
            && let Some(FunctionArg::Unnamed(FunctionArgExpr::Expr(value))) = list.args.first()
        {
            let options = OrderByOptions { asc: None, nulls_first: None };
            let by = OrderByExpr { expr: value.clone(), options, with_fill: None };
            list.clauses.push(FunctionArgumentClause::OrderBy(vec![by]));
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::dialect::parse_single;

    #[test]
    fn distinct_values_come_sorted() {
        let shown =
            parse_single("select array_agg(distinct a) as x, array_agg(b) as y from t").unwrap().ast.to_string();
        assert_eq!(shown, "SELECT array_agg(DISTINCT a ORDER BY a) AS x, array_agg(b) AS y FROM t");
    }
}
