//! PostgreSQL's predefined roles, and who is a member of them, as GRANT and REVOKE have left it.
//!
//! Invariant: as of the newest release: no snapshot and no `as_of` brings a membership back.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::rights::{Privilege, Rights};

/// The predefined roles of PostgreSQL 15 by OID.
pub const PREDEFINED: [(u32, &str); 12] = [
    (3373, MONITOR),
    (3374, READ_ALL_SETTINGS),
    (3375, READ_ALL_STATS),
    (3377, STAT_SCAN_TABLES),
    (4200, SIGNAL_BACKEND),
    (4544, "pg_checkpoint"),
    (4569, "pg_read_server_files"),
    (4570, "pg_write_server_files"),
    (4571, "pg_execute_server_program"),
    (6171, DATABASE_OWNER),
    (6181, READ_ALL_DATA),
    (6182, WRITE_ALL_DATA),
];

pub const MONITOR: &str = "pg_monitor";
pub const READ_ALL_SETTINGS: &str = "pg_read_all_settings";
pub const READ_ALL_STATS: &str = "pg_read_all_stats";
pub const SIGNAL_BACKEND: &str = "pg_signal_backend";
pub const DATABASE_OWNER: &str = "pg_database_owner";
const STAT_SCAN_TABLES: &str = "pg_stat_scan_tables";
const READ_ALL_DATA: &str = "pg_read_all_data";
const WRITE_ALL_DATA: &str = "pg_write_all_data";

/// Roles that [`MONITOR`] is a member of from the beginning.
const OF_MONITOR: [&str; 3] = [READ_ALL_SETTINGS, READ_ALL_STATS, STAT_SCAN_TABLES];

/// Those whose members may do something here that others may not.
const EFFECTIVE: [&str; 6] =
    [MONITOR, READ_ALL_SETTINGS, READ_ALL_STATS, SIGNAL_BACKEND, READ_ALL_DATA, WRITE_ALL_DATA];

/// Whether PostgreSQL has a role of this name from the beginning.
pub fn is_predefined(role: &str) -> bool {
    PREDEFINED.iter().any(|(_, name)| *name == role)
}

/// Whether being a member of the role makes a difference.
pub fn has_effect(role: &str) -> bool {
    EFFECTIVE.contains(&role)
}

/// The members of each role that were made so, by role.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Memberships(BTreeMap<String, BTreeSet<String>>);

impl Memberships {
    /// Makes a member of the role, or ends that.
    pub fn set(&mut self, role: &str, member: &str, is_member: bool) {
        let members = self.0.entry(role.to_owned()).or_default();
        match is_member {
            true => members.insert(member.to_owned()),
            false => members.remove(member),
        };
        if members.is_empty() {
            self.0.remove(role);
        }
    }

    /// Whether it was made a member of the role itself.
    pub fn is_direct(&self, role: &str, member: &str) -> bool {
        self.0.get(role).is_some_and(|members| members.contains(member))
    }

    /// Roles and those that were made members of them.
    pub fn granted(&self) -> impl Iterator<Item = (&str, &BTreeSet<String>)> {
        self.0.iter().map(|(role, members)| (role.as_str(), members))
    }

    /// Every role with each of its members, those from the beginning first.
    pub fn all(&self) -> impl Iterator<Item = (&str, &str)> {
        let granted = self.granted().flat_map(|(role, members)| members.iter().map(move |m| (role, m.as_str())));
        OF_MONITOR.iter().map(|role| (*role, MONITOR)).chain(granted)
    }

    /// All that the user acts as: themselves, and every role they are a member of, through others too.
    pub fn of<'a>(&'a self, user: &'a str) -> BTreeSet<&'a str> {
        let mut found = BTreeSet::from([user]);
        let mut new = vec![user];
        while let Some(member) = new.pop() {
            let roles = self.all().filter(|(_, known)| *known == member).map(|(role, _)| role);
            new.extend(roles.filter(|role| found.insert(role)));
        }
        found
    }

    /// Whether the user may do this with a relation that has these rights, of their own or by a role.
    pub fn allow(&self, user: &str, rights: &Rights, privilege: Privilege) -> bool {
        let everywhere = match privilege {
            Privilege::Select | Privilege::Usage => Some(READ_ALL_DATA),
            Privilege::Insert | Privilege::Update | Privilege::Delete => Some(WRITE_ALL_DATA),
            Privilege::Truncate | Privilege::References | Privilege::Trigger | Privilege::Create => None,
        };
        self.of(user).into_iter().any(|role| Some(role) == everywhere || rights.allow(role, privilege))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_have_what_their_roles_have() {
        let mut memberships = Memberships::default();
        assert_eq!(memberships.of("ann"), BTreeSet::from(["ann"]));
        memberships.set(MONITOR, "ann", true);
        assert!(memberships.of("ann").contains(READ_ALL_STATS) && !memberships.of("bob").contains(MONITOR));
        let mut rights = Rights::default();
        assert!(!memberships.allow("ann", &rights, Privilege::Select));
        rights.grant(STAT_SCAN_TABLES, &[Privilege::Select]);
        assert!(memberships.allow("ann", &rights, Privilege::Select));
        memberships.set(WRITE_ALL_DATA, "bob", true);
        let may = |privilege| memberships.allow("bob", &rights, privilege);
        assert!(may(Privilege::Delete) && !may(Privilege::Select) && !may(Privilege::Truncate));
        memberships.set(MONITOR, "ann", false);
        memberships.set(WRITE_ALL_DATA, "bob", false);
        assert_eq!(memberships, Memberships::default());
    }

    #[test]
    fn roles_that_have_an_effect_are_predefined() {
        assert!(EFFECTIVE.iter().chain(&OF_MONITOR).all(|role| is_predefined(role)) && !is_predefined("lakewire"));
    }
}
