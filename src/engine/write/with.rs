//! Statements that change rows inside WITH: `WITH gone AS (DELETE … RETURNING *) INSERT INTO archive SELECT * FROM gone`.
//!
//! Invariant: all parts are planned before the first is carried out, so each sees the tables as they were before.
//! Invariant: rows of a table that are there go by one part only: another would look for them in files that are gone.

use std::sync::Arc;

use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::datatypes::{Field, Schema, SchemaRef};
use datafusion::catalog::MemTable;
use datafusion::logical_expr::LogicalPlan;
use datafusion::scalar::ScalarValue;
use datafusion::sql::sqlparser::ast;
use futures::TryStreamExt;

use super::rows::{self, Work};
use super::{Change, returning, unsupported};
use crate::dialect::{Statement, folded};
use crate::engine::planned::bind;
use crate::engine::planner::Planner;
use crate::engine::session::Outcome;
use crate::engine::stream::{BatchStream, Guard};
use crate::engine::{errors, execute};
use crate::error::{Error, ErrorKind, Result};

/// The parts of a statement.
pub(super) struct Parts {
    /// Changes in WITH, in order, each with the table that its rows are returned to.
    before: Vec<(Work, Arc<MemTable>)>,
    pub last: Last,
}

/// What the statement answers.
pub(super) enum Last {
    Change(Box<Work>),
    Query(LogicalPlan),
}

fn changes(table: &ast::Cte) -> bool {
    matches!(
        table.query.body.as_ref(),
        ast::SetExpr::Insert(_) | ast::SetExpr::Update(_) | ast::SetExpr::Delete(_) | ast::SetExpr::Merge(_)
    )
}

/// Whether a statement on rows stands in WITH.
pub(super) fn changes_in_with(statement: &ast::Statement) -> bool {
    let ast::Statement::Query(query) = statement else { return false };
    query.with.as_ref().is_some_and(|with| with.cte_tables.iter().any(changes))
}

impl Parts {
    /// [`Self::plan`], away from the threads that serve clients.
    pub async fn plan_apart(planner: &Arc<Planner>, guard: &Guard, statement: &Statement) -> Result<Self> {
        let plan = |planner: Arc<Planner>, statement| async move { Self::plan(&planner, &statement).await };
        planner.apart(guard, statement, plan).await
    }

    pub async fn plan(planner: &Planner, statement: &Statement) -> Result<Self> {
        let ast::Statement::Query(query) = &statement.ast else {
            return Ok(Self {
                before: Vec::new(),
                last: Last::Change(Box::new(Box::pin(rows::plan(planner, statement)).await?)),
            });
        };
        let mut main = query.as_ref().clone();
        let mut before: Vec<(Work, Arc<MemTable>)> = Vec::new();
        let mut given = planner.again();
        if let Some(with) = &mut main.with {
            let tables = std::mem::take(&mut with.cte_tables);
            for table in tables {
                if !changes(&table) {
                    with.cte_tables.push(table);
                    continue;
                }
                let mut inner = table.query.as_ref().clone();
                let own = inner.with.take().map(|own| own.cte_tables).unwrap_or_default();
                let cte_tables: Vec<ast::Cte> = with.cte_tables.iter().cloned().chain(own).collect();
                inner.with = (!cte_tables.is_empty()).then(|| ast::With { cte_tables, ..with.clone() });
                let inner = Statement { ast: ast::Statement::Query(Box::new(inner)), ..statement.clone() };
                let work = Box::pin(rows::plan(&given, &inner)).await?;
                let returned = returned_table(&work, &table.alias)?;
                if work.returning.is_some() {
                    given.give(folded(&table.alias.name), returned.clone());
                }
                before.push((work, returned));
            }
            if with.cte_tables.is_empty() {
                main.with = None;
            }
        }
        let main = Statement { ast: ast::Statement::Query(Box::new(main)), ..statement.clone() };
        let last = match rows::parts(&main.ast) {
            Some(_) => Last::Change(Box::new(Box::pin(rows::plan(&given, &main)).await?)),
            None => Last::Query(given.plan_shown(&main).await?),
        };
        let parts = Self { before, last };
        parts.check_apart()?;
        Ok(parts)
    }

    fn check_apart(&self) -> Result<()> {
        let last = match &self.last {
            Last::Change(work) => Some(work.as_ref()),
            Last::Query(_) => None,
        };
        let all = self.before.iter().map(|(work, _)| work).chain(last);
        let mut replacing: Vec<_> =
            all.filter(|work| work.layout.placed).map(|work| &work.target.object.name).collect();
        let count = replacing.len();
        replacing.sort();
        replacing.dedup();
        match replacing.len() == count {
            true => Ok(()),
            false => Err(unsupported("updating or deleting rows of one table twice in one statement")
                .with_hint("send the statements one after another, in one transaction")),
        }
    }

    /// All plans, for their parameters.
    pub fn plans(&self) -> Vec<&LogicalPlan> {
        let before = self.before.iter().flat_map(|(work, _)| work.plans());
        match &self.last {
            Last::Change(work) => before.chain(work.plans()).collect(),
            Last::Query(plan) => before.chain([plan]).collect(),
        }
    }

    /// The columns of the rows that the statement answers.
    pub fn answer(&self) -> Option<SchemaRef> {
        match &self.last {
            Last::Change(work) => work.returning.as_ref().map(|returning| returning.schema.clone()),
            Last::Query(plan) => Some(execute::client_schema(plan)),
        }
    }

    /// Carries the parts out, one after another.
    pub async fn run(self, change: &Change, statement: &Statement, params: &[ScalarValue]) -> Result<Outcome> {
        for (work, table) in &self.before {
            let (_, returned) = rows::run(change, work, statement, params).await?;
            let schema = datafusion::catalog::TableProvider::schema(table.as_ref());
            let renamed = |batch: RecordBatch| RecordBatch::try_new(schema.clone(), batch.columns().to_vec());
            let batches: std::result::Result<Vec<_>, _> =
                returned.into_iter().flat_map(|(_, batches)| batches).map(renamed).collect();
            let failed = |error| Error::internal("returned rows do not fit").with_source(error);
            returning::fill(table, batches.map_err(failed)?).await;
        }
        match self.last {
            Last::Change(work) => {
                let (count, returned) = rows::run(change, &work, statement, params).await?;
                Ok(rows::outcome(&work, count, returned))
            }
            Last::Query(plan) => {
                let plan = bind(&plan, statement, params)?.unwrap_or(plan);
                let schema = execute::client_schema(&plan);
                let rows = execute::rows(&change.shared.resources, change.state(), &plan, change.guard.clone()).await?;
                let batches = rows.try_collect().await?;
                Ok(Outcome::Rows { stream: BatchStream::of(schema, batches), tag: "SELECT" })
            }
        }
    }
}

/// The table that the rows of RETURNING go to, under the names that WITH gives them.
fn returned_table(work: &Work, alias: &ast::TableAlias) -> Result<Arc<MemTable>> {
    let schema = match &work.returning {
        Some(returning) => returning.schema.clone(),
        None => Arc::new(Schema::empty()),
    };
    if alias.columns.len() > schema.fields().len() {
        let message = format!(
            "WITH query \"{}\" has {} columns available but {} columns specified",
            folded(&alias.name),
            schema.fields().len(),
            alias.columns.len()
        );
        return Err(Error::new(ErrorKind::InvalidColumnReference, message));
    }
    let fields = schema.fields().iter().enumerate().map(|(index, field)| {
        let name = alias.columns.get(index).map_or_else(|| field.name().clone(), |column| folded(&column.name));
        Field::new(name, field.data_type().clone(), true).with_metadata(field.metadata().clone())
    });
    let schema = Arc::new(Schema::new(fields.collect::<Vec<_>>()));
    MemTable::try_new(schema, vec![Vec::new()]).map(Arc::new).map_err(errors::from_datafusion)
}
