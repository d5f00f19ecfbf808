//! Filters that plans hand down to what they read, kept away from rows with two columns of one name.
//!
//! Blocked by: DataFusion 55 finds a filter's column by its name, and takes the first of two: the keys of a join that
//! skip what its other side need not read then skip what it needs, `SELECT c.id FROM c JOIN o … JOIN i ON i.o_id = o.id`
//! (apache/datafusion#25244). Remove when it goes by position.

use std::collections::HashSet;
use std::sync::Arc;

use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode};
use datafusion::error::Result;
use datafusion::physical_optimizer::filter_pushdown::FilterPushdown;
use datafusion::physical_plan::ExecutionPlan;

use super::around::{self, Physical};
use super::pass::{Kept, PassExec};

/// The rule, with fences where it is one that hands filters down.
pub(super) fn fenced(rule: Physical) -> Physical {
    let rule = around::physical(rule, &FilterPushdown::new(), handed_down);
    around::physical(rule, &FilterPushdown::new_post_optimization(), handed_down)
}

fn handed_down(
    rule: &Physical,
    plan: Arc<dyn ExecutionPlan>,
    config: &ConfigOptions,
) -> Result<Arc<dyn ExecutionPlan>> {
    if !plan.exists(|node| Ok(repeats_names(node)))? {
        return rule.optimize(plan, config);
    }
    let fence = |node: Arc<dyn ExecutionPlan>| {
        Ok(match repeats_names(&node) {
            true => Transformed::yes(PassExec::above(Kept::Filters, node)?),
            false => Transformed::no(node),
        })
    };
    let unfence = |node: Arc<dyn ExecutionPlan>| {
        Ok(match PassExec::keeps(&node, Kept::Filters) {
            Some(fence) => Transformed::yes(fence.input.clone()),
            None => Transformed::no(node),
        })
    };
    let fenced = plan.transform_up(fence).data()?;
    rule.optimize(fenced, config)?.transform_up(unfence).data()
}

fn repeats_names(node: &Arc<dyn ExecutionPlan>) -> bool {
    let mut seen = HashSet::new();
    node.schema().fields().iter().any(|field| !seen.insert(field.name().as_str()))
}
