//! INSERT: the proposed rows, and what becomes of those that ON CONFLICT finds in the table.
//!
//! No index enforces a key: ON CONFLICT looks for the proposed keys in the table as the statement sees it. Two statements
//! that overlap cannot both succeed, for they change the same table.

use std::sync::Arc;

use datafusion::common::DFSchema;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::error::Result as DataFusionResult;
use datafusion::logical_expr::{Expr, LogicalPlan, LogicalPlanBuilder, Projection, Values};
use datafusion::scalar::ScalarValue;
use datafusion::sql::sqlparser::ast::{self, Ident};

use super::effects::Layout;
use super::names::Verb;
use super::rows::Work;
use super::target::{self, Target};
use super::update::is_default;
use super::{assign, conflict, constraints, inner_values, unsupported, xmax};
use crate::catalog::Privilege;
use crate::dialect::Statement;
use crate::engine::errors;
use crate::engine::plan::settled;
use crate::engine::planner::Planner;
use crate::engine::tree::values_parameters;
use crate::error::{Error, ErrorKind, Result};
use crate::pgtypes::column_type;

pub(super) async fn plan(
    planner: &Planner,
    statement: &Statement,
    insert: &ast::Insert,
    with: Option<&ast::With>,
) -> Result<Work> {
    let ast::TableObject::TableName(name) = &insert.table else {
        return Err(unsupported("inserting into anything but a table"));
    };
    if insert.overwrite && !insert.into {
        return Err(unsupported("INSERT OVERWRITE").with_hint("TRUNCATE and INSERT in one transaction do it"));
    }
    let alias = insert.table_alias.as_ref().map(|alias| &alias.alias);
    let target = Target::open(planner, statement, name, alias, Verb::Insert).await?;
    if insert.on.is_some() || insert.returning.is_some() {
        planner.check_right(&target.object, Privilege::Select)?;
    }
    if matches!(&insert.on, Some(ast::OnInsert::OnConflict(conflict)) if conflict.action != ast::OnConflictAction::DoNothing)
    {
        planner.check_right(&target.object, Privilege::Update)?;
    }
    let proposed = proposed(planner, statement, insert, with, &target).await?;
    let (changes, layout) = match &insert.on {
        None => (proposed, Layout::insert()),
        Some(ast::OnInsert::OnConflict(conflict)) => {
            conflict::plan(planner, statement, conflict, proposed, &target).await?
        }
        Some(_) => return Err(unsupported("ON DUPLICATE KEY")),
    };
    let returning = insert.returning.as_deref();
    let (changes, extras) = xmax::told(changes, &layout, returning, &target)?;
    Work::new(planner, statement, with, target, Verb::Insert, changes, layout, returning, &extras).await
}

/// A row of the table for each row of the source, not yet finished by the table's rules.
async fn proposed(
    planner: &Planner,
    statement: &Statement,
    insert: &ast::Insert,
    with: Option<&ast::With>,
    target: &Target,
) -> Result<LogicalPlan> {
    let mut given = Vec::with_capacity(insert.columns.len());
    for name in &insert.columns {
        let index = target.column(name, statement)?;
        if given.contains(&index) {
            let message = format!("column \"{}\" specified more than once", target.columns()[index].name());
            return Err(Error::new(ErrorKind::DuplicateColumn, message));
        }
        given.push(index);
    }
    let Some(source) = &insert.source else { return defaults(target) };
    let mut source = unenclosed(source.as_ref().clone());
    values_parameters::settle(&mut source, &planner.parameters);
    if let Some(with) = with {
        let own = source.with.take().map(|own| own.cte_tables).unwrap_or_default();
        let cte_tables = with.cte_tables.iter().cloned().chain(own).collect();
        source.with = Some(ast::With { cte_tables, ..with.clone() });
    }
    let all = given.is_empty();
    if all {
        given = (0..target.columns().len()).collect();
    }
    match source.body.as_mut() {
        ast::SetExpr::Values(values) => {
            let width = values.rows.first().map_or(0, |row| row.content.len());
            check_widths(values, given.len(), all)?;
            given.truncate(width);
            fill_defaults(values, &given, insert, target)?;
        }
        _ if !all => given.iter().try_for_each(|index| check_given(insert, target, *index))?,
        _ => {}
    }
    let planned = match from_source(planner, statement, insert, &given, &source, target).await {
        // a query may give the first columns only
        Err(error) if all && error.message() == FEWER => {
            let query = Statement { ast: ast::Statement::Query(Box::new(source.clone())), ..statement.clone() };
            given.truncate(planner.plan(&query).await?.schema().fields().len());
            from_source(planner, statement, insert, &given, &source, target).await?
        }
        Err(error) if UNCONVERTED.iter().any(|words| error.message().starts_with(words)) => {
            mistyped(planner, statement, &source, &given, target).await?;
            return Err(error);
        }
        planned => planned?,
    };
    if all && !matches!(source.body.as_ref(), ast::SetExpr::Values(_)) {
        given.iter().try_for_each(|index| check_given(insert, target, *index))?;
    }
    let Projection { mut expr, input, .. } = target::projection(planned)?;
    let input = assign::rows_without_blanks(input, &expr, |index| target.declared(index));
    for (index, value) in expr.iter_mut().enumerate() {
        let column = &target.columns()[index];
        *value = match given.contains(&index) {
            true => {
                let (bare, declared) = (value.clone().unalias(), target.declared(index));
                assign::check_given(&bare, &declared, &input)?;
                assign::without_blanks(bare, &declared, input.schema().as_ref()).alias(column.name())
            }
            false => target.rules.default(index)?.alias(column.name()),
        };
    }
    let plan = Projection::try_new(expr, input).map(LogicalPlan::Projection).and_then(settled);
    plan.map_err(|error| errors::in_statement(error, statement))
}

/// The query without the parentheses around it, which `dialect` has put there before ON CONFLICT.
fn unenclosed(mut query: ast::Query) -> ast::Query {
    let is_bare = |query: &ast::Query| {
        query.with.is_none() && query.order_by.is_none() && query.limit_clause.is_none() && query.fetch.is_none()
    };
    while is_bare(&query)
        && let ast::SetExpr::Query(inner) = *query.body
    {
        query = *inner;
    }
    query
}

const MORE: &str = "INSERT has more expressions than target columns";
/// What DataFusion says of types that it has no cast for.
const UNCONVERTED: [&str; 2] = ["cannot automatically convert", "types don't match and no valid cast exists"];
const FEWER: &str = "INSERT has more target columns than expressions";

/// # Errors
/// `42804` for the first column of the source that the table's takes no values of.
async fn mistyped(
    planner: &Planner,
    statement: &Statement,
    source: &ast::Query,
    given: &[usize],
    target: &Target,
) -> Result<()> {
    let query = Statement { ast: ast::Statement::Query(Box::new(source.clone())), ..statement.clone() };
    let planned = planner.plan(&query).await?;
    for (index, field) in given.iter().zip(planned.schema().fields()) {
        let column = &target.columns()[*index];
        assign::check_type(field.data_type(), column.data_type(), column.name())?;
    }
    Ok(())
}

/// DataFusion's plan of the INSERT, in our words where it fails.
async fn from_source(
    planner: &Planner,
    statement: &Statement,
    insert: &ast::Insert,
    given: &[usize],
    source: &ast::Query,
    target: &Target,
) -> Result<LogicalPlan> {
    let name = |index: &usize| ast::ObjectName::from(vec![Ident::with_quote('"', target.columns()[*index].name())]);
    let planner = &of_columns(planner, source, given, target);
    let (named, known) = inner_values::named(planner, statement, source).await?;
    let ast = ast::Statement::Insert(ast::Insert {
        columns: given.iter().map(name).collect(),
        source: Some(Box::new(named)),
        on: None,
        returning: None,
        table_alias: None,
        ..insert.clone()
    });
    let planned = match planner.plan_over(&Statement { ast, ..statement.clone() }, known, 0).await {
        Ok(planned) => planned,
        Err(error) if error.message().contains("olumn count doesn't match insert query") => {
            let query = Statement { ast: ast::Statement::Query(Box::new(source.clone())), ..statement.clone() };
            let width = planner.plan(&query).await?.schema().fields().len();
            return Err(Error::new(ErrorKind::SyntaxError, if width > given.len() { MORE } else { FEWER }));
        }
        Err(error) if error.message().contains("no valid cast exists") => {
            return Err(Error::new(ErrorKind::DatatypeMismatch, error.message().to_owned()));
        }
        Err(error) => return Err(error),
    };
    let planned = planned.transform_up(values_with_nulls).map_err(errors::from_datafusion)?.data;
    let LogicalPlan::Dml(dml) = planned else { return Err(Error::internal("an INSERT was planned as something else")) };
    let rows = with_literals(Arc::unwrap_or_clone(dml.input)).map_err(errors::from_datafusion)?;
    assign::check(&rows)?;
    Ok(rows)
}

/// `INSERT INTO t SELECT '2024-01-01', …`: quoted literals of the query's own list are what the columns are.
fn with_literals(rows: LogicalPlan) -> DataFusionResult<LogicalPlan> {
    let LogicalPlan::Projection(Projection { expr, input, .. }) = rows else { return Ok(rows) };
    let exprs = expr.into_iter().map(|expr| {
        let name = expr.schema_name().to_string();
        let written = expr.transform(|expr| {
            Ok(match &expr {
                Expr::Column(column) => match literal(&input, column) {
                    Some(literal) => Transformed::yes(literal),
                    None => Transformed::no(expr),
                },
                _ => Transformed::no(expr),
            })
        })?;
        Ok(if written.transformed { written.data.alias(name) } else { written.data })
    });
    let exprs = exprs.collect::<DataFusionResult<_>>()?;
    Projection::try_new(exprs, input).map(LogicalPlan::Projection)
}

/// The quoted literal that a column of the query's list is; those of a query within are text.
fn literal(plan: &LogicalPlan, column: &datafusion::common::Column) -> Option<Expr> {
    match plan {
        LogicalPlan::Projection(projection) => {
            let index = projection.schema.maybe_index_of_column(column)?;
            match projection.expr.get(index)?.clone().unalias() {
                text @ Expr::Literal(ScalarValue::Utf8(_), _) => Some(text),
                Expr::Column(inner) => literal(&projection.input, &inner),
                _ => None,
            }
        }
        LogicalPlan::Sort(sort) => literal(&sort.input, column),
        LogicalPlan::Limit(limit) => literal(&limit.input, column),
        _ => None,
    }
}

/// DataFusion gives VALUES the columns of the table they go to, NOT NULL too, and fails on a null before the table's own
/// check can name the column.
fn values_with_nulls(plan: LogicalPlan) -> DataFusionResult<Transformed<LogicalPlan>> {
    let LogicalPlan::Values(values) = plan else { return plan.recompute_schema().map(Transformed::yes) };
    let fields = values.schema.fields().iter().map(|field| field.as_ref().clone().with_nullable(true));
    let schema = DFSchema::from_unqualified_fields(fields.collect(), values.schema.metadata().clone())?;
    Ok(Transformed::yes(LogicalPlan::Values(Values { schema: Arc::new(schema), ..values })))
}

/// One row of defaults.
fn defaults(target: &Target) -> Result<LogicalPlan> {
    let value = |index: usize| Ok(target.rules.default(index)?.alias(target.columns()[index].name()));
    let row: Result<Vec<_>> = (0..target.columns().len()).map(value).collect();
    let plan = LogicalPlanBuilder::empty(true).project(row?).and_then(LogicalPlanBuilder::build).and_then(settled);
    plan.map_err(errors::from_datafusion)
}

fn check_given(insert: &ast::Insert, target: &Target, index: usize) -> Result<()> {
    let column = target.columns()[index].name();
    // OVERRIDING SYSTEM VALUE
    match insert.overwrite && target.rules.is_identity(column) {
        true => Ok(()),
        false => target.rules.check_given(column, true),
    }
}

fn check_widths(values: &ast::Values, given: usize, all: bool) -> Result<()> {
    let width = values.rows.first().map_or(0, |row| row.content.len());
    let message = if values.rows.iter().any(|row| row.content.len() != width) {
        "VALUES lists must all be the same length"
    } else if width > given {
        MORE
    } else if width < given && !all {
        FEWER
    } else {
        return Ok(());
    };
    Err(Error::new(ErrorKind::SyntaxError, message))
}

/// Puts the columns' defaults in the place of DEFAULT.
fn fill_defaults(values: &mut ast::Values, given: &[usize], insert: &ast::Insert, target: &Target) -> Result<()> {
    for row in &mut values.rows {
        for (value, index) in row.content.iter_mut().zip(given) {
            if is_default(value) {
                *value = default_of(target, *index)?;
            } else {
                check_given(insert, target, *index)?;
            }
        }
    }
    Ok(())
}

/// What one message can bind.
const MOST_PARAMETERS: usize = u16::MAX as usize;

/// The planner that knows of parameters which go to columns as they are what type those have.
fn of_columns(planner: &Planner, source: &ast::Query, given: &[usize], target: &Target) -> Planner {
    let mut types = planner.parameters().to_vec();
    let mut note = |expr: &ast::Expr, index: usize| {
        if let ast::Expr::Value(value) = expr
            && let ast::Value::Placeholder(name) = &value.value
            && let Some(Ok(number)) = name.strip_prefix('$').map(str::parse::<usize>)
            && let Some(place) = number.checked_sub(1).filter(|place| *place < MOST_PARAMETERS)
        {
            types.resize(types.len().max(number), None);
            types[place].get_or_insert_with(|| column_type(&target.declared(index)));
        }
    };
    match source.body.as_ref() {
        ast::SetExpr::Values(values) => {
            let pairs = values.rows.iter().flat_map(|row| row.content.iter().zip(given));
            pairs.for_each(|(expr, index)| note(expr, *index));
        }
        ast::SetExpr::Select(select) => {
            let exprs = select.projection.iter().map_while(|item| match item {
                ast::SelectItem::UnnamedExpr(expr) | ast::SelectItem::ExprWithAlias { expr, .. } => Some(expr),
                // what stands after a `*` has no column of its own yet
                _ => None,
            });
            exprs.zip(given).for_each(|(expr, index)| note(expr, *index));
        }
        _ => {}
    }
    planner.again().with_parameters(&types)
}

/// The column's default as it would be written; what the table computes is null until it does.
pub(super) fn default_of(target: &Target, index: usize) -> Result<ast::Expr> {
    match target.rules.default_text(index)? {
        Some(text) => Ok(ast::Expr::Nested(Box::new(constraints::expression(text)?.1))),
        None => Ok(ast::Expr::Value(ast::Value::Null.into())),
    }
}
