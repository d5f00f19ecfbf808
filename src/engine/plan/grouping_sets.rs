//! `GROUP BY ROLLUP (date_trunc('month', at)::date)`: what rows are grouped by is computed first, and grouped by its name.
//!
//! Later steps give expressions their types, and keep the names of columns where they do; an expression inside a set is
//! no column, and what is above would look for it under the name it had.

use std::sync::Arc;

use datafusion::common::Column;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::error::Result;
use datafusion::logical_expr::{Aggregate, Expr, GroupingSet, LogicalPlan, Projection};

/// The plan as DataFusion has made it from a statement, with grouping sets over columns only.
pub(super) fn over_columns(plan: LogicalPlan) -> Result<LogicalPlan> {
    let plan = plan.transform_up_with_subqueries(|node| match node {
        LogicalPlan::Aggregate(aggregate) => match aggregate.group_expr.as_slice() {
            [Expr::GroupingSet(set)] => {
                let set = set.clone();
                computed_first(aggregate, set)
            }
            _ => Ok(Transformed::no(LogicalPlan::Aggregate(aggregate))),
        },
        other => Ok(Transformed::no(other)),
    })?;
    Ok(plan.data)
}

fn computed_first(aggregate: Aggregate, set: GroupingSet) -> Result<Transformed<LogicalPlan>> {
    let members = set.distinct_expr().into_iter().filter(|member| !matches!(member, Expr::Column(_)));
    let computed: Vec<Expr> = members.cloned().collect();
    if computed.is_empty() {
        return Ok(Transformed::no(LogicalPlan::Aggregate(aggregate)));
    }
    // names that no expression has: some, of casts, are those of the columns that they cast
    let name = |nth: usize| format!("\u{1}set{nth}");
    let read = aggregate.input.schema().iter().map(|(qualifier, field)| Expr::Column((qualifier, field).into()));
    let named = computed.iter().enumerate().map(|(nth, expr)| expr.clone().alias(name(nth)));
    let input = Projection::try_new(read.chain(named).collect(), aggregate.input)?;
    let column = |expr: Expr| match computed.iter().position(|known| *known == expr) {
        Some(nth) => Expr::Column(Column::new_unqualified(name(nth))),
        None => expr,
    };
    let columns = |members: Vec<Expr>| members.into_iter().map(column).collect::<Vec<_>>();
    let set = match set {
        GroupingSet::Rollup(members) => GroupingSet::Rollup(columns(members)),
        GroupingSet::Cube(members) => GroupingSet::Cube(columns(members)),
        GroupingSet::GroupingSets(sets) => GroupingSet::GroupingSets(sets.into_iter().map(columns).collect()),
    };
    let told = aggregate.aggr_expr.into_iter().map(|expr| {
        let shown = expr.schema_name().to_string();
        let told = expr.transform_up(|expr| match expr {
            Expr::AggregateFunction(mut call) if call.func.name() == "grouping" => {
                call.params.args = columns(call.params.args);
                Ok(Transformed::yes(Expr::AggregateFunction(call)))
            }
            other => Ok(Transformed::no(other)),
        })?;
        Ok(if told.transformed { told.data.alias(shown) } else { told.data })
    });
    let told = told.collect::<Result<Vec<_>>>()?;
    let grouped = Aggregate::try_new(Arc::new(LogicalPlan::Projection(input)), vec![Expr::GroupingSet(set)], told)?;
    // which of the sets a row is of is known to GROUPING only, which is settled later
    let kept = grouped.schema.iter().filter(|(_, field)| field.name() != Aggregate::INTERNAL_GROUPING_ID);
    let shown = kept.map(|(qualifier, field)| {
        let column = Expr::Column((qualifier, field).into());
        match (0..computed.len()).find(|nth| qualifier.is_none() && *field.name() == name(*nth)) {
            Some(nth) => column.alias(computed[nth].schema_name().to_string()),
            None => column,
        }
    });
    let shown = shown.collect();
    let shown = Projection::try_new(shown, Arc::new(LogicalPlan::Aggregate(grouped)))?;
    Ok(Transformed::yes(LogicalPlan::Projection(shown)))
}
