//! `EXISTS (…)` and `x IN (…)` that DataFusion does not join: as values, and in a WHERE where they look at the outer row
//! otherwise than in a condition, as `unnest(t.tags)` in FROM does. They become counts of the subquery's rows.
//!
//! Blocked by: DataFusion joins such subqueries in filters only, by conditions. Remove when it takes the others.

use std::sync::Arc;

use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::{Column, Spans};
use datafusion::error::Result;
use datafusion::functions_aggregate::count::count;
use datafusion::logical_expr::expr::{Exists, InSubquery};
use datafusion::logical_expr::utils::{conjunction, split_conjunction, split_conjunction_owned};
use datafusion::logical_expr::{
    BinaryExpr, Expr, ExprSchemable, FetchType, LogicalPlan, LogicalPlanBuilder, Operator, SkipType, Subquery, when,
};
use datafusion::prelude::lit;
use datafusion::scalar::ScalarValue;

/// What the rows of an `IN` are called where they are counted. No client writes it.
const ITEM: &str = "\u{1}item";

/// What their number is called.
const NUMBER: &str = "\u{1}number";

/// Whether the expression holds one.
pub(super) fn holds(expr: &Expr) -> bool {
    expr.exists(|expr| Ok(matches!(expr, Expr::Exists(_) | Expr::InSubquery(_)))).unwrap_or(false)
}

/// Whether it holds one of the kind.
pub(super) fn holds_such(expr: &Expr, is_such: impl Fn(&LogicalPlan) -> bool) -> bool {
    let found = expr.exists(|expr| match expr {
        Expr::Exists(Exists { subquery, .. }) => Ok(is_such(unlimited(&subquery.subquery))),
        Expr::InSubquery(InSubquery { subquery, .. }) => Ok(is_such(&subquery.subquery)),
        _ => Ok(false),
    });
    found.unwrap_or(false)
}

/// The expression with counts in place of those of the kind. `input`: what its columns are of.
pub(super) fn counted(expr: Expr, input: &LogicalPlan, is_such: impl Fn(&LogicalPlan) -> bool) -> Result<Expr> {
    let counted = expr.transform_up(|expr| match expr {
        Expr::Exists(Exists { subquery, negated }) if is_such(unlimited(&subquery.subquery)) => {
            let rows = unlimited(subquery.subquery.as_ref());
            // one row is enough; a limit in a subquery that depends on its row, DataFusion does not take
            let rows = match subquery.outer_ref_columns.is_empty() {
                true => LogicalPlanBuilder::from(rows.clone()).limit(0, Some(1))?.build()?,
                false => rows.clone(),
            };
            let found = number_of(rows)?;
            Ok(Transformed::yes(if negated { found.eq(lit(0i64)) } else { found.gt(lit(0i64)) }))
        }
        Expr::InSubquery(within) if is_such(&within.subquery.subquery) => is_in(within, input).map(Transformed::yes),
        other => Ok(Transformed::no(other)),
    })?;
    Ok(counted.data)
}

/// The condition of a WHERE with counts in place of those of the kind: what is unknown passes as little as what is false.
pub(super) fn counted_condition(
    expr: Expr,
    input: &LogicalPlan,
    is_such: impl Fn(&LogicalPlan) -> bool,
) -> Result<Expr> {
    let parts = split_conjunction_owned(expr).into_iter().map(|part| match part {
        Expr::InSubquery(within) if !within.negated && is_such(&within.subquery.subquery) => {
            let equal = Looked::new(&within, input)?.equal()?;
            counted(equal.gt(lit(0i64)), input, &is_such)
        }
        part if tells_unknown(&part, input) => counted(part, input, |_| true),
        part => counted(part, input, &is_such),
    });
    Ok(conjunction(parts.collect::<Result<Vec<_>>>()?).unwrap_or_else(|| lit(true)))
}

/// Whether a part of a WHERE tells an `IN` that is unknown from one that is false, which DataFusion's joins do where it is a
/// part by itself only.
pub(super) fn any_tells_unknown(condition: &Expr, input: &LogicalPlan) -> bool {
    holds(condition) && split_conjunction(condition).into_iter().any(|part| tells_unknown(part, input))
}

fn tells_unknown(part: &Expr, input: &LogicalPlan) -> bool {
    fn within(expr: &Expr, input: &LogicalPlan) -> bool {
        match expr {
            // as little comes of what is unknown as of what is false
            Expr::BinaryExpr(BinaryExpr { left, op: Operator::And | Operator::Or, right }) => {
                within(left, input) || within(right, input)
            }
            Expr::InSubquery(InSubquery { negated: false, .. }) => false,
            other => other.exists(|expr| Ok(may_be_unknown(expr, input))).unwrap_or(true),
        }
    }
    not_in(part).is_none() && within(part, input)
}

/// Whether it is an `IN` that may be unknown.
fn may_be_unknown(expr: &Expr, input: &LogicalPlan) -> bool {
    let Expr::InSubquery(InSubquery { expr, subquery, .. }) = expr else { return false };
    let item = subquery.subquery.schema().fields().first();
    expr.nullable(input.schema()).unwrap_or(true) || item.is_none_or(|item| item.is_nullable())
}

/// Whether there is a `NOT IN` that becomes `NOT EXISTS`.
pub(super) fn holds_none_equal(condition: &Expr) -> bool {
    split_conjunction(condition).into_iter().any(|part| none_equal_of(part).is_some())
}

/// What `x NOT IN (…)`, or `NOT x IN (…)`, asks.
fn not_in(part: &Expr) -> Option<&InSubquery> {
    match part {
        Expr::InSubquery(within) if within.negated => Some(within),
        Expr::Not(inner) => match inner.as_ref() {
            Expr::InSubquery(within) if !within.negated => Some(within),
            _ => None,
        },
        _ => None,
    }
}

/// What it asks of rows that a condition chooses by the outer row, or of a constant.
fn none_equal_of(part: &Expr) -> Option<&InSubquery> {
    let within = not_in(part)?;
    if within.expr.column_refs().is_empty() {
        return Some(within);
    }
    let depends = within.subquery.subquery.exists(|node| match node {
        LogicalPlan::Filter(filter) => Ok(filter.predicate.contains_outer()),
        _ => Ok(false),
    });
    depends.unwrap_or(false).then_some(within)
}

/// The condition with `NOT EXISTS` in the place of such: there is no row that equals, nor one that may.
///
/// Blocked by: DataFusion's null-aware joins have one key, which is none where it is a constant, and mind NULLs that a condition
/// beside it leaves out. Remove when they have several, and do not.
pub(super) fn none_equal(condition: Expr, input: &LogicalPlan) -> Result<Expr> {
    let parts = split_conjunction_owned(condition).into_iter().map(|part| match none_equal_of(&part) {
        Some(within) => {
            let looked = Looked::new(within, input)?;
            let equal = looked.item.clone().eq(looked.outer.clone());
            let may_be_unknown = within.expr.nullable(input.schema())? || looked.item.nullable(looked.rows.schema())?;
            let equal = if may_be_unknown { Expr::IsNotFalse(Box::new(equal)) } else { equal };
            let plan = LogicalPlanBuilder::from(looked.rows).filter(equal)?.build()?;
            let outer_ref_columns = plan.all_out_ref_exprs();
            let subquery = Subquery { subquery: Arc::new(plan), outer_ref_columns, spans: Spans::new() };
            Ok(Expr::Exists(Exists { subquery, negated: true }))
        }
        None => Ok(part),
    });
    Ok(conjunction(parts.collect::<Result<Vec<_>>>()?).unwrap_or_else(|| lit(true)))
}

/// The rows without a limit that leaves one of them: whether there are any does not change.
fn unlimited(rows: &LogicalPlan) -> &LogicalPlan {
    match rows {
        LogicalPlan::Limit(limit) => match (limit.get_skip_type(), limit.get_fetch_type()) {
            (Ok(SkipType::Literal(0)), Ok(FetchType::Literal(Some(1..)))) => unlimited(&limit.input),
            _ => rows,
        },
        _ => rows,
    }
}

/// True where a row equals; else NULL where one may (it or the operand is NULL); else false.
fn is_in(within: InSubquery, input: &LogicalPlan) -> Result<Expr> {
    let looked = Looked::new(&within, input)?;
    let InSubquery { expr, negated, .. } = &within;
    let zero = || lit(0i64);
    let mut found = when(looked.equal()?.gt(zero()), lit(!negated));
    let mut unknown = None;
    if expr.nullable(input.schema())? {
        unknown = Some(expr.as_ref().clone().is_null().and(looked.some()?.gt(zero())));
    }
    if looked.item.nullable(looked.rows.schema())? {
        let of_item = looked.of(looked.item.clone().is_null())?.gt(zero());
        unknown = Some(unknown.map_or(of_item.clone(), |unknown| unknown.or(of_item)));
    }
    match unknown {
        Some(unknown) => found.when(unknown, lit(ScalarValue::Boolean(None))).otherwise(lit(*negated)),
        None => found.otherwise(lit(*negated)),
    }
}

/// What `x IN (rows)` looks for, and where.
struct Looked {
    rows: LogicalPlan,
    item: Expr,
    /// The operand, as the rows see it.
    outer: Expr,
}

impl Looked {
    fn new(within: &InSubquery, input: &LogicalPlan) -> Result<Self> {
        let rows = within.subquery.subquery.as_ref();
        // by a name that no column of the operand has
        let item = Expr::Column(Column::from(rows.schema().qualified_field(0))).alias(ITEM);
        let rows = LogicalPlanBuilder::from(rows.clone()).project([item])?.build()?;
        let outer = within.expr.as_ref().clone().transform(|expr| match &expr {
            Expr::Column(column) => {
                let (_, field) = expr.to_field(input.schema())?;
                Ok(Transformed::yes(Expr::OuterReferenceColumn(field, column.clone())))
            }
            _ => Ok(Transformed::no(expr)),
        })?;
        Ok(Self { rows, item: Expr::Column(Column::new_unqualified(ITEM)), outer: outer.data })
    }

    /// The number of rows that equal it.
    fn equal(&self) -> Result<Expr> {
        self.of(self.item.clone().eq(self.outer.clone()))
    }

    /// The number of rows.
    fn some(&self) -> Result<Expr> {
        number_of(self.rows.clone())
    }

    fn of(&self, condition: Expr) -> Result<Expr> {
        number_of(LogicalPlanBuilder::from(self.rows.clone()).filter(condition)?.build()?)
    }
}

fn number_of(rows: LogicalPlan) -> Result<Expr> {
    let counted = LogicalPlanBuilder::from(rows).aggregate(Vec::<Expr>::new(), [count(lit(1i64))])?;
    let number = Expr::Column(Column::from(counted.schema().qualified_field(0))).alias(NUMBER);
    let plan = counted.project([number])?.build()?;
    let outer_ref_columns = plan.all_out_ref_exprs();
    Ok(Expr::ScalarSubquery(Subquery { subquery: Arc::new(plan), outer_ref_columns, spans: Spans::new() }))
}
