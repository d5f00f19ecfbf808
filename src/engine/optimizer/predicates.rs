//! Conditions, as what estimates and orders rows by them can take them, and casts to text.
//!
//! Blocked by: DataFusion 55 takes the texts of an interval's ends for the ends of an interval of texts, where '9' comes
//! after '10': `max(id::text)` is then '24', and a condition on such a column fails. And it does not find the order that it
//! asked for where `upper(name) = name` makes two names of one. Remove each when it does not.

use datafusion::arrow::datatypes::DataType;
use datafusion::common::DFSchema;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::error::Result;
use datafusion::logical_expr::expr::Cast;
use datafusion::logical_expr::expr_rewriter::NamePreserver;
use datafusion::logical_expr::{BinaryExpr, Expr, ExprSchemable, Filter, LogicalPlan, Operator};
use datafusion::optimizer::optimizer::ApplyOrder;
use datafusion::optimizer::{OptimizerConfig, OptimizerRule};

use crate::engine::text_casts;

/// The last of the rules: others would change its conditions back.
#[derive(Debug)]
pub(super) struct Rule;

impl OptimizerRule for Rule {
    fn name(&self) -> &str {
        "settle_predicates"
    }

    fn apply_order(&self) -> Option<ApplyOrder> {
        Some(ApplyOrder::TopDown)
    }

    fn rewrite(&self, plan: LogicalPlan, _config: &dyn OptimizerConfig) -> Result<Transformed<LogicalPlan>> {
        match plan {
            LogicalPlan::Filter(Filter { predicate, input, .. }) => {
                let changed = predicate.transform_up(|expr| {
                    written(expr, input.schema())?.transform_data(|expr| Ok(without_cycle(expr)))
                })?;
                changed.map_data(|predicate| Ok(LogicalPlan::Filter(Filter::try_new(predicate, input)?)))
            }
            plan @ (LogicalPlan::Projection(_) | LogicalPlan::Aggregate(_)) => {
                let names = NamePreserver::new(&plan);
                let [input] = plan.inputs()[..] else { return Ok(Transformed::no(plan)) };
                let schema = input.schema().clone();
                plan.map_expressions(|expr| {
                    let name = names.save(&expr);
                    let changed = expr.transform_up(|expr| written(expr, &schema))?;
                    Ok(changed.update_data(|expr| name.restore(expr)))
                })
            }
            other => Ok(Transformed::no(other)),
        }
    }
}

/// `id::text` as a call, of whose result nothing is said.
fn written(expr: Expr, schema: &DFSchema) -> Result<Transformed<Expr>> {
    match expr {
        Expr::Cast(cast) if cast.field.data_type().is_string() && cast.expr.get_type(schema)?.is_numeric() => {
            let text = text_casts::text_of(*cast.expr);
            Ok(Transformed::yes(match cast.field.data_type() {
                DataType::Utf8View => text,
                _ => Expr::Cast(Cast::new_from_field(Box::new(text), cast.field)),
            }))
        }
        other => Ok(Transformed::no(other)),
    }
}

/// `upper(name) = name` → `upper(name) IS NOT DISTINCT FROM name AND name IS NOT NULL`: no row more or less.
fn without_cycle(expr: Expr) -> Transformed<Expr> {
    let Expr::BinaryExpr(BinaryExpr { left, op: Operator::Eq, right }) = &expr else { return Transformed::no(expr) };
    let (column, other) = match (left.as_ref(), right.as_ref()) {
        (Expr::Column(column), other) | (other, Expr::Column(column)) => (column, other),
        _ => return Transformed::no(expr),
    };
    if matches!(other, Expr::Column(_)) || !other.column_refs().contains(column) {
        return Transformed::no(expr);
    }
    let same = Expr::BinaryExpr(BinaryExpr::new(left.clone(), Operator::IsNotDistinctFrom, right.clone()));
    Transformed::yes(same.and(Expr::Column(column.clone()).is_not_null()))
}
