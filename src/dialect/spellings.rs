//! Ways of writing things that sqlparser does not know, where PostgreSQL has a plainer one, put into that token by token.
//!
//! | written | becomes |
//! |---|---|
//! | `a OPERATOR(pg_catalog.=) b` | `a = b` |
//! | `BEGIN … DEFERRABLE`, `SET TRANSACTION … NOT DEFERRABLE` | without it: nothing is ever deferred |
//! | `SELECT … FOR READ ONLY` | `SELECT …` |
//! | `SELECT ALL a` | `SELECT a` |
//! | `INSERT INTO t SELECT 1 ON CONFLICT …` | `INSERT INTO t (SELECT 1) ON CONFLICT …` |
//! | `f(VARIADIC ARRAY[a, b])` | `f(a, b)` |
//! | `substring(a SIMILAR b ESCAPE c)` | `substring(a FROM b FOR c)` |
//! | `a IN (VALUES (1))`, `SELECT (VALUES (1))` | `a IN (SELECT * FROM (VALUES (1)) AS "values")` … |
//! | `ORDER BY a USING >` | `ORDER BY a DESC` |
//! | `FETCH FIRST (2) ROWS ONLY` | `FETCH FIRST 2 ROWS ONLY` |
//! | `SET SCHEMA 'a'` | `SET search_path = 'a'` |
//! | `RESET TIME ZONE`, `RESET SESSION AUTHORIZATION` | `RESET timezone`, `RESET session_authorization` |
//! | `t.* IS NULL` | `t IS NULL` |
//! | `(jsonb_each(a)).*` | `(jsonb_each(a)).all` |
//! | `RANGE '1 day'::interval PRECEDING` | `RANGE interval '1 day' PRECEDING` |
//! | `interval(0) '1 day'` | `'1 day'::interval(0)` |
//! | `national character varying(9)`, `nchar(3)` | `character varying(9)`, `char(3)` |
//! | `x::"text"[]`, `x::_int4`, `x::"pg_catalog"."varchar"`, `"id" "serial"` | `x::text[]`, `x::int4[]`, `x::varchar`, `"id" serial` |

use datafusion::sql::sqlparser::tokenizer::{Token, TokenWithSpan};

use super::definitions::closing;
use super::rules::{ALL, has_columns};
use super::syntax::{ELEMENTS, is_word};

pub(super) fn rewrite(tokens: &mut Vec<TokenWithSpan>) {
    plain_operators(tokens);
    drop_modes(tokens);
    drop_national(tokens);
    drop_all(tokens);
    enclose_source(tokens);
    plain_types(tokens);
    spread_variadic(tokens);
    plain_substrings(tokens);
    select_values(tokens);
    test_rows(tokens);
    name_orders(tokens);
    name_settings(tokens);
    name_limits(tokens);
    bare_counts(tokens);
    name_spans(tokens);
    cast_spans(tokens);
    name_all(tokens);
}

/// `FETCH FIRST n ROWS ONLY` → `LIMIT n`.
fn name_limits(tokens: &mut Vec<TokenWithSpan>) {
    for at in (0..tokens.len().saturating_sub(3)).rev() {
        if !is_word(tokens.get(at), "fetch") || !["first", "next"].iter().any(|word| is_word(tokens.get(at + 1), word))
        {
            continue;
        }
        let is_rows = |at: usize| is_word(tokens.get(at), "row") || is_word(tokens.get(at), "rows");
        let count = at + 2;
        let end = match token_at(tokens, count) {
            Some(Token::LParen) => closing(tokens, count).map(|close| close + 1),
            Some(Token::Number(..) | Token::Placeholder(_)) => Some(count + 1),
            _ => Some(count),
        };
        let Some(end) = end.filter(|end| is_rows(*end) && is_word(tokens.get(end + 1), "only")) else { continue };
        tokens.drain(end..end + 2);
        let first = tokens.remove(at + 1);
        tokens[at].token = Token::make_keyword("LIMIT");
        if end == count {
            tokens.insert(at + 1, TokenWithSpan { token: Token::Number("1".to_owned(), false), span: first.span });
        }
    }
}

fn drop_national(tokens: &mut Vec<TokenWithSpan>) {
    for at in (1..tokens.len().saturating_sub(1)).rev() {
        let next = |words: &[&str]| words.iter().any(|word| is_word(tokens.get(at + 1), word));
        if is_word(tokens.get(at), "national") && next(&["character", "char"]) {
            tokens.remove(at);
        } else if is_word(tokens.get(at), "nchar")
            && (next(&["varying"]) || token_at(tokens, at + 1) == Some(&Token::LParen))
            && !matches!(token_at(tokens, at - 1), Some(Token::Period))
        {
            tokens[at].token = Token::make_keyword("char");
        }
    }
}

fn bare_counts(tokens: &mut Vec<TokenWithSpan>) {
    for at in (2..tokens.len().saturating_sub(2)).rev() {
        let fetches = is_word(tokens.get(at - 2), "fetch")
            && (is_word(tokens.get(at - 1), "first") || is_word(tokens.get(at - 1), "next"));
        let is_enclosed = token_at(tokens, at) == Some(&Token::LParen)
            && matches!(token_at(tokens, at + 1), Some(Token::Number(..) | Token::Placeholder(_)))
            && token_at(tokens, at + 2) == Some(&Token::RParen);
        if fetches && is_enclosed {
            tokens.remove(at + 2);
            tokens.remove(at);
        }
    }
}

fn name_orders(tokens: &mut Vec<TokenWithSpan>) {
    for at in (1..tokens.len()).rev() {
        let order = match token_at(tokens, at) {
            Some(Token::Lt) => "asc",
            Some(Token::Gt) => "desc",
            _ => continue,
        };
        if is_word(tokens.get(at - 1), "using") {
            tokens.remove(at);
            if let Some(using) = tokens.get_mut(at - 1) {
                using.token = Token::make_keyword(order);
            }
        }
    }
}

/// Settings that are reset by several words, and their names.
const RESETS: [(&[&str], &str); 3] = [
    (&["time", "zone"], "timezone"),
    (&["session", "authorization"], "session_authorization"),
    (&["transaction", "isolation", "level"], "transaction_isolation"),
];

fn name_settings(tokens: &mut Vec<TokenWithSpan>) {
    let words = ["set", "local", "session", "authorization"];
    if words.iter().enumerate().all(|(at, word)| is_word(tokens.get(at), word)) {
        tokens[2].token = Token::make_word("session_authorization", None);
        tokens[3].token = Token::Eq;
    }
    let at = 1 + usize::from(is_word(tokens.get(1), "local") || is_word(tokens.get(1), "session"));
    if is_word(tokens.first(), "set")
        && is_word(tokens.get(at), "schema")
        && matches!(token_at(tokens, at + 1), Some(Token::SingleQuotedString(_)))
    {
        let span = tokens[at].span;
        tokens[at].token = Token::make_word("search_path", None);
        tokens.insert(at + 1, TokenWithSpan { token: Token::Eq, span });
    }
    for (words, name) in RESETS {
        let named = words.iter().enumerate().all(|(at, word)| is_word(tokens.get(1 + at), word));
        if named && is_word(tokens.first(), "reset") {
            tokens.drain(2..=words.len());
            if let Some(first) = tokens.get_mut(1) {
                first.token = Token::make_word(name, None);
            }
        }
    }
}

/// `'1 day'::interval PRECEDING` → `interval '1 day' PRECEDING`.
fn name_spans(tokens: &mut Vec<TokenWithSpan>) {
    for at in (3..tokens.len()).rev() {
        let is_bound = is_word(tokens.get(at), "preceding") || is_word(tokens.get(at), "following");
        if is_bound
            && is_word(tokens.get(at - 1), "interval")
            && token_at(tokens, at - 2) == Some(&Token::DoubleColon)
            && matches!(token_at(tokens, at - 3), Some(Token::SingleQuotedString(_)))
        {
            tokens.swap(at - 3, at - 1);
            tokens.remove(at - 2);
        }
    }
}

/// `interval(0) '1 day'` → `'1 day'::interval(0)`.
fn cast_spans(tokens: &mut Vec<TokenWithSpan>) {
    for at in (4..tokens.len()).rev() {
        if is_word(tokens.get(at - 4), "interval")
            && token_at(tokens, at - 3) == Some(&Token::LParen)
            && matches!(token_at(tokens, at - 2), Some(Token::Number(..)))
            && token_at(tokens, at - 1) == Some(&Token::RParen)
            && matches!(token_at(tokens, at), Some(Token::SingleQuotedString(_)))
        {
            let span = tokens[at].span;
            tokens[at - 4..=at].rotate_right(1);
            tokens.insert(at - 3, TokenWithSpan { token: Token::DoubleColon, span });
        }
    }
}

/// `(jsonb_each(a)).*` → `(jsonb_each(a)).all`.
fn name_all(tokens: &mut [TokenWithSpan]) {
    for at in 3..tokens.len() {
        let ends = [Token::RParen, Token::RParen, Token::Period, Token::Mul];
        if !tokens[at - 3..=at].iter().map(|token| &token.token).eq(&ends) {
            continue;
        }
        let mut depth = 0;
        let open = (0..at - 1).rev().find(|at| {
            match tokens[*at].token {
                Token::RParen => depth += 1,
                Token::LParen => depth -= 1,
                _ => {}
            }
            depth == 0
        });
        let Some(open) = open else { continue };
        let name = if token_at(tokens, open + 2) == Some(&Token::Period) { open + 3 } else { open + 1 };
        if let Some(Token::Word(word)) = token_at(tokens, name)
            && has_columns(&word.value.to_lowercase())
        {
            tokens[at].token = Token::make_word(ALL, Some('"'));
        }
    }
}

fn token_at(tokens: &[TokenWithSpan], at: usize) -> Option<&Token> {
    tokens.get(at).map(|token| &token.token)
}

fn plain_operators(tokens: &mut Vec<TokenWithSpan>) {
    for at in (1..tokens.len()).rev() {
        if !is_word(tokens.get(at), "operator") || token_at(tokens, at + 1) != Some(&Token::LParen) {
            continue;
        }
        let named = is_word(tokens.get(at + 2), "pg_catalog") && token_at(tokens, at + 3) == Some(&Token::Period);
        let symbol = if named { at + 4 } else { at + 2 };
        let is_symbol = !matches!(token_at(tokens, symbol), None | Some(Token::Word(_) | Token::RParen));
        if is_symbol && token_at(tokens, symbol + 1) == Some(&Token::RParen) {
            tokens.remove(symbol + 1);
            tokens.drain(at..symbol);
        }
    }
}

/// What says nothing here: transactions are never deferred, and a query for reading only is any query.
fn drop_modes(tokens: &mut Vec<TokenWithSpan>) {
    let begins = |words: &[&str]| words.iter().enumerate().all(|(at, word)| is_word(tokens.get(at), word));
    let of_transaction = begins(&["begin"])
        || begins(&["start", "transaction"])
        || begins(&["set", "transaction"])
        || begins(&["set", "session", "characteristics"]);
    if of_transaction {
        for at in (1..tokens.len()).rev() {
            if !is_word(tokens.get(at), "deferrable") {
                continue;
            }
            let mut from = if is_word(tokens.get(at - 1), "not") { at - 1 } else { at };
            let mut end = at + 1;
            if token_at(tokens, from - 1) == Some(&Token::Comma) {
                from -= 1;
            } else if token_at(tokens, end) == Some(&Token::Comma) {
                end += 1;
            }
            tokens.drain(from..end);
        }
    }
    for at in (0..tokens.len().saturating_sub(2)).rev() {
        if is_word(tokens.get(at), "for") && is_word(tokens.get(at + 1), "read") && is_word(tokens.get(at + 2), "only")
        {
            tokens.drain(at..at + 3);
        }
    }
}

fn drop_all(tokens: &mut Vec<TokenWithSpan>) {
    for at in (1..tokens.len()).rev() {
        let is_operand = matches!(token_at(tokens, at + 1), None | Some(Token::Comma | Token::Period | Token::RParen));
        if is_word(tokens.get(at - 1), "select") && is_word(tokens.get(at), "all") && !is_operand {
            tokens.remove(at);
        }
    }
}

/// The SELECT of an INSERT that has no FROM: the parser takes `ON` for the name of its last column.
fn enclose_source(tokens: &mut Vec<TokenWithSpan>) {
    if !is_word(tokens.first(), "insert") {
        return;
    }
    let (mut depth, mut select) = (0_usize, None);
    for at in 0..tokens.len() {
        match tokens[at].token {
            Token::LParen => depth += 1,
            Token::RParen => depth = depth.saturating_sub(1),
            _ if depth > 0 => {}
            _ if is_word(tokens.get(at), "select") && select.is_none() => select = Some(at),
            _ if is_word(tokens.get(at), "from") => return,
            _ if is_word(tokens.get(at), "on") && is_word(tokens.get(at + 1), "conflict") => {
                if let Some(select) = select {
                    let (closing, opening) = (tokens[at].span, tokens[select].span);
                    tokens.insert(at, TokenWithSpan { token: Token::RParen, span: closing });
                    tokens.insert(select, TokenWithSpan { token: Token::LParen, span: opening });
                }
                return;
            }
            _ => {}
        }
    }
}

/// `f(VARIADIC ARRAY[a, b]::text[])` → `f(a, b)`.
fn spread_variadic(tokens: &mut Vec<TokenWithSpan>) {
    for at in (1..tokens.len()).rev() {
        let opens = is_word(tokens.get(at + 1), "array") && token_at(tokens, at + 2) == Some(&Token::LBracket);
        if !is_word(tokens.get(at), "variadic") || !opens {
            continue;
        }
        let mut depth = 0_usize;
        let close = (at + 2..tokens.len()).find(|at| {
            match tokens[*at].token {
                Token::LBracket => depth += 1,
                Token::RBracket => depth -= 1,
                _ => {}
            }
            depth == 0
        });
        let Some(close) = close else { continue };
        let mut end = close + 1;
        if token_at(tokens, end) == Some(&Token::DoubleColon) {
            while !matches!(token_at(tokens, end), None | Some(Token::RParen)) {
                end += 1;
            }
        }
        tokens.drain(close..end);
        let is_empty = close == at + 3;
        let from = if is_empty && token_at(tokens, at - 1) == Some(&Token::Comma) { at - 1 } else { at };
        tokens.drain(from..at + 3);
    }
}

/// `substring(a SIMILAR b ESCAPE c)` → `substring(a FROM b FOR c)`.
fn plain_substrings(tokens: &mut [TokenWithSpan]) {
    for at in 2..tokens.len() {
        if !is_word(tokens.get(at - 2), "substring") || token_at(tokens, at - 1) != Some(&Token::LParen) {
            continue;
        }
        let mut depth = 1_usize;
        for within in at..tokens.len() {
            match tokens[within].token {
                Token::LParen => depth += 1,
                Token::RParen => depth -= 1,
                _ => {}
            }
            let word = match depth {
                0 => break,
                1 if is_word(tokens.get(within), "similar") && !is_word(tokens.get(within + 1), "to") => "FROM",
                1 if is_word(tokens.get(within), "escape") => "FOR",
                _ => continue,
            };
            tokens[within].token = Token::make_keyword(word);
        }
    }
}

/// `t.* IS NULL` → `t IS NULL`
fn test_rows(tokens: &mut Vec<TokenWithSpan>) {
    for at in (1..tokens.len()).rev() {
        let is_all = token_at(tokens, at) == Some(&Token::Period) && token_at(tokens, at + 1) == Some(&Token::Mul);
        let tests = is_word(tokens.get(at + 2), "is")
            && ["null", "not"].iter().any(|word| is_word(tokens.get(at + 3), word))
            && matches!(token_at(tokens, at - 1), Some(Token::Word(_)));
        if is_all && tests {
            tokens.drain(at..at + 2);
        }
    }
}

/// `IN (VALUES (1))` → `IN (SELECT * FROM (VALUES (1)) AS "values")`, as everywhere else where an expression may stand.
fn select_values(tokens: &mut Vec<TokenWithSpan>) {
    for at in (2..tokens.len()).rev() {
        let opens = is_word(tokens.get(at), "values")
            && token_at(tokens, at - 1) == Some(&Token::LParen)
            && token_at(tokens, at + 1) == Some(&Token::LParen);
        let before = tokens.get(at - 2);
        let in_expression = ["in", "any", "all", "some", "select"].iter().any(|word| is_word(before, word))
            || matches!(
                before.map(|before| &before.token),
                Some(Token::Eq | Token::Neq | Token::Lt | Token::LtEq | Token::Gt | Token::GtEq)
            );
        if !opens || !in_expression {
            continue;
        }
        let mut depth = 1_usize;
        let close = (at..tokens.len()).find(|at| {
            match tokens[*at].token {
                Token::LParen => depth += 1,
                Token::RParen => depth -= 1,
                _ => {}
            }
            depth == 0
        });
        let Some(close) = close else { continue };
        let put = |span, tokens: &[Token]| -> Vec<TokenWithSpan> {
            tokens.iter().map(|token| TokenWithSpan { token: token.clone(), span }).collect()
        };
        let alias = [Token::RParen, Token::make_keyword("AS"), Token::make_word("values", Some('"'))];
        let closing = put(tokens[close].span, &alias);
        tokens.splice(close..close, closing);
        let query = [Token::make_keyword("SELECT"), Token::Mul, Token::make_keyword("FROM"), Token::LParen];
        let opening = put(tokens[at].span, &query);
        tokens.splice(at..at, opening);
    }
}

/// Types as programs write them: in quotes, and arrays by their catalog's names.
fn plain_types(tokens: &mut Vec<TokenWithSpan>) {
    let defines = is_word(tokens.first(), "create") || is_word(tokens.first(), "alter");
    for at in (1..tokens.len()).rev() {
        let mut after = at - 1;
        let of_catalog =
            |at: usize| matches!(token_at(tokens, at), Some(Token::Word(word)) if word.value == "pg_catalog");
        if token_at(tokens, after) == Some(&Token::Period) && after > 1 && of_catalog(after - 1) {
            after -= 2;
        }
        let of_cast = token_at(tokens, after) == Some(&Token::DoubleColon);
        let of_column = defines
            && after == at - 1
            && after > 0
            && matches!(token_at(tokens, after), Some(Token::Word(_)))
            && (matches!(token_at(tokens, after - 1), Some(Token::LParen | Token::Comma))
                || ["column", "add", "type"].iter().any(|word| is_word(tokens.get(after - 1), word)));
        let Some(Token::Word(word)) = token_at(tokens, at) else { continue };
        let is_serial = word.value.ends_with("serial");
        let (quoted, value) = (word.quote_style.is_some(), word.value.clone());
        let known = |name: &str| ELEMENTS.contains(&name) || ["interval", "time", "name", "regclass"].contains(&name);
        // in quotes it is another type than without
        let is_byte = value == "char";
        let span = tokens[at].span;
        let element = value.strip_prefix('_').filter(|name| known(name)).map(str::to_owned);
        if let (true, Some(element)) = (of_cast, element) {
            let array = [Token::make_word(&element, None), Token::LBracket, Token::RBracket];
            tokens.splice(after + 1..=at, array.map(|token| TokenWithSpan { token, span }));
        } else if (quoted || after + 1 < at)
            && (of_cast && known(&value) && !is_byte || of_column && (known(&value) || is_serial))
        {
            let plain = TokenWithSpan { token: Token::make_keyword(&value), span };
            tokens.splice(after + 1..=at, [plain]);
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::dialect::parse_single;

    #[test]
    fn what_is_written_otherwise_is_read_alike() {
        for (sql, expected) in [
            ("select a operator(pg_catalog.=) b as x, c OPERATOR(+) d as y", "SELECT a = b AS x, c + d AS y"),
            (
                "begin isolation level serializable, read only, not deferrable",
                "BEGIN ISOLATION LEVEL SERIALIZABLE, READ ONLY",
            ),
            ("begin deferrable", "BEGIN"),
            ("set transaction read only deferrable", "SET TRANSACTION READ ONLY"),
            ("select all a from t for read only", "SELECT a FROM t"),
            (
                "insert into t (a) select b as x on conflict do nothing",
                "INSERT INTO t (a) (SELECT b AS x) ON CONFLICT DO NOTHING",
            ),
            ("create table t (\"id\" \"serial\", b \"text\"[])", "CREATE TABLE t (\"id\" serial, b TEXT[])"),
        ] {
            let shown = parse_single(sql).unwrap().ast.to_string();
            assert_eq!(shown, expected, "{sql}");
        }
        for (sql, plain) in [
            ("select a::\"text\"[], b::_int4, c::pg_catalog._text", "select a::text[], b::int4[], c::text[]"),
            ("select a::\"timestamptz\"", "select a::timestamptz"),
            (
                "select a, interval(0) '1 day' as x where b > interval(2) '1.5'",
                "select a, '1 day'::interval(0) as x where b > '1.5'::interval(2)",
            ),
            ("select substring(a similar b || (c) escape '#')", "select substring(a from b || (c) for '#')"),
            (
                "select (values (1)) where a in (values (1), ((2)))",
                "select (select * from (values (1)) as \"values\") where a in (select * from (values (1), ((2))) as \"values\")",
            ),
        ] {
            assert_eq!(parse_single(sql).unwrap().ast.to_string(), parse_single(plain).unwrap().ast.to_string());
        }
    }
}
