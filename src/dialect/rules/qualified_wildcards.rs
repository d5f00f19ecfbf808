//! `SELECT t.* FROM s.t`, `SELECT s.t.* FROM t`: a wildcard names its table as FROM does. `to_jsonb(t.*)` → `to_jsonb(t)`.
//!
//! Blocked by: DataFusion compares the names as they are written. Remove when it resolves them as it does those of columns.

use datafusion::sql::sqlparser::ast::{
    Expr, FunctionArg, FunctionArgExpr, FunctionArguments, ObjectName, Select, SelectItem,
    SelectItemQualifiedWildcardKind, TableFactor, TableWithJoins,
};

use super::{Rule, own_name};
use crate::dialect::folded;

#[derive(Default)]
pub struct Rewriter {
    /// What the SELECTs around read, the innermost last.
    tables: Vec<Vec<Named>>,
}

/// The name of something in FROM.
struct Named {
    parts: Vec<String>,
    /// A table's as it is written; none of an alias, which counts as it is.
    table: Option<ObjectName>,
}

impl Rule for Rewriter {
    fn pre_visit_select(&mut self, select: &mut Select) {
        let mut tables = Vec::new();
        select.from.iter().for_each(|item| gather(item, &mut tables));
        self.tables.push(tables);
        for item in &mut select.projection {
            if let SelectItem::QualifiedWildcard(SelectItemQualifiedWildcardKind::ObjectName(name), _) = item {
                self.settle(name);
            }
        }
    }

    fn post_visit_select(&mut self, _select: &mut Select) {
        self.tables.pop();
    }

    fn pre_visit_expr(&mut self, expr: &mut Expr) {
        let Expr::Function(function) = expr else { return };
        let keeps = own_name(function).is_some_and(|name| name == "count" || name == "row");
        let FunctionArguments::List(list) = &mut function.args else { return };
        for argument in &mut list.args {
            if let FunctionArg::Unnamed(FunctionArgExpr::QualifiedWildcard(name)) = argument {
                self.settle(name);
                // as a value it is the row, within `row(…)` its columns
                if let ([.., part], false) = (name.0.as_slice(), keeps)
                    && let Some(relation) = part.as_ident()
                {
                    *argument = FunctionArg::Unnamed(FunctionArgExpr::Expr(Expr::Identifier(relation.clone())));
                }
            }
        }
    }
}

impl Rewriter {
    fn settle(&self, name: &mut ObjectName) {
        let wanted = parts(name);
        let tables = || self.tables.iter().rev().flatten();
        if tables().any(|named| named.parts == wanted) {
            return;
        }
        let meant = tables().find_map(|Named { parts, table }| {
            table.as_ref().filter(|_| parts.ends_with(&wanted) || wanted.ends_with(parts))
        });
        if let Some(table) = meant {
            *name = table.clone();
        }
    }
}

fn parts(name: &ObjectName) -> Vec<String> {
    name.0.iter().filter_map(|part| part.as_ident()).map(folded).collect()
}

fn gather(item: &TableWithJoins, tables: &mut Vec<Named>) {
    for factor in std::iter::once(&item.relation).chain(item.joins.iter().map(|join| &join.relation)) {
        match factor {
            TableFactor::Table { name, alias: None, args: None, .. } => {
                tables.push(Named { parts: parts(name), table: Some(name.clone()) });
            }
            TableFactor::Table { alias: Some(alias), .. }
            | TableFactor::Derived { alias: Some(alias), .. }
            | TableFactor::Function { alias: Some(alias), .. } => {
                tables.push(Named { parts: vec![folded(&alias.name)], table: None });
            }
            TableFactor::NestedJoin { table_with_joins, alias: None } => gather(table_with_joins, tables),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::dialect::parse_single;

    #[test]
    fn tables_are_named_as_in_from() {
        let check = |sql: &str, expected: &str| assert_eq!(parse_single(sql).unwrap().ast.to_string(), expected);
        check("SELECT t.* FROM s.t", "SELECT s.t.* FROM s.t");
        check("SELECT s.t.* FROM t", "SELECT t.* FROM t");
        check("SELECT t.* FROM s.u AS t, s.t", "SELECT t.* FROM s.u AS t, s.t");
        check("SELECT t.* FROM (a JOIN s.t ON true)", "SELECT s.t.* FROM (a JOIN s.t ON true)");
    }
}
