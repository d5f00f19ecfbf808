//! Filters that plans hand down to what they read, kept away from rows with two columns of one name.
//!
//! Blocked by: DataFusion 55 finds a filter's column by its name, and takes the first of two: the keys of a join that
//! skip what its other side need not read then skip what it needs, `SELECT c.id FROM c JOIN o … JOIN i ON i.o_id = o.id`
//! (apache/datafusion#25244). Remove when it goes by position.

use std::collections::HashSet;
use std::fmt;
use std::sync::Arc;

use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode, TreeNodeRecursion};
use datafusion::error::{DataFusionError, Result};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_optimizer::filter_pushdown::FilterPushdown;
use datafusion::physical_plan::{DisplayAs, DisplayFormatType, ExecutionPlan, PlanProperties, ReplaceChildrenOptions};

/// The rule, with fences where it is one that hands filters down.
pub(super) fn fenced(
    rule: Arc<dyn PhysicalOptimizerRule + Send + Sync>,
) -> Arc<dyn PhysicalOptimizerRule + Send + Sync> {
    let known = [FilterPushdown::new(), FilterPushdown::new_post_optimization()];
    match known.iter().any(|known| known.name() == rule.name()) {
        true => Arc::new(Fenced(rule)),
        false => rule,
    }
}

#[derive(Debug)]
struct Fenced(Arc<dyn PhysicalOptimizerRule + Send + Sync>);

impl PhysicalOptimizerRule for Fenced {
    fn optimize(&self, plan: Arc<dyn ExecutionPlan>, config: &ConfigOptions) -> Result<Arc<dyn ExecutionPlan>> {
        if !plan.exists(|node| Ok(repeats_names(node)))? {
            return self.0.optimize(plan, config);
        }
        let fence = |node: Arc<dyn ExecutionPlan>| {
            Ok(match repeats_names(&node) {
                true => Transformed::yes(Arc::new(Fence(node)) as Arc<dyn ExecutionPlan>),
                false => Transformed::no(node),
            })
        };
        let unfence = |node: Arc<dyn ExecutionPlan>| {
            Ok(match node.downcast_ref::<Fence>() {
                Some(Fence(inner)) => Transformed::yes(inner.clone()),
                None => Transformed::no(node),
            })
        };
        let fenced = plan.transform_up(fence).data()?;
        self.0.optimize(fenced, config)?.transform_up(unfence).data()
    }

    fn name(&self) -> &str {
        self.0.name()
    }

    fn schema_check(&self) -> bool {
        self.0.schema_check()
    }
}

fn repeats_names(node: &Arc<dyn ExecutionPlan>) -> bool {
    let mut seen = HashSet::new();
    node.schema().fields().iter().any(|field| !seen.insert(field.name().as_str()))
}

/// What no filter passes: a plan's node takes none from above where it does not say that it does.
#[derive(Debug)]
struct Fence(Arc<dyn ExecutionPlan>);

impl Fence {
    fn before(mut children: Vec<Arc<dyn ExecutionPlan>>) -> Result<Arc<dyn ExecutionPlan>> {
        match (children.pop(), children.is_empty()) {
            (Some(child), true) => Ok(Arc::new(Self(child))),
            _ => Err(DataFusionError::Internal("a fence stands before one node".to_owned())),
        }
    }
}

impl DisplayAs for Fence {
    fn fmt_as(&self, _format: DisplayFormatType, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "Fence")
    }
}

impl ExecutionPlan for Fence {
    fn name(&self) -> &str {
        "Fence"
    }
    fn properties(&self) -> &Arc<PlanProperties> {
        self.0.properties()
    }
    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        vec![&self.0]
    }
    fn maintains_input_order(&self) -> Vec<bool> {
        vec![true]
    }
    fn apply_expressions(
        &self,
        _f: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        Ok(TreeNodeRecursion::Continue)
    }
    fn with_new_children(self: Arc<Self>, children: Vec<Arc<dyn ExecutionPlan>>) -> Result<Arc<dyn ExecutionPlan>> {
        Self::before(children)
    }
    fn replace_children(
        self: Arc<Self>,
        children: Vec<Arc<dyn ExecutionPlan>>,
        _options: ReplaceChildrenOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        Self::before(children)
    }
    fn execute(&self, partition: usize, context: Arc<TaskContext>) -> Result<SendableRecordBatchStream> {
        self.0.execute(partition, context)
    }
}
