//! UPDATE and DELETE: the rows of the table that match, and what becomes of them.

use datafusion::common::TableReference;
use datafusion::logical_expr::{LogicalPlan, Projection};
use datafusion::sql::sqlparser::ast::{self, Ident};

use super::clauses::Value;
use super::effects::{Effect, Layout};
use super::names::Verb;
use super::returning::Returnable;
use super::rows::Work;
use super::target::{self, Target};
use super::{assign, unsupported};
use crate::dialect::{self, Statement, one_value};
use crate::engine::plan::settled;
use crate::engine::planner::Planner;
use crate::engine::{errors, execute};
use crate::error::{Error, ErrorKind, Result};
use crate::pgtypes;

/// `DEFAULT` where a value stands.
pub(super) fn is_default(value: &ast::Expr) -> bool {
    matches!(value, ast::Expr::Identifier(ident) if ident.quote_style.is_none() && ident.value.eq_ignore_ascii_case("default"))
}

/// What each column becomes; the values are put at the end of the list of items.
///
/// # Errors
/// `42703` for a column that the table does not have, `42601` for one that is given two values, `428C9` for one that the
/// table computes.
pub(super) fn assignments(
    assignments: &[ast::Assignment],
    statement: &Statement,
    target: &Target,
    items: &mut Vec<ast::Expr>,
) -> Result<Vec<Value>> {
    let mut values = vec![Value::Old; target.columns().len()];
    for assignment in assignments {
        let pairs = match &assignment.target {
            ast::AssignmentTarget::ColumnName(name) => vec![(name, assignment.value.clone())],
            ast::AssignmentTarget::Tuple(names) => {
                let parts = parts(&assignment.value, names.len())?;
                names.iter().zip(parts).collect()
            }
        };
        for (name, value) in pairs {
            let index = target.column(name, statement)?;
            let column = target.columns()[index].name();
            if values[index] != Value::Old {
                let message = format!("multiple assignments to same column \"{column}\"");
                return Err(Error::new(ErrorKind::SyntaxError, message));
            }
            values[index] = match is_default(&value) {
                true => Value::Default,
                false => {
                    target.rules.check_given(column, false)?;
                    check_one_row(&value)?;
                    items.push(value);
                    Value::Item(items.len() - 1)
                }
            };
        }
    }
    Ok(values)
}

/// Refuses what is computed of more rows than the one that is changed.
fn check_one_row(value: &ast::Expr) -> Result<()> {
    let Some(what) = dialect::calls_over_rows(value) else { return Ok(()) };
    let kind = if what == "window" { ErrorKind::WindowingError } else { ErrorKind::GroupingError };
    Err(Error::new(kind, format!("{what} functions are not allowed in UPDATE")))
}

/// The values of `(a, b) = …`: of a row, or the columns of a subquery, each a subquery of its own.
fn parts(value: &ast::Expr, count: usize) -> Result<Vec<ast::Expr>> {
    let parts = match value {
        ast::Expr::Tuple(parts) => parts.clone(),
        ast::Expr::Nested(one) => vec![one.as_ref().clone()],
        ast::Expr::Function(function) if function.name.to_string().eq_ignore_ascii_case("row") => {
            match &function.args {
                ast::FunctionArguments::List(list) => {
                    let plain = |argument: &ast::FunctionArg| match argument {
                        ast::FunctionArg::Unnamed(ast::FunctionArgExpr::Expr(expr)) => Some(expr.clone()),
                        _ => None,
                    };
                    list.args.iter().filter_map(plain).collect()
                }
                _ => Vec::new(),
            }
        }
        ast::Expr::Subquery(query) => match query.body.as_ref() {
            ast::SetExpr::Select(select) => {
                let column = |index: usize| {
                    let mut one = query.as_ref().clone();
                    if let ast::SetExpr::Select(of_one) = one.body.as_mut() {
                        of_one.projection = vec![select.projection[index].clone()];
                    }
                    one_value(&mut one);
                    ast::Expr::Subquery(Box::new(one))
                };
                (0..select.projection.len()).map(column).collect()
            }
            _ => return Err(unsupported("a set operation as the source of a multiple-column UPDATE")),
        },
        _ => {
            let message = "source for a multiple-column UPDATE item must be a sub-SELECT or ROW() expression";
            return Err(Error::new(ErrorKind::FeatureNotSupported, message));
        }
    };
    match parts.len() == count {
        true => Ok(parts),
        false => Err(Error::new(ErrorKind::SyntaxError, "number of columns does not match number of values")),
    }
}

/// The relation that is changed.
fn changed(table: &ast::TableWithJoins) -> Result<(&ast::ObjectName, Option<&Ident>)> {
    match &table.relation {
        ast::TableFactor::Table { name, alias, .. } if table.joins.is_empty() => {
            Ok((name, alias.as_ref().map(|alias| &alias.name)))
        }
        _ => Err(unsupported("changing anything but one table")),
    }
}

/// The columns of FROM or USING, where RETURNING may want them.
async fn returnables(
    planner: &Planner,
    statement: &Statement,
    with: Option<&ast::With>,
    target: &Target,
    others: &[ast::TableWithJoins],
) -> Result<Vec<Returnable>> {
    if others.is_empty() {
        return Ok(Vec::new());
    }
    let from = [target::alone(target.factor())].into_iter().chain(others.iter().cloned()).collect();
    let star = ast::SelectItem::Wildcard(ast::WildcardAdditionalOptions::default());
    let query = target::select(statement, with, vec![star], from, None)?;
    let plan = planner.plan_over(&query, target.sources(statement)?, 0).await?;
    let own = TableReference::bare(target.alias.value.as_str());
    let told = execute::described(&plan, |scanned, place| planner.origin(scanned, place));
    let others = plan.schema().iter().zip(told.fields()).filter(|((qualifier, _), _)| *qualifier != Some(&own));
    Ok(others
        .map(|((qualifier, field), told)| Returnable {
            qualifier: qualifier.cloned(),
            field: field.clone(),
            hidden: false,
            origin: pgtypes::column_origin(told),
        })
        .collect())
}

fn returned_items(extras: &[Returnable]) -> impl Iterator<Item = ast::Expr> + '_ {
    extras.iter().map(|extra| {
        let parts = extra.qualifier.iter().flat_map(TableReference::to_vec);
        let qualifier: Vec<Ident> = parts.map(|part| Ident::with_quote('"', part)).collect();
        target::qualified(&qualifier, extra.field.name())
    })
}

pub(super) async fn plan_update(
    planner: &Planner,
    statement: &Statement,
    update: &ast::Update,
    with: Option<&ast::With>,
) -> Result<Work> {
    let (name, alias) = changed(&update.table)?;
    let target = Target::open(planner, statement, name, alias, Verb::Update).await?;
    let others = match &update.from {
        None => &[],
        Some(ast::UpdateTableFromKind::BeforeSet(from) | ast::UpdateTableFromKind::AfterSet(from)) => from.as_slice(),
    };
    let extras = match &update.returning {
        Some(_) => returnables(planner, statement, with, &target, others).await?,
        None => Vec::new(),
    };
    let width = target.columns().len();
    let mut items = target.place().to_vec();
    items.extend(target.columns().iter().map(|field| target.item(field.name())));
    items.extend(returned_items(&extras));
    let values = assignments(&update.assignments, statement, &target, &mut items)?;
    let from = [target::alone(target.factor())].into_iter().chain(others.iter().cloned()).collect();
    let query = target::query(statement, with, items, from, update.selection.clone())?;
    let raw = target::projection(planner.plan_over(&query, target.sources(statement)?, 0).await?)?;

    let mut columns = raw.expr[..2].to_vec();
    for (index, field) in target.columns().iter().enumerate() {
        let value = match values[index] {
            Value::Old => raw.expr[2 + index].clone().unalias(),
            Value::Default => target.rules.default(index)?,
            Value::Item(at) => {
                assign::assigned(raw.expr[at].clone(), &target.declared(index), raw.input.schema().as_ref())?
            }
        };
        columns.push(value.alias(field.name()));
    }
    columns.extend(raw.expr[2 + width..2 + width + extras.len()].iter().cloned());
    let changes = Projection::try_new(columns, raw.input).map(LogicalPlan::Projection).and_then(settled);
    let changes = changes.map_err(|error| errors::in_statement(error, statement))?;
    let layout = Layout { placed: true, effect: Effect::Update, ..Layout::insert() };
    let returning = update.returning.as_deref();
    Work::new(planner, statement, with, target, Verb::Update, changes, layout, returning, &extras).await
}

pub(super) async fn plan_delete(
    planner: &Planner,
    statement: &Statement,
    delete: &ast::Delete,
    with: Option<&ast::With>,
) -> Result<Work> {
    let (ast::FromTable::WithFromKeyword(tables) | ast::FromTable::WithoutKeyword(tables)) = &delete.from;
    let [table] = tables.as_slice() else { return Err(unsupported("deleting from more than one table")) };
    let (name, alias) = changed(table)?;
    let target = Target::open(planner, statement, name, alias, Verb::Delete).await?;
    let others = delete.using.as_deref().unwrap_or_default();
    let mut items = target.place().to_vec();
    let mut extras = Vec::new();
    if delete.returning.is_some() {
        extras = returnables(planner, statement, with, &target, others).await?;
        items.extend(target.columns().iter().map(|field| target.item(field.name())));
        items.extend(returned_items(&extras));
    }
    let from = [target::alone(target.factor())].into_iter().chain(others.iter().cloned()).collect();
    let query = target::query(statement, with, items, from, delete.selection.clone())?;
    let changes = planner.plan_over(&query, target.sources(statement)?, 0).await?;
    let values = delete.returning.is_some();
    let layout = Layout { placed: true, effect: Effect::Delete, values, ..Layout::insert() };
    let returning = delete.returning.as_deref();
    let all = delete.selection.is_none() && delete.using.is_none() && returning.is_none();
    let all_rows = target.snapshot.rows().filter(|rows| all && *rows > 0);
    let work = Work::new(planner, statement, with, target, Verb::Delete, changes, layout, returning, &extras).await?;
    Ok(Work { all_rows, ..work })
}
