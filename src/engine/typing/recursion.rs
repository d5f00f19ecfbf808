//! WITH RECURSIVE: both terms have the columns that the first one has once it is typed.
//!
//! Numerics are the exception: theirs is widened, for what the recursive term makes of them.
//!
//! The statement's planner gives the working table the columns of the first term before any type is settled.

use std::sync::Arc;

use datafusion::arrow::datatypes::{DECIMAL128_MAX_PRECISION, DataType, Field, FieldRef, Schema};
use datafusion::catalog::cte_worktable::CteWorkTable;
use datafusion::common::tree_node::Transformed;
use datafusion::datasource::{provider_as_source, source_as_provider};
use datafusion::error::Result;
use datafusion::logical_expr::expr::Cast;
use datafusion::logical_expr::{
    Expr, LogicalPlan, LogicalPlanBuilder, Projection, RecursiveQuery, TableScan, TableScanBuilder,
};

use super::Typing;
use crate::pgtypes::{FREE, TYPE_MODIFIER_KEY};

pub(super) fn recursive_query(typing: &Typing, mut query: RecursiveQuery) -> Result<Transformed<LogicalPlan>> {
    let mut first = query.static_term.as_ref().clone();
    query.recursive_term = Arc::new(as_computed(Arc::unwrap_or_clone(query.recursive_term), &first)?);
    let mut recursive = over(typing, &query, &first)?;
    if let Some(wide) = with_room(&first, &recursive)? {
        first = wide;
        recursive = over(typing, &query, &first)?;
    }
    let recursive = told_alike(recursive, &first)?;
    let typed =
        LogicalPlanBuilder::from(first).to_recursive_query(query.name, recursive, query.is_distinct)?.build()?;
    Ok(Transformed::yes(typed))
}

/// The recursive term without the casts that the planner has put around its numerics, to make them what those of the first
/// one are. Where that says how many digits a column has, PostgreSQL wants the recursive one to say the same: such casts are
/// the statement's.
fn as_computed(recursive: LogicalPlan, first: &LogicalPlan) -> Result<LogicalPlan> {
    let LogicalPlan::Projection(Projection { expr, input, .. }) = recursive else { return Ok(recursive) };
    let bare = |(expr, nth): (Expr, usize)| {
        let wanted = first.schema().field(nth).data_type();
        match expr.clone().unalias() {
            Expr::Cast(cast) if wanted.is_decimal() && cast.field.data_type() == wanted && !says_digits(first, nth) => {
                let name = expr.schema_name().to_string();
                cast.expr.alias(name)
            }
            _ => expr,
        }
    };
    let exprs: Vec<Expr> = expr.into_iter().zip(0..).map(bare).collect();
    Projection::try_new(exprs, input).map(LogicalPlan::Projection)
}

/// Whether a column is of a numeric type with a number of digits: a table's, or a cast's.
fn says_digits(plan: &LogicalPlan, nth: usize) -> bool {
    match plan {
        LogicalPlan::Projection(projection) => match projection.expr.get(nth).cloned().map(Expr::unalias) {
            Some(Expr::Column(column)) => match projection.input.schema().maybe_index_of_column(&column) {
                Some(nth) => says_digits(&projection.input, nth),
                None => true,
            },
            Some(Expr::Cast(cast)) => {
                cast.field.metadata().get(TYPE_MODIFIER_KEY).is_none_or(|modifier| modifier != "-1")
            }
            _ => false,
        },
        LogicalPlan::SubqueryAlias(alias) => says_digits(&alias.input, nth),
        LogicalPlan::Values(_) => false,
        _ => true,
    }
}

/// The recursive term, typed, over a working table with the columns of the first one.
fn over(typing: &Typing, query: &RecursiveQuery, first: &LogicalPlan) -> Result<LogicalPlan> {
    // the rows to come may hold what the first ones do not
    let nullable = |field: &FieldRef| field.as_ref().clone().with_nullable(true);
    let columns = Schema::new(first.schema().fields().iter().map(nullable).collect::<Vec<_>>());
    let table = CteWorkTable::new(&query.name, Arc::new(columns));
    let recursive = query.recursive_term.as_ref().clone();
    let Transformed { data: recursive, transformed, .. } =
        recursive.transform_up_with_subqueries(|node| read_from(node, &table))?;
    if transformed { typing.settle(recursive, false) } else { Ok(recursive) }
}

/// The first term with columns that hold what the recursive one computes: a numeric has room for all digits, and for more
/// decimals where that has more. `None` where they do.
fn with_room(first: &LogicalPlan, recursive: &LogicalPlan) -> Result<Option<LogicalPlan>> {
    let mut widened = false;
    let mut exprs = Vec::with_capacity(first.schema().fields().len());
    for ((qualifier, field), next) in first.schema().iter().zip(recursive.schema().fields()) {
        let column = Expr::Column((qualifier, field).into());
        let wide = match (field.data_type(), next.data_type()) {
            (DataType::Decimal128(..), DataType::Float64) => None,
            (given, next) if given == next => None,
            (DataType::Decimal128(_, scale), DataType::Decimal128(_, more)) if more > scale => Some(FREE),
            (DataType::Decimal128(_, scale), _) => Some(DataType::Decimal128(DECIMAL128_MAX_PRECISION, *scale)),
            _ => None,
        };
        widened |= wide.is_some();
        exprs.push(match wide {
            Some(wide) => {
                let undeclared = [(TYPE_MODIFIER_KEY.to_owned(), "-1".to_owned())].into();
                let wide = Field::new("", wide, false).with_metadata(undeclared);
                let cast = Expr::Cast(Cast::new_from_field(Box::new(column), Arc::new(wide)));
                cast.alias_qualified(qualifier.cloned(), field.name())
            }
            None => column,
        });
    }
    widened.then(|| LogicalPlanBuilder::from(first.clone()).project(exprs)?.build()).transpose()
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
