//! The relations that definitions are about: found, named anew, and what reads them.

use std::collections::BTreeSet;
use std::ops::ControlFlow;
use std::sync::Arc;

use datafusion::logical_expr::LogicalPlan;
use datafusion::sql::sqlparser::ast::{self, ObjectName};

use super::super::Change;
use super::super::names::{check_schema, new_name, reference};
use super::sequences;
use crate::catalog::{Object, ObjectKind};
use crate::dialect::{self, folded};
use crate::engine::names::Relation;
use crate::engine::session::Outcome;
use crate::error::{Error, ErrorKind, Result};
use crate::names::{TableName, quote_ident};
use crate::table::{Constraint, ConstraintKind};

/// What begins the name of a session's schema for what is gone at its end.
const TEMPORARY: &str = "pg_temp_";

pub(in crate::engine::write) fn is_temporary(schema: &str) -> bool {
    schema.starts_with(TEMPORARY)
}

/// The session's schema for temporary relations.
///
/// # Errors
/// `0A000` where statements run without a session.
pub(in crate::engine::write) fn temp_schema(change: &Change) -> Result<String> {
    let none = || Error::new(ErrorKind::FeatureNotSupported, "temporary tables need a session");
    change.scope().temp_schema().map(str::to_owned).ok_or_else(none)
}

/// The name as messages have it: with its schema where that is not on the search path.
pub(super) fn shown(change: &Change, name: &TableName) -> String {
    let visible = is_temporary(&name.schema) || change.planner.search_path().contains(&name.schema);
    if visible { name.name.clone() } else { format!("{}.{}", name.schema, name.name) }
}

/// What messages about dependences call it.
pub(super) fn told(change: &Change, object: &Object) -> String {
    format!("{} {}", object.noun(), shown(change, &object.name))
}

/// Where a new relation goes.
pub(super) fn place(change: &Change, name: &ObjectName, temporary: bool) -> Result<TableName> {
    let given = reference(name)?;
    let in_temp = given.schema().is_some_and(|schema| schema == "pg_temp" || is_temporary(schema));
    match (given.schema(), temporary || in_temp) {
        (_, false) => new_name(&change.planner, name),
        (Some(_), true) if !in_temp => Err(Error::new(
            ErrorKind::InvalidTableDefinition,
            "cannot create temporary relation in non-temporary schema",
        )),
        _ => Ok(TableName::new(temp_schema(change)?, given.table())),
    }
}

/// `42P07`, or its notice where IF NOT EXISTS was said.
pub(super) fn existing(change: &Change, name: &TableName, fine: bool, tag: &str) -> Result<Outcome> {
    let message = format!("relation \"{}\" already exists", name.name);
    if !fine {
        return Err(Error::new(ErrorKind::DuplicateTable, message));
    }
    change.notice("42P07", format!("{message}, skipping"));
    Ok(Outcome::command(tag))
}

/// The relation of a name, which must be the lake's or the session's own.
///
/// # Errors
/// `42P01`, `42501` for what is the server's own.
pub(super) fn known(change: &Change, name: &ObjectName) -> Result<Arc<Object>> {
    let reference = reference(name)?;
    let found = change.planner.relation(&reference);
    match found {
        Ok(Relation::Object(object)) => {
            check_schema(&object.name.schema)?;
            Ok(object)
        }
        Ok(Relation::Provider(_)) => Err(Error::new(
            ErrorKind::InsufficientPrivilege,
            format!("permission denied: \"{name}\" is a system catalog"),
        )),
        Err(error) => Err(error),
    }
}

/// [`known`], of a relation that the user may define anew.
///
/// # Errors
/// Those of [`known`]; `42501` where it is another's.
pub(super) fn owned(change: &Change, name: &ObjectName) -> Result<Arc<Object>> {
    let object = known(change, name)?;
    change.planner.check_owner(&object)?;
    Ok(object)
}

/// [`owned`], for a statement that says IF EXISTS: a notice where there is none.
pub(super) fn owned_if(change: &Change, name: &ObjectName, if_exists: bool) -> Result<Option<Arc<Object>>> {
    match owned(change, name) {
        Err(error) if if_exists && matches!(error.kind(), ErrorKind::UndefinedTable) => {
            let table = reference(name)?.table().to_owned();
            change.notice("00000", format!("relation \"{table}\" does not exist, skipping"));
            Ok(None)
        }
        found => found.map(Some),
    }
}

/// Views, materialized or not, whose queries name the relation.
pub(super) fn readers(change: &Change, name: &TableName) -> Vec<Arc<Object>> {
    let reads = |object: &Arc<Object>| {
        object.defining_query().is_some_and(|definition| dialect::relations(definition).contains(name))
    };
    change.overlay.scope().objects().into_iter().filter(reads).collect()
}

/// The plan of a query in the lake's dialect, over what the transaction sees now.
pub(super) async fn plan(change: &Change, sql: &str) -> Result<LogicalPlan> {
    let statement = dialect::parse_single(sql)?;
    change.plan(&statement).await.map_err(Error::without_position)
}

/// A name as SQL has it.
pub(super) fn quoted(name: &str) -> String {
    ast::Ident::with_quote('"', name).to_string()
}

/// The query with each relation under its full name: a view means the same under every search path.
pub(super) fn qualified(change: &Change, query: &ast::Query) -> Result<String> {
    struct WithNames(BTreeSet<String>);
    impl ast::Visitor for WithNames {
        type Break = ();
        fn pre_visit_query(&mut self, query: &ast::Query) -> ControlFlow<()> {
            let tables = query.with.iter().flat_map(|with| &with.cte_tables);
            self.0.extend(tables.map(|table| folded(&table.alias.name)));
            ControlFlow::Continue(())
        }
    }
    let mut own = WithNames(BTreeSet::new());
    let _ = ast::Visit::visit(query, &mut own);
    let mut query = query.clone();
    let visited = ast::visit_relations_mut(&mut query, |name| {
        let reference = match reference(name) {
            Ok(reference) => reference,
            Err(error) => return ControlFlow::Break(error),
        };
        let is_own = reference.schema().is_none() && own.0.contains(reference.table());
        // what does not exist is told when the view is planned
        if !is_own && let Ok(Relation::Object(object)) = change.planner.relation(&reference) {
            *name = full_name(&object.name);
        }
        ControlFlow::Continue(())
    });
    match visited {
        ControlFlow::Break(error) => Err(error),
        ControlFlow::Continue(()) => Ok(query.to_string()),
    }
}

pub(super) fn full_name(name: &TableName) -> ObjectName {
    let ident = |part: &str| match quote_ident(part) == part {
        true => ast::Ident::new(part),
        false => ast::Ident::with_quote('"', part),
    };
    ObjectName::from(vec![ident(&name.schema), ident(&name.name)])
}

/// Gives the relation another name; the views that read it go on reading it.
pub(super) async fn rename(change: &Change, old: &TableName, new: &TableName) -> Result<()> {
    if change.overlay.scope().object(new).is_some() {
        let message = match old.schema == new.schema {
            true => format!("relation \"{}\" already exists", new.name),
            false => format!("relation \"{}\" already exists in schema \"{}\"", new.name, new.schema),
        };
        return Err(Error::new(ErrorKind::DuplicateTable, message));
    }
    let readers = readers(change, old);
    sequences::follow(change, old, new).await?;
    change.overlay.rename(old, new)?;
    for reader in readers {
        let name = if reader.name == *old { new } else { &reader.name };
        change.overlay.edit(name, |object| {
            if let ObjectKind::View { definition } = &mut object.kind {
                *definition = renamed_in(definition, old, new);
            }
            if let Some(query) = &mut object.query {
                *query = renamed_in(query, old, new);
            }
        })?;
    }
    edit_foreign_keys(change, old, |key| {
        if let ConstraintKind::ForeignKey { schema, table, .. } = key {
            (*schema, *table) = (new.schema.clone(), new.name.clone());
        }
    })
    .await
}

/// Changes the foreign keys that lead to the table.
pub(super) async fn edit_foreign_keys(
    change: &Change,
    to: &TableName,
    edit: impl Fn(&mut ConstraintKind),
) -> Result<()> {
    let leads = |constraint: &Constraint| constraint.kind.target().as_ref() == Some(to);
    for table in change.overlay.scope().objects() {
        if !table.constraints.iter().any(leads) {
            continue;
        }
        let mut definition = change.definition(&table).await?;
        definition.constraints.iter_mut().filter(|key| leads(key)).for_each(|key| edit(&mut key.kind));
        change.overlay.redefine(&table.name, &definition).await?;
    }
    Ok(())
}

fn renamed_in(definition: &str, old: &TableName, new: &TableName) -> String {
    let Ok(mut statement) = dialect::parse_single(definition) else { return definition.to_owned() };
    let _ = ast::visit_relations_mut(&mut statement.ast, |name| {
        let parts: Vec<String> = name.0.iter().filter_map(|part| part.as_ident()).map(folded).collect();
        if let [.., schema, table] = parts.as_slice()
            && (schema, table) == (&old.schema, &old.name)
        {
            *name = full_name(new);
        }
        ControlFlow::<()>::Continue(())
    });
    statement.ast.to_string()
}
