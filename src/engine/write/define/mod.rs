//! Statements that define things: tables, views, schemas, their comments and rights.
//!
//! What a definition says is kept in Delta's metadata and in the catalog's rows, both within the statement's overlay: so
//! a definition is part of its transaction like any row.
//!
//! Invariant: nothing is accepted in silence that is not kept to; what is only told, a NOTICE says so.

mod alter;
mod alter_columns;
mod alterations;
mod checks;
mod columns;
mod comments;
mod constraints;
mod drop;
mod expressions;
mod index_keys;
mod indexes;
mod memberships;
mod objects;
mod options;
mod relations;
mod rights;
mod role_settings;
mod schemas;
pub(super) mod sequences;
mod storage;
mod tables;
mod updatable;
mod views;

pub(in crate::engine) use tables::table_query;

use datafusion::scalar::ScalarValue;
use datafusion::sql::sqlparser::ast::{self, ObjectType};

use super::{Change, unsupported};
use crate::dialect::{
    Command, GrantCommand, OPTION, ObjectCommand, RoleCommand, Statement, altered, command, place_of,
};
use crate::engine::planned::locate;
use crate::engine::session::Outcome;
use crate::error::{Error, ErrorKind, Result};

/// Whether the statement is carried out here.
pub(super) fn is_definition(statement: &ast::Statement) -> bool {
    tag(statement).is_some()
}

/// Whether the statement makes what only its session sees: a read-only transaction may.
pub(super) fn only_temporary(statement: &ast::Statement) -> bool {
    match statement {
        ast::Statement::CreateTable(table) => table.temporary,
        ast::Statement::CreateView(view) => view.temporary,
        ast::Statement::Query(query) => tables::into(query).is_some_and(|into| into.temporary),
        _ => false,
    }
}

/// The command tag.
pub(super) fn tag(statement: &ast::Statement) -> Option<&'static str> {
    Some(match statement {
        ast::Statement::CreateTable(table) if table.query.is_some() => "CREATE TABLE AS",
        ast::Statement::CreateTable(_) => "CREATE TABLE",
        ast::Statement::Query(query) if tables::into(query).is_some() => "SELECT INTO",
        ast::Statement::CreateView(view) if view.materialized => "CREATE MATERIALIZED VIEW",
        ast::Statement::CreateView(_) => "CREATE VIEW",
        ast::Statement::CreateSchema { .. } => "CREATE SCHEMA",
        ast::Statement::CreateIndex(_) => "CREATE INDEX",
        ast::Statement::AlterTable(_) => "ALTER TABLE",
        ast::Statement::AlterView { .. } => "ALTER VIEW",
        ast::Statement::AlterSchema(_) => "ALTER SCHEMA",
        ast::Statement::Comment { .. } => "COMMENT",
        ast::Statement::Grant(_) => "GRANT",
        ast::Statement::Revoke(_) => "REVOKE",
        ast::Statement::Drop { object_type, .. } => match object_type {
            ObjectType::Table => "DROP TABLE",
            ObjectType::View => "DROP VIEW",
            ObjectType::MaterializedView => "DROP MATERIALIZED VIEW",
            ObjectType::Schema => "DROP SCHEMA",
            ObjectType::Index => "DROP INDEX",
            ObjectType::Sequence => "DROP SEQUENCE",
            _ => return None,
        },
        other => match command(other)? {
            Command::Refresh { .. } => "REFRESH MATERIALIZED VIEW",
            Command::SetSchema { .. } => "ALTER TABLE",
            Command::Sequence { tag, .. } if tag.starts_with("CREATE") => "CREATE SEQUENCE",
            Command::Sequence { .. } => "ALTER SEQUENCE",
            Command::Role(RoleCommand::Member { grants, .. }) => {
                if grants {
                    "GRANT ROLE"
                } else {
                    "REVOKE ROLE"
                }
            }
            Command::Objects(ObjectCommand::Drop { objects, .. }) => objects.first()?.kind.drop_tag,
            Command::Objects(ObjectCommand::Comment(_)) => "COMMENT",
            Command::Objects(ObjectCommand::Grant(GrantCommand::Defaults { .. })) => "ALTER DEFAULT PRIVILEGES",
            Command::Objects(ObjectCommand::Grant(GrantCommand::Objects { grants: true, .. })) => "GRANT",
            Command::Objects(ObjectCommand::Grant(GrantCommand::Objects { .. })) => "REVOKE",
            Command::Role(RoleCommand::DropOwned(_)) => "DROP OWNED",
            Command::Role(
                RoleCommand::DatabaseOwner { .. } | RoleCommand::Setting { role: None, database: Some(_), .. },
            ) => "ALTER DATABASE",
            Command::Role(RoleCommand::Setting { .. }) => "ALTER ROLE",
            Command::Role(_) | Command::Harmless(_) | Command::Refused(_) => return None,
        },
    })
}

pub(super) async fn apply(change: &Change, statement: &Statement, params: &[ScalarValue]) -> Result<Outcome> {
    carry_out(change, statement, params).await.map_err(|error| located(error, statement))
}

/// The error at what the statement says of it.
fn located(error: Error, statement: &Statement) -> Error {
    let new = match &statement.ast {
        ast::Statement::CreateTable(table) => Some(&table.name),
        ast::Statement::CreateView(view) => Some(&view.name),
        _ => None,
    };
    match (error.kind(), new.and_then(|name| name.0.first()?.as_ident())) {
        (ErrorKind::UndefinedColumn, _) => locate(error, statement),
        (ErrorKind::InvalidSchemaName, Some(schema)) => match place_of(statement, schema) {
            Some(position) => error.at(position),
            None => error,
        },
        _ => error,
    }
}

async fn carry_out(change: &Change, statement: &Statement, params: &[ScalarValue]) -> Result<Outcome> {
    let done = |tag: &str| Ok(Outcome::command(tag));
    let Some(tag) = tag(&statement.ast) else { return Err(unsupported("this statement")) };
    match &statement.ast {
        ast::Statement::CreateTable(table) => tables::create(change, statement, table, params).await,
        ast::Statement::Query(query) => tables::select_into(change, statement, query, params).await,
        ast::Statement::CreateView(view) if view.materialized => views::create_materialized(change, view).await,
        ast::Statement::CreateView(view) => views::create(change, view).await,
        ast::Statement::CreateSchema { schema_name, if_not_exists, .. } => {
            schemas::create(change, schema_name, *if_not_exists)?;
            done(tag)
        }
        ast::Statement::CreateIndex(index) => {
            indexes::create(change, index).await?;
            done(tag)
        }
        ast::Statement::AlterTable(table) => {
            let kind = altered(&statement.text);
            alter::table(change, table, kind).await?;
            done(&format!("ALTER {kind}"))
        }
        ast::Statement::AlterSchema(schema) => {
            schemas::alter(change, schema).await?;
            done(tag)
        }
        ast::Statement::Comment { object_type, object_name, comment, if_exists } => {
            comments::comment(change, *object_type, object_name, comment.as_deref(), *if_exists).await?;
            done(tag)
        }
        ast::Statement::Grant(grant) => {
            let (privileges, objects, grantees) = (&grant.privileges, grant.objects.as_ref(), &grant.grantees);
            let option = grant.with_grant_option;
            rights::carry_out(change, &rights::Order { privileges, objects, grantees, grants: true, option })?;
            done(tag)
        }
        ast::Statement::Revoke(revoke) => {
            let (privileges, objects, grantees) = (&revoke.privileges, revoke.objects.as_ref(), &revoke.grantees);
            let option = revoke.granted_by.as_ref().is_some_and(|by| by.value == OPTION);
            rights::carry_out(change, &rights::Order { privileges, objects, grantees, grants: false, option })?;
            done(tag)
        }
        ast::Statement::Drop { object_type, if_exists, names, cascade, .. } => {
            drop::drop(change, *object_type, names, *if_exists, *cascade).await?;
            done(tag)
        }
        other => match command(other) {
            Some(command) => commanded(change, statement, tag, command).await,
            None => Err(unsupported(tag)),
        },
    }
}

/// Carries out a definition that sqlparser has no tree for.
async fn commanded(change: &Change, statement: &Statement, tag: &str, command: Command) -> Result<Outcome> {
    let done = |tag: &str| Ok(Outcome::command(tag));
    match command {
        Command::Refresh { view, with_data, concurrently } => {
            views::refresh(change, &view, with_data, concurrently).await?;
            done(tag)
        }
        Command::SetSchema { name, schema, if_exists } => {
            let kind = altered(&statement.text);
            alter::set_schema(change, &name, &schema, if_exists, kind).await?;
            done(&format!("ALTER {kind}"))
        }
        Command::Role(RoleCommand::Member { grants, admin, roles, members }) => {
            memberships::carry_out(change, grants, admin, &roles, &members)?;
            done(tag)
        }
        Command::Sequence { tag, name, options } => {
            let says_if = tag.ends_with("EXISTS");
            match tag.starts_with("CREATE") {
                true => sequences::create(change, &name, says_if, &options).await,
                false => sequences::alter(change, &name, says_if, &options).await,
            }
        }
        Command::Role(RoleCommand::DatabaseOwner { database, owner }) => {
            role_settings::database_owner(change, &database, &owner)?;
            done(tag)
        }
        Command::Role(RoleCommand::Setting { role, database, said }) => {
            role_settings::carry_out(change, role.as_ref(), database.as_ref(), &said)?;
            done(tag)
        }
        Command::Role(RoleCommand::DropOwned(names)) => {
            memberships::drop_owned(change, &names)?;
            done(tag)
        }
        Command::Objects(command) => {
            objects::carry_out(change, &command)?;
            done(tag)
        }
        _ => Err(unsupported(tag)),
    }
}
