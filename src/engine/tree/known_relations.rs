//! The relations of a FROM and their columns, as far as a statement's text and the sources of its tables tell.

use std::collections::HashMap;
use std::sync::Arc;

use datafusion::common::TableReference;
use datafusion::logical_expr::TableSource;
use datafusion::sql::sqlparser::ast::{
    Cte, Expr, Query, Select, SelectItem, SelectItemQualifiedWildcardKind, SetExpr, TableFactor,
    WildcardAdditionalOptions,
};

use super::common_columns::has_common;
use crate::dialect::folded;
use crate::table::{FILE_COLUMN, ROW_COLUMN};

/// What a statement's FROMs may name.
pub(super) struct Known<'a> {
    tables: &'a HashMap<TableReference, Arc<dyn TableSource>>,
    /// Queries of WITH around the place, and their columns.
    with: Vec<(String, Option<Vec<String>>)>,
    /// How many there were when each query around the place began.
    scopes: Vec<usize>,
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
        Self { tables, with: Vec::new(), scopes: Vec::new() }
    }

    /// Begins a query, whose WITH is known until [`Self::leave`].
    pub fn begin(&mut self) {
        self.scopes.push(self.with.len());
    }

    pub fn leave(&mut self) {
        self.with.truncate(self.scopes.pop().unwrap_or(0));
    }

    /// Begins a query and takes note of what its WITH names.
    pub fn enter_all(&mut self, query: &Query) {
        self.begin();
        query.with.iter().flat_map(|with| &with.cte_tables).for_each(|cte| self.enter(cte));
    }

    /// Takes note of a query in WITH.
    pub fn enter(&mut self, cte: &Cte) {
        let given = cte.alias.columns.iter().map(|column| folded(&column.name)).collect();
        let columns = self.query_columns(&cte.query).map(|columns| renamed(columns, given));
        self.with.push((folded(&cte.alias.name), columns));
    }

    /// What stands in a FROM, where its text and its tables tell.
    pub fn relation(&self, factor: &TableFactor) -> Option<Relation> {
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
    pub fn query_columns(&self, query: &Query) -> Option<Vec<String>> {
        if query.with.is_none() {
            return self.set_columns(query.body.as_ref());
        }
        let mut within = Self { tables: self.tables, with: self.with.clone(), scopes: Vec::new() };
        within.enter_all(query);
        within.set_columns(query.body.as_ref())
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
                SelectItem::ExprWithAlias { alias, .. } => columns.push(folded(alias)),
                SelectItem::UnnamedExpr(Expr::Identifier(column)) => columns.push(folded(column)),
                SelectItem::UnnamedExpr(Expr::CompoundIdentifier(parts)) => columns.push(folded(parts.last()?)),
                wildcard @ (SelectItem::Wildcard(_) | SelectItem::QualifiedWildcard(..)) => {
                    columns.extend(self.wildcard(select, wildcard)?.into_iter().map(|(_, column)| column));
                }
                _ => return None,
            }
        }
        Some(columns)
    }

    /// What a wildcard stands for: relations and their columns.
    pub fn wildcard(&self, select: &Select, wildcard: &SelectItem) -> Option<Vec<(String, String)>> {
        let none = WildcardAdditionalOptions::default();
        let relations = match wildcard {
            SelectItem::Wildcard(options) if *options == none && !select.from.iter().any(has_common) => {
                let relations = self.relations(select);
                let count: usize = select.from.iter().map(|from| 1 + from.joins.len()).sum();
                (relations.len() == count).then_some(relations)?
            }
            SelectItem::QualifiedWildcard(SelectItemQualifiedWildcardKind::ObjectName(name), options)
                if *options == none =>
            {
                let wanted = name.0.last()?.as_ident().map(folded)?;
                vec![self.relations(select).into_iter().find(|relation| relation.name == wanted)?]
            }
            _ => return None,
        };
        let mut all = Vec::new();
        for relation in relations {
            all.extend(relation.columns?.into_iter().map(|column| (relation.name.clone(), column)));
        }
        Some(all)
    }

    fn source_columns(&self, parts: &[String]) -> Option<Vec<String>> {
        let (_, source) = self.tables.iter().find(|(reference, _)| reference.to_vec() == parts)?;
        let schema = source.schema();
        let names = schema.fields().iter().map(|field| field.name());
        // the target of a change has its rows' places besides
        Some(names.filter(|name| ![FILE_COLUMN, ROW_COLUMN].contains(&name.as_str())).cloned().collect())
    }
}

/// The columns under the names that an alias gives the first of them.
fn renamed(mut columns: Vec<String>, given: Vec<String>) -> Vec<String> {
    columns.iter_mut().zip(given).for_each(|(column, given)| *column = given);
    columns
}
