//! Literals that PostgreSQL reads otherwise than the tokenizer does.

use datafusion::sql::sqlparser::tokenizer::{Token, TokenWithSpan, Whitespace};

use super::position::Positions;
use crate::error::{Error, ErrorKind, Result};

/// Without white space; `U&'…'` and `N'…'` as plain literals, and those that a line's end stands between as one, as the
/// standard has it.
pub fn joined(tokens: &[TokenWithSpan]) -> Vec<TokenWithSpan> {
    let mut out: Vec<TokenWithSpan> = Vec::with_capacity(tokens.len());
    let mut new_line = false;
    for token in tokens {
        let mut token = token.clone();
        match &mut token.token {
            Token::Whitespace(space) => {
                new_line |= matches!(space, Whitespace::Newline | Whitespace::SingleLineComment { .. });
                continue;
            }
            Token::EOF => continue,
            // its escapes are read by now
            Token::UnicodeStringLiteral(text) | Token::NationalStringLiteral(text) => {
                token.token = Token::SingleQuotedString(std::mem::take(text));
            }
            _ => {}
        }
        match (&token.token, out.last_mut()) {
            (
                Token::SingleQuotedString(text),
                Some(TokenWithSpan {
                    token: Token::SingleQuotedString(before) | Token::EscapedStringLiteral(before),
                    span,
                }),
            ) if new_line => {
                before.push_str(text);
                span.end = token.span.end;
            }
            _ => out.push(token),
        }
        new_line = false;
    }
    out
}

fn is_behind_operator(before: &[TokenWithSpan]) -> bool {
    let last = before.iter().rev().map(|token| &token.token).find(|token| !matches!(token, Token::Whitespace(_)));
    matches!(last, Some(Token::Ampersand | Token::Pipe | Token::Sharp | Token::Tilde | Token::Eq | Token::Neq))
}

/// # Errors
/// `42601` for a name without a letter, for one right behind a number, which would be a column's name, and for hexadecimal
/// numbers, which would be bytes; `0A000` for strings of bits: there is no such type.
pub fn check(tokens: &[TokenWithSpan], sql: &str, positions: &Positions) -> Result<()> {
    for (at, token) in tokens.iter().enumerate() {
        let place = || positions.chars_before(token.span.start) + 1;
        let junk = |text: &str| {
            let message = format!("trailing junk after numeric literal at or near \"{text}\"");
            Error::new(ErrorKind::SyntaxError, message).at(place())
        };
        match (&token.token, tokens.get(at + 1)) {
            (Token::Word(word), _) if word.quote_style == Some('"') && word.value.is_empty() => {
                let message = "zero-length delimited identifier at or near \"\"\"\"";
                return Err(Error::new(ErrorKind::SyntaxError, message).at(place()));
            }
            (Token::Number(digits, _), _) if digits.contains('_') => return Err(junk(digits)),
            (Token::Number(digits, _), Some(TokenWithSpan { token: Token::Word(word), span }))
                if word.quote_style.is_none() && span.start == token.span.end =>
            {
                return Err(junk(&format!("{digits}{}", word.value)));
            }
            // beside bits that become numbers it is one, too
            (Token::SingleQuotedByteStringLiteral(_), _) if is_behind_operator(&tokens[..at]) => {}
            (Token::HexStringLiteral(_) | Token::SingleQuotedByteStringLiteral(_), _) => {
                let (text, _) = positions.slice(sql, &tokens[at..=at]);
                if text.starts_with('0') {
                    return Err(junk(text));
                }
                return Err(Error::new(ErrorKind::FeatureNotSupported, "strings of bits are not supported")
                    .with_hint("bytes are written '\\x1f'::bytea")
                    .at(place()));
            }
            _ => {}
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::dialect::{parse, parse_single};

    #[test]
    fn literals_go_on_behind_the_end_of_a_line() {
        for (sql, expected) in [
            ("SELECT 'a'\n  'b' AS x", "SELECT 'ab' AS x"),
            ("SELECT 'a' -- more\n'b'\n'c' AS x", "SELECT 'abc' AS x"),
            ("SELECT N'a' AS x", "SELECT 'a' AS x"),
        ] {
            assert_eq!(parse_single(sql).unwrap().ast.to_string(), expected);
        }
        assert_eq!(parse("SELECT 'a' 'b'").unwrap_err().message(), "syntax error at or near \"'b'\"");
    }

    #[test]
    fn what_would_be_read_as_something_else_is_refused() {
        for (sql, message) in [
            ("SELECT 1a", "trailing junk after numeric literal at or near \"1a\""),
            ("SELECT 1_000", "trailing junk after numeric literal at or near \"1_000\""),
            ("SELECT 0x1f", "trailing junk after numeric literal at or near \"0x1f\""),
            ("SELECT \"\"", "zero-length delimited identifier at or near \"\"\"\""),
            ("SELECT x'1f'", "strings of bits are not supported"),
            ("SELECT b'101'", "strings of bits are not supported"),
        ] {
            let error = parse(sql).unwrap_err();
            assert_eq!((error.message(), error.position()), (message, Some(8)), "{sql}");
        }
        assert!(parse("SELECT 1 a, 1e5, .5, 5., 1e-3 FROM t1").is_ok());
    }
}
