//! Clauses of CREATE and of constraints that sqlparser does not know, put into those it knows, token by token.
//!
//! | PostgreSQL | becomes |
//! |---|---|
//! | `UNIQUE (a) INCLUDE (b) WITH (fillfactor = 70) USING INDEX TABLESPACE x` | `UNIQUE (a) COMMENT '…'` of [`KeyClauses`] |
//! | `a text COMPRESSION pglz` | `a text COMMENT '…'` |
//! | `FOREIGN KEY (a) REFERENCES t ON DELETE SET NULL (a)` | `FOREIGN KEY "…" (a) REFERENCES t ON DELETE SET NULL` |
//! | `CHECK (a > 0) NO INHERIT`, `WITHOUT OIDS`, `CREATE INDEX … ON ONLY t` | without it: no table has children, or OIDs |
//! | `USING heap`, `TABLESPACE x` | an option in `WITH (…)`, named [`STORAGE`] and the word |
//! | `CREATE VIEW … WITH LOCAL CHECK OPTION` | `CREATE VIEW … WITH (check_option = local) …` |
//! | `WITH (security_barrier)` | `WITH (security_barrier = true)` |
//!
//! Invariant: replaced tokens carry the span of what they replace, so later errors point at the user's text.

use datafusion::sql::sqlparser::ast::{Expr, Ident};
use datafusion::sql::sqlparser::parser::Parser;
use datafusion::sql::sqlparser::tokenizer::{Token, TokenWithSpan};

use super::definitions::{after_name, are, closing, is, token};
use super::postgres::Postgres;
use super::tokens::{bare, name_of};

/// What begins a comment or a name that stands for clauses; nobody writes it.
const MARK: &str = "clauses\u{1}";
/// What begins the name of an option that stands for `USING` or `TABLESPACE`.
pub const STORAGE: &str = "storage\u{1}";

/// What a key says of its index.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct KeyClauses {
    pub nulls_not_distinct: bool,
    pub included: Vec<String>,
    /// `fillfactor = 70`
    pub parameters: Vec<Expr>,
    pub tablespace: Option<String>,
    /// Of a column: how its values would be compressed.
    pub compression: Option<String>,
}

/// The clauses that a comment stands for.
pub fn key_clauses(comment: &str) -> Option<KeyClauses> {
    let text = comment.strip_prefix(MARK)?;
    let tokens = bare(text).ok()?;
    let (mut clauses, mut at) = (KeyClauses::default(), 0);
    while let Some(end) = clause(&tokens, at) {
        let inner = tokens.get(at + 2..end.saturating_sub(1)).unwrap_or_default();
        match () {
            () if is(tokens.get(at), "nulls") => clauses.nulls_not_distinct = end == at + 3,
            () if is(tokens.get(at), "include") => clauses.included = inner.iter().filter_map(name_of).collect(),
            () if is(tokens.get(at), "with") => {
                let mut parser = Parser::new(&Postgres).with_tokens_with_locations(inner.to_vec());
                clauses.parameters = parser.parse_comma_separated(Parser::parse_expr).ok()?;
            }
            () if is(tokens.get(at), "compression") => clauses.compression = tokens.get(at + 1).and_then(name_of),
            () => clauses.tablespace = tokens.get(end - 1).and_then(name_of),
        }
        at = end;
    }
    Some(clauses)
}

/// The columns in `SET NULL (a, b)` that the name of a foreign key's index stands for.
pub fn columns_set(name: &Ident) -> Option<Vec<String>> {
    let text = name.value.strip_prefix(MARK)?;
    let tokens = bare(text).ok()?;
    Some(tokens.iter().filter_map(name_of).collect())
}

fn opens(tokens: &[TokenWithSpan], at: usize) -> bool {
    tokens.get(at).is_some_and(|token| token.token == Token::LParen)
}

fn text_of(tokens: &[TokenWithSpan]) -> String {
    tokens.iter().map(|token| token.token.to_string()).collect::<Vec<_>>().join(" ")
}

pub(super) fn rewrite(tokens: &mut Vec<TokenWithSpan>) {
    let creates = is(tokens.first(), "create");
    let mut at = 1;
    while creates && MODIFIERS.iter().any(|word| is(tokens.get(at), word)) {
        at += 1;
    }
    if are(tokens, 0, "alter table") || creates && is(tokens.get(at), "table") {
        of_constraints(tokens);
    }
    match () {
        () if creates && is(tokens.get(at), "table") => of_relation(tokens, at + 1),
        () if creates && is(tokens.get(at), "view") => {
            check_option(tokens, at + 1);
            of_relation(tokens, at + 1);
        }
        () if creates && is(tokens.get(at), "index") => of_index(tokens, at + 1),
        () => {}
    }
}

const MODIFIERS: [&str; 11] = [
    "or",
    "replace",
    "global",
    "local",
    "temp",
    "temporary",
    "materialized",
    "unlogged",
    "recursive",
    "unique",
    "concurrently",
];

/// Where the clause of a key ends that begins there.
fn clause(tokens: &[TokenWithSpan], at: usize) -> Option<usize> {
    match () {
        () if are(tokens, at, "nulls not distinct") => Some(at + 3),
        () if are(tokens, at, "nulls distinct") => Some(at + 2),
        () if (is(tokens.get(at), "include") || is(tokens.get(at), "with")) && opens(tokens, at + 1) => {
            closing(tokens, at + 1).map(|close| close + 1)
        }
        () if are(tokens, at, "using index tablespace") => Some(at + 4),
        () if is(tokens.get(at), "compression") => {
            let known = ["pglz", "lz4", "default"].iter().any(|method| is(tokens.get(at + 1), method));
            known.then_some(at + 2)
        }
        () => None,
    }
}

fn of_constraints(tokens: &mut Vec<TokenWithSpan>) {
    for at in (2..tokens.len()).rev() {
        let begins_item = matches!(tokens.get(at - 1).map(|t| &t.token), Some(Token::LParen | Token::Comma));
        if is(tokens.get(at), "unique") || is(tokens.get(at), "key") && is(tokens.get(at - 1), "primary") {
            let mut from = at + 1;
            if are(tokens, from, "nulls distinct") && opens(tokens, from + 2) {
                // as without
                tokens.drain(from..from + 2);
            }
            if are(tokens, from, "nulls not distinct") && opens(tokens, from + 3) {
                from += 3;
            }
            let from = if opens(tokens, from) { closing(tokens, from).map(|close| close + 1) } else { Some(from) };
            from.into_iter().for_each(|from| comment(tokens, from));
        } else if is(tokens.get(at), "compression") && !begins_item && !is(tokens.get(at - 1), "set") {
            comment(tokens, at);
        } else if are(tokens, at, "no inherit") && tokens[at - 1].token == Token::RParen {
            tokens.drain(at..at + 2);
        } else if (are(tokens, at, "on delete set null") || are(tokens, at, "on delete set default"))
            && opens(tokens, at + 4)
        {
            columns_to_set(tokens, at);
        }
    }
}

/// Puts the clauses that begin at `from` into a comment.
fn comment(tokens: &mut Vec<TokenWithSpan>, from: usize) {
    let mut end = from;
    while let Some(next) = clause(tokens, end).filter(|next| *next <= tokens.len()) {
        end = next;
    }
    let Some(like) = tokens.get(from).filter(|_| end > from).cloned() else { return };
    let text = format!("{MARK}{}", text_of(&tokens[from..end]));
    let said = [Token::make_keyword("COMMENT"), Token::SingleQuotedString(text)];
    tokens.splice(from..end, said.map(|said| token(said, &like)));
}

/// Takes the columns from `ON DELETE SET NULL (a)`; those of a table's key go into its name, a column's is itself.
fn columns_to_set(tokens: &mut Vec<TokenWithSpan>, at: usize) {
    let Some(close) = closing(tokens, at + 4) else { return };
    let mut depth = 0usize;
    let item = (0..at).rev().find(|index| match tokens[*index].token {
        Token::RParen => {
            depth += 1;
            false
        }
        Token::LParen if depth > 0 => {
            depth -= 1;
            false
        }
        Token::LParen | Token::Comma => depth == 0,
        _ => false,
    });
    let item = item.map_or(0, |item| item + 1);
    let key = (item..at).find(|index| are(tokens, *index, "foreign key"));
    let columns = tokens[at + 5..close].to_vec();
    let is_own = columns.len() == 1 && name_of(&columns[0]) == tokens.get(item).and_then(name_of);
    if key.is_none() && !is_own {
        return;
    }
    tokens.drain(at + 4..=close);
    if let Some(key) = key {
        let name = Token::make_word(&format!("{MARK}{}", text_of(&columns)), Some('"'));
        let like = tokens[key].clone();
        tokens.insert(key + 2, token(name, &like));
    }
}

/// `name = value` of an option, each a token.
fn option(name: &str, value: &TokenWithSpan, like: &TokenWithSpan) -> Vec<TokenWithSpan> {
    let text = name_of(value).unwrap_or_else(|| value.token.to_string());
    let said = [Token::make_word(name, Some('"')), Token::Eq, Token::SingleQuotedString(text)];
    said.into_iter().map(|said| token(said, like)).collect()
}

/// Puts `USING`, `TABLESPACE` and the options of a table or view right behind its columns, as `WITH (…)`.
fn of_relation(tokens: &mut Vec<TokenWithSpan>, mut at: usize) {
    at += if are(tokens, at, "if not exists") { 3 } else { 0 };
    at = after_name(tokens, at);
    if are(tokens, at, "partition of") {
        return;
    }
    if opens(tokens, at) {
        let Some(close) = closing(tokens, at) else { return };
        at = close + 1;
    }
    if is(tokens.get(at), "inherits") && opens(tokens, at + 1) {
        let Some(close) = closing(tokens, at + 1) else { return };
        at = close + 1;
    }
    let (mut options, mut index): (Vec<Vec<TokenWithSpan>>, usize) = (Vec::new(), at);
    while index < tokens.len() && !is(tokens.get(index), "as") {
        let like = tokens[index].clone();
        if is(tokens.get(index), "with") && opens(tokens, index + 1) {
            let Some(close) = closing(tokens, index + 1) else { return };
            options.push(tokens[index + 2..close].to_vec());
            tokens.drain(index..=close);
        } else if are(tokens, index, "without oids") {
            tokens.drain(index..index + 2);
        } else if (is(tokens.get(index), "using") || is(tokens.get(index), "tablespace")) && index + 1 < tokens.len() {
            let word = if is(tokens.get(index), "using") { "using" } else { "tablespace" };
            options.push(option(&format!("{STORAGE}{word}"), &tokens[index + 1].clone(), &like));
            tokens.drain(index..index + 2);
        } else if opens(tokens, index) {
            let Some(close) = closing(tokens, index) else { return };
            index = close + 1;
        } else {
            index += 1;
        }
    }
    insert_options(tokens, at, options);
}

fn insert_options(tokens: &mut Vec<TokenWithSpan>, at: usize, options: Vec<Vec<TokenWithSpan>>) {
    let Some(like) = options.first().and_then(|option| option.first()).or(tokens.last()).cloned() else { return };
    if options.is_empty() {
        return;
    }
    let comma = token(Token::Comma, &like);
    let list = options.join(&comma);
    let mut with = vec![token(Token::make_keyword("WITH"), &like), token(Token::LParen, &like)];
    with.extend(list);
    with.push(token(Token::RParen, &like));
    tokens.splice(at..at, with);
}

/// `… WITH [LOCAL | CASCADED] CHECK OPTION` as an option of the view.
fn check_option(tokens: &mut Vec<TokenWithSpan>, at: usize) {
    let Some(end) = tokens.len().checked_sub(3).filter(|end| are(tokens, end + 1, "check option")) else { return };
    let (with, kind) = match () {
        () if is(tokens.get(end), "with") => (end, "cascaded"),
        () if is(tokens.get(end - 1), "with") && is(tokens.get(end), "local") => (end - 1, "local"),
        () if is(tokens.get(end - 1), "with") && is(tokens.get(end), "cascaded") => (end - 1, "cascaded"),
        () => return,
    };
    let like = tokens[with].clone();
    tokens.truncate(with);
    let mut at = after_name(tokens, at + if are(tokens, at, "if not exists") { 3 } else { 0 });
    if opens(tokens, at) {
        let Some(close) = closing(tokens, at) else { return };
        at = close + 1;
    }
    insert_options(tokens, at, vec![option("check_option", &token(Token::make_word(kind, None), &like), &like)]);
}

/// `ON ONLY t` → `ON t`, and `TABLESPACE x` among the options.
fn of_index(tokens: &mut Vec<TokenWithSpan>, at: usize) {
    let Some(on) = (at..tokens.len()).find(|at| is(tokens.get(*at), "on")) else { return };
    if is(tokens.get(on + 1), "only") {
        tokens.remove(on + 1);
    }
    let Some(open) = (on..tokens.len()).find(|at| opens(tokens, *at)) else { return };
    let Some(mut end) = closing(tokens, open).map(|close| close + 1) else { return };
    let (mut options, mut from) = (Vec::new(), None);
    while end < tokens.len() && !is(tokens.get(end), "where") {
        let like = tokens[end].clone();
        if is(tokens.get(end), "with") && opens(tokens, end + 1) {
            let Some(close) = closing(tokens, end + 1) else { return };
            options.push(tokens[end + 2..close].to_vec());
            tokens.drain(end..=close);
            from.get_or_insert(end);
        } else if is(tokens.get(end), "tablespace") && end + 1 < tokens.len() {
            options.push(option(&format!("{STORAGE}tablespace"), &tokens[end + 1].clone(), &like));
            tokens.drain(end..end + 2);
            from.get_or_insert(end);
        } else {
            end += 1;
        }
    }
    from.into_iter().for_each(|from| insert_options(tokens, from, std::mem::take(&mut options)));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dialect::parse_single;
    use datafusion::sql::sqlparser::ast::{ColumnOption, IndexOption, Statement, TableConstraint};

    fn table(sql: &str) -> datafusion::sql::sqlparser::ast::CreateTable {
        match parse_single(sql).unwrap().ast {
            Statement::CreateTable(table) => table,
            other => panic!("{other}"),
        }
    }

    #[test]
    fn clauses_of_keys_are_read_back() {
        let made = table(
            "create table t (a int unique nulls not distinct with (fillfactor = 70) check (a > 0) no inherit, b text \
             compression pglz, primary key (a) include (b, c) using index tablespace x)",
        );
        let of_column = |column: usize| {
            made.columns[column].options.iter().find_map(|option| match &option.option {
                ColumnOption::Comment(text) => key_clauses(text),
                _ => None,
            })
        };
        let unique = of_column(0).unwrap();
        assert!(unique.nulls_not_distinct && unique.parameters.len() == 1);
        assert_eq!(of_column(1).unwrap().compression.as_deref(), Some("pglz"));
        let [TableConstraint::PrimaryKey(key)] = made.constraints.as_slice() else { panic!("{made}") };
        let [IndexOption::Comment(text)] = key.index_options.as_slice() else { panic!("{made}") };
        let clauses = key_clauses(text).unwrap();
        assert_eq!((clauses.included, clauses.tablespace), (vec!["b".into(), "c".into()], Some("x".into())));
    }

    #[test]
    fn words_about_storage_are_options() {
        let shown = |sql: &str| parse_single(sql).unwrap().ast.to_string();
        assert_eq!(shown("create table t (a int) without oids"), "CREATE TABLE t (a INT)");
        assert_eq!(
            shown("create table t (a int) using heap with (fillfactor=70) on commit drop tablespace x"),
            "CREATE TABLE t (a INT) WITH (\"storage\u{1}using\" = 'heap', fillfactor = 70, \"storage\u{1}tablespace\" = 'x') ON COMMIT DROP"
        );
        assert_eq!(
            shown("create view v with (security_barrier) as select a from t with check option"),
            "CREATE VIEW v WITH (\"check_option\" = 'cascaded', security_barrier = true) AS SELECT a FROM t"
        );
        let index = "CREATE INDEX i ON t(a) WITH (\"storage\u{1}tablespace\" = 'x') WHERE a > 0";
        assert_eq!(shown("create index i on only t (a) tablespace x where a > 0"), index);
    }
}
