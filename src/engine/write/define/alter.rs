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
use super::drop::{foreign_keys_to, settle_keys, with_article};
use super::relations::{self, owned_if};
use super::{alter_columns, alterations, checks, indexes, options, schemas};
use crate::catalog::{Object, ObjectKind, Privilege};
use crate::dialect::{Alteration, alteration, folded};
use crate::engine::SessionInfo;
use crate::error::{Error, ErrorKind, Result};
use crate::names::TableName;
use crate::pgcatalog::OWNER;
use crate::table::{Constraint, ConstraintKind};

/// `kind`: what the statement says it alters, `VIEW`.
pub(super) async fn table(change: &Change, alter: &ast::AlterTable, kind: &str) -> Result<()> {
    if let Some((table, index)) = index_meant(change, &alter.name, kind)? {
        return indexes::alter(change, &table, index, &alter.operations).await;
    }
    let Some(object) = owned_if(change, &alter.name, alter.if_exists)? else { return Ok(()) };
    // an index is renamed as a table is, and the other way round
    let is_renamed = |operation: &Operation| match operation {
        Operation::RenameTable { .. } => kind == "INDEX",
        Operation::RenameColumn { .. } => kind != "INDEX",
        _ => false,
    };
    if !alter.operations.iter().all(is_renamed) {
        check_kind(&object, kind)?;
    }
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
            ObjectKind::View { .. } | ObjectKind::Sequence(_) => of_other(change, &object, operation).await?,
            _ if object.query.is_some() && changes_columns(operation) => {
                return Err(not_performed(operation, &object.name.name, object.noun()));
            }
            _ => one(change, &object, operation).await?,
        }
    }
    Ok(())
}

/// Whether it is one of those that a materialized view's query decides on.
fn changes_columns(operation: &Operation) -> bool {
    use ast::AlterColumnOperation as Of;
    match operation {
        Operation::AddColumn { .. }
        | Operation::DropColumn { .. }
        | Operation::AddConstraint { .. }
        | Operation::DropConstraint { .. } => true,
        Operation::AlterColumn { op, .. } => {
            matches!(op, Of::SetNotNull | Of::DropNotNull | Of::DropDefault | Of::SetDataType { .. })
        }
        _ => false,
    }
}

/// The index that is altered, if it is one.
fn index_meant(change: &Change, name: &ObjectName, kind: &str) -> Result<Option<(Arc<Object>, Constraint)>> {
    if change.planner.relation(&reference(name)?).is_ok() {
        return Ok(None);
    }
    let found = indexes::find(change, name)?;
    match &found {
        Some((_, index)) if !["TABLE", "INDEX"].contains(&kind) => Err(not_a(&index.name, kind)),
        _ => Ok(found),
    }
}

/// # Errors
/// `42809` for another kind than the statement says. A table may be anything.
fn check_kind(object: &Object, kind: &str) -> Result<()> {
    match kind == "TABLE" || object.noun().eq_ignore_ascii_case(kind) {
        true => Ok(()),
        false => Err(not_a(&object.name.name, kind)),
    }
}

fn not_a(name: &str, kind: &str) -> Error {
    let message = format!("\"{name}\" is not {}", with_article(&kind.to_lowercase()));
    Error::new(ErrorKind::WrongObjectType, message)
}

pub(super) async fn set_schema(
    change: &Change,
    name: &ObjectName,
    schema: &ast::Ident,
    if_exists: bool,
    kind: &str,
) -> Result<()> {
    if let Some((_, index)) = index_meant(change, name, kind)? {
        return Err(Error::new(ErrorKind::WrongObjectType, format!("\"{}\" is an index", index.name)));
    }
    let Some(object) = owned_if(change, name, if_exists)? else { return Ok(()) };
    check_kind(&object, kind)?;
    let schema = folded(schema);
    schemas::check_exists(change, &schema)?;
    change.planner.check_schema_right(&schema, Privilege::Create)?;
    if schema == object.name.schema {
        return Ok(());
    }
    for name in change.owned_sequences(&object, None).iter().map(|sequence| &sequence.name).chain([&object.name]) {
        relations::rename(change, name, &TableName::new(schema.as_str(), name.name.as_str())).await?;
    }
    Ok(())
}

/// What may be done to a view or a sequence.
async fn of_other(change: &Change, object: &Arc<Object>, operation: &Operation) -> Result<()> {
    let is_view = object.sequence().is_none();
    match operation {
        Operation::OwnerTo { new_owner } => owner_stays(change, new_owner),
        Operation::RenameColumn { old_column_name, new_column_name } if is_view => {
            alter_columns::rename_in_view(change, object, &folded(old_column_name), &folded(new_column_name)).await
        }
        Operation::SetOptionsParens { options: given } if is_view => options::check_of_view(change, given).map(drop),
        Operation::ValidateConstraint { name } => match (alteration(name), is_view) {
            (Some(Alteration::Reset(_)), true) | (Some(Alteration::Nothing), false) => Ok(()),
            _ => Err(not_performed(operation, &object.name.name, object.noun())),
        },
        other => Err(not_performed(other, &object.name.name, object.noun())),
    }
}

/// `42809` for what cannot be done to relations of the kind.
pub(super) fn not_performed(operation: &Operation, name: &str, noun: &str) -> Error {
    let words = match operation {
        Operation::AddColumn { .. } => "ADD COLUMN".to_owned(),
        Operation::DropColumn { .. } => "DROP COLUMN".to_owned(),
        Operation::AddConstraint { .. } => "ADD CONSTRAINT".to_owned(),
        Operation::AlterColumn { op, .. } => {
            let what = match op {
                ast::AlterColumnOperation::SetDataType { .. } => "SET DATA TYPE",
                ast::AlterColumnOperation::SetNotNull => "SET NOT NULL",
                ast::AlterColumnOperation::DropNotNull => "DROP NOT NULL",
                _ => "SET DEFAULT",
            };
            format!("ALTER COLUMN ... {what}")
        }
        Operation::ValidateConstraint { name } => match alteration(name) {
            Some(Alteration::Kin { words, .. }) => words.to_owned(),
            Some(Alteration::Cluster(_)) => "CLUSTER ON".to_owned(),
            Some(Alteration::Reset(_)) => "RESET".to_owned(),
            Some(_) => "SET".to_owned(),
            None => "VALIDATE CONSTRAINT".to_owned(),
        },
        Operation::SetOptionsParens { .. } => "SET".to_owned(),
        other => other.to_string().split_whitespace().take(2).collect::<Vec<_>>().join(" ").to_uppercase(),
    };
    let plural = if noun == "index" { "indexes".to_owned() } else { format!("{noun}s") };
    let message = format!("ALTER action {words} cannot be performed on relation \"{name}\"");
    Error::new(ErrorKind::WrongObjectType, message)
        .with_detail(format!("This operation is not supported for {plural}."))
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
        Operation::ValidateConstraint { name } => match alteration(name) {
            Some(what) => alterations::of_table(change, table, &what).await,
            None => validate(change, table, &folded(name)).await,
        },
        Operation::SetTblProperties { table_properties: given } | Operation::SetOptionsParens { options: given } => {
            let mut definition = change.definition(table).await?;
            definition.properties.extend(options::properties(change, given)?);
            change.overlay.redefine(&table.name, &definition).await
        }
        Operation::OwnerTo { new_owner } => owner_stays(change, new_owner),
        other => {
            let words: Vec<String> = other.to_string().split_whitespace().take(3).map(str::to_uppercase).collect();
            Err(unsupported(&format!("ALTER TABLE … {}", words.join(" "))))
        }
    }
}

/// All that is the lake's belongs to one owner: another is not kept, and told so.
///
/// # Errors
/// `42704` for a role there is not.
pub(super) fn owner_stays(change: &Change, new: &ast::Owner) -> Result<()> {
    let is_owner = match new {
        ast::Owner::Ident(ident) => {
            let name = folded(ident);
            check_role(change, &name)?;
            change.shared.running.roles.is_owner(&name)
        }
        ast::Owner::CurrentRole | ast::Owner::CurrentUser | ast::Owner::SessionUser => {
            change.planner.limited_user().is_none()
        }
    };
    if !is_owner {
        change.notice("00000", format!("the owner stays \"{OWNER}\": grant what {new} is to do"));
    }
    Ok(())
}

/// # Errors
/// `42704` for a role there is not.
pub(super) fn check_role(change: &Change, name: &str) -> Result<()> {
    let state = change.state();
    SessionInfo::of(state.config_options()).map_or(Ok(()), |session| session.check_role(name))
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
    match constraint {
        ast::TableConstraint::PrimaryKeyUsingIndex(given) => indexes::constrain(change, &mut constraints, given, true)?,
        ast::TableConstraint::UniqueUsingIndex(given) => indexes::constrain(change, &mut constraints, given, false)?,
        other => constraints.add(change, other)?,
    }
    constraints.settle(change, |column| alter_columns::type_of(table, column))?;
    for column in &constraints.not_null {
        checks::no_nulls(change, &table.name, column).await?;
    }
    definition.schema = alter_columns::with_nullability(&definition.schema, |name, nullable| {
        nullable && !constraints.not_null.contains(name)
    });
    definition.constraints = constraints.all;
    change.planner.fix(&table.name, &mut definition).await?;
    checks::expressions(change, &table.name, &definition).await?;
    if let Some(new) = definition.constraints.last()
        && let ConstraintKind::Check { condition } = &new.kind
        && !not_valid
    {
        checks::no_violation(change, &table.name, &new.name, condition).await?;
    }
    change.overlay.redefine(&table.name, &definition).await
}

pub(super) fn no_constraint(table: &Object, name: &str) -> Error {
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
    let missing = || {
        let message = format!("constraint \"{old}\" for table \"{}\" does not exist", table.name.name);
        Error::new(ErrorKind::UndefinedObject, message)
    };
    found.ok_or_else(missing)?.name = new.to_owned();
    change.overlay.redefine(&table.name, &definition).await
}

async fn validate(change: &Change, table: &Arc<Object>, name: &str) -> Result<()> {
    let found = table.constraints.iter().find(|constraint| constraint.name == name);
    match &found.ok_or_else(|| no_constraint(table, name))?.kind {
        ConstraintKind::Check { condition } => checks::no_violation(change, &table.name, name, condition).await,
        _ => Ok(()),
    }
}
