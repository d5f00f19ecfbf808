//! `SELECT a FROM (VALUES ($1)) AS v (a)`: a parameter that nothing gives a type is text, or what the client says it is.
//!
//! Blocked by: DataFusion takes such a column for one of nothing but NULLs. Remove when it waits for the parameter's type.

use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{
    DataType, Expr, Query, SetExpr, TableFactor, Value, ValueWithSpan, VisitMut, VisitorMut,
};
use datafusion::sql::sqlparser::dialect::PostgreSqlDialect;
use datafusion::sql::sqlparser::parser::Parser;

use crate::dialect::rules::cast;
use crate::pgcatalog::format_type;
use crate::pgtypes::Type;

/// Gives the parameters in lists of FROM their types; `hints` are those that the client has given.
pub(in crate::engine) fn settle(statement: &mut impl VisitMut, hints: &[Option<Type>]) {
    let _ = statement.visit(&mut Lists { hints });
}

struct Lists<'a> {
    hints: &'a [Option<Type>],
}

impl VisitorMut for Lists<'_> {
    type Break = ();

    fn pre_visit_query(&mut self, query: &mut Query) -> ControlFlow<()> {
        for table in query.with.iter_mut().flat_map(|with| &mut with.cte_tables) {
            self.list(&mut table.query);
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_table_factor(&mut self, factor: &mut TableFactor) -> ControlFlow<()> {
        if let TableFactor::Derived { subquery, .. } = factor {
            self.list(subquery);
        }
        ControlFlow::Continue(())
    }
}

impl Lists<'_> {
    fn list(&self, query: &mut Query) {
        let SetExpr::Values(values) = query.body.as_mut() else { return };
        let width = values.rows.iter().map(|row| row.len()).max().unwrap_or_default();
        for column in 0..width {
            let mut cells = values.rows.iter().filter_map(|row| row.get(column));
            if !cells.all(|cell| parameter(cell).is_some() || is_null(cell)) {
                continue;
            }
            for row in &mut values.rows {
                if let Some(cell) = row.get_mut(column)
                    && let Some(nth) = parameter(cell)
                {
                    let hint = self.hints.get(nth).and_then(Option::as_ref).filter(|hint| **hint != Type::UNKNOWN);
                    let data_type = hint.and_then(named).unwrap_or(DataType::Text);
                    *cell = cast(cell.clone(), data_type);
                }
            }
        }
    }
}

fn parameter(expr: &Expr) -> Option<usize> {
    match expr {
        Expr::Value(ValueWithSpan { value: Value::Placeholder(name), .. }) => {
            name.strip_prefix('$')?.parse::<usize>().ok()?.checked_sub(1)
        }
        _ => None,
    }
}

fn is_null(expr: &Expr) -> bool {
    matches!(expr, Expr::Value(ValueWithSpan { value: Value::Null, .. }))
}

fn named(pg_type: &Type) -> Option<DataType> {
    let name = format_type(pg_type.oid(), -1);
    Parser::new(&PostgreSqlDialect {}).try_with_sql(&name).ok()?.parse_data_type().ok()
}
