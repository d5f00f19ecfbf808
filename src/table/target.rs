//! The table a write goes to: as it is, and as the write will leave it.

use std::sync::Arc;

use datafusion::arrow::datatypes::{Field, Schema, SchemaRef};
use deltalake::kernel::transaction::PROTOCOL;
use deltalake::kernel::{Action, EagerSnapshot, Metadata, Protocol, Remove, StructField, StructType, new_metadata};
use deltalake::logstore::LogStoreRef;
use serde_json::{Value, json};

use super::write::{WriteMode, WriteSpec};
use super::{errors, log, schema};
use crate::error::{Error, ErrorKind, Result};
use crate::store::LakeStore;

/// What each writer version of the old numbering implies, once a table names its features instead.
const WRITER_FEATURES: [(i32, &[&str]); 5] = [
    (2, &["appendOnly", "invariants"]),
    (3, &["checkConstraints"]),
    (4, &["changeDataFeed", "generatedColumns"]),
    (5, &["columnMapping"]),
    (6, &["identityColumns"]),
];

/// Field metadata that asks a writer for more than writing the values it is given.
const COMPUTED: [&str; 4] =
    ["delta.generationExpression", "delta.invariants", "delta.identity.start", "delta.identity.step"];

/// A table as a write finds it, and what its definition becomes.
#[derive(Debug)]
pub(super) struct Target {
    location: String,
    log_store: LogStoreRef,
    base: Option<EagerSnapshot>,
    schema: SchemaRef,
    partition_by: Vec<String>,
    metadata: Option<Metadata>,
    protocol: Option<Protocol>,
    replaces: bool,
}

impl Target {
    /// Reads the table that `lake` shows, and works out what writing rows of these columns makes of it.
    pub(super) async fn open(lake: &LakeStore, location: &str, spec: &WriteSpec, input: &Schema) -> Result<Self> {
        let log_store = log::log_store(lake, location)?;
        let base = match log::head(lake, location).await? {
            Some(head) => {
                let base = EagerSnapshot::try_new(log_store.as_ref(), Some(head)).await;
                Some(base.map_err(|error| errors::from_delta(error, location))?)
            }
            None => None,
        };
        let named = |error: Error| error.context(format_args!("table \"{location}\""));
        let input = schema::storable_schema(input).map_err(named)?;
        match base {
            Some(base) => {
                check_writable(&base, spec.mode, location)?;
                Self::existing(location, log_store, base, spec, &input).map_err(named)
            }
            None => {
                log::make_folder(lake, location).await?;
                Self::new(location, log_store, spec, input).map_err(named)
            }
        }
    }

    fn new(location: &str, log_store: LogStoreRef, spec: &WriteSpec, input: SchemaRef) -> Result<Self> {
        check_partitions(&spec.partition_by, &input)?;
        let input = schema::refusing_nulls(&input, &spec.not_null);
        let columns = schema::delta_schema(&input, &spec.column_comments)?;
        let metadata = new_metadata(&columns, &spec.partition_by, std::iter::empty::<(String, String)>())
            .map_err(|error| Error::internal(format!("its metadata cannot be made: {error}")))?;
        let protocol = json!({ "minReaderVersion": 1, "minWriterVersion": 2 });
        Ok(Self {
            location: location.to_owned(),
            log_store,
            base: None,
            partition_by: spec.partition_by.clone(),
            metadata: Some(edited(&metadata, None, None, spec.comment.as_deref())?),
            protocol: Some(from_json(widened_for(protocol, &input))?),
            schema: input,
            replaces: false,
        })
    }

    fn existing(
        location: &str,
        log_store: LogStoreRef,
        base: EagerSnapshot,
        spec: &WriteSpec,
        input: &SchemaRef,
    ) -> Result<Self> {
        let old_columns = base.schema();
        let old = base.metadata().clone();
        let overwrite = spec.mode == WriteMode::Overwrite;
        let (schema, columns) = if overwrite {
            (Arc::clone(input), schema::delta_schema(input, &spec.column_comments)?)
        } else {
            evolved(&old_columns, input, spec)?
        };
        let partition_by = if overwrite { spec.partition_by.clone() } else { old.partition_columns().to_vec() };
        if !overwrite && !spec.partition_by.is_empty() && spec.partition_by != partition_by {
            return Err(Error::new(ErrorKind::InvalidParameter, "it is partitioned otherwise")
                .with_hint(format!("append with its own partition columns: {}", partition_by.join(", "))));
        }
        check_partitions(&partition_by, &schema)?;
        let comment = if overwrite { spec.comment.as_deref() } else { spec.comment.as_deref().or(old.description()) };
        let changed =
            columns != *old_columns || partition_by != old.partition_columns() || comment != old.description();
        let protocol = serde_json::to_value(base.protocol()).map_err(|error| Error::internal(error.to_string()))?;
        let widened = widened_for(protocol.clone(), &schema);
        Ok(Self {
            location: location.to_owned(),
            log_store,
            metadata: changed.then(|| edited(&old, Some(&columns), Some(&partition_by), comment)).transpose()?,
            protocol: (widened != protocol).then(|| from_json(widened)).transpose()?,
            base: Some(base),
            schema,
            partition_by,
            replaces: spec.mode != WriteMode::Append,
        })
    }

    pub(super) fn location(&self) -> &str {
        &self.location
    }

    pub(super) fn log_store(&self) -> LogStoreRef {
        Arc::clone(&self.log_store)
    }

    /// The version that the commit goes on top of.
    pub(super) fn base(&self) -> Option<&EagerSnapshot> {
        self.base.as_ref()
    }

    /// The columns that rows must have to be written.
    pub(super) fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    pub(super) fn partition_by(&self) -> &[String] {
        &self.partition_by
    }

    /// The actions that change what the table is, if any.
    pub(super) fn definition_actions(&self) -> Vec<Action> {
        let protocol = self.protocol.iter().cloned().map(Action::Protocol);
        protocol.chain(self.metadata.iter().cloned().map(Action::Metadata)).collect()
    }

    /// The files that an overwrite removes.
    pub(super) fn removes(&self) -> Vec<Remove> {
        match &self.base {
            Some(base) if self.replaces => base.log_data().iter().map(|file| file.remove_action(true)).collect(),
            _ => Vec::new(),
        }
    }
}

/// Refuses tables that ask a writer for more than we do.
fn check_writable(base: &EagerSnapshot, mode: WriteMode, location: &str) -> Result<()> {
    let failed = |error: deltalake::kernel::transaction::TransactionError| errors::from_delta(error.into(), location);
    PROTOCOL.can_write_to(base).map_err(failed)?;
    let properties = base.metadata().configuration();
    let on = |key: &str| properties.get(key).is_some_and(|value| value.eq_ignore_ascii_case("true"));
    let asks = if properties.get("delta.columnMapping.mode").is_some_and(|mode| mode != "none") {
        Some("column mapping")
    } else if properties.keys().any(|key| key.starts_with("delta.constraints.")) {
        Some("check constraints")
    } else if base.schema().fields().any(|field| COMPUTED.iter().any(|key| field.metadata().contains_key(*key))) {
        Some("generated or identity columns, or invariants")
    } else if mode != WriteMode::Append && on("delta.enableChangeDataFeed") {
        Some("a change data feed")
    } else {
        None
    };
    if let Some(what) = asks {
        return Err(Error::new(
            ErrorKind::FeatureNotSupported,
            format!("table \"{location}\" has {what}, which cannot be written"),
        )
        .with_hint("write it with the engine that made it; reading works"));
    }
    if mode != WriteMode::Append {
        PROTOCOL.check_append_only(base).map_err(failed)?;
    }
    Ok(())
}

fn check_partitions(partition_by: &[String], schema: &Schema) -> Result<()> {
    for column in partition_by {
        let field = schema.field_with_name(column).map_err(|_| {
            Error::new(ErrorKind::UndefinedColumn, format!("partition column \"{column}\" does not exist"))
        })?;
        if field.data_type().is_nested() {
            return Err(Error::new(ErrorKind::FeatureNotSupported, format!("partition column \"{column}\" is nested")));
        }
    }
    if !partition_by.is_empty() && partition_by.len() >= schema.fields().len() {
        return Err(Error::new(ErrorKind::FeatureNotSupported, "not all columns can be partition columns")
            .with_hint("leave at least one column that is not a partition column"));
    }
    Ok(())
}

/// The table's columns with the comments given and the input's new columns; those the table has stay as they are.
fn evolved(old: &StructType, input: &Schema, spec: &WriteSpec) -> Result<(SchemaRef, StructType)> {
    let commented = |field: &StructField| match spec.column_comments.get(field.name()) {
        Some(comment) => field.clone().add_metadata([("comment", comment.clone())]),
        None => field.clone(),
    };
    let had = schema::logical_schema(old)?;
    let same_name = |field: &Field| had.fields().iter().find(|had| had.name().eq_ignore_ascii_case(field.name()));
    let mut added = Vec::new();
    for field in input.fields() {
        match same_name(field) {
            None => added.push(Arc::clone(field)),
            Some(had) if had.name() == field.name() => {}
            Some(had) => {
                return Err(Error::new(
                    ErrorKind::DatatypeMismatch,
                    format!("column \"{}\" is \"{}\" there", field.name(), had.name()),
                )
                .with_hint("name the column as the table does"));
            }
        }
    }
    let new = schema::delta_schema(&Schema::new(added.clone()), &spec.column_comments)?;
    let columns = StructType::try_new(old.fields().map(commented).chain(new.fields().cloned()))
        .map_err(|error| Error::internal(format!("its columns cannot be joined: {error}")))?;
    let fields: Vec<_> = had.fields().iter().cloned().chain(added).collect();
    Ok((Arc::new(Schema::new(fields)), columns))
}

/// A copy of the metadata with these parts replaced. The kernel offers no other way than by JSON.
fn edited(
    metadata: &Metadata,
    columns: Option<&StructType>,
    partition_by: Option<&[String]>,
    comment: Option<&str>,
) -> Result<Metadata> {
    let internal = |error: serde_json::Error| Error::internal(error.to_string());
    let mut value = serde_json::to_value(metadata).map_err(internal)?;
    if let Some(columns) = columns {
        value["schemaString"] = Value::String(serde_json::to_string(columns).map_err(internal)?);
    }
    if let Some(partition_by) = partition_by {
        value["partitionColumns"] = json!(partition_by);
    }
    value["description"] = json!(comment);
    serde_json::from_value(value).map_err(internal)
}

fn from_json(protocol: Value) -> Result<Protocol> {
    serde_json::from_value(protocol).map_err(|error| Error::internal(format!("its protocol cannot be made: {error}")))
}

/// The protocol with the feature that timestamps without time zone need, if the columns have one.
fn widened_for(mut protocol: Value, schema: &Schema) -> Value {
    const FEATURE: &str = "timestampNtz";
    let lists =
        |protocol: &Value, key: &str| protocol[key].as_array().is_some_and(|list| list.contains(&json!(FEATURE)));
    if !schema::has_timestamp_ntz(schema) || (lists(&protocol, "readerFeatures") && lists(&protocol, "writerFeatures"))
    {
        return protocol;
    }
    let version = |key: &str| protocol[key].as_i64().and_then(|version| i32::try_from(version).ok()).unwrap_or(0);
    let (reader, writer) = (version("minReaderVersion"), version("minWriterVersion"));
    let listed = |key: &str| protocol[key].as_array().cloned().unwrap_or_default();
    let mut readers = listed("readerFeatures");
    if reader == 2 {
        readers.push(json!("columnMapping"));
    }
    let mut writers = listed("writerFeatures");
    if writer < 7 {
        let implied = WRITER_FEATURES.iter().filter(|(since, _)| *since <= writer).flat_map(|(_, features)| *features);
        writers.extend(implied.map(|feature| json!(feature)));
    }
    for list in [&mut readers, &mut writers] {
        if !list.contains(&json!(FEATURE)) {
            list.push(json!(FEATURE));
        }
    }
    protocol["minReaderVersion"] = json!(3);
    protocol["minWriterVersion"] = json!(7);
    protocol["readerFeatures"] = Value::Array(readers);
    protocol["writerFeatures"] = Value::Array(writers);
    protocol
}

#[cfg(test)]
mod tests {
    use super::*;
    use datafusion::arrow::datatypes::{DataType, TimeUnit};

    #[test]
    fn a_timestamp_without_zone_names_what_the_old_protocol_implied() {
        let schema = Schema::new(vec![Field::new("at", DataType::Timestamp(TimeUnit::Microsecond, None), true)]);
        let old = json!({ "minReaderVersion": 1, "minWriterVersion": 2 });
        let new = widened_for(old.clone(), &schema);
        assert_eq!(new["readerFeatures"], json!(["timestampNtz"]));
        assert_eq!(new["writerFeatures"], json!(["appendOnly", "invariants", "timestampNtz"]));
        assert_eq!((&new["minReaderVersion"], &new["minWriterVersion"]), (&json!(3), &json!(7)));
        assert_eq!(widened_for(new.clone(), &schema), new);
        let plain = Schema::new(vec![Field::new("n", DataType::Int64, true)]);
        assert_eq!(widened_for(old.clone(), &plain), old);
    }
}
