//! The parser's complaints in PostgreSQL's words.

use datafusion::sql::sqlparser::parser::ParserError;
use datafusion::sql::sqlparser::tokenizer::{Location, Token, TokenWithSpan, TokenizerError};

use super::position::Positions;
use super::ungrammatical::is_of_clause;
use crate::error::{Error, ErrorKind};

pub fn from_tokenizer(sql: &str, error: &TokenizerError) -> Error {
    let positions = Positions::new(sql);
    let before = positions.chars_before(error.location);
    let rest: String = sql.chars().skip(before).collect();
    let message = error.message.to_lowercase();
    let what = if message.contains("unterminated string") || message.contains("single quoted string") {
        "unterminated quoted string"
    } else if message.contains("close delimiter") || message.contains("identifier") {
        "unterminated quoted identifier"
    } else if message.contains("comment") {
        "unterminated /* comment"
    } else if message.contains('$') {
        "unterminated dollar-quoted string"
    } else {
        "syntax error"
    };
    let place = if rest.is_empty() { "at end of input".to_owned() } else { format!("at or near \"{rest}\"") };
    Error::new(ErrorKind::SyntaxError, format!("{what} {place}")).at(before + 1)
}

/// An error of the parser about a run of tokens; `positions` are those of the query string.
pub fn from_parser(positions: &Positions, tokens: &[TokenWithSpan], error: &ParserError) -> Error {
    let message = match error {
        ParserError::TokenizerError(message) | ParserError::ParserError(message) => message,
        ParserError::RecursionLimitExceeded => {
            return Error::new(ErrorKind::StatementTooComplex, "the statement nests too deep")
                .with_hint("split the expression, or use IN (…) or a VALUES list instead of long chains of OR");
        }
    };
    let end = tokens.last().map_or(Location { line: 1, column: 1 }, |token| token.span.end);
    let at_end =
        || Error::new(ErrorKind::SyntaxError, "syntax error at end of input").at(positions.chars_before(end) + 1);
    let Some(location) = location(message) else {
        return if message.contains("found: EOF") { at_end() } else { plain(message) };
    };
    match stumbled_over(tokens, location) {
        Some(token) => {
            let message = format!("syntax error at or near \"{}\"", source_text(&token.token));
            Error::new(ErrorKind::SyntaxError, message).at(positions.chars_before(token.span.start) + 1)
        }
        None => at_end(),
    }
}

/// The token that PostgreSQL does not know how to go on with, where the parser gives up at the location; `None` at the end.
/// The parser takes the words of clauses for names where an operand has to follow, and a word behind `*` for its name.
fn stumbled_over(tokens: &[TokenWithSpan], location: Location) -> Option<&TokenWithSpan> {
    let written: Vec<&TokenWithSpan> =
        tokens.iter().filter(|token| !matches!(token.token, Token::Whitespace(_) | Token::EOF)).collect();
    let at = written.iter().position(|token| token.span.start == location)?;
    let word = |at: usize| match &written.get(at)?.token {
        Token::Word(word) if word.quote_style.is_none() => Some(word.value.to_ascii_lowercase()),
        _ => None,
    };
    let before = |at: usize, back: usize| at.checked_sub(back).and_then(|at| written.get(at)).map(|token| &token.token);
    let wants_operand = |at: usize| {
        use Token as T;
        let operator =
            matches!(before(at, 1), Some(T::Eq | T::Lt | T::Gt | T::LtEq | T::GtEq | T::Neq | T::Plus | T::Minus));
        operator || matches!(before(at, 1), Some(T::Comma | T::Div | T::StringConcat))
    };
    let names_all = |at: usize| {
        let begins =
            at.checked_sub(2).and_then(word).is_some_and(|word| ["select", "distinct", "all"].contains(&word.as_str()));
        before(at, 1) == Some(&Token::Mul) && (begins || matches!(before(at, 2), Some(Token::Comma | Token::Period)))
    };
    let earlier = (1..at).find(|at| match word(*at) {
        Some(word) if is_of_clause(&word) => wants_operand(*at),
        Some(_) => names_all(*at),
        None => false,
    });
    let lacks_by = matches!(word(at).as_deref(), Some("order" | "group")) && word(at + 1).as_deref() != Some("by");
    match earlier {
        Some(earlier) => written.get(earlier).copied(),
        None if lacks_by => written.get(at + 1).copied(),
        None => written.get(at).copied(),
    }
}

fn plain(message: &str) -> Error {
    Error::new(ErrorKind::SyntaxError, format!("syntax error: {}", message.trim_end_matches('.')))
}

/// sqlparser ends its messages with `at Line: 1, Column: 8`.
fn location(message: &str) -> Option<Location> {
    let (_, place) = message.rsplit_once("Line: ")?;
    let (line, column) = place.split_once(", Column: ")?;
    let column: String = column.chars().take_while(char::is_ascii_digit).collect();
    let (line, column) = (line.trim().parse().ok()?, column.parse().ok()?);
    (line > 0).then_some(Location { line, column })
}

fn source_text(token: &Token) -> String {
    match token {
        Token::Word(word) => word.to_string(),
        token => token.to_string(),
    }
}
