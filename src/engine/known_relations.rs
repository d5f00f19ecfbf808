//! The relations of a FROM and their columns, as far as a statement's text and the sources of its tables tell.

use std::collections::HashMap;
use std::sync::Arc;

use datafusion::common::TableReference;
use datafusion::logical_expr::TableSource;
use datafusion::sql::sqlparser::ast::{
    Expr, Query, Select, SelectItem, SelectItemQualifiedWildcardKind, SetExpr, TableFactor,
};

use crate::dialect::{folded, visible_name};

/// What a statement's FROMs may name.
pub(super) struct Known<'a> {
    tables: &'a HashMap<TableReference, Arc<dyn TableSource>>,
    /// Queries of WITH seen so far, and their columns.
    with: Vec<(String, Option<Vec<String>>)>,
}

/// A relation in FROM.
pub(super) struct Relation {
    /// The name it goes by.
    pub name: String,
    pub columns: Option<Vec<String>>,
    /// Its name in the lake, as it is written, where that is what it is.
    pub source: Option<Vec<String>>,
}

impl Relation {
    pub fn has(&self, column: &str) -> bool {
        self.columns.iter().flatten().any(|known| known == column)
    }
}

impl<'a> Known<'a> {
    pub fn new(tables: &'a HashMap<TableReference, Arc<dyn TableSource>>) -> Self {
        Self { tables, with: Vec::new() }
    }

    /// Takes note of what the query's WITH names.
    pub fn enter(&mut self, query: &Query) {
        for cte in query.with.iter().flat_map(|with| &with.cte_tables) {
            let given = cte.alias.columns.iter().map(|column| folded(&column.name)).collect();
            let columns = self.query_columns(&cte.query).map(|columns| renamed(columns, given));
            self.with.push((folded(&cte.alias.name), columns));
        }
    }

    fn relation(&self, factor: &TableFactor) -> Option<Relation> {
        match factor {
            TableFactor::Table { name, alias, args: None, .. } => {
                let parts: Option<Vec<String>> = name.0.iter().map(|part| part.as_ident().map(folded)).collect();
                let parts = parts?;
                let own = parts.last()?.clone();
                let cte = self.with.iter().rev().find(|(known, _)| parts.len() == 1 && *known == own);
                let (columns, source) = match cte {
                    Some((_, columns)) => (columns.clone(), None),
                    None => (self.source_columns(&parts), Some(parts)),
                };
                let Some(alias) = alias else { return Some(Relation { name: own, columns, source }) };
                let given: Vec<String> = alias.columns.iter().map(|column| folded(&column.name)).collect();
                let source = source.filter(|_| given.is_empty());
                let columns = columns.map(|columns| renamed(columns, given));
                Some(Relation { name: folded(&alias.name), columns, source })
            }
            TableFactor::Derived { subquery, alias: Some(alias), .. } => {
                let given = alias.columns.iter().map(|column| folded(&column.name)).collect();
                let columns = self.query_columns(subquery).map(|columns| renamed(columns, given));
                Some(Relation { name: folded(&alias.name), columns, source: None })
            }
            _ => None,
        }
    }

    /// The relations of a FROM.
    pub fn relations(&self, select: &Select) -> Vec<Relation> {
        let factors = select
            .from
            .iter()
            .flat_map(|from| std::iter::once(&from.relation).chain(from.joins.iter().map(|join| &join.relation)));
        factors.filter_map(|factor| self.relation(factor)).collect()
    }

    /// The columns of a query whose text, and whose relations, name them all.
    fn query_columns(&self, query: &Query) -> Option<Vec<String>> {
        self.set_columns(query.body.as_ref())
    }

    fn set_columns(&self, set: &SetExpr) -> Option<Vec<String>> {
        match set {
            SetExpr::Select(select) => self.select_columns(select),
            SetExpr::Query(query) => self.query_columns(query),
            SetExpr::SetOperation { left, .. } => self.set_columns(left),
            SetExpr::Values(values) => {
                let width = values.rows.first()?.content.len();
                Some((1..=width).map(|number| format!("column{number}")).collect())
            }
            _ => None,
        }
    }

    fn select_columns(&self, select: &Select) -> Option<Vec<String>> {
        let mut columns = Vec::new();
        for item in &select.projection {
            match item {
                SelectItem::ExprWithAlias { alias, .. } => columns.push(visible_name(&folded(alias)).to_owned()),
                SelectItem::UnnamedExpr(Expr::Identifier(column)) => columns.push(folded(column)),
                SelectItem::UnnamedExpr(Expr::CompoundIdentifier(parts)) => columns.push(folded(parts.last()?)),
                // of one relation: what joins bring may have to be merged
                SelectItem::Wildcard(_) => match self.relations(select).as_slice() {
                    [Relation { columns: Some(all), .. }] if is_one(select) => columns.extend(all.iter().cloned()),
                    _ => return None,
                },
                SelectItem::QualifiedWildcard(SelectItemQualifiedWildcardKind::ObjectName(name), _) => {
                    let wanted = name.0.last()?.as_ident().map(folded)?;
                    let relation = self.relations(select).into_iter().find(|relation| relation.name == wanted)?;
                    columns.extend(relation.columns?);
                }
                _ => return None,
            }
        }
        Some(columns)
    }

    fn source_columns(&self, parts: &[String]) -> Option<Vec<String>> {
        let (_, source) = self.tables.iter().find(|(reference, _)| reference.to_vec() == parts)?;
        Some(source.schema().fields().iter().map(|field| field.name().clone()).collect())
    }
}

/// Whether a FROM has one relation only.
fn is_one(select: &Select) -> bool {
    matches!(select.from.as_slice(), [from] if from.joins.is_empty())
}

/// The columns under the names that an alias gives the first of them.
fn renamed(mut columns: Vec<String>, given: Vec<String>) -> Vec<String> {
    columns.iter_mut().zip(given).for_each(|(column, given)| *column = given);
    columns
}
