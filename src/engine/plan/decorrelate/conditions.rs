//! Subqueries in the condition of a join: each is computed below, on the side whose columns it depends on.

use std::cell::Cell;
use std::sync::Arc;

use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::common::{Column, DFSchema};
use datafusion::error::Result;
use datafusion::logical_expr::{Expr, Join, LogicalPlan, LogicalPlanBuilder, Projection, Subquery};

use super::{changed, holds_any};

/// The join with columns in place of such subqueries; `None` where there are none.
pub(super) fn computed(join: &Join, count: &Cell<usize>) -> Result<Option<LogicalPlan>> {
    let Some(condition) = join.filter.as_ref().filter(|filter| holds_any(filter)) else { return Ok(None) };
    let mut sides = [Side::new(&join.left), Side::new(&join.right)];
    let condition = condition.clone().transform_down(|expr| {
        let outer = match &expr {
            Expr::ScalarSubquery(subquery) => outer_columns(subquery),
            Expr::Exists(exists) => outer_columns(&exists.subquery),
            Expr::InSubquery(tested) => match outer_columns(&tested.subquery) {
                outer if outer.is_empty() => outer,
                outer => outer.into_iter().chain(tested.expr.column_refs().into_iter().cloned()).collect(),
            },
            _ => Vec::new(),
        };
        let side = sides.iter_mut().find(|side| !outer.is_empty() && outer.iter().all(|column| side.has(column)));
        Ok(match side {
            Some(side) => {
                count.set(count.get() + 1);
                let column = side.column(expr, format!("__condition_{}", count.get()));
                Transformed::new(column, true, TreeNodeRecursion::Jump)
            }
            None => Transformed::no(expr),
        })
    })?;
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

fn outer_columns(subquery: &Subquery) -> Vec<Column> {
    subquery.outer_ref_columns.iter().flat_map(super::outer_columns).collect()
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
