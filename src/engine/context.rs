//! What functions may know about the session that calls them, carried in DataFusion's configuration.

use std::any::Any;
use std::sync::Arc;

use datafusion::common::config::{ConfigEntry, ConfigExtension, ConfigOptions, ExtensionOptions};
use datafusion::error::{DataFusionError, Result};

use super::sessions::SessionEntry;
use super::settings::Settings;
use crate::pgcatalog::Metadata;
use crate::pgtypes::Style;

/// The session and the scope a plan was made in. Immutable; cheap to clone.
#[derive(Debug, Clone)]
pub struct SessionInfo(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    user: String,
    entry: Option<Arc<SessionEntry>>,
    settings: Settings,
    metadata: Arc<Metadata>,
}

impl SessionInfo {
    pub fn new(user: &str, entry: Option<Arc<SessionEntry>>, settings: Settings, metadata: Arc<Metadata>) -> Self {
        Self(Arc::new(Inner { user: user.to_owned(), entry, settings, metadata }))
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
    /// The session in the list of sessions.
    pub fn entry(&self) -> Option<&Arc<SessionEntry>> {
        self.0.entry.as_ref()
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
