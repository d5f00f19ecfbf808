//! A data test, run in a scope: the rows of its query are failures.
//!
//! Invariant: failing rows stream past and are counted; only the sample is kept.

use std::time::Instant;

use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::error::ArrowError;
use datafusion::arrow::json::WriterBuilder;
use datafusion::arrow::json::writer::LineDelimited;
use futures::StreamExt;

use super::{TestReport, TestStatus, errors};
use crate::catalog::Scope;
use crate::engine::{CancelHandle, Engine};
use crate::error::{Error, ErrorKind, Result};
use crate::quality::{Test, TestSeverity};

/// A sample stops growing here, however few rows that is.
const MAX_SAMPLE_BYTES: usize = 256 * 1024;

/// What a test found.
struct Found {
    failures: u64,
    sample: Option<String>,
}

/// Runs one test in a scope. A test whose query cannot run is reported, not returned as an error.
pub(super) async fn audit(
    engine: &Engine,
    scope: &Scope,
    test: &Test,
    sample_rows: usize,
    cancel: &CancelHandle,
) -> TestReport {
    let started = Instant::now();
    let outcome = find_failures(engine, scope, test, sample_rows, cancel).await;
    let mut report = unrun(test);
    report.seconds = started.elapsed().as_secs_f64();
    match outcome {
        Ok(found) => {
            report.status = match (found.failures, test.severity) {
                (0, _) => TestStatus::Pass,
                (_, TestSeverity::Warn) => TestStatus::Warn,
                (_, TestSeverity::Error) => TestStatus::Fail,
            };
            report.failures = found.failures;
            report.sample = found.sample;
        }
        Err(error) => {
            report.status = TestStatus::Error;
            report.message = Some(error.message().to_owned());
        }
    }
    report
}

/// The report of a test that did not run.
pub(super) fn unrun(test: &Test) -> TestReport {
    TestReport {
        test: test.name.clone(),
        target: test.target.clone(),
        kind: test.kind.clone(),
        severity: test.severity,
        status: TestStatus::Skipped,
        failures: 0,
        sample: None,
        seconds: 0.0,
        message: None,
    }
}

/// The error that a failed test makes of a run.
pub(super) fn violation(test: &TestReport) -> Error {
    if test.status == TestStatus::Error {
        let message = test.message.as_deref().unwrap_or("its query failed");
        return Error::new(ErrorKind::Project, format!("test {} on {} cannot run: {message}", test.test, test.target));
    }
    let rows = if test.failures == 1 { "row" } else { "rows" };
    Error::new(
        ErrorKind::CheckViolation,
        format!("test {} on {} failed: {} {rows}", test.test, test.target, test.failures),
    )
    .with_hint(format!("select sample from lakewire.test_results where test = '{}' shows some of them", test.test))
}

async fn find_failures(
    engine: &Engine,
    scope: &Scope,
    test: &Test,
    sample_rows: usize,
    cancel: &CancelHandle,
) -> Result<Found> {
    let plan = engine.plan(scope, &test.sql).await.map_err(|error| errors::located(error, &test.sql))?;
    let mut rows = engine.execute(engine.state(scope)?, &plan, cancel.clone()).await?;
    let mut failures = 0;
    let mut sample = Vec::new();
    let (mut sampled, mut bytes) = (0, 0);
    while let Some(batch) = rows.next().await {
        let batch = batch?;
        failures += batch.num_rows() as u64;
        let wanted = (sample_rows - sampled).min(batch.num_rows());
        if wanted > 0 && bytes < MAX_SAMPLE_BYTES {
            let some = compacted(&batch.slice(0, wanted))?;
            sampled += wanted;
            bytes += some.get_array_memory_size();
            sample.push(some);
        }
    }
    Ok(Found { failures, sample: to_json(&sample)? })
}

/// A slice keeps its whole batch alive; a copy does not.
fn compacted(batch: &RecordBatch) -> Result<RecordBatch> {
    let all = datafusion::arrow::array::UInt64Array::from_iter_values(0..batch.num_rows() as u64);
    datafusion::arrow::compute::take_record_batch(batch, &all)
        .map_err(|error| Error::internal("sample of failing rows").with_source(error))
}

/// Rows as a JSON array, cut where it grows beyond [`MAX_SAMPLE_BYTES`]; none where there are no rows.
fn to_json(batches: &[RecordBatch]) -> Result<Option<String>> {
    let mut rows: Vec<String> = Vec::new();
    let mut bytes = 0;
    for batch in batches {
        for row in 0..batch.num_rows() {
            let text = row_json(&batch.slice(row, 1))
                .map_err(|error| Error::internal("sample of failing rows as json").with_source(error))?;
            bytes += text.len();
            if bytes > MAX_SAMPLE_BYTES && !rows.is_empty() {
                return Ok(Some(format!("[{}]", rows.join(","))));
            }
            rows.push(text);
        }
    }
    Ok((!rows.is_empty()).then(|| format!("[{}]", rows.join(","))))
}

/// A batch of one row as a JSON object, nulls included.
fn row_json(row: &RecordBatch) -> Result<String, ArrowError> {
    let mut writer = WriterBuilder::new().with_explicit_nulls(true).build::<_, LineDelimited>(Vec::new());
    writer.write(row)?;
    writer.finish()?;
    let text = String::from_utf8(writer.into_inner()).map_err(|error| ArrowError::JsonError(error.to_string()))?;
    Ok(text.trim_end().to_owned())
}
