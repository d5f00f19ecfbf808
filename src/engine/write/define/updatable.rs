//! Which views PostgreSQL would write through: those alone may check what goes in. Here nothing does, so all of it is checked.

use datafusion::sql::sqlparser::ast::{Expr, GroupByExpr, Query, SelectItem, SetExpr, TableFactor};

use crate::dialect::is_aggregate;
use crate::error::{Error, ErrorKind, Result};

/// # Errors
/// `0A000` for a view that is not made of the rows of one relation.
pub(super) fn check(query: &Query) -> Result<()> {
    let Some(why) = why_not(query) else { return Ok(()) };
    let message = "WITH CHECK OPTION is supported only on automatically updatable views";
    Err(Error::new(ErrorKind::FeatureNotSupported, message)
        .with_hint(format!("Views {why} are not automatically updatable.")))
}

fn why_not(query: &Query) -> Option<&'static str> {
    let SetExpr::Select(select) = query.body.as_ref() else {
        return Some(match query.body.as_ref() {
            SetExpr::SetOperation { .. } => "containing UNION, INTERSECT, or EXCEPT",
            _ => "that do not select from a single table or view",
        });
    };
    let grouped = match &select.group_by {
        GroupByExpr::All(_) => true,
        GroupByExpr::Expressions(keys, modifiers) => !keys.is_empty() || !modifiers.is_empty(),
    };
    let is_column = |item: &SelectItem| match item {
        SelectItem::UnnamedExpr(expr) | SelectItem::ExprWithAlias { expr, .. } => {
            matches!(expr, Expr::Identifier(_) | Expr::CompoundIdentifier(_))
        }
        SelectItem::Wildcard(_) | SelectItem::QualifiedWildcard(..) => true,
        SelectItem::ExprWithAliases { .. } => false,
    };
    let aggregates = |item: &SelectItem| match item {
        SelectItem::UnnamedExpr(Expr::Function(call))
        | SelectItem::ExprWithAlias { expr: Expr::Function(call), .. } => call.over.is_none() && is_aggregate(call),
        _ => false,
    };
    let is_one = matches!(select.from.as_slice(), [one] if one.joins.is_empty() && matches!(one.relation, TableFactor::Table { args: None, .. }));
    match () {
        () if select.distinct.is_some() => Some("containing DISTINCT"),
        () if grouped => Some("containing GROUP BY"),
        () if select.having.is_some() => Some("containing HAVING"),
        () if query.with.is_some() => Some("containing WITH"),
        () if query.limit_clause.is_some() || query.fetch.is_some() => Some("containing LIMIT or OFFSET"),
        () if select.projection.iter().any(aggregates) => Some("that return aggregate functions"),
        () if !is_one => Some("that do not select from a single table or view"),
        () if !select.projection.iter().any(is_column) => Some("that have no updatable columns"),
        () => None,
    }
}
