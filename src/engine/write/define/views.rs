//! Views and materialized views.

use datafusion::logical_expr::LogicalPlan;
use datafusion::sql::sqlparser::ast::{self, ObjectName};

use super::super::Change;
use super::relations::{self, existing, is_temporary, owned, place, qualified, quoted};
use super::tables::{Kept, fill, renamed};
use super::{options, updatable};
use crate::catalog::{Column, Object, ObjectKind};
use crate::dialect::{self, folded};
use crate::engine::execute;
use crate::engine::session::Outcome;
use crate::error::{Error, ErrorKind, Result};
use crate::pgcatalog::format_type;
use crate::pgtypes;
use crate::table::Definition;

pub(super) async fn create(change: &Change, view: &ast::CreateView) -> Result<Outcome> {
    let mut definition = change.fixed(qualified(change, &view.query)?).await?;
    let reads_temporary = dialect::relations(&definition).iter().any(|name| is_temporary(&name.schema));
    let name = place(change, &view.name, view.temporary || reads_temporary)?;
    if reads_temporary && !view.temporary {
        change.notice("00000", format!("view \"{}\" will be a temporary view", name.name));
    }
    let old = change.scope().object(&name);
    match old.as_deref() {
        Some(old @ Object { kind: ObjectKind::View { .. }, .. }) if view.or_replace => {
            change.planner.check_owner(old)?;
        }
        Some(_) if view.or_replace => {
            return Err(Error::new(ErrorKind::WrongObjectType, format!("\"{}\" is not a view", name.name)));
        }
        Some(_) => return existing(change, &name, view.if_not_exists, "CREATE VIEW"),
        None => {}
    }
    if options::check_of_view(change, options::given(&view.options))? {
        updatable::check(&view.query)?;
    }
    let names: Vec<String> = view.columns.iter().map(|column| folded(&column.name)).collect();
    let plan = relations::plan(change, &definition).await?;
    let plan = match names.len() > plan.schema().fields().len() {
        true => return Err(Error::new(ErrorKind::SyntaxError, "CREATE VIEW specifies more column names than columns")),
        false => renamed(plan, &names)?,
    };
    let columns = columns_of(&plan);
    // the columns are those of now, whatever its tables come to have
    definition = settled(&definition, &names, &columns);
    if let Some(old) = &old {
        check_replaces(old, &columns)?;
    }
    let comment = old.as_ref().and_then(|old| old.comment.clone());
    change.overlay.put_view(&name, definition, columns, comment, None)?;
    Ok(Outcome::command("CREATE VIEW"))
}

fn columns_of(plan: &LogicalPlan) -> Vec<Column> {
    execute::client_schema(plan).fields().iter().map(|field| Column::of_result(field)).collect()
}

/// The query with its columns named: `*` alone written out, and those of the view's own list.
fn settled(definition: &str, names: &[String], columns: &[Column]) -> String {
    let Ok(statement) = dialect::parse_single(definition) else { return definition.to_owned() };
    let ast::Statement::Query(mut query) = statement.ast else { return definition.to_owned() };
    let all = |list: &[ast::SelectItem]| matches!(list, [ast::SelectItem::Wildcard(options)] if options == &ast::WildcardAdditionalOptions::default());
    if names.is_empty() {
        if let ast::SetExpr::Select(select) = query.body.as_mut()
            && all(&select.projection)
        {
            let item = |column: &Column| {
                ast::SelectItem::UnnamedExpr(ast::Expr::Identifier(ast::Ident::with_quote('"', &column.name)))
            };
            select.projection = columns.iter().map(item).collect();
            return query.to_string();
        }
        return definition.to_owned();
    }
    let list: Vec<String> = columns.iter().map(|column| quoted(&column.name)).collect();
    format!("SELECT * FROM ({query}) AS view_query ({})", list.join(", "))
}

/// OR REPLACE may add columns at the end, and change none.
fn check_replaces(old: &Object, new: &[Column]) -> Result<()> {
    let refuse = |message: String| Err(Error::new(ErrorKind::InvalidTableDefinition, message));
    if new.len() < old.columns.len() {
        return refuse("cannot drop columns from view".to_owned());
    }
    for (old, new) in old.columns.iter().zip(new) {
        if old.name != new.name {
            return Err(Error::new(
                ErrorKind::InvalidTableDefinition,
                format!("cannot change name of view column \"{}\" to \"{}\"", old.name, new.name),
            )
            .with_hint("Use ALTER VIEW ... RENAME COLUMN ... to change name of view column instead."));
        }
        let told = |column: &Column| {
            let field = column.field();
            let modifier = column.modifier.unwrap_or_else(|| pgtypes::column_modifier(&field));
            format_type(pgtypes::column_type(&field).oid(), i64::from(modifier))
        };
        if told(old) != told(new) {
            return refuse(format!(
                "cannot change data type of view column \"{}\" from {} to {}",
                old.name,
                told(old),
                told(new)
            ));
        }
    }
    Ok(())
}

/// A table that keeps the query that fills it.
pub(super) async fn create_materialized(change: &Change, view: &ast::CreateView) -> Result<Outcome> {
    let name = place(change, &view.name, false)?;
    if change.scope().object(&name).is_some() {
        return existing(change, &name, view.if_not_exists, "CREATE MATERIALIZED VIEW");
    }
    let properties = options::properties(change, options::given(&view.options))?;
    let with_data = !view.with_no_schema_binding;
    let definition = change.fixed(qualified(change, &view.query)?).await?;
    let names: Vec<String> = view.columns.iter().map(|column| folded(&column.name)).collect();
    let plan = renamed(relations::plan(change, &definition).await?, &names)?;
    let columns = columns_of(&plan);
    let definition = settled(&definition, &names, &columns);
    let rows = fill(change, &name, plan, Kept { properties, ..Kept::default() }, with_data).await?;
    change.overlay.edit(&name, |object| (object.query, object.unpopulated) = (Some(definition), !with_data))?;
    Ok(Outcome::command(if with_data { format!("SELECT {rows}") } else { "CREATE MATERIALIZED VIEW".to_owned() }))
}

pub(super) async fn refresh(change: &Change, view: &ObjectName, with_data: bool, concurrently: bool) -> Result<()> {
    if concurrently && !with_data {
        let message = "CONCURRENTLY and WITH NO DATA options cannot be used together";
        return Err(Error::new(ErrorKind::SyntaxError, message));
    }
    let object = owned(change, view)?;
    let Some(query) = &object.query else {
        let message = format!("\"{}\" is not a materialized view", object.name.name);
        return Err(Error::new(ErrorKind::FeatureNotSupported, message));
    };
    if concurrently {
        check_concurrently(&object)?;
    }
    let plan = renamed(relations::plan(change, query).await?, &[])?;
    let old = change.definition(&object).await?;
    fill(change, &object.name, plan, Kept::default(), with_data).await?;
    // indexes and comments outlive the rows
    let missing = || Error::internal("a materialized view vanished while it was refreshed");
    let filled = change.overlay.scope().object(&object.name).ok_or_else(missing)?;
    let mut definition = change.definition(&filled).await?;
    for (name, column) in &mut definition.columns {
        column.comment = old.columns.get(name).and_then(|known| known.comment.clone());
    }
    let kept = Definition { constraints: old.constraints, comment: old.comment, ..definition.clone() };
    if kept != definition {
        change.overlay.redefine(&object.name, &kept).await?;
    }
    change.overlay.edit(&object.name, |object| object.unpopulated = !with_data)
}

/// Readers go on with the old rows however a view is refreshed here; PostgreSQL needs these to have it so.
fn check_concurrently(view: &Object) -> Result<()> {
    if view.unpopulated {
        let message = "CONCURRENTLY cannot be used when the materialized view is not populated";
        return Err(Error::new(ErrorKind::FeatureNotSupported, message));
    }
    if view.constraints.iter().any(|constraint| constraint.kind.is_key()) {
        return Ok(());
    }
    let message = format!("cannot refresh materialized view \"{}\" concurrently", view.name);
    let hint = "Create a unique index with no WHERE clause on one or more columns of the materialized view.";
    Err(Error::new(ErrorKind::ObjectNotInPrerequisiteState, message).with_hint(hint))
}
