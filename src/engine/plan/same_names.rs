//! Scans of different things under one name: `generate_series(1, 2)` and `generate_series(5, 6)`, a table at two versions.
//!
//! Blocked by: DataFusion compares scans by their names, and so takes two subqueries that read such things for one. Remove
//! when it compares what is scanned.

use std::sync::Arc;

use datafusion::common::TableReference;
use datafusion::common::tree_node::{Transformed, TreeNodeRecursion};
use datafusion::error::Result;
use datafusion::logical_expr::{LogicalPlan, SubqueryAlias, TableSource};

/// What begins the names that tell them apart. No client writes it.
const SCAN: &str = "\u{1}scan";

/// The plan with each such scan under a name of its own, and the old one around it.
pub(super) fn told_apart(plan: LogicalPlan) -> Result<LogicalPlan> {
    let mut scans: Vec<(TableReference, Arc<dyn TableSource>)> = Vec::new();
    let mut shared: Vec<TableReference> = Vec::new();
    plan.apply_with_subqueries(|node| {
        if let LogicalPlan::TableScan(scan) = node {
            let known = scans.iter().find(|(name, _)| *name == scan.table_name);
            match known {
                Some((name, source)) if !Arc::ptr_eq(source, &scan.source) => shared.push(name.clone()),
                Some(_) => {}
                None => scans.push((scan.table_name.clone(), scan.source.clone())),
            }
        }
        Ok(TreeNodeRecursion::Continue)
    })?;
    if shared.is_empty() {
        return Ok(plan);
    }
    let mut number = 0;
    let naming = |node| match node {
        LogicalPlan::TableScan(scan) if shared.contains(&scan.table_name) => {
            number += 1;
            let name = scan.table_name.clone();
            let own = SubqueryAlias::try_new(Arc::new(LogicalPlan::TableScan(scan)), format!("{SCAN}{number}"))?;
            let known = SubqueryAlias::try_new(Arc::new(LogicalPlan::SubqueryAlias(own)), name)?;
            Ok(Transformed::yes(LogicalPlan::SubqueryAlias(known)))
        }
        other => Ok(Transformed::no(other)),
    };
    Ok(plan.transform_up_with_subqueries(naming)?.data)
}
