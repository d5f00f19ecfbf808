//! COMMENT ON.

use datafusion::sql::sqlparser::ast::{CommentObject, ObjectName};

use super::super::names::reference;
use super::super::{Change, unsupported};
use super::relations::{known, owned};
use super::{indexes, schemas};
use crate::catalog::{Object, ObjectKind};
use crate::dialect::{CONSTRAINT, folded};
use crate::engine::SessionInfo;
use crate::error::{Error, ErrorKind, Result};
use crate::table::Constraint;

pub(super) async fn comment(
    change: &Change,
    kind: CommentObject,
    name: &ObjectName,
    text: Option<&str>,
    if_exists: bool,
) -> Result<()> {
    // an empty comment is none
    let text = text.filter(|text| !text.is_empty()).map(str::to_owned);
    match kind {
        CommentObject::Table | CommentObject::View | CommentObject::MaterializedView | CommentObject::Sequence => {
            let object = match owned(change, name) {
                Err(error) if if_exists && error.kind() == ErrorKind::UndefinedTable => return Ok(()),
                Err(error) if error.kind() == ErrorKind::UndefinedTable => {
                    return Err(match indexes::find(change, name)? {
                        Some((_, index)) => not_a(&index.name, kind),
                        None => error,
                    });
                }
                found => found?,
            };
            check_kind(&object, kind)?;
            on_relation(change, &object, text).await
        }
        CommentObject::Column => match constraint(name) {
            Some(constraint) => on_constraint(change, name, &constraint, text).await,
            None => on_column(change, name, text).await,
        },
        CommentObject::Index => {
            let Some((table, index)) = indexes::find(change, name)? else {
                let object = known(change, name)?;
                return Err(Error::new(
                    ErrorKind::WrongObjectType,
                    format!("\"{}\" is not an index", object.name.name),
                ));
            };
            if index.kind.is_constraint() {
                return Err(unsupported("COMMENT ON INDEX of a constraint's index")
                    .with_hint(format!("COMMENT ON CONSTRAINT {} ON {} is kept", index.name, table.name.name)));
            }
            put(change, &table, &index.name, text).await
        }
        CommentObject::Schema => {
            let schema = reference(name)?.table().to_owned();
            schemas::check_exists(change, &schema)?;
            change.overlay.put_schema_comment(&schema, text);
            Ok(())
        }
        CommentObject::Role | CommentObject::User => {
            let role = reference(name)?.table().to_owned();
            if let Some(session) = SessionInfo::of(change.state().config_options()) {
                session.check_role(&role)?;
            }
            change.notice("00000", format!("a comment on role {role} is not kept"));
            Ok(())
        }
        other => Err(unsupported(&format!("COMMENT ON {other}"))),
    }
}

fn noun(kind: CommentObject) -> &'static str {
    match kind {
        CommentObject::View => "view",
        CommentObject::MaterializedView => "materialized view",
        CommentObject::Sequence => "sequence",
        _ => "table",
    }
}

fn check_kind(object: &Object, kind: CommentObject) -> Result<()> {
    match object.noun() == noun(kind) {
        true => Ok(()),
        false => Err(not_a(&object.name.name, kind)),
    }
}

fn not_a(name: &str, kind: CommentObject) -> Error {
    Error::new(ErrorKind::WrongObjectType, format!("\"{name}\" is not a {}", noun(kind)))
}

async fn on_relation(change: &Change, object: &Object, text: Option<String>) -> Result<()> {
    if matches!(object.kind, ObjectKind::View { .. } | ObjectKind::Sequence(_)) {
        return change.overlay.edit(&object.name, |object| object.comment = text);
    }
    let mut definition = change.definition(object).await?;
    definition.comment = text;
    change.overlay.redefine(&object.name, &definition).await
}

/// The name of the constraint, if one is meant.
fn constraint(name: &ObjectName) -> Option<String> {
    let last = folded(name.0.last()?.as_ident()?);
    Some(last.strip_prefix(CONSTRAINT)?.to_owned())
}

async fn on_constraint(change: &Change, name: &ObjectName, constraint: &str, text: Option<String>) -> Result<()> {
    let table = ObjectName(name.0[..name.0.len() - 1].to_vec());
    let object = owned(change, &table)?;
    let has = |known: &Constraint| known.name == constraint && known.kind.is_constraint();
    if !object.constraints.iter().any(has) {
        let message = format!("constraint \"{constraint}\" for table \"{}\" does not exist", object.name.name);
        return Err(Error::new(ErrorKind::UndefinedObject, message));
    }
    put(change, &object, constraint, text).await
}

/// The comment of a constraint or of an index.
async fn put(change: &Change, object: &Object, name: &str, text: Option<String>) -> Result<()> {
    let mut definition = change.definition(object).await?;
    let commented = definition.constraints.iter_mut().filter(|constraint| constraint.name == name);
    commented.for_each(|constraint| constraint.comment.clone_from(&text));
    change.overlay.redefine(&object.name, &definition).await
}

async fn on_column(change: &Change, name: &ObjectName, text: Option<String>) -> Result<()> {
    let mut parts = name.0.clone();
    let column = parts.pop().and_then(|part| part.as_ident().map(folded)).unwrap_or_default();
    if parts.is_empty() {
        return Err(Error::new(ErrorKind::SyntaxError, "column name must be qualified"));
    }
    let given = ObjectName(parts);
    let object = owned(change, &given)?;
    if !object.columns.iter().any(|known| known.name == column) {
        let message = format!("column \"{column}\" of relation \"{}\" does not exist", reference(&given)?);
        return Err(Error::new(ErrorKind::UndefinedColumn, message));
    }
    if matches!(object.kind, ObjectKind::View { .. }) {
        return change.overlay.edit(&object.name, |object| {
            if let Some(known) = object.columns.iter_mut().find(|known| known.name == column) {
                known.comment = text;
            }
        });
    }
    let mut definition = change.definition(&object).await?;
    definition.columns.entry(column).or_default().comment = text;
    change.overlay.redefine(&object.name, &definition).await
}
