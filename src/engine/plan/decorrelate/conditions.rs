//! Subqueries in the condition of a join: each is computed below, on the side whose columns it depends on. Of pairs of rows
//! are asked those that depend on both.

use std::cell::Cell;
use std::sync::Arc;

use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::common::{Column, DFSchema, Spans};
use datafusion::error::Result;
use datafusion::logical_expr::utils::conjunction;
use datafusion::logical_expr::{
    Expr, ExprSchemable, Filter, Join, JoinType, LogicalPlan, LogicalPlanBuilder, Projection, Subquery,
};
use datafusion::prelude::lit;

use super::{changed, holds_any, outer_columns};

/// The join with columns in place of such subqueries; `None` where there are none.
pub(super) fn computed(join: &Join, count: &Cell<usize>) -> Result<Option<LogicalPlan>> {
    let Some(condition) = join.filter.as_ref().filter(|filter| holds_any(filter)) else { return Ok(None) };
    let mut sides = [Side::new(&join.left), Side::new(&join.right)];
    let condition = condition.clone().transform_down(|expr| {
        let outer = looked_at(&expr);
        // either side has what is asked of a constant
        let is_asked = !outer.is_empty() || matches!(expr, Expr::InSubquery(_));
        let side = sides.iter_mut().find(|side| is_asked && outer.iter().all(|column| side.has(column)));
        Ok(match side {
            Some(side) => {
                count.set(count.get() + 1);
                let column = side.column(expr, format!("__condition_{}", count.get()));
                Transformed::new(column, true, TreeNodeRecursion::Jump)
            }
            None => Transformed::no(expr),
        })
    })?;
    if holds_any(&condition.data) && depends_on_both(&condition.data, join) {
        return above(join, count);
    }
    if !condition.transformed {
        return Ok(None);
    }
    let [left, right] = sides.map(|side| side.projected(count));
    let joined = Join::try_new(
        Arc::new(left?),
        Arc::new(right?),
        join.on.clone(),
        Some(condition.data),
        join.join_type,
        join.join_constraint,
        join.null_equality,
        join.null_aware,
    )?;
    let columns = join.schema.columns().into_iter().map(Expr::Column);
    LogicalPlanBuilder::from(LogicalPlan::Join(joined)).project(columns)?.build().map(Some)
}

/// Whether a subquery of the condition looks at columns of both sides.
fn depends_on_both(condition: &Expr, join: &Join) -> bool {
    let of = |side: &LogicalPlan, outer: &[Column]| outer.iter().any(|column| side.schema().has_column(column));
    let both = condition.exists(|expr| {
        let outer = looked_at(expr);
        Ok(of(&join.left, &outer) && of(&join.right, &outer))
    });
    both.unwrap_or(false)
}

/// The join with its condition asked of pairs of rows: above it, or of the rows of the right side for each of the left.
fn above(join: &Join, count: &Cell<usize>) -> Result<Option<LogicalPlan>> {
    let on = join.on.iter().map(|(left, right)| left.clone().eq(right.clone()));
    let Some(condition) = conjunction(on.chain(join.filter.clone())) else { return Ok(None) };
    let plan = match join.join_type {
        JoinType::Inner => {
            let all = LogicalPlan::Join(Join { filter: None, ..join.clone() });
            LogicalPlan::Filter(Filter::try_new(join.filter.clone().unwrap_or_else(|| lit(true)), Arc::new(all))?)
        }
        JoinType::Left => {
            let named = condition.transform(|expr| match &expr {
                Expr::Column(column) if join.left.schema().has_column(column) => {
                    let (_, field) = expr.to_field(join.left.schema())?;
                    Ok(Transformed::yes(Expr::OuterReferenceColumn(field, column.clone())))
                }
                _ => Ok(Transformed::no(expr)),
            })?;
            let right = LogicalPlan::Filter(Filter::try_new(named.data, join.right.clone())?);
            let outer_ref_columns = right.all_out_ref_exprs();
            let right = Subquery { subquery: Arc::new(right), outer_ref_columns, spans: Spans::new() };
            let lateral = LogicalPlanBuilder::from(join.left.as_ref().clone());
            lateral.join_on(LogicalPlan::Subquery(right), JoinType::Left, [lit(true)])?.build()?
        }
        _ => return Ok(None),
    };
    changed(plan, count).map(|changed| Some(changed.data))
}

/// The columns of the joined rows that the subquery is computed from; none for what is no subquery.
fn looked_at(expr: &Expr) -> Vec<Column> {
    let outer = |subquery: &Subquery| subquery.outer_ref_columns.iter().flat_map(outer_columns).collect::<Vec<_>>();
    match expr {
        Expr::ScalarSubquery(subquery) => outer(subquery),
        Expr::Exists(exists) => outer(&exists.subquery),
        Expr::InSubquery(tested) => {
            outer(&tested.subquery).into_iter().chain(tested.expr.column_refs().into_iter().cloned()).collect()
        }
        _ => Vec::new(),
    }
}

/// One input of the join, with what is computed on it.
struct Side<'a> {
    input: &'a Arc<LogicalPlan>,
    computed: Vec<Expr>,
}

impl<'a> Side<'a> {
    fn new(input: &'a Arc<LogicalPlan>) -> Self {
        Self { input, computed: Vec::new() }
    }

    fn schema(&self) -> &DFSchema {
        self.input.schema()
    }

    fn has(&self, column: &Column) -> bool {
        self.schema().has_column(column)
    }

    fn column(&mut self, expr: Expr, name: String) -> Expr {
        self.computed.push(expr.alias(&name));
        Expr::Column(Column::new_unqualified(name))
    }

    fn projected(self, count: &Cell<usize>) -> Result<LogicalPlan> {
        if self.computed.is_empty() {
            return Ok(self.input.as_ref().clone());
        }
        let columns = self.schema().columns().into_iter().map(Expr::Column).chain(self.computed);
        let projection = Projection::try_new(columns.collect(), Arc::clone(self.input))?;
        changed(LogicalPlan::Projection(projection), count).map(|changed| changed.data)
    }
}
