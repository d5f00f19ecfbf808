//! INSERT, UPDATE, DELETE, TRUNCATE.
//!
//! INSERT appends files. The others write the table's remaining rows anew and replace its files by these.
//!
//! Invariant: whether a row is changed is decided once for each row, so no row is lost or doubled by it.

use std::borrow::Cow;
use std::sync::Arc;

use datafusion::arrow::array::AsArray;
use datafusion::arrow::datatypes::Int64Type;
use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::common::{DFSchema, DFSchemaRef};
use datafusion::error::Result as DataFusionResult;
use datafusion::functions_aggregate::expr_fn::count;
use datafusion::logical_expr::{Expr, LogicalPlan, LogicalPlanBuilder, Values, WriteOp, col, lit, when};
use datafusion::scalar::ScalarValue;
use datafusion::sql::sqlparser::ast;
use futures::StreamExt;

use super::{Change, assign, names, unsupported};
use crate::catalog::{Column, Object};
use crate::dialect::Statement;
use crate::engine::planned::bind;
use crate::engine::planner::Planner;
use crate::engine::session::Outcome;
use crate::engine::{errors, execute};
use crate::error::{Error, ErrorKind, Result};
use crate::table::{WriteMode, WriteSpec};

/// Whether a row is one that an UPDATE changes.
const MATCHED: &str = "__matched";

/// The table that an INSERT, UPDATE or DELETE changes, and its plan.
pub(super) async fn plan(planner: &Planner, statement: &Statement) -> Result<(Arc<Object>, LogicalPlan)> {
    check_supported(&statement.ast)?;
    let name = target(&statement.ast).ok_or_else(|| unsupported("changing anything but a table"))?;
    let table = names::table(planner, name).map_err(|error| {
        let parts = name.0.iter().filter_map(|part| part.as_ident()).map(|ident| ident.value.clone());
        errors::at_name(error, statement, &parts.collect::<Vec<_>>())
    })?;
    let plan = planner.plan(&naming_columns(statement, &table)).await.map_err(|error| {
        // DataFusion's words for it are no help
        let message = match error.message() {
            words if words.contains("olumn count doesn't match insert query") => {
                "INSERT has more or fewer expressions than target columns"
            }
            words if words.contains("inconsistent data length across values list") => {
                "INSERT has more expressions than target columns, or VALUES lists are not all the same length"
            }
            words if words.contains("no valid cast exists") => {
                return Error::new(ErrorKind::DatatypeMismatch, words.to_owned());
            }
            _ => return error,
        };
        Error::new(ErrorKind::SyntaxError, message)
    })?;
    let plan = plan.transform_up(values_with_nulls).map_err(errors::from_datafusion)?.data;
    if let LogicalPlan::Dml(dml) = &plan {
        assign::check(&dml.input)?;
    }
    Ok((table, plan))
}

/// `INSERT INTO t VALUES` with fewer values than the table has columns fills the first ones.
fn naming_columns<'a>(statement: &'a Statement, table: &Object) -> Cow<'a, Statement> {
    let ast::Statement::Insert(insert) = &statement.ast else { return Cow::Borrowed(statement) };
    let width = match insert.source.as_deref().map(|query| query.body.as_ref()) {
        Some(ast::SetExpr::Values(values)) => values.rows.first().map_or(0, |row| row.content.len()),
        _ => 0,
    };
    if !insert.columns.is_empty() || width == 0 || width >= table.columns.len() {
        return Cow::Borrowed(statement);
    }
    let name = |column: &Column| ast::ObjectName::from(vec![ast::Ident::with_quote('"', &column.name)]);
    let columns = table.columns.iter().take(width).map(name).collect();
    let ast = ast::Statement::Insert(ast::Insert { columns, ..insert.clone() });
    Cow::Owned(Statement { ast, ..statement.clone() })
}

/// DataFusion gives VALUES the columns of the table they go to, NOT NULL too, and fails on a null before the table's own
/// check can name the column.
fn values_with_nulls(plan: LogicalPlan) -> DataFusionResult<Transformed<LogicalPlan>> {
    let LogicalPlan::Values(values) = plan else { return plan.recompute_schema().map(Transformed::yes) };
    let fields = values.schema.fields().iter().map(|field| field.as_ref().clone().with_nullable(true));
    let schema = DFSchema::from_unqualified_fields(fields.collect(), values.schema.metadata().clone())?;
    Ok(Transformed::yes(LogicalPlan::Values(Values { schema: Arc::new(schema), ..values })))
}

fn check_supported(statement: &ast::Statement) -> Result<()> {
    let instead = "name the rows by a subquery: … where id in (select …)";
    let (what, hint) = match statement {
        ast::Statement::Insert(insert) if insert.on.is_some() => ("INSERT … ON CONFLICT", None),
        ast::Statement::Insert(insert) if insert.returning.is_some() => ("RETURNING", None),
        ast::Statement::Update(update) if update.returning.is_some() => ("RETURNING", None),
        ast::Statement::Delete(delete) if delete.returning.is_some() => ("RETURNING", None),
        ast::Statement::Update(update) if update.from.is_some() => ("UPDATE … FROM", Some(instead)),
        ast::Statement::Delete(delete) if delete.using.is_some() => ("DELETE … USING", Some(instead)),
        _ => return Ok(()),
    };
    Err(hint.into_iter().fold(unsupported(what), Error::with_hint))
}

/// Carries out an INSERT, UPDATE or DELETE.
pub(super) async fn change(change: &Change, statement: &Statement, params: &[ScalarValue]) -> Result<Outcome> {
    let (table, planned) = change.guard.run(plan(&change.planner, statement)).await?;
    let bound = bind(&planned, statement, params)?.unwrap_or(planned);
    let LogicalPlan::Dml(dml) = bound else { return Err(Error::internal("a change was planned as something else")) };
    match dml.op {
        WriteOp::Insert(_) => {
            let written =
                change.write(&table.name, WriteSpec::new(WriteMode::Append), dml.input.as_ref().clone()).await?;
            Ok(Outcome::command(format!("INSERT 0 {}", written.rows)))
        }
        WriteOp::Update => update(change, &table, &dml.input).await,
        WriteOp::Delete => delete(change, &table, &dml.input).await,
        _ => Err(unsupported("this statement")),
    }
}

/// The table whose rows the statement changes.
pub(super) fn target(statement: &ast::Statement) -> Option<&ast::ObjectName> {
    let factor = match statement {
        ast::Statement::Insert(ast::Insert { table: ast::TableObject::TableName(name), .. }) => return Some(name),
        ast::Statement::Truncate(truncate) => return truncate.table_names.first().map(|target| &target.name),
        ast::Statement::Update(update) => &update.table.relation,
        ast::Statement::Delete(delete) => match &delete.from {
            ast::FromTable::WithFromKeyword(tables) | ast::FromTable::WithoutKeyword(tables) => {
                &tables.first()?.relation
            }
        },
        _ => return None,
    };
    match factor {
        ast::TableFactor::Table { name, .. } => Some(name),
        _ => None,
    }
}

async fn delete(change: &Change, table: &Object, input: &LogicalPlan) -> Result<Outcome> {
    let deleted = number_of(change, input.clone()).await?;
    if deleted > 0 {
        let kept = match input {
            LogicalPlan::Filter(filter) => {
                let kept = filter.predicate.clone().is_not_true();
                LogicalPlanBuilder::from(filter.input.as_ref().clone()).filter(kept)
            }
            all => LogicalPlanBuilder::from(all.clone()).filter(lit(false)),
        };
        let kept = kept.and_then(LogicalPlanBuilder::build).map_err(errors::from_datafusion)?;
        change.write(&table.name, WriteSpec::new(WriteMode::Replace), kept).await?;
    }
    Ok(Outcome::command(format!("DELETE {deleted}")))
}

async fn update(change: &Change, table: &Object, input: &LogicalPlan) -> Result<Outcome> {
    let updated = number_of(change, input.clone()).await?;
    if updated > 0 {
        let rows = updated_rows(input).map_err(errors::from_datafusion)?;
        change.write(&table.name, WriteSpec::new(WriteMode::Replace), rows).await?;
    }
    Ok(Outcome::command(format!("UPDATE {updated}")))
}

pub(super) async fn truncate(change: &Change, statement: &ast::Truncate) -> Result<Outcome> {
    for target in &statement.table_names {
        let table = names::table(&change.planner, &target.name)?;
        // rows that others add meanwhile are to go, too
        change.overlay.mind(&table.name);
        let provider = change.planner.source(&names::reference(&target.name)?, 0).await?;
        let none = LogicalPlanBuilder::scan(table.name.quoted(), provider, None)
            .and_then(|scan| scan.filter(lit(false))?.build())
            .map_err(errors::from_datafusion)?;
        change.write(&table.name, WriteSpec::new(WriteMode::Replace), none).await?;
    }
    Ok(Outcome::command("TRUNCATE TABLE"))
}

/// How many rows the plan gives.
async fn number_of(change: &Change, plan: LogicalPlan) -> Result<i64> {
    let no_groups: [Expr; 0] = [];
    let counted = LogicalPlanBuilder::from(plan)
        .aggregate(no_groups, [count(lit(1))])
        .and_then(LogicalPlanBuilder::build)
        .map_err(errors::from_datafusion)?;
    let mut rows = execute::rows(&change.shared.resources, change.state(), &counted, change.guard.clone()).await?;
    let mut total = 0;
    while let Some(batch) = rows.next().await {
        let batch = batch?;
        let counts = batch.column(0).as_primitive_opt::<Int64Type>();
        total += counts.map_or(0, |counts| counts.iter().flatten().sum());
    }
    Ok(total)
}

/// All rows of the table, those that the UPDATE matches with their new values. `input` gives the new values of the
/// matched rows: a projection over the filtered table.
fn updated_rows(input: &LogicalPlan) -> DataFusionResult<LogicalPlan> {
    let LogicalPlan::Projection(new) = input else { return Ok(input.clone()) };
    let LogicalPlan::Filter(filter) = new.input.as_ref() else { return Ok(input.clone()) };
    let table = filter.input.as_ref();
    let old = columns(table.schema());
    if has_subquery(&filter.predicate) || new.expr.iter().any(has_subquery) {
        // DataFusion takes subqueries apart in filters only
        let names = new.schema.fields().iter().map(|field| field.name());
        let kept = LogicalPlanBuilder::from(table.clone())
            .filter(filter.predicate.clone().is_not_true())?
            .project(old.iter().zip(names).map(|(old, name)| old.clone().alias(name)))?;
        return kept.union(input.clone())?.build();
    }
    let matched = filter.predicate.clone().is_true().alias(MATCHED);
    let marked = LogicalPlanBuilder::from(table.clone()).project(old.iter().cloned().chain([matched]))?;
    let is_matched = || col(MATCHED);
    let values = new.expr.iter().zip(&old).map(|(new, old)| {
        let (value, name) = match new {
            Expr::Alias(alias) => (alias.expr.as_ref(), alias.name.clone()),
            other => (other, other.schema_name().to_string()),
        };
        Ok(if value == old {
            value.clone().alias(name)
        } else {
            when(is_matched(), value.clone()).otherwise(old.clone())?.alias(name)
        })
    });
    marked.project(values.collect::<DataFusionResult<Vec<_>>>()?)?.build()
}

fn columns(schema: &DFSchemaRef) -> Vec<Expr> {
    schema.columns().into_iter().map(Expr::Column).collect()
}

fn has_subquery(expr: &Expr) -> bool {
    let mut found = false;
    // it never fails: nothing here does
    let _ = expr.apply(|expr| {
        found |=
            matches!(expr, Expr::ScalarSubquery(_) | Expr::InSubquery(_) | Expr::Exists(_) | Expr::SetComparison(_));
        Ok(if found { TreeNodeRecursion::Stop } else { TreeNodeRecursion::Continue })
    });
    found
}
