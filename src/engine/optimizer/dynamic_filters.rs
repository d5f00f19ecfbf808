//! Joins that wait for each other's partitions.
//!
//! Blocked by: a hash join of DataFusion 55 that makes a filter of its one build side for what it probes waits until all of its
//! partitions have been asked for rows, and a partitioned join above does not ask where its own build side is empty: the
//! statement hangs. Remove when a join counts partitions that are dropped, as it does where it is partitioned itself
//! (apache/datafusion#21666).

use std::sync::Arc;

use datafusion::common::config::ConfigOptions;
use datafusion::error::Result;
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_plan::coalesce_partitions::CoalescePartitionsExec;
use datafusion::physical_plan::joins::{HashJoinExec, PartitionMode, SortMergeJoinExec};
use datafusion::physical_plan::repartition::RepartitionExec;
use datafusion::physical_plan::sorts::sort_preserving_merge::SortPreservingMergeExec;
use datafusion::physical_plan::{ChildrenPropertiesMode, ExecutionPlan, ReplaceChildrenOptions};

/// Takes the filter from such joins where some of their partitions may not be asked.
#[derive(Debug)]
pub(super) struct Rule;

impl PhysicalOptimizerRule for Rule {
    fn optimize(&self, plan: Arc<dyn ExecutionPlan>, _config: &ConfigOptions) -> Result<Arc<dyn ExecutionPlan>> {
        Ok(settled(&plan, false)?.unwrap_or(plan))
    }

    fn name(&self) -> &str {
        "dynamic_filters"
    }

    fn schema_check(&self) -> bool {
        true
    }
}

/// The plan where it changes. `some`: whether what is above may ask for rows of some partitions only.
fn settled(node: &Arc<dyn ExecutionPlan>, some: bool) -> Result<Option<Arc<dyn ExecutionPlan>>> {
    let mut changed = false;
    let inputs = node.children().into_iter().enumerate().map(|(number, input)| {
        let settled = settled(input, asks_for_some(node, number).unwrap_or(some))?;
        changed |= settled.is_some();
        Ok(settled.unwrap_or_else(|| input.clone()))
    });
    let inputs = inputs.collect::<Result<Vec<_>>>()?;
    let mut plan = node.clone();
    if changed {
        plan = plan.replace_children(inputs, ReplaceChildrenOptions::new(ChildrenPropertiesMode::Keep))?;
    }
    let waits = node.downcast_ref::<HashJoinExec>().is_some_and(|join| {
        *join.partition_mode() == PartitionMode::CollectLeft && !join.dynamic_expressions_produced().is_empty()
    });
    if some && waits {
        // what is scanned below keeps a filter that nobody fills, and that lets all rows through
        plan = plan.reset_state()?;
        changed = true;
    }
    Ok(changed.then_some(plan))
}

/// Whether the node asks its input for rows of some partitions only; `None` where it does as is done to itself.
fn asks_for_some(node: &Arc<dyn ExecutionPlan>, input: usize) -> Option<bool> {
    if node.is::<RepartitionExec>() || node.is::<CoalescePartitionsExec>() || node.is::<SortPreservingMergeExec>() {
        return Some(false);
    }
    if let Some(join) = node.downcast_ref::<HashJoinExec>() {
        let probed = input == 1 && *join.partition_mode() == PartitionMode::Partitioned;
        return probed.then_some(true);
    }
    node.is::<SortMergeJoinExec>().then_some(true)
}
