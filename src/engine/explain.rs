//! `EXPLAIN`: the physical plan as text, one line a row.

use std::sync::Arc;
use std::time::Instant;

use datafusion::arrow::array::{RecordBatch, StringArray};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::display::DisplayableExecutionPlan;
use datafusion::scalar::ScalarValue;
use datafusion::sql::sqlparser::ast;
use futures::TryStreamExt;
use tokio_util::sync::CancellationToken;

use super::interrupt::interruptible;
use super::planner::Planner;
use super::session::{Outcome, Session};
use super::{BatchStream, control, errors, execute, write};
use crate::dialect::Statement;
use crate::error::{Error, ErrorKind, Result};

struct Options {
    analyze: bool,
    verbose: bool,
}

pub(super) async fn explain(session: &mut Session, whole: &Statement, params: &[ScalarValue]) -> Result<Outcome> {
    let ast::Statement::Explain { statement: inner, analyze, verbose, options, .. } = &whole.ast else {
        return Err(Error::internal("not an EXPLAIN"));
    };
    let options = read_options(*analyze, *verbose, options.as_deref().unwrap_or_default())?;
    let changes = write::changes_rows(inner);
    if !changes && !matches!(inner.as_ref(), ast::Statement::Query(_)) {
        return Err(Error::new(ErrorKind::FeatureNotSupported, "EXPLAIN takes a query"));
    }
    if changes && options.analyze {
        return Err(Error::new(ErrorKind::FeatureNotSupported, "EXPLAIN ANALYZE takes a query")
            .with_hint("EXPLAIN without ANALYZE shows the plan of a change and does not run it"));
    }
    let statement = Statement { text: whole.text.clone(), offset: whole.offset, ast: inner.as_ref().clone() };
    let guard = session.guard.clone();
    let text = guard.run(plan_text(session, &statement, params, &options)).await?;
    let schema = control::result_schema(&whole.ast).ok_or_else(|| Error::internal("EXPLAIN shows a plan"))?;
    let lines = Arc::new(StringArray::from(text.lines().collect::<Vec<_>>()));
    let batch =
        RecordBatch::try_new(schema.clone(), vec![lines]).map_err(|error| errors::from_datafusion(error.into()))?;
    Ok(Outcome::Rows { stream: BatchStream::of(schema, vec![batch]), tag: "EXPLAIN" })
}

fn read_options(analyze: bool, verbose: bool, list: &[ast::UtilityOption]) -> Result<Options> {
    let mut options = Options { analyze, verbose };
    for option in list {
        let value = option.arg.as_ref().map(|value| value.to_string().to_lowercase());
        let on = !matches!(value.as_deref(), Some("false" | "off" | "0"));
        match option.name.value.to_lowercase().as_str() {
            "analyze" => options.analyze = on,
            "verbose" => options.verbose = on,
            "format" if value.as_deref() != Some("text") => {
                return Err(Error::new(ErrorKind::FeatureNotSupported, "EXPLAIN writes text only")
                    .with_hint("leave FORMAT out"));
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
) -> Result<(String, Arc<dyn ExecutionPlan>)> {
    let (header, mut plan) = match write::changes_rows(&statement.ast) {
        true => write::explained(planner, statement).await.map(|(header, plan)| (header + "\n", plan))?,
        false => (String::new(), planner.plan(statement).await?),
    };
    if !params.is_empty() {
        plan = plan.with_param_values(params).map_err(errors::from_datafusion)?;
    }
    let physical = match execute::reads_catalogs_only(&plan) {
        true => execute::in_one_partition(planner.state()).create_physical_plan(&plan).await,
        false => planner.state().create_physical_plan(&plan).await,
    };
    Ok((header, physical.map_err(|error| errors::in_statement(error, statement))?))
}

async fn plan_text(
    session: &mut Session,
    statement: &Statement,
    params: &[ScalarValue],
    options: &Options,
) -> Result<String> {
    let planner = Arc::new(session.planner_now().await?);
    let (resources, guard) = (&session.shared.resources, session.guard().clone());
    let began = Instant::now();
    let params = params.to_vec();
    let plan = |planner: Arc<Planner>, statement| async move { physical_plan(&planner, &statement, params).await };
    let (header, physical) = planner.apart(&guard, statement, plan).await?;
    let planned_in = began.elapsed();
    if !options.analyze {
        let tree = DisplayableExecutionPlan::new(physical.as_ref()).indent(options.verbose).to_string();
        return Ok(header + &tree);
    }
    let began = Instant::now();
    let stop = CancellationToken::new();
    let physical = interruptible(physical, &stop).map_err(errors::from_datafusion)?;
    let rows =
        execute::start_interruptible(resources, planner.state(), physical.clone(), physical.schema(), guard, stop)?;
    let count = rows.try_fold(0usize, |count, batch| async move { Ok(count + batch.num_rows()) }).await?;
    let tree = DisplayableExecutionPlan::with_metrics(physical.as_ref()).indent(options.verbose).to_string();
    Ok(format!(
        "{}\nRows: {count}\nPlanning Time: {:.3} ms\nExecution Time: {:.3} ms",
        tree.trim_end(),
        planned_in.as_secs_f64() * 1e3,
        began.elapsed().as_secs_f64() * 1e3,
    ))
}
