//! What FROM and IN have of relations, told as the statement writes it: a table that is called by its own name where FROM
//! gives it another one, a subquery of several columns behind IN.

use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{Expr, TableFactor, Visit, Visitor};

use crate::dialect::{self, Statement, folded};
use crate::error::{Error, ErrorKind};

/// `missing FROM-clause entry for table "t"` as PostgreSQL says it where FROM has `t AS x`; any other error as it is.
pub(super) fn aliased(error: Error, statement: &Statement) -> Error {
    let quoted = error.message().strip_prefix("missing FROM-clause entry for table \"");
    let Some(table) = quoted.and_then(|rest| rest.strip_suffix('"')) else { return error };
    let found = dialect::as_written(statement).and_then(|tree| tree.visit(&mut Aliased(table)).break_value());
    let Some(alias) = found else { return error };
    let message = format!("invalid reference to FROM-clause entry for table \"{table}\"");
    let told = Error::new(ErrorKind::UndefinedTable, message)
        .with_hint(format!("Perhaps you meant to reference the table alias \"{alias}\"."));
    match error.position() {
        Some(position) => told.at(position),
        None => told,
    }
}

/// `subquery must return only one column` where IN has one of several; `None` for any other error.
pub(super) fn membership(error: &Error, statement: &Statement) -> Option<Error> {
    if error.message() != "subquery must return only one column" {
        return None;
    }
    let mut subqueries = Subqueries::default();
    let _ = dialect::as_written(statement)?.visit(&mut subqueries);
    let is_meant = subqueries.behind_in && !subqueries.as_values;
    is_meant.then(|| Error::new(ErrorKind::SyntaxError, "subquery has too many columns"))
}

/// Which subqueries a statement has.
#[derive(Default)]
struct Subqueries {
    behind_in: bool,
    as_values: bool,
}

impl Visitor for Subqueries {
    type Break = ();

    fn pre_visit_expr(&mut self, expr: &Expr) -> ControlFlow<()> {
        self.behind_in |= matches!(expr, Expr::InSubquery { .. });
        self.as_values |= matches!(expr, Expr::Subquery(_));
        ControlFlow::Continue(())
    }
}

/// Looks for the table's other name.
struct Aliased<'a>(&'a str);

impl Visitor for Aliased<'_> {
    type Break = String;

    fn pre_visit_table_factor(&mut self, factor: &TableFactor) -> ControlFlow<String> {
        let TableFactor::Table { name, alias: Some(alias), args: None, .. } = factor else {
            return ControlFlow::Continue(());
        };
        let own = name.0.last().and_then(|part| part.as_ident()).map(folded);
        match own.as_deref() == Some(self.0) && folded(&alias.name) != self.0 {
            true => ControlFlow::Break(folded(&alias.name)),
            false => ControlFlow::Continue(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dialect::parse_single;

    #[test]
    fn the_alias_is_told() {
        let missing = || Error::new(ErrorKind::UndefinedTable, "missing FROM-clause entry for table \"t\"");
        let told = |sql: &str| aliased(missing(), &parse_single(sql).unwrap());
        let of_alias = told("select t.a from s.t x");
        assert_eq!(of_alias.message(), "invalid reference to FROM-clause entry for table \"t\"");
        assert_eq!(of_alias.hint(), Some("Perhaps you meant to reference the table alias \"x\"."));
        assert_eq!(told("select t.a from u x").message(), missing().message());
    }
}
