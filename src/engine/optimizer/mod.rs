//! The rules that optimize plans: DataFusion's, and ours where those go wrong.

mod around;
mod conditional_projections;
mod dependencies;
mod distinct_counts;
mod dynamic_filters;
mod few_rows;
mod filter_pushdown;
mod filtered_totals;
mod guards;
mod join_keys;
mod kept_filters;
mod lateral_fields;
mod lone_inputs;
mod null_equality;
mod nulls;
mod offsets;
mod pass;
mod predicates;
mod repair;
mod top_groups;
mod unions;
mod zoned_literals;

use std::sync::Arc;

use datafusion::logical_expr::planner::RelationPlanner;
use datafusion::optimizer::optimizer::Optimizer;
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_optimizer::join_selection::JoinSelection;
use datafusion::physical_optimizer::optimizer::PhysicalOptimizer;

use around::{Logical, Physical};
pub(super) use few_rows::FewRows;
pub(super) use guards::guarded;
pub(super) use offsets::ALL_ROWS;

/// What is done to logical plans, in order.
pub(super) fn logical_rules() -> Vec<Logical> {
    let rules = dependencies::strip_before_use(Optimizer::new().rules);
    let last: Logical = Arc::new(predicates::Rule);
    let rules = rules.into_iter().map(distinct_counts::limited).map(null_equality::apart).map(kept_filters::kept);
    let rules = rules.map(zoned_literals::apart).map(lone_inputs::by_name).map(join_keys::kept);
    let rules = rules.map(lateral_fields::said);
    rules.chain([last]).collect()
}

/// What is done to physical plans, in order.
pub(super) fn physical_rules() -> Vec<Physical> {
    let rules = PhysicalOptimizer::new().rules.into_iter();
    let rules = rules
        .map(filter_pushdown::fenced)
        .map(top_groups::limited)
        .map(filtered_totals::kept)
        .map(offsets::fenced)
        .map(conditional_projections::kept)
        .map(few_rows::spared)
        .map(repair::repaired);
    // once it is settled which side is which, and before anything is made of what they say of themselves
    let after_joins = |rule: Physical| {
        let next: Option<Physical> = (rule.name() == JoinSelection::new().name()).then(|| Arc::new(nulls::Rule) as _);
        [rule].into_iter().chain(next)
    };
    let last: [Physical; 2] = [Arc::new(dynamic_filters::Rule), Arc::new(unions::Rule)];
    let first: Physical = Arc::new(unions::Orders);
    [first].into_iter().chain(rules.flat_map(after_joins)).chain(last).collect()
}

/// How relations in FROM are planned, before all that plan some of them otherwise.
pub(super) fn relation_planner() -> Arc<dyn RelationPlanner> {
    Arc::new(dependencies::Independent)
}
