//! A run's report as rows of the run log.

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use datafusion::arrow::array::{
    ArrayRef, Float64Array, Int64Array, RecordBatch, StringArray, TimestampMicrosecondArray,
};

use super::schema::LogTable;
use super::{RunReport, StepReport, StepStatus, TestReport, TestStatus};
use crate::error::{Error, Result};
use crate::quality::TestSeverity;

pub(super) fn runs(report: &RunReport) -> Result<RecordBatch> {
    let took = TimeDelta::microseconds((report.seconds * 1e6) as i64);
    let built = report.steps_with(StepStatus::Success) + report.steps_with(StepStatus::Discarded);
    let failed = report.tests_with(TestStatus::Fail) + report.tests_with(TestStatus::Error);
    batch(
        LogTable::Runs,
        vec![
            text([report.run_id.to_string()]),
            text([&report.operation]),
            text([&report.selector]),
            text([report.status()]),
            timestamp(report.started_at),
            timestamp(report.started_at + took),
            floats([report.seconds]),
            numbers([report.release.map(|release| release.0)]),
            numbers([Some(built as u64)]),
            numbers([Some(report.steps_with(StepStatus::Skipped) as u64)]),
            numbers([Some(report.steps_with(StepStatus::Failed) as u64)]),
            numbers([Some(report.tests_with(TestStatus::Pass) as u64)]),
            numbers([Some(failed as u64)]),
            numbers([Some(report.tests_with(TestStatus::Warn) as u64)]),
            optional([report.failure.as_ref().map(Error::message)]),
            optional([report.failure.as_ref().map(|error| error.kind().sqlstate())]),
            text([&report.user]),
            text([env!("CARGO_PKG_VERSION")]),
        ],
    )
}

pub(super) fn run_steps(report: &RunReport) -> Result<RecordBatch> {
    let steps: Vec<&StepReport> = report.sources.iter().chain(&report.steps).collect();
    let inputs = steps.iter().map(|step| serde_json::json!(step.inputs).to_string());
    batch(
        LogTable::RunSteps,
        vec![
            text(steps.iter().map(|_| report.run_id.to_string())),
            text(steps.iter().map(|step| step.model.to_string())),
            text(steps.iter().map(|step| step.status.as_str())),
            text(steps.iter().map(|step| &step.reason)),
            numbers(steps.iter().map(|step| step.rows)),
            numbers(steps.iter().map(|step| step.bytes)),
            floats(steps.iter().map(|step| step.seconds)),
            numbers(steps.iter().map(|step| step.delta_version)),
            numbers(steps.iter().map(|step| step.release.map(|release| release.0))),
            text(inputs),
            optional(steps.iter().map(|step| Some(&step.sql_hash).filter(|hash| !hash.is_empty()))),
        ],
    )
}

pub(super) fn test_results(report: &RunReport) -> Result<RecordBatch> {
    let tests: &[TestReport] = &report.tests;
    batch(
        LogTable::TestResults,
        vec![
            text(tests.iter().map(|_| report.run_id.to_string())),
            text(tests.iter().map(|test| &test.test)),
            text(tests.iter().map(|test| test.target.to_string())),
            text(tests.iter().map(|test| &test.kind)),
            text(tests.iter().map(|test| match test.severity {
                TestSeverity::Warn => "warn",
                TestSeverity::Error => "error",
            })),
            text(tests.iter().map(|test| test.status.as_str())),
            numbers(tests.iter().map(|test| Some(test.failures))),
            optional(tests.iter().map(|test| test.sample.as_ref())),
            optional(tests.iter().map(|test| test.message.as_ref())),
            floats(tests.iter().map(|test| test.seconds)),
        ],
    )
}

fn batch(table: LogTable, columns: Vec<ArrayRef>) -> Result<RecordBatch> {
    RecordBatch::try_new(table.schema(), columns)
        .map_err(|error| Error::internal(format!("rows of {}", table.name())).with_source(error))
}

pub(crate) fn text(values: impl IntoIterator<Item = impl AsRef<str>>) -> ArrayRef {
    Arc::new(StringArray::from_iter_values(values))
}

pub(crate) fn optional(values: impl IntoIterator<Item = Option<impl AsRef<str>>>) -> ArrayRef {
    Arc::new(StringArray::from_iter(values))
}

pub(crate) fn numbers(values: impl IntoIterator<Item = Option<u64>>) -> ArrayRef {
    // counts, bytes and versions stay far below where this saturates
    let signed = |value: u64| i64::try_from(value).unwrap_or(i64::MAX);
    Arc::new(Int64Array::from_iter(values.into_iter().map(|value| value.map(signed))))
}

fn floats(values: impl IntoIterator<Item = f64>) -> ArrayRef {
    Arc::new(Float64Array::from_iter_values(values))
}

fn timestamp(at: DateTime<Utc>) -> ArrayRef {
    Arc::new(TimestampMicrosecondArray::from(vec![at.timestamp_micros()]).with_timezone("UTC"))
}
