//! DataFusion's rules with a function of ours around one: it asks the rule, asks it something else, or does not ask.
//!
//! Invariant: each keeps its name, its place and the order in which it goes through a plan.

use std::fmt;
use std::sync::Arc;

use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::Transformed;
use datafusion::error::Result;
use datafusion::logical_expr::LogicalPlan;
use datafusion::optimizer::optimizer::ApplyOrder;
use datafusion::optimizer::{OptimizerConfig, OptimizerRule};
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_plan::ExecutionPlan;

/// A rule of logical plans.
pub(super) type Logical = Arc<dyn OptimizerRule + Send + Sync>;

/// A rule of physical plans.
pub(super) type Physical = Arc<dyn PhysicalOptimizerRule + Send + Sync>;

type Rewrite = fn(&Logical, LogicalPlan, &dyn OptimizerConfig) -> Result<Transformed<LogicalPlan>>;
pub(super) type Optimize = fn(&Physical, Arc<dyn ExecutionPlan>, &ConfigOptions) -> Result<Arc<dyn ExecutionPlan>>;

/// A rule and what is asked in its stead.
struct Around<Rule, Function> {
    rule: Rule,
    function: Function,
}

/// The rule, with the function around it where it is `named`.
pub(super) fn logical(rule: Logical, named: &impl OptimizerRule, function: Rewrite) -> Logical {
    if rule.name() == named.name() { Arc::new(Around { rule, function }) } else { rule }
}

/// The rule, with the function around it where it is `named`.
pub(super) fn physical(rule: Physical, named: &impl PhysicalOptimizerRule, function: Optimize) -> Physical {
    if rule.name() == named.name() { Arc::new(Around { rule, function }) } else { rule }
}

impl<Rule: fmt::Debug, Function> fmt::Debug for Around<Rule, Function> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Around").field(&self.rule).finish()
    }
}

impl OptimizerRule for Around<Logical, Rewrite> {
    fn name(&self) -> &str {
        self.rule.name()
    }

    fn apply_order(&self) -> Option<ApplyOrder> {
        self.rule.apply_order()
    }

    fn rewrite(&self, plan: LogicalPlan, config: &dyn OptimizerConfig) -> Result<Transformed<LogicalPlan>> {
        (self.function)(&self.rule, plan, config)
    }
}

impl PhysicalOptimizerRule for Around<Physical, Optimize> {
    fn optimize(&self, plan: Arc<dyn ExecutionPlan>, config: &ConfigOptions) -> Result<Arc<dyn ExecutionPlan>> {
        (self.function)(&self.rule, plan, config)
    }

    fn name(&self) -> &str {
        self.rule.name()
    }

    fn schema_check(&self) -> bool {
        self.rule.schema_check()
    }
}
