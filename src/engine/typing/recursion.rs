//! WITH RECURSIVE: both terms have the columns that the first one has once it is typed.
//!
//! The statement's planner gives the working table the columns of the first term before any type is settled.

use std::sync::Arc;

use datafusion::arrow::datatypes::{Field, Schema};
use datafusion::catalog::cte_worktable::CteWorkTable;
use datafusion::common::tree_node::Transformed;
use datafusion::datasource::{provider_as_source, source_as_provider};
use datafusion::error::Result;
use datafusion::logical_expr::expr::Cast;
use datafusion::logical_expr::{Expr, LogicalPlan, LogicalPlanBuilder, RecursiveQuery, TableScan, TableScanBuilder};

use super::Typing;

pub(super) fn recursive_query(typing: &Typing, query: RecursiveQuery) -> Result<Transformed<LogicalPlan>> {
    let fields = query.static_term.schema().fields();
    // the rows to come may hold what the first ones do not
    let columns =
        Schema::new(fields.iter().map(|field| field.as_ref().clone().with_nullable(true)).collect::<Vec<_>>());
    let table = CteWorkTable::new(&query.name, Arc::new(columns));
    let recursive = Arc::unwrap_or_clone(query.recursive_term);
    let Transformed { data: mut recursive, transformed, .. } =
        recursive.transform_up_with_subqueries(|node| read_from(node, &table))?;
    if transformed {
        recursive = typing.settle(recursive, false)?;
    }
    let recursive = told_alike(recursive, query.static_term.as_ref())?;
    let typed = LogicalPlanBuilder::from(query.static_term.as_ref().clone())
        .to_recursive_query(query.name, recursive, query.is_distinct)?
        .build()?;
    Ok(Transformed::yes(typed))
}

/// A scan of the working table, with the columns that it turned out to have.
fn read_from(node: LogicalPlan, table: &CteWorkTable) -> Result<Transformed<LogicalPlan>> {
    let LogicalPlan::TableScan(scan) = &node else { return Ok(Transformed::no(node)) };
    let Ok(provider) = source_as_provider(&scan.source) else { return Ok(Transformed::no(node)) };
    match provider.downcast_ref::<CteWorkTable>() {
        Some(known) if known.name() == table.name() && known.schema() != table.schema() => {
            let source = provider_as_source(Arc::new(CteWorkTable::new(table.name(), table.schema())));
            let TableScan { table_name, projection, filters, fetch, .. } = scan.clone();
            let builder = TableScanBuilder::new(table_name, source).with_projection(projection);
            let scan = builder.with_filters(filters).with_fetch(fetch).build()?;
            Ok(Transformed::yes(LogicalPlan::TableScan(scan)))
        }
        _ => Ok(Transformed::no(node)),
    }
}

/// The plan with the names of PostgreSQL's types that the other has, which its Arrow types alone do not tell.
fn told_alike(plan: LogicalPlan, like: &LogicalPlan) -> Result<LogicalPlan> {
    let pairs = || plan.schema().iter().zip(like.schema().fields());
    if pairs().all(|((_, field), wanted)| field.metadata() == wanted.metadata()) {
        return Ok(plan);
    }
    let exprs: Vec<Expr> = pairs()
        .map(|((qualifier, field), wanted)| {
            let column = Expr::Column((qualifier, field).into());
            if field.metadata() == wanted.metadata() {
                return column;
            }
            let told = Field::new("", field.data_type().clone(), false).with_metadata(wanted.metadata().clone());
            Expr::Cast(Cast::new_from_field(Box::new(column), Arc::new(told))).alias(field.name())
        })
        .collect();
    LogicalPlanBuilder::from(plan).project(exprs)?.build()
}
