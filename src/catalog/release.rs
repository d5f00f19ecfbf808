//! A release: one version of the catalog table, whole.

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::{DateTime, Utc};

use super::Object;
use crate::names::{ReleaseId, TableName};

/// Every object of the lake as of one version of the catalog.
#[derive(Debug, Clone)]
pub struct Release {
    pub info: ReleaseInfo,
    pub objects: BTreeMap<TableName, Arc<Object>>,
    /// Schemas that exist, those without objects too.
    pub schemas: Vec<String>,
}

#[derive(Debug, Clone)]
pub struct ReleaseInfo {
    pub id: ReleaseId,
    pub committed_at: DateTime<Utc>,
    /// What made it: `refresh gold`, `ingest`, `adopt`, `rollback to 41` …
    pub operation: String,
}

impl Release {
    pub fn id(&self) -> ReleaseId {
        self.info.id
    }
    pub fn get(&self, name: &TableName) -> Option<&Arc<Object>> {
        self.objects.get(name)
    }
}
