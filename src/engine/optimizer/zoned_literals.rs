//! Literals of an instant with and without a time zone, which look alike to what finds common expressions.
//!
//! Blocked by: DataFusion 55 compares timestamps without their zones, and computes `CASE … THEN timestamp '2020-01-01'`
//! once for that and the same of `timestamptz`. Remove when `ScalarValue` tells them apart.

use std::collections::BTreeMap;

use datafusion::arrow::datatypes::DataType;
use datafusion::common::metadata::FieldMetadata;
use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::error::Result;
use datafusion::logical_expr::expr_rewriter::NamePreserver;
use datafusion::logical_expr::{Expr, LogicalPlan};
use datafusion::optimizer::OptimizerConfig;
use datafusion::optimizer::common_subexpr_eliminate::CommonSubexprEliminate;
use datafusion::scalar::ScalarValue;

use super::around::{self, Logical};

/// The metadata that marks a literal with a zone.
const MARK: &str = "lakewire.zoned";

/// The rule, with such literals told apart where it is the one that takes them for one.
pub(super) fn apart(rule: Logical) -> Logical {
    around::logical(rule, &CommonSubexprEliminate::new(), marked)
}

fn marked(rule: &Logical, plan: LogicalPlan, config: &dyn OptimizerConfig) -> Result<Transformed<LogicalPlan>> {
    if !has_both(&plan)? {
        return rule.rewrite(plan, config);
    }
    let plan = with_literals(plan, |value, metadata| {
        is_zoned(value).then(|| {
            let mut marked = metadata.cloned().unwrap_or_else(FieldMetadata::new_empty);
            marked.extend(FieldMetadata::new(BTreeMap::from([(MARK.to_owned(), String::new())])));
            marked
        })
    })?;
    let Transformed { data, transformed, tnr } = rule.rewrite(plan, config)?;
    let data = with_literals(data, |_, metadata| {
        let mut known = metadata.filter(|known| known.inner().contains_key(MARK))?.inner().clone();
        known.remove(MARK);
        Some(FieldMetadata::new(known))
    })?;
    Ok(Transformed::new(data, transformed, tnr))
}

/// The plan with other metadata for the literals that the function gives some for.
fn with_literals(
    plan: LogicalPlan,
    other: impl Fn(&ScalarValue, Option<&FieldMetadata>) -> Option<FieldMetadata>,
) -> Result<LogicalPlan> {
    let marked = |expr: Expr| {
        Ok(match expr {
            Expr::Literal(value, metadata) => match other(&value, metadata.as_ref()) {
                Some(other) => Transformed::yes(Expr::Literal(value, Some(other).filter(|other| !other.is_empty()))),
                None => Transformed::no(Expr::Literal(value, metadata)),
            },
            other => Transformed::no(other),
        })
    };
    let plan = plan.transform_up_with_subqueries(|node| {
        let names = NamePreserver::new(&node);
        node.map_expressions(|expr| {
            let name = names.save(&expr);
            expr.transform_up(marked).map(|expr| expr.update_data(|expr| name.restore(expr)))
        })?
        .map_data(LogicalPlan::recompute_schema)
    });
    plan.map(|plan| plan.data)
}

/// Whether literals with a zone and without one occur together.
fn has_both(plan: &LogicalPlan) -> Result<bool> {
    let (mut zoned, mut plain) = (false, false);
    plan.apply_with_subqueries(|node| {
        node.apply_expressions(|expr| {
            expr.apply(|expr| {
                if let Expr::Literal(value, _) = expr {
                    zoned |= is_zoned(value);
                    plain |= matches!(value.data_type(), DataType::Timestamp(_, None));
                }
                Ok(TreeNodeRecursion::Continue)
            })
        })?;
        Ok(if zoned && plain { TreeNodeRecursion::Stop } else { TreeNodeRecursion::Continue })
    })?;
    Ok(zoned && plain)
}

fn is_zoned(value: &ScalarValue) -> bool {
    matches!(value.data_type(), DataType::Timestamp(_, Some(_)))
}
