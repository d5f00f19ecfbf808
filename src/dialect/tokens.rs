//! A text as PostgreSQL's lexer reads it.
//!
//! Invariant: tokens carry the spans of what they were read from.

use datafusion::sql::sqlparser::ast::Ident;
use datafusion::sql::sqlparser::dialect::PostgreSqlDialect;
use datafusion::sql::sqlparser::tokenizer::{Span, Token, TokenWithSpan, Tokenizer, TokenizerError};

use super::folded;

/// Signs of which one has to be in an operator that ends in a sign of numbers.
const OF_OPERATORS: [char; 10] = ['~', '!', '@', '#', '%', '^', '&', '|', '`', '?'];

/// The tokens of a text, white space and comments among them.
///
/// # Errors
/// sqlparser's, where a quote or a comment does not end.
pub(super) fn tokenized(sql: &str) -> Result<Vec<TokenWithSpan>, TokenizerError> {
    let tokens = Tokenizer::new(&PostgreSqlDialect {}, sql).tokenize_with_location()?;
    if !tokens.iter().any(|token| matches!(token.token, Token::CustomBinaryOperator(_))) {
        return Ok(tokens);
    }
    Ok(tokens.into_iter().flat_map(without_signs).collect())
}

/// [`tokenized`], without white space and comments.
pub(super) fn bare(sql: &str) -> Result<Vec<TokenWithSpan>, TokenizerError> {
    let mut tokens = tokenized(sql)?;
    tokens.retain(|token| !matches!(token.token, Token::Whitespace(_)));
    Ok(tokens)
}

/// The name that a word is.
pub(super) fn name_of(token: &TokenWithSpan) -> Option<String> {
    match &token.token {
        Token::Word(word) => {
            Some(folded(&Ident { value: word.value.clone(), quote_style: word.quote_style, span: token.span }))
        }
        _ => None,
    }
}

/// `a>-1`: a sign at the end is no part of the operator before it, but for operators with signs that only they have.
fn without_signs(token: TokenWithSpan) -> Vec<TokenWithSpan> {
    let Token::CustomBinaryOperator(operator) = &token.token else { return vec![token] };
    let plain = operator.trim_end_matches(['+', '-']);
    if plain.is_empty() || plain.len() == operator.len() || plain.contains(OF_OPERATORS) {
        return vec![token];
    }
    let mut at = token.span.start;
    let mut piece = |text: &str| {
        let read =
            Tokenizer::new(&PostgreSqlDialect {}, text).tokenize().ok().and_then(|tokens| tokens.into_iter().next());
        let start = at;
        at.column += text.chars().count() as u64;
        TokenWithSpan { token: read.unwrap_or(Token::EOF), span: Span::new(start, at) }
    };
    let signs = &operator[plain.len()..];
    let mut pieces = vec![piece(plain)];
    pieces.extend(signs.split("").filter(|sign| !sign.is_empty()).map(piece));
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signs_behind_operators_are_those_of_numbers() {
        let shown = |sql: &str| {
            let tokens = tokenized(sql).unwrap();
            tokens.iter().map(|token| format!("{}:{}", token.token, token.span.start.column)).collect::<Vec<_>>()
        };
        assert_eq!(shown("a>-1"), ["a:1", ">:2", "-:3", "1:4"]);
        assert_eq!(shown("a<>-+1"), ["a:1", "<>:2", "-:4", "+:5", "1:6"]);
        assert_eq!(shown("j->>-1"), ["j:1", "->>:2", "-:5", "1:6"]);
    }
}
