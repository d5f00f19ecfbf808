//! A materialized view that has not been filled: it can be planned, and reading it is an error.

use std::sync::Arc;

use async_trait::async_trait;
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::catalog::{Session, TableProvider};
use datafusion::datasource::TableType;
use datafusion::error::{DataFusionError, Result};
use datafusion::logical_expr::Expr;
use datafusion::physical_plan::ExecutionPlan;

use crate::catalog::Object;
use crate::error::{Error, ErrorKind};

#[derive(Debug)]
pub(super) struct Unpopulated {
    name: String,
    schema: SchemaRef,
}

impl Unpopulated {
    /// `table`: where its rows would be.
    pub fn new(object: &Object, table: Arc<dyn TableProvider>) -> Self {
        Self { name: object.name.name.clone(), schema: table.schema() }
    }
}

#[async_trait]
impl TableProvider for Unpopulated {
    fn schema(&self) -> SchemaRef {
        self.schema.clone()
    }
    fn table_type(&self) -> TableType {
        TableType::Base
    }
    async fn scan(
        &self,
        _state: &dyn Session,
        _projection: Option<&Vec<usize>>,
        _filters: &[Expr],
        _limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let message = format!("materialized view \"{}\" has not been populated", self.name);
        let error = Error::new(ErrorKind::ObjectNotInPrerequisiteState, message);
        Err(DataFusionError::External(Box::new(error.with_hint("Use the REFRESH MATERIALIZED VIEW command."))))
    }
}
