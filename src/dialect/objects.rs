//! Objects that are no relations (functions, types, triggers, extensions …), as DROP and COMMENT ON name them: as commands.
//!
//! Lakewire has few of them and makes none, but programs drop what they are about to make, and comment on what PostgreSQL
//! brings along.

use datafusion::sql::sqlparser::ast::{ArrayElemTypeDef, DataType, Ident, Statement, TimezoneInfo};
use datafusion::sql::sqlparser::parser::Parser;
use datafusion::sql::sqlparser::tokenizer::{Token, TokenWithSpan};

use super::commands::call;
use super::definitions::{after_name, are, closing, is};
use super::folded;
use super::grants::{self, GrantCommand};
use super::postgres::Postgres;
use super::tokens::{bare, name_of};

/// How an object of a kind is told from the others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// By a name without a schema.
    Name,
    /// By a name in a schema.
    InSchema,
    /// `f(integer, text)`
    Routine,
    /// `name ON table`
    On,
    /// `name USING method`
    Using,
    /// `+ (integer, integer)`
    Operator,
    /// `(integer AS text)`
    Cast,
    /// `FOR integer LANGUAGE sql`
    Transform,
    /// `FOR user SERVER server`
    Mapping,
}

/// A kind of object.
#[derive(Debug, PartialEq, Eq)]
pub struct ObjectKind {
    /// In SQL.
    words: &'static str,
    /// In messages.
    pub noun: &'static str,
    pub form: Form,
    /// Of the command that drops one.
    pub drop_tag: &'static str,
}

macro_rules! kinds {
    ($($words:literal $noun:literal $form:ident $tag:literal,)*) => {
        &[$(ObjectKind { words: $words, noun: $noun, form: Form::$form, drop_tag: $tag }),*]
    };
}

const KINDS: &[ObjectKind] = kinds![
    "access method" "access method" Name "DROP ACCESS METHOD",
    "aggregate" "aggregate" Routine "DROP AGGREGATE",
    "cast" "cast" Cast "DROP CAST",
    "collation" "collation" InSchema "DROP COLLATION",
    "conversion" "conversion" InSchema "DROP CONVERSION",
    "database" "database" Name "DROP DATABASE",
    "domain" "domain" InSchema "DROP DOMAIN",
    "event trigger" "event trigger" Name "DROP EVENT TRIGGER",
    "extension" "extension" Name "DROP EXTENSION",
    "foreign server" "server" Name "DROP SERVER",
    "foreign data wrapper" "foreign-data wrapper" Name "DROP FOREIGN DATA WRAPPER",
    "foreign table" "foreign table" InSchema "DROP FOREIGN TABLE",
    "function" "function" Routine "DROP FUNCTION",
    "language" "language" Name "DROP LANGUAGE",
    "operator class" "operator class" Using "DROP OPERATOR CLASS",
    "operator family" "operator family" Using "DROP OPERATOR FAMILY",
    "operator" "operator" Operator "DROP OPERATOR",
    "policy" "policy" On "DROP POLICY",
    "procedural language" "language" Name "DROP LANGUAGE",
    "procedure" "procedure" Routine "DROP PROCEDURE",
    "publication" "publication" Name "DROP PUBLICATION",
    "routine" "routine" Routine "DROP ROUTINE",
    "rule" "rule" On "DROP RULE",
    "server" "server" Name "DROP SERVER",
    "statistics" "statistics object" InSchema "DROP STATISTICS",
    "subscription" "subscription" Name "DROP SUBSCRIPTION",
    "tablespace" "tablespace" Name "DROP TABLESPACE",
    "text search configuration" "text search configuration" InSchema "DROP TEXT SEARCH CONFIGURATION",
    "text search dictionary" "text search dictionary" InSchema "DROP TEXT SEARCH DICTIONARY",
    "text search parser" "text search parser" InSchema "DROP TEXT SEARCH PARSER",
    "text search template" "text search template" InSchema "DROP TEXT SEARCH TEMPLATE",
    "transform" "transform" Transform "DROP TRANSFORM",
    "trigger" "trigger" On "DROP TRIGGER",
    "type" "type" InSchema "DROP TYPE",
    "user mapping" "user mapping" Mapping "DROP USER MAPPING",
];

/// An object as a statement names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamedObject {
    pub kind: &'static ObjectKind,
    /// Folded, with its schema where that is said; empty where the kind has no names.
    pub name: Vec<String>,
    /// Types of its arguments; none where they are left out.
    pub types: Option<Vec<TypeName>>,
    /// The table, method, language or server that it belongs to.
    pub of: Vec<String>,
    /// `f(*)`
    pub of_rows: bool,
}

/// A type as PostgreSQL's parser has it: words of its grammar are names of `pg_catalog`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TypeName {
    pub name: Vec<String>,
    pub is_array: bool,
}

impl TypeName {
    /// As notices tell it.
    pub fn told(&self) -> String {
        format!("{}{}", self.name.join("."), if self.is_array { "[]" } else { "" })
    }
}

impl ObjectKind {
    fn at(tokens: &[TokenWithSpan], at: usize) -> Option<(&'static Self, usize)> {
        let kind = KINDS.iter().find(|kind| are(tokens, at, kind.words))?;
        Some((kind, at + kind.words.split(' ').count()))
    }
}

/// What the name of a command begins with that drops such objects, or comments on one.
const DROP: &str = "DROP objects";
const DROP_IF_EXISTS: &str = "DROP objects IF EXISTS";
const COMMENT: &str = "COMMENT ON object";
const GRANT: &str = "GRANT on object";

/// What is done to such objects.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ObjectCommand {
    Drop { objects: Vec<NamedObject>, if_exists: bool },
    Comment(NamedObject),
    Grant(GrantCommand),
}

/// The statement as a command; none where it is about something else.
pub(super) fn parse(tokens: &[TokenWithSpan]) -> Option<Statement> {
    let (what, from, to) = if is(tokens.first(), "drop") {
        let (_, at) = ObjectKind::at(tokens, 1)?;
        (if are(tokens, at, "if exists") { DROP_IF_EXISTS } else { DROP }, 1, tokens.len())
    } else if are(tokens, 0, "comment on") {
        let end = tokens.len().checked_sub(2)?;
        let says_what =
            is(tokens.get(end + 1), "null") || matches!(tokens[end + 1].token, Token::SingleQuotedString(_));
        if !is(tokens.get(end), "is") || !says_what {
            return None;
        }
        (COMMENT, 2, end)
    } else {
        (GRANT, 0, tokens.len())
    };
    let said: Vec<String> = tokens.get(from..to)?.iter().map(|token| token.token.to_string()).collect();
    let said = said.join(" ");
    command(what, &said)?;
    Some(call(what, vec![Ident::with_quote('"', said)]))
}

/// The command of that name.
pub(super) fn command(what: &str, said: &str) -> Option<ObjectCommand> {
    if ![DROP, DROP_IF_EXISTS, COMMENT, GRANT].contains(&what) {
        return None;
    }
    let tokens = bare(said).ok()?;
    if what == GRANT {
        return grants::command(&tokens).map(ObjectCommand::Grant);
    }
    let (kind, mut at) = ObjectKind::at(&tokens, 0)?;
    if what == COMMENT {
        let (object, end) = object(kind, &tokens, at)?;
        return (end == tokens.len()).then_some(ObjectCommand::Comment(object));
    }
    let if_exists = what == DROP_IF_EXISTS;
    at += if if_exists { 2 } else { 0 };
    let mut objects = Vec::new();
    loop {
        let (object, end) = object(kind, &tokens, at)?;
        objects.push(object);
        at = end + 1;
        if tokens.get(end).is_none_or(|token| token.token != Token::Comma) {
            break;
        }
    }
    let rest = tokens.get(at - 1..).unwrap_or_default();
    let may_follow = ["cascade", "restrict"].iter().any(|word| rest.len() == 1 && is(rest.first(), word));
    let by_force = kind.words == "database" && rest.len() >= 3 && is(rest.get(rest.len() - 2), "force");
    (rest.is_empty() || may_follow || by_force).then_some(ObjectCommand::Drop { objects, if_exists })
}

/// The objects of one kind that all of the tokens name.
pub(super) fn list(tokens: &[TokenWithSpan]) -> Option<Vec<NamedObject>> {
    let (kind, mut at) = ObjectKind::at(tokens, 0)?;
    let mut objects = Vec::new();
    loop {
        let (found, end) = object(kind, tokens, at)?;
        objects.push(found);
        match tokens.get(end).map(|token| &token.token) {
            None => return Some(objects),
            Some(Token::Comma) => at = end + 1,
            Some(_) => return None,
        }
    }
}

/// The object that is named from `at` on, and where its name ends.
fn object(kind: &'static ObjectKind, tokens: &[TokenWithSpan], at: usize) -> Option<(NamedObject, usize)> {
    let mut object = NamedObject { kind, name: Vec::new(), types: None, of: Vec::new(), of_rows: false };
    let mut end = at;
    if !matches!(kind.form, Form::Cast | Form::Transform | Form::Mapping) {
        (object.name, end) = if kind.form == Form::Operator { operator(tokens, at)? } else { name(tokens, at)? };
    }
    let of = |object: &mut NamedObject, words: &str, end: usize| {
        let at = end + words.split(' ').count();
        let (name, end) = are(tokens, end, words).then(|| name(tokens, at))??;
        object.of = name;
        Some(end)
    };
    match kind.form {
        Form::Name | Form::InSchema => {}
        Form::Routine if tokens.get(end).is_some_and(|token| token.token == Token::LParen) => {
            let close = closing(tokens, end)?;
            object.of_rows = close == end + 2 && tokens[end + 1].token == Token::Mul;
            object.types = Some(if object.of_rows { Vec::new() } else { arguments(tokens.get(end + 1..close)?)? });
            end = close + 1;
        }
        Form::Routine => {}
        Form::On => end = of(&mut object, "on", end)?,
        Form::Using => end = of(&mut object, "using", end)?,
        Form::Operator => {
            let close = closing(tokens, end)?;
            let sides = tokens.get(end + 1..close)?.split(|token| token.token == Token::Comma);
            let side = |side: &[TokenWithSpan]| match is(side.first(), "none") {
                true => Some(TypeName { name: Vec::new(), is_array: false }),
                false => type_name(side),
            };
            object.types = Some(sides.map(side).collect::<Option<_>>()?);
            end = close + 1;
        }
        Form::Cast => {
            let close = closing(tokens, end)?;
            let middle = (end..close).find(|at| is(tokens.get(*at), "as"))?;
            let sides = [tokens.get(end + 1..middle)?, tokens.get(middle + 1..close)?];
            object.types = Some(sides.into_iter().map(type_name).collect::<Option<_>>()?);
            end = close + 1;
        }
        Form::Transform => {
            let middle = (end..tokens.len()).find(|at| is(tokens.get(*at), "language"))?;
            object.types = Some(vec![type_name(tokens.get(end + 1..middle)?)?]);
            end = of(&mut object, "language", middle)?;
        }
        Form::Mapping => {
            (object.name, end) = is(tokens.get(end), "for").then(|| name(tokens, end + 1))??;
            end = of(&mut object, "server", end)?;
        }
    }
    Some((object, end))
}

fn name(tokens: &[TokenWithSpan], at: usize) -> Option<(Vec<String>, usize)> {
    let end = after_name(tokens, at);
    let parts: Option<Vec<String>> = tokens.get(at..end)?.iter().step_by(2).map(name_of).collect();
    Some((parts?, end))
}

/// `public.===`
fn operator(tokens: &[TokenWithSpan], at: usize) -> Option<(Vec<String>, usize)> {
    let (mut name, mut end) = (Vec::new(), at);
    while let (Some(Token::Word(word)), Some(Token::Period)) =
        (tokens.get(end).map(|token| &token.token), tokens.get(end + 1).map(|token| &token.token))
    {
        name.push(word.value.clone());
        end += 2;
    }
    let sign = |token: &&TokenWithSpan| !matches!(token.token, Token::LParen | Token::Word(_));
    let signs: Vec<String> = tokens.iter().skip(end).take_while(sign).map(|token| token.token.to_string()).collect();
    end += signs.len();
    let opens = tokens.get(end).is_some_and(|token| token.token == Token::LParen);
    name.push(signs.concat());
    (!signs.is_empty() && opens).then_some((name, end))
}

/// Types of what goes in: `a integer, OUT b text` is one.
fn arguments(tokens: &[TokenWithSpan]) -> Option<Vec<TypeName>> {
    let mut types = Vec::new();
    let mut from = 0;
    while from < tokens.len() {
        let mut depth = 0usize;
        let ends = |token: &TokenWithSpan| {
            match token.token {
                Token::LParen => depth += 1,
                Token::RParen => depth = depth.saturating_sub(1),
                _ => {}
            }
            depth == 0 && token.token == Token::Comma
        };
        let length = tokens[from..].iter().position(ends).unwrap_or(tokens.len() - from);
        let mut argument = &tokens[from..from + length];
        let is_out = is(argument.first(), "out");
        while ["in", "out", "inout", "variadic", "setof"].iter().any(|word| is(argument.first(), word)) {
            argument = &argument[1..];
        }
        let named = || type_name(argument.get(1..)?);
        let found = type_name(argument).or_else(named)?;
        if !is_out {
            types.push(found);
        }
        from += length + 1;
    }
    Some(types)
}

/// The type that all of the tokens are.
fn type_name(tokens: &[TokenWithSpan]) -> Option<TypeName> {
    let tokens = if is(tokens.first(), "setof") { &tokens[1..] } else { tokens };
    let mut parser = Parser::new(&Postgres).with_tokens_with_locations(tokens.to_vec());
    let parsed = parser.parse_data_type().ok()?;
    (parser.peek_token().token == Token::EOF).then(|| TypeName::of(&parsed))
}

impl TypeName {
    fn of(data_type: &DataType) -> Self {
        let system = |name: &str| Self { name: vec!["pg_catalog".to_owned(), name.to_owned()], is_array: false };
        let plain = |name: String| Self { name: vec![name], is_array: false };
        let zoned = |zone: &TimezoneInfo| *zone == TimezoneInfo::WithTimeZone;
        match data_type {
            DataType::Array(ArrayElemTypeDef::SquareBracket(element, _)) => {
                Self { is_array: true, ..Self::of(element) }
            }
            DataType::Int(_) | DataType::Integer(_) => system("int4"),
            DataType::BigInt(_) => system("int8"),
            DataType::SmallInt(_) => system("int2"),
            DataType::Real => system("float4"),
            DataType::Float(_) | DataType::DoublePrecision => system("float8"),
            DataType::Numeric(_) | DataType::Decimal(_) | DataType::Dec(_) => system("numeric"),
            DataType::Boolean => system("bool"),
            DataType::Char(_) | DataType::Character(_) => system("bpchar"),
            DataType::Varchar(_) | DataType::CharacterVarying(_) | DataType::CharVarying(_) => system("varchar"),
            DataType::Timestamp(_, zone) if *zone != TimezoneInfo::Tz => {
                system(if zoned(zone) { "timestamptz" } else { "timestamp" })
            }
            DataType::Time(_, zone) if *zone != TimezoneInfo::Tz => system(if zoned(zone) { "timetz" } else { "time" }),
            DataType::Interval { .. } => system("interval"),
            DataType::Custom(name, _) => {
                Self { name: name.0.iter().filter_map(|part| part.as_ident()).map(folded).collect(), is_array: false }
            }
            other => {
                let told = other.to_string().to_lowercase();
                plain(told.split_once('(').map_or(told.clone(), |(name, _)| name.to_owned()))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dialect::{Command, parse_single};

    fn of(sql: &str) -> Option<ObjectCommand> {
        match crate::dialect::command(&parse_single(sql).ok()?.ast)? {
            Command::Objects(command) => Some(command),
            _ => None,
        }
    }

    #[test]
    fn objects_are_told_by_what_tells_them_apart() {
        let told = |sql| match of(sql) {
            Some(ObjectCommand::Drop { objects, if_exists }) => {
                let one = |object: &NamedObject| {
                    let types = object.types.as_ref().map(|types| types.iter().map(TypeName::told).collect::<Vec<_>>());
                    format!("{} {types:?} {}", object.name.join("."), object.of.join("."))
                };
                (objects.iter().map(one).collect::<Vec<_>>().join("; "), if_exists)
            }
            other => panic!("{sql}: {other:?}"),
        };
        let types = "f Some([\"pg_catalog.int4\", \"pg_catalog.varchar[]\", \"s.t\"]) ; g None ";
        let sql = "drop function if exists f(a int, out b text, varchar(10)[], inout s.t), G cascade";
        assert_eq!(told(sql), (types.to_owned(), true));
        assert_eq!(told("drop trigger t on s.u"), ("t None s.u".to_owned(), false));
        assert_eq!(told("drop aggregate a(*)"), ("a Some([]) ".to_owned(), false));
        let sides = "s.=== Some([\"\", \"text\"]) ";
        assert_eq!(told("drop operator s.=== (none, text)"), (sides.to_owned(), false));
        assert!(of("drop function if exists").is_none() && of("drop table t").is_none());
        assert!(matches!(of("comment on type t is null"), Some(ObjectCommand::Comment(_))));
    }
}
