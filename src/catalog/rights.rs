//! What users may do with a relation, as GRANT and REVOKE have left it.
//!
//! A relation of which neither has spoken is everybody's. From then on it is as in PostgreSQL: it has an owner, who may do
//! anything; the others may do what they, or everybody, were given, and nothing else.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

/// PostgreSQL's privileges on tables and views.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Privilege {
    Insert,
    Select,
    Update,
    Delete,
    Truncate,
    References,
    Trigger,
    /// Of schemas and sequences.
    Usage,
    /// Of schemas.
    Create,
}

impl Privilege {
    /// Those of schemas, and those of sequences.
    pub const OF_SCHEMAS: [Self; 2] = [Self::Usage, Self::Create];
    pub const OF_SEQUENCES: [Self; 3] = [Self::Select, Self::Update, Self::Usage];

    /// Those of tables, as access lists have them in order.
    pub const ALL: [Self; 7] =
        [Self::Insert, Self::Select, Self::Update, Self::Delete, Self::Truncate, Self::References, Self::Trigger];

    /// The word of SQL.
    pub fn word(self) -> &'static str {
        match self {
            Self::Insert => "INSERT",
            Self::Select => "SELECT",
            Self::Update => "UPDATE",
            Self::Delete => "DELETE",
            Self::Truncate => "TRUNCATE",
            Self::References => "REFERENCES",
            Self::Trigger => "TRIGGER",
            Self::Usage => "USAGE",
            Self::Create => "CREATE",
        }
    }

    /// The letter of access lists.
    pub fn letter(self) -> char {
        match self {
            Self::Insert => 'a',
            Self::Select => 'r',
            Self::Update => 'w',
            Self::Delete => 'd',
            Self::Truncate => 'D',
            Self::References => 'x',
            Self::Trigger => 't',
            Self::Usage => 'U',
            Self::Create => 'C',
        }
    }
}

/// Who holds which privileges on one relation, besides its owner.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Rights(BTreeMap<String, BTreeSet<Privilege>>);

/// What everybody is called among the users: PostgreSQL's access lists leave the name out.
pub const EVERYBODY: &str = "";

impl Rights {
    /// What everybody holds.
    pub fn of_everybody(privileges: &[Privilege]) -> Self {
        let mut rights = Self::default();
        rights.grant(EVERYBODY, privileges);
        rights
    }

    pub fn grant(&mut self, user: &str, privileges: &[Privilege]) {
        self.0.entry(user.to_owned()).or_default().extend(privileges);
    }

    pub fn revoke(&mut self, user: &str, privileges: &[Privilege]) {
        if let Some(held) = self.0.get_mut(user) {
            held.retain(|privilege| !privileges.contains(privilege));
            if held.is_empty() {
                self.0.remove(user);
            }
        }
    }

    /// Whether the user holds it, of their own or as everybody does.
    pub fn allow(&self, user: &str, privilege: Privilege) -> bool {
        [user, EVERYBODY].iter().any(|holder| self.0.get(*holder).is_some_and(|held| held.contains(&privilege)))
    }

    /// Who holds what; everybody as [`EVERYBODY`].
    pub fn held(&self) -> impl Iterator<Item = (&str, &BTreeSet<Privilege>)> {
        self.0.iter().map(|(user, held)| (user.as_str(), held))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_not_granted_is_forbidden() {
        let mut rights = Rights::default();
        rights.grant(EVERYBODY, &[Privilege::Delete]);
        assert!(rights.allow("ann", Privilege::Delete));
        rights.grant("ann", &[Privilege::Select]);
        rights.revoke(EVERYBODY, &Privilege::ALL);
        assert!(rights.allow("ann", Privilege::Select) && !rights.allow("ann", Privilege::Delete));
        assert!(!rights.allow("bob", Privilege::Select));
        assert_eq!(serde_json::to_string(&rights).unwrap(), r#"{"ann":["SELECT"]}"#);
        rights.revoke("ann", &[Privilege::Select]);
        assert_eq!(rights.held().count(), 0);
    }
}
