//! Indexes: scans of Delta tables are pruned by the log's statistics, so there is nothing to make. Tools send CREATE INDEX
//! after every load, and look for what they have made; it is kept with the table's constraints, and told by the catalogs.
//!
//! A unique index says which columns are a key, for ON CONFLICT. Like other keys it is not enforced; that is said, not hidden.

use std::sync::Arc;

use datafusion::sql::sqlparser::ast::{
    self, AlterColumnOperation, AlterTableOperation as Operation, ObjectName, RenameTableNameKind,
};

use super::super::names::reference;
use super::super::{Change, unsupported};
use super::alter::{not_performed, owner_stays};
use super::constraints::Constraints;
use super::index_keys::{self, Key};
use super::{relations, storage};
use crate::catalog::{Object, ObjectKind};
use crate::dialect::{self, Alteration, alteration, alteration_of_column, folded};
use crate::error::{Error, ErrorKind, Result};
use crate::names::free_name;
use crate::table::{Constraint, ConstraintKind};

pub(super) async fn create(change: &Change, index: &ast::CreateIndex) -> Result<()> {
    let table = relations::owned(change, &index.table_name)?;
    if matches!(table.kind, ObjectKind::View { .. } | ObjectKind::Sequence(_)) {
        return Err(Error::new(
            ErrorKind::WrongObjectType,
            format!("cannot create index on relation \"{}\"", table.name.name),
        )
        .with_detail(format!("This operation is not supported for {}s.", table.noun())));
    }
    let method = index_keys::settled_method(index)?;
    let known = |name: &String| table.columns.iter().any(|column| column.name == *name);
    let mentioned = index.columns.iter().flat_map(|key| dialect::columns_in(&key.column.expr));
    let included: Vec<String> = index.include.iter().map(folded).collect();
    let mentioned =
        mentioned.chain(index.predicate.iter().flat_map(dialect::columns_in)).chain(included.iter().cloned());
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
    let parameters = index_keys::parameters(change, method, &index.with)?;
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
pub(super) async fn alter(
    change: &Change,
    table: &Arc<Object>,
    mut index: Constraint,
    operations: &[Operation],
) -> Result<()> {
    let mut definition = change.definition(table).await?;
    let before = index.name.clone();
    for operation in operations {
        match operation {
            Operation::RenameTable { table_name: RenameTableNameKind::To(new) | RenameTableNameKind::As(new) } => {
                index.name = new_name(&definition.constraints, new)?;
            }
            Operation::SetOptionsParens { options } => set_parameters(&mut index, options)?,
            Operation::OwnerTo { new_owner } => owner_stays(change, new_owner)?,
            Operation::ValidateConstraint { name } => match alteration(name) {
                Some(Alteration::Reset(names)) => parameters_of(&mut index).retain(|known| {
                    let name = known.split_once('=').map_or(known.as_str(), |(name, _)| name);
                    !names.iter().any(|gone| gone == name)
                }),
                Some(Alteration::Tablespace(name)) => storage::check_tablespace(change, &name)?,
                _ => return Err(not_performed(operation, &index.name, "index")),
            },
            Operation::AlterColumn { column_name, op: AlterColumnOperation::SetDefault { value } }
                if matches!(alteration_of_column(value), Some(Alteration::Statistics(_))) =>
            {
                check_expression(&index, &column_name.value)?;
            }
            _ => return Err(not_performed(operation, &index.name, "index")),
        }
    }
    let slot = definition.constraints.iter_mut().find(|constraint| constraint.name == before);
    slot.into_iter().for_each(|slot| slot.clone_from(&index));
    change.overlay.redefine(&table.name, &definition).await
}

fn new_name(constraints: &[Constraint], new: &ObjectName) -> Result<String> {
    let new = match new.0.as_slice() {
        [part] => part.as_ident().map(folded).ok_or_else(|| unsupported("such a name of an index"))?,
        _ => return Err(unsupported("a schema in the new name of an index")),
    };
    match constraints.iter().any(|constraint| constraint.name == new) {
        true => Err(Error::new(ErrorKind::DuplicateTable, format!("relation \"{new}\" already exists"))),
        false => Ok(new),
    }
}

fn parameters_of(index: &mut Constraint) -> &mut Vec<String> {
    match &mut index.kind {
        ConstraintKind::Index { parameters, .. } => parameters,
        _ => &mut index.with,
    }
}

fn set_parameters(index: &mut Constraint, options: &[ast::SqlOption]) -> Result<()> {
    let name = match &index.kind {
        ConstraintKind::Index { method: Some(method), .. } => method.clone(),
        _ => "btree".to_owned(),
    };
    for option in options {
        let ast::SqlOption::KeyValue { key, value } = option else { return Err(unsupported("such an option")) };
        let (key, value) = (folded(key), index_keys::value_text(value));
        index_keys::check_parameter(&name, &key, &value)?;
        let parameters = parameters_of(index);
        parameters.retain(|known| known.split_once('=').is_none_or(|(name, _)| name != key));
        parameters.push(format!("{key}={value}"));
    }
    Ok(())
}

/// Statistics are of the keys that are expressions.
fn check_expression(index: &Constraint, number: &str) -> Result<()> {
    let position = number.parse::<usize>().ok().and_then(|number| number.checked_sub(1));
    let (columns, keys) = match &index.kind {
        ConstraintKind::Index { columns, keys, .. } => (columns.as_slice(), keys.as_slice()),
        kind => (kind.columns(), [].as_slice()),
    };
    if let Some(column) = position.and_then(|at| columns.get(at)) {
        let name = &index.name;
        let message = format!("cannot alter statistics on non-expression column \"{column}\" of index \"{name}\"");
        return Err(
            Error::new(ErrorKind::FeatureNotSupported, message).with_hint("Alter statistics on table column instead.")
        );
    }
    if position.and_then(|at| keys.get(at)).is_some() {
        return Ok(());
    }
    let message = format!("column number {number} of relation \"{}\" does not exist", index.name);
    Err(Error::new(ErrorKind::UndefinedColumn, message))
}

/// `ADD … USING INDEX`: has the index be that of a constraint.
pub(super) fn constrain(
    change: &Change,
    constraints: &mut Constraints,
    given: &ast::ConstraintUsingIndex,
    primary: bool,
) -> Result<()> {
    let index = folded(&given.index_name);
    let Some(at) = constraints.all.iter().position(|known| known.name == index && known.kind.has_index()) else {
        return Err(Error::new(ErrorKind::UndefinedObject, format!("index \"{index}\" does not exist")));
    };
    let ConstraintKind::Index {
        columns,
        unique,
        keys,
        options,
        condition,
        included,
        nulls_not_distinct,
        parameters,
        ..
    } = constraints.all[at].kind.clone()
    else {
        let message = format!("index \"{index}\" is already associated with a constraint");
        return Err(Error::new(ErrorKind::ObjectNotInPrerequisiteState, message));
    };
    let sorted_otherwise = options.iter().position(|option| !option.is_empty());
    let why = match () {
        () if !unique => format!("\"{index}\" is not a unique index"),
        () if !keys.is_empty() => format!("index \"{index}\" contains expressions"),
        () if condition.is_some() => format!("\"{index}\" is a partial index"),
        () => match sorted_otherwise {
            Some(column) => {
                let number = column + 1;
                format!("index \"{index}\" column number {number} does not have default sorting behavior")
            }
            None => String::new(),
        },
    };
    if !why.is_empty() {
        return Err(Error::new(ErrorKind::WrongObjectType, why)
            .with_detail("Cannot create a primary key or unique constraint using such an index."));
    }
    let old = constraints.all.remove(at);
    let name = given.name.as_ref().map_or_else(|| index.clone(), folded);
    if name != index {
        let message = format!("ALTER TABLE / ADD CONSTRAINT USING INDEX will rename index \"{index}\" to \"{name}\"");
        change.notice("00000", message);
    }
    match primary {
        true => constraints.primary_key(Some(name), columns)?,
        false => constraints.unique(Some(name), columns, nulls_not_distinct, &[])?,
    }
    constraints.as_in(&Constraint { covers: included, with: parameters, ..old });
    Ok(())
}
