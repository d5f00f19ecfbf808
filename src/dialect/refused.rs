//! Statements that PostgreSQL refuses, and that DataFusion would answer, or would not know.

use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{
    DescribeAlias, Expr, Ident, OrderBy, OrderByKind, Query, Select, SelectItem, SetExpr, Statement as Ast,
    TableFactor, TableSampleKind, Visit, Visitor,
};
use datafusion::sql::sqlparser::tokenizer::{Token, TokenWithSpan};

use super::position::{operator_position, place_of, quoted_position};
use super::ungrammatical::{self, Around, Complaint};
use super::{folded, foreign, windows};
use crate::error::{Error, ErrorKind, Result};

/// # Errors
/// `42601` for clauses of other databases, which would be left out: `DELETE … LIMIT 1` is not to delete all; `42702` for a
/// name in ORDER BY that two columns have; `0A000` for a sample that is to be the same again.
pub fn check(statement: &super::Statement) -> Result<()> {
    // what a setting is set to is no expression
    if matches!(statement.ast, Ast::Set(_)) {
        return Ok(());
    }
    match statement.ast.visit(&mut Finder::default()) {
        ControlFlow::Continue(()) => Ok(()),
        ControlFlow::Break(Refused::Foreign(word)) => {
            let error = syntax_error(statement, word);
            Err(if word == "join" {
                error.with_hint("say with ON or USING which rows belong together, or CROSS JOIN for all with all")
            } else {
                error
            })
        }
        ControlFlow::Break(Refused::Quoted(name)) => {
            let error = Error::new(ErrorKind::SyntaxError, format!("syntax error at or near \"{name}\""));
            Err(match quoted_position(statement, &name.value) {
                Some(position) => error.at(position),
                None => error,
            })
        }
        ControlFlow::Break(Refused::Ungrammatical(complaint)) => Err(complaint.placed(statement)),
        ControlFlow::Break(Refused::Sample) => {
            Err(Error::new(ErrorKind::FeatureNotSupported, "TABLESAMPLE with REPEATABLE is not supported")
                .with_hint("leave REPEATABLE out, or keep the sample in a table"))
        }
        ControlFlow::Break(Refused::Ambiguous(name)) => {
            let message = format!("ORDER BY \"{}\" is ambiguous", folded(&name));
            Err(at_ident(statement, Error::new(ErrorKind::AmbiguousColumn, message), &name))
        }
    }
}

fn at_ident(statement: &super::Statement, error: Error, ident: &Ident) -> Error {
    match place_of(statement, ident) {
        Some(position) => error.at(position),
        None => error,
    }
}

fn syntax_error(statement: &super::Statement, word: &str) -> Error {
    let error = Error::new(ErrorKind::SyntaxError, format!("syntax error at or near \"{word}\""));
    match operator_position(statement, word) {
        Some(position) => error.at(position),
        None => error,
    }
}

/// What other databases' words for columns stand after: types of integers, and the ends of other conditions.
const BEFORE_SWALLOWED: &[&str] =
    &["int", "integer", "bigint", "smallint", "int2", "int4", "int8", "tinyint", "mediumint", "null", "key"];

/// Words after a column's type that the parser swallows.
///
/// # Errors
/// `42601`.
pub fn swallowed(tokens: &[TokenWithSpan], statement: &super::Statement) -> Result<()> {
    if !matches!(&statement.ast, Ast::CreateTable(table) if table.query.is_none()) {
        return Ok(());
    }
    let tokens: Vec<&Token> =
        tokens.iter().map(|token| &token.token).filter(|token| !matches!(token, Token::Whitespace(_))).collect();
    let found = tokens.windows(2).find_map(|pair| match pair {
        [Token::Word(before), Token::Word(word)]
            if word.quote_style.is_none() && BEFORE_SWALLOWED.contains(&before.value.to_ascii_lowercase().as_str()) =>
        {
            let known = ["auto_increment", "autoincrement", "unsigned"];
            known.into_iter().find(|known| word.value.eq_ignore_ascii_case(known))
        }
        _ => None,
    });
    found.map_or(Ok(()), |word| Err(syntax_error(statement, word)))
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
    /// A clause of another database, by its word.
    Foreign(&'static str),
    Ambiguous(Ident),
    /// A literal where a column's name belongs.
    Quoted(Ident),
    Ungrammatical(Box<Complaint>),
    Sample,
}

#[derive(Default)]
struct Finder {
    around: Around,
}

impl Visitor for Finder {
    type Break = Refused;

    fn pre_visit_statement(&mut self, statement: &Ast) -> ControlFlow<Refused> {
        match statement {
            Ast::ExplainTable { describe_alias: DescribeAlias::Explain, table_name, .. } => {
                said(ungrammatical::explained(table_name))
            }
            other => known(foreign::in_statement(other)),
        }
    }

    fn pre_visit_query(&mut self, query: &Query) -> ControlFlow<Refused> {
        known(foreign::in_query(query))?;
        let (SetExpr::Select(select), Some(OrderBy { kind: OrderByKind::Expressions(order), .. })) =
            (query.body.as_ref(), &query.order_by)
        else {
            return ControlFlow::Continue(());
        };
        known(order.iter().find_map(foreign::in_order))?;
        said(order.iter().find_map(|order| ungrammatical::distinct_order(select, &order.expr)))?;
        match order.iter().find_map(|order| ambiguous(select, &order.expr)) {
            Some(name) => ControlFlow::Break(Refused::Ambiguous(name.clone())),
            None => ControlFlow::Continue(()),
        }
    }

    fn pre_visit_select(&mut self, select: &Select) -> ControlFlow<Refused> {
        known(foreign::in_select(select))?;
        said(windows::contradicted(select).map(|(name, error)| Complaint::in_parentheses(error, &name)))?;
        let quoted = select.projection.iter().find_map(|item| match item {
            SelectItem::ExprWithAlias { alias, .. } if alias.quote_style == Some('\'') => Some(alias.clone()),
            _ => None,
        });
        quoted.map_or(ControlFlow::Continue(()), |name| ControlFlow::Break(Refused::Quoted(name)))
    }

    fn pre_visit_table_factor(&mut self, factor: &TableFactor) -> ControlFlow<Refused> {
        known(foreign::in_factor(factor))?;
        match factor {
            TableFactor::Table {
                sample: Some(TableSampleKind::BeforeTableAlias(sample) | TableSampleKind::AfterTableAlias(sample)),
                ..
            } if sample.seed.is_some() => ControlFlow::Break(Refused::Sample),
            _ => ControlFlow::Continue(()),
        }
    }

    fn pre_visit_expr(&mut self, expr: &Expr) -> ControlFlow<Refused> {
        known(foreign::in_expr(expr))?;
        said(self.around.enter(expr))
    }

    fn post_visit_expr(&mut self, expr: &Expr) -> ControlFlow<Refused> {
        self.around.leave(expr);
        ControlFlow::Continue(())
    }
}

fn said(complaint: Option<Box<Complaint>>) -> ControlFlow<Refused> {
    complaint.map_or(ControlFlow::Continue(()), |complaint| ControlFlow::Break(Refused::Ungrammatical(complaint)))
}

fn known(word: Option<&'static str>) -> ControlFlow<Refused> {
    word.map_or(ControlFlow::Continue(()), |word| ControlFlow::Break(Refused::Foreign(word)))
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
    let bare = |expr: &Expr| matches!(expr, Expr::Identifier(_));
    let cast = |expr: &Expr| matches!(expr, Expr::Cast { .. });
    let column = |expr: &Expr| column_of(expr).map(folded);
    let alike = |other: &Expr| column(other).is_some() && column(other) == column(first);
    let one = |other: &Expr| cast(other) == cast(first) && alike(other) && (bare(other) || bare(first));
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

#[cfg(test)]
mod tests {
    use crate::dialect::parse;

    #[test]
    fn clauses_of_other_databases_are_not_left_out() {
        for (sql, word) in [
            ("DELETE FROM t LIMIT 1", "limit"),
            ("DELETE FROM t ORDER BY a LIMIT 1", "order"),
            ("DELETE a FROM t", "delete"),
            ("UPDATE t SET a = 1 LIMIT 1", "limit"),
            ("INSERT OR REPLACE INTO t VALUES (1)", "or"),
            ("INSERT INTO t VALUES (1) ON DUPLICATE KEY UPDATE a = 1", "duplicate"),
            ("EXPLAIN DELETE FROM t LIMIT 1", "limit"),
            ("SELECT a FROM t CONNECT BY a = 1", "BY"),
            ("CREATE TABLE t (a int AUTO_INCREMENT)", "auto_increment"),
            ("CREATE TABLE t (a int unsigned)", "unsigned"),
            ("CREATE EXTERNAL TABLE t (a int) STORED AS PARQUET LOCATION 'x'", "external"),
        ] {
            let error = parse(sql).unwrap_err();
            assert_eq!(error.message(), format!("syntax error at or near \"{word}\""), "{sql}");
            assert!(error.position().is_some(), "{sql}");
        }
        for sql in [
            "CREATE TABLE t (unsigned int, a int check (a > 0 and unsigned > 0))",
            "ALTER TABLE t ADD unsigned int",
            "CREATE TABLE t AS SELECT a::int unsigned FROM u",
        ] {
            assert!(parse(sql).is_ok(), "{sql}");
        }
    }
}
