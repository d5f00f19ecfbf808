//! `EXPLAIN`: the physical plan as text, one line a row, or as JSON.

use std::sync::Arc;
use std::time::Instant;

use datafusion::arrow::array::{RecordBatch, StringArray};
use datafusion::arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::display::DisplayableExecutionPlan;
use datafusion::scalar::ScalarValue;
use datafusion::sql::sqlparser::ast;
use futures::TryStreamExt;
use tokio_util::sync::CancellationToken;

use super::interrupt::interruptible;
use super::plan_json::{self, Measured};
use super::planner::Planner;
use super::session::{Outcome, Session};
use super::{BatchStream, errors, execute, planned, procedures, write};
use crate::dialect::Statement;
use crate::error::{Error, ErrorKind, Result};
use crate::pgtypes::PG_TYPE_KEY;

struct Options {
    analyze: bool,
    verbose: bool,
    json: bool,
}

/// The one column of what EXPLAIN shows.
pub(super) fn schema(statement: &ast::Statement) -> Option<SchemaRef> {
    let ast::Statement::Explain { options, .. } = statement else { return None };
    let json = options.iter().flatten().any(is_json);
    let field = Field::new("QUERY PLAN", DataType::Utf8, true);
    let told = json.then(|| (PG_TYPE_KEY.to_owned(), "json".to_owned()));
    Some(Arc::new(Schema::new(vec![field.with_metadata(told.into_iter().collect())])))
}

fn is_json(option: &ast::UtilityOption) -> bool {
    let value = option.arg.as_ref().map(|value| value.to_string().to_lowercase());
    option.name.value.eq_ignore_ascii_case("format") && value.as_deref() == Some("json")
}

pub(super) async fn explain(session: &mut Session, whole: &Statement, params: &[ScalarValue]) -> Result<Outcome> {
    let ast::Statement::Explain { statement: inner, analyze, verbose, options, .. } = &whole.ast else {
        return Err(Error::internal("not an EXPLAIN"));
    };
    let options = read_options(*analyze, *verbose, options.as_deref().unwrap_or_default())?;
    let (statement, params) = match inner.as_ref() {
        ast::Statement::Execute { name: Some(name), parameters, .. } => {
            let (prepared, values) = procedures::named(session, whole, name, parameters, params).await?;
            (prepared.statement.clone(), values)
        }
        inner => {
            let inner = Statement { text: whole.text.clone(), offset: whole.offset, ast: inner.clone() };
            (Arc::new(inner), params.to_vec())
        }
    };
    let changes = write::changes_rows(&statement.ast);
    if !changes && !matches!(statement.ast, ast::Statement::Query(_)) {
        return Err(Error::new(ErrorKind::FeatureNotSupported, "EXPLAIN takes a query"));
    }
    if changes && options.analyze {
        return Err(Error::new(ErrorKind::FeatureNotSupported, "EXPLAIN ANALYZE takes a query")
            .with_hint("EXPLAIN without ANALYZE shows the plan of a change and does not run it"));
    }
    let guard = session.guard.clone();
    let text = guard.run(plan_text(session, &statement, params, &options)).await?;
    let schema = schema(&whole.ast).ok_or_else(|| Error::internal("EXPLAIN shows a plan"))?;
    let lines = if options.json { vec![text.as_str()] } else { text.lines().collect() };
    let lines = Arc::new(StringArray::from(lines));
    let batch =
        RecordBatch::try_new(schema.clone(), vec![lines]).map_err(|error| errors::from_datafusion(error.into()))?;
    Ok(Outcome::Rows { stream: BatchStream::of(schema, vec![batch]), tag: "EXPLAIN" })
}

fn read_options(analyze: bool, verbose: bool, list: &[ast::UtilityOption]) -> Result<Options> {
    let mut options = Options { analyze, verbose, json: false };
    for option in list {
        let value = option.arg.as_ref().map(|value| value.to_string().to_lowercase());
        let on = !matches!(value.as_deref(), Some("false" | "off" | "0"));
        match option.name.value.to_lowercase().as_str() {
            "analyze" => options.analyze = on,
            "verbose" => options.verbose = on,
            "format" if is_json(option) => options.json = true,
            "format" if value.as_deref() != Some("text") => {
                return Err(Error::new(ErrorKind::FeatureNotSupported, "EXPLAIN writes text and JSON only")
                    .with_hint("leave FORMAT out, or write FORMAT JSON"));
            }
            // Costs are not estimated in PostgreSQL's unit; the rest is part of ANALYZE's output.
            "costs" | "buffers" | "timing" | "summary" | "settings" | "wal" | "format" => {}
            other => {
                return Err(Error::new(ErrorKind::SyntaxError, format!("unrecognized EXPLAIN option \"{other}\"")));
            }
        }
    }
    Ok(options)
}

/// What a statement does besides reading, where it does, and the plan of what it reads.
async fn physical_plan(
    planner: &Planner,
    statement: &Statement,
    params: Vec<ScalarValue>,
) -> Result<(Option<String>, Arc<dyn ExecutionPlan>)> {
    let (change, mut plan) = match write::changes_rows(&statement.ast) {
        true => write::explained(planner, statement).await.map(|(change, plan)| (Some(change), plan))?,
        false => (None, planner.plan(statement).await?),
    };
    if let Some(bound) = planned::bind(&plan, statement, &params)? {
        plan = bound;
    }
    let physical = match execute::reads_catalogs_only(&plan) {
        true => execute::in_one_partition(planner.state()).create_physical_plan(&plan).await,
        false => planner.state().create_physical_plan(&plan).await,
    };
    Ok((change, physical.map_err(|error| errors::in_statement(error, statement))?))
}

async fn plan_text(
    session: &mut Session,
    statement: &Statement,
    params: Vec<ScalarValue>,
    options: &Options,
) -> Result<String> {
    let planner = Arc::new(session.planner_now().await?);
    let (resources, guard) = (&session.shared.resources, session.guard().clone());
    let began = Instant::now();
    let plan = |planner: Arc<Planner>, statement| async move { physical_plan(&planner, &statement, params).await };
    let (change, physical) = planner.apart(&guard, statement, plan).await?;
    let planning = began.elapsed().as_secs_f64() * 1e3;
    if !options.analyze {
        return Ok(match options.json {
            true => plan_json::document(physical.as_ref(), change.as_deref(), None),
            false => {
                let tree = DisplayableExecutionPlan::new(physical.as_ref()).indent(options.verbose).to_string();
                change.map(|change| change + "\n").unwrap_or_default() + &tree
            }
        });
    }
    let began = Instant::now();
    let stop = CancellationToken::new();
    let physical = interruptible(physical, &stop).map_err(errors::from_datafusion)?;
    let rows =
        execute::start_interruptible(resources, planner.state(), physical.clone(), physical.schema(), guard, stop)?;
    let count = rows.try_fold(0usize, |count, batch| async move { Ok(count + batch.num_rows()) }).await?;
    let measured = Measured { planning, execution: began.elapsed().as_secs_f64() * 1e3 };
    if options.json {
        return Ok(plan_json::document(physical.as_ref(), None, Some(&measured)));
    }
    let tree = DisplayableExecutionPlan::with_metrics(physical.as_ref()).indent(options.verbose).to_string();
    Ok(format!(
        "{}\nRows: {count}\nPlanning Time: {:.3} ms\nExecution Time: {:.3} ms",
        tree.trim_end(),
        measured.planning,
        measured.execution,
    ))
}
