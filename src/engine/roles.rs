//! The users that there are: PostgreSQL's roles that may log in.

use std::collections::BTreeSet;

use crate::config::Config;
use crate::pgcatalog::OWNER;

/// Those that the configuration names.
#[derive(Debug, Default)]
pub struct Roles {
    owner: String,
    others: BTreeSet<String>,
}

impl Roles {
    pub fn new(config: &Config) -> Self {
        Self { owner: config.server.user.clone(), others: config.users.keys().cloned().collect() }
    }

    /// Whether all that is the lake's is theirs: the server's own user, and the name that the catalogs show for it.
    pub fn is_owner(&self, user: &str) -> bool {
        user == self.owner || user == OWNER
    }

    /// All names but [`OWNER`].
    pub fn names(&self) -> impl Iterator<Item = &str> {
        std::iter::once(&self.owner).chain(&self.others).map(String::as_str).filter(|name| *name != OWNER)
    }
}
