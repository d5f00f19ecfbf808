//! The table a write goes to: as it is, and as the write will leave it.

use std::sync::Arc;

use datafusion::arrow::datatypes::{Field, Schema, SchemaRef};
use deltalake::kernel::transaction::PROTOCOL;
use deltalake::kernel::{Action, EagerSnapshot, Metadata, Protocol, Remove, new_metadata};
use deltalake::logstore::LogStoreRef;
use object_store::path::Path;
use serde_json::{Value, json};

use super::definition::{ColumnDefinition, ConstraintKind, Definition};
use super::matched::Replaced;
use super::rules::{CHECK_PREFIX, GENERATED};
use super::write::{WriteMode, WriteSpec};
use super::{Snapshot, errors, log, schema};
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
const COMPUTED: [&str; 2] = [GENERATED, "delta.invariants"];
/// Field metadata of columns whose values come from a counter in the log.
const IDENTITY: [&str; 2] = ["delta.identity.start", "delta.identity.step"];

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
    mode: WriteMode,
    root: Path,
}

impl Target {
    /// Reads the table that `lake` shows, and works out what writing rows of these columns makes of it.
    pub(super) async fn open(
        lake: &LakeStore,
        location: &str,
        spec: &WriteSpec,
        input: &Schema,
        known: Option<&Snapshot>,
    ) -> Result<Self> {
        let (log_store, base) = at_head(lake, location, known).await?;
        let named = |error: Error| error.context(format_args!("table \"{location}\""));
        let input = schema::storable_schema(input).map_err(named)?;
        let Some(base) = base else {
            log::make_folder(lake, location).await?;
            return Self::made(lake, location, log_store, defined(spec, &input, None).map_err(named)?).map_err(named);
        };
        check_writable(&base, spec, location)?;
        let definition = match spec.mode {
            WriteMode::Overwrite => defined(spec, &input, Some(base.metadata())).map_err(named)?,
            WriteMode::Append | WriteMode::Replace | WriteMode::Change => {
                evolved(&base, &input, spec).map_err(named)?
            }
        };
        Self::existing(lake, location, log_store, base, definition, spec.mode).map_err(named)
    }

    /// The table that `lake` shows, to be given another definition.
    pub(super) async fn redefined(
        lake: &LakeStore,
        location: &str,
        definition: &Definition,
        known: Option<&Snapshot>,
    ) -> Result<Self> {
        let (log_store, base) = at_head(lake, location, known).await?;
        let base = base.ok_or_else(|| errors::not_a_table(location))?;
        check_plain(&base, location)?;
        let named = |error: Error| error.context(format_args!("table \"{location}\""));
        Self::existing(lake, location, log_store, base, definition.clone(), WriteMode::Append).map_err(named)
    }

    fn made(lake: &LakeStore, location: &str, log_store: LogStoreRef, definition: Definition) -> Result<Self> {
        check_partitions(&definition.partition_by, &definition.schema)?;
        let columns = definition.delta_columns(None)?;
        let empty = new_metadata(&columns, &definition.partition_by, std::iter::empty::<(String, String)>())
            .map_err(|error| Error::internal(format!("its metadata cannot be made: {error}")))?;
        let protocol = widened_for(json!({ "minReaderVersion": 1, "minWriterVersion": 2 }), &definition);
        Ok(Self {
            location: location.to_owned(),
            log_store,
            base: None,
            metadata: Some(definition.metadata(&empty, &columns)?),
            protocol: Some(from_json(protocol)?),
            schema: schema::physical_schema(&definition.schema),
            partition_by: definition.partition_by,
            mode: WriteMode::Append,
            root: lake.path(location),
        })
    }

    fn existing(
        lake: &LakeStore,
        location: &str,
        log_store: LogStoreRef,
        base: EagerSnapshot,
        definition: Definition,
        mode: WriteMode,
    ) -> Result<Self> {
        let old_columns = base.schema();
        let old = base.metadata().clone();
        check_partitions(&definition.partition_by, &definition.schema)?;
        let columns = definition.delta_columns(Some(&old_columns))?;
        let metadata = definition.metadata(&old, &columns)?;
        let protocol = serde_json::to_value(base.protocol()).map_err(|error| Error::internal(error.to_string()))?;
        let widened = widened_for(protocol.clone(), &definition);
        // the kernel takes columns in another order for the same
        let changed = !columns.fields().eq(old_columns.fields())
            || metadata.configuration() != old.configuration()
            || metadata.partition_columns() != old.partition_columns()
            || metadata.description() != old.description();
        Ok(Self {
            location: location.to_owned(),
            log_store,
            metadata: changed.then_some(metadata),
            protocol: (widened != protocol).then(|| from_json(widened)).transpose()?,
            base: Some(base),
            schema: schema::physical_schema(&definition.schema),
            partition_by: definition.partition_by,
            mode,
            root: lake.path(location),
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

    /// The files that the write removes; of a change those that were replaced.
    ///
    /// # Errors
    /// Where a file to be replaced is not one of the table's: the change was planned on something else.
    pub(super) fn removes(&self, replaced: &Replaced) -> Result<Vec<Remove>> {
        let Some(base) = &self.base else { return Ok(Vec::new()) };
        let all = || base.log_data();
        match self.mode {
            WriteMode::Append => Ok(Vec::new()),
            WriteMode::Overwrite | WriteMode::Replace => {
                Ok(all().iter().map(|file| file.remove_action(true)).collect())
            }
            WriteMode::Change => {
                let wanted = replaced.paths();
                let is_wanted = |file: &Path| {
                    let path = file.parts().fold(self.root.clone(), |path, part| path.join(part));
                    wanted.contains(&path)
                };
                let removes: Vec<_> = all()
                    .iter()
                    .filter(|file| is_wanted(&file.object_store_path()))
                    .map(|file| file.remove_action(true))
                    .collect();
                if removes.len() != wanted.len() {
                    return Err(Error::internal(format!(
                        "table \"{}\": {} files are to be replaced, and {} of them are its own",
                        self.location,
                        wanted.len(),
                        removes.len()
                    )));
                }
                Ok(removes)
            }
        }
    }
}

/// The table's log, and its newest version if there is one.
async fn at_head(
    lake: &LakeStore,
    location: &str,
    known: Option<&Snapshot>,
) -> Result<(LogStoreRef, Option<EagerSnapshot>)> {
    let log_store = log::log_store(lake, location)?;
    let Some(head) = log::head(lake, location, known.map(Snapshot::version)).await? else {
        return Ok((log_store, None));
    };
    if let Some(known) = known.filter(|known| known.version() == head) {
        return Ok((log_store, Some(known.delta().clone())));
    }
    let base = EagerSnapshot::try_new(log_store.as_ref(), Some(head)).await;
    let base = base.map_err(|error| errors::from_delta(error, location))?;
    Ok((log_store, Some(base)))
}

/// What a write that makes or overwrites the table says it is. Its properties stay, unless the write says otherwise.
fn defined(spec: &WriteSpec, input: &SchemaRef, old: Option<&Metadata>) -> Result<Definition> {
    if let Some(definition) = &spec.definition {
        let stored = schema::storable_schema(&definition.schema)?;
        let fields = stored.fields().iter().zip(definition.schema.fields());
        let fields = fields.map(|(stored, given)| stored.as_ref().clone().with_nullable(given.is_nullable()));
        return Ok(Definition { schema: Arc::new(Schema::new(fields.collect::<Vec<_>>())), ..definition.clone() });
    }
    let comments = spec.column_comments.iter().map(|(name, comment)| {
        (name.clone(), ColumnDefinition { comment: Some(comment.clone()), ..ColumnDefinition::default() })
    });
    let is_constraint = |key: &str| key.contains(".constraints.");
    let properties = old.into_iter().flat_map(|old| old.configuration()).filter(|(key, _)| !is_constraint(key));
    Ok(Definition {
        columns: comments.collect(),
        properties: properties.map(|(key, value)| (key.clone(), value.clone())).collect(),
        partition_by: spec.partition_by.clone(),
        comment: spec.comment.clone(),
        ..Definition::new(Arc::clone(input))
    })
}

/// Refuses tables that ask a writer for more than this write does.
fn check_writable(base: &EagerSnapshot, spec: &WriteSpec, location: &str) -> Result<()> {
    check_plain(base, location)?;
    let properties = base.metadata().configuration();
    let on = |key: &str| properties.get(key).is_some_and(|value| value.eq_ignore_ascii_case("true"));
    if spec.mode != WriteMode::Append && on("delta.enableChangeDataFeed") {
        return Err(asks_too_much(location, "a change data feed"));
    }
    if spec.mode != WriteMode::Overwrite && !spec.checked {
        if properties.keys().any(|key| key.starts_with(CHECK_PREFIX)) {
            return Err(asks_too_much(location, "check constraints"));
        }
        if base.schema().fields().any(|field| COMPUTED.iter().any(|key| field.metadata().contains_key(*key))) {
            return Err(asks_too_much(location, "generated columns or invariants"));
        }
    }
    if spec.mode != WriteMode::Append {
        PROTOCOL.check_append_only(base).map_err(|error| errors::from_delta(error.into(), location))?;
    }
    Ok(())
}

/// Refuses tables that ask a writer for what we never do.
fn check_plain(base: &EagerSnapshot, location: &str) -> Result<()> {
    PROTOCOL.can_write_to(base).map_err(|error| errors::from_delta(error.into(), location))?;
    let properties = base.metadata().configuration();
    if properties.get("delta.columnMapping.mode").is_some_and(|mode| mode != "none") {
        return Err(asks_too_much(location, "column mapping"));
    }
    if base.schema().fields().any(|field| IDENTITY.iter().any(|key| field.metadata().contains_key(*key))) {
        return Err(asks_too_much(location, "identity columns of Delta's own kind"));
    }
    Ok(())
}

fn asks_too_much(location: &str, what: &str) -> Error {
    Error::new(ErrorKind::FeatureNotSupported, format!("table \"{location}\" has {what}, which cannot be written"))
        .with_hint("write it with the engine that made it; reading works")
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

/// The table as it is, with the comments given and the input's new columns.
fn evolved(base: &EagerSnapshot, input: &Schema, spec: &WriteSpec) -> Result<Definition> {
    let mut definition = Definition::read(base.metadata(), &base.schema())?;
    if !spec.partition_by.is_empty() && spec.partition_by != definition.partition_by {
        return Err(Error::new(ErrorKind::InvalidParameter, "it is partitioned otherwise")
            .with_hint(format!("append with its own partition columns: {}", definition.partition_by.join(", "))));
    }
    let had = Arc::clone(&definition.schema);
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
    for (name, comment) in &spec.column_comments {
        definition.columns.entry(name.clone()).or_default().comment = Some(comment.clone());
    }
    if spec.comment.is_some() {
        definition.comment.clone_from(&spec.comment);
    }
    let fields: Vec<_> = had.fields().iter().cloned().chain(added).collect();
    definition.schema = Arc::new(Schema::new(fields));
    Ok(definition)
}

fn from_json(protocol: Value) -> Result<Protocol> {
    serde_json::from_value(protocol).map_err(|error| Error::internal(format!("its protocol cannot be made: {error}")))
}

/// The protocol with the features that the definition needs.
fn widened_for(mut protocol: Value, definition: &Definition) -> Value {
    const TIMESTAMP: &str = "timestampNtz";
    let mut needed = Vec::new();
    if schema::has_timestamp_ntz(&definition.schema) {
        needed.push(TIMESTAMP);
    }
    if definition.constraints.iter().any(|constraint| matches!(constraint.kind, ConstraintKind::Check { .. })) {
        needed.push("checkConstraints");
    }
    if definition.columns.values().any(|column| column.generated.is_some()) {
        needed.push("generatedColumns");
    }
    let version = |protocol: &Value, key: &str| protocol[key].as_i64().and_then(|version| i32::try_from(version).ok());
    let listed = |protocol: &Value, key: &str| protocol[key].as_array().cloned().unwrap_or_default();
    let (reader, writer) =
        (version(&protocol, "minReaderVersion").unwrap_or(0), version(&protocol, "minWriterVersion").unwrap_or(0));
    let mut writers = listed(&protocol, "writerFeatures");
    if writer < 7 {
        let implied = WRITER_FEATURES.iter().filter(|(since, _)| *since <= writer).flat_map(|(_, features)| *features);
        writers.extend(implied.map(|feature| json!(feature)));
    }
    let missing: Vec<&str> = needed.into_iter().filter(|feature| !writers.contains(&json!(feature))).collect();
    if missing.is_empty() {
        return protocol;
    }
    if missing.contains(&TIMESTAMP) {
        let mut readers = listed(&protocol, "readerFeatures");
        if reader == 2 {
            readers.push(json!("columnMapping"));
        }
        readers.push(json!(TIMESTAMP));
        protocol["minReaderVersion"] = json!(3);
        protocol["readerFeatures"] = Value::Array(readers);
    }
    writers.extend(missing.iter().map(|feature| json!(feature)));
    protocol["minWriterVersion"] = json!(7);
    protocol["writerFeatures"] = Value::Array(writers);
    protocol
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::table::Constraint;
    use datafusion::arrow::datatypes::{DataType, TimeUnit};

    #[test]
    fn a_timestamp_without_zone_names_what_the_old_protocol_implied() {
        let of = |data_type| Definition::new(Arc::new(Schema::new(vec![Field::new("at", data_type, true)])));
        let schema = of(DataType::Timestamp(TimeUnit::Microsecond, None));
        let old = json!({ "minReaderVersion": 1, "minWriterVersion": 2 });
        let new = widened_for(old.clone(), &schema);
        assert_eq!(new["readerFeatures"], json!(["timestampNtz"]));
        assert_eq!(new["writerFeatures"], json!(["appendOnly", "invariants", "timestampNtz"]));
        assert_eq!((&new["minReaderVersion"], &new["minWriterVersion"]), (&json!(3), &json!(7)));
        assert_eq!(widened_for(new.clone(), &schema), new);
        let mut plain = of(DataType::Int64);
        assert_eq!(widened_for(old.clone(), &plain), old);
        let kind = ConstraintKind::Check { condition: "at > 0".into() };
        plain.constraints.push(Constraint::new("c", kind));
        let checked = widened_for(old, &plain);
        assert_eq!(checked["writerFeatures"], json!(["appendOnly", "invariants", "checkConstraints"]));
        assert_eq!(checked["minReaderVersion"], json!(1));
        assert_eq!(widened_for(json!({ "minReaderVersion": 1, "minWriterVersion": 4 }), &plain)["minWriterVersion"], 4);
    }
}
