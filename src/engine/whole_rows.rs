//! A relation's name as an argument, `row_to_json(t)`: its row, as a structure of its columns.
//!
//! Only where the relation's columns are known from its source or its text; a column of that name comes first, as in
//! PostgreSQL.
//!
//! Blocked by: DataFusion knows columns only. Remove when it resolves a relation's name to its row.

use std::collections::HashMap;
use std::ops::ControlFlow;
use std::sync::Arc;

use datafusion::common::TableReference;
use datafusion::logical_expr::TableSource;
use datafusion::sql::sqlparser::ast::{
    Expr, Function, FunctionArg, FunctionArgExpr, FunctionArgumentList, FunctionArguments, Ident, ObjectName, Query,
    Select, SelectItem, SelectItemQualifiedWildcardKind, SetExpr, Statement, TableFactor, Value, VisitMut, VisitorMut,
};

use crate::dialect::{folded, visible_name};

/// Puts rows in the place of relations' names in arguments.
pub(super) fn expand(statement: &mut Statement, tables: &HashMap<TableReference, Arc<dyn TableSource>>) {
    let mut expander = Expander { tables, with: Vec::new() };
    let _ = statement.visit(&mut expander);
}

struct Expander<'a> {
    tables: &'a HashMap<TableReference, Arc<dyn TableSource>>,
    /// Queries of WITH seen so far, and their columns.
    with: Vec<(String, Option<Vec<String>>)>,
}

/// A relation in FROM: the name it goes by, and its columns if they are known.
struct Relation {
    name: String,
    columns: Option<Vec<String>>,
}

impl Expander<'_> {
    fn relation(&self, factor: &TableFactor) -> Option<Relation> {
        match factor {
            TableFactor::Table { name, alias, args: None, .. } => {
                let parts: Option<Vec<String>> = name.0.iter().map(|part| part.as_ident().map(folded)).collect();
                let parts = parts?;
                let own = parts.last()?.clone();
                let cte = self.with.iter().rev().find(|(known, _)| parts.len() == 1 && *known == own);
                let columns = match cte {
                    Some((_, columns)) => columns.clone(),
                    None => self.source_columns(&parts),
                };
                let Some(alias) = alias else { return Some(Relation { name: own, columns }) };
                let given = alias.columns.iter().map(|column| folded(&column.name)).collect();
                Some(Relation { name: folded(&alias.name), columns: columns.map(|columns| renamed(columns, given)) })
            }
            TableFactor::Derived { subquery, alias: Some(alias), .. } => {
                let given = alias.columns.iter().map(|column| folded(&column.name)).collect();
                let columns = self.query_columns(subquery).map(|columns| renamed(columns, given));
                Some(Relation { name: folded(&alias.name), columns })
            }
            _ => None,
        }
    }

    /// The relations of a FROM.
    fn relations(&self, select: &Select) -> Vec<Relation> {
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

impl VisitorMut for Expander<'_> {
    type Break = ();

    fn pre_visit_query(&mut self, query: &mut Query) -> ControlFlow<()> {
        for cte in query.with.iter().flat_map(|with| &with.cte_tables) {
            let given = cte.alias.columns.iter().map(|column| folded(&column.name)).collect();
            let columns = self.query_columns(&cte.query).map(|columns| renamed(columns, given));
            self.with.push((folded(&cte.alias.name), columns));
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_select(&mut self, select: &mut Select) -> ControlFlow<()> {
        let relations = self.relations(select);
        let is_column =
            |name: &String| relations.iter().any(|relation| relation.columns.iter().flatten().any(|c| c == name));
        let rows: HashMap<String, Expr> = relations
            .iter()
            .filter(|relation| !is_column(&relation.name))
            .filter_map(|relation| Some((relation.name.clone(), row(&relation.name, relation.columns.as_ref()?))))
            .collect();
        let mut arguments = Arguments { rows };
        for item in &mut select.projection {
            if let SelectItem::UnnamedExpr(expr) | SelectItem::ExprWithAlias { expr, .. } = item {
                let _ = expr.visit(&mut arguments);
            }
        }
        ControlFlow::Continue(())
    }
}

/// `row(a, b)`: its members are `f1`, `f2` …
fn numbered(values: &[FunctionArg]) -> Option<Expr> {
    let value = |argument: &FunctionArg| match argument {
        FunctionArg::Unnamed(FunctionArgExpr::Expr(value)) => Some(value.clone()),
        _ => None,
    };
    let values: Option<Vec<Expr>> = values.iter().map(value).collect();
    Some(structure(values?.into_iter().enumerate().map(|(nth, value)| (format!("f{}", nth + 1), value))))
}

/// The row of a relation.
fn row(relation: &str, columns: &[String]) -> Expr {
    structure(columns.iter().map(|column| {
        let path = vec![Ident::with_quote('"', relation), Ident::with_quote('"', column.as_str())];
        (column.clone(), Expr::CompoundIdentifier(path))
    }))
}

/// `named_struct('id', t.id, …)`.
fn structure(members: impl Iterator<Item = (String, Expr)>) -> Expr {
    let member = |(name, value): (String, Expr)| {
        let name = Expr::Value(Value::SingleQuotedString(name).with_empty_span());
        [name, value].map(|expr| FunctionArg::Unnamed(FunctionArgExpr::Expr(expr)))
    };
    Expr::Function(Function {
        name: ObjectName::from(vec![Ident::new("named_struct")]),
        uses_odbc_syntax: false,
        parameters: FunctionArguments::None,
        args: FunctionArguments::List(FunctionArgumentList {
            duplicate_treatment: None,
            args: members.flat_map(member).collect(),
            clauses: Vec::new(),
        }),
        filter: None,
        null_treatment: None,
        over: None,
        within_group: Vec::new(),
    })
}

struct Arguments {
    rows: HashMap<String, Expr>,
}

impl VisitorMut for Arguments {
    type Break = ();

    fn pre_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
        if let Expr::Function(Function { args: FunctionArguments::List(list), .. }) = expr {
            for argument in &mut list.args {
                let FunctionArg::Unnamed(FunctionArgExpr::Expr(value)) = argument else { continue };
                let row = match &*value {
                    Expr::Identifier(name) => self.rows.get(&folded(name)).cloned(),
                    Expr::Function(Function { name, args: FunctionArguments::List(list), .. })
                        if name.to_string().eq_ignore_ascii_case("row") =>
                    {
                        numbered(&list.args)
                    }
                    _ => None,
                };
                if let Some(row) = row {
                    *value = row;
                }
            }
        }
        ControlFlow::Continue(())
    }
}
