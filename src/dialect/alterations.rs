//! Actions of `ALTER TABLE` that sqlparser does not know: each is put into one that it knows, whose name says what is meant.
//!
//! | PostgreSQL | becomes |
//! |---|---|
//! | `ALTER COLUMN c RESTART`, `… SET STATISTICS 100`, `… DROP EXPRESSION` | `ALTER COLUMN c SET DEFAULT` of an [`Alteration`] |
//! | `ALTER COLUMN c TYPE text COLLATE "C"` | without it, and an action of its own |
//! | `CLUSTER ON i`, `RESET (fillfactor)`, `ALTER CONSTRAINT c DEFERRABLE` | `VALIDATE CONSTRAINT` of an [`Alteration`] |
//!
//! Invariant: nobody can write such a name.

use datafusion::sql::sqlparser::ast::{Expr, Ident};
use datafusion::sql::sqlparser::tokenizer::{Token, TokenWithSpan};

use super::definitions::{after_name, are, closing, is, token};
use super::sequences::{SequenceOption, options_in};
use super::tokens::{bare, name_of};

/// What begins the name that stands for an alteration of a table, and of a column.
const MARK: &str = "alteration\u{1}";
const COLUMN_MARK: &str = "alteration of a column\u{1}";

/// An action of `ALTER TABLE`, of a column or of the table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Alteration {
    /// `DROP IDENTITY`
    DropIdentity {
        if_exists: bool,
    },
    /// How a column numbers itself: whether always, where that is said, and its sequence.
    Identity {
        always: Option<bool>,
        options: Vec<SequenceOption>,
    },
    /// `DROP EXPRESSION`
    DropExpression {
        if_exists: bool,
    },
    Statistics(i64),
    /// `SET STORAGE`
    Storage(String),
    Compression(String),
    /// `SET (…)` of a column: the options' names.
    ColumnOptions(Vec<String>),
    /// `COLLATE` behind a new type.
    Collation(String),
    /// `ALTER CONSTRAINT`
    Constraint {
        name: String,
        deferrable: bool,
        deferred: bool,
    },
    Cluster(String),
    Tablespace(String),
    AccessMethod(String),
    /// `ENABLE` or `DISABLE TRIGGER`, all of them for none.
    Trigger(Option<String>),
    Rule(String),
    /// Whether rows are to be secured, or secured from the owner too.
    RowSecurity {
        wanted: bool,
    },
    /// `REPLICA IDENTITY USING INDEX`
    ReplicaIndex(String),
    /// `INHERIT`, `NO INHERIT`, `ATTACH PARTITION` and the like: the first words, and the relation or type.
    Kin {
        words: &'static str,
        name: Vec<String>,
    },
    /// `RESET (…)` of a table or an index: the names.
    Reset(Vec<String>),
    /// What is about storage alone: `SET LOGGED`.
    Nothing,
}

/// What needs no more than to be accepted.
const NOTHING: &[&str] = &[
    "set logged",
    "set unlogged",
    "set without cluster",
    "set without oids",
    "replica identity default",
    "replica identity full",
    "replica identity nothing",
];

const KIN: &[&str] = &["INHERIT", "NO INHERIT", "NOT OF", "OF", "ATTACH PARTITION", "DETACH PARTITION"];

/// The alteration of a table that the name of a constraint stands for.
pub fn alteration(name: &Ident) -> Option<Alteration> {
    Alteration::of_table(&bare(name.value.strip_prefix(MARK)?).ok()?)
}

/// The alteration that a default stands for.
pub fn alteration_of_column(default: &Expr) -> Option<Alteration> {
    let Expr::Identifier(name) = default else { return None };
    Alteration::of_column(&bare(name.value.strip_prefix(COLUMN_MARK)?).ok()?)
}

pub(super) fn rewrite(tokens: &mut Vec<TokenWithSpan>) {
    let mut at = 2;
    at += if are(tokens, at, "if exists") { 2 } else { 0 };
    at = after_name(tokens, at);
    let mut depth = 0usize;
    let mut starts = vec![at];
    for (index, found) in tokens.iter().enumerate().skip(at) {
        match found.token {
            Token::LParen => depth += 1,
            Token::RParen => depth = depth.saturating_sub(1),
            Token::Comma if depth == 0 => starts.push(index + 1),
            _ => {}
        }
    }
    let mut end = tokens.len();
    for start in starts.into_iter().rev() {
        if start < end {
            action(tokens, start, end);
        }
        end = start.saturating_sub(1);
    }
}

/// One action, from `start` up to `end`.
fn action(tokens: &mut Vec<TokenWithSpan>, start: usize, end: usize) {
    let Some(said) = tokens.get(start..end).map(<[_]>::to_vec) else { return };
    let of_column = is(said.first(), "alter") && !is(said.get(1), "constraint");
    if !of_column {
        if Alteration::of_table(&said).is_some() {
            tokens.splice(start..end, marked(&said, &["VALIDATE", "CONSTRAINT"], MARK, &said));
        }
        return;
    }
    let column = if is(said.get(1), "column") { 2 } else { 1 };
    if let Some(number) = tokens.get_mut(start + column)
        && matches!(number.token, Token::Number(..))
    {
        // of an index, whose columns have no names
        number.token = Token::make_word(&number.token.to_string(), Some('"'));
    }
    let rest = said.get(column + 1..).unwrap_or_default();
    if Alteration::of_column(rest).is_some() {
        tokens.splice(start + column + 1..end, marked(&said, &["SET", "DEFAULT"], COLUMN_MARK, rest));
    } else if let Some(collate) = collation(rest) {
        let name_end = after_name(rest, collate + 1);
        let collation = rest.get(collate..name_end).unwrap_or_default().to_vec();
        let mut more = vec![token(Token::Comma, &said[0])];
        more.extend(said[..=column].iter().cloned());
        more.extend(marked(&said, &["SET", "DEFAULT"], COLUMN_MARK, &collation));
        tokens.splice(end..end, more);
        tokens.drain(start + column + 1 + collate..start + column + 1 + name_end);
    }
}

/// Words and the name that stands for what is said.
fn marked(like: &[TokenWithSpan], words: &[&str], mark: &str, said: &[TokenWithSpan]) -> Vec<TokenWithSpan> {
    let Some(like) = like.first() else { return Vec::new() };
    let text: Vec<String> = said.iter().map(|token| token.token.to_string()).collect();
    let name = Token::make_word(&format!("{mark}{}", text.join(" ")), Some('"'));
    let words = words.iter().map(|word| Token::make_keyword(word));
    words.chain([name]).map(|word| token(word, like)).collect()
}

/// Where a new type says `COLLATE`.
fn collation(rest: &[TokenWithSpan]) -> Option<usize> {
    let of_type = is(rest.first(), "type") || are(rest, 0, "set data type");
    let using = rest.iter().position(|token| is(Some(token), "using")).unwrap_or(rest.len());
    (0..using).find(|at| of_type && is(rest.get(*at), "collate"))
}

/// The word or name at `at`, which is the last.
fn last_name(tokens: &[TokenWithSpan], at: usize) -> Option<String> {
    (tokens.len() == at + 1).then(|| name_of(tokens.get(at)?))?
}

fn number(tokens: &[TokenWithSpan], at: usize) -> Option<i64> {
    match tokens.get(at..)?.iter().map(|token| &token.token).collect::<Vec<_>>().as_slice() {
        [Token::Number(digits, _)] => digits.parse().ok(),
        [Token::Minus, Token::Number(digits, _)] => digits.parse::<i64>().ok().map(|number| -number),
        _ => None,
    }
}

/// The names in `(a = 1, b.c = 2)`, which end the tokens.
fn option_names(tokens: &[TokenWithSpan], at: usize) -> Option<Vec<String>> {
    let opens = tokens.get(at).is_some_and(|token| token.token == Token::LParen);
    let close = closing(tokens, at).filter(|close| opens && close + 1 == tokens.len())?;
    let options = tokens.get(at + 1..close)?.split(|token| token.token == Token::Comma);
    let name = |option: &[TokenWithSpan]| {
        let parts: Option<Vec<String>> = option.get(..after_name(option, 0))?.iter().step_by(2).map(name_of).collect();
        Some(parts?.join("."))
    };
    options.map(name).collect()
}

impl Alteration {
    /// Of a column, whose name stands before it.
    fn of_column(tokens: &[TokenWithSpan]) -> Option<Self> {
        let is_all = |words: &str| are(tokens, 0, words) && tokens.len() == words.split(' ').count();
        Some(match () {
            () if is_all("drop identity") => Self::DropIdentity { if_exists: false },
            () if is_all("drop identity if exists") => Self::DropIdentity { if_exists: true },
            () if is_all("drop expression") => Self::DropExpression { if_exists: false },
            () if is_all("drop expression if exists") => Self::DropExpression { if_exists: true },
            () if are(tokens, 0, "set statistics") => Self::Statistics(number(tokens, 2)?),
            () if are(tokens, 0, "set storage") => Self::Storage(last_name(tokens, 2)?),
            () if are(tokens, 0, "set compression") => Self::Compression(last_name(tokens, 2)?),
            () if is(tokens.first(), "collate") => Self::Collation(name_of(tokens.last()?)?),
            () if is(tokens.first(), "reset") => option_names(tokens, 1).map(|_| Self::ColumnOptions(Vec::new()))?,
            () => match option_names(tokens, 1).filter(|_| is(tokens.first(), "set")) {
                Some(names) => Self::ColumnOptions(names),
                None => return Self::identity(tokens),
            },
        })
    }

    /// `SET GENERATED ALWAYS SET START 5 RESTART`
    fn identity(tokens: &[TokenWithSpan]) -> Option<Self> {
        let (mut always, mut rest, mut at) = (None, Vec::new(), 0);
        while at < tokens.len() {
            if are(tokens, at, "set generated always") {
                (always, at) = (Some(true), at + 3);
            } else if are(tokens, at, "set generated by default") {
                (always, at) = (Some(false), at + 4);
            } else {
                at += usize::from(is(tokens.get(at), "set"));
                rest.extend(tokens.get(at).cloned());
                at += 1;
            }
        }
        let options = options_in(&rest).ok()?;
        let of_column = |option: &SequenceOption| !matches!(option, SequenceOption::OwnedBy(_) | SequenceOption::As(_));
        let says_something = always.is_some() || !options.is_empty();
        (says_something && options.iter().all(of_column)).then_some(Self::Identity { always, options })
    }

    fn of_table(tokens: &[TokenWithSpan]) -> Option<Self> {
        let is_all = |words: &str| are(tokens, 0, words) && tokens.len() == words.split(' ').count();
        if NOTHING.iter().any(|words| is_all(words)) {
            return Some(Self::Nothing);
        }
        Some(match () {
            () if is(tokens.first(), "reset") => Self::Reset(option_names(tokens, 1)?),
            () if are(tokens, 0, "alter constraint") => Self::constraint(tokens)?,
            () if are(tokens, 0, "cluster on") => Self::Cluster(last_name(tokens, 2)?),
            () if are(tokens, 0, "set tablespace") => Self::Tablespace(last_name(tokens, 2)?),
            () if are(tokens, 0, "set access method") => Self::AccessMethod(last_name(tokens, 3)?),
            () if are(tokens, 0, "replica identity using index") => Self::ReplicaIndex(last_name(tokens, 4)?),
            () if is_all("enable row level security") || is_all("force row level security") => {
                Self::RowSecurity { wanted: true }
            }
            () if is_all("disable row level security") || is_all("no force row level security") => {
                Self::RowSecurity { wanted: false }
            }
            () if is(tokens.first(), "enable") || is(tokens.first(), "disable") => Self::trigger_or_rule(tokens)?,
            () => {
                let words = KIN.iter().find(|words| are(tokens, 0, &words.to_lowercase()))?;
                let at = words.split(' ').count();
                let end = after_name(tokens, at);
                let name = tokens.get(at..end).unwrap_or_default().iter().filter_map(name_of).collect();
                Self::Kin { words, name }
            }
        })
    }

    fn trigger_or_rule(tokens: &[TokenWithSpan]) -> Option<Self> {
        let which = is(tokens.get(1), "always") || is(tokens.get(1), "replica");
        let at = if which && is(tokens.first(), "enable") { 2 } else { 1 };
        let name = last_name(tokens, at + 1)?;
        if is(tokens.get(at), "rule") {
            return Some(Self::Rule(name));
        }
        let all = !which && ["all", "user"].iter().any(|word| is(tokens.get(at + 1), word));
        is(tokens.get(at), "trigger").then_some(Self::Trigger((!all).then_some(name)))
    }

    /// `ALTER CONSTRAINT c DEFERRABLE INITIALLY DEFERRED`
    fn constraint(tokens: &[TokenWithSpan]) -> Option<Self> {
        let name = name_of(tokens.get(2)?)?;
        let (mut deferrable, mut deferred, mut at) = (None, None, 3);
        while at < tokens.len() {
            (deferrable, deferred, at) = match () {
                () if are(tokens, at, "not deferrable") => (Some(false), deferred, at + 2),
                () if is(tokens.get(at), "deferrable") => (Some(true), deferred, at + 1),
                () if are(tokens, at, "initially deferred") => (deferrable, Some(true), at + 2),
                () if are(tokens, at, "initially immediate") => (deferrable, Some(false), at + 2),
                () => return None,
            };
        }
        let deferred = deferred == Some(true);
        Some(Self::Constraint { name, deferrable: deferrable.unwrap_or(deferred), deferred })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dialect::parse_single;
    use datafusion::sql::sqlparser::ast::{AlterColumnOperation, AlterTableOperation, Statement};

    fn of(sql: &str) -> Vec<Option<Alteration>> {
        let Statement::AlterTable(alter) = parse_single(sql).unwrap().ast else { panic!("{sql}") };
        let one = |operation: &AlterTableOperation| match operation {
            AlterTableOperation::ValidateConstraint { name } => alteration(name),
            AlterTableOperation::AlterColumn { op: AlterColumnOperation::SetDefault { value }, .. } => {
                alteration_of_column(value)
            }
            _ => None,
        };
        alter.operations.iter().map(one).collect()
    }

    #[test]
    fn actions_are_known_in_any_place() {
        let options = vec![SequenceOption::Start(5), SequenceOption::Restart(None)];
        let identity = Alteration::Identity { always: Some(true), options };
        let sql = "alter table t add x int, alter a set generated always set start 5 restart, cluster on i, drop b";
        assert_eq!(of(sql), [None, Some(identity), Some(Alteration::Cluster("i".into())), None]);
        let sql = "alter table only s.t alter column c type numeric(3, 1) collate \"C\" using (c::int), reset (a, b.c)";
        assert_eq!(
            of(sql),
            [None, Some(Alteration::Collation("C".into())), Some(Alteration::Reset(vec!["a".into(), "b.c".into()]))]
        );
        let deferred = Alteration::Constraint { name: "f".into(), deferrable: true, deferred: true };
        assert_eq!(of("alter table t alter constraint f initially deferred"), [Some(deferred)]);
        assert_eq!(of("alter table t disable trigger all"), [Some(Alteration::Trigger(None))]);
        assert_eq!(of("alter table t validate constraint c"), [None]);
    }
}
