//! `SELECT … FROM (SELECT a FROM t ORDER BY b OFFSET 1) s`: which rows are skipped is for the order to say.
//!
//! Blocked by: DataFusion takes away a sort below an OFFSET without a LIMIT, where nothing above shows its keys. It does not where
//! the sort has a number of rows; `engine::optimizer` takes that away again. Remove when it minds the OFFSET.

use std::sync::Arc;

use datafusion::common::tree_node::Transformed;
use datafusion::error::Result;
use datafusion::logical_expr::{Limit, LogicalPlan, Projection, Sort};

use crate::engine::optimizer::ALL_ROWS;

/// The plan with rows skipped right above what sorts them.
pub(super) fn sorted(plan: LogicalPlan) -> Result<LogicalPlan> {
    Ok(plan.transform_up_with_subqueries(above_sort)?.data)
}

fn above_sort(node: LogicalPlan) -> Result<Transformed<LogicalPlan>> {
    let LogicalPlan::Limit(Limit { skip, fetch: None, input }) = node else { return Ok(Transformed::no(node)) };
    let of = |input| LogicalPlan::Limit(Limit { skip: skip.clone(), fetch: None, input: Arc::new(input) });
    Ok(match input.as_ref() {
        LogicalPlan::Projection(projection) if shows_part(&input) => {
            let Projection { expr, input, schema, .. } = projection.clone();
            let below = above_sort(of(Arc::unwrap_or_clone(input)))?.data;
            let shown = Projection::try_new_with_schema(expr, Arc::new(below), schema)?;
            Transformed::yes(LogicalPlan::Projection(shown))
        }
        LogicalPlan::Sort(sort) if sort.fetch.is_none() => {
            Transformed::yes(of(LogicalPlan::Sort(Sort { fetch: Some(ALL_ROWS), ..sort.clone() })))
        }
        _ => Transformed::no(of(Arc::unwrap_or_clone(input))),
    })
}

/// Whether the rows are what projections show of sorted ones.
fn shows_part(plan: &LogicalPlan) -> bool {
    match plan {
        LogicalPlan::Projection(projection) => {
            matches!(*projection.input, LogicalPlan::Sort(_)) || shows_part(&projection.input)
        }
        _ => false,
    }
}
