//! A node of a plan that hands on the rows of its input, for what it does not hand on: what DataFusion would do wrong with.
//!
//! Invariant: rows, columns and partitions are those of the input.

use std::fmt;
use std::sync::Arc;

use datafusion::common::Statistics;
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::error::{DataFusionError, Result};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::{EquivalenceProperties, PhysicalExpr};
use datafusion::physical_plan::execution_plan::CardinalityEffect;
use datafusion::physical_plan::filter_pushdown::{
    ChildPushdownResult, FilterDescription, FilterPushdownPhase, FilterPushdownPropagation,
};
use datafusion::physical_plan::statistics::{ChildStats, StatisticsArgs};
use datafusion::physical_plan::{
    DisplayAs, DisplayFormatType, ExecutionPlan, ExecutionPlanProperties, PlanProperties, ReplaceChildrenOptions,
};

/// What is not handed on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kept {
    /// Filters, from above.
    Filters,
    /// That columns are the same in all rows, or equal to each other.
    Constants,
    /// That the rows of a window are in the order of what it computes.
    WindowOrders,
}

#[derive(Debug)]
pub(super) struct PassExec {
    kept: Kept,
    pub input: Arc<dyn ExecutionPlan>,
    properties: Arc<PlanProperties>,
}

impl PassExec {
    pub fn above(kept: Kept, input: Arc<dyn ExecutionPlan>) -> Result<Arc<dyn ExecutionPlan>> {
        let known = input.properties();
        let equivalences = match kept {
            Kept::Filters => known.equivalence_properties().clone(),
            Kept::Constants => {
                let orderings = known.equivalence_properties().oeq_class().iter().cloned();
                EquivalenceProperties::new_with_orderings(input.schema(), orderings)
            }
            Kept::WindowOrders => {
                let before = input.children().first().map(|before| before.equivalence_properties().clone());
                let before = before.unwrap_or_else(|| known.equivalence_properties().clone());
                EquivalenceProperties::new(input.schema()).extend(before)?
            }
        };
        let properties = PlanProperties::new(
            equivalences,
            known.output_partitioning().clone(),
            known.emission_type,
            known.boundedness,
        )
        .with_evaluation_type(known.evaluation_type)
        .with_scheduling_type(known.scheduling_type);
        Ok(Arc::new(Self { kept, properties: Arc::new(properties), input }))
    }

    pub fn keeps(node: &Arc<dyn ExecutionPlan>, kept: Kept) -> Option<&Self> {
        node.downcast_ref::<Self>().filter(|pass| pass.kept == kept)
    }

    fn again(&self, mut children: Vec<Arc<dyn ExecutionPlan>>) -> Result<Arc<dyn ExecutionPlan>> {
        match (children.pop(), children.is_empty()) {
            (Some(input), true) => Self::above(self.kept, input),
            _ => Err(DataFusionError::Internal("PassExec has one input".to_owned())),
        }
    }
}

impl DisplayAs for PassExec {
    fn fmt_as(&self, _format: DisplayFormatType, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "PassExec: without={:?}", self.kept)
    }
}

impl ExecutionPlan for PassExec {
    fn name(&self) -> &str {
        "PassExec"
    }
    fn properties(&self) -> &Arc<PlanProperties> {
        &self.properties
    }
    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        vec![&self.input]
    }
    fn maintains_input_order(&self) -> Vec<bool> {
        // or the order that is asked for above is looked for below, where more is said to hold
        vec![self.kept == Kept::Filters]
    }
    fn benefits_from_input_partitioning(&self) -> Vec<bool> {
        // nothing comes between it and what it stands above
        vec![false]
    }
    fn apply_expressions(
        &self,
        _f: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        Ok(TreeNodeRecursion::Continue)
    }
    fn with_new_children(self: Arc<Self>, children: Vec<Arc<dyn ExecutionPlan>>) -> Result<Arc<dyn ExecutionPlan>> {
        self.again(children)
    }
    fn replace_children(
        self: Arc<Self>,
        children: Vec<Arc<dyn ExecutionPlan>>,
        _options: ReplaceChildrenOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        self.again(children)
    }
    fn child_stats_requests(&self, partition: Option<usize>) -> Vec<ChildStats> {
        vec![ChildStats::At(partition)]
    }
    fn statistics_from_inputs(&self, inputs: &[Arc<Statistics>], _args: &StatisticsArgs) -> Result<Arc<Statistics>> {
        match inputs {
            [input] => Ok(input.clone()),
            _ => Err(DataFusionError::Internal("PassExec has one input".to_owned())),
        }
    }
    fn supports_limit_pushdown(&self) -> bool {
        true
    }
    fn cardinality_effect(&self) -> CardinalityEffect {
        CardinalityEffect::Equal
    }
    fn gather_filters_for_pushdown(
        &self,
        _phase: FilterPushdownPhase,
        parent_filters: Vec<Arc<dyn PhysicalExpr>>,
        _config: &ConfigOptions,
    ) -> Result<FilterDescription> {
        match self.kept {
            Kept::Filters => Ok(FilterDescription::all_unsupported(&parent_filters, &self.children())),
            _ => FilterDescription::from_children(parent_filters, &self.children()),
        }
    }
    fn handle_child_pushdown_result(
        &self,
        _phase: FilterPushdownPhase,
        child_pushdown_result: ChildPushdownResult,
        _config: &ConfigOptions,
    ) -> Result<FilterPushdownPropagation<Arc<dyn ExecutionPlan>>> {
        Ok(FilterPushdownPropagation::if_all(child_pushdown_result))
    }
    fn execute(&self, partition: usize, context: Arc<TaskContext>) -> Result<SendableRecordBatchStream> {
        self.input.execute(partition, context)
    }
}
