//! GRANT and REVOKE, where sqlparser does not know PostgreSQL's syntax: in words it knows, or as commands.
//!
//! | PostgreSQL | becomes |
//! |---|---|
//! | `REVOKE GRANT OPTION FOR … FROM x` | `REVOKE … FROM x GRANTED BY` [`OPTION`] |
//! | `… TO PUBLIC, x` | `… TO` [`EVERYBODY`]`, x` |
//! | `GRANT TEMP ON DATABASE d` | `GRANT TEMPORARY ON DATABASE d` |
//! | `… ON ALL PROCEDURES IN SCHEMA s` | `… ON ALL FUNCTIONS IN SCHEMA s` |
//! | `… ON LANGUAGE l`, `… ON FUNCTION f()`, `ALTER DEFAULT PRIVILEGES …` | a command |

use datafusion::sql::sqlparser::ast::Ident;
use datafusion::sql::sqlparser::tokenizer::{Token, TokenWithSpan};

use super::definitions::{are, is, token};
use super::folded;
use super::objects::{NamedObject, list};

/// Who grants where the right to grant is meant, and not the right itself. Nobody can write the name.
pub const OPTION: &str = "option\u{1}";
/// PUBLIC as a name. Nobody can write it.
pub const EVERYBODY: &str = "public\u{1}";

/// A GRANT or REVOKE that sqlparser has no tree for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum GrantCommand {
    /// On objects that are no relations.
    Objects { grants: bool, objects: Vec<NamedObject>, grantees: Vec<String> },
    /// `ALTER DEFAULT PRIVILEGES`; `kind`: `TABLES` and the like.
    Defaults { grants: bool, roles: Vec<String>, schemas: Vec<String>, kind: String, grantees: Vec<String> },
}

/// Where the grantees begin: behind the last `TO`, or `FROM`.
fn grantees_at(tokens: &[TokenWithSpan], grants: bool) -> Option<usize> {
    let word = if grants { "to" } else { "from" };
    (1..tokens.len()).rev().find(|at| is(tokens.get(*at), word)).map(|at| at + 1)
}

pub(super) fn rewrite(tokens: &mut Vec<TokenWithSpan>) {
    let grants = is(tokens.first(), "grant");
    if !grants && !is(tokens.first(), "revoke") {
        return;
    }
    let of_option = are(tokens, 0, "revoke grant option for");
    if of_option {
        tokens.drain(1..4);
    }
    let Some(on) = (1..tokens.len()).find(|at| is(tokens.get(*at), "on")) else { return };
    for at in 1..on {
        if is(tokens.get(at), "temp") {
            tokens[at].token = Token::make_keyword("TEMPORARY");
        }
    }
    if are(tokens, on, "on all procedures in schema") || are(tokens, on, "on all routines in schema") {
        tokens[on + 2].token = Token::make_keyword("FUNCTIONS");
    }
    let Some(from) = grantees_at(tokens, grants) else { return };
    for at in from..tokens.len() {
        if is(tokens.get(at), "public") {
            tokens[at].token = Token::make_word(EVERYBODY, Some('"'));
        } else if is(tokens.get(at), "group") {
            tokens[at].token = Token::make_keyword("ROLE");
        }
    }
    if of_option {
        let ends = |token: &TokenWithSpan| ["cascade", "restrict"].iter().any(|word| is(Some(token), word));
        let end = if tokens.last().is_some_and(ends) { tokens.len() - 1 } else { tokens.len() };
        let like = tokens[0].clone();
        let by = [Token::make_keyword("GRANTED"), Token::make_keyword("BY"), Token::make_word(OPTION, Some('"'))];
        tokens.splice(end..end, by.map(|word| token(word, &like)));
    }
}

/// Names with commas between them, perhaps behind `GROUP` or `ROLE`, and where they end.
fn names(tokens: &[TokenWithSpan], mut at: usize) -> Option<(Vec<String>, usize)> {
    let mut found = Vec::new();
    loop {
        at += usize::from(is(tokens.get(at), "group") || is(tokens.get(at), "role"));
        let Token::Word(word) = &tokens.get(at)?.token else { return None };
        found.push(folded(&Ident { value: word.value.clone(), quote_style: word.quote_style, span: tokens[at].span }));
        at += 1;
        if tokens.get(at).is_none_or(|token| token.token != Token::Comma) {
            return Some((found, at));
        }
        at += 1;
    }
}

/// Whether what is left of a statement says nothing that matters.
fn ends(tokens: &[TokenWithSpan], at: usize) -> bool {
    let rest = tokens.get(at..).unwrap_or_default();
    let is_all = |words: &str| are(rest, 0, words) && rest.len() == words.split(' ').count();
    let by = are(rest, 0, "granted by") && rest.len() >= 3;
    rest.is_empty() || ["cascade", "restrict", "with grant option"].into_iter().any(is_all) || by
}

pub(super) fn command(tokens: &[TokenWithSpan]) -> Option<GrantCommand> {
    if are(tokens, 0, "alter default privileges") {
        return defaults(tokens);
    }
    let grants = is(tokens.first(), "grant");
    if !grants && !is(tokens.first(), "revoke") {
        return None;
    }
    let on = (1..tokens.len()).find(|at| is(tokens.get(*at), "on"))?;
    let from = grantees_at(tokens, grants)?;
    let objects = list(tokens.get(on + 1..from - 1)?)?;
    let (grantees, end) = names(tokens, from)?;
    let known = ["function", "procedure", "routine", "language", "type", "domain", "server", "foreign-data wrapper"];
    let is_known = |object: &NamedObject| known.contains(&object.kind.noun) || object.kind.noun == "tablespace";
    (ends(tokens, end) && objects.iter().all(is_known)).then_some(GrantCommand::Objects { grants, objects, grantees })
}

fn defaults(tokens: &[TokenWithSpan]) -> Option<GrantCommand> {
    let (mut roles, mut schemas, mut at) = (Vec::new(), Vec::new(), 3);
    loop {
        if are(tokens, at, "for role") || are(tokens, at, "for user") {
            (roles, at) = names(tokens, at + 2)?;
        } else if are(tokens, at, "in schema") {
            (schemas, at) = names(tokens, at + 2)?;
        } else {
            break;
        }
    }
    let grants = is(tokens.get(at), "grant");
    if !grants && !is(tokens.get(at), "revoke") {
        return None;
    }
    let on = (at..tokens.len()).find(|at| is(tokens.get(*at), "on"))?;
    let kind = tokens.get(on + 1)?.token.to_string().to_uppercase();
    let known = ["TABLES", "SEQUENCES", "FUNCTIONS", "ROUTINES", "TYPES", "SCHEMAS"];
    let (grantees, end) = names(tokens, grantees_at(tokens, grants)?)?;
    let is_whole = known.contains(&kind.as_str()) && ends(tokens, end);
    is_whole.then_some(GrantCommand::Defaults { grants, roles, schemas, kind, grantees })
}
