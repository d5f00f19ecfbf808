//! What only the running server knows: who there is, who is connected, what was run how often, who holds which advisory lock.

use std::collections::BTreeSet;
use std::sync::Arc;

use chrono::{DateTime, Utc};

use super::advisory_locks::AdvisoryLocks;
use super::roles::Roles;
use super::sessions::Sessions;
use super::statements::StatementStats;
use crate::catalog::memberships::is_predefined;
use crate::catalog::{Catalog, Memberships};
use crate::pgcatalog::OWNER;
use crate::table::Count;

/// What sessions have done since the process began.
#[derive(Debug, Default)]
pub struct Figures {
    pub sessions: Count,
    pub commits: Count,
    pub rollbacks: Count,
    /// Microseconds: of sessions, of their statements, and while they were idle in a transaction.
    pub session_time: Count,
    pub active_time: Count,
    pub idle_in_transaction_time: Count,
}

/// One per process.
#[derive(Debug)]
pub struct Running {
    pub started_at: DateTime<Utc>,
    pub sessions: Sessions,
    pub statements: StatementStats,
    pub locks: AdvisoryLocks,
    pub figures: Figures,
    pub roles: Arc<Roles>,
    pub catalog: Arc<Catalog>,
}

impl Running {
    pub fn new(roles: Roles, catalog: Arc<Catalog>) -> Self {
        Self {
            started_at: Utc::now(),
            sessions: Sessions::default(),
            statements: StatementStats::default(),
            locks: AdvisoryLocks::default(),
            figures: Figures::default(),
            roles: Arc::new(roles),
            catalog,
        }
    }

    /// Users by name, but [`OWNER`]: of the configuration, those who are connected, and members of roles, who may be away.
    pub fn users(&self, memberships: &Memberships) -> BTreeSet<String> {
        let sessions = self.sessions.all();
        let connected = sessions.iter().map(|entry| entry.user.as_str());
        let members = memberships.all().map(|(_, member)| member);
        let names = connected.chain(self.roles.names()).chain(members);
        names.filter(|name| *name != OWNER && !is_predefined(name)).map(str::to_owned).collect()
    }
}
