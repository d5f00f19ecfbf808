//! What `CALL` can do.

use std::sync::{Arc, Weak};

use async_trait::async_trait;
use datafusion::arrow::array::{Float64Array, Int64Array, RecordBatch, StringArray};
use datafusion::arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use futures::StreamExt;

use super::arguments::Arguments;
use super::notices::Notices;
use super::{Progress, RunReport, RunRequest, Runner, Selection, TestReport, upkeep};
use crate::engine::{BatchStream, Call, CancelHandle, NoticeSink, Procedures, Signature};
use crate::error::{Error, ErrorKind, Result};
use crate::names::ReleaseId;
use crate::quality::TestSeverity;

const FULL_REFRESH: (&str, &str, bool) = ("full_refresh", "boolean", true);

/// Every procedure; the order is that of `\df`.
const SIGNATURES: &[Signature] = &[
    Signature { name: "refresh_bronze", arguments: &[FULL_REFRESH], comment: "ingests what is new in the sources" },
    Signature {
        name: "refresh_silver",
        arguments: &[FULL_REFRESH],
        comment: "brings the silver layer up to date, audits it, publishes it",
    },
    Signature {
        name: "refresh_gold",
        arguments: &[FULL_REFRESH],
        comment: "brings the gold layer and what it reads up to date, audits it, publishes it",
    },
    Signature {
        name: "refresh_analytics",
        arguments: &[FULL_REFRESH],
        comment: "brings the analytics layer and what it reads up to date, audits it, publishes it",
    },
    Signature {
        name: "refresh_all",
        arguments: &[FULL_REFRESH],
        comment: "ingests what is new, then brings every layer up to date",
    },
    Signature {
        name: "refresh",
        arguments: &[("selector", "text", false), FULL_REFRESH],
        comment: "brings the selected models and what they read up to date",
    },
    Signature {
        name: "run_tests",
        arguments: &[("selector", "text", true)],
        comment: "runs the data tests on the newest release",
    },
    Signature {
        name: "rollback_release",
        arguments: &[("release", "bigint", false)],
        comment: "publishes the lake as it was at a release",
    },
];

/// The runner's procedures. Holds the runner weakly: the engine, which the runner owns, holds this.
pub struct RunProcedures {
    runner: Weak<Runner>,
}

impl RunProcedures {
    pub fn new(runner: &Arc<Runner>) -> Arc<Self> {
        Arc::new(Self { runner: Arc::downgrade(runner) })
    }
}

#[async_trait]
impl Procedures for RunProcedures {
    async fn call(&self, call: Call, notices: NoticeSink, cancel: CancelHandle) -> Result<BatchStream> {
        let runner = self.runner.upgrade();
        let runner = runner.ok_or_else(|| Error::new(ErrorKind::AdminShutdown, "the runner has been shut down"))?;
        let signature = signature(&call)?;
        let arguments = Arguments::bind(signature, call.positional, call.named)?;
        let (user, notices) = (call.user, Arc::new(Notices::new(notices)));
        if upkeep::result_schema(signature.name).is_some() {
            return upkeep::call(runner, signature.name, &arguments, &user);
        }
        Ok(match signature.name {
            "run_tests" => {
                let selectors = arguments.text("selector")?.map(|text| selectors(&text)).unwrap_or_default();
                once(tests_schema(), async move {
                    let report = runner.test(&selectors, &user, notices, cancel).await?.into_result()?;
                    test_rows(&report.tests)
                })
            }
            "rollback_release" => {
                let release = arguments.release("release")?;
                once(rollback_schema(), async move {
                    let made = runner.rollback(release, &user, &*notices, &cancel).await?;
                    rollback_row(made, release)
                })
            }
            name => {
                let request = refresh(name, &arguments)?.by(user);
                once(refresh_schema(), async move {
                    let progress: Arc<dyn Progress> = notices.clone();
                    let report = runner.run(request, progress, cancel).await?.into_result()?;
                    if report.nothing_changed() {
                        notices.nothing_changed(report.seconds);
                    }
                    refresh_rows(&report)
                })
            }
        })
    }

    fn signatures(&self) -> Vec<Signature> {
        signatures().copied().collect()
    }

    fn result_schema(&self, name: &str) -> Option<SchemaRef> {
        signatures().find(|signature| signature.name == name).map(|signature| match signature.name {
            "run_tests" => tests_schema(),
            "rollback_release" => rollback_schema(),
            name => upkeep::result_schema(name).unwrap_or_else(refresh_schema),
        })
    }
}

fn signatures() -> impl Iterator<Item = &'static Signature> {
    SIGNATURES.iter().chain(upkeep::SIGNATURES)
}

fn signature(call: &Call) -> Result<&'static Signature> {
    let name = call.name.as_str();
    signatures().find(|signature| signature.name == name).ok_or_else(|| {
        let error = Error::new(ErrorKind::UndefinedFunction, format!("procedure {} does not exist", call.types_told()));
        let near = signatures().map(|s| (strsim::osa_distance(s.name, name), s.name)).min();
        match near {
            Some((distance, near)) if distance <= near.len() / 2 => error.with_hint(format!("did you mean {near}?")),
            _ => error.with_hint(
                "No procedure matches the given name and argument types. You might need to add explicit type casts.",
            ),
        }
    })
}

/// What a `refresh…` procedure asks of the runner.
fn refresh(name: &str, arguments: &Arguments) -> Result<RunRequest> {
    let (operation, selection) = match name.strip_prefix("refresh_") {
        Some("bronze") => ("refresh bronze".to_owned(), Selection::Layer("bronze".to_owned())),
        Some("all") => ("refresh all".to_owned(), Selection::All),
        Some(layer) => (format!("refresh {layer}"), Selection::Layer(layer.to_owned())),
        None => {
            let text = arguments.text("selector")?.unwrap_or_default();
            (format!("refresh {text}"), Selection::Selectors(selectors(&text)))
        }
    };
    let request = RunRequest::refresh(operation, selection).with_full_refresh(arguments.boolean("full_refresh")?);
    Ok(match name {
        "refresh_bronze" | "refresh_all" => request.with_ingest(),
        _ => request,
    })
}

fn selectors(text: &str) -> Vec<String> {
    text.split_whitespace().map(str::to_owned).collect()
}

fn rollback_row(made: ReleaseId, release: ReleaseId) -> Result<RecordBatch> {
    let id = |id: ReleaseId| Arc::new(Int64Array::from(vec![i64::try_from(id.0).unwrap_or(i64::MAX)]));
    batch(rollback_schema(), vec![id(made), id(release)])
}

pub(super) fn once(schema: SchemaRef, rows: impl Future<Output = Result<RecordBatch>> + Send + 'static) -> BatchStream {
    BatchStream::new(schema, futures::stream::once(rows).boxed())
}

pub(super) fn schema(columns: &[(&str, DataType)]) -> SchemaRef {
    Arc::new(Schema::new(columns.iter().map(|(name, of)| Field::new(*name, of.clone(), true)).collect::<Vec<_>>()))
}

fn refresh_schema() -> SchemaRef {
    schema(&[
        ("model", DataType::Utf8),
        ("status", DataType::Utf8),
        ("rows", DataType::Int64),
        ("seconds", DataType::Float64),
        ("delta_version", DataType::Int64),
        ("release", DataType::Int64),
        ("reason", DataType::Utf8),
    ])
}

fn tests_schema() -> SchemaRef {
    schema(&[
        ("test", DataType::Utf8),
        ("model", DataType::Utf8),
        ("severity", DataType::Utf8),
        ("status", DataType::Utf8),
        ("failures", DataType::Int64),
        ("seconds", DataType::Float64),
    ])
}

fn rollback_schema() -> SchemaRef {
    schema(&[("release", DataType::Int64), ("rolled_back_to", DataType::Int64)])
}

fn refresh_rows(report: &RunReport) -> Result<RecordBatch> {
    let steps: Vec<_> = report.sources.iter().chain(&report.steps).collect();
    let number = |value: Option<u64>| value.and_then(|value| i64::try_from(value).ok());
    batch(
        refresh_schema(),
        vec![
            Arc::new(StringArray::from_iter_values(steps.iter().map(|step| step.model.to_string()))),
            Arc::new(StringArray::from_iter_values(steps.iter().map(|step| step.status.as_str()))),
            Arc::new(Int64Array::from_iter(steps.iter().map(|step| number(step.rows)))),
            Arc::new(Float64Array::from_iter_values(steps.iter().map(|step| step.seconds))),
            Arc::new(Int64Array::from_iter(steps.iter().map(|step| number(step.delta_version)))),
            Arc::new(Int64Array::from_iter(steps.iter().map(|step| number(step.release.map(|release| release.0))))),
            Arc::new(StringArray::from_iter_values(steps.iter().map(|step| &step.reason))),
        ],
    )
}

fn test_rows(tests: &[TestReport]) -> Result<RecordBatch> {
    batch(
        tests_schema(),
        vec![
            Arc::new(StringArray::from_iter_values(tests.iter().map(|test| &test.test))),
            Arc::new(StringArray::from_iter_values(tests.iter().map(|test| test.target.to_string()))),
            Arc::new(StringArray::from_iter_values(tests.iter().map(|test| match test.severity {
                TestSeverity::Warn => "warn",
                TestSeverity::Error => "error",
            }))),
            Arc::new(StringArray::from_iter_values(tests.iter().map(|test| test.status.as_str()))),
            Arc::new(Int64Array::from_iter(tests.iter().map(|test| i64::try_from(test.failures).ok()))),
            Arc::new(Float64Array::from_iter_values(tests.iter().map(|test| test.seconds))),
        ],
    )
}

pub(super) fn batch(schema: SchemaRef, columns: Vec<datafusion::arrow::array::ArrayRef>) -> Result<RecordBatch> {
    RecordBatch::try_new(schema, columns).map_err(|error| Error::internal("rows of a procedure").with_source(error))
}
