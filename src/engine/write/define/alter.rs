//! ALTER TABLE, and what of it views know.
//!
//! What only changes the table's metadata is one commit without rows. What changes stored columns (their names, types or
//! number, or a default that rows already there must have) writes the rows anew: so every Delta reader goes on reading
//! the table, without column mapping.

use std::sync::Arc;

use datafusion::sql::sqlparser::ast::{self, AlterTableOperation as Operation, ObjectName, RenameTableNameKind};

use super::super::names::reference;
use super::super::{Change, unsupported};
use super::constraints::Constraints;
use super::drop::{foreign_keys_to, settle_keys};
use super::relations::{self, owned, owned_if};
use super::{alter_columns, checks, options, schemas};
use crate::catalog::{Object, ObjectKind};
use crate::dialect::folded;
use crate::error::{Error, ErrorKind, Result};
use crate::names::TableName;
use crate::pgcatalog::OWNER;
use crate::table::{Constraint, ConstraintKind};

pub(super) async fn table(change: &Change, alter: &ast::AlterTable) -> Result<()> {
    let Some(object) = owned_if(change, &alter.name, alter.if_exists)? else { return Ok(()) };
    let mut name = object.name.clone();
    for operation in &alter.operations {
        if let Operation::RenameTable { table_name } = operation {
            let (RenameTableNameKind::To(new) | RenameTableNameKind::As(new)) = table_name;
            let new = TableName::new(name.schema.as_str(), reference(new)?.table());
            relations::rename(change, &name, &new).await?;
            name = new;
            continue;
        }
        let missing = || Error::internal("a table vanished while it was altered");
        let object = change.overlay.scope().object(&name).ok_or_else(missing)?;
        match object.kind {
            ObjectKind::View { .. } | ObjectKind::Sequence(_) => of_view(change, &object, operation)?,
            _ => one(change, &object, operation).await?,
        }
    }
    Ok(())
}

pub(super) async fn set_schema(change: &Change, name: &ObjectName, schema: &ast::Ident) -> Result<()> {
    let object = owned(change, name)?;
    let schema = folded(schema);
    schemas::check_exists(change, &schema)?;
    if schema == object.name.schema {
        return Ok(());
    }
    for name in change.owned_sequences(&object, None).iter().map(|sequence| &sequence.name).chain([&object.name]) {
        relations::rename(change, name, &TableName::new(schema.as_str(), name.name.as_str())).await?;
    }
    Ok(())
}

fn of_view(change: &Change, view: &Arc<Object>, operation: &Operation) -> Result<()> {
    match operation {
        Operation::OwnerTo { new_owner } => {
            owner_stays(change, new_owner);
            Ok(())
        }
        Operation::RenameColumn { old_column_name, new_column_name } if view.sequence().is_none() => {
            alter_columns::rename_in_view(change, view, &folded(old_column_name), &folded(new_column_name))
        }
        other => {
            let words: Vec<String> = other.to_string().split_whitespace().take(2).map(str::to_uppercase).collect();
            let message =
                format!("ALTER action {} cannot be performed on relation \"{}\"", words.join(" "), view.name.name);
            Err(Error::new(ErrorKind::WrongObjectType, message)
                .with_detail(format!("This operation is not supported for {}s.", view.noun())))
        }
    }
}

async fn one(change: &Change, table: &Arc<Object>, operation: &Operation) -> Result<()> {
    match operation {
        Operation::AddColumn { column_def, if_not_exists, .. } => {
            alter_columns::add(change, table, column_def, *if_not_exists).await
        }
        Operation::DropColumn { column_names, if_exists, drop_behavior, .. } => {
            let cascade = matches!(drop_behavior, Some(ast::DropBehavior::Cascade));
            alter_columns::drop(change, table, column_names, *if_exists, cascade).await
        }
        Operation::RenameColumn { old_column_name, new_column_name } => {
            alter_columns::rename(change, table, &folded(old_column_name), &folded(new_column_name)).await
        }
        Operation::AlterColumn { column_name, op } => {
            alter_columns::alter(change, table, &folded(column_name), op).await
        }
        Operation::AddConstraint { constraint, not_valid } => {
            add_constraint(change, table, constraint, *not_valid).await
        }
        Operation::DropConstraint { name, if_exists, drop_behavior } => {
            let cascade = *drop_behavior == Some(ast::DropBehavior::Cascade);
            drop_constraint(change, table, &folded(name), *if_exists, cascade).await
        }
        Operation::RenameConstraint { old_name, new_name } => {
            rename_constraint(change, table, &folded(old_name), &folded(new_name)).await
        }
        Operation::ValidateConstraint { name } => validate(change, table, &folded(name)).await,
        Operation::SetTblProperties { table_properties: given } | Operation::SetOptionsParens { options: given } => {
            let mut definition = change.definition(table).await?;
            definition.properties.extend(options::properties(given)?);
            change.overlay.redefine(&table.name, &definition).await
        }
        Operation::OwnerTo { new_owner } => {
            owner_stays(change, new_owner);
            Ok(())
        }
        // there are no triggers or replicas
        Operation::ReplicaIdentity { .. } | Operation::EnableTrigger { .. } | Operation::DisableTrigger { .. } => {
            Ok(())
        }
        other => {
            let words: Vec<String> = other.to_string().split_whitespace().take(3).map(str::to_uppercase).collect();
            Err(unsupported(&format!("ALTER TABLE … {}", words.join(" "))))
        }
    }
}

/// All that is the lake's belongs to one owner: another is not kept, and told so.
pub(super) fn owner_stays(change: &Change, new: &ast::Owner) {
    let is_owner = match new {
        ast::Owner::Ident(ident) => change.shared.running.roles.is_owner(&folded(ident)),
        ast::Owner::CurrentRole | ast::Owner::CurrentUser | ast::Owner::SessionUser => {
            change.planner.limited_user().is_none()
        }
    };
    if !is_owner {
        change.notice("00000", format!("the owner stays \"{OWNER}\": grant what {new} is to do"));
    }
}

async fn add_constraint(
    change: &Change,
    table: &Arc<Object>,
    constraint: &ast::TableConstraint,
    not_valid: bool,
) -> Result<()> {
    let mut definition = change.definition(table).await?;
    let columns = table.columns.iter().map(|column| column.name.clone()).collect();
    let mut constraints = Constraints::new(&table.name, columns, definition.constraints.clone());
    constraints.add(change, constraint)?;
    constraints.settle(change)?;
    for column in &constraints.not_null {
        checks::no_nulls(change, &table.name, column).await?;
    }
    definition.schema = alter_columns::with_nullability(&definition.schema, |name, nullable| {
        nullable && !constraints.not_null.contains(name)
    });
    definition.constraints = constraints.all;
    checks::expressions(change, &table.name, &definition).await?;
    if let Some(new) = definition.constraints.last()
        && let ConstraintKind::Check { condition } = &new.kind
        && !not_valid
    {
        checks::no_violation(change, &table.name, &new.name, condition).await?;
    }
    change.overlay.redefine(&table.name, &definition).await
}

fn no_constraint(table: &Object, name: &str) -> Error {
    let message = format!("constraint \"{name}\" of relation \"{}\" does not exist", table.name.name);
    Error::new(ErrorKind::UndefinedObject, message)
}

async fn drop_constraint(
    change: &Change,
    table: &Arc<Object>,
    name: &str,
    if_exists: bool,
    cascade: bool,
) -> Result<()> {
    if let Some(key) = table.constraints.iter().find(|constraint| constraint.name == name && constraint.kind.is_key()) {
        let keys = foreign_keys_to(change, table, key);
        let what = format!("constraint {name} on {}", relations::told(change, table));
        settle_keys(change, &keys, &what, cascade).await?;
    }
    let mut definition = change.definition(table).await?;
    let before = definition.constraints.len();
    let is_it = |constraint: &Constraint| constraint.name == name && constraint.kind.is_constraint();
    definition.constraints.retain(|constraint| !is_it(constraint));
    if definition.constraints.len() == before {
        let error = no_constraint(table, name);
        if !if_exists {
            return Err(error);
        }
        change.notice("00000", format!("{}, skipping", error.message()));
        return Ok(());
    }
    change.overlay.redefine(&table.name, &definition).await
}

async fn rename_constraint(change: &Change, table: &Arc<Object>, old: &str, new: &str) -> Result<()> {
    let mut definition = change.definition(table).await?;
    if definition.constraints.iter().any(|constraint| constraint.name == new) {
        let message = format!("constraint \"{new}\" for relation \"{}\" already exists", table.name.name);
        return Err(Error::new(ErrorKind::DuplicateObject, message));
    }
    let found = definition.constraints.iter_mut().find(|constraint| constraint.name == old);
    found.ok_or_else(|| no_constraint(table, old))?.name = new.to_owned();
    change.overlay.redefine(&table.name, &definition).await
}

async fn validate(change: &Change, table: &Arc<Object>, name: &str) -> Result<()> {
    let found = table.constraints.iter().find(|constraint| constraint.name == name);
    match &found.ok_or_else(|| no_constraint(table, name))?.kind {
        ConstraintKind::Check { condition } => checks::no_violation(change, &table.name, name, condition).await,
        _ => Ok(()),
    }
}
