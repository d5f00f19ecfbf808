//! Indexes: scans of Delta tables are pruned by the log's statistics, so there is nothing to make. Tools send CREATE INDEX
//! after every load; that it does nothing is said, not hidden.
//!
//! A unique index says which columns are a key. That is kept with the table's constraints, for ON CONFLICT and for tools that
//! read keys from the catalogs; like them it is not enforced.

use std::sync::Arc;

use datafusion::sql::sqlparser::ast::{self, AlterIndexOperation, ObjectName};

use super::super::names::reference;
use super::super::{Change, unsupported};
use super::relations;
use crate::catalog::{Object, ObjectKind};
use crate::dialect::folded;
use crate::error::{Error, ErrorKind, Result};
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
    let columns: Option<Vec<String>> = index.columns.iter().map(|column| plain(&column.column.expr)).collect();
    for name in columns.iter().flatten() {
        if !table.columns.iter().any(|column| column.name == *name) {
            return Err(Error::new(ErrorKind::UndefinedColumn, format!("column \"{name}\" does not exist")));
        }
    }
    let given = index.name.as_ref().map(|name| Ok::<_, Error>(reference(name)?.table().to_owned())).transpose()?;
    let is_taken = |name: &str| {
        let objects = change.overlay.scope().objects();
        let mut objects = objects.iter().filter(|object| object.name.schema == table.name.schema);
        objects.any(|object| object.name.name == name || keys(object).any(|key| key.name == name))
    };
    if let Some(name) = given.as_deref().filter(|name| is_taken(name)) {
        let message = format!("relation \"{name}\" already exists");
        if !index.if_not_exists {
            return Err(Error::new(ErrorKind::DuplicateTable, message));
        }
        change.notice("42P07", format!("{message}, skipping"));
        return Ok(());
    }
    let Some(columns) = columns.filter(|_| index.unique && index.predicate.is_none()) else {
        let what = if index.unique { "a unique index is not made, and not enforced" } else { "an index is not made" };
        change.notice("00000", format!("{what}: Delta tables are read by the statistics of their files"));
        return Ok(());
    };
    let base = [table.name.name.as_str()].into_iter().chain(columns.iter().map(String::as_str)).chain(["idx"]);
    let base = base.collect::<Vec<_>>().join("_");
    let free = || (1..).map(|number| format!("{base}{number}")).find(|name| !is_taken(name));
    let name = given.unwrap_or_else(|| if is_taken(&base) { free().unwrap_or_default() } else { base.clone() });
    let mut definition = change.definition(&table).await?;
    definition.constraints.push(Constraint { name, kind: ConstraintKind::UniqueIndex { columns } });
    change.notice("00000", "a unique index is not enforced: it is kept as information".to_owned());
    change.overlay.redefine(&table.name, &definition).await
}

fn plain(expr: &ast::Expr) -> Option<String> {
    match expr {
        ast::Expr::Identifier(name) => Some(folded(name)),
        _ => None,
    }
}

/// The constraints that an index stands for.
fn keys(object: &Object) -> impl Iterator<Item = &Constraint> {
    object.constraints.iter().filter(|constraint| constraint.kind.is_key())
}

/// The index of a name, with its table.
fn find(change: &Change, name: &ObjectName) -> Result<Option<(Arc<Object>, Constraint)>> {
    let name = reference(name)?;
    let found = change.overlay.scope().objects().into_iter().find_map(|object| {
        let is_seen = match name.schema() {
            Some(schema) => object.name.schema == schema,
            None => {
                relations::is_temporary(&object.name.schema)
                    || change.planner.search_path().contains(&object.name.schema)
            }
        };
        let key = keys(&object).find(|key| is_seen && key.name == name.table()).cloned()?;
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
    if !matches!(key.kind, ConstraintKind::UniqueIndex { .. }) {
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
