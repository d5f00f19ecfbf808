//! `SELECT (jsonb_each(a)).*` → `SELECT (jsonb_each(a)).key, (jsonb_each(a)).value`.
//!
//! Blocked by: sqlparser takes the `.*` of names only; [`ALL`] stands for it. Remove when it takes any expression's.

use datafusion::sql::sqlparser::ast::{AccessExpr, Expr, Ident, Select, SelectItem};

use super::{Rule, own_name};

/// Functions whose rows have several columns.
const COLUMNS: &[(&str, &[&str])] = &[
    ("_pg_expandarray", &["x", "n"]),
    ("aclexplode", &["grantor", "grantee", "privilege_type", "is_grantable"]),
    ("json_each", &["key", "value"]),
    ("json_each_text", &["key", "value"]),
    ("jsonb_each", &["key", "value"]),
    ("jsonb_each_text", &["key", "value"]),
    ("pg_options_to_table", &["option_name", "option_value"]),
];

/// All columns of a row. No client writes the name.
pub const ALL: &str = "\u{1}all";

/// Whether the function's rows have columns that are known.
pub fn has_columns(function: &str) -> bool {
    COLUMNS.iter().any(|(known, _)| *known == function)
}

pub struct Rewriter;

impl Rule for Rewriter {
    fn pre_visit_select(&mut self, select: &mut Select) {
        if select.projection.iter().any(|item| columns(item).is_some()) {
            let items = std::mem::take(&mut select.projection);
            select.projection = items.into_iter().flat_map(written_out).collect();
        }
    }
}

fn columns(item: &SelectItem) -> Option<(&Expr, &'static [&'static str])> {
    let SelectItem::UnnamedExpr(Expr::CompoundFieldAccess { root: row, access_chain }) = item else { return None };
    let [AccessExpr::Dot(Expr::Identifier(member))] = access_chain.as_slice() else { return None };
    if member.value != ALL {
        return None;
    }
    let mut call = row.as_ref();
    while let Expr::Nested(inner) = call {
        call = inner;
    }
    let Expr::Function(function) = call else { return None };
    let name = match own_name(function) {
        Some(name) => name,
        // a function of a schema
        None => function.name.0.last()?.as_ident()?.value.to_lowercase(),
    };
    COLUMNS.iter().find(|(known, _)| *known == name).map(|(_, columns)| (row.as_ref(), *columns))
}

fn written_out(item: SelectItem) -> Vec<SelectItem> {
    let Some((row, columns)) = columns(&item) else { return vec![item] };
    let column = |name: &&str| {
        SelectItem::UnnamedExpr(Expr::CompoundFieldAccess {
            root: Box::new(row.clone()),
            access_chain: vec![AccessExpr::Dot(Expr::Identifier(Ident::new(*name)))],
        })
    };
    columns.iter().map(column).collect()
}

#[cfg(test)]
mod tests {
    use crate::dialect::parse_single;

    #[test]
    fn rows_of_functions_have_columns() {
        let shown = |sql| parse_single(sql).unwrap().ast.to_string();
        assert_eq!(
            shown("select (jsonb_each(a)).* from t"),
            shown("select (jsonb_each(a)).key, (jsonb_each(a)).value from t")
        );
    }
}
