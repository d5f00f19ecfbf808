//! Statements that define things, where sqlparser does not know PostgreSQL's syntax: put into words it knows, token by token.
//!
//! | PostgreSQL | becomes |
//! |---|---|
//! | `CREATE UNLOGGED TABLE` | `CREATE TABLE` |
//! | `CREATE RECURSIVE VIEW v (n) AS q` | `CREATE VIEW v (n) AS WITH RECURSIVE v (n) AS (q) SELECT * FROM v` |
//! | `CREATE TABLE t (a, b) AS q` | columns of type [`UNTYPED`] |
//! | `CREATE TABLE t (LIKE u INCLUDING ALL, …)` | a column named [`LIKE`] of type `u(all)` |
//! | `CREATE TABLE … AS q WITH NO DATA` | `CREATE TABLE … STRICT AS q` |
//! | `CREATE MATERIALIZED VIEW … WITH NO DATA` | without it, and [`is_without_data`] |
//! | `WITH (delta.appendOnly = true)` | `WITH ("delta.appendOnly" = true)` |
//! | `ALTER [MATERIALIZED] VIEW v RENAME TO w`, `ALTER SEQUENCE v …`, `ALTER INDEX v …` | `ALTER TABLE v RENAME TO w` |
//! | `ALTER TABLE t SET SCHEMA s`, `REFRESH MATERIALIZED VIEW v`, `VACUUM …` and other commands | `CALL` of a [`Command`](super::Command) |
//!
//! Invariant: replaced tokens carry the span of what they replace, so later errors point at the user's text.

use datafusion::sql::sqlparser::ast::ObjectName;
use datafusion::sql::sqlparser::parser::Parser;
use datafusion::sql::sqlparser::tokenizer::{Token, TokenWithSpan};

use super::postgres::Postgres;
use super::tokens::bare;
use super::{alterations, clauses, comments, grants, sequences};

/// Type of a column of which a statement gives only the name.
pub const UNTYPED: &str = "unknown";
/// Name of a column that stands for those of another table.
pub const LIKE: &str = "like\u{1}";
pub(super) fn is(token: Option<&TokenWithSpan>, word: &str) -> bool {
    matches!(token.map(|t| &t.token), Some(Token::Word(w)) if w.quote_style.is_none() && w.value.eq_ignore_ascii_case(word))
}

pub(super) fn are(tokens: &[TokenWithSpan], at: usize, words: &str) -> bool {
    words.split(' ').enumerate().all(|(index, word)| is(tokens.get(at + index), word))
}

pub(super) fn token(token: Token, like: &TokenWithSpan) -> TokenWithSpan {
    TokenWithSpan { token, span: like.span }
}

fn word(text: &str, like: &TokenWithSpan) -> TokenWithSpan {
    token(Token::make_word(text, None), like)
}

/// Rewrites a statement's tokens, white space dropped.
pub fn rewrite(tokens: &mut Vec<TokenWithSpan>) {
    clauses::rewrite(tokens);
    grants::rewrite(tokens);
    if is(tokens.first(), "create") {
        create(tokens);
    } else if ALTERED.iter().any(|words| are(tokens, 0, words)) {
        alter_as_table(tokens);
    } else if are(tokens, 0, "drop index concurrently") {
        tokens.remove(2);
    }
    if is(tokens.first(), "create") || are(tokens, 0, "alter table") {
        dotted_options(tokens);
        sequences::settle_identity(tokens);
    }
    if are(tokens, 0, "alter table") {
        alterations::rewrite(tokens);
    }
    if are(tokens, 0, "comment on") {
        comments::rewrite(tokens);
    }
}

fn create(tokens: &mut Vec<TokenWithSpan>) {
    if is(tokens.get(1), "unlogged") {
        tokens.remove(1);
    }
    let mut at = 1;
    while ["or", "replace", "global", "local", "temp", "temporary", "materialized"]
        .iter()
        .any(|w| is(tokens.get(at), w))
    {
        at += 1;
    }
    if is(tokens.get(at), "recursive") && is(tokens.get(at + 1), "view") {
        tokens.remove(at);
        recursive_view(tokens, at);
    } else if is(tokens.get(at), "table") {
        table(tokens, at + 1);
    } else if is(tokens.get(at), "view") && is(tokens.get(at - 1), "materialized") {
        // what it says is put into the tree once that is there
        ends_with_data(tokens);
    }
}

/// Whether a materialized view is to be without rows at first: the parser has no words for it in this dialect.
pub(super) fn is_without_data(tokens: &[TokenWithSpan]) -> bool {
    tokens.len().checked_sub(3).is_some_and(|end| are(tokens, end, "with no data"))
}

/// Takes `WITH [NO] DATA` from the end; answers whether there is to be data.
pub(super) fn ends_with_data(tokens: &mut Vec<TokenWithSpan>) -> Option<bool> {
    let end = tokens.len();
    if end > 3 && are(tokens, end - 3, "with no data") {
        tokens.truncate(end - 3);
        Some(false)
    } else if end > 2 && are(tokens, end - 2, "with data") {
        tokens.truncate(end - 2);
        Some(true)
    } else {
        None
    }
}

/// Where what is open at `at` is closed.
pub(super) fn closing(tokens: &[TokenWithSpan], at: usize) -> Option<usize> {
    let mut depth = 0usize;
    for (index, found) in tokens.iter().enumerate().skip(at) {
        match found.token {
            Token::LParen => depth += 1,
            Token::RParen => {
                depth = depth.checked_sub(1)?;
                if depth == 0 {
                    return Some(index);
                }
            }
            _ => {}
        }
    }
    None
}

/// After a name that begins at `at`.
pub(super) fn after_name(tokens: &[TokenWithSpan], mut at: usize) -> usize {
    while tokens.get(at + 1).is_some_and(|t| t.token == Token::Period) {
        at += 2;
    }
    at + 1
}

fn table(tokens: &mut Vec<TokenWithSpan>, mut at: usize) {
    if are(tokens, at, "if not exists") {
        at += 3;
    }
    let list = after_name(tokens, at);
    let mut rest = list;
    if tokens.get(list).is_some_and(|t| t.token == Token::LParen) {
        let Some(end) = closing(tokens, list) else { return };
        rest = end + 1;
        if names_only(tokens, list, end) {
            for index in (list + 1..=end).rev() {
                if let Some(name) = tokens.get(index).filter(|t| matches!(t.token, Token::Word(_))).cloned() {
                    tokens.insert(index + 1, word(UNTYPED, &name));
                    rest += 1;
                }
            }
        } else {
            let before = tokens.len();
            likes(tokens, list, end);
            rest = (rest + tokens.len()).saturating_sub(before);
        }
    }
    if ends_with_data(tokens) == Some(false)
        && let Some(found) = (rest..tokens.len()).find(|&index| is(tokens.get(index), "as"))
        && let Some(like) = tokens.get(found).cloned()
    {
        tokens.insert(found, token(Token::make_keyword("strict"), &like));
    }
}

/// Whether the list is `(a, b, c)`.
fn names_only(tokens: &[TokenWithSpan], open: usize, close: usize) -> bool {
    let inner = tokens.get(open + 1..close).unwrap_or_default();
    !inner.is_empty()
        && inner.iter().enumerate().all(|(index, found)| match &found.token {
            Token::Word(_) => index % 2 == 0,
            Token::Comma => index % 2 == 1,
            _ => false,
        })
}

/// `LIKE u INCLUDING ALL EXCLUDING defaults` → `"like" u('all', '-defaults')`, for every item of the list.
fn likes(tokens: &mut Vec<TokenWithSpan>, open: usize, mut close: usize) {
    let mut at = open + 1;
    while at < close {
        let first = matches!(tokens.get(at - 1).map(|t| &t.token), Some(Token::LParen | Token::Comma));
        if !first || !is(tokens.get(at), "like") {
            at += 1;
            continue;
        }
        let end = after_name(tokens, at + 1);
        let mut options = Vec::new();
        while is(tokens.get(end), "including") || is(tokens.get(end), "excluding") {
            let including = is(tokens.get(end), "including");
            tokens.remove(end);
            close -= 1;
            if end < tokens.len() {
                let option = tokens.remove(end);
                close -= 1;
                options.push((if including { "" } else { "-" }, option));
            }
        }
        let Some(mark) = tokens.get(at).cloned() else { return };
        if let Some(slot) = tokens.get_mut(at) {
            slot.token = Token::make_word(LIKE, Some('"'));
        }
        if !options.is_empty() {
            let mut list = vec![token(Token::LParen, &mark)];
            for (index, (sign, option)) in options.iter().enumerate() {
                if index > 0 {
                    list.push(token(Token::Comma, &mark));
                }
                let told = format!("{sign}{}", option.token.to_string().to_lowercase());
                list.push(token(Token::SingleQuotedString(told), option));
            }
            list.push(token(Token::RParen, &mark));
            close += list.len();
            tokens.splice(end..end, list);
        }
        at = end;
    }
}

fn recursive_view(tokens: &mut Vec<TokenWithSpan>, view: usize) {
    let name = view + 1..after_name(tokens, view + 1);
    let Some(close) = closing(tokens, name.end) else { return };
    let (Some(last), true) = (tokens.get(name.end.saturating_sub(1)).cloned(), is(tokens.get(close + 1), "as")) else {
        return;
    };
    let columns = tokens.get(name.end..=close).unwrap_or_default().to_vec();
    let Some(end) = tokens.last().cloned() else { return };
    let keyword = |text: &str| token(Token::make_keyword(text), &last);
    let mut head = vec![keyword("with"), keyword("recursive"), last.clone()];
    head.extend(columns);
    head.extend([keyword("as"), token(Token::LParen, &last)]);
    tokens.extend([
        token(Token::RParen, &end),
        keyword("select"),
        token(Token::Mul, &end),
        keyword("from"),
        last.clone(),
    ]);
    tokens.splice(close + 2..close + 2, head);
}

/// Relations that are altered as tables are.
const ALTERED: [&str; 5] =
    ["alter view", "alter materialized view", "alter sequence", "alter index", "alter foreign table"];

/// What an ALTER is about that [`rewrite`] has made one of a table, in capitals.
pub fn altered(text: &str) -> &'static str {
    let words = bare(text).unwrap_or_default();
    match () {
        () if are(&words, 0, "alter view") => "VIEW",
        () if are(&words, 0, "alter materialized view") => "MATERIALIZED VIEW",
        () if are(&words, 0, "alter sequence") => "SEQUENCE",
        () if are(&words, 0, "alter index") => "INDEX",
        () if are(&words, 0, "alter foreign table") => "FOREIGN TABLE",
        () => "TABLE",
    }
}

/// `ALTER VIEW … RENAME | OWNER | SET SCHEMA` as of a table, and of the others; `ALTER VIEW v AS q` stays.
fn alter_as_table(tokens: &mut Vec<TokenWithSpan>) {
    if is(tokens.get(1), "materialized") || is(tokens.get(1), "foreign") {
        tokens.remove(1);
    }
    let mut at = 2;
    if are(tokens, at, "if exists") {
        at += 2;
    }
    let action = tokens.get(after_name(tokens, at));
    let goes = |word| is(action, word);
    let of_table = match () {
        () if is(tokens.get(1), "view") => !goes("as"),
        () if is(tokens.get(1), "sequence") => ["rename", "owner", "set"].into_iter().any(goes),
        () => true,
    };
    if of_table && let Some(slot) = tokens.get_mut(1) {
        slot.token = Token::make_keyword("table");
    }
}

/// `(delta.appendOnly = …)` with the name as one word.
fn dotted_options(tokens: &mut Vec<TokenWithSpan>) {
    let Some(open) = (1..tokens.len()).find(|&at| {
        (is(tokens.get(at - 1), "with") || is(tokens.get(at - 1), "set") || is(tokens.get(at - 1), "tblproperties"))
            && tokens.get(at).is_some_and(|t| t.token == Token::LParen)
    }) else {
        return;
    };
    let mut at = open + 1;
    while let Some(close) = closing(tokens, open).filter(|close| at < *close) {
        let begins = matches!(tokens.get(at - 1).map(|t| &t.token), Some(Token::LParen | Token::Comma));
        let end = after_name(tokens, at);
        if begins && end > at + 1 && end < close {
            let name: String = tokens
                .get(at..end)
                .unwrap_or_default()
                .iter()
                .map(|t| match &t.token {
                    Token::Word(word) => word.value.clone(),
                    other => other.to_string(),
                })
                .collect();
            let Some(first) = tokens.get(at).cloned() else { return };
            tokens.splice(at..end, [token(Token::make_word(&name, Some('"')), &first)]);
        }
        // `(security_barrier)`
        let like = tokens.get(at).filter(|token| begins && matches!(token.token, Token::Word(_))).cloned();
        if let Some(like) = like
            && matches!(tokens.get(at + 1).map(|t| &t.token), Some(Token::RParen | Token::Comma))
        {
            let value = [Token::Eq, Token::make_keyword("true")];
            tokens.splice(at + 1..at + 1, value.map(|value| token(value, &like)));
        }
        at += 1;
    }
}

pub(super) fn name_at(tokens: &[TokenWithSpan], at: usize, end: usize) -> Option<ObjectName> {
    let mut parser = Parser::new(&Postgres).with_tokens_with_locations(tokens.get(at..end)?.to_vec());
    let name = parser.parse_object_name(false).ok()?;
    (parser.peek_token().token == Token::EOF).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dialect::parse_single;

    fn check(sql: &str, expected: &str) {
        assert_eq!(parse_single(sql).unwrap().ast.to_string(), expected, "{sql}");
    }

    #[test]
    fn definitions_in_words_that_can_be_parsed() {
        check("create unlogged table t (a int)", "CREATE TABLE t (a INT)");
        check(
            "create table t (a, b) as select x, y from u",
            "CREATE TABLE t (a unknown, b unknown) AS SELECT x, y FROM u",
        );
        check("create table s.t as select x from u with data", "CREATE TABLE s.t AS SELECT x FROM u");
        check("create table t as select x from u with no data", "CREATE TABLE t STRICT AS SELECT x FROM u");
        check("alter view v rename to w", "ALTER TABLE v RENAME TO w");
        check(
            "create table t (a int) with (delta.appendOnly = true, fillfactor = '10')",
            "CREATE TABLE t (a INT) WITH (\"delta.appendOnly\" = true, fillfactor = '10')",
        );
        check(
            "create recursive view v (n) as select x from u",
            "CREATE VIEW v (n) AS WITH RECURSIVE v (n) AS (SELECT x FROM u) SELECT * FROM v",
        );
        let like = parse_single("create table t (like s.u including defaults including constraints, b int)").unwrap();
        assert!(like.ast.to_string().contains("s.u(defaults, constraints), b INT"), "{}", like.ast);
    }

    #[test]
    fn an_alter_is_about_what_it_says() {
        assert_eq!(altered("/* a */ alter -- b\n materialized view v rename to w"), "MATERIALIZED VIEW");
        assert_eq!(altered("/*view*/alter view v rename to w"), "VIEW");
        assert_eq!(altered("alter table view rename to w"), "TABLE");
    }
}
