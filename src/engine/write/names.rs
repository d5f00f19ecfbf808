//! Which object a statement changes, and where a new one goes.

use std::sync::Arc;

use datafusion::common::TableReference;
use datafusion::sql::planner::object_name_to_table_reference;
use datafusion::sql::sqlparser::ast::{self, ObjectName};

use crate::catalog::{Object, ObjectKind, Privilege};
use crate::dialect;
use crate::engine::errors;
use crate::engine::names::Relation;
use crate::engine::planner::Planner;
use crate::error::{Error, ErrorKind, Result};
use crate::names::TableName;

/// Schemas that are the server's own.
const RESERVED: [&str; 3] = ["lakewire", "pg_catalog", "information_schema"];

/// The name as it is looked up: folded to lower case where it is not quoted.
pub(in crate::engine) fn reference(name: &ObjectName) -> Result<TableReference> {
    object_name_to_table_reference(name.clone(), true).map_err(errors::from_datafusion)
}

/// What a statement does with rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::engine) enum Verb {
    Insert,
    Update,
    Delete,
    Merge,
    Truncate,
    Copy,
}

impl Verb {
    /// What a user needs for it. MERGE asks for each of its actions by itself.
    fn privilege(self) -> Option<Privilege> {
        Some(match self {
            Self::Insert | Self::Copy => Privilege::Insert,
            Self::Update => Privilege::Update,
            Self::Delete => Privilege::Delete,
            Self::Truncate => Privilege::Truncate,
            Self::Merge => return None,
        })
    }
}

/// The table that the name stands for, which the user may change so.
///
/// # Errors
/// Those of [`found`]; `42501` where the user has not the right.
pub(in crate::engine) fn changed(planner: &Planner, name: &ObjectName, verb: Verb) -> Result<Arc<Object>> {
    let object = found(planner, name, verb)?;
    verb.privilege().map_or(Ok(()), |privilege| planner.check_right(&object, privilege))?;
    Ok(object)
}

/// The table that the name stands for.
///
/// # Errors
/// `42P01`; `55000`, `42809` or `0A000` for a view, `42501` for what is the server's own.
pub(super) fn found(planner: &Planner, name: &ObjectName, verb: Verb) -> Result<Arc<Object>> {
    let found = planner.relation(&reference(name)?)?;
    let Relation::Object(object) = found else {
        return Err(Error::new(
            ErrorKind::InsufficientPrivilege,
            format!("permission denied: \"{name}\" is a system catalog"),
        ));
    };
    check_schema(&object.name.schema)?;
    match object.kind {
        ObjectKind::View { ref definition } => Err(on_view(&object.name.name, definition, verb)),
        _ if object.query.is_some() => Err(on_materialized_view(&object.name.name, verb)),
        ObjectKind::Sequence(_) => {
            let message = format!("cannot change sequence \"{}\"", object.name.name);
            Err(Error::new(ErrorKind::WrongObjectType, message))
        }
        ObjectKind::Table { .. } | ObjectKind::Broken { .. } => Ok(object),
    }
}

fn on_view(view: &str, definition: &str, verb: Verb) -> Error {
    let (kind, message) = match verb {
        Verb::Insert => (ErrorKind::ObjectNotInPrerequisiteState, format!("cannot insert into view \"{view}\"")),
        Verb::Update => (ErrorKind::ObjectNotInPrerequisiteState, format!("cannot update view \"{view}\"")),
        Verb::Delete => (ErrorKind::ObjectNotInPrerequisiteState, format!("cannot delete from view \"{view}\"")),
        Verb::Merge => (ErrorKind::FeatureNotSupported, format!("cannot execute MERGE on relation \"{view}\"")),
        Verb::Copy => (ErrorKind::WrongObjectType, format!("cannot copy to view \"{view}\"")),
        Verb::Truncate => (ErrorKind::WrongObjectType, format!("\"{view}\" is not a table")),
    };
    let error = Error::new(kind, message).with_hint("change the tables that it reads");
    match verb {
        Verb::Truncate | Verb::Copy => error,
        Verb::Merge => error.with_detail(OF_VIEWS),
        Verb::Insert | Verb::Update | Verb::Delete => error.with_detail(why_not(definition)),
    }
}

/// Why PostgreSQL would not write through the view either, if so.
fn why_not(definition: &str) -> &'static str {
    let Ok(ast::Statement::Query(query)) = dialect::parse_single(definition).map(|statement| statement.ast) else {
        return OF_VIEWS;
    };
    let ast::SetExpr::Select(select) = query.body.as_ref() else {
        return "Views containing UNION, INTERSECT, or EXCEPT are not automatically updatable.";
    };
    let is_grouped = !matches!(&select.group_by, ast::GroupByExpr::Expressions(by, _) if by.is_empty());
    let calls = |kind| {
        select.projection.iter().any(|item| match item {
            ast::SelectItem::UnnamedExpr(expr) | ast::SelectItem::ExprWithAlias { expr, .. } => {
                dialect::calls_over_rows(expr) == Some(kind)
            }
            _ => false,
        })
    };
    let reads_one = matches!(select.from.as_slice(), [ast::TableWithJoins { relation: ast::TableFactor::Table { .. }, joins }] if joins.is_empty());
    if select.distinct.is_some() {
        "Views containing DISTINCT are not automatically updatable."
    } else if is_grouped {
        "Views containing GROUP BY are not automatically updatable."
    } else if select.having.is_some() {
        "Views containing HAVING are not automatically updatable."
    } else if query.with.is_some() {
        "Views containing WITH are not automatically updatable."
    } else if query.limit_clause.is_some() || query.fetch.is_some() {
        "Views containing LIMIT or OFFSET are not automatically updatable."
    } else if calls("aggregate") {
        "Views that return aggregate functions are not automatically updatable."
    } else if calls("window") {
        "Views that return window functions are not automatically updatable."
    } else if !reads_one {
        "Views that do not select from a single table or view are not automatically updatable."
    } else {
        OF_VIEWS
    }
}

const OF_VIEWS: &str = "This operation is not supported for views.";

fn on_materialized_view(view: &str, verb: Verb) -> Error {
    let kind = if verb == Verb::Merge { ErrorKind::FeatureNotSupported } else { ErrorKind::WrongObjectType };
    let message = match verb {
        Verb::Merge => format!("cannot execute MERGE on relation \"{view}\""),
        Verb::Truncate => format!("\"{view}\" is not a table"),
        Verb::Copy => format!("cannot copy to materialized view \"{view}\""),
        _ => format!("cannot change materialized view \"{view}\""),
    };
    let error = Error::new(kind, message).with_hint("REFRESH MATERIALIZED VIEW computes its rows anew");
    if verb == Verb::Merge {
        error.with_detail("This operation is not supported for materialized views.")
    } else {
        error
    }
}

/// The name of an object to be made: in the schema given, else in the first of the search path.
///
/// # Errors
/// `3F000` where there is no such schema, `42501` where it is the server's own, or the user may make nothing there.
pub(super) fn new_name(planner: &Planner, name: &ObjectName) -> Result<TableName> {
    let reference = reference(name)?;
    let schemas = planner.scope().schemas();
    let schema = match reference.schema() {
        Some(schema) => schema.to_owned(),
        None => {
            let first = planner.search_path().iter().find(|schema| schemas.contains(schema));
            let none = || Error::new(ErrorKind::InvalidSchemaName, "no schema has been selected to create in");
            first.cloned().ok_or_else(none)?
        }
    };
    if schema == "pg_catalog" {
        let message = format!("permission denied to create \"pg_catalog.{}\"", reference.table());
        return Err(Error::new(ErrorKind::InsufficientPrivilege, message)
            .with_detail("System catalog modifications are currently disallowed."));
    }
    check_schema(&schema)?;
    if !schemas.contains(&schema) {
        return Err(Error::new(ErrorKind::InvalidSchemaName, format!("schema \"{schema}\" does not exist"))
            .with_hint(format!("create schema {schema}")));
    }
    planner.check_schema_right(&schema, Privilege::Create)?;
    Ok(TableName::new(schema, reference.table()))
}

/// # Errors
/// `42501` for a schema that is the server's own.
pub(super) fn check_schema(schema: &str) -> Result<()> {
    if RESERVED.contains(&schema) || (schema.starts_with("pg_") && !schema.starts_with("pg_temp_")) {
        return Err(Error::new(ErrorKind::InsufficientPrivilege, format!("permission denied for schema {schema}")));
    }
    Ok(())
}
