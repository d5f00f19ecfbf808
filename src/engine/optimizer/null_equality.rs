//! Joins that have NULL equal to NULL, `ON a.x IS NOT DISTINCT FROM b.x`, beside those that do not.
//!
//! Blocked by: DataFusion 55 makes one join of an inner one and the inner joins that it reads, and of a join and the
//! conditions on its rows, and has either all of the keys equal at NULL or none. Remove when it asks first.

use datafusion::common::tree_node::{Transformed, TreeNodeRecursion};
use datafusion::common::{JoinConstraint, JoinType, NullEquality};
use datafusion::error::Result;
use datafusion::logical_expr::{Join, LogicalPlan};
use datafusion::optimizer::OptimizerConfig;
use datafusion::optimizer::eliminate_cross_join::EliminateCrossJoin;
use datafusion::optimizer::extract_equijoin_predicate::ExtractEquijoinPredicate;

use super::around::{self, Logical};

/// The rule, with such joins kept apart where it is one that mixes them.
pub(super) fn apart(rule: Logical) -> Logical {
    let rule = around::logical(rule, &EliminateCrossJoin::new(), flattened);
    around::logical(rule, &ExtractEquijoinPredicate::new(), extracted)
}

fn is_null_safe(join: &Join) -> bool {
    join.null_equality == NullEquality::NullEqualsNull
}

/// Makes one join of several inner ones, to which the others look like outer ones meanwhile.
fn flattened(rule: &Logical, plan: LogicalPlan, config: &dyn OptimizerConfig) -> Result<Transformed<LogicalPlan>> {
    let mut found = false;
    plan.apply_with_subqueries(|node| {
        found = matches!(node, LogicalPlan::Join(join) if is_null_safe(join) && join.join_type == JoinType::Inner);
        Ok(if found { TreeNodeRecursion::Stop } else { TreeNodeRecursion::Continue })
    })?;
    if !found {
        return rule.rewrite(plan, config);
    }
    // no null-safe join comes from USING, so that can be the mark
    let shown = (JoinType::Inner, JoinConstraint::On);
    let hidden = (JoinType::Left, JoinConstraint::Using);
    let plan = plan.transform_up_with_subqueries(|node| Ok(turned(node, shown, hidden)))?.data;
    let Transformed { data, transformed, tnr } = rule.rewrite(plan, config)?;
    let data = data.transform_up_with_subqueries(|node| Ok(turned(node, hidden, shown)))?.data;
    Ok(Transformed::new(data, transformed, tnr))
}

fn turned(
    node: LogicalPlan,
    from: (JoinType, JoinConstraint),
    to: (JoinType, JoinConstraint),
) -> Transformed<LogicalPlan> {
    match node {
        LogicalPlan::Join(join) if is_null_safe(&join) && (join.join_type, join.join_constraint) == from => {
            let (join_type, join_constraint) = to;
            Transformed::yes(LogicalPlan::Join(Join { join_type, join_constraint, ..join }))
        }
        other => Transformed::no(other),
    }
}

/// Takes `a.y = b.y` for a key of the join, which has none of the kind where it is null-safe.
fn extracted(rule: &Logical, plan: LogicalPlan, config: &dyn OptimizerConfig) -> Result<Transformed<LogicalPlan>> {
    match &plan {
        LogicalPlan::Join(join) if is_null_safe(join) => Ok(Transformed::no(plan)),
        _ => rule.rewrite(plan, config),
    }
}
