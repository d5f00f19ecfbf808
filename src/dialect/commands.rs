//! Statements that sqlparser has no tree for: a `CALL` that carries what is to be done as a [`Command`].
//!
//! Invariant: nobody can write such a `CALL`.

use datafusion::sql::sqlparser::ast::{
    Expr, FunctionArg, FunctionArgExpr, FunctionArguments, Ident, ObjectName, Statement,
};
use datafusion::sql::sqlparser::tokenizer::TokenWithSpan;

use super::definitions::{are, ends_with_data, is, name_at};
use super::objects::{self, ObjectCommand};
use super::roles::{self, RoleCommand};
use super::rules::plain_call;
use super::sequences;

/// What the name of every [`Command`] begins with; nobody writes it.
const COMMAND: &str = "command\u{1}";

/// `REFRESH MATERIALIZED VIEW`: with data or not, concurrently or not.
const REFRESHES: [(bool, bool, &str); 4] = [
    (true, false, "REFRESH"),
    (false, false, "REFRESH NO DATA"),
    (true, true, "REFRESH CONCURRENTLY"),
    (false, true, "REFRESH CONCURRENTLY NO DATA"),
];
const SET_SCHEMA: &str = "SET SCHEMA";
const SET_SCHEMA_IF_EXISTS: &str = "SET SCHEMA IF EXISTS";

/// A statement that sqlparser has no tree for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// Accepted, for there is nothing to do: the tag.
    Harmless(&'static str),
    Refresh {
        view: ObjectName,
        with_data: bool,
        concurrently: bool,
    },
    SetSchema {
        name: ObjectName,
        schema: Ident,
        if_exists: bool,
    },
    /// `CREATE` or `ALTER SEQUENCE`, perhaps `IF …`: as which, the sequence, and what is said of it.
    Sequence {
        tag: &'static str,
        name: ObjectName,
        options: String,
    },
    Role(RoleCommand),
    Objects(ObjectCommand),
    /// Not offered: its first words.
    Refused(&'static str),
}

/// The statements that begin with these words are accepted, and there is nothing to do.
const HARMLESS: [(&str, &str); 6] = [
    ("vacuum", "VACUUM"),
    ("analyze", "ANALYZE"),
    ("cluster", "CLUSTER"),
    ("reindex", "REINDEX"),
    ("checkpoint", "CHECKPOINT"),
    ("set constraints", "SET CONSTRAINTS"),
];

/// What PostgreSQL has and Lakewire has not.
const REFUSED: [&str; 16] = [
    "CREATE STATISTICS",
    "CREATE RULE",
    "CREATE FOREIGN",
    "CREATE PUBLICATION",
    "CREATE SUBSCRIPTION",
    "CREATE AGGREGATE",
    "CREATE CAST",
    "CREATE CONVERSION",
    "CREATE LANGUAGE",
    "CREATE TRANSFORM",
    "CREATE TEXT",
    "CREATE TABLESPACE",
    "ALTER DATABASE",
    "IMPORT FOREIGN",
    "SECURITY LABEL",
    "DO",
];

/// A statement that sqlparser cannot parse, as a `CALL` that carries a [`Command`].
pub fn parse_command(tokens: &[TokenWithSpan]) -> Option<Statement> {
    if let Some((_, tag)) = HARMLESS.iter().find(|(words, _)| are(tokens, 0, words)) {
        return Some(call(tag, Vec::new()));
    }
    if are(tokens, 0, "refresh materialized view") {
        let mut rest = tokens.to_vec();
        let with_data = ends_with_data(&mut rest) != Some(false);
        let concurrently = is(rest.get(3), "concurrently");
        let name = name_at(&rest, if concurrently { 4 } else { 3 }, rest.len())?;
        let (_, _, what) = REFRESHES.iter().find(|(data, other, _)| (*data, *other) == (with_data, concurrently))?;
        return Some(call(what, name.0.into_iter().filter_map(|p| p.as_ident().cloned()).collect()));
    }
    if is(tokens.first(), "alter") {
        let kind = tokens.get(1)?.token.to_string().to_uppercase();
        let end = tokens.len().checked_sub(3)?;
        if are(tokens, end, "set schema") && matches!(kind.as_str(), "TABLE" | "VIEW") {
            let if_exists = are(tokens, 2, "if exists");
            let name = name_at(tokens, if if_exists { 4 } else { 2 }, end)?;
            let schema = name_at(tokens, end + 2, tokens.len())?;
            let parts = name.0.into_iter().chain(schema.0).filter_map(|part| part.as_ident().cloned());
            return Some(call(if if_exists { SET_SCHEMA_IF_EXISTS } else { SET_SCHEMA }, parts.collect()));
        }
    }
    let refused = REFUSED.iter().find(|words| are(tokens, 0, &words.to_lowercase()))?;
    Some(call(refused, Vec::new()))
}

pub(super) fn call(what: &str, arguments: Vec<Ident>) -> Statement {
    let name = ObjectName::from(vec![Ident::with_quote('"', COMMAND), Ident::with_quote('"', what)]);
    Statement::Call(plain_call(name, arguments.into_iter().map(Expr::Identifier).collect()))
}

/// The command that a statement carries.
pub fn command(statement: &Statement) -> Option<Command> {
    let Statement::Call(call) = statement else { return None };
    let [mark, what] = call.name.0.as_slice() else { return None };
    let what = what.as_ident().filter(|_| mark.as_ident().is_some_and(|mark| mark.value == COMMAND))?.value.as_str();
    let FunctionArguments::List(list) = &call.args else { return None };
    let mut parts: Vec<Ident> = list
        .args
        .iter()
        .filter_map(|argument| match argument {
            FunctionArg::Unnamed(FunctionArgExpr::Expr(Expr::Identifier(ident))) => Some(ident.clone()),
            _ => None,
        })
        .collect();
    if let Some((with_data, concurrently, _)) = REFRESHES.iter().find(|(_, _, known)| *known == what) {
        let (view, with_data, concurrently) = (ObjectName::from(parts), *with_data, *concurrently);
        return Some(Command::Refresh { view, with_data, concurrently });
    }
    Some(match what {
        SET_SCHEMA | SET_SCHEMA_IF_EXISTS => {
            let schema = parts.pop()?;
            Command::SetSchema { name: ObjectName::from(parts), schema, if_exists: what != SET_SCHEMA }
        }
        tag if let Some(tag) = sequences::TAGS.iter().find(|known| **known == tag) => {
            let options = parts.pop()?.value;
            Command::Sequence { tag, name: ObjectName::from(parts), options }
        }
        what if let [said] = parts.as_slice()
            && let Some(command) = objects::command(what, &said.value) =>
        {
            Command::Objects(command)
        }
        tag if tag.starts_with(roles::ROLE) => Command::Role(roles::command(tag, parts)?),
        tag => match HARMLESS.iter().find(|(_, known)| *known == tag) {
            Some((_, tag)) => Command::Harmless(tag),
            None => Command::Refused(REFUSED.iter().find(|known| **known == tag)?),
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dialect::{GrantCommand, parse_single};

    #[test]
    fn commands_are_known_by_their_first_words() {
        let of = |sql: &str| command(&parse_single(sql).unwrap().ast);
        assert_eq!(of("vacuum (full, analyze) t"), Some(Command::Harmless("VACUUM")));
        let granted = |sql| match of(sql) {
            Some(Command::Objects(ObjectCommand::Grant(GrantCommand::Defaults { grants, kind, .. }))) => (grants, kind),
            other => panic!("{sql}: {other:?}"),
        };
        let tables = || "TABLES".to_owned();
        assert_eq!(granted("alter default privileges in schema s grant select on tables to x"), (true, tables()));
        assert_eq!(granted("alter default privileges revoke all on tables from x"), (false, tables()));
        assert_eq!(of("checkpoint"), Some(Command::Harmless("CHECKPOINT")));
        assert_eq!(of("create rule r as on insert to t do nothing"), Some(Command::Refused("CREATE RULE")));
        assert_eq!(of("call refresh_gold()"), None);
        let view = ObjectName::from(vec![Ident::new("s"), Ident::new("v")]);
        let refresh = Command::Refresh { view, with_data: false, concurrently: false };
        assert_eq!(of("refresh materialized view s.v with no data"), Some(refresh));
        let (name, schema) = (ObjectName::from(vec![Ident::new("t")]), Ident::new("s"));
        assert_eq!(of("alter table t set schema s"), Some(Command::SetSchema { name, schema, if_exists: false }));
    }
}
