//! `SELECT … UNION ALL SELECT …` without ORDER BY: the rows of the first query, then those of the second.
//!
//! SQL leaves the order open, PostgreSQL gives this one, and people read headings and totals put together in this way.
//! DataFusion gives what is first ready first.
//!
//! Invariant: queries of a union run side by side, each a batch ahead of the reader at most.

use std::fmt;
use std::sync::Arc;

use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode, TreeNodeRecursion};
use datafusion::error::{DataFusionError, Result};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::{Distribution, OrderingRequirements, Partitioning, PhysicalExpr};
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_optimizer::output_requirements::OutputRequirementExec;
use datafusion::physical_plan::coalesce_partitions::CoalescePartitionsExec;
use datafusion::physical_plan::common::spawn_buffered;
use datafusion::physical_plan::limit::GlobalLimitExec;
use datafusion::physical_plan::projection::ProjectionExec;
use datafusion::physical_plan::repartition::RepartitionExec;
use datafusion::physical_plan::sorts::sort::SortExec;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::union::UnionExec;
use datafusion::physical_plan::{
    ChildrenPropertiesMode, DisplayAs, DisplayFormatType, ExecutionPlan, ExecutionPlanProperties, PlanProperties,
    ReplaceChildrenOptions,
};
use futures::StreamExt;

/// Has the queries of a union keep their ORDER BY, which nobody above asks for. Before the rules that drop such orders; the
/// requirement goes where DataFusion takes out its own.
#[derive(Debug)]
pub(super) struct Orders;

impl PhysicalOptimizerRule for Orders {
    fn optimize(&self, plan: Arc<dyn ExecutionPlan>, _config: &ConfigOptions) -> Result<Arc<dyn ExecutionPlan>> {
        let required = |node: Arc<dyn ExecutionPlan>| {
            if !node.is::<UnionExec>() {
                return Ok(Transformed::no(node));
            }
            let queries = node.children().into_iter().map(required).collect::<Result<_>>()?;
            node.replace_children(queries, ReplaceChildrenOptions::new(ChildrenPropertiesMode::Recompute))
                .map(Transformed::yes)
        };
        plan.transform_up(required).data()
    }

    fn name(&self) -> &str {
        "orders_of_unions"
    }

    fn schema_check(&self) -> bool {
        true
    }
}

/// The query with what it is sorted by required of it, where it is sorted at its end.
fn required(query: &Arc<dyn ExecutionPlan>) -> Result<Arc<dyn ExecutionPlan>> {
    if let Some(sort) = query.downcast_ref::<SortExec>() {
        let order = OrderingRequirements::from(sort.expr().clone());
        return Ok(Arc::new(OutputRequirementExec::new(
            query.clone(),
            Some(order),
            Distribution::SinglePartition,
            None,
        )));
    }
    match query.children().as_slice() {
        [input] if query.is::<ProjectionExec>() => {
            let children = vec![required(input)?];
            query.clone().replace_children(children, ReplaceChildrenOptions::new(ChildrenPropertiesMode::Recompute))
        }
        _ => Ok(query.clone()),
    }
}

/// Gathers the partitions of a union in their order, wherever and at the end of the plan.
#[derive(Debug)]
pub(super) struct Rule;

impl PhysicalOptimizerRule for Rule {
    fn optimize(&self, plan: Arc<dyn ExecutionPlan>, _config: &ConfigOptions) -> Result<Arc<dyn ExecutionPlan>> {
        let plan = plan.transform_up(|node| {
            let Some(gather) = node.downcast_ref::<CoalescePartitionsExec>() else { return Ok(Transformed::no(node)) };
            let Some(parts) = one_partition_each(gather.input())? else { return Ok(Transformed::no(node)) };
            let ordered = InOrderExec::of(parts);
            Ok(Transformed::yes(match gather.fetch() {
                Some(fetch) => Arc::new(GlobalLimitExec::new(ordered, 0, Some(fetch))),
                None => ordered,
            }))
        });
        let plan = plan.data()?;
        Ok(one_partition_each(&plan)?.map_or(plan, InOrderExec::of))
    }

    fn name(&self) -> &str {
        "unions"
    }

    fn schema_check(&self) -> bool {
        true
    }
}

/// A union, or what is done to each of its partitions alone, with one partition for each query; `None` for any other plan.
fn one_partition_each(plan: &Arc<dyn ExecutionPlan>) -> Result<Option<Arc<dyn ExecutionPlan>>> {
    let replaced = |children| {
        plan.clone()
            .replace_children(children, ReplaceChildrenOptions::new(ChildrenPropertiesMode::Recompute))
            .map(Some)
    };
    if plan.is::<UnionExec>() {
        let gathered = |query: &Arc<dyn ExecutionPlan>| match partitions(query) {
            1 => query.clone(),
            _ => Arc::new(CoalescePartitionsExec::new(query.clone())) as _,
        };
        return replaced(plan.children().into_iter().map(gathered).collect());
    }
    match plan.children().as_slice() {
        [input]
            if !plan.is::<RepartitionExec>()
                && partitions(input) > 1
                && partitions(input) == partitions(plan)
                && plan.maintains_input_order() == [true] =>
        {
            match one_partition_each(input)? {
                Some(parts) => replaced(vec![parts]),
                None => Ok(None),
            }
        }
        _ => Ok(None),
    }
}

fn partitions(plan: &Arc<dyn ExecutionPlan>) -> usize {
    plan.output_partitioning().partition_count()
}

/// One partition: those of its input, one after the other.
#[derive(Debug)]
struct InOrderExec {
    input: Arc<dyn ExecutionPlan>,
    properties: Arc<PlanProperties>,
}

impl InOrderExec {
    fn of(input: Arc<dyn ExecutionPlan>) -> Arc<dyn ExecutionPlan> {
        let known = input.properties();
        let mut equivalences = known.equivalence_properties().clone();
        equivalences.clear_orderings();
        equivalences.clear_per_partition_constants();
        let one = Partitioning::UnknownPartitioning(1);
        let properties = PlanProperties::new(equivalences, one, known.emission_type, known.boundedness);
        Arc::new(Self { properties: Arc::new(properties), input })
    }

    fn again(children: Vec<Arc<dyn ExecutionPlan>>) -> Result<Arc<dyn ExecutionPlan>> {
        match <[_; 1]>::try_from(children) {
            Ok([input]) => Ok(Self::of(input)),
            Err(_) => Err(DataFusionError::Internal("InOrderExec has one input".to_owned())),
        }
    }
}

impl DisplayAs for InOrderExec {
    fn fmt_as(&self, _format: DisplayFormatType, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "InOrderExec")
    }
}

impl ExecutionPlan for InOrderExec {
    fn name(&self) -> &str {
        "InOrderExec"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        &self.properties
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        vec![&self.input]
    }

    fn apply_expressions(
        &self,
        _f: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        Ok(TreeNodeRecursion::Continue)
    }

    fn with_new_children(self: Arc<Self>, children: Vec<Arc<dyn ExecutionPlan>>) -> Result<Arc<dyn ExecutionPlan>> {
        Self::again(children)
    }

    fn replace_children(
        self: Arc<Self>,
        children: Vec<Arc<dyn ExecutionPlan>>,
        _options: ReplaceChildrenOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        Self::again(children)
    }

    fn execute(&self, _partition: usize, context: Arc<TaskContext>) -> Result<SendableRecordBatchStream> {
        let started =
            (0..partitions(&self.input)).map(|part| Ok(spawn_buffered(self.input.execute(part, context.clone())?, 1)));
        let started = started.collect::<Result<Vec<_>>>()?;
        let rows = futures::stream::iter(started).flatten();
        Ok(Box::pin(RecordBatchStreamAdapter::new(self.schema(), rows)))
    }
}
