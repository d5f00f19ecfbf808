//! Queries that DataFusion would answer with other rows than PostgreSQL, without a word: they are refused.
//!
//! Invariant: what is refused here has another way to be said, and the hint says it.

use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{
    JoinConstraint, JoinOperator, Query, Select, SetExpr, SetOperator, SetQuantifier, Statement, Visit, Visitor,
};
use datafusion::sql::sqlparser::tokenizer::{Token, TokenWithSpan};

use crate::error::{Error, ErrorKind, Result};

/// # Errors
/// `0A000` for the first such query in the statement.
pub fn check(statement: &Statement) -> Result<()> {
    match statement.visit(&mut Finder) {
        ControlFlow::Continue(()) => Ok(()),
        ControlFlow::Break((what, hint)) => {
            Err(Error::new(ErrorKind::FeatureNotSupported, format!("{what} is not supported")).with_hint(hint))
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

struct Finder;

impl Visitor for Finder {
    /// What is refused, and what to write instead.
    type Break = (&'static str, &'static str);

    fn pre_visit_query(&mut self, query: &Query) -> ControlFlow<Self::Break> {
        set_operations(&query.body)
    }

    fn pre_visit_select(&mut self, select: &Select) -> ControlFlow<Self::Break> {
        for join in select.from.iter().flat_map(|table| &table.joins) {
            let constraint = match &join.join_operator {
                JoinOperator::Right(constraint)
                | JoinOperator::RightOuter(constraint)
                | JoinOperator::FullOuter(constraint) => constraint,
                _ => continue,
            };
            // the common column would be the left side's, which is null where only the right side has a row
            if matches!(constraint, JoinConstraint::Using(_) | JoinConstraint::Natural) {
                return ControlFlow::Break((
                    "RIGHT or FULL JOIN with USING or NATURAL",
                    "join with ON a.id = b.id and select coalesce(a.id, b.id)",
                ));
            }
        }
        ControlFlow::Continue(())
    }
}

/// DataFusion does not count how often a row occurs on each side.
fn set_operations(body: &SetExpr) -> ControlFlow<(&'static str, &'static str)> {
    let SetExpr::SetOperation { op, set_quantifier, left, right } = body else { return ControlFlow::Continue(()) };
    match (op, set_quantifier) {
        (SetOperator::Except, SetQuantifier::All) => ControlFlow::Break((
            "EXCEPT ALL",
            "number equal rows by row_number() over (partition by all columns) on both sides, and use EXCEPT",
        )),
        (SetOperator::Intersect, SetQuantifier::All) => ControlFlow::Break((
            "INTERSECT ALL",
            "number equal rows by row_number() over (partition by all columns) on both sides, and use INTERSECT",
        )),
        _ => {
            set_operations(left)?;
            set_operations(right)
        }
    }
}
