//! What views read: `information_schema.view_table_usage` and `view_column_usage`.

use std::collections::{BTreeSet, HashMap};
use std::ops::ControlFlow;

use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::error::Result;
use datafusion::sql::sqlparser::ast::{self, Expr, SelectItem, TableFactor, Visit, Visitor};

use super::columns::Columns;
use super::metadata::{Metadata, Relation};
use crate::dialect::{self, folded};

/// Views with the relations that each reads, by name.
fn read_by_views(metadata: &Metadata) -> Vec<(&Relation, Vec<&Relation>)> {
    let views = metadata.user_relations().filter(|relation| relation.kind == "v" && !relation.system);
    let read = |view: &Relation| {
        let read = dialect::relations(view.definition.as_deref().unwrap_or_default());
        let read = read.iter().filter_map(|name| metadata.find(&name.schema, &name.name));
        read.filter(|relation| relation.kind != "S").collect()
    };
    views.map(|view| (view, read(view))).collect()
}

pub(super) fn of_tables(metadata: &Metadata, schema: &SchemaRef) -> Result<RecordBatch> {
    let views = read_by_views(metadata);
    let all: Vec<(&Relation, &Relation)> =
        views.iter().flat_map(|(view, read)| read.iter().map(move |read| (*view, *read))).collect();
    Columns::of(&all)
        .text("view_catalog", |_| metadata.database.as_str())
        .text("view_schema", |(view, _)| &view.schema)
        .text("view_name", |(view, _)| &view.name)
        .text("table_catalog", |_| metadata.database.as_str())
        .text("table_schema", |(_, read)| &read.schema)
        .text("table_name", |(_, read)| &read.name)
        .build(schema)
}

pub(super) fn of_columns(metadata: &Metadata, schema: &SchemaRef) -> Result<RecordBatch> {
    let mut all: Vec<(&Relation, &Relation, &str)> = Vec::new();
    for (view, read) in read_by_views(metadata) {
        let Ok(statement) = dialect::parse_single(view.definition.as_deref().unwrap_or_default()) else { continue };
        let mut mentioned = Mentioned::default();
        let _ = statement.ast.visit(&mut mentioned);
        for relation in read {
            let columns = relation.columns.iter().map(|column| column.name.as_str());
            all.extend(columns.filter(|column| mentioned.reads(relation, column)).map(|name| (view, relation, name)));
        }
    }
    Columns::of(&all)
        .text("view_catalog", |_| metadata.database.as_str())
        .text("view_schema", |(view, ..)| &view.schema)
        .text("view_name", |(view, ..)| &view.name)
        .text("table_catalog", |_| metadata.database.as_str())
        .text("table_schema", |(_, read, _)| &read.schema)
        .text("table_name", |(_, read, _)| &read.name)
        .text("column_name", |(.., column)| *column)
        .build(schema)
}

/// What a query says of columns. A bare name may be that of any relation it reads.
#[derive(Debug, Default)]
struct Mentioned {
    bare: BTreeSet<String>,
    /// With what stands before the dot.
    qualified: BTreeSet<(String, String)>,
    /// Relations by what the query calls them.
    names: HashMap<String, BTreeSet<String>>,
    everything: bool,
    everything_of: BTreeSet<String>,
}

impl Mentioned {
    fn reads(&self, relation: &Relation, column: &str) -> bool {
        let is_called = |name: &String| self.names.get(name).is_some_and(|named| named.contains(&relation.name));
        self.everything
            || self.bare.contains(column)
            || self.everything_of.iter().any(is_called)
            || self.qualified.iter().any(|(name, known)| known == column && is_called(name))
    }
}

impl Visitor for Mentioned {
    type Break = ();

    fn pre_visit_table_factor(&mut self, factor: &TableFactor) -> ControlFlow<()> {
        if let TableFactor::Table { name, alias, .. } = factor
            && let Some(own) = name.0.last().and_then(|part| part.as_ident()).map(folded)
        {
            let called = alias.as_ref().map_or_else(|| own.clone(), |alias| folded(&alias.name));
            self.names.entry(called).or_default().insert(own);
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_select(&mut self, select: &ast::Select) -> ControlFlow<()> {
        for item in &select.projection {
            match item {
                SelectItem::Wildcard(_) => self.everything = true,
                SelectItem::QualifiedWildcard(ast::SelectItemQualifiedWildcardKind::ObjectName(name), _) => {
                    self.everything_of.extend(name.0.last().and_then(|part| part.as_ident()).map(folded));
                }
                _ => {}
            }
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_expr(&mut self, expr: &Expr) -> ControlFlow<()> {
        match expr {
            Expr::Identifier(name) => drop(self.bare.insert(folded(name))),
            Expr::CompoundIdentifier(parts) => {
                if let [.., name, column] = parts.as_slice() {
                    self.qualified.insert((folded(name), folded(column)));
                }
            }
            _ => {}
        }
        ControlFlow::Continue(())
    }
}
