//! What a table is, besides its rows: columns with what PostgreSQL knows of them, constraints, properties.
//!
//! All of it is kept in Delta's own metadata: a column's comment and generation expression and the check constraints as
//! Delta has them, so that other engines keep to them; the rest under keys of ours, which they pass over.
//!
//! Invariant: a definition written and read again is the same.

use std::collections::BTreeMap;

use datafusion::arrow::datatypes::{Field, Fields, Schema, SchemaRef};
use deltalake::kernel::engine::arrow_conversion::TryIntoKernel;
use deltalake::kernel::{Metadata, MetadataValue, StructField, StructType};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::rules::{CHECK_PREFIX as CHECK, GENERATED, IDENTITY};
use super::schema;
use crate::error::{Error, ErrorKind, Result};
use crate::names::TableName;
use crate::pgtypes::{PG_TYPE_KEY, TYPE_MODIFIER_KEY};

/// Field metadata of a column's comment, default, and generation expression.
const COMMENT: &str = "comment";
const DEFAULT: &str = "lakewire.default";
/// Prefix of the table properties that hold keys (JSON).
const KEY: &str = "lakewire.constraints.";
/// Prefix of the table properties that hold the comments of checks, which are properties of Delta's own.
const CHECK_COMMENT: &str = "lakewire.comments.";

/// A table's columns, constraints and properties.
#[derive(Debug, Clone, PartialEq)]
pub struct Definition {
    /// Names, stored types and which refuse nulls.
    pub schema: SchemaRef,
    /// What else is known of a column, by its name.
    pub columns: BTreeMap<String, ColumnDefinition>,
    pub constraints: Vec<Constraint>,
    /// Table properties, constraints left out.
    pub properties: BTreeMap<String, String>,
    pub partition_by: Vec<String>,
    pub comment: Option<String>,
}

/// What is known of a column besides its stored type.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ColumnDefinition {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub comment: Option<String>,
    /// PostgreSQL's name of the type (`varchar`, `uuid`, `jsonb`) where the stored type does not tell.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pg_type: Option<String>,
    /// `atttypmod`, where the stored type does not tell.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub modifier: Option<i32>,
    /// SQL of the value that a row gets where none is given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default: Option<String>,
    /// SQL of the value that every row has: `GENERATED ALWAYS AS (…) STORED`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub generated: Option<String>,
    /// `always` or `by default`: who may give the column its values.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub identity: Option<String>,
}

/// A named constraint of a table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Constraint {
    pub name: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub comment: Option<String>,
    /// Columns that the index of a key has besides.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub covers: Vec<String>,
    /// Storage parameters of the index of a key, `fillfactor=70`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub with: Vec<String>,
    #[serde(flatten)]
    pub kind: ConstraintKind,
}

/// Checks are enforced; keys are told, not enforced: a Delta table has no unique index.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum ConstraintKind {
    /// SQL that must not be false for any row.
    Check {
        condition: String,
    },
    PrimaryKey {
        columns: Vec<String>,
    },
    Unique {
        columns: Vec<String>,
        /// Whether rows with NULLs are alike.
        #[serde(default, skip_serializing_if = "is_false")]
        nulls_not_distinct: bool,
    },
    /// An index that no constraint has, kept as it was declared.
    Index {
        /// Its keys; none where some of them are expressions.
        columns: Vec<String>,
        unique: bool,
        /// Its keys in SQL, where some of them are expressions.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        keys: Vec<String>,
        /// PostgreSQL's types of the keys, where some of them are expressions.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        types: Vec<String>,
        /// What follows each key, `COLLATE "C" text_pattern_ops DESC NULLS LAST`; none where nothing follows any of them.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        options: Vec<String>,
        /// Columns that are not keys.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        included: Vec<String>,
        /// SQL that is true for the rows it has; `None`: it has all.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        condition: Option<String>,
        /// `gin` and the like; `None`: `btree`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        method: Option<String>,
        /// Whether rows with NULLs are alike, where it is unique.
        #[serde(default, skip_serializing_if = "is_false")]
        nulls_not_distinct: bool,
        /// Storage parameters, `fillfactor=70`.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        parameters: Vec<String>,
    },
    ForeignKey {
        columns: Vec<String>,
        schema: String,
        table: String,
        references: Vec<String>,
        /// What would be done; nobody does it.
        #[serde(default, skip_serializing_if = "Actions::is_default")]
        actions: Actions,
    },
}

/// What a foreign key says beyond where it leads, as SQL has it: `CASCADE`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Actions {
    pub on_delete: Option<String>,
    pub on_update: Option<String>,
    pub deferrable: bool,
    pub deferred: bool,
    /// `MATCH FULL`.
    pub match_full: bool,
    /// Columns that `SET NULL` and `SET DEFAULT` are about, where those are not all.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub delete_columns: Vec<String>,
}

fn is_false(flag: &bool) -> bool {
    !flag
}

impl Constraint {
    /// One that nobody has commented on.
    pub fn new(name: impl Into<String>, kind: ConstraintKind) -> Self {
        Self { name: name.into(), comment: None, covers: Vec::new(), with: Vec::new(), kind }
    }
}

impl Actions {
    fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

impl ConstraintKind {
    /// The columns of a key.
    pub fn columns(&self) -> &[String] {
        match self {
            Self::Check { .. } => &[],
            Self::PrimaryKey { columns }
            | Self::Unique { columns, .. }
            | Self::Index { columns, .. }
            | Self::ForeignKey { columns, .. } => columns,
        }
    }

    /// Whether it is one, and not an index alone.
    pub fn is_constraint(&self) -> bool {
        !matches!(self, Self::Index { .. })
    }

    /// Whether its columns tell one row from all others.
    pub fn is_key(&self) -> bool {
        match self {
            Self::PrimaryKey { .. } | Self::Unique { .. } => true,
            Self::Index { unique, keys, condition, .. } => *unique && keys.is_empty() && condition.is_none(),
            Self::Check { .. } | Self::ForeignKey { .. } => false,
        }
    }

    /// Whether an index of its name is in the catalogs.
    pub fn has_index(&self) -> bool {
        matches!(self, Self::PrimaryKey { .. } | Self::Unique { .. } | Self::Index { .. })
    }

    /// The table that a foreign key leads to.
    pub fn target(&self) -> Option<TableName> {
        match self {
            Self::ForeignKey { schema, table, .. } => Some(TableName::new(schema.as_str(), table.as_str())),
            _ => None,
        }
    }
}

impl Definition {
    /// Columns and nothing else.
    pub fn new(schema: SchemaRef) -> Self {
        Self {
            schema,
            columns: BTreeMap::new(),
            constraints: Vec::new(),
            properties: BTreeMap::new(),
            partition_by: Vec::new(),
            comment: None,
        }
    }

    pub(super) fn read(metadata: &Metadata, delta: &StructType) -> Result<Self> {
        let mut definition = Self {
            columns: delta.fields().map(|field| (field.name().clone(), column_of(field))).collect(),
            partition_by: metadata.partition_columns().to_vec(),
            comment: metadata.description().map(str::to_owned),
            ..Self::new(schema::logical_schema(delta)?)
        };
        for (key, value) in metadata.configuration() {
            if let Some(name) = key.strip_prefix(CHECK) {
                let comment = metadata.configuration().get(&format!("{CHECK_COMMENT}{name}")).cloned();
                let kind = ConstraintKind::Check { condition: value.clone() };
                definition.constraints.push(Constraint { comment, ..Constraint::new(name, kind) });
            } else if key.starts_with(CHECK_COMMENT) {
                // with its check
            } else if let Some(constraint) = key.strip_prefix(KEY).and_then(|_| serde_json::from_str(value).ok()) {
                definition.constraints.push(constraint);
            } else {
                definition.properties.insert(key.clone(), value.clone());
            }
        }
        definition.constraints.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(definition)
    }

    /// What is known of a column.
    pub fn column(&self, name: &str) -> ColumnDefinition {
        self.columns.get(name).cloned().unwrap_or_default()
    }

    /// Whether rows must be looked at before they are written: a check constraint, or a column that is computed.
    pub fn asks_of_rows(&self) -> bool {
        self.constraints.iter().any(|constraint| matches!(constraint.kind, ConstraintKind::Check { .. }))
            || self.columns.values().any(|column| column.generated.is_some())
    }

    /// The columns as Delta has them. What `old` says of a column of the same name and type, and is not known here, stays.
    pub(super) fn delta_columns(&self, old: Option<&StructType>) -> Result<StructType> {
        let had = old.map(schema::logical_schema).transpose()?;
        let fields = self.schema.fields().iter().map(|field| {
            let same = had.as_ref().and_then(|had| had.field_with_name(field.name()).ok());
            let same = same.filter(|had| had.data_type() == field.data_type());
            let kept = same.and_then(|_| old?.field(field.name()));
            let made = match kept {
                Some(kept) => StructField { nullable: field.is_nullable(), ..kept.clone() },
                None => made(field)?,
            };
            let mut column = self.column(field.name());
            if let Some(name) = schema::kept_as_text(field.data_type()) {
                column.pg_type = Some(name.to_owned());
            }
            Ok(with_definition(made, &column))
        });
        StructType::try_new(fields.collect::<Result<Vec<_>>>()?)
            .map_err(|error| Error::internal(format!("its columns cannot be joined: {error}")))
    }

    /// The metadata that says all this; identity, age and format are those of `old`.
    pub(super) fn metadata(&self, old: &Metadata, columns: &StructType) -> Result<Metadata> {
        let internal = |error: serde_json::Error| Error::internal(error.to_string());
        // The kernel offers no other way than by JSON.
        let mut value = serde_json::to_value(old).map_err(internal)?;
        value["schemaString"] = Value::String(serde_json::to_string(columns).map_err(internal)?);
        value["partitionColumns"] = json!(self.partition_by);
        value["description"] = json!(self.comment);
        value["configuration"] = json!(self.configuration().map_err(internal)?);
        serde_json::from_value(value).map_err(internal)
    }

    fn configuration(&self) -> Result<BTreeMap<String, String>, serde_json::Error> {
        let mut all = self.properties.clone();
        for constraint in &self.constraints {
            match &constraint.kind {
                ConstraintKind::Check { condition } => {
                    all.insert(format!("{CHECK}{}", constraint.name), condition.clone());
                    let comment = constraint.comment.clone();
                    all.extend(comment.map(|text| (format!("{CHECK_COMMENT}{}", constraint.name), text)));
                }
                _ => {
                    all.insert(format!("{KEY}{}", constraint.name), serde_json::to_string(constraint)?);
                }
            }
        }
        Ok(all)
    }
}

fn made(field: &Field) -> Result<StructField> {
    let plain = Field::new(field.name(), schema::physical_type(field.data_type()), field.is_nullable());
    let columns: StructType = (&Schema::new(Fields::from(vec![plain]))).try_into_kernel().map_err(|error| {
        Error::new(ErrorKind::FeatureNotSupported, format!("a column type cannot be stored: {error}"))
    })?;
    let made = columns.fields().next().cloned();
    made.ok_or_else(|| Error::internal("a column was lost on its way to Delta"))
}

fn text_of(field: &StructField, key: &str) -> Option<String> {
    match field.metadata().get(key) {
        Some(MetadataValue::String(text)) => Some(text.clone()),
        _ => None,
    }
}

fn column_of(field: &StructField) -> ColumnDefinition {
    let text = |key| text_of(field, key);
    ColumnDefinition {
        comment: text(COMMENT),
        pg_type: text(PG_TYPE_KEY).filter(|name| schema::type_kept_as_text(name).is_none()),
        modifier: text(TYPE_MODIFIER_KEY).and_then(|text| text.parse().ok()),
        default: text(DEFAULT),
        generated: text(GENERATED),
        identity: text(IDENTITY),
    }
}

fn with_definition(mut field: StructField, column: &ColumnDefinition) -> StructField {
    let known = [
        (COMMENT, column.comment.clone()),
        (PG_TYPE_KEY, column.pg_type.clone()),
        (TYPE_MODIFIER_KEY, column.modifier.map(|modifier| modifier.to_string())),
        (DEFAULT, column.default.clone()),
        (GENERATED, column.generated.clone()),
        (IDENTITY, column.identity.clone()),
    ];
    for (key, value) in known {
        match value {
            Some(value) => field.metadata.insert(key.to_owned(), MetadataValue::String(value)),
            None => field.metadata.remove(key),
        };
    }
    field
}

/// Arrow field metadata by which a column is announced as the PostgreSQL type it was declared as.
pub(super) fn announced(field: &StructField) -> std::collections::HashMap<String, String> {
    let keys = [PG_TYPE_KEY, TYPE_MODIFIER_KEY];
    keys.into_iter().filter_map(|key| Some((key.to_owned(), text_of(field, key)?))).collect()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use datafusion::arrow::datatypes::DataType;
    use deltalake::kernel::new_metadata;

    #[test]
    fn a_definition_survives_delta_s_metadata() {
        let schema = Schema::new(vec![
            Field::new("id", DataType::Int64, false),
            Field::new("name", DataType::Utf8, true),
            Field::new("twice", DataType::Int64, true),
        ]);
        let mut definition = Definition::new(Arc::new(schema));
        let varchar = ColumnDefinition {
            comment: Some("what it is called".into()),
            pg_type: Some("varchar".into()),
            modifier: Some(14),
            default: Some("'x'".into()),
            ..Default::default()
        };
        definition.columns.insert("id".into(), ColumnDefinition::default());
        definition.columns.insert("name".into(), varchar);
        let twice = ColumnDefinition { generated: Some("id * 2".into()), ..Default::default() };
        definition.columns.insert("twice".into(), twice);
        let check = ConstraintKind::Check { condition: "id > 0".into() };
        let key = ConstraintKind::PrimaryKey { columns: vec!["id".into()] };
        definition.constraints = vec![
            Constraint { comment: Some("why".into()), ..Constraint::new("t_id_check", check) },
            Constraint { comment: Some("which".into()), ..Constraint::new("t_pkey", key) },
        ];
        definition.properties.insert("delta.appendOnly".into(), "true".into());
        definition.comment = Some("a table".into());
        let columns = definition.delta_columns(None).unwrap();
        let empty = new_metadata(&columns, Vec::<String>::new(), std::iter::empty::<(String, String)>()).unwrap();
        let metadata = definition.metadata(&empty, &columns).unwrap();
        let mut read = Definition::read(&metadata, &columns).unwrap();
        // read, the columns announce what they were declared as
        assert_eq!(read.schema.field(1).metadata()["pg_typmod"], "14");
        read.schema = definition.schema.clone();
        assert_eq!(read, definition);
        assert!(read.asks_of_rows());
    }
}
