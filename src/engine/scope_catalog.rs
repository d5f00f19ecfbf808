//! A scope as DataFusion's own entry points see it: for plans that name tables outside our planner.

use std::sync::Arc;

use async_trait::async_trait;
use datafusion::catalog::{CatalogProvider, CatalogProviderList, SchemaProvider, TableProvider};
use datafusion::common::TableReference;
use datafusion::error::{DataFusionError, Result};

use super::Shared;
use crate::catalog::Scope;
use crate::error::ErrorKind;

/// The list with one catalog, that catalog, and (with a schema) one of its schemas.
#[derive(Debug, Clone)]
pub(super) struct ScopeCatalog {
    shared: Arc<Shared>,
    scope: Scope,
    schema: Option<String>,
}

impl ScopeCatalog {
    pub fn new(shared: Arc<Shared>, scope: Scope) -> Self {
        Self { shared, scope, schema: None }
    }
}

impl CatalogProviderList for ScopeCatalog {
    fn register_catalog(&self, _: String, _: Arc<dyn CatalogProvider>) -> Option<Arc<dyn CatalogProvider>> {
        None
    }
    fn catalog_names(&self) -> Vec<String> {
        vec![self.shared.database.clone()]
    }
    fn catalog(&self, name: &str) -> Option<Arc<dyn CatalogProvider>> {
        (name == self.shared.database).then(|| Arc::new(self.clone()) as Arc<dyn CatalogProvider>)
    }
}

impl CatalogProvider for ScopeCatalog {
    fn schema_names(&self) -> Vec<String> {
        self.scope.schemas()
    }
    fn schema(&self, name: &str) -> Option<Arc<dyn SchemaProvider>> {
        Some(Arc::new(Self { schema: Some(name.to_owned()), ..self.clone() }))
    }
}

#[async_trait]
impl SchemaProvider for ScopeCatalog {
    fn table_names(&self) -> Vec<String> {
        let objects = self.scope.objects();
        let here = objects.iter().filter(|object| Some(&object.name.schema) == self.schema.as_ref());
        here.map(|object| object.name.name.clone()).collect()
    }

    async fn table(&self, name: &str) -> Result<Option<Arc<dyn TableProvider>>> {
        let Some(schema) = &self.schema else { return Ok(None) };
        let planner = self.shared.clone().planner_of(self.scope.clone(), &[]);
        match planner.provider(&TableReference::partial(schema.as_str(), name), 0).await {
            Ok(provider) => Ok(Some(provider)),
            Err(error) if error.kind() == ErrorKind::UndefinedTable => Ok(None),
            Err(error) => Err(DataFusionError::External(Box::new(error))),
        }
    }

    fn table_exist(&self, name: &str) -> bool {
        self.table_names().iter().any(|table| table == name)
    }
}
