//! `ON CONFLICT (lower(a), b) WHERE active`: what sqlparser does not know of a conflict target, as one name.
//!
//! Invariant: nobody can write such a name, and a target of columns alone stays as it is.

use datafusion::sql::sqlparser::ast::{Expr, Ident};
use datafusion::sql::sqlparser::parser::Parser;
use datafusion::sql::sqlparser::tokenizer::{Token, TokenWithSpan};

use super::definitions::closing;
use super::postgres::Postgres;
use super::syntax::is_word;
use super::tokens::bare;

/// What begins such a name.
const MARK: &str = "conflict\u{1}";
/// Between what is looked for and the condition.
const WHERE: char = '\u{2}';

/// What a conflict target looks for: expressions over a row, and what is true for the rows of the index.
#[derive(Debug, Clone, PartialEq)]
pub struct ConflictKey {
    pub parts: Vec<Expr>,
    pub condition: Option<Expr>,
}

/// The target that the name stands for.
pub fn conflict_key(name: &Ident) -> Option<ConflictKey> {
    let (parts, condition) = name.value.strip_prefix(MARK)?.split_once(WHERE)?;
    let condition = match condition {
        "" => None,
        text => Some(Parser::new(&Postgres).with_tokens_with_locations(bare(text).ok()?).parse_expr().ok()?),
    };
    let mut parser = Parser::new(&Postgres).with_tokens_with_locations(bare(parts).ok()?);
    let mut found = Vec::new();
    loop {
        found.push(parser.parse_expr().ok()?);
        // the operator class of a part tells nothing here
        while matches!(parser.peek_token().token, Token::Word(_) | Token::Period) {
            parser.next_token();
        }
        match parser.next_token().token {
            Token::Comma => {}
            Token::EOF => return Some(ConflictKey { parts: found, condition }),
            _ => return None,
        }
    }
}

pub(super) fn rewrite(tokens: &mut Vec<TokenWithSpan>) {
    for at in (0..tokens.len().saturating_sub(3)).rev() {
        let opens = tokens.get(at + 2).is_some_and(|token| token.token == Token::LParen);
        if !(is_word(tokens.get(at), "on") && is_word(tokens.get(at + 1), "conflict") && opens) {
            continue;
        }
        let Some(close) = closing(tokens, at + 2) else { continue };
        let end = match is_word(tokens.get(close + 1), "where") {
            true => (close + 2..tokens.len()).find(|at| is_word(tokens.get(*at), "do")),
            false => Some(close + 1),
        };
        let inner = &tokens[at + 3..close];
        let plain = inner.iter().enumerate().all(|(index, token)| match &token.token {
            Token::Word(_) => index % 2 == 0,
            Token::Comma => index % 2 == 1,
            _ => false,
        });
        let (Some(end), Some(like)) = (end, inner.first().cloned()) else { continue };
        if plain && end == close + 1 {
            continue;
        }
        let text =
            |tokens: &[TokenWithSpan]| tokens.iter().map(|token| token.token.to_string()).collect::<Vec<_>>().join(" ");
        let name = format!("{MARK}{}{WHERE}{}", text(inner), text(tokens.get(close + 2..end).unwrap_or_default()));
        tokens.drain(close + 1..end);
        let name = TokenWithSpan { token: Token::make_word(&name, Some('"')), span: like.span };
        tokens.splice(at + 3..close, [name]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dialect::parse_single;
    use datafusion::sql::sqlparser::ast::{ConflictTarget, OnInsert, Statement};

    fn of(sql: &str) -> (Vec<String>, Option<String>) {
        let Statement::Insert(insert) = parse_single(sql).unwrap().ast else { panic!("{sql}") };
        let Some(OnInsert::OnConflict(conflict)) = insert.on else { panic!("{sql}") };
        let Some(ConflictTarget::Columns(columns)) = conflict.conflict_target else { panic!("{sql}") };
        match conflict_key(&columns[0]) {
            Some(key) => {
                (key.parts.iter().map(ToString::to_string).collect(), key.condition.map(|expr| expr.to_string()))
            }
            None => (columns.iter().map(ToString::to_string).collect(), None),
        }
    }

    #[test]
    fn targets_are_read_back() {
        let texts = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
        let sql = "insert into t values (1) on conflict (lower(a) text_ops, (b + 1)) where c and d > 0 do nothing";
        assert_eq!(of(sql), (texts(&["lower(a)", "(b + 1)"]), Some("c AND d > 0".to_owned())));
        assert_eq!(of("insert into t values (1) on conflict (a, b) do nothing"), (texts(&["a", "b"]), None));
    }
}
