//! A relation's name as a value: `row_to_json(t)` takes its row, as a structure of its columns; `SELECT t` shows it, as the
//! text of a composite value.
//!
//! Only where the relation's columns are known from its source or its text; a column of that name comes first, as in
//! PostgreSQL.
//!
//! Blocked by: DataFusion knows columns only. Remove when it resolves a relation's name to its row.

use std::collections::HashMap;
use std::ops::ControlFlow;
use std::sync::Arc;

use datafusion::common::TableReference;
use datafusion::logical_expr::TableSource;
use datafusion::sql::sqlparser::ast::{
    AccessExpr, BinaryOperator, DataType, Expr, Function, FunctionArg, FunctionArgExpr, FunctionArguments, Ident,
    Query, Select, SelectItem, Statement, Value, VisitMut, VisitorMut,
};

use super::known_relations::Known;
use crate::dialect::{call, folded, visible_name};
use crate::pgfunctions::{COMPOSITE, RECORD_OUT};

/// Puts rows in the place of relations' names.
pub(super) fn expand(statement: &mut Statement, tables: &HashMap<TableReference, Arc<dyn TableSource>>) {
    let _ = statement.visit(&mut Expander { known: Known::new(tables) });
}

/// [`expand`] for expressions over the columns of these relations.
pub(super) fn expand_over(exprs: &mut [Expr], relations: &[(String, Vec<String>)]) {
    let is_column = |name: &String| relations.iter().any(|(_, columns)| columns.contains(name));
    let named = relations.iter().filter(|(name, _)| !is_column(name));
    let mut rows = Rows { rows: named.map(|(name, columns)| (name.clone(), members(name, columns))).collect() };
    for expr in exprs {
        match rows.shown(expr) {
            Some(row) => *expr = row,
            None => {
                let _ = expr.visit(&mut rows);
            }
        }
    }
}

struct Expander<'a> {
    known: Known<'a>,
}

impl VisitorMut for Expander<'_> {
    type Break = ();

    fn pre_visit_query(&mut self, query: &mut Query) -> ControlFlow<()> {
        self.known.enter_all(query);
        ControlFlow::Continue(())
    }

    fn post_visit_query(&mut self, _query: &mut Query) -> ControlFlow<()> {
        self.known.leave();
        ControlFlow::Continue(())
    }

    fn pre_visit_select(&mut self, select: &mut Select) -> ControlFlow<()> {
        let relations = self.known.relations(select);
        let is_column = |name: &String| relations.iter().any(|relation| relation.has(name));
        let rows: HashMap<String, Members> = relations
            .iter()
            .filter(|relation| !is_column(&relation.name))
            .filter_map(|relation| Some((relation.name.clone(), members(&relation.name, relation.columns.as_ref()?))))
            .collect();
        let mut rows = Rows { rows };
        for item in &mut select.projection {
            let shown = match item {
                SelectItem::UnnamedExpr(Expr::Identifier(name)) => {
                    rows.shown(&Expr::Identifier(name.clone())).map(|row| (row, name.clone()))
                }
                SelectItem::ExprWithAlias { expr, alias } => rows.shown(expr).map(|row| (row, alias.clone())),
                _ => None,
            };
            if let Some((expr, alias)) = shown {
                *item = SelectItem::ExprWithAlias { expr, alias };
            } else if let SelectItem::UnnamedExpr(expr) | SelectItem::ExprWithAlias { expr, .. } = item {
                let _ = expr.visit(&mut rows);
            }
        }
        ControlFlow::Continue(())
    }
}

/// The columns of a row, by their names.
type Members = Vec<(String, Expr)>;

fn members(relation: &str, columns: &[String]) -> Members {
    let member = |column: &String| {
        let path = vec![Ident::with_quote('"', relation), Ident::with_quote('"', column.as_str())];
        (visible_name(column).to_owned(), Expr::CompoundIdentifier(path))
    };
    columns.iter().map(member).collect()
}

/// `row(a, b)` and `(a, b)`: the members are `f1`, `f2` …
fn written(expr: &Expr) -> Option<Members> {
    let values: Option<Vec<Expr>> = match expr {
        Expr::Tuple(values) => Some(values.clone()),
        Expr::Function(Function { name, args: FunctionArguments::List(list), .. })
            if name.to_string().eq_ignore_ascii_case("row") =>
        {
            let value = |argument: &FunctionArg| match argument {
                FunctionArg::Unnamed(FunctionArgExpr::Expr(value)) => Some(value.clone()),
                _ => None,
            };
            list.args.iter().map(value).collect()
        }
        _ => None,
    };
    Some(values?.into_iter().enumerate().map(|(nth, value)| (format!("f{}", nth + 1), value)).collect())
}

/// `lakewire_row('id', t.id, …)`.
fn structure(members: Members) -> Expr {
    let name = |name| Expr::Value(Value::SingleQuotedString(name).with_empty_span());
    call(COMPOSITE, members.into_iter().flat_map(|(member, value)| [name(member), value]).collect())
}

/// The rows that relations of one FROM have.
struct Rows {
    rows: HashMap<String, Members>,
}

impl Rows {
    fn members(&self, expr: &Expr) -> Option<Members> {
        match expr {
            Expr::Identifier(name) => self.rows.get(&folded(name)).cloned(),
            expr => written(expr),
        }
    }

    /// The row as a client sees it.
    fn shown(&self, expr: &Expr) -> Option<Expr> {
        let values = self.members(expr)?.into_iter().map(|(_, value)| value);
        Some(call(RECORD_OUT, values.collect()))
    }

    /// `t IS NULL`: all of its columns are; `t IS NOT NULL`: none is.
    fn null_test(&self, expr: &Expr) -> Option<Expr> {
        let (row, is_null) = match expr {
            Expr::IsNull(row) => (row, true),
            Expr::IsNotNull(row) => (row, false),
            _ => return None,
        };
        let Expr::Identifier(relation) = row.as_ref() else { return None };
        let members = self.rows.get(&folded(relation))?;
        let test = |(_, value): &(String, Expr)| match is_null {
            true => Expr::IsNull(Box::new(value.clone())),
            false => Expr::IsNotNull(Box::new(value.clone())),
        };
        let both =
            |left, right| Expr::BinaryOp { left: Box::new(left), op: BinaryOperator::And, right: Box::new(right) };
        members.iter().map(test).reduce(both).map(|all| Expr::Nested(Box::new(all)))
    }

    /// `(t).column`
    fn member(&self, expr: &Expr) -> Option<Expr> {
        let Expr::CompoundFieldAccess { root, access_chain } = expr else { return None };
        let (Expr::Nested(row), [AccessExpr::Dot(Expr::Value(wanted))]) = (root.as_ref(), access_chain.as_slice())
        else {
            return None;
        };
        let (Expr::Identifier(relation), Value::SingleQuotedString(wanted)) = (row.as_ref(), &wanted.value) else {
            return None;
        };
        let members = self.rows.get(&folded(relation))?;
        members.iter().find(|(name, _)| name == wanted).map(|(_, value)| value.clone())
    }
}

impl VisitorMut for Rows {
    type Break = ();

    fn pre_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
        if let Some(member) = self.member(expr) {
            *expr = member;
        }
        if let Some(test) = self.null_test(expr) {
            *expr = test;
        }
        if let Expr::Cast { expr: row, data_type: DataType::Text | DataType::Varchar(None), .. } = expr
            && let Some(text) = self.shown(row)
        {
            *expr = text;
        }
        if let Expr::Function(Function { args: FunctionArguments::List(list), .. }) = expr {
            for argument in &mut list.args {
                if let FunctionArg::Unnamed(FunctionArgExpr::Expr(value)) = argument
                    && !matches!(value, Expr::Tuple(_))
                    && let Some(members) = self.members(value)
                {
                    *value = structure(members);
                }
            }
        }
        ControlFlow::Continue(())
    }
}
