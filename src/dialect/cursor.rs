//! FETCH and MOVE as PostgreSQL writes them: sqlparser wants FROM before the cursor and a number after FORWARD.

use datafusion::sql::sqlparser::ast::{
    FetchDirection, FetchPosition, Ident, ObjectName, Statement, Value, ValueWithSpan,
};
use datafusion::sql::sqlparser::tokenizer::{Token, TokenWithSpan, Word};

/// A MOVE is a FETCH into this: the tree has no statement of its own for it.
pub const MOVE: &str = "move";

/// `{ FETCH | MOVE } [direction] [FROM | IN] cursor`; `None` where it is something else.
pub fn parse_fetch(tokens: &[TokenWithSpan]) -> Option<Statement> {
    let mut rest = Rest(tokens);
    let into = match rest.keyword()?.as_str() {
        "fetch" => None,
        "move" => Some(ObjectName::from(vec![Ident::new(MOVE)])),
        _ => return None,
    };
    let direction = rest.direction();
    let position = if rest.take("in") { FetchPosition::In } else { FetchPosition::From };
    rest.take("from");
    let [TokenWithSpan { token: Token::Word(word), .. }] = rest.0 else { return None };
    let name = word.clone().into_ident(tokens.last()?.span);
    Some(Statement::Fetch { name, direction, position, into })
}

struct Rest<'a>(&'a [TokenWithSpan]);

impl Rest<'_> {
    /// The next token's text, if it is a bare word; takes it.
    fn keyword(&mut self) -> Option<String> {
        let (first, rest) = self.0.split_first()?;
        match &first.token {
            Token::Word(Word { value, quote_style: None, .. }) => {
                self.0 = rest;
                Some(value.to_ascii_lowercase())
            }
            _ => None,
        }
    }

    fn take(&mut self, word: &str) -> bool {
        let before = self.0;
        let found = self.keyword().as_deref() == Some(word);
        if !found {
            self.0 = before;
        }
        found
    }

    fn number(&mut self) -> Option<ValueWithSpan> {
        let (sign, digits, rest) = match self.0 {
            [TokenWithSpan { token: Token::Minus, .. }, digits, rest @ ..] => ("-", digits, rest),
            [TokenWithSpan { token: Token::Plus, .. }, digits, rest @ ..] | [digits, rest @ ..] => ("", digits, rest),
            [] => return None,
        };
        let Token::Number(text, _) = &digits.token else { return None };
        self.0 = rest;
        Some(ValueWithSpan { value: Value::Number(format!("{sign}{text}"), false), span: digits.span })
    }

    /// NEXT where none is written. A last word is the cursor's name, whatever it says.
    fn direction(&mut self) -> FetchDirection {
        if let Some(limit) = self.number() {
            return FetchDirection::Count { limit };
        }
        let before = self.0;
        let word = if before.len() > 1 { self.keyword() } else { None };
        let direction = match word.as_deref() {
            Some("next") => Some(FetchDirection::Next),
            Some("prior") => Some(FetchDirection::Prior),
            Some("first") => Some(FetchDirection::First),
            Some("last") => Some(FetchDirection::Last),
            Some("all") => Some(FetchDirection::All),
            Some("absolute") => self.number().map(|limit| FetchDirection::Absolute { limit }),
            Some("relative") => self.number().map(|limit| FetchDirection::Relative { limit }),
            Some("forward") if self.take("all") => Some(FetchDirection::ForwardAll),
            Some("forward") => Some(FetchDirection::Forward { limit: self.number() }),
            Some("backward") if self.take("all") => Some(FetchDirection::BackwardAll),
            Some("backward") => Some(FetchDirection::Backward { limit: self.number() }),
            _ => None,
        };
        direction.unwrap_or_else(|| {
            self.0 = before;
            FetchDirection::Next
        })
    }
}

#[cfg(test)]
mod tests {
    use crate::dialect::parse_single;

    fn check(sql: &str, expected: &str) {
        assert_eq!(parse_single(sql).unwrap().ast.to_string(), expected, "{sql}");
    }

    #[test]
    fn directions_may_be_left_out() {
        check("fetch c", "FETCH NEXT FROM c");
        check("FETCH 10 in c", "FETCH 10 IN c");
        check("fetch forward from c", "FETCH FORWARD FROM c");
        check("fetch backward all c", "FETCH BACKWARD ALL FROM c");
        check("fetch relative -2 from \"A b\"", "FETCH RELATIVE -2 FROM \"A b\"");
        check("fetch next", "FETCH NEXT FROM next");
        check("move 5 c", "FETCH 5 FROM c INTO move");
        assert!(parse_single("fetch 1 2 from c").is_err());
    }
}
