//! What makes one state of a relation different from another, as text: what provenance records of each input.
//!
//! A table is `<object id>@<Delta version>`. A view is the hash of its definition and of the versions of what it reads,
//! so that new rows under a view are seen above it.

use std::collections::{BTreeMap, BTreeSet};

use datafusion::sql::parser::Statement as DfStatement;
use datafusion::sql::resolve::resolve_table_references;
use futures::future::BoxFuture;
use sha2::{Digest, Sha256};

use uuid::Uuid;

use crate::catalog::{Object, ObjectKind, Scope};
use crate::dialect;
use crate::error::Result;
use crate::names::TableName;

/// Versions of the relations of one scope, each worked out once.
pub(super) struct Versions<'a> {
    scope: &'a Scope,
    known: BTreeMap<TableName, Option<String>>,
}

impl<'a> Versions<'a> {
    pub fn new(scope: &'a Scope) -> Self {
        Self { scope, known: BTreeMap::new() }
    }

    /// The version of a relation; none where there is no such relation. Reads a log only where others write the table.
    pub fn of<'b>(&'b mut self, name: &'b TableName) -> BoxFuture<'b, Result<Option<String>>> {
        Box::pin(async move {
            if let Some(version) = self.known.get(name) {
                return Ok(version.clone());
            }
            // stands in for itself while it is worked out: views that read each other must not recurse for ever
            self.known.insert(name.clone(), None);
            let version = match self.scope.object(name) {
                Some(object) => Some(self.of_object(&object).await?),
                None => None,
            };
            self.known.insert(name.clone(), version.clone());
            Ok(version)
        })
    }

    /// The versions of all that exist of `names`, by name as text.
    pub async fn of_all(&mut self, names: &[TableName]) -> Result<BTreeMap<String, String>> {
        let mut versions = BTreeMap::new();
        for name in names {
            if let Some(version) = self.of(name).await? {
                versions.insert(name.to_string(), version);
            }
        }
        Ok(versions)
    }

    async fn of_object(&mut self, object: &Object) -> Result<String> {
        match &object.kind {
            ObjectKind::Table { version: Some(version), .. } => Ok(format!("{}@{version}", object.id)),
            ObjectKind::Table { location, version: None, .. } => {
                let head = self.scope.tables.head(location).await?;
                Ok(format!("{}@{}", object.id, head.map_or_else(|| "none".into(), |head| head.to_string())))
            }
            ObjectKind::Broken { message, .. } => Ok(format!("{} broken: {message}", object.id)),
            // what a run reads of it may be another each time
            ObjectKind::Sequence(_) => Ok(format!("{} {}", object.id, Uuid::now_v7())),
            ObjectKind::View { definition } => {
                let mut hash = Sha256::new();
                hash.update(definition);
                for input in view_inputs(definition) {
                    if let Some(version) = self.of(&input).await? {
                        hash.update(format!("\n{input} {version}"));
                    }
                }
                Ok(hex(&hash.finalize()))
            }
        }
    }
}

/// The relations a view names with their schema. A definition that does not parse reads nothing: using it will say why.
fn view_inputs(definition: &str) -> BTreeSet<TableName> {
    let statements = dialect::parse(definition).unwrap_or_default();
    let references = statements
        .into_iter()
        .filter_map(|statement| resolve_table_references(&DfStatement::Statement(Box::new(statement.ast)), true).ok());
    references
        .flat_map(|(relations, _)| relations)
        .filter_map(|relation| Some(TableName::new(relation.schema()?, relation.table())))
        .collect()
}

/// SHA-256 of a text, in hex.
pub(super) fn sha256_hex(text: &str) -> String {
    hex(&Sha256::digest(text))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
