//! Plans without functional dependencies: what of a row's columns follows from which others.
//!
//! Blocked by: DataFusion 55 takes the keys of one GROUP BY for those of every GROUP BY around it, whatever else that
//! groups by, and then leaves out columns of ORDER BY, GROUP BY and whole DISTINCTs that are needed
//! (apache/datafusion#23818, #23819, #23820). Remove when it does not.

use std::sync::Arc;

use datafusion::common::tree_node::{Transformed, TreeNodeRecursion};
use datafusion::common::{DFSchemaRef, FunctionalDependencies};
use datafusion::error::Result;
use datafusion::logical_expr::planner::{PlannedRelation, RelationPlanner, RelationPlannerContext, RelationPlanning};
use datafusion::logical_expr::{
    Aggregate, Distinct, DistinctOn, Join, LogicalPlan, Projection, SubqueryAlias, TableScan, Window,
};
use datafusion::optimizer::{OptimizerConfig, OptimizerRule};
use datafusion::sql::sqlparser::ast::{TableFactor, TableSample, TableSampleKind, TableSampleModifier};

use super::around::Logical;

/// DataFusion's rules that go by dependencies.
const TRUSTING: &[&str] =
    &["replace_distinct_aggregate", "eliminate_join", "eliminate_duplicated_expr", "optimize_projections"];

/// The rules, none of which sees a dependency.
pub(super) fn strip_before_use(rules: Vec<Logical>) -> Vec<Logical> {
    let independent = |rule: Logical| {
        let stripper: Option<Logical> = TRUSTING.contains(&rule.name()).then(|| Arc::new(Stripper) as _);
        stripper.into_iter().chain([rule])
    };
    rules.into_iter().flat_map(independent).collect()
}

/// Nodes that a rule makes anew have dependencies again, so it stands before each rule that would trust them.
#[derive(Debug)]
struct Stripper;

impl OptimizerRule for Stripper {
    fn name(&self) -> &str {
        "strip_functional_dependencies"
    }

    fn rewrite(&self, plan: LogicalPlan, _config: &dyn OptimizerConfig) -> Result<Transformed<LogicalPlan>> {
        // the optimizer goes on as long as rules change what a plan does, which this one does not
        Ok(Transformed::no(stripped(plan)?))
    }
}

/// Keeps dependencies of what FROM reads out of the query around it.
#[derive(Debug)]
pub(super) struct Independent;

impl RelationPlanner for Independent {
    fn plan_relation(
        &self,
        mut relation: TableFactor,
        context: &mut dyn RelationPlannerContext,
    ) -> Result<RelationPlanning> {
        // samples are rewritten before a statement is planned; here one says that the relation has been here
        let mark = match &mut relation {
            TableFactor::Table { sample, args: None, .. } | TableFactor::Derived { sample, .. } => sample,
            _ => return Ok(RelationPlanning::Original(Box::new(relation))),
        };
        if mark.take().is_some() {
            return Ok(RelationPlanning::Original(Box::new(relation)));
        }
        *mark = Some(TableSampleKind::BeforeTableAlias(Box::new(TableSample {
            modifier: TableSampleModifier::Sample,
            name: None,
            quantity: None,
            seed: None,
            bucket: None,
            offset: None,
        })));
        let plan = stripped(context.plan(relation)?)?;
        Ok(RelationPlanning::Planned(Box::new(PlannedRelation::new(plan, None))))
    }
}

fn stripped(plan: LogicalPlan) -> Result<LogicalPlan> {
    let mut found = false;
    plan.apply_with_subqueries(|node| {
        found = !node.schema().functional_dependencies().is_empty();
        Ok(if found { TreeNodeRecursion::Stop } else { TreeNodeRecursion::Continue })
    })?;
    if !found {
        return Ok(plan);
    }
    let strip = |mut node: LogicalPlan| {
        let schema = match &mut node {
            LogicalPlan::Projection(Projection { schema, .. })
            | LogicalPlan::Window(Window { schema, .. })
            | LogicalPlan::Aggregate(Aggregate { schema, .. })
            | LogicalPlan::Join(Join { schema, .. })
            | LogicalPlan::TableScan(TableScan { projected_schema: schema, .. })
            | LogicalPlan::SubqueryAlias(SubqueryAlias { schema, .. })
            | LogicalPlan::Distinct(Distinct::On(DistinctOn { schema, .. })) => schema,
            // as what they read
            _ => return Ok(Transformed::no(node)),
        };
        if schema.functional_dependencies().is_empty() {
            return Ok(Transformed::no(node));
        }
        let bare = schema.as_ref().clone().with_functional_dependencies(FunctionalDependencies::empty())?;
        *schema = DFSchemaRef::new(bare);
        Ok(Transformed::yes(node))
    };
    Ok(plan.transform_down_with_subqueries(strip)?.data)
}

#[cfg(test)]
mod tests {
    use datafusion::optimizer::optimizer::Optimizer;

    use super::*;

    #[test]
    fn the_rules_that_trust_dependencies_are_known() {
        let names: Vec<String> = Optimizer::new().rules.iter().map(|rule| rule.name().to_owned()).collect();
        for trusting in TRUSTING {
            assert!(names.iter().any(|name| name == trusting), "{trusting} is none of {names:?}");
        }
    }
}
