//! Rows that meet rows: the clauses of MERGE and of ON CONFLICT, as one plan that says what happens to each pair.
//!
//! Invariant: which clause a pair falls under is decided once, before any of its values is computed.

use datafusion::arrow::datatypes::DataType;
use datafusion::common::Column;
use datafusion::logical_expr::expr::Case;
use datafusion::logical_expr::{Expr, LogicalPlan, LogicalPlanBuilder, Projection, lit};
use datafusion::scalar::ScalarValue;
use datafusion::sql::sqlparser::ast;

use super::assign;
use super::effects::{Effect, Layout};
use super::target::Target;
use crate::engine::errors;
use crate::engine::plan::settled;
use crate::error::{Error, Result};

/// The number of the clause that a pair falls under. No client can write the name.
const CLAUSE: &str = "\u{1}clause";

/// `WHEN [NOT] MATCHED [AND condition] THEN effect`. Conditions and values are items of one SELECT list, by position.
pub(super) struct Clause {
    pub matched: bool,
    pub condition: Option<usize>,
    /// `None`: DO NOTHING.
    pub effect: Option<Effect>,
    /// Of each column of the table; empty where there are none.
    pub values: Vec<Value>,
}

/// What a column becomes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Value {
    /// The item of that position.
    Item(usize),
    Default,
    /// What it was.
    Old,
}

/// `left [LEFT] JOIN right ON …`
pub(super) fn joined(
    left: ast::TableFactor,
    right: ast::TableFactor,
    on: ast::Expr,
    outer: bool,
) -> ast::TableWithJoins {
    let on = ast::JoinConstraint::On(on);
    let join_operator = if outer { ast::JoinOperator::LeftOuter(on) } else { ast::JoinOperator::Inner(on) };
    let join = ast::Join { relation: right, global: false, join_operator };
    ast::TableWithJoins { relation: left, joins: vec![join] }
}

/// The plan of all clauses. The list `raw` begins with the place of the target's row, null where none matched; the
/// target's columns stand from `old` on.
pub(super) fn compose(
    raw: Projection,
    target: &Target,
    old: usize,
    clauses: &[Clause],
) -> Result<(LogicalPlan, Layout)> {
    let item = |index: usize| {
        let found = raw.expr.get(index).cloned().map(Expr::unalias);
        found.ok_or_else(|| Error::internal("an item of a clause is missing"))
    };
    let schema = raw.input.schema().clone();
    let failed = errors::from_datafusion;
    let matched = item(1)?;
    let mut numbered = Vec::new();
    let mut decision = Vec::new();
    for clause in clauses {
        let side = if clause.matched { matched.clone().is_not_null() } else { matched.clone().is_null() };
        let when = match clause.condition {
            Some(index) => side.and(item(index)?),
            None => side,
        };
        let number = match clause.effect {
            None => 0,
            Some(effect) => {
                numbered.push(effect);
                i32::try_from(numbered.len()).unwrap_or_default()
            }
        };
        decision.push((Box::new(when), Box::new(lit(number))));
    }
    let decided = Expr::Case(Case::new(None, decision, Some(Box::new(lit(0_i32)))));
    let clause = || Expr::Column(Column::new_unqualified(CLAUSE));
    let inputs = schema.columns().into_iter().map(Expr::Column);
    let pairs = LogicalPlanBuilder::from(raw.input.as_ref().clone())
        .project(inputs.chain([decided.alias(CLAUSE)]))
        .and_then(|pairs| pairs.filter(clause().not_eq(lit(0_i32))))
        .map_err(failed)?;

    let values = numbered.iter().any(|effect| *effect != Effect::Delete);
    let mut columns = vec![item(0)?.alias("\u{1}0"), item(1)?.alias("\u{1}1"), clause().alias("\u{1}2")];
    for (index, field) in target.columns().iter().enumerate().filter(|_| values) {
        let effective = clauses.iter().filter(|clause| clause.effect.is_some());
        let mut branches = Vec::new();
        for (number, of) in (1_i32..).zip(effective) {
            let value = match of.values.get(index) {
                None => continue,
                Some(Value::Item(at)) => assign::assigned(item(*at)?, &target.declared(index), schema.as_ref())?,
                Some(Value::Default) => target.rules.default(index)?,
                Some(Value::Old) => item(old + index)?,
            };
            let value = assign::declared(value, &target.declared(index), schema.as_ref());
            branches.push((Box::new(lit(number)), Box::new(value)));
        }
        let null = ScalarValue::try_from(field.data_type() as &DataType).map_err(failed)?;
        let otherwise = Some(Box::new(Expr::Literal(null, None)));
        columns.push(Expr::Case(Case::new(Some(Box::new(clause())), branches, otherwise)).alias(field.name()));
    }
    let plan = pairs.project(columns).and_then(LogicalPlanBuilder::build).and_then(settled).map_err(failed)?;
    let layout = Layout { placed: true, numbered, values, ..Layout::insert() };
    Ok((plan, layout))
}
