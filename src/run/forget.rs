//! Erasure: rows removed from a table, and from all that is kept of its past.
//!
//! The rows are deleted; then every file of the table that its newest version does not need is deleted, whichever release
//! would have read it, and so is the log before that version, whose statistics may name values. So the table's history begins
//! with the erasure: earlier releases show the other tables as they were, and this one no more.
//!
//! Invariant: when it returns, no file under the table's folder holds a row that the predicate is true of.

use std::sync::Arc;

use super::Runner;
use crate::catalog::ObjectKind;
use crate::dialect;
use crate::engine::{Outcome, SessionParams};
use crate::error::{Error, ErrorKind, Result};
use crate::names::TableName;
use crate::runlog::LogTable;
use crate::source::rejects_table;

/// What was removed from one place.
pub(super) struct Removed {
    pub from: String,
    pub count: u64,
    pub what: String,
}

/// # Errors
/// Those of the DELETE, which comes first: when it fails, nothing was removed. Later failures leave the rows deleted; it
/// is to be called again then.
pub(super) async fn forget(
    runner: &Arc<Runner>,
    table: &TableName,
    predicate: &str,
    user: &str,
) -> Result<Vec<Removed>> {
    let mut removed = Vec::new();
    let mut add = |from: String, count: u64, what: &str| removed.push(Removed { from, count, what: what.to_owned() });

    let rows = delete(runner, table, predicate, user).await?;
    add(table.to_string(), rows, "rows");
    let files = end_history(runner, table).await?;
    add(format!("earlier versions of {table}"), files, "files: releases before this one no longer show the table");

    // of a source's rejected rows and of failed tests' samples nobody can say which are meant: they all go
    let rejects = rejects_table();
    if runner.catalog().current().get(&rejects).is_some() {
        let of_table = format!("source = '{}'", table.to_string().replace('\'', "''"));
        let count = delete(runner, &rejects, &of_table, user).await?;
        if count > 0 {
            end_history(runner, &rejects).await?;
        }
        add(rejects.to_string(), count, "rejected rows of the table");
    }
    let samples = runner.log().forget_samples(table, &runner.engine().state(&runner.catalog().scope())?).await?;
    add(format!("lakewire.{}", LogTable::TestResults.name()), samples, "samples of tests of the table");
    for object in runner.catalog().current().objects.values() {
        let reads = object.provenance.as_ref().is_some_and(|made| made.inputs.contains_key(&table.to_string()));
        if reads {
            add(object.name.to_string(), 0, "it was made from the table: refresh it, then forget there what it shows");
        }
    }
    Ok(removed)
}

/// Deletes the rows as a client would; answers how many there were.
async fn delete(runner: &Arc<Runner>, table: &TableName, predicate: &str, user: &str) -> Result<u64> {
    let statement = dialect::parse_single(&format!("delete from {} where ({predicate})", table.quoted()))
        .map_err(|error| error.without_position().context("the predicate"))?;
    let mut session = runner.engine().session(SessionParams { user: user.to_owned(), ..SessionParams::default() });
    session.begin_statement();
    let prepared = session.prepare(Arc::new(statement), &[]).await.map_err(Error::without_position)?;
    match session.execute(&prepared, &[]).await.map_err(Error::without_position)? {
        Outcome::Command { tag } => Ok(tag.rsplit(' ').next().and_then(|count| count.parse().ok()).unwrap_or(0)),
        _ => Err(Error::internal("a DELETE answered rows")),
    }
}

/// Deletes all that the table's newest version does not need; answers how many files of data.
async fn end_history(runner: &Arc<Runner>, table: &TableName) -> Result<u64> {
    let catalog = runner.catalog();
    catalog.rewrite_without_vectors(table, |scope| runner.engine().state(scope)).await?;
    let current = catalog.current();
    let object = current
        .get(table)
        .ok_or_else(|| Error::new(ErrorKind::UndefinedTable, format!("relation \"{table}\" does not exist")))?;
    let ObjectKind::Table { location, .. } = &object.kind else {
        return Err(Error::new(ErrorKind::WrongObjectType, format!("\"{table}\" is not a table")));
    };
    catalog.end_history(location).await
}
