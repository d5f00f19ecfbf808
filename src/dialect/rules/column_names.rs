//! Result columns are named as PostgreSQL names them: `count`, `sum`, `?column?`, the type of a cast.
//!
//! DataFusion wants the names of one SELECT to differ. Where PostgreSQL would repeat one, the repetition gets a mark and
//! a number that [`visible_name`] takes off again before the client sees it.

use datafusion::sql::sqlparser::ast::{
    AccessExpr, BinaryOperator, Expr, Function, Ident, ObjectName, Select, SelectItem, SetExpr, Statement,
};
use std::collections::HashSet;

use super::Rule;
use super::function_names::is_call;
use crate::dialect::folded;

/// Begins the hidden end of a repeated name. No client can write it.
const MARK: char = '\u{1}';

/// A column's name as the client sees it. A name that begins with the mark is a rule's own.
pub fn visible_name(name: &str) -> &str {
    name.split_once(MARK).filter(|(visible, _)| !visible.is_empty()).map_or(name, |(visible, _)| visible)
}

/// The name of a column that another of the same name stands before.
pub fn repeated_name(name: &str, position: usize) -> String {
    format!("{name}{MARK}{position}")
}

pub struct Namer;

impl Rule for Namer {
    fn pre_visit_select(&mut self, select: &mut Select) {
        name_columns(&mut select.projection);
    }

    fn pre_visit_statement(&mut self, statement: &mut Statement) {
        let returning = match statement {
            Statement::Insert(insert) => &mut insert.returning,
            Statement::Update(update) => &mut update.returning,
            Statement::Delete(delete) => &mut delete.returning,
            _ => &mut None,
        };
        if let Some(items) = returning {
            name_columns(items);
        }
    }
}

/// Gives each item the name that it has where it stands now.
pub(super) fn name_columns(items: &mut [SelectItem]) {
    let mut taken = HashSet::new();
    for (position, item) in items.iter_mut().enumerate() {
        match item {
            SelectItem::UnnamedExpr(expr) => {
                let (name, is_column) = match &*expr {
                    Expr::Identifier(ident) => (folded(ident), !is_call(ident)),
                    Expr::CompoundIdentifier(idents) => (idents.last().map(folded).unwrap_or_default(), true),
                    expr => (figure_name(expr).unwrap_or_else(|| "?column?".to_owned()), false),
                };
                let repeated = !taken.insert(name.clone());
                if is_column && !repeated {
                    continue;
                }
                let alias = if repeated { repeated_name(&name, position) } else { name };
                *item = SelectItem::ExprWithAlias { expr: expr.clone(), alias: Ident::with_quote('"', alias) };
            }
            SelectItem::ExprWithAlias { alias, .. } => {
                let name = folded(alias);
                if !taken.insert(name.clone()) {
                    *alias = Ident::with_quote('"', repeated_name(&name, position));
                }
            }
            _ => {}
        }
    }
}

/// PostgreSQL's `FigureColname`: the name of an unnamed expression, if it has a better one than `?column?`.
fn figure_name(expr: &Expr) -> Option<String> {
    let name = match expr {
        Expr::Identifier(ident) => folded(ident),
        Expr::CompoundIdentifier(idents) => folded(idents.last()?),
        // the last field there is; subscripts have no names
        Expr::CompoundFieldAccess { root, access_chain } => {
            let field = access_chain.iter().rev().find_map(|access| match access {
                AccessExpr::Dot(Expr::Identifier(field)) => Some(folded(field)),
                _ => None,
            });
            return field.or_else(|| figure_name(root));
        }
        Expr::Nested(inner) | Expr::Collate { expr: inner, .. } => return figure_name(inner),
        Expr::Function(Function { name, .. }) => function_name(name)?,
        Expr::Cast { expr, data_type, .. } => {
            let inner = if is_weak(expr) { None } else { figure_name(expr) };
            return inner.or_else(|| Some(type_name(&data_type.to_string())));
        }
        Expr::TypedString(typed) => type_name(&typed.data_type.to_string()),
        Expr::Interval(_) => "interval".to_owned(),
        Expr::Case { else_result, .. } => {
            let column = else_result.as_deref().filter(|e| !is_weak(e));
            column.and_then(figure_name).unwrap_or_else(|| "case".to_owned())
        }
        Expr::Array(_) => "array".to_owned(),
        Expr::Tuple(_) => "row".to_owned(),
        Expr::QualifiedWildcard(name, _) => folded(name.0.last()?.as_ident()?),
        Expr::Exists { negated: false, .. } => "exists".to_owned(),
        Expr::Subquery(query) => return first_name(&query.body),
        Expr::Extract { .. } => "extract".to_owned(),
        Expr::Ceil { .. } => "ceil".to_owned(),
        Expr::Floor { .. } => "floor".to_owned(),
        Expr::Position { .. } => "position".to_owned(),
        Expr::Substring { shorthand, .. } => if *shorthand { "substr" } else { "substring" }.to_owned(),
        Expr::Overlay { .. } => "overlay".to_owned(),
        Expr::Trim { trim_where, .. } => match trim_where.map(|place| place.to_string()).as_deref() {
            Some("LEADING") => "ltrim".to_owned(),
            Some("TRAILING") => "rtrim".to_owned(),
            _ => "btrim".to_owned(),
        },
        Expr::AtTimeZone { .. } => "timezone".to_owned(),
        Expr::BinaryOp { op: BinaryOperator::Overlaps, .. } => "overlaps".to_owned(),
        _ => return None,
    };
    Some(name)
}

/// The name of a query's first column; those of a set operation have the names that its first query gives them.
fn first_name(query: &SetExpr) -> Option<String> {
    match query {
        SetExpr::Select(select) => match select.projection.first()? {
            SelectItem::UnnamedExpr(expr) => figure_name(expr),
            SelectItem::ExprWithAlias { alias, .. } => Some(folded(alias)),
            _ => None,
        },
        SetExpr::SetOperation { left, .. } => first_name(left),
        SetExpr::Query(query) => first_name(&query.body),
        SetExpr::Values(_) => Some("column1".to_owned()),
        _ => None,
    }
}

/// Whether the expression's name is that of its type, and gives way to another's.
fn is_weak(expr: &Expr) -> bool {
    match expr {
        Expr::Nested(inner) => is_weak(inner),
        Expr::Cast { expr, .. } => is_weak(expr) || figure_name(expr).is_none(),
        Expr::Case { else_result, .. } => else_result.as_deref().is_none_or(is_weak),
        Expr::TypedString(_) | Expr::Interval(_) | Expr::Value(_) => true,
        _ => false,
    }
}

fn function_name(name: &ObjectName) -> Option<String> {
    name.0.last()?.as_ident().map(folded)
}

/// The internal name that PostgreSQL gives a type: `int4` for `INTEGER`.
fn type_name(sql: &str) -> String {
    let sql = sql.to_lowercase();
    let bare = sql.rsplit('.').next().unwrap_or(&sql).split('(').next().unwrap_or(&sql).trim();
    let bare = bare.trim_end_matches("[]");
    match bare {
        "int" | "integer" => "int4",
        "bigint" => "int8",
        "smallint" => "int2",
        "double precision" | "double" | "float" => "float8",
        "real" => "float4",
        "decimal" | "dec" => "numeric",
        "boolean" => "bool",
        "character varying" => "varchar",
        "character" | "char" => "bpchar",
        "\"char\"" => "char",
        interval if interval.starts_with("interval") => "interval",
        "timestamp with time zone" => "timestamptz",
        "timestamp without time zone" => "timestamp",
        "time without time zone" => "time",
        other => other,
    }
    .to_owned()
}

#[cfg(test)]
mod tests {
    use super::visible_name;
    use crate::dialect::parse_single;
    use datafusion::sql::sqlparser::ast::{SelectItem, SetExpr, Statement};

    fn check(sql: &str, expected: &[&str]) {
        let Statement::Query(query) = parse_single(sql).unwrap().ast else { panic!("{sql}") };
        let SetExpr::Select(select) = *query.body else { panic!("{sql}") };
        let names: Vec<String> = select
            .projection
            .iter()
            .map(|item| match item {
                SelectItem::ExprWithAlias { alias, .. } => visible_name(&alias.value).to_owned(),
                SelectItem::UnnamedExpr(expr) => expr.to_string(),
                other => other.to_string(),
            })
            .collect();
        assert_eq!(names, expected, "{sql}");
    }

    #[test]
    fn names_are_those_of_postgres() {
        check("select 1, 'a', -x, a + b, null from t", &["?column?"; 5]);
        check("select count(*), sum(x), pg_catalog.max(y), Upper(z) from t", &["count", "sum", "max", "upper"]);
        check(
            "select x::int, '1'::bigint, cast('2020-01-01' as date), date '2020-01-01' from t",
            &["x", "int8", "date", "date"],
        );
        check(
            "select case when a then b else c end, case when a then 1 end, (select max(q) from u)",
            &["c", "case", "max"],
        );
        check(
            "select extract(year from d), trim(a), coalesce(a, b), current_date, t.X",
            &["extract", "btrim", "coalesce", "current_date", "t.X"],
        );
        check("select a, a, a as a from t", &["a", "a", "a"]);
    }
}
