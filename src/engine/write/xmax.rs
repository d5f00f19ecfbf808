//! `RETURNING (xmax = 0) AS inserted`: how programs tell the rows that an `INSERT … ON CONFLICT DO UPDATE` inserted from
//! those it updated.
//!
//! Rows have no transactions here, so `xmax` is known there only: 0 of a row that is new, 1 of one that was updated.

use std::ops::ControlFlow;
use std::sync::Arc;

use datafusion::arrow::datatypes::{DataType, Field};
use datafusion::common::TableReference;
use datafusion::logical_expr::{Expr, LogicalPlan, LogicalPlanBuilder, when};
use datafusion::prelude::lit;
use datafusion::sql::sqlparser::ast::{self, SelectItem, Visit, Visitor};

use super::effects::Layout;
use super::returning::Returnable;
use super::target::Target;
use crate::dialect::folded;
use crate::engine::errors;
use crate::error::Result;
use crate::pgtypes::PG_TYPE_KEY;

const NAME: &str = "xmax";

/// The changes with the column, where the items name it and the table has none of that name.
pub(super) fn told(
    changes: LogicalPlan,
    layout: &Layout,
    items: Option<&[SelectItem]>,
    target: &Target,
) -> Result<(LogicalPlan, Vec<Returnable>)> {
    let is_own = target.columns().iter().any(|field| field.name() == NAME);
    if is_own || !items.is_some_and(|items| items.iter().any(names_it)) {
        return Ok((changes, Vec::new()));
    }
    let failed = errors::from_datafusion;
    let value = match changes.schema().columns().into_iter().nth(1).filter(|_| layout.placed) {
        // the position of the row that was there
        Some(was) => when(Expr::Column(was).is_null(), lit(0_i32)).otherwise(lit(1_i32)).map_err(failed)?,
        None => lit(0_i32),
    };
    let columns: Vec<Expr> = changes.schema().columns().into_iter().map(Expr::Column).collect();
    let columns = columns.into_iter().chain([value.alias(NAME)]);
    let changes = LogicalPlanBuilder::from(changes).project(columns).and_then(LogicalPlanBuilder::build);
    let named = [(PG_TYPE_KEY.to_owned(), "xid".to_owned())].into();
    let column = Returnable {
        qualifier: Some(TableReference::bare(target.alias.value.as_str())),
        field: Arc::new(Field::new(NAME, DataType::Int32, false).with_metadata(named)),
        hidden: true,
        origin: None,
    };
    Ok((changes.map_err(failed)?, vec![column]))
}

fn names_it(item: &SelectItem) -> bool {
    struct Named;
    impl Visitor for Named {
        type Break = ();
        fn pre_visit_expr(&mut self, expr: &ast::Expr) -> ControlFlow<()> {
            let name = match expr {
                ast::Expr::Identifier(name) => Some(name),
                ast::Expr::CompoundIdentifier(parts) => parts.last(),
                _ => None,
            };
            if name.is_some_and(|name| folded(name) == NAME) {
                ControlFlow::Break(())
            } else {
                ControlFlow::Continue(())
            }
        }
    }
    item.visit(&mut Named).is_break()
}
