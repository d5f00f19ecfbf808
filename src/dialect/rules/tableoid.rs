//! `x.tableoid` of a catalog: the OID of the catalog itself. Our relations have no system columns.

use std::collections::HashMap;
use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{
    CastKind, DataType, Expr, Select, Statement, TableFactor, Value, VisitMut, VisitorMut,
};

use super::{Facts, catalog_relation};

pub fn apply(statement: &mut Statement, facts: Facts) {
    if facts.metadata {
        let _ = statement.visit(&mut Rewriter { catalogs: HashMap::new() });
    }
}

/// Catalogs by the name or alias they have in the selects seen so far.
struct Rewriter {
    catalogs: HashMap<String, String>,
}

impl VisitorMut for Rewriter {
    type Break = ();

    fn pre_visit_select(&mut self, select: &mut Select) -> ControlFlow<()> {
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
        ControlFlow::Continue(())
    }

    fn pre_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
        if let Expr::CompoundIdentifier(idents) = &*expr
            && let [.., table, column] = idents.as_slice()
            && column.value.eq_ignore_ascii_case("tableoid")
            && let Some(relation) = self.catalogs.get(&table.value.to_lowercase())
        {
            let name = Value::SingleQuotedString(format!("pg_catalog.{relation}")).with_empty_span();
            *expr = Expr::Cast {
                kind: CastKind::DoubleColon,
                expr: Box::new(Expr::Nested(Box::new(Expr::Cast {
                    kind: CastKind::DoubleColon,
                    expr: Box::new(Expr::Value(name)),
                    data_type: DataType::Regclass,
                    array: false,
                    format: None,
                }))),
                data_type: DataType::Integer(None),
                array: false,
                format: None,
            };
        }
        ControlFlow::Continue(())
    }
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
