//! `a JOIN b JOIN c ON … ON …` → `a JOIN (b JOIN c ON …) ON …`: a condition belongs to the last JOIN that has none yet.
//!
//! Blocked by: sqlparser takes the condition right behind a relation only. Remove when it does not.

use datafusion::sql::sqlparser::tokenizer::{Token, TokenWithSpan};

use super::syntax::is_word;

/// A JOIN that waits for its condition.
struct Waiting {
    /// The token that its relation begins with.
    relation: usize,
    /// Parentheses around it.
    depth: usize,
    /// Whether another JOIN stands between it and its condition.
    holds: bool,
}

pub fn rewrite(tokens: &mut Vec<TokenWithSpan>) {
    // where a parenthesis is to stand before a token, in the order of the tokens
    let mut added: Vec<(usize, Token)> = Vec::new();
    let mut waiting: Vec<Waiting> = Vec::new();
    let mut depth = 0_usize;
    for at in 0..tokens.len() {
        let is = |at: usize, text: &str| is_word(tokens.get(at), text);
        match tokens[at].token {
            Token::LParen => depth += 1,
            Token::RParen => {
                waiting.retain(|join| join.depth < depth);
                depth = depth.saturating_sub(1);
            }
            Token::SemiColon => waiting.clear(),
            _ if is(at, "join") => {
                if let Some(last) = waiting.last_mut().filter(|last| last.depth == depth) {
                    last.holds = true;
                }
                let back = |steps: usize, text: &str| at.checked_sub(steps).is_some_and(|at| is(at, text));
                let sided = if back(1, "outer") {
                    2
                } else {
                    usize::from(["inner", "left", "right", "full"].iter().any(|side| back(1, side)))
                };
                if !back(1, "cross") && !back(sided + 1, "natural") {
                    waiting.push(Waiting { relation: at + 1, depth, holds: false });
                }
            }
            _ if is(at, "on") || is(at, "using") => {
                if waiting.last().is_some_and(|last| last.depth == depth)
                    && let Some(Waiting { relation, holds: true, .. }) = waiting.pop()
                {
                    added.extend([(relation, Token::LParen), (at, Token::RParen)]);
                }
            }
            _ => {}
        }
    }
    added.sort_by_key(|(at, _)| *at);
    for (at, token) in added.into_iter().rev() {
        let span = tokens[at].span;
        tokens.insert(at, TokenWithSpan { token, span });
    }
}

#[cfg(test)]
mod tests {
    use crate::dialect::parse_single;

    fn check(sql: &str, expected: &str) {
        assert_eq!(parse_single(sql).unwrap().ast.to_string(), expected);
    }

    #[test]
    fn a_condition_belongs_to_the_last_join_without_one() {
        check(
            "SELECT i AS x FROM a JOIN b LEFT JOIN c ON p ON q JOIN d ON r",
            "SELECT i AS x FROM a JOIN (b LEFT JOIN c ON p) ON q JOIN d ON r",
        );
        check(
            "SELECT i AS x FROM a JOIN b JOIN c JOIN d ON p ON q ON r",
            "SELECT i AS x FROM a JOIN (b JOIN (c JOIN d ON p) ON q) ON r",
        );
        check(
            "SELECT i AS x FROM a LEFT OUTER JOIN b CROSS JOIN c ON p",
            "SELECT i AS x FROM a LEFT OUTER JOIN (b CROSS JOIN c) ON p",
        );
        check(
            "SELECT i AS x FROM a JOIN b NATURAL LEFT JOIN c USING (i)",
            "SELECT i AS x FROM a JOIN (b NATURAL LEFT JOIN c) USING(i)",
        );
    }

    #[test]
    fn joins_as_they_mostly_are_stay() {
        for sql in [
            "SELECT i AS x FROM a JOIN b ON p JOIN c ON q",
            "SELECT DISTINCT ON (i) i AS i FROM a JOIN b USING(i) CROSS JOIN c",
            "SELECT i AS x FROM a JOIN (SELECT i AS y FROM b JOIN c ON p) AS d ON q",
            "SELECT i AS x FROM a NATURAL JOIN b, c JOIN LATERAL (SELECT DISTINCT ON (i) i AS i FROM d) AS e ON q",
        ] {
            check(sql, sql);
        }
    }
}
