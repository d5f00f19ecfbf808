//! `ROLLUP ((a + b)::int)` → `ROLLUP (((a + b)::int))`.
//!
//! Blocked by: sqlparser takes a parenthesis at the beginning of a member for one around all of it. Remove when it does not.

use datafusion::sql::sqlparser::tokenizer::{Token, TokenWithSpan};

use super::syntax::is_word;

pub fn rewrite(tokens: &mut Vec<TokenWithSpan>) {
    for at in (0..tokens.len()).rev() {
        let word = |text: &str| is_word(tokens.get(at), text);
        let of_sets = word("sets") && at > 0 && is_word(tokens.get(at - 1), "grouping");
        if (word("rollup") || word("cube") || of_sets) && is(tokens, at + 1, &Token::LParen) {
            wrap_members(tokens, at + 2);
        }
    }
}

fn is(tokens: &[TokenWithSpan], at: usize, token: &Token) -> bool {
    tokens.get(at).is_some_and(|found| found.token == *token)
}

/// Wraps the members of a list whose first begins at `start`, where a parenthesis ends before they do.
fn wrap_members(tokens: &mut Vec<TokenWithSpan>, mut start: usize) {
    while start < tokens.len() {
        let end = end_of(tokens, start, |token| matches!(token, Token::Comma | Token::RParen));
        let mut next = end + 1;
        if is(tokens, start, &Token::LParen) {
            let closing = end_of(tokens, start + 1, |token| *token == Token::RParen);
            if closing + 1 < end
                && let (Some(first), Some(last)) = (tokens.get(start).cloned(), tokens.get(closing).cloned())
            {
                tokens.insert(end, last);
                tokens.insert(start, first);
                next += 2;
            }
        }
        if !is(tokens, next - 1, &Token::Comma) {
            return;
        }
        start = next;
    }
}

/// Where the first such token stands that is in no parentheses opened from `start` on.
fn end_of(tokens: &[TokenWithSpan], start: usize, ends: impl Fn(&Token) -> bool) -> usize {
    let mut depth = 0_usize;
    for (at, TokenWithSpan { token, .. }) in tokens.iter().enumerate().skip(start) {
        match token {
            _ if depth == 0 && ends(token) => return at,
            Token::LParen | Token::LBracket => depth += 1,
            Token::RParen | Token::RBracket => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    tokens.len()
}

#[cfg(test)]
mod tests {
    use crate::dialect::parse_single;

    #[test]
    fn members_may_begin_with_parentheses() {
        for (sql, expected) in [
            ("ROLLUP ((a + b) * c)", "ROLLUP ((a + b) * c)"),
            ("ROLLUP (c, (a)::int, (b) + d)", "ROLLUP (c, (a)::INT, (b) + d)"),
            ("CUBE ((a, b), (c))", "GROUPING SETS ((a, b, c), (a, b), (c), ())"),
            ("GROUPING SETS ((a, (b) + d), (c) + d, ())", "GROUPING SETS ((a, (b) + d), ((c) + d), ())"),
        ] {
            let statement = parse_single(&format!("SELECT count(*) AS n FROM t GROUP BY {sql}")).unwrap();
            assert_eq!(statement.ast.to_string(), format!("SELECT count(*) AS n FROM t GROUP BY {expected}"));
        }
    }
}
