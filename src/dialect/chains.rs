//! Long chains of operators: `a OR b OR c …` is as deep as it is long when it is parsed, and all that goes over a statement goes
//! down to its end.
//!
//! AND, OR, and `||` between texts, are put in other words that mean the same, half of a chain beside the other half. Of other
//! operators a statement may have so many in a row, and no more.
//!
//! Invariant: the operands keep their order.

use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{BinaryOperator, Expr, VisitMut, VisitorMut};
use datafusion::sql::sqlparser::keywords::Keyword;
use datafusion::sql::sqlparser::tokenizer::{Token, TokenWithSpan};

use super::texts::is_text;
use crate::error::{Error, ErrorKind, Result};

/// Operators in a row, AND and OR aside: each is a step down for all that plans.
const LONGEST: usize = 500;
/// AND and OR in a row.
const LONGEST_CONDITION: usize = 50_000;
/// Dimensions of arrays, as in PostgreSQL (`MAXDIM`).
const DIMENSIONS: usize = 6;

/// Refuses what nests too deep by its operators, which a parser goes over without a step down. Whether there is a chain to
/// [`balance`].
///
/// # Errors
/// `54001` for a chain that is too long, `54000` for an array of too many dimensions.
pub(super) fn check(tokens: &[TokenWithSpan]) -> Result<bool> {
    let mut longest = 0;
    let mut open = vec![Level::default()];
    for token in tokens {
        match &token.token {
            Token::LParen => open.push(Level::default()),
            Token::LBracket => {
                let dimensions = open.last().map_or(0, |level| level.dimensions) + 1;
                if dimensions > DIMENSIONS {
                    let message =
                        format!("number of array dimensions ({dimensions}) exceeds the maximum allowed ({DIMENSIONS})");
                    return Err(Error::new(ErrorKind::ProgramLimitExceeded, message));
                }
                open.push(Level { dimensions, ..Level::default() });
            }
            Token::RParen | Token::RBracket if open.len() > 1 => {
                open.pop();
            }
            Token::Comma => {
                if let Some(level) = open.last_mut() {
                    (level.operators, level.conditions) = (0, 0);
                }
            }
            other => {
                if let Some(level) = open.last_mut() {
                    level.count(other);
                    longest = longest.max(level.conditions).max(level.texts);
                    if level.operators.max(level.relations) > LONGEST || level.conditions > LONGEST_CONDITION {
                        let hint = format!(
                            "More than {LONGEST} operators, joins or set operations are in a row: a list may be longer."
                        );
                        let error = Error::new(ErrorKind::StatementTooComplex, "stack depth limit exceeded");
                        return Err(error.with_hint(hint));
                    }
                }
            }
        }
    }
    Ok(longest > SHORT)
}

/// What stands between two parentheses, up to here; operators since the last comma.
#[derive(Default)]
struct Level {
    operators: usize,
    conditions: usize,
    texts: usize,
    /// Joins and set operations.
    relations: usize,
    /// Of brackets within brackets.
    dimensions: usize,
}

impl Level {
    fn count(&mut self, token: &Token) {
        self.texts += usize::from(*token == Token::StringConcat);
        match token {
            Token::Word(word) if word.quote_style.is_none() => match word.keyword {
                // a condition's own operators are no deeper than it
                Keyword::AND | Keyword::OR => (self.operators, self.conditions) = (0, self.conditions + 1),
                Keyword::WHEN | Keyword::THEN | Keyword::ELSE | Keyword::SELECT | Keyword::WHERE | Keyword::VALUES => {
                    self.operators = 0;
                }
                Keyword::UNION | Keyword::EXCEPT | Keyword::INTERSECT | Keyword::JOIN => self.relations += 1,
                Keyword::NOT => self.operators += 1,
                _ => {}
            },
            Token::Plus
            | Token::Minus
            | Token::Mul
            | Token::Div
            | Token::Mod
            | Token::Caret
            | Token::StringConcat
            | Token::DoubleColon
            | Token::Eq
            | Token::Neq
            | Token::Lt
            | Token::Gt
            | Token::LtEq
            | Token::GtEq
            | Token::Ampersand
            | Token::Pipe
            | Token::Arrow
            | Token::LongArrow
            | Token::HashArrow
            | Token::HashLongArrow => self.operators += 1,
            _ => {}
        }
    }
}

/// Has chains of AND, of OR and of texts as deep as their length has digits.
pub(super) fn balance(tree: &mut impl VisitMut) {
    let _ = tree.visit(&mut Balancer);
}

/// Chains that are shorter are left as they are.
const SHORT: usize = 8;

struct Balancer;

impl VisitorMut for Balancer {
    type Break = ();

    fn pre_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
        if let Expr::BinaryOp { op: op @ (BinaryOperator::And | BinaryOperator::Or), .. } = expr {
            let op = op.clone();
            if length(expr, &op) > SHORT {
                let mut operands = Vec::new();
                unlink(expr, &op, &mut operands);
                *expr = joined(operands, &op);
            }
        }
        if are_texts(expr) {
            let mut operands = Vec::new();
            unlink(expr, &BinaryOperator::StringConcat, &mut operands);
            *expr = joined(operands, &BinaryOperator::StringConcat);
        }
        ControlFlow::Continue(())
    }
}

/// Whether it is a chain that joins texts: of arrays and documents it matters which are joined first.
fn are_texts(expr: &Expr) -> bool {
    let join = BinaryOperator::StringConcat;
    if length(expr, &join) <= SHORT {
        return false;
    }
    let mut rest = expr;
    while let Expr::BinaryOp { left, op, right } = rest
        && *op == join
    {
        if !is_text(right) {
            return false;
        }
        rest = left;
    }
    is_text(rest)
}

fn length(mut expr: &Expr, op: &BinaryOperator) -> usize {
    let mut length = 0;
    while let Expr::BinaryOp { left, op: found, .. } = expr
        && found == op
    {
        length += 1;
        expr = left;
    }
    length
}

/// The operands of the chain, in their order; nothing of it is left.
fn unlink(expr: &mut Expr, op: &BinaryOperator, operands: &mut Vec<Expr>) {
    let nothing = || Expr::Identifier("".into());
    let mut rest = std::mem::replace(expr, nothing());
    while let Expr::BinaryOp { left, op: found, right } = rest {
        if found != *op {
            rest = Expr::BinaryOp { left, op: found, right };
            break;
        }
        operands.push(*right);
        rest = *left;
    }
    operands.push(rest);
    operands.reverse();
}

fn joined(mut operands: Vec<Expr>, op: &BinaryOperator) -> Expr {
    if operands.len() == 1 {
        return operands.remove(0);
    }
    let right = operands.split_off(operands.len().div_ceil(2));
    let (left, right) = (joined(operands, op), joined(right, op));
    Expr::BinaryOp { left: Box::new(left), op: op.clone(), right: Box::new(right) }
}

#[cfg(test)]
mod tests {
    use datafusion::sql::sqlparser::ast::{Expr, SelectItem, SetExpr, Statement};

    use crate::dialect::{parse, parse_single};
    use crate::error::ErrorKind;

    #[test]
    fn conditions_are_as_wide_as_they_are_long() {
        let condition = |count: usize| (0..count).map(|n| format!("a = {n}")).collect::<Vec<_>>().join(" OR ");
        for count in [2, 9, 20_000] {
            let sql = format!("SELECT a AS a FROM t WHERE {}", condition(count));
            assert_eq!(parse_single(&sql).unwrap().ast.to_string(), sql);
        }
    }

    #[test]
    fn texts_are_joined_half_beside_half() {
        fn depth(expr: &Expr) -> usize {
            match expr {
                Expr::BinaryOp { left, right, .. } => 1 + depth(left).max(depth(right)),
                _ => 0,
            }
        }
        let of = |operand: &str| {
            let sql = format!("SELECT {} AS x FROM t", vec![operand; 64].join(" || "));
            let ast = parse_single(&sql).unwrap().ast;
            assert_eq!(ast.to_string(), sql);
            let Statement::Query(query) = ast else { return 0 };
            let SetExpr::Select(select) = *query.body else { return 0 };
            match select.projection.as_slice() {
                [SelectItem::ExprWithAlias { expr, .. }] => depth(expr),
                _ => 0,
            }
        };
        assert_eq!(of("lower(a) || '-'"), 7);
        assert_eq!(of("a || '-'"), 127);
    }

    #[test]
    fn what_is_too_deep_is_refused() {
        let kind = |sql: String| parse(&sql).unwrap_err().kind();
        for step in ["1 + ", "'a' || ", "- ", "1 = "] {
            assert_eq!(kind(format!("select {}1", step.repeat(1_000_000))), ErrorKind::StatementTooComplex, "{step}");
        }
        assert_eq!(kind(format!("select 1{}", "::int".repeat(5_000))), ErrorKind::StatementTooComplex);
        assert_eq!(kind(format!("select 1{}", " union select 1".repeat(5_000))), ErrorKind::StatementTooComplex);
        assert_eq!(kind(format!("select {}1{}", "array[".repeat(7), "]".repeat(7))), ErrorKind::ProgramLimitExceeded);
        assert!(parse(&format!("select {}", vec!["1 + 1"; 5_000].join(", "))).is_ok());
    }
}
