//! Indexes: scans of Delta tables are pruned by the log's statistics, so there is nothing to make. Tools send CREATE INDEX
//! after every load, and look for what they have made; it is kept with the table's constraints, and told by the catalogs.
//!
//! A unique index says which columns are a key, for ON CONFLICT. Like other keys it is not enforced; that is said, not hidden.

use std::sync::Arc;

use datafusion::sql::sqlparser::ast::{self, AlterIndexOperation, ObjectName};

use super::super::names::reference;
use super::super::{Change, unsupported};
use super::constraints::columns_in;
use super::index_keys::{self, Key};
use super::relations;
use crate::catalog::{Object, ObjectKind};
use crate::dialect::folded;
use crate::error::{Error, ErrorKind, Result};
use crate::names::free_name;
use crate::table::{Constraint, ConstraintKind};

pub(super) async fn create(change: &Change, index: &ast::CreateIndex) -> Result<()> {
    let table = relations::owned(change, &index.table_name)?;
    if matches!(table.kind, ObjectKind::View { .. }) {
        return Err(Error::new(
            ErrorKind::WrongObjectType,
            format!("cannot create index on relation \"{}\"", table.name.name),
        )
        .with_detail("This operation is not supported for views."));
    }
    let method = index_keys::settled_method(index)?;
    let known = |name: &String| table.columns.iter().any(|column| column.name == *name);
    let mentioned = index.columns.iter().flat_map(|key| columns_in(&key.column.expr));
    let included: Vec<String> = index.include.iter().map(folded).collect();
    let mentioned = mentioned.chain(index.predicate.iter().flat_map(columns_in)).chain(included.iter().cloned());
    if let Some(missing) = mentioned.into_iter().find(|name| !known(name)) {
        return Err(Error::new(ErrorKind::UndefinedColumn, format!("column \"{missing}\" does not exist")));
    }
    let given = index.name.as_ref().map(|name| Ok::<_, Error>(reference(name)?.table().to_owned())).transpose()?;
    let is_taken = |name: &str| {
        let objects = change.overlay.scope().objects();
        let mut objects = objects.iter().filter(|object| object.name.schema == table.name.schema);
        objects.any(|object| object.name.name == name || indexes(object).any(|key| key.name == name))
    };
    if let Some(name) = given.as_deref().filter(|name| is_taken(name)) {
        let message = format!("relation \"{name}\" already exists");
        if !index.if_not_exists {
            return Err(Error::new(ErrorKind::DuplicateTable, message));
        }
        change.notice("42P07", format!("{message}, skipping"));
        return Ok(());
    }
    let keys = index_keys::keys(change, &table, method, index).await?;
    let parameters = index_keys::parameters(method, &index.with)?;
    let name = given.unwrap_or_else(|| free_name(&table.name.name, &name_parts(index, &keys), "idx", is_taken));
    let kind = kind(index, method.name, keys, included, parameters);
    let notice = match index.unique {
        true => "a unique index is not enforced: it is kept as information",
        false => "an index is kept as information: Delta tables are read by the statistics of their files",
    };
    change.notice("00000", notice.to_owned());
    let mut definition = change.definition(&table).await?;
    definition.constraints.push(Constraint::new(name, kind));
    change.overlay.redefine(&table.name, &definition).await
}

fn kind(
    index: &ast::CreateIndex,
    method: &str,
    keys: Vec<Key>,
    included: Vec<String>,
    parameters: Vec<String>,
) -> ConstraintKind {
    let columns: Option<Vec<String>> = keys.iter().map(|key| key.column.clone()).collect();
    let of_columns = columns.is_some();
    let texts = |of: fn(&Key) -> String| if of_columns { Vec::new() } else { keys.iter().map(of).collect() };
    let options: Vec<String> = keys.iter().map(|key| key.option.clone()).collect();
    ConstraintKind::Index {
        unique: index.unique,
        options: if options.iter().all(String::is_empty) { Vec::new() } else { options },
        included,
        keys: texts(|key| key.text.clone()),
        types: texts(|key| key.key_type.name().to_owned()),
        columns: columns.unwrap_or_default(),
        condition: index.predicate.as_ref().map(ToString::to_string),
        method: Some(method.to_owned()).filter(|method| method != "btree"),
        nulls_not_distinct: index.unique && index.nulls_distinct == Some(false),
        parameters,
    }
}

/// What an index is named after where nothing else is said: each of its columns once.
fn name_parts(index: &ast::CreateIndex, keys: &[Key]) -> String {
    let mut parts: Vec<String> = Vec::new();
    let given = index.columns.iter().zip(keys);
    let given = given.map(|(given, key)| key.column.clone().unwrap_or_else(|| name_part(&given.column.expr)));
    for part in given.chain(index.include.iter().map(folded)) {
        let numbered = (1..).map(|number| format!("{part}{number}"));
        let free = std::iter::once(part.clone()).chain(numbered).find(|name| !parts.contains(name));
        parts.extend(free);
    }
    parts.join("_")
}

fn name_part(key: &ast::Expr) -> String {
    match key {
        ast::Expr::Nested(inner) => name_part(inner),
        ast::Expr::Identifier(name) => folded(name),
        ast::Expr::Function(function) => {
            function.name.0.last().and_then(|part| part.as_ident()).map(folded).unwrap_or_default()
        }
        _ => "expr".to_owned(),
    }
}

/// The constraints that have an index.
fn indexes(object: &Object) -> impl Iterator<Item = &Constraint> {
    object.constraints.iter().filter(|constraint| constraint.kind.has_index())
}

/// The index of a name, with its table.
pub(super) fn find(change: &Change, name: &ObjectName) -> Result<Option<(Arc<Object>, Constraint)>> {
    let name = reference(name)?;
    let found = change.overlay.scope().objects().into_iter().find_map(|object| {
        let is_seen = match name.schema() {
            Some(schema) => object.name.schema == schema,
            None => {
                relations::is_temporary(&object.name.schema)
                    || change.planner.search_path().contains(&object.name.schema)
            }
        };
        let key = indexes(&object).find(|key| is_seen && key.name == name.table()).cloned()?;
        Some((object, key))
    });
    if let Some((table, _)) = &found {
        change.planner.check_owner(table)?;
    }
    Ok(found)
}

/// DROP INDEX of one that is kept; false where there is none of the name.
pub(super) async fn drop(change: &Change, name: &ObjectName) -> Result<bool> {
    let Some((table, key)) = find(change, name)? else { return Ok(false) };
    if !matches!(key.kind, ConstraintKind::Index { .. }) {
        let constraint = format!("constraint {} on table {}", key.name, relations::shown(change, &table.name));
        let message = format!("cannot drop index {} because {constraint} requires it", key.name);
        return Err(
            Error::new(ErrorKind::DependentObjects, message).with_hint(format!("You can drop {constraint} instead."))
        );
    }
    let mut definition = change.definition(&table).await?;
    definition.constraints.retain(|constraint| constraint.name != key.name);
    change.overlay.redefine(&table.name, &definition).await?;
    Ok(true)
}

/// ALTER INDEX. An index and its constraint have one name.
pub(super) async fn alter(change: &Change, name: &ObjectName, operation: &AlterIndexOperation) -> Result<()> {
    let AlterIndexOperation::RenameIndex { index_name } = operation;
    let Some((table, key)) = find(change, name)? else {
        let message = format!("relation \"{}\" does not exist", reference(name)?.table());
        return Err(Error::new(ErrorKind::UndefinedTable, message));
    };
    let new = match index_name.0.as_slice() {
        [part] => part.as_ident().map(folded).ok_or_else(|| unsupported("such a name of an index"))?,
        _ => return Err(unsupported("a schema in the new name of an index")),
    };
    let mut definition = change.definition(&table).await?;
    if definition.constraints.iter().any(|constraint| constraint.name == new) {
        return Err(Error::new(ErrorKind::DuplicateTable, format!("relation \"{new}\" already exists")));
    }
    let renamed = definition.constraints.iter_mut().filter(|constraint| constraint.name == key.name);
    renamed.for_each(|constraint| constraint.name.clone_from(&new));
    change.overlay.redefine(&table.name, &definition).await
}
