//! A private continuation of a release.

use datafusion::execution::SessionState;
use datafusion::logical_expr::LogicalPlan;

use super::{Column, Provenance, Scope};
use crate::error::Result;
use crate::names::TableName;
use crate::table::{WriteSpec, Written};

/// Tables written and names changed since a release, seen by the holder only.
#[derive(Debug)]
pub struct Overlay {}

impl Overlay {
    /// What the holder sees: the release with these changes.
    pub fn scope(self: &std::sync::Arc<Self>) -> Scope {
        unimplemented!()
    }
    /// Runs the plan and writes its rows as the table `name`, making it if there is none.
    pub async fn write(
        &self,
        _name: &TableName,
        _spec: &WriteSpec,
        _provenance: Option<Provenance>,
        _input: LogicalPlan,
        _session: &SessionState,
    ) -> Result<Written> {
        unimplemented!()
    }
    pub fn put_view(
        &self,
        _name: &TableName,
        _definition: String,
        _columns: Vec<Column>,
        _comment: Option<String>,
        _provenance: Option<Provenance>,
    ) -> Result<()> {
        unimplemented!()
    }
    pub fn drop_object(&self, _name: &TableName) -> Result<()> {
        unimplemented!()
    }
    pub fn is_empty(&self) -> bool {
        unimplemented!()
    }
}
