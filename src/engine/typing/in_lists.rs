//! `x IN (a, b)`: operand and items as types that compare, and columns among the items.

use datafusion::common::DFSchema;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::error::Result;
use datafusion::logical_expr::Expr;
use datafusion::logical_expr::expr::InList;
use datafusion::prelude::lit;

use super::choices::{alike, is_unpadded};
use super::kinds::{Kind, kind};
use super::operators::operands;
use super::place::nowhere;
use super::{Operand, Typing, lengths};
use crate::error::Error;
use crate::pgtypes::Type;

pub(super) fn in_list(typing: &Typing, list: InList, schema: &DFSchema) -> Result<Transformed<Expr>> {
    let InList { expr, list, negated } = list;
    let symbol = if negated { "<>" } else { "=" };
    let mut left = *expr;
    let mut items = Vec::with_capacity(list.len());
    let of_their_common_type = match typing.operand(&left, schema)? {
        // the items give the type
        Operand::Unknown => true,
        // beside several numbers a real is no double, as it is beside one
        Operand::Known(Type::FLOAT4, _) => list.len() > 1,
        Operand::Known(pg_type, _) => matches!(kind(&pg_type), Kind::Date | Kind::Timestamp),
    };
    if of_their_common_type {
        let mut all = list;
        all.insert(0, left);
        let mut all = alike(typing, all, schema, "IN")?.0.into_iter();
        if let Some(first) = all.next() {
            return Ok(Transformed::yes(one_of(first, all.collect(), negated)));
        }
        return Err(nowhere(Error::internal("IN without an operand")));
    }
    let is_padded = lengths::is_padded(&typing.operand(&left, schema)?);
    let are_several = list.len() > 1;
    for item in list {
        // several texts are of the type of what is looked for
        let item = match typing.operand(&item, schema)?.known() {
            Some((of, _)) if are_several && (is_padded && is_unpadded(of) || *of == Type::BPCHAR) => {
                lengths::unpadded(item)
            }
            _ => item,
        };
        let (l, item) = operands(typing, symbol, left, item, schema)?;
        left = l;
        items.push(item);
    }
    Ok(Transformed::yes(one_of(left, items, negated)))
}

/// `left IN (items)`, with `left = item` for what is no constant.
///
/// Blocked by: DataFusion takes an item for a constant that can be computed of no rows, as CASE can. Remove when it looks for columns.
fn one_of(left: Expr, items: Vec<Expr>, negated: bool) -> Expr {
    let is_constant = |item: &Expr| {
        let varies =
            |expr: &Expr| matches!(expr, Expr::Column(_) | Expr::OuterReferenceColumn(..) | Expr::ScalarSubquery(_));
        !item.exists(|expr| Ok(varies(expr))).unwrap_or(true)
    };
    if left.is_volatile() || items.iter().all(is_constant) {
        return Expr::InList(InList::new(Box::new(left), items, negated));
    }
    let (constants, others): (Vec<Expr>, Vec<Expr>) = items.into_iter().partition(is_constant);
    let of_constants = (!constants.is_empty()).then(|| left.clone().in_list(constants, negated));
    let of_others = others.into_iter().map(|item| match negated {
        true => left.clone().not_eq(item),
        false => left.clone().eq(item),
    });
    let tests = of_constants.into_iter().chain(of_others);
    tests.reduce(if negated { Expr::and } else { Expr::or }).unwrap_or_else(|| lit(negated))
}
