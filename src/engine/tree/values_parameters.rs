//! Parameters where DataFusion asks for their types before the plan is typed: `SELECT a FROM (VALUES ($1)) AS v (a)`,
//! `unnest($1)`, `sum($1)`, `round($1)`, `RETURNING $1` are of the types that the client gives them; in a list, else, of the type that
//! another row says, or text.
//!
//! Blocked by: DataFusion takes such a parameter for NULL. Remove when it waits for the parameter's type.

use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{
    DataType, ExactNumberInfo, Expr, FunctionArg, FunctionArgExpr, FunctionArguments, Query, SetExpr, Statement,
    TableFactor, Value, ValueWithSpan, Values, VisitMut, VisitorMut, visit_expressions_mut,
};
use datafusion::sql::sqlparser::dialect::PostgreSqlDialect;
use datafusion::sql::sqlparser::parser::Parser;

use crate::dialect::rules::{cast, is_aggregate, type_in_list};
use crate::pgcatalog::format_type;
use crate::pgtypes::Type;

/// Casts every parameter whose type the client has given; one that is alone, and has none, to text.
pub(in crate::engine) fn declare(exprs: &mut [Expr], hints: &[Option<Type>]) {
    let lists = Lists { hints };
    for expr in exprs {
        if let Some(nth) = parameter(expr) {
            *expr = cast(expr.clone(), lists.declared(nth).unwrap_or(DataType::Text));
            continue;
        }
        let _ = visit_expressions_mut(expr, |inner| {
            lists.give(inner);
            ControlFlow::<()>::Continue(())
        });
    }
}

/// Gives the parameters in lists of FROM, and those of aggregates and `unnest`, their types; `hints` are those that the client
/// has given.
pub(in crate::engine) fn settle(statement: &mut impl VisitMut, hints: &[Option<Type>]) {
    let _ = statement.visit(&mut Lists { hints });
}

/// [`settle`] of a whole statement, of which the query may be a list itself.
pub(in crate::engine) fn settle_whole(statement: &mut Statement, hints: &[Option<Type>]) {
    if let Statement::Query(query) = statement {
        Lists { hints }.list(&mut query.body);
    }
    settle(statement, hints);
}

struct Lists<'a> {
    hints: &'a [Option<Type>],
}

impl VisitorMut for Lists<'_> {
    type Break = ();

    fn pre_visit_query(&mut self, query: &mut Query) -> ControlFlow<()> {
        for table in query.with.iter_mut().flat_map(|with| &mut with.cte_tables) {
            self.list(&mut table.query.body);
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_table_factor(&mut self, factor: &mut TableFactor) -> ControlFlow<()> {
        match factor {
            TableFactor::Derived { subquery, .. } => self.list(&mut subquery.body),
            TableFactor::UNNEST { array_exprs, .. } => array_exprs.iter_mut().for_each(|array| self.give(array)),
            _ => {}
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
        if let Expr::Subquery(subquery) | Expr::InSubquery { subquery, .. } | Expr::Exists { subquery, .. } = expr {
            self.list(&mut subquery.body);
        }
        if let Expr::Function(function) = expr
            && let FunctionArguments::List(list) = &mut function.args
            && let [FunctionArg::Unnamed(FunctionArgExpr::Expr(number))] = list.args.as_mut_slice()
            && let Expr::Cast { expr: given, data_type: DataType::Double(ExactNumberInfo::None), .. } = number
            && let Some(declared) = parameter(given).and_then(|nth| self.declared(nth))
        {
            *number = cast(given.as_ref().clone(), declared);
        }
        if let Expr::Function(function) = expr
            && (is_aggregate(function) || function.name.to_string().eq_ignore_ascii_case("unnest"))
            && let FunctionArguments::List(list) = &mut function.args
        {
            for argument in &mut list.args {
                if let FunctionArg::Unnamed(FunctionArgExpr::Expr(value)) = argument {
                    self.give(value);
                }
            }
        }
        ControlFlow::Continue(())
    }
}

impl Lists<'_> {
    /// The type that the client has given the parameter of that number, from 0.
    fn declared(&self, nth: usize) -> Option<DataType> {
        self.hints.get(nth).and_then(Option::as_ref).filter(|hint| **hint != Type::UNKNOWN).and_then(named)
    }

    /// Casts the expression if it is such a parameter.
    fn give(&self, expr: &mut Expr) {
        if let Some(data_type) = parameter(expr).and_then(|nth| self.declared(nth)) {
            *expr = cast(expr.clone(), data_type);
        }
    }

    fn list(&self, body: &mut SetExpr) {
        match body {
            SetExpr::Values(values) => self.rows(values),
            SetExpr::Query(query) => self.list(&mut query.body),
            SetExpr::SetOperation { left, right, .. } => {
                self.list(left);
                self.list(right);
            }
            _ => {}
        }
    }

    fn rows(&self, values: &mut Values) {
        let width = values.rows.iter().map(|row| row.len()).max().unwrap_or_default();
        for column in 0..width {
            let mut cells = values.rows.iter().filter_map(|row| row.get(column));
            let otherwise = match cells.all(|cell| parameter(cell).is_some() || is_null(cell)) {
                true => Some(DataType::Text),
                false => values.rows.iter().find_map(|row| type_in_list(row.get(column)?)),
            };
            for cell in values.rows.iter_mut().filter_map(|row| row.get_mut(column)) {
                if let Some(nth) = parameter(cell)
                    && let Some(data_type) = self.declared(nth).or_else(|| otherwise.clone())
                {
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
