//! `COMMENT ON`, where sqlparser does not know PostgreSQL's syntax: put into words it knows, token by token.
//!
//! | PostgreSQL | becomes |
//! |---|---|
//! | `COMMENT ON … IS $$text$$` | `… IS 'text'` |
//! | `COMMENT ON CONSTRAINT c ON t IS …` | on a column of `t`, named [`CONSTRAINT`] and `c` |
//!
//! Invariant: replaced tokens carry the span of what they replace, so later errors point at the user's text.

use datafusion::sql::sqlparser::keywords::Keyword;
use datafusion::sql::sqlparser::tokenizer::{Token, TokenWithSpan, Word};

use super::definitions::is;

/// What the name of a column begins with that stands for a constraint.
pub const CONSTRAINT: &str = "constraint\u{1}";

pub(super) fn rewrite(tokens: &mut Vec<TokenWithSpan>) {
    for slot in tokens.iter_mut() {
        if let Token::DollarQuotedString(text) = &slot.token {
            slot.token = Token::SingleQuotedString(text.value.clone());
        }
    }
    if is(tokens.get(2), "constraint")
        && is(tokens.get(4), "on")
        && let Some(end) = tokens.iter().position(|token| is(Some(token), "is"))
        && let Some(Token::Word(name)) = tokens.get(3).map(|slot| slot.token.clone())
    {
        let is_quoted = name.quote_style.is_some();
        let name = format!("{CONSTRAINT}{}", if is_quoted { name.value } else { name.value.to_lowercase() });
        let name = Token::Word(Word { value: name, quote_style: Some('"'), keyword: Keyword::NoKeyword });
        let span = tokens[3].span;
        tokens.splice(end..end, [TokenWithSpan { token: Token::Period, span }, TokenWithSpan { token: name, span }]);
        tokens[2].token = Token::make_keyword("COLUMN");
        tokens.drain(3..5);
    }
}

#[cfg(test)]
mod tests {
    use crate::dialect::parse_single;

    #[test]
    fn constraints_are_columns_of_a_name() {
        let sql = "comment on constraint C on s.t is $$so$$";
        let expected = "COMMENT ON COLUMN s.t.\"constraint\u{1}c\" IS 'so'";
        assert_eq!(parse_single(sql).unwrap().ast.to_string(), expected);
    }
}
