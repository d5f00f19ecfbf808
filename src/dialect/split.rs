//! A token stream as the token runs of its statements.

use datafusion::sql::sqlparser::tokenizer::{Token, TokenWithSpan};

/// The statements between semicolons, trimmed of white space and comments; empty ones left out.
pub fn statements(tokens: &[TokenWithSpan]) -> impl Iterator<Item = &[TokenWithSpan]> {
    tokens.split(|token| token.token == Token::SemiColon).filter_map(trim)
}

fn trim(tokens: &[TokenWithSpan]) -> Option<&[TokenWithSpan]> {
    let is_text = |token: &TokenWithSpan| !matches!(token.token, Token::Whitespace(_) | Token::EOF);
    let first = tokens.iter().position(is_text)?;
    let last = tokens.iter().rposition(is_text)?;
    tokens.get(first..=last)
}
