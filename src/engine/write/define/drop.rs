//! DROP.

use std::sync::Arc;

use datafusion::common::TableReference;
use datafusion::sql::sqlparser::ast::{ObjectName, ObjectType};

use super::super::names::{check_schema, reference};
use super::super::{Change, unsupported};
use super::indexes;
use super::relations::{readers, told};
use super::{schemas, sequences};
use crate::catalog::Object;
use crate::engine::names::Relation;
use crate::error::{Error, ErrorKind, Result};
use crate::table::{Constraint, ConstraintKind};

pub(super) async fn drop(
    change: &Change,
    object_type: ObjectType,
    names: &[ObjectName],
    if_exists: bool,
    cascade: bool,
) -> Result<()> {
    let mut doomed = Vec::new();
    for name in names {
        match object_type {
            ObjectType::Schema => {
                let schema = reference(name)?.table().to_owned();
                drop_schema(change, &schema, if_exists, cascade).await?;
            }
            ObjectType::Table | ObjectType::View | ObjectType::MaterializedView | ObjectType::Sequence => {
                doomed.extend(relation(change, object_type, name, if_exists)?);
            }
            ObjectType::Index => index(change, name, if_exists).await?,
            other => return Err(unsupported(&format!("DROP {other}"))),
        }
    }
    drop_all(change, &doomed, cascade).await
}

/// `42809` for a relation of another kind than the statement drops, with how it is dropped.
pub(super) fn wrong_kind(name: &str, wanted: &str, kind: &str) -> Error {
    let message = format!("\"{name}\" is not {}", with_article(wanted));
    let hint = format!("Use DROP {} to remove {}.", kind.to_uppercase(), with_article(kind));
    Error::new(ErrorKind::WrongObjectType, message).with_hint(hint)
}

pub(super) fn with_article(noun: &str) -> String {
    let article = if noun.starts_with(['a', 'i']) { "an" } else { "a" };
    format!("{article} {noun}")
}

/// What is not there: an error, or a notice where that is fine.
fn absent(change: &Change, kind: ErrorKind, message: String, if_exists: bool) -> Result<()> {
    if !if_exists {
        return Err(Error::new(kind, message));
    }
    change.notice("00000", format!("{message}, skipping"));
    Ok(())
}

/// The schema that the name says and that is not there.
fn absent_schema<'a>(change: &Change, reference: &'a TableReference) -> Option<&'a str> {
    let schema = reference.schema().filter(|schema| *schema != "pg_temp" && !schemas::exists(change, schema))?;
    change.planner.relation(reference).is_err().then_some(schema)
}

async fn index(change: &Change, name: &ObjectName, if_exists: bool) -> Result<()> {
    if indexes::drop(change, name).await? {
        return Ok(());
    }
    let reference = reference(name)?;
    if let Some(schema) = absent_schema(change, &reference) {
        let message = format!("schema \"{schema}\" does not exist");
        return absent(change, ErrorKind::InvalidSchemaName, message, if_exists);
    }
    if let Ok(Relation::Object(other)) = change.planner.relation(&reference) {
        return Err(wrong_kind(reference.table(), "index", other.noun()));
    }
    let message = format!("index \"{}\" does not exist", reference.table());
    absent(change, ErrorKind::UndefinedObject, message, if_exists)
}

fn relation(
    change: &Change,
    object_type: ObjectType,
    name: &ObjectName,
    if_exists: bool,
) -> Result<Option<Arc<Object>>> {
    let wanted = match object_type {
        ObjectType::View => "view",
        ObjectType::MaterializedView => "materialized view",
        ObjectType::Sequence => "sequence",
        _ => "table",
    };
    let reference = reference(name)?;
    if let Some(schema) = absent_schema(change, &reference) {
        let message = format!("schema \"{schema}\" does not exist");
        return absent(change, ErrorKind::InvalidSchemaName, message, if_exists).map(|()| None);
    }
    let object = match change.planner.relation(&reference) {
        Ok(Relation::Object(object)) => object,
        Ok(Relation::Provider(_)) => {
            return Err(Error::new(
                ErrorKind::InsufficientPrivilege,
                format!("permission denied: \"{name}\" is a system catalog"),
            ));
        }
        Err(error) if error.kind() == ErrorKind::UndefinedTable => {
            if indexes::find(change, name)?.is_some() {
                return Err(wrong_kind(reference.table(), wanted, "index"));
            }
            let message = format!("{wanted} \"{}\" does not exist", reference.table());
            return absent(change, ErrorKind::UndefinedTable, message, if_exists).map(|()| None);
        }
        Err(error) => return Err(error),
    };
    check_schema(&object.name.schema)?;
    change.planner.check_owner(&object)?;
    match object.noun() == wanted {
        true => Ok(Some(object)),
        false => Err(wrong_kind(reference.table(), wanted, object.noun())),
    }
}

/// What reads the objects, and what reads that: each with what it reads, in the order of their making.
fn dependants(change: &Change, doomed: &[Arc<Object>]) -> Vec<(Arc<Object>, Arc<Object>)> {
    let mut found: Vec<(Arc<Object>, Arc<Object>)> = Vec::new();
    let mut queue: Vec<Arc<Object>> = doomed.to_vec();
    while let Some(object) = queue.pop() {
        let mut direct = readers(change, &object.name);
        direct.sort_by_key(|reader| reader.oid);
        for reader in direct {
            let known = doomed.iter().chain(found.iter().map(|(reader, _)| reader)).any(|other| other.id == reader.id);
            if !known {
                found.push((reader.clone(), object.clone()));
                queue.push(reader);
            }
        }
    }
    found
}

/// A foreign key that leads to a table, and whose it is.
pub(super) struct ForeignKey {
    table: Arc<Object>,
    name: String,
    /// What it leads to, in words.
    of: String,
}

impl ForeignKey {
    fn told(&self, change: &Change) -> String {
        format!("constraint {} on {}", self.name, told(change, &self.table))
    }

    fn line(&self, change: &Change) -> String {
        format!("{} depends on {}", self.told(change), self.of)
    }
}

/// The foreign keys of tables that stay which lead to tables that go.
fn foreign_keys(change: &Change, gone: &[Arc<Object>]) -> Vec<ForeignKey> {
    let stays = |object: &Arc<Object>| !gone.iter().any(|other| other.id == object.id);
    let mut found = Vec::new();
    for table in change.overlay.scope().objects().into_iter().filter(stays) {
        for constraint in &table.constraints {
            let target = constraint.kind.target();
            if let Some(of) = gone.iter().find(|object| target.as_ref() == Some(&object.name)) {
                let (name, of) = (constraint.name.clone(), told(change, of));
                found.push(ForeignKey { table: table.clone(), name, of });
            }
        }
    }
    found.sort_by_key(|key| key.table.oid);
    found
}

/// The foreign keys that lead to the columns of a key.
pub(super) fn foreign_keys_to(change: &Change, table: &Object, key: &Constraint) -> Vec<ForeignKey> {
    let leads = |constraint: &&Constraint| {
        let to = match &constraint.kind {
            ConstraintKind::ForeignKey { references, .. } => references.as_slice(),
            _ => &[],
        };
        to == key.kind.columns() && constraint.kind.target().as_ref() == Some(&table.name)
    };
    let mut found = Vec::new();
    for object in change.overlay.scope().objects() {
        let keys = object.constraints.iter().filter(leads).map(|constraint| ForeignKey {
            table: object.clone(),
            name: constraint.name.clone(),
            of: format!("index {}", key.name),
        });
        found.extend(keys);
    }
    found.sort_by_key(|key| key.table.oid);
    found
}

/// Drops foreign keys, or refuses to where they may not go.
pub(super) async fn settle_keys(change: &Change, keys: &[ForeignKey], what: &str, cascade: bool) -> Result<()> {
    if !cascade && !keys.is_empty() {
        let lines: Vec<String> = keys.iter().map(|key| key.line(change)).collect();
        return Err(depended_on(format!("cannot drop {what} because other objects depend on it"), &lines));
    }
    cascades(change, &keys.iter().map(|key| key.told(change)).collect::<Vec<_>>());
    forget_keys(change, keys).await
}

async fn forget_keys(change: &Change, keys: &[ForeignKey]) -> Result<()> {
    for key in keys {
        // as it is now: another of its keys may have gone
        let Some(table) = change.overlay.scope().object(&key.table.name) else { continue };
        change.planner.check_owner(&table)?;
        let mut definition = change.definition(&table).await?;
        definition.constraints.retain(|constraint| constraint.name != key.name);
        change.overlay.redefine(&table.name, &definition).await?;
    }
    Ok(())
}

/// A default of a table that stays, which takes values of a sequence that goes.
struct Default {
    table: Arc<Object>,
    column: String,
    sequence: Arc<Object>,
}

impl Default {
    fn told(&self, change: &Change) -> String {
        format!("default value for column {} of {}", self.column, told(change, &self.table))
    }

    fn line(&self, change: &Change) -> String {
        format!("{} depends on {}", self.told(change), told(change, &self.sequence))
    }
}

async fn forget_defaults(change: &Change, defaults: Vec<Default>) -> Result<()> {
    let columns = defaults.into_iter().map(|default| (default.table, default.column));
    sequences::forget_defaults(change, columns.collect()).await
}

fn defaults(change: &Change, gone: &[Arc<Object>]) -> Vec<Default> {
    let stays = |table: &Object| !gone.iter().any(|other| other.id == table.id);
    let of = |sequence: &Arc<Object>| {
        let users = sequences::users(change, &sequence.name).into_iter().filter(|(table, _)| stays(table));
        users.map(|(table, column)| Default { table, column, sequence: sequence.clone() }).collect::<Vec<_>>()
    };
    gone.iter().filter(|object| object.sequence().is_some()).flat_map(of).collect()
}

/// # Errors
/// `2BP01` for the sequence of an identity column that stays.
fn check_identities(change: &Change, doomed: &[Arc<Object>]) -> Result<()> {
    for (sequence, owner) in doomed.iter().filter_map(|object| Some((object, object.sequence()?.owned_by.as_ref()?))) {
        let tables = change.overlay.scope().objects();
        let table = tables.iter().find(|table| table.id == owner.table);
        let is_identity = |table: &Object| {
            table.columns.iter().any(|column| column.name == owner.column && column.identity.is_some())
        };
        let Some(table) = table.filter(|table| is_identity(table)) else { continue };
        if doomed.iter().any(|other| other.id == table.id) {
            continue;
        }
        let column = format!("column {} of {}", owner.column, told(change, table));
        let message = format!("cannot drop {} because {column} requires it", told(change, sequence));
        return Err(
            Error::new(ErrorKind::DependentObjects, message).with_hint(format!("You can drop {column} instead."))
        );
    }
    Ok(())
}

async fn drop_all(change: &Change, doomed: &[Arc<Object>], cascade: bool) -> Result<()> {
    check_identities(change, doomed)?;
    let dependants = dependants(change, doomed);
    let mut gone: Vec<Arc<Object>> =
        doomed.iter().cloned().chain(dependants.iter().map(|(reader, _)| reader.clone())).collect();
    let owned: Vec<Arc<Object>> = gone.iter().flat_map(|table| change.owned_sequences(table, None)).collect();
    gone.extend(owned.into_iter().filter(|sequence| !doomed.iter().any(|other| other.id == sequence.id)));
    let keys = foreign_keys(change, &gone);
    let defaults = defaults(change, &gone);
    let told = |object: &Object| told(change, object);
    let is_free = dependants.is_empty() && keys.is_empty() && defaults.is_empty();
    if !cascade && !is_free {
        let readers = dependants.iter().map(|(reader, of)| format!("{} depends on {}", told(reader), told(of)));
        let defaults = defaults.iter().map(|default| default.line(change));
        let lines: Vec<String> = readers.chain(keys.iter().map(|key| key.line(change))).chain(defaults).collect();
        let what = match doomed {
            [one] => told(one),
            _ => "desired object(s)".to_owned(),
        };
        let message = format!("cannot drop {what} because other objects depend on it");
        return Err(depended_on(
            message.replace(
                "object(s) because other objects depend on it",
                "object(s) because other objects depend on them",
            ),
            &lines,
        ));
    }
    let readers = dependants.iter().map(|(reader, _)| told(reader));
    let others = keys.iter().map(|key| key.told(change)).chain(defaults.iter().map(|default| default.told(change)));
    cascades(change, &readers.chain(others).collect::<Vec<_>>());
    forget_keys(change, &keys).await?;
    forget_defaults(change, defaults).await?;
    for object in gone {
        // one that was named twice has gone already
        if change.overlay.scope().object(&object.name).is_some() {
            change.planner.check_owner(&object)?;
            change.overlay.drop_object(&object.name)?;
        }
    }
    Ok(())
}

pub(super) fn depended_on(message: String, lines: &[String]) -> Error {
    Error::new(ErrorKind::DependentObjects, message)
        .with_detail(lines.join("\n"))
        .with_hint("Use DROP ... CASCADE to drop the dependent objects too.")
}

pub(super) fn cascades(change: &Change, names: &[String]) {
    match names {
        [] => {}
        [one] => change.notice("00000", format!("drop cascades to {one}")),
        many => {
            let lines: Vec<String> = many.iter().map(|name| format!("drop cascades to {name}")).collect();
            change.notice_with(
                "00000",
                format!("drop cascades to {} other objects", many.len()),
                Some(lines.join("\n")),
            );
        }
    }
}

async fn drop_schema(change: &Change, schema: &str, if_exists: bool, cascade: bool) -> Result<()> {
    if !schemas::exists(change, schema) && !schema.starts_with("pg_") {
        let message = format!("schema \"{schema}\" does not exist");
        return absent(change, ErrorKind::InvalidSchemaName, message, if_exists);
    }
    check_schema(schema)?;
    let mut inside = change.overlay.scope().objects();
    inside.retain(|object| object.name.schema == schema);
    inside.sort_by_key(|object| object.oid);
    let is_owned = |object: &Object| object.sequence().is_some_and(|sequence| sequence.owned_by.is_some());
    let outside = dependants(change, &inside);
    let all: Vec<Arc<Object>> =
        inside.iter().cloned().chain(outside.iter().map(|(reader, _)| reader.clone())).collect();
    let keys = foreign_keys(change, &all);
    let defaults = defaults(change, &all);
    let told = |object: &Object| told(change, object);
    if !cascade && !inside.is_empty() {
        let lines = inside.iter().filter(|object| !is_owned(object));
        let lines = lines.map(|object| format!("{} depends on schema {schema}", told(object)));
        let others = outside.iter().map(|(reader, of)| format!("{} depends on {}", told(reader), told(of)));
        let lines = lines.chain(others).chain(keys.iter().map(|key| key.line(change)));
        let lines: Vec<String> = lines.chain(defaults.iter().map(|default| default.line(change))).collect();
        return Err(depended_on(format!("cannot drop schema {schema} because other objects depend on it"), &lines));
    }
    let names = all.iter().filter(|object| !is_owned(object)).map(|object| told(object));
    let others = keys.iter().map(|key| key.told(change)).chain(defaults.iter().map(|default| default.told(change)));
    cascades(change, &names.chain(others).collect::<Vec<_>>());
    forget_keys(change, &keys).await?;
    forget_defaults(change, defaults).await?;
    for object in all {
        change.planner.check_owner(&object)?;
        change.overlay.drop_object(&object.name)?;
    }
    change.overlay.put_schema(schema, false);
    Ok(())
}

/// Drops the views that no longer can be planned, or refuses where they may not go.
pub(super) async fn settle_readers(change: &Change, object: &Object, what: &str, cascade: bool) -> Result<()> {
    let mut broken = Vec::new();
    for reader in readers(change, &object.name) {
        let Some(definition) = reader.defining_query() else { continue };
        if super::relations::plan(change, definition).await.is_err() {
            broken.push(reader);
        }
    }
    if broken.is_empty() {
        return Ok(());
    }
    if cascade {
        cascades(change, &broken.iter().map(|view| told(change, view)).collect::<Vec<_>>());
        return drop_all(change, &broken, true).await;
    }
    let lines: Vec<String> = broken.iter().map(|view| format!("{} depends on {what}", told(change, view))).collect();
    Err(depended_on(format!("cannot drop {what} because other objects depend on it"), &lines))
}
