//! Plans over catalogs, whose rows are few and in memory: what makes reading many rows cheaper costs more than it saves there.
//!
//! Invariant: the rules left out change no plan's rows, only how they are come by.

use std::sync::Arc;

use datafusion::common::config::ConfigOptions;
use datafusion::common::extensions_options;
use datafusion::config::ConfigExtension;
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_optimizer::ensure_requirements::EnsureRequirements;
use datafusion::physical_optimizer::filter_pushdown::FilterPushdown;
use datafusion::physical_optimizer::projection_pushdown::ProjectionPushdown;
use datafusion::physical_optimizer::sanity_checker::SanityCheckPlan;

use super::around::{self, Physical};

extensions_options! {
    /// Marks a configuration as that of such plans.
    pub struct FewRows {}
}

impl ConfigExtension for FewRows {
    const PREFIX: &'static str = "lakewire_few_rows";
}

/// The rule, which leaves such plans alone where it is one of those.
pub(super) fn spared(rule: Physical) -> Physical {
    let spare: around::Optimize = |rule, plan, config| match are_few(config) {
        true => Ok(plan),
        false => rule.optimize(plan, config),
    };
    let rule = around::physical(rule, &ProjectionPushdown::new(), spare);
    let rule = around::physical(rule, &FilterPushdown::new(), spare);
    let rule = around::physical(rule, &FilterPushdown::new_post_optimization(), spare);
    around::physical(rule, &EnsureRequirements::new(), |rule, plan, config| {
        let is_met = are_few(config) && SanityCheckPlan::new().optimize(Arc::clone(&plan), config).is_ok();
        if is_met { Ok(plan) } else { rule.optimize(plan, config) }
    })
}

fn are_few(config: &ConfigOptions) -> bool {
    config.extensions.get::<FewRows>().is_some()
}
