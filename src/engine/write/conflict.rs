//! ON CONFLICT: the proposed rows beside those of the table that have their key.
//!
//! Invariant: a proposed row meets the table's conditions whether it conflicts or not.

use std::hash::{Hash, Hasher};
use std::ops::ControlFlow;
use std::sync::Arc;

use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{DataType, FieldRef};
use datafusion::common::TableReference;
use datafusion::datasource::{ViewTable, provider_as_source};
use datafusion::error::{DataFusionError, Result as DataFusionResult};
use datafusion::logical_expr::{
    ColumnarValue, Expr, LogicalPlan, LogicalPlanBuilder, Projection, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF,
    ScalarUDFImpl, Signature, Volatility,
};
use datafusion::sql::sqlparser::ast::{self, Ident};

use super::assign;
use super::clauses::{self, Clause, Value};
use super::constraints::{self, TableRules};
use super::effects::{Effect, Layout, LayoutKey, Twice};
use super::target::{self, Target};
use super::update::assignments;
use crate::dialect::{self, Statement, conflict_key, folded};
use crate::engine::errors;
use crate::engine::planner::Planner;
use crate::error::{Error, ErrorKind, Result};
use crate::table::ConstraintKind;

/// What the proposed rows are called in the queries made here. No client can write the name.
const PROPOSED: &str = "\u{1}proposed";

/// What no two rows of the table share.
struct Arbiter {
    name: String,
    is_constraint: bool,
    /// SQL over a row of the table.
    parts: Vec<String>,
    /// What is true for the rows that it is about; all where there is none.
    condition: Option<String>,
    /// Whether NULL is as NULL.
    nulls_not_distinct: bool,
}

/// The keys of the table, and its unique indexes of expressions and of some rows.
fn arbiters(target: &Target) -> Vec<Arbiter> {
    let quoted = |names: &[String]| names.iter().map(|name| Ident::with_quote('"', name).to_string()).collect();
    let keys = target.rules.rules().keys.iter().map(|key| Arbiter {
        name: key.name.clone(),
        is_constraint: key.is_constraint(),
        parts: quoted(&key.columns),
        condition: None,
        nulls_not_distinct: key.nulls_not_distinct,
    });
    let indexes = target.object.constraints.iter().filter_map(|constraint| match &constraint.kind {
        ConstraintKind::Index { unique: true, keys, columns, condition, nulls_not_distinct, .. }
            if !keys.is_empty() || condition.is_some() =>
        {
            let parts = if keys.is_empty() { quoted(columns) } else { keys.clone() };
            Some(Arbiter {
                name: constraint.name.clone(),
                is_constraint: false,
                parts,
                condition: condition.clone(),
                nulls_not_distinct: *nulls_not_distinct,
            })
        }
        _ => None,
    });
    keys.chain(indexes).collect()
}

/// An expression in one form, however it is written.
fn form(expr: &ast::Expr) -> String {
    let mut expr = expr.clone();
    let _ = ast::visit_expressions_mut(&mut expr, |expr| {
        while let ast::Expr::Nested(inner) = expr {
            *expr = inner.as_ref().clone();
        }
        match expr {
            ast::Expr::Identifier(name) => *name = Ident::new(folded(name)),
            ast::Expr::Function(call) => call.name.0.iter_mut().for_each(|part| {
                if let ast::ObjectNamePart::Identifier(name) = part {
                    *name = Ident::new(folded(name));
                }
            }),
            _ => {}
        }
        ControlFlow::<()>::Continue(())
    });
    expr.to_string()
}

fn form_of(text: &str) -> String {
    dialect::parse_expression(text).map_or_else(|| text.to_owned(), |expr| form(&expr))
}

/// What all has to be true for a condition to be.
fn conjuncts(expr: &ast::Expr) -> Vec<String> {
    match expr {
        ast::Expr::Nested(inner) => conjuncts(inner),
        ast::Expr::BinaryOp { left, op: ast::BinaryOperator::And, right } => {
            conjuncts(left).into_iter().chain(conjuncts(right)).collect()
        }
        other => vec![form(other)],
    }
}

/// The arbiters that the conflict target stands for.
fn meant(conflict: &ast::OnConflict, target: &Target, statement: &Statement) -> Result<Vec<Arbiter>> {
    let mut all = arbiters(target);
    match &conflict.conflict_target {
        None if conflict.action != ast::OnConflictAction::DoNothing => {
            let message = "ON CONFLICT DO UPDATE requires inference specification or constraint name";
            Err(Error::new(ErrorKind::SyntaxError, message).with_hint("For example, ON CONFLICT (column_name)."))
        }
        None => Ok(all),
        Some(ast::ConflictTarget::OnConstraint(name)) => {
            let wanted = name.0.last().and_then(|part| part.as_ident()).map(folded).unwrap_or_default();
            all.retain(|arbiter| arbiter.name == wanted && arbiter.is_constraint);
            if !all.is_empty() {
                return Ok(all);
            }
            let relation = target.rules.relation();
            let message = format!("constraint \"{wanted}\" for table \"{relation}\" does not exist");
            Err(Error::new(ErrorKind::UndefinedObject, message))
        }
        Some(ast::ConflictTarget::Columns(columns)) => {
            let key = columns.first().and_then(conflict_key);
            if key.is_none() {
                columns.iter().try_for_each(|column| check_column(column, target, statement))?;
            }
            let mut wanted: Vec<String> = match &key {
                Some(key) => key.parts.iter().map(form).collect(),
                None => columns.iter().map(|column| form(&ast::Expr::Identifier(column.clone()))).collect(),
            };
            wanted.sort();
            wanted.dedup();
            let given = key.and_then(|key| key.condition).map(|condition| conjuncts(&condition)).unwrap_or_default();
            all.retain(|arbiter| {
                let mut parts: Vec<String> = arbiter.parts.iter().map(|part| form_of(part)).collect();
                parts.sort();
                let condition = arbiter.condition.as_deref().map(dialect::parse_expression);
                let implied = match condition {
                    None => true,
                    Some(Some(condition)) => conjuncts(&condition).iter().all(|needed| given.contains(needed)),
                    Some(None) => false,
                };
                implied && parts == wanted
            });
            if !all.is_empty() {
                return Ok(all);
            }
            let message = "there is no unique or exclusion constraint matching the ON CONFLICT specification";
            Err(Error::new(ErrorKind::InvalidColumnReference, message)
                .with_hint("declare the key: primary key (…) or unique (…); it is looked up, no index enforces it"))
        }
    }
}

fn check_column(column: &Ident, target: &Target, statement: &Statement) -> Result<()> {
    let name = folded(column);
    if target.columns().iter().any(|field| *field.name() == name) {
        return Ok(());
    }
    let error = Error::new(ErrorKind::UndefinedColumn, format!("column \"{name}\" does not exist"));
    Err(match dialect::place_of(statement, column) {
        Some(position) => error.at(position),
        None => error,
    })
}

/// The expression over the columns of a relation of that name.
fn over(text: &str, relation: &Ident) -> Result<ast::Expr> {
    let (_, mut expr) = constraints::expression(text)?;
    let _ = ast::visit_expressions_mut(&mut expr, |expr| {
        if let ast::Expr::Identifier(column) = expr {
            *expr = ast::Expr::CompoundIdentifier(vec![relation.clone(), column.clone()]);
        }
        ControlFlow::<()>::Continue(())
    });
    Ok(ast::Expr::Nested(Box::new(expr)))
}

fn binary(left: ast::Expr, op: ast::BinaryOperator, right: ast::Expr) -> ast::Expr {
    ast::Expr::Nested(Box::new(ast::Expr::BinaryOp { left: Box::new(left), op, right: Box::new(right) }))
}

/// Whether a proposed row and one of the table have one key.
fn alike(arbiter: &Arbiter, excluded: &Ident, target: &Ident) -> Result<Option<ast::Expr>> {
    let mut all = Vec::new();
    for part in &arbiter.parts {
        let (proposed, there) = (over(part, excluded)?, over(part, target)?);
        all.push(match arbiter.nulls_not_distinct {
            true => ast::Expr::Nested(Box::new(ast::Expr::IsNotDistinctFrom(Box::new(proposed), Box::new(there)))),
            false => binary(proposed, ast::BinaryOperator::Eq, there),
        });
    }
    if let Some(condition) = &arbiter.condition {
        all.extend([over(condition, excluded)?, over(condition, target)?]);
    }
    Ok(all.into_iter().reduce(|left, right| binary(left, ast::BinaryOperator::And, right)))
}

/// How the keys of inserted rows are told apart.
async fn layout_key(planner: &Planner, target: &Target, arbiter: &Arbiter) -> Result<LayoutKey> {
    let mut parts = Vec::new();
    for part in &arbiter.parts {
        parts.push(target.rules.computed(planner, part).await?);
    }
    let condition = match &arbiter.condition {
        Some(condition) => Some(target.rules.computed(planner, condition).await?),
        None => None,
    };
    Ok(LayoutKey { parts, condition, nulls_not_distinct: arbiter.nulls_not_distinct })
}

pub(super) async fn plan(
    planner: &Planner,
    statement: &Statement,
    conflict: &ast::OnConflict,
    proposed: LogicalPlan,
    target: &Target,
) -> Result<(LogicalPlan, Layout)> {
    let arbiters = meant(conflict, target, statement)?;
    if arbiters.is_empty() {
        // nothing is declared, so nothing conflicts
        return Ok((proposed, Layout::insert()));
    }
    let proposed = declared(checked(proposed, &target.rules)?, target)?;
    let excluded = Ident::with_quote('"', "excluded");
    let names = || target.columns().iter().map(|field| field.name());
    let width = target.columns().len();
    let mut items = target.place().to_vec();
    items.extend(names().map(|name| target::qualified(std::slice::from_ref(&excluded), name)));
    items.extend(names().map(|name| target.item(name)));
    let inserts = Clause {
        matched: false,
        condition: None,
        effect: Some(Effect::Insert),
        values: (0..width).map(|index| Value::Item(2 + index)).collect(),
    };
    let mut list = vec![inserts];
    if let ast::OnConflictAction::DoUpdate(update) = &conflict.action {
        let values = assignments(&update.assignments, statement, target, &mut items)?;
        let condition = update.selection.as_ref().map(|condition| {
            items.push(condition.clone());
            items.len() - 1
        });
        list.push(Clause { matched: true, condition, effect: Some(Effect::Update), values });
    }
    let mut any = None;
    let mut keys = Vec::new();
    for arbiter in &arbiters {
        let same = alike(arbiter, &excluded, &target.alias)?;
        any = match (any, same) {
            (Some(left), Some(right)) => Some(binary(left, ast::BinaryOperator::Or, right)),
            (left, right) => left.or(right),
        };
        keys.push(layout_key(planner, target, arbiter).await?);
    }
    let on = any.ok_or_else(|| Error::internal("a key without columns"))?;
    let from = clauses::joined(target::table_factor(PROPOSED, excluded), target.factor(), on, true);
    let mut sources = target.sources(statement)?;
    let view = provider_as_source(Arc::new(ViewTable::new(proposed, None)));
    sources.insert(TableReference::bare(PROPOSED), view);
    let query = target::query(statement, None, items, vec![from], None)?;
    let raw = target::projection(planner.plan_over(&query, sources, 0).await?)?;
    let (changes, mut layout) = clauses::compose(raw, target, 2 + width, &list)?;
    layout.keys = keys;
    if list.len() > 1 {
        layout.twice = Some(Twice {
            message: "ON CONFLICT DO UPDATE command cannot affect row a second time",
            hint: "Ensure that no rows proposed for insertion within the same command have duplicate constrained values.",
        });
    }
    Ok((changes, layout))
}

/// The rows with columns of the types that the table declares.
fn declared(proposed: LogicalPlan, target: &Target) -> Result<LogicalPlan> {
    let items = proposed.schema().columns().into_iter().enumerate().map(|(index, column)| {
        let name = column.name.clone();
        match assign::declared(Expr::Column(column), &target.declared(index), proposed.schema().as_ref()) {
            column @ Expr::Column(_) => column,
            told => told.alias(name),
        }
    });
    let items = items.collect::<Vec<_>>();
    if items.iter().all(|item| matches!(item, Expr::Column(_))) {
        return Ok(proposed);
    }
    let told = Projection::try_new(items, Arc::new(proposed));
    told.map(LogicalPlan::Projection).map_err(errors::from_datafusion)
}

/// The rows, each of which has met the table's conditions, with the columns that are computed from the others.
fn checked(proposed: LogicalPlan, rules: &Arc<TableRules>) -> Result<LogicalPlan> {
    if !rules.asks() {
        return Ok(proposed);
    }
    let columns: Vec<Expr> = proposed.schema().columns().into_iter().map(Expr::Column).collect();
    let mut items = columns.clone();
    // the first tells whether the row may be there at all
    for index in std::iter::once(0).chain(rules.generated_columns()) {
        let signature = Signature::variadic_any(Volatility::Volatile);
        let check = ScalarUDF::from(Checked { rules: rules.clone(), index, signature });
        if let (Some(item), Some(field)) = (items.get_mut(index), proposed.schema().fields().get(index)) {
            *item = check.call(columns.clone()).alias(field.name());
        }
    }
    let plan = LogicalPlanBuilder::from(proposed).project(items).and_then(LogicalPlanBuilder::build);
    plan.map_err(errors::from_datafusion)
}

/// Gives one of its arguments, which are a row, as it is in the table; an error where the row may not be there.
#[derive(Debug)]
struct Checked {
    rules: Arc<TableRules>,
    index: usize,
    signature: Signature,
}

impl PartialEq for Checked {
    fn eq(&self, other: &Self) -> bool {
        self.index == other.index && Arc::ptr_eq(&self.rules, &other.rules)
    }
}

impl Eq for Checked {}

impl Hash for Checked {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (self.index, Arc::as_ptr(&self.rules)).hash(state);
    }
}

impl ScalarUDFImpl for Checked {
    fn name(&self) -> &str {
        "checked\u{1}"
    }
    fn signature(&self) -> &Signature {
        &self.signature
    }
    fn return_type(&self, types: &[DataType]) -> DataFusionResult<DataType> {
        Ok(types.get(self.index).cloned().unwrap_or(DataType::Null))
    }
    fn return_field_from_args(&self, args: ReturnFieldArgs) -> DataFusionResult<FieldRef> {
        let none = || DataFusionError::Internal("a row without columns".to_owned());
        args.arg_fields.get(self.index).cloned().ok_or_else(none)
    }
    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> DataFusionResult<ColumnarValue> {
        let rows = args.number_rows;
        let arrays =
            args.args.iter().map(|value| value.clone().into_array(rows)).collect::<DataFusionResult<Vec<_>>>()?;
        let row = self.rules.finish(arrays, rows).map_err(|error| DataFusionError::External(Box::new(error)))?;
        Ok(ColumnarValue::Array(cast(row.column(self.index), args.return_field.data_type())?))
    }
}
