//! What functions may know about the session that calls them, carried in DataFusion's configuration.

use std::any::Any;
use std::sync::Arc;

use datafusion::common::config::{ConfigEntry, ConfigExtension, ConfigOptions, ExtensionOptions};
use datafusion::error::{DataFusionError, Result};
use datafusion::sql::sqlparser::ast::Ident;

use super::NoticeSink;
use super::modes::ExportedSnapshot;
use super::postgres_settings::{confidential, is_confidential};
use super::running::Running;
use super::session::{Notice, Severity};
use super::sessions::SessionEntry;
use super::settings::Settings;
use crate::catalog::Memberships;
use crate::catalog::memberships::{PREDEFINED, READ_ALL_SETTINGS, READ_ALL_STATS};
use crate::dialect::folded;
use crate::error::{Error, ErrorKind};
use crate::pgcatalog::{Metadata, OWNER, OWNER_OID, role_oid};
use crate::pgtypes::Style;

/// The session and the scope a plan was made in. Immutable; cheap to clone.
#[derive(Debug, Clone)]
pub struct SessionInfo(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    entry: Option<Arc<SessionEntry>>,
    notices: Option<NoticeSink>,
    running: Arc<Running>,
    settings: Settings,
    search_path: Vec<String>,
    metadata: Arc<Metadata>,
}

/// A role: who may log in, which are the owner, whom the configuration names, and whoever has; and the predefined ones.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Role {
    pub oid: u32,
    pub name: String,
    pub can_login: bool,
}

impl SessionInfo {
    pub fn new(
        entry: Option<Arc<SessionEntry>>,
        notices: Option<NoticeSink>,
        running: Arc<Running>,
        settings: Settings,
        metadata: Arc<Metadata>,
    ) -> Self {
        let search_path = settings.search_path();
        Self(Arc::new(Inner { entry, notices, running, settings, search_path, metadata }))
    }

    /// Of the session whose plan is being evaluated. `None` for plans made outside the engine.
    pub fn of(options: &ConfigOptions) -> Option<&Self> {
        options.extensions.get::<Self>()
    }

    /// Whom the session acts for.
    pub fn user(&self) -> &str {
        self.0.settings.user()
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
    /// Tells the client something beside the statement's result.
    pub fn warn(&self, message: String) {
        let notice = Notice { severity: Severity::Warning, sqlstate: "01000", message, detail: None, hint: None };
        // nobody listens once the connection is gone, and nobody minds
        let _ = self.0.notices.as_ref().map(|notices| notices.send(notice));
    }
    /// Schemas that names without one are looked for in, in order.
    pub fn search_path(&self) -> &[String] {
        &self.0.search_path
    }
    /// The roles there are: the owner first, then PostgreSQL's own, then those of the configuration, of the sessions
    /// and of memberships, by name.
    pub fn roles(&self) -> Vec<Role> {
        let names = self.0.running.users(&self.memberships());
        let role = |oid, name: &str, can_login| Role { oid, name: name.to_owned(), can_login };
        let predefined = PREDEFINED.iter().map(|(oid, name)| role(*oid, name, false));
        let others = names.iter().map(|name| role(role_oid(name), name, true));
        std::iter::once(role(OWNER_OID, OWNER, true)).chain(predefined).chain(others).collect()
    }
    /// Who `CURRENT_USER`, `CURRENT_ROLE` or `SESSION_USER` is, where a name is one of these words.
    pub fn user_meant(&self, name: &Ident) -> Option<&str> {
        match folded(name).as_str() {
            _ if name.quote_style.is_some() => None,
            "current_user" | "current_role" => Some(self.user()),
            "session_user" => Some(self.settings().session_user()),
            _ => None,
        }
    }
    /// The name of the role of that OID.
    pub fn role_name(&self, oid: u32) -> Option<String> {
        self.roles().into_iter().find(|role| role.oid == oid).map(|role| role.name)
    }
    /// # Errors
    /// `42704` where there is no role of that name.
    pub fn check_role(&self, name: &str) -> crate::error::Result<()> {
        if self.roles().iter().any(|role| role.name == name) {
            return Ok(());
        }
        Err(Error::new(ErrorKind::UndefinedObject, format!("role \"{name}\" does not exist")))
    }
    /// Who is a member of which role.
    pub fn memberships(&self) -> Memberships {
        self.0.metadata.memberships(&self.0.running.catalog.current())
    }
    /// Whether the user may do what the role may: all that is the lake's is its owner's.
    pub fn acts_as(&self, user: &str, role: &str) -> bool {
        self.is_owner(user) || self.memberships().of(user).contains(role)
    }
    /// Whether the user owns all that is the lake's.
    pub fn is_owner(&self, user: &str) -> bool {
        self.0.running.roles.is_owner(user)
    }
    /// Tells whose figures and statements the user of the session may see.
    pub fn sees(&self) -> impl Fn(&str) -> bool {
        let (me, memberships) = (self.user().to_owned(), self.memberships());
        let all = self.is_owner(&me) || memberships.of(&me).contains(READ_ALL_STATS);
        move |user| all || memberships.of(&me).contains(user)
    }
    /// Whether the user may see the setting of that name.
    pub fn sees_setting(&self, name: &str) -> bool {
        !is_confidential(name) || self.acts_as(self.user(), READ_ALL_SETTINGS)
    }
    /// # Errors
    /// `42501` where the user may not see it.
    pub fn check_setting(&self, name: &str) -> crate::error::Result<()> {
        if self.sees_setting(name) { Ok(()) } else { Err(confidential(name)) }
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
