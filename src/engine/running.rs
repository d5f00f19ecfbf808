//! What only the running server knows: who there is, who is connected, what was run how often, who holds which advisory lock.

use std::sync::Arc;

use chrono::{DateTime, Utc};

use super::advisory_locks::AdvisoryLocks;
use super::roles::Roles;
use super::sessions::Sessions;
use super::statements::StatementStats;
use crate::catalog::Catalog;

/// One per process.
#[derive(Debug)]
pub struct Running {
    pub started_at: DateTime<Utc>,
    pub sessions: Sessions,
    pub statements: StatementStats,
    pub locks: AdvisoryLocks,
    pub roles: Roles,
    pub catalog: Arc<Catalog>,
}

impl Running {
    pub fn new(roles: Roles, catalog: Arc<Catalog>) -> Self {
        Self {
            started_at: Utc::now(),
            sessions: Sessions::default(),
            statements: StatementStats::default(),
            locks: AdvisoryLocks::default(),
            roles,
            catalog,
        }
    }
}
