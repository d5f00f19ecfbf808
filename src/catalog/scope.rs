//! What one statement sees.

use std::sync::Arc;

use super::{Object, Overlay, Release};
use crate::error::Result;
use crate::names::TableName;
use crate::table::{Snapshot, Tables};

/// A release, perhaps with an overlay on top. Cheap to clone; never changes under a statement.
#[derive(Debug, Clone)]
pub struct Scope {
    pub release: Arc<Release>,
    pub overlay: Option<Arc<Overlay>>,
    pub tables: Arc<Tables>,
}

impl Scope {
    pub fn object(&self, _name: &TableName) -> Option<Arc<Object>> {
        unimplemented!()
    }
    /// All objects, by name.
    pub fn objects(&self) -> Vec<Arc<Object>> {
        unimplemented!()
    }
    pub fn schemas(&self) -> Vec<String> {
        unimplemented!()
    }
    /// The Delta snapshot a table object stands for here.
    pub async fn snapshot(&self, _object: &Object) -> Result<Arc<Snapshot>> {
        unimplemented!()
    }
}
