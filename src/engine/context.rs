//! What functions may know about the session that calls them, carried in DataFusion's configuration.

use std::any::Any;
use std::collections::BTreeSet;
use std::sync::Arc;

use datafusion::common::config::{ConfigEntry, ConfigExtension, ConfigOptions, ExtensionOptions};
use datafusion::error::{DataFusionError, Result};

use super::modes::ExportedSnapshot;
use super::running::Running;
use super::sessions::SessionEntry;
use super::settings::Settings;
use crate::pgcatalog::{Metadata, OWNER, OWNER_OID, role_oid};
use crate::pgtypes::Style;

/// The session and the scope a plan was made in. Immutable; cheap to clone.
#[derive(Debug, Clone)]
pub struct SessionInfo(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    user: String,
    entry: Option<Arc<SessionEntry>>,
    running: Arc<Running>,
    settings: Settings,
    search_path: Vec<String>,
    metadata: Arc<Metadata>,
}

/// Who may log in: the owner, whom the configuration names, and whoever has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Role {
    pub oid: u32,
    pub name: String,
}

impl SessionInfo {
    pub fn new(
        user: &str,
        entry: Option<Arc<SessionEntry>>,
        running: Arc<Running>,
        settings: Settings,
        metadata: Arc<Metadata>,
    ) -> Self {
        let search_path = settings.search_path(user);
        Self(Arc::new(Inner { user: user.to_owned(), entry, running, settings, search_path, metadata }))
    }

    /// Of the session whose plan is being evaluated. `None` for plans made outside the engine.
    pub fn of(options: &ConfigOptions) -> Option<&Self> {
        options.extensions.get::<Self>()
    }

    pub fn user(&self) -> &str {
        &self.0.user
    }
    /// The process id that the client knows; 0 for work of the server's own.
    pub fn backend_pid(&self) -> i32 {
        self.0.entry.as_ref().map_or(0, |entry| entry.pid)
    }
    /// What the whole server does.
    pub fn running(&self) -> &Arc<Running> {
        &self.0.running
    }
    /// The session in the list of sessions.
    pub fn entry(&self) -> Option<&Arc<SessionEntry>> {
        self.0.entry.as_ref()
    }
    /// Schemas that names without one are looked for in, in order.
    pub fn search_path(&self) -> &[String] {
        &self.0.search_path
    }
    /// The roles there are: the owner first, then those of the configuration and of the sessions, by name.
    pub fn roles(&self) -> Vec<Role> {
        let sessions = self.0.running.sessions.all();
        let users = sessions.iter().map(|entry| entry.user.as_str());
        let names: BTreeSet<&str> =
            users.chain([self.user()]).chain(self.0.running.roles.names()).filter(|name| *name != OWNER).collect();
        let owner = Role { oid: OWNER_OID, name: OWNER.to_owned() };
        let others = names.into_iter().map(|name| Role { oid: role_oid(name), name: name.to_owned() });
        std::iter::once(owner).chain(others).collect()
    }
    /// Whether the user owns all that is the lake's.
    pub fn is_owner(&self, user: &str) -> bool {
        self.0.running.roles.is_owner(user)
    }
    pub fn settings(&self) -> &Settings {
        &self.0.settings
    }
    /// How values look under the session's settings.
    pub fn style(&self) -> Style {
        Style::of_settings(|name| self.0.settings.get(name))
    }
    /// Number of the release the plan reads.
    pub fn release(&self) -> i64 {
        self.0.metadata.release
    }
    /// What other sessions may name to see the same, as `pg_export_snapshot` tells it.
    pub fn exported_snapshot(&self) -> String {
        ExportedSnapshot { release: self.release(), pid: self.backend_pid() }.to_string()
    }
    pub fn metadata(&self) -> &Arc<Metadata> {
        &self.0.metadata
    }
}

impl ConfigExtension for SessionInfo {
    const PREFIX: &'static str = "lakewire_session";
}

impl ExtensionOptions for SessionInfo {
    fn as_any(&self) -> &dyn Any {
        self
    }
    fn as_any_mut(&mut self) -> &mut dyn Any {
        self
    }
    fn cloned(&self) -> Box<dyn ExtensionOptions> {
        Box::new(self.clone())
    }
    fn set(&mut self, key: &str, _value: &str) -> Result<()> {
        Err(DataFusionError::Configuration(format!("\"{key}\" cannot be set")))
    }
    fn entries(&self) -> Vec<ConfigEntry> {
        Vec::new()
    }
}
