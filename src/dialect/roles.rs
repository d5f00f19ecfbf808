//! Statements about roles, which sqlparser takes for others' or not at all: as commands.

use datafusion::sql::sqlparser::ast::{Ident, Statement};
use datafusion::sql::sqlparser::tokenizer::{Token, TokenWithSpan};

use super::commands::call;
use super::definitions::{are, is};

/// A statement about roles.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RoleCommand {
    /// GRANT or REVOKE of membership in roles. `admin`: of the right to pass it on.
    Member {
        grants: bool,
        admin: bool,
        roles: Vec<Ident>,
        members: Vec<Ident>,
    },
    Create(Ident),
    Alter {
        name: Ident,
        new_name: Option<Ident>,
    },
    Drop {
        names: Vec<Ident>,
        if_exists: bool,
    },
    DropOwned(Vec<Ident>),
    ReassignOwned {
        of: Vec<Ident>,
        to: Ident,
    },
    /// `ALTER ROLE r [IN DATABASE d] SET …`, `ALTER DATABASE d RESET …`: what sessions begin with.
    Setting {
        /// None for all roles.
        role: Option<Ident>,
        database: Option<Ident>,
        /// From `SET` or `RESET` on.
        said: String,
    },
    DatabaseOwner {
        database: Ident,
        owner: Ident,
    },
}

/// What the name of a command of these begins with.
pub(super) const ROLE: &str = "role ";
/// Between roles and members; nobody writes it.
const SEPARATOR: &str = ",\u{1}";

/// The statement as a command; none where it is about something else.
pub(super) fn parse(tokens: &[TokenWithSpan]) -> Option<Statement> {
    let (what, names) =
        membership(tokens).or_else(|| owned(tokens)).or_else(|| database(tokens)).or_else(|| definition(tokens))?;
    Some(call(&format!("{ROLE}{what}"), names))
}

/// The command of that name.
pub(super) fn command(name: &str, mut names: Vec<Ident>) -> Option<RoleCommand> {
    let what = name.strip_prefix(ROLE)?;
    Some(match what {
        "create" => RoleCommand::Create(names.pop()?),
        "drop owned" => RoleCommand::DropOwned(names),
        "reassign owned" => RoleCommand::ReassignOwned { to: names.pop()?, of: names },
        "setting" => {
            let said = names.pop()?.value;
            let database = names.pop().filter(|name| !name.value.is_empty());
            RoleCommand::Setting { role: names.pop().filter(|name| !name.value.is_empty()), database, said }
        }
        "owner" => RoleCommand::DatabaseOwner { owner: names.pop()?, database: names.pop()? },
        "alter" => RoleCommand::Alter { name: names.pop()?, new_name: None },
        "rename" => RoleCommand::Alter { new_name: names.pop(), name: names.pop()? },
        "drop" | "drop if exists" => RoleCommand::Drop { names, if_exists: what != "drop" },
        _ => {
            let at = names.iter().position(|name| name.value == SEPARATOR)?;
            let members = names.split_off(at + 1);
            names.pop();
            let (grants, admin) = (what.starts_with("grant"), what.ends_with("admin"));
            RoleCommand::Member { grants, admin, roles: names, members }
        }
    })
}

type Parsed = Option<(&'static str, Vec<Ident>)>;

/// `GRANT r, s TO m, n [WITH ADMIN OPTION]`, `REVOKE [ADMIN OPTION FOR] r FROM m`, perhaps `GRANTED BY CURRENT_USER`.
fn membership(tokens: &[TokenWithSpan]) -> Parsed {
    let grants = is(tokens.first(), "grant");
    let (preposition, start) = match () {
        () if grants => ("to", 1),
        () if are(tokens, 0, "revoke admin option for") => ("from", 4),
        () if is(tokens.first(), "revoke") => ("from", 1),
        () => return None,
    };
    let (mut names, at) = name_list(tokens, start)?;
    if !is(tokens.get(at), preposition) {
        return None;
    }
    let (members, mut at) = name_list(tokens, at + 1)?;
    let with_admin = grants && are(tokens, at, "with admin option");
    at += if with_admin { 3 } else { 0 };
    let by = are(tokens, at, "granted by");
    if by && ["current_user", "current_role", "session_user"].iter().any(|user| is(tokens.get(at + 2), user)) {
        at += 3;
    }
    if !grants && (is(tokens.get(at), "cascade") || is(tokens.get(at), "restrict")) {
        at += 1;
    }
    if at < tokens.len() {
        return None;
    }
    names.push(Ident::with_quote('"', SEPARATOR));
    names.extend(members);
    let what = match (grants, with_admin || start == 4) {
        (true, true) => "grant admin",
        (true, false) => "grant",
        (false, true) => "revoke admin",
        (false, false) => "revoke",
    };
    Some((what, names))
}

/// `DROP OWNED BY r, s`, `REASSIGN OWNED BY r, s TO t`.
fn owned(tokens: &[TokenWithSpan]) -> Parsed {
    if are(tokens, 0, "drop owned by") {
        let (names, end) = name_list(tokens, 3)?;
        let rest = tokens.len() - end;
        let may_follow = ["cascade", "restrict"].iter().any(|word| is(tokens.get(end), word));
        return (rest == 0 || rest == 1 && may_follow).then_some(("drop owned", names));
    }
    let (mut names, end) = are(tokens, 0, "reassign owned by").then(|| name_list(tokens, 3))??;
    let (to, last) = is(tokens.get(end), "to").then(|| name_list(tokens, end + 1))??;
    names.extend(to);
    (last == tokens.len()).then_some(("reassign owned", names))
}

/// `CREATE`, `ALTER`, `DROP` of a `ROLE`, `USER` or `GROUP`, whatever is said of it.
fn definition(tokens: &[TokenWithSpan]) -> Parsed {
    let is_role = ["role", "user", "group"].iter().any(|word| is(tokens.get(1), word));
    if !is_role || is(tokens.get(2), "mapping") {
        return None;
    }
    let if_exists = are(tokens, 2, "if exists");
    let (names, end) = name_list(tokens, if if_exists { 4 } else { 2 })?;
    match () {
        () if is(tokens.first(), "drop") && end == tokens.len() => {
            Some((if if_exists { "drop if exists" } else { "drop" }, names))
        }
        () if names.len() > 1 || if_exists => None,
        () if is(tokens.first(), "create") => Some(("create", names)),
        () if is(tokens.first(), "alter") && are(tokens, end, "rename to") => {
            let (new_name, end) = name_list(tokens, end + 2)?;
            (end == tokens.len()).then(|| ("rename", names.into_iter().chain(new_name).collect()))
        }
        () if is(tokens.first(), "alter") && sets(tokens, end) => {
            let is_all = is(tokens.get(end - 1), "all");
            let role = names.into_iter().next().filter(|_| !is_all).unwrap_or_else(|| Ident::new(""));
            let in_database = are(tokens, end, "in database");
            let (database, at) = match in_database {
                true => (name_list(tokens, end + 2)?.0.into_iter().next()?, end + 3),
                false => (Ident::new(""), end),
            };
            Some(("setting", vec![role, database, said(tokens, at)]))
        }
        () if is(tokens.first(), "alter") => Some(("alter", names)),
        () => None,
    }
}

/// `ALTER DATABASE d SET …`, `… OWNER TO r`.
fn database(tokens: &[TokenWithSpan]) -> Parsed {
    if !are(tokens, 0, "alter database") {
        return None;
    }
    let (names, end) = name_list(tokens, 2)?;
    let database = names.into_iter().next()?;
    if sets(tokens, end) && !is(tokens.get(end + 1), "tablespace") {
        return Some(("setting", vec![Ident::new(""), database, said(tokens, end)]));
    }
    let (owner, last) = are(tokens, end, "owner to").then(|| name_list(tokens, end + 2))??;
    (last == tokens.len()).then(|| ("owner", std::iter::once(database).chain(owner).collect()))
}

/// `[IN DATABASE d] SET …` or `RESET …`
fn sets(tokens: &[TokenWithSpan], at: usize) -> bool {
    let at = if are(tokens, at, "in database") { at + 3 } else { at };
    is(tokens.get(at), "set") || is(tokens.get(at), "reset")
}

/// What is said from there on, as one name.
fn said(tokens: &[TokenWithSpan], at: usize) -> Ident {
    let words: Vec<String> = tokens.iter().skip(at).map(|token| token.token.to_string()).collect();
    Ident::with_quote('"', words.join(" "))
}

/// Names with commas between them, and what comes after.
fn name_list(tokens: &[TokenWithSpan], mut at: usize) -> Option<(Vec<Ident>, usize)> {
    let mut names = Vec::new();
    loop {
        let token = tokens.get(at)?;
        let Token::Word(word) = &token.token else { return None };
        names.push(Ident { value: word.value.clone(), quote_style: word.quote_style, span: token.span });
        at += 1;
        if tokens.get(at).is_none_or(|next| next.token != Token::Comma) {
            return Some((names, at));
        }
        at += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dialect::{Command, parse_single};

    fn of(sql: &str) -> Option<RoleCommand> {
        match crate::dialect::command(&parse_single(sql).ok()?.ast)? {
            Command::Role(command) => Some(command),
            _ => None,
        }
    }

    #[test]
    fn statements_about_roles_are_told_from_others() {
        let (ann, bob) = (Ident::new("ann"), Ident::new("bob"));
        let member = |grants, admin| RoleCommand::Member {
            grants,
            admin,
            roles: vec![Ident::new("r"), Ident::new("s")],
            members: vec![ann.clone(), bob.clone()],
        };
        assert_eq!(of("grant r, s to ann, bob"), Some(member(true, false)));
        assert_eq!(of("grant r, s to ann, bob with admin option granted by current_user"), Some(member(true, true)));
        assert_eq!(of("revoke admin option for r, s from ann, bob cascade"), Some(member(false, true)));
        assert_eq!(of("revoke r, s from ann, bob"), Some(member(false, false)));
        assert_eq!(of("grant select on t to ann"), None);
        assert_eq!(of("create user ann password 'x'"), Some(RoleCommand::Create(ann.clone())));
        let renamed = RoleCommand::Alter { name: ann.clone(), new_name: Some(bob.clone()) };
        assert_eq!(of("alter group ann rename to bob"), Some(renamed));
        let dropped = RoleCommand::Drop { names: vec![ann, bob], if_exists: true };
        assert_eq!(of("drop role if exists ann, bob"), Some(dropped));
        assert_eq!(of("create table role (a int)"), None);
    }
}
