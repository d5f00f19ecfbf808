//! Columns of LATERAL subqueries that have a value where there are no rows: `coalesce(json_agg(…), '[]')`.
//!
//! Blocked by: DataFusion 55 chooses between that value and the column's, and what is chosen is not known to be JSON any more,
//! nor whatever else a field says beside its type. Remove when it keeps what fields say.

use std::sync::Arc;

use datafusion::common::DFSchema;
use datafusion::common::metadata::FieldMetadata;
use datafusion::error::Result;
use datafusion::logical_expr::expr::Alias;
use datafusion::logical_expr::{Expr, ExprSchemable, Filter, LogicalPlan, Projection};
use datafusion::optimizer::decorrelate_lateral_join::DecorrelateLateralJoin;

use super::around::{self, Logical};
use crate::pgfunctions::JsonType;
use crate::pgtypes::PG_TYPE_KEY;

/// The rule, with what fields said before where it is the one that joins such subqueries.
pub(super) fn said(rule: Logical) -> Logical {
    around::logical(rule, &DecorrelateLateralJoin::new(), |rule, plan, config| {
        let fields = match &plan {
            LogicalPlan::Join(join) => join.schema.clone(),
            _ => return rule.rewrite(plan, config),
        };
        let joined = rule.rewrite(plan, config)?;
        if joined.transformed { joined.map_data(|plan| restored(plan, &fields)) } else { Ok(joined) }
    })
}

/// The projections that the rule put above the join, and below a condition of its own.
fn restored(plan: LogicalPlan, fields: &DFSchema) -> Result<LogicalPlan> {
    match plan {
        LogicalPlan::Filter(Filter { predicate, input, .. }) => {
            let input = restored(Arc::unwrap_or_clone(input), fields)?;
            Filter::try_new(predicate, input.into()).map(LogicalPlan::Filter)
        }
        LogicalPlan::Projection(Projection { expr, input, .. }) => {
            let input = restored(Arc::unwrap_or_clone(input), fields)?;
            let exprs = expr.into_iter().map(|expr| saying(expr, input.schema(), fields));
            Projection::try_new(exprs.collect::<Result<_>>()?, input.into()).map(LogicalPlan::Projection)
        }
        other => Ok(other),
    }
}

fn saying(expr: Expr, input: &DFSchema, fields: &DFSchema) -> Result<Expr> {
    let is_said = !expr.to_field(input)?.1.metadata().is_empty();
    let Alias { expr, relation, name, .. } = match expr {
        Expr::Alias(alias) if !is_said => alias,
        other => return Ok(other),
    };
    let before = fields.iter().find(|(of, field)| *of == relation.as_ref() && *field.name() == name);
    let Some((_, field)) = before else { return Ok(expr.alias_qualified(relation, name)) };
    // a name alone may be put aside
    let expr = match field.metadata().get(PG_TYPE_KEY).map(String::as_str) {
        Some("json") => JsonType::Json.mark(*expr)?,
        Some("jsonb") => JsonType::Jsonb.mark(*expr)?,
        _ => *expr,
    };
    let metadata = (!field.metadata().is_empty()).then(|| FieldMetadata::from(field.metadata().clone()));
    Ok(expr.alias_qualified_with_metadata(relation, name, metadata))
}
