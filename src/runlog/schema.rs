//! The tables of the run log and their columns.

use std::sync::{Arc, LazyLock};

use datafusion::arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit};

/// A table that runs are written to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LogTable {
    Runs,
    RunSteps,
    TestResults,
}

impl LogTable {
    pub const ALL: [Self; 3] = [Self::Runs, Self::RunSteps, Self::TestResults];

    pub fn name(self) -> &'static str {
        match self {
            Self::Runs => "runs",
            Self::RunSteps => "run_steps",
            Self::TestResults => "test_results",
        }
    }

    /// Relative to the lake.
    pub fn location(self) -> &'static str {
        match self {
            Self::Runs => "_lakewire/runs",
            Self::RunSteps => "_lakewire/run_steps",
            Self::TestResults => "_lakewire/test_results",
        }
    }

    pub fn comment(self) -> &'static str {
        match self {
            Self::Runs => "every run of the pipeline and how it ended",
            Self::RunSteps => "what each run did with each model and source, and why",
            Self::TestResults => "every data test that ran, with some of the rows that broke it",
        }
    }

    pub fn schema(self) -> SchemaRef {
        match self {
            Self::Runs => RUNS.clone(),
            Self::RunSteps => RUN_STEPS.clone(),
            Self::TestResults => TEST_RESULTS.clone(),
        }
    }
}

const TEXT: DataType = DataType::Utf8;
const INT8: DataType = DataType::Int64;
const FLOAT8: DataType = DataType::Float64;

/// `timestamptz`, as Delta stores it.
pub(super) fn timestamptz() -> DataType {
    DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()))
}

/// Columns as (name, type, nullable).
fn schema(columns: &[(&str, DataType, bool)]) -> SchemaRef {
    let fields = columns.iter().map(|(name, data_type, nullable)| Field::new(*name, data_type.clone(), *nullable));
    Arc::new(Schema::new(fields.collect::<Vec<_>>()))
}

static RUNS: LazyLock<SchemaRef> = LazyLock::new(|| {
    schema(&[
        ("run_id", TEXT, false),
        ("operation", TEXT, false),
        ("selector", TEXT, false),
        ("status", TEXT, false),
        ("started_at", timestamptz(), false),
        ("finished_at", timestamptz(), false),
        ("seconds", FLOAT8, false),
        ("release", INT8, true),
        ("models_run", INT8, false),
        ("models_skipped", INT8, false),
        ("models_failed", INT8, false),
        ("tests_passed", INT8, false),
        ("tests_failed", INT8, false),
        ("tests_warned", INT8, false),
        ("error", TEXT, true),
        ("sqlstate", TEXT, true),
        ("user", TEXT, false),
        ("version", TEXT, false),
    ])
});

static RUN_STEPS: LazyLock<SchemaRef> = LazyLock::new(|| {
    schema(&[
        ("run_id", TEXT, false),
        ("model", TEXT, false),
        ("status", TEXT, false),
        ("reason", TEXT, false),
        ("rows", INT8, true),
        ("bytes", INT8, true),
        ("seconds", FLOAT8, false),
        ("delta_version", INT8, true),
        ("release", INT8, true),
        // JSON: the version of each input, by name
        ("inputs", TEXT, false),
        ("sql_hash", TEXT, true),
    ])
});

static TEST_RESULTS: LazyLock<SchemaRef> = LazyLock::new(|| {
    schema(&[
        ("run_id", TEXT, false),
        ("test", TEXT, false),
        ("model", TEXT, false),
        ("kind", TEXT, false),
        ("severity", TEXT, false),
        ("status", TEXT, false),
        ("failures", INT8, false),
        // JSON: an array of rows
        ("sample", TEXT, true),
        ("message", TEXT, true),
        ("seconds", FLOAT8, false),
    ])
});

pub(crate) static MODELS: LazyLock<SchemaRef> = LazyLock::new(|| {
    schema(&[
        ("name", TEXT, false),
        ("layer", TEXT, false),
        ("materialized", TEXT, false),
        ("path", TEXT, false),
        ("description", TEXT, true),
        ("tags", TEXT, false),
        ("fingerprint", TEXT, false),
        ("last_run", TEXT, true),
        ("rows", INT8, true),
        ("status", TEXT, false),
        ("reason", TEXT, true),
    ])
});

pub(crate) static LINEAGE: LazyLock<SchemaRef> =
    LazyLock::new(|| schema(&[("from_object", TEXT, false), ("to_object", TEXT, false), ("kind", TEXT, false)]));
