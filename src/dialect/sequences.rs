//! `CREATE SEQUENCE` and `ALTER SEQUENCE`, whose options come in any order: sqlparser takes them in one only. Columns that number
//! themselves.

use std::fmt;

use datafusion::sql::sqlparser::ast::{Ident, ObjectName, Statement};
use datafusion::sql::sqlparser::parser::Parser;
use datafusion::sql::sqlparser::tokenizer::{Token, TokenWithSpan};

use super::commands::call;
use super::definitions::{after_name, are, is, name_at};
use super::folded;
use super::postgres::Postgres;
use super::tokens::bare;
use crate::error::{Error, ErrorKind, Result};
use crate::names::quote_ident;

/// The ends of the smaller types' ranges.
const SMALLEST_MAX: i64 = i16::MAX as i64;
const SMALLER_MAX: i64 = i32::MAX as i64;

/// How a [`Command::Sequence`](super::Command) begins.
pub(super) const TAGS: [&str; 4] =
    ["CREATE SEQUENCE", "CREATE SEQUENCE IF NOT EXISTS", "ALTER SEQUENCE", "ALTER SEQUENCE IF EXISTS"];

/// What is said of a sequence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SequenceOption {
    As(String),
    Increment(i64),
    Min(Option<i64>),
    Max(Option<i64>),
    Start(i64),
    Restart(Option<i64>),
    Cache(i64),
    Cycle(bool),
    /// A table and its column; none for `NONE`.
    OwnedBy(Option<(ObjectName, String)>),
}

/// The statement as a command: its tag, the name, and the options as one quoted identifier.
pub(super) fn parse(tokens: &[TokenWithSpan]) -> Option<Statement> {
    let temporary = is(tokens.first(), "create") && ["temp", "temporary"].iter().any(|word| is(tokens.get(1), word));
    if temporary && is(tokens.get(2), "sequence") {
        let plain: Vec<TokenWithSpan> = tokens.iter().take(1).chain(&tokens[2..]).cloned().collect();
        return parse_in(&plain, Some("pg_temp"));
    }
    parse_in(tokens, None)
}

/// `schema`: where a sequence is whose name does not say it.
fn parse_in(tokens: &[TokenWithSpan], schema: Option<&str>) -> Option<Statement> {
    let (tag, mut at) = match () {
        () if are(tokens, 0, "create sequence if not exists") => ("CREATE SEQUENCE IF NOT EXISTS", 5),
        () if are(tokens, 0, "create sequence") => ("CREATE SEQUENCE", 2),
        () if are(tokens, 0, "create unlogged sequence") => ("CREATE SEQUENCE", 3),
        () if are(tokens, 0, "alter sequence if exists") => ("ALTER SEQUENCE IF EXISTS", 4),
        () if are(tokens, 0, "alter sequence") => ("ALTER SEQUENCE", 2),
        () => return None,
    };
    let end = after_name(tokens, at);
    let name = name_at(tokens, at, end)?;
    at = end;
    let options: Vec<String> = tokens.get(at..)?.iter().map(|token| token.token.to_string()).collect();
    let options = Ident::with_quote('"', options.join(" "));
    let schema = schema.filter(|_| name.0.len() == 1).map(Ident::new);
    let name = name.0.into_iter().filter_map(|part| part.as_ident().cloned());
    Some(call(tag, schema.into_iter().chain(name).chain([options]).collect()))
}

/// `AS IDENTITY (START WITH 1 INCREMENT BY 1 …)`: without what goes without saying, and the rest in the order that sqlparser
/// takes.
pub(super) fn settle_identity(tokens: &mut Vec<TokenWithSpan>) {
    let opens = |at: &usize| is(tokens.get(at - 1), "identity") && tokens[*at].token == Token::LParen;
    let opened: Vec<usize> = (1..tokens.len()).filter(opens).collect();
    for open in opened.into_iter().rev() {
        let close = tokens.iter().skip(open).position(|token| token.token == Token::RParen).map(|length| open + length);
        let Some(close) = close else { return };
        let mut from = open + 1;
        if are(tokens, from, "sequence name") {
            from = after_name(tokens, from + 2);
        }
        let Ok(mut options) = options_in(tokens.get(from..close).unwrap_or_default()) else { continue };
        options.retain(|option| !option.is_default());
        options.sort_by_key(SequenceOption::place);
        let words: Vec<String> = options.iter().map(ToString::to_string).collect();
        let like = tokens[open].clone();
        let said = match words.is_empty() {
            true => Vec::new(),
            false => bare(&format!("({})", words.join(" "))).unwrap_or_default(),
        };
        let said = said.into_iter().map(|token| TokenWithSpan { span: like.span, ..token });
        tokens.splice(open..=close, said.collect::<Vec<_>>());
    }
}

impl SequenceOption {
    /// Whether a sequence is so without a word.
    fn is_default(&self) -> bool {
        matches!(
            self,
            Self::Increment(1)
                | Self::Start(1)
                | Self::Cache(1)
                | Self::Cycle(false)
                | Self::Min(None | Some(1))
                | Self::Max(None | Some(SMALLEST_MAX | SMALLER_MAX | i64::MAX))
        )
    }

    /// Where sqlparser wants it.
    fn place(&self) -> u8 {
        match self {
            Self::Increment(_) => 0,
            Self::Min(_) => 1,
            Self::Max(_) => 2,
            Self::Start(_) => 3,
            Self::Cache(_) => 4,
            _ => 5,
        }
    }
}

impl fmt::Display for SequenceOption {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::As(data_type) => write!(f, "AS {data_type}"),
            Self::Increment(step) => write!(f, "INCREMENT BY {step}"),
            Self::Min(None) => f.write_str("NO MINVALUE"),
            Self::Min(Some(min)) => write!(f, "MINVALUE {min}"),
            Self::Max(None) => f.write_str("NO MAXVALUE"),
            Self::Max(Some(max)) => write!(f, "MAXVALUE {max}"),
            Self::Start(start) => write!(f, "START WITH {start}"),
            Self::Restart(None) => f.write_str("RESTART"),
            Self::Restart(Some(value)) => write!(f, "RESTART WITH {value}"),
            Self::Cache(cache) => write!(f, "CACHE {cache}"),
            Self::Cycle(true) => f.write_str("CYCLE"),
            Self::Cycle(false) => f.write_str("NO CYCLE"),
            Self::OwnedBy(None) => f.write_str("OWNED BY NONE"),
            Self::OwnedBy(Some((table, column))) => write!(f, "OWNED BY {table}.{}", quote_ident(column)),
        }
    }
}

/// The options of a sequence, in their order.
///
/// # Errors
/// `42601` for what is none, or comes twice.
pub fn sequence_options(text: &str) -> Result<Vec<SequenceOption>> {
    options_in(&bare(text).map_err(|error| Error::new(ErrorKind::SyntaxError, error.to_string()))?)
}

pub(super) fn options_in(tokens: &[TokenWithSpan]) -> Result<Vec<SequenceOption>> {
    let mut options: Vec<SequenceOption> = Vec::new();
    let mut at = 0;
    while at < tokens.len() {
        let (option, next) = option(tokens, at).ok_or_else(|| {
            let near = tokens.get(at).map_or_else(String::new, |token| token.token.to_string());
            Error::new(ErrorKind::SyntaxError, format!("syntax error at or near \"{near}\""))
        })?;
        if options.iter().any(|known| std::mem::discriminant(known) == std::mem::discriminant(&option)) {
            return Err(Error::new(ErrorKind::SyntaxError, "conflicting or redundant options"));
        }
        options.push(option);
        at = next;
    }
    Ok(options)
}

/// The option that begins there, and where the next does.
fn option(tokens: &[TokenWithSpan], at: usize) -> Option<(SequenceOption, usize)> {
    use SequenceOption::{As, Cache, Cycle, Increment, Max, Min, OwnedBy, Restart, Start};
    // `INCREMENT BY -1`: the filler is optional
    let valued = |of: fn(i64) -> SequenceOption, filler: &str| {
        let at = if is(tokens.get(at + 1), filler) { at + 2 } else { at + 1 };
        number(tokens, at).map(|(value, next)| (of(value), next))
    };
    match () {
        () if is(tokens.get(at), "as") => {
            let mut parser = Parser::new(&Postgres).with_tokens_with_locations(tokens[at + 1..].to_vec());
            let data_type = parser.parse_data_type().ok()?;
            Some((As(data_type.to_string().to_lowercase()), at + 1 + parser.index()))
        }
        () if is(tokens.get(at), "increment") => valued(Increment, "by"),
        () if is(tokens.get(at), "start") => valued(Start, "with"),
        () if is(tokens.get(at), "cache") => valued(Cache, "\u{1}"),
        () if is(tokens.get(at), "minvalue") => valued(|value| Min(Some(value)), "\u{1}"),
        () if is(tokens.get(at), "maxvalue") => valued(|value| Max(Some(value)), "\u{1}"),
        () if is(tokens.get(at), "restart") => {
            valued(|value| Restart(Some(value)), "with").or(Some((Restart(None), at + 1)))
        }
        () if are(tokens, at, "no minvalue") => Some((Min(None), at + 2)),
        () if are(tokens, at, "no maxvalue") => Some((Max(None), at + 2)),
        () if are(tokens, at, "no cycle") => Some((Cycle(false), at + 2)),
        () if is(tokens.get(at), "cycle") => Some((Cycle(true), at + 1)),
        () if are(tokens, at, "owned by none") => Some((OwnedBy(None), at + 3)),
        () if are(tokens, at, "owned by") => {
            let end = after_name(tokens, at + 2);
            let mut parts = name_at(tokens, at + 2, end)?.0;
            let column = parts.pop()?.as_ident().map(folded)?;
            (!parts.is_empty()).then_some((OwnedBy(Some((ObjectName(parts), column))), end))
        }
        () => None,
    }
}

fn number(tokens: &[TokenWithSpan], at: usize) -> Option<(i64, usize)> {
    let (sign, at) = match tokens.get(at)?.token {
        Token::Minus => ("-", at + 1),
        Token::Plus => ("", at + 1),
        _ => ("", at),
    };
    match &tokens.get(at)?.token {
        Token::Number(digits, _) => Some((format!("{sign}{digits}").parse().ok()?, at + 1)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dialect::{Command, command, parse_single};

    #[test]
    fn options_come_in_any_order() {
        let sql =
            "create sequence s.q start with 5 increment -2 no minvalue maxvalue 9 cache 1 owned by \"T\".id no cycle";
        let Some(Command::Sequence { tag, name, options }) = command(&parse_single(sql).unwrap().ast) else {
            panic!("no sequence")
        };
        assert_eq!((tag, name.to_string().as_str()), ("CREATE SEQUENCE", "s.q"));
        use SequenceOption::*;
        let table = ObjectName::from(vec![Ident::with_quote('"', "T")]);
        let expected = [
            Start(5),
            Increment(-2),
            Min(None),
            Max(Some(9)),
            Cache(1),
            OwnedBy(Some((table, "id".into()))),
            Cycle(false),
        ];
        assert_eq!(sequence_options(&options).unwrap(), expected);
        assert_eq!(sequence_options("cache 1 cache 2").unwrap_err().message(), "conflicting or redundant options");
        assert_eq!(sequence_options("start x").unwrap_err().message(), "syntax error at or near \"start\"");
    }
}
