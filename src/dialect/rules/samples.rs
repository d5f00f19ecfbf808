//! `t TABLESAMPLE BERNOULLI (10)` → `(SELECT * FROM t WHERE random() * 100 < 10) AS t`. SYSTEM likewise: a sample of files
//! would be of few.
//!
//! Blocked by: DataFusion leaves the clause out. Remove when it samples. REPEATABLE is refused before: there is no seed.

use datafusion::sql::sqlparser::ast::{
    BinaryOperator, Expr, Query, SetExpr, Statement, TableAlias, TableFactor, TableSample, TableSampleKind, Value,
};
use datafusion::sql::sqlparser::dialect::PostgreSqlDialect;
use datafusion::sql::sqlparser::parser::Parser;

use super::{Rule, call};

pub struct Rewriter;

impl Rule for Rewriter {
    fn pre_visit_table_factor(&mut self, factor: &mut TableFactor) {
        let TableFactor::Table { sample, .. } = factor else { return };
        let Some(TableSampleKind::BeforeTableAlias(taken) | TableSampleKind::AfterTableAlias(taken)) = sample.take()
        else {
            return;
        };
        if let Some(sampled) = sampled(factor, *taken) {
            *factor = sampled;
        }
    }
}

fn sampled(factor: &TableFactor, sample: TableSample) -> Option<TableFactor> {
    let TableFactor::Table { name, alias, .. } = factor else { return None };
    let alias = match alias {
        Some(alias) => alias.clone(),
        None => TableAlias { explicit: true, name: name.0.last()?.as_ident()?.clone(), columns: Vec::new(), at: None },
    };
    let mut of = factor.clone();
    if let TableFactor::Table { alias, .. } = &mut of {
        *alias = None;
    }
    let mut query = select_all()?;
    let SetExpr::Select(select) = query.body.as_mut() else { return None };
    select.from.first_mut()?.relation = of;
    let hundred = Expr::Value(Value::Number("100".to_owned(), false).with_empty_span());
    let binary = |left, op, right| Expr::BinaryOp { left: Box::new(left), op, right: Box::new(right) };
    let drawn = binary(call("random", Vec::new()), BinaryOperator::Multiply, hundred);
    select.selection = Some(binary(drawn, BinaryOperator::Lt, sample.quantity?.value));
    Some(TableFactor::Derived { lateral: false, subquery: Box::new(query), alias: Some(alias), sample: None })
}

fn select_all() -> Option<Query> {
    match Parser::parse_sql(&PostgreSqlDialect {}, "SELECT * FROM t").ok()?.pop()? {
        Statement::Query(query) => Some(*query),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use crate::dialect::{parse, parse_single};

    #[test]
    fn a_sample_is_drawn_by_chance() {
        let check = |sql: &str, expected: &str| assert_eq!(parse_single(sql).unwrap().ast.to_string(), expected);
        check(
            "SELECT a FROM s.t TABLESAMPLE SYSTEM (10)",
            "SELECT a FROM (SELECT * FROM s.t WHERE random() * 100 < 10) AS t",
        );
        check(
            "SELECT a FROM t AS x TABLESAMPLE BERNOULLI (0.5)",
            "SELECT a FROM (SELECT * FROM t WHERE random() * 100 < 0.5) AS x",
        );
        assert!(parse("SELECT a FROM t TABLESAMPLE SYSTEM (10) REPEATABLE (1)").is_err());
    }
}
