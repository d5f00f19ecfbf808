//! RETURNING: expressions over the changed rows, computed when they are known, before they are published.
//!
//! Invariant: they are planned before the change is made, so that subqueries in them see what was there before.

use std::collections::HashSet;
use std::ops::ControlFlow;
use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, RecordBatch};
use datafusion::arrow::datatypes::{Field, FieldRef, Schema, SchemaRef};
use datafusion::catalog::MemTable;
use datafusion::common::{Column, TableReference};
use datafusion::datasource::provider_as_source;
use datafusion::error::Result as DataFusionResult;
use datafusion::logical_expr::{Expr, LogicalPlan, LogicalPlanBuilder};
use datafusion::sql::sqlparser::ast::{self, SelectItem, VisitMut, VisitorMut};

use super::target::{self, Target};
use crate::dialect::{self, Statement, folded};
use crate::engine::errors;
use crate::engine::execute::{self, Origin};
use crate::engine::plan::settled;
use crate::engine::planner::Planner;
use crate::engine::tree::{values_parameters, whole_rows};
use crate::error::{Error, ErrorKind, Result};

/// The planned RETURNING of a statement.
pub(super) struct Returning {
    /// Over the changed rows, which `rows` is filled with.
    pub plan: LogicalPlan,
    /// As the client is told.
    pub schema: SchemaRef,
    pub rows: Arc<MemTable>,
}

/// A column that a changed row can be returned with.
#[derive(Debug, Clone)]
pub(super) struct Returnable {
    pub qualifier: Option<TableReference>,
    pub field: FieldRef,
    /// Not one of `*`.
    pub hidden: bool,
    pub origin: Option<Origin>,
}

/// The changed rows as they are kept: the table's columns, then those of FROM or USING, by number.
pub(super) fn rows_schema(table: &SchemaRef, extras: &[ArrayRef]) -> SchemaRef {
    let types = table.fields().iter().map(|field| field.data_type().clone());
    let types = types.chain(extras.iter().map(|column| column.data_type().clone()));
    let fields = types.enumerate().map(|(index, data_type)| Field::new(format!("c{index}"), data_type, true));
    Arc::new(Schema::new(fields.collect::<Vec<_>>()))
}

impl Returning {
    /// Plans the items over the target's columns and these of FROM or USING.
    pub async fn plan(
        planner: &Planner,
        statement: &Statement,
        with: Option<&ast::With>,
        items: &[SelectItem],
        target: &Target,
        extras: &[Returnable],
    ) -> Result<Self> {
        let alias = TableReference::bare(target.alias.value.as_str());
        let own = (0..target.columns().len()).map(|index| Returnable {
            qualifier: Some(alias.clone()),
            field: target.declared(index),
            hidden: false,
            origin: target.origin(index),
        });
        let columns: Vec<Returnable> = own.chain(extras.iter().cloned()).collect();
        let types = columns.iter().enumerate();
        let kept = types.map(|(index, column)| {
            let kept = Field::new(format!("c{index}"), column.field.data_type().clone(), true);
            kept.with_metadata(column.field.metadata().clone())
        });
        let kept = Arc::new(Schema::new(kept.collect::<Vec<_>>()));
        let rows = Arc::new(MemTable::try_new(kept, vec![Vec::new()]).map_err(errors::from_datafusion)?);
        let base = named(&rows, &columns).map_err(errors::from_datafusion)?;

        let (mut exprs, names) = expanded(items, &columns)?;
        whole_rows::expand_over(&mut exprs, &relations(&columns));
        values_parameters::declare(&mut exprs, &planner.parameters);
        if let Some(with) = with {
            let _ = exprs.visit(&mut Within { with, depth: 0 });
        }
        let list = exprs.iter().cloned().map(SelectItem::UnnamedExpr).collect();
        let query = target::select(statement, with, list, Vec::new(), None)?;
        let planned = planner.exprs(&query, exprs, base.schema()).await?;
        let planned = planned.into_iter().zip(&names).map(|(expr, name)| expr.alias(name));
        let plan =
            LogicalPlanBuilder::from(base).project(planned).and_then(LogicalPlanBuilder::build).and_then(settled);
        let plan = plan.and_then(|plan| execute::coerced(plan, planner.state().config_options()));
        let plan = plan.map_err(|error| errors::in_statement(error, statement))?;
        let schema = execute::described(&plan, |_, place| columns.get(place).and_then(|column| column.origin));
        Ok(Self { plan, schema, rows })
    }
}

/// Gives the queries in expressions the statement's WITH.
struct Within<'a> {
    with: &'a ast::With,
    depth: usize,
}

impl VisitorMut for Within<'_> {
    type Break = ();

    fn pre_visit_query(&mut self, query: &mut ast::Query) -> ControlFlow<()> {
        if self.depth == 0 {
            let own = query.with.take().map(|own| own.cte_tables).unwrap_or_default();
            let cte_tables = self.with.cte_tables.iter().cloned().chain(own).collect();
            query.with = Some(ast::With { cte_tables, ..self.with.clone() });
        }
        self.depth += 1;
        ControlFlow::Continue(())
    }

    fn post_visit_query(&mut self, _query: &mut ast::Query) -> ControlFlow<()> {
        self.depth -= 1;
        ControlFlow::Continue(())
    }
}

/// The relations that the columns are of, with their names.
fn relations(columns: &[Returnable]) -> Vec<(String, Vec<String>)> {
    let mut relations: Vec<(String, Vec<String>)> = Vec::new();
    for column in columns {
        let Some(qualifier) = column.qualifier.as_ref().filter(|_| !column.hidden) else { continue };
        let name = column.field.name().clone();
        match relations.iter_mut().find(|(relation, _)| relation == qualifier.table()) {
            Some((_, known)) => known.push(name),
            None => relations.push((qualifier.table().to_owned(), vec![name])),
        }
    }
    relations
}

/// Puts rows into the table in place of those it has.
pub(super) async fn fill(table: &MemTable, batches: Vec<RecordBatch>) {
    if let Some(partition) = table.batches.first() {
        *partition.write().await = batches;
    }
}

/// The kept rows under the names that the statement may use.
fn named(rows: &Arc<MemTable>, columns: &[Returnable]) -> DataFusionResult<LogicalPlan> {
    let scan = LogicalPlanBuilder::scan("\u{1}changed", provider_as_source(rows.clone()), None)?;
    let kept: Vec<Column> = scan.schema().columns();
    let named = kept.into_iter().zip(columns).map(|(kept, column)| match &column.qualifier {
        Some(qualifier) => Expr::Column(kept).alias_qualified(Some(qualifier.clone()), column.field.name()),
        None => Expr::Column(kept).alias(column.field.name()),
    });
    scan.project(named)?.build()
}

/// The items with `*` written out: expressions, and the name of each.
fn expanded(items: &[SelectItem], columns: &[Returnable]) -> Result<(Vec<ast::Expr>, Vec<String>)> {
    let (mut exprs, mut names) = (Vec::new(), Vec::new());
    let mut taken = HashSet::new();
    let mut add = |expr: ast::Expr, name: String| {
        let visible = dialect::visible_name(&name).to_owned();
        names.push(match taken.insert(visible.clone()) {
            true => visible,
            false => dialect::repeated_name(&visible, exprs.len()),
        });
        exprs.push(expr);
    };
    let column = |column: &Returnable| {
        let qualifier: Vec<ast::Ident> = column.qualifier.iter().flat_map(TableReference::to_vec).map(quoted).collect();
        (target::qualified(&qualifier, column.field.name()), column.field.name().clone())
    };
    for item in items {
        match item {
            SelectItem::Wildcard(_) => {
                columns.iter().filter(|column| !column.hidden).map(column).for_each(|(expr, name)| add(expr, name))
            }
            SelectItem::QualifiedWildcard(ast::SelectItemQualifiedWildcardKind::ObjectName(name), _) => {
                let wanted = name.0.last().and_then(|part| part.as_ident()).map(folded).unwrap_or_default();
                let is_of =
                    |of: &&Returnable| !of.hidden && of.qualifier.as_ref().is_some_and(|found| found.table() == wanted);
                if !columns.iter().any(|column| is_of(&column)) {
                    let message = format!("missing FROM-clause entry for table \"{wanted}\"");
                    return Err(Error::new(ErrorKind::UndefinedTable, message));
                }
                columns.iter().filter(is_of).map(column).for_each(|(expr, name)| add(expr, name));
            }
            SelectItem::ExprWithAlias { expr, alias } => add(expr.clone(), folded(alias)),
            SelectItem::UnnamedExpr(expr) => {
                let name = match expr {
                    ast::Expr::Identifier(ident) => folded(ident),
                    ast::Expr::CompoundIdentifier(parts) => parts.last().map(folded).unwrap_or_default(),
                    _ => "?column?".to_owned(),
                };
                add(expr.clone(), name);
            }
            other => {
                return Err(Error::new(ErrorKind::FeatureNotSupported, format!("RETURNING {other} is not supported")));
            }
        }
    }
    Ok((exprs, names))
}

fn quoted(part: String) -> ast::Ident {
    ast::Ident::with_quote('"', part)
}
