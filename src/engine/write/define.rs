//! CREATE and DROP of tables, views and schemas.

use std::collections::BTreeSet;
use std::ops::ControlFlow;
use std::sync::Arc;

use datafusion::common::DFSchema;
use datafusion::logical_expr::{EmptyRelation, LogicalPlan};
use datafusion::scalar::ScalarValue;
use datafusion::sql::sqlparser::ast::{self, ColumnOption, ObjectName, ObjectType, TableConstraint};

use super::names::{check_schema, new_name, reference};
use super::{Change, unsupported};
use crate::catalog::{Column, Object, ObjectKind};
use crate::dialect::{self, Statement, folded};
use crate::engine::errors;
use crate::engine::names::Relation;
use crate::engine::planned::bind;
use crate::engine::session::Outcome;
use crate::error::{Error, ErrorKind, Result};
use crate::names::TableName;
use crate::table::{WriteMode, WriteSpec};

pub(super) async fn create_table(
    change: &Change,
    statement: &Statement,
    table: &ast::CreateTable,
    params: &[ScalarValue],
) -> Result<Outcome> {
    if table.temporary {
        return Err(unsupported("CREATE TEMPORARY TABLE")
            .with_hint("a WITH query, or a table in a schema of its own, will often do"));
    }
    let name = new_name(&change.planner, &table.name)?;
    if change.scope().object(&name).is_some() {
        return existing(change, &name, table.if_not_exists, "CREATE TABLE");
    }
    if let Some(query) = &table.query {
        let ast = ast::Statement::Query(query.clone());
        let query = Statement { ast, ..statement.clone() };
        let planned = change.guard.run(change.planner.plan(&query)).await?;
        let plan = change.planner.visible(bind(&planned, &query, params)?.unwrap_or(planned))?;
        let written = change.write(&name, WriteSpec::new(WriteMode::Overwrite), plan).await?;
        return Ok(Outcome::command(format!("SELECT {}", written.rows)));
    }
    let not_null = not_null_columns(change, table)?;
    let columns = change.planner.columns(table.columns.clone())?;
    check_distinct(&columns)?;
    let refusing = |field: &std::sync::Arc<datafusion::arrow::datatypes::Field>| {
        field.as_ref().clone().with_nullable(!not_null.contains(field.name()))
    };
    let stored = datafusion::arrow::datatypes::Schema::new(columns.fields().iter().map(refusing).collect::<Vec<_>>());
    let spec = WriteSpec {
        definition: Some(crate::table::Definition::new(Arc::new(stored))),
        ..WriteSpec::new(WriteMode::Overwrite)
    };
    let schema = DFSchema::try_from(columns).map_err(errors::from_datafusion)?;
    let none = LogicalPlan::EmptyRelation(EmptyRelation { produce_one_row: false, schema: Arc::new(schema) });
    change.write(&name, spec, none).await?;
    Ok(Outcome::command("CREATE TABLE"))
}

fn existing(change: &Change, name: &TableName, fine: bool, tag: &str) -> Result<Outcome> {
    let message = format!("relation \"{}\" already exists", name.name);
    if !fine {
        return Err(Error::new(ErrorKind::DuplicateTable, message));
    }
    change.notice("42P07", format!("{message}, skipping"));
    Ok(Outcome::command(tag))
}

fn check_distinct(columns: &datafusion::arrow::datatypes::Schema) -> Result<()> {
    let mut seen = BTreeSet::new();
    match columns.fields().iter().find(|field| !seen.insert(field.name().to_lowercase())) {
        None => Ok(()),
        Some(twice) => {
            let message = format!("column \"{}\" specified more than once", twice.name());
            Err(Error::new(ErrorKind::DuplicateColumn, message))
        }
    }
}

/// The columns that refuse nulls. Keys are taken note of, as in other lakes: told, not enforced.
fn not_null_columns(change: &Change, table: &ast::CreateTable) -> Result<Vec<String>> {
    let mut not_null = Vec::new();
    for column in &table.columns {
        for option in &column.options {
            match &option.option {
                ColumnOption::Null => {}
                ColumnOption::Default(ast::Expr::Value(value)) if value.value == ast::Value::Null => {}
                ColumnOption::NotNull => not_null.push(folded(&column.name)),
                ColumnOption::PrimaryKey(_) => {
                    not_null.push(folded(&column.name));
                    not_enforced(change, "PRIMARY KEY");
                }
                ColumnOption::Unique(_) => not_enforced(change, "UNIQUE"),
                ColumnOption::ForeignKey(_) => not_enforced(change, "REFERENCES"),
                other => return Err(unsupported(&format!("{other} of column \"{}\"", column.name))),
            }
        }
    }
    for constraint in &table.constraints {
        match constraint {
            TableConstraint::PrimaryKey(key) => {
                not_null.extend(key.columns.iter().map(|column| column.column.expr.to_string().replace('"', "")));
                not_enforced(change, "PRIMARY KEY");
            }
            TableConstraint::Unique(_) => not_enforced(change, "UNIQUE"),
            TableConstraint::ForeignKey(_) => not_enforced(change, "FOREIGN KEY"),
            other => return Err(unsupported(&format!("constraint {other}"))),
        }
    }
    Ok(not_null)
}

fn not_enforced(change: &Change, what: &str) {
    change.notice("00000", format!("{what} is not enforced: Delta tables have no unique index"));
}

pub(super) async fn create_view(change: &Change, view: &ast::CreateView) -> Result<Outcome> {
    if view.materialized || view.temporary {
        return Err(unsupported(if view.materialized { "CREATE MATERIALIZED VIEW" } else { "CREATE TEMPORARY VIEW" }));
    }
    let name = new_name(&change.planner, &view.name)?;
    match change.scope().object(&name).as_deref() {
        Some(Object { kind: ObjectKind::View { .. }, .. }) if view.or_replace => {}
        Some(Object { kind: ObjectKind::View { .. }, .. }) | None if view.or_replace => {}
        Some(_) if view.or_replace => {
            return Err(Error::new(ErrorKind::WrongObjectType, format!("\"{}\" is not a view", name.name)));
        }
        Some(_) => return existing(change, &name, view.if_not_exists, "CREATE VIEW"),
        None => {}
    }
    let definition = qualified(change, &view.query)?;
    let planned = change.guard.run(change.planner.plan(&dialect::parse_single(&definition)?)).await?;
    let plan = change.planner.visible(planned)?;
    if !view.columns.is_empty() {
        return Err(unsupported("a list of column names in CREATE VIEW")
            .with_hint("name the columns in the query: select … as name"));
    }
    let columns = plan.schema().fields().iter().map(|field| Column::of_result(field));
    change.overlay.put_view(&name, definition, columns.collect(), None, None)?;
    Ok(Outcome::command("CREATE VIEW"))
}

/// The query with each relation under its full name: a view means the same under every search path.
fn qualified(change: &Change, query: &ast::Query) -> Result<String> {
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
            let quoted = |part: &str| ast::Ident::with_quote('"', part);
            *name = ObjectName::from(vec![quoted(&object.name.schema), quoted(&object.name.name)]);
        }
        ControlFlow::Continue(())
    });
    match visited {
        ControlFlow::Break(error) => Err(error),
        ControlFlow::Continue(()) => Ok(query.to_string()),
    }
}

pub(super) fn create_schema(change: &Change, name: &ast::SchemaName, if_not_exists: bool) -> Result<Outcome> {
    let ast::SchemaName::Simple(name) = name else { return Err(unsupported("CREATE SCHEMA … AUTHORIZATION")) };
    let schema = reference(name)?.table().to_owned();
    check_schema(&schema)?;
    if change.scope().schemas().contains(&schema) {
        let message = format!("schema \"{schema}\" already exists");
        if !if_not_exists {
            return Err(Error::new(ErrorKind::DuplicateSchema, message));
        }
        change.notice("42P06", format!("{message}, skipping"));
    } else {
        change.overlay.put_schema(&schema, true);
    }
    Ok(Outcome::command("CREATE SCHEMA"))
}

pub(super) fn drop(
    change: &Change,
    object_type: ObjectType,
    names: &[ObjectName],
    if_exists: bool,
    cascade: bool,
) -> Result<Outcome> {
    let tag = match object_type {
        ObjectType::Table => "DROP TABLE",
        ObjectType::View => "DROP VIEW",
        ObjectType::Schema => "DROP SCHEMA",
        other => return Err(unsupported(&format!("DROP {other}"))),
    };
    for name in names {
        match object_type {
            ObjectType::Schema => drop_schema(change, name, if_exists, cascade)?,
            kind => drop_relation(change, kind, name, if_exists, cascade)?,
        }
    }
    Ok(Outcome::command(tag))
}

fn drop_relation(change: &Change, kind: ObjectType, name: &ObjectName, if_exists: bool, cascade: bool) -> Result<()> {
    let noun = if kind == ObjectType::View { "view" } else { "table" };
    let reference = reference(name)?;
    let object = match change.planner.relation(&reference) {
        Ok(Relation::Object(object)) => object,
        Ok(Relation::Provider(_)) => {
            return Err(Error::new(
                ErrorKind::InsufficientPrivilege,
                format!("permission denied: \"{name}\" is a system catalog"),
            ));
        }
        Err(error) if error.kind() == ErrorKind::UndefinedTable => {
            let message = format!("{noun} \"{}\" does not exist", reference.table());
            if !if_exists {
                return Err(Error::new(ErrorKind::UndefinedTable, message));
            }
            change.notice("00000", format!("{message}, skipping"));
            return Ok(());
        }
        Err(error) => return Err(error),
    };
    check_schema(&object.name.schema)?;
    if matches!(object.kind, ObjectKind::View { .. }) != (kind == ObjectType::View) {
        let hint = if kind == ObjectType::View {
            "use DROP TABLE to remove a table"
        } else {
            "use DROP VIEW to remove a view"
        };
        return Err(Error::new(ErrorKind::WrongObjectType, format!("\"{}\" is not a {noun}", reference.table()))
            .with_hint(hint));
    }
    drop_with_views(change, &object.name, noun, cascade)
}

/// Drops the object, and with CASCADE the views that read it.
fn drop_with_views(change: &Change, name: &TableName, noun: &str, cascade: bool) -> Result<()> {
    let readers = views_reading(change, name);
    if !cascade && !readers.is_empty() {
        let lines: Vec<String> = readers.iter().map(|view| format!("view {view} depends on {noun} {name}")).collect();
        let message = format!("cannot drop {noun} {name} because other objects depend on it");
        return Err(Error::new(ErrorKind::DependentObjects, message)
            .with_detail(lines.join("\n"))
            .with_hint("use DROP … CASCADE to drop the dependent objects too"));
    }
    for view in readers {
        change.notice("00000", format!("drop cascades to view {view}"));
        drop_with_views(change, &view, "view", true)?;
    }
    // a view may have gone with another already
    match change.overlay.scope().object(name) {
        Some(_) => change.overlay.drop_object(name),
        None => Ok(()),
    }
}

fn views_reading(change: &Change, name: &TableName) -> Vec<TableName> {
    let scope = change.overlay.scope();
    let reads = |object: &Arc<Object>| match &object.kind {
        ObjectKind::View { definition } => dialect::relations(definition).contains(name),
        _ => false,
    };
    scope.objects().iter().filter(|object| reads(object)).map(|object| object.name.clone()).collect()
}

fn drop_schema(change: &Change, name: &ObjectName, if_exists: bool, cascade: bool) -> Result<()> {
    let schema = reference(name)?.table().to_owned();
    check_schema(&schema)?;
    let scope = change.overlay.scope();
    if !scope.schemas().contains(&schema) {
        let message = format!("schema \"{schema}\" does not exist");
        if !if_exists {
            return Err(Error::new(ErrorKind::InvalidSchemaName, message));
        }
        change.notice("00000", format!("{message}, skipping"));
        return Ok(());
    }
    let inside: Vec<_> = scope.objects().iter().filter(|object| object.name.schema == schema).cloned().collect();
    if !cascade && !inside.is_empty() {
        let lines: Vec<String> =
            inside.iter().map(|object| format!("{} depends on schema {schema}", object.name)).collect();
        let message = format!("cannot drop schema {schema} because other objects depend on it");
        return Err(Error::new(ErrorKind::DependentObjects, message)
            .with_detail(lines.join("\n"))
            .with_hint("use DROP … CASCADE to drop the dependent objects too"));
    }
    for object in inside {
        drop_with_views(change, &object.name, "table", true)?;
    }
    change.overlay.put_schema(&schema, false);
    Ok(())
}
