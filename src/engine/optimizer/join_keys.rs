//! Conditions of inner joins that compare a column with an expression over several relations: `ON a.id = b.id AND a.n = b.n + c.n`.
//!
//! Blocked by: DataFusion's rule puts inner joins into another order, and forgets an equality of which one side is of two of its
//! inputs where it joins these by another. Such an equality is a filter while the rule looks on. Remove when it forgets none.

use std::sync::Arc;

use datafusion::common::tree_node::{Transformed, TreeNodeRecursion};
use datafusion::common::{DFSchemaRef, NullEquality};
use datafusion::error::Result;
use datafusion::logical_expr::utils::conjunction;
use datafusion::logical_expr::{Expr, Join, JoinType, LogicalPlan};
use datafusion::optimizer::eliminate_cross_join::EliminateCrossJoin;

use super::around::{self, Logical};

/// The rule, which finds no such keys.
pub(super) fn kept(rule: Logical) -> Logical {
    around::logical(rule, &EliminateCrossJoin::new(), |rule, plan, config| {
        let apart = with_filters(plan)?;
        let changed = apart.transformed;
        let done = rule.rewrite(apart.data, config)?;
        Ok(Transformed::new(done.data, changed || done.transformed, TreeNodeRecursion::Continue))
    })
}

fn with_filters(plan: LogicalPlan) -> Result<Transformed<LogicalPlan>> {
    plan.transform_down_with_subqueries(|node| match node {
        LogicalPlan::Join(join) if is_of_pairs(&join) => {
            let inputs = inputs(&join);
            let spreads = |(left, right): &(Expr, Expr)| touched(left, &inputs) > 1 || touched(right, &inputs) > 1;
            if inputs.len() < 3 || !join.on.iter().any(spreads) {
                return Ok(Transformed::no(LogicalPlan::Join(join)));
            }
            let (spread, on): (Vec<_>, Vec<_>) = join.on.into_iter().partition(spreads);
            let filters = spread.into_iter().map(|(left, right)| left.eq(right)).chain(join.filter);
            Ok(Transformed::yes(LogicalPlan::Join(Join { on, filter: conjunction(filters), ..join })))
        }
        other => Ok(Transformed::no(other)),
    })
}

fn is_of_pairs(join: &Join) -> bool {
    join.join_type == JoinType::Inner && join.null_equality == NullEquality::NullEqualsNothing && !join.on.is_empty()
}

/// What the rule takes for the inputs of a join: those of the inner joins below it.
fn inputs(join: &Join) -> Vec<DFSchemaRef> {
    fn note(plan: &LogicalPlan, inputs: &mut Vec<DFSchemaRef>) {
        match plan {
            LogicalPlan::Join(join) if join.join_type == JoinType::Inner => {
                note(&join.left, inputs);
                note(&join.right, inputs);
            }
            other => inputs.push(Arc::clone(other.schema())),
        }
    }
    let mut inputs = Vec::new();
    note(&join.left, &mut inputs);
    note(&join.right, &mut inputs);
    inputs
}

/// How many inputs an expression reads.
fn touched(expr: &Expr, inputs: &[DFSchemaRef]) -> usize {
    let columns = expr.column_refs();
    inputs.iter().filter(|input| columns.iter().any(|column| input.has_column(column))).count()
}
