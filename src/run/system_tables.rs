//! The tables of schema `lakewire` that runs fill, for the engine.

use std::sync::{Arc, Weak};

use async_trait::async_trait;
use datafusion::arrow::array::RecordBatch;

use super::{RunRequest, Runner, Selection, state};
use crate::catalog::{Catalog, Scope};
use crate::engine::{SystemTable, SystemTables};
use crate::error::{Error, ErrorKind, Result};
use crate::runlog::{LINEAGE, LogTable, MODELS};
use crate::source::{ingests_schema, rejects_schema};

/// `lakewire.runs`, `run_steps`, `test_results`, `models`, `lineage`. Holds the runner weakly: the engine, which the
/// runner owns, holds this.
pub struct LogTables {
    runner: Weak<Runner>,
}

impl LogTables {
    pub fn new(runner: &Arc<Runner>) -> Arc<Self> {
        Arc::new(Self { runner: Arc::downgrade(runner) })
    }
}

impl std::fmt::Debug for LogTables {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("LogTables")
    }
}

#[async_trait]
impl SystemTables for LogTables {
    fn tables(&self) -> Vec<SystemTable> {
        let logs = LogTable::ALL.map(|table| SystemTable {
            name: table.name(),
            schema: table.schema(),
            comment: table.comment(),
        });
        let models = SystemTable {
            name: "models",
            schema: MODELS.clone(),
            comment: "the project's models, and whether they are up to date",
        };
        let lineage =
            SystemTable { name: "lineage", schema: LINEAGE.clone(), comment: "what the project's models read" };
        // stand in for the lake's own tables of these names until the first ingest makes them
        let ingests =
            SystemTable { name: "ingests", schema: ingests_schema(), comment: "every file that was ingested" };
        let rejects = SystemTable { name: "rejects", schema: rejects_schema(), comment: "every row that did not fit" };
        logs.into_iter().chain([models, lineage, ingests, rejects]).collect()
    }

    async fn rows(&self, table: &str, _catalog: &Arc<Catalog>, scope: &Scope) -> Result<Vec<RecordBatch>> {
        let runner = self.runner.upgrade();
        let runner = runner.ok_or_else(|| Error::new(ErrorKind::AdminShutdown, "the runner has been shut down"))?;
        match LogTable::ALL.into_iter().find(|log| log.name() == table) {
            Some(log) => runner.log().read(log, &runner.engine().state(scope)?).await,
            None if matches!(table, "ingests" | "rejects") => Ok(Vec::new()),
            None if table == "lineage" => Ok(vec![state::lineage(&*runner.project().await?)?]),
            None => {
                let request = RunRequest::refresh("plan", Selection::All);
                let plan = runner.plan_in(&request, scope).await?;
                Ok(vec![state::models(&plan, scope)?])
            }
        }
    }
}
