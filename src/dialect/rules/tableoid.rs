//! `x.tableoid` of a catalog: the OID of the catalog itself. Our relations have no system columns.

use datafusion::sql::sqlparser::ast::{
    CastKind, DataType, Expr, Ident, ObjectName, Select, SelectItem, TableFactor, Value,
};
use std::collections::HashMap;

use super::{Rule, catalog_relation};

const TABLEOID: &str = "tableoid";

/// Catalogs by the name or alias they have in the selects seen so far.
#[derive(Default)]
pub struct Rewriter {
    catalogs: HashMap<String, String>,
}

impl Rule for Rewriter {
    fn pre_visit_select(&mut self, select: &mut Select) {
        let factors = select
            .from
            .iter()
            .flat_map(|item| std::iter::once(&item.relation).chain(item.joins.iter().map(|join| &join.relation)));
        for factor in factors {
            if let TableFactor::Table { name, alias, args: None, .. } = factor
                && let Some(relation) = catalog_relation(name)
            {
                let alias = alias.as_ref().map_or_else(|| relation.clone(), |alias| alias.name.value.to_lowercase());
                self.catalogs.insert(alias, relation);
            }
        }
        let only = match select.from.as_slice() {
            [only] if only.joins.is_empty() => self.relation_of(&only.relation),
            _ => None,
        };
        for item in &mut select.projection {
            let SelectItem::UnnamedExpr(expr) = item else { continue };
            let oid = match expr {
                Expr::Identifier(column) if is_tableoid(column) => only.as_deref().map(oid),
                _ => self.oid(expr),
            };
            if let Some(expr) = oid {
                *item = SelectItem::ExprWithAlias { expr, alias: Ident::new(TABLEOID) };
            }
        }
    }

    fn pre_visit_expr(&mut self, expr: &mut Expr) {
        if let Some(oid) = self.oid(expr) {
            *expr = oid;
        }
    }
}

impl Rewriter {
    fn relation_of(&self, factor: &TableFactor) -> Option<String> {
        let TableFactor::Table { name, args: None, .. } = factor else { return None };
        catalog_relation(name)
    }

    /// What stands for `x.tableoid`.
    fn oid(&self, expr: &Expr) -> Option<Expr> {
        let Expr::CompoundIdentifier(idents) = expr else { return None };
        let [.., table, column] = idents.as_slice() else { return None };
        let relation = self.catalogs.get(&table.value.to_lowercase()).filter(|_| is_tableoid(column))?;
        Some(oid(relation))
    }
}

fn is_tableoid(column: &Ident) -> bool {
    column.value.eq_ignore_ascii_case(TABLEOID)
}

/// `('pg_catalog.relation'::regclass)::oid`
fn oid(relation: &str) -> Expr {
    let cast = |expr, data_type| Expr::Cast {
        kind: CastKind::DoubleColon,
        expr: Box::new(expr),
        data_type,
        array: false,
        format: None,
    };
    let name = Value::SingleQuotedString(format!("pg_catalog.{relation}")).with_empty_span();
    let class = Expr::Nested(Box::new(cast(Expr::Value(name), DataType::Regclass)));
    cast(class, DataType::Custom(ObjectName::from(vec![Ident::new("oid")]), Vec::new()))
}

#[cfg(test)]
mod tests {
    use crate::dialect::parse_single;

    #[test]
    fn a_catalogs_own_oid() {
        let sql = "SELECT 1 AS a FROM pg_catalog.pg_language l LEFT JOIN pg_description d ON d.classoid = l.tableoid";
        assert!(!parse_single(sql).unwrap().ast.to_string().contains("tableoid"));
    }
}
