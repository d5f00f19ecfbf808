//! The actions of ALTER TABLE that are about storage, or about what a Delta table has not: what they name must be there, and
//! what they promise is kept or refused.

use std::sync::Arc;

use datafusion::sql::sqlparser::ast::Ident;

use super::super::{Change, unsupported};
use super::alter::no_constraint;
use super::alter_columns::undefined;
use super::index_keys::settled_collation;
use super::{options, relations, sequences, storage};
use crate::catalog::{Column, Object};
use crate::dialect::{Alteration, SequenceOption};
use crate::engine::SessionInfo;
use crate::error::{Error, ErrorKind, Result};
use crate::pgcatalog::{format_type, object_named};
use crate::pgtypes::{self, Type};
use crate::table::{Constraint, ConstraintKind};

/// What statistics are told to have at most.
const STATISTICS_MAX: i64 = 10_000;

fn invalid(message: String) -> Error {
    Error::new(ErrorKind::InvalidParameter, message)
}

/// An alteration of a column, which is there.
pub(super) async fn of_column(change: &Change, table: &Arc<Object>, name: &str, what: &Alteration) -> Result<()> {
    let column = table.columns.iter().find(|column| column.name == name).ok_or_else(|| undefined(table, name))?;
    match what {
        Alteration::DropIdentity { if_exists } => drop_identity(change, table, name, *if_exists).await,
        Alteration::Identity { always, options } => set_identity(change, table, name, *always, options).await,
        Alteration::DropExpression { if_exists } => drop_expression(change, table, name, *if_exists).await,
        Alteration::Statistics(target) if *target < -1 => {
            Err(invalid(format!("statistics target {target} is too low")))
        }
        Alteration::Statistics(target) => {
            if *target > STATISTICS_MAX {
                change.warn("22023", format!("lowering statistics target to {STATISTICS_MAX}"));
            }
            Ok(())
        }
        Alteration::Storage(storage) => check_storage(column, storage),
        Alteration::Compression(method) => check_compression(column, method),
        Alteration::ColumnOptions(names) => {
            let known = |name: &&String| ["n_distinct", "n_distinct_inherited"].contains(&name.as_str());
            match names.iter().find(|name| !known(name)) {
                Some(name) => Err(invalid(format!("unrecognized parameter \"{name}\""))),
                None => Ok(()),
            }
        }
        Alteration::Collation(collation) => {
            let name = Ident::with_quote('"', collation);
            settled_collation(&vec![name].into(), &pgtypes::column_type(&column.field())).map(drop)
        }
        _ => Err(unsupported("this alteration of a column")),
    }
}

fn not_identity(table: &Object, column: &str) -> Error {
    let message = format!("column \"{column}\" of relation \"{}\" is not an identity column", table.name.name);
    Error::new(ErrorKind::ObjectNotInPrerequisiteState, message)
}

async fn drop_identity(change: &Change, table: &Arc<Object>, column: &str, if_exists: bool) -> Result<()> {
    let mut definition = change.definition(table).await?;
    let known = definition.columns.entry(column.to_owned()).or_default();
    if known.identity.take().is_none() {
        let error = not_identity(table, column);
        if !if_exists {
            return Err(error);
        }
        change.notice("00000", format!("{}, skipping", error.message()));
        return Ok(());
    }
    for sequence in change.owned_sequences(table, Some(column)) {
        change.overlay.drop_object(&sequence.name)?;
    }
    change.overlay.redefine(&table.name, &definition).await
}

async fn set_identity(
    change: &Change,
    table: &Arc<Object>,
    column: &str,
    always: Option<bool>,
    options: &[SequenceOption],
) -> Result<()> {
    let mut definition = change.definition(table).await?;
    let known = definition.columns.entry(column.to_owned()).or_default();
    if known.identity.is_none() {
        return Err(not_identity(table, column));
    }
    for sequence in change.owned_sequences(table, Some(column)) {
        sequences::apply(change, &sequence, options).await?;
    }
    let Some(always) = always else { return Ok(()) };
    known.identity = Some(if always { "always" } else { "by default" }.to_owned());
    change.overlay.redefine(&table.name, &definition).await
}

/// The column keeps the values it has, and is computed no more.
async fn drop_expression(change: &Change, table: &Arc<Object>, column: &str, if_exists: bool) -> Result<()> {
    let mut definition = change.definition(table).await?;
    let known = definition.columns.entry(column.to_owned()).or_default();
    if known.generated.take().is_some() {
        return change.overlay.redefine(&table.name, &definition).await;
    }
    let message = format!("column \"{column}\" of relation \"{}\" is not a stored generated column", table.name.name);
    if !if_exists {
        return Err(Error::new(ErrorKind::ObjectNotInPrerequisiteState, message));
    }
    change.notice("00000", format!("{message}, skipping"));
    Ok(())
}

/// Whether PostgreSQL's values of the type have lengths of their own.
fn varies(data_type: &Type) -> bool {
    let fixed = [
        Type::BOOL,
        Type::INT2,
        Type::INT4,
        Type::INT8,
        Type::FLOAT4,
        Type::FLOAT8,
        Type::DATE,
        Type::TIME,
        Type::TIMESTAMP,
        Type::TIMESTAMPTZ,
        Type::INTERVAL,
        Type::UUID,
        Type::OID,
        Type::NAME,
        Type::CHAR,
    ];
    !fixed.contains(data_type)
}

fn check_storage(column: &Column, storage: &str) -> Result<()> {
    let data_type = pgtypes::column_type(&column.field());
    match storage.to_lowercase().as_str() {
        "plain" => Ok(()),
        "external" | "extended" | "main" if varies(&data_type) => Ok(()),
        "external" | "extended" | "main" => {
            let told = format_type(data_type.oid(), -1);
            let message = format!("column data type {told} can only have storage PLAIN");
            Err(Error::new(ErrorKind::FeatureNotSupported, message))
        }
        _ => Err(invalid(format!("invalid storage type \"{storage}\""))),
    }
}

pub(super) fn check_compression(column: &Column, method: &str) -> Result<()> {
    let data_type = pgtypes::column_type(&column.field());
    if !["pglz", "lz4", "default"].contains(&method) {
        return Err(invalid(format!("invalid compression method \"{method}\"")));
    }
    if method == "default" || varies(&data_type) {
        return Ok(());
    }
    let message = format!("column data type {} does not support compression", format_type(data_type.oid(), -1));
    Err(Error::new(ErrorKind::FeatureNotSupported, message))
}

/// An alteration of a table or materialized view.
pub(super) async fn of_table(change: &Change, table: &Arc<Object>, what: &Alteration) -> Result<()> {
    let missing = |what: &str, name: &str, of: &str| {
        let message = format!("{what} \"{name}\" for {of} \"{}\" does not exist", table.name.name);
        Error::new(ErrorKind::UndefinedObject, message)
    };
    let index = |name: &str| {
        let found = table.constraints.iter().find(|known| known.name == name && known.kind.has_index());
        found.ok_or_else(|| missing("index", name, "table"))
    };
    match what {
        Alteration::Nothing | Alteration::Trigger(None) | Alteration::RowSecurity { wanted: false } => Ok(()),
        Alteration::Trigger(Some(name)) => Err(missing("trigger", name, "table")),
        Alteration::Rule(name) => Err(missing("rule", name, "relation")),
        Alteration::Cluster(name) => index(name).map(drop),
        Alteration::ReplicaIndex(name) => check_replica_index(index(name)?),
        Alteration::Tablespace(name) => storage::check_tablespace(change, name),
        Alteration::AccessMethod(name) => storage::check_method(change, name),
        Alteration::RowSecurity { wanted: true } => {
            Err(unsupported("ROW LEVEL SECURITY")
                .with_hint("make a view of the rows that may be seen, and grant on that"))
        }
        Alteration::Reset(names) => {
            let mut definition = change.definition(table).await?;
            let before = definition.properties.len();
            definition.properties.retain(|key, _| !names.iter().any(|name| options::is_called(key, name)));
            if definition.properties.len() == before {
                return Ok(());
            }
            change.overlay.redefine(&table.name, &definition).await
        }
        Alteration::Constraint { name, deferrable, deferred } => {
            let mut definition = change.definition(table).await?;
            let found = definition.constraints.iter_mut().find(|known| known.name == *name);
            match &mut found.ok_or_else(|| no_constraint(table, name))?.kind {
                ConstraintKind::ForeignKey { actions, .. } => {
                    (actions.deferrable, actions.deferred) = (*deferrable, *deferred);
                }
                _ => {
                    let message = format!(
                        "constraint \"{name}\" of relation \"{}\" is not a foreign key constraint",
                        table.name.name
                    );
                    return Err(Error::new(ErrorKind::WrongObjectType, message));
                }
            }
            change.overlay.redefine(&table.name, &definition).await
        }
        Alteration::Kin { words, name } => of_kin(change, table, words, name),
        _ => Err(unsupported("this alteration of a table")),
    }
}

fn check_replica_index(index: &Constraint) -> Result<()> {
    let why = match &index.kind {
        ConstraintKind::Index { unique: false, .. } => "non-unique",
        ConstraintKind::Index { condition: Some(_), .. } => "partial",
        ConstraintKind::Index { keys, .. } if !keys.is_empty() => "expression",
        _ => return Ok(()),
    };
    let kind = if why == "non-unique" { ErrorKind::WrongObjectType } else { ErrorKind::FeatureNotSupported };
    Err(Error::new(kind, format!("cannot use {why} index \"{}\" as replica identity", index.name)))
}

/// No table inherits from another, is a part of one, or is of a type.
fn of_kin(change: &Change, table: &Object, words: &str, name: &[String]) -> Result<()> {
    let own = &table.name.name;
    let wrong = |kind, message: String| Err(Error::new(kind, message));
    let state = change.state();
    let session = SessionInfo::of(state.config_options());
    match words {
        "NOT OF" => wrong(ErrorKind::WrongObjectType, format!("\"{own}\" is not a typed table")),
        "OF" => {
            let name = name.join(".");
            match session.and_then(|session| object_named(session, "type", &name)) {
                None => wrong(ErrorKind::UndefinedObject, format!("type \"{name}\" does not exist")),
                Some(_) => Err(unsupported("ALTER TABLE … OF")),
            }
        }
        _ => {
            let parts = name.iter().map(|part| Ident::with_quote('"', part));
            let other = relations::known(change, &parts.collect::<Vec<_>>().into())?;
            match words {
                "NO INHERIT" => wrong(
                    ErrorKind::UndefinedTable,
                    format!("relation \"{}\" is not a parent of relation \"{own}\"", other.name.name),
                ),
                "INHERIT" => Err(unsupported("INHERIT")
                    .with_hint("a table has the rows of itself alone: a view with UNION ALL has those of several")),
                _ => wrong(ErrorKind::InvalidObjectDefinition, format!("table \"{own}\" is not partitioned")),
            }
        }
    }
}
