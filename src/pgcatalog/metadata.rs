//! What PostgreSQL's catalogs know about one scope, and the rows of each of them, made when first asked for.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, OnceLock};

use datafusion::arrow::array::RecordBatch;
use datafusion::catalog::{MemTable, TableProvider};
use parking_lot::Mutex;

use super::layout::LAYOUTS;
use super::{information_schema, statics, tables};
use crate::catalog::{Column, ObjectKind, Scope};
use crate::engine::{Signature, SystemTable};

/// Schemas that PostgreSQL has under fixed OIDs.
const FIXED_SCHEMAS: &[(&str, u32)] = &[("pg_catalog", 11), ("information_schema", 13000), ("public", 2200)];
/// System tables and schemas without a permanent OID get one below the range of the lake's objects.
const DERIVED_OIDS: std::ops::Range<u32> = 14_000..16_000;

/// A schema.
#[derive(Debug, Clone)]
pub struct Namespace {
    pub oid: u32,
    pub name: String,
}

/// A table or view.
#[derive(Debug)]
pub struct Relation {
    pub oid: u32,
    pub schema: String,
    pub namespace: u32,
    pub name: String,
    /// PostgreSQL's `relkind`: `r`, `v`.
    pub kind: &'static str,
    pub columns: Vec<Column>,
    pub comment: Option<String>,
    pub rows: Option<u64>,
    /// Bytes on disk.
    pub bytes: u64,
    pub definition: Option<String>,
    /// Of the server, not of the lake.
    pub system: bool,
}

/// A procedure, or a function that gives rows, with its OID.
#[derive(Debug)]
pub struct Procedure {
    pub oid: u32,
    pub signature: Signature,
    pub gives_rows: bool,
}

/// One scope as PostgreSQL's catalogs describe it. Immutable.
#[derive(Debug)]
pub struct Metadata {
    pub database: String,
    /// Number of the release described.
    pub release: i64,
    pub namespaces: Vec<Namespace>,
    pub procedures: Vec<Procedure>,
    scope: Scope,
    system: Vec<SystemTable>,
    /// Made when first asked for: most statements never do.
    relations: OnceLock<Vec<Relation>>,
    by_oid: OnceLock<HashMap<u32, usize>>,
    schema_comments: OnceLock<HashMap<String, String>>,
    /// By name, then schema.
    by_name: OnceLock<HashMap<String, Vec<usize>>>,
    providers: Mutex<HashMap<(String, String), Arc<dyn TableProvider>>>,
}

impl Metadata {
    /// `signatures` are of procedures, `functions` of functions that give rows.
    pub fn new(
        database: &str,
        scope: &Scope,
        system: Vec<SystemTable>,
        signatures: Vec<Signature>,
        functions: Vec<Signature>,
    ) -> Self {
        let mut taken: Vec<u32> = Vec::new();
        let all = signatures.into_iter().map(|signature| (signature, false));
        let all = all.chain(functions.into_iter().map(|signature| (signature, true)));
        let procedures = all
            .map(|(signature, gives_rows)| Procedure {
                oid: derived_oid(signature.name, &mut taken),
                signature,
                gives_rows,
            })
            .collect();
        Self {
            database: database.to_owned(),
            release: i64::try_from(scope.release.id().0).unwrap_or(i64::MAX),
            namespaces: namespaces(scope),
            procedures,
            scope: scope.clone(),
            system,
            relations: OnceLock::new(),
            by_oid: OnceLock::new(),
            schema_comments: OnceLock::new(),
            by_name: OnceLock::new(),
            providers: Mutex::new(HashMap::new()),
        }
    }

    /// Every table and view there is, PostgreSQL's own included.
    pub fn relations(&self) -> &[Relation] {
        self.relations.get_or_init(|| {
            let oids: HashMap<&str, u32> = self.namespaces.iter().map(|n| (n.name.as_str(), n.oid)).collect();
            let namespace = |schema: &str| oids.get(schema).copied().unwrap_or(0);
            let mut relations = lake_relations(&self.scope, namespace);
            relations.extend(system_relations(&self.system, namespace, &self.scope));
            relations.extend(postgres_relations(namespace));
            relations
        })
    }

    /// A relation of PostgreSQL's own schemas; `None` where PostgreSQL has none of that name.
    pub fn table(&self, schema: &str, name: &str) -> Option<Arc<dyn TableProvider>> {
        if schema != "pg_catalog" && schema != "information_schema" {
            return None;
        }
        let key = (schema.to_owned(), name.to_owned());
        let mut providers = self.providers.lock();
        if let Some(provider) = providers.get(&key) {
            return Some(provider.clone());
        }
        let provider = self.make(schema, name)?;
        providers.insert(key, provider.clone());
        Some(provider)
    }

    fn make(&self, schema: &str, name: &str) -> Option<Arc<dyn TableProvider>> {
        let rows = match schema {
            "pg_catalog" => tables::rows(self, name),
            _ => information_schema::rows(self, name),
        };
        match rows {
            Some(rows) => provider(rows.ok()?),
            None => statics::table(name).filter(|_| schema == "pg_catalog").or_else(|| {
                let layout = LAYOUTS.get(&(schema, name))?;
                provider(RecordBatch::new_empty(layout.columns.clone()))
            }),
        }
    }

    pub fn relation(&self, oid: u32) -> Option<&Relation> {
        let by_oid = self.by_oid.get_or_init(|| {
            self.relations().iter().enumerate().map(|(index, relation)| (relation.oid, index)).collect()
        });
        self.relations().get(*by_oid.get(&oid)?)
    }

    /// The relation of a name as `regclass` takes it: `t`, `s.t`, quoted or not; bare names by the search path.
    pub fn relation_named(&self, text: &str, search_path: &[String]) -> Option<&Relation> {
        let reference = datafusion::common::TableReference::parse_str(text);
        match reference.schema() {
            Some(schema) => self.find(schema, reference.table()),
            None => self.first_named(reference.table(), search_path),
        }
    }

    /// What a bare name leads to.
    pub fn first_named(&self, name: &str, search_path: &[String]) -> Option<&Relation> {
        // the session's own come before all others
        let own = self.scope.temp_schema().and_then(|schema| self.find(schema, name));
        own.or_else(|| search_path.iter().find_map(|schema| self.find(schema, name)))
    }

    fn find(&self, schema: &str, name: &str) -> Option<&Relation> {
        let relations = self.relations();
        let by_name = self.by_name.get_or_init(|| {
            let mut by_name: HashMap<String, Vec<usize>> = HashMap::new();
            for (index, relation) in relations.iter().enumerate() {
                by_name.entry(relation.name.clone()).or_default().push(index);
            }
            by_name
        });
        by_name.get(name)?.iter().filter_map(|index| relations.get(*index)).find(|relation| relation.schema == schema)
    }

    /// The comment on a schema: what was said of it, else what the layers are for.
    pub fn schema_comment(&self, schema: &str) -> Option<&str> {
        let said = self.schema_comments.get_or_init(|| {
            let names = self.namespaces.iter().map(|namespace| namespace.name.as_str());
            names.filter_map(|name| Some((name.to_owned(), self.scope.schema_comment(name)?))).collect()
        });
        said.get(schema).map(String::as_str).or_else(|| super::tables::schema_comment(schema))
    }

    pub fn namespace_named(&self, name: &str) -> Option<&Namespace> {
        self.namespaces.iter().find(|namespace| namespace.name == name)
    }

    /// Relations of the lake and of schema `lakewire`, without PostgreSQL's own.
    pub fn user_relations(&self) -> impl Iterator<Item = &Relation> {
        self.relations()
            .iter()
            .filter(|relation| relation.schema != "pg_catalog" && relation.schema != "information_schema")
    }
}

fn provider(rows: RecordBatch) -> Option<Arc<dyn TableProvider>> {
    MemTable::try_new(rows.schema(), vec![vec![rows]]).ok().map(|table| Arc::new(table) as _)
}

fn namespaces(scope: &Scope) -> Vec<Namespace> {
    let mut taken = Vec::new();
    let mut schemas: BTreeMap<String, u32> = BTreeMap::new();
    for name in scope.schemas().into_iter().chain(["lakewire".to_owned()]) {
        // Schemas that only an overlay has do not have an OID yet.
        let known = scope.release.schemas.get(&name).copied();
        schemas.entry(name.clone()).or_insert_with(|| known.unwrap_or_else(|| derived_oid(&name, &mut taken)));
    }
    schemas.extend(FIXED_SCHEMAS.iter().map(|(name, oid)| ((*name).to_owned(), *oid)));
    schemas.into_iter().map(|(name, oid)| Namespace { oid, name }).collect()
}

fn lake_relations(scope: &Scope, namespace: impl Fn(&str) -> u32) -> Vec<Relation> {
    let objects = scope.objects();
    let relations = objects.iter().map(|object| {
        let (kind, rows, bytes, definition) = match &object.kind {
            ObjectKind::Table { rows, bytes, .. } => {
                let kind = if object.query.is_some() { "m" } else { "r" };
                (kind, *rows, bytes.unwrap_or(0), object.query.clone())
            }
            ObjectKind::View { definition } => ("v", None, 0, Some(definition.clone())),
            ObjectKind::Broken { .. } => ("r", None, 0, None),
        };
        Relation {
            oid: object.oid,
            schema: object.name.schema.clone(),
            namespace: namespace(&object.name.schema),
            name: object.name.name.clone(),
            kind,
            columns: object.columns.clone(),
            comment: object.comment.clone(),
            rows,
            bytes,
            definition,
            system: false,
        }
    });
    relations.collect()
}

fn system_relations(system: &[SystemTable], namespace: impl Fn(&str) -> u32, scope: &Scope) -> Vec<Relation> {
    let mut taken = Vec::new();
    let hidden = |name: &str| scope.object(&crate::names::TableName::new("lakewire", name)).is_some();
    let relations = system.iter().filter(|table| !hidden(table.name)).map(|table| Relation {
        oid: derived_oid(&format!("lakewire.{}", table.name), &mut taken),
        schema: "lakewire".to_owned(),
        namespace: namespace("lakewire"),
        name: table.name.to_owned(),
        kind: "v",
        columns: columns_of(&table.schema),
        comment: Some(table.comment.to_owned()),
        rows: None,
        bytes: 0,
        definition: None,
        system: true,
    });
    relations.collect()
}

fn postgres_relations(namespace: impl Fn(&str) -> u32) -> Vec<Relation> {
    let relations = LAYOUTS.values().map(|layout| Relation {
        oid: layout.oid,
        schema: layout.schema.to_owned(),
        namespace: namespace(layout.schema),
        name: layout.name.to_owned(),
        kind: layout.kind,
        columns: columns_of(&layout.columns),
        comment: None,
        rows: None,
        bytes: 0,
        definition: None,
        system: true,
    });
    relations.collect()
}

fn columns_of(schema: &datafusion::arrow::datatypes::Schema) -> Vec<Column> {
    schema.fields().iter().map(|field| Column::of_result(field)).collect()
}

/// An OID that follows from the name, so that it is the same in every process; the next free one where two meet.
fn derived_oid(name: &str, taken: &mut Vec<u32>) -> u32 {
    let hash = name.bytes().fold(2_166_136_261u32, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(16_777_619));
    let width = DERIVED_OIDS.end - DERIVED_OIDS.start;
    let mut oid = DERIVED_OIDS.start + hash % width;
    while taken.contains(&oid) {
        oid = DERIVED_OIDS.start + (oid + 1 - DERIVED_OIDS.start) % width;
    }
    taken.push(oid);
    oid
}
