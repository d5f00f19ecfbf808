//! Syntax that sqlparser's PostgreSQL dialect does not know, put into words it knows, token by token.
//!
//! Invariant: replaced tokens carry the span of what they replace, so later errors point at the user's text.

use datafusion::sql::sqlparser::ast::{ContextModifier, Expr, Ident, ObjectName, Set, Statement, Value};
use datafusion::sql::sqlparser::keywords::Keyword;
use datafusion::sql::sqlparser::tokenizer::{Span, Token, TokenWithSpan, Word};

use super::rules::takes_relation;
use super::{conflicts, grouping_sets, literals, merge, nested_joins, spellings};

/// The table function that time travel is put into.
pub const TABLE_AT: &str = "table_at";

/// White space dropped; `ABORT` → `ROLLBACK`; [`rewrite_lock`]; `TABLE t` → `SELECT * FROM t`; `rfm(TABLE t` → `rfm(t`; `t VERSION AS OF 3` and `t TIMESTAMP AS OF '…'` → `table_at('t', …) AS t`.
pub fn rewrite(tokens: &[TokenWithSpan]) -> Vec<TokenWithSpan> {
    let mut out = literals::joined(tokens);
    if let Some(first) = out.first_mut()
        && keyword(&first.token) == Some(Keyword::ABORT)
    {
        first.token = Token::make_keyword("ROLLBACK");
    }
    spellings::rewrite(&mut out);
    merge::rewrite(&mut out);
    conflicts::rewrite(&mut out);
    nested_joins::rewrite(&mut out);
    grouping_sets::rewrite(&mut out);
    mark_symmetric(&mut out);
    rewrite_quantified_like(&mut out);
    rewrite_null_tests(&mut out);
    drop_only(&mut out);
    rewrite_array_types(&mut out);
    mark_overriding(&mut out);
    name_trimmed(&mut out);
    drop_schema_of_substring(&mut out);
    for at in (0..out.len()).rev() {
        if is_word(out.get(at), "for") {
            rewrite_lock(&mut out, at);
        } else if is_table_command(&out, at) {
            rewrite_table_command(&mut out, at);
        }
    }
    let mut at = 0;
    while at + 3 < out.len() {
        if is_table_argument(&out, at) {
            out.remove(at);
        } else if travels(&out, at) {
            at = rewrite_travel(&mut out, at);
        } else {
            at += 1;
        }
    }
    out
}

/// `pg_catalog.substring(a, 1)` → `substring(a, 1)`: the parser knows the bare word only.
fn drop_schema_of_substring(tokens: &mut Vec<TokenWithSpan>) {
    for at in (3..tokens.len()).rev() {
        if tokens[at].token == Token::LParen
            && is_word(tokens.get(at - 1), "substring")
            && tokens[at - 2].token == Token::Period
            && is_word(tokens.get(at - 3), "pg_catalog")
        {
            tokens.drain(at - 3..at - 1);
        }
    }
}

/// `BETWEEN SYMMETRIC a AND b` → `BETWEEN !! a AND b`: an operator that PostgreSQL has no longer, which a rule takes off again.
fn mark_symmetric(tokens: &mut Vec<TokenWithSpan>) {
    for at in (1..tokens.len()).rev() {
        if !is_word(tokens.get(at - 1), "between") {
            continue;
        }
        if is_word(tokens.get(at), "asymmetric") {
            tokens.remove(at);
        } else if is_word(tokens.get(at), "symmetric")
            && let Some(word) = tokens.get_mut(at)
        {
            word.token = Token::DoubleExclamationMark;
        }
    }
}

/// `x NOT ILIKE ALL (…)` → `x !~~* ALL (…)`, and so on: the parser knows the operators beside ANY and ALL.
fn rewrite_quantified_like(tokens: &mut Vec<TokenWithSpan>) {
    for at in (0..tokens.len().saturating_sub(2)).rev() {
        let insensitive = is_word(tokens.get(at), "ilike");
        let quantified = ["any", "all", "some"].iter().any(|word| is_word(tokens.get(at + 1), word))
            && tokens.get(at + 2).is_some_and(|next| next.token == Token::LParen);
        if !quantified || !(insensitive || is_word(tokens.get(at), "like")) {
            continue;
        }
        let negated = at > 0 && is_word(tokens.get(at - 1), "not");
        if let Some(like) = tokens.get_mut(at) {
            like.token = match (negated, insensitive) {
                (false, false) => Token::DoubleTilde,
                (false, true) => Token::DoubleTildeAsterisk,
                (true, false) => Token::ExclamationMarkDoubleTilde,
                (true, true) => Token::ExclamationMarkDoubleTildeAsterisk,
            };
        }
        if negated {
            tokens.remove(at - 1);
        }
    }
}

/// `trim(LEADING FROM x)` → `trim(LEADING ' ' FROM x)`, `trim(FROM x)` → `trim(x)`.
fn name_trimmed(tokens: &mut Vec<TokenWithSpan>) {
    for at in (2..tokens.len().saturating_sub(1)).rev() {
        let is_side = ["leading", "trailing", "both"].iter().any(|side| is_word(tokens.get(at), side));
        let is_trim = is_word(tokens.get(at - 2), "trim") && tokens[at - 1].token == Token::LParen;
        if is_side && is_trim && is_word(tokens.get(at + 1), "from") {
            let span = tokens[at].span;
            let blank = Token::SingleQuotedString(" ".to_owned());
            tokens.insert(at + 1, TokenWithSpan { token: blank, span });
        } else if is_trim && is_word(tokens.get(at), "from") {
            tokens.remove(at);
        }
    }
}

/// `x ISNULL` → `x IS NULL`, `x NOTNULL` → `x IS NOT NULL`.
fn rewrite_null_tests(tokens: &mut Vec<TokenWithSpan>) {
    for at in (1..tokens.len()).rev() {
        let words: &[&str] = if is_word(tokens.get(at), "isnull") {
            &["IS", "NULL"]
        } else if is_word(tokens.get(at), "notnull") {
            &["IS", "NOT", "NULL"]
        } else {
            continue;
        };
        let ends_operand = match tokens.get(at - 1).map(|t| &t.token) {
            Some(Token::Word(_)) => !is_word(tokens.get(at - 1), "as"),
            Some(Token::RParen | Token::RBracket | Token::Number(..) | Token::SingleQuotedString(_)) => true,
            Some(Token::Placeholder(_)) => true,
            _ => false,
        };
        let is_call = tokens.get(at + 1).is_some_and(|t| matches!(t.token, Token::LParen | Token::Period));
        if let (true, false, Some(test)) = (ends_operand, is_call, tokens.get(at).cloned()) {
            let new = words.iter().map(|word| TokenWithSpan { token: Token::make_keyword(word), span: test.span });
            tokens.splice(at..=at, new);
        }
    }
}

/// Types whose arrays are written with the word, in one word or at its end.
pub(super) const ELEMENTS: &[&str] = &[
    "bigint",
    "bool",
    "boolean",
    "bytea",
    "char",
    "character",
    "date",
    "decimal",
    "float",
    "float4",
    "float8",
    "int",
    "int2",
    "int4",
    "int8",
    "integer",
    "json",
    "jsonb",
    "numeric",
    "oid",
    "precision",
    "real",
    "smallint",
    "text",
    "timestamp",
    "timestamptz",
    "uuid",
    "varchar",
    "varying",
    "zone",
];

/// The standard's `text ARRAY` and `varchar(5) ARRAY[3]` → `text[]`, `varchar(5)[]`.
fn rewrite_array_types(tokens: &mut Vec<TokenWithSpan>) {
    for at in (1..tokens.len()).rev() {
        if !is_word(tokens.get(at), "array") {
            continue;
        }
        let is_modifier =
            |at: usize| matches!(tokens.get(at).map(|t| &t.token), Some(Token::Number(..) | Token::Comma));
        let type_end = match tokens.get(at - 1).map(|t| &t.token) {
            Some(Token::RParen) => {
                let opening = (0..at - 1).rev().find(|at| !is_modifier(*at));
                opening
                    .filter(|at| tokens.get(*at).is_some_and(|t| t.token == Token::LParen))
                    .and_then(|at| at.checked_sub(1))
            }
            _ => Some(at - 1),
        };
        let is_type = type_end.is_some_and(|end| ELEMENTS.iter().any(|name| is_word(tokens.get(end), name)));
        let sized = matches!(
            tokens.get(at + 1..at + 4).map(|t| [&t[0].token, &t[1].token, &t[2].token]),
            Some([Token::LBracket, Token::Number(..), Token::RBracket])
        );
        let is_constructor = tokens.get(at + 1).is_some_and(|t| matches!(t.token, Token::LBracket | Token::LParen));
        if is_type
            && (sized || !is_constructor)
            && let Some(span) = tokens.get(at).map(|token| token.span)
        {
            let brackets = [Token::LBracket, Token::RBracket].map(|token| TokenWithSpan { token, span });
            tokens.splice(at..at + if sized { 4 } else { 1 }, brackets);
        }
    }
}

/// `FROM ONLY t` → `FROM t`: no table has children.
fn drop_only(tokens: &mut Vec<TokenWithSpan>) {
    for at in (1..tokens.len()).rev() {
        let names_table =
            ["from", "update", "join", "table", "into", "using"].iter().any(|word| is_word(tokens.get(at - 1), word))
                || tokens.get(at - 1).is_some_and(|t| t.token == Token::Comma);
        let next = tokens.get(at + 1).map(|t| &t.token);
        if names_table && is_word(tokens.get(at), "only") && matches!(next, Some(Token::Word(_))) {
            tokens.remove(at);
        }
    }
}

/// `INSERT INTO t (…) OVERRIDING SYSTEM VALUE …` → `INSERT OVERWRITE INTO t (…) …`: another dialect's word for what it says.
fn mark_overriding(tokens: &mut Vec<TokenWithSpan>) {
    let found = (2..tokens.len()).rev().find(|at| {
        is_word(tokens.get(*at), "overriding")
            && is_word(tokens.get(at + 1), "system")
            && is_word(tokens.get(at + 2), "value")
    });
    let Some(at) = found else { return };
    let insert = (0..at).rev().find(|at| is_word(tokens.get(*at), "insert") && is_word(tokens.get(at + 1), "into"));
    if let Some(insert) = insert
        && let Some(span) = tokens.get(at).map(|token| token.span)
    {
        tokens.drain(at..at + 3);
        tokens.insert(insert + 1, TokenWithSpan { token: Token::make_keyword("OVERWRITE"), span });
    }
}

fn keyword(token: &Token) -> Option<Keyword> {
    match token {
        Token::Word(word) if word.quote_style.is_none() => Some(word.keyword),
        _ => None,
    }
}

pub(super) fn is_word(token: Option<&TokenWithSpan>, text: &str) -> bool {
    matches!(token.map(|t| &t.token), Some(Token::Word(word)) if word.quote_style.is_none() && word.value.eq_ignore_ascii_case(text))
}

/// Whether `TABLE` stands at `at` as the first word of a function that takes a relation.
fn is_table_argument(tokens: &[TokenWithSpan], at: usize) -> bool {
    at >= 2
        && is_word(tokens.get(at), "table")
        && matches!(tokens.get(at - 1).map(|t| &t.token), Some(Token::LParen))
        && matches!(tokens.get(at - 2).map(|t| &t.token), Some(Token::Word(word)) if takes_relation(&word.value))
}

/// Whether `VERSION AS OF` or `TIMESTAMP AS OF` and a constant stand at `at`, after a name.
fn travels(tokens: &[TokenWithSpan], at: usize) -> bool {
    (is_word(tokens.get(at), "version") || is_word(tokens.get(at), "timestamp"))
        && is_word(tokens.get(at + 1), "as")
        && is_word(tokens.get(at + 2), "of")
        && matches!(tokens.get(at + 3).map(|t| &t.token), Some(Token::Number(..) | Token::SingleQuotedString(_)))
        && at > 0
        && matches!(tokens.get(at - 1).map(|t| &t.token), Some(Token::Word(_)))
}

/// Whether `TABLE name` stands at `at` where a query may.
fn is_table_command(tokens: &[TokenWithSpan], at: usize) -> bool {
    let ends = |at: usize| match tokens.get(at).map(|t| &t.token) {
        None | Some(Token::RParen | Token::SemiColon) => true,
        Some(Token::Word(_)) => ["union", "intersect", "except", "order", "limit", "offset", "fetch", "for", "with"]
            .iter()
            .any(|word| is_word(tokens.get(at), word)),
        _ => false,
    };
    let begins = match at.checked_sub(1).and_then(|before| tokens.get(before)).map(|t| &t.token) {
        None | Some(Token::LParen) => true,
        Some(Token::Word(_)) => ["as", "union", "intersect", "except", "all", "distinct", "for"]
            .iter()
            .any(|word| is_word(tokens.get(at - 1), word)),
        _ => false,
    };
    let mut end = at + 2;
    while tokens.get(end).is_some_and(|t| t.token == Token::Period) {
        end += 2;
    }
    begins
        && is_word(tokens.get(at), "table")
        && !is_table_argument(tokens, at)
        && matches!(tokens.get(at + 1).map(|t| &t.token), Some(Token::Word(_)))
        && ends(end)
}

/// `TABLE t` → `SELECT * FROM t`.
fn rewrite_table_command(tokens: &mut Vec<TokenWithSpan>, at: usize) {
    let Some(table) = tokens.get(at).cloned() else { return };
    let words = [Token::make_keyword("SELECT"), Token::Mul, Token::make_keyword("FROM")];
    tokens.splice(at..=at, words.map(|token| TokenWithSpan { token, span: table.span }));
}

/// `FOR NO KEY UPDATE` → `FOR UPDATE`, `FOR KEY SHARE` → `FOR SHARE`, and `OF a, b` as two clauses, beginning at `at`.
fn rewrite_lock(tokens: &mut Vec<TokenWithSpan>, at: usize) {
    let is = |tokens: &[TokenWithSpan], at: usize, text: &str| is_word(tokens.get(at), text);
    if is(tokens, at + 1, "no") && is(tokens, at + 2, "key") && is(tokens, at + 3, "update") {
        tokens.drain(at + 1..at + 3);
    } else if is(tokens, at + 1, "key") && is(tokens, at + 2, "share") {
        tokens.remove(at + 1);
    }
    let locks = is(tokens, at + 1, "update") || is(tokens, at + 1, "share");
    if !(locks && is(tokens, at + 2, "of")) {
        return;
    }
    let clause: Vec<TokenWithSpan> = tokens.get(at..at + 3).unwrap_or_default().to_vec();
    let mut comma = at + 4;
    while tokens.get(comma).is_some_and(|t| t.token == Token::Comma) {
        tokens.splice(comma..=comma, clause.iter().cloned());
        comma += clause.len() + 1;
    }
}

/// Replaces the name before `at` and the clause at `at`; returns where to go on.
fn rewrite_travel(tokens: &mut Vec<TokenWithSpan>, at: usize) -> usize {
    let mut start = at - 1;
    while start >= 2
        && tokens.get(start - 1).is_some_and(|t| t.token == Token::Period)
        && matches!(tokens.get(start - 2).map(|t| &t.token), Some(Token::Word(_)))
    {
        start -= 2;
    }
    let name: String = tokens.get(start..at).unwrap_or_default().iter().map(|t| t.token.to_string()).collect();
    let (Some(first), Some(last), Some(when)) =
        (tokens.get(start).cloned(), tokens.get(at - 1).cloned(), tokens.get(at + 3).cloned())
    else {
        return at + 1;
    };
    let span = Span { start: first.span.start, end: last.span.end };
    let make = |token: Token| TokenWithSpan { token, span };
    let mut new = vec![
        make(Token::make_word(TABLE_AT, None)),
        make(Token::LParen),
        make(Token::SingleQuotedString(name)),
        make(Token::Comma),
        when,
        make(Token::RParen),
    ];
    let has_alias = match tokens.get(at + 4).map(|t| &t.token) {
        Some(Token::Word(Word { quote_style: Some(_), .. })) => true,
        Some(Token::Word(word)) => word.keyword == Keyword::NoKeyword || word.keyword == Keyword::AS,
        _ => false,
    };
    if !has_alias {
        new.push(make(Token::make_keyword("AS")));
        new.push(last);
    }
    let next = start + new.len();
    tokens.splice(start..at + 4, new);
    next
}

/// `SET [SESSION | LOCAL] name { = | TO } value [, …]` with values that are words sqlparser reserves (`on`, `default` …).
pub fn parse_setting(tokens: &[TokenWithSpan]) -> Option<Statement> {
    let mut rest = tokens.iter().map(|t| &t.token).peekable();
    let mut next_word = || match rest.next() {
        Some(Token::Word(word)) => Some(word.value.clone()),
        _ => None,
    };
    if !next_word()?.eq_ignore_ascii_case("set") {
        return None;
    }
    let mut name = next_word()?;
    let scope = match name.to_ascii_lowercase().as_str() {
        "session" => Some(ContextModifier::Session),
        "local" => Some(ContextModifier::Local),
        _ => None,
    };
    if scope.is_some() {
        name = next_word()?;
    }
    let mut parts = vec![Ident::new(name)];
    while rest.next_if(|token| **token == Token::Period).is_some() {
        match rest.next()? {
            Token::Word(word) => parts.push(Ident::new(word.value.clone())),
            _ => return None,
        }
    }
    match rest.next()? {
        Token::Eq => {}
        Token::Word(word) if word.keyword == Keyword::TO => {}
        _ => return None,
    }
    let mut values = Vec::new();
    loop {
        let negative = rest.next_if(|token| **token == Token::Minus).is_some();
        let text = match rest.next()? {
            Token::Word(word) => word.value.clone(),
            Token::Number(text, _) => text.clone(),
            Token::SingleQuotedString(text) => text.clone(),
            _ => return None,
        };
        let text = if negative { format!("-{text}") } else { text };
        values.push(if text.eq_ignore_ascii_case("default") {
            Expr::Identifier(Ident::new("default"))
        } else {
            Expr::Value(Value::SingleQuotedString(text).with_empty_span())
        });
        match rest.next() {
            None => break,
            Some(Token::Comma) => {}
            Some(_) => return None,
        }
    }
    Some(Statement::Set(Set::SingleAssignment { scope, hivevar: false, variable: ObjectName::from(parts), values }))
}

#[cfg(test)]
mod tests {
    use crate::dialect::parse_single;

    fn check(sql: &str, expected: &str) {
        assert_eq!(parse_single(sql).unwrap().ast.to_string(), expected);
    }

    #[test]
    fn time_travel_becomes_a_table_function() {
        check("SELECT a FROM gold.t VERSION AS OF 3", "SELECT a FROM table_at('gold.t', 3) AS t");
        check("SELECT a FROM gold.t VERSION AS OF 3 x", "SELECT a FROM table_at('gold.t', 3) x");
        check(
            "SELECT a FROM t TIMESTAMP AS OF '2026-01-01' WHERE a = 1",
            "SELECT a FROM table_at('t', '2026-01-01') AS t WHERE a = 1",
        );
        check(
            "SELECT a FROM \"A b\".t version as of 1, u VERSION AS OF 2 AS v",
            "SELECT a FROM table_at('\"A b\".t', 1) AS t, table_at('u', 2) AS v",
        );
    }

    #[test]
    fn a_table_is_a_query() {
        check("TABLE s.t", "SELECT * FROM s.t");
        check("TABLE t ORDER BY 1", "SELECT * FROM t ORDER BY 1");
        check("CREATE TABLE u AS TABLE t", "CREATE TABLE u AS SELECT * FROM t");
        check("SELECT * FROM (TABLE t) AS x", "SELECT * FROM (SELECT * FROM t) AS x");
        check("DROP TABLE t", "DROP TABLE t");
    }

    #[test]
    fn words_that_the_parser_does_not_know_are_others() {
        check(
            "SELECT a ISNULL, (b) NOTNULL FROM ONLY t",
            "SELECT a IS NULL AS \"?column?\", (b) IS NOT NULL AS \"?column?\u{1}1\" FROM t",
        );
        check(
            "INSERT INTO t (a) OVERRIDING SYSTEM VALUE SELECT b FROM u",
            "INSERT OVERWRITE INTO t (a) SELECT b FROM u",
        );
    }

    #[test]
    fn locks_are_said_in_words_that_can_be_parsed() {
        check("SELECT a FROM t FOR NO KEY UPDATE", "SELECT a FROM t FOR UPDATE");
        check("SELECT a FROM t FOR KEY SHARE", "SELECT a FROM t FOR SHARE");
        check(
            "SELECT a FROM t, u FOR UPDATE OF t, u SKIP LOCKED",
            "SELECT a FROM t, u FOR UPDATE OF t FOR UPDATE OF u SKIP LOCKED",
        );
    }
}
