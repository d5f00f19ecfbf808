//! Unions of which one input alone has rows.
//!
//! Blocked by: DataFusion 55 puts the union's columns above that input, by names that the input may have qualified, and
//! then moves conditions to where the bare name is not known. Remove when it takes the input's columns for what they are.

use datafusion::common::tree_node::Transformed;
use datafusion::error::Result;
use datafusion::logical_expr::{Expr, LogicalPlan, Projection};
use datafusion::optimizer::OptimizerConfig;
use datafusion::optimizer::propagate_empty_relation::PropagateEmptyRelation;

use super::around::{self, Logical};

/// The rule, with the columns of such inputs by their own names where it is the one that leaves the others out.
pub(super) fn by_name(rule: Logical) -> Logical {
    around::logical(rule, &PropagateEmptyRelation::new(), named)
}

fn named(rule: &Logical, plan: LogicalPlan, config: &dyn OptimizerConfig) -> Result<Transformed<LogicalPlan>> {
    let inputs = match &plan {
        LogicalPlan::Union(union) => union.inputs.clone(),
        _ => return rule.rewrite(plan, config),
    };
    rule.rewrite(plan, config)?.transform_data(|left| {
        // an input that has the union's columns anyway stands alone
        let is_input = inputs.iter().any(|input| **input == left);
        match left {
            LogicalPlan::Projection(Projection { input, schema, .. }) if !is_input && inputs.contains(&input) => {
                let given = input.schema().columns().into_iter().zip(schema.iter());
                let columns = given.map(|(column, (qualifier, field))| {
                    Expr::Column(column).alias_qualified(qualifier.cloned(), field.name())
                });
                let columns = columns.collect();
                Projection::try_new_with_schema(columns, input, schema)
                    .map(LogicalPlan::Projection)
                    .map(Transformed::yes)
            }
            other => Ok(Transformed::no(other)),
        }
    })
}
