//! Schemas.

use datafusion::sql::sqlparser::ast::{self, AlterSchemaOperation};

use super::super::names::{check_schema, reference};
use super::super::{Change, unsupported};
use super::alter::{check_role, owner_stays};
use super::relations;
use crate::dialect::folded;
use crate::error::{Error, ErrorKind, Result};
use crate::names::TableName;

/// Words that stand for whom the session acts for.
const MEANT: [&str; 3] = ["current_user", "current_role", "session_user"];

pub(super) fn create(change: &Change, name: &ast::SchemaName, if_not_exists: bool) -> Result<()> {
    let (schema, owner) = match name {
        ast::SchemaName::Simple(name) => (reference(name)?.table().to_owned(), None),
        ast::SchemaName::NamedAuthorization(name, owner) => (reference(name)?.table().to_owned(), Some(owner)),
        ast::SchemaName::UnnamedAuthorization(owner) => (folded(owner), Some(owner)),
    };
    // whose it is matters to nobody: all that is the lake's belongs to one owner
    if let Some(owner) = owner.filter(|owner| owner.quote_style.is_some() || !MEANT.contains(&folded(owner).as_str())) {
        check_role(change, &folded(owner))?;
    }
    check_free_for_users(&schema)?;
    if exists(change, &schema) || schema == "information_schema" {
        let message = format!("schema \"{schema}\" already exists");
        if !if_not_exists {
            return Err(Error::new(ErrorKind::DuplicateSchema, message));
        }
        change.notice("42P06", format!("{message}, skipping"));
        return Ok(());
    }
    change.overlay.put_schema(&schema, true);
    Ok(())
}

fn check_free_for_users(schema: &str) -> Result<()> {
    if !schema.starts_with("pg_") {
        return Ok(());
    }
    Err(Error::new(ErrorKind::ReservedName, format!("unacceptable schema name \"{schema}\""))
        .with_detail("The prefix \"pg_\" is reserved for system schemas."))
}

pub(super) fn exists(change: &Change, schema: &str) -> bool {
    change.overlay.scope().schemas().iter().any(|known| known == schema)
}

/// # Errors
/// `3F000` where there is none.
pub(super) fn check_exists(change: &Change, schema: &str) -> Result<()> {
    check_schema(schema)?;
    if exists(change, schema) {
        return Ok(());
    }
    Err(Error::new(ErrorKind::InvalidSchemaName, format!("schema \"{schema}\" does not exist")))
}

pub(super) async fn alter(change: &Change, schema: &ast::AlterSchema) -> Result<()> {
    let name = reference(&schema.name)?.table().to_owned();
    check_exists(change, &name)?;
    for operation in &schema.operations {
        match operation {
            AlterSchemaOperation::OwnerTo { owner } => owner_stays(change, owner)?,
            AlterSchemaOperation::Rename { name: new } => rename(change, &name, reference(new)?.table()).await?,
            _ => return Err(unsupported("this form of ALTER SCHEMA")),
        }
    }
    Ok(())
}

async fn rename(change: &Change, old: &str, new: &str) -> Result<()> {
    if exists(change, new) {
        return Err(Error::new(ErrorKind::DuplicateSchema, format!("schema \"{new}\" already exists")));
    }
    check_free_for_users(new)?;
    change.overlay.put_schema(new, true);
    if let Some(rights) = change.overlay.scope().schema_rights(old) {
        change.overlay.put_schema_rights(new, rights);
    }
    for object in change.overlay.scope().objects() {
        if object.name.schema == old {
            change.planner.check_owner(&object)?;
            relations::rename(change, &object.name, &TableName::new(new, object.name.name.as_str())).await?;
        }
    }
    change.overlay.put_schema(old, false);
    Ok(())
}
