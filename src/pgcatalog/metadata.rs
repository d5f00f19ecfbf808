//! What PostgreSQL's catalogs know about one scope, and the rows of each of them, made when first asked for.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::{Arc, OnceLock};

use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::datatypes::Field;
use datafusion::catalog::TableProvider;
use parking_lot::Mutex;
use uuid::Uuid;

use super::indexed::CatalogTable;
use super::layout::LAYOUTS;
use super::{constraints, information_schema, live, postgres, tables};
use crate::catalog::{Column, Memberships, ObjectKind, Release, Rights, Scope, Sequence};
use crate::engine::{Signature, SystemTable};
use crate::pgtypes::{self, Type};
use crate::table::{Constraint, ConstraintKind};

/// Schemas that PostgreSQL has under fixed OIDs.
const FIXED_SCHEMAS: &[(&str, u32)] =
    &[("pg_catalog", 11), ("information_schema", 13000), ("pg_toast", 99), ("public", 2200)];
/// System tables and schemas without a permanent OID get one below the range of the lake's objects.
const DERIVED_OIDS: std::ops::Range<u32> = 14_000..16_000;

/// OID of the collation by bytes.
const C_COLLATION: u32 = 950;

/// What is added to a relation's OID for that of the type of its rows; of arrays of them; of a view's rule. Objects never
/// have these bits.
pub const ROW_TYPE: u32 = 1 << 30;
pub const ROW_ARRAY_TYPE: u32 = ROW_TYPE | 1 << 29;
pub const RULE: u32 = ROW_TYPE | 1 << 28;

/// What a process knows that its catalogs tell, besides the lake.
#[derive(Debug, Default)]
pub struct Facts {
    pub database: String,
    pub system: Vec<SystemTable>,
    /// What CALL takes.
    pub procedures: Vec<Signature>,
    /// Functions over relations.
    pub relation_functions: Vec<Signature>,
    /// Names of the functions that can be called.
    pub functions: Arc<HashSet<String>>,
}

/// A schema.
#[derive(Debug, Clone)]
pub struct Namespace {
    pub oid: u32,
    pub name: String,
    /// Who may do what there; none where it is everybody's.
    pub rights: Option<Rights>,
}

/// A table or view.
#[derive(Debug)]
pub struct Relation {
    /// [`Object::id`](crate::catalog::Object::id) of what is the lake's.
    pub id: Option<Uuid>,
    pub oid: u32,
    pub schema: String,
    pub namespace: u32,
    pub name: String,
    /// PostgreSQL's `relkind`: `r`, `v`, `m`, `i`, `S`.
    pub kind: &'static str,
    /// OID of the type of its rows.
    pub row_type: u32,
    pub columns: Vec<Column>,
    /// Of the columns, where their types do not tell.
    pub collations: Vec<u32>,
    pub constraints: Vec<Constraint>,
    pub comment: Option<String>,
    pub rights: Option<Rights>,
    /// Of a materialized view that has no rows to read.
    pub unpopulated: bool,
    pub rows: Option<u64>,
    /// Bytes on disk.
    pub bytes: u64,
    /// Of a table of the lake.
    pub location: Option<String>,
    pub definition: Option<String>,
    /// What a sequence is declared as.
    pub sequence: Option<Sequence>,
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

impl Relation {
    /// PostgreSQL's type of one of its columns; of its own catalogs as they declare it.
    pub fn type_of(&self, column: &Column) -> Type {
        let declared = column.pg_type.as_deref().filter(|_| self.system).and_then(pgtypes::type_named);
        declared.unwrap_or_else(|| pgtypes::column_type(&column.field()))
    }

    pub fn is_view(&self) -> bool {
        matches!(self.kind, "v" | "m")
    }
}

impl Procedure {
    /// OIDs of the types of its arguments.
    pub fn argument_types(&self) -> Vec<i32> {
        let oid = |type_name: &str| match type_name {
            "boolean" => 16,
            "bigint" => 20,
            "integer" => 23,
            "date" => 1082,
            "double precision" => 701,
            "text[]" => 1009,
            "integer[]" => 1007,
            "timestamp with time zone" => 1184,
            _ => 25,
        };
        self.signature.arguments.iter().map(|(_, type_name, _)| oid(type_name)).collect()
    }
}

/// One scope as PostgreSQL's catalogs describe it. Immutable.
#[derive(Debug)]
pub struct Metadata {
    pub database: String,
    /// Number of the release described.
    pub release: i64,
    pub namespaces: Vec<Namespace>,
    pub procedures: Vec<Procedure>,
    /// Names of the functions that can be called.
    pub functions: Arc<HashSet<String>>,
    scope: Scope,
    system: Vec<SystemTable>,
    /// Made when first asked for: most statements never do.
    relations: OnceLock<Vec<Relation>>,
    by_oid: OnceLock<HashMap<u32, usize>>,
    by_row_type: OnceLock<HashMap<u32, usize>>,
    schema_comments: OnceLock<HashMap<String, String>>,
    /// By name, then schema.
    by_name: OnceLock<HashMap<String, Vec<usize>>>,
    providers: Mutex<HashMap<(String, String), Arc<dyn TableProvider>>>,
}

impl Metadata {
    pub fn new(scope: &Scope, facts: Facts) -> Self {
        let mut taken: Vec<u32> = Vec::new();
        let all = facts.procedures.into_iter().map(|signature| (signature, false));
        let all = all.chain(facts.relation_functions.into_iter().map(|signature| (signature, true)));
        let procedures = all
            .map(|(signature, gives_rows)| Procedure {
                oid: derived_oid(signature.name, &mut taken),
                signature,
                gives_rows,
            })
            .collect();
        Self {
            database: facts.database,
            release: i64::try_from(scope.release.id().0).unwrap_or(i64::MAX),
            namespaces: namespaces(scope),
            procedures,
            functions: facts.functions,
            scope: scope.clone(),
            system: facts.system,
            relations: OnceLock::new(),
            by_oid: OnceLock::new(),
            by_row_type: OnceLock::new(),
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
            let indexes: Vec<Relation> = relations.iter().flat_map(constraints::indexes).collect();
            relations.extend(indexes);
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
        if let Some(live) = live::table(schema, name) {
            return Some(live);
        }
        let made = match schema {
            "pg_catalog" => tables::rows(self, name),
            _ => information_schema::rows(self, name),
        };
        let rows = match made {
            Some(Ok(rows)) => rows,
            Some(Err(error)) => {
                tracing::error!(%error, schema, name, "a catalog cannot be made");
                return None;
            }
            None => match postgres::rows(schema, name) {
                Some(rows) => rows.clone(),
                None => RecordBatch::new_empty(LAYOUTS.get(&(schema, name))?.columns.clone()),
            },
        };
        Some(Arc::new(CatalogTable::new(rows).ok()?))
    }

    pub fn relation(&self, oid: u32) -> Option<&Relation> {
        let by_oid = self.by_oid.get_or_init(|| {
            self.relations().iter().enumerate().map(|(index, relation)| (relation.oid, index)).collect()
        });
        self.relations().get(*by_oid.get(&oid)?)
    }

    /// The relation that a composite type is of.
    pub fn of_row_type(&self, oid: u32) -> Option<&Relation> {
        let by_row_type = self.by_row_type.get_or_init(|| {
            let typed = self.relations().iter().enumerate().filter(|(_, relation)| relation.row_type != 0);
            typed.map(|(index, relation)| (relation.row_type, index)).collect()
        });
        self.relations().get(*by_row_type.get(&oid)?)
    }

    /// The relation of a name as `regclass` takes it: `t`, `s.t`, quoted or not; bare names by the search path.
    pub fn relation_named(&self, text: &str, search_path: &[String]) -> Option<&Relation> {
        let reference = datafusion::common::TableReference::parse_str(text);
        match reference.schema() {
            Some("pg_temp") => self.find(self.scope.temp_schema()?, reference.table()),
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

    /// The relation of that name in that schema.
    pub fn find(&self, schema: &str, name: &str) -> Option<&Relation> {
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

    /// The columns of a table's primary key, by its name's parts; none where it has none.
    pub fn primary_key(&self, name: &[String], search_path: &[String]) -> Vec<String> {
        let relation = match name {
            [.., schema, table] => self.find(schema, table),
            [table] => self.first_named(table, search_path),
            [] => None,
        };
        let keys = relation.iter().flat_map(|relation| &relation.constraints);
        let mut primary = keys.filter(|key| matches!(key.kind, ConstraintKind::PrimaryKey { .. }));
        primary.next().map(|key| key.kind.columns().to_vec()).unwrap_or_default()
    }

    /// The comment on a schema: what was said of it, else what the layers are for.
    pub fn schema_comment(&self, schema: &str) -> Option<&str> {
        let said = self.schema_comments.get_or_init(|| {
            let names = self.namespaces.iter().map(|namespace| namespace.name.as_str());
            names.filter_map(|name| Some((name.to_owned(), self.scope.schema_comment(name)?))).collect()
        });
        said.get(schema).map(String::as_str).or_else(|| super::tables::schema_comment(schema))
    }

    /// Who is a member of which role.
    pub fn memberships(&self, newest: &Release) -> Memberships {
        self.scope.memberships(newest)
    }

    /// The session's own schema for what is gone at its end, if there is anything in it.
    pub fn temporary_namespace(&self) -> Option<&Namespace> {
        self.namespace_named(self.scope.temp_schema()?)
    }

    pub fn namespace_named(&self, name: &str) -> Option<&Namespace> {
        self.namespaces.iter().find(|namespace| namespace.name == name)
    }

    /// Tables and views of the lake and of schema `lakewire`, without PostgreSQL's own.
    pub fn user_relations(&self) -> impl Iterator<Item = &Relation> {
        self.tables_and_views()
            .filter(|relation| relation.schema != "pg_catalog" && relation.schema != "information_schema")
    }

    /// All relations but indexes and sequences.
    pub fn tables_and_views(&self) -> impl Iterator<Item = &Relation> {
        self.relations().iter().filter(|relation| !matches!(relation.kind, "i" | "S"))
    }
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
    schemas.into_iter().map(|(name, oid)| Namespace { rights: scope.schema_rights(&name), oid, name }).collect()
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
            ObjectKind::Sequence(_) => ("S", Some(1), 0, None),
        };
        Relation {
            id: Some(object.id),
            oid: object.oid,
            schema: object.name.schema.clone(),
            namespace: namespace(&object.name.schema),
            name: object.name.name.clone(),
            kind,
            row_type: if kind == "S" { 0 } else { object.oid | ROW_TYPE },
            columns: object.columns.clone(),
            collations: Vec::new(),
            constraints: object.constraints.clone(),
            rights: object.rights.clone(),
            unpopulated: object.unpopulated,
            comment: object.comment.clone(),
            rows,
            bytes,
            location: object.location().map(str::to_owned),
            definition,
            sequence: object.sequence().cloned(),
            system: false,
        }
    });
    relations.collect()
}

fn system_relations(system: &[SystemTable], namespace: impl Fn(&str) -> u32, scope: &Scope) -> Vec<Relation> {
    let mut taken = Vec::new();
    let hidden = |name: &str| scope.object(&crate::names::TableName::new("lakewire", name)).is_some();
    let relations = system.iter().filter(|table| !hidden(table.name)).map(|table| {
        let oid = derived_oid(&format!("lakewire.{}", table.name), &mut taken);
        Relation {
            id: None,
            oid,
            schema: "lakewire".to_owned(),
            namespace: namespace("lakewire"),
            name: table.name.to_owned(),
            kind: "v",
            row_type: oid | ROW_TYPE,
            columns: columns_of(&table.schema),
            collations: Vec::new(),
            constraints: Vec::new(),
            rights: None,
            unpopulated: false,
            comment: Some(table.comment.to_owned()),
            rows: None,
            bytes: 0,
            location: None,
            definition: None,
            sequence: None,
            system: true,
        }
    });
    relations.collect()
}

fn postgres_relations(namespace: impl Fn(&str) -> u32) -> Vec<Relation> {
    let collation = |(by_bytes, field): (&bool, &Arc<Field>)| match by_bytes {
        true => C_COLLATION,
        false => postgres::type_collation(pgtypes::column_type(field).oid()),
    };
    let relations = LAYOUTS.values().map(|layout| Relation {
        id: None,
        oid: layout.oid,
        schema: layout.schema.to_owned(),
        namespace: namespace(layout.schema),
        name: layout.name.to_owned(),
        kind: layout.kind,
        row_type: layout.row_type,
        columns: columns_of(&layout.columns),
        collations: layout.by_bytes.iter().zip(layout.columns.fields()).map(collation).collect(),
        constraints: match layout.schema {
            "pg_catalog" => constraints::of_catalog(layout.name),
            _ => Vec::new(),
        },
        rights: None,
        unpopulated: false,
        comment: None,
        rows: None,
        bytes: 0,
        location: None,
        definition: None,
        sequence: None,
        system: true,
    });
    relations.collect()
}

fn columns_of(schema: &datafusion::arrow::datatypes::Schema) -> Vec<Column> {
    schema.fields().iter().map(|field| Column::of_result(field)).collect()
}

/// The OID of a role that only its log-in makes one.
pub fn role_oid(name: &str) -> u32 {
    derived_oid(&format!("role {name}"), &mut Vec::new())
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
