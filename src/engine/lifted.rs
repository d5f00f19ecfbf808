//! Statements about PostgreSQL's catalogs that differ in the OIDs they ask for, as tools send them: planned and optimized once.
//!
//! Invariant: such a statement is planned as it is written where it cannot be planned otherwise, so that its errors are its own.

use std::ops::ControlFlow;

use datafusion::arrow::datatypes::DataType;
use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::logical_expr::expr::Placeholder;
use datafusion::logical_expr::{Expr, LogicalPlan};
use datafusion::scalar::ScalarValue;
use datafusion::sql::sqlparser::ast::{self, BinaryOperator, Value, VisitMut, VisitorMut, visit_relations};

use crate::dialect::{self, Statement};

/// Digits of numbers that are lifted: shorter ones are kinds and places, which plans may depend on.
const DIGITS: std::ops::RangeInclusive<usize> = 5..=9;

/// A statement with parameters in place of the numbers that it compares with.
#[derive(Debug, Clone)]
pub(super) struct Lifted {
    pub statement: Statement,
    numbers: Vec<i32>,
}

impl Lifted {
    /// `None` where it is no query, reads anything but catalogs, has parameters of its own, or compares with no such number.
    pub fn of(statement: &Statement) -> Option<Self> {
        let is_catalog = |name: &ast::ObjectName| match name.0.as_slice() {
            [schema, _] => schema.as_ident().is_some_and(|schema| schema.value == "pg_catalog"),
            [name] => name.as_ident().is_some_and(|name| name.value.starts_with("pg_")),
            _ => false,
        };
        if !matches!(statement.ast, ast::Statement::Query(_)) {
            return None;
        }
        let mut reads = false;
        let strange = visit_relations(&statement.ast, |name| {
            reads = true;
            if is_catalog(name) { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        });
        if !reads || strange.is_break() || dialect::placeholder(statement).is_some() {
            return None;
        }
        let mut ast = statement.ast.clone();
        let mut numbers = Numbers(Vec::new());
        let _ = ast.visit(&mut numbers);
        if numbers.0.is_empty() {
            return None;
        }
        Some(Self { statement: Statement { text: ast.to_string(), offset: 0, ast }, numbers: numbers.0 })
    }

    /// The numbers as the plan takes them; `None` where it takes one for anything but a number.
    pub fn values(&self, plan: &LogicalPlan) -> Option<Vec<ScalarValue>> {
        let mut values: Vec<Option<ScalarValue>> = vec![None; self.numbers.len()];
        let mut note = |expr: &Expr| {
            let Expr::Placeholder(Placeholder { id, field }) = expr else { return Ok(TreeNodeRecursion::Continue) };
            let place = id.strip_prefix('$').and_then(|number| number.parse::<usize>().ok()?.checked_sub(1));
            if let Some((place, field)) = place.zip(field.as_ref())
                && let Some((value, number)) = values.get_mut(place).zip(self.numbers.get(place))
            {
                *value = match field.data_type() {
                    DataType::Int32 => Some(ScalarValue::Int32(Some(*number))),
                    DataType::Int64 => Some(ScalarValue::Int64(Some(i64::from(*number)))),
                    _ => None,
                };
            }
            Ok(TreeNodeRecursion::Continue)
        };
        plan.apply_with_subqueries(|node| node.apply_expressions(|expr| expr.apply(&mut note))).ok()?;
        values.into_iter().collect()
    }
}

/// Takes the numbers out of comparisons.
struct Numbers(Vec<i32>);

impl VisitorMut for Numbers {
    type Break = ();

    fn post_visit_expr(&mut self, expr: &mut ast::Expr) -> ControlFlow<()> {
        if let ast::Expr::BinaryOp { left, op: BinaryOperator::Eq, right } = expr
            && matches!(left.as_ref(), ast::Expr::Identifier(_) | ast::Expr::CompoundIdentifier(_))
            && let ast::Expr::Value(value) = right.as_mut()
            && let Value::SingleQuotedString(text) | Value::Number(text, _) = &value.value
            && DIGITS.contains(&text.len())
            && text.bytes().all(|byte| byte.is_ascii_digit())
            && let Ok(number) = text.parse()
        {
            self.0.push(number);
            value.value = Value::Placeholder(format!("${}", self.0.len()));
        }
        ControlFlow::Continue(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lifted(sql: &str) -> Option<(String, Vec<i32>)> {
        let statement = dialect::parse_single(sql).unwrap();
        Lifted::of(&statement).map(|lifted| (lifted.statement.text, lifted.numbers))
    }

    #[test]
    fn oids_that_catalogs_are_asked_for_are_lifted() {
        let (text, numbers) =
            lifted("select attname from pg_catalog.pg_attribute a where a.attrelid = '16500' and attnum = 1").unwrap();
        assert!(text.contains("a.attrelid = $1 AND attnum = 1"), "{text}");
        assert_eq!(numbers, [16_500]);
        assert_eq!(
            lifted("select 1 from pg_class where oid = 16500 and relfilenode = 12345").unwrap().1,
            [16_500, 12_345]
        );
        assert!(lifted("select 1 from pg_class where relname = 't16500'").is_none());
        assert!(lifted("select 1 from orders where id = 16500").is_none());
        assert!(lifted("select 1 from pg_class, public.orders o where o.id = 16500").is_none());
        assert!(lifted("select 1 from pg_class where oid = $1 and relfilenode = 16500").is_none());
    }
}
