//! Statements that PostgreSQL refuses, and that DataFusion would answer, or would not know.

use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{
    Expr, Ident, OrderBy, OrderByKind, Query, Select, SelectItem, SetExpr, TableFactor, TableSampleKind, Visit, Visitor,
};
use datafusion::sql::sqlparser::tokenizer::{Token, TokenWithSpan};

use super::folded;
use super::position::place_of;
use crate::error::{Error, ErrorKind, Result};

/// # Errors
/// `42702` for a name in ORDER BY that two columns have; `0A000` for a sample that is to be the same again.
pub fn check(statement: &super::Statement) -> Result<()> {
    match statement.ast.visit(&mut Finder) {
        ControlFlow::Continue(()) => Ok(()),
        ControlFlow::Break(Refused::Sample) => {
            Err(Error::new(ErrorKind::FeatureNotSupported, "TABLESAMPLE with REPEATABLE is not supported")
                .with_hint("leave REPEATABLE out, or keep the sample in a table"))
        }
        ControlFlow::Break(Refused::Ambiguous(name)) => {
            let message = format!("ORDER BY \"{}\" is ambiguous", folded(&name));
            let error = Error::new(ErrorKind::AmbiguousColumn, message);
            Err(match place_of(statement, &name) {
                Some(position) => error.at(position),
                None => error,
            })
        }
    }
}

/// Two-phase commit, as a PostgreSQL without `max_prepared_transactions` answers it.
///
/// # Errors
/// `55000` for PREPARE TRANSACTION; `42704` for what would end one: there is none.
pub fn two_phase(tokens: &[TokenWithSpan]) -> Result<()> {
    let mut tokens = tokens.iter().map(|token| &token.token).filter(|token| !matches!(token, Token::Whitespace(_)));
    let mut word = || match tokens.next() {
        Some(Token::Word(word)) if word.quote_style.is_none() => word.value.to_ascii_lowercase(),
        _ => String::new(),
    };
    match (word().as_str(), word().as_str()) {
        ("prepare", "transaction") => {
            Err(Error::new(ErrorKind::ObjectNotInPrerequisiteState, "prepared transactions are disabled")
                .with_hint("use COMMIT: a transaction of any number of tables is one release"))
        }
        ("commit" | "rollback", "prepared") => {
            let name = match tokens.next() {
                Some(Token::SingleQuotedString(name)) => name.as_str(),
                _ => "",
            };
            let message = format!("prepared transaction with identifier \"{name}\" does not exist");
            Err(Error::new(ErrorKind::UndefinedObject, message))
        }
        _ => Ok(()),
    }
}

enum Refused {
    Ambiguous(Ident),
    Sample,
}

struct Finder;

impl Visitor for Finder {
    type Break = Refused;

    fn pre_visit_table_factor(&mut self, factor: &TableFactor) -> ControlFlow<Refused> {
        match factor {
            TableFactor::Table {
                sample: Some(TableSampleKind::BeforeTableAlias(sample) | TableSampleKind::AfterTableAlias(sample)),
                ..
            } if sample.seed.is_some() => ControlFlow::Break(Refused::Sample),
            _ => ControlFlow::Continue(()),
        }
    }

    fn pre_visit_query(&mut self, query: &Query) -> ControlFlow<Refused> {
        if let (SetExpr::Select(select), Some(OrderBy { kind: OrderByKind::Expressions(order), .. })) =
            (query.body.as_ref(), &query.order_by)
            && let Some(name) = order.iter().find_map(|order| ambiguous(select, &order.expr))
        {
            return ControlFlow::Break(Refused::Ambiguous(name.clone()));
        }
        ControlFlow::Continue(())
    }
}

/// The name, if columns of the result that differ both have it.
fn ambiguous<'e>(select: &Select, order: &'e Expr) -> Option<&'e Ident> {
    let Expr::Identifier(name) = order else { return None };
    let wanted = folded(name);
    fn named<'s>(item: &'s SelectItem, wanted: &str) -> Option<&'s Expr> {
        let (name, expr) = match item {
            SelectItem::ExprWithAlias { expr, alias } => (alias, expr),
            SelectItem::UnnamedExpr(expr) => (column_of(expr)?, expr),
            _ => return None,
        };
        (folded(name) == wanted).then_some(expr)
    }
    let mut columns = select.projection.iter().filter_map(|item| named(item, &wanted));
    let first = columns.next()?;
    // `a` and `t.a` may be one column
    let bare = |expr: &Expr| matches!(expr, Expr::Identifier(column) if folded(column) == wanted);
    let cast = |expr: &Expr| matches!(expr, Expr::Cast { .. });
    let one = |other: &Expr| cast(other) == cast(first) && (bare(other) || bare(first));
    columns.any(|other| other != first && !one(other)).then_some(name)
}

/// The column that an expression without a name is named after.
fn column_of(expr: &Expr) -> Option<&Ident> {
    match expr {
        Expr::Identifier(column) => Some(column),
        Expr::CompoundIdentifier(path) => path.last(),
        Expr::Cast { expr, .. } => column_of(expr),
        _ => None,
    }
}
